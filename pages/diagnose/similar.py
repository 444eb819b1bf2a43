"""Confirmed cases that look to the network like this one, in a fold that is filled when it is opened."""

from pathlib import Path

import streamlit as st

from derm.errors import DermError
from derm.figures.similar import similar_grid
from derm.figures.text import plain
from derm.language.speech import say
from derm.paths import library_folder
from derm.predict import similar_words
from derm.predict.case import Case
from derm.predict.library import Library, library_stamp, open_library
from derm.predict.similar import similar_to
from derm.serve.roles import Right
from pages.parts import opening, visit


def shared_library() -> Library | None:
    """The app's library, opened once for all sessions, and anew where it was replaced; None where there is none.

    Raises DataFault.
    """
    folder = library_folder()
    stamp = library_stamp(folder)
    return None if stamp is None else _opened(str(folder), stamp)


@st.cache_resource(max_entries=1, show_spinner=False)
def _opened(folder: str, stamp: tuple[int, int, int]) -> Library:
    return open_library(Path(folder))


def similar(key: str, case: Case) -> None:
    """A fold with ten confirmed cases, where the app has a library. key: of the listed case."""
    if not opening.may(Right.SIMILAR):
        return
    try:
        library = shared_library()
    except DermError as fault:
        st.caption(plain(opening.told(fault)))
        return
    if library is None:
        return
    fold = st.expander(say(similar_words.TITLE), icon=":material/grid_view:", key=f"similar-{key}", on_change="rerun")
    if not fold.open:
        return
    with fold:
        try:
            found = similar_to(library, visit.shared_model(), case)
            shown = [(library.picture(one.row), similar_words.told(one)) for one in found]
        except DermError as fault:
            st.caption(plain(opening.told(fault)))
            return
        st.markdown(plain(similar_words.summary(found)))
        st.html(similar_grid(shown))
        st.caption(plain(say(similar_words.WORTH)))
