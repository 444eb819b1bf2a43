"""Thresholds and bounds against Wilks' sample sizes, shares by hand, scipy as the oracle, and every guard."""

import numpy as np
import pytest
from scipy.stats import binomtest

from derm.errors import ConfigFault
from derm.metrics.decision import (
    LesionRates,
    OfHundred,
    Rates,
    Share,
    clopper_pearson,
    least_given_to_truth,
    lesion_rates,
    of_hundred,
    picture_weights,
    predictive_values,
    rates_at,
    referral_threshold,
    worst_pictures,
)

# At 0.3 or above are two of three malignant lesions, and one of four benign ones.
PROBABILITY = np.array([0.9, 0.3, 0.2, 0.6, 0.2, 0.1, 0.0])
MALIGNANT = np.array([True, True, True, False, False, False, False])


def shares(count, positive, total, negative):
    """Rates of which only the counts matter."""
    return Rates(Share(count, positive, 0, 0, 0), Share(total - negative, total, 0, 0, 0))


def ladder(malignant):
    """So many malignant cases with distinct probabilities 1/(n+1), 2/(n+1), …, shuffled, and one benign one at 1."""
    steps = np.random.default_rng(0).permutation(np.arange(1, malignant + 1) / (malignant + 1))
    return np.append(steps, 1.0), np.append(np.ones(malignant, dtype=bool), False)


def test_bounds_by_hand():
    # All of n: the bound is the share at which that happens with 5 %. None of n: the mirror image.
    low, high = clopper_pearson([0, 59], [59, 59], 0.95)
    np.testing.assert_allclose(low, [0, 0.05 ** (1 / 59)])
    np.testing.assert_allclose(high, [1 - 0.05 ** (1 / 59), 1])


@pytest.mark.parametrize(("hits", "cases"), [(0, 1), (1, 1), (3, 10), (96, 100), (481, 500), (7, 7), (1300, 1341)])
def test_scipy_agrees_on_bounds(hits, cases):
    low, high = clopper_pearson(hits, cases, 0.975)
    assert (low, high) == pytest.approx(tuple(binomtest(hits, cases).proportion_ci(method="exact")))
    low, _ = clopper_pearson(hits, cases, 0.95)
    assert low == pytest.approx(binomtest(hits, cases, alternative="greater").proportion_ci(method="exact").low)


@pytest.mark.parametrize(("malignant", "missed"), [(59, 0), (92, 0), (93, 1), (123, 1), (124, 2), (152, 2), (153, 3)])
def test_the_threshold_misses_as_many_as_wilks_allows(malignant, missed):
    # 59, 93, 124 and 153 cases are Wilks' numbers for 95 % of a population with 95 % confidence.
    threshold = referral_threshold(*ladder(malignant))
    assert threshold.value == pytest.approx((missed + 1) / (malignant + 1))
    assert (threshold.found, threshold.malignant) == (malignant - missed, malignant)
    assert threshold.sensitivity == pytest.approx((malignant - missed) / malignant)
    assert threshold.lower >= 0.95


def test_one_step_higher_the_bound_is_missed():
    probability, malignant = ladder(200)
    threshold = referral_threshold(probability, malignant)
    lower, _ = clopper_pearson(threshold.found - 1, 200, 0.95)
    assert lower < 0.95 <= threshold.lower


def test_too_few_malignant_cases_refer_everybody():
    threshold = referral_threshold(*ladder(58))
    assert (threshold.value, threshold.found, threshold.sensitivity) == (0, 58, 1)
    assert threshold.lower == pytest.approx(0.05 ** (1 / 58))
    assert threshold.lower < 0.95


def test_without_a_malignant_case_nothing_is_known_and_everybody_is_referred():
    threshold = referral_threshold(np.array([0.5]), np.array([False]))
    assert (threshold.value, threshold.found, threshold.malignant) == (0, 0, 0)
    assert np.isnan([threshold.sensitivity, threshold.lower]).all()


def test_ties_at_the_threshold_are_found_together():
    probability = np.concatenate([np.full(90, 0.4), np.full(10, 0.1)])
    assert referral_threshold(probability, np.ones(100, dtype=bool), target=0.8).value == 0.4
    # 90 of 100 do not do for 0.95, and the next are ten at once.
    threshold = referral_threshold(probability, np.ones(100, dtype=bool))
    assert (threshold.value, threshold.found) == (0.1, 100)


def test_the_bound_holds_though_the_threshold_was_chosen_on_the_same_cases():
    # A malignant case's probability is uniform, so that the true sensitivity of a threshold t is 1 - t.
    random, malignant = np.random.default_rng(0), np.ones(130, dtype=bool)
    true = np.array([1 - referral_threshold(random.random(130), malignant).value for _ in range(600)])
    assert (true >= 0.95).mean() >= 0.94
    # And it is not bought by referring everybody.
    assert true.mean() < 0.98


def test_rates_by_hand():
    rates = rates_at(0.3, PROBABILITY, MALIGNANT)
    assert rates.sensitivity[:3] == (2, 3, pytest.approx(2 / 3))
    assert rates.specificity[:3] == (3, 4, pytest.approx(3 / 4))
    assert rates.sensitivity[3:] == pytest.approx(tuple(binomtest(2, 3).proportion_ci(method="exact")))
    assert rates.specificity[3:] == pytest.approx(tuple(binomtest(3, 4).proportion_ci(method="exact")))


def test_rates_without_a_case_are_undefined():
    rates = rates_at(0.3, PROBABILITY[:3], MALIGNANT[:3])
    assert rates.specificity[:2] == (0, 0)
    assert np.isnan(rates.specificity[2:]).all()
    assert rates.sensitivity.cases == 3


def test_a_threshold_from_single_precision_finds_its_own_case():
    probability, malignant = ladder(59)
    single = probability.astype(np.float32)
    threshold = referral_threshold(single, malignant)
    assert rates_at(threshold.value, single, malignant).sensitivity.hits == threshold.found == 59
    # A step of double precision higher, which single precision cannot tell apart.
    assert rates_at(np.nextafter(threshold.value, 1), single, malignant).sensitivity.hits == 58


def test_predictive_values_by_hand():
    # Of 1,000 seen, 100 ill: 90 found, 180 of the 900 well referred; 720 of the well and 10 of the ill are not.
    values = predictive_values(0.9, 0.8, 0.1)
    assert values == pytest.approx((90 / 270, 720 / 730))


def test_at_the_sample_s_own_prevalence_the_values_are_the_counted_shares():
    rates = rates_at(0.3, PROBABILITY, MALIGNANT)
    values = predictive_values(rates.sensitivity.value, rates.specificity.value, 3 / 7)
    # Three are referred, two of them malignant; four are not, three of them benign.
    assert values == pytest.approx((2 / 3, 3 / 4))


def test_predictive_values_at_the_ends():
    assert predictive_values(0.9, 0.8, 0) == (0, 1)
    assert predictive_values(0.9, 0.8, 1) == (1, 0)
    ppv, npv = predictive_values(0, 1, 0.1)
    assert np.isnan(ppv)
    assert npv == pytest.approx(0.9)
    assert np.isnan(predictive_values(1, 0, 0.1).npv)
    assert np.isnan(predictive_values(float("nan"), 0.8, 0.1).ppv)


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        (LesionRates(481 / 500, 144 / 200), OfHundred(96, 28)),
        (LesionRates(399 / 400, 399 / 400), OfHundred(99, 1)),
        (LesionRates(1, 1), OfHundred(100, 0)),
        (LesionRates(1 / 400, 1 / 400), OfHundred(1, 99)),
        (LesionRates(float("nan"), float("nan")), OfHundred(None, None)),
    ],
)
def test_of_hundred(rates, expected):
    assert of_hundred(rates) == expected


def test_each_lesion_counts_once_however_many_pictures_it_has():
    # Lesion a: malignant, three pictures, two referred. Lesion b: malignant, one, referred. c, d: benign, 2 and 1.
    lesions = np.array(["a", "a", "a", "b", "c", "c", "d"])
    malignant = np.array([True, True, True, True, False, False, False])
    referred = np.array([True, True, False, True, True, False, False])
    weights = picture_weights(malignant, lesions)
    assert weights.tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1, 1 / 2, 1 / 2, 1])
    rates = lesion_rates(referred, malignant, weights)
    assert rates.sensitivity == pytest.approx((2 / 3 + 1) / 2)
    assert rates.specificity == pytest.approx((1 / 2 + 1) / 2)
    # In a resample lesion b is drawn twice, a not at all: it counts twice.
    rows = np.array([3, 3, 4, 5])
    twice = lesion_rates(referred[rows], malignant[rows], weights[rows])
    assert (twice.sensitivity, twice.specificity) == (1, 1 / 2)


def test_pictures_that_disagree_on_malignancy_are_two_lesions():
    assert picture_weights(np.array([True, False]), np.array(["a", "a"])).tolist() == [1, 1]


def test_a_lesion_for_each_picture_is_needed():
    with pytest.raises(ValueError, match="1 lesions for 2 pictures: pass the lesion of each picture"):
        picture_weights(np.array([True, False]), np.array(["a"]))


def test_the_worst_picture_of_a_lesion():
    probability = np.array([0.9, 0.2, 0.4, 0.1, 0.7, 0.7, 0.5])
    malignant = np.array([True, True, True, False, False, False, False])
    lesions = np.array(["a", "a", "b", "c", "c", "c", "b"])
    # a: malignant, 0.2 is worst. b: once malignant, once benign, so two. c: benign, the first 0.7 is worst.
    assert worst_pictures(probability, malignant, lesions).tolist() == [1, 2, 4, 6]


def test_the_picture_whose_truth_was_given_least():
    given = np.array([0.3, 0.2, 0.9, 0.1, 0.1])
    truth = np.array([5, 5, 4, 4, 4])
    lesions = np.array(["a", "a", "a", "b", "b"])
    # a: 0.2 as a nevus, 0.9 as a melanoma, for its pictures disagree. b: of the tie the first.
    assert least_given_to_truth(given, truth, lesions).tolist() == [1, 2, 3]
    assert least_given_to_truth(np.empty(0), np.empty(0, dtype=np.int64), np.empty(0, dtype=str)).tolist() == []


def test_the_bound_holds_for_lesions_with_many_pictures():
    # 130 lesions, five pictures each that are all alike: counted as 650 cases the bound would fail far too often.
    random, lesions = np.random.default_rng(1), np.repeat(np.arange(130).astype(str), 5)
    malignant, honest, naive = np.ones(650, dtype=bool), 0, 0
    for _ in range(200):
        probability = np.repeat(random.random(130), 5)
        rows = worst_pictures(probability, malignant, lesions)
        assert len(rows) == 130
        honest += 1 - referral_threshold(probability[rows], malignant[rows]).value >= 0.95
        naive += 1 - referral_threshold(probability, malignant).value >= 0.95
    assert honest / 200 >= 0.93
    assert naive / 200 < 0.85


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": 1}, "the target of the sensitivity is 1, which is not between 0 and 1"),
        ({"target": float("nan")}, "the target of the sensitivity is nan"),
        ({"confidence": 0}, "the confidence is 0, which is not between 0 and 1: give a share such as 0.95"),
    ],
)
def test_targets_outside_are_refused(options, message):
    with pytest.raises(ConfigFault, match=message):
        referral_threshold(PROBABILITY, MALIGNANT, **options)


@pytest.mark.parametrize("prevalence", [-0.1, 1.5, float("nan")])
def test_a_prevalence_outside_is_refused(prevalence):
    with pytest.raises(ConfigFault, match=f"the prevalence is {prevalence:g}, not within 0 and 1: give a share"):
        predictive_values(0.9, 0.8, prevalence)


def test_wrong_arrays_are_refused():
    with pytest.raises(ValueError, match="truth is int64, not bool"):
        referral_threshold(PROBABILITY, MALIGNANT.astype(np.int64))
    with pytest.raises(ValueError, match="probability holds NaN"):
        rates_at(0.5, np.array([np.nan]), np.array([True]))
    with pytest.raises(ValueError, match="1 lesions for 7 cases: pass one a case"):
        worst_pictures(PROBABILITY, MALIGNANT, np.array(["a"]))
    with pytest.raises(ValueError, match=r"probability is \(7,\), truth \(1,\)"):
        worst_pictures(PROBABILITY, MALIGNANT[:1], np.array(["a"]))
