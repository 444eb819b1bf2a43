"""Decisions over sources: weights and thresholds by hand, the promise in simulation, the worst source."""

import numpy as np
import pytest

from derm.diagnoses import INDEX
from derm.metrics.calibration import fit_temperature, softmax
from derm.metrics.conformal import conformal_thresholds
from derm.metrics.decision import referral_threshold
from derm.metrics.sources import (
    calibration_by_source,
    conformal_over_sources,
    learn_threshold,
    referral_by_source,
    threshold_over_sources,
    weigh_alike,
    worst_source,
)

ILL = np.ones(200, dtype=bool)


def ladder(cases: int, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    """Evenly spaced sums above `low`, below `high`, lowest first."""
    return low + (high - low) * np.arange(1, cases + 1) / (cases + 1)


def test_each_source_weighs_alike():
    # Three of one, one of the other: 4 / (2 · 3) and 4 / (2 · 1).
    assert weigh_alike(np.array(["a", "a", "b", "a"])) == pytest.approx([2 / 3, 2 / 3, 2, 2 / 3])
    assert weigh_alike(np.array(["a", "a"])).tolist() == [1, 1]


def test_a_weight_counts_as_so_many_cases():
    random = np.random.default_rng(0)
    logits, true = random.normal(size=(60, 7)), random.integers(0, 7, 60)
    logits[np.arange(60), true] += 1
    twice = np.concatenate([np.arange(60), np.arange(20)])
    weights = np.where(np.arange(60) < 20, 2.0, 1.0)
    assert fit_temperature(logits, true, weights) == pytest.approx(
        fit_temperature(logits[twice], true[twice]), rel=1e-5
    )
    assert fit_temperature(logits, true, np.full(60, 3.0)) == pytest.approx(fit_temperature(logits, true), rel=1e-5)
    with pytest.raises(ValueError, match="or not all above 0: pass one a case"):
        fit_temperature(logits, true, np.zeros(60))


@pytest.mark.parametrize(
    ("cases", "missed", "promise", "expected"),
    [
        (1, 0, "lowest", 1 / 2),
        (9, 0, "lowest", 9 / 10),
        (18, 0, "lowest", 18 / 19),
        (19, 0, "average", 19 / 20),
        (38, 0, "average", 38 / 39),
        (39, 1, "average", 38 / 40),
        (58, 1, "average", 57 / 59),
        (59, 0, "bound", 59 / 60),
        (93, 1, "bound", 92 / 94),
    ],
)
def test_what_so_many_malignant_cases_can_justify(cases, missed, promise, expected):
    learned = learn_threshold(ladder(cases), ILL[:cases])
    assert learned.threshold.value == pytest.approx((missed + 1) / (cases + 1))
    assert (learned.threshold.found, learned.threshold.malignant) == (cases - missed, cases)
    assert learned.promise == promise
    assert learned.expected == pytest.approx(expected)


def test_without_a_malignant_case_everybody_is_referred():
    learned = learn_threshold(np.array([0.5]), np.array([False]))
    assert (learned.threshold.value, learned.promise) == (0, "lowest")
    assert np.isnan(learned.expected)


@pytest.mark.slow
@pytest.mark.parametrize("cases", [12, 25, 45, 80])
def test_the_expected_sensitivity_comes_true_on_average(cases):
    # Sums are uniform: the true sensitivity of a threshold t is 1 - t.
    random = np.random.default_rng(0)
    found = [learn_threshold(random.random(cases), ILL[:cases]) for _ in range(2000)]
    assert np.mean([1 - one.threshold.value for one in found]) == pytest.approx(found[0].expected, abs=0.003)


def test_with_enough_cases_it_is_the_bounded_threshold():
    assert learn_threshold(ladder(200), ILL).threshold == referral_threshold(ladder(200), ILL)


def test_the_source_that_needs_the_lowest_threshold_decides():
    # Ten in the third are too few for a say, though all lie lowest.
    sums = np.concatenate([ladder(100, 0.5), ladder(60, 0.2), ladder(10, 0.0, 0.1)])
    sources = np.repeat(["a", "b", "c"], [100, 60, 10])
    learned, able = threshold_over_sources(sums, ILL[:170], sources)
    assert able == ("a", "b")
    assert learned.threshold.value == pytest.approx(0.2 + 0.8 / 61)
    assert learned.threshold.malignant == 60
    told = referral_by_source(learned.threshold.value, sums, ILL[:170], np.arange(170).astype(str), sources)
    assert [told[name]["found"] for name in "abc"] == [100, 60, 0]
    assert worst_source(told, "sensitivity", highest=False) == {"source": "c", "sensitivity": 0}
    assert min(told[name]["lower_bound"] for name in "ab") >= 0.95
    assert told["a"]["specificity"] is told["a"]["specificity_interval"] is None


def test_sources_that_are_all_small_choose_together():
    sums, sources = ladder(36), np.repeat(["a", "b"], 18)
    learned, able = threshold_over_sources(sums, ILL[:36], sources)
    assert able == ()
    assert learned == learn_threshold(sums, ILL[:36])


def test_of_one_source_nothing_changes():
    random = np.random.default_rng(0)
    probabilities, true = random.dirichlet(np.ones(7), 300), random.integers(0, 7, 300)
    one = np.full(300, "a")
    alone = conformal_thresholds(probabilities, true)
    assert conformal_over_sources(probabilities, true, one).tolist() == alone.tolist()


def test_sets_keep_their_promise_in_each_source():
    nevus = INDEX["nv"]
    shares = np.concatenate([ladder(99, 0.5), ladder(9, 0.2, 0.4), ladder(8, 0.0, 0.1)])
    probabilities = np.zeros((116, 7))
    probabilities[:, nevus], probabilities[:, 0] = shares, 1 - shares
    true, sources = np.full(116, nevus), np.repeat(["a", "b", "c"], [99, 9, 8])
    # Nine of b: the lowest. The eight of c cannot keep any promise and have no say.
    assert conformal_over_sources(probabilities, true, sources)[nevus] == pytest.approx(0.2 + 0.2 / 10)
    # Where no source has nine, all together: of 16, one may be missed, the lowest is cut at.
    few = np.r_[99:107, 108:116]
    assert conformal_over_sources(probabilities[few], true[few], sources[few])[nevus] == pytest.approx(0.1 / 9)


def test_lesions_count_once_in_each_source_by_their_worst_picture():
    sums = np.array([0.9, 0.1, 0.8, 0.3, 0.2])
    ill = np.array([True, True, True, False, False])
    told = referral_by_source(0.25, sums, ill, np.array(list("aabcd")), np.array(["x"] * 5))["x"]
    assert (told["images"], told["malignant_lesions"], told["found"]) == (5, 2, 1)
    assert (told["benign_lesions"], told["specificity"]) == (2, 1 / 2)


def test_calibration_is_told_by_source_and_the_worst_named():
    logits = np.zeros((4, 7))
    logits[:, INDEX["nv"]] = 3.0
    true = np.array([INDEX["nv"], INDEX["nv"], INDEX["mel"], INDEX["mel"]])
    told = calibration_by_source(softmax(logits), true, np.array(["a", "a", "b", "b"]))
    sure = float(softmax(logits)[0].max())
    assert told["a"]["ece"] == pytest.approx(1 - sure)
    assert told["b"]["ece"] == pytest.approx(sure)
    assert (told["a"]["images"], told["b"]["images"]) == (2, 2)
    assert worst_source(told, "ece", highest=True) == {"source": "b", "ece": pytest.approx(sure)}
    assert worst_source({"a": {"ece": None}}, "ece", highest=True) is None
