"""The top of every page, the same on all: the way to the others, how pictures come in, and the case that follows.

Needs `visit`. Draws, and hands each page the model and the case that is shown.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from derm.diagnoses import DIAGNOSES
from derm.errors import DermError, WeightsFault
from derm.figures.mark import mark as icon_of_page
from derm.figures.palette import style_variables
from derm.figures.text import capital, plain
from derm.image.heic import heic_is_read
from derm.language.speech import say
from derm.model.weights import Model
from derm.paths import unwritten_names
from derm.predict import case_list, triage, words
from derm.predict.practice import LEAST, MOST, data_share
from derm.predict.reading import WaitingFile
from derm.serve.roles import SHEETS, Right
from pages.parts import language, opening, saving, visit
from pages.parts.cases import show_cases
from pages.parts.live import camera, pasted
from pages.parts.settled import settled

if TYPE_CHECKING:
    from derm.data.catalogue import Catalogue

STYLE = Path(__file__).parents[2] / ".streamlit" / "style.css"
COLOURS = f"<style>{style_variables()}</style>"
PRACTICE = 0.05
"""Share of malignant lesions that the setting begins with."""


def open_frame(name: str) -> DeltaGenerator:
    """Begin the page `name`: title, style, the way to the other pages; the row that holds it comes back."""
    language.begin()
    st.set_page_config(f"Derm: {say(name)}", icon_of_page(), layout="wide", initial_sidebar_state="collapsed")
    st.html(COLOURS)
    st.html(STYLE)
    opening.warn()
    settled.open(name)
    if page := st.session_state.pop("go_to", None):
        st.switch_page(page)
    row = st.container(key="top", horizontal=True, vertical_alignment="center")
    with row:
        st.title("Derm", anchor=False, width="content")
        for page, sheet in SHEETS.items():
            if opening.may(page):
                st.page_link(sheet.script, label=say(page), icon=sheet.icon)
        opening.way_out()
    language.set_language(row)
    opening.enter(name)
    return row


def open_page(name: str) -> Model:
    """Begin the page `name` and a new visitor's list of cases; ends it with a sentence where weights lack."""
    row = open_frame(name)
    model = find_model()
    if model is None:
        st.stop()
        raise AssertionError  # never reached: `stop` ends the page
    set_patients(row, model)
    return model


def set_patients(row: DeltaGenerator, model: Model) -> None:
    """The one setting of the visitor's patients, in the top row of every page; none where the weights cannot use it."""
    data, share = data_share(model.description), visit.practice()
    if data is None:
        return
    # Given anew each time: what a widget held on one page is not what it holds on the next.
    st.session_state["practice-on"] = share is not None
    st.session_state["practice-share"] = st.session_state.get("practice_last", PRACTICE)
    with row.popover(words.patients(data, share), icon=":material/groups:", width="content"):
        st.toggle(say("My patients have another share"), key="practice-on", on_change=visit.set_practice)
        st.slider(
            say("Malignant among the lesions you see"),
            *(LEAST, MOST),
            step=LEAST,
            format="percent",
            key="practice-share",
            disabled=share is None,
            on_change=visit.set_practice,
        )
        st.caption(plain(words.patients_note(data, share)))


def find_model() -> Model | None:
    """The model that the app was started with, or None, with a sentence where it cannot be loaded."""
    if unwritten := unwritten_names():
        st.error(
            plain(
                say(
                    "The name of a place in {names} is no text in UTF-8: give it another one, and start the app again.",
                    names=", ".join(unwritten),
                )
            ),
            icon=":material/folder_off:",
        )
        st.stop()
    try:
        model = visit.shared_model()
    except WeightsFault as fault:
        st.error(plain(opening.told(fault)), icon=":material/folder_off:")
        return None
    if model.note:
        st.caption(plain(model.note))
    visit.begin(model)
    return model


def known_data() -> "Catalogue | None":
    """The data set that the app was started with, or None where there is none for who looks at the page; with a
    sentence where it cannot be read."""
    if not opening.may(Right.DATA_SETS):
        return None
    try:
        return visit.find_catalogue()
    except DermError as fault:
        st.warning(plain(opening.told(fault)), icon=":material/folder_off:")
        return None


def take_in(model: Model, catalogue: "Catalogue | None" = None) -> None:
    """How pictures come in: as files, as drawn samples, and from the data set where there is one."""
    with st.container(key="intake", horizontal=True, vertical_alignment="center"):
        # No `type`: the browser would judge by the name alone, and the sentence of the door says more. One key for the
        # whole visit: a fresh uploader would lose what is on its way to the old one.
        files = st.file_uploader(
            say(words.INVITATION_WITH_HEIC) if heic_is_read() else say(words.INVITATION),
            accept_multiple_files=True,
            key=f"files-{st.session_state.round}",
        )
        shots = [camera(), pasted()]
        with (
            st.popover(say("Drawn samples"), icon=":material/draw:", width="content"),
            st.container(gap="xxsmall"),
        ):
            for diagnosis in DIAGNOSES:
                st.button(
                    plain(capital(diagnosis.called)),
                    key=f"sample-{diagnosis.code}",
                    type="tertiary",
                    on_click=visit.keep_sample,
                    args=(model, diagnosis),
                )
        if catalogue is not None:
            with st.popover(say("From the data set"), icon=":material/photo_library:", width="content"):
                st.text_input(say("Image"), placeholder=case_list.first_id(catalogue), key="image-id")
                st.caption(say("Its name in the table, such as the one above; empty: the first."))
                st.button(
                    say("Open"),
                    key="open-image",
                    on_click=_open_named,
                    args=(model, catalogue),
                )
    fresh = visit.new(files)
    visit.take_in([WaitingFile(file.file_id, file.name, file.getvalue()) for file in fresh])
    for file in fresh:
        file.close()  # or the widget's state keeps the bytes for as long as the page is open
    visit.take_in([shot for shot in shots if shot is not None])


def _open_named(model: Model, catalogue: "Catalogue") -> None:
    """What the field says now: a click may come together with what was typed last, which no run has seen yet."""
    visit.keep_from_data(model, catalogue, st.session_state["image-id"] or case_list.first_id(catalogue))


def choose() -> case_list.ListedCase:
    """The cases of this visit, a line or a table; the one at hand comes back, perhaps without its picture."""
    show_cases(visit.shared_model())
    return visit.at_hand()


def opened(model: Model, *, named: bool = False) -> case_list.ListedCase | None:
    """The case at hand with its picture, over as many views as the visitor wants; or None, with a sentence in its place
    where there is none to show, or the question for the visitor's own opinion. named: the page has asked for the
    visitor's name already."""
    listed = visit.with_picture(model)
    if listed.case is not None and not visit.withheld(listed):
        asked = visit.as_asked(model, listed)
        if asked.case is None or asked.case.views != listed.case.views:
            st.rerun()  # the line above has another answer
        return asked
    if listed.case is not None:
        saving.opinion_first(model, listed, named=named)
        return None
    st.header(plain(triage.headline(listed)), anchor=False)
    st.markdown(plain(listed.refusal or triage.picture_gone(listed.name)))
    st.caption(say(words.NOTICE))
    return None
