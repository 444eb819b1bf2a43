"""One case as a picture: plain, with its outline, with the evidence for a diagnosis, or with that diagnosis's mask.

Needs a `Case`. Draws at the size that is asked for and not at the picture's own, so that a click is answered at once.
Knows nothing of pages.
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from derm.diagnoses import DIAGNOSES
from derm.explain.class_mask import binary_class_mask
from derm.image.lesion_measures import feret_line
from derm.image.overlay import draw_line, draw_outline, jpeg, lay_heat, lay_mask, resize_mask, resize_picture
from derm.predict.case import Case

Layer = Literal["Original", "Outline", "Heat map", "Class mask"]
LAYERS: tuple[Layer, ...] = get_args(Layer)
CLASS_LAYERS: tuple[Layer, ...] = ("Heat map", "Class mask")
"""Those that show one diagnosis."""

SCREEN = 1200
"""Longer side of a picture for the screen, pixels."""

FINER = 3600
"""Longer side of a picture that is zoomed into, at most, pixels."""


def draw_view(case: Case, layer: Layer, index: int, opacity: float, longest: int | None = SCREEN) -> NDArray[np.uint8]:
    """The case with one layer: uint8 (h, w, 3) RGB.

    index: of the diagnosis in `CODES`, and opacity: of the layer, 0 … 1; both are for `CLASS_LAYERS`, which come with
    the outline, to be seen against it. longest: the longer side, pixels; None keeps the picture's own size.
    """
    height, width = case.mask.shape if longest is None else screen_size(case, longest)
    image = case.image if longest is None else resize_picture(case.image, height, width)
    if layer == "Original":
        return image
    if layer == "Outline":
        return outlined(case, image)
    evidence = case.evidence[index]
    if layer == "Heat map":
        # A flat map is 0 everywhere; laying it on would paint the picture black and say nothing.
        heated = image if evidence.flat else lay_heat(image, evidence.scaled(height, width), opacity)
        return outlined(case, heated)
    marked = class_mask_at(case, index, height, width)
    return outlined(case, lay_mask(image, marked, DIAGNOSES[index].colour, opacity))


def outlined(case: Case, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`image`, uint8 (h, w, 3), with the outline as a line; where it was corrected, the model's own dashed below it."""
    height, width = image.shape[:2]
    below = image
    if case.polygons is not None and case.has_lesion:
        below = draw_outline(image, resize_mask(case.mask, height, width), dashed=True)
    return draw_outline(below, resize_mask(case.outline, height, width))


def draw_diameter(case: Case, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`image`, uint8 (h, w, 3), with the greatest diameter of the outline as a line between two bars; as it is without.

    The line has a light core and a dark rim, as outlines have, and is straight, so that nobody takes it for one.
    """
    if not case.has_outline:
        return image
    height, width = image.shape[:2]
    across, down = width / case.mask.shape[1], height / case.mask.shape[0]
    (x1, y1), (x2, y2) = feret_line(case.outline)
    return draw_line(image, ((x1 + 0.5) * across, (y1 + 0.5) * down), ((x2 + 0.5) * across, (y2 + 0.5) * down))


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
