"""A gallery of the data set's pictures, page by page; a click on one opens it."""

from collections.abc import Callable, Mapping

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from derm.data.catalogue import Catalogue
from derm.explore import tiles
from derm.explore.gallery import Page, page_of
from derm.explore.pictures import LEGEND, Look, small_picture
from derm.explore.shown_data import ShownData
from derm.explore.verdicts import Verdict
from derm.figures.text import capital, plain
from derm.files import files_now
from derm.language.speech import mark, say
from derm.model.weights import Model
from derm.paths import cache_folder
from derm.predict.record import weights_key
from pages.parts import visit
from pages.parts.keeping import budget

Rows = NDArray[np.int64]
Files = tuple[tuple[int, ...], ...]


@st.cache_data(show_spinner=False, max_entries=3000)
def picture(_model: Model, _catalogue: Catalogue, folder: str, weights: str, row: int, look: Look, now: Files) -> bytes:
    """A thumbnail of the data set, the same for all sessions; no upload of anybody comes here. now: of its files."""
    return small_picture(_model, _catalogue, row, look, cache_folder(), budget().turn)


def gallery(
    model: Model,
    shown: ShownData,
    name: str,
    rows: Rows,
    make: Callable[[Rows], list[tiles.Tile]],
    look: Look,
    marks: Mapping[str, Verdict] | None = None,
    beside: Callable[[], None] | None = None,
) -> None:
    """A page of the gallery `name`. rows: all of its row numbers, in order; make: their tiles; marks: by image, what is
    wrong with the answer; beside: draws what stands in the row above them."""
    page = page_of(rows, st.session_state.get(f"explore_page_{name}", 1))
    with st.container(key=f"pager-{name}", horizontal=True, vertical_alignment="center", gap="small"):
        pager(name, page)
        if beside is not None:
            beside()
    with st.container(key=f"gallery-{name}", horizontal=True, gap="small"):
        for place, tile in enumerate(make(page.rows)):
            one_tile(model, shown, tile, f"{name}-{place}", look, (marks or {}).get(tile.image_id, Verdict.RIGHT))
    st.caption(say(LEGEND[look]))


def pager(name: str, page: Page) -> None:
    """Which pictures these are, and the way to the others."""
    st.markdown(page.sentence)
    if page.pages == 1:
        return
    for label, icon, number, off in (
        (mark("Previous"), ":material/chevron_left:", page.number - 1, page.number == 1),
        (mark("Next"), ":material/chevron_right:", page.number + 1, page.number == page.pages),
    ):
        st.button(say(label), key=f"{label}-{name}", icon=icon, on_click=turn, args=(name, number), disabled=off)
    st.markdown(say("Page {number:,} of {pages:,}", number=page.number, pages=page.pages))


def turn(name: str, number: int) -> None:
    """Go to a page of the gallery `name`."""
    st.session_state[f"explore_page_{name}"] = number


def one_tile(
    model: Model, shown: ShownData, tile: tiles.Tile, key: str, look: Look, verdict: Verdict = Verdict.RIGHT
) -> None:
    """One picture with its lines, the first says what is wrong; all of it is a button that opens it."""
    wrong = verdict is not Verdict.RIGHT
    with st.container(key=f"tile-{key}-{verdict.name.lower()}", gap=None):
        folder, weights = str(shown.catalogue.folder), weights_key(model)
        now = files_now(*map(str, shown.catalogue.table.loc[tile.row, ["image_path", "mask_path"]]))
        st.image(picture(model, shown.catalogue, folder, weights, tile.row, look, now), alt=tile.spoken)
        flag = f":material/{verdict.icon}: **{capital(say(verdict.value))}**  \n" if wrong else ""
        st.markdown(f"{flag}**{plain(tile.title)}**")
        st.caption(plain(tile.note))
        spoken = f"{tile.spoken}, {say(verdict.value)}" if wrong else tile.spoken
        st.button(plain(spoken), key=f"open-{key}", on_click=open_image, args=(model, shown, tile.image_id))


def open_image(model: Model, shown: ShownData, image_id: str) -> None:
    """Show an image large, in place of what the view shows, and make it the case at hand on all pages."""
    st.session_state.explore_opened = image_id
    visit.keep_from_data(model, shown.catalogue, image_id)
