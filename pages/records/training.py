"""Train now: a training on the practice's confirmed cases, what came of each, and the choice of the weights in use."""

import streamlit as st

from derm.figures.text import plain
from derm.language.speech import say
from derm.model.weights import Model
from derm.monitor.state import last_words
from derm.paths import data_folder
from derm.predict.open import weights_in_use
from derm.serve.roles import Right
from derm.teach import in_use, job, words
from derm.teach.job import Teaching
from derm.teach.train import TeachingSettings
from pages.parts import saving
from pages.parts.opening import check, may, told, visitor_now
from pages.parts.pressing import counted_once
from pages.parts.tables import show_table
from pages.records.lesion import attempt, fields_of


def show_training(model: Model) -> None:
    """What would be learned from, the way to begin, and all trainings so far."""
    allowed = may(Right.WEIGHTS) and in_use.may_start(visitor_now())
    st.caption(say(words.TRAIN_NOTE))
    st.markdown(plain(words.in_use(model.label)))
    if not allowed:
        st.info(say(words.NOT_ALLOWED), icon=":material/lock:")
    elif data_folder() is None:
        st.info(say(words.NO_OLD), icon=":material/folder_off:")
    else:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.selectbox(
                say("What learns"),
                list(words.WAYS),
                key="teach-way",
                format_func=lambda one: say(words.WAYS[one]),
                width=420,
            )
            st.button(
                say("Train now"), icon=":material/play_arrow:", key=fields_of("teach"), on_click=counted_once(begin)
            )
        saving.tell_refusal("teach")
    if allowed and (taken := in_use.chosen(saving.records())):
        st.button(
            plain(words.go_back(taken)),
            icon=":material/undo:",
            key=fields_of("undo-weights"),
            on_click=counted_once(go_back),
            args=(taken,),
        )
        saving.tell_refusal("undo-weights")
    if said := st.session_state.get("weights_said"):
        st.success(plain(said), icon=":material/check:")
    current = in_use.now_in_use(saving.records())
    for one in job.teachings(saving.records()):
        show_teaching(one, current, allowed=allowed)


def show_teaching(one: Teaching, current: str | None, *, allowed: bool) -> None:
    """A training: how far it is, what is to be known, both comparisons, and the button that takes it into use in place
    of the `current` weights."""
    st.subheader(plain(words.teaching_line(one)), anchor=False)
    for sentence in one.said:
        st.markdown(plain(told(sentence)))
    if one.alive:
        st.button(say("Look again"), icon=":material/refresh:", key=f"look-{one.name}")
        return
    if one.stage != "done":
        if one.stage != "refused":
            st.markdown(plain(told(last_words(one.folder))))
        if allowed:
            st.button(
                say("Go on"),
                icon=":material/play_arrow:",
                key=f"go-on-{one.name}",
                on_click=counted_once(go_on),
                args=(one,),
            )
            saving.tell_refusal(f"go-on-{one.name}")
        return
    for name in one.compared:
        st.markdown(plain(words.compared_title(one, name)))
        head, *rows = words.compared_rows(one, name)
        show_table([dict(zip(head, row, strict=True)) for row in rows], key=f"compared-{one.name}-{name}")
    if one.compared:
        st.caption(say(words.COMPARED_NOTE))
    if allowed and one.stage == "done":
        st.button(
            say("Use these weights"),
            icon=":material/check:",
            key=fields_of(f"use-{one.name}"),
            on_click=counted_once(use),
            args=(one, current),
        )
        saving.tell_refusal(f"use-{one.name}")


def begin() -> None:
    """Launch a training as the form says."""
    old = data_folder()
    way = st.session_state["teach-way"]

    def do() -> None:
        check(Right.WEIGHTS)
        records = saving.records()
        job.start(records, weights_in_use(records.folder), [old] if old else [], TeachingSettings(way), visitor_now())

    attempt("teach", do)


def go_on(one: Teaching) -> None:
    """Launch a process that goes on with a training."""

    def do() -> None:
        check(Right.WEIGHTS)
        job.go_on(saving.records(), one.folder, visitor_now())

    attempt(f"go-on-{one.name}", do)


def use(one: Teaching, current: str | None) -> None:
    """Take the new weights into use in place of the `current` ones, as whoever is named on top says."""

    def do() -> None:
        st.session_state.pop("weights_said", None)
        check(Right.WEIGHTS)
        records = saving.records()
        label = in_use.adopt(records, saving.actor(), job.weights_of(records, one.name), one.identity or {}, current)
        st.session_state.weights_said = words.adopted(label)

    attempt(f"use-{one.name}", do)


def go_back(taken: str) -> None:
    """Take those weights, which the button names, out of use, and the ones before into it again."""

    def do() -> None:
        st.session_state.pop("weights_said", None)
        check(Right.WEIGHTS)
        label = in_use.undo(saving.records(), saving.actor(), taken)
        st.session_state.weights_said = words.undone(taken, label)

    attempt("undo-weights", do)
