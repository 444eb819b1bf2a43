"""Two pictures of one place laid one upon the other."""

import cv2
import numpy as np
import pytest

from derm.data.synthetic.lesion import draw_lesion
from derm.errors import NotRegistered
from derm.image.register import covered, laid, laid_mask, register


@pytest.fixture(scope="module")
def drawn():
    return draw_lesion("nv", 3, height=240, width=320)


def turned(picture: np.ndarray, angle: float, scale: float, shift=(0.0, 0.0), method=cv2.INTER_CUBIC) -> np.ndarray:
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, scale)
    matrix[:, 2] += shift
    return cv2.warpAffine(picture, matrix, (width, height), flags=method, borderMode=cv2.BORDER_REFLECT_101)


@pytest.mark.parametrize(("angle", "scale", "shift"), [(0, 1, (12, -7)), (25, 1.2, (0, 0)), (-170, 0.85, (5, 5))])
def test_a_known_turn_scale_and_shift_are_found(drawn, angle, scale, shift):
    second = turned(drawn.image, angle, scale, shift)
    mask = turned(drawn.mask.astype(np.uint8), angle, scale, shift, cv2.INTER_NEAREST) > 0
    found = register(drawn.image, second, drawn.mask, mask)
    assert found.scale == pytest.approx(1 / scale, rel=0.01)
    assert abs((found.angle - angle + 180) % 360 - 180) < 0.5  # the second is turned so far anticlockwise
    assert found.residual < 1
    assert found.likeness > 0.9
    height, width = drawn.mask.shape
    there = covered(mask.shape, found, height, width)
    apart = np.abs(laid(second, found, height, width).astype(int) - drawn.image)[there].mean()
    assert apart < 8
    moved = laid_mask(mask, found, height, width)
    assert (moved & drawn.mask).sum() / (moved | drawn.mask)[there].sum() > 0.97


def test_pictures_of_two_sizes_are_laid_on_each_other(drawn):
    large = cv2.resize(drawn.image, (960, 720), interpolation=cv2.INTER_CUBIC)
    found = register(drawn.image, large, drawn.mask, np.zeros((720, 960), dtype=bool))
    assert found.scale == pytest.approx(1 / 3, rel=0.005)
    # Pixel centres: the first of the small picture lies in the middle of the first nine of the large one.
    assert found.matrix @ [1, 1, 1] == pytest.approx([0, 0], abs=0.3)


def test_other_skin_is_refused_in_one_sentence(drawn):
    other = draw_lesion("mel", 8, height=240, width=320)
    with pytest.raises(NotRegistered, match=r"found again in the other, and 10 are needed: choose two pictures"):
        register(drawn.image, other.image, drawn.mask, other.mask)


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_a_picture_of_one_shade_fits_nothing(drawn, shade):
    with pytest.raises(NotRegistered, match="Only 0 places"):
        register(drawn.image, np.full_like(drawn.image, shade), drawn.mask, drawn.mask)
