"""The view Quality: whether the data set can be trusted."""

from functools import partial

import streamlit as st

from derm.explore import counts, data_quality, filters
from derm.explore.shown_data import ShownData
from derm.figures import dataset as draw
from derm.figures.text import plain
from derm.language.speech import say
from derm.model.weights import Model
from pages.explore.quality.files import files
from pages.explore.quality.near_duplicates import alike
from pages.explore.quality.trust import sources, splits
from pages.explore.widgets import chart_once


def show_quality(model: Model, shown: ShownData, asked: filters.Asked, dark: bool) -> None:
    """Whether the data set can be trusted, all of it: the filter plays no part but in what is missing."""
    if not asked.is_open:
        st.caption(say("About the whole data set; the filter acts on missing values alone."))
    kept = asked.keep(shown.table)
    splits(shown, dark)
    left, right = st.columns(2, gap="large")
    with left:
        sources(shown, dark)
    with right:
        st.subheader(say("Missing values"), anchor=False)
        missing = counts.missing(shown.table, kept)
        st.markdown(plain(data_quality.missing_sentence(missing, int(kept.sum()))))
        figure = partial(draw.share_bars, missing, "share", "missing", say("share of the images"), dark=dark)
        chart_once(figure, "missing", say("Missing values"))
    files(shown)
    alike(model, shown)
