"""What takes a while is done once and kept: the button that asks for it, and its progress."""

from collections.abc import Callable

import streamlit as st

from derm.explore import data_places
from derm.explore.progress import Progress
from derm.explore.shown_data import ShownData
from derm.figures.text import plain
from derm.language.speech import say
from derm.paths import cache_folder

AT_ONCE = 500
"""Images up to which everything is measured without being asked for."""


def once(shown: ShownData, label: str, key: str, takes: str = data_places.TAKES) -> bool:
    """Whether to do now what takes a while and is kept: at once for small sets, else when the button is pressed."""
    if len(shown.table) <= AT_ONCE:
        return True
    st.caption(plain(say(takes, place=cache_folder())))
    return bool(st.button(label, key=key, icon=":material/play_arrow:"))


def watch(text: str) -> tuple[Callable[[int, int], None], Callable[[], object]]:
    """A progress bar with `text`: what to tell (done, total), and what to call in the end."""
    bar, progress = st.progress(0.0, text=text), Progress(text)

    def tell(done: int, total: int) -> None:
        if said := progress.say(done, total):
            bar.progress(done / total, text=said)

    return tell, bar.empty
