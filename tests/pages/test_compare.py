"""The page Compare and the room behind it: maps held to account, a gallery of seven, every image of a part."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from derm.compare import dataset_view, gallery, pictures, words
from derm.compare.explained_case import ExplainedCase, explain_case, measure_faithfulness
from derm.compare.export import figure_html, rows_csv
from derm.data.synthetic.lesion import draw_lesion
from derm.diagnoses import CODES, DIAGNOSES
from derm.evaluate.dataset import evaluate, write_evaluation
from derm.evaluate.explain_dataset import ExplainResults
from derm.explain.agreement import BUILT_IN, CENTRE_PRIOR, ORACLE, SWEEP, UNIFORM, centre_prior, localisation
from derm.explain.gradcam import HeatMap
from derm.explain.methods import METHODS
from derm.figures.compare import distributions, randomisation, threshold_curves
from derm.image.overlay import png
from derm.model.config import ModelConfig
from derm.predict.case import diagnose

ROOT = Path(__file__).parents[2]
PAGE = "pages/1_Compare.py"
GRAD, LAYER = METHODS["grad-cam"], METHODS["layercam"]


@pytest.fixture(scope="module")
def case(tiny_model):
    drawn = draw_lesion("mel", 3, height=66, width=88)
    found = diagnose(tiny_model, drawn.image, "drawn", truth=drawn.mask)
    return replace(found, mask=drawn.mask)  # a network of random weights outlines nothing worth a name


def with_cells(cells: list[list[float]], case, *, flat: bool = False) -> ExplainedCase:
    """Grad-CAM with these cells, held against the lower half of the picture."""
    evidence = HeatMap(np.array(cells, dtype=np.float32), 1.0, flat, 60, 80)
    mask = np.zeros((224, 224), dtype=bool)
    mask[112:] = True
    maps = np.stack([evidence.scaled(224, 224), centre_prior(224, 224), np.ones((224, 224), np.float32), mask])
    found = localisation(maps.astype(np.float32), mask)
    return ExplainedCase(GRAD, 0, evidence, found, None)


def test_a_map_is_held_against_both_outlines_beside_what_knows_no_network(tiny_model, case):
    held = explain_case(tiny_model, case, GRAD, 4)
    np.testing.assert_allclose(held.evidence.cells, case.evidence[4].cells, atol=1e-5)
    for found in (held.outline, held.truth):
        assert found.best_iou[ExplainedCase.place(ORACLE)] == 1
        share = np.asarray(found.inside[ExplainedCase.place(UNIFORM)])
        assert share == pytest.approx(case.mask.mean(), abs=0.01)  # the lesion's share of the picture
    assert explain_case(tiny_model, replace(case, truth=None), GRAD, 4).truth is None


def test_agreement_that_is_built_in_is_said_to_be():
    assert BUILT_IN not in words.agreement_limits(ModelConfig())
    assert words.agreement_limits(ModelConfig(pooling="whole+lesion")).endswith(f"too. {BUILT_IN}")
    assert words.agreement_limits(ModelConfig(head="pixel")).endswith(f"too. {BUILT_IN}")
    assert BUILT_IN not in words.agreement_limits(ModelConfig(head="pixel", whole_share=1.0))


def test_without_a_lesion_there_is_nothing_to_agree_with(tiny_model, case):
    held = explain_case(tiny_model, replace(case, mask=np.zeros_like(case.mask), truth=None), GRAD, 0)
    assert held.against(true=False) is None
    assert words.agreement_rows([held, held], 0.3, true=False) == []
    shown = replace(held, evidence=replace(held.evidence, flat=False))
    assert words.headline([shown, shown], true=False).startswith("There is no lesion in the outline")


def test_the_rows_follow_the_slider_by_hand(case):
    # The lower half of the map is 1, the upper 0, with a bilinear step between: cut at 1/2 it is the mask.
    half = with_cells([[0.0], [1.0]], case)
    even = with_cells([[1.0], [1.0]], case)  # half of the picture: IoU 1/2 at any threshold
    rows = {row.measure: row for row in words.agreement_rows([half, even], 0.5, true=False)}
    assert (rows["IoU at the threshold"].first, rows["IoU at the threshold"].second) == ("1.00", "0.50")
    assert rows["Best IoU"].oracle == "1.00"
    assert rows["Evidence inside"].second == "0.50"
    assert rows["Strongest point inside"].first == "1.00"
    later = {row.measure: row for row in words.agreement_rows([half, even], 1.0, true=False)}
    assert float(later["IoU at the threshold"].first) < 1


def test_a_flat_map_is_named_and_scores_nothing(case):
    flat = with_cells([[0.0]], case, flat=True)
    other = with_cells([[0.0], [1.0]], case)
    assert flat.against(true=False) is None
    rows = words.agreement_rows([flat, other], 0.3, true=False)
    assert {row.first for row in rows} == {"–"}
    assert "finds no evidence for actinic keratosis" in words.headline([flat, other], true=False)
    assert "no evidence" in words.captions(flat, 0.3)
    assert words.curves([flat, other], true=False)["A: Grad-CAM"] is None


def test_a_trial_is_the_same_each_time_and_leaves_the_model_as_it_was(tiny_model, case):
    before = {name: value.clone() for name, value in tiny_model.net.state_dict().items()}
    # The maps of a network of random weights are flat: these cells are given to it.
    index, cells = 4, np.array([[0.0, 0.2], [1.0, 0.4]], dtype=np.float32)
    held = replace(explain_case(tiny_model, case, GRAD, index), evidence=HeatMap(cells, 1.0, False, 66, 88))
    told: list[tuple[int, int]] = []
    first, second = (measure_faithfulness(tiny_model, case, held, lambda *step: told.append(step)) for _ in range(2))
    assert told[:6] == [(step, 5) for step in range(6)]
    assert first.randomised == pytest.approx(second.randomised, nan_ok=True)
    assert first.road == pytest.approx(second.road)
    assert first.stability == pytest.approx(second.stability, nan_ok=True)
    assert all((value == tiny_model.net.state_dict()[name]).all() for name, value in before.items())
    rows = {row.measure: row for row in words.trial_rows([first, None])}
    assert rows["Deletion, area"].second == "–"
    assert float(rows["Deletion, area"].first) == pytest.approx(first.deletion.areas[0], abs=0.005)
    assert words.trial_rows([None, None]) == []
    assert "painted over" in words.painted_sentence(first, index)


def test_the_picture_is_left_alone_where_the_map_is_below_the_threshold(case):
    evidence = HeatMap(np.array([[0.0], [1.0]], dtype=np.float32), 1.0, False, 60, 80)
    alone = replace(case, mask=np.zeros_like(case.mask), truth=None)
    plain_picture = pictures.draw_outlines(alone, 80)
    cut = pictures.draw_cut(alone, evidence, 0.9, 1.0, 80)
    np.testing.assert_array_equal(cut[:30], plain_picture[:30])  # the upper half is below
    assert (cut[-5:] != plain_picture[-5:]).any()
    flat = HeatMap(np.zeros((2, 1), dtype=np.float32), 0.0, True, 60, 80)
    np.testing.assert_array_equal(pictures.draw_cut(alone, flat, 0.0, 1.0, 80), plain_picture)


def test_downloads_hold_what_is_shown(case):
    pair = [with_cells([[0.0], [1.0]], case)] * 2
    rows = words.agreement_rows(pair, 0.5, true=False)
    table = pd.read_csv(io.StringIO(rows_csv(rows)))
    assert table["measure"].tolist() == [row.measure for row in rows]
    assert pictures.row_png(case, pair, 0.5, 0.6, 80)[:8] == png(np.zeros((1, 1), dtype=np.uint8))[:8]
    page = figure_html(threshold_curves, SWEEP, words.curves(pair, true=False), 0.5)
    assert "Plotly.newPlot(" in page
    assert '<script src="http' not in page


def test_each_marked_point_lies_on_its_curve():
    rising = SWEEP.copy()
    figure = threshold_curves(SWEEP, {"A": rising, "B": None, "blob": 1 - rising}, 0.25, dark=False)
    marks = [trace for trace in figure.data if trace.mode == "markers"]
    assert [(mark.x[0], mark.y[0]) for mark in marks] == [(0.25, 0.25), (0.25, 0.75)]
    assert len({trace.line.dash for trace in figure.data if trace.mode == "lines"}) == 2


def test_right_and_wrong_stand_apart_by_place_and_symbol():
    images = pd.DataFrame(
        {
            "image_id": ["a", "b", "c", "d"],
            "dx_true": ["mel", "mel", "mel", "nv"],
            "dx_pred": ["mel", "nv", "nv", "nv"],
            "value": [0.2, 0.4, 0.8, np.nan],
        }
    )
    figure = distributions(images, "IoU", {"blob": 0.5}, dark=True)
    right, right_median, wrong, wrong_median = figure.data[:4]
    assert list(right.customdata) == ["a"]  # d has no value
    assert sorted(wrong.customdata) == ["b", "c"]
    assert right.marker.symbol != wrong.marker.symbol
    place = CODES.index("mel")
    assert max(right.x) < place < min(wrong.x)
    assert (right_median.y[place], wrong_median.y[place]) == pytest.approx((0.2, 0.6))
    assert right_median.y[CODES.index("nv")] is None


def test_randomisation_starts_at_the_map_itself():
    figure = randomisation(["scores", "neck"], {"A": [0.5, 0.1]}, dark=False)
    assert list(figure.data[0].x) == ["as learned", "scores", "neck"]
    assert list(figure.data[0].y) == [1.0, 0.5, 0.1]


@pytest.fixture
def explained(tmp_path):
    rows = []
    for name, dx, guess, value in (("a", "mel", "mel", 0.6), ("b", "nv", "mel", 0.2)):
        rows += [
            {"image_id": name, "lesion_id": name, "dx_true": dx, "dx_pred": guess, "method": "grad-cam", "role": role,
             "true_inside": value + extra}
            for role, extra in (("both" if dx == guess else "predicted", 0.0), ("other", 0.1))
        ]  # fmt: skip
        rows.append({**rows[-1], "method": CENTRE_PRIOR, "role": "", "true_inside": 0.5})
    figures = {"true_inside": {"mean": 0.4, "interval": [0.2, 0.6], "skill": -0.2, "skill_interval": None}}
    summary = {
        "agreement": {"predicted": {"grad-cam": {"all": {"all": {"images": 2, "flat": 0, "figures": figures}}}}},
        "right_or_wrong": {
            "grad-cam": {"true_inside": {"auc": 0.61, "interval": [0.5, 0.7]}},
            "probability": {"probability": {"auc": 0.84, "interval": [0.8, 0.9]}},
        },
    }
    about = {"weights": "tiny", "sha256": "ab" * 32, "part": "test", "split": "by lesion", "images": 2, "lesions": 2,
             "date": "2026-01-02"}  # fmt: skip
    return ExplainResults(tmp_path, about, summary, pd.DataFrame(rows), pd.DataFrame())


def test_a_part_is_one_point_an_image_of_its_likeliest_class(explained):
    found = dataset_view.points(explained, "grad-cam", "true", "inside")
    assert found["image_id"].tolist() == ["a", "b"]
    assert found["value"].tolist() == [0.6, 0.2]
    assert dataset_view.references_of(explained, "true", "inside") == {"centre prior": 0.5}
    assert pd.read_csv(io.StringIO(dataset_view.points_csv(found)))["value"].tolist() == [0.6, 0.2]


def test_the_parts_summary_and_its_question_in_words(explained):
    table = dataset_view.summary_table(explained, "true", "inside")
    assert table.to_dict("records")[0] == {
        "method": "Grad-CAM", "mean": 0.4, "low": 0.2, "high": 0.6, "skill": -0.2, "right": None, "wrong": None,
        "flat": 0,
    }  # fmt: skip
    texts = dataset_view.shown(table.assign(right=None)).to_dict("records")[0]
    assert (texts["Map"], texts["Mean"], texts["Skill"], texts["Called right"]) == ("Grad-CAM", "0.40", "-0.20", "")
    said = dataset_view.right_or_wrong(explained, "grad-cam", "true", "inside")
    assert "AUC 0.61 (0.50 – 0.70); 0.50 is a coin. The probability alone reaches 0.84." in said
    assert dataset_view.right_or_wrong(explained, "occlusion", "true", "inside") == ""
    assert "2 images of 2 lesions; weights tiny abababab" in dataset_view.provenance(explained)


def test_a_click_names_its_image():
    assert dataset_view.clicked({"selection": {"points": [{"customdata": "ISIC_1"}]}}) == "ISIC_1"
    assert dataset_view.clicked({"selection": {"points": [{"customdata": ["ISIC_1"]}]}}) == "ISIC_1"
    assert dataset_view.clicked({"selection": {"points": [{}]}}) is None
    assert dataset_view.clicked(None) is None


def test_the_gallery_shows_typical_images_or_drawings(tiny_model, drawn_catalogue, tmp_path):
    drawings = gallery.seven(tiny_model, None, tmp_path)
    assert [one.diagnosis for one in drawings] == list(DIAGNOSES)
    assert all(one.drawn for one in drawings)
    assert "Seven drawings, not patients" in gallery.said(drawings)
    write_evaluation(evaluate(tiny_model, drawn_catalogue, "test", replicates=2), tmp_path / "test")
    found = gallery.seven(tiny_model, drawn_catalogue, tmp_path)
    truth = drawn_catalogue.table.set_index("image_id")["dx"]
    assert not any(one.drawn for one in found)
    assert [truth[one.case.name] for one in found] == list(CODES)
    assert "median probability" in gallery.said(found)


@pytest.fixture
def visit(tiny_weights, tmp_path, monkeypatch):
    """A function that opens the page as a new visitor, without a data set."""
    monkeypatch.setenv("DERM_WEIGHTS", str(tiny_weights))
    monkeypatch.setenv("DERM_RESULTS", str(tmp_path))
    monkeypatch.delenv("DERM_DATA", raising=False)
    st.cache_resource.clear()
    yield lambda: AppTest.from_file(ROOT / "streamlit_app.py", default_timeout=60).run().switch_page(PAGE).run()
    st.cache_resource.clear()


def choose(page: AppTest, view: str) -> None:
    next(group for group in page.get("button_group") if group.key == "compare_view").set_value(view).run()
    assert not page.exception


def test_the_page_explains_the_drawn_case_by_two_methods(visit):
    page = visit()
    assert not page.exception
    assert page.selectbox(key="method-a").value == "grad-cam"
    page.selectbox(key="method-b").select("eigen-cam").run()
    page.slider(key="threshold").set_value(0.6).run()
    assert not page.exception
    assert any("Eigen-CAM" in caption.value.replace("\\", "") for caption in page.caption)


def test_the_page_tells_how_to_explain_a_whole_part(visit):
    page = visit()
    choose(page, "The whole test part")
    assert "derm explain --data DIR" in page.info[0].value


def test_explanations_of_other_weights_are_refused(visit, explained, tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "about.json").write_text("{}")
    monkeypatch.setattr("derm.evaluate.explain_dataset.find_explained", lambda _: [tmp_path / "other"])
    monkeypatch.setattr("derm.evaluate.explain_dataset.read_explain_results", lambda _: explained)
    page = visit()
    choose(page, "The whole test part")
    assert "are of other weights (tiny abababab" in page.error[0].value.replace("\\", "")


def test_the_page_shows_seven_diagnoses_and_opens_one(visit):
    page = visit()
    choose(page, "Seven diagnoses")
    page.button(key="open-bcc").click().run()
    assert not page.exception
    assert page.session_state.shown.case.name == "Drawn basal cell carcinoma"
    assert page.session_state.compare_view == "This case"


def test_two_visitors_get_their_own_maps(visit):
    one, other = visit(), visit()
    one.button(key="sample-vasc").click().run()
    assert not one.exception
    assert one.session_state.shown.case.name == "Drawn vascular lesion"
    assert other.session_state.shown.case.name == "Drawn melanoma"
    held = [list(page.session_state["held"].values()) for page in (one, other)]
    assert not {id(each) for each in held[0]} & {id(each) for each in held[1]}
    assert held[0][-1].index != held[1][0].index or not np.array_equal(
        held[0][-1].evidence.cells, held[1][0].evidence.cells
    )
