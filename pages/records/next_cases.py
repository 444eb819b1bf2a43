"""Next to look at: unconfirmed cases in the order in which their confirmation teaches, each with its reason."""

from datetime import date

import streamlit as st

from derm.language.speech import say
from derm.records import read
from derm.records.words import NO_CASES, place_called, state_line
from derm.teach import words
from derm.teach.next_cases import LISTED, NextCase, next_cases, unconfirmed
from derm.teach.ranking import BY_LOT
from pages.parts import saving
from pages.records.all_cases import show_lesions


def show_next() -> None:
    """The list of the day; a row opens its lesion."""
    st.caption(say(words.NEXT_NOTE))
    percent = st.slider(
        say(words.SHARE_BY_LOT), 0, 100, round(100 * BY_LOT), format="%d %%", key="next-share", persist_state="session",
        width=320,
    )  # fmt: skip
    waiting = unconfirmed(saving.records())
    if not waiting:
        st.markdown(say(words.NOTHING_NEXT) if read.search(saving.records()) else say(NO_CASES))
        return
    found = next_cases(saving.records(), date.today(), LISTED, percent / 100, among=waiting)
    st.caption(words.listed(len(found), len(waiting)))
    show_lesions("next", [row(one) for one in found], tuple(one.lesion.lesion_id for one in found))


def row(one: NextCase) -> dict[str, object]:
    """A case as a row of the table."""
    return {
        say("Patient"): one.lesion.pseudonym,
        say("Lesion"): one.lesion.label,
        say("Place"): place_called(one.lesion.site),
        say("Last visit"): one.lesion.worst.day,
        say("Answer"): state_line(one.lesion.worst),
        say("Why it is here"): words.why(one),
    }
