"""What can be done with a run: stop it, resume it, take its log away; a refusal stays readable."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from derm.errors import DermError
from derm.figures.text import plain
from derm.language.speech import say
from derm.monitor import export, launch, words
from derm.monitor.quota import Visitor, starter_line
from derm.monitor.runs import Run
from derm.serve.roles import Right
from pages.parts.opening import check, visitor_now
from pages.parts.pressing import counted_once


def act(run: Run) -> None:
    """Stop or resume, whichever fits, and what came of it."""
    state = run.standing.state
    with st.container(horizontal=True, vertical_alignment="center"):
        visitor, launched = visitor_now(), run.launched
        own = visitor.may_stop(launched)
        if run.standing.alive and own:
            st.button(
                words.stop_label(run), icon=":material/stop:", help=say(words.STOP_HELP), disabled=state == "stopping",
                key=f"stop-{run.name}", on_click=counted_once(attempt), args=(launch.stop, run, visitor),
            )  # fmt: skip
        if run.resumable and own:
            st.button(
                say("Resume"), icon=":material/play_arrow:", help=say(words.RESUME_HELP),
                key=f"resume-{run.name}", on_click=counted_once(attempt), args=(launch.resume, run, visitor),
            )  # fmt: skip
        if run.config:
            download(run)
        if said := starter_line(launched, visitor):
            st.caption(plain(said))
    if refusal := st.session_state.get(f"refusal-{run.name}-{state}"):
        st.error(plain(refusal), icon=":material/block:")


def attempt(action: Callable[[Path, Visitor], object], run: Run, visitor: Visitor) -> None:
    """Do what a button says; where it cannot be done, its sentence stays as long as the run stands as it does."""
    refusal = f"refusal-{run.name}-{run.standing.state}"
    try:
        check(Right.TRAIN)
        action(run.folder, visitor)
        st.session_state.pop(refusal, None)
    except DermError as error:
        st.session_state[refusal] = str(error)


def download(run: Run) -> None:
    """The log for TensorBoard, where its package is here."""
    try:
        export.need("tensorboard")
    except DermError as error:
        st.caption(plain(str(error)))
        return
    # In two steps, for a refusal is to be read on the page: a file that is made at the click has nowhere to say it.
    st.button(
        say("For TensorBoard"), icon=":material/package_2:", type="tertiary", key=f"export-{run.name}",
        help=say(words.EXPORT_HELP), on_click=attempt_export, args=(run,),
    )  # fmt: skip
    made = st.session_state.get("board")
    if made and made[0] == run.name:
        st.download_button(
            plain(words.save_label(made[1])), made[2], f"{run.name}.zip", "application/zip",
            icon=":material/download:", on_click="ignore", type="tertiary", key=f"save-{run.name}",
        )  # fmt: skip


def attempt_export(run: Run) -> None:
    """Make the event file of what the log holds now; the visit keeps the last one, or why there is none."""
    try:
        st.session_state.board = (run.name, run.standing.step, export.tensorboard_zip(run))
    except DermError as error:
        st.session_state[f"refusal-{run.name}-{run.standing.state}"] = str(error)
