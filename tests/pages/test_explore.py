"""The page Explore without a browser: its three views on drawn data, a cell, an opened image, what may be missing."""

import json
import re
import shutil
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from derm.data.synthetic.standin import draw_once
from derm.diagnoses import INDEX
from derm.evaluate import by_source
from derm.evaluate.dataset import evaluate, write_evaluation
from derm.explore import data_places

pytestmark = pytest.mark.slow

APP = Path(__file__).parents[2] / "streamlit_app.py"
PAGE = "pages/2_Explore.py"


@pytest.fixture(scope="module")
def measured(tiny_model, drawn_catalogue, tmp_path_factory) -> Path:
    """A folder with results of the tiny weights on both parts."""
    folder = tmp_path_factory.mktemp("results")
    for part in ("validation", "test"):
        write_evaluation(evaluate(tiny_model, drawn_catalogue, part, replicates=5), folder / part)
    return folder


@pytest.fixture
def visit(tiny_weights, drawn, measured, monkeypatch):
    """A function that opens the page as a new visitor; settings: environment variables, None takes one away."""

    def opened(**settings: str | None) -> AppTest:
        given = {"DERM_WEIGHTS": str(tiny_weights), "DERM_DATA": str(drawn), "DERM_RESULTS": str(measured)}
        for name, value in {**given, **settings}.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        st.cache_resource.clear()
        st.cache_data.clear()
        page = AppTest.from_file(APP, default_timeout=120).run()
        return page.switch_page(PAGE).run()

    yield opened
    st.cache_resource.clear()
    st.cache_data.clear()


def choose(page: AppTest, key: str, value: str) -> AppTest:
    next(group for group in page.get("button_group") if group.key == key).set_value(value).run()
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    kinds = (page.markdown, page.caption, page.header, page.subheader, page.info, page.warning)
    return " ".join(element.value for kind in kinds for element in kind).replace("\\", "")


def charts(page: AppTest) -> int:
    return len(page.get("plotly_chart"))


def tiles(page: AppTest) -> list:
    return [button for button in page.button if (button.key or "").startswith("open-")]


def test_the_data_set_is_shown_and_filtered(visit):
    page = visit()
    assert not page.exception
    assert "63 images of" in texts(page)
    assert "lesions fill" in texts(page)  # small sets are measured at once
    assert charts(page) == 11
    page.multiselect(key="explore_filter_diagnosis").set_value(["mel"]).run()
    assert not page.exception
    assert "out of 63 images: melanoma." in texts(page)
    page.multiselect(key="explore_filter_source").set_value(["derm_synthetic"]).run()
    page.multiselect(key="explore_filter_part").set_value(["test"]).run()
    assert "melanoma; derm synthetic; test." in texts(page)


def test_the_filter_stays_on_every_view(visit):
    page = visit()
    page.multiselect(key="explore_filter_sex").set_value(["female"]).run()
    choose(page, "explore_view", "Results")
    assert "filtered" in texts(page)
    assert page.multiselect(key="explore_filter_sex").value == ["female"]
    choose(page, "explore_view", "Data")
    assert "female." in texts(page)


def test_nothing_left_is_said_and_no_chart_is_drawn(visit):
    page = visit()
    page.multiselect(key="explore_filter_part").set_value(["test"]).run()
    choose(page, "explore_view", "Results")
    assert "No measured image passes the filter" in texts(page)
    assert charts(page) == 0


def test_two_dimensions_are_crossed(visit):
    page = choose(visit(), "explore_data", "Crossed")
    assert charts(page) == 1
    page.selectbox(key="explore_cross_Rows").set_value("site").run()
    page.toggle(key="explore_cross_share").set_value(True).run()
    assert not page.exception
    assert charts(page) == 1


def test_pictures_come_in_pages_and_open_large(visit):
    page = choose(visit(), "explore_data", "Pictures")
    assert len(tiles(page)) == 24
    page.button(key="Next-data").click().run()
    page.button(key="Next-data").click().run()
    assert "49 – 63 of 63 images" in texts(page)
    assert len(tiles(page)) == 15
    choose(page, "explore_look_data", "Heat map")
    page.button(key="open-data-0").click().run()
    assert not page.exception
    image_id = page.session_state.explore_opened
    assert image_id in texts(page)
    assert "Research use only" in texts(page)
    page.button(key="explore_back").click().run()
    assert "49 – 63 of 63 images" in texts(page)  # back to where one was


def test_another_picture_of_the_lesion_opens_too(visit):
    page = choose(visit(), "explore_data", "Pictures")
    page.multiselect(key="explore_filter_several").set_value(["several images"]).run()
    page.button(key="open-data-0").click().run()
    first = page.session_state.explore_opened
    assert "Other images of this lesion" in texts(page)
    page.button(key="open-sisters-0").click().run()
    assert page.session_state.explore_opened != first
    assert not page.exception


def test_an_opened_image_becomes_the_case_that_follows(visit):
    page = choose(visit(), "explore_data", "Pictures")
    page.button(key="open-data-3").click().run()
    image_id = page.session_state.explore_opened
    page.button(key="explore_diagnose").click().run()
    assert not page.exception
    assert page.session_state.shown.case.name == image_id
    assert page.session_state.shown.case.truth is not None


def test_quality_says_whether_it_can_be_trusted(visit):
    page = choose(visit(), "explore_view", "Quality")
    said = texts(page)
    assert "Split by lesion, as here, 0 of" in said
    assert "the source gives nothing away" in said
    assert "Every image and mask of 63 can be read" in said
    assert "look nearly the same" in said
    page.multiselect(key="explore_filter_sex").set_value(["female"]).run()
    assert "About the whole data set" in texts(page)


def test_the_matrix_fills_the_gallery(visit):
    page = choose(visit(), "explore_view", "Results")
    assert page.selectbox(key="explore_first").value.endswith("validation")
    for code in ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"):
        page.selectbox(key="explore_true").set_value(INDEX["nv"]).run()
        page.selectbox(key="explore_predicted").set_value(INDEX[code]).run()
        assert not page.exception
        (counted,) = (re.match(r"(\d+) of (\d+) images of melanocytic nevus", one.value.replace("\\", "")) for one in
                      page.header)  # fmt: skip
        assert len(tiles(page)) == min(24, int(counted[1]))
    choose(page, "explore_cells", "Rates")


@pytest.mark.parametrize(
    ("part", "drawn_charts"),
    [("Sources", 0), ("Classes", 6), ("Curves", 4), ("Map of features", 1), ("Label errors", 0), ("Two models", 0)],
)
def test_every_way_to_see_results_is_drawn(visit, part, drawn_charts):
    page = choose(choose(visit(), "explore_view", "Results"), "explore_results", part)
    assert charts(page) == drawn_charts
    if part == "Two models":  # of two parts, which cannot be compared
        assert "are not of the same images, so they cannot be compared" in texts(page)
    if part == "Label errors":
        assert "labels to review" in texts(page)
    if part == "Sources":  # drawn pictures are of none
        assert "These results tell no sources apart" in texts(page)


def test_figures_by_source_are_offered_where_a_source_has_them(visit, measured, tmp_path):
    shutil.copytree(measured / "validation", tmp_path / "sources")
    figures = {name: {"value": None, "interval": None} for name in by_source.FIGURES}
    figures["dice"] = {"value": 0.5, "interval": [0.4, 0.6]}
    figures["sensitivity"] = {"value": 0.75, "interval": None}
    metrics = tmp_path / "sources" / "metrics.json"
    own = {"within": None, "images": 8, "lesions": 8, "malignant": 4, "figures": figures}
    metrics.write_text(json.dumps(json.loads(metrics.read_text()) | {"by_source": {"here": own, "there": own}}))
    page = choose(choose(visit(DERM_RESULTS=str(tmp_path)), "explore_view", "Results"), "explore_results", "Sources")
    assert page.selectbox(key="explore_source_figure").options == ["Malignant found", "Dice"]
    assert charts(page) == 1
    assert "Figures of 2 sources: here, there." in texts(page)


def test_two_sets_of_weights_side_by_side(visit, tiny_model, drawn_catalogue, measured, tmp_path):
    for name in ("one", "two"):
        write_evaluation(evaluate(tiny_model, drawn_catalogue, "validation", replicates=2), tmp_path / name)
    page = choose(choose(visit(DERM_RESULTS=str(tmp_path)), "explore_view", "Results"), "explore_results", "Two models")
    assert "The two disagree on 0 of" in texts(page)
    assert charts(page) == 2


def test_without_results_it_says_how_to_make_them(visit, tmp_path):
    page = choose(visit(DERM_RESULTS=str(tmp_path)), "explore_view", "Results")
    assert "Make them with `derm evaluate" in texts(page)


def test_broken_results_are_one_sentence(visit, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "metrics.json").write_text("{}")
    page = choose(visit(DERM_RESULTS=str(tmp_path)), "explore_view", "Results")
    assert "holds no results" in page.error[0].value


def test_results_of_other_weights_are_told(visit, measured, drawn_catalogue, tmp_path):
    (tmp_path / "other").mkdir()
    for path in (measured / "validation").glob("*.*"):
        text = re.sub(r'("sha256": ")[0-9a-f]{8}', r"\g<1>00000000", path.read_text())
        (tmp_path / "other" / path.name).write_text(text)
    page = choose(visit(DERM_RESULTS=str(tmp_path)), "explore_view", "Results")
    assert "These are results of other weights (tiny 00000000)" in texts(page)


def test_a_folder_without_data_says_how_to_get_it(visit, tmp_path):
    page = visit(DERM_DATA=str(tmp_path / "none"))
    assert not page.exception
    assert "is not a folder" in page.error[0].value.replace("\\", "")
    assert "HAM10000_images_part_1" in texts(page)


def test_without_a_data_set_a_drawn_one_is_shown_and_can_be_measured(visit, monkeypatch, tmp_path):
    monkeypatch.setenv("DERM_CACHE", str(tmp_path))
    draw_once(tmp_path, images=42)  # fewer than the page would draw, to be quick
    page = visit(DERM_DATA=None)
    assert not page.exception
    assert page.expander[0].label == data_places.DRAWN
    assert "42 images of" in texts(page)
    choose(page, "explore_view", "Results")
    page.button(key="explore_evaluate").click().run()
    assert not page.exception
    assert "diagnosed right" in texts(page)
