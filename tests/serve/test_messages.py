"""What a browser tells over its websocket: what pages ask of it reaches the app, and nothing else does."""

import asyncio
import json
import math

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from derm.serve.messages import (
    ASKED,
    AT_WORK,
    BURST,
    FETCHED,
    MOST_FILES,
    MOST_TEXT,
    MOST_WIDGETS,
    RATE,
    TOO_MANY,
    Messages,
    MessageVerdict,
    Pace,
    judge,
    parse,
)

WEBSOCKET = {"type": "websocket", "headers": [(b"accept-language", b"de")]}


def never(address: str) -> None:
    pytest.fail(f"{address} was made")


def told(kind: str, **fields: object) -> BackMsg:
    """A message of a kind; fields: of what it holds, where that is more than a switch."""
    message = BackMsg()
    inside = getattr(message, kind)
    if isinstance(inside, bool):
        setattr(message, kind, True)
        return message
    inside.SetInParent()
    for name, value in fields.items():
        getattr(inside, name).extend(value) if isinstance(value, list) else setattr(inside, name, value)
    return message


def verdict(message: BackMsg) -> MessageVerdict:
    return judge(parse(message.SerializeToString(), BackMsg.FromString))


def widget(**value: object) -> BackMsg:
    message = told("rerun_script")
    message.rerun_script.widget_states.widgets.add(id="one", **value)
    return message


def test_only_what_pages_ask_reaches_the_app():
    kinds = {field.name for field in BackMsg.DESCRIPTOR.fields}
    assert kinds >= ASKED
    assert {kind for kind in kinds if verdict(told(kind)) is MessageVerdict.PASS} == ASKED
    assert verdict(told("clear_cache")) is MessageVerdict.IGNORE


def test_a_visitor_fetches_files_and_rows_and_writes_nothing_into_the_app_s_folder():
    inside = BackMsg().backend_operation_request.DESCRIPTOR.fields
    passed = set()
    for field in inside:
        message = told("backend_operation_request")
        asked = message.backend_operation_request
        if field.message_type is None:
            setattr(asked, field.name, "x")
        else:
            getattr(asked, field.name).SetInParent()
        if verdict(message) is MessageVerdict.PASS:
            passed.add(field.name)
    assert passed == FETCHED


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_closes_the_connection(number):
    several = widget()
    several.rerun_script.widget_states.widgets[0].double_array_value.data.extend([1.0, number])
    assert verdict(widget(double_value=number)) is verdict(several) is MessageVerdict.CLOSE
    assert verdict(widget(double_value=1.5)) is MessageVerdict.PASS


@pytest.mark.parametrize(
    "message",
    [
        told("file_urls_request", file_names=["a.jpg"] * 1000),
        told("rerun_script", query_string="view=x"),
        widget(int_value=3),
        widget(string_value="x"),
        widget(json_value=json.dumps({"selection": {"points": [{"x": 1.5, "y": 2, "i": 3}] * 10_000}})),
        widget(json_trigger_value=json.dumps({"picture": {"data": "A" * 24_000_000}})),
    ],
    ids=["files", "address", "number", "text", "points", "pasted"],
)
def test_what_pages_send_passes(message):
    assert verdict(message) is MessageVerdict.PASS


def many_widgets() -> BackMsg:
    message = told("rerun_script")
    for number in range(MOST_WIDGETS + 1):
        message.rerun_script.widget_states.widgets.add(id=f"{number}", int_value=1)
    return message


def many_texts() -> BackMsg:
    message = widget()
    message.rerun_script.widget_states.widgets[0].string_array_value.data.extend([""] * 600_000)
    return message


def many_files() -> BackMsg:
    message = widget()
    files = message.rerun_script.widget_states.widgets[0].file_uploader_state_value
    for _ in range(600_000):
        files.uploaded_file_info.add()
    return message


@pytest.mark.parametrize(
    "message",
    [
        told("file_urls_request", file_names=[""] * (MOST_FILES + 1)),
        told("rerun_script", query_string="a" * (MOST_TEXT + 1)),
        many_widgets(),
        many_texts(),
        many_files(),
        widget(string_value="x" * (MOST_TEXT + 1)),
        widget(json_value="[" + ",".join(["[]"] * 300_000) + "]"),
        widget(json_value="[" * 1000),
        widget(json_value="[" * 30 + "]" * 30),
        widget(json_value="not JSON"),
        widget(json_value=json.dumps("x" * 11_000_000)),
        widget(bytes_value=b"x" * (MOST_TEXT + 1)),
    ],
    ids=["names", "address", "widgets", "texts", "files", "text", "values", "open", "deep", "none", "long", "bytes"],
)
def test_what_would_hold_the_server_up_closes_the_connection(message):
    assert verdict(message) is MessageVerdict.CLOSE


@pytest.mark.parametrize("content", [None, b"\xff" * 1000, b"\x5a\x03\x0a\x7f\x00"])
def test_texts_and_what_is_no_message_close_the_connection(content):
    assert judge(parse(content, BackMsg.FromString)) is MessageVerdict.CLOSE


class App:
    """Hears one websocket to its end, then says one thing more."""

    def __init__(self) -> None:
        self.heard: list[dict[str, object]] = []

    async def __call__(self, scope, receive, send) -> None:
        while scope["type"] == "websocket":
            self.heard.append(await receive())
            if self.heard[-1]["type"] == "websocket.disconnect":
                await send({"type": "websocket.send", "bytes": b"late"})
                return


def connect(messages: Messages, *told: BackMsg | None) -> list[dict[str, object]]:
    """One websocket that tells these, and what it got."""
    waiting = [{"type": "websocket.connect"}]
    waiting += [{"type": "websocket.receive", "bytes": one and one.SerializeToString()} for one in told]
    waiting += [{"type": "websocket.disconnect", "code": 1001}]
    sent: list[dict[str, object]] = []

    async def receive():
        return waiting.pop(0)

    async def send(message) -> None:
        sent.append(message)

    asyncio.run(messages(WEBSOCKET, receive, send))
    return sent


def test_what_is_not_asked_is_passed_over():
    app = App()
    sent = connect(Messages(app, BackMsg.FromString, ForwardMsg, never), told("clear_cache"), told("stop_script"))
    assert [one["type"] for one in app.heard] == ["websocket.connect", "websocket.receive", "websocket.disconnect"]
    assert BackMsg.FromString(app.heard[1]["bytes"]).stop_script
    assert sent == [{"type": "websocket.send", "bytes": b"late"}]


def test_a_connection_is_closed_once_and_the_app_told():
    app = App()
    assert connect(Messages(app, BackMsg.FromString, ForwardMsg, never), None) == [
        {"type": "websocket.close", "code": 1008}
    ]
    assert [one["type"] for one in app.heard] == ["websocket.connect", "websocket.disconnect"]


def test_connections_beyond_the_most_are_refused_until_one_ends():
    async def both() -> list[dict[str, object]]:
        ended, sent = asyncio.Event(), []

        async def app(scope, receive, send) -> None:
            await ended.wait()

        async def send(message) -> None:
            sent.append(message)

        messages = Messages(app, BackMsg.FromString, ForwardMsg, never, most=1)
        first = asyncio.create_task(messages({"type": "websocket"}, None, send))
        await asyncio.sleep(0)
        await messages({"type": "websocket"}, None, send)
        ended.set()
        await first
        await messages({"type": "websocket"}, None, send)
        return sent

    assert asyncio.run(both()) == [{"type": "websocket.close", "code": TOO_MANY}]


def test_what_comes_faster_than_its_pace_waits():
    now = [0.0]
    pace = Pace(10, 3, lambda: now[0])
    assert [pace.wait() for _ in range(5)] == pytest.approx([0, 0, 0, 0.1, 0.2])
    now[0] = 0.3  # both have had their turns, and room has come for one
    assert [pace.wait() for _ in range(2)] == pytest.approx([0, 0.1])
    now[0] = 100  # no more than the first few, however long it was silent
    assert [pace.wait() for _ in range(4)] == pytest.approx([0, 0, 0, 0.1])


def test_a_page_that_tells_too_much_waits_and_others_do_not(monkeypatch):
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("derm.serve.messages.asyncio.sleep", sleep)
    messages = Messages(App(), BackMsg.FromString, ForwardMsg, never)
    connect(messages, *[told("app_heartbeat")] * (BURST + 10))
    assert len(slept) == 10
    assert max(slept) <= 10 / RATE
    slept.clear()
    connect(messages, *[told("app_heartbeat")] * 10)
    assert slept == []


def test_a_page_s_own_beats_are_dropped_where_they_would_wait(monkeypatch):
    async def sleep(_seconds: float) -> None:
        pytest.fail("a beat waited")

    monkeypatch.setattr("derm.serve.messages.asyncio.sleep", sleep)
    app = App()
    beats = [told("rerun_script", is_auto_rerun=True, fragment_id=str(number)) for number in range(BURST + 20)]
    connect(Messages(app, BackMsg.FromString, ForwardMsg, never), *beats)
    assert len(app.heard) == BURST + 2  # with the beginning and the end


def test_runs_of_all_pages_wait_for_each_other(monkeypatch):
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("derm.serve.messages.asyncio.sleep", sleep)
    monkeypatch.setattr("derm.serve.messages.RUNS_AT_ONCE", 30)
    messages = Messages(App(), BackMsg.FromString, ForwardMsg, never)
    for _ in range(2):
        connect(messages, *[told("rerun_script")] * 20)
    assert len(slept) == 10


def test_requests_pass():
    app = App()
    asyncio.run(Messages(app, BackMsg.FromString, ForwardMsg, never, most=0)({"type": "http"}, None, None))
    assert app.heard == []


def fetch(kind: str, request: str) -> BackMsg:
    message = told("backend_operation_request", request_id=request)
    getattr(message.backend_operation_request, kind).SetInParent()
    return message


class Maker:
    """An app that answers what is fetched at its own time."""

    def __init__(self, answered: tuple[str, ...] = ()) -> None:
        self.answered, self.heard = answered, []

    async def __call__(self, scope, receive, send) -> None:
        while (message := await receive())["type"] != "websocket.disconnect":
            if message["type"] != "websocket.receive":
                continue
            request = BackMsg.FromString(message["bytes"]).backend_operation_request.request_id
            self.heard.append(request)
            if request in self.answered:
                answer = ForwardMsg()
                answer.backend_operation_response.request_id = request
                answer.backend_operation_response.deferred_file.url = f"/media/{request}"
                await send({"type": "websocket.send", "bytes": answer.SerializeToString()})


@pytest.mark.parametrize("kind", AT_WORK)
def test_few_files_are_made_at_a_time_and_who_asks_for_more_is_told(kind):
    app, most = Maker(), AT_WORK[kind]
    names = [f"request {number}" for number in range(most + 1)]
    (refused,) = connect(Messages(app, BackMsg.FromString, ForwardMsg, never), *(fetch(kind, name) for name in names))
    assert app.heard == names[:most]
    answer = ForwardMsg.FromString(refused["bytes"]).backend_operation_response
    assert answer.request_id == names[most]
    assert answer.error_msg.startswith("Mehrere Dateien werden")


@pytest.mark.parametrize("kind", AT_WORK)
def test_an_answer_makes_room_for_the_next(kind):
    names = [f"request {number}" for number in range(AT_WORK[kind] + 2)]
    app, made = Maker(answered=(names[0],)), []
    messages = Messages(app, BackMsg.FromString, ForwardMsg, made.append)
    sent = connect(messages, *(fetch(kind, name) for name in names))
    assert made == [f"/media/{names[0]}"]
    assert app.heard == names[:-1]
    assert [ForwardMsg.FromString(one["bytes"]).backend_operation_response.request_id for one in sent] == [
        names[0],
        names[-1],
    ]


def test_kinds_do_not_wait_for_each_other_and_a_name_counts_once():
    app = Maker()
    rows = [fetch("dataframe_chunk", f"rows {number}") for number in range(AT_WORK["dataframe_chunk"])]
    connect(
        Messages(app, BackMsg.FromString, ForwardMsg, never),
        *rows,
        fetch("deferred_file", "a"),
        fetch("deferred_file", "a"),
    )
    assert app.heard[-2:] == ["rows 19", "a"]


def test_a_request_without_a_name_is_answered_by_no_other_message():
    class Chatty(Maker):
        async def __call__(self, scope, receive, send) -> None:
            async def received():
                await send({"type": "websocket.send", "bytes": ForwardMsg(session_event={}).SerializeToString()})
                return await receive()

            await super().__call__(scope, received, send)

    app = Chatty()
    connect(Messages(app, BackMsg.FromString, ForwardMsg, never), *[fetch("deferred_file", "")] * 5)
    assert app.heard == [""]
