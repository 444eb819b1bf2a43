"""The language of a visit: as the browser asks, or as the visitor chose; his browser keeps the choice in a cookie.

Needs Streamlit's session. Whatever words a page, a fragment, or what a click calls makes, are in this language.
"""

from datetime import date

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import get_script_run_ctx

from derm.language.speech import again, ask_for, known_language, language, languages, own_name, say
from derm.predict.case_list import said_anew
from derm.serve.browser_language import COOKIE
from pages.parts.component import component

FOUND = "derm_language"
"""Of what Streamlit keeps of a run: the language that was found."""

keep = component("language")


def begin() -> None:
    """Let sentences follow the visitor's language from now on."""
    forget()
    ask_for(language_of_visit)


def language_of_visit() -> str | None:
    """The language of the page that runs; None where none does.

    It is looked up once a run: to ask Streamlit for what it knows of the browser takes 0.4 ms, and a page says hundreds
    of sentences.
    """
    context = get_script_run_ctx(suppress_warning=True)
    if context is None:
        return None
    if FOUND not in vars(context):
        vars(context)[FOUND] = chosen() or known_language(st.context.locale)
    found: str = vars(context)[FOUND]
    return found


def forget() -> None:
    """Look the language up anew: a run begins, or another one was chosen."""
    context = get_script_run_ctx(suppress_warning=True)
    if context is not None:
        vars(context).pop(FOUND, None)


def chosen() -> str:
    """What the visitor chose, in this visit or an earlier one; '' where the browser is to decide."""
    told: str = st.session_state.get("language_chosen", st.context.cookies.get(COOKIE, ""))
    return told if told in languages() else ""


def is_choice(value: object) -> bool:
    """Whether that may be what somebody has chosen or typed in a field that can be set: no button, switch or file."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(one, str) for one in value)  # an uploader without files has an empty list
    return isinstance(value, str | int | date) and not isinstance(value, bool)


def choose(code: str) -> None:
    """Speak a language in this visit, or with '' the browser's again; what is chosen elsewhere on the page stays.

    A browser tells a choice by its label, and by that of another language Streamlit would know none; a field for a day
    is another one in another language, and would begin anew.
    """
    for key in list(st.session_state):
        value = st.session_state.get(key)  # what was pressed may be of a page that is no more, and its key with it
        if is_choice(value):
            st.session_state[key] = value
    st.session_state.language_chosen = code
    forget()
    if "cases" in st.session_state:
        st.session_state.cases = said_anew(st.session_state.cases)
        st.session_state.told = [again(sentence) for sentence in st.session_state.told]


def set_language(row: DeltaGenerator) -> None:
    """The setting, in the top row of every page."""
    now = chosen()
    with row.popover(own_name(language()), icon=":material/translate:", width="content"):
        for code in ("", *languages()):
            st.button(
                own_name(code) if code else say("As the browser asks"),
                key=f"language-{code or 'browser'}",
                icon=":material/check:" if code == now else None,
                type="tertiary",
                on_click=choose,
                args=(code,),
            )
        st.caption(say("Streamlit's own buttons, such as “Upload”, stay in English; calendars follow the browser."))
    with row:
        keep(key="language", data={"cookie": COOKIE, "language": language(), "chosen": now}, height=0)
