"""One lesion over its visits: pictures, answers as they were shown, opinions, corrections, histology; and what can be
entered about it."""

from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.runtime.uploaded_file_manager import UploadedFile

from derm.errors import DermError
from derm.figures.body import Mark, body_map, said_of
from derm.figures.text import plain
from derm.image.decode import claimed_pixels
from derm.image.overlay import jpeg
from derm.language.speech import say
from derm.predict import words as case_words
from derm.records import entry, pictures, read, store, words, write
from derm.records.entry import DIAGNOSIS_CODES, Basis
from derm.records.read import Entry, LesionHistory, PictureHistory
from derm.records.sites import BY_CODE, SITES
from derm.serve.roles import Right
from derm.spelling import cleaned
from pages.parts import opening, saving
from pages.parts.keeping import budget
from pages.parts.pressing import counted_once
from pages.parts.visit import chosen_file, give_up_copies, tell

CHOSEN = "opened_lesion"
"""Key of the lesion that is open."""


def lesion(lesion_id: str, *, back: bool = False, seen: Mapping[str, str | None] | None = None) -> None:
    """The history of a lesion, the newest visit first. back: with the way to all that are kept. seen: the answer that
    the visitor has before him of a picture, key → key, None where it is not kept; of others it is the last one."""
    history = read.lesion_history(saving.records(), lesion_id)
    if back:
        st.button(
            say("All kept cases"), icon=":material/arrow_back:", type="tertiary", key="lesion-back", on_click=close
        )
    if history is None:
        st.error(say(words.GONE), icon=":material/folder_off:")
        return
    marks = [mark_of(history)] if history.lesion["site"] in BY_CODE else []
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.header(plain(words.history_title(history)), anchor=False, width="content")
        st.image(body_map(marks), alt=said_of(marks), width=80)
    for one in history.histology:
        st.markdown(plain(words.histology_line(one)))
    for visit in history.visits:
        st.subheader(plain(f"{words.day_said(visit.visit['day'])}. {words.state_line(visit.worst)}"), anchor=False)
        for picture in visit.pictures:
            show_picture(picture, seen or {})
    st.caption(say(case_words.NOTICE))
    about(history)


def mark_of(history: LesionHistory) -> Mark:
    """The lesion on the body map."""
    site = BY_CODE[history.lesion["site"]]
    return Mark(
        site.view, site.x, site.y, say("lesion {label}, {place}", label=history.lesion["label"], place=site.called)
    )


def show_picture(one: PictureHistory, seen: Mapping[str, str | None]) -> None:
    """A picture with all that was said of it. seen: as of `lesion`."""
    picture = one.picture
    left, right = st.columns([1, 2], gap="medium")
    with left:
        try:
            st.image(thumbnail(one), alt=words.picture_alt(one))
        except DermError as fault:
            st.error(plain(opening.told(fault)), icon=":material/broken_image:")
        st.caption(plain(words.picture_line(picture)))
    with right:
        for answer in one.answers:
            for line in words.answer_lines(answer):
                st.markdown(plain(line))
        for opinion in one.opinions:
            st.markdown(plain(words.opinion_line(opinion)))
        for line in words.correction_lines(one.corrections):
            st.markdown(plain(line))
        opinion_after(one, seen.get(one.picture["id"], one.answers[-1]["id"] if one.answers else None))
        correct(one)


def opinion_after(one: PictureHistory, answer_id: str | None) -> None:
    """The opinion after an answer was seen, until it was given; none of an answer that is not kept."""
    actor = cleaned(saving.actor())
    mine = [row for row in one.opinions if row["author"] == actor and row["stage"] == "after"]
    if answer_id is None or mine:
        return
    key = f"after-{one.picture['id']}-{actor}"  # of each reader: a practice may have one computer
    with st.expander(
        say("Your opinion after the answer"),
        icon=":material/stethoscope:",
        expanded=saving.is_refused(key),
        key=f"fold-{key}",  # so that it stays open where somebody else's entry comes in above it
    ):
        saving.ask_opinion(key)
        st.button(
            say("Give my opinion"),
            key=f"give-{key}",
            on_click=counted_once(give_after),
            args=(key, answer_id),
            type="primary",
        )
        st.caption(say(words.FINAL_NOTE))
        saving.tell_refusal(key)


def give_after(key: str, answer_id: str) -> None:
    """Keep the opinion after the answer."""
    opinion = saving.opinion_given(key)
    if opinion is None:
        st.session_state[f"refusal-{key}"] = say(words.OPINION_LACKS)
        return
    attempt(key, partial(write.give_after, saving.records(), saving.actor(), answer_id, opinion))


def correct(one: PictureHistory) -> None:
    """A diagnosis or an outline that is known better."""
    key = f"correct-{one.picture['id']}"
    fields = fields_of(key)
    with st.expander(say("Correct"), icon=":material/edit:", expanded=saving.is_refused(key), key=f"fold-{fields}"):
        st.selectbox(
            say("Diagnosis"),
            DIAGNOSIS_CODES,
            index=None,
            placeholder=say("Choose one"),
            key=f"diagnosis-{fields}",
            format_func=words.diagnosis_name,
        )
        st.selectbox(
            say("What it rests on"),
            list(Basis),
            index=None,
            placeholder=say("Choose one"),
            key=f"basis-{fields}",
            format_func=lambda one: say(words.BASIS_NAMES[one]),
        )
        st.file_uploader(say(words.OUTLINE_FILE), key=f"outline-{fields}")
        st.button(
            say("Save the correction"),
            key=f"save-{fields}",
            on_click=counted_once(save_correction),
            args=(key, fields, one),
        )
        saving.tell_refusal(key)


def last_seen(one: PictureHistory) -> str:
    """The key of the correction that stands where the visitor looks, see `derm.records.write.correct`."""
    return str(one.corrections[-1]["id"]) if one.corrections else ""


def save_correction(key: str, fields: str, one: PictureHistory) -> None:
    """Keep a correction, as the fields say whose keys end so."""
    state, picture = st.session_state, one.picture

    def do() -> None:
        file = chosen_file(f"outline-{fields}")
        write.correct(
            saving.records(),
            saving.actor(),
            picture["id"],
            diagnosis=state[f"diagnosis-{fields}"],
            basis=state[f"basis-{fields}"],
            outline=None if file is None else given_outline(file, picture),
            seen=last_seen(one),
        )
        if file is not None:
            give_up_copies(file.file_id)

    attempt(key, do)


def given_outline(file: UploadedFile, picture: Entry) -> NDArray[np.bool_]:
    """The outline in an uploaded file, in turn with the pictures that are read."""
    content = file.getvalue()
    with budget().turn(claimed_pixels(content)):
        return pictures.outline_in(content, file.name, picture)


def about(history: LesionHistory) -> None:
    """What belongs to the lesion as a whole, and to the patient; no field or button is shared with another lesion's."""
    lesion_id, patient = history.lesion["id"], history.patient
    key = f"histology-{lesion_id}"
    fields = fields_of(key)
    with st.expander(
        say("Histology"), icon=":material/biotech:", expanded=saving.is_refused(key), key=f"fold-{fields}"
    ):
        st.selectbox(
            say("Found"),
            DIAGNOSIS_CODES,
            index=None,
            placeholder=say("Choose one"),
            key=f"diagnosis-{fields}",
            format_func=words.diagnosis_name,
        )
        saving.ask_day(st, say("Day"), f"day-{fields}")
        st.text_area(say("The pathologist's words"), key=f"words-{fields}", max_chars=2000)
        st.button(
            say("Save the histology"),
            key=f"save-{fields}",
            on_click=counted_once(save_histology),
            args=(key, fields, history),
        )
        saving.tell_refusal(key)
    key = f"place-{lesion_id}"
    fields = fields_of(key)
    with st.expander(
        say("Place on the body"),
        icon=":material/accessibility_new:",
        expanded=saving.is_refused(key),
        key=f"fold-{fields}",
    ):
        codes = [one.code for one in SITES]
        st.selectbox(
            say("Place"),
            codes,
            index=codes.index(history.lesion["site"]) if history.lesion["site"] in codes else None,
            key=f"site-{fields}",
            format_func=words.site_name,
        )
        st.button(
            say("Save the place"),
            key=f"save-{fields}",
            on_click=counted_once(save_place),
            args=(key, fields, history),
        )
        saving.tell_refusal(key)
    if not opening.may(Right.DELETE):
        return
    key = f"delete-{lesion_id}"
    with st.expander(
        say("Delete this patient"), icon=":material/delete:", expanded=saving.is_refused(key), key=f"fold-{key}"
    ):
        st.markdown(plain(" ".join(words.delete_warning(patient["pseudonym"]))))
        st.text_input(say("Write the pseudonym to delete it"), key=f"name-{key}")
        st.button(
            say("Delete for good"),
            key=f"do-{key}",
            on_click=counted_once(delete),
            args=(key, patient["id"], patient["pseudonym"]),
        )
        saving.tell_refusal(key)


def fields_of(key: str) -> str:
    """The end of the keys of fields and button at a place, another one after each saving: so the fields are empty
    again, and a second click finds the button gone."""
    return f"{key}-{st.session_state.get(f'times-{key}', 0)}"


def save_histology(key: str, fields: str, history: LesionHistory) -> None:
    """Keep a histology, as the fields say whose keys end so, in place of what the visitor saw standing."""
    state, seen = st.session_state, history.histology[-1]["id"] if history.histology else ""
    if state[f"diagnosis-{fields}"] is None:
        state[f"refusal-{key}"] = say(words.DIAGNOSIS_LACKS)
        return
    attempt(
        key,
        lambda: write.add_histology(
            saving.records(), saving.actor(), history.lesion["id"], diagnosis=state[f"diagnosis-{fields}"],
            on=state[f"day-{fields}"], words=state[f"words-{fields}"], seen=seen,
        ),
    )  # fmt: skip


def save_place(key: str, fields: str, history: LesionHistory) -> None:
    """Put the lesion elsewhere on the body map than the visitor saw it, as the field says whose key ends so."""
    site, seen = st.session_state[f"site-{fields}"] or "", history.lesion["site"]
    attempt(key, lambda: write.move_lesion(saving.records(), saving.actor(), history.lesion["id"], site, seen=seen))


def delete(key: str, patient_id: str, pseudonym: str) -> None:
    """Delete the patient whose pseudonym was written."""
    if not entry.is_called(st.session_state[f"name-{key}"], pseudonym):
        st.session_state[f"refusal-{key}"] = say(words.DELETE_LACKS)
        return

    def do() -> None:
        opening.check(Right.DELETE)
        remains = write.delete_patient(saving.records(), saving.actor(), patient_id)
        shared_thumbnail.clear()
        tell(words.deleted(pseudonym, remains))  # until it was seen: a second click draws the page once more
        kept = st.session_state.get("saved", {})
        st.session_state.saved = {key: one for key, one in kept.items() if one.patient_id != patient_id}
        close()

    attempt(key, do)


def attempt(key: str, action: Callable[[], object]) -> None:
    """Do what a button says; what is refused stays to be read at its place, and after what is done it is empty."""
    try:
        opening.check(Right.RECORD)
        action()
        st.session_state.pop(f"refusal-{key}", None)
        st.session_state[f"times-{key}"] = st.session_state.get(f"times-{key}", 0) + 1
    except DermError as error:
        st.session_state[f"refusal-{key}"] = str(error)


def thumbnail(one: PictureHistory) -> bytes:
    """A kept picture with the outline that stands, as a small JPEG file."""
    packed, corrected = pictures.standing_outline(one.answers, one.corrections)
    outline = None if packed is None else (sha256(packed).hexdigest(), corrected)
    return shared_thumbnail(one, str(saving.records().pictures), one.picture["sha256"], outline)


@st.cache_data(show_spinner=False, max_entries=500, ttl=3600)
def shared_thumbnail(_one: PictureHistory, folder: str, digest: str, outline: tuple[str, bool] | None) -> bytes:
    """The same, made once for all sessions, some 40 kB each: each shows it only where it has found the picture's row.

    folder: of the records' pictures. digest: the picture's. outline: of the one drawn on it, and whether it is a
    correction's.
    """
    picture = _one.picture
    with budget().turn(picture["width"] * picture["height"]):
        image = pictures.small(store.read(Path(folder), digest), picture["name"])
        return jpeg(pictures.with_outline(image, picture, _one.answers, _one.corrections))


def close() -> None:
    """Back to all cases."""
    st.session_state.pop(CHOSEN, None)
