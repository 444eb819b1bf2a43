"""The gate for those who are logged in: whoever has no session gets the way to the provider, and nothing of the app.

An ASGI application around another, inside `derm.serve.gate`, which checks where a request comes from. Needs the
settings of login, the sessions, and what the pages' server says of its wire. Streamlit's own cookie of a login never
reaches a browser: its parts are signed one by one, so that parts of two logins could be put together, it lasts 30 days,
and nothing ends it. What Streamlit makes of a login is checked here and becomes a session that the server keeps.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import parse_qs, unquote

from derm.errors import NotAllowed
from derm.language.speech import say, speaking
from derm.serve import words
from derm.serve.browser_language import language_of
from derm.serve.claims import FAMILY, read_account
from derm.serve.cookies import Headers, only_cookie, set_cookies, with_cookies
from derm.serve.gate import HEALTH, App, Message, Receive, Send, is_health
from derm.serve.login import CALLBACK, Login
from derm.serve.sessions import Session, Sessions
from derm.serve.sign_in import address_back, address_of, in_one, sign_in_page

VISITOR = b"derm-session"
"""Header that tells the pages which session a connection belongs to; what a browser sends of that name is dropped."""

BACK = "derm-back"
"""Cookie that holds the page to return to while somebody is with the provider, for ten minutes."""

LOGIN, START, LOGOUT = "/login", "/auth/login", "/auth/logout"
"""The gate's own entrance; and Streamlit's, for the ways to the provider and out."""

MEDIA = "/media/"
UPLOAD = "/_stcore/upload_file/"
SECRET = re.compile(r"[\w-]{43}", re.ASCII)
GRACE = 5.0
"""Seconds after a logout in which its page may still be on its way to the provider; then its other pages are sent to
the way in."""

log = logging.getLogger("derm.serve")


class Wire(NamedTuple):
    """What the server of the pages says of its protocol."""

    start: Callable[[], str]
    """Path and query of the way to the provider; for once, and soon."""

    is_use: Callable[[bytes], bool]
    """Whether a message of a browser says that somebody does something, and not that the page asks by itself."""

    farewell: bytes
    """The message that sends a page to the way in."""

    files_told: Callable[[bytes], Iterable[str]]
    """Addresses and names of files in what the server tells a page; not in what it repeats of a visitor's words."""

    file_asked: Callable[[bytes], str | None]
    """The name of the file that a message of a browser wants made; None where it wants none."""


class LoginGate:
    """Passes on to `app` what comes with a session, with its key in the header `VISITOR`; refuses all else."""

    def __init__(self, app: App, login: Login, sessions: Sessions, wire: Wire, grace: float = GRACE) -> None:
        self.app, self.login, self.sessions, self.wire, self.grace = app, login, sessions, wire, grace
        # Browsers take a cookie of such a name from this host alone, and over TLS.
        kept = "__Secure-" if login.base else "__Host-"
        self.cookie = f"{kept if login.secure else ''}derm-session"

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request, one connection of a websocket, or the server's start and end."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        session = self._session(scope["headers"])
        if scope["type"] == "websocket":
            if session is None:
                await send({"type": "websocket.close", "code": 1008})
            else:
                await GatedConnection(self, session, receive, send).run(self._inner(scope, session))
            return
        with speaking(language_of(scope["headers"])):
            await self._request(scope, receive, send, session)

    async def _request(self, scope: Message, receive: Receive, send: Send, session: Session | None) -> None:
        place = scope["path"].removeprefix(self.login.base)
        ways = {LOGIN: self._to_provider, START: self._start, CALLBACK: self._finish, LOGOUT: self._logout}
        if scope["method"] == "GET" and place in ways and scope["path"].startswith(self.login.base):
            await ways[place](scope, receive, send)
        elif is_health(scope, self.login.base + HEALTH):
            await self.app(self._inner(scope, None), receive, send)
        elif session is None:
            await self._refuse(scope, send)
        elif not self._owns(session, place):
            await answer(send, 403, say(words.ANOTHERS))
        else:
            if _is_page(scope) or place.startswith(UPLOAD):
                self.sessions.use(session)
            await self.app(self._inner(scope, session), receive, _unkept(send) if place.startswith(MEDIA) else send)

    def _session(self, headers: Headers) -> Session | None:
        secret = only_cookie(headers, self.cookie)
        return self.sessions.find(secret) if secret is not None and SECRET.fullmatch(secret) else None

    def _owns(self, session: Session, place: str) -> bool:
        """Whether a file's address is one that the session was told; all else belongs to everybody."""
        return not place.startswith((MEDIA, UPLOAD)) or self.sessions.was_told(session, place)

    def _inner(self, scope: Message, session: Session | None, more: Mapping[str, str] | None = None) -> Message:
        """The request as the app gets it: without the session's secret and without a login that a browser claims."""
        kept = with_cookies(
            (header for header in scope["headers"] if header[0].lower() != VISITOR),
            lambda name: name not in (self.cookie, BACK) and not FAMILY.fullmatch(name),
            (more or {}).items(),
        )
        own = [(VISITOR, session.key.encode())] if session is not None else []
        headers = [self._resumed(session, header) for header in kept]
        return {**scope, "headers": [*(header for header in headers if header[1]), *own]}

    def _resumed(self, session: Session | None, header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
        """A header; that which names a page to go on with names none where it is another session's."""
        if header[0].lower() != b"sec-websocket-protocol":
            return header
        parts = [part.strip() for part in header[1].decode("latin-1").split(",")]
        tab = parts[2] if len(parts) > 2 else ""
        own = tab and session is not None and self.sessions.has_tab(session, tab)
        return header if own else (header[0], ", ".join(parts[:2]).encode("latin-1"))

    async def _to_provider(self, scope: Message, _: Receive, send: Send) -> None:
        """Keep the page to return to, and go to the provider."""
        told = parse_qs(scope["query_string"].decode("latin-1")).get("to", [""])[0]
        cookie = f"{BACK}={in_one(address_back(told, self.login.base))}; {self._attributes(600)}"
        await answer(send, 303, "", ((b"location", self.wire.start().encode()), (b"set-cookie", cookie.encode())))

    async def _start(self, scope: Message, receive: Receive, send: Send) -> None:
        """Let Streamlit send the browser to the provider; say so where it cannot."""
        start = await _start_of(self.app, self._inner(scope, None), receive)
        if start["status"] < 400:
            headers = [header for header in start["headers"] if header[0].lower() in (b"location", b"set-cookie")]
            await answer(send, 303, "", headers)
        else:
            log.error("no provider")
            await self._sign_in(send, 502, say(words.NO_PROVIDER), f"{self.login.base}{LOGIN}")

    async def _finish(self, scope: Message, receive: Receive, send: Send) -> None:
        """Let Streamlit finish the login; what it makes of it is checked and becomes a session."""
        start = await _start_of(self.app, self._inner(scope, None), receive)
        made = [
            (name, value, header) for name, value, header in set_cookies(start["headers"]) if FAMILY.fullmatch(name)
        ]
        cookies = {name: value.strip('"') for name, value, _ in made if value.strip('"')}
        dropped = [header for *_, header in made]
        kept = tuple(
            header for header in start["headers"] if header[0].lower() == b"set-cookie" and header not in dropped
        )
        if not cookies:
            failed = parse_qs(scope["query_string"].decode("latin-1")).keys() & {"state", "error"}
            if failed:
                log.info("login failed")
            sentence = words.NOT_LOGGED_IN if failed else words.LOG_IN_FIRST
            await self._sign_in(send, 401, say(sentence), f"{self.login.base}{LOGIN}", kept)
            return
        try:
            account = read_account(cookies, self.login)
        except NotAllowed as fault:
            log.warning("login refused")
            await self._sign_in(send, 403, str(fault), f"{self.login.base}{LOGIN}", kept, words.AS_SOMEBODY_ELSE)
            return
        before = self._session(scope["headers"])
        if before is not None:
            self.sessions.end(before)
        secret = self.sessions.begin(account, cookies)
        log.info("login", extra={"roles": sorted(account.roles)})
        place = address_back(unquote(only_cookie(scope["headers"], BACK) or ""), self.login.base)
        session = f"{self.cookie}={secret}; {self._attributes(int(self.login.longest))}"
        own = (session, f"{BACK}=; {self._attributes(0)}")
        headers = ((b"location", place.encode()), *kept, *((b"set-cookie", one.encode()) for one in own))
        await answer(send, 303, "", headers)

    async def _logout(self, scope: Message, receive: Receive, send: Send) -> None:
        """End the session, then let Streamlit tell the provider."""
        session, gone = self._session(scope["headers"]), f"{self.cookie}=; {self._attributes(0)}".encode()
        if _header(scope, b"sec-fetch-site") in ("cross-site", "same-site"):
            await answer(send, 403, say(words.NOT_FROM_THERE))
        elif session is None:
            headers = ((b"location", f"{self.login.base}/".encode()), (b"set-cookie", gone))
            await answer(send, 303, "", headers)
        else:
            self.sessions.end(session)
            log.info("logout")
            start = await _start_of(self.app, self._inner(scope, None, session.cookies), receive)
            place = tuple(header for header in start["headers"] if header[0].lower() == b"location")
            # Also what a tab keeps to find its list again after a reload.
            cleared = (b"clear-site-data", b'"cache", "storage"')
            await answer(send, 303, "", (*place, (b"set-cookie", gone), cleared))

    async def _refuse(self, scope: Message, send: Send) -> None:
        """The way to the provider for who asks for a page; 401 for all else."""
        if scope["method"] in ("GET", "HEAD") and _is_page(scope):
            back = address_of(scope["path"], scope["query_string"].decode("latin-1"))
            await self._sign_in(send, 401, say(words.LOG_IN_FIRST), f"{self.login.base}{LOGIN}?to={in_one(back)}")
        else:
            await answer(send, 401, say(words.LOG_IN_FIRST))

    async def _sign_in(
        self, send: Send, status: int, sentence: str, address: str, headers: Headers = (), label: str = words.LOG_IN
    ) -> None:
        note = words.sessions_end(self.login.idle, self.login.longest)
        await answer(send, status, sign_in_page(sentence, note, address, say(label)), headers)

    def _attributes(self, seconds: int) -> str:
        place, secure = self.login.base or "/", "; Secure" if self.login.secure else ""
        return f"Path={place}; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}"


class GatedConnection:
    """One websocket of a session: closed when the session ends, and its page sent to the way in."""

    def __init__(self, gate: LoginGate, session: Session, receive: Receive, send: Send) -> None:
        self.gate, self.session, self.raw_receive, self.raw_send = gate, session, receive, send
        self.ended, self.gone = asyncio.Event(), asyncio.Event()

    async def run(self, scope: Message) -> None:
        """Pass the connection on to the app, until it or the session ends."""
        loop = asyncio.get_running_loop()

        def tell() -> None:
            with suppress(RuntimeError):  # the server has ended meanwhile
                loop.call_soon_threadsafe(self.ended.set)

        unwatch = self.gate.sessions.watch(self.session, tell)
        guard = asyncio.create_task(self._guard())
        try:
            await self.gate.app(scope, self.receive, self.send)
        finally:
            unwatch()
            if self.gone.is_set():
                await guard
            guard.cancel()

    async def _guard(self) -> None:
        """Wait for the session's end; then nothing passes any more."""
        sessions = self.gate.sessions
        while not self.ended.is_set() and (left := sessions.left(self.session)) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.ended.wait(), left + 0.01)
        told = self.ended.is_set()
        sessions.known(self.session.key)  # ends it for all where its time is over
        self.gone.set()
        if told:
            await asyncio.sleep(self.gate.grace)
        with suppress(Exception):  # the browser may have gone
            await self.raw_send({"type": "websocket.send", "bytes": self.gate.wire.farewell})
            await self.raw_send({"type": "websocket.close", "code": 1008})

    async def receive(self) -> Message:
        """What the browser sends next; the end of the connection once the session has ended."""
        message = None if self.gone.is_set() else await self._next()
        while message is not None and self._asks_anothers(message):
            message = await self._next()
        if message is None:
            return {"type": "websocket.disconnect", "code": 1008}
        content = message.get("bytes")
        if message["type"] == "websocket.receive" and content and self.gate.wire.is_use(content):
            self.gate.sessions.use(self.session)
        return message

    def _asks_anothers(self, message: Message) -> bool:
        """Whether a file is wanted that the session was not told of; Streamlit would make it for anyone."""
        name = self.gate.wire.file_asked(message.get("bytes") or b"")
        return name is not None and not self.gate.sessions.was_told(self.session, name)

    async def _next(self) -> Message | None:
        coming, gone = asyncio.ensure_future(self.raw_receive()), asyncio.ensure_future(self.gone.wait())
        try:
            await asyncio.wait({coming, gone}, return_when=asyncio.FIRST_COMPLETED)
            return coming.result() if coming.done() and not self.gone.is_set() else None
        finally:
            gone.cancel()
            if not coming.done():
                coming.cancel()

    async def send(self, message: Message) -> None:
        """Pass on what the app says, and remember the addresses of files in it."""
        if self.gone.is_set():
            return
        if (content := message.get("bytes")) and (found := list(self.gate.wire.files_told(content))):
            self.gate.sessions.tell(self.session, found)
        await self.raw_send(message)


async def answer(send: Send, status: int, said: str | bytes, headers: Headers = ()) -> None:
    """A whole answer: text, or a page in bytes, kept by no cache."""
    body = said if isinstance(said, bytes) else said.encode()
    kind = b"text/html; charset=utf-8" if isinstance(said, bytes) else b"text/plain; charset=utf-8"
    about = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": [*about, *headers]})
    await send({"type": "http.response.body", "body": body})


def _unkept(send: Send) -> Send:
    """`send`, for what no cache may keep: pictures and tables of patients."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            others = [header for header in message["headers"] if header[0].lower() != b"cache-control"]
            message = {**message, "headers": [*others, (b"cache-control", b"no-store")]}
        await send(message)

    return sent


async def _start_of(app: App, scope: Message, receive: Receive) -> Message:
    """The head of what the app answers, whose body is of no interest."""
    heads: list[Message] = []

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            heads.append(message)

    await app(scope, receive, keep)
    return heads[0] if heads else {"status": 500, "headers": []}


def _is_page(scope: Message) -> bool:
    """Whether a browser asks for a page, and not for a part of one."""
    return "text/html" in _header(scope, b"accept")


def _header(scope: Message, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name), "")
