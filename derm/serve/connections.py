"""The server's open connections: none is silent, dribbles or holds memory for ever. An ASGI application around another.

Needs an event loop that lets its listening be wrapped, as asyncio's own does; with another the server does not start.
Knows no server and no page: it stands between sockets and the server's protocols, and is told by ASGI when a request is
whole.
"""

import asyncio
import gc
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast

from derm.serve.frames import FrameCount

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

SERVER_CALLS = "create_server"
"""What a loop makes a listening server with."""


@dataclass(frozen=True)
class Limits:
    """What connections may take; times in seconds, sizes in bytes."""

    most: int = 1000
    """Connections at once. Beyond it the one that has been silent longest goes; where all are answered, the new one."""

    head: float = 20.0
    """Until the head of a request has come, from the connection's start or the end of the answer before."""

    stalled: float = 60.0
    """In which an answer that waits to be fetched goes on, if only by a byte."""

    message: float = 300.0
    """Until a message over a websocket is whole: 25 MB take a minute of 3 Mbit/s."""

    coming: int = 150_000_000
    """Of all messages over websockets that are not whole; beyond it the oldest of them goes with its connection."""

    frames: int = 2000
    """Frames over a websocket without a message, and one more for each second: a browser sends a message of 25 MB in
    200, and a million of one byte each keep the server from all others for seconds."""

    pending: int = 200
    """Messages over a websocket that have come and were not taken in: pages wait for an answer now and then."""

    waiting: int = 200_000_000
    """Of all answers that wait to be fetched; beyond it the largest goes with its connection."""


UNLIMITED = (
    "Derm does not serve on the event loop {loop}, whose connections it cannot limit: remove the package that brings "
    "it, such as by `pip uninstall uvloop`."
)
"""Said where a loop is another than asyncio's."""

SERVER_LOG = "uvicorn.error"

FAULTS = ("UnicodeDecodeError", "LocalProtocolError", "RemoteProtocolError")
"""What a server raises, and logs with all its frames, for bytes that no browser sends."""

PROTOCOLS = frozenset(("uvicorn", "h11", "websockets", "httptools", "wsproto"))
"""Packages where it does."""

SMALL = 65_536
"""Bytes over a websocket without a message that nobody counts: pings, pongs, and messages that are whole in no time."""

PULSE = 10
"""Bytes a second that an open page's pongs may take, besides."""

LEFT = 32_000_000
"""Bytes of cut-off messages that are given back at once: protocols hold them in circles that Python breaks late."""

ABNORMAL = 1006
"""Why a websocket is closed whose connection was lost (RFC 6455, 7.4.1)."""

EVERY = 1.0
"""Seconds between looks at all connections."""

_CURRENT: ContextVar["Connection | None"] = ContextVar("connection", default=None)
"""The connection whose bytes led to what is done."""


def one_line(record: logging.LogRecord) -> bool:
    """Take from a server's record the frames that led to a client's fault, which hold what it sent; keep the record."""
    raised = record.exc_info[1] if record.exc_info else None
    if type(raised).__name__ in FAULTS and _raising(raised) in PROTOCOLS:
        record.msg, record.args = f"{str(record.msg).strip()} ({type(raised).__name__})", ()
        record.exc_info, record.exc_text = None, None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True


def _raising(raised: BaseException | None) -> str:
    """The package that raised; empty where none is known."""
    place = None if raised is None else raised.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return "" if place is None else str(place.tb_frame.f_globals.get("__name__")).partition(".")[0]


class Connection(asyncio.Protocol):
    """One connection, which hands everything on to the server's own protocol for it."""

    def __init__(self, inner: asyncio.Protocol, connections: "Connections") -> None:
        self._inner, self._all = inner, connections
        self._transport: asyncio.Transport | None = None
        self.silent_since: float | None = connections.clock()
        self.lost = False
        """Whether the socket is closed."""
        self._answering = 0
        self._unsent, self._moved = 0, connections.clock()
        self._websocket = False
        self._received, self._since = 0, connections.clock()
        self._count: FrameCount | None = None
        self._frames = self._taken = 0

    # What the loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A socket was accepted."""
        self._transport = cast("asyncio.Transport", transport)
        self._inner.connection_made(transport)
        self._all.admit(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        self.lost = True
        self._all.leave(self)
        inner, self._inner, self._transport = self._inner, asyncio.Protocol(), None  # with what they hold
        inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes have come. The server may hand the socket to another of its protocols, as for a websocket."""
        self._received += len(data)
        if self._count is not None and self._floods(self._count, data):
            self.drop()
            return
        token = _CURRENT.set(self)
        try:
            self._inner.data_received(data)
        finally:
            _CURRENT.reset(token)
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        taken = transport.get_protocol()
        if taken is not self:
            self._inner = cast("asyncio.Protocol", taken)
            transport.set_protocol(self)
            self._count = FrameCount()  # frames begin with the next bytes: none may come before the handshake's answer
        if self._websocket and self.coming:
            self._all.make_room()

    def eof_received(self) -> bool | None:
        """The other side sends no more."""
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        """More waits to be fetched than should."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Enough of it was fetched."""
        self._inner.resume_writing()

    # What ASGI tells

    def begin(self, kind: str) -> None:
        """A request is whole, or the handshake of a websocket."""
        self._answering += 1
        self.silent_since = None
        self._websocket = self._websocket or kind == "websocket"
        self.deliver()

    def deliver(self) -> None:
        """What has come was taken in."""
        self._received, self._since = 0, self._all.clock()
        self._frames = 0
        self._taken += 1

    def _floods(self, count: FrameCount, data: bytes) -> bool:
        """Whether these bytes bring more frames than a message may have, or more messages than may wait to be taken in,
        see `Limits`."""
        most = self._all.limits.frames + int(self._all.clock() - self._since)
        self._frames += count.add(data, most)
        return self._frames > most or count.messages - self._taken > self._all.limits.pending

    def end(self) -> None:
        """The answer is given, though it may not be fetched yet."""
        self._answering -= 1
        if not self._answering:
            self.silent_since = self._all.clock()

    # What limits need

    @property
    def coming(self) -> int:
        """Bytes of a message over a websocket that is not whole, those that nobody counts left out."""
        if not self._websocket:
            return 0
        return max(0, self._received - SMALL - int(PULSE * (self._all.clock() - self._since)))

    @property
    def coming_since(self) -> float:
        """When the last message before was taken in."""
        return self._since

    @property
    def unsent(self) -> int:
        """Bytes of answers that wait to be fetched."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def is_over(self, limits: Limits) -> bool:
        """Whether a time has run out. To be asked now and then, for it notes how what waits goes on."""
        now, unsent = self._all.clock(), self.unsent
        if unsent == 0 or unsent < self._unsent:
            self._moved = now
        self._unsent = unsent
        if self._websocket and self._answering:  # the server pings it, and so finds who fetches nothing
            self._moved = now
            return self.coming > 0 and now - self._since > limits.message
        if unsent:
            return now - self._moved > limits.stalled
        return self.silent_since is not None and now - self.silent_since > limits.head

    def drop(self) -> None:
        """Cut the connection off, without a word and without waiting for the other side."""
        if self._transport is not None:
            self._transport.abort()
        self._all.leave(self)


class Connections:
    """Passes everything on to `app`, and keeps the server's connections within `limits`.

    clock: seconds, which only go on.
    """

    def __init__(self, app: App, limits: Limits | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.app, self.limits, self.clock = app, limits or Limits(), clock
        self.open: dict[Connection, None] = {}  # oldest first
        self._looking: asyncio.TimerHandle | None = None
        self._left = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request, one connection of a websocket, or the server's start and end."""
        connection = _CURRENT.get()
        if scope["type"] == "lifespan" and not self.listen(loop := asyncio.get_running_loop()):
            await receive()
            await send({"type": "lifespan.startup.failed", "message": UNLIMITED.format(loop=type(loop).__module__)})
            return
        if scope["type"] == "lifespan" or connection is None:
            await self.app(scope, receive, send)
            return
        known = connection

        async def received() -> Message:
            message = await receive()
            known.deliver()
            if known.lost and message["type"] == "websocket.receive":  # what has piled up is for nobody
                return {"type": "websocket.disconnect", "code": ABNORMAL}
            return message

        known.begin(scope["type"])
        try:
            await self.app(scope, received, send)
        finally:
            known.end()

    def listen(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Have `loop` put a `Connection` before each protocol of the servers that it makes from now on.

        False where it does not let itself be wrapped, as one that is not written in Python. What the server then logs
        of a client's faults is one line each.
        """
        create = getattr(loop, SERVER_CALLS)

        async def wrapped(factory: Callable[[], asyncio.Protocol], *places: Any, **options: Any) -> asyncio.Server:  # noqa: ANN401
            server: asyncio.Server = await create(lambda: Connection(factory(), self), *places, **options)
            return server

        try:
            setattr(loop, SERVER_CALLS, wrapped)
        except AttributeError:
            return False
        logging.getLogger(SERVER_LOG).addFilter(one_line)
        return True

    def admit(self, connection: Connection) -> None:
        """Take a new connection in; where there are too many, the one that has been silent longest goes."""
        self.open[connection] = None
        if self._looking is None:
            self._look_soon()
        if len(self.open) > self.limits.most:
            silent = [one for one in self.open if one.silent_since is not None]
            min(silent, key=lambda one: one.silent_since or 0.0).drop()

    def leave(self, connection: Connection) -> None:
        """A connection is closed."""
        if connection in self.open:
            del self.open[connection]
            self._left += connection.coming

    def make_room(self) -> None:
        """Let go the websocket whose message has been on its way longest, while all such take too much."""
        coming = {one: one.coming for one in self.open if one.coming}
        while sum(coming.values()) > self.limits.coming:
            oldest = min(coming, key=lambda one: one.coming_since)
            oldest.drop()
            del coming[oldest]

    def look(self) -> None:
        """Let go whose time has run out, and who lets too much wait to be fetched."""
        for one in list(self.open):
            if one.is_over(self.limits):
                one.drop()
        unsent = {one: one.unsent for one in self.open if one.unsent}
        while sum(unsent.values()) > self.limits.waiting:
            largest = max(unsent, key=lambda one: unsent[one])
            largest.drop()
            del unsent[largest]
        if self._left > LEFT:
            self._left = 0
            gc.collect()
        self._looking = None
        if self.open or self._left > LEFT:
            self._look_soon()

    def _look_soon(self) -> None:
        self._looking = asyncio.get_running_loop().call_later(EVERY, self.look)
