"""The runs as they are now, read once for all sessions, then only what is new."""

from pathlib import Path

import streamlit as st

from derm.files import real_path
from derm.language.speech import mark
from derm.monitor.runs import Run, Runs
from derm.paths import runs_folder
from pages.parts.spinning import spinning

EVERY = 2.0
"""Seconds between two looks at the logs."""


def look() -> list[Run]:
    """The runs as they are now."""
    return shared_runs(str(real_path(runs_folder()))).look()


@spinning(mark("Reading the logs …"))
@st.cache_resource(show_spinner=False, max_entries=4)
def shared_runs(folder: str) -> Runs:
    """The runs in `folder`, read once for all sessions, then only what is new."""
    return Runs(Path(folder))
