"""The part Start a run: everything that a new run needs, each setting with what it costs."""

from itertools import chain
from typing import Any

import streamlit as st

from derm.errors import DataFault, DermError
from derm.figures.text import plain
from derm.language.speech import say
from derm.monitor import new_run, words
from derm.monitor.settings import SETTINGS, THREADS_COST, Setting, defaults
from derm.paths import data_folder, runs_folder
from derm.serve.roles import Right
from pages.parts.opening import check, visitor_now


def start_run() -> None:
    """Everything that a new run needs, each setting with what it costs; what is wrong is said at its field."""
    runs, folder = runs_folder(), data_folder()
    refused: dict[str, str] = st.session_state.pop("start-refused", {})
    one, two, three = st.columns(3)
    with one:
        data = st.selectbox(
            say("Data"), new_run.data_choices(folder), key="start-data", persist_state="session", format_func=say
        )
        tell_fault(refused.get("data"))
    with two:
        preset = st.selectbox(
            say("Preset"),
            new_run.preset_choices(),
            key="start-preset",
            help=say(words.PRESET_HELP),
            persist_state="session",
        )
    drawn = data == words.DRAWN_CHOICE
    with three:
        name = ask_name(new_run.suggested_name(runs, preset, drawn=drawn))
        tell_fault(new_run.name_fault(runs, name) or refused.get("name"))
    usual = defaults(preset, drawn=drawn)
    chosen, wrong = {}, bool(new_run.name_fault(runs, name))
    # Two by two, so that fields stand level and the keyboard walks them as they are read.
    places = chain.from_iterable(st.columns(2, gap="large") for _ in SETTINGS[::2])
    for place, setting in zip(places, SETTINGS, strict=False):
        with place:
            options = list(new_run.known_starts(runs)) if setting.kind == "weights" else list(setting.options)
            chosen[setting.name] = ask(setting, options, usual[setting.name], f"start-{preset}-{drawn}-{setting.name}")
            fault = new_run.setting_fault(runs, preset, setting.name, chosen[setting.name])
            tell_fault(fault)
            wrong = wrong or bool(fault)
            st.caption(say(setting.cost))
    threads = st.number_input(
        say("Threads"), *new_run.THREADS, 0, key="start-threads", width=200, persist_state="session"
    )
    st.caption(say(THREADS_COST))
    pressed = st.button(say("Start this run"), icon=":material/play_arrow:", key="start")
    tell_fault(refused.get("") or (say(words.MEND_FIRST) if pressed and wrong else None))
    if wrong or not pressed:
        st.caption(say(words.START_NOTE))
        return
    try:
        check(Right.TRAIN)
        with st.spinner(say(words.DRAWING) if drawn else say(words.STARTING)):
            new_run.start_run(runs, name, folder, preset, chosen, int(threads), drawn=drawn, visitor=visitor_now())
    except DermError as error:
        st.session_state["start-refused"] = {"data" if isinstance(error, DataFault) else "": str(error)}
    else:
        st.session_state.show = st.session_state["start-suggested"] = name
    st.rerun()


def tell_fault(fault: str | None) -> None:
    """What is wrong with the field above, if anything."""
    if fault:
        st.error(plain(fault), icon=":material/block:")


def ask_name(suggested: str) -> str:
    """The name of the run: what was typed, or else what is suggested."""
    name = st.session_state.get("start-name", "")
    # Set only where it changes: what is set here replaces what is just being typed.
    if name != suggested and name in ("", st.session_state.get("start-suggested")):
        st.session_state["start-name"] = suggested
    st.session_state["start-suggested"] = suggested
    return st.text_input(say("Name of the run"), key="start-name", persist_state="session")


def ask(setting: Setting, options: list[Any], usual: Any, key: str) -> object:  # noqa: ANN401
    """The widget for one setting; its value comes back. options: of one that is chosen."""
    if options:
        return st.selectbox(
            say(setting.label),
            options,
            options.index(usual),
            key=key,
            persist_state="session",
            format_func=new_run.said_start if setting.kind == "weights" else str,
        )
    if setting.kind == "switch":
        return st.toggle(say(setting.label), bool(usual), key=key, persist_state="session")
    return st.number_input(
        say(setting.label), setting.low, setting.high, usual, setting.step, setting.form, key=key,
        persist_state="session",
    )  # fmt: skip
