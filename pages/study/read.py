"""A reader at work: one case after the other, the opinion before the answer, and the one after it."""

import time
from pathlib import Path

import streamlit as st

from derm.errors import DermError
from derm.figures.text import plain
from derm.language.speech import say
from derm.predict import words as case_words
from derm.records import entry
from derm.records.entry import DIAGNOSIS_CODES, Management
from derm.records.words import MANAGEMENT_NAMES, diagnosis_name
from derm.serve.words import no_reader
from derm.study import words
from derm.study.design import EXPLAINED, StudyCase, StudyDesign, picture_of
from derm.study.reading import AFTER, NextTask, StudyOpinion, Washout, give, next_task, progress_of, read_given
from pages.parts import opening
from pages.parts.pressing import counted_once


@st.cache_resource
def first_shown() -> dict[str, tuple[str, float]]:
    """When each open question was first shown, UTC and by `time.monotonic`, for all visits: a page that is loaded
    again begins no new clock."""
    return {}


def read(folder: Path, study: StudyDesign) -> None:
    """The next case of the reader who is chosen."""
    tell_made_anew(study)
    account = opening.account_now()
    readers = study.readers if account is None else account.among(study.readers)
    if account is not None and not readers:
        st.info(plain(no_reader(account.id)), icon=":material/block:")
        return
    reader = st.selectbox(
        say("Who reads"), readers, index=None, placeholder=say("Choose one"), key=f"reader-{study.hash}", width=260
    )
    if reader is None:
        return
    given = read_given(folder, study)
    done, total = progress_of(study, reader, given)
    st.progress(done / total, say("{done} of {total} opinions", done=done, total=total))
    task = next_task(study, reader, given, entry.now())
    if task is None:
        st.success(say(words.FINISHED), icon=":material/check:")
    elif isinstance(task, Washout):
        st.info(plain(words.waiting(task)), icon=":material/hourglass_empty:")
    else:
        ask(folder, study, reader, task)


def tell_made_anew(study: StudyDesign) -> None:
    """Say that another study lies under the name of the one that was open: nothing chosen there goes over to it."""
    opened: dict[str, str] = st.session_state.setdefault("study_opened", {})
    before, opened[study.name] = opened.get(study.name, study.hash), study.hash
    if before != study.hash:
        st.info(plain(say(words.MADE_ANEW, name=study.name)), icon=":material/restart_alt:")


def ask(folder: Path, study: StudyDesign, reader: str, task: NextTask) -> None:
    """One question: the picture, the answer where it is its turn, and the opinion."""
    case, key = study.case(task.case_id), f"{study.hash}-{reader}-{task.arm}-{task.case_id}-{task.stage}"
    left, right = st.columns([3, 2], gap="medium")
    with left, st.container(key="picture"):
        picture(folder, case, task)
    with right:
        st.header(plain(words.heading(task)), anchor=False)
        if task.stage == AFTER:
            for sentence in case.sentences:
                st.markdown(plain(sentence))
        asked = first_shown().setdefault(key, (entry.now(), time.monotonic()))
        st.selectbox(
            say("Diagnosis"),
            DIAGNOSIS_CODES,
            index=None,
            placeholder=say("Choose one"),
            key=f"diagnosis-{key}",
            format_func=diagnosis_name,
        )
        st.selectbox(
            say("Management"), list(Management), index=None, placeholder=say("Choose one"), key=f"management-{key}",
            format_func=lambda one: say(MANAGEMENT_NAMES[one]),
        )  # fmt: skip
        st.slider(say(words.SUSPICION), 0, 100, 50, format="%d %%", key=f"suspicion-{key}")
        st.slider(
            say("How sure are you of the diagnosis?"), 0, 100, 50, step=5, format="%d %%", key=f"confidence-{key}"
        )
        st.button(
            say("Give my opinion"),
            type="primary",
            key=f"study-give-{key}",  # or a second click would be one on the next question's
            on_click=counted_once(keep),
            args=(folder, study, reader, task, key, asked),
        )
        if said := st.session_state.get(refusal_key(study, reader)):
            st.error(plain(opening.told(said)), icon=":material/block:")
        st.caption(say(words.FINAL_NOTE))
    st.caption(say(case_words.NOTICE))


def picture(folder: Path, case: StudyCase, task: NextTask) -> None:
    """The picture; in the arm with explanations outline and heat map, too, once the answer is shown."""
    shown = [(say("The picture"), case.picture)]
    if task.stage == AFTER and task.arm == EXPLAINED:
        shown += [
            (say("Outline"), case.outline),
            *([(say("Evidence for the likeliest diagnosis"), case.heat)] if case.heat else []),
        ]
    for caption, name in shown:
        st.image(picture_of(folder, name), alt=say("Case {place}: {picture}", place=task.place, picture=caption))
        st.caption(caption)


def refusal_key(study: StudyDesign, reader: str) -> str:
    """Key of what was last refused of a reader: it is told at no other's questions, and stays over the next one."""
    return f"study-refusal-{study.hash}-{reader}"


def keep(folder: Path, study: StudyDesign, reader: str, task: NextTask, key: str, asked: tuple[str, float]) -> None:
    """Keep an opinion; what is refused stays to be read. asked: of `first_shown`."""
    state, refusal = st.session_state, refusal_key(study, reader)
    state.pop(refusal, None)
    diagnosis, management = state[f"diagnosis-{key}"], state[f"management-{key}"]
    if diagnosis is None or management is None:
        state[refusal] = say(words.OPINION_LACKS)
        return
    asked_at, begun = asked
    given = StudyOpinion(
        reader, task.arm, task.case_id, task.stage, diagnosis, management, int(state[f"suspicion-{key}"]),
        int(state[f"confidence-{key}"]), asked_at, time.monotonic() - begun,
    )  # fmt: skip
    try:
        give(folder, study, given)
    except DermError as fault:
        state[refusal] = str(fault)
    else:
        first_shown().pop(key, None)
