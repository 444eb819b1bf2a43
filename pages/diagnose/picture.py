"""The picture with the layer that the switch asks for; what can be taken away stands below it, and the notice."""

import streamlit as st

from derm.figures import bars
from derm.figures.text import plain
from derm.model.weights import WeightsInfo
from derm.predict import words
from derm.predict.case import Case
from derm.predict.case_list import ListedCase
from derm.predict.view import CLASS_LAYERS, LAYERS, has_finer, screen_jpeg
from pages.diagnose.downloads import downloads
from pages.parts.zoom import wants_finer, zoom

OPACITY = 0.5
"""Of a layer, until the visitor sets another."""


def picture(listed: ListedCase, case: Case, description: WeightsInfo, index: int) -> None:
    """The picture of `case`, which `listed` holds, with the layer that the switch asks for, and what it means."""
    row = st.container(key="layers", horizontal=True, vertical_alignment="center")
    layer = row.segmented_control(
        "Show", LAYERS, default="Outline", required=True, key="layer", label_visibility="collapsed", width="content"
    )
    row.caption(plain(words.provenance(case, drawn=listed.drawn)), width="content")
    opacity = st.session_state.setdefault("opacity", OPACITY)
    finer = has_finer(case) and wants_finer(listed.key)
    with st.container(key="picture"):
        st.image(screen_jpeg(case, layer, index, opacity, finer=finer), alt=words.description_of(case, layer, index))
    row = st.container(key="under", horizontal=True, vertical_alignment="center", horizontal_alignment="distribute")
    if said := words.caption(case, layer, index):
        row.caption(plain(said), width="content")
    with row:
        zoom(["picture"], listed.key, finer=has_finer(case))
    if layer in CLASS_LAYERS:
        legend(case, layer, index)
    with st.container(key="below", horizontal=True, vertical_alignment="center"):
        downloads(case, description, index, layer, opacity, drawn=listed.drawn)
        st.caption(words.NOTICE, width="content")


def legend(case: Case, layer: str, index: int) -> None:
    """How opaque the layer lies, and what the heat map's colours mean."""
    row = st.container(key="legend", horizontal=True, vertical_alignment="center")
    row.slider("Opacity", 0.0, 1.0, step=0.05, format="percent", key="opacity", persist_state="session", width=180)
    if layer == "Heat map" and not case.evidence[index].flat:
        row.html(bars.heat_legend(*words.heat_ends(case, index)), width="stretch")
