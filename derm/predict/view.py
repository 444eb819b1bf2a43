"""One case as a picture: plain, with its outline, with the evidence for a diagnosis, or with that diagnosis's mask.

Needs a `Case`. Draws at the size that is asked for and not at the picture's own, so that a click is answered at once.
Knows nothing of pages.
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from derm.diagnoses import DIAGNOSES
from derm.explain.class_mask import binary_class_mask
from derm.image.overlay import draw_outline, jpeg, lay_heat, lay_mask, resize_mask, resize_picture
from derm.predict.case import Case

Layer = Literal["Original", "Outline", "Heat map", "Class mask"]
LAYERS: tuple[Layer, ...] = get_args(Layer)
CLASS_LAYERS: tuple[Layer, ...] = ("Heat map", "Class mask")
"""Those that show one diagnosis."""

SCREEN = 1200
"""Longer side of a picture for the screen, pixels."""

FINER = 3600
"""Longer side of a picture that is zoomed into, at most, pixels."""

ZOOM_WORDS = {
    "bar": "Zoom: also double click, Ctrl and wheel, two fingers; arrow keys move the picture",
    "out": "Smaller",
    "in": "Larger",
    "whole": "Whole picture",
}
"""What is said of zooming."""


def draw_view(case: Case, layer: Layer, index: int, opacity: float, longest: int | None = SCREEN) -> NDArray[np.uint8]:
    """The case with one layer: uint8 (h, w, 3) RGB.

    index: of the diagnosis in `CODES`, and opacity: of the layer, 0 … 1; both are for `CLASS_LAYERS`, which come with
    the outline, to be seen against it. longest: the longer side, pixels; None keeps the picture's own size.
    """
    height, width = case.mask.shape if longest is None else screen_size(case, longest)
    image = case.image if longest is None else resize_picture(case.image, height, width)
    if layer == "Original":
        return image
    outline = resize_mask(case.mask, height, width)
    if layer == "Outline":
        return draw_outline(image, outline)
    evidence = case.evidence[index]
    if layer == "Heat map":
        # A flat map is 0 everywhere; laying it on would paint the picture black and say nothing.
        heated = image if evidence.flat else lay_heat(image, evidence.scaled(height, width), opacity)
        return draw_outline(heated, outline)
    marked = class_mask_at(case, index, height, width)
    return draw_outline(lay_mask(image, marked, DIAGNOSES[index].colour, opacity), outline)


def screen_jpeg(case: Case, layer: Layer, index: int, opacity: float, *, finer: bool = False) -> bytes:
    """`draw_view` for the screen, as a JPEG file; finer: with as many pixels as there are, up to `FINER`."""
    return jpeg(draw_view(case, layer, index, opacity, min(FINER, max(case.mask.shape)) if finer else SCREEN))


def has_finer(case: Case) -> bool:
    """Whether the picture has more pixels than the screen shows."""
    return bool(max(case.mask.shape) > SCREEN)


def class_mask_at(case: Case, index: int, height: int, width: int) -> NDArray[np.bool_]:
    """The binary class mask of `CODES[index]`, bool (height, width), made at that size and not at the picture's own."""
    return binary_class_mask(case.soft_class_mask(index, height, width), case.class_mask_threshold)


def screen_size(case: Case, longest: int = SCREEN) -> tuple[int, int]:
    """Height and width of the picture with its longer side brought to `longest` pixels, shrunk or grown."""
    height, width = case.mask.shape
    scale = longest / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))
