"""Outlines, heat maps and masks on small pictures, pixel by pixel."""

import cv2
import numpy as np
import pytest

from derm.image.overlay import (
    draw_outline,
    heat_colours,
    heat_stops,
    jpeg,
    lay_heat,
    lay_mask,
    mask_png,
    png,
    resize_mask,
    resize_picture,
    rgb,
)

GREY = np.full((80, 100, 3), 100, dtype=np.uint8)


def square_mask() -> np.ndarray:
    mask = np.zeros((80, 100), dtype=bool)
    mask[20:60, 30:70] = True
    return mask


def test_an_outline_is_a_light_line_in_a_dark_rim():
    for skin in (0, 100, 250):  # black corners, dark and pale skin
        drawn = draw_outline(np.full((80, 100, 3), skin, dtype=np.uint8), square_mask())
        assert drawn[40, 30].min() > 200  # on the border; lines are smoothed, so not all of 255
        assert drawn[40, 28:33].min() < 60  # beside it
        assert set(drawn[40, 50]) == set(drawn[5, 5]) == {skin}


def test_the_picture_that_is_drawn_on_is_a_copy():
    draw_outline(GREY, square_mask())
    assert GREY.max() == 100


def test_holes_and_pieces_are_outlined_too():
    mask = square_mask()
    mask[35:45, 45:55] = False
    mask[70:78, 5:15] = True
    drawn = draw_outline(GREY, mask)
    assert min(drawn[40, 44].min(), drawn[74, 5].min()) > 200


def test_an_empty_mask_leaves_the_picture():
    np.testing.assert_array_equal(draw_outline(GREY, np.zeros((80, 100), dtype=bool)), GREY)


def test_the_line_grows_with_the_picture():
    mask = np.zeros((1200, 1200), dtype=bool)
    mask[300:900, 300:900] = True
    row = draw_outline(np.zeros((1200, 1200, 3), dtype=np.uint8), mask)[600, 280:320, 0]
    small = draw_outline(np.zeros((80, 100, 3), dtype=np.uint8), square_mask())[40, 20:40, 0]
    assert (row > 200).sum() in (3, 4, 5)  # 0.0025 · 1200, and what smoothing adds
    assert (small > 200).sum() == 1


def test_heat_is_one_colour_for_one_value_at_any_place():
    heat = np.zeros((80, 100), dtype=np.float32)
    heat[:, 50:] = 1
    assert tuple(lay_heat(GREY, heat, 0)[0, 0]) == (100, 100, 100)
    full = lay_heat(GREY, heat, 1)
    assert tuple(full[0, 0]) == (0, 0, 4)  # inferno's ends, as Matplotlib prints them: #000004 and #fcffa4
    assert tuple(full[0, 99]) == (252, 255, 164)
    assert tuple(lay_heat(GREY, heat, 0.5)[0, 99]) == (176, 178, 132)  # halves of 352, 355 (to even), 264
    assert heat_stops(2) == ["#000004", "#fcffa4"]


def test_heat_rises_in_lightness():
    colours = heat_colours(np.linspace(0, 1, 33, dtype=np.float32)[None])
    lightness = cv2.cvtColor(colours, cv2.COLOR_RGB2LAB)[0, :, 0].astype(int)
    assert (np.diff(lightness) > 0).all()


def test_a_mask_is_tinted_inside_and_always_has_its_border():
    tinted = lay_mask(GREY, square_mask(), "#c86400", 0.5)
    assert tuple(tinted[40, 50]) == (150, 100, 50)
    assert tuple(tinted[5, 5]) == (100, 100, 100)
    assert tuple(lay_mask(GREY, square_mask(), "#c86400", 0)[40, 30]) > (200, 200, 200)


def test_colours_are_read_from_hex():
    assert rgb("#E69F00") == (230, 159, 0)


@pytest.mark.parametrize(("height", "width"), [(20, 25), (160, 200), (80, 100)])
def test_masks_and_pictures_take_another_size(height, width):
    assert resize_picture(GREY, height, width).shape == (height, width, 3)
    mask = resize_mask(square_mask(), height, width)
    assert (mask.shape, mask.dtype) == ((height, width), bool)
    assert mask.mean() == pytest.approx(0.2, abs=0.02)  # 40 · 40 of 8,000


def test_files_hold_the_pixels():
    picture = np.zeros((40, 40, 3), dtype=np.uint8)
    picture[..., 0] = 200  # red, so that a swap of channels shows
    lossless = cv2.imdecode(np.frombuffer(png(picture), np.uint8), cv2.IMREAD_COLOR_RGB)
    np.testing.assert_array_equal(lossless, picture)
    lossy = cv2.imdecode(np.frombuffer(jpeg(picture), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert np.abs(lossy.astype(int) - picture).max() < 8
    assert jpeg(picture).startswith(b"\xff\xd8")
    grey = cv2.imdecode(np.frombuffer(mask_png(square_mask()), np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(grey, square_mask() * np.uint8(255))


def test_two_sizes_and_opacities_outside_are_refused():
    with pytest.raises(
        ValueError, match=r"the picture is \(80, 100\), the layer \(8, 8\): bring them to one size first"
    ):
        draw_outline(GREY, np.zeros((8, 8), dtype=bool))
    with pytest.raises(ValueError, match="the layer"):
        lay_heat(GREY, np.zeros((8, 8), dtype=np.float32), 0.5)
    with pytest.raises(ValueError, match=r"the opacity is 1\.5, not a share from 0 to 1"):
        lay_heat(GREY, np.zeros((80, 100), dtype=np.float32), 1.5)
    with pytest.raises(ValueError, match="the opacity is -1"):
        lay_mask(GREY, square_mask(), "#000000", -1)
