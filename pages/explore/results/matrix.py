"""The confusion matrix, and the pictures behind the chosen cell."""

from functools import partial

import pandas as pd
import streamlit as st

from derm.evaluate.results import Results
from derm.explore import predictions, tiles
from derm.explore.filtered import Kept
from derm.explore.shown_data import ShownData
from derm.figures import results as draw_results
from derm.figures.text import plain
from derm.model.weights import Model
from pages.explore.gallery import turn
from pages.explore.results.pictures import cases_gallery
from pages.explore.widgets import chart, pick


def matrix(model: Model, shown: ShownData, found: Results, cases: pd.DataFrame, kept: Kept, dark: bool) -> None:
    """The confusion matrix, and the pictures behind the chosen cell."""
    counted = predictions.count(cases, kept)
    start = predictions.gravest_cell(counted)
    st.session_state.setdefault("explore_true", start[0])
    st.session_state.setdefault("explore_predicted", start[1])
    left, right = st.columns([1, 1], gap="medium")
    with left:
        st.markdown(plain(predictions.accuracy_sentence(found, counted)))
        mode = pick("Cells hold", ("Counts", "Rates"), "explore_cells")
        cell = (st.session_state.explore_true, st.session_state.explore_predicted)
        key = f"explore_matrix_{st.session_state.get('explore_clicks', 0)}"
        figure = draw_results.confusion_matrix(counted, rates=mode == "Rates", dark=dark, chosen=cell)
        chart(
            figure,
            key,
            f"Confusion matrix. {draw_results.cell_text(counted, *cell)}",
            on_select=partial(choose_cell, key),
            selection_mode="points",
        )
        with st.container(horizontal=True):
            for label, key in (("The truth is", "explore_true"), ("The model says", "explore_predicted")):
                st.selectbox(
                    label,
                    list(tiles.code_labels()),
                    key=key,
                    format_func=tiles.code_labels().__getitem__,
                    width=290,
                    persist_state="session",
                    on_change=turn,
                    args=("cell", 1),
                )
    with right:
        st.header(plain(predictions.cell_sentence(counted, *cell)), anchor=False)
        cases_gallery(model, shown, cases, predictions.cell(cases, kept, *cell), "cell")


def choose_cell(key: str) -> None:
    """A cell of the matrix was clicked: its gallery from the first page on, and a fresh matrix to click on.

    The same one would report its old selection again, when it is drawn anew, and take the choice back.
    """
    points = st.session_state[key].selection.points
    if points:
        st.session_state.explore_clicks = st.session_state.get("explore_clicks", 0) + 1
        st.session_state.explore_true, st.session_state.explore_predicted = points[0]["customdata"]
        turn("cell", 1)
