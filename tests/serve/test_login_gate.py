"""The gate for those who are logged in, attacked as a stranger or another visitor would, around an app that answers.

The app plays Streamlit: it sets a login's cookies where the provider sends people back to, and says what it was asked.
"""

import asyncio
import time
from dataclasses import replace
from html import escape
from secrets import token_hex
from urllib.parse import quote, urlsplit

import pytest
from logins import LOGIN, claims, cookies

from derm.serve import words
from derm.serve.claims import USER, pseudonym
from derm.serve.gate import MOST_LINE, Gate
from derm.serve.login_gate import LoginGate, Wire
from derm.serve.opening import Opening
from derm.serve.sessions import Sessions

HOST = "derm.example"
SESSION = "__Host-derm-session"
SAID = {"/media/" + "a" * 32: "ada", "/media/" + "b" * 32: "bob"}
UPLOADED = "/_stcore/upload_file/" + "-".join(["0" * 8, "0" * 4, "0" * 4, "0" * 4, "0" * 12])
PAGE = {"accept": "text/html"}


class Played:
    """Streamlit, as far as the gate sees it."""

    def __init__(self):
        self.asked, self.login, self.says, self.status = [], cookies(claims()), [], 200

    async def __call__(self, scope, receive, send):
        self.asked.append(scope)
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            for text in self.says:
                await send({"type": "websocket.send", "bytes": text})
            while (message := await receive())["type"] != "websocket.disconnect":
                await send({"type": "websocket.send", "bytes": b"heard " + (message.get("bytes") or b"")})
            return
        headers = [(b"x-app", b"passed")]
        if scope["path"].endswith("/oauth2callback"):
            headers += [(b"location", b"/"), (b"set-cookie", b"_streamlit_session=null; path=/")]
            headers += [(b"set-cookie", f"{name}={value}; Path=/".encode()) for name, value in self.login.items()]
        if scope["path"] == "/auth/login":
            headers += [(b"location", b"https://id.example/authorize"), (b"set-cookie", b"_streamlit_session=state")]
            headers += [(b"content-length", b"3")]
        if scope["path"] == "/auth/logout":
            headers += [(b"location", b"https://id.example/end?hint=1"), (b"set-cookie", b"_streamlit_user=; Path=/")]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"app"})


def files_told(content):
    """Addresses that the server tells, and not what it repeats."""
    return [] if content.startswith(b"heard ") else content.decode().split()


def file_asked(content):
    return content.removeprefix(b"make ").decode() if content.startswith(b"make ") else None


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Visited:
    """A served app with somebody's cookies."""

    def __init__(self, login=LOGIN, grace=0.0, idle=None):
        self.clock = Clock()
        self.sessions = Sessions(idle or login.idle, login.longest, self.clock)
        self.app = Played()
        wire = Wire(lambda: "/auth/login?provider=signed", b"clock".__ne__, b"farewell", files_told, file_asked)
        inner = LoginGate(self.app, login, self.sessions, wire, grace)
        self.gate = Gate(inner, Opening(login_origin=login.origin))

    def scope(self, path="/", query="", kind="http", method="GET", cookie="", **headers):
        told = {"host": HOST, **headers, **({"cookie": cookie} if cookie else {})}
        listed = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in told.items()]
        return {
            "type": kind, "path": path, "query_string": query.encode(), "server": ("127.0.0.1", 8501),
            "method": method, "headers": listed,
        }  # fmt: skip

    def ask(self, *place, **asked):
        """Status, headers in order, body."""
        sent = []

        async def send(message):
            sent.append(message)

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        asyncio.run(self.gate(self.scope(*place, **asked), receive, send))
        if asked.get("kind") == "websocket":
            return {"websocket.accept": 101, "websocket.close": 403}[sent[0]["type"]], [], b""
        headers = [(name.decode().lower(), value.decode()) for name, value in sent[0]["headers"]]
        return sent[0]["status"], headers, sent[1]["body"].decode()

    def log_in(self, name="ada", **said):
        """The cookie of a session."""
        self.app.login = cookies(claims(name, **said))
        status, headers, _ = self.ask("/oauth2callback", "code=1&state=2")
        assert status == 303
        (made,) = [value for key, value in headers if key == "set-cookie" and value.startswith(SESSION)]
        return made.partition(";")[0]


def passed(answer):
    return ("x-app", "passed") in answer[1]


EVERYWHERE = [
    "/", "/Monitor", "/Cases", "/static/js/main.js", "/static/media/font.woff2", "/app/static/picture.png", *SAID,
    "/media/x", f"{UPLOADED}/{UPLOADED[-36:]}", "/_stcore/host-config", "/_stcore/stream",
        "/_stcore/bidi-components/derm_cases/x.js", "/component/some/index.html",
    "//media/" + "a" * 32, "/./", "/../etc/passwd",
    "/LOGIN", "/Login", "/login/", "//login", "/auth/login/", "/AUTH/LOGIN", "/auth//login", "/oauth2callback/",
    "/oauth2callback/../Cases", "/healthz/", "/HEALTHZ", "/healthz/../Cases", "/Cases/healthz", "/x/_stcore/health",
    "/_stcore/upload_file/_stcore/health", "/_stcore/health/", "/_stcore/health/../stream", "/media/../_stcore/health",
    "/%2e%2e/login", "/login%00", "/login;x=1", "\\login", "", "login", "/_stcore/health?", "/favicon.png",
    "/robots.txt",
]  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "login"])
def test_a_stranger_gets_nothing_anywhere(method):
    visited = Visited()
    for path in EVERYWHERE:
        for headers in (
            {},
            PAGE,
            {"x_http_method_override": "GET", "x_original_url": "/login", "x_forwarded_user": "ada"},
        ):
            status, _, body = visited.ask(path, "state=1", method=method, **headers)
            assert status == 401, path
            assert words.LOG_IN_FIRST in body
    assert visited.app.asked == []


def test_a_stranger_s_websocket_is_refused_before_it_is_accepted():
    visited = Visited()
    for path in EVERYWHERE:
        assert visited.ask(path, kind="websocket")[0] == 403
    for extra in (
        {"origin": f"https://{HOST}"},
        {"sec_websocket_protocol": "streamlit, x, tab"},
        {"derm_session": "x"},
    ):
        assert visited.ask("/_stcore/stream", kind="websocket", **extra)[0] == 403
    assert visited.app.asked == []


def test_only_the_ways_in_and_the_health_are_open_and_only_to_get():
    visited = Visited()
    assert visited.ask("/login")[0] == 303
    assert visited.ask("/auth/login", "provider=signed")[0] == 303
    assert visited.ask("/_stcore/health")[0] == visited.ask("/_stcore/health", method="HEAD")[0] == 200
    assert visited.ask("/healthz", host="10.0.0.7")[0] == 503
    for path in ("/login", "/auth/login", "/oauth2callback", "/auth/logout", "/_stcore/health", "/healthz"):
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "get"):
            assert visited.ask(path, method=method)[0] == 401, (path, method)


@pytest.mark.parametrize(
    "host", ["evil.example", "derm.example.evil.example", "derm.example@evil.example", "10.0.0.7", ""]
)
def test_another_name_is_refused_even_with_a_session(host):
    visited = Visited()
    cookie = visited.log_in()
    assert visited.ask(cookie=cookie, host=host)[0] == 403
    assert visited.ask("/oauth2callback", "code=1&state=2", host=host)[0] == 403
    assert visited.ask("/_stcore/stream", kind="websocket", cookie=cookie, host=host)[0] == 403


def test_a_page_of_another_site_is_refused_with_a_session():
    visited = Visited()
    cookie = visited.log_in()
    for origin in ("https://evil.example", f"https://{HOST}:8443", f"http://{HOST}"):
        assert visited.ask(cookie=cookie, kind="websocket", origin=origin)[0] == 403
    assert visited.ask(cookie=cookie, method="PUT", origin="https://evil.example")[0] == 403
    assert visited.ask(cookie=cookie, sec_fetch_site="cross-site", sec_fetch_mode="no-cors")[0] == 403


def claimed():
    """Cookies that a browser may claim: Streamlit's own in every state, and what looks like a session."""
    right = cookies(claims())[USER]
    long = cookies(claims(groups=[token_hex(50) for _ in range(80)]))
    yield f"{USER}={right}"  # signed by this very server, as Streamlit alone would take it
    yield f"{USER}={cookies(claims(exp=1))[USER]}"
    yield f"{USER}={cookies(claims(iss='https://evil.example'))[USER]}"
    yield f"{USER}={cookies(claims(), secret='another secret of 32 characters!!')[USER]}"
    yield f"{USER}={right}; {USER}={right}"
    yield "; ".join(f"{name}={value}" for name, value in long.items())
    yield f"{SESSION}="
    yield f"{SESSION}={'a' * 43}"
    yield f"{SESSION}={'a' * 5_000_000}"
    yield f"{SESSION}=" + "\xe9" * 43
    yield "; ".join(f"{SESSION}_{place}={'a' * 43}" for place in range(3000))
    yield "derm-session=" + "a" * 43
    yield "=;;;==;" * 1000


@pytest.mark.parametrize("place", range(13))
def test_a_claimed_login_is_none(place):
    visited = Visited()
    cookie = list(claimed())[place]
    refused = 401 if len(cookie) < MOST_LINE else 431
    assert visited.ask(cookie=cookie)[0] == refused
    assert visited.ask("/_stcore/stream", kind="websocket", cookie=cookie)[0] == 403
    assert visited.ask(f"{UPLOADED}/{UPLOADED[-36:]}", method="PUT", cookie=cookie)[0] == refused
    assert visited.app.asked == []


def test_a_login_leaves_the_browser_a_secret_and_nothing_else():
    visited = Visited()
    visited.app.login = cookies(claims()) | cookies({"id_token": "x"}, name="_streamlit_user_tokens")
    status, headers, _ = visited.ask("/oauth2callback", "code=1&state=2")
    made = [value for name, value in headers if name == "set-cookie"]
    assert status == 303
    assert [value for value in made if "_streamlit_user" in value] == []
    (own,) = [value for value in made if value.startswith(SESSION)]
    assert own.endswith("; Path=/; HttpOnly; SameSite=Lax; Max-Age=36000; Secure")
    assert len(own.partition(";")[0]) == len(SESSION) + 1 + 43
    assert "_streamlit_session=null; path=/" in made  # the provider's state is let go
    assert passed(visited.ask(cookie=own.partition(";")[0]))


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"iss": "https://evil.example"}, words.FOREIGN_LOGIN),
        ({"aud": "another"}, words.FOREIGN_LOGIN),
        ({"exp": 1}, words.OLD_LOGIN),
        ({"email": "eve@derm.example"}, words.no_role("eve@derm.example")),
        ({"email": "<b>@derm.example"}, words.no_role("<b>@derm.example")),
        ({"email_verified": False}, words.no_role(pseudonym("https://id.example", "ada"))),
    ],
)
def test_a_login_that_does_not_count_gets_one_sentence_and_no_session(said, sentence):
    visited = Visited()
    visited.app.login = cookies(claims(**said))
    status, headers, body = visited.ask("/oauth2callback", "code=1&state=2")
    assert status == 403
    assert escape(sentence) in body
    assert [value for name, value in headers if name == "set-cookie"] == ["_streamlit_session=null; path=/"]
    assert len(visited.sessions) == 0


def test_a_login_that_the_provider_refused_is_said():
    visited = Visited()
    visited.app.login = {USER: '""'}  # what Streamlit sets to take a cookie away
    assert words.NOT_LOGGED_IN in visited.ask("/oauth2callback", "error=access_denied")[2]
    assert words.LOG_IN_FIRST in visited.ask("/oauth2callback")[2]  # back from the provider's logout
    assert len(visited.sessions) == 0


def test_the_way_leads_to_the_provider_or_says_that_it_does_not_answer():
    visited = Visited()
    status, headers, body = visited.ask("/auth/login", "provider=signed")
    assert (status, body) == (303, "")
    assert ("location", "https://id.example/authorize") in headers
    assert ("set-cookie", "_streamlit_session=state") in headers
    visited.app.status = 400
    status, _, body = visited.ask("/auth/login", "provider=signed")
    assert status == 502
    assert words.NO_PROVIDER in body


def test_the_page_that_was_asked_for_comes_after_the_login():
    visited = Visited()
    link = visited.ask("/Monitor", "run=a&part=<b>", **PAGE)[2].partition('href="')[2].partition('"')[0]
    assert link == "/login?to=%2FMonitor%3Frun%3Da%26part%3D%3Cb%3E"
    _, headers, _ = visited.ask("/login", urlsplit(link).query)
    back = dict(headers)["set-cookie"].partition(";")[0]
    visited.app.login = cookies(claims())
    _, headers, _ = visited.ask("/oauth2callback", "code=1&state=2", cookie=back)
    assert dict(headers)["location"] == "/Monitor?run=a&part=<b>"


@pytest.mark.parametrize(
    "told",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil",
        "evil",
        "/a b",
        "/a\r\nx: y",
        "/\tx",
        "/é",
        "/" + "a" * 600,
    ],
)
def test_a_login_leads_to_no_other_place(told):
    visited = Visited()
    _, headers, _ = visited.ask("/login", f"to={quote(told, safe='')}")
    assert dict(headers)["set-cookie"].startswith("derm-back=%2F;")
    _, headers, _ = visited.ask("/oauth2callback", "code=1&state=2", cookie=f"derm-back={quote(told, safe='')}")
    assert dict(headers)["location"] == "/"


def test_the_app_learns_the_session_and_never_its_secret():
    visited = Visited()
    cookie = visited.log_in()
    theirs = (
        f"a=1; {USER}={cookies(claims('bob'))[USER]}; {USER}_1=x; {USER}_tokens=y; {cookie}; derm-back=%2F; b=2; {USER}"
    )
    visited.ask(cookie=theirs, derm_session="forged")
    headers = visited.app.asked[-1]["headers"]
    assert [value for name, value in headers if name == b"cookie"] == [f"a=1; b=2; {USER}".encode()]
    (key,) = [value.decode() for name, value in headers if name == b"derm-session"]
    assert visited.sessions.known(key).account.id == pseudonym("https://id.example", "ada")
    assert cookie.partition("=")[2] not in str(headers)


def test_two_secrets_are_none():
    visited = Visited()
    ada, bob = visited.log_in(), visited.log_in("bob")
    assert visited.ask(cookie=f"{ada}; {bob}")[0] == 401


def test_logout_ends_the_session_on_the_server():
    visited = Visited()
    cookie, other = visited.log_in(), visited.log_in()
    status, headers, _ = visited.ask("/auth/logout", cookie=cookie)
    assert status == 303
    assert ("location", "https://id.example/end?hint=1") in headers
    assert ("clear-site-data", '"cache", "storage"') in headers
    assert f"{SESSION}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Secure" in dict(headers)["set-cookie"]
    told = dict(visited.app.asked[-1]["headers"])[b"cookie"].decode()
    assert told.startswith(f"{USER}=")  # so that the provider hears of it
    assert visited.ask(cookie=cookie)[0] == 401
    assert visited.ask(f"{UPLOADED}/{UPLOADED[-36:]}", method="PUT", cookie=cookie)[0] == 401
    assert visited.ask("/_stcore/stream", kind="websocket", cookie=cookie)[0] == 403
    assert dict(visited.ask("/auth/logout", cookie=cookie)[1])["location"] == "/"
    assert passed(visited.ask(cookie=other))


def test_another_site_logs_nobody_out():
    visited = Visited()
    cookie = visited.log_in()
    assert visited.ask("/auth/logout", cookie=cookie, sec_fetch_site="cross-site", sec_fetch_mode="navigate")[0] == 403
    assert passed(visited.ask(cookie=cookie))


def test_a_new_login_ends_the_one_before_in_the_same_browser():
    visited = Visited()
    before = visited.log_in()
    visited.ask("/oauth2callback", "code=1&state=2", cookie=before)
    assert visited.ask(cookie=before)[0] == 401
    assert len(visited.sessions) == 1


def test_a_session_ends_without_use_and_in_time():
    visited = Visited()
    cookie = visited.log_in()
    for _ in range(2):
        visited.clock.now += 1700
        assert passed(visited.ask(cookie=cookie, **PAGE))
    for _ in range(2):  # parts of a page come by a clock, too
        visited.clock.now += 1000
        status = visited.ask("/static/x.js", cookie=cookie)[0]
    assert status == 401
    cookie = visited.log_in()
    while visited.clock.now < 3500 + 36000 + 2000:
        visited.clock.now += 1000
        status = visited.ask(cookie=cookie, **PAGE)[0]
    assert status == 401


async def talk(visited, cookie, *messages, end=None, protocol="streamlit, xsrf"):
    """What a browser hears that connects, says `messages`, and stays until `end` was awaited, or leaves."""
    heard, said = [], asyncio.Queue()
    for message in messages:
        said.put_nowait({"type": "websocket.receive", "bytes": message})

    async def send(message):
        heard.append(message.get("bytes") or message["type"])

    scope = visited.scope("/_stcore/stream", kind="websocket", cookie=cookie, sec_websocket_protocol=protocol)
    task = asyncio.ensure_future(visited.gate(scope, said.get, send))
    await asyncio.sleep(0.02)
    if end is None:
        said.put_nowait({"type": "websocket.disconnect", "code": 1000})
    else:
        end()
    await asyncio.wait_for(task, 5)
    return heard


def test_a_file_is_for_the_session_that_was_told_of_it():
    visited = Visited()
    ada, bob = visited.log_in(), visited.log_in("bob")
    (first, second), upload = SAID, f"{UPLOADED}/{UPLOADED[-36:]}"
    for cookie, file in ((ada, first), (bob, second)):
        visited.app.says = [file.encode(), f"{file}.png".encode()]
        asyncio.run(talk(visited, cookie))
    visited.app.says = [upload.encode()]
    asyncio.run(talk(visited, ada))
    for place in (f"{first}.png", first):
        assert passed(visited.ask(place, cookie=ada))
        assert ("cache-control", "no-store") in visited.ask(place, cookie=ada)[1]
        assert visited.ask(place, cookie=bob)[::2] == (403, words.ANOTHERS)
    for place in (
        f"{second}.png", f"/media//{second[7:]}", f"/media/./{second[7:]}", f"{first}/../{second[7:]}",
        f"{first}.png/x",
        "/media/", "/media/x.png", second.upper().replace("MEDIA", "media"),
    ):  # fmt: skip
        assert visited.ask(place, cookie=ada)[0] == 403
    for method in ("PUT", "DELETE"):
        assert passed(visited.ask(upload, method=method, cookie=ada))
        assert visited.ask(upload, method=method, cookie=bob)[0] == 403
        assert visited.ask(upload + "/x", method=method, cookie=ada)[0] == 403
        assert visited.ask(f"{UPLOADED}/x", method=method, cookie=ada)[0] == 403
    visited.app.says = []
    asyncio.run(talk(visited, bob, first.encode()))  # which the server repeats
    assert visited.ask(first, cookie=bob)[0] == 403


def test_a_file_is_made_for_the_session_that_was_told_its_name():
    visited = Visited()
    ada, bob = visited.log_in(), visited.log_in("bob")
    visited.app.says = [b"table"]
    assert b"heard make table" in asyncio.run(talk(visited, ada, b"make table"))
    visited.app.says = []
    assert asyncio.run(talk(visited, bob, b"make table", b"a")) == ["websocket.accept", b"heard a"]


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ("streamlit, xsrf, own", "streamlit, xsrf, own"),
        ("streamlit, xsrf, theirs", "streamlit, xsrf"),
        ("streamlit, xsrf, own, theirs", "streamlit, xsrf, own, theirs"),
        ("streamlit,xsrf,", "streamlit, xsrf"),
        ("streamlit", "streamlit"),
    ],
)
def test_a_page_of_somebody_else_is_not_gone_on_with(protocol, expected):
    visited = Visited()
    cookie, theirs = visited.log_in(), visited.log_in("bob")
    find = visited.sessions.find
    visited.sessions.bind(find(cookie.partition("=")[2]), "own")
    visited.sessions.bind(find(theirs.partition("=")[2]), "theirs")
    asyncio.run(talk(visited, cookie, protocol=protocol))
    assert dict(visited.app.asked[-1]["headers"])[b"sec-websocket-protocol"].decode() == expected


def test_an_open_page_hears_of_the_logout_and_nothing_after_it():
    visited = Visited()
    cookie = visited.log_in()
    session = visited.sessions.find(cookie.partition("=")[2])
    heard = asyncio.run(talk(visited, cookie, b"a", end=lambda: visited.sessions.end(session)))
    assert heard == ["websocket.accept", b"heard a", b"farewell", "websocket.close"]


@pytest.mark.parametrize(("message", "left"), [(b"click", 60.0), (b"clock", 20.0)])
def test_an_open_page_that_runs_by_a_clock_is_not_used(message, left):
    visited = Visited(idle=60.0)
    cookie = visited.log_in()
    session = visited.sessions.find(cookie.partition("=")[2])
    visited.clock.now += 40
    asyncio.run(talk(visited, cookie, message))
    assert visited.sessions.left(session) == left


def test_an_open_page_is_closed_when_its_time_is_over():
    visited = Visited(grace=60.0, idle=0.05)
    visited.sessions._clock = time.monotonic
    heard = asyncio.run(talk(visited, visited.log_in(), end=lambda: None))
    assert heard == ["websocket.accept", b"farewell", "websocket.close"]
    assert len(visited.sessions) == 0


def test_under_a_path_everything_lies_under_it():
    login = replace(LOGIN, redirect=urlsplit("https://derm.example/app/oauth2callback"))
    visited = Visited(login)
    assert visited.ask("/app/login")[0] == 303
    for path in ("/login", "/app", "/apps/login", "/app/app/login", "/_stcore/health", "/oauth2callback"):
        assert visited.ask(path)[0] == 401, path
    _, headers, _ = visited.ask("/app/oauth2callback", "code=1&state=2")
    assert dict(headers)["location"] == "/app/"
    assert [value for name, value in headers if "__Secure-derm-session=" in value and "; Path=/app; " in value]
    assert 'href="/app/login?to=%2Fapp%2FCases"' in visited.ask("/app/Cases", **PAGE)[2]
