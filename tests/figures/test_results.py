"""Figures of results and of a data set: what a click carries, what is written in a cell, and what can be read."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from derm.bench.explorer import bench_explorer, generate
from derm.cli.main import app
from derm.diagnoses import CODES, DIAGNOSES, INDEX
from derm.explore import counts
from derm.explore.table import name_of
from derm.figures import dataset as draw
from derm.figures import palette
from derm.figures import results as draw_results
from derm.figures.text import SPACE
from derm.language.speech import speaking

MATRIX = np.diag([2, 0, 3, 1, 4, 20, 5]) + np.eye(7, k=1, dtype=int)


def luminance(colour: str) -> float:
    value = np.array(list(bytes.fromhex(colour[1:]))) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("rates", [False, True])
def test_each_cell_can_be_clicked_and_read(dark, rates):
    figure = draw_results.confusion_matrix(MATRIX, rates=rates, dark=dark, chosen=(4, 5))
    heat, marks = figure.data
    assert [tuple(cell) for cell in marks.customdata] == [(row, column) for row in range(7) for column in range(7)]
    assert (marks.x[4 * 7 + 5], marks.y[4 * 7 + 5]) == (5, 4)
    assert marks.marker.opacity == marks.unselected.marker.opacity == 0
    assert heat.z[4][5] == pytest.approx(1 / 5)
    large, small = ("20\xa0%", "1") if rates else ("1", "20\xa0%")
    assert figure.layout.annotations[4 * 7 + 5].text.startswith(f"<b>{large}</b>")
    assert small in figure.layout.annotations[4 * 7 + 5].text
    (frame,) = figure.layout.shapes
    assert (frame.x0, frame.y0) == (4.51, 3.51)
    ends = palette.scale_on(dark=dark)
    for note, share in zip(figure.layout.annotations, np.ravel(heat.z), strict=True):
        assert contrast(note.font.color, draw_results.blend(*ends, float(share))) >= 4.5


def test_a_class_without_an_image_has_no_share():
    counted = MATRIX.copy()
    counted[INDEX["df"]] = 0
    figure = draw_results.confusion_matrix(counted, rates=True, dark=False)
    assert figure.layout.annotations[INDEX["df"] * 7].text.startswith("<b>–</b>")
    said = draw_results.cell_text(counted, INDEX["mel"], INDEX["nv"])
    assert said.replace("\xa0", " ") == "melanoma, called melanocytic nevus: 1 of 5 (20 %)"
    assert "recognised: 20 of 21" in draw_results.cell_text(counted, INDEX["nv"], INDEX["nv"])
    few = np.array([[392, 1], [0, 5]])
    assert draw_results.referral_text(few, 0, 1) == f"malignant, not referred: 1 of 393 (0.3{SPACE}%)"
    assert draw_results.referral_text(few, 0, 0) == f"malignant, referred: 392 of 393 (99.7{SPACE}%)"
    assert draw_results.referral_text(few, 1, 0) == f"benign, referred: 0 of 5 (0{SPACE}%)"


@pytest.mark.parametrize("dark", [False, True])
def test_words_stand_out_from_every_page(dark):
    page = palette.PAGE.on(dark=dark)
    assert contrast(palette.SOFT_TEXT.on(dark=dark), page) >= 7
    assert contrast(palette.PRIMARY.on(dark=dark), page) >= 4.5
    assert contrast(palette.GREY.on(dark=dark), page) >= 4.5
    for place in range(8):
        assert contrast(draw.value_colour("a value", place, dark=dark), page) >= 3


def metrics() -> dict:
    per_class = {
        code: {"precision": 0.5, "recall": None if code == "df" else 0.25, "f1": 0.3, "specificity": 0.9, "auc": 0.8,
               "support": 4} for code in CODES
    }  # fmt: skip
    return {"per_class": per_class, "malignant": {"auc": 0.7}, "intervals": {"per_class.mel.recall": [0.1, 0.5]}}


def test_bars_carry_value_and_interval_and_say_what_is_undefined():
    figure = draw_results.per_class_bars(metrics(), "recall", dark=False)
    mel = figure.data[INDEX["mel"]]
    assert (mel.x[0], mel.error_x.array[0], mel.error_x.arrayminus[0]) == pytest.approx((0.25, 0.25, 0.15))
    assert mel.marker.color == DIAGNOSES[INDEX["mel"]].ink
    texts = [note.text.replace("\xa0", " ") for note in figure.layout.annotations]
    assert texts[INDEX["mel"]] == "0.25 (0.10 – 0.50)"
    assert texts[INDEX["df"]] == "undefined"
    assert figure.layout.margin.r > 7 * len(texts[INDEX["mel"]]) - 7  # in pixels, for a share of a phone is too narrow
    assert draw_results.per_class_bars(metrics(), "f1", dark=True).data[0].marker.color == DIAGNOSES[0].colour


def test_curves_name_their_areas():
    points = {
        "roc": {"false_positive_rate": [0, 1], "true_positive_rate": [0, 1], "threshold": [None, 0.1]},
        "precision_recall": {"recall": [0.5, 1], "precision": [1, 0.5], "threshold": [0.9, 0.1]},
        "average_precision": 0.75,
    }
    curves = dict.fromkeys([*CODES, "malignant"], points)
    names = [trace.name.replace("\xa0", " ") for trace in draw_results.roc(curves, dark=False, metrics=metrics()).data]
    assert names[:2] == ["chance", "malignant (sum), AUC 0.70"]
    assert "melanoma, AUC 0.80" in names
    drawn = draw_results.precision_recall(curves, dark=True, intervals={"mel": (0.5, 0.9)})
    assert "melanoma, average precision 0.75 (0.50 – 0.90)" in [trace.name.replace("\xa0", " ") for trace in drawn.data]
    akiec = drawn.data[1 + INDEX["akiec"]].name.replace("\xa0", " ")
    assert akiec == "actinic keratosis or Bowen's disease, average<br>precision 0.75"
    # Each has dashes of its own, so that nothing hangs on colour alone.
    of_diagnoses = {trace.line.dash for trace in drawn.data if trace.line.width == 2 and "average" in trace.name}
    assert len(of_diagnoses) == len(CODES)


def test_reliability_leaves_empty_bins_out_and_has_exact_intervals():
    bins = {"cases": [0, 10, 2], "confidence": [None, 0.5, 0.9], "accuracy": [None, 0.5, 1.0]}
    figure = draw_results.reliability(bins, dark=False)
    measured = figure.data[1]
    assert list(measured.x) == [0.5, 0.9]
    # Clopper and Pearson (1934): 5 of 10 is 0.187 – 0.813, 2 of 2 is 0.158 – 1.
    assert measured.error_y.arrayminus == pytest.approx([0.5 - 0.187, 1 - 0.158], abs=5e-4)
    assert measured.error_y.array == pytest.approx([0.813 - 0.5, 0], abs=5e-4)


def test_subgroups_without_interval_are_open():
    table = pd.DataFrame(
        [
            ("age", "0–29", 30, 25, 2, "accuracy", 0.8, 0.7, 0.9, ""),
            ("age", "75+", 5, 4, 1, "accuracy", 0.6, np.nan, np.nan, "few"),
            ("sex", "male", 5, 4, 1, "iou", 0.6, 0.5, 0.7, ""),
        ],
        columns=["dimension", "group", "images", "lesions", "malignant", "figure", "value", "low", "high", "note"],
    )
    figure = draw_results.subgroups(table, dark=False, overall=0.75)
    closed, opened = figure.data
    assert (list(closed.x), closed.marker.symbol) == ([0.8], "circle")
    assert (list(opened.x), opened.marker.symbol) == ([0.6], "circle-open")
    assert figure.layout.yaxis.ticktext == ("age <b>0–29</b>, 30 images", "<b>75+</b>, 5 images")
    with speaking("de"):
        figure = draw_results.subgroups(table.assign(group=["Camera", "female", "male"]), dark=False)
    assert [text.split("<b>")[1].split("</b>")[0] for text in figure.layout.yaxis.ticktext] == ["Camera", "weiblich"]


def test_bars_hold_what_was_counted_and_shares_sum_to_one():
    table, _ = generate(300)
    kept = np.ones(300, dtype=bool)
    crossed = counts.cross(table, kept, "sex", "diagnosis")
    plain = draw.stacked(crossed, name_of, dark=False)
    assert sum(sum(trace.x) for trace in plain.data) == 300
    shares = draw.stacked(crossed, name_of, dark=False, share=True)
    assert sum(np.array(trace.x) for trace in shares.data) == pytest.approx(np.ones(len(crossed)))
    mel = next(trace for trace in plain.data if trace.name == "melanoma")
    assert mel.marker.color == DIAGNOSES[INDEX["mel"]].ink
    cells = draw.crossed(crossed, name_of, dark=True, share=False)
    assert len(cells.layout.annotations) == crossed.size


def test_leaks_are_drawn_as_shares():
    figure = draw.leaks(
        {"by image": {"mel": (4, 3), "df": (0, 0)}, "by lesion": {"mel": (5, 0), "df": (1, 0)}}, dark=False
    )
    assert [list(trace.x) for trace in figure.data] == [[0.75, 0.0], [0.0, 0.0]]
    assert figure.data[0].text == ("3 of 4, by image", "0 of 0, by image")


def test_a_large_map_is_thinned():
    count = 2 * draw.MOST_POINTS + 1
    points = pd.DataFrame({"x": range(count), "y": range(count), "row": range(count), "text": "t"})
    groups = pd.Series(pd.Categorical(["nv"] * count, categories=["mel", "nv"]))
    figure = draw.feature_map(points, groups, name_of, dark=False)
    assert [len(trace.x) for trace in figure.data] == [0, -(-count // 3)]
    assert len({trace.marker.symbol for trace in figure.data}) == 2


def test_every_plot_is_measured_against_its_limit():
    """How long one took is for `derm bench explorer` to tell: here another process may have the core."""
    answers = bench_explorer(2_000, 1.0, repeats=1)
    assert len({answer.plot for answer in answers}) == 15
    assert {answer.limit for answer in answers} == {1000}
    assert all(answer.milliseconds > 0 for answer in answers)


@pytest.mark.slow
def test_the_benchmark_prints_a_table_and_json():
    done = CliRunner().invoke(app, ["bench", "explorer", "--rows", "200"])
    assert done.exit_code == 0
    content = json.loads(done.stdout.splitlines()[-1])
    plots = content["plots"]
    assert content["within"] == all(plot["milliseconds"] <= plot["limit"] for plot in plots)
    assert content["slowest_ms"] == {"200": max(plot["milliseconds"] for plot in plots)}


def test_the_referral_matrix_reads_as_the_other():
    counts = np.array([[8, 2], [30, 60]])
    figure = draw_results.referral_matrix(counts, rates=False, dark=False, chosen=(0, 1))
    heat, marks = figure.data
    assert [tuple(cell) for cell in marks.customdata] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert heat.z[0][1] == pytest.approx(1 / 5)
    assert figure.layout.annotations[1].text.startswith("<b>2</b>")
    assert marks.text[1].replace("\xa0", " ") == "malignant, not referred: 2 of 10 (20 %)"
    other = draw_results.confusion_matrix(MATRIX, rates=False, dark=False)
    for axis in ("xaxis", "yaxis"):
        assert figure.layout[axis].title.text == other.layout[axis].title.text
        assert figure.layout[axis].side == other.layout[axis].side
    assert heat.colorscale == other.data[0].colorscale


def test_fills_are_solid_and_bear_names_and_counts():
    table = pd.DataFrame({"mel": [3, 0], "nv": [7, 2]}, index=["female", "male"])
    figures = (
        draw.stacked(table, name_of, dark=False),
        draw.columns(table, name_of, "", dark=True),
        draw.balance(pd.DataFrame({"images": [5], "lesions": [4]}, index=["mel"]), dark=False),
        draw.leaks({"by image, as in the paper": {"mel": (4, 1)}, "by lesion": {"mel": (4, 0)}}, dark=False),
    )
    assert all(bar.marker.pattern.shape is None for figure in figures for bar in figure.data)
    assert list(figures[0].data[0].text) == ["mel 3", ""]
    assert list(figures[2].data[1].text) == ["4 lesions"]
    assert list(figures[3].data[0].text) == ["1 of 4, by image"]
    said = draw.legend(["mel", "unknown", "<b>"], name_of, dark=False)
    assert "melanoma (mel)" in said
    assert "&lt;b&gt;" in said
