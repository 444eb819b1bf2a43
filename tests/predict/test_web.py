"""Files of the web from a server on this machine that does what servers should not."""

import gzip
import threading
import time
from collections.abc import Iterator
from http.client import BadStatusLine
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from derm.errors import ImageRefused
from derm.predict import remote, web
from derm.predict.web import WebFault, fetch_web

CONTENT = bytes(range(256)) * 4000
"""A megabyte, more than arrives at once."""


class Hostile(BaseHTTPRequestHandler):
    """Does what the path says."""

    def log_message(self, *said: object) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Authorization")))
        getattr(self, self.path.strip("/").partition("?")[0])()

    def tell(self, status: int = 200, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def in_two(self) -> None:
        self.tell(Content_Length=len(CONTENT))
        self.wfile.write(CONTENT[:1000])
        self.wfile.flush()
        time.sleep(0.05)
        self.wfile.write(CONTENT[1000:])

    def without_length(self) -> None:
        self.tell()
        self.wfile.write(CONTENT)

    def short(self) -> None:
        self.tell(Content_Length=2 * len(CONTENT))
        self.wfile.write(CONTENT)

    def packed(self) -> None:
        content = gzip.compress(CONTENT)
        self.tell(Content_Encoding="gzip", Content_Length=len(content))
        self.wfile.write(content)

    def endless(self) -> None:
        self.tell()
        while not self.server.over.is_set():
            self.wfile.write(CONTENT)

    def dripping(self) -> None:
        self.tell(Content_Length=len(CONTENT))
        while not self.server.over.wait(0.02):
            self.wfile.write(b"x")

    def dripping_header(self) -> None:
        while not self.server.over.wait(0.02):
            self.wfile.write(b"x")

    def garbage(self) -> None:
        self.wfile.write(b"\x1b[2J\0\xff" * 100)

    def failing(self) -> None:
        self.tell(503)

    def wrong(self) -> None:
        self.tell(400)

    def absent(self) -> None:
        self.tell(404)

    def closed(self) -> None:
        self.tell(403)

    def on(self) -> None:
        self.tell(302, Location=self.path.partition("?")[2])

    def round(self) -> None:
        self.tell(302, Location="/round")


@pytest.fixture
def server(monkeypatch) -> Iterator[ThreadingHTTPServer]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    made = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    made.daemon_threads, made.over, made.asked = True, threading.Event(), []
    made.handle_error = lambda *_: None  # whoever asked has hung up
    threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield made
    made.over.set()
    made.shutdown()
    made.server_close()


@pytest.fixture
def base(server) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


@pytest.mark.parametrize("path", ["in_two", "without_length", "on?/in_two"])
def test_what_comes_in_pieces_is_whole(base, path):
    assert fetch_web(f"{base}/{path}", 1 << 22) == CONTENT


def test_no_more_is_taken_than_was_asked_for(base):
    assert fetch_web(f"{base}/endless", 5000) == CONTENT[:5000]


@pytest.mark.parametrize(
    ("path", "fault", "said"),
    [
        ("short", WebFault, r"broke off \d+ bytes before the end"),
        ("packed", WebFault, "packed as gzip, which was not asked for"),
        ("dripping", WebFault, "in time|within 0 s"),
        ("dripping_header", WebFault, "within 0 s"),
        ("failing", WebFault, "answers 503"),
        ("absent", FileNotFoundError, None),
        ("closed", PermissionError, None),
        ("round", WebFault, "answers 302"),
        ("on?ftp://127.0.0.1/a", WebFault, "sends us on to ftp://"),
        ("on?file:///etc/passwd", WebFault, "not allowed"),
        ("garbage", BadStatusLine, None),
    ],
)
def test_what_goes_wrong_is_a_fault_in_time(base, path, fault, said):
    with pytest.raises(fault, match=said):
        fetch_web(f"{base}/{path}", 1 << 22, deadline=0.3 if "dripping" in path else 60)


def test_nobody_outside_sends_us_inside(base, monkeypatch):
    monkeypatch.setattr(web, "_is_inside", lambda host: host == "127.0.0.1")
    outside = base.replace("127.0.0.1", "localhost")
    with pytest.raises(WebFault, match="sends us on to an address inside this network"):
        fetch_web(f"{outside}/on?{base}/in_two", 1 << 22)
    assert fetch_web(f"{base}/on?{base}/in_two", 1 << 22) == CONTENT  # whoever is inside may


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "169.254.169.254", "10.0.0.1", "localhost"])
def test_addresses_of_this_network_are_known(host):
    assert web._is_inside(host)


def test_addresses_beyond_it_are_known():
    assert not web._is_inside("8.8.8.8")
    assert not web._is_inside("")


def test_a_password_goes_to_its_server_alone(base, server):
    own = base.replace("http://", "http://me:a%40b@")
    fetch_web(f"{own}/on?{base}/in_two", 1 << 22)
    assert server.asked == [(f"/on?{base}/in_two", "Basic bWU6YUBi"), ("/in_two", None)]


def test_a_picture_that_cannot_be_fetched_is_one_sentence_after_three_tries(base, server, monkeypatch):
    monkeypatch.setattr(remote, "WAITS", (0.0, 0.0))
    with pytest.raises(ImageRefused, match=r"cannot be fetched \(WebFault: the server answers 503 .*check address and"):
        remote.RemotePicture(f"{base}/failing").read()
    assert len(server.asked) == 3
    with pytest.raises(ImageRefused) as refused:
        remote.RemotePicture(f"{base}/garbage").read()
    assert str(refused.value).isprintable()
    with pytest.raises(ImageRefused, match="There is nothing at"):
        remote.RemotePicture(f"{base}/absent").read()
    assert len(server.asked) == 3 + 3 + 1


@pytest.mark.parametrize(
    ("path", "said"), [("wrong", "answers 400"), ("packed", "packed as gzip"), ("on?ftp://127.0.0.1/a", "sends us on")]
)
def test_what_is_final_is_not_tried_again(base, server, path, said):
    with pytest.raises(ImageRefused, match=said):
        remote.RemotePicture(f"{base}/{path}").read()
    assert len(server.asked) == 1
