"""What Streamlit tells of pages and uploads: that one was closed, and what has arrived."""

from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.runtime import caching
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec
from streamlit.testing.v1 import AppTest

from derm.predict.budget import MEMORY
from derm.serve.uploads import Arrived
from pages.parts import keeping, opening

SESSION = "test session id"
"""Of the pages that AppTest opens."""


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setenv(MEMORY, "150")
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


def page() -> None:
    from pages.parts import keeping

    keeping.is_here("token")


def test_a_closed_page_is_noticed_and_an_open_one_comes_back():
    told = []
    opened = AppTest.from_function(page).run()
    assert not opened.exception
    here = keeping.presence()
    assert here.budget.limit == 150_000_000
    here._wake_in = told.append  # no timer in a test
    opened.run()
    assert here._left == {}
    caching.clear_session_resource_cache(SESSION)  # as Streamlit does when the websocket ends
    assert list(here._left) == ["token"]
    assert told == [0.5]
    opened.run()  # the connection had only broken off
    assert here._left == {}


def test_what_has_arrived_is_counted(monkeypatch):
    held = MemoryUploadedFileManager("/upload")
    monkeypatch.setattr(keeping, "get_instance", lambda: SimpleNamespace(uploaded_file_mgr=held))
    for session, file, size in (("a", "1", 10), ("a", "2", 20), ("b", "3", 40)):
        held.add_file(session, UploadedFileRec(file, "x.jpg", "image/jpeg", b"x" * size))
    assert [keeping.arrived(session) for session in "abc"] == [Arrived(2, 70), Arrived(1, 70), Arrived(0, 70)]


def test_a_wrong_limit_ends_the_server_with_a_sentence(monkeypatch):
    monkeypatch.setenv(MEMORY, "5")
    with pytest.raises(SystemExit, match="derm: DERM_MEMORY_MB=5 does not fit: give megabytes, 100 or more"):
        opening.checked()
