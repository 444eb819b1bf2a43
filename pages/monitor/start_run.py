"""The part Start a run: everything that a new run needs, each setting with what it costs."""

from itertools import cycle

import streamlit as st

from derm.errors import DermError
from derm.figures.text import plain
from derm.monitor import new_run, words
from derm.monitor.settings import SETTINGS, THREADS_COST, Setting, defaults
from derm.paths import data_folder, runs_folder


def start_run() -> None:
    """Everything that a new run needs, each setting with what it costs."""
    runs, folder = runs_folder(), data_folder()
    with st.container(horizontal=True):
        data = st.selectbox("Data", new_run.data_choices(folder), key="start-data")
        preset = st.selectbox("Preset", new_run.preset_choices(), key="start-preset", help=words.PRESET_HELP)
        drawn = data == words.DRAWN_CHOICE
        wanted = new_run.suggested_name(runs, preset, drawn=drawn)
        name = st.text_input("Name of the run", wanted, key=f"start-name-{wanted}")
    usual = defaults(preset, drawn=drawn)
    chosen = {}
    for place, setting in zip(cycle(st.columns(2, gap="large")), SETTINGS, strict=False):
        with place:
            chosen[setting.name] = ask(setting, usual[setting.name], f"start-{preset}-{drawn}-{setting.name}")
            st.caption(setting.cost)
    threads = st.number_input("Threads", 0, 256, 0, key="start-threads", width=200)
    st.caption(THREADS_COST)
    if not st.button("Start this run", icon=":material/play_arrow:", key="start"):
        st.caption(words.START_NOTE)
        return
    try:
        with st.spinner(words.DRAWING if drawn else words.STARTING):
            new_run.start_run(runs, name, folder, preset, chosen, int(threads), drawn=drawn)
    except DermError as error:
        st.error(plain(str(error)), icon=":material/block:")
        return
    st.session_state.show = name
    st.rerun()


def ask(setting: Setting, usual: object, key: str) -> object:
    """The widget for one setting; its value comes back."""
    if setting.kind == "choice":
        return st.selectbox(setting.label, setting.options, setting.options.index(usual), key=key)
    if setting.kind == "switch":
        return st.toggle(setting.label, bool(usual), key=key)
    if setting.kind == "text":
        return st.text_input(setting.label, str(usual), key=key)
    return st.number_input(
        setting.label, setting.low, setting.high, usual, setting.step, setting.form, key=key
    )  # fmt: skip
