"""Ctrl-C at any moment: one sentence, exit status 130, no traceback."""

import os
import signal
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from derm.cli import interrupt, main
from derm.cli.interrupt import ENDED, INTERRUPTED


class Ended(BaseException):
    """In place of the process's end."""


@pytest.fixture
def heeded(monkeypatch):
    """Ctrl-C is heeded as a command does, and an end at once is `Ended`."""

    def end(status):
        raise Ended(status)

    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupt.heed()
    yield
    signal.signal(signal.SIGINT, before)


def test_any_command_says_one_sentence(monkeypatch):
    def interrupted(*_args, **_more):
        raise KeyboardInterrupt

    monkeypatch.setattr("derm.data.synthetic.dataset.synthesise", interrupted)
    done = CliRunner().invoke(main.app, ["data", "synthesise", "never"])
    assert (done.exit_code, done.stderr.strip()) == (INTERRUPTED, ENDED)


@pytest.mark.usefixtures("heeded")
def test_the_first_is_an_exception_and_the_second_the_end(capfd):
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(Ended, match="130"):
        signal.raise_signal(signal.SIGINT)
    assert capfd.readouterr().err.strip() == ENDED


@pytest.mark.usefixtures("heeded")
def test_it_ends_an_import_at_once(tmp_path, monkeypatch, capfd):
    """A module in C++ that meets an exception there aborts the process."""
    (tmp_path / "meets_it.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Ended, match="130"):
        import meets_it  # noqa: F401
    assert capfd.readouterr().err.strip() == ENDED


@pytest.mark.usefixtures("heeded")
def test_it_is_not_lost_where_python_drops_exceptions(capfd):
    ended = []
    hook = sys.unraisablehook

    def watched(dropped):
        try:
            hook(dropped)
        except Ended:
            ended.append(dropped.exc_type)

    class Last:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    sys.unraisablehook = watched
    Last()
    assert ended == [KeyboardInterrupt]
    assert capfd.readouterr().err.strip() == ENDED


@pytest.mark.usefixtures("heeded")
def test_it_is_left_alone_where_a_command_runs_in_the_background():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    interrupt.heed()
    interrupt.end_at_once()
    signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@pytest.mark.usefixtures("heeded")
def test_once_a_command_is_done_nothing_is_waited_for():
    interrupt.end_at_once()
    with pytest.raises(Ended, match="130"):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("word", ["typer", "derm.cli.zoo"])
def test_it_is_heeded_from_the_first_import_on(word):
    code = (
        "import signal, sys\n"
        "def watch(event, given):\n"
        f"    if event == 'import' and given[0] == '{word}': signal.raise_signal(2)\n"
        "sys.addaudithook(watch)\n"
        "sys.argv = ['derm', '--version']\n"
        "from derm.__main__ import main\n"
        "main()\n"
    )
    heed = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, preexec_fn=heed)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (INTERRUPTED, "", ENDED)
