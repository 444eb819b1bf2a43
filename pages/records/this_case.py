"""The case at hand: saved to a patient and a lesion, and then the lesion that it belongs to."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from derm.figures.text import plain
from derm.language.speech import say
from derm.model.weights import Model
from derm.predict import words as case_words
from derm.predict.case import Case
from derm.predict.case_list import ListedCase
from derm.predict.view import screen_jpeg
from derm.records import read, words, write
from derm.records.case import is_other_answer, keep_other_answer, kept_as, outline_since, picture_in, scale_since
from derm.records.read import PictureHistory
from pages.parts import saving
from pages.parts.pressing import counted_once
from pages.records.lesion import attempt, fields_of, last_seen, lesion


def this_case(model: Model, listed: ListedCase) -> None:
    """The picture with its answer and the fields that say whose it is; once saved, its lesion."""
    kept = saving.saved(listed.key)
    history = None if kept is None else read.lesion_history(saving.records(), kept.lesion_id)
    if kept is not None and history is None:  # deleted elsewhere
        st.info(say(words.GONE), icon=":material/folder_off:")
        saving.forget(listed.key)
    if kept is not None and history is not None:
        lacks = kept.answer_id is None
        if lacks:
            st.warning(say(words.ANSWER_LACKS), icon=":material/edit:")
        else:
            st.success(say(words.ANSWER_KEPT), icon=":material/check:")
        seen: dict[str, str | None] = {}
        if picture := picture_in(history, kept.picture_id):
            answered_since(model, listed, picture, lacks=lacks)
            drawn_since(listed, picture)
            if listed.case is not None:
                standing = None if lacks else kept_as(listed.case, model, picture)
                seen[kept.picture_id] = None if standing is None else standing["id"]
        lesion(kept.lesion_id, seen=seen)
        return
    case = listed.case
    if case is None or not saving.savable(listed):
        st.markdown(say(words.NO_FILE))
        return
    left, right = st.columns([3, 2], gap="medium")
    with left, st.container(key="picture"):
        st.image(screen_jpeg(case, "Outline", 0, 0.5), alt=case_words.description_of(case, "Outline", 0))
    with right:
        for doubt in case_words.doubt_sentences(case, model.description):
            st.caption(plain(doubt))
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


def answered_since(model: Model, listed: ListedCase, kept: PictureHistory, *, lacks: bool) -> None:
    """Another answer than the one that was kept, such as over more views: it can be kept beside that one. lacks: the
    answer was not kept when the case was saved, and can be now."""
    if (case := listed.case) is None or not (lacks or is_other_answer(case, model, kept)):
        return
    key = f"answered-{listed.key}"
    if not lacks:
        st.warning(plain(words.answer_since(case)), icon=":material/sync_alt:")
    st.button(
        say("Save this answer, too"),
        type="primary",
        key=f"save-{fields_of(key)}",
        on_click=counted_once(keep_answer),
        args=(key, listed.key, model, case, kept),
    )
    saving.tell_refusal(key)


def keep_answer(key: str, row: str, model: Model, case: Case, kept: PictureHistory) -> None:
    """Keep the answer that was shown of a row, by its key, beside those before it, which stay."""

    def do() -> None:
        saving.answer_saved(row, keep_other_answer(saving.records(), saving.actor(), case, model, kept))

    attempt(key, do)


def drawn_since(listed: ListedCase, kept: PictureHistory) -> None:
    """What was drawn on Diagnose, or taken back, after the case was saved: an outline can be kept as a correction, a
    scale cannot."""
    if (case := listed.answers) is None:
        return
    if (given := scale_since(case, kept)) is not None:
        st.warning(plain(words.scale_since(kept.picture["mm_per_pixel"], given)), icon=":material/straighten:")
    key = f"drawn-{listed.key}"
    if (other := outline_since(case, kept)) is not None:
        st.warning(say(words.OUTLINES_SINCE[other.kind]), icon=":material/edit:")
        st.button(
            say("Save the model's outline") if other.kind == "model" else say("Save the outline"),
            type="primary" if other.kind in ("other", "new") else "secondary",
            key=f"save-{fields_of(key)}",
            on_click=counted_once(keep_outline),
            args=(key, kept, other.outline),
        )
        saving.tell_refusal(key)


def keep_outline(key: str, kept: PictureHistory, outline: NDArray[np.bool_]) -> None:
    """Keep the outline as a correction of its own, in place of what the visitor saw standing."""
    picture_id, seen = kept.picture["id"], last_seen(kept)
    attempt(key, lambda: write.correct(saving.records(), saving.actor(), picture_id, outline=outline, seen=seen))
