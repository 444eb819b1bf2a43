"""Uploads on their way: no more than there is memory for, whatever they say of themselves."""

import asyncio
import errno
from contextlib import nullcontext

import pytest

from derm.serve.uploads import LARGEST, MOST, Arrived, Uploads, Waiting
from derm.serve.words import DISK_FULL, NO_ROOM, STALLED

PATH = "/_stcore/upload_file/session/file"


class App:
    """Counts what reaches it, and how much is on its way then."""

    def __init__(self) -> None:
        self.reached = 0
        self.inside = None

    async def __call__(self, scope, receive, send) -> None:
        self.reached += 1
        if self.inside is not None:
            await self.inside()


def keeping(sent: list):
    """An ASGI `send` that keeps what is sent."""

    async def send(message) -> None:
        sent.append(message)

    return send


def ask(uploads: Uploads, path: str = PATH, method: str = "PUT", length: bytes | None = b"10") -> list:
    sent = []

    async def send(message) -> None:
        sent.append(message)

    headers = [] if length is None else [(b"Content-Length", length)]
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    asyncio.run(uploads(scope, None, send))
    return sent


def bounded(app, limit: int, stalled: float = 30.0, **arrived: Arrived) -> Uploads:
    """`Uploads` where sessions have so much that cannot be let go."""
    return Uploads(app, limit, Waiting(lambda: arrived, lambda _: False, lambda _: True), stalled)


def test_uploads_beyond_the_limit_are_refused_and_all_else_passes():
    app, asked = App(), []

    def arrived() -> dict[str, Arrived]:
        asked.append(True)
        return {"session": Arrived(1, 95)}

    uploads = Uploads(app, 100, Waiting(arrived, lambda _: False, lambda _: True))
    start, body = ask(uploads)
    assert (start["status"], body["body"].decode(), app.reached) == (503, NO_ROOM, 0)
    assert dict(start["headers"])[b"retry-after"] == b"10"
    assert ask(uploads, length=b"5") == []
    assert ask(uploads, method="DELETE") == ask(uploads, path="/", length=b"1000") == []
    assert (app.reached, asked) == (3, [True, True])
    asyncio.run(uploads({"type": "lifespan"}, None, None))
    assert app.reached == 4


@pytest.mark.parametrize("length", [None, b"-1", b"much", b"9" * 5000, b"9" * 30, str(LARGEST).encode()])
def test_what_is_not_told_counts_as_the_largest(length):
    app = App()
    assert ask(bounded(app, LARGEST), length=length) == []
    assert ask(bounded(app, LARGEST - 1), length=length)[0]["status"] == 503
    assert app.reached == 1


def test_files_of_one_session_are_limited_in_number():
    app = App()
    assert ask(bounded(app, 100, session=Arrived(MOST, 0)))[0]["status"] == 503
    assert ask(bounded(app, 100, session=Arrived(MOST - 1, 0))) == []


def test_what_is_on_its_way_counts_until_it_has_arrived_or_failed():
    app = App()
    uploads = bounded(app, 15)
    statuses = []

    async def second() -> None:
        app.inside = None

        async def send(message) -> None:
            statuses.append(message.get("status"))

        scope = {"type": "http", "method": "PUT", "path": PATH, "headers": [(b"content-length", b"10")]}
        await uploads(scope, None, send)
        raise OSError("the connection broke off")

    app.inside = second
    with pytest.raises(OSError, match="broke off"):
        ask(uploads)
    assert statuses[0] == 503
    assert ask(uploads) == []


@pytest.mark.parametrize(
    ("fault", "status"), [(OSError(errno.ENOSPC, "No space left on device"), 507), (OSError("something else"), 500)]
)
def test_an_upload_that_the_disk_has_no_room_for_is_no_fault(caplog, fault, status):
    sent = []

    async def app(scope, receive, send) -> None:  # as Starlette does it: an answer first, then what has happened
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b"Internal Server Error"})
        raise fault

    scope = {"type": "http", "method": "PUT", "path": PATH, "headers": [(b"content-length", b"10")]}
    with nullcontext() if status == 507 else pytest.raises(OSError, match="something else"):
        asyncio.run(bounded(app, 15)(scope, None, keeping(sent)))
    assert [message.get("status") for message in sent] == [status, None]
    assert (sent[1]["body"].decode() == DISK_FULL) == (status == 507)
    assert ("No room for an upload" in caplog.text) == (status == 507)


def test_an_upload_that_is_broken_off_has_one_answer():
    sent = []

    async def app(scope, receive, send) -> None:  # which calls what has broken off a failure of its own
        assert (await receive())["type"] == "http.disconnect"
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b"Internal Server Error"})

    async def receive():
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "PUT", "path": PATH, "headers": [(b"content-length", b"10")]}
    asyncio.run(bounded(app, 15)(scope, receive, keeping(sent)))
    assert [message.get("status") for message in sent] == [408, None]


def test_an_upload_that_stalls_is_given_up():
    seen = []

    async def app(scope, receive, send) -> None:
        seen.append(await receive())
        seen.append(await receive())

    messages = iter([{"type": "http.request", "body": b"x", "more_body": True}])

    async def receive():
        if (message := next(messages, None)) is None:
            await asyncio.Event().wait()
        return message

    uploads, sent = bounded(app, 100, stalled=0.01), []
    scope = {"type": "http", "method": "PUT", "path": PATH, "headers": [(b"content-length", b"90")]}
    asyncio.run(uploads(scope, receive, keeping(sent)))
    assert [message["type"] for message in seen] == ["http.request", "http.disconnect"]
    assert (sent[0]["status"], sent[1]["body"].decode()) == (408, STALLED)
    assert uploads._coming == []


def test_an_upload_that_hardly_comes_is_given_up(monkeypatch):
    monkeypatch.setattr("derm.serve.uploads.SLOWEST", 1_000_000)
    come = 0

    async def app(scope, receive, send) -> None:
        nonlocal come
        while (message := await receive())["type"] == "http.request":
            come += len(message["body"])

    async def receive():
        await asyncio.sleep(0.005)
        return {"type": "http.request", "body": b"x", "more_body": True}

    uploads = bounded(app, 100, stalled=0.03)
    scope = {"type": "http", "method": "PUT", "path": PATH, "headers": [(b"content-length", b"90")]}
    asyncio.run(uploads(scope, receive, keeping([])))
    assert come > 0


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-length", b"0"), (b"Transfer-Encoding", b"chunked")],
        [(b"transfer-encoding", b"chunked")],
        [(b"content-length", b"1"), (b"content-length", b"9999999")],
    ],
)
def test_a_length_that_does_not_end_the_request_is_not_believed(headers):
    sent, app = [], App()

    async def send(message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "PUT", "path": PATH, "headers": headers}
    asyncio.run(bounded(app, LARGEST - 1)(scope, None, send))
    assert (sent[0]["status"], app.reached) == (503, 0)


def put(session: str, size: int) -> dict:
    path = PATH.replace("session", session)
    return {"type": "http", "method": "PUT", "path": path, "headers": [(b"content-length", b"%d" % size)]}


def test_who_holds_most_makes_room_and_nobody_keeps_others_out():
    held = {"much": [40, 40], "some": [10]}

    def arrived() -> dict[str, Arrived]:
        return {session: Arrived(len(files), sum(files)) for session, files in held.items()}

    def let_go(session: str) -> bool:
        return bool(held[session]) and held[session].pop(0) > 0

    app, closed = App(), set()
    uploads = Uploads(app, 100, Waiting(arrived, let_go, lambda session: session not in closed))

    def status(session: str, size: int) -> int | None:
        sent: list = []
        asyncio.run(uploads(put(session, size), None, keeping(sent)))
        return sent[0]["status"] if sent else None

    assert status("much", 20) == 503  # its own, which it may hold no more of
    assert status("third", 90) == 503  # would hold more than anybody
    assert held == {"much": [40, 40], "some": [10]}
    assert status("some", 20) is None
    assert held == {"much": [40], "some": [10]}
    held["much"].clear()
    assert status("third", 90) is None
    held["some"][:] = [50]
    held["much"][:] = [20]
    assert status("third", 70) == 503
    closed.add("much")  # a page that was closed makes room for anybody
    assert status("third", 50) is None
    assert held == {"much": [], "some": [50]}
    assert app.reached == 3
    closed.add("third")  # nobody makes room for who is not there: the app refuses it
    assert status("third", 90) is None
    assert (held["some"], app.reached) == ([50], 4)


def test_an_upload_on_its_way_is_given_up_for_somebody_who_holds_less():
    class BrokenOff(Exception):
        """What the app raises where nothing more comes."""

    async def app(scope, receive, send) -> None:
        while (message := await receive()).get("more_body"):
            pass
        if message["type"] == "http.disconnect":
            raise BrokenOff
        await send({"type": "http.response.start", "status": 204, "headers": []})

    async def slow():
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def whole():
        return {"type": "http.request", "body": b"x", "more_body": False}

    uploads, first, second = bounded(app, 100), [], []

    async def both() -> None:
        long = asyncio.ensure_future(uploads(put("much", 95), slow, keeping(first)))
        await asyncio.sleep(0.01)
        await uploads(put("other", 10), whole, keeping(second))
        await asyncio.wait_for(long, 10)

    asyncio.run(both())
    assert (first[0]["status"], first[1]["body"].decode()) == (503, NO_ROOM)
    assert second[0]["status"] == 204
    assert uploads._coming == []


def test_an_upload_that_its_sender_breaks_off_is_no_fault():
    async def app(scope, receive, send) -> None:
        if (await receive())["type"] == "http.disconnect":
            await send({"type": "http.response.start", "status": 500, "headers": []})
            raise RuntimeError("nothing more comes")

    async def gone():
        return {"type": "http.disconnect"}

    async def here():
        return {"type": "http.request", "body": b""}

    async def faulty(scope, receive, send) -> None:
        await receive()
        raise RuntimeError("a fault")

    sent: list = []
    asyncio.run(bounded(app, 100)(put("one", 10), gone, keeping(sent)))
    assert sent[0]["status"] == 408
    with pytest.raises(RuntimeError, match="a fault"):
        asyncio.run(bounded(faulty, 100)(put("one", 10), here, keeping([])))
