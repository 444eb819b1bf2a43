"""Two results side by side, and the images on which they disagree."""

import numpy as np
import pandas as pd
import streamlit as st

from derm.errors import DataFault
from derm.evaluate.compare import compare, disagreements
from derm.evaluate.results import Results
from derm.explore import data_places, model_comparison, predictions, tiles
from derm.explore.filtered import Kept, disagreements_kept, same_images
from derm.explore.shown_data import ShownData
from derm.figures import results as draw_results
from derm.figures.text import plain
from derm.model.weights import Model
from derm.paths import cache_folder, results_folder
from pages.explore.gallery import gallery
from pages.explore.measured_once import changed
from pages.explore.results.folders import choose_results
from pages.explore.widgets import chart, choose_look


def two_models(model: Model, shown: ShownData, found: Results, cases: pd.DataFrame, kept: Kept, dark: bool) -> None:
    """Two results side by side, and the images on which they disagree."""
    folders = data_places.results_places(model, cache_folder(), results_folder(), drawn=shown.drawn)
    others = [folder for folder in folders if folder != found.folder]
    if not others:
        st.info(model_comparison.NO_OTHER, icon=":material/analytics:")
        return
    chosen = choose_results(shown, others, "Second results", "explore_second", 0)
    if chosen is None:
        return
    other, other_cases = chosen
    try:
        when = (changed(found.folder / "metrics.json"), changed(other.folder / "metrics.json"))
        table, disagreed = shared_comparison((str(found.folder), str(other.folder)), when, found, other)
    except DataFault as fault:
        st.info(plain(str(fault)), icon=":material/difference:")
        return
    disagreed = disagreements_kept(disagreed, cases, kept)
    st.markdown(plain(model_comparison.rivals_sentence(disagreed, int(kept.sum()))))
    of_other = same_images(other_cases, cases, kept)
    for place, name, results, some in zip(
        st.columns(2, gap="medium"), ("First", "Second"), (found, other), ((cases, kept), (other_cases, of_other)),
        strict=True,
    ):  # fmt: skip
        with place:
            st.subheader(plain(f"{name}: {results.name}"), anchor=False)
            figure = draw_results.confusion_matrix(predictions.count(*some), rates=False, dark=dark, side=520)
            chart(figure, f"matrix-{name}", f"Confusion matrix of the {name.lower()}")
    st.dataframe(model_comparison.figures_table(table), hide_index=True, alt="Figures of both, with their difference")
    look = choose_look("rivals")
    rows = np.arange(len(disagreed))
    gallery(
        model, shown, "rivals", rows, lambda some: tiles.disagreement_tiles(shown.table, disagreed.iloc[some]), look
    )


@st.cache_data(show_spinner="Comparing by a paired bootstrap …", max_entries=8)
def shared_comparison(
    folders: tuple[str, str], changed: tuple[int, int], _first: Results, _second: Results
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two results: their figures with the difference, and the images on which they disagree."""
    return compare(_first, _second, model_comparison.REPLICATES), disagreements(_first, _second)
