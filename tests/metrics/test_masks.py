"""Fractions by hand, the two empty cases, scikit-learn as the oracle, the identity, and every guard."""

import json

import numpy as np
import pytest
from sklearn import metrics as oracle

from derm.diagnoses import CODES, INDEX
from derm.metrics.masks import (
    MASK_MEASURES,
    MaskCount,
    count_masks,
    dice,
    iou,
    mask_measures,
    merge_measures,
    pixel_accuracy,
)
from derm.metrics.registry import classification_measures

# 3 × 4 pixels: drawn 4, true 6, shared 3.
PREDICTED = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]], dtype=bool)
TRUE = np.array([[1, 1, 1, 0], [1, 1, 1, 0], [0, 0, 0, 0]], dtype=bool)
EMPTY = np.zeros((3, 4), dtype=bool)


@pytest.fixture
def three():
    """Three images: one shared in part, one with no lesion on either side, one missed altogether."""
    return count_masks(np.stack([PREDICTED, EMPTY, EMPTY]), np.stack([TRUE, EMPTY, TRUE]))


def test_pixels_are_counted_by_hand():
    count = count_masks(PREDICTED, TRUE)
    assert [field.tolist() for field in count] == [[3], [1], [3], [5]]
    assert all(field.dtype == np.int64 for field in count)


def test_measures_by_hand():
    count = count_masks(PREDICTED, TRUE)
    assert dice(count) == pytest.approx(6 / 10)
    assert iou(count) == pytest.approx(3 / 7)
    assert pixel_accuracy(count) == pytest.approx(8 / 12)


def test_two_empty_masks_agree_that_there_is_no_lesion():
    count = count_masks(EMPTY, EMPTY)
    assert (dice(count), iou(count), pixel_accuracy(count)) == (1, 1, 1)


@pytest.mark.parametrize(("predicted", "true"), [(EMPTY, TRUE), (TRUE, EMPTY)])
def test_one_empty_mask_shares_nothing(predicted, true):
    count = count_masks(predicted, true)
    assert (dice(count), iou(count), pixel_accuracy(count)) == (0, 0, 1 / 2)


def test_each_image_is_measured_then_averaged(three):
    measures = mask_measures(three, np.array([INDEX["nv"], INDEX["nv"], INDEX["mel"]]))
    assert measures["dice"] == pytest.approx((6 / 10 + 1 + 0) / 3)
    assert measures["iou"] == pytest.approx((3 / 7 + 1 + 0) / 3)
    assert measures["pixel_accuracy"] == pytest.approx((8 / 12 + 1 + 1 / 2) / 3)
    assert measures["per_class"]["nv"] == pytest.approx({"dice": 8 / 10, "iou": 5 / 7, "pixel_accuracy": 5 / 6})
    assert measures["per_class"]["mel"] == {"dice": 0, "iou": 0, "pixel_accuracy": 1 / 2}
    assert measures["per_class"]["df"] == {"dice": None, "iou": None, "pixel_accuracy": None}


def test_without_an_image_every_mean_is_undefined():
    no_mask = np.zeros((0, 3, 4), dtype=bool)
    measures = mask_measures(count_masks(no_mask, no_mask), np.zeros(0, dtype=np.int64))
    assert (measures["dice"], measures["iou"], measures["pixel_accuracy"]) == (None, None, None)


def test_scikit_learn_and_the_identity_agree():
    random = np.random.default_rng(3)
    predicted, true = random.random((20, 9, 11)) < 0.4, random.random((20, 9, 11)) < 0.6
    count = count_masks(predicted, true)
    pairs = [(one.ravel(), other.ravel()) for one, other in zip(true, predicted, strict=True)]
    np.testing.assert_allclose(dice(count), [oracle.f1_score(*pair) for pair in pairs])
    np.testing.assert_allclose(iou(count), [oracle.jaccard_score(*pair) for pair in pairs])
    np.testing.assert_allclose(pixel_accuracy(count), [oracle.accuracy_score(*pair) for pair in pairs])
    np.testing.assert_allclose(dice(count), 2 * iou(count) / (1 + iou(count)))
    np.testing.assert_array_equal(sum(count), 9 * 11)


def test_counts_keep_the_order_of_images(three):
    alone = [count_masks(PREDICTED, TRUE), count_masks(EMPTY, EMPTY), count_masks(EMPTY, TRUE)]
    for together, *parts in zip(three, *alone, strict=True):
        np.testing.assert_array_equal(together, np.concatenate(parts))


def test_an_outline_without_a_diagnosis_counts_in_the_whole_and_in_no_class(three):
    measures = mask_measures(three, np.array([INDEX["nv"], len(CODES), INDEX["mel"]]))
    whole = mask_measures(three, np.array([INDEX["nv"], INDEX["nv"], INDEX["mel"]]))
    assert [measures[name] for name in MASK_MEASURES] == [whole[name] for name in MASK_MEASURES]
    alone = mask_measures(MaskCount(*(column[[0, 2]] for column in three)), np.array([INDEX["nv"], INDEX["mel"]]))
    assert measures["per_class"] == alone["per_class"]


def test_merged_measures_join_class_by_class(three):
    true = np.array([INDEX["nv"], INDEX["nv"], INDEX["mel"]])
    classification = classification_measures(true, np.eye(7)[true])
    merged = merge_measures(classification, mask_measures(three, true))
    assert merged["accuracy"] == 1
    assert merged["dice"] == pytest.approx(8 / 15)
    assert list(merged["per_class"]) == list(CODES)
    assert merged["per_class"]["mel"] == {
        **{"precision": 1, "recall": 1, "f1": 1, "specificity": 1, "auc": 1, "support": 1},
        **{"dice": 0, "iou": 0, "pixel_accuracy": 1 / 2},
    }
    assert json.loads(json.dumps(merged, allow_nan=False)) == merged


def test_without_masks_their_measures_are_none_and_the_input_stays_as_it_was():
    true = np.array([INDEX["nv"], INDEX["mel"]])
    classification = classification_measures(true, np.eye(7)[true])
    merged = merge_measures(classification)
    for place in (merged, merged["per_class"]["nv"], merged["per_class"]["df"]):
        assert (place["dice"], place["iou"], place["pixel_accuracy"]) == (None, None, None)
    assert "dice" not in classification
    assert "dice" not in classification["per_class"]["nv"]


@pytest.mark.parametrize(
    ("predicted", "true", "message"),
    [
        (PREDICTED.astype(np.float32), TRUE, "predicted masks are float32, not bool: compare with a threshold"),
        (PREDICTED, TRUE.astype(np.uint8), "true masks are uint8, not bool"),
        (PREDICTED, TRUE[:2], r"predicted masks are \(3, 4\), true ones \(2, 4\): bring them to one size"),
        (PREDICTED, TRUE[None], r"predicted masks are \(3, 4\), true ones \(1, 3, 4\)"),
        (PREDICTED[0], TRUE[0], r"masks are \(4,\), not \(N, H, W\) or \(H, W\)"),
        (PREDICTED[:, :0], TRUE[:, :0], r"masks are \(3, 0\), .* with at least one pixel"),
    ],
)
def test_wrong_masks_are_refused(predicted, true, message):
    with pytest.raises(ValueError, match=message):
        count_masks(predicted, true)


def test_another_number_of_diagnoses_is_refused():
    count = MaskCount(*(np.ones(2, dtype=np.int64) for _ in range(4)))
    with pytest.raises(ValueError, match="2 images were counted, 1 diagnoses given: pass one for each image"):
        mask_measures(count, np.array([0]))
    with pytest.raises(ValueError, match="true holds 9, not an index within 0 … 7"):
        mask_measures(count, np.array([0, 9]))
