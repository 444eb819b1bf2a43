"""No sentence of a case, a report or a refusal escapes the catalogues: each is made in the language of brackets."""

from dataclasses import asdict, replace
from datetime import date

import pytest
from cases import LIKELY, LIMITS, half_mask, with_sets
from unsaid import texts_of_json, unsaid

from derm.data.catalogue import read_catalogue
from derm.diagnoses import CODES
from derm.document.content import report_of
from derm.errors import DermError
from derm.figures.overlap import overlap_curves
from derm.image.decode import read_image
from derm.image.kind import _BY_ENDING, sentence
from derm.image.polygons import check_polygons, read_polygons
from derm.image.scale import scale_of_line
from derm.language.speech import BRACKETED, say, speaking
from derm.model.weights import WeightsFault, load_weights
from derm.predict import triage, viewer_words, words
from derm.predict.case_list import ListedCase
from derm.predict.doubts import Doubt
from derm.predict.form_words import form_lines
from derm.predict.forms import ABCD_COLOURS, ABCD_STRUCTURES, CRITERIA, Abcd, Forms, SevenPoint
from derm.predict.practice import at_practice
from derm.predict.quality import SAID, Note

FULL = Forms(
    Abcd(1, 3, frozenset(ABCD_COLOURS), frozenset(ABCD_STRUCTURES)),
    SevenPoint(frozenset(CRITERIA[:3]), frozenset(CRITERIA[3:])),
)
BEGUN = Forms(Abcd(asymmetry=1), SevenPoint(absent=frozenset(CRITERIA[:1])))


@pytest.fixture(autouse=True)
def brackets():
    with speaking(BRACKETED):
        yield


def found(*said: str, allowed: tuple[str, ...] = ("a.png",)) -> dict[str, list[str]]:
    """The texts in which words stand that no catalogue has."""
    assert all(said)
    return {text: left for text in said if (left := unsaid(text, allowed))}


@pytest.mark.parametrize("doubt", Doubt)
def test_every_doubt(doubt):
    assert found(words.doubt_sentence(doubt), words.flag(doubt)) == {}


@pytest.mark.parametrize("note", Note)
def test_every_note(note):
    assert found(say(SAID[note])) == {}


@pytest.mark.parametrize("forms", [FULL, BEGUN], ids=["full", "begun"])
def test_the_clinicians_forms(forms):
    assert found(*(text for pair in form_lines(forms) for text in pair)) == {}


@pytest.mark.parametrize(
    "case",
    [
        LIKELY,
        replace(LIKELY, referral_threshold=0.3),
        replace(LIKELY, referral_threshold=0.9, views=8, spread=0.031),
        at_practice(replace(LIKELY, referral_threshold=0.3, mix=(1 / 7,) * 7), 0.05),
        with_sets(dict.fromkeys(CODES, 1 / 7)),
        with_sets({"mel": 0.7, "nv": 0.3}, LIMITS),
        with_sets(dict.fromkeys(CODES, 1 / 7), (0.9,) * 7),
        replace(LIKELY, forms=FULL),
        replace(LIKELY, mask=~half_mask() & half_mask()),
    ],
)
def test_what_a_report_says_of_a_case(case, tiny_model):
    report = report_of(case, tiny_model, on=date(2026, 11, 27), last_hash="0a1b", figures=False)
    own = (tiny_model.name, tiny_model.label, tiny_model.description.licence, tiny_model.sha256, "0a1b", "a.png")
    rows = [row.name for row in report.rows] + [row.share for row in report.rows]
    lesion = [text for row in report.lesion for text in asdict(row).values()]
    measures = [text for pair in (*report.measures, *report.forms) for text in pair]
    lines = (*report.doubts, *report.paragraphs, *report.scale, *report.made_with, report.outline, report.notice)
    heads = (report.provenance, report.headline, report.second_line)
    assert found(*filter(None, (*heads, *rows, *lesion, *measures, *lines)), allowed=(*own, "SHA-256")) == {}


def test_what_the_table_of_cases_says():
    listed = ListedCase("k", None, b"", False, "a.png", say("Refer"))
    refused = triage.row_of(listed, None)
    rows = [refused, triage.row_of(listed, replace(LIKELY, referral_threshold=0.3)), triage.withheld_row(listed)]
    heads = [str(one["label"]) for one in (*triage.heads()[1:], *triage.groups(rows))]
    others = [triage.row_of(listed, LIKELY, 8), triage.row_of(listed, replace(LIKELY, views=8), 1)]
    lines = [triage.in_line(row) for row in (*rows, *others)]
    names = ["a.png"] * 7
    sentences = [
        triage.keeping(30), triage.keeping(0), triage.headline(listed), triage.picture_gone("a.png"),
        triage.too_large("a.png"), triage.progress(1, 3, "a.png", 100.0), triage.progress(1, 3, "a.png", None),
    ]  # fmt: skip
    for views in (1, 8):
        sentences += [triage.other_views(others, views), triage.other_views(others[:1], views)]
    for some in (names, names[:1]):
        sentences += [triage.not_read(some), triage.no_memory(some), triage.let_go_for_others(some)]
        sentences += [triage.came_before(some), triage.no_room(some, 1000)]
    assert found(*heads, *lines, *sentences) == {}


def test_what_the_viewer_says():
    assert found(*(text for text in texts_of_json(viewer_words.said_words()) if text != ".")) == {}


def test_what_the_curves_of_overlap_say():
    figure = overlap_curves(LIKELY.predicted, LIKELY.agreement(CODES.index("mel")), None, dark=False)
    shown = [trace.name for trace in figure.data] + [figure.layout.xaxis.title.text, figure.layout.yaxis.title.text]
    assert found(*shown) == {}


@pytest.mark.parametrize("kind", sorted({kind.name: ending for ending, kind in _BY_ENDING.items()}.values()))
def test_every_kind_of_file_that_is_refused(kind):
    assert found(sentence("a.png", _BY_ENDING[kind]), allowed=("a.png", *FOREIGN)) == {}


FOREIGN = ("pip install 'derm[heic]'",)
"""Commands, as they are typed."""


@pytest.mark.parametrize(
    "ask",
    [
        lambda: read_image(b"", "a.png"),
        lambda: read_image(b"no picture", "a.png"),
        lambda: read_image(b"\x89PNG\r\n\x1a\n", "a.png"),
        lambda: read_image(b"%PDF-1.7", "a.png"),
        lambda: read_polygons("{}", 40, 60, "01234567", 0.01),
        lambda: read_polygons("[", 40, 60, "01234567", 0.01),
        lambda: read_polygons('{"polygons": [], "pixels_sha256": "89012345"}', 40, 60, "01234567", 0.01),
        lambda: read_polygons('{"polygons": [], "pixels_sha256": ""}', 40, 60, "01234567", 0.01),
        lambda: check_polygons([[[0, 0], [9, 9], [9, 0], [0, 9]]], 40, 60, 0.01),
        lambda: check_polygons([], 40, 60, 0.01),
        lambda: scale_of_line(None, 10, 40, 60),
        lambda: scale_of_line([0, 0, 3, 3], 10, 40, 60),
    ],
)
def test_refusals(ask):
    with pytest.raises(DermError) as refused:
        ask()
    assert found(str(refused.value)) == {}


def test_folders_of_data_that_are_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    tables = {"derm.csv": "image,odd\na.png,1\n", "HAM10000_metadata.csv": "image_id\nx\n", "other.csv": "a,b\n1,2\n"}
    said = []
    for name, content in tables.items():
        (tmp_path / name).write_text(content)
        with pytest.raises(DermError) as refused:
            read_catalogue(tmp_path)
        said.append(str(refused.value))
        (tmp_path / name).unlink()
    named = (str(tmp_path), *tables, ".png", "GroundTruth.csv", "docs/data.md", "odd", *HAM_COLUMNS)
    assert found(*said, allowed=named) == {}


HAM_COLUMNS = ("lesion_id", "image_id", "dx_type", "dx", "age", "sex", "localization")


def test_weights_that_are_not_there(tmp_path):
    with pytest.raises(WeightsFault) as refused:
        load_weights(tmp_path / "a.json")
    assert found(str(refused.value), allowed=(str(tmp_path / "a.json"), ".safetensors", ".json")) == {}
