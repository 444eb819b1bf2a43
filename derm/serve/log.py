"""Lines of JSON for who runs the server: each request, each login, each fault, and nobody's name.

Needs Python's logging. A line has no address of a visitor, no cookie, no query, no name of a file, no text that came
from outside: paths are told by their kind, messages of programs by their pattern without what was filled in, faults by
their kind and place.
"""

import json
import logging
import sys
import time
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from derm.serve.gate import App, Message, Receive, Send
from derm.serve.roles import PAGES

WANTED = "DERM_LOG"
"""Set to json, the server writes `JsonLines` to standard error."""

KINDS = ("/_stcore/upload_file", "/_stcore/bidi-components", "/media", "/component", "/static", "/app/static")
"""What lies behind these has names of its own, which are not told."""

KNOWN = frozenset({
    "/", "/healthz", "/login", "/auth/login", "/auth/logout", "/oauth2callback", "/_stcore/health", "/_stcore/stream",
    "/_stcore/host-config", "/_stcore/metrics", *(f"/{page}" for page in PAGES),
})  # fmt: skip

FRAMES = 8
"""Innermost places of a fault that are told."""

requests = logging.getLogger("derm.serve.request")


def wanted(environment: Mapping[str, str]) -> bool:
    """Whether lines of JSON are asked for."""
    return environment.get(WANTED, "").lower() == "json"


def write_json() -> None:
    """Have everything that is logged written as `JsonLines`, whatever program has set up of its own."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.getLogger("derm").setLevel(logging.INFO)
    logging.getLogger().handlers = [handler]
    for name, known in logging.Logger.manager.loggerDict.items():
        if isinstance(known, logging.Logger) and name.startswith(("streamlit", "uvicorn")):
            known.handlers, known.propagate = [], True
    addresses = logging.getLogger("uvicorn.access")  # its lines hold nothing else
    addresses.handlers, addresses.propagate = [logging.NullHandler()], False


class JsonLines(logging.Formatter):
    """One line of JSON a record: time (UTC), level, logger, message, and what else it brings as `EXTRA`."""

    EXTRA = ("kind", "method", "path", "status", "milliseconds", "bytes", "roles")

    def format(self, record: logging.LogRecord) -> str:
        """The line. The message is the pattern: what was filled in may name somebody."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": str(record.msg) if isinstance(record.msg, str) else type(record.msg).__name__,
        }
        line |= {name: getattr(record, name) for name in self.EXTRA if hasattr(record, name)}
        if record.exc_info and record.exc_info[0] is not None:
            places = traceback.extract_tb(record.exc_info[2])[-FRAMES:]
            line["fault"] = record.exc_info[0].__name__
            line["at"] = [f"{place.filename}:{place.lineno}" for place in places]
        return json.dumps(line, ensure_ascii=False)


class RequestLog:
    """Writes a line for each request that `app` answers, and for each connection of a websocket at its end.

    base: the path before all paths of the app, "" for none.
    """

    def __init__(self, app: App, base: str = "") -> None:
        self.app, self.base = app, base

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request, one connection of a websocket, or the server's start and end."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        told = {"status": 0, "bytes": 0}

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                told["status"] = message["status"]
            elif message["type"] == "websocket.accept":
                told["status"] = 101
            elif message["type"] == "websocket.close" and not told["status"]:
                told["status"] = 403
            told["bytes"] += len(message.get("body") or message.get("bytes") or b"")
            await send(message)

        began = time.perf_counter()
        try:
            await self.app(scope, receive, counted)
        finally:
            about = {
                "kind": scope["type"],
                "method": known_method(str(scope.get("method", "GET"))),
                "path": kind_of(scope["path"].removeprefix(self.base) or "/"),
                "milliseconds": round(1000 * (time.perf_counter() - began), 1),
            }
            requests.info("request", extra=about | told)


def kind_of(path: str) -> str:
    """A path as a log tells it: a page or an endpoint by its name, what lies in a folder by the folder."""
    if path in KNOWN:
        return path
    return next((f"{kind}/…" for kind in KINDS if path.startswith(f"{kind}/")), "other")


def known_method(method: str) -> str:
    """A method of HTTP; `other` for what somebody has made up."""
    return method if method in ("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH") else "other"
