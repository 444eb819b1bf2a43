"""Distances by hand, two oracles (brute force, distance transform), identities, the empty cases, every guard."""

import math

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.distance import cdist

from derm.metrics.masks import MaskCount, iou
from derm.metrics.surface import (
    AGREED_NO_SURFACE,
    LEAST_JACCARD,
    share_failed,
    surface_distances,
    thresholded_jaccard,
)


def mask_of(shape, *boxes):
    """A mask of `shape` with lesion in each box (top, left, height, width)."""
    mask = np.zeros(shape, dtype=bool)
    for top, left, height, width in boxes:
        mask[top : top + height, left : left + width] = True
    return mask


def blob(seed, shape=(60, 80)):
    """A lesion of random outline, with holes and islands."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 5)
    return noise > np.quantile(noise, 0.7)


def brute_force(predicted, true):
    """Both figures from every pair of surface pixels; a surface pixel has skin among its four neighbours."""
    surfaces = []
    for mask in (predicted, true):
        wide = np.pad(mask, 1)
        inside = wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:]
        surfaces.append(np.argwhere(mask & ~inside))
    pairs = cdist(*surfaces)
    there, back = pairs.min(axis=1), pairs.min(axis=0)
    mean = (there.sum() + back.sum()) / (len(there) + len(back))
    return max(np.percentile(there, 95), np.percentile(back, 95)), mean


def by_distance_transform(predicted, true):
    """Both figures from SciPy's erosion and distance transform, as MetricsReloaded takes them."""
    ours, theirs = (mask & ~ndimage.binary_erosion(mask) for mask in (predicted, true))
    there = ndimage.distance_transform_edt(~theirs)[ours]
    back = ndimage.distance_transform_edt(~ours)[theirs]
    return max(np.percentile(there, 95), np.percentile(back, 95)), np.concatenate([there, back]).mean()


def test_two_squares_three_pixels_apart_by_hand():
    # Of the 16 surface pixels of the left square, its left side (5) is 3 away, above and below two are 2 and two 1
    # away, the right side's inner three lie inside the other square, 1 from its left side, and four lie on its surface.
    distances = surface_distances(mask_of((12, 20), (3, 4, 5, 5)), mask_of((12, 20), (3, 7, 5, 5)))
    assert distances.mean == pytest.approx((5 * 3 + 2 * 2 + 2 * 1 + 3 * 1 + 4 * 0) / 16)
    assert distances.hausdorff95 == 3


def test_the_worse_way_counts_and_both_ways_are_not_pooled():
    # There: 0. Back: 0 and 10, whose 95th percentile is 9.5; of the three pooled it would be 9.
    one, two = mask_of((3, 20), (1, 2, 1, 1)), mask_of((3, 20), (1, 2, 1, 1), (1, 12, 1, 1))
    assert surface_distances(one, two) == pytest.approx((9.5, 10 / 3))
    assert surface_distances(two, one) == pytest.approx((9.5, 10 / 3))


def test_outside_the_picture_is_skin():
    # A lesion that fills 3 × 3 pixels has a surface of 8: four are 1 and four √2 from the centre.
    full, centre = np.ones((3, 3), dtype=bool), mask_of((3, 3), (1, 1, 1, 1))
    assert surface_distances(full, centre) == pytest.approx((math.sqrt(2), (4 + 4 * math.sqrt(2) + 1) / 9))


def test_the_inside_of_a_lesion_is_no_surface_but_the_rim_of_a_hole_is():
    # A square of 7 with its centre missing: 24 surface pixels outside, shared by both, and 4 around the hole, which
    # are 2 from the outside. 95 % of the way through 28 distances lies beyond the 24 zeros.
    square = mask_of((9, 9), (1, 1, 7, 7))
    holed = square.copy()
    holed[4, 4] = False
    assert surface_distances(holed, square) == pytest.approx((2, 4 * 2 / (28 + 24)))


@pytest.mark.parametrize("seed", range(6))
def test_both_oracles_agree(seed):
    predicted, true = blob(seed), blob(seed + 100)
    found = surface_distances(predicted, true)
    assert found == pytest.approx(brute_force(predicted, true), rel=1e-12)
    assert found == pytest.approx(by_distance_transform(predicted, true), rel=1e-12)


def test_distances_are_symmetric_and_stay_where_both_masks_move_or_turn():
    predicted, true = blob(1), blob(2)
    found = surface_distances(predicted, true)
    assert surface_distances(true, predicted) == pytest.approx(found)
    wide = [np.pad(mask, ((20, 3), (1, 30))) for mask in (predicted, true)]
    assert surface_distances(*wide) == pytest.approx(found)
    assert surface_distances(predicted.T, true.T) == pytest.approx(found)
    assert surface_distances(predicted[::-1, ::-1], true[::-1, ::-1]) == pytest.approx(found)


def test_a_mask_is_no_way_from_itself():
    assert surface_distances(blob(3), blob(3).copy()) == (0, 0)


def test_two_empty_masks_agree_that_there_is_no_lesion():
    empty = np.zeros((300, 400), dtype=bool)
    assert surface_distances(empty, empty) == (AGREED_NO_SURFACE, AGREED_NO_SURFACE) == (0, 0)


def test_a_missed_lesion_is_the_pictures_diagonal_away():
    # √(300² + 400²) = 500, beyond the 498.6 from corner to corner.
    empty, corner = np.zeros((300, 400), dtype=bool), mask_of((300, 400), (0, 0, 1, 1))
    assert surface_distances(empty, corner) == (500, 500)
    assert surface_distances(corner, empty) == (500, 500)
    far = surface_distances(mask_of((300, 400), (299, 399, 1, 1)), corner)
    assert far == pytest.approx((math.hypot(299, 399), math.hypot(299, 399)))
    assert far.hausdorff95 < 500


def test_below_065_an_outline_has_failed():
    # 13 of 20 pixels shared is 0.65 itself and counts; 12 of 20 does not.
    shares = iou(MaskCount(*(np.array(field) for field in ([20, 13, 12, 0], [0, 7, 4, 0], [0, 0, 4, 9], [9, 9, 9, 9]))))
    assert shares.tolist() == [1, LEAST_JACCARD, 12 / 20, 0]
    assert thresholded_jaccard(shares).tolist() == [1, 13 / 20, 0, 0]
    assert share_failed(shares) == 2 / 4


def test_an_image_without_a_mask_has_no_score_and_does_not_fail():
    shares = np.array([0.9, np.nan, 0.1])
    np.testing.assert_array_equal(thresholded_jaccard(shares), [0.9, np.nan, 0])
    assert share_failed(shares) == 1 / 2
    assert math.isnan(share_failed(np.array([np.nan])))
    assert math.isnan(share_failed(np.zeros(0)))


MASK = np.ones((3, 4), dtype=bool)


@pytest.mark.parametrize(
    ("predicted", "true", "message"),
    [
        (MASK.astype(np.float32), MASK, "the predicted mask is float32, not bool: compare with a threshold first"),
        (MASK, MASK.astype(np.uint8), "the true mask is uint8, not bool"),
        (MASK[None], MASK[None], r"the predicted mask is \(1, 3, 4\), not \(H, W\) with at least one pixel: pass one"),
        (MASK, MASK[:, :0], r"the true mask is \(3, 0\), not \(H, W\)"),
        (MASK, MASK[:2], r"the predicted mask is \(3, 4\), the true one \(2, 4\): bring them to one size first"),
    ],
)
def test_wrong_masks_are_refused(predicted, true, message):
    with pytest.raises(ValueError, match=message):
        surface_distances(predicted, true)


@pytest.mark.parametrize("measure", [thresholded_jaccard, share_failed])
@pytest.mark.parametrize("wrong", [65.0, -0.1])
def test_what_is_no_share_is_refused(measure, wrong):
    with pytest.raises(ValueError, match=f"iou holds {wrong:.4g}, not a share within 0 … 1: use derm.metrics.masks"):
        measure(np.array([0.5, wrong]))
