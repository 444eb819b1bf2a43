"""Callbacks come to their end, one after the other, whatever is clicked meanwhile; a button that saves counts once."""

import asyncio
import gc
from threading import Event, RLock, Thread
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.runtime import Runtime, app_session
from streamlit.runtime.fragment import MemoryFragmentStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import RerunData, ScriptRunner
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.runtime.state import SafeSessionState, SessionState

from pages.parts import pressing
from pages.parts.pressing import SessionInTurn, WholeRunner, counted_once, let_callbacks_end

PATIENCE = 20
"""Seconds after which a test fails rather than hangs."""

SCRIPT = """
import threading
import streamlit as st

def click(number):
    told = threading.told
    told.order.append(f"begins {number}")
    told.begun.set()
    assert told.clicked.wait(20)
    st.session_state.noted = st.session_state.get("noted", 0) + 1
    st.write("saved")
    told.order.append(f"ends {number}")
    if told.then == "rerun":
        st.rerun()
    if told.then == "raise":
        raise ValueError("a fault of the callback")

for number in (1, 2):
    st.button(str(number), key=str(number), on_click=click, args=(number,))
threading.told.order.append("drawn")
"""


class Page:
    """A page's session without a browser; each click is a runner of its own, as Streamlit's `fastReruns` has it."""

    def __init__(self, script: str, kind: type[ScriptRunner]) -> None:
        self.state, self.kind, self.script = SessionState(), kind, script
        self.scripts, self.pages = ScriptCache(), PagesManager(script)
        self.fragments, self.files = MemoryFragmentStorage(), MemoryUploadedFileManager("/upload")
        self.loop = asyncio.new_event_loop()

    def start(self, clicked: str = "") -> ScriptRunner:
        """Run the script, after a click on the button with the key `clicked`."""
        widgets = WidgetStates()
        for one in [one for one in self.state._new_widget_state.widget_metadata if clicked and one.endswith(clicked)]:
            widgets.widgets.add(id=one, trigger_value=True)
        runner = self.kind(
            session_id="one", main_script_path=self.script, session_state=self.state, uploaded_file_mgr=self.files,
            script_cache=self.scripts, initial_rerun_data=RerunData(widget_states=widgets), user_info={},
            fragment_storage=self.fragments, pages_manager=self.pages, event_loop=self.loop,
        )  # fmt: skip
        runner.start()
        return runner


def ended(runner: ScriptRunner) -> None:
    thread = runner._script_thread
    assert thread is not None
    thread.join(PATIENCE)
    assert not thread.is_alive()


@pytest.fixture
def told(monkeypatch) -> SimpleNamespace:
    """What a page's script and its test tell each other."""
    monkeypatch.setattr(Runtime, "_instance", MagicMock(spec=Runtime))
    monkeypatch.setattr(PagesManager, "uses_pages_directory", False)  # of all managers, as the first one finds it
    told = SimpleNamespace(order=[], begun=Event(), clicked=Event(), then="")
    monkeypatch.setattr("threading.told", told, raising=False)
    return told


def two_clicks(told: SimpleNamespace, path: Any, kind: type[ScriptRunner]) -> SessionState:
    """A click, and the next one while the first's callback works; the session comes back."""
    path.write_text(SCRIPT)
    page = Page(str(path), kind)
    ended(page.start())
    first = page.start("1")
    assert told.begun.wait(PATIENCE)
    first.request_stop()
    second = page.start("2")
    Event().wait(0.2)  # in which the second would begin if it did not wait
    told.clicked.set()
    ended(first)
    ended(second)
    page.loop.close()
    return page.state


@pytest.mark.parametrize("then", ["", "rerun", "raise"])
def test_a_callback_ends_before_the_next_click_is_answered(then, told, tmp_path):
    told.then = then
    state = two_clicks(told, tmp_path / "page.py", WholeRunner)
    assert told.order[:5] == ["drawn", "begins 1", "ends 1", "begins 2", "ends 2"]
    assert told.order[5:] == ([] if then == "raise" else ["drawn"])
    assert state["noted"] == 2


def test_streamlit_still_breaks_callbacks_off(told, tmp_path):
    """Where this fails, `pressing` may go."""
    two_clicks(told, tmp_path / "page.py", ScriptRunner)
    assert "ends 1" not in told.order


def test_the_lock_of_a_session_goes_with_its_runners(told, tmp_path):
    two_clicks(told, tmp_path / "page.py", WholeRunner)
    gc.collect()
    assert "one" not in pressing.turns


@pytest.mark.parametrize("then", [RuntimeError, None])
def test_callbacks_of_one_session_wait_for_one_another(then):
    turn, working, order = RLock(), Event(), []

    def work(number: int) -> None:
        order.append(number)
        working.set()
        Event().wait(0.1)
        order.append(number)
        if then:
            raise then

    def session(number: int) -> SessionInTurn:
        state = MagicMock(spec=SessionState, on_script_will_rerun=lambda *_, **__: work(number))
        return SessionInTurn(SafeSessionState(state, lambda: None), turn)

    def press(number: int) -> None:
        try:
            session(number).on_script_will_rerun(None)
        except RuntimeError:
            order.append(-number)

    threads = [Thread(target=press, args=(number,)) for number in (1, 2)]
    threads[0].start()
    assert working.wait(PATIENCE)
    threads[1].start()
    for thread in threads:
        thread.join(PATIENCE)
    assert [one for one in order if one > 0] == [1, 1, 2, 2]
    assert [one for one in order if one < 0] == ([-1, -2] if then else [])


def test_sessions_get_such_a_runner(monkeypatch):
    monkeypatch.setattr(app_session, "ScriptRunner", app_session.ScriptRunner)
    let_callbacks_end()
    assert app_session.ScriptRunner is WholeRunner
    assert "ScriptRunner" in app_session.AppSession._create_scriptrunner.__code__.co_names


def test_a_button_counts_once_for_each_time_that_it_was_drawn():
    done: list[tuple[int, str]] = []

    def save(number: int, how: str = "") -> None:
        done.append((number, how))

    drawn = counted_once(save)
    drawn(1, how="first")
    drawn(1, how="first")
    counted_once(save)(2)
    assert done == [(1, "first"), (2, "")]
    failing = counted_once(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        failing()
    failing()
