"""The gate before the app: who is let in, and which headers every answer has. An ASGI application around another.

Needs an `Opening` and a server that tells on which address a request came in. Knows nothing of Streamlit but the
paths that it closes, and how it compares a handshake's headers.
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from secrets import token_hex
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from derm.language.speech import say, speaking
from derm.serve import words
from derm.serve.browser_language import language_of
from derm.serve.cookies import cookies_in
from derm.serve.headers import DROPPED, HEADERS
from derm.serve.opening import Opening, is_loopback

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

CLOSED = ("/_stcore/metrics", "/_stcore/agent", "/_stcore/script-health-check")
"""Paths that nobody needs who uses the app: figures of the process, and ways to drive it without a page."""

HEALTH = "/_stcore/health"
"""Says `ok` to who watches the server, without a token; pages ask it, too, before they connect."""

HEALTHZ = "/healthz"
"""The same from the gate itself, under whatever name it is asked: that the server takes requests, nothing else."""

COOKIE = "derm-token"
"""How the name of the cookie begins by which a browser is let in; the port follows, for all ports of a host share their
cookies, and several apps may run there."""

BROWSER = "derm-browser"
"""Cookie by which a browser is known again as the one that started a run: 128 bits by chance, for a year."""

YEAR = 365 * 24 * 3600

MOST_LINE = 8000
"""Bytes of a header, its name included. Websockets' handshakes get no answer above 8,192, so that a page would wait for
its websocket for ever: it is refused with a sentence instead."""


class Refusal(NamedTuple):
    """Why a request is not passed on."""

    status: int
    sentence: str
    """In English."""


class Gate:
    """Passes on to `app` what `opening` lets in; refuses the rest with 401, 403, 404 or 431 before `app` sees it."""

    def __init__(self, app: App, opening: Opening, started: Callable[[], None] | None = None) -> None:
        """started: called once when the server is about to take requests."""
        self.app = app
        self.opening = opening
        self.started = started
        self.ready = False

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request, one connection of a websocket, or the server's start and end."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, self._tell_start(send))
            return
        if is_health(scope, HEALTHZ):
            await _answer(
                _with_headers(send), 200 if self.ready else 503, words.HEALTHY if self.ready else words.STARTING
            )
            return
        refusal = refuse(scope, self.opening)
        if scope["type"] == "websocket":
            if refusal is None:
                await self.app(_under_its_origin(scope), receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008})  # before it is accepted: the server answers 403
            return
        answer = _with_headers(send, secure=_secure(scope))
        if refusal is not None:
            with speaking(language_of(scope["headers"])):
                await _answer(answer, refusal.status, say(refusal.sentence))
        elif (place := _shown_token(scope, self.opening)) is not None:
            port = urlsplit(f"//{_only(scope['headers'], b'host')}").port or ""
            cookie = f"{COOKIE}{port}={self.opening.cookie}; Path={self.opening.path}; HttpOnly; SameSite=Lax"
            await _answer(answer, 303, "", ((b"location", place.encode()), (b"set-cookie", cookie.encode())))
        elif _is_page(scope) and not any(name == BROWSER and value for name, value in cookies_in(scope["headers"])):
            cookie = f"{BROWSER}={token_hex(16)}; Path={self.opening.path}; HttpOnly; SameSite=Lax; Max-Age={YEAR}"
            await self.app(scope, receive, _with_headers(send, [(b"set-cookie", cookie.encode())], _secure(scope)))
        else:
            await self.app(scope, receive, answer)

    def _tell_start(self, send: Send) -> Send:
        async def told(message: Message) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                self.ready = True
                if self.started is not None:
                    self.started()

        return told


def _secure(scope: Message) -> str:
    """What keeps a cookie to TLS where a server in front says that it has it; who lies about that harms their own."""
    return "; Secure" if _only(list(scope["headers"]), b"x-forwarded-proto") == "https" else ""


def refuse(scope: Message, opening: Opening) -> Refusal | None:
    """Why a request or a websocket's handshake is not passed on; None where it is.

    scope: of ASGI 3. A request that came in on another address than this machine's own is refused unless the app is
    opened, whatever started the server.
    """
    headers = list(scope["headers"])
    host, origin = _only(headers, b"host"), _only(headers, b"origin")
    if not opening.beyond and not is_loopback(str((scope.get("server") or ("",))[0])):
        return Refusal(403, words.OTHER_MACHINE)
    if not opening.takes_host(host):
        return Refusal(403, words.FOREIGN_HOST)
    if not opening.takes_origin(origin, host, _only(headers, b"x-forwarded-proto")) or _embedded_elsewhere(headers):
        return Refusal(403, words.FOREIGN_PAGE)
    if any(len(name) + len(value) > MOST_LINE for name, value in headers):
        return Refusal(431, words.LONG_HEADER)
    if any(path in scope["path"] for path in CLOSED):
        return Refusal(404, words.CLOSED)
    known = knows_one(opening, cookies_in(headers)) or is_health(scope, HEALTH)
    barred = not known and (scope["type"] == "websocket" or _shown_token(scope, opening) is None)
    return Refusal(401, words.NO_TOKEN) if barred else None


def _under_its_origin(scope: Message) -> Message:
    """A handshake that is let in, with the host of its Origin as its Host, which is another only in writing or where a
    server in front has put it in place.

    Streamlit compares the two letter by letter, and where they differ it asks Amazon for this machine's address before
    it refuses: each time, and nobody is served meanwhile.
    """
    origin = _only(scope["headers"], b"origin")
    if origin is None:
        return scope
    host = urlsplit(origin).netloc.encode("latin-1")
    headers = [(name, host if name.lower() == b"host" else value) for name, value in scope["headers"]]
    return {**scope, "headers": headers}


def is_health(scope: Message, path: str) -> bool:
    """Whether it is asked, at exactly this path, how the server does."""
    return scope["type"] == "http" and scope["path"] == path and scope["method"] in ("GET", "HEAD")


def _only(headers: Headers, name: bytes) -> str | None:
    """The one header of that name; None where there is none, '' where there are several, which fits nothing."""
    found = [value for key, value in headers if key.lower() == name]
    return None if not found else found[0].decode("latin-1") if len(found) == 1 else ""


def _embedded_elsewhere(headers: Headers) -> bool:
    """Whether a browser says that another site's page loads this, as a picture or a script; a link may lead here."""
    site, mode = _only(headers, b"sec-fetch-site"), _only(headers, b"sec-fetch-mode")
    return site in ("cross-site", "same-site") and mode != "navigate"


def _is_page(scope: Message) -> bool:
    """Whether a browser asks for a page, and not for a part of one."""
    return scope["type"] == "http" and b"text/html" in dict(scope["headers"]).get(b"accept", b"")


def knows_one(opening: Opening, cookies: Iterable[tuple[str, str]]) -> bool:
    """Whether one of a browser's cookies, name and value, lets it in; True where no token is asked for."""
    return opening.knows_cookie(None) or any(
        opening.knows_cookie(value) for name, value in cookies if name.startswith(COOKIE)
    )


def _shown_token(scope: Message, opening: Opening) -> str | None:
    """Where a request that shows the token in its address leads, that address without it; None for all others."""
    if opening.token is None or scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
        return None
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    if not any(name == "token" and opening.knows_token(value) for name, value in query):
        return None
    rest = urlencode([(name, value) for name, value in query if name != "token"])
    path = "/" + quote(scope["path"].lstrip("/\\"))  # never //host, which would lead elsewhere
    return f"{path}?{rest}" if rest else path


def _with_headers(send: Send, more: Headers = (), secure: str = "") -> Send:
    """`send`, with `HEADERS` and `more` on each answer, and `secure` on each cookie, Streamlit's included."""
    own = [*((name.encode(), value.encode()) for name, value in HEADERS.items()), *more]
    replaced = {name.encode() for name in (*HEADERS, *DROPPED)}

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [(name, value) for name, value in message.get("headers", ()) if name.lower() not in replaced]
            message = {**message, "headers": [_kept_to(secure, header) for header in (*kept, *own)]}
        await send(message)

    return sent


def _kept_to(secure: str, header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """A header of an answer; a cookie with `secure`."""
    name, value = header
    plain = secure and name.lower() == b"set-cookie" and b"; secure" not in value.lower()
    return (name, value + secure.encode()) if plain else header


async def _answer(send: Send, status: int, sentence: str, headers: Headers = ()) -> None:
    """A whole answer of plain text."""
    body = sentence.encode()
    about = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    about.append((b"cache-control", b"no-store"))
    await send({"type": "http.response.start", "status": status, "headers": [*about, *headers]})
    await send({"type": "http.response.body", "body": body})
