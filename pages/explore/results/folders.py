"""The results to look at: found, chosen, and read once for all sessions until they change."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from derm.errors import DataFault
from derm.evaluate.results import Results, read_results
from derm.explore import data_places, predictions
from derm.explore.shown_data import ShownData
from derm.figures.text import plain
from derm.model.weights import Model
from derm.paths import cache_folder, results_folder
from pages.explore.measured_once import changed, watch


def find_results(model: Model, shown: ShownData) -> tuple[Results, pd.DataFrame] | None:
    """The chosen results joined with the table, or None with what to do."""
    folders = data_places.results_places(model, cache_folder(), results_folder(), drawn=shown.drawn)
    if not folders and shown.drawn:
        measure_drawn(model, shown)
        return None
    if not folders:
        st.info(data_places.HOW_TO_MEASURE, icon=":material/analytics:")
        return None
    return choose_results(shown, folders, "Results", "explore_first", 0)


def measure_drawn(model: Model, shown: ShownData) -> None:
    """Offer to measure the loaded weights on the drawn data set."""
    st.info(data_places.MEASURE_DRAWN, icon=":material/analytics:")
    if st.button("Measure now", key="explore_evaluate", icon=":material/play_arrow:"):
        tell, done = watch("Measuring …")
        data_places.measure_drawn(model, shown.catalogue, data_places.results_of_drawn(model, cache_folder()), tell)
        done()
        st.rerun()


def choose_results(
    shown: ShownData, folders: Sequence[Path], label: str, key: str, index: int
) -> tuple[Results, pd.DataFrame] | None:
    """One of the folders of results, read; None with a sentence where it cannot be read."""
    names = [str(folder) for folder in folders]
    folder = st.selectbox(
        label,
        names,
        index=min(index, len(names) - 1),
        key=key,
        format_func=lambda name: Path(name).name,
        width=320,
        persist_state="session",
    )
    when = changed(Path(folder) / "metrics.json")
    try:
        found = shared_results(folder, when)
    except DataFault as fault:
        st.error(plain(str(fault)), icon=":material/folder_off:")
        return None
    return found, shared_cases(folder, when, str(shown.catalogue.folder), found, shown.table)


def opened_cases(model: Model, shown: ShownData) -> pd.DataFrame | None:
    """The results that were looked at last, for what they say of the opened image; None where there are none."""
    folders = data_places.results_places(model, cache_folder(), results_folder(), drawn=shown.drawn)
    folder = Path(st.session_state.get("explore_first") or (folders[0] if folders else "."))
    when = changed(folder / "metrics.json")
    if not when:
        return None
    try:
        found = shared_results(str(folder), when)
    except DataFault:
        return None
    return shared_cases(str(folder), when, str(shown.catalogue.folder), found, shown.table)


@st.cache_resource(show_spinner="Reading the results …", max_entries=6)
def shared_results(folder: str, changed: int) -> Results:
    """Results, read anew when they have changed."""
    return read_results(Path(folder))


@st.cache_resource(show_spinner=False, max_entries=6)
def shared_cases(folder: str, changed: int, data: str, _results: Results, _table: pd.DataFrame) -> pd.DataFrame:
    """The results, one row an image, joined with the data set's table."""
    return predictions.outcomes(_results, _table)
