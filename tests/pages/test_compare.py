"""The page Compare without a browser: one case by two methods, seven diagnoses, a whole part, two visitors."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from derm.compare.gallery import SINGLE_VIEWS
from derm.diagnoses import CODES
from derm.figures.text import plain
from derm.model.weights import save_weights
from derm.predict.learned_words import none_of

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGE = "pages/1_Compare.py"


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


def test_what_was_chosen_is_there_after_another_page(visit):
    page = visit()
    page.selectbox(key="method-a").select("hirescam").run()
    page.slider(key="threshold").set_value(0.6).run()
    page.slider(key="heat-opacity").set_value(0.9).run()
    (against,) = [group for group in page.get("button_group") if group.key == "against"]
    against.set_value("Model's outline").run()
    page.switch_page("streamlit_app.py").run().switch_page(PAGE).run()
    assert not page.exception
    assert page.selectbox(key="method-a").value == "hirescam"
    assert (page.slider(key="threshold").value, page.slider(key="heat-opacity").value) == (0.6, 0.9)
    assert page.session_state["against"] == "Model's outline"


def test_maps_are_put_to_the_test_and_keep_their_figures(visit):
    page = visit()
    page.selectbox(key="method-b").select("eigen-cam").run()
    page.button(key="try").click().run()
    assert not page.exception
    assert "Deletion, area" in " ".join(element.proto.body for element in page.get("html"))
    assert len(page.session_state["trials"]) == 2
    assert not [button for button in page.button if button.key in ("try", "try-slow")]


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
    assert "are results of other weights (tiny abababab" in page.error[0].value.replace("\\", "")


def test_explanations_that_were_written_anew_are_read_anew(visit, explained, tmp_path, monkeypatch):
    for name in ("about.json", "summary.json"):
        (tmp_path / name).write_text("{}")
    monkeypatch.setattr("derm.evaluate.explain_dataset.find_explained", lambda _: [tmp_path])
    for digits, written in (("ab", 1), ("cd", 2)):
        os.utime(tmp_path / "summary.json", (written, written))
        found = replace(explained, about=explained.about | {"sha256": digits * 32})
        monkeypatch.setattr("derm.evaluate.explain_dataset.read_explain_results", lambda _, found=found: found)
        page = visit()
        choose(page, "The whole test part")
        assert f"(tiny {digits * 4}" in page.error[0].value.replace("\\", "")


def test_the_page_shows_seven_diagnoses_and_opens_one(visit):
    page = visit()
    page.session_state.views = 8
    choose(page, "Seven diagnoses")
    single = plain(SINGLE_VIEWS)
    assert single in [caption.value for caption in page.caption]
    page.session_state.views = 1
    page.run()
    assert single not in [caption.value for caption in page.caption]
    page.button(key="open-bcc").click().run()
    assert not page.exception
    assert page.session_state.shown.case.name == "Drawn basal cell carcinoma"
    assert page.session_state.compare_view == "This case"


def test_the_seven_say_which_of_them_the_weights_have_not_learned(visit, tiny_model, tmp_path, monkeypatch):
    learned = {"classes": dict.fromkeys(CODES, 100) | {"df": 0}, "pictures": "", "lesions": ""}
    told = {"data": {"learned": learned}}
    info = replace(tiny_model.description, training=told)
    save_weights(tmp_path / "few.json", tiny_model.net, info)
    monkeypatch.setenv("DERM_WEIGHTS", str(tmp_path / "few.json"))
    page = visit()
    choose(page, "Seven diagnoses")
    assert plain(none_of(told)) in [caption.value for caption in page.caption]


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
