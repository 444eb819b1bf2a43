"""What is measured of a picture and its outline: seams, surfaces, exposure, sharpness, pieces, the edge."""

import cv2
import numpy as np
import pytest

from derm.data.synthetic.lesion import draw_lesion
from derm.image.quality import (
    LEAST_PIECE,
    SECOND,
    _percentile,
    _without_borders,
    count_lesions,
    measure_quality,
    share_at_edge,
)

NOTHING = np.zeros((300, 400), dtype=bool)


def drawn(seed: int = 1) -> np.ndarray:
    return draw_lesion("nv", seed).image


def measured(image: np.ndarray):
    return measure_quality(image, np.zeros(image.shape[:2], dtype=bool))


@pytest.mark.parametrize("axis", [0, 1])
def test_two_pictures_side_by_side_have_a_seam_all_across(axis):
    one, other = np.full((300, 400, 3), 150, np.uint8), np.full((300, 400, 3), 180, np.uint8)
    assert measured(np.concatenate([one, other], axis=axis)).seam == 1
    assert measured(one).seam == 0


def test_a_hair_and_a_border_are_no_seams():
    image = drawn()
    plain = measured(image).seam
    hair = image.copy()
    hair[:, 200:202] = 20
    assert measured(hair).seam < plain + 0.1
    for colour in (0, 255):
        framed = cv2.copyMakeBorder(image, 60, 60, 90, 90, cv2.BORDER_CONSTANT, value=(colour,) * 3)
        assert measured(framed).seam < plain + 0.1


def test_a_step_over_half_the_height_counts_half():
    y, x = np.mgrid[:256, :256] / 256 * 2 * np.pi
    image = np.repeat((150 + 15 * np.sin(x) + 15 * np.sin(y))[..., None], 3, axis=2).astype(np.uint8)
    assert measured(image).seam == 0
    image[:128, :100] += 40
    assert measured(image).seam == pytest.approx(0.5, abs=0.03)


def test_surface_is_the_share_of_the_three_most_frequent_colours():
    image = np.random.default_rng(0).integers(0, 255, (100, 100, 3), dtype=np.uint8)
    image[:10], image[10:30], image[30:35], image[35:36] = (9, 9, 9), (250, 250, 251), (1, 2, 3), (3, 2, 1)
    assert measured(image).surface == pytest.approx(0.35)


def test_burnt_out_is_what_all_three_channels_reach():
    image = np.full((100, 200, 3), 100, np.uint8)
    image[:25] = (250, 255, 251)
    image[25:50] = (255, 249, 255)
    assert measured(image).clipped == 0.25
    assert measured(image).brightest > 240
    assert measured(np.full((100, 200, 3), 35, np.uint8)).brightest == 35


def test_blur_takes_detail_away_whatever_the_size():
    image = drawn()
    large = cv2.resize(image, (1600, 1200), interpolation=cv2.INTER_CUBIC)
    sharp = measured(image).detail
    assert measured(large).detail == pytest.approx(sharp, rel=0.2)
    details = [measured(cv2.GaussianBlur(image, (0, 0), share * 400)).detail for share in (0.005, 0.01, 0.02)]
    assert sharp > details[0] > details[1] >= details[2]
    assert measured(np.full((1, 1, 3), 9, np.uint8)).detail == 0


def test_pieces_count_as_lesions_by_their_share():
    outline = np.zeros((100, 100), dtype=bool)
    assert count_lesions(outline) == 0
    outline[:40, :50] = True  # 2,000 pixels
    assert count_lesions(outline) == 1
    second = round(SECOND * 2000)
    outline[60:80, : second // 20] = True
    assert count_lesions(outline) == 2
    outline[60:80, : second // 20] = False
    outline[60:79, : second // 20] = True  # one row too few
    assert count_lesions(outline) == 1
    specks = np.zeros((100, 100), dtype=bool)
    specks[0, :40] = specks[50, :40] = True  # 40 of 10,000 pixels each, below LEAST_PIECE
    assert LEAST_PIECE * 10_000 == 50
    assert count_lesions(specks) == 0


def test_the_edge_has_its_share_of_the_outline():
    outline = np.zeros((50, 60), dtype=bool)
    assert share_at_edge(outline) == 0
    outline[10:20, 10:30] = True
    assert share_at_edge(outline) == 0
    outline[:] = False
    outline[:10, 10:30] = True  # 10 × 20 at the upper edge: 56 pixels around, 20 of them on it
    assert share_at_edge(outline) == 20 / 56
    outline[:] = True
    assert share_at_edge(outline) == 1


def test_the_outline_is_measured_with_the_picture():
    drawing = draw_lesion("nv", 1)
    assert measure_quality(drawing.image, drawing.mask).lesions == 1
    assert measure_quality(drawing.image, NOTHING).lesions == 0


@pytest.mark.parametrize("percent", [1, 50, 99])
def test_a_percentile_by_counting_is_that_by_sorting(percent):
    random = np.random.default_rng(percent)
    for values in (random.integers(0, 256, 997, np.uint8), random.integers(0, 1021, (32, 33), np.int16), np.full(9, 7)):
        assert _percentile(values, percent) == pytest.approx(np.percentile(values, percent), abs=1e-9)


def test_only_borders_of_one_colour_are_cut_off():
    image = drawn()
    framed = cv2.copyMakeBorder(image, 9, 20, 33, 0, cv2.BORDER_CONSTANT, value=(7, 7, 7)).transpose(2, 0, 1)
    np.testing.assert_array_equal(_without_borders(framed), image.transpose(2, 0, 1))
    blank = np.full((3, 50, 60), 9, np.uint8)
    assert _without_borders(blank).shape == blank.shape
