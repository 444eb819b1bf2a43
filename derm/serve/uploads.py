"""Uploads on their way to the app: no more at a time than there is memory for. An ASGI application around another.

Needs to be told what has arrived and was not taken in yet. Knows of Streamlit the path that uploads go to.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

from derm.language.speech import say, speaking
from derm.serve import words
from derm.serve.browser_language import language_of

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

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
    """Uploads that have arrived and were not taken in yet."""

    files: int
    """Of the session that is asked about."""

    bytes: int
    """Of all sessions."""


class Uploads:
    """Passes everything on to `app`, but for uploads beyond `limit` bytes together, or `MOST` of one session: 503.

    arrived: tells of a session what has arrived.
    """

    def __init__(self, app: App, limit: int, arrived: Callable[[str], Arrived], stalled: float = STALLED) -> None:
        self.app, self.limit, self.arrived, self.stalled = app, limit, arrived, stalled
        self._coming = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request, one connection of a websocket, or the server's start and end."""
        if scope["type"] != "http" or scope["method"] != "PUT" or PLACE not in scope["path"]:
            await self.app(scope, receive, send)
            return
        session = scope["path"].partition(PLACE)[2].partition("/")[0]
        size, arrived = _size(scope), self.arrived(session)
        if arrived.files >= MOST or arrived.bytes + self._coming + size > self.limit:
            with speaking(language_of(scope["headers"])):
                await _refuse(send)
            return
        self._coming += size
        try:
            await self.app(scope, self._patient(receive), send)
        finally:
            self._coming -= size

    def _patient(self, receive: Receive) -> Receive:
        """`receive`, which takes an upload for broken off where nothing comes any more, or hardly anything."""
        began, come = time.monotonic(), 0

        async def received() -> Message:
            nonlocal come
            left = began + self.stalled + come / SLOWEST - time.monotonic()
            try:
                message = await asyncio.wait_for(receive(), min(self.stalled, max(left, 0.0)))
            except TimeoutError:
                return {"type": "http.disconnect"}
            come += len(message.get("body", b""))
            return message

        return received


def _size(scope: Message) -> int:
    """Bytes that the request says it has; `LARGEST` where it says nothing, or more, which the app itself refuses.

    One that comes in chunks may say anything: its length is not what ends it (RFC 9112, 6.3).
    """
    told = [value for name, value in scope["headers"] if name.lower() == b"content-length"]
    chunked = any(name.lower() == b"transfer-encoding" for name, _ in scope["headers"])
    if chunked or len(told) != 1 or not told[0].isdigit():
        return LARGEST
    return min(int(told[0][:20]), LARGEST)


async def _refuse(send: Send) -> None:
    body = say(words.NO_ROOM).encode()
    about = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 503, "headers": [*about, (b"retry-after", b"10")]})
    await send({"type": "http.response.body", "body": body})
