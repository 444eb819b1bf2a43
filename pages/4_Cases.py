"""Cases: a practice's memory: save the case at hand to a patient and a lesion, find it again, and say what came of it.

The page only draws; what is kept, found and said comes from `derm.records`. The parts of the page lie in
`pages/records`.
"""

import streamlit as st

from derm.errors import DermError
from derm.figures.text import plain
from derm.language.speech import mark, say
from derm.model.weights import Model
from derm.records import missing
from pages.parts import opening, saving, top

THIS, ALL, NEXT, TRAIN = mark("This case"), mark("Kept cases"), mark("Next to look at"), mark("Train")


def main() -> None:
    """The page, from top to bottom."""
    model = top.open_page("Cases")
    top.take_in(model, top.known_data())
    top.choose()
    if not missing.can_be_kept():
        st.info(plain(say(missing.MISSING)), icon=":material/folder_off:")
        return
    try:
        saving.records()
    except DermError as fault:
        st.error(plain(opening.told(fault)), icon=":material/folder_off:")
        return
    row = saving.ask_who()
    st.session_state.setdefault("cases_view", THIS)
    view = row.segmented_control(
        say("View"),
        (THIS, ALL, NEXT, TRAIN),
        key="cases_view",
        format_func=say,
        required=True,
        label_visibility="collapsed",
        persist_state="session",
    )
    try:
        show(model, view)
    except DermError as fault:  # the database may go away below an open page
        st.error(plain(opening.told(fault)), icon=":material/folder_off:")


def show(model: Model, view: str | None) -> None:
    """One of the views. Raises RecordsFault where the records cannot be read."""
    from pages.records.all_cases import all_cases
    from pages.records.lesion import CHOSEN, lesion
    from pages.records.next_cases import show_next
    from pages.records.this_case import this_case

    if view in (ALL, NEXT) and (chosen := st.session_state.get(CHOSEN)):
        lesion(chosen, back=True)
    elif view == ALL:
        all_cases()
    elif view == NEXT:
        show_next()
    elif view == TRAIN:
        from pages.records.training import show_training  # seconds: it brings what trains

        show_training(model)
    elif listed := top.opened(model, named=True):
        this_case(model, listed)


main()
