"""What a click does, done to its end and counted once.

Needs Streamlit's runner of scripts, which answers a click by a new run and breaks off the one before: its callback,
too, wherever that asks for the session. What a callback had saved stayed, what it was to note of it was lost.
"""

from collections.abc import Callable
from threading import RLock
from typing import Any, ParamSpec
from weakref import WeakValueDictionary

from streamlit.runtime import app_session
from streamlit.runtime.scriptrunner import ScriptRunner
from streamlit.runtime.scriptrunner_utils.script_run_context import RunLocation, ThreadState
from streamlit.runtime.state import SafeSessionState

Arguments = ParamSpec("Arguments")

turns: WeakValueDictionary[str, Any] = WeakValueDictionary()
"""The lock of each session whose scripts run, by its id: a session itself cannot be a key."""


class SessionInTurn(SafeSessionState):
    """A session whose callbacks wait for one another, whichever thread's they are, and so does the tidying after a run.

    They wait before they hold anything else, and look for a newer click once it is their turn: a run that was passed
    would bring back what fields held before. So of several clicks that wait for a callback the last one counts.
    """

    def __init__(self, session: SafeSessionState, turn: Any) -> None:  # noqa: ANN401 (the class of locks has no name)
        super().__init__(session._state, session._yield_callback)
        object.__setattr__(self, "_turn", turn)  # any other attribute is a value of the session

    def on_script_will_rerun(self, *given: Any, **named: Any) -> None:  # noqa: ANN401 (as Streamlit gives it)
        """Run the callbacks of what was clicked or changed."""
        with self._turn:
            super().on_script_will_rerun(*given, **named)

    def on_script_finished(self, *given: Any, **named: Any) -> None:  # noqa: ANN401
        """Let go what belongs to fields that are no longer on the page."""
        with self._turn:
            super().on_script_finished(*given, **named)


class WholeRunner(ScriptRunner):
    """A runner of a page's script that is broken off in the script, but in no callback."""

    def __init__(self, session_id: str, *given: Any, **named: Any) -> None:  # noqa: ANN401
        super().__init__(session_id, *given, **named)
        self._session_state = SessionInTurn(self._session_state, turns.setdefault(session_id, RLock()))

    def _maybe_handle_execution_control_request(self) -> None:
        if not self._is_in_script_thread() or ThreadState.get().run_location is not RunLocation.CALLBACK:
            super()._maybe_handle_execution_control_request()


def let_callbacks_end() -> None:
    """Give the sessions that begin from now on such a runner."""
    vars(app_session)["ScriptRunner"] = WholeRunner


def counted_once(do: Callable[Arguments, object]) -> Callable[Arguments, None]:
    """`do` for a button that saves, starts or deletes: it counts once for each time that the button was drawn.

    A second click that comes before the server has drawn the page anew would do it again, or be told that it was done.
    A button that stays on the page needs another key each time, for the browser sends a late second click all the same.
    """
    done: list[bool] = []

    def press(*given: Arguments.args, **named: Arguments.kwargs) -> None:
        if not done:
            done.append(True)
            do(*given, **named)

    return press
