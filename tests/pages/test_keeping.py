"""What Streamlit tells of pages and uploads: that one was closed, and what has arrived."""

import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import streamlit as st
from streamlit.runtime import caching
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import DeletedFile, UploadedFileRec
from streamlit.testing.v1 import AppTest

from derm.bench.serve import encoded
from derm.data.synthetic.lesion import draw_lesion
from derm.errors import ImageRefused
from derm.predict.budget import MEMORY
from derm.predict.pixels import pixels_of
from derm.serve.uploads import Arrived
from pages.parts import keeping, opening, visit

APP = Path(__file__).parents[2] / "streamlit_app.py"

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


def test_a_connection_that_came_back_to_its_session_without_a_run_keeps_files_and_list(monkeypatch):
    active = {SESSION}
    monkeypatch.setattr(keeping, "exists", lambda: True)
    monkeypatch.setattr(keeping, "get_instance", lambda: SimpleNamespace(is_active_session=active.__contains__))
    AppTest.from_function(page).run()
    here, kept = keeping.presence(), keeping.kept_visits()
    here._wake_in = lambda seconds: None  # no timer in a test
    file = here.budget.hold_file(b"x", "token")
    kept.keep("token", ["a"])
    now = time.monotonic()
    here._clock = kept._clock = lambda: now
    caching.clear_session_resource_cache(SESSION)  # as Streamlit does when the websocket ends
    now += 1801.0
    here.tidy()
    assert (file.content, kept.find("token")) == (b"x", ["a"])
    active.clear()
    now += 1801.0
    here.tidy()
    assert (file.content, kept.find("token")) == (None, None)
    keeping.OpenPage(here, kept, "other", "account other", "of other", keeping.left()).close()
    assert set(keeping.left()) == {"other", "account other"}  # of who is over nothing stays
    assert not keeping.is_back(keeping.left(), "other")
    active.add("of other")
    assert keeping.is_back(keeping.left(), "account other")


def test_what_has_arrived_is_counted(monkeypatch):
    held = MemoryUploadedFileManager("/upload")
    monkeypatch.setattr(keeping, "get_instance", lambda: SimpleNamespace(uploaded_file_mgr=held))
    for session, file, size in (("a", "1", 10), ("a", "2", 20), ("b", "3", 40)):
        held.add_file(session, UploadedFileRec(file, "x.jpg", "image/jpeg", b"x" * size))
    assert keeping.arrived() == {"a": Arrived(2, 30), "b": Arrived(1, 40)}
    assert keeping.let_go("a")
    assert keeping.arrived() == {"a": Arrived(1, 10), "b": Arrived(1, 40)}
    assert not keeping.let_go("c")
    assert keeping.told_gone("b") == []
    assert keeping.told_gone("a") == ["x.jpg"]
    assert keeping.told_gone("a") == []
    assert keeping.let_go("a")
    held.remove_session_files("a")
    assert keeping.let_go("b")
    assert keeping.gone() == {"b": ["x.jpg"]}  # of a session that is over nothing is kept


def test_a_wrong_limit_ends_the_server_with_a_sentence(monkeypatch):
    monkeypatch.setenv(MEMORY, "5")
    with pytest.raises(SystemExit, match="derm: DERM_MEMORY_MB=5 does not fit: give megabytes, 100 or more"):
        opening.checked()


def upload(page: AppTest, name: str, seed: int) -> AppTest:
    content = encoded(draw_lesion("nv", seed, height=64, width=80).image, "PNG")
    page.get("file_uploader")[0].upload(name, content, "image/png")
    return page.run().run()


def here(page: AppTest) -> list[bool]:
    """Of each row whether its picture is in memory, the newest first."""
    return [not listed.away for listed in page.session_state.cases]


@pytest.mark.slow
def test_a_visitor_lets_go_what_another_needs_and_nobody_loses_an_answer(tiny_weights, monkeypatch):
    monkeypatch.setenv("DERM_WEIGHTS", str(tiny_weights))
    one = upload(AppTest.from_file(APP, default_timeout=60).run(), "old.png", 1)
    image, rows = one.session_state.shown.case.image.copy(), dict(one.session_state.rows)
    budget = keeping.budget()
    budget.limit = 700_000  # room for one picture of 0.5 MB
    other = upload(AppTest.from_file(APP, default_timeout=60).run(), "other.png", 2)
    assert (here(one), here(other)) == ([False], [True])
    one.run()  # its owner looks at it again
    np.testing.assert_array_equal(one.session_state.shown.case.image, image)
    assert one.session_state.rows == rows
    assert (here(one), here(other)) == ([True], [False])
    upload(one, "new.png", 3)  # now the old one's file may go, if memory is short
    budget.limit = 2 * sum(len(listed.file) for page in (one, other) for listed in page.session_state.cases) - 1
    budget.make_room()
    one.run()
    assert [(listed.name, listed.lost) for listed in one.session_state.cases] == [("new.png", False), ("old.png", True)]
    assert other.session_state.cases[0].file is not None  # it has nothing else open
    told = " ".join(warning.value for warning in one.warning)
    assert "The picture of old" in told
    assert "no longer in the server" in told
    assert {row.name: row.malignant for row in one.session_state.rows.values()}["old.png"]
    assert pixels_of(one.session_state.shown.case).owner == one.session_state.token
    again = AppTest.from_file(APP, default_timeout=60).run()  # as after a reload of that tab, with the file gone
    again.session_state.claimed_token = one.session_state.token
    again.run()
    assert not again.exception
    assert [listed.name for listed in again.session_state.cases] == ["new.png", "old.png"]


def test_a_chosen_file_that_was_let_go_is_said_to_be_gone(monkeypatch):
    state = {"gone": DeletedFile("1"), "none": None}
    monkeypatch.setattr(visit, "st", SimpleNamespace(session_state=state))
    with pytest.raises(ImageRefused, match="no longer in the server's memory, which other visitors need: choose it"):
        visit.chosen_file("gone")
    assert visit.chosen_file("none") is visit.chosen_file("never drawn") is None
