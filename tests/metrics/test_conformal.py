"""Cuts counted by hand, the promise kept in simulation, undefined cases and every guard."""

import json

import numpy as np
import pytest

from derm.diagnoses import CODES, INDEX
from derm.errors import ConfigFault
from derm.metrics.conformal import conformal_measures, conformal_sets, conformal_thresholds

NV, MEL = INDEX["nv"], INDEX["mel"]


def between(nv):
    """Rows that give nv so much, float (N,), and mel the rest."""
    probabilities = np.zeros((len(nv), 7))
    probabilities[:, NV], probabilities[:, MEL] = nv, 1 - np.asarray(nv)
    return probabilities


def drawn(random, cases):
    """So many cases of each class, some classes harder than others."""
    true = np.tile(np.arange(7), cases)
    scores = random.normal(size=(7 * cases, 7)) + np.linspace(0.5, 3, 7)[true, None] * np.eye(7)[true]
    return np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True), true


@pytest.mark.parametrize(
    ("cases", "alpha", "missed"),
    [(9, 0.1, 0), (18, 0.1, 0), (19, 0.1, 1), (28, 0.1, 1), (29, 0.1, 2), (3, 0.25, 0), (99, 0.29, 28)],
)
def test_the_cut_is_the_ceil_of_n_plus_1_th(cases, alpha, missed):
    # ceil((n + 1)(1 - alpha)) cases are kept: 9 of 9, 18 of 19 (20 · 0.9), 27 of 29 (30 · 0.9), 71 of 99 (100 · 0.71).
    nv = np.random.default_rng(0).permutation(np.arange(1, cases + 1) / (cases + 1))
    thresholds = conformal_thresholds(between(nv), np.full(cases, NV), alpha)
    assert thresholds[NV] == pytest.approx((missed + 1) / (cases + 1))
    assert (between(nv)[:, NV] >= thresholds[NV]).sum() == cases - missed


def test_a_class_with_too_few_cases_is_in_every_set():
    thresholds = conformal_thresholds(between(np.linspace(0.5, 0.9, 8)), np.full(8, NV))
    np.testing.assert_array_equal(thresholds, np.zeros(7))
    assert conformal_sets(between([1.0]), thresholds).all()


def test_without_a_case_every_set_holds_everything():
    thresholds = conformal_thresholds(np.zeros((0, 7)), np.zeros(0, dtype=np.int64))
    np.testing.assert_array_equal(thresholds, np.zeros(7))


def test_sets_by_hand():
    thresholds = np.full(7, 0.9)
    thresholds[[NV, MEL]] = 0.6, 0.3
    sets = conformal_sets(between([0.9, 0.65, 0.6, 0.5]), thresholds)
    assert sets[:, NV].tolist() == [True, True, True, False]
    assert sets[:, MEL].tolist() == [False, True, True, True]
    assert sets.sum() == 6


def test_a_set_is_never_empty():
    probabilities = np.full((1, 7), 0.1)
    probabilities[0, NV] = 0.4
    sets = conformal_sets(probabilities, np.full(7, 0.5))
    assert sets.tolist() == [[index == NV for index in range(7)]]


def test_the_most_likely_is_in_even_where_another_class_reaches_its_threshold():
    thresholds = np.full(7, 0.9)
    thresholds[MEL] = 0.3
    assert conformal_sets(between([0.6]), thresholds)[0, [NV, MEL]].tolist() == [True, True]


def test_each_class_is_covered_as_promised():
    random = np.random.default_rng(0)
    kept, added = [], []
    for _ in range(60):
        thresholds = conformal_thresholds(*drawn(random, 49))
        probabilities, true = drawn(random, 100)
        reached = probabilities >= thresholds
        kept.append([row["coverage"] for row in conformal_measures(reached, true)["per_class"].values()])
        sets = conformal_sets(probabilities, thresholds)
        added.append([row["coverage"] for row in conformal_measures(sets, true)["per_class"].values()])
    # 45 of 50 places are below the cut; a class's mean of 60 draws is known to 0.006.
    np.testing.assert_allclose(np.mean(kept, axis=0), 0.9, atol=0.02)
    assert (np.array(added) >= np.array(kept)).all()


def test_a_smaller_alpha_gives_larger_sets():
    random = np.random.default_rng(1)
    calibration, (probabilities, _) = drawn(random, 100), drawn(random, 100)
    sizes = [conformal_sets(probabilities, conformal_thresholds(*calibration, alpha)) for alpha in (0.3, 0.1, 0.02)]
    assert (sizes[0] <= sizes[1]).all()
    assert (sizes[1] <= sizes[2]).all()
    assert sizes[0].sum() < sizes[1].sum() < sizes[2].sum()


def test_measures_by_hand():
    sets = np.zeros((4, 7), dtype=bool)
    sets[:2, NV] = sets[1:, MEL] = True
    measures = conformal_measures(sets, np.array([NV, NV, NV, MEL]))
    # Held: yes, yes, no, yes. Sizes: 1, 2, 1, 1.
    assert (measures["coverage"], measures["mean_size"], measures["single"]) == (3 / 4, 5 / 4, 3 / 4)
    assert measures["per_class"]["nv"] == {"coverage": 2 / 3, "mean_size": 4 / 3, "support": 3}
    assert measures["per_class"]["mel"] == {"coverage": 1, "mean_size": 1, "support": 1}
    assert measures["per_class"]["df"] == {"coverage": None, "mean_size": None, "support": 0}
    assert list(measures["per_class"]) == list(CODES)
    assert json.loads(json.dumps(measures, allow_nan=False)) == measures


def test_without_a_case_everything_is_undefined():
    measures = conformal_measures(np.zeros((0, 7), dtype=bool), np.zeros(0, dtype=np.int64))
    assert (measures["coverage"], measures["mean_size"], measures["single"]) == (None, None, None)
    assert measures["per_class"]["nv"] == {"coverage": None, "mean_size": None, "support": 0}


def test_the_whole_coverage_is_the_mean_of_the_classes_by_support():
    random = np.random.default_rng(2)
    probabilities, true = drawn(random, 30)
    measures = conformal_measures(conformal_sets(probabilities, conformal_thresholds(probabilities, true)), true)
    rows = measures["per_class"].values()
    for name in ("coverage", "mean_size"):
        assert measures[name] == pytest.approx(sum(row[name] * row["support"] for row in rows) / len(true))


@pytest.mark.parametrize("alpha", [0, 1, -0.1, float("nan")])
def test_an_alpha_outside_is_refused(alpha):
    with pytest.raises(ConfigFault, match=f"alpha is {alpha:g}, which is not between 0 and 1: give the share to miss"):
        conformal_thresholds(between([0.5]), np.array([NV]), alpha)


def test_wrong_arrays_are_refused():
    with pytest.raises(ValueError, match="true holds 7"):
        conformal_thresholds(between([0.5]), np.array([7]))
    with pytest.raises(ValueError, match="sums to 7, not 1"):
        conformal_thresholds(np.ones((1, 7)), np.array([NV]))
    with pytest.raises(ValueError, match="sums to 7, not 1"):
        conformal_sets(np.ones((1, 7)), np.zeros(7))
    with pytest.raises(ValueError, match=r"thresholds are \(1,\), not \(7,\): pass one a class"):
        conformal_sets(between([0.5]), np.zeros(1))
    with pytest.raises(ValueError, match=r"sets are float64 \(1, 7\), not bool \(1, 7\)"):
        conformal_measures(np.zeros((1, 7)), np.array([NV]))
    with pytest.raises(ValueError, match=r"sets are bool \(1, 7\), not bool \(2, 7\): pass one row a case"):
        conformal_measures(np.zeros((1, 7), dtype=bool), np.array([NV, NV]))
    with pytest.raises(ValueError, match="true holds -1"):
        conformal_measures(np.zeros((1, 7), dtype=bool), np.array([-1]))
