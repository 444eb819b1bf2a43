"""All lesions that are kept: searched, filtered, the most urgent first; a row opens the lesion."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from derm.figures.text import plain
from derm.language.quantities import lesions_counted
from derm.language.speech import day_pattern, say
from derm.records import read, words
from derm.records.entry import DIAGNOSIS_CODES
from derm.records.read import LEVELS, LesionState, Query
from derm.records.sites import SITES
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
        st.markdown(say(words.NOTHING_FOUND) if query != Query() else say(words.NO_CASES))
        return
    shown = found[:MOST]
    show_lesions("lesions", [row(one) for one in shown], tuple(one.lesion_id for one in shown))
    st.caption(
        say("{lesions}, the first {most} shown.", lesions=lesions_counted(len(found)), most=MOST)
        if len(found) > MOST
        else ""
    )
    st.caption(say(words.WORST))


def ask() -> Query:
    """What is searched."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="search"):
        text = st.text_input(say("Search"), key="find-text", placeholder=say("Pseudonym, lesion or file"), width=210)
        referral = st.selectbox(
            say("What to do"), ["", *LEVELS], key="find-referral", width=140,
            format_func=lambda one: say(words.TO_DO[one]) if one else say("All"),
        )  # fmt: skip
        site = st.selectbox(
            say("Place"), ["", *(one.code for one in SITES)], key="find-site", width=150,
            format_func=lambda one: words.site_name(one) if one else say("All"),
        )  # fmt: skip
        diagnosis = st.selectbox(
            say("Held for"), ["", *DIAGNOSIS_CODES], key="find-diagnosis", width=170,
            format_func=lambda one: words.diagnosis_name(one) if one else say("All"),
        )  # fmt: skip
        histology = st.selectbox(
            say("Histology"), [None, True, False], key="find-histology", width=120,
            format_func={None: say("All"), True: say("There"), False: say("None")}.__getitem__,
        )  # fmt: skip
        since = st.date_input(say("Last visit from"), value=None, format=day_pattern(), key="find-since", width=140)
        until = st.date_input(say("to"), value=None, format=day_pattern(), key="find-until", width=140)
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
        say("Patient"): one.pseudonym,
        say("Lesion"): one.label,
        say("Place"): words.place_called(one.site),
        say("Last visit"): one.worst.day,
        say("Visits"): one.visits,
        say("Worst picture"): words.state_line(one.worst),
        say("Held for"): words.held_for(one),
    }


def show_lesions(name: str, rows: Sequence[dict[str, object]], lesions: tuple[str, ...]) -> None:
    """A table whose rows open the lesion of the same place in `lesions`, by their keys.

    The browser tells the number of a row, and others enter cases meanwhile: so each table that was drawn has a key of
    its own, and the lesions that were in it.
    """
    key = f"{name}-{st.session_state.get('lesions_turn', 0)}-{hash(lesions)}"
    show_table(rows, on_select=partial(open_row, key, lesions), selection_mode="single-row", key=key)


def open_row(key: str, lesions: Sequence[str]) -> None:
    """Open the lesion of the chosen row in place of the table, whose selection is forgotten."""
    if places := st.session_state[key].selection.rows:
        st.session_state.opened_lesion = lesions[places[0]]
        st.session_state.lesions_turn = st.session_state.get("lesions_turn", 0) + 1
