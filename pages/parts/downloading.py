"""A button for a file to take away, which is made when it is asked for; few are made at a time.

Needs Streamlit's runtime, and `derm.serve.fetching`, which keeps a file longer than that.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import Literal

import streamlit as st
from streamlit.runtime import exists, get_instance
from streamlit.runtime.media_file_storage import MediaFileStorageError
from streamlit.runtime.scriptrunner import get_script_run_ctx

from derm.errors import DermError
from derm.predict.trim import give_back
from derm.serve.fetching import MadeFile, MadeFiles
from derm.serve.making import Making
from pages.parts import opening

LOG = "streamlit.runtime.backend_operation_handler"
"""Streamlit's logger for what is made for pages."""

QUICK = ("text/csv", "application/json")
"""Media types of what takes milliseconds, however large a picture is, and waits behind nobody's documents."""

Content = str | bytes
Make = Callable[[], str] | Callable[[], bytes] | Callable[[], Content]


@st.cache_resource
def making() -> Making:
    """Whose files are being made, of all visitors."""
    return Making()


def keep_in(files: MadeFiles, below: str) -> Callable[[str], None]:
    """What keeps a file that was made in `files`, by its address, which the app's own path `below` precedes. From now
    on the log has a line for those that were not."""
    logging.getLogger(LOG).addFilter(in_one_line)

    def keep(address: str) -> None:
        place = address.rpartition("/")[2]
        if (made := get_instance().media_file_mgr.read_file(place)) is not None:
            files.keep(f"{below}{address}", MadeFile(made.content, made.mimetype, made.filename or place))

    return keep


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
    page = context.session_id if context else ""
    made = make if kind in QUICK else partial(_made, making(), visitor() or page, page, make)
    st.download_button(label, made, name, kind, on_click="ignore", key=key, icon=icon, type=type)


def visitor() -> str:
    """Who asks: the account, or the browser, which has several pages; '' where neither is known."""
    asks = opening.visitor_now()
    return asks.name or asks.browser or ""


def _made(making: Making, owner: str, page: str, make: Make) -> Content:
    """The file, in a thread of its own: by now there is no page to ask."""
    with making.turn(owner, partial(_is_here, page)):
        if exists():  # or files that nobody fetched stay until somebody's page is drawn
            get_instance().media_file_mgr.remove_orphaned_files()
        try:
            return make()
        finally:
            give_back()


def in_one_line(record: logging.LogRecord) -> bool:
    """Take the traceback off what Streamlit logs of a file that nobody was to get: it is no fault."""
    fault = record.exc_info[1] if record.exc_info else None
    if isinstance(fault, MediaFileStorageError) and isinstance(fault.__cause__, DermError | None):
        record.levelno, record.levelname, record.exc_info = logging.INFO, "INFO", None
        record.msg, record.args = "A file was not made: %s", (str(fault),)
    return True


def _is_here(session: str) -> bool:
    """Whether a page is still open; Streamlit's runtime knows."""
    return not exists() or get_instance().is_active_session(session)
