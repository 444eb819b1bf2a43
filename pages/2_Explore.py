"""Explore: what is in the data set, whether it can be trusted, and which pictures stand behind a model's results.

The page only draws; what it counts, measures and says comes from `derm.explore`. Only the chosen view is computed.
The parts of the page lie in `pages/explore`, a folder for each view.
"""

import streamlit as st

from derm.data.synthetic.standin import IMAGES
from derm.explore import data_places, filters
from derm.explore.address import VIEWS
from derm.explore.shown_data import ShownData
from derm.explore.table import DIMENSIONS, name_of, narrow
from derm.figures.text import plain
from derm.language.speech import say
from pages.explore.address import follow_address, write_address
from pages.explore.concepts.view import show_concepts
from pages.explore.data.view import show_data
from pages.explore.dataset import find_set
from pages.explore.opened import opened
from pages.explore.quality.view import show_quality
from pages.explore.results.folders import opened_cases, tell_gone
from pages.explore.results.view import show_results
from pages.explore.saved import choose_selection, tell_done
from pages.explore.systems.view import show_systems
from pages.explore.widgets import pick
from pages.parts import top

SHOW = {
    "Data": show_data,
    "Quality": show_quality,
    "Results": show_results,
    "Other systems": show_systems,
    "Concepts": show_concepts,
}


def main() -> None:
    """The page, from top to bottom."""
    model = top.open_page("Explore")
    shown = find_set()
    fault = follow_address(model, shown)
    top.choose()
    if fault:
        st.info(plain(fault), icon=":material/link_off:")
    dark = st.context.theme.type == "dark"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        view = pick(say("View"), VIEWS, "explore_view")
        name, images = choose_selection(shown)
    tell_done()
    tell_gone(model, shown)
    tell_drawn(shown)
    asked = filters.Asked(filter_bar(shown), images, name)
    if st.session_state.get("explore_opened"):
        opened(model, shown, opened_cases(model, shown))
    else:
        with st.container(key="explore_body"):
            SHOW[view](model, shown, asked, dark)
    write_address(model, shown)


def tell_drawn(shown: ShownData) -> None:
    """That the data set is drawn, where it is."""
    if shown.drawn:
        with st.expander(say(data_places.DRAWN, images=IMAGES), icon=":material/draw:", key="fold-drawn"):
            st.markdown(say(data_places.HOW_TO_GET))


def filter_bar(shown: ShownData) -> dict[str, list[str]]:
    """The filter bar, which stays on every view; on a phone it is folded behind a switch."""
    st.toggle(say("Filters"), key="explore_fold", persist_state="session")
    with st.container(key="explore_filters", horizontal=True, gap="xsmall"):
        return {
            dimension.key: st.multiselect(
                say(dimension.label),
                choices,
                key=f"explore_filter_{dimension.key}",
                format_func=name_of,
                placeholder=narrow(dimension),
                label_visibility="collapsed",
                persist_state="session",
            )
            for dimension, choices in zip(DIMENSIONS, shown.options.values(), strict=True)
        }


main()
