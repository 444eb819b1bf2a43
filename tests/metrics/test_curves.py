"""Curves by hand, scikit-learn as the oracle, thinning that keeps shape and area, and the undefined cases."""

import numpy as np
import pytest
from sklearn import metrics as oracle

from derm.metrics.classification import auc
from derm.metrics.curves import average_precision, precision_recall_curve, roc_curve

POSITIVE = np.array([False, False, True, True])
SCORE = np.array([0.1, 0.4, 0.35, 0.8])


@pytest.fixture(scope="module")
def cases():
    """2,000 cases, one in five positive; scores of three digits, so that many tie."""
    random = np.random.default_rng(0)
    positive = random.random(2000) < 0.2
    return positive, (1 / (1 + np.exp(-random.normal(-1.5 + 2.5 * positive)))).round(3)


def height_at(x, y, where):
    """The height of a drawn line at each x of `where`; of a vertical step, its upper end."""
    return np.interp(where, x + np.arange(len(x)) * 1e-12, y)


def test_roc_by_hand():
    curve = roc_curve(POSITIVE, SCORE)
    assert curve.false_positive_rate.tolist() == [0, 0, 1 / 2, 1 / 2, 1]
    assert curve.true_positive_rate.tolist() == [0, 1 / 2, 1 / 2, 1, 1]
    np.testing.assert_array_equal(curve.threshold, [np.nan, 0.8, 0.4, 0.35, 0.1])


def test_precision_and_recall_by_hand():
    curve = precision_recall_curve(POSITIVE, SCORE)
    assert curve.recall.tolist() == [1 / 2, 1 / 2, 1, 1]
    assert curve.precision.tolist() == [1, 1 / 2, 2 / 3, 1 / 2]
    assert curve.threshold.tolist() == [0.8, 0.4, 0.35, 0.1]
    # Recall rises by 1/2 at precision 1, and by 1/2 at 2/3.
    assert average_precision(POSITIVE, SCORE) == pytest.approx(5 / 6)


def test_cases_with_one_score_are_one_point():
    curve = roc_curve(POSITIVE, np.full(4, 0.5))
    assert curve.false_positive_rate.tolist() == [0, 1]
    assert average_precision(POSITIVE, np.full(4, 0.5)) == 1 / 2
    assert precision_recall_curve(POSITIVE, np.full(4, 0.5)).precision.tolist() == [1 / 2]


def test_only_corners_are_kept():
    positive = np.arange(100) >= 50
    curve = roc_curve(positive, np.arange(100) / 100)
    assert list(zip(curve.false_positive_rate, curve.true_positive_rate, strict=True)) == [(0, 0), (0, 1), (1, 1)]
    assert curve.threshold[1] == 0.5


def test_scikit_learn_agrees_on_whole_curves(cases):
    curve = roc_curve(*cases, points=None)
    x, y, threshold = oracle.roc_curve(*cases, drop_intermediate=False)
    np.testing.assert_allclose(curve.false_positive_rate, x)
    np.testing.assert_allclose(curve.true_positive_rate, y)
    np.testing.assert_allclose(curve.threshold[1:], threshold[1:])
    curve = precision_recall_curve(*cases, points=None)
    precision, recall, threshold = oracle.precision_recall_curve(*cases)
    # Scikit-learn runs from the lowest score up and adds (0, 1) at the end.
    np.testing.assert_allclose(curve.recall, recall[-2::-1])
    np.testing.assert_allclose(curve.precision, precision[-2::-1])
    np.testing.assert_allclose(curve.threshold, threshold[::-1])


def test_areas_agree(cases):
    curve = roc_curve(*cases, points=None)
    assert np.trapezoid(curve.true_positive_rate, curve.false_positive_rate) == pytest.approx(auc(*cases))
    assert average_precision(*cases) == pytest.approx(oracle.average_precision_score(*cases))


@pytest.mark.parametrize("points", [200, 60, 20])
def test_a_thinned_curve_keeps_its_ends_its_area_and_its_shape(cases, points):
    whole, thin = roc_curve(*cases, points=None), roc_curve(*cases, points=points)
    assert len(thin.threshold) == points
    assert (thin.true_positive_rate[0], thin.true_positive_rate[-1]) == (0, 1)
    assert np.trapezoid(thin.true_positive_rate, thin.false_positive_rate) == pytest.approx(auc(*cases), abs=2e-3)
    where = np.linspace(0, 1, 101)
    np.testing.assert_allclose(height_at(*thin[:2], where), height_at(*whole[:2], where), atol=0.03)

    whole, thin = precision_recall_curve(*cases, points=None), precision_recall_curve(*cases, points=points)
    assert len(thin.threshold) == points
    assert (thin.recall[0], thin.recall[-1]) == (whole.recall[0], 1)
    expected = np.trapezoid(whole.precision, whole.recall)
    assert np.trapezoid(thin.precision, thin.recall) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("curve", [roc_curve, precision_recall_curve])
def test_a_thinned_curve_holds_points_of_the_whole_one_in_order(cases, curve):
    whole, thin = curve(*cases, points=None), curve(*cases, points=50)
    rows = {tuple(row) for row in np.nan_to_num(np.transpose(whole), nan=9).tolist()}
    assert {tuple(row) for row in np.nan_to_num(np.transpose(thin), nan=9).tolist()} <= rows
    assert (np.diff(thin[0] if curve is roc_curve else thin.recall) >= 0).all()
    assert (np.diff(thin.threshold[1:]) < 0).all()


def test_two_points_are_the_ends(cases):
    assert roc_curve(*cases, points=2).true_positive_rate.tolist() == [0, 1]


@pytest.mark.parametrize("positive", [np.zeros(3, dtype=bool), np.zeros(0, dtype=bool)])
def test_without_a_positive_case_there_is_no_curve(positive):
    score = np.linspace(0, 1, len(positive))
    assert [len(column) for column in roc_curve(positive, score)] == [0, 0, 0]
    assert [len(column) for column in precision_recall_curve(positive, score)] == [0, 0, 0]
    assert np.isnan(average_precision(positive, score))


def test_without_a_negative_case_there_is_no_roc_and_precision_is_1():
    positive, score = np.ones(3, dtype=bool), np.linspace(0, 1, 3)
    assert len(roc_curve(positive, score).threshold) == 0
    assert precision_recall_curve(positive, score).precision.tolist() == [1, 1]
    assert average_precision(positive, score) == 1


def test_wrong_arrays_are_refused(cases):
    with pytest.raises(ValueError, match="probability holds NaN"):
        roc_curve(np.array([True, False]), np.array([0.5, np.nan]))
    with pytest.raises(ValueError, match="truth is int64, not bool"):
        precision_recall_curve(np.array([1, 0]), np.array([0.5, 0.4]))
    for curve in (roc_curve, precision_recall_curve):
        with pytest.raises(ValueError, match="points is 1, not at least 2: a line has two ends"):
            curve(*cases, points=1)
