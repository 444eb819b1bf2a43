"""The view Other systems: each system's figure with its interval, ours among them, and what was claimed elsewhere."""

from pathlib import Path

import streamlit as st

from derm.errors import DataFault
from derm.explore import filters
from derm.explore.address import SYSTEM_FIGURES
from derm.explore.shown_data import ShownData
from derm.figures.systems import system_points
from derm.figures.text import plain
from derm.files import stamp_now
from derm.language.speech import say
from derm.model.weights import Model
from derm.zoo import view, words
from derm.zoo.compared import LABELS, SystemComparison, read_comparison
from derm.zoo.place import find_comparison
from pages.explore.widgets import chart, pick, table_of


def show_systems(model: Model, shown: ShownData, asked: filters.Asked, dark: bool) -> None:
    """The paper's other systems beside ours; the data set on the page and its filter play no part."""
    place = find_comparison()
    if place is None:
        st.info(say(words.NOTHING), icon=":material/compare_arrows:")
        return
    try:
        found = shared_comparison(str(place), stamp_now(place))
    except DataFault as fault:
        st.error(plain(str(fault)), icon=":material/link_off:")
        return
    st.markdown(plain(words.conclusion(found)))
    label = pick(say("Figure"), SYSTEM_FIGURES, "explore_systems")
    name = next(key for key, one in LABELS.items() if one == label)
    points = view.points(found, name)
    st.markdown(plain(words.verdict(found, name)))
    if points:
        figure = system_points(points, say("{figure}, test part, split by lesion", figure=say(label)), dark=dark)
        chart(figure, f"systems-{name}", words.alt(found, name))
    if missing := words.not_run(found):
        st.caption(plain(missing))
    table_of(view.rows(found, name))
    with st.expander(say("Claimed, of other data"), key="fold-claimed"):
        table_of(view.claims(found, name))


@st.cache_data(show_spinner=False, max_entries=4)
def shared_comparison(place: str, changed: tuple[int, ...]) -> SystemComparison:
    """The comparison, read anew when it has changed."""
    return read_comparison(Path(place))
