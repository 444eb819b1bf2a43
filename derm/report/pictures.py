"""The paper's Figures 8, 9 and 10 from our model: for each diagnosis a test image, its outlines and its heat map.

Needs `Facts`. Chooses images by rule, not by looks. Pictures of patients go into reports that stay on the reader's
machine, and never into the repository.
"""

from typing import NamedTuple

from derm.diagnoses import DIAGNOSES, INDEX, Diagnosis
from derm.evaluate.results import typical_image
from derm.figures.text import percent
from derm.image.overlay import draw_outline, jpeg, resize_mask
from derm.language.speech import say
from derm.predict.case import Case
from derm.predict.case_list import data_case
from derm.predict.view import draw_view, screen_size
from derm.report.facts import Facts

SIDE = 240
"""Longer side of a picture, pixels."""

OPACITY = 0.6


class Picture(NamedTuple):
    """A JPEG file with what it shows, in words."""

    jpeg: bytes
    alt: str


class PictureRow(NamedTuple):
    """One diagnosis: its test image as it is, with both outlines, and under the heat map of that diagnosis."""

    diagnosis: Diagnosis
    original: Picture
    outlines: Picture
    heat: Picture
    words: str


def seven_classes(facts: Facts) -> list[PictureRow]:
    """A row for each diagnosis that the test part has, in the order of CODES."""
    rows = []
    for diagnosis in DIAGNOSES:
        image_id = typical_image(facts.results.predictions, diagnosis.code)
        if image_id is not None:
            rows.append(_row(data_case(facts.model, facts.catalogue, image_id), diagnosis))
    return rows


def _row(case: Case, diagnosis: Diagnosis) -> PictureRow:
    index = INDEX[diagnosis.code]
    outlined = draw_view(case, "Outline", index, OPACITY, SIDE)
    if case.truth is not None:
        truth = resize_mask(case.truth, *screen_size(case, SIDE))
        outlined = draw_outline(outlined, truth, dashed=True)
    share = percent(float(case.probabilities[index]))
    agreement = case.true_agreement(index)
    said = (
        say("no evidence for {code}", code=diagnosis.code)
        if agreement is None
        else say(
            "heat map and true mask overlap by {best_iou:.2f} at {best_threshold:.2f}, the centre prior by "
            "{baseline_iou:.2f}",
            best_iou=agreement.best_iou,
            best_threshold=agreement.best_threshold,
            baseline_iou=agreement.baseline_iou,
        )
    )
    return PictureRow(
        diagnosis,
        Picture(jpeg(draw_view(case, "Original", index, OPACITY, SIDE)), f"{case.name}, {diagnosis.called}"),
        Picture(
            jpeg(outlined), say("{name} with the model's outline as a line and the true one dashed", name=case.name)
        ),
        Picture(
            jpeg(draw_view(case, "Heat map", index, OPACITY, SIDE)),
            say("{picture} under the heat map of the evidence for {name}", picture=case.name, name=diagnosis.called),
        ),
        say(
            "{name}: {share} for {code}, likeliest {likeliest}; {said}.",
            name=case.name,
            share=share,
            code=diagnosis.code,
            likeliest=case.predicted.code,
            said=said,
        ),
    )
