"""Files that were made for pages: kept until slow lines have fetched them, for a while and within a limit."""

import asyncio
from threading import Event

import pytest

from derm.serve.fetching import Fetching, MadeFile, MadeFiles

FILE = MadeFile(b"bytes", "text/csv", "cases.csv")


async def passed_on(_scope, _receive, send):
    await send({"type": "passed on"})


def ask(files: MadeFiles, path: str, method: str = "GET", kind: str = "http"):
    """What is sent for a request."""
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(Fetching(passed_on, files)({"type": kind, "path": path, "method": method}, None, send))
    return sent


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def keep(now):
    """Files of at most ten bytes, and how one is kept."""
    files = MadeFiles(most=10, seconds=60, clock=lambda: now[0])

    async def kept(place: str, file: MadeFile) -> None:
        files.keep(place, file)

    return files, lambda place, file=FILE: asyncio.run(kept(place, file))


def test_a_file_is_answered_whole_and_again(keep):
    files, kept = keep
    kept("/media/a1.csv")
    for _ in range(2):
        begin, body = ask(files, "/media/a1.csv")
        headers = dict(begin["headers"])
        assert (begin["status"], body["body"]) == (200, b"bytes")
        assert headers[b"content-disposition"] == b'attachment; filename="cases.csv"'
        assert (headers[b"content-type"], headers[b"content-length"]) == (b"text/csv", b"5")
    assert ask(files, "/media/a1.csv", "HEAD")[1]["body"] == b""


@pytest.mark.parametrize(
    ("path", "method", "kind"),
    [
        ("/media/b.csv", "GET", "http"),
        ("/a1.csv", "GET", "http"),
        ("/x/media/a1.csv", "GET", "http"),  # where a gate that looks at /media/ would not have asked whose it is
        ("//media/a1.csv", "GET", "http"),
        ("/media//a1.csv", "GET", "http"),
        ("/media/a1.csv", "DELETE", "http"),
        ("/media/a1.csv", "GET", "websocket"),
    ],
)
def test_all_else_is_passed_on(keep, path, method, kind):
    files, kept = keep
    kept("/media/a1.csv")
    assert ask(files, path, method, kind) == [{"type": "passed on"}]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Läsion 1.pdf", b"attachment; filename*=utf-8''L%C3%A4sion%201.pdf"),
        ('a"b\r\nX-Evil: 1.pdf', b"attachment; filename*=utf-8''a%22b%0D%0AX-Evil%3A%201.pdf"),
    ],
)
def test_a_name_breaks_out_of_no_header(keep, name, told):
    files, kept = keep
    kept("/media/a", FILE._replace(name=name))
    assert dict(ask(files, "/media/a")[0]["headers"])[b"content-disposition"] == told


def test_a_file_goes_after_its_time_and_the_oldest_when_there_are_too_many(keep, now):
    files, kept = keep
    kept("a")
    now[0] = 30
    kept("b")
    assert files.find("a") == files.find("b") == FILE
    kept("c")
    assert [files.find(place) is not None for place in "abc"] == [False, True, True]
    now[0] = 90
    assert [files.find(place) is not None for place in "abc"] == [False, False, False]
    kept("d", FILE._replace(content=b"x" * 100))
    assert files.find("d") is not None  # larger than all may be, and yet the one that is waited for
    kept("e")
    assert [files.find(place) is not None for place in "de"] == [False, True]


def test_many_may_wait_to_be_made_and_a_quick_one_still_comes(keep):
    files, _ = keep
    free = Event()

    async def app(_scope, _receive, _send):
        waiting = [asyncio.create_task(asyncio.to_thread(free.wait, 20)) for _ in range(90)]
        await asyncio.sleep(0)
        assert await asyncio.wait_for(asyncio.to_thread(str, "quick"), 20) == "quick"
        free.set()
        assert all(await asyncio.gather(*waiting))

    asyncio.run(Fetching(app, files)({"type": "lifespan"}, None, None))
