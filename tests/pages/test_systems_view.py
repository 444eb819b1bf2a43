"""The view Other systems of Explore without a browser: nothing there, something there, something damaged."""

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from derm.files import write_json
from derm.zoo.compared import SystemComparison, SystemFigure, SystemMeasures, SystemRow

pytestmark = pytest.mark.slow


def page():
    from pages.explore.systems.view import show_systems

    show_systems(None, None, None, False)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of the comparison; there is no other."""
    monkeypatch.setenv("DERM_RESULTS", str(tmp_path))
    monkeypatch.setattr("derm.zoo.place.app_folder", lambda: tmp_path / "nowhere")
    st.cache_data.clear()
    (tmp_path / "zoo").mkdir()
    yield tmp_path / "zoo"
    st.cache_data.clear()


def measured(accuracy, difference=None):
    figures = {
        "accuracy": SystemFigure(accuracy, (accuracy - 0.1, accuracy + 0.1), difference, difference and (0.01, 0.2))
    }
    return SystemMeasures(20, 15, 60, 1, 5, figures)


def test_the_view_shows_every_system_and_says_what_may_not_be_concluded(folder):
    rows = (
        SystemRow(
            "shared", "random", {"parameters": 4.5, "gflop": 0.4}, {"lesion": measured(0.6), "image": measured(0.7)}
        ),
        SystemRow("alexnet", "random", {}, {"lesion": measured(0.7, 0.1)}),
        SystemRow("unet", "random"),
    )
    write_json(folder / "comparison.json", SystemComparison("proxy", 96, "2026-11-27", rows).as_dict())
    shown = AppTest.from_function(page, default_timeout=60).run()
    assert not shown.exception
    text = " ".join(one.value for one in (*shown.markdown, *shown.caption)).replace("\\", "")
    assert "What may be concluded" in text
    assert "1 above ours, 0 below, 0 not told apart, of 1 measured beside ours" in text
    assert "Not trained and measured yet" in text
    (chart,) = shown.get("plotly_chart")
    assert "Accuracy of each system with its 95 % interval" in chart.proto.alt
    assert "AlexNet from random weights 0.700" in chart.proto.alt
    cells, claims = (table.value.to_string().replace("\\", "") for table in shown.table)
    assert "U-Net" not in cells + claims
    assert "0.700" in cells
    assert "accuracy 78.4" in claims


def test_without_a_comparison_the_view_says_how_to_make_one(folder):
    shown = AppTest.from_function(page, default_timeout=60).run()
    assert "derm zoo run all --data DIR" in shown.info[0].value


def test_a_damaged_comparison_is_one_sentence(folder):
    (folder / "comparison.json").write_text('{"format": 1')
    shown = AppTest.from_function(page, default_timeout=60).run()
    assert not shown.exception
    assert "make it anew" in shown.error[0].value
