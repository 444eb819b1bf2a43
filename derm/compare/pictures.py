"""The pictures of a comparison: the case with its outlines, a heat map cut at a threshold, and the seven in a row.

Needs a `Case` and `ExplainedCase` maps. Draws at the size that is asked for. Knows no page.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from derm.compare.explained_case import ExplainedCase
from derm.explain.gradcam import HeatMap
from derm.image.overlay import draw_outline, lay_heat, png, resize_mask, resize_picture
from derm.predict.case import Case
from derm.predict.view import screen_size

LONGEST = 560
"""Longer side of one of three pictures side by side on a wide screen, pixels."""


def draw_outlines(case: Case, longest: int = LONGEST) -> NDArray[np.uint8]:
    """The case with the model's outline as a line and the true one, where known, dashed: uint8 (h, w, 3) RGB."""
    height, width = screen_size(case, longest)
    drawn = draw_outline(resize_picture(case.image, height, width), resize_mask(case.outline, height, width))
    if case.truth is not None:
        drawn = draw_outline(drawn, resize_mask(case.truth, height, width), dashed=True)
    return drawn


def draw_cut(
    case: Case, evidence: HeatMap, threshold: float, opacity: float, longest: int = LONGEST
) -> NDArray[np.uint8]:
    """The case under a heat map where that reaches `threshold`, 0 … 1, and as it is elsewhere; with the outline.

    opacity: of the heat, 0 … 1. A flat map leaves the picture with its outline alone. uint8 (h, w, 3) RGB.
    """
    height, width = screen_size(case, longest)
    image = resize_picture(case.image, height, width)
    outline = resize_mask(case.outline, height, width)
    if evidence.flat:
        return draw_outline(image, outline)
    heat = evidence.scaled(height, width)
    reached = heat >= threshold
    heated = np.where(reached[..., None], lay_heat(image, heat, opacity), image)
    return draw_outline(draw_outline(heated, reached, scale=0.4), outline)


def row_png(
    case: Case, pair: Sequence[ExplainedCase], threshold: float, opacity: float, longest: int = LONGEST
) -> bytes:
    """The three pictures of a comparison side by side, as a PNG file."""
    cuts = [draw_cut(case, held.evidence, threshold, opacity, longest) for held in pair]
    return png(np.hstack([draw_outlines(case, longest), *cuts]))
