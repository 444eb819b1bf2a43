"""Figures by hand: pooled Jaccard over all pixels, thresholds, the rule of what is shown, and Platt's line."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from derm.structures.calibrate import calibrated, fit_platt
from derm.structures.marks import planes, read_marks
from derm.structures.measure import (
    THRESHOLDS,
    PixelCounts,
    choose_thresholds,
    count_pixels,
    frequencies,
    measure,
    pooled_jaccard,
    worth_showing,
)
from derm.structures.table import KEYS


def test_pixels_are_counted_at_each_threshold(marked_folder):
    path = str(sorted((marked_folder / "images").iterdir())[1])  # 16 × 16 of 64 × 64 are globules
    masks = np.zeros((1, 5, 64, 64), np.float32)
    masks[0, 4, 24:40, 24:32] = 0.62  # half of them
    masks[0, 4, :8, :8] = 0.3  # and 64 beside
    counts = count_pixels(masks, [path])
    at = {value: place for place, value in enumerate(THRESHOLDS.tolist())}
    assert counts.marked[0, 4] == 256
    assert (counts.called[0, 4, at[0.3]], counts.both[0, 4, at[0.3]]) == (192, 128)
    assert (counts.called[0, 4, at[0.6]], counts.both[0, 4, at[0.6]]) == (128, 128)
    assert counts.called[0, 4, at[0.65]] == 0
    jaccard = pooled_jaccard(counts)[4]
    assert jaccard[at[0.3]] == pytest.approx(128 / (192 + 256 - 128))
    assert jaccard[at[0.6]] == pytest.approx(128 / 256)
    assert choose_thresholds(counts)[4] == 0.35  # the lowest of those that leave the 64 out
    assert planes(read_marks(path, (64, 64)))[4].sum() == counts.marked[0, 4]


def test_jaccard_is_of_all_pixels_together_and_undefined_without_any():
    both = np.zeros((2, 5, len(THRESHOLDS)), np.int64)
    called, marked = both.copy(), np.zeros((2, 5), np.int64)
    both[:, 0], called[:, 0], marked[:, 0] = [[1], [0]], [[2], [5]], [1, 3]
    found = pooled_jaccard(PixelCounts(both, called, marked))
    assert found[0, 0] == pytest.approx(1 / (7 + 4 - 1))  # not the mean of 1 / 2 and 0
    assert np.isnan(found[1]).all()


def test_figures_have_intervals_over_lesions_and_none_where_a_structure_is_nowhere():
    random = np.random.default_rng(0)
    shown = np.zeros((60, 5), bool)
    shown[:20, :4] = True
    score = np.where(shown, 0.8, 0.3) + random.normal(0, 0.05, shown.shape)
    counts = PixelCounts(*(np.ones((60, 5, len(THRESHOLDS)), np.int64),) * 2, np.full((60, 5), 2, np.int64))
    lesions = np.array([f"l{row // 2}" for row in range(60)], dtype=object)
    told = measure(score, np.clip(score, 0, 1), shown, counts, [0.5] * 5, lesions, replicates=50)
    assert told["streaks"]["auc"] == [1.0, 1.0, 1.0]
    assert told["streaks"]["average_precision"][0] == 1.0
    assert told["streaks"]["share"] == pytest.approx(1 / 3)
    assert told["streaks"]["jaccard"][0] == 0.5
    assert told["globules"]["auc"] == [None, None, None]
    assert worth_showing(told) == list(KEYS[:4])
    told["streaks"]["auc"] = [0.9, 0.69, 0.99]
    assert worth_showing(told) == ["pigment_network", "negative_network", "milia_like_cyst"]


def test_frequencies_are_counts_by_diagnosis():
    shown = np.array([[1, 0, 0, 0, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]], bool)
    assert frequencies(shown, ["nv", "mel", "nv"])["pigment_network"] == {"mel": [1, 1], "nv": [1, 2]}


@pytest.mark.parametrize("far", [0.0, 120.0, 4000.0])
def test_platts_line_is_that_of_logistic_regression_with_his_targets(far):
    random = np.random.default_rng(3)
    shown = random.random(80) < 0.3
    scores = random.normal(3, 2, 80) + 2 * shown
    scores[np.argmax(shown)] += far  # a score far from the others, which throws Newton's method off by itself
    slope, offset = fit_platt(scores, shown)
    hits, misses = shown.sum(), (~shown).sum()
    target = np.where(shown, (hits + 1) / (hits + 2), 1 / (misses + 2))
    twice, kind = np.tile(scores, 2)[:, None], np.repeat([1, 0], 80)
    oracle = LogisticRegression(C=1e10, tol=1e-10, max_iter=5000)
    oracle.fit(twice, kind, sample_weight=np.concatenate([target, 1 - target]))
    assert (slope, offset) == pytest.approx((oracle.coef_[0, 0], oracle.intercept_[0]), rel=1e-3)
    given = calibrated(scores[:, None], np.array([[slope, offset]]))[:, 0]
    assert given.sum() == pytest.approx(target.sum())


def test_a_score_that_falls_with_the_structure_says_nothing():
    shown = np.array([True, False, False, False] * 5)
    slope, offset = fit_platt(np.where(shown, -1.0, 1.0), shown)
    assert slope == 0.0
    assert 1 / (1 + np.exp(-offset)) == pytest.approx(0.25)
    with pytest.raises(ValueError, match="some of each"):
        fit_platt(np.zeros(4), np.ones(4, bool))
