"""Open connections: who says nothing, dribbles or lets others wait is cut off; who asks and fetches is not."""

import asyncio
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
import uvicorn

from derm.serve import connections
from derm.serve.connections import Connection, Connections, Limits, one_line
from derm.serve.frames import FrameCount

ASKED = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = 16 << 20
"""Bytes of an answer that no socket's buffers hold."""

CLIENTS: list[asyncio.StreamWriter] = []
"""Of the test that runs."""


async def app(scope, receive, send) -> None:
    """Answers with a small text, or with a large one under /large; takes in what comes over a websocket."""
    if scope["type"] == "lifespan":
        for stage in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{stage}.complete"})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": str(len(message["bytes"]))})
    else:
        body = b"x" * LARGE if scope["path"] == "/large" else b"ok"
        about = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": about})
        await send({"type": "http.response.body", "body": body})


def serve(limits: Limits, visit: Callable[[int, Connections], Awaitable[None]]) -> Connections:
    """Let `visit` come to the port of a real server whose connections are kept within `limits`."""
    kept = Connections(app, limits)

    async def run() -> None:
        with socket.socket() as place:
            place.bind(("127.0.0.1", 0))
            place.listen()
            server = uvicorn.Server(uvicorn.Config(kept, log_config=None, log_level="warning", ws="websockets-sansio"))
            task = asyncio.create_task(server._serve([place]))
            while not server.started:
                await asyncio.sleep(0.01)
            try:
                await asyncio.wait_for(visit(place.getsockname()[1], kept), 20)
            finally:
                for client in CLIENTS:
                    client.close()
                    with suppress(OSError):
                        await client.wait_closed()
                CLIENTS.clear()
                server.should_exit = server.force_exit = True
                await task

    asyncio.run(run())
    return kept


@pytest.fixture(autouse=True)
def looked_at_often(monkeypatch):
    monkeypatch.setattr(connections, "EVERY", 0.02)


async def rest(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the other side closes."""
    with suppress(ConnectionError):
        return await reader.read()
    return b""


async def connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection, to be closed at the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    CLIENTS.append(writer)
    return reader, writer


async def opened(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A websocket after its handshake."""
    reader, writer = await connected(port)
    writer.write(
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    return reader, writer


def frame(length: int, body: bytes) -> bytes:
    """A message's frame that says so many bytes, with those that are sent so far."""
    return struct.pack("!BBQ", 0x82, 0xFF, length) + bytes(4) + body


@pytest.mark.parametrize(
    "said",
    [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab"],
    ids=["nothing", "half a line", "half a head", "half a body"],
)
@pytest.mark.parametrize("dribbled", [False, True])
def test_who_sends_no_whole_request_is_cut_off(said, dribbled):
    async def visit(port: int, kept: Connections) -> None:
        reader, writer = await connected(port)
        writer.write(said)
        ended = asyncio.create_task(rest(reader))
        while not ended.done():
            if dribbled:
                writer.write(b"a")
            await asyncio.sleep(0.02)
        assert not kept.open

    serve(Limits(head=0.1), visit)


def test_who_asks_is_answered_however_many_are_silent_and_stays_as_a_websocket():
    async def visit(port: int, kept: Connections) -> None:
        page, sender = await opened(port)
        silent = [await connected(port) for _ in range(8)]
        reader, writer = await connected(port)
        for _ in range(3):
            writer.write(ASKED)
            assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200")
        assert len(kept.open) <= 4
        assert [await rest(one) for one, _ in silent[:5]] == [b""] * 5  # the oldest
        sender.write(frame(3, b"abc"))
        assert (await page.readexactly(3))[2:] == b"3"

    serve(Limits(most=4), visit)


def test_a_new_connection_is_refused_where_all_are_answered():
    async def visit(port: int, kept: Connections) -> None:
        pages = [await opened(port) for _ in range(2)]
        reader, _ = await connected(port)
        assert await rest(reader) == b""
        for page, sender in pages:
            sender.write(frame(1, b"a"))
            assert (await page.readexactly(3))[2:] == b"1"

    serve(Limits(most=2), visit)


def test_who_does_not_fetch_an_answer_is_cut_off(monkeypatch):
    came, admit = [], Connections.admit
    monkeypatch.setattr(Connections, "admit", lambda self, one: came.append(one) or admit(self, one))

    async def visit(port: int, kept: Connections) -> None:
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.connect(("127.0.0.1", port))
            slow.sendall(ASKED.replace(b"/ ", b"/large "))
            while kept.open or not came:
                await asyncio.sleep(0.01)

    serve(Limits(stalled=0.1, head=0.1), visit)


def test_answers_that_wait_to_be_fetched_take_no_more_than_there_is_room_for(monkeypatch):
    monkeypatch.setattr(connections, "EVERY", 1000.0)

    async def visit(port: int, kept: Connections) -> None:
        for _ in range(4):
            _, writer = await connected(port)
            writer.transport.pause_reading()
            writer.write(ASKED.replace(b"/ ", b"/large "))
        while sum(one.unsent > LARGE // 2 for one in kept.open) < 4:
            await asyncio.sleep(0.01)
        kept.look()
        assert len(kept.open) == 1
        assert 0 < sum(one.unsent for one in kept.open) <= LARGE

    serve(Limits(waiting=LARGE), visit)


def test_messages_on_their_way_take_no_more_than_there_is_room_for(monkeypatch):
    monkeypatch.setattr(connections, "LEFT", 100_000)

    async def visit(port: int, kept: Connections) -> None:
        first, second, third = [await opened(port) for _ in range(3)]
        part = os.urandom(300_000)
        for _, sender in (first, second):
            sender.write(frame(400_000, part))
            await sender.drain()
        while sum(one.coming for one in kept.open) < 2 * (300_000 - connections.SMALL):
            await asyncio.sleep(0.01)
        third[1].write(frame(300_000, part))  # whole, while another waits
        assert (await third[0].readexactly(8))[2:] == b"300000"
        assert await rest(first[0]) == b""
        second[1].write(bytes(100_000))
        assert (await second[0].readexactly(8))[2:] == b"400000"

    serve(Limits(coming=600_000), visit)


def test_a_message_that_is_never_whole_is_cut_off_and_pongs_are_not():
    async def visit(port: int, kept: Connections) -> None:
        reader, writer = await opened(port)
        page, sender = await opened(port)
        writer.write(frame(400_000, bytes(200_000)))
        for _ in range(20):
            sender.write(b"\x8a\x84" + bytes(8))
        assert await rest(reader) == b""
        sender.write(frame(1, b"a"))
        assert (await page.readexactly(3))[2:] == b"1"

    serve(Limits(message=0.1), visit)


@pytest.mark.parametrize("body", [b"x", b""], ids=["of a byte", "empty"])
def test_a_message_in_very_many_frames_is_cut_off(body):
    """Each frame of a fragmented message costs the server a look."""

    async def visit(port, kept):
        reader, writer = await opened(port)
        piece = struct.pack("!BB", 0, 0x80 | len(body)) + bytes(4) + body
        writer.write(struct.pack("!BB", 2, 0x81) + bytes(4) + b"x" + piece * 60)
        await asyncio.sleep(0.1)
        assert len(kept.open) == 1
        writer.write(piece * 60)
        assert await rest(reader) == b""

    serve(Limits(frames=100), visit)


def test_a_message_in_a_few_frames_and_many_messages_arrive():
    async def visit(port, kept):
        reader, writer = await opened(port)
        part = struct.pack("!BBH", 0, 0xFE, 300) + bytes(4) + b"x" * 300
        for number in range(4):
            for byte in struct.pack("!BB", 2, 0x81) + bytes(4) + b"x" + part * 30:
                writer.write(bytes([byte]))
            writer.write(struct.pack("!BB", 0x80, 0x80) + bytes(4))
            assert await asyncio.wait_for(reader.readexactly(6), 10) == b"\x81\x04" + b"9001", number
        assert len(kept.open) == 1

    serve(Limits(frames=100), visit)


def test_frames_are_counted_however_they_are_cut():
    lengths = (0, 1, 125, 126, 300, 70_000)
    sent = b""
    for one in lengths:
        head = (
            struct.pack("!BB", 0x82, 0x80 | one)
            if one < 126
            else struct.pack("!BBH", 0x82, 0xFE, one)
            if one < 65_536
            else struct.pack("!BBQ", 0x82, 0xFF, one)
        )
        sent += head + bytes(4) + b"\x82" * one
    for step in (1, 2, 7, 131, len(sent)):
        count = FrameCount()
        found = sum(count.add(sent[place : place + step], 100) for place in range(0, len(sent), step))
        assert found == len(lengths), step
    assert FrameCount().add(bytes([0x80, 0x80, 0, 0, 0, 0]) * 50, 10) == 11


def test_messages_are_counted_by_their_last_frames():
    count = FrameCount()
    whole, begun, middle, last, ping = (bytes([kind, 0x80]) + bytes(4) for kind in (0x82, 0x02, 0x00, 0x80, 0x89))
    count.add(whole + begun + middle + ping + last + whole, 100)
    assert count.messages == 3


class Wire(asyncio.Transport):
    """Of a connection that nothing is sent over."""

    aborted = False

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.aborted

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.at

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.at = protocol

    def get_write_buffer_size(self) -> int:
        return 0


def page(kept: Connections, inner: asyncio.Protocol | None = None) -> tuple[Connection, Wire]:
    """A websocket after its handshake."""
    wire = Wire()
    connection = Connection(inner or asyncio.Protocol(), kept)
    kept.open[connection] = None
    connection._transport, wire.at = wire, asyncio.Protocol()
    connection.begin("websocket")
    connection.data_received(b"the handshake")
    return connection, wire


def test_messages_that_nobody_takes_in_are_cut_off():
    kept = Connections(app, Limits(pending=5))
    connection, wire = page(kept)
    one = bytes([0x82, 0x81]) + bytes(4) + b"x"
    for _ in range(20):
        connection.data_received(one)
        connection.deliver()
    assert not wire.aborted
    connection.data_received(one * 10)
    assert wire.aborted


def test_what_has_piled_up_of_a_lost_connection_is_for_nobody():
    taken: list[str] = []

    async def reader(_scope: object, receive: Callable[[], Awaitable[dict[str, str]]], _send: object) -> None:
        while taken[-1:] != ["websocket.disconnect"]:
            taken.append((await receive())["type"])

    async def receive() -> dict[str, object]:
        if len(taken) == 2:
            connection.connection_lost(None)
        return {"type": "websocket.connect"} if not taken else {"type": "websocket.receive", "bytes": b"x"}

    kept = Connections(reader)
    connection, _ = page(kept)

    async def visit() -> None:
        token = connections._CURRENT.set(connection)
        try:
            await kept({"type": "websocket"}, receive, rest)
        finally:
            connections._CURRENT.reset(token)

    asyncio.run(visit())
    assert taken == ["websocket.connect", "websocket.receive", "websocket.disconnect"]


def test_pongs_of_years_are_no_message():
    now = [0.0]
    kept = Connections(app, clock=lambda: now[0])
    connection = Connection(asyncio.Protocol(), kept)
    connection.begin("websocket")
    for _ in range(100_000):
        now[0] += 30
        connection.data_received(bytes(10))
    assert not connection.is_over(kept.limits)
    assert connection.coming == 0


@pytest.mark.parametrize(
    "sent",
    [
        b"\x81\x82" + bytes(4) + b"\xff\xfe",
        b"\x01\x81" + bytes(4) + b"\xe2" + b"\x80\x81" + bytes(4) + b"(",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["a text that is none", "half a letter", "a tunnel", "a piece without a size"],
)
def test_what_no_browser_sends_is_one_line_in_the_log(sent, caplog):
    async def visit(port, _kept):
        reader, writer = await (connected(port) if sent[:1] in b"CP" else opened(port))
        writer.write(sent)
        await asyncio.wait_for(reader.read(1), 5)
        await asyncio.sleep(0.05)

    serve(Limits(), visit)
    assert caplog.records
    assert all(record.exc_info is None and "\n" not in record.getMessage() for record in caplog.records)


def test_a_fault_of_our_own_keeps_its_frames():
    try:
        b"\xff".decode()
    except UnicodeDecodeError as error:
        record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, "It", (), (type(error), error, None))
    assert one_line(record)
    assert (record.exc_info is not None, record.levelname) == (True, "ERROR")


def test_a_loop_that_cannot_be_wrapped_is_refused(monkeypatch):
    class Closed:
        __slots__ = ()

        def create_server(self) -> None:
            raise AssertionError

    said = []

    async def start():
        async def receive():
            return {"type": "lifespan.startup"}

        async def send(message):
            said.append(message)

        monkeypatch.setattr(asyncio, "get_running_loop", Closed)
        await Connections(app)({"type": "lifespan"}, receive, send)
        monkeypatch.undo()

    asyncio.run(start())
    assert said[0]["type"] == "lifespan.startup.failed"
    assert "does not serve on the event loop" in said[0]["message"]
    assert "pip uninstall uvloop" in said[0]["message"]
