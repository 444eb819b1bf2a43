"""The limit of open files, raised to what a process may ask for and never lowered."""

import subprocess
import sys

import pytest

from derm.serve.open_files import allow_more

resource = pytest.importorskip("resource")


@pytest.fixture
def limits():
    """A soft limit of 300 while the test lasts."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_it_is_raised_and_not_lowered(limits):
    assert allow_more(400) == 400
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 400
    assert allow_more(350) == 400
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 400


def test_where_nothing_may_be_set_it_stays(limits, monkeypatch):
    def refuse(*_):
        raise ValueError("not allowed")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert allow_more(400) == 300
    monkeypatch.undo()


def test_where_there_are_no_limits_nothing_happens(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)
    assert allow_more() == 0


def test_no_more_is_asked_for_than_may_be():
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (100, 200))\n"
        "from derm.serve.open_files import allow_more; print(allow_more())"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "200\n"
