"""The results to look at: found, chosen, and read once for all sessions until they change."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import streamlit as st

from derm.errors import DataFault
from derm.evaluate.results import Results, read_results
from derm.explore import data_places, predictions
from derm.explore.shown_data import ShownData
from derm.figures.text import plain
from derm.files import part_by_text, stamp_now
from derm.language.speech import language, mark, say
from derm.model.weights import Model
from derm.paths import cache_folder, results_folder
from derm.predict.record import weights_key
from pages.explore.measured_once import watch
from pages.explore.widgets import choose
from pages.parts.spinning import spinning

FIRST, SECOND = "explore_first", "explore_second"
"""Keys of the results that are looked at, and of those that they are held against."""


def result_names(model: Model, shown: ShownData) -> dict[str, Path]:
    """The folders of results to choose from by their names, those that belong to weights and data set first."""
    named: dict[str, Path] = {}
    for place in part_by_text(places(model, shown))[0]:
        named.setdefault(place.name or "results", place)
    return named


def places(model: Model, shown: ShownData) -> list[Path]:
    """All folders of results, those whose names no page can show among them."""
    return data_places.results_places(model, cache_folder(), results_folder(), len(shown.table), drawn=shown.drawn)


def tell_unwritten(model: Model, shown: ShownData) -> None:
    """Name the folders of results that are left out for their names, where there are any."""
    if odd := part_by_text(places(model, shown))[1]:
        st.warning(plain(data_places.unwritten(odd)), icon=":material/folder_off:")


def tell_gone(model: Model, shown: ShownData) -> None:
    """Say of chosen results that are no longer there, and which are shown in their place."""
    names = list(result_names(model, shown))
    for key in (FIRST, SECOND):
        before = st.session_state.get(key)
        if before is None or before in names:
            continue
        others = [name for name in names if key == FIRST or name != st.session_state.get(FIRST)]
        st.info(plain(data_places.gone(before, next(iter(others), ""))), icon=":material/folder_off:")
        st.session_state[key] = next(iter(others), None)  # last: a page that a click broke off has not said it


def find_results(model: Model, shown: ShownData) -> tuple[Results, pd.DataFrame] | None:
    """The chosen results joined with the table, or None with what to do."""
    folders = result_names(model, shown)
    tell_unwritten(model, shown)
    if shown.drawn and data_places.results_of_drawn(model, cache_folder()) not in folders.values():
        measure_drawn(model, shown)
        return None
    if not folders:
        st.info(say(data_places.HOW_TO_MEASURE), icon=":material/analytics:")
        return None
    return choose_results(shown, folders, say("Results"), FIRST, model)


def measure_drawn(model: Model, shown: ShownData) -> None:
    """Offer to measure the loaded weights on the drawn data set."""
    st.info(say(data_places.MEASURE_DRAWN), icon=":material/analytics:")
    if st.button(say("Measure now"), key="explore_evaluate", icon=":material/play_arrow:"):
        tell, done = watch(say("Measuring …"))
        data_places.measure_drawn(model, shown.catalogue, data_places.results_of_drawn(model, cache_folder()), tell)
        done()
        st.rerun()


def choose_results(
    shown: ShownData, folders: Mapping[str, Path], label: str, key: str, model: Model | None
) -> tuple[Results, pd.DataFrame] | None:
    """One of the folders of results, read; None with a sentence where it cannot be read or does not belong here.

    model: the weights that it must be of; None for any.
    """
    folder = folders[choose(label, list(folders), key, format_func=str, width=260, label_visibility="collapsed")]
    try:
        return read_own(shown, folder, model)
    except DataFault as fault:
        st.error(plain(str(fault)), icon=":material/link_off:")
        return None


def read_own(shown: ShownData, folder: Path, model: Model | None) -> tuple[Results, pd.DataFrame]:
    """Results joined with the table; DataFault where they cannot be read, or are of other data or weights."""
    found = shared_results(str(folder), stamp_now(folder / "metrics.json"))
    place = str(shown.catalogue.folder)
    weights = None if model is None else weights_key(model)
    if fault := shared_refusal(found.stamp, place, weights, language(), found, shown.catalogue.table, model):
        raise DataFault(fault)
    return found, shared_cases(found.stamp, place, found, shown.table)


def opened_cases(model: Model, shown: ShownData) -> pd.DataFrame | None:
    """The results that were looked at last, for what they say of images anywhere; None where none belong here."""
    folders = result_names(model, shown)
    name = st.session_state.get(FIRST)
    folder = folders.get(name) if name in folders else next(iter(folders.values()), None)
    if folder is None:
        return None
    try:
        return read_own(shown, folder, model)[1]
    except DataFault:
        return None


@spinning(mark("Comparing results and data set …"))
@st.cache_data(show_spinner=False, max_entries=16)
def shared_refusal(
    stamp: str,
    data: str,
    weights: str | None,
    spoken: str,
    _results: Results,
    _table: pd.DataFrame,
    _model: Model | None,
) -> str | None:
    """Why results must not be shown here, in the language that is spoken, or None."""
    return predictions.refusal(_results, _table, _model)


@spinning(mark("Reading the results …"))
@st.cache_resource(show_spinner=False, max_entries=6)
def shared_results(folder: str, changed: tuple[int, ...]) -> Results:
    """Results, read anew when they have changed."""
    return read_results(Path(folder))


@st.cache_resource(show_spinner=False, max_entries=6)
def shared_cases(stamp: str, data: str, _results: Results, _table: pd.DataFrame) -> pd.DataFrame:
    """The results, one row an image, joined with the data set's table."""
    return predictions.outcomes(_results, _table)
