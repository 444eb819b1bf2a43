"""Explore: what is in the data set, whether it can be trusted, and which pictures stand behind a model's results.

The page only draws; what it counts, measures and says comes from `derm.explore`. Only the chosen view is computed.
The parts of the page lie in `pages/explore`, a folder for each view.
"""

import streamlit as st

from derm.explore import data_places, filters
from derm.explore.shown_data import ShownData
from derm.explore.table import DIMENSIONS, name_of
from pages.explore.data.view import show_data
from pages.explore.dataset import find_set
from pages.explore.opened import opened
from pages.explore.quality.view import show_quality
from pages.explore.results.folders import opened_cases
from pages.explore.results.view import show_results
from pages.parts import top

VIEWS = {
    "Data": "Data: what is in it",
    "Quality": "Quality: can it be trusted",
    "Results": "Results: what the model makes of it",
}


def main() -> None:
    """The page, from top to bottom."""
    model = top.open_page("Explore")
    top.choose()
    shown = find_set()
    dark = st.context.theme.type == "dark"
    view = choose_view(shown)
    chosen = filter_bar(shown)
    if st.session_state.get("explore_opened"):
        opened(model, shown, opened_cases(model, shown))
        return
    with st.container(key="explore_body"):
        {"Data": show_data, "Quality": show_quality, "Results": show_results}[view](model, shown, chosen, dark)


def choose_view(shown: ShownData) -> str:
    """The three views; where the data set is drawn, that is said."""
    view: str = st.segmented_control(
        "View",
        list(VIEWS),
        default="Data",
        required=True,
        key="explore_view",
        format_func=VIEWS.__getitem__,
        label_visibility="collapsed",
        persist_state="session",
    )
    if shown.drawn:
        with st.expander(data_places.DRAWN, icon=":material/draw:"):
            st.markdown(data_places.HOW_TO_GET)
    return view


def filter_bar(shown: ShownData) -> dict[str, list[str]]:
    """The filter bar, which stays on every view."""
    with st.container(key="explore_filters", horizontal=True, gap="small"):
        return {
            dimension.key: st.multiselect(
                dimension.label,
                choices,
                key=f"explore_filter_{dimension.key}",
                format_func=name_of,
                placeholder=f"{dimension.label}: all",
                label_visibility="collapsed",
                width=243,
                persist_state="session",
            )
            for dimension, choices in zip(DIMENSIONS, filters.options(shown.table).values(), strict=True)
        }


main()
