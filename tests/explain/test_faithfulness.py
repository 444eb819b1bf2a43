"""Deletion, insertion, ROAD and painting over, each with a scorer whose answers are worked out by hand."""

import numpy as np
import pytest
import torch

from derm.explain.faithfulness import (
    BATCH,
    NEIGHBOURS,
    Curve,
    Road,
    blurred,
    deletion,
    impute,
    insertion,
    repaint,
    road,
)

MAP = np.array([[4, 3], [2, 1]], dtype=np.float32)
ONES = torch.ones(3, 2, 2)


def share(images: torch.Tensor) -> torch.Tensor:
    """Two classes: the mean of the red channel, and what is missing to 1."""
    red = images[:, 0].mean(dim=(1, 2))
    return torch.stack([red, 1 - red], dim=1)


def first_pixel(images: torch.Tensor) -> torch.Tensor:
    """A network that looks at one pixel, the upper left."""
    return images[:, 0, :1, 0]


def test_deletion_by_hand():
    curve = deletion(share, ONES, MAP, steps=4)
    assert curve.shares.tolist() == [0, 1 / 4, 1 / 2, 3 / 4, 1]
    assert curve.scores[:, 0].tolist() == [1, 3 / 4, 1 / 2, 1 / 4, 0]
    assert curve.areas.tolist() == [1 / 2, 1 / 2]


def test_a_map_that_finds_the_pixel_has_the_smallest_area():
    right, wrong = (
        deletion(first_pixel, ONES, MAP, steps=4),
        deletion(first_pixel, ONES, MAP[::-1, ::-1].copy(), steps=4),
    )
    assert right.scores[:, 0].tolist() == [1, 0, 0, 0, 0]
    assert wrong.scores[:, 0].tolist() == [1, 1, 1, 1, 0]
    assert (right.areas[0], wrong.areas[0]) == (1 / 8, 7 / 8)


def test_insertion_goes_from_the_blurred_picture_to_the_picture():
    image = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0))
    map_ = np.arange(64 * 64, dtype=np.float32).reshape(64, 64)
    seen: list[torch.Tensor] = []

    def look(images: torch.Tensor) -> torch.Tensor:
        seen.extend(images)
        return images.mean(dim=(2, 3))

    assert insertion(look, image, map_, steps=2).shares.tolist() == [0, 1 / 2, 1]
    soft = blurred(image)
    assert not torch.allclose(soft, image, atol=0.1)
    torch.testing.assert_close(seen[0], soft)
    torch.testing.assert_close(seen[1], torch.cat([soft[:, :32], image[:, 32:]], dim=1))
    torch.testing.assert_close(seen[2], image)
    torch.testing.assert_close(blurred(ONES), ONES)


def test_insertion_mirrors_deletion_where_blurring_leaves_nothing():
    # Stripes one pixel wide are grey when blurred: 0, as deletion's; then both walk between the same two pictures.
    stripes = torch.ones(3, 224, 224)
    stripes[:, :, ::2] = -1
    map_ = np.random.default_rng(0).random((224, 224), dtype=np.float32)

    def strength(images: torch.Tensor) -> torch.Tensor:
        return images.abs().mean(dim=(1, 2, 3))[:, None]

    fall, rise = deletion(strength, stripes, map_), insertion(strength, stripes, map_)
    np.testing.assert_allclose(fall.scores + rise.scores, 1, atol=0.05)


def test_pixels_of_one_value_go_in_an_order_drawn_by_lot():
    image, flat = torch.zeros(3, 32, 32), np.ones((32, 32), dtype=np.float32)
    image[:, :16] = 1

    def upper(images: torch.Tensor) -> torch.Tensor:
        return images[:, 0, :16].mean(dim=(1, 2))[:, None]

    curve = deletion(upper, image, flat)
    np.testing.assert_allclose(curve.scores[:, 0], 1 - curve.shares, atol=0.06)  # in reading order: gone at one half
    np.testing.assert_array_equal(deletion(upper, image, flat).scores, curve.scores)
    assert (deletion(upper, image, flat, seed=1).scores != curve.scores).any()


def test_the_scorer_is_asked_in_batches():
    sizes: list[int] = []

    def look(images: torch.Tensor) -> torch.Tensor:
        sizes.append(len(images))
        return images.mean(dim=(2, 3))

    deletion(look, torch.ones(3, 8, 8), np.ones((8, 8), dtype=np.float32), steps=BATCH + 3)
    assert sizes == [BATCH, 4]


def test_imputation_by_hand():
    # The middle of 3 × 3: four neighbours beside it (1/6 each) are 1, four across a corner (1/12 each) are 0.
    image = np.array([[[0, 1, 0], [1, 9, 1], [0, 1, 0]]], dtype=np.float32)
    middle = np.zeros((3, 3), dtype=bool)
    middle[1, 1] = True
    assert impute(image, middle)[0, 1, 1] == pytest.approx(4 / 6)
    # A corner has three: (1/6 · 5 + 0 + 0) / (1/6 + 1/6 + 1/12).
    corner = np.array([[True, False], [False, False]])
    assert impute(np.array([[[9, 5], [0, 0]]], dtype=np.float32), corner)[0, 0, 0] == pytest.approx(2)
    assert sum(weight for *_, weight in NEIGHBOURS) == pytest.approx(1)


def test_what_is_filled_in_is_the_mean_of_its_neighbours():
    random = np.random.default_rng(1)
    image, missing = random.random((2, 9, 11), dtype=np.float32), random.random((9, 11)) < 0.6
    filled = impute(image, missing)
    np.testing.assert_array_equal(filled[:, ~missing], image[:, ~missing])
    padded, inside = np.pad(filled, ((0, 0), (1, 1), (1, 1))), np.pad(np.ones((9, 11)), 1)
    total, weights = np.zeros(filled.shape), np.zeros((9, 11))
    for down, right, weight in NEIGHBOURS:
        window = np.s_[1 + down : 10 + down, 1 + right : 12 + right]
        total += weight * padded[:, *window]
        weights += weight * inside[window]
    np.testing.assert_allclose(filled[:, missing], (total / weights)[:, missing], atol=1e-5)


def test_a_slope_is_continued():
    slope = np.broadcast_to(np.arange(10, dtype=np.float32), (1, 10, 10)).copy()
    missing = np.zeros((10, 10), dtype=bool)
    missing[2:8, 3:7] = True
    np.testing.assert_allclose(impute(np.where(missing, 99, slope).astype(np.float32), missing), slope, atol=1e-5)


def test_noise_is_added_to_filled_pixels_alone():
    image, missing = np.zeros((3, 20, 20), dtype=np.float32), np.zeros((20, 20), dtype=bool)
    missing[:10] = True
    filled = impute(image, missing, 0.5, np.random.default_rng(0))
    assert not filled[:, 10:].any()
    assert filled[:, :10].std() == pytest.approx(0.5, abs=0.05)
    assert impute(image, ~missing & missing) is not image


def test_road_tells_the_pixel_that_matters():
    # One bright pixel on black. Taken first it is filled in with black; taken last it stays.
    image, map_ = torch.zeros(3, 10, 10), np.full((10, 10), 0.5, dtype=np.float32)
    image[:, 0, 0], map_[0, 0] = 1, 1
    found = road(first_pixel, image, map_)
    np.testing.assert_allclose(found.most.scores, 0, atol=0.05)
    np.testing.assert_array_equal(found.least.scores, 1)
    assert found.gaps[0] == pytest.approx(1, abs=0.05)
    assert road(first_pixel, image, 1.5 - map_).gaps[0] == pytest.approx(-1, abs=0.05)


def test_the_gap_by_hand():
    shares = np.array([0.2, 0.5])
    found = Road(Curve(shares, np.array([[0.5], [0.2]])), Curve(shares, np.array([[0.9], [0.6]])))
    assert found.gaps.tolist() == pytest.approx([(0.4 + 0.4) / 2])


def test_painting_over_by_hand():
    # Skin is 0.25; the lesion, a quarter of the picture, is 1; a mark of 5 lies in the corner.
    image, lesion = torch.full((3, 40, 40), 0.25), np.zeros((40, 40), dtype=bool)
    lesion[10:30, 10:30] = True
    image[:, 10:30, 10:30] = 1
    image[:, 0, 0] = 5

    def parts(images: torch.Tensor) -> torch.Tensor:
        return torch.stack([images[:, 0, 10:30, 10:30].mean(dim=(1, 2)), images[:, 0, 0, 0]], dim=1)

    found = repaint(parts, image, lesion)
    assert found.whole.tolist() == [1, 5]
    assert found.without_lesion.tolist() == pytest.approx([1 / 4, 5])
    assert found.without_surroundings.tolist() == [1, 1 / 4]
    assert found.lesion_drop.tolist() == pytest.approx([3 / 4, 0])
    assert found.surroundings_drop.tolist() == pytest.approx([0, 19 / 4])


def test_nothing_is_painted_without_lesion_or_skin():
    assert repaint(share, torch.ones(3, 8, 8), np.zeros((8, 8), dtype=bool)) is None
    assert repaint(share, torch.ones(3, 8, 8), np.ones((8, 8), dtype=bool)) is None


def test_a_map_of_zeros_puts_nothing_first():
    for walk in (deletion, insertion, road):
        assert walk(share, ONES, np.zeros((2, 2), dtype=np.float32)) is None


@pytest.mark.parametrize("walk", [deletion, insertion, road])
def test_maps_that_are_no_maps_are_refused(walk):
    with pytest.raises(ValueError, match=r"the image is \(3, 2, 2\), the map \(1, 2\)"):
        walk(share, ONES, MAP[:1])
    with pytest.raises(ValueError, match="from -4 to -1, not finite and at least 0"):
        walk(share, ONES, -MAP)
    with pytest.raises(ValueError, match="not finite"):
        walk(share, ONES, MAP * np.float32(np.nan))


def test_guards():
    with pytest.raises(ValueError, match="steps is 0, not at least 1"):
        deletion(share, ONES, MAP, steps=0)
    for shares in ((0.0, 0.5), (0.5, 1.0), (0.5, 0.2)):
        with pytest.raises(ValueError, match="not rising within 0 … 1"):
            road(share, ONES, MAP, shares)
    pixels = np.ones((3, 2, 2), dtype=np.float32)
    with pytest.raises(ValueError, match="every pixel is missing"):
        impute(pixels, np.ones((2, 2), dtype=bool))
    with pytest.raises(ValueError, match=r"the noise is 0\.1, its source None"):
        impute(pixels, np.eye(2, dtype=bool), 0.1)
    with pytest.raises(ValueError, match=r"the missing pixels \(3, 3\)"):
        impute(pixels, np.eye(3, dtype=bool))
    with pytest.raises(ValueError, match=r"the image is \(2, 2\), the lesion \(3, 3\)"):
        repaint(share, ONES, np.eye(3, dtype=bool))
