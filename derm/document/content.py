"""What a report says of one case, sentence by sentence and figure by figure, before it takes any form.

Needs a `Case` and its weights' description. Holds nothing of a patient but the name that the picture was given.
"""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from derm.diagnoses import CODES, DIAGNOSES, INDEX, Diagnosis
from derm.figures.text import capital, percent
from derm.image.overlay import jpeg
from derm.language.speech import number, say
from derm.model.weights import Model, said_licence
from derm.predict import words
from derm.predict.case import Case
from derm.predict.case_structures import structures_of
from derm.predict.doubts import is_sized
from derm.predict.form_words import form_lines
from derm.predict.measure_words import (
    WORTH_NOTE,
    LesionRow,
    diameter_sentence,
    lesion_rows,
    outline_sentence,
    scale_sentence,
)
from derm.predict.view import Layer, draw_diameter, draw_view
from derm.structures.words import in_one_sentence

LONGEST = 900
"""Longer side of a picture in the report, pixels."""


@dataclass(frozen=True)
class Row:
    """One of the seven diagnoses."""

    name: str
    malignant: bool
    share: str
    """The probability as people read it."""
    length: float
    """The probability, 0 … 1."""
    colour: str
    """Of its bar, '#rrggbb'."""


@dataclass(frozen=True)
class Figure:
    """A picture with what it shows in words."""

    content: bytes
    """A JPEG file."""
    caption: str
    alternative: str
    """For those who do not see it."""


@dataclass(frozen=True)
class CaseReport:
    """All that a report says."""

    name: str
    """What the picture is called."""
    provenance: str
    on: date
    headline: str
    second_line: str
    answerable: bool
    doubts: tuple[str, ...]
    rows: tuple[Row, ...]
    """Most probable first."""
    paragraphs: tuple[str, ...]
    """What cannot be excluded, what referral means, where the evidence lies, what the probabilities are worth."""
    outline: str
    """Which outline the report shows and measures; '' where there is none."""
    measures: tuple[tuple[str, str], ...]
    lesion: tuple[LesionRow, ...]
    """What is measured inside the outline, each with its source and what it is worth."""
    scale: tuple[str, ...]
    """Where millimetres come from, and what the measures are worth, a sentence each; none where nothing is measured."""
    forms: tuple[tuple[str, str], ...]
    """What the clinician filled in, title and text; none where nothing is."""
    figures: tuple[Figure, ...]
    made_with: tuple[str, ...]
    """Weights, thresholds and method, a sentence each."""
    notice: str


def probabilities_of(case: Case) -> list[tuple[str, str, float]]:
    """The seven probabilities in the order of `CODES`, then the malignant one: key, name, and value, 0 … 1."""
    seven = zip(DIAGNOSES, case.probabilities, strict=True)
    named = [(f"p_{one.code}", say("Probability of {name}", name=one.called), float(share)) for one, share in seven]
    return [*named, ("p_malignant", say("Malignant probability"), case.p_malignant)]


class Size(NamedTuple):
    """A size of the lesion as other systems file it: its code in SNOMED CT, its unit in UCUM."""

    code: str
    meaning: str
    value: float
    unit: str


def sizes_of(case: Case) -> list[Size]:
    """Greatest diameter in mm and area in mm², inside the outline that the report shows.

    Empty without an outline or a scale: a count of pixels is not a size. Empty, too, where the outline is the model's
    and there is no answer to be relied on, or the edge cuts the lesion: who reads codes reads no doubts.
    """
    if case.lesion is None or case.scale is None or not is_sized(case):
        return []
    spacing = case.scale.mm_per_pixel
    return [
        Size("81827009", "Diameter", case.lesion.diameter_mm(spacing), "mm"),
        Size("42798000", "Area", case.lesion.area_mm2(spacing), "mm2"),
    ]


def report_of(
    case: Case,
    model: Model,
    *,
    on: date,
    index: int | None = None,
    drawn: bool = False,
    last_hash: str = "",
    figures: bool = True,
) -> CaseReport:
    """What is to be reported of `case`, which `model` answered.

    on: the day that the report bears. index: of the diagnosis in `CODES` whose evidence is shown; without it the
    likeliest one's. drawn: the picture is a drawing, and the report says so. last_hash: of the records that keep the
    case. figures: False leaves out the pictures.
    """
    description = model.description
    shown = INDEX[case.predicted.code] if index is None else index
    return CaseReport(
        name=case.name,
        provenance=words.provenance(case, drawn=drawn),
        on=on,
        headline=words.headline(case),
        second_line=words.second_line(case),
        answerable=case.answerable,
        doubts=tuple(words.doubt_sentences(case, description)),
        rows=tuple(_row(diagnosis, share) for diagnosis, share in case.ranked),
        paragraphs=tuple(sentence for sentence in _paragraphs(case, model, shown) if sentence),
        outline=outline_sentence(case) if case.has_outline else "",
        measures=tuple(words.lesion_measures(case)),
        lesion=tuple(lesion_rows(case)),
        scale=(scale_sentence(case.scale), say(WORTH_NOTE)) if case.has_outline else (),
        forms=tuple(form_lines(case.forms)),
        figures=tuple(_figures(case, shown)) if figures else (),
        made_with=(*_made_with(case, model), _anchor(last_hash)),
        notice=say(words.NOTICE),
    )


def _row(diagnosis: Diagnosis, share: float) -> Row:
    return Row(capital(diagnosis.called), diagnosis.malignant, percent(share), share, diagnosis.colour)


def _paragraphs(case: Case, model: Model, shown: int) -> list[str]:
    if not case.answerable:
        return []
    description = model.description
    return [
        " ".join(words.conformal_set(case)).strip(),
        words.referral_meaning(description),
        f"{words.calibration_note(description)} {words.mix_sentence(case)}".strip(),
        words.evidence_sentence(case, shown),
        in_one_sentence(structures_of(case)),
        say("A heat map shows which places the score comes from, not why, and no cause."),
    ]


def _figures(case: Case, shown: int) -> list[Figure]:
    """The picture as it came, its outline and, where there is some, the evidence for the diagnosis shown."""
    layers: list[tuple[Layer, str]] = [("Original", say("The picture")), ("Outline", _outline_title(case))]
    if case.answerable and not case.evidence[shown].flat:
        layers.append(("Heat map", say("Evidence for {name}", name=DIAGNOSES[shown].called)))
    return [
        Figure(
            jpeg(_drawn(case, layer, shown)),
            caption,
            " ".join([words.description_of(case, layer, shown), *(_diameter(case) if layer == "Outline" else ())]),
        )
        for layer, caption in layers
    ]


def _drawn(case: Case, layer: Layer, shown: int) -> NDArray[np.uint8]:
    drawn = draw_view(case, layer, shown, 0.5, LONGEST)
    return draw_diameter(case, drawn) if layer == "Outline" else drawn


def _outline_title(case: Case) -> str:
    """What stands under the outline: whose it is, and its diameter."""
    whose = say("The lesion's outline") if case.polygons is None else say("The outline as corrected by hand")
    return "; ".join([whose, *_diameter(case)])


def _diameter(case: Case) -> list[str]:
    return [diameter_sentence(case)] if case.has_outline else []


def _made_with(case: Case, model: Model) -> list[str]:
    """Weights, thresholds and terms."""
    description = model.description
    return [
        say("Weights {name}, SHA-256 {digest}.", name=model.name, digest=model.sha256),
        say(
            "Outline from a probability of {share}; temperature {temperature:.3g}.",
            share=percent(description.mask_threshold),
            temperature=description.temperature,
        ),
        _referral(case),
        _limits(case),
        *((say("Mean over {views} views.", views=case.views), say(words.SINGLE_VIEWS)) if case.views > 1 else ()),
        said_licence(description.licence),
    ]


def _anchor(last_hash: str) -> str:
    """What makes a report a witness of the records: the end of their chain of events on this day."""
    if not last_hash:
        return ""
    return say("Last event of the records: {digest}; `derm records verify --hash` looks for it.", digest=last_hash)


def _referral(case: Case) -> str:
    """The threshold for referral; at a practice's mix with the share to which it was carried."""
    threshold = case.referral_threshold
    if threshold is None:
        return say("No referral threshold.")
    if case.at_data is None or case.mix_share is None:
        return say("Referral from a malignant sum of {threshold:.3g}.", threshold=threshold)
    return say(
        "Referral from a malignant sum of {threshold:.3g} among your patients, {share} malignant.",
        threshold=threshold,
        share=words.share_set(case.mix_share),
    )


def _limits(case: Case) -> str:
    """From where a diagnosis cannot be excluded. A practice's mix has no such limits: what a limit of one diagnosis
    becomes there depends on the probabilities of the others."""
    if case.conformal_thresholds is None:
        return ""
    pairs = zip(CODES, case.conformal_thresholds, strict=True)
    told = ", ".join(f"{code} {number(limit, '.3g')}" for code, limit in pairs)
    if case.at_data is None:
        return say("Probabilities from which a diagnosis cannot be excluded: {limits}.", limits=told)
    return say(
        "Probabilities at the data's own mix from which a diagnosis cannot be excluded: {limits}.",
        limits=told,
    )
