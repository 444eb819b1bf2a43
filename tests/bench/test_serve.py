"""Visitors without a browser: one real diagnosis over the websocket, and what the bench makes of many."""

import os
from dataclasses import asdict

import numpy as np
import pytest

from derm.api import load
from derm.bench import serve
from derm.bench.serve import Memory, Server, encoded, hostile_pictures
from derm.bench.visitor import Answer, ServedVisitor
from derm.errors import ConfigFault
from derm.predict.case import diagnose_bytes
from derm.predict.words import headline


class Page:
    """A visitor whose page answers at once; `lies` answers what another's picture gets."""

    lies = False
    open = 0

    def __init__(self, address: str, session: str) -> None:
        Page.open += 1

    def __enter__(self):
        return self

    def __exit__(self, *_fault) -> None:
        self.close()

    def close(self) -> None:
        Page.open -= 1

    def diagnose(self, name: str, content: bytes) -> Answer:
        if content == b"broken":
            raise RuntimeError("the page failed")
        return Answer("another" if Page.lies else content.decode(), ())


@pytest.fixture
def server(monkeypatch):
    """A server that is not there, and pages that answer."""
    monkeypatch.setattr(serve, "ServedVisitor", Page)
    monkeypatch.setattr(serve, "SETTLED", 0.0)
    Page.lies, Page.open = False, 0
    return Server("http://127.0.0.1:1", os.getpid())


FILES = [b"a", b"b", b"c"]
ANSWERS = [Answer(name, ()) for name in "abc"]


def test_answers_of_a_crowd_are_held_to_those_that_each_gets_alone(server):
    assert serve.alone(server, FILES) == ANSWERS
    found = serve.bench_crowd(server, FILES, ANSWERS, 8, 3)
    assert (found.sessions, found.diagnoses, found.wrong, Page.open) == (8, 24, 0, 0)
    assert 0 < found.median <= found.late
    Page.lies = True
    assert serve.bench_crowd(server, FILES, ANSWERS, 2, 3).wrong == 6


def test_a_page_that_fails_ends_the_crowd(server):
    with pytest.raises(RuntimeError, match="the page failed"):
        serve.bench_crowd(server, [b"broken"], ANSWERS, 3, 1)
    assert Page.open == 0


def test_a_soak_tells_how_memory_goes(server, monkeypatch):
    known = iter([100.0 + place for place in range(9)] + [500.0, 90.0])
    monkeypatch.setattr(Server, "memory", lambda _: Memory(next(known), None))
    seen = []
    found = serve.bench_soak(server, FILES, ANSWERS, 45, 20, progress=lambda done, total: seen.append((done, total)))
    assert (found.diagnoses, found.wrong, len(found.memory), Page.open) == (45, 0, 10, 0)
    assert (found.growth, found.left) == (399.0, 90.0)
    assert sorted(seen) == [(done, 45) for done in range(1, 46)]


def test_hostile_files_are_small_and_their_pages_are_closed(server, monkeypatch):
    monkeypatch.setattr(serve, "HOSTILE_SIDE", 300)
    files = hostile_pictures()
    assert max(map(len, files)) < 5000
    monkeypatch.setattr(serve, "hostile_pictures", lambda: FILES)
    found = serve.bench_hostile(server, 5, 10**8)
    assert (found.uploads, found.files, found.limit, Page.open) == (15, (1, 1, 1), 100.0, 0)
    assert asdict(found)["held"] == found.held


def test_nobody_answers():
    with pytest.raises(ConfigFault, match=r"No app answers on 127\.0\.0\.1:9: start one with `derm app`"):
        ServedVisitor("http://127.0.0.1:9")


@pytest.mark.slow
def test_a_visitor_of_the_served_app_gets_the_answer_to_their_picture(tmp_path):
    pictures = [encoded(np.random.default_rng(seed).integers(0, 256, (60, 80, 3), dtype=np.uint8)) for seed in (1, 2)]
    with serve.served(tmp_path / "log") as server:
        expected = serve.alone(server, pictures)
        assert expected[0] != expected[1]
        model = load()
        assert [one.headline for one in expected] == [
            headline(diagnose_bytes(model, picture, "picture")) for picture in pictures
        ]
        found = serve.bench_crowd(server, pictures, expected, 2, 1)
    assert (found.diagnoses, found.wrong) == (2, 0)
