"""The part Watch: the list of runs and the chosen one, looked at anew every few seconds."""

import streamlit as st

from derm.figures.text import plain
from derm.language.speech import say
from derm.monitor import words
from derm.monitor.runs import Run
from pages.monitor.actions import act
from pages.monitor.runs import EVERY, look
from pages.monitor.views import VIEWS


@st.fragment(run_every=EVERY)
def watch() -> None:
    """The list of runs and the chosen one, looked at anew every few seconds."""
    runs = look()
    if not runs:
        st.info(say(words.NO_RUN))
        return
    by_name = {run.name: run for run in runs}
    if (before := st.session_state.get("run")) not in by_name:
        st.session_state.run = runs[0].name
        if before is not None:
            st.info(plain(words.gone(before, runs[0].name)), icon=":material/folder_off:")
    with st.container(key="watch"):
        left, right = st.columns([1, 3], gap="large")
        with left, st.container(key="runs"):
            name = st.radio(
                say("Runs"), list(by_name), format_func=plain, captions=[words.in_list(run) for run in runs],
                key="run", width="stretch", persist_state="session",
            )  # fmt: skip
        with right:
            show_run(by_name[name])


def show_run(run: Run) -> None:
    """One run: where it stands and what can be done, then the view that was chosen."""
    st.header(plain(words.headline(run)), anchor=False)
    if best := run.best():
        st.markdown(plain(words.best_line(best)))
    st.caption(plain(words.about_line(run)))
    act(run)
    if run.standing.state == "died":
        st.error(plain(words.what_to_do(run)), icon=":material/error:")
        st.code(words.obituary(run), language=None, wrap_lines=True)
    if damaged := words.damaged_line(run):
        st.warning(damaged, icon=":material/warning:")
    if not run.config:
        return
    view = st.segmented_control(
        say("View"), list(VIEWS), format_func=say, default=next(iter(VIEWS)), required=True,
        key="monitor_view", label_visibility="collapsed",
        persist_state="session",
    )  # fmt: skip
    VIEWS[view](run)
