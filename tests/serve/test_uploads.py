"""Uploads on their way: no more than there is memory for, whatever they say of themselves."""

import asyncio

import pytest

from derm.serve.uploads import LARGEST, MOST, Arrived, Uploads
from derm.serve.words import NO_ROOM

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


def ask(uploads: Uploads, path: str = PATH, method: str = "PUT", length: bytes | None = b"10") -> list:
    sent = []

    async def send(message) -> None:
        sent.append(message)

    headers = [] if length is None else [(b"Content-Length", length)]
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    asyncio.run(uploads(scope, None, send))
    return sent


def test_uploads_beyond_the_limit_are_refused_and_all_else_passes():
    app, asked = App(), []

    def arrived(session: str) -> Arrived:
        asked.append(session)
        return Arrived(1, 95)

    uploads = Uploads(app, 100, arrived)
    start, body = ask(uploads)
    assert (start["status"], body["body"].decode(), app.reached) == (503, NO_ROOM, 0)
    assert dict(start["headers"])[b"retry-after"] == b"10"
    assert ask(uploads, length=b"5") == []
    assert ask(uploads, method="DELETE") == ask(uploads, path="/", length=b"1000") == []
    assert (app.reached, asked) == (3, ["session", "session"])
    asyncio.run(uploads({"type": "lifespan"}, None, None))
    assert app.reached == 4


@pytest.mark.parametrize("length", [None, b"-1", b"much", b"9" * 5000, b"9" * 30, str(LARGEST).encode()])
def test_what_is_not_told_counts_as_the_largest(length):
    app = App()
    assert ask(Uploads(app, LARGEST, lambda _: Arrived(0, 0)), length=length) == []
    assert ask(Uploads(app, LARGEST - 1, lambda _: Arrived(0, 0)), length=length)[0]["status"] == 503
    assert app.reached == 1


def test_files_of_one_session_are_limited_in_number():
    app = App()
    assert ask(Uploads(app, 100, lambda _: Arrived(MOST, 0)))[0]["status"] == 503
    assert ask(Uploads(app, 100, lambda _: Arrived(MOST - 1, 0))) == []


def test_what_is_on_its_way_counts_until_it_has_arrived_or_failed():
    app = App()
    uploads = Uploads(app, 15, lambda _: Arrived(0, 0))
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

    uploads = Uploads(app, 100, lambda _: Arrived(0, 0), stalled=0.01)
    scope = {"type": "http", "method": "PUT", "path": PATH, "headers": [(b"content-length", b"90")]}
    asyncio.run(uploads(scope, receive, None))
    assert [message["type"] for message in seen] == ["http.request", "http.disconnect"]
    assert uploads._coming == 0


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

    uploads = Uploads(app, 100, lambda _: Arrived(0, 0), stalled=0.03)
    scope = {"type": "http", "method": "PUT", "path": PATH, "headers": [(b"content-length", b"90")]}
    asyncio.run(uploads(scope, receive, None))
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
    asyncio.run(Uploads(app, LARGEST - 1, lambda _: Arrived(0, 0))(scope, None, send))
    assert (sent[0]["status"], app.reached) == (503, 0)
