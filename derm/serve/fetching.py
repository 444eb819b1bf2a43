"""Files that were made for pages, kept until slow lines have fetched them. An ASGI application around another.

Needs the addresses that the server tells. The server itself lets a file go as soon as pages have been drawn twice,
whoever's: after a fifth of a second beside three visitors.
"""

import asyncio
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from urllib.parse import quote

from derm.serve.gate import App, Message, Receive, Send

SECONDS = 60.0
"""For which a file is kept: a browser asks for it at once, and twice."""

THREADS = 100
"""In which files and rows of tables are made for pages; nearly all of them wait for their turn."""

MOST = 200_000_000
"""Bytes of all of them; the oldest goes."""


class MadeFile(NamedTuple):
    """What a browser saves."""

    content: bytes
    kind: str
    """Its media type."""

    name: str


class MadeFiles:
    """Files by their path, whose last part nobody guesses; one thread has them. clock: seconds."""

    def __init__(self, most: int = MOST, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self.most, self.seconds, self._clock = most, seconds, clock
        self._files: dict[str, tuple[float, MadeFile]] = {}

    def keep(self, path: str, file: MadeFile) -> None:
        """Keep a file; those that are over, or too many, go. Called in an event loop, which tidies up later."""
        self._files.pop(path, None)
        self._files[path] = (self._clock(), file)
        self.tidy()
        asyncio.get_running_loop().call_later(self.seconds + 1, self.tidy)

    def find(self, path: str) -> MadeFile | None:
        """The file at exactly that path, for which a gate outside has asked whose it is; None where there is none."""
        self.tidy()
        kept = self._files.get(path)
        return None if kept is None else kept[1]

    def tidy(self) -> None:
        """Let go what is over, and the oldest of what is too much; the newest stays, however large."""
        now, taken = self._clock(), sum(len(file.content) for _, file in self._files.values())
        for path, (since, file) in list(self._files.items()):
            if now - since < self.seconds and (taken <= self.most or len(self._files) == 1):
                break
            del self._files[path]
            taken -= len(file.content)


class Fetching:
    """Answers for `files`, and passes all else on to `app`.

    threads: in which the server makes files and rows of tables for pages; most of them wait for their turn, and with
    the few that Python has of its own nobody else's would be made meanwhile.
    """

    def __init__(self, app: App, files: MadeFiles, threads: int = THREADS) -> None:
        self.app, self.files, self.threads = app, files, threads

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request, one connection of a websocket, or the server's start and end."""
        asked = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        if asked and (file := self.files.find(scope["path"])) is not None:
            await _answer(send, file, body=scope["method"] == "GET")
            return
        if scope["type"] == "lifespan":
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(self.threads, "making"))
        await self.app(scope, receive, send)


async def _answer(send: Send, file: MadeFile, *, body: bool) -> None:
    """The whole file, to be saved under its name (RFC 6266)."""
    plain = file.name.isascii() and not re.search(r'["\\\x00-\x1f\x7f]', file.name)
    told = f'filename="{file.name}"' if plain else f"filename*=utf-8''{quote(file.name, safe='')}"
    headers = {
        "content-type": file.kind,
        "content-length": str(len(file.content)),
        "content-disposition": f"attachment; {told}",
        "cache-control": "no-store",
    }
    named = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 200, "headers": named})
    await send({"type": "http.response.body", "body": file.content if body else b""})
