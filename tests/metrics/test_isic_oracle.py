"""Our measures against the ISIC challenges' own scoring, to the last digit; where they differ, it is told.

Needs the optional extra `oracle`, whose package needs a compiler to install; skipped without it.
"""

import numpy as np
import pandas as pd
import pytest

from derm.diagnoses import CODES
from derm.metrics.classification import (
    balanced_accuracy,
    class_aucs,
    confusion_matrix,
    most_likely,
    recall,
)
from derm.metrics.curves import average_precision
from derm.metrics.masks import count_masks, dice, iou, pixel_accuracy
from derm.metrics.surface import thresholded_jaccard

metrics = pytest.importorskip("isic_challenge_scoring.metrics", reason="the extra `oracle` is not installed")
confusion = pytest.importorskip("isic_challenge_scoring.confusion")
classification = pytest.importorskip("isic_challenge_scoring.classification")


@pytest.fixture(scope="module")
def masks():
    random = np.random.default_rng(3)
    true = random.random((40, 24, 32)) < random.random((40, 1, 1))
    predicted = true ^ (random.random(true.shape) < random.random((40, 1, 1)) ** 2)
    predicted[0], true[0] = False, False  # nobody sees a lesion
    predicted[1], true[1] = True, False
    predicted[2], true[2] = False, True
    return predicted, true


@pytest.fixture(scope="module")
def answers():
    random = np.random.default_rng(4)
    true = random.permutation(np.repeat(np.arange(7), [9, 14, 30, 5, 40, 100, 6]))
    logits = random.normal(size=(len(true), 7))
    logits[np.arange(len(true)), true] += 1.5
    shares = np.exp(logits)
    return true, shares / shares.sum(axis=1, keepdims=True)


def test_every_figure_of_an_outline_equals_theirs(masks):
    predicted, true = masks
    count = count_masks(predicted, true)
    theirs = [
        confusion.create_binary_confusion_matrix(truth_binary_values=one, prediction_binary_values=other)
        for one, other in zip(true, predicted, strict=True)
    ]
    for ours, function in (
        (dice(count), metrics.binary_dice),
        (iou(count), metrics.binary_jaccard),
        (pixel_accuracy(count), metrics.binary_accuracy),
        (thresholded_jaccard(iou(count)), metrics.binary_threshold_jaccard),
    ):
        assert ours.tolist() == [function(one) for one in theirs]


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # theirs
def test_balanced_accuracy_auc_and_average_precision_equal_theirs(answers):
    true, probabilities = answers
    truth = pd.DataFrame(np.eye(7)[true], columns=list(CODES))
    given = pd.DataFrame(probabilities, columns=list(CODES))
    weights = pd.DataFrame({"score_weight": np.ones(len(true)), "validation_weight": np.ones(len(true))})
    score = classification.ClassificationScore(
        truth, given, weights, classification.ClassificationMetric.BALANCED_ACCURACY
    )
    matrix = confusion_matrix(true, most_likely(probabilities))
    assert balanced_accuracy(matrix) == score.overall
    # Ranks and trapezia sum in another order: equal but for the last bit of a double.
    assert class_aucs(true, probabilities).tolist() == pytest.approx(score.per_category["auc"].tolist(), rel=1e-15)
    precisions = [average_precision(true == index, probabilities[:, index]) for index in range(7)]
    assert precisions == pytest.approx(score.per_category["ap"].tolist(), rel=1e-15)


def test_where_a_class_is_absent_they_give_a_full_mark_and_we_none():
    # No case of the class: their sensitivity is 1, "a freebie"; ours is undefined and left out of the mean.
    nothing = pd.Series({"TP": 0, "TN": 4, "FP": 0, "FN": 0})
    assert metrics.binary_sensitivity(nothing) == 1
    assert np.isnan(recall(np.array([[4, 0], [0, 0]]))[1])


def test_a_tie_is_no_answer_to_them_and_the_first_class_to_us():
    tie = np.array([[0.5, 0.5, 0, 0, 0, 0, 0]])
    truth = pd.DataFrame(np.eye(7)[[0]], columns=list(CODES))
    theirs = metrics.balanced_multiclass_accuracy(truth, pd.DataFrame(tie, columns=list(CODES)), pd.Series([1.0]))
    assert theirs == 0
    assert most_likely(tie).tolist() == [0]
