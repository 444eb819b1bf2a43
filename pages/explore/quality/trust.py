"""What the splits leak from one part into another, and what the source of a picture gives away."""

from functools import partial

import pandas as pd
import streamlit as st

from derm.errors import DataFault
from derm.explore import data_quality
from derm.explore.shown_data import ShownData
from derm.figures import dataset as draw
from derm.figures.text import plain
from derm.language.speech import language, mark, say
from pages.explore.widgets import chart_once, table_of
from pages.parts.spinning import spinning


def splits(shown: ShownData, dark: bool) -> None:
    """What the two ways to split leak."""
    st.header(say("The split"), anchor=False)
    try:
        leaks, _ = shared_trust(str(shown.catalogue.folder), shown)
    except DataFault as fault:
        st.info(plain(str(fault)), icon=":material/info:")
        return
    st.markdown(plain(data_quality.leak_sentence(leaks)))
    left, right = st.columns([3, 2], gap="large")
    with left:
        chart_once(
            partial(draw.leaks, data_quality.leak_shares(leaks), dark=dark),
            "leaks",
            say("Test images that leak, by class and split"),
        )
    with right:
        table_of(shared_parts(str(shown.catalogue.folder), language(), shown))
        st.caption(say("Images (lesions) in each part, split by lesion: the default, and what all figures here use."))


def sources(shown: ShownData, dark: bool) -> None:
    """What the source of a picture gives away."""
    st.subheader(say("Sources"), anchor=False)
    try:
        _, tell = shared_trust(str(shown.catalogue.folder), shown)
    except DataFault:
        return
    st.markdown(plain(data_quality.tell_sentence(tell, shown.table)))
    rates, label = data_quality.source_rates(shown.table), say("malignant images")
    figure = partial(draw.share_bars, rates, "share", "malignant", label, of="images", dark=dark)
    chart_once(figure, "sources", say("Share of malignant images by source"))
    if left := data_quality.open_sentence(shown.table):
        st.caption(plain(left))


@st.cache_data(show_spinner=False, max_entries=8)
def shared_parts(folder: str, spoken: str, _shown: ShownData) -> pd.DataFrame:
    """Images and lesions of each class in each part, in the language that is spoken."""
    return data_quality.part_table(_shown.table)


@spinning(mark("Counting what the splits leak …"))
@st.cache_data(show_spinner=False, max_entries=2)
def shared_trust(folder: str, _shown: ShownData) -> tuple[data_quality.Leaks, data_quality.SourceCue | None]:
    """What the splits leak, and what the sources give away."""
    return data_quality.count_leaks(_shown.catalogue), data_quality.source_tell(_shown.table)
