"""One visitor's session: the model that all share, and the cases that are his alone and follow him from page to page.

Needs Streamlit's session. Every page calls `begin` first, for each may be the first that is opened.
"""

from pathlib import Path

import streamlit as st

from derm.data.catalogue import Catalogue, read_catalogue
from derm.diagnoses import Diagnosis
from derm.errors import DermError, ImageRefused
from derm.model.weights import Model
from derm.paths import data_folder
from derm.predict import case_list, words
from derm.predict.case import Case, diagnose_bytes
from derm.predict.memory import CaseMemory
from derm.predict.open import open_model
from derm.predict.practice import at_practice
from derm.predict.views import EIGHT

HELD = ("held", "trials")
"""What Compare keeps of the visitor's cases, by their keys."""


@st.cache_resource(show_spinner="Loading the model …")
def shared_model() -> Model:
    """The model, loaded once for all sessions; nothing in it changes, so threads may share it."""
    return open_model()


@st.cache_resource(show_spinner="Reading the data set's table …", max_entries=2)
def shared_catalogue(folder: str) -> Catalogue:
    """The data set in `folder`, read once for all sessions."""
    return read_catalogue(Path(folder))


def find_catalogue() -> Catalogue | None:
    """The data set that the app was started with, or None; raises DermError for one that cannot be read."""
    folder = data_folder()
    return None if folder is None else shared_catalogue(str(folder))


def begin(model: Model) -> None:
    """Give a new visitor a list of cases, with a drawn sample already analysed."""
    if "cases" in st.session_state:
        return
    st.session_state.cases = []
    st.session_state.refused = []
    st.session_state.round = 0
    st.session_state.setdefault("views", 1)
    keep_sample(model, case_list.first_sample())


def practice() -> float | None:
    """The share of malignant lesions among this visitor's patients, as set; None for that of the data."""
    share: float | None = st.session_state.get("practice")
    return share


def set_practice() -> None:
    """The setting of this visitor's patients was changed: keep it, for a widget forgets while another page is open."""
    st.session_state.practice_last = st.session_state["practice-share"]
    st.session_state.practice = st.session_state["practice-share"] if st.session_state["practice-on"] else None


def seen(listed: case_list.ListedCase) -> case_list.ListedCase:
    """A case of the list as it is among this visitor's patients."""
    return listed._replace(case=at_practice(listed.case, practice()))


def keep(case: Case, *, drawn: bool = False) -> None:
    """Put a case on top of the list and show it."""
    st.session_state.cases = case_list.add_case(st.session_state.cases, case, drawn=drawn)
    st.session_state.shown = st.session_state.cases[0]
    st.session_state.chosen = st.session_state.shown.key


def keep_sample(model: Model, diagnosis: Diagnosis) -> None:
    """Draw a lesion and keep it."""
    st.session_state.refused = []
    keep(case_list.sample_case(model, diagnosis), drawn=True)


def keep_file(model: Model, content: bytes, name: str) -> None:
    """Keep an uploaded picture, or the sentence that says why it is refused."""
    try:
        keep(diagnose_bytes(model, content, name))
    except ImageRefused as error:
        st.session_state.refused.append(str(error))


def data_case(model: Model, catalogue: Catalogue, image_id: str) -> Case:
    """An image of the data set, asked about once in this visit; raises DataFault."""
    memory: CaseMemory = st.session_state.setdefault("memory", CaseMemory())
    return memory.case(model, catalogue, image_id)


def keep_from_data(model: Model, catalogue: Catalogue, image_id: str) -> None:
    """Keep an image of the data set, with its true outline, or the sentence that says why it cannot be read.

    One that is in the list already is shown, not listed again.
    """
    st.session_state.refused = []
    try:
        case = data_case(model, catalogue, image_id)
        again = next((listed for listed in st.session_state.cases if listed.case.image is case.image), None)
        if again is None:
            keep(case)
        else:
            st.session_state.shown, st.session_state.chosen = again, again.key
    except DermError as error:
        st.session_state.refused.append(str(error))


def as_asked(model: Model, listed: case_list.ListedCase) -> case_list.ListedCase:
    """The case over as many views as the visitor wants, among his patients; asked anew where that has changed."""
    current = case_list.find_case(st.session_state.cases, listed.key)
    if current.case.views != st.session_state.views:
        with st.spinner(words.ASKING_AGAIN):
            st.session_state.cases, current = case_list.ask_again(
                model, st.session_state.cases, current, st.session_state.views
            )
        st.session_state.shown = seen(current)
        for name in HELD:  # what Compare made of the case as it was
            st.session_state.pop(name, None)
    return seen(current)


def choose_views() -> None:
    """Take over what the switch says."""
    st.session_state.views = EIGHT if st.session_state.wide else 1


def clear() -> None:
    """Forget every case of this visitor."""
    del st.session_state.cases
