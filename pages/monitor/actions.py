"""What can be done with a run: stop it, resume it, take its log away; a refusal stays readable."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from derm.errors import DermError
from derm.figures.text import plain
from derm.monitor import export, launch, words
from derm.monitor.runs import Run


def act(run: Run) -> None:
    """Stop or resume, whichever fits, and what came of it."""
    state = run.standing.state
    with st.container(horizontal=True, vertical_alignment="center"):
        if run.standing.alive:
            st.button(
                words.stop_label(run), icon=":material/stop:", help=words.STOP_HELP, disabled=state == "stopping",
                key=f"stop-{run.name}", on_click=attempt, args=(launch.stop, run),
            )  # fmt: skip
        if run.resumable:
            st.button(
                "Resume", icon=":material/play_arrow:", help=words.RESUME_HELP,
                key=f"resume-{run.name}", on_click=attempt, args=(launch.resume, run),
            )  # fmt: skip
        if run.config:
            download(run)
    if refusal := st.session_state.get(f"refusal-{run.name}-{state}"):
        st.error(plain(refusal), icon=":material/block:")


def attempt(action: Callable[[Path], object], run: Run) -> None:
    """Do what a button says; where it cannot be done, its sentence stays as long as the run stands as it does."""
    refusal = f"refusal-{run.name}-{run.standing.state}"
    try:
        action(run.folder)
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
    st.download_button(
        "For TensorBoard", lambda: export.tensorboard_zip(run), f"{run.name}.zip", "application/zip",
        icon=":material/download:", on_click="ignore", type="tertiary", key=f"export-{run.name}",
    )  # fmt: skip
