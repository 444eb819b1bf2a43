"""A button for a file to take away, which is made when it is asked for; few are made at a time.

Needs Streamlit's runtime, which keeps a file that was made until it tidies up.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal

import streamlit as st
from streamlit.runtime import exists, get_instance
from streamlit.runtime.scriptrunner import get_script_run_ctx

from derm.serve.making import Making
from pages.parts import keeping

Content = str | bytes
Make = Callable[[], str] | Callable[[], bytes] | Callable[[], Content]


def download_button(
    label: str,
    make: Make,
    name: str,
    kind: str,
    *,
    key: str,
    icon: str | None = ":material/download:",
    type: Literal["secondary", "tertiary"] = "tertiary",
) -> None:
    """A button that saves what `make` returns as a file `name` of the media type `kind`."""
    context = get_script_run_ctx()
    made = partial(_made, keeping.making(), context.session_id if context else "", make)
    st.download_button(label, made, name, kind, on_click="ignore", key=key, icon=icon, type=type)


def _made(making: Making, owner: str, make: Make) -> Content:
    """The file, in a thread of its own: by now there is no page to ask."""
    with making.turn(owner):
        if exists():  # or files that nobody fetched stay until somebody's page is drawn
            get_instance().media_file_mgr.remove_orphaned_files()
        return make()
