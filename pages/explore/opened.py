"""One picture opened large, with all that is known of it, its lesion's other pictures and the ways on."""

import pandas as pd
import streamlit as st

from derm.data.catalogue import Catalogue
from derm.errors import DataFault
from derm.explore import tiles
from derm.explore.pictures import LEGEND, LOOKS, look_jpeg
from derm.explore.predictions import UNSEEN
from derm.explore.shown_data import ShownData
from derm.figures.text import plain
from derm.language.speech import mark, say
from derm.model.weights import Model
from derm.predict import words
from derm.predict.practice import at_practice
from pages.explore.gallery import one_tile
from pages.explore.widgets import choose_look
from pages.parts import visit

WAYS = (
    (mark("Diagnose this"), ":material/dermatology:", "explore_diagnose", "streamlit_app.py"),
    (mark("Compare on this"), ":material/compare:", "explore_compare", "pages/1_Compare.py"),
)
"""Where an image can be taken: label, icon, key and script."""


def opened(model: Model, shown: ShownData, cases: pd.DataFrame | None) -> None:
    """The opened image: large with its layers on the left; what is known, its sisters and the ways on, on the right."""
    image_id = st.session_state.explore_opened
    st.button(say("Back"), key="explore_back", icon=":material/arrow_back:", on_click=close_image)
    row = tiles.row_of(shown.table, image_id)
    if row == UNSEEN:
        st.error(
            say("This data set has no image {image}.", image=plain(image_id)),
            icon=":material/image_not_supported:",
        )
        return
    try:
        found = visit.data_case(model, shown.catalogue, image_id, st.session_state.views)
    except DataFault as fault:
        st.error(plain(str(fault)), icon=":material/image_not_supported:")
        return
    case = at_practice(found.case, visit.practice())
    left, right = st.columns([3, 2], gap="medium")
    with left:
        look = choose_look("opened", LOOKS)
        with st.container(key="picture"):
            st.image(look_jpeg(case, look, large=True), alt=f"{image_id}. {say(LEGEND[look])}")
        st.caption(say(LEGEND[look]))
    with right:
        st.header(plain(image_id), anchor=False)
        for doubt in words.doubt_sentences(case, model.description):
            st.caption(plain(doubt))
        st.markdown(f"**{plain(words.headline(case))}** {plain(words.second_line(case))}")
        if apart := words.views_note(case):
            st.caption(plain(apart))
        with st.container(horizontal=True, key="explore_ways"):
            for label, icon, key, page in WAYS:
                way = (page, model, shown.catalogue, image_id)
                st.button(say(label), icon=icon, key=key, on_click=leave_for, args=way)
        said = [] if cases is None else tiles.answers(cases, image_id)
        with st.container(key="measures", gap=None):
            for name, value in [*tiles.facts(shown.table, row), *said]:
                st.markdown(f"{plain(name)} **{plain(value)}**")
        others = tiles.sisters(shown.table, row)
        st.subheader(
            say("Other images of this lesion") if len(others) else say("The only image of this lesion"), anchor=False
        )
        with st.container(key="gallery-sisters", horizontal=True, gap="small"):
            for place, tile in enumerate(tiles.data_tiles(shown.table, others)):
                one_tile(model, shown, tile, f"sisters-{place}", "True outline")
    st.caption(say(words.NOTICE))


def leave_for(page: str, model: Model, catalogue: Catalogue, image_id: str) -> None:
    """Make the image the case at hand, and go to `page`, however the run that this begins may be interrupted."""
    visit.keep_from_data(model, catalogue, image_id)
    st.session_state.go_to = page


def close_image() -> None:
    """Back to what the view showed."""
    st.session_state.explore_opened = None
