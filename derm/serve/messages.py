"""What browsers tell over their websockets: what pages ask of them, and not more at a time. An ASGI application around
another.

Needs readers of both sides' messages. Knows of Streamlit the names in them; those that are not named here never reach
it, such as the one that empties the caches of all visitors.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sized
from enum import Enum
from math import isfinite
from typing import Any

from derm.files import parse_json
from derm.json_checks import is_shallow
from derm.language.speech import say, speaking
from derm.serve import words
from derm.serve.browser_language import language_of

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
Read = Callable[[bytes], Any]

ASKED = frozenset(("rerun_script", "stop_script", "file_urls_request", "app_heartbeat", "backend_operation_request"))
"""Kinds of messages that pages need. Others empty what all visitors share, or are for who writes an app."""

FETCHED = frozenset(("request_id", "session_id", "deferred_file", "dataframe_chunk"))
"""What may stand in a `backend_operation_request`: a file to save, more rows of a table. The rest writes into the app's
own folder."""

AT_WORK = {"deferred_file": 3, "dataframe_chunk": 20}
"""Of these so many may be asked for by a page and not answered yet; a table asks for four pieces at a time. All
visitors share the threads that make them."""

MOST_OPEN = 300
"""Websockets at once, one for each open page."""

MOST_FILES = 10_000
"""Names of files for which places to send them to are asked at once: a million held the server up for 19 s."""

MOST_WIDGETS = 2000
"""Widgets in a message; a page has some 50, and 1,000 files have one."""

MOST_PARTS = 500_000
"""Values in a message, JSON's and those of lists: 10,000 points that were chosen in a chart have some 100,000."""

MOST_TEXT = 100_000
"""Bytes of a text that was typed, and of an address."""

MOST_JSON = 10_000_000
"""Bytes of what a chart or a component holds."""

MOST_ONCE = 25_000_000
"""Bytes of what a component tells once, such as a pasted picture; Streamlit takes no larger message."""

RATE, BURST = 10.0, 60
"""Messages a second from one page, and how many at once before that counts: one that reads files sends five. What comes
faster waits, and so does whoever sends it."""

RUNS, RUNS_AT_ONCE = 100.0, 200
"""The same of all pages' runs together, each in its turn: twenty pages may read files at once. Each has a thread, and
300 a second kept the server from everybody for half a minute after they had come. A page's own beats have no turn:
where they would wait they are dropped, lest clicks wait behind them."""

TOO_MUCH, TOO_MANY = 1008, 1013
"""Why a websocket is closed: by the rules, or until later (RFC 6455 and its register)."""


class MessageVerdict(Enum):
    """What becomes of a message."""

    PASS = "pass"
    IGNORE = "ignore"
    CLOSE = "close"


class Pace:
    """Tells how long to wait, so that no more than `rate` pass a second after the first `burst`; clock: seconds."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._room, self._since = burst, clock()

    @property
    def is_free(self) -> bool:
        """Whether the next one would not have to wait."""
        return self._room + (self._clock() - self._since) * self._rate >= 1

    def wait(self) -> float:
        """Seconds that the next one has to wait; it has its turn from now on, and who asks later comes later."""
        now = self._clock()
        self._room = min(self._burst, self._room + (now - self._since) * self._rate) - 1
        self._since = now
        return max(0.0, -self._room / self._rate)


class Messages:
    """Passes on to `app` what `judge` lets pass, at most `most` websockets at once, and of each at most `AT_WORK`, at
    the `RATE` of a page and the `RUNS` of all.

    read: makes a browser's message of its bytes; it may raise what it likes. answer: the class of the server's. made:
    called with the address of each file that was made, before the browser knows it.
    """

    def __init__(
        self,
        app: App,
        read: Read,
        answer: Any,  # noqa: ANN401
        made: Callable[[str], None],
        most: int = MOST_OPEN,
    ) -> None:
        self.app, self.read, self.answer, self.made, self.most = app, read, answer, made, most
        self._open = 0
        self._runs = Pace(RUNS, RUNS_AT_ONCE)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request, one connection of a websocket, or the server's start and end."""
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
        elif self._open >= self.most:
            await send({"type": "websocket.close", "code": TOO_MANY})  # before it is accepted: the server answers 403
        else:
            self._open += 1
            try:
                await self.app(scope, *self._guarded(scope, receive, send))
            finally:
                self._open -= 1

    def _guarded(self, scope: Message, receive: Receive, send: Send) -> tuple[Receive, Send]:
        closed = False
        at_work: dict[str, str] = {}
        pace = Pace(RATE, BURST)

        async def received() -> Message:
            nonlocal closed
            while (message := await receive())["type"] == "websocket.receive":
                told = parse(message.get("bytes"), self.read)
                verdict = judge(told)
                if verdict is MessageVerdict.CLOSE:
                    closed = True
                    await send({"type": "websocket.close", "code": TOO_MUCH})
                    return {"type": "websocket.disconnect", "code": TOO_MUCH}
                if told.rerun_script.is_auto_rerun and not (pace.is_free and self._runs.is_free):
                    continue
                if late := pace.wait():
                    await asyncio.sleep(late)
                if told.HasField("rerun_script") and (late := self._runs.wait()):  # a page has one in line
                    await asyncio.sleep(late)
                if verdict is MessageVerdict.PASS:
                    if _begins(at_work, told.backend_operation_request):
                        return message
                    refusal = self._refusal(scope, told.backend_operation_request.request_id)
                    await send({"type": "websocket.send", "bytes": refusal})
            return message

        async def sent(message: Message) -> None:
            if at_work and (content := message.get("bytes")):
                told = self.answer.FromString(content)
                answer = told.backend_operation_response
                is_answer = told.HasField("backend_operation_response")
                if is_answer and at_work.pop(answer.request_id, None) and answer.deferred_file.url:
                    self.made(answer.deferred_file.url)
            if not closed:
                await send(message)

        return received, sent

    def _refusal(self, scope: Message, request: str) -> bytes:
        """The answer to what is asked for beyond `AT_WORK`; a button shows its sentence."""
        message = self.answer()
        message.backend_operation_response.request_id = request
        with speaking(language_of(scope["headers"])):
            message.backend_operation_response.error_msg = say(words.TOO_MANY_FILES)
        content: bytes = message.SerializeToString()
        return content


def _begins(at_work: dict[str, str], asked: Any) -> bool:  # noqa: ANN401 - of Streamlit's protocol
    """Whether what is asked for may begin, which `at_work` then holds: kinds by the names of requests."""
    kind = next((kind for kind in AT_WORK if asked.HasField(kind)), None)
    if kind is None:
        return True
    if asked.request_id in at_work or list(at_work.values()).count(kind) >= AT_WORK[kind]:
        return False
    at_work[asked.request_id] = kind
    return True


def parse(content: bytes | None, read: Read) -> Any:  # noqa: ANN401 - of Streamlit's protocol
    """The message of these bytes; None where they are none, too many, or a text, which no page sends."""
    if content is None or len(content) > MOST_ONCE:
        return None
    try:
        return read(content)
    except Exception:  # whatever a reader raises
        return None


def judge(message: Any) -> MessageVerdict:  # noqa: ANN401
    """What becomes of what `parse` gave."""
    if message is None:
        return MessageVerdict.CLOSE
    kind = message.WhichOneof("type")
    told: Any = getattr(message, kind or "", None)
    if kind not in ASKED:
        return MessageVerdict.IGNORE
    if kind == "backend_operation_request":
        return (
            MessageVerdict.PASS if {field.name for field, _ in told.ListFields()} <= FETCHED else MessageVerdict.IGNORE
        )
    if kind == "file_urls_request":
        return MessageVerdict.PASS if len(told.file_names) <= MOST_FILES else MessageVerdict.CLOSE
    return MessageVerdict.PASS if kind != "rerun_script" or _fits(told) else MessageVerdict.CLOSE


def _fits(state: Any) -> bool:  # noqa: ANN401 - of Streamlit's protocol
    """Whether what a page tells of itself is of a size that pages have."""
    widgets = state.widget_states.widgets
    about = state.ByteSize() - state.widget_states.ByteSize()
    if len(widgets) > MOST_WIDGETS or len(state.query_string) > MOST_TEXT or about > MOST_JSON:
        return False
    return _parts(widgets) <= MOST_PARTS and all(map(_value_fits, widgets))


def _parts(widgets: Iterable[Any]) -> int:
    """Values in all widgets: JSON's by its marks, which are as many as values at least, but for the innermost."""
    total = 0
    for widget in widgets:
        for field, value in widget.ListFields():
            if field.name.startswith("json"):
                total += sum(map(value.count, ",[{"))
            elif hasattr(value, "ListFields"):
                total += sum(len(inner) for _, inner in value.ListFields() if isinstance(inner, Sized))
    return total


def _value_fits(widget: Any) -> bool:  # noqa: ANN401
    """Whether one widget's value is of a size that it may have, and JSON where it says so."""
    for field, value in widget.ListFields():
        if field.name.startswith("json"):
            if len(value) > (MOST_ONCE if field.name == "json_trigger_value" else MOST_JSON) or not _is_json(value):
                return False
        elif isinstance(value, str | bytes) and len(value) > MOST_TEXT:
            return False
        elif field.name.startswith("double") and not all(map(isfinite, getattr(value, "data", (value,)))):
            return False  # no browser has such a number
    return bool(widget.WhichOneof("value") == "json_trigger_value" or widget.ByteSize() <= MOST_JSON)


def _is_json(text: str) -> bool:
    try:
        return is_shallow(parse_json(text.encode()))
    except ValueError:
        return False
