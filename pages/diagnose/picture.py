"""The picture with the layer that the switch asks for."""

import streamlit as st

from derm.figures import bars
from derm.figures.text import plain
from derm.predict import case_list, words
from derm.predict.view import CLASS_LAYERS, LAYERS, screen_jpeg


def picture(listed: case_list.ListedCase, index: int) -> None:
    """The picture with the layer that the switch asks for, and what that layer means."""
    case = listed.case
    st.caption(plain(words.provenance(case, drawn=listed.drawn)))
    row = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom")
    layer = row.segmented_control(
        "Show", LAYERS, default="Outline", required=True, key="layer", label_visibility="collapsed"
    )
    opacity = row.slider(
        "Opacity", 0.0, 1.0, 0.5, 0.05, format="percent", key="opacity", disabled=layer not in CLASS_LAYERS, width=180
    )
    with st.container(key="picture"):
        st.image(screen_jpeg(case, layer, index, opacity), alt=words.description_of(case, layer, index))
    st.caption(plain(words.caption(case, layer, index)))
    if layer == "Heat map" and not case.evidence[index].flat:
        st.html(bars.heat_legend(*words.heat_ends(case, index)))
