"""The data set on the page: the user's own, or one that is drawn on the first visit; read once for all sessions."""

from pathlib import Path

import streamlit as st

from derm.data.recognise import read_known
from derm.data.synthetic.standin import draw_once, drawn_folder
from derm.errors import DermError
from derm.explore import data_places
from derm.explore.shown_data import ShownData, read_shown_data
from derm.figures.text import plain
from derm.language.speech import mark, say
from derm.paths import cache_folder, data_folder
from pages.explore.measured_once import watch
from pages.parts.spinning import spinning


@spinning(mark("Reading the data set's table …"))
@st.cache_resource(show_spinner=False, max_entries=2)
def shared_set(folder: str, drawn: bool) -> ShownData:
    """The data set in `folder`, read once for all sessions; raises DermError for one that cannot be explored."""
    return read_shown_data(Path(folder), cache_folder(), drawn=drawn)


LOOKING_NOW = mark("Looking for known pictures …")


@st.cache_resource
def looked_through() -> set[Path]:
    """The folders in which known pictures have been looked for since the app was started."""
    return set()


def look_through(folder: Path) -> None:
    """Look for known pictures with a bar, once; what is found is kept on disk. Raises DermError."""
    if folder not in looked_through():
        tell, done = watch(say(LOOKING_NOW))
        read_known([folder], cache_folder(), tell)
        done()
        looked_through().add(folder)


def find_set() -> ShownData:
    """The data set: the user's, or a drawn one; ends the page with a sentence where it cannot be read."""
    folder, drawn = data_folder(), False
    try:
        if folder is None:
            drawn, cache = True, cache_folder()
            if not drawn_folder(cache).is_dir():
                tell, done = watch(say("Drawing a data set, once …"))
                draw_once(cache, tell)
                done()
            folder = drawn_folder(cache)
        look_through(folder)
        return shared_set(str(folder), drawn)
    except DermError as fault:
        st.error(plain(str(fault)), icon=":material/folder_off:")
        with st.expander(say("How to get HAM10000"), expanded=True, key="fold-how-to-get"):
            st.markdown(say(data_places.HOW_TO_GET))
        st.stop()
        raise  # never reached: `stop` ends the page
