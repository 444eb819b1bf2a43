"""The case at hand: saved to a patient and a lesion, and then the lesion that it belongs to."""

import streamlit as st

from derm.figures.text import plain
from derm.language.speech import say
from derm.model.weights import Model
from derm.predict import words as case_words
from derm.predict.case_list import ListedCase
from derm.predict.view import screen_jpeg
from derm.records import read, words
from pages.parts import saving
from pages.parts.pressing import counted_once
from pages.records.lesion import lesion


def this_case(model: Model, listed: ListedCase) -> None:
    """The picture with its answer and the fields that say whose it is; once saved, its lesion."""
    kept = saving.saved(listed.key)
    if kept is not None and read.lesion_history(saving.records(), kept.lesion_id) is None:  # deleted elsewhere
        st.info(say(words.GONE), icon=":material/folder_off:")
        saving.forget(listed.key)
        kept = None
    if kept is not None:
        st.success(say(words.ANSWER_KEPT), icon=":material/check:")
        lesion(kept.lesion_id)
        return
    case = listed.case
    if case is None or not saving.savable(listed):
        st.markdown(say(words.NO_FILE))
        return
    left, right = st.columns([3, 2], gap="medium")
    with left, st.container(key="picture"):
        st.image(screen_jpeg(case, "Outline", 0, 0.5), alt=case_words.description_of(case, "Outline", 0))
    with right:
        st.header(plain(case_words.headline(case)), anchor=False)
        st.markdown(plain(case_words.second_line(case)))
        saving.ask_place(listed.key)
        st.button(
            say("Save this case"),
            type="primary",
            key=f"save-case-{listed.key}",
            on_click=counted_once(saving.save_case),
            args=(model, listed),
        )
        saving.tell_refusal(listed.key)
    st.caption(say(case_words.NOTICE))
