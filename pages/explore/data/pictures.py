"""Data as pictures: the gallery of what passes the filter."""

import numpy as np
import streamlit as st

from derm.explore import tiles, verdicts
from derm.explore.filtered import Kept
from derm.explore.gallery import SHAPE_ORDERS, TABLE_ORDERS, arrange
from derm.explore.shown_data import ShownData
from derm.files import stamp_now
from derm.model.weights import Model
from pages.explore.data.masks import shared_shapes
from pages.explore.gallery import gallery
from pages.explore.results.folders import opened_cases
from pages.explore.widgets import choose_look, sort_by


def data_pictures(model: Model, shown: ShownData, kept: Kept, _dark: bool) -> None:
    """The gallery of what passes the filter."""
    found = shared_shapes(str(shown.shapes), stamp_now(shown.shapes), len(shown.table))
    table = shown.table if found is None else shown.table.join(found)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        order = sort_by(TABLE_ORDERS if found is None else TABLE_ORDERS + SHAPE_ORDERS, "explore_sort")
        look = choose_look("data")
    rows = arrange(table, np.flatnonzero(kept), order)
    cases = opened_cases(model, shown)
    marks = {} if cases is None else verdicts.by_image(cases)
    gallery(model, shown, "data", rows, lambda some: tiles.data_tiles(table, some), look, marks)
