"""The cases of this visit on every page: the one at hand as a slim line, all of them as a table for triage.

Needs `visit`. Also works off uploaded files, a second's worth at a time, so that the page stays in reach meanwhile.
"""

import base64
from collections.abc import Sequence

import streamlit as st

from derm.figures import bars
from derm.figures.text import plain
from derm.language.speech import say
from derm.model.weights import Model
from derm.predict import triage
from derm.predict.learned_words import answer_doubt
from derm.predict.reading import Reading
from derm.predict.triage import TriageRow
from derm.predict.visits import minutes
from derm.serve.words import UPLOAD_REFUSALS
from pages.parts import visit
from pages.parts.component import component
from pages.parts.downloading import download_button

BEAT = 0.2
"""Seconds between two spells of reading, in which the page hears its visitor."""

SPELL = 1.0
"""Seconds of one spell."""

table = component("cases")
reload = component("reload")
refused = component("refused")


def show_cases(model: Model) -> None:
    """The line of the case at hand and, unfolded, the table; while files wait, they are read here, spell by spell."""
    reading: Reading = st.session_state.reading
    place = st.empty()
    visit.hear_first()
    if reading.waiting:
        with place:
            bar(reading)
        visit.read_some(model, SPELL)
    place.empty()
    refused(key="refused", on_status_change=tell_refused, height=0)
    handshake()  # a single file is the visitor's own only now, and what is clicked after it draws fragments
    st.session_state.drawn_for = visit.at_hand().key
    st.session_state.beat = False
    draw = st.fragment(cases, run_every=BEAT) if reading.waiting else cases
    draw(model)


def cases(model: Model) -> None:
    """What `show_cases` shows; while files wait it is drawn anew after each spell, and the whole page at the end."""
    if "cases" not in st.session_state:  # cleared while files waited
        st.rerun()
    reading: Reading = st.session_state.reading
    if reading.waiting:
        with st.container(key="reading", horizontal=True, vertical_alignment="bottom"):
            bar(reading)
            st.button(say("Stop reading"), icon=":material/stop_circle:", type="tertiary", on_click=visit.stop_reading)
        if st.session_state.beat:
            visit.read_some(model, SPELL)
    if st.session_state.beat and (not reading.waiting or visit.at_hand().key != st.session_state.drawn_for):
        st.rerun()
    st.session_state.beat = True
    notes()
    rows = visit.rows()
    line(rows)
    if st.session_state.table_open:
        show_table(model, rows)
    visit.remember()


def bar(reading: Reading) -> None:
    """How far the reading is, and how long it may still take."""
    if reading.waiting:
        said = triage.progress(reading.read, reading.total, reading.waiting[0].name, reading.left())
        st.progress(reading.read / reading.total, plain(said), width="stretch")


def notes() -> None:
    """What has to be said of files and rows, until the visitor has seen it."""
    if st.session_state.told:
        with st.container(key="told", horizontal=True, vertical_alignment="center"):
            st.warning(triage.said(st.session_state.told), icon=":material/info:")
            st.button(say("Seen"), type="tertiary", key="told-seen", on_click=visit.forget_told)


def line(rows: Sequence[TriageRow]) -> None:
    """The case at hand: what it is, what to do, the way to the one before and after, and to the table."""
    place = triage.place_of(rows, st.session_state.at_hand)
    row = rows[place]
    with st.container(key="strip", horizontal=True, vertical_alignment="center", gap="small"):
        st.html(bars.case_line(row.thumbnail, row.name, triage.in_line(row)), width="stretch")
        if len(rows) > 1:
            step("previous", say("Previous"), ":material/chevron_left:", rows, place - 1)
            st.markdown(say("{place} of {total}", place=place + 1, total=len(rows)), width="content")
            step("next", say("Next"), ":material/chevron_right:", rows, place + 1)
        st.button(
            say("Fold the table") if st.session_state.table_open else say("All cases"),
            icon=":material/expand_less:" if st.session_state.table_open else ":material/table_rows:",
            type="tertiary",
            key="table",
            on_click=fold,
        )


def step(name: str, label: str, icon: str, rows: Sequence[TriageRow], place: int) -> None:
    """A button that opens the row at `place`, if there is one."""
    there = 0 <= place < len(rows)
    key = rows[place].key if there else ""
    st.button(label, icon=icon, type="tertiary", key=name, disabled=not there, on_click=visit.open_case, args=(key,))


def fold() -> None:
    """Unfold the table, or fold it up."""
    st.session_state.table_open = not st.session_state.table_open


def show_table(model: Model, rows: Sequence[TriageRow]) -> None:
    """All cases, with search, groups and sorting, which work in the browser; then what can be taken away."""
    with st.container(key="cases-table"):
        if doubt := answer_doubt(model.description.training):
            st.caption(plain(doubt))
        table(
            key="cases-list",
            data={
                "rows": [shown_row(row) for row in rows],
                "open": st.session_state.at_hand,
                "groups": triage.groups(rows),
                "columns": triage.heads(),
                "words": {name: say(one) for name, one in triage.TABLE_WORDS.items()},
            },
            on_open_change=open_row,
        )
        with st.container(key="cases-below", horizontal=True, vertical_alignment="center"):
            as_csv, as_json = visit.table_files(model)
            for label, make, name, kind in (
                (say("Table, CSV"), as_csv, "cases.csv", "text/csv"),
                (say("Table, JSON"), as_json, "cases.json", "application/json"),
            ):
                download_button(label, make, name, kind, key=f"all-{name}")
            st.button(say("Clear the list"), icon=":material/delete:", type="tertiary", on_click=visit.clear)
        for said in (
            triage.other_views(rows, st.session_state.views),
            say(triage.ORDER),
            triage.no_longer_there(st.session_state.cases),
            triage.keeping(minutes()),
        ):
            if said:
                st.caption(plain(said))


def shown_row(row: TriageRow) -> dict[str, object]:
    """A row as the browser gets it."""
    return {
        "key": row.key, "name": row.name, "thumbnail": base64.b64encode(row.thumbnail).decode(), "todo": row.to_do,
        "p": row.p_malignant, "malignant": row.malignant, "likeliest": row.likeliest, "flags": row.flags,
        "note": row.note, "urgency": int(row.urgency), "views": row.views,
    }  # fmt: skip


def open_row() -> None:
    """A row of the table was opened."""
    key = st.session_state["cases-list"].open
    if any(listed.key == key for listed in st.session_state.cases):
        visit.open_case(key)


def tell_refused() -> None:
    """An upload was refused on its way: say why."""
    status = st.session_state.refused.status
    if isinstance(status, int) and (sentence := UPLOAD_REFUSALS.get(status)):
        visit.tell(say(sentence).strip())


def handshake() -> None:
    """Hand the tab the token of its list, or take over the list that it had before a reload."""
    ask = not st.session_state.get("claimed") and (not visit.own() or not st.session_state.get("greeted"))
    st.session_state.greeted = True
    reload(
        key="reload",
        data={"visit": st.session_state.token, "ask": ask, "token": visit.handed()},
        on_claim_change=visit.claim,
        on_away_change=visit.was_away,
        height=0,
    )
