"""What is measured is said with its source and its worth, which docs/measures.md has to the same digits."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cases import LIKELY

from derm.evaluate.lesion_measures import NAMES
from derm.image.scale import Scale, scale_of_line
from derm.language.speech import speaking
from derm.predict.measure_words import (
    MEASURES,
    NO_SCALE,
    diameter_sentence,
    length,
    lesion_rows,
    rows_html,
    scale_sentence,
    worth_of,
    worth_with_interval,
)

DOCS = Path(__file__).parents[2] / "docs" / "measures.md"
PARTS = (("ham10000", "train"), ("isic2018_task1", "train"), ("isic2018_task1", "validation"))


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.key)
def test_the_docs_have_the_figures_that_are_shown(measure):
    told = [worth_with_interval(*part, measure.key) for part in PARTS]
    assert all(told)
    rows = [line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.endswith(f"| {' | '.join(told)} |")]
    assert len(rows) >= 1
    assert worth_of(measure.key).startswith(told[0][:4])
    with speaking("de"):
        assert worth_with_interval(*PARTS[0], measure.key) == told[0].replace(".", ",")


def test_every_measure_is_said_but_the_share_that_it_fills():
    assert {measure.key for measure in MEASURES} == set(NAMES) - {"fill"}


def spoken(value: str) -> str:
    return value.replace("\N{NO-BREAK SPACE}", " ")


def test_sizes_are_in_millimetres_where_there_is_a_scale_and_in_pixels_without():
    plain = {row.name: spoken(row.value) for row in lesion_rows(LIKELY)}
    assert plain["Diameter"] == spoken(length(LIKELY.lesion.diameter, None)) == "36 pixels"
    assert plain["Area"] == "600 pixels"
    told = replace(LIKELY, scale=Scale(0.1, "DICOM"))
    scaled = {row.name: spoken(row.value) for row in lesion_rows(told)}
    assert (scaled["Diameter"], scaled["Area"]) == ("3.6 mm", "6.0 mm²")
    assert spoken(diameter_sentence(told)) == "straight line: diameter, 3.6 mm"
    assert lesion_rows(replace(LIKELY, mask=np.zeros_like(LIKELY.mask))) == []


def test_where_millimetres_come_from_is_said():
    assert scale_sentence(None).startswith(NO_SCALE)
    assert spoken(scale_sentence(Scale(0.0213, "DICOM"))) == "1 pixel is 0.0213 mm, by the DICOM file's pixel spacing."
    ruled = spoken(scale_sentence(scale_of_line([0, 0, 50, 0], 5, 40, 60)))
    assert ruled.startswith("1 pixel is 0.1 mm, by a line of 5 mm along a ruler")


def test_names_of_measures_are_text_and_never_markup():
    row = replace(lesion_rows(LIKELY)[0], name="<b>")
    assert "&lt;b&gt;" in rows_html([row])
