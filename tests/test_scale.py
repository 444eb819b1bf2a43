"""Scaling to the network's square and back."""

import numpy as np

from derm.image.scale import square, square_mask, unsquare


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
