"""A gallery of results, sorted as asked."""

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from derm.explore import tiles
from derm.explore.gallery import RESULT_ORDERS, arrange
from derm.explore.shown_data import ShownData
from derm.model.weights import Model
from pages.explore.gallery import gallery
from pages.explore.widgets import choose_look, sort_by


def cases_gallery(model: Model, shown: ShownData, cases: pd.DataFrame, rows: NDArray[np.int64], name: str) -> None:
    """A gallery of results, sorted as asked."""
    if not len(rows):
        st.markdown("No image is here.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        order = sort_by(RESULT_ORDERS, f"explore_sort_{name}")
        look = choose_look(name)
    gallery(model, shown, name, arrange(cases, rows, order), lambda some: tiles.result_tiles(cases, some), look)
