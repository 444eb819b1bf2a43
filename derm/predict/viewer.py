"""A case for the viewer of the page: its picture, and over it layers that the browser draws: lines, areas, heat map.

Needs a `Case`. Places are pixels of the picture, (0, 0) the centre of the first one. The same layers are drawn here
for a file to keep. Knows nothing of pages.
"""

import base64
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from derm.diagnoses import DIAGNOSES
from derm.image.lesion_measures import feret_line
from derm.image.overlay import heat_colours, heat_stops, jpeg, lay_heat, lay_mask, png, resize_picture
from derm.predict.case import Case
from derm.predict.case_structures import decoder_of, structures_of
from derm.predict.entries import models_polygons
from derm.predict.measure_words import length
from derm.predict.view import LAYERS, class_mask_at, draw_diameter, outlined, screen_jpeg, screen_size
from derm.predict.viewer_words import LAYER_NAMES, said_words
from derm.predict.words import caption, description_of, heat_ends
from derm.structures.look import FoundStructure
from derm.structures.table import KEYS
from derm.structures.words import alternative, layer_name, opacity_name

OVERLAYS = tuple(LAYER_NAMES)
"""Layers that may lie on the picture, by name."""

FIRST = {"Outline": 1.0}
"""What a visitor sees first."""

OPACITY = {"Outline": 1.0, "Heat map": 0.5, "Class mask": 0.5, "Diameter": 1.0}
"""Of a layer until the visitor sets another, 0 … 1."""

STRUCTURE_LAYERS = KEYS
"""Layers of dermoscopic structures, by key; which of them a case has `structure_layers` says."""

STRUCTURE_OPACITY = 0.4
"""Of such a layer until the visitor sets another, 0 … 1."""

HEAT_SIDE = 480
"""Longer side of the heat map that is sent, pixels: it has no finer grain, and the browser spreads it smoothly."""

MASK_SIDE = 900
"""Longer side on which the class mask is made, pixels."""

LINE = 0.0006
"""How far a drawn line may leave the border of a mask, as a share of the picture's longer side."""


def known_layers(given: object) -> dict[str, float]:
    """Layers with their opacity, as a page hands them over; what is none is left out."""
    if not isinstance(given, Mapping):
        return dict(FIRST)
    kept = {}
    for name in (*OVERLAYS, *STRUCTURE_LAYERS):
        opacity = given.get(name)
        if isinstance(opacity, int | float) and 0 <= opacity <= 1:
            kept[name] = float(opacity)
    return kept


def with_evidence(shown: Mapping[str, float]) -> dict[str, float]:
    """The layers with something of one diagnosis among them: the heat map, where there is nothing yet."""
    there = "Heat map" in shown or "Class mask" in shown
    return dict(shown) if there else {**shown, "Heat map": OPACITY["Heat map"]}


def draw_shown(case: Case, shown: Mapping[str, float], index: int, longest: int | None = None) -> NDArray[np.uint8]:
    """The case with the layers `shown`, each with its opacity, 0 … 1: uint8 (h, w, 3) RGB.

    index: of the diagnosis in `CODES`. longest: the longer side, pixels; None keeps the picture's own size.
    """
    height, width = case.mask.shape if longest is None else screen_size(case, longest)
    drawn = resize_picture(case.image, height, width)
    if "Heat map" in shown and not case.evidence[index].flat:
        drawn = lay_heat(drawn, case.evidence[index].scaled(height, width), shown["Heat map"])
    if "Class mask" in shown:
        marked = class_mask_at(case, index, height, width)
        drawn = lay_mask(drawn, marked, DIAGNOSES[index].colour, shown["Class mask"])
    for one in structures_among(case, shown):
        drawn = lay_mask(drawn, one.mask(height, width), one.structure.colour, shown[one.structure.key])
    for name, draw in (("Outline", outlined), ("Diameter", draw_diameter)):
        if name in shown:
            drawn = np.asarray(cv2.addWeighted(draw(case, drawn), shown[name], drawn, 1 - shown[name], 0), np.uint8)
    return drawn


def shown_png(case: Case, shown: Mapping[str, float], index: int) -> bytes:
    """`draw_shown` at the picture's own size, as a PNG file."""
    return png(draw_shown(case, shown, index))


def case_view(case: Case, index: int, shown: Mapping[str, float], about: str, *, finer: bool) -> dict[str, Any]:
    """What the viewer gets to know of a case, ready for JSON.

    index: of the diagnosis in `CODES` whose evidence is shown. shown: layers with their opacity. about: what stands
    above the picture. finer: with as many pixels as there are, up to `derm.predict.view.FINER`.
    """
    height, width = case.mask.shape
    evidence = case.evidence[index]
    areas = areas_of(case, shown)
    fine = lines_of(case.mask) if case.has_lesion else []
    starts = models_polygons(case)
    pane = {
        "picture": _base64(screen_jpeg(case, "Original", index, 1.0, finer=finer)),
        "alts": {layer: description_of(case, layer, index) for layer in LAYERS},
        "captions": {layer: caption(case, layer, index) for layer in LAYERS},
    }
    heat = None
    if not evidence.flat:
        colours = heat_colours(evidence.scaled(*screen_size(case, HEAT_SIDE)))
        heat = {"picture": _base64(jpeg(colours)), "ends": heat_ends(case, index), "stops": heat_stops()}
    return {
        **_frame(width, height, about),
        "panes": [pane],
        "layers": [*OVERLAYS, *structure_layers(case)],
        "areas": areas,
        "shown": dict(shown),
        "rings": {
            "fine": fine,
            "model": starts,
            "shown": starts if case.polygons is None else case.polygons,
            "edited": case.polygons is not None,
        },
        "heat": heat,
        "mask": lines_of(class_mask_at(case, index, *screen_size(case, MASK_SIDE)), width),
        "colour": DIAGNOSES[index].colour,
        **_diameter(case),
        "tools": ["out", "in", "whole", "side", "ruler", "edit", "full"],
    }


def structure_layers(case: Case) -> tuple[str, ...]:
    """Keys of the structures whose places can be shown of a case; nothing is computed for it."""
    decoder = decoder_of(case)
    return () if decoder is None else decoder.info.placed


def structures_among(case: Case, shown: Mapping[str, float]) -> list[FoundStructure]:
    """The structures among the layers `shown`; the network looks for them where it has not yet."""
    wanted = [key for key in structure_layers(case) if key in shown]
    return [one for one in structures_of(case) if one.structure.key in wanted] if wanted else []


def areas_of(case: Case, shown: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    """The areas of the structures among the layers `shown`, by key: closed lines and a colour."""
    width = case.mask.shape[1]
    return {
        one.structure.key: {
            "lines": lines_of(one.mask(*screen_size(case, MASK_SIDE)), width),
            "colour": one.structure.colour,
            "said": alternative(one),
        }
        for one in structures_among(case, shown)
    }


def pictures_view(width: int, height: int, pictures: list[tuple[bytes, str, str]]) -> dict[str, Any]:
    """What the viewer gets to know of several pictures side by side, each a JPEG file with caption and description.

    width, height: of all, pixels of the picture that they show.
    """
    panes = [
        {"picture": _base64(content), "captions": {"Original": said}, "alts": {"Original": alternative}}
        for content, said, alternative in pictures
    ]
    nothing = {"fine": [], "model": [], "shown": [], "edited": False}
    return {
        **_frame(width, height, ""),
        "panes": panes,
        "layers": [],
        "areas": {},
        "shown": {},
        "rings": nothing,
        "heat": None,
        "mask": [],
        "colour": "",
        "diameter": None,
        "diameter_label": "",
        "scale": None,
        "tools": ["out", "in", "whole", "full"],
    }


def lines_of(mask: NDArray[np.bool_], width: int | None = None) -> list[list[list[float]]]:
    """The borders of a mask, bool (h, w), holes too, each a closed line of [x, y].

    width: of the picture that the mask stands for, pixels, where that is another than its own.
    """
    grow = 1.0 if width is None else width / mask.shape[1]
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    lines = []
    for contour in contours:
        line = cv2.approxPolyDP(contour, LINE * max(mask.shape), closed=True)[:, 0]
        if len(line) > 2:
            lines.append(((line + 0.5) * grow - 0.5).round(2).tolist())
    return lines


def _frame(width: int, height: int, about: str) -> dict[str, Any]:
    return {
        "width": width,
        "height": height,
        "about": about,
        "words": _words(),
        "opacity": OPACITY | dict.fromkeys(STRUCTURE_LAYERS, STRUCTURE_OPACITY),
    }


def _words() -> dict[str, Any]:
    """What the viewer says, in the language now spoken, with the names of all layers."""
    words: dict[str, Any] = dict(said_words())
    own = {"names": layer_name, "opacities": opacity_name}
    return {**words, **{of: words[of] | {key: name(key) for key in STRUCTURE_LAYERS} for of, name in own.items()}}


def _diameter(case: Case) -> dict[str, Any]:
    lesion = case.lesion
    scale = None if case.scale is None else case.scale.mm_per_pixel
    if lesion is None:
        return {"diameter": None, "diameter_label": "", "scale": scale}
    start, end = feret_line(case.outline)
    return {"diameter": [*start, *end], "diameter_label": length(lesion.diameter, case.scale), "scale": scale}


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
