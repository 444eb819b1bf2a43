"""The view Data: what is in the data set, as figures, as a table of two dimensions, or as pictures."""

import streamlit as st

from derm.explore import filters
from derm.explore.shown_data import ShownData
from derm.figures.text import plain
from derm.model.weights import Model
from pages.explore.data.crossed import data_crossed
from pages.explore.data.figures import data_figures
from pages.explore.data.pictures import data_pictures
from pages.explore.widgets import pick

PARTS = {"Figures": data_figures, "Crossed": data_crossed, "Pictures": data_pictures}


def show_data(model: Model, shown: ShownData, chosen: filters.Chosen, dark: bool) -> None:
    """What is in the data set."""
    kept = filters.keep(shown.table, chosen)
    part = pick("Data as", tuple(PARTS), "explore_data")
    st.markdown(plain(filters.summary(shown.table, kept, chosen)))
    if not kept.any():
        st.info("No image passes the filter: take something out of it.", icon=":material/filter_alt_off:")
        return
    PARTS[part](model, shown, kept, dark)
