"""The part Start a run: everything that a new run needs, each setting with what it costs."""

from itertools import chain
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from derm.errors import DataFault, DermError
from derm.figures.text import plain
from derm.language.speech import say
from derm.monitor import new_run, words
from derm.monitor.settings import SETTINGS, THREADS_COST, Setting, defaults
from derm.paths import data_folder, runs_folder
from derm.serve.roles import Right
from pages.parts.opening import check, visitor_now
from pages.parts.pressing import counted_once


def start_run() -> None:
    """Everything that a new run needs, each setting with what it costs; what is wrong is said at its field."""
    runs, folder = runs_folder(), data_folder()
    refused: dict[str, str] = st.session_state.get("start-refused", {})
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
    # Two by two, so that fields stand level and the keyboard walks them as they are read.
    places = chain.from_iterable(st.columns(2, gap="large") for _ in SETTINGS[::2])
    for place, setting in zip(places, SETTINGS, strict=False):
        with place:
            options = list(new_run.known_starts(runs)) if setting.kind == "weights" else list(setting.options)
            value = ask(setting, options, usual[setting.name], field(preset, drawn, setting))
            tell_fault(new_run.setting_fault(runs, preset, setting.name, value))
            st.caption(say(setting.cost))
    st.number_input(say("Threads"), *new_run.THREADS, 0, key="start-threads", width=200, persist_state="session")
    st.caption(say(THREADS_COST))
    st.button(
        say("Start this run"),
        icon=":material/play_arrow:",
        key="start",
        on_click=counted_once(start),
        args=(st.empty(),),
    )
    tell_fault(refused.get(""))
    st.caption(say(words.START_NOTE))
    st.session_state.pop("start-refused", None)  # last: a page that a click broke off has not said it


def start(place: DeltaGenerator) -> None:
    """Start the run as the fields say now, for what was typed last may not have been drawn yet; what is refused stays
    to be read. place: where it is said meanwhile what is being done."""
    state, runs, folder = st.session_state, runs_folder(), data_folder()
    name, preset, drawn = state["start-name"], state["start-preset"], state["start-data"] == words.DRAWN_CHOICE
    usual = defaults(preset, drawn=drawn)
    chosen = {one.name: state.get(field(preset, drawn, one), usual[one.name]) for one in SETTINGS}
    if new_run.name_fault(runs, name) or any(new_run.setting_fault(runs, preset, *one) for one in chosen.items()):
        state["start-refused"] = {"": say(words.MEND_FIRST)}
        return
    try:
        check(Right.TRAIN)
        with place, st.spinner(say(words.DRAWING) if drawn else say(words.STARTING)):
            threads = int(state["start-threads"])
            new_run.start_run(runs, name, folder, preset, chosen, threads, drawn=drawn, visitor=visitor_now())
        state.show = state["start-suggested"] = name
    except DermError as error:
        state["start-refused"] = {"data" if isinstance(error, DataFault) else "": str(error)}


def field(preset: str, drawn: bool, setting: Setting) -> str:
    """The key of a setting's field: each preset has its own, and so have drawn data."""
    return f"start-{preset}-{drawn}-{setting.name}"


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
