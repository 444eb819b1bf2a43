"""The view Concepts of Explore without a browser: as shipped, nothing there, something damaged."""

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

pytestmark = pytest.mark.slow


def page():
    from types import SimpleNamespace

    from pages.explore.concepts.view import show_concepts

    show_concepts(SimpleNamespace(made=lambda *_: False), None, None, False)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of results, empty."""
    monkeypatch.setenv("DERM_RESULTS", str(tmp_path))
    st.cache_data.clear()
    yield tmp_path
    st.cache_data.clear()


def test_what_is_shipped_is_drawn_and_what_may_not_be_concluded_said(folder):
    shown = AppTest.from_function(page, default_timeout=60).run()
    assert not shown.exception
    text = " ".join(one.value for one in (*shown.markdown, *shown.caption)).replace("\\", "")
    assert "What may not be concluded" in text
    assert "Measured with other weights" in text
    beside, alone, vectors = shown.get("plotly_chart")
    assert "difference −" in beside.proto.alt
    assert "Streaks 0." in alone.proto.alt
    assert "random concepts" in vectors.proto.alt


def test_nothing_and_something_damaged_are_one_sentence_each(folder, monkeypatch):
    (folder / "concepts.json").write_text('{"weights": ')
    shown = AppTest.from_function(page, default_timeout=60).run()
    assert not shown.exception
    assert "make them anew" in shown.error[0].value
    (folder / "concepts.json").unlink()
    monkeypatch.setattr("derm.concepts.measured.app_folder", lambda: folder)
    assert "derm concepts measure" in AppTest.from_function(page, default_timeout=60).run().info[0].value
