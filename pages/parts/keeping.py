"""What all visits share of the server's memory, and how it is noticed that a page was closed.

Needs Streamlit's session. Knows nothing of what a visit holds.
"""

from functools import partial
from typing import NamedTuple

import streamlit as st
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import exists, get_instance
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from derm.predict.budget import UPLOADS, Budget, memory_limit
from derm.predict.presence import Presence
from derm.predict.visits import KeptVisits, minutes
from derm.serve.fetching import Fetching, MadeFiles
from derm.serve.messages import Messages
from derm.serve.uploads import App, Arrived, Uploads, Waiting
from pages.parts import answering, downloading, opening, pressing


class LeftPage(NamedTuple):
    """A page that was closed, or whose connection broke off."""

    token: str
    session: str
    """Streamlit's key of it."""


class OpenPage(NamedTuple):
    """One visitor's open page."""

    presence: Presence
    visits: KeptVisits
    token: str
    kept_as: str
    """The token that its list is kept under."""

    session: str
    """Streamlit's key of it."""

    left: dict[str, LeftPage]
    """Of `left`."""

    def close(self) -> None:
        """The page was closed, or its connection broke off."""
        for key, page in tuple(self.left.items()):
            if not self.presence.awaits(page.token) and not is_open(page.session):  # it is over, and not asked about
                self.left.pop(key, None)
        self.left.update(dict.fromkeys((self.token, self.kept_as), LeftPage(self.token, self.session)))
        self.presence.leave(self.token)
        self.visits.leave(self.kept_as)


@st.cache_resource
def left() -> dict[str, LeftPage]:
    """Pages that were closed, each by both of its tokens, until what they held is over."""
    return {}


def is_back(pages: dict[str, LeftPage], token: str) -> bool:
    """Whether a page that was closed is open: a browser whose connection broke off comes back to its session, and
    Streamlit runs nothing then that could tell."""
    return (page := pages.get(token)) is not None and is_open(page.session)


@st.cache_resource
def kept_visits() -> KeptVisits:
    """What is kept of all visitors' lists over a reload; each is found by its own token alone."""
    return KeptVisits(60 * minutes(), is_back=partial(is_back, left()))


@st.cache_resource
def presence() -> Presence:
    """Who has a page open, and the memory that all of them share."""
    return Presence(Budget(memory_limit()), 60 * minutes(), is_back=partial(is_back, left()))


def budget() -> Budget:
    """The memory that all visits share."""
    return presence().budget


@st.cache_resource(scope="session", on_release=OpenPage.close, show_spinner=False)
def _visit(token: str, kept_as: str) -> OpenPage:
    context = get_script_run_ctx()
    return OpenPage(presence(), kept_visits(), token, kept_as, "" if context is None else context.session_id, left())


def is_here(token: str) -> None:
    """Tell that this page is open; Streamlit tells when it is closed."""
    visit = _visit(token, opening.own(token))
    visit.presence.come(visit.token)
    visit.visits.come(visit.kept_as)


def bounded(app: App) -> Messages:
    """The server's app, with no more uploads on their way than there is memory for, no message but what pages send,
    files that it has made, and what it answers, kept until they are fetched, and callbacks that come to their end."""
    answering.keep_answers()
    pressing.let_callbacks_end()
    files = MadeFiles()
    inner = Fetching(Uploads(app, int(UPLOADS * memory_limit()), Waiting(arrived, let_go, is_open)), files)
    return Messages(inner, BackMsg.FromString, ForwardMsg, downloading.keep_in(files, opening.below()))


def uploads() -> MemoryUploadedFileManager | None:
    """What Streamlit keeps of uploads that no page has taken in yet; None where it keeps them elsewhere."""
    held = get_instance().uploaded_file_mgr
    return held if isinstance(held, MemoryUploadedFileManager) else None


def arrived() -> dict[str, Arrived]:
    """The uploads of each session that Streamlit has and no page has taken in yet."""
    held = uploads()
    if held is None:
        return {}
    found = {session: tuple(files.values()) for session, files in tuple(held.file_storage.items())}
    return {
        session: Arrived(len(files), sum(len(file.data) for file in files)) for session, files in found.items() if files
    }


def let_go(session: str) -> bool:
    """Let a session's largest upload go that no page has taken in; whether there was one. Its page says so."""
    held = uploads()
    if held is None or not (files := tuple(held.file_storage.get(session, {}).values())):
        return False
    largest = max(files, key=lambda one: len(one.data))
    held.remove_file(session, largest.file_id)
    for over in set(gone()) - set(held.file_storage):
        gone().pop(over, None)
    gone().setdefault(session, []).append(largest.name)
    return True


def is_open(session: str) -> bool:
    """Whether there is such a session, its page open."""
    return exists() and get_instance().is_active_session(session)


@st.cache_resource
def gone() -> dict[str, list[str]]:
    """Names of uploads that were let go before a page took them in, by session."""
    return {}


def told_gone(session: str) -> list[str]:
    """The names of this session's, which are said once."""
    return gone().pop(session, [])
