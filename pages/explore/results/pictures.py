"""A gallery of results, sorted as asked, with what is wrong marked by its kind."""

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from derm.explore import tiles, verdicts
from derm.explore.gallery import RESULT_ORDERS, arrange
from derm.explore.shown_data import ShownData
from derm.explore.table import image_names
from derm.language.speech import say
from derm.model.weights import Model
from pages.explore.gallery import gallery
from pages.explore.saved import offer
from pages.explore.widgets import choose_look, sort_by


def cases_gallery(
    model: Model,
    shown: ShownData,
    cases: pd.DataFrame,
    rows: NDArray[np.int64],
    name: str,
    threshold: float | None = None,
) -> None:
    """A gallery of results, sorted as asked. threshold: for referral, where answers are judged by that alone."""
    if not len(rows):
        st.markdown(say("No image is here."))
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        order = sort_by(RESULT_ORDERS, f"explore_sort_{name}")
        look = choose_look(name)
    rows = arrange(cases, rows, order)
    marks = verdicts.by_image(cases, threshold)
    beside = partial(offer, shown, cases, partial(image_names, cases, rows), len(rows), name, threshold)
    gallery(model, shown, name, rows, lambda some: tiles.result_tiles(cases, some), look, marks, beside)
    st.caption(say(verdicts.MEANING) if threshold is None else say(verdicts.AT_THRESHOLD))
