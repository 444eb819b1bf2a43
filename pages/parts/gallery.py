"""Galleries of the data set's pictures, page by page, and one picture opened large with all that is known of it.

Needs Streamlit's session and the data set that the page shows. What is said comes from `derm.explore`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from derm.data.catalogue import Catalogue, read_catalogue
from derm.data.store import default_cache
from derm.errors import DataFault
from derm.explore import data_quality, duplicates, shapes, tiles
from derm.explore.gallery import Page, page_of
from derm.explore.pictures import LEGEND, LOOKS, Look, look_jpeg, small_picture
from derm.explore.predictions import UNSEEN
from derm.explore.progress import Progress
from derm.explore.table import explorable
from derm.figures.text import plain
from derm.model.weights import Model
from derm.predict import words
from derm.predict.case_list import data_case
from pages.parts import visit

Rows = NDArray[np.int64]

COMPARE = "pages/1_Compare.py"
DIAGNOSE = "streamlit_app.py"


class ShownData(NamedTuple):
    """The data set on the page: its catalogue, the explorable table, and where what was measured once is kept."""

    catalogue: Catalogue
    table: pd.DataFrame
    drawn: bool
    shapes: Path
    pairs: Path
    findings: Path


@st.cache_resource(show_spinner="Reading the data set's table …", max_entries=2)
def shared_set(folder: str, drawn: bool) -> ShownData:
    """The data set in `folder`, read once for all sessions; raises DermError for one that cannot be explored."""
    catalogue, cache = read_catalogue(Path(folder)), default_cache()
    return ShownData(
        catalogue,
        explorable(catalogue),
        drawn,
        shapes.shapes_file(catalogue, cache),
        duplicates.pairs_file(catalogue, cache),
        data_quality.findings_file(catalogue, cache),
    )


@st.cache_data(show_spinner=False, max_entries=3000)
def picture(_model: Model, _catalogue: Catalogue, folder: str, weights: str, row: int, look: Look) -> bytes:
    """A thumbnail of the data set, the same for all sessions; no upload of anybody comes here."""
    return small_picture(_model, _catalogue, row, look, default_cache())


def watch(text: str) -> tuple[Callable[[int, int], None], Callable[[], object]]:
    """A progress bar with `text`: what to tell (done, total), and what to call in the end."""
    bar, progress = st.progress(0.0, text=text), Progress(text)

    def tell(done: int, total: int) -> None:
        if said := progress.say(done, total):
            bar.progress(done / total, text=said)

    return tell, bar.empty


def open_image(image_id: str) -> None:
    """Show an image large, in place of what the view shows."""
    st.session_state.explore_opened = image_id


def close_image() -> None:
    """Back to what the view showed."""
    st.session_state.explore_opened = None


def turn(name: str, number: int) -> None:
    """Go to a page of the gallery `name`."""
    st.session_state[f"explore_page_{name}"] = number


def choose_look(name: str, looks: Sequence[Look] = LOOKS) -> Look:
    """How the gallery's pictures are shown, and what that means."""
    look: Look = st.segmented_control(
        "Pictures show",
        looks,
        default=looks[0],
        required=True,
        key=f"explore_look_{name}",
        label_visibility="collapsed",
        persist_state="session",
    )
    return look


def gallery(
    model: Model, shown: ShownData, name: str, rows: Rows, make: Callable[[Rows], list[tiles.Tile]], look: Look
) -> None:
    """A page of the gallery `name`. rows: all of its row numbers, in order; make: their tiles."""
    page = page_of(rows, st.session_state.get(f"explore_page_{name}", 1))
    pager(name, page)
    with st.container(key=f"gallery-{name}", horizontal=True, gap="small"):
        for place, tile in enumerate(make(page.rows)):
            one_tile(model, shown, tile, f"{name}-{place}", look)
    st.caption(LEGEND[look])


def pager(name: str, page: Page) -> None:
    """Which pictures these are, and the way to the others."""
    with st.container(key=f"pager-{name}", horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(page.sentence)
        if page.pages == 1:
            return
        for label, icon, number, off in (
            ("Previous", ":material/chevron_left:", page.number - 1, page.number == 1),
            ("Next", ":material/chevron_right:", page.number + 1, page.number == page.pages),
        ):
            st.button(label, key=f"{label}-{name}", icon=icon, on_click=turn, args=(name, number), disabled=off)
        st.markdown(f"Page {page.number:,} of {page.pages:,}")


def one_tile(model: Model, shown: ShownData, tile: tiles.Tile, key: str, look: Look) -> None:
    """One picture with its two lines; all of it is a button that opens it."""
    with st.container(key=f"tile-{key}", gap=None):
        if tile.row == UNSEEN:
            st.caption(f"{plain(tile.image_id)} is not in this data set.")
        else:
            folder, weights = str(shown.catalogue.folder), model.sha256
            st.image(picture(model, shown.catalogue, folder, weights, tile.row, look), alt=tile.spoken)
        st.markdown(f"**{plain(tile.title)}**")
        st.caption(plain(tile.note))
        if tile.row != UNSEEN:
            st.button(plain(tile.spoken), key=f"open-{key}", on_click=open_image, args=(tile.image_id,))


def opened(model: Model, shown: ShownData, cases: pd.DataFrame | None) -> None:
    """The opened image: large with its layers on the left; what is known, its sisters and the ways on, on the right."""
    image_id = st.session_state.explore_opened
    st.button("Back", key="explore_back", icon=":material/arrow_back:", on_click=close_image)
    row = tiles.row_of(shown.table, image_id)
    if row == UNSEEN:
        st.error(f"This data set has no image {plain(image_id)}.", icon=":material/image_not_supported:")
        return
    try:
        case = data_case(model, shown.catalogue, image_id)
    except DataFault as fault:
        st.error(plain(str(fault)), icon=":material/image_not_supported:")
        return
    left, right = st.columns([3, 2], gap="medium")
    with left:
        look = choose_look("opened", LOOKS)
        with st.container(key="picture"):
            st.image(look_jpeg(case, look, large=True), alt=f"{image_id}. {LEGEND[look]}")
        st.caption(LEGEND[look])
    with right:
        st.header(plain(image_id), anchor=False)
        st.markdown(plain(words.headline(case)))
        with st.container(horizontal=True, key="explore_ways"):
            keep = {"on_click": visit.keep_from_data, "args": (model, shown.catalogue, image_id)}
            if st.button("Diagnose this", icon=":material/dermatology:", key="explore_diagnose", **keep):
                st.switch_page(DIAGNOSE)
            if st.button("Compare on this", icon=":material/compare:", key="explore_compare", **keep):
                st.switch_page(COMPARE)
        said = [] if cases is None else tiles.answers(cases, image_id)
        with st.container(key="measures", gap=None):
            for name, value in [*tiles.facts(shown.table, row), *said]:
                st.markdown(f"{plain(name)} **{plain(value)}**")
        others = tiles.sisters(shown.table, row)
        st.subheader("Other images of this lesion" if len(others) else "The only image of this lesion", anchor=False)
        with st.container(key="gallery-sisters", horizontal=True, gap="small"):
            for place, tile in enumerate(tiles.data_tiles(shown.table, others)):
                one_tile(model, shown, tile, f"sisters-{place}", "True outline")
    st.caption(words.NOTICE)
