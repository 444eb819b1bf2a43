"""What is measured of a lesion, in words: each measure with its value, its source, and what it alone is worth.

Needs a `Case` with its picture. What a measure is worth comes from `measure_worth.json`, which `derm measures --worth`
writes; docs/measures.md says how. Knows nothing of pages.
"""

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from derm.figures.text import SPACE, percent
from derm.image.lesion_measures import LesionMeasures
from derm.image.scale import Scale
from derm.language.speech import mark, number, say
from derm.predict.case import Case
from derm.predict.entries import overlap_with_model
from derm.predict.words import source_name

WORTH = Path(__file__).with_name("measure_worth.json")

SHOWN = (("ham10000", "train"), ("isic2018_task1", "train"))
"""Source and part whose figures stand beside a measure: the largest of each source."""

WORTH_NOTE = mark(
    "AUC: how well the measure alone tells melanoma inside outlines that people drew, on training parts; 0.5 is "
    "chance. Descriptions, not diagnoses: Derm's probabilities do not use them."
)

NO_SCALE = mark(
    "No scale. Draw a line along a ruler in the picture, or open a DICOM file that tells its pixel spacing."
)


class Measure(NamedTuple):
    """A measure of `LesionMeasures`, as people name it."""

    key: str
    name: str
    how: str
    source: str


MEASURES = (
    Measure("diameter", mark("Diameter"), mark("greatest Feret diameter"), "Ali et al. 2020"),
    Measure("area", mark("Area"), mark("inside the outline"), mark("counted pixels")),
    Measure(
        "shape_asymmetry",
        mark("Asymmetry of shape"),
        mark("without a counterpart when folded over the worse axis"),
        "Grana et al. 2003",
    ),
    Measure(
        "colour_asymmetry",
        mark("Asymmetry of colour"),
        mark("CIELAB difference of the halves folded so"),
        "Pellacani et al. 2006",
    ),
    Measure("border", mark("Border"), mark("squared perimeter by 4π area; 1 for a disc"), "Golston et al. 1992"),
    Measure("blue_grey", mark("Blue-grey"), mark("share that has lost the skin's yellow"), mark("limits are ours")),
    Measure("black", mark("Black"), mark("share with a lightness below 25"), mark("limit is ours")),
)


@dataclass(frozen=True)
class LesionRow:
    """One measure of one case."""

    name: str
    value: str
    about: str
    """How it is measured, and its source."""
    worth: str
    """Its AUC for melanoma, by source."""


def lesion_rows(case: Case) -> list[LesionRow]:
    """All measures of the lesion inside the outline that is shown; empty where there is none."""
    lesion = case.lesion
    if lesion is None:
        return []
    return [
        LesionRow(
            say(one.name),
            _value(one.key, lesion, case.scale),
            f"{say(one.how)} ({say(one.source)})",
            worth_of(one.key),
        )
        for one in MEASURES
    ]


def rows_html(rows: Sequence[LesionRow]) -> str:
    """Rows as an HTML table; how each is measured, its source and its worth stand small under its name."""
    lines = [
        f'<tr><th scope="row">{html.escape(row.name)}<small>{html.escape(row.about)}</small></th>'
        f"<td>{html.escape(row.value)}</td><td><small>{html.escape(row.worth)}</small></td></tr>"
        for row in rows
    ]
    heads = (say("Measure"), say("Value"), say("AUC, alone"))
    head = "".join(f'<th scope="col">{html.escape(one)}</th>' for one in heads)
    table = f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody>"
    return f'<table class="derm-accounts derm-lesion">{table}</table>'


def worth_of(key: str) -> str:
    """What a measure alone is worth, its AUC for melanoma by source: '0.61 HAM10000, 0.69 ISIC 2018 Task 1'."""
    told = [(source, found) for source, part in SHOWN if (found := _known(source, part, key))]
    figures = [f"{number(row['auc'], '.2f')} {source_name(source)}" for source, row in told]
    return ", ".join(figures)


def worth_with_interval(source: str, part: str, key: str) -> str:
    """AUC of a measure for melanoma with its 95 % interval: '0.61 (0.59 – 0.64)'; '' where it was not measured."""
    row = _known(source, part, key)
    if row is None:
        return ""
    auc, low, high = (number(row[name], ".2f") for name in ("auc", "low", "high"))
    return f"{auc} ({low} – {high})"


def scale_sentence(scale: Scale | None) -> str:
    """Where millimetres come from, and how exact they are; or how to get them."""
    if scale is None:
        return f"{say(NO_SCALE)} {say('Sizes in pixels say how a picture was framed.')}"
    pixel = say("1 pixel is {mm:.3g}\N{NO-BREAK SPACE}mm", mm=scale.mm_per_pixel)
    if scale.source == "DICOM":
        return say("{pixel}, by the DICOM file's pixel spacing.", pixel=pixel)
    if scale.source == "given":
        return say("{pixel}, as given.", pixel=pixel)
    return say(
        "{pixel}, by a line of {length_mm:g}\N{NO-BREAK SPACE}mm along a ruler; its ends are set to about {error}.",
        pixel=pixel,
        length_mm=scale.length_mm,
        error=percent(scale.error or 0),
    )


def outline_sentence(case: Case) -> str:
    """Which outline is shown and measured."""
    overlap = overlap_with_model(case)
    if overlap is None:
        return say("Outline: the model's.")
    if not case.has_lesion:
        return say("Outline: drawn by hand; the model found no lesion.")
    return say(
        "Outline: corrected by hand; it overlaps the model's by {overlap:.2f} (IoU), which is drawn dashed.",
        overlap=overlap,
    )


def diameter_sentence(case: Case) -> str:
    """The line that is drawn through the lesion, in a few words; '' where there is none."""
    lesion = case.lesion
    return (
        "" if lesion is None else say("straight line: diameter, {length}", length=length(lesion.diameter, case.scale))
    )


def length(pixels: float, scale: Scale | None) -> str:
    """A length in the picture as people read it: '8.2 mm', or '212 pixels' without a scale."""
    return (
        say("{pixels:,.0f} pixels", pixels=pixels)
        if scale is None
        else f"{_rounded(pixels * scale.mm_per_pixel, scale)}{SPACE}mm"
    )


def _value(key: str, lesion: LesionMeasures, scale: Scale | None) -> str:
    value: float = getattr(lesion, key)
    if key == "diameter":
        return length(value, scale)
    if key == "area":
        if scale is None:
            return say("{pixels:,.0f} pixels", pixels=value)
        return f"{_rounded(lesion.area_mm2(scale.mm_per_pixel), scale)}{SPACE}mm²"
    if key == "colour_asymmetry":
        return f"{number(value, '.1f')}{SPACE}ΔE"
    if key == "border":
        return number(value, ".2f")
    return percent(value) if value else f"0{SPACE}%"


def _rounded(value: float, scale: Scale) -> str:
    """To a digit behind the point below 20, and where a line by hand tells it, no finer than that is worth."""
    fine = value < 20 and not (scale.error or 0) * value > 0.5
    return number(value, ".1f" if fine else ",.0f")


def _known(source: str, part: str, key: str) -> dict[str, Any] | None:
    wanted = {"source": source, "part": part, "measure": key, "tells": "melanoma"}
    return next((row for row in _worth() if wanted.items() <= row.items()), None)


@lru_cache(1)
def _worth() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(WORTH.read_text(encoding="utf-8"))
    return rows
