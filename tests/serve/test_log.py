"""What the server writes down: lines of JSON in which nobody is named."""

import asyncio
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from derm.serve.log import WANTED, JsonLines, RequestLog, kind_of, wanted

ROOT = Path(__file__).parents[2]

NAMES = ("ada", "secret", "10.1.2.3", "picture.jpg")


def line(*arguments, fault=None, **extra):
    record = logging.LogRecord("derm.serve", logging.INFO, __file__, 1, arguments[0], arguments[1:], None)
    if fault:
        try:
            raise fault
        except type(fault) as found:
            record.exc_info = (type(found), found, found.__traceback__)
    record.__dict__.update(extra)
    return JsonLines().format(record)


def test_a_line_is_json_without_what_was_filled_in():
    told = json.loads(line("cannot read %s", "ada's picture.jpg", status=403, user="ada"))
    assert told.pop("time").endswith("+00:00")
    assert told == {"level": "info", "logger": "derm.serve", "message": "cannot read %s", "status": 403}


def test_a_fault_is_told_by_kind_and_place():
    text = line("failed", fault=ValueError("ada's picture.jpg"))
    assert json.loads(text)["fault"] == "ValueError"
    assert json.loads(text)["at"][0].startswith(f"{__file__}:")
    assert "ada" not in text


def test_what_is_logged_otherwise_than_as_text_is_told_by_its_kind():
    assert json.loads(line(KeyError("ada")))["message"] == "KeyError"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/", "/"),
        ("/Monitor", "/Monitor"),
        ("/media/0123.png", "/media/…"),
        ("/_stcore/upload_file/a/b", "/_stcore/upload_file/…"),
        ("/_stcore/stream", "/_stcore/stream"),
        ("/ada", "other"),
        ("/mediaada", "other"),
        ("\n", "other"),
    ],
)
def test_paths_are_told_by_kind(path, told):
    assert kind_of(path) == told


def test_requests_are_counted_and_nobody_named(caplog):
    async def app(scope, receive, send):
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "bytes": b"12"})
        elif scope["type"] == "http":
            await send({"type": "http.response.start", "status": 201, "headers": []})
            await send({"type": "http.response.body", "body": b"123"})

    async def ask(kind, path, method="GET"):
        async def send(message):
            pass

        headers = [(b"cookie", b"derm-session=secret"), (b"x-forwarded-for", b"10.1.2.3")]
        scope = {"type": kind, "path": path, "query_string": b"q=ada", "method": method, "client": ("10.1.2.3", 1)}
        await RequestLog(app, "/derm")({**scope, "headers": headers}, None, send)

    with caplog.at_level(logging.INFO, "derm.serve.request"):
        asyncio.run(ask("lifespan", ""))
        asyncio.run(ask("http", "/media/ada.png", "ada"))
        asyncio.run(ask("websocket", "/_stcore/stream"))
        asyncio.run(ask("http", "/derm/Monitor"))  # below the path that the app lies under
        asyncio.run(ask("http", "/derm"))
    told = [json.loads(JsonLines().format(record)) for record in caplog.records]
    assert [(one["kind"], one["method"], one["path"], one["status"], one["bytes"]) for one in told] == [
        ("http", "other", "/media/…", 201, 3),
        ("websocket", "GET", "/_stcore/stream", 101, 2),
        ("http", "GET", "/Monitor", 201, 3),
        ("http", "GET", "/", 201, 3),
    ]
    assert not [name for name in NAMES if name in json.dumps(told)]


SCRIPT = """
import logging, streamlit.logger
from derm.serve.log import write_json
streamlit.logger.get_logger("streamlit.some").warning("lost, before")
write_json()
streamlit.logger.get_logger("streamlit.some").warning("of %s", "ada")
logging.getLogger("derm.serve").info("login", extra={"roles": ["reader"]})
logging.getLogger("uvicorn.access").warning("%s", "10.1.2.3")
"""


def test_json_is_written_where_it_is_asked_for():
    assert wanted({WANTED: "json"})
    assert not wanted({})
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, cwd=ROOT)
    told = [json.loads(one) for one in done.stderr.splitlines()[1:]]
    assert [(one["message"], one.get("roles")) for one in told] == [("of %s", None), ("login", ["reader"])]
