"""Runs as processes: launched, watched, stopped, resumed, killed; two never share a folder."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from derm.errors import ConfigFault, DataFault, RunFault
from derm.files import hold, write_json
from derm.monitor import launch, words
from derm.monitor.runs import Run
from derm.monitor.state import find_holder
from derm.runlog.writer import read_events
from derm.train.checkpoint import load_checkpoint

PATIENCE = 120  # seconds, for two busy cores

TINY: dict[str, object] = {
    "model.input_size": 32,
    "model.encoder": "test_efficientnet",
    "model.decoder_channels": [8, 8, 8],
    "model.feature_channels": 16,
    "start": "random",
    "batch": 8,
    "workers": 0,
    "log_every": 1,
    "epochs": 5000,
}
"""A run that would take an hour, a hundred steps a second or so."""


@pytest.fixture
def runs(tmp_path) -> Iterator[Path]:
    """A folder for runs; whatever still trains in it is ended with the test."""
    folder = tmp_path / "runs"
    yield folder
    for run in folder.glob("*"):
        if holder := find_holder(run):
            os.kill(holder.pid, signal.SIGKILL)


def wait_until(run: Run, true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, (run.standing, words.obituary(run))
        time.sleep(0.05)
        run.look()


def is_gone(pid: int) -> bool:
    """Whether no process has this number, not even one that has ended and that nobody waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.training
def test_a_run_is_started_stopped_resumed_and_killed(runs, drawn):
    folder = launch.start(runs, "first", drawn, "derm", TINY, threads=1)
    run = Run(folder)
    run.look()
    assert run.standing.state == "starting"
    assert run.standing.alive
    assert words.headline(run).startswith("first is starting: it is reading the data set")
    with pytest.raises(RunFault, match="There is a run called 'first' already: give another name, or resume that one"):
        launch.start(runs, "first", drawn, "derm", TINY)

    wait_until(run, lambda: run.standing.state == "running" and run.standing.step > 3)
    assert run.launched["pid"] == find_holder(folder).pid
    assert run.config["model"]["input_size"] == 32
    assert run.standing.seconds_left > 0
    with pytest.raises(RunFault, match="Another process is training in 'first': stop it first"):
        launch.resume(folder)

    holder = launch.stop(folder)
    assert os.getsid(holder.pid) == holder.pid  # a session of its own: the app's end and Ctrl-C are not its own
    assert launch.stop(folder) == holder if find_holder(folder) else True  # asking twice is asking once
    run.look()
    assert run.standing.state in ("stopping", "stopped")
    wait_until(run, lambda: run.standing.state == "stopped")
    wait_until(run, lambda: is_gone(holder.pid))
    assert list(read_events(folder / "events.jsonl"))[-1]["event"] == "stopped"
    stopped_at = load_checkpoint(folder / "last.safetensors")[1]["step"]
    assert stopped_at == run.standing.step > 3
    assert "Stopped at step" in words.obituary(run)
    assert run.resumable

    launch.resume(folder)
    run.look()
    assert run.standing.state == "starting"
    wait_until(run, lambda: run.standing.state == "running" and run.standing.step > stopped_at + 3)
    (resumed,) = run.reader.events("resumed")
    assert resumed["step"] == stopped_at
    second = find_holder(folder)
    assert second.pid != holder.pid

    os.kill(second.pid, signal.SIGKILL)
    wait_until(run, lambda: run.standing.state == "died")
    wait_until(run, lambda: is_gone(second.pid))
    assert abs(run.standing.when - time.time()) < 60
    assert words.headline(run).startswith("first died ")
    assert run.resumable
    assert "Resume goes on from its last checkpoint" in words.what_to_do(run)


@pytest.mark.training
def test_a_run_outlives_the_process_that_started_it_and_dies_with_its_reason(runs, drawn):
    code = (
        "import json, sys; from pathlib import Path; from derm.monitor import launch\n"
        "launch.start(Path(sys.argv[1]), 'lost', Path(sys.argv[2]), 'derm', json.loads(sys.argv[3]), 1)"
    )
    settings = json.dumps({**TINY, "start": "/none.safetensors"})
    subprocess.run([sys.executable, "-c", code, runs, drawn, settings], check=True)
    folder = runs / "lost"
    run = Run(folder)
    run.look()
    assert run.standing.state == "starting"
    wait_until(run, lambda: run.standing.state == "died")
    assert "/none.safetensors" in words.obituary(run)
    assert words.headline(run).endswith(" before it had begun.")
    assert "mend what its last words name, and start a new run" in words.what_to_do(run)
    assert not run.resumable
    assert words.table([run])[0]["Configuration"] == ""
    with pytest.raises(RunFault, match="The run 'lost' had not begun, so there is nothing to go on with"):
        launch.resume(folder)
    with pytest.raises(RunFault, match="The run 'lost' cannot be stopped from here: it is not running"):
        launch.stop(folder)


def test_a_run_that_is_stopped_before_it_begins_counts_as_stopped(runs, drawn):
    folder = launch.start(runs, "early", drawn, "derm", TINY, threads=1)
    holder = launch.stop(folder)  # long before its imports are done
    run = Run(folder)
    run.look()
    wait_until(run, lambda: run.standing.state == "stopped")
    wait_until(run, lambda: is_gone(holder.pid))
    assert words.headline(run).endswith("before it had begun.")


def test_only_a_process_of_this_machine_that_names_itself_is_stopped(tmp_path):
    run = tmp_path / "run"
    write_json(run / "run.json", {})
    with (run / "lock").open("a") as stream:
        assert hold(stream)
        with pytest.raises(
            RunFault, match="begun by an older Derm that does not say which process it is: press Ctrl-C"
        ):
            launch.stop(run)
        stream.write(json.dumps({"pid": os.getpid(), "host": "elsewhere"}))
        stream.flush()
        with pytest.raises(RunFault, match="is training on another machine, elsewhere: stop it from there"):
            launch.stop(run)
        with pytest.raises(RunFault, match="Another process is training in 'run'"):
            launch.resume(run)
    assert find_holder(run) is None


def test_a_process_is_asked_to_stop_only_once(tmp_path, monkeypatch):
    run = tmp_path / "run"
    run.mkdir()
    sent = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    with (run / "lock").open("a") as stream:
        assert hold(stream)
        stream.write(json.dumps({"pid": 123456, "host": socket.gethostname()}))
        stream.flush()
        assert launch.stop(run) == launch.stop(run)
    # A second signal would end the process without a checkpoint.
    assert sent == [(123456, signal.SIGTERM)]


def test_what_does_not_fit_is_refused_before_anything_is_made(runs, drawn, tmp_path):
    for name in ("", "../x", "a/b", ".hidden", "x" * 61, "two words"):
        with pytest.raises(ConfigFault, match=r"A run cannot be called '.*': use up to 60 letters"):
            launch.start(runs, name, drawn, "derm")
    with pytest.raises(ConfigFault, match="There is no setting 'speed'"):
        launch.start(runs, "a", drawn, "derm", {"speed": 3})
    with pytest.raises(ConfigFault, match="batch 1 does not fit"):
        launch.start(runs, "a", drawn, "derm", {"batch": 1})
    with pytest.raises(DataFault, match="is not a folder, but the folder of a data set is needed"):
        launch.start(runs, "a", tmp_path / "none", "derm")
    assert not runs.exists()


def test_a_free_name_is_found(tmp_path):
    assert launch.free_name(tmp_path / "none", "derm") == "derm"
    for name in ("derm", "derm-2", "derm-4"):
        (tmp_path / name).mkdir()
    assert launch.free_name(tmp_path, "derm") == "derm-3"
    assert launch.free_name(tmp_path, "paper") == "paper"


def test_the_module_is_the_command():
    told = subprocess.run([sys.executable, "-m", "derm", "--version"], capture_output=True, text=True, check=True)
    assert told.stdout.startswith("derm 0.")
