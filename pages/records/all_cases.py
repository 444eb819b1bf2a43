"""All lesions that are kept: searched, filtered, the most urgent first; a row opens the lesion."""

import streamlit as st

from derm.figures.text import plain
from derm.records import read, words
from derm.records.entry import DIAGNOSIS_CODES
from derm.records.read import LEVELS, LesionState, Query
from derm.records.sites import BY_CODE, SITES
from pages.parts import saving
from pages.parts.tables import show_table

MOST = 500
"""Rows of the table; a narrower search finds the rest."""


def all_cases() -> None:
    """Search and table."""
    query = ask()
    found = read.search(saving.records(), query)
    st.caption(plain(words.counted(read.counts(saving.records()))))
    if not found:
        st.markdown(words.NOTHING_FOUND if query != Query() else words.NO_CASES)
        return
    shown = found[:MOST]
    chosen = show_table(
        [row(one) for one in shown],
        on_select="rerun",
        selection_mode="single-row",
        key=f"lesions-{st.session_state.get('lesions_turn', 0)}",
    )
    st.caption(
        f"{words.quantity(len(found), 'lesion', 'lesions')}, the first {MOST} shown." if len(found) > MOST else ""
    )
    st.caption(words.WORST)
    if places := chosen.selection.rows:
        open_lesion(shown[places[0]].lesion_id)
        st.rerun()


def ask() -> Query:
    """What is searched."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="search"):
        text = st.text_input("Search", key="find-text", placeholder="Pseudonym, lesion or file", width=210)
        referral = st.selectbox(
            "What to do", ["", *LEVELS], key="find-referral", width=140,
            format_func=lambda one: words.TO_DO.get(one, "All"),
        )  # fmt: skip
        site = st.selectbox(
            "Place", ["", *(one.code for one in SITES)], key="find-site", width=150,
            format_func=lambda one: words.site_name(one) if one else "All",
        )  # fmt: skip
        diagnosis = st.selectbox(
            "Held for", ["", *DIAGNOSIS_CODES], key="find-diagnosis", width=170,
            format_func=lambda one: words.diagnosis_name(one) if one else "All",
        )  # fmt: skip
        histology = st.selectbox(
            "Histology", [None, True, False], key="find-histology", width=120,
            format_func={None: "All", True: "There", False: "None"}.__getitem__,
        )  # fmt: skip
        since = st.date_input("Last visit from", value=None, key="find-since", width=140)
        until = st.date_input("to", value=None, key="find-until", width=140)
    return Query(
        text,
        site,
        referral,
        diagnosis,
        since.isoformat() if since else "",
        until.isoformat() if until else "",
        histology,
    )


def row(one: LesionState) -> dict[str, object]:
    """A lesion as a row of the table."""
    return {
        "Patient": one.pseudonym,
        "Lesion": one.label,
        "Place": BY_CODE[one.site].name,
        "Last visit": one.worst.day,
        "Visits": one.visits,
        "Worst picture": words.state_line(one.worst),
        "Held for": words.held_for(one),
    }


def open_lesion(lesion_id: str) -> None:
    """Open a lesion in place of the table, whose selection is forgotten."""
    st.session_state.opened_lesion = lesion_id
    st.session_state.lesions_turn = st.session_state.get("lesions_turn", 0) + 1
