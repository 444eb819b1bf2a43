"""Measures of a lesion, against shapes and colours whose values are known."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derm.image.lesion_measures import feret_diameter, feret_line, measure_lesion

SKIN, BROWN, DARK, BLUE = (205, 160, 140), (120, 75, 55), (25, 20, 18), (95, 100, 125)


def disc(radius: int = 40, side: int = 160) -> np.ndarray:
    down, across = np.mgrid[0:side, 0:side]
    return (down - side // 2) ** 2 + (across - side // 2) ** 2 <= radius**2


def painted(mask: np.ndarray, colour: tuple[int, int, int] = BROWN) -> np.ndarray:
    image = np.empty((*mask.shape, 3), dtype=np.uint8)
    image[:] = SKIN
    image[mask] = colour
    return image


def test_a_disc_has_its_diameter_area_and_no_asymmetry():
    mask = disc(40)
    found = measure_lesion(painted(mask), mask)
    assert found.diameter == pytest.approx(81, abs=0.5)
    assert found.area == mask.sum() == pytest.approx(math.pi * 40**2, rel=0.01)
    assert found.fill == pytest.approx(81 / 160, abs=0.01)
    assert found.shape_asymmetry < 0.02
    assert found.colour_asymmetry < 1.5
    assert found.blue_grey == 0
    assert found.black == 0


def test_a_scale_turns_pixels_into_millimetres():
    mask = disc(40)
    found = measure_lesion(painted(mask), mask)
    assert found.diameter_mm(0.1) == pytest.approx(8.1, abs=0.05)
    assert found.area_mm2(0.1) == pytest.approx(math.pi * 16, rel=0.01)


def test_the_diameter_is_the_diagonal_of_a_rectangle():
    mask = np.zeros((60, 90), dtype=bool)
    mask[10:41, 20:61] = True
    assert feret_diameter(mask) == pytest.approx(math.hypot(30, 40) + 1)
    ends = {tuple(end) for end in feret_line(mask)}
    assert ends in ({(20, 10), (60, 40)}, {(60, 10), (20, 40)})
    assert feret_diameter(np.zeros((5, 5), dtype=bool)) == 0


def test_half_a_disc_of_another_colour_is_asymmetric_in_colour_alone():
    mask = disc(40)
    image = painted(mask)
    right = mask.copy()
    right[:, :80] = False
    image[right] = DARK
    found = measure_lesion(image, mask)
    assert found.colour_asymmetry > 15
    assert found.shape_asymmetry < 0.03
    assert found.black == pytest.approx(0.5, abs=0.03)


def test_a_triangle_is_asymmetric_in_shape():
    mask = np.zeros((160, 160), dtype=np.uint8)
    cv2.fillPoly(mask, [np.array([[40, 120], [120, 120], [40, 40]])], 1)
    found = measure_lesion(painted(mask > 0), mask > 0)
    # Folded over the axis along its long side, a right-angled triangle with equal legs loses a good part.
    assert 0.2 < found.shape_asymmetry < 0.7


def test_blue_grey_is_told_from_brown_under_warm_light():
    mask = disc(40)
    image = painted(mask)
    half = mask.copy()
    half[:80] = False
    image[half] = BLUE
    warm = np.clip(image * np.array([1.1, 1.0, 0.8]), 0, 255).astype(np.uint8)
    for seen in (image, warm):
        assert measure_lesion(seen, mask).blue_grey == pytest.approx(0.5, abs=0.05)


def test_without_a_lesion_there_is_nothing_to_measure():
    assert measure_lesion(painted(disc()), np.zeros((160, 160), dtype=bool)) is None


def test_two_sizes_are_refused():
    with pytest.raises(ValueError, match="alike"):
        measure_lesion(painted(disc()), np.zeros((10, 10), dtype=bool))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(33, 400), st.integers(33, 400))
def test_whatever_the_outline_measures_stay_in_their_ranges(seed, height, width):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    mask = rng.random((height, width)) < rng.choice([0.001, 0.3, 1.0])
    found = measure_lesion(image, mask)
    if found is None:
        return
    for share in (found.shape_asymmetry, found.blue_grey, found.black):
        assert 0 <= share <= 1
    assert found.colour_asymmetry >= 0
    assert 1 <= found.diameter <= math.hypot(height, width) + 1


def test_a_quarter_turn_changes_no_measure():
    rng = np.random.default_rng(3)
    mask = disc(30)
    mask[60:90, 90:140] = True
    image = painted(mask)
    image[mask] = np.clip(image[mask] + rng.integers(-20, 20, (mask.sum(), 1)), 0, 255)
    there, back = measure_lesion(image, mask), measure_lesion(np.rot90(image).copy(), np.rot90(mask).copy())
    assert back.diameter == pytest.approx(there.diameter, abs=1e-6)
    assert back.shape_asymmetry == pytest.approx(there.shape_asymmetry, abs=0.02)
    assert back.colour_asymmetry == pytest.approx(there.colour_asymmetry, rel=0.05)
