"""Bins, errors and temperature worked out by hand, scikit-learn as the oracle, a perfect model, and every guard."""

import json
import math

import numpy as np
import pytest
from sklearn import metrics as oracle
from sklearn.calibration import calibration_curve

from derm.diagnoses import CODES, INDEX
from derm.metrics.calibration import (
    Reliability,
    binary_brier,
    brier,
    calibration_measures,
    debiased_error,
    error_by_chance,
    expected_calibration_error,
    fit_temperature,
    nll,
    reliability,
    softmax,
    top_label,
)
from derm.model.description import TEMPERATURES

MALIGNANT = [INDEX["akiec"], INDEX["bcc"], INDEX["mel"]]


@pytest.fixture(scope="module")
def logits():
    """2,000 cases with the shares of HAM10000, told apart about as well as a good network tells them."""
    random = np.random.default_rng(3)
    shares = np.array([0.033, 0.051, 0.11, 0.011, 0.111, 0.67, 0.014])
    kind = random.choice(7, size=2000, p=shares)
    return random.normal(size=(2000, 7)) + np.log(shares) / 2 + random.normal(4.5, 2, (2000, 1)) * np.eye(7)[kind]


def happen(random, probabilities):
    """True classes drawn from the probabilities: the model that gave them is perfectly calibrated."""
    return (probabilities.cumsum(axis=1)[:, :-1] < random.random((len(probabilities), 1))).sum(axis=1)


def two_bins():
    """Bin 0: two cases at 0 and 1/15, none came. Bin 1: two at 0.1, one came. Bin 14: one at 1 that came."""
    return reliability(np.array([0, 1 / 15, 0.1, 0.1, 1]), np.array([False, False, True, False, True]))


def test_bins_by_hand():
    bins = two_bins()
    assert bins.cases.tolist() == [2, 2, *[0] * 12, 1]
    assert [bins.confidence[0], bins.confidence[1], bins.confidence[14]] == pytest.approx([1 / 30, 1 / 10, 1])
    assert [bins.accuracy[0], bins.accuracy[1], bins.accuracy[14]] == [0, 1 / 2, 1]
    assert np.isnan(bins.confidence[2:14]).all()
    assert np.isnan(bins.accuracy[2:14]).all()
    assert (bins.lower[0], bins.upper[14], len(bins.lower)) == (0, 1, 15)
    np.testing.assert_array_equal(bins.lower[1:], bins.upper[:-1])


def test_error_by_hand():
    # 2 · 1/30 + 2 · 4/10 + 1 · 0, over five cases.
    assert expected_calibration_error(two_bins()) == pytest.approx(13 / 75)


def test_error_by_chance_by_hand():
    # Bin 0: of two outcomes at 1/30 the mean miss is 2 · 2/30 · P(none) = 4/30 · (29/30)². Bin 1: 2 · 2/10 · (9/10)².
    expected = (4 / 30 * (29 / 30) ** 2 + 4 / 10 * (9 / 10) ** 2) / 5
    assert error_by_chance(two_bins()) == pytest.approx(expected)
    assert debiased_error(two_bins()) == pytest.approx(13 / 75 - expected)


@pytest.mark.parametrize(("cases", "p"), [(1, 0.3), (2, 0.5), (7, 0.99), (10, 0.2), (40, 0.975), (3, 0), (5, 1)])
def test_error_by_chance_is_the_mean_over_all_outcomes(cases, p):
    chances = [math.comb(cases, k) * p**k * (1 - p) ** (cases - k) for k in range(cases + 1)]
    expected = sum(chance * abs(k / cases - p) for k, chance in enumerate(chances))
    bins = Reliability(np.zeros(1), np.ones(1), np.array([cases]), np.array([p]), np.array([0.5]))
    assert error_by_chance(bins) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("binary", [False, True])
def test_a_perfect_model_shows_about_0017_and_0_after_debiasing(logits, binary):
    random, probabilities = np.random.default_rng(0), softmax(logits)
    found = []
    for _ in range(400):
        true = happen(random, probabilities)
        p_malignant = probabilities[:, MALIGNANT].sum(axis=1)
        cases = (p_malignant, np.isin(true, MALIGNANT)) if binary else top_label(true, probabilities)
        bins = reliability(*cases)
        found.append((expected_calibration_error(bins), debiased_error(bins)))
    before, after = np.mean(found, axis=0)
    assert before == pytest.approx(0.017, abs=0.002)
    # The mean of 400 is known to 0.0002, and the formula gives about 0.0001 too much.
    assert after == pytest.approx(0, abs=0.0007)


def test_the_error_of_a_model_that_is_too_sure_lies_between_the_debiased_one_and_the_ece(logits):
    random, probabilities, claimed = np.random.default_rng(1), softmax(logits), softmax(logits, 0.5)
    called = claimed.argmax(axis=1)
    # The same bins, if exactly the expected number of each had come true.
    place = np.minimum((claimed.max(axis=1) * 15).astype(int), 14)
    surplus = claimed.max(axis=1) - probabilities[np.arange(len(called)), called]
    truth = np.abs(np.bincount(place, weights=surplus)).sum() / len(called)
    found = []
    for _ in range(200):
        bins = reliability(*top_label(happen(random, probabilities), claimed))
        found.append((debiased_error(bins), expected_calibration_error(bins)))
    debiased, ece = np.mean(found, axis=0)
    assert 0.03 < debiased < truth < ece


def test_softmax_by_hand():
    np.testing.assert_allclose(softmax(np.log([[1, 2, 3, 4, 5, 6, 7]])), [np.arange(1, 8) / 28])
    np.testing.assert_allclose(softmax(np.log([[1, 2, 3, 4, 5, 6, 7]]), 0.5), [np.arange(1, 8) ** 2 / 140])
    np.testing.assert_array_equal(softmax(np.array([[1e4, 0, 0, 0, 0, 0, 0]])), [[1, 0, 0, 0, 0, 0, 0]])


def test_temperature_by_hand():
    # Class 0 has logit 5, the rest 0, and three of four cases are of class 0. Best is p = 3/4 for it and 1/24 for each
    # other, so that 5 / T = log((3/4) / (1/24)) = log 18.
    logits = np.tile([5.0, 0, 0, 0, 0, 0, 0], (4, 1))
    assert fit_temperature(logits, np.array([0, 0, 0, 1])) == pytest.approx(5 / math.log(18), rel=1e-5)


def test_temperature_undoes_a_scale_and_leaves_a_perfect_model(logits):
    true = happen(np.random.default_rng(2), softmax(logits))
    temperature = fit_temperature(logits, true)
    assert temperature == pytest.approx(1, abs=0.06)
    for scale in (0.02, 3, 100):
        assert fit_temperature(scale * logits, true) == pytest.approx(scale * temperature, rel=1e-4)
    assert fit_temperature(logits.astype(np.float32), true) == pytest.approx(temperature, rel=1e-4)


def test_no_temperature_is_found_that_a_description_of_weights_may_not_have(logits):
    low, high = TEMPERATURES
    true = happen(np.random.default_rng(2), softmax(logits))
    for scale in (1e-5, 1e5):  # as where a head was learned from few cases and knows nothing
        assert low <= fit_temperature(scale * logits, true) <= high


def test_at_the_best_temperature_the_logit_expected_is_the_logit_found(logits):
    # The derivative of the NLL by 1 / T is the mean of both's difference.
    true = happen(np.random.default_rng(4), softmax(logits, 1.7))
    expected = (softmax(logits, fit_temperature(logits, true)) * logits).sum(axis=1).mean()
    assert expected == pytest.approx(logits[np.arange(2000), true].mean(), abs=1e-4)


@pytest.mark.parametrize(
    ("logits", "true"),
    [
        pytest.param(np.eye(7) * 3, np.arange(7), id="no case is wrong"),
        pytest.param(np.zeros((3, 7)), np.array([0, 1, 2]), id="all classes tie"),
        pytest.param(np.array([[2.0, 2, 0, 0, 0, 0, 0]]), np.array([1]), id="a tie with the true class"),
        pytest.param(np.eye(7) * 3, (np.arange(7) + 1) % 7, id="worse than chance"),
        pytest.param(np.zeros((0, 7)), np.zeros(0, dtype=np.int64), id="no case"),
    ],
)
def test_where_no_temperature_is_best_the_logits_stay(logits, true):
    assert fit_temperature(logits, true) == 1


def test_brier_by_hand():
    true = np.array([0, 1])
    assert brier(true, np.eye(7)[[0, 1]]) == 0
    assert brier(true, np.eye(7)[[1, 0]]) == 2
    # (6/7)² + 6 · (1/7)²
    assert brier(true, np.full((2, 7), 1 / 7)) == pytest.approx(6 / 7)
    assert binary_brier(np.array([0.8, 0.3]), np.array([True, False])) == pytest.approx((0.04 + 0.09) / 2)


def test_nll_by_hand():
    assert nll(np.array([1 / 7, 1 / 7])) == pytest.approx(math.log(7))
    assert nll(np.array([1.0, 0.5])) == pytest.approx(math.log(2) / 2)
    assert nll(np.array([0.0])) == pytest.approx(52 * math.log(2))


def test_measures_by_hand():
    # A nevus called with 0.75, and a melanoma called a nevus with 0.75: its malignant probability is 0.25.
    probabilities = np.zeros((2, 7))
    probabilities[:, [INDEX["nv"], INDEX["mel"]]] = 0.75, 0.25
    measures = calibration_measures(np.array([INDEX["nv"], INDEX["mel"]]), probabilities)
    # Of two at 3/4 none, one or both come with 1/16, 6/16 and 9/16, and miss 3/2 by 3/2, 1/2 and 1/2.
    by_chance = (3 + 6 + 9) / 32 / 2
    both = {"ece": pytest.approx(1 / 4), "nll": pytest.approx((math.log(4 / 3) + math.log(4)) / 2)}
    both |= {"ece_by_chance": pytest.approx(by_chance), "ece_debiased": pytest.approx(1 / 4 - by_chance)}
    squares = (1 / 16 + 9 / 16) / 2
    assert measures.pop("malignant") == both | {"brier": pytest.approx(squares)}
    assert measures == both | {"brier": pytest.approx(2 * squares)}


def test_without_a_case_everything_is_undefined():
    measures = calibration_measures(np.zeros(0, dtype=np.int64), np.zeros((0, 7)))
    undefined = dict.fromkeys(["ece", "ece_by_chance", "ece_debiased", "brier", "nll"])
    assert measures == undefined | {"malignant": undefined}


def test_measures_are_plain_json_and_take_single_precision(logits):
    probabilities = softmax(logits)
    true = happen(np.random.default_rng(5), probabilities)
    measures = calibration_measures(true, probabilities)
    assert json.loads(json.dumps(measures, allow_nan=False)) == measures
    single = calibration_measures(true, probabilities.astype(np.float32))
    assert single["brier"] == pytest.approx(measures["brier"], abs=1e-6)


def test_scikit_learn_agrees(logits):
    probabilities = softmax(logits)
    true = happen(np.random.default_rng(6), probabilities)
    is_malignant, p_malignant = np.isin(true, MALIGNANT), probabilities[:, MALIGNANT].sum(axis=1)
    measures = calibration_measures(true, probabilities)
    labels = np.arange(len(CODES))
    assert measures["nll"] == pytest.approx(oracle.log_loss(true, probabilities, labels=labels))
    assert measures["brier"] == pytest.approx(7 * oracle.mean_squared_error(np.eye(7)[true], probabilities))
    assert measures["malignant"]["nll"] == pytest.approx(oracle.log_loss(is_malignant, p_malignant))
    assert measures["malignant"]["brier"] == pytest.approx(oracle.brier_score_loss(is_malignant, p_malignant))
    for probability, happened in (top_label(true, probabilities), (p_malignant, is_malignant)):
        bins = reliability(probability, happened)
        accuracy, confidence = calibration_curve(happened, probability, n_bins=15)
        np.testing.assert_allclose(bins.accuracy[bins.cases > 0], accuracy)
        np.testing.assert_allclose(bins.confidence[bins.cases > 0], confidence)


def test_scikit_learn_agrees_on_a_probability_of_0():
    expected = oracle.log_loss([1, 0], [[1.0, 0.0], [1.0, 0.0]], labels=[0, 1])
    assert nll(np.array([0.0, 1.0])) == pytest.approx(expected)


def test_identities(logits):
    probabilities = softmax(logits)
    true = happen(np.random.default_rng(7), probabilities)
    bins = reliability(*top_label(true, probabilities))
    assert bins.cases.sum() == 2000
    mean = np.nansum(bins.accuracy * bins.cases) / 2000
    assert mean == pytest.approx((probabilities.argmax(axis=1) == true).mean())
    # One bin knows only the means; more bins never show less.
    one = reliability(*top_label(true, probabilities), bins=1)
    gap = abs(probabilities.max(axis=1).mean() - mean)
    assert gap == pytest.approx(expected_calibration_error(one))
    assert gap <= expected_calibration_error(bins)


@pytest.mark.parametrize(
    ("probability", "happened", "message"),
    [
        (np.zeros((2, 1)), np.zeros((2, 1), dtype=bool), r"probability is \(2, 1\), truth \(2, 1\), not \(N,\)"),
        (np.zeros(2), np.zeros(3, dtype=bool), r"probability is \(2,\), truth \(3,\)"),
        (np.zeros(2), np.zeros(2), "truth is float64, not bool: compare with the class first"),
        (np.array([np.nan]), np.array([True]), "probability holds NaN"),
        (np.array([1.1]), np.array([True]), "probability holds 1.1, not a number within 0 … 1: apply the softmax"),
        (np.array([-2.0]), np.array([True]), "probability holds -2, not a number within 0 … 1"),
    ],
)
def test_wrong_cases_are_refused(probability, happened, message):
    with pytest.raises(ValueError, match=message):
        reliability(probability, happened)


def test_a_sum_that_is_rounded_above_1_is_in_the_last_bin():
    assert reliability(np.array([1.0005]), np.array([True])).cases[14] == 1


@pytest.mark.parametrize(
    ("logits", "true", "message"),
    [
        (np.zeros((2, 7)), np.array([0]), r"logits are \(2, 7\), not \(1, 7\)"),
        (np.full((1, 7), np.inf), np.array([0]), "logits hold NaN or infinity"),
        (np.zeros((1, 7)), np.array([7]), "true holds 7, not an index within 0 … 6"),
    ],
)
def test_wrong_logits_are_refused(logits, true, message):
    with pytest.raises(ValueError, match=message):
        fit_temperature(logits, true)


def test_measures_refuse_logits():
    with pytest.raises(ValueError, match="sums to 7, not 1: apply the softmax first"):
        calibration_measures(np.array([0]), np.ones((1, 7)))
    with pytest.raises(ValueError, match="true holds -1"):
        calibration_measures(np.array([-1]), np.eye(7)[[0]])
