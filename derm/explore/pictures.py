"""Small and large pictures of one image of the data set, plain, outlined, or with the evidence for a diagnosis.

Needs an image's paths, and for what the model sees the loaded weights. Knows nothing of galleries.
"""

from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from derm.data.catalogue import Catalogue
from derm.errors import DataFault
from derm.explore.thumbnails import SIDE, SMALL_LINE, thumbnail
from derm.image.overlay import draw_outline, jpeg, lay_heat, resize_mask, resize_picture
from derm.language.speech import mark
from derm.model.weights import Model
from derm.predict.case import Case
from derm.predict.case_list import Turn, at_once, data_case
from derm.predict.view import SCREEN, screen_size

Look = Literal["Picture", "True outline", "Both outlines", "Heat map"]
LOOKS: tuple[Look, ...] = get_args(Look)
ASKED: tuple[Look, ...] = ("Both outlines", "Heat map")
"""Looks for which the model has to be asked."""

LOOK_NAMES = (mark("Picture"), mark("True outline"), mark("Both outlines"), mark("Heat map"))
"""`LOOKS`, for the catalogue."""

LEGEND: dict[Look, str] = {
    "Picture": mark("As it came, without marks."),
    "True outline": mark("Dashed: the true outline."),
    "Both outlines": mark("Line: the model's outline. Dashed: the true one."),
    "Heat map": mark(
        "Colour: the evidence for the diagnosis that the model gives, from dark, none, to bright, its own "
        "maximum in each picture. Line: the model's outline. Dashed: the true one."
    ),
}

OPACITY = 0.5


def look_at(case: Case, look: Look, longest: int) -> NDArray[np.uint8]:
    """One image of the data set with a look, uint8 (h, w, 3) RGB, its longer side `longest` pixels.

    case: with its truth where there is a mask. The heat map is that of the diagnosis that the model gives; a flat one
    is 0 everywhere and leaves the picture as it is.
    """
    height, width = screen_size(case, longest)
    shown = resize_picture(case.image, height, width)
    evidence = case.evidence[int(case.probabilities.argmax())]
    if look == "Heat map" and not evidence.flat:
        shown = lay_heat(shown, evidence.scaled(height, width), OPACITY)
    scale = 1.0 if longest > SIDE else SMALL_LINE
    if look in ASKED:
        shown = draw_outline(shown, resize_mask(case.mask, height, width), scale=scale)
    if case.truth is None or look == "Picture":
        return shown
    return draw_outline(shown, resize_mask(case.truth, height, width), dashed=True, scale=scale)


def look_jpeg(case: Case, look: Look, *, large: bool) -> bytes:
    """`look_at` as a JPEG file, as large as the screen or as small as a thumbnail."""
    return jpeg(look_at(case, look, SCREEN if large else SIDE))


def small_picture(model: Model, catalogue: Catalogue, row: int, look: Look, cache: Path, turn: Turn = at_once) -> bytes:
    """One image of the data set as a thumbnail, a JPEG file; grey where a file cannot be read.

    row: of the catalogue's table. The plain ones are kept on disk in `cache`; for the others the model is asked. turn:
    entered while the image is read.
    """
    entry = catalogue.table.iloc[row]
    image_path, mask_path = str(entry["image_path"]), str(entry["mask_path"])
    if look not in ASKED:
        return thumbnail(image_path, mask_path, cache, outlined=look != "Picture", turn=turn)
    try:
        case = data_case(model, catalogue, str(entry["image_id"]), turn)
    except DataFault:
        return thumbnail("", "", cache, outlined=False)
    return look_jpeg(case, look, large=False)
