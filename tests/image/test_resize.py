"""Scaling to the network's square and back."""

import cv2
import numpy as np
import pytest

from derm.image.resize import (
    PADDING,
    WHOLE,
    mask_in_square,
    place_cells,
    square,
    square_mask,
    unsquare,
    window_of,
)

SHAPES = [(90, 120), (120, 90), (100, 100), (101, 67), (37, 211), (450, 600), (3, 200), (40, 30)]
"""Heights and widths: 4 : 3, 3 : 4, 1 : 1, odd ones, HAM10000's, a strip, one smaller than the square."""


def test_shrinking_averages_areas():
    image = np.zeros((4, 8, 3), dtype=np.uint8)
    image[:, ::2] = 200  # every area of 2 × 4 is half 200, half 0
    assert (square(image, 2) == 100).all()


def test_a_side_that_shrinks_is_averaged_even_where_the_other_grows():
    stripes = np.zeros((32, 640, 3), dtype=np.uint8)
    stripes[:, ::2] = 200
    assert (square(stripes, 64) == 100).all()


def test_growing_keeps_an_even_picture():
    assert (square(np.full((32, 32, 3), 77, dtype=np.uint8), 64) == 77).all()


def test_a_mask_is_lesion_where_at_least_half_of_the_area_is():
    mask = np.array([[1, 0, 1, 1], [0, 0, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0]], dtype=bool)
    assert square_mask(mask, 2).tolist() == [[False, True], [True, False]]


def test_a_map_comes_back_at_the_pictures_size():
    scores = np.array([[0.0, 1.0], [0.0, 1.0]], dtype=np.float32)
    back = unsquare(scores, 3, 8)
    assert back.shape == (3, 8)
    assert back.dtype == np.float32
    assert (np.diff(back, axis=1) >= 0).all()


def test_squeezing_is_what_it_was_bit_for_bit():
    """As scaled before there was a choice: the shrinking sides averaged, then the others bilinear."""
    for height, width in SHAPES:
        image = np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)
        before = cv2.resize(image, (min(width, 64), min(height, 64)), interpolation=cv2.INTER_AREA)
        before = cv2.resize(before, (64, 64), interpolation=cv2.INTER_LINEAR)
        np.testing.assert_array_equal(square(image, 64), before)
        scores = np.random.default_rng(width).random((64, 64), np.float32)
        np.testing.assert_array_equal(unsquare(scores, height, width), cv2.resize(scores, (width, height)))
        assert window_of(height, width, 64, "squeeze") == WHOLE


def test_a_padded_picture_keeps_its_proportions_between_even_bars():
    wide = square(np.full((90, 120, 3), 77, dtype=np.uint8), 64, "pad")
    assert wide.shape == (64, 64, 3)
    assert (wide[8:56] == 77).all()
    assert (wide[:8] == PADDING).all()
    assert (wide[56:] == PADDING).all()
    assert window_of(90, 120, 64, "pad") == (8 / 64, 0, 56 / 64, 1)
    high = square(np.full((120, 90, 3), 77, dtype=np.uint8), 64, "pad")
    np.testing.assert_array_equal(high, wide.transpose(1, 0, 2))
    even = np.random.default_rng(0).integers(0, 256, (100, 100, 3), dtype=np.uint8)
    np.testing.assert_array_equal(square(even, 64, "pad"), square(even, 64))


def test_padding_is_no_lesion():
    padded = square_mask(np.ones((90, 120), dtype=bool), 64, "pad")
    assert padded[8:56].all()
    assert not padded[:8].any()
    assert not padded[56:].any()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("fit", ["squeeze", "pad"])
def test_a_lesion_comes_back_where_it_was(shape, fit):
    height, width = shape
    mask = np.zeros(shape, dtype=bool)
    mask[height // 5 : -(-height // 2), width // 3 : -(-2 * width // 3)] = True
    in_square = square_mask(mask, 224, fit)
    assert mask_in_square(mask, height, width, 224, fit).tolist() == in_square.tolist()
    back = unsquare(in_square.astype(np.float32), height, width, fit) >= 0.5
    # A pixel of the square may be several of the picture's: the border may lie beside its place by one of them.
    reach = int(np.ceil(max(height, width) / 224)) + 1
    apart = cv2.dilate(mask.astype(np.uint8), np.ones((2 * reach + 1,) * 2)).astype(bool)
    core = cv2.erode(mask.astype(np.uint8), np.ones((2 * reach + 1,) * 2)).astype(bool)
    assert not (back & ~apart).any()
    assert (back | ~core).all()
    if min(shape) > 10:
        assert (back & mask).sum() / (back | mask).sum() > 0.93


@pytest.mark.parametrize("shape", SHAPES[:6])
def test_a_square_lesion_stays_square_where_proportions_are_kept(shape):
    side = min(shape) // 2
    mask = np.zeros(shape, dtype=bool)
    mask[2 : 2 + side, 3 : 3 + side] = True
    padded = square_mask(mask, 224, "pad")
    rows, columns = padded.any(axis=1).sum(), padded.any(axis=0).sum()
    assert abs(int(rows) - int(columns)) <= 2
    assert rows == pytest.approx(side * 224 / max(shape), abs=1.5)


@pytest.mark.parametrize("shape", SHAPES[:6])
@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_cells_lie_on_the_pixels_that_they_were_made_of(shape, shift):
    """A picture that rises evenly from left to right and from top to bottom: its cells, placed, give it back."""
    height, width = shape
    y, x = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
    picture = (y[:, None] + x[None, :]).astype(np.float32) / 2
    window = window_of(height, width, 224, "pad")
    # The same plane on the square, then cells of 8 pixels whose centres lie `shift` above and left of their middles.
    place = (np.arange(28) + 0.5 - shift) / 28
    down = (place - window.top) / (window.bottom - window.top)
    right = (place - window.left) / (window.right - window.left)
    cells = ((down[:, None] + right[None, :]) / 2).astype(np.float32)
    back = place_cells(cells, height, width, shift, window)
    inner = slice(height // 10, -height // 10), slice(width // 10, -width // 10)  # beyond the last centres it is flat
    np.testing.assert_allclose(back[inner], picture[inner], atol=1e-5)
