"""The view Data: what is in the data set, as figures, as a table of two dimensions, or as pictures."""

from functools import partial

import numpy as np
import streamlit as st

from derm.explore import filters
from derm.explore.address import DATA_PARTS
from derm.explore.shown_data import ShownData
from derm.explore.table import image_names
from derm.figures.text import plain
from derm.language.speech import say
from derm.model.weights import Model
from pages.explore.data.crossed import data_crossed
from pages.explore.data.figures import data_figures
from pages.explore.data.pictures import data_pictures
from pages.explore.results.folders import opened_cases
from pages.explore.saved import offer
from pages.explore.widgets import pick

PARTS = {"Figures": data_figures, "Crossed": data_crossed, "Pictures": data_pictures}


def show_data(model: Model, shown: ShownData, asked: filters.Asked, dark: bool) -> None:
    """What is in the data set."""
    kept = asked.keep(shown.table)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        part = pick(say("Data as"), DATA_PARTS, "explore_data")
        st.markdown(plain(filters.summary(shown.table, kept, asked)))
        if kept.any():
            rows = np.flatnonzero(kept)
            offer(shown, opened_cases(model, shown), partial(image_names, shown.table, rows), len(rows), "data")
    if not kept.any():
        st.info(say("No image passes the filter: take something out of it."), icon=":material/filter_alt_off:")
        return
    PARTS[part](model, shown, kept, dark)
