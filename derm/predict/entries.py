"""What whoever reads a case adds to it: a corrected outline, a scale, the forms. No answer follows from any of it.

Needs a `Case`. What a page or a file hands over is checked here; each refusal is one sentence. Knows nothing of pages.
"""

from dataclasses import replace
from typing import Any, NamedTuple

from derm.errors import EntryRefused
from derm.image.polygons import Polygons, check_polygons, polygons_json, polygons_of, read_polygons
from derm.image.scale import Scale, scale_of_line
from derm.language.speech import say
from derm.predict.case import MIN_LESION, Case, changed
from derm.predict.forms import Forms, forms_json
from derm.predict.words import NOTICE


class Entries(NamedTuple):
    """What was added to a case, as its fields of the same names."""

    polygons: Polygons | None
    scale: Scale | None
    forms: Forms


def entries_of(case: Case) -> Entries:
    """What was added to a case, without the case."""
    return Entries(case.polygons, case.scale, case.forms)


def with_entries(case: Case, was: Case | Entries) -> Case:
    """`case`, the same picture asked about again, with what was added to it as `was`."""
    return changed(case, polygons=was.polygons, scale=was.scale, forms=was.forms)


def with_outline(case: Case, given: object) -> Case:
    """`case` with the outline that was drawn, rings of [x, y] in pixels; raises EntryRefused, see `check_polygons`."""
    height, width = case.mask.shape
    return changed(case, polygons=check_polygons(given, height, width, MIN_LESION))


def with_read_outline(case: Case, content: bytes) -> Case:
    """`case` with the outline in the JSON file `content`, as `outline_json` writes it; raises EntryRefused.

    The model's own stays the model's. A file that calls another outline so is refused: whether a hand has corrected it
    is not known.
    """
    text = content.decode("utf-8", errors="replace")
    height, width = case.mask.shape
    polygons, whose = read_polygons(text, height, width, case.digest, MIN_LESION)
    if whose != "model":
        return changed(case, polygons=polygons)
    if polygons != models_polygons(case):
        raise EntryRefused(
            say(
                "The outline's file says 'model', and the outline is not the one of these weights for this picture: "
                "leave it out for the model's, or call it 'edited' there where you corrected it."
            )
        )
    return with_models_outline(case)


def with_models_outline(case: Case) -> Case:
    """`case` with the model's outline alone."""
    return changed(case, polygons=None)


def with_line(case: Case, line: object, length_mm: object) -> Case:
    """`case` with the scale of a line along a ruler, [x1, y1, x2, y2] in pixels; raises EntryRefused."""
    before = case.scale
    told = before.instead_of if before is not None and before.source == "ruler" else before
    return changed(case, scale=replace(scale_of_line(line, length_mm, *case.mask.shape), instead_of=told))


def without_line(case: Case) -> Case:
    """`case` with the scale that was known before a line along a ruler was drawn, or none."""
    return changed(case, scale=None if case.scale is None else case.scale.instead_of)


def with_forms(case: Case, forms: Forms) -> Case:
    """`case` with its forms filled in so."""
    return changed(case, forms=forms)


def models_polygons(case: Case) -> Polygons:
    """The model's outline as polygons; empty where there is no lesion."""
    return polygons_of(case.mask) if case.has_lesion else ()


def outline_json(case: Case, *, edited: bool) -> str:
    """The model's outline, or the corrected one, as a JSON file of polygons."""
    polygons = (case.polygons or ()) if edited else models_polygons(case)
    height, width = case.mask.shape
    return polygons_json(polygons, height, width, case.digest, "edited" if edited else "model", NOTICE)


def overlap_with_model(case: Case) -> float | None:
    """IoU of the corrected outline and the model's, 0 … 1; None where the outline is the model's."""
    if case.polygons is None:
        return None
    union = (case.outline | case.mask).sum()
    return float((case.outline & case.mask).sum() / union) if union else None


def entries_json(case: Case) -> dict[str, Any]:
    """What was added to the case, and what is measured inside the outline that is shown, for JSON."""
    scale, lesion = case.scale, case.lesion
    return {
        "outline": "model" if case.polygons is None else "edited",
        "edited_polygons": case.polygons,
        "overlap_with_model": overlap_with_model(case),
        "scale": None
        if scale is None
        else {
            "mm_per_pixel": scale.mm_per_pixel,
            "source": scale.source,
            "error": scale.error,
            "line": None if scale.line is None else list(scale.line),
            "length_mm": scale.length_mm,
        },
        "measures": None
        if lesion is None
        else {
            "diameter_pixels": lesion.diameter,
            "diameter_mm": None if scale is None else lesion.diameter_mm(scale.mm_per_pixel),
            "area_pixels": lesion.area,
            "area_mm2": None if scale is None else lesion.area_mm2(scale.mm_per_pixel),
            "shape_asymmetry": lesion.shape_asymmetry,
            "colour_asymmetry": lesion.colour_asymmetry,
            "border": lesion.border,
            "blue_grey": lesion.blue_grey,
            "black": lesion.black,
        },
        "forms": forms_json(case.forms),
    }
