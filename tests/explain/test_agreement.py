"""Every measure of agreement on maps of four pixels by hand, then against scikit-learn, then its identities."""

import numpy as np
import pytest
from sklearn.metrics import auc, f1_score, jaccard_score

from derm.explain.agreement import (
    CENTRE_PRIOR,
    MEASURES,
    ORACLE,
    THRESHOLDS,
    UNIFORM,
    against_references,
    centre_prior,
    inside_share,
    localisation,
    localisations,
    reference_maps,
    skill,
)

# The lesion is the upper row; the map is strong at one of its two pixels, weak at the other and below.
MASK = np.array([[True, True], [False, False]])
MAP = np.array([[1.0, 0.5], [0.25, 0.25]], dtype=np.float32)
FLAT = np.zeros((2, 2), dtype=np.float32)


def one(map_: np.ndarray, mask: np.ndarray = MASK) -> dict[str, float]:
    found = localisation(np.asarray(map_, dtype=np.float32)[None], mask)
    return {name: float(getattr(found, name)[0]) for name in (*MEASURES, "best_iou_threshold")}


def test_all_measures_by_hand():
    found = localisation(MAP[None], MASK)
    # Up to 0.25 all four pixels are marked (IoU 2/4, Dice 4/6), up to 0.5 the upper two, above it one (1/2, 2/3).
    assert found.iou_curve[0].tolist() == [1 / 2] * 26 + [1.0] * 25 + [1 / 2] * 50
    assert found.dice_curve[0].tolist() == [2 / 3] * 26 + [1.0] * 25 + [2 / 3] * 50
    measured = one(MAP)
    # 0.25 and 0.49 wide at the low value, 0.24 at 1, and two slopes of 0.01 half-way between.
    assert measured["iou_area"] == pytest.approx(0.74 / 2 + 0.24 + 2 * 0.01 * 3 / 4)
    assert measured["dice_area"] == pytest.approx(0.74 * 2 / 3 + 0.24 + 2 * 0.01 * 5 / 6)
    assert (measured["best_iou"], measured["best_iou_threshold"]) == (1, 0.26)
    assert measured["best_dice"] == 1
    assert measured["pointing"] == 1
    assert measured["inside"] == 3 / 4
    assert measured["rank"] == 1


def test_a_map_beside_the_lesion_by_hand():
    measured = one(MAP[::-1])
    # Marked are all four (2/4), then the lower two (0/4), then one of them (0/3).
    assert measured["best_iou"] == 1 / 2
    assert measured["best_iou_threshold"] == 0.01  # never 0, where any map marks the whole picture
    assert measured["iou_area"] == pytest.approx(0.25 / 2 + 0.01 / 4)
    assert (measured["pointing"], measured["inside"]) == (0, 1 / 4)
    assert measured["rank"] == 0


def test_ties_count_with_their_chance():
    # Three pixels share the maximum, one of them in the lesion.
    assert one([[1, 0], [1, 1]])["pointing"] == pytest.approx(1 / 3)
    # The first of two places is sure and right; for the second three pixels tie, one of them right.
    assert one([[1, 0.25], [0.25, 0.25]])["rank"] == pytest.approx((1 + 1 / 3) / 2)
    # One pixel of evidence: the second place goes by lot to one of three zeros, one of them in the lesion.
    assert one([[1, 0], [0, 0]])["rank"] == pytest.approx((1 + 1 / 3) / 2)
    assert one([[0, 0], [1, 0]])["rank"] == pytest.approx((0 + 2 / 3) / 2)


def test_the_references_by_hand():
    uniform, ceiling = one(np.ones((2, 2))), one(MASK)
    assert {uniform[name] for name in ("iou_area", "best_iou", "pointing", "inside", "rank")} == {0.5}
    # The mask is right at every threshold but 0, where it marks the whole picture: 1/2.
    assert ceiling["iou_area"] == pytest.approx(0.99 + 0.01 * 3 / 4)
    assert {ceiling[name] for name in ("best_iou", "best_dice", "pointing", "inside", "rank")} == {1.0}
    maps = reference_maps(MASK)
    assert list(maps) == [CENTRE_PRIOR, UNIFORM, ORACLE]
    np.testing.assert_array_equal(maps[CENTRE_PRIOR], centre_prior(2, 2))


def test_each_measure_stands_beside_its_references():
    found = against_references(MAP, MASK)
    assert tuple(found) == MEASURES
    inside = found["inside"]
    assert (inside.value, inside.prior, inside.uniform, inside.oracle) == pytest.approx((3 / 4, 1 / 2, 1 / 2, 1))
    assert inside.skill == pytest.approx((3 / 4 - 1 / 2) / (1 - 1 / 2))
    assert inside.skill_over_uniform == pytest.approx(1 / 2)


def test_skill_by_hand_and_where_there_is_nothing_to_be_better_at():
    assert skill(np.array([0.5, 0.2, 1.0]), 0.4, 0.9).tolist() == pytest.approx([1 / 5, -2 / 5, 6 / 5])
    assert np.isnan(skill(0.5, 1.0, 1.0))
    assert np.isnan(skill(0.5, 1.0, 0.9))
    assert np.isnan(skill(np.nan, 0.0, 1.0))
    whole = against_references(MAP, np.ones_like(MASK))  # all of the picture is lesion: everybody is right
    assert whole["inside"].skill is None
    assert whole["inside"].skill_over_uniform is None


def test_without_evidence_or_lesion_nothing_is_measured():
    assert against_references(FLAT, MASK) is None
    assert against_references(MAP, np.zeros_like(MASK)) is None
    found = localisation(np.stack([FLAT, MAP]), MASK)
    assert np.isnan(found.iou_curve[0]).all()
    assert not np.isnan(found.iou_curve[1]).any()
    for name in MEASURES:
        assert np.isnan(getattr(found, name)).tolist() == [True, False]
    empty = localisation(MAP[None], np.zeros_like(MASK))
    assert all(np.isnan(getattr(empty, name)[0]) for name in MEASURES)


@pytest.fixture
def drawn() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    maps, mask = random.random((4, 12, 15), dtype=np.float32), random.random((12, 15)) < 0.3
    maps[0, 0] = (np.arange(15) / 100).astype(np.float32)  # on thresholds, as near as float32 can be
    maps[1, 0, :5] = (0, 0.25, 0.5, 0.75, 1)  # exactly on them
    return maps, mask


def test_against_scikit_learn(drawn):
    maps, mask = drawn
    found = localisation(maps, mask)
    for row, map_ in enumerate(maps):
        for place in (0, 1, 25, 50, 77, 100):
            marked = (map_ >= THRESHOLDS[place]).ravel()
            assert found.iou_curve[row, place] == pytest.approx(jaccard_score(mask.ravel(), marked))
            assert found.dice_curve[row, place] == pytest.approx(f1_score(mask.ravel(), marked))
        assert found.iou_area[row] == pytest.approx(auc(THRESHOLDS, found.iou_curve[row]))
        assert found.dice_area[row] == pytest.approx(auc(THRESHOLDS, found.dice_curve[row]))
        strongest = np.argsort(-map_.ravel())[: mask.sum()]
        assert found.rank[row] == pytest.approx(mask.ravel()[strongest].mean())
        assert found.inside[row] == pytest.approx(inside_share(map_, mask))


def test_dice_and_iou_are_one_count(drawn):
    maps, mask = drawn
    found = localisation(maps, mask)
    np.testing.assert_allclose(found.dice_curve, 2 * found.iou_curve / (1 + found.iou_curve))
    # One threshold is the best of both.
    np.testing.assert_allclose(found.best_dice, 2 * found.best_iou / (1 + found.best_iou))
    np.testing.assert_array_equal(THRESHOLDS[1 + found.dice_curve[:, 1:].argmax(axis=1)], found.best_iou_threshold)


def test_a_uniform_map_has_the_lesions_share_of_the_picture(drawn):
    _, mask = drawn
    measured = one(np.ones(mask.shape), mask)
    for name in ("iou_area", "pointing", "inside", "rank"):
        assert measured[name] == pytest.approx(mask.mean())


def test_several_masks_at_once_are_each_alone(drawn):
    maps, mask = drawn
    for found, alone in zip(
        localisations(maps, (mask, ~mask)), (localisation(maps, mask), localisation(maps, ~mask)), strict=True
    ):
        for name in MEASURES:
            np.testing.assert_array_equal(getattr(found, name), getattr(alone, name))


def test_guards():
    with pytest.raises(ValueError, match=r"the maps are \(2, 2\), the mask \(1, 2\): bring them to one size first"):
        localisation(MAP[None], MASK[:1])
    with pytest.raises(ValueError, match=r"reach from 0.25 to 2, not within 0 … 1: use evidence_of"):
        localisation(np.maximum(MAP, 2 * MASK, dtype=np.float32)[None], MASK)
    with pytest.raises(ValueError, match="not within 0 … 1"):
        localisation(np.full((1, 2, 2), np.nan, dtype=np.float32), MASK)
