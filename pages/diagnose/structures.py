"""Dermoscopic structures of the picture, in a fold that is filled when it is opened; their areas are layers of it."""

import streamlit as st

from derm.errors import DermError
from derm.figures.text import plain
from derm.language.speech import say
from derm.predict.case import Case
from derm.predict.case_structures import find_decoder, find_structures
from derm.structures import words
from pages.parts import opening


def structures(key: str, case: Case) -> None:
    """A fold with a line for each structure; nothing where the weights have no decoder, or nothing can be judged.

    key: of the listed case.
    """
    try:
        if (decoder := find_decoder(case)) is None:
            return
        fold = st.expander(say(words.TITLE), icon=":material/grain:", key=f"structures-{key}", on_change="rerun")
        if not fold.open:
            return
        with fold:
            for said in words.lines(find_structures(case)):
                st.markdown(plain(said))
            st.caption(plain(words.note(decoder.info.sources)))
    except DermError as fault:
        st.caption(plain(opening.told(fault)))
