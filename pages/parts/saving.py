"""Cases that stay: the practice's records for all pages, where the case at hand is saved, and the opinion that is asked
for before an answer is shown.

Needs `visit`, and the extra `records`; without it the pages say so and go on.
"""

import time
from datetime import date
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from derm.diagnoses import INDEX
from derm.errors import DermError, OtherPlace
from derm.figures.text import plain
from derm.language.speech import day_pattern, mark, say
from derm.model.weights import Model
from derm.paths import records_folder, records_url
from derm.predict import words as case_words
from derm.predict.case import Case
from derm.predict.case_list import ListedCase
from derm.predict.view import screen_jpeg
from derm.records import entry, missing, words
from derm.records.entry import DIAGNOSIS_CODES, Management
from derm.records.sites import SITES
from derm.serve.roles import Right
from derm.spelling import cleaned
from pages.parts import opening, visit
from pages.parts.pressing import counted_once
from pages.parts.spinning import spinning

if missing.can_be_kept():
    from derm.records import read
    from derm.records.case import can_be_saved, is_all_kept, picture_in, save_listed
    from derm.records.connect import Records
    from derm.records.write import Opinion, Saved


FIRST, LAST = date(1800, 1, 1), date(2199, 12, 31)
"""Days that can be typed; which are taken `derm.records.entry.day` says."""


@spinning(mark("Opening the records …"), once=True)
@st.cache_resource(show_spinner=False, max_entries=4)
def shared_records(folder: str, url: str | None) -> "Records":
    """The practice's records, opened once for all sessions, whose threads may share them."""
    return missing.open_own(Path(folder), url)


def records() -> "Records":
    """The records of this installation. Raises RecordsFault where they cannot be opened."""
    if not missing.can_be_kept():
        return missing.open_own()
    return shared_records(str(records_folder()), records_url())


def saved(key: str) -> "Saved | None":
    """Where a row of the list was saved in this visit, if it was."""
    found: dict[str, Saved] = st.session_state.get("saved", {})
    return found.get(key)


def forget(key: str) -> None:
    """Forget where a row was saved, for it is gone from there: it can be saved again."""
    st.session_state.saved = {other: kept for other, kept in st.session_state.saved.items() if other != key}


def answer_saved(key: str, answer_id: str) -> None:
    """The answer of a row that was saved is kept, too."""
    if (kept := saved(key)) is not None:
        st.session_state.saved = st.session_state.saved | {key: kept._replace(answer_id=answer_id)}


def last_hash(model: Model, case: Case) -> str:
    """Of the records' chain, for a report of `case`, the one at hand; '' where that is not saved, or with another
    answer, outline or scale, or cannot be read now."""
    try:
        kept = saved(st.session_state.at_hand)
        history = None if kept is None or kept.answer_id is None else read.lesion_history(records(), kept.lesion_id)
        picture = None if kept is None or history is None else picture_in(history, kept.picture_id)
        return read.last_hash(records()) if picture is not None and is_all_kept(case, model, picture) else ""
    except DermError:
        return ""


def ask_who() -> DeltaGenerator:
    """Who enters what is entered, asked once a visit, and whether opinions come before answers; the row comes back."""
    row = st.container(horizontal=True, vertical_alignment="bottom", key="who")
    ask_name(row, 240)
    wanted = row.toggle(
        say(words.OPINION_FIRST),
        value=visit.wants_first(),
        key="opinion-first",
        help=say(words.OPINION_FIRST_HELP),
        on_change=lambda: visit.ask_first(st.session_state["opinion-first"]),
    )
    visit.ask_first(wanted)  # a page that has outlived its session shows what it showed, and nothing has changed
    return row


def ask_day(place: Any, label: str, key: str, **how: Any) -> None:  # noqa: ANN401 (Streamlit itself, or a part)
    """Ask for a day that is over, in a calendar of the visitor's language; today stands there at first."""
    st.session_state.setdefault(key, words.today())  # no value of the field's own: it would come back unasked
    # Wider than what is taken: a browser keeps a day beyond to itself, and the one before would be saved in its place.
    days = {"min_value": FIRST, "max_value": LAST, "format": day_pattern(), "required": True}
    place.date_input(label, key=key, **days, **how)


def ask_name(place: DeltaGenerator, width: int | None = None) -> None:
    """The visitor's name, as it is typed; nothing is asked of who is logged in."""
    if opening.account_now() is None:
        place.text_input(say("Your name"), key="actor", max_chars=80, persist_state="session", width=width or "stretch")


def actor() -> str:
    """Who enters what is entered: the account of who is logged in, or else the name that was typed."""
    account = opening.account_now()
    return str(st.session_state.get("actor", "")) if account is None else account.id


def known_lesions(key: str) -> dict[str, str]:
    """The lesions of the patient in the field, by name, each with its place. Raises RecordsFault as `records` does,
    NotAllowed for who may not record."""
    opening.check(Right.RECORD)
    known = read.lesions_of(records(), st.session_state[f"patient-{key}"])
    # Of two that read alike, of records from before there could not be such, the one that is typed to the letter.
    known = sorted(known, key=lambda row: row["label"] == st.session_state[f"lesion-{key}"])
    return {cleaned(row["label"]): row["site"] for row in known}


def ask_place(key: str) -> None:
    """To which patient and lesion a picture belongs; the patient that was given last stands there, and no lesion then:
    of a known one no place is asked, so that two would be taken for one without a word."""
    state = st.session_state
    last = state.get("last_patient", "")
    for name, usual in (("patient", last), ("lesion", "" if last else "A")):
        state.setdefault(f"{name}-{key}", usual)
    one, two = st.columns(2)
    typed: dict[str, Any] = {"max_chars": 80, "persist_state": "session", "on_change": visit.stay}
    one.text_input(say("Patient (pseudonym)"), key=f"patient-{key}", **typed)
    two.text_input(say("Lesion"), key=f"lesion-{key}", **typed)
    try:
        known = known_lesions(key)
    except DermError as fault:
        st.error(plain(opening.told(fault)), icon=":material/folder_off:")
        known = {}
    if known:
        st.caption(
            plain(
                say(
                    "Known: {lesions}",
                    lesions=", ".join(f"{label} ({words.site_name(site)})" for label, site in known.items()),
                )
            )
        )
    site = known.get(cleaned(state[f"lesion-{key}"]))
    state[f"seen-{key}"] = (typed_at(key), site)
    if site is None:
        st.selectbox(
            say("Place on the body"),
            [one.code for one in SITES],
            index=None,
            placeholder=say("Choose one"),
            key=f"site-{key}",
            format_func=words.site_name,
            persist_state="session",
        )
    one, two = st.columns(2)
    ask_day(one, say("Day of the visit"), f"day-{key}", persist_state="session")
    two.number_input(
        say("Millimetres a pixel, if known"),
        value=None,
        step=0.001,  # and no least value: what lies below it a browser keeps to itself, and no scale would be saved
        format="%.4f",
        key=f"scale-{key}",
        persist_state="session",
    )


def typed_at(key: str) -> tuple[str, str]:
    """Which patient and lesion stand in the fields."""
    return st.session_state[f"patient-{key}"], st.session_state[f"lesion-{key}"]


def place_at(key: str) -> dict[str, Any]:
    """`site` and `lesion_known` of `save_listed`: as the form has it, or, where patient or lesion were typed since it
    was drawn, the place that was chosen, and that nobody has looked whether there is such a lesion."""
    chosen = st.session_state.get(f"site-{key}") or ""
    typed, seen = st.session_state[f"seen-{key}"]
    if typed != typed_at(key):
        return {"site": chosen, "lesion_known": None}
    return {"site": seen or chosen, "lesion_known": seen is not None}


def ask_opinion(key: str) -> None:
    """A clinician's own diagnosis, management and confidence; from the first time on the seconds count."""
    asked = st.session_state.setdefault("asked", {})
    if key not in asked:
        asked[key] = entry.now(), time.monotonic()
        visit.remember()  # the clock goes on over a reload
    st.selectbox(
        say("Diagnosis"),
        DIAGNOSIS_CODES,
        index=None,
        placeholder=say("Choose one"),
        key=f"opinion-diagnosis-{key}",
        format_func=words.diagnosis_name,
        persist_state="session",
    )
    st.selectbox(
        say("Management"), list(Management), index=None, placeholder=say("Choose one"), key=f"opinion-management-{key}",
        format_func=lambda one: say(words.MANAGEMENT_NAMES[one]), persist_state="session",
    )  # fmt: skip
    st.slider(
        say("How sure are you?"),
        0,
        100,
        50,
        step=5,
        format="%d %%",
        key=f"opinion-confidence-{key}",
        persist_state="session",
    )


def opinion_given(key: str) -> "Opinion | None":
    """What was chosen in `ask_opinion`; None where something lacks."""
    state = st.session_state
    diagnosis, management = state.get(f"opinion-diagnosis-{key}"), state.get(f"opinion-management-{key}")
    if diagnosis is None or management is None:
        return None
    asked_at, begun = state.asked[key]
    return Opinion(diagnosis, management, int(state[f"opinion-confidence-{key}"]), asked_at, time.monotonic() - begun)


def opinion_first(model: Model, listed: ListedCase, *, named: bool) -> None:
    """In the answer's place: the picture as it came, and the visitor's opinion, which is kept before the answer.

    named: the page has asked for the visitor's name already.
    """
    try:
        records()
    except DermError as fault:
        st.error(plain(opening.told(fault)), icon=":material/folder_off:")
        return
    assert listed.case is not None
    left, right = st.columns([3, 2], gap="medium")
    with left, st.container(key="picture"):
        st.image(
            screen_jpeg(listed.case, "Original", INDEX["mel"], 0.0),
            alt=say("{name}, as it came", name=listed.name),
        )
    with right:
        st.header(say(words.WITHHELD), anchor=False)
        st.markdown(say(words.WITHHELD_NOTE))
        if not named:
            ask_name(right)
        ask_opinion(listed.key)
        ask_place(listed.key)
        st.button(
            say("Give my opinion and show the answer"), type="primary", key=f"give-before-{listed.key}",
            on_click=counted_once(give_before), args=(model, listed),
        )  # fmt: skip
        st.caption(say(words.FINAL_NOTE))
        tell_refusal(listed.key)
    st.caption(say(case_words.NOTICE))


def give_before(model: Model, listed: ListedCase) -> None:
    """Save picture, opinion and answer in one go; the answer is shown once all of it is kept."""
    opinion = opinion_given(listed.key)
    if opinion is None:
        st.session_state[f"refusal-{listed.key}"] = say(words.OPINION_LACKS)
        return
    if save(model, visit.as_asked(model, listed), opinion):  # as it is shown after it
        visit.show_answer(listed.key)


def save_case(model: Model, listed: ListedCase) -> None:
    """Save a row of the list, without an opinion."""
    save(model, listed)


def save(model: Model, listed: ListedCase, before: "Opinion | None" = None) -> bool:
    """Save a row of the list as the fields say; whether that was done. What is refused stays to be read."""
    state, key = st.session_state, listed.key
    refusal = f"refusal-{key}"
    state.pop(refusal, None)
    try:
        opening.check(Right.RECORD)
        kept = save_listed(
            records(),
            model,
            actor(),
            listed,
            pseudonym=state[f"patient-{key}"],
            lesion=state[f"lesion-{key}"],
            **place_at(key),
            day=state[f"day-{key}"],
            mm_per_pixel=state[f"scale-{key}"],
            before=before,
        )
    except DermError as fault:
        state[refusal] = str(fault)
        if isinstance(fault, OtherPlace):
            state[f"site-{key}"] = None  # chosen before the lesion was known; now the form says where it is
        return False
    state.saved = state.get("saved", {}) | {key: kept}
    state.last_patient = state[f"patient-{key}"]
    return True


def tell_refusal(key: str) -> None:
    """What was refused last, at this place."""
    if said := st.session_state.get(f"refusal-{key}"):
        st.error(plain(opening.told(said)), icon=":material/block:")


def is_refused(key: str) -> bool:
    """Whether something was refused at this place, so that its fold stays open."""
    return f"refusal-{key}" in st.session_state


def savable(listed: ListedCase) -> bool:
    """Whether the row holds a patient's picture with its file."""
    return can_be_saved(listed)
