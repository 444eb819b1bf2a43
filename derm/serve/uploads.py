"""Uploads on their way to the app: no more at a time than there is memory for. An ASGI application around another.

Needs to be told what has arrived and was not taken in yet. Knows of Streamlit the path that uploads go to.
"""

import asyncio
import logging
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, NamedTuple

from derm.files import NO_ROOM
from derm.language.speech import say, speaking
from derm.serve import words
from derm.serve.browser_language import language_of

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

LOG = logging.getLogger("derm.serve")

PLACE = "/_stcore/upload_file/"

LARGEST = 40 * 1024 * 1024
"""Bytes of an upload of which nobody says how large it is: those of the largest that is taken."""

MOST = 1000
"""Files of one session that have arrived and were not taken in yet: as many as a list has rows."""


STALLED = 30.0
"""Seconds without a byte after which an upload is given up, for it would keep others out."""

SLOWEST = 8000
"""Bytes a second that an upload must come with, `STALLED` seconds let by: 40 MB take an hour and a half at most."""


class Arrived(NamedTuple):
    """Uploads of one session that have arrived and were not taken in yet."""

    files: int
    bytes: int


class Waiting(NamedTuple):
    """What is known of uploads that wait for their page."""

    arrived: Callable[[], Mapping[str, Arrived]]
    """What each session has."""
    let_go: Callable[[str], bool]
    """Lets a session's largest go; whether there was one."""
    is_open: Callable[[str], bool]
    """Whether there is such a session, its page open."""


class Coming:
    """One upload on its way."""

    def __init__(self, session: str, size: int) -> None:
        self.session, self.size = session, size
        self.come = 0
        """Bytes that have come."""
        self.given_up = asyncio.Event()
        self.broken_off = False
        """Whether the app was told that nothing more comes."""
        self.is_answered = False
        self.failure: list[Message] = []
        """The app's answer that something has failed, which waits for what that was."""

    def answering(self, send: Send) -> Send:
        """`send`, which notes that there was an answer, and drops what the app says of an upload that is broken off."""

        async def sent(message: Message) -> None:
            if self.broken_off and not self.is_answered:
                return
            if not self.is_answered and (self.failure or message.get("status") == 500):
                self.failure.append(message)
            else:
                self.is_answered = True
                await send(message)

        return sent


class Uploads:
    """Passes everything on to `app`, but for uploads beyond `limit` bytes together, or `MOST` of one session: 503.

    Where there is no room, sessions whose page was closed make it, then whoever holds most, if that is more than the
    session that asks would hold: so that nobody keeps the others out.
    """

    def __init__(self, app: App, limit: int, waiting: Waiting, stalled: float = STALLED) -> None:
        self.app, self.limit, self.waiting, self.stalled = app, limit, waiting, stalled
        self._coming: list[Coming] = []

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request, one connection of a websocket, or the server's start and end."""
        if scope["type"] != "http" or scope["method"] != "PUT" or PLACE not in scope["path"]:
            await self.app(scope, receive, send)
            return
        one = Coming(scope["path"].partition(PLACE)[2].partition("/")[0], _size(scope))
        if not self.waiting.is_open(one.session):  # the app refuses it, and nobody has to make room
            await self.app(scope, receive, send)
            return
        if not self._has_room(one):
            await _refuse(scope, send, 503, words.NO_ROOM)
            return
        self._coming.append(one)
        try:
            await self.app(scope, self._patient(one, receive), one.answering(send))
        except Exception as error:  # the app's own for what is broken off, which is no fault
            if not one.is_answered and isinstance(error, OSError) and error.errno in NO_ROOM:
                LOG.warning("No room for an upload in %s: %s", tempfile.gettempdir(), error.strerror)
                await _refuse(scope, send, 507, words.DISK_FULL)
                return
            if one.is_answered or not one.broken_off:
                await _send_all(one.failure, send)
                raise
        else:
            await _send_all(one.failure, send)
        finally:
            if one in self._coming:
                self._coming.remove(one)
        if one.broken_off and not one.is_answered:
            await _refuse(scope, send, *((503, words.NO_ROOM) if one.given_up.is_set() else (408, words.STALLED)))

    def _has_room(self, one: Coming) -> bool:
        """Whether an upload may come, for which others may have to go."""
        arrived = self.waiting.arrived()
        if arrived.get(one.session, Arrived(0, 0)).files >= MOST:
            return False
        while sum((held := self._held(arrived)).values()) + one.size > self.limit:
            closed = [session for session in held if not self.waiting.is_open(session)]
            most = max(closed or held, key=held.__getitem__, default="")
            enough = closed or held[most] > held[one.session] + one.size
            if not enough or not self._take_from(most):
                return False
            arrived = self.waiting.arrived()
        return True

    def _held(self, arrived: Mapping[str, Arrived]) -> Counter[str]:
        """Bytes of each session that have arrived, or are on their way."""
        held = Counter({session: one.bytes for session, one in arrived.items()})
        for one in self._coming:
            held[one.session] += one.size
        return held

    def _take_from(self, session: str) -> bool:
        """Give up what a session has on its way, least come first, or else what has arrived; whether it has any."""
        if not (mine := [one for one in self._coming if one.session == session]):
            return self.waiting.let_go(session)
        least = min(mine, key=lambda one: one.come)
        self._coming.remove(least)
        least.given_up.set()
        return True

    def _patient(self, one: Coming, receive: Receive) -> Receive:
        """`receive`, which takes an upload for broken off that is given up, or of which hardly anything comes."""
        began = time.monotonic()

        async def received() -> Message:
            left = min(self.stalled, max(began + self.stalled + one.come / SLOWEST - time.monotonic(), 0.0))
            message = await _first(receive, one.given_up, left)
            one.come += len(message.get("body", b""))
            one.broken_off = message["type"] == "http.disconnect"
            return message

        return received


async def _first(receive: Receive, given_up: asyncio.Event, seconds: float) -> Message:
    """What comes within so many seconds; that nothing comes any more where nothing does, or it is `given_up` before."""
    coming = asyncio.ensure_future(receive())
    ended = asyncio.ensure_future(given_up.wait())
    try:
        await asyncio.wait((coming, ended), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return coming.result() if coming.done() and not given_up.is_set() else {"type": "http.disconnect"}
    finally:
        for one in (coming, ended):
            one.cancel()


def _size(scope: Message) -> int:
    """Bytes that the request says it has; `LARGEST` where it says nothing, or more, which the app itself refuses.

    One that comes in chunks may say anything: its length is not what ends it (RFC 9112, 6.3).
    """
    told = [value for name, value in scope["headers"] if name.lower() == b"content-length"]
    chunked = any(name.lower() == b"transfer-encoding" for name, _ in scope["headers"])
    if chunked or len(told) != 1 or not told[0].isdigit():
        return LARGEST
    return min(int(told[0][:20]), LARGEST)


async def _send_all(messages: list[Message], send: Send) -> None:
    for message in messages:
        await send(message)


async def _refuse(scope: Message, send: Send, status: int, sentence: str) -> None:
    with speaking(language_of(scope["headers"])):
        body = say(sentence).encode()
    about = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*about, (b"retry-after", b"10")]})
    await send({"type": "http.response.body", "body": body})
