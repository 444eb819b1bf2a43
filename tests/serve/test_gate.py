"""The gate, alone around an application that answers everything, and as the served app has it."""

import asyncio
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from starlette.datastructures import Headers
from streamlit import config
from streamlit.web.server.starlette.starlette_websocket import _is_origin_allowed

from derm.serve import words
from derm.serve.gate import BROWSER, COOKIE, Gate
from derm.serve.headers import HEADERS, POLICY
from derm.serve.opening import INSECURE, TOKEN, Opening

ROOT = Path(__file__).parents[2]
SECRET = "a token of this test"
OPEN = {"access-control-allow-origin": "*", "x-frame-options": "ALLOW", "content-type": "text/html"}


async def everything(scope, receive, send):
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
    elif scope["type"] == "lifespan":
        await send({"type": "lifespan.startup.complete"})
    else:
        headers = [(name.title().encode(), value.encode()) for name, value in OPEN.items()]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"app"})


def ask(opening=None, path="/", query="", kind="http", server=("127.0.0.1", 8501), method="GET", **headers):
    """What the gate sends: status (101 for an accepted websocket), headers by name, body."""
    headers = {"host": "localhost:8501", **{name.replace("_", "-"): value for name, value in headers.items()}}
    sent = []
    scope = {"type": kind, "path": path, "query_string": query.encode(), "server": server, "method": method}
    scope["headers"] = [
        (name.encode(), value.encode("latin-1")) for name, value in headers.items() if value is not None
    ]

    async def send(message):
        sent.append(message)

    asyncio.run(Gate(everything, opening or Opening())(scope, None, send))
    if kind == "websocket":
        return {"websocket.accept": 101, "websocket.close": 403}[sent[0]["type"]], {}, b""
    return (
        sent[0]["status"],
        {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]},
        sent[1]["body"],
    )


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_the_app_s_own_pages_are_let_in(kind):
    passed = {"http": 200, "websocket": 101}[kind]
    assert ask(kind=kind)[0] == passed
    assert ask(kind=kind, origin="http://localhost:8501", sec_fetch_site="same-origin")[0] == passed


BEHIND = Opening(hosts=("derm.example",))
THIS = socket.gethostname()


@pytest.mark.parametrize(
    ("opening", "host", "origin"),
    [
        (Opening(), "localhost:8501", None),
        (Opening(), "localhost:8501", "http://localhost:8501"),
        (Opening(), "LOCALHOST.:8501", "http://localhost:8501"),
        (Opening(), "localhost", "http://localhost:80"),
        (Opening(), "[::1]:8501", "http://[::1]:8501"),
        (BEHIND, "derm.example", "https://derm.example"),
        (BEHIND, "DERM.EXAMPLE", "https://derm.example"),
        (BEHIND, "derm.example", "https://DERM.example."),
        (BEHIND, "derm.example:443", "https://derm.example"),
        (BEHIND, "derm.example", "https://derm.example:443"),
        (BEHIND, "127.0.0.1:8501", "https://derm.example"),
        (Opening(login_origin="https://derm.example"), "localhost:8501", "https://derm.example"),
        (Opening(insecure=True), f"{THIS.upper()}.:8501", f"http://{THIS.lower()}:8501"),
        (Opening(insecure=True), "10.1.2.3.:8501", "http://10.1.2.3:8501"),
        (Opening(token=SECRET), "[FE80::1]:8501", "http://[fe80::1]:8501"),
    ],
)
def test_streamlit_takes_every_handshake_that_is_let_in_and_asks_nobody_for_the_machine_s_address(
    opening, host, origin, monkeypatch
):
    passed = []

    async def app(scope, _receive, _send):
        passed.append(scope)

    headers = {"host": host, "origin": origin, "x-forwarded-proto": "https" if opening.hosts else None}
    if opening.token:
        headers["cookie"] = f"{COOKIE}={opening.cookie}"
    scope = {"type": "websocket", "path": "/_stcore/stream", "query_string": b"", "server": ("127.0.0.1", 8501)}
    scope["headers"] = [(name.encode(), value.encode()) for name, value in headers.items() if value is not None]
    asyncio.run(Gate(app, opening)(scope, None, None))
    told = Headers(scope=passed[0])
    monkeypatch.setattr("streamlit.net_util._make_blocking_http_get", lambda *_, **__: pytest.fail("it was asked for"))
    option = config.get_option
    hosts = option("server.allowedHosts") if opening == Opening() else ["*"]  # as `derm app` sets them
    monkeypatch.setattr(config, "get_option", lambda name: hosts if name == "server.allowedHosts" else option(name))
    assert told.get("origin") == origin
    assert _is_origin_allowed(told.get("origin"), told.get("host"))


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example:8501"},
        {"host": None},
        {"host": "evil.example:8501", "origin": "http://evil.example:8501"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"},
        {"sec_fetch_site": "same-site", "sec_fetch_mode": "cors"},
    ],
)
def test_others_are_refused(kind, headers):
    assert ask(kind=kind, **headers)[0] == 403
    assert ask(Opening(token=SECRET), kind=kind, **headers)[0] == 403


def test_two_hosts_are_none():
    scope = {"type": "http", "path": "/", "query_string": b"", "server": ("127.0.0.1", 1), "method": "GET"}
    scope["headers"] = [(b"host", b"localhost"), (b"Host", b"localhost")]
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(Gate(everything, Opening())(scope, None, send))
    assert sent[0]["status"] == 403
    assert sent[1]["body"].decode() == words.FOREIGN_HOST


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_line_that_a_websocket_s_handshake_could_not_have_is_refused(kind):
    assert ask(kind=kind, cookie="a=" + "b" * 7900)[0] == ask(kind=kind)[0]
    status, _, body = ask(kind=kind, cookie="a=" + "b" * 8000)
    assert (status, body.decode()) == ((431, words.LONG_HEADER) if kind == "http" else (403, ""))


def test_cookies_of_all_parts_are_kept_to_tls_where_there_is_tls():
    async def behind(_scope, _receive, send):
        headers = [(b"set-cookie", b"_streamlit_xsrf=1; Path=/"), (b"set-cookie", b"own=2; Secure")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    def cookies(**headers):
        sent = []

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "path": "/", "query_string": b"", "server": ("127.0.0.1", 1), "method": "GET"}
        scope["headers"] = [(b"host", b"localhost"), *((key.encode(), value) for key, value in headers.items())]
        asyncio.run(Gate(behind, Opening())(scope, None, send))
        return [value for name, value in sent[0]["headers"] if name == b"set-cookie"]

    assert cookies() == [b"_streamlit_xsrf=1; Path=/", b"own=2; Secure"]
    assert cookies(**{"x-forwarded-proto": b"https"}) == [b"_streamlit_xsrf=1; Path=/; Secure", b"own=2; Secure"]


def test_a_link_on_another_site_may_lead_here():
    assert ask(sec_fetch_site="cross-site", sec_fetch_mode="navigate")[0] == 200


@pytest.mark.parametrize("server", [("192.168.1.2", 8501), ("/run/derm.socket", None), None])
def test_what_comes_in_on_another_address_is_refused_whatever_started_the_server(server):
    status, _, body = ask(server=server)
    assert (status, body.decode()) == (403, words.OTHER_MACHINE)
    assert ask(Opening(insecure=True), server=server)[0] == 200


@pytest.mark.parametrize(
    "path", ["/_stcore/metrics", "/_stcore/metrics/", "/base/_stcore/metrics", "/_stcore/agent/mcp"]
)
def test_what_no_visitor_needs_is_closed(path):
    assert ask(path=path)[0] == 404


@pytest.mark.parametrize(
    "asked", [{}, {"host": "evil.example"}, {"path": "/_stcore/metrics"}, {"opening": Opening(token=SECRET)}]
)
def test_every_answer_has_the_headers(asked):
    headers = ask(**asked)[1]
    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert "access-control-allow-origin" not in headers


def test_pages_load_nothing_from_elsewhere_and_are_shown_nowhere_else():
    assert POLICY["frame-ancestors"] == POLICY["default-src"] == "'none'"
    assert not any("http:" in sources or "*" in sources or "unsafe-eval" in sources for sources in POLICY.values())
    assert "unsafe-inline" not in POLICY["script-src"]


def test_a_token_is_asked_for_and_becomes_a_cookie():
    opening = Opening(token=SECRET)
    assert ask(opening)[0] == 401
    assert ask(opening, query="token=another%20token%20here")[0] == 401
    assert ask(opening, kind="websocket", query=f"token={SECRET}")[0] == 403
    assert ask(opening, query=f"token={SECRET}", method="POST")[0] == 401
    status, headers, _ = ask(opening, path="/Monitor", query="run=a+b&token=a+token+of+this+test")
    assert (status, headers["location"]) == (303, "/Monitor?run=a+b")
    assert headers["set-cookie"] == f"{COOKIE}8501={opening.cookie}; Path=/; HttpOnly; SameSite=Lax"
    assert SECRET not in headers["set-cookie"]
    below = ask(Opening(token=SECRET, path="/derm"), path="/derm/Monitor", query="token=a+token+of+this+test")
    assert "; Path=/derm; " in below[1]["set-cookie"]
    kept = {
        "cookie": f'panes={{"a":[1,2]}}; {COOKIE}8502=of another app; last=Sat 28 Nov; {COOKIE}8501={opening.cookie}'
    }
    assert ask(opening, **kept)[0] == 200
    assert ask(opening, kind="websocket", **kept)[0] == 101
    assert ask(opening, cookie=f"{COOKIE}={SECRET}")[0] == 401
    assert ask(opening, path="/_stcore/health")[0] == 200


def test_a_token_leads_nowhere_else():
    assert (
        ask(Opening(token=SECRET), path="//evil.example/", query=f"token={SECRET}")[1]["location"] == "/evil.example/"
    )
    location = ask(Opening(token=SECRET), path="/a\r\nX-Evil: 1", query=f"token={SECRET}")[1]["location"]
    assert location == "/a%0D%0AX-Evil%3A%201"


def test_the_start_is_told_once():
    told = []

    async def send(message):
        told.append(message["type"])

    asyncio.run(Gate(everything, Opening(), lambda: told.append("started"))({"type": "lifespan"}, None, send))
    assert told == ["lifespan.startup.complete", "started"]


def handshake(port, host, origin):
    """First line of the answer to a websocket's handshake."""
    with socket.create_connection(("127.0.0.1", port), 30) as stream:
        stream.sendall(
            f"GET /_stcore/stream HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: streamlit\r\n\r\n".encode()
        )
        return stream.recv(200).split(b"\r\n")[0]


def fetch(port, path, host):
    """All that the server answers to a GET."""
    with socket.create_connection(("127.0.0.1", port), 30) as stream:
        stream.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: stream.recv(65536), b"")).decode("latin-1")


def start(*arguments, **environment):
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.headless", "true", *arguments]
    given = {name: value for name, value in os.environ.items() if name not in (INSECURE, TOKEN)} | environment
    return subprocess.Popen(command, cwd=ROOT, env=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture(scope="module")
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    with start("--server.port", str(number)) as server:
        try:
            until = time.monotonic() + 120
            while time.monotonic() < until and server.poll() is None:
                try:
                    fetch(number, "/_stcore/health", "localhost")
                    break
                except OSError:
                    time.sleep(0.25)
            yield number
        finally:
            server.kill()


@pytest.mark.slow
def test_plain_streamlit_run_has_the_gate(port):
    for name in (f"127.0.0.1:{port}", f"localhost:{port}"):
        assert handshake(port, name, f"http://{name}") == b"HTTP/1.1 101 Switching Protocols"
    for name, origin in (
        (f"evil.example:{port}", f"http://evil.example:{port}"),
        (f"localhost:{port}", "http://evil.example"),
    ):
        assert handshake(port, name, origin) == b"HTTP/1.1 403 Forbidden"
    page, foreign = fetch(port, "/", f"localhost:{port}"), fetch(port, "/", "evil.example")
    assert page.startswith("HTTP/1.1 200")
    assert foreign.startswith("HTTP/1.1 403")
    for answer in (page, foreign, fetch(port, "/nowhere.js", "localhost"), fetch(port, "/media/x.png", "localhost")):
        assert "frame-ancestors 'none'" in answer
        assert "x-content-type-options: nosniff" in answer
        assert "referrer-policy: no-referrer" in answer
    assert fetch(port, "/_stcore/metrics", "localhost").startswith("HTTP/1.1 404")


@pytest.mark.slow
def test_plain_streamlit_run_does_not_open_the_app():
    with start("--server.port", "0", "--server.address", "0.0.0.0", "--browser.serverAddress", "127.0.0.1") as server:
        try:
            said, _ = server.communicate(timeout=120)
        finally:
            server.kill()
    assert server.returncode == 1
    assert "derm: The app does not listen on 0.0.0.0, for it asks nobody who they are" in said
    assert "Traceback" not in said


def test_a_browser_is_known_again_by_a_secret_of_its_own():
    page = {"accept": "text/html,*/*"}
    first, second = (ask(**page)[1]["set-cookie"] for _ in range(2))
    others = 'panes={"a":[1,2]}; '
    secret = re.fullmatch(rf"{BROWSER}=([0-9a-f]{{32}}); Path=/; HttpOnly; SameSite=Lax; Max-Age=31536000", first)[1]
    assert secret not in second
    assert "set-cookie" not in ask(cookie=f"{others}{BROWSER}={secret}", **page)[1]
    assert "set-cookie" not in ask(path="/static/app.js", accept="*/*")[1]
    assert ask(**page, **{"x-forwarded-proto": "https"})[1]["set-cookie"].endswith("; Secure")


def test_a_name_is_believed_only_from_a_server_in_front():
    headers = {"X-Forwarded-User": " Ada "}
    assert Opening(hosts=("derm.example",), user_header="X-Forwarded-User").name_in(headers) == "Ada"
    assert Opening(hosts=("derm.example",)).name_in(headers) == ""
    assert Opening(token=SECRET, user_header="X-Forwarded-User").name_in(headers) == ""
    assert Opening(hosts=("derm.example",), user_header="X-Forwarded-User").name_in({}) == ""


def test_the_health_is_told_to_everybody_and_says_nothing_else():
    gate, sent = Gate(everything, Opening(token=SECRET)), []

    async def send(message):
        sent.append(message)

    def health(method="GET", path="/healthz"):
        sent.clear()
        scope = {"type": "http", "path": path, "query_string": b"", "server": ("10.0.0.7", 1), "method": method}
        asyncio.run(gate({**scope, "headers": [(b"host", b"10.0.0.7")]}, None, send))
        return sent[0]["status"], sent[1]["body"].decode()

    assert health() == (503, words.STARTING)
    asyncio.run(gate({"type": "lifespan"}, None, send))
    assert health() == health("HEAD") == (200, words.HEALTHY)
    assert health("POST")[0] == 401
    assert health(path="/healthz/")[0] == 401


@pytest.mark.parametrize(
    "path", ["/x/_stcore/health", "/_stcore/upload_file/_stcore/health", "/media/_stcore/health", "/_stcore/health/"]
)
def test_what_ends_like_the_health_asks_for_the_token(path):
    assert ask(Opening(token=SECRET), path)[0] == 401
    assert ask(Opening(token=SECRET), "/_stcore/health")[0] == 200
    assert ask(Opening(token=SECRET), "/_stcore/health", method="PUT")[0] == 401
