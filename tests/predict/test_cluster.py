"""The machines of a cluster give the table of one, whichever are lost on the way, and exactly one row a picture."""

import csv
import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import time
import zipfile
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from pictures import encoded, picture, save
from typer.testing import CliRunner

from derm.cli.main import app
from derm.errors import ConfigFault
from derm.model.weights import default_weights, load_weights
from derm.predict import cluster as module
from derm.predict.run import predict_files
from derm.predict.table import part_of


class Machines:
    """What stands for Ray: answers shards in this process, one after the other, as a cluster with faults would.

    lost: how often the shard that holds a picture is lost, by the picture's name. twice: each shard is answered twice.
    """

    def __init__(self, lost: dict[str, int] | None = None, *, twice: bool = False) -> None:
        self.lost, self.twice, self.sizes = dict(lost or {}), twice, []
        self.data = SimpleNamespace(from_items=self._from_items)

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 1.0}

    def _from_items(self, shards, override_num_blocks):
        assert override_num_blocks == len(shards)

        def map_batches(fn, *, batch_size, fn_args, num_cpus, max_retries):
            assert (batch_size, num_cpus, max_retries) == (1, 1, 2)
            return SimpleNamespace(iter_rows=lambda: self._rows(shards, fn, fn_args))

        return SimpleNamespace(map_batches=map_batches)

    def _rows(self, shards, fn, arguments):
        import pickle

        for shard in reversed(shards):  # in no order
            asked = pickle.loads(shard["asked"])
            self.sizes.append(len(asked))
            name = next((one.task.name for one in asked if self.lost.get(one.task.name)), None)
            if name is not None:
                self.lost[name] -= 1
                continue
            told = fn({name: [value] for name, value in shard.items()}, *arguments)
            for _ in range(1 + self.twice):
                yield {name: values[0] for name, values in told.items()}


@pytest.fixture
def cluster(monkeypatch):
    """Puts `Machines` in the place of a cluster."""
    monkeypatch.setattr(module, "ONE_THREAD", {})

    def use(machines: Machines) -> Machines:
        @contextmanager
        def connected(address):
            assert address == "here:1"
            yield machines

        monkeypatch.setattr(module, "_connected", connected)
        return machines

    return use


@pytest.fixture(scope="module")
def shipped():
    return load_weights(default_weights())


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> list[Path]:
    """Nine pictures as files, one of them broken, and three more in a ZIP."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(9):
        save(folder / "files" / f"{number}.png", number)
    (folder / "files" / "3.png").write_bytes(b"none")
    with zipfile.ZipFile(folder / "photos.zip", "w") as packed:
        for number in range(9, 12):
            packed.writestr(f"{number}.png", encoded(picture(number)))
    return [folder / "files", folder / "photos.zip"]


@pytest.fixture(scope="module")
def whole(shipped, photos, tmp_path_factory) -> str:
    """The table of one process."""
    table = tmp_path_factory.mktemp("whole") / "out.csv"
    list(predict_files(shipped, photos, table=table).answers)
    return table.read_text()


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def numbers(text: str) -> list[list[str]]:
    """The cells of a table, numbers to five digits: threads add up in another order."""
    return [
        [f"{float(cell):.5f}" if re.fullmatch(r"\d+\.\d+", cell) else cell for cell in row.values()]
        for row in rows(text)
    ]


def test_a_cluster_gives_the_table_of_one(shipped, photos, whole, tmp_path, cluster):
    machines = cluster(Machines(twice=True))
    answers = list(predict_files(shipped, photos, table=tmp_path / "out.csv", cluster="here:1").answers)
    assert [one.done for one in answers] == list(range(1, 13))
    assert numbers((tmp_path / "out.csv").read_text()) == numbers(whole)  # in the order of the survey, each once
    assert machines.sizes == [3] * 4  # four shards for the one core
    assert len(rows(whole)) == 12


def test_what_is_lost_is_asked_again_picture_by_picture(shipped, photos, whole, tmp_path, cluster):
    machines = cluster(Machines({"1": 1, "7": 5}))
    list(predict_files(shipped, photos, table=tmp_path / "out.csv", cluster="here:1").answers)
    found, expected = rows((tmp_path / "out.csv").read_text()), rows(whole)
    assert [row["file"] for row in found] == [row["file"] for row in expected]
    assert machines.sizes == [3] * 4 + [1] * 6  # of two shards each picture
    faults = {row["image_id"]: row["error"] for row in found if row["error"]}
    assert faults.keys() == {"3", "7"}
    assert faults["7"].startswith("7.png was answered by no machine of the cluster, and ended or failed in each")
    others = [
        [a, b] for a, b in zip(numbers((tmp_path / "out.csv").read_text()), numbers(whole), strict=True) if a != b
    ]
    assert len(others) == 1


def test_an_interrupted_run_goes_on_where_it_was(shipped, photos, whole, tmp_path, cluster):
    table = tmp_path / "out.csv"
    cluster(Machines())
    run = predict_files(shipped, photos, table=table, cluster="here:1")
    for _ in range(4):
        next(run.answers)
    run.answers.close()
    assert len(rows(part_of(table).read_text())) == 4
    machines = cluster(Machines())
    list(predict_files(shipped, photos, table=table, cluster="here:1", resume=True).answers)
    assert sum(machines.sizes) == 8
    assert numbers(table.read_text()) == numbers(whole)


def test_a_cluster_without_derm_is_said(shipped, photos, tmp_path, cluster):
    cluster(Machines({str(number): 1 for number in range(12)}))
    run = predict_files(shipped, photos, table=tmp_path / "out.csv", cluster="here:1")
    with pytest.raises(ConfigFault, match=r"No machine of the cluster at here:1 could answer: install Derm .* on each"):
        list(run.answers)


def test_another_version_of_derm_answers_nothing():
    with pytest.raises(RuntimeError, match="asked by Derm 9, answered by"):
        module.answer_shard({"first": [0], "asked": [b""]}, b"", "9")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--ray", "auto"], "--ray writes a table: name it with --out, such as predictions.parquet"),
        (["--ray", "auto", "--out", "x.csv", "--processes", "2"], "--ray takes all cores of its cluster: leave out"),
    ],
)
def test_the_command_refuses_in_one_sentence(words, expected, tmp_path):
    result = CliRunner().invoke(app, ["predict", str(tmp_path), *words])
    assert isinstance(result.exception, ConfigFault)
    assert expected in str(result.exception)


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed")
def test_without_ray_the_cure_is_named(shipped, photos, tmp_path):
    run = predict_files(shipped, photos, table=tmp_path / "out.csv", cluster="auto")
    with pytest.raises(ConfigFault, match=r"Clusters need Ray, which is not installed: run pip install 'derm\[ray\]'"):
        list(run.answers)


def ray(*words: str) -> None:
    """The command `ray` of this installation."""
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "ray.scripts.scripts", *words]
    subprocess.run(command, check=True, capture_output=True, env=environment, timeout=200)


def running(program: str, port: int) -> list[int]:
    """The processes of a program of Ray of the cluster at `port`, oldest first; a raylet stands for a node."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        theirs = (f":{port}".encode(), f"gcs_server_port={port}".encode())
        if words[0].endswith(f"/{program}".encode()) and any(word.endswith(theirs) for word in words):
            found.append(int(folder.name))
    return sorted(found)


def children_of(process: int) -> list[int]:
    """The processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


@pytest.fixture
def two_nodes(tmp_path):
    """The port of a cluster of two nodes with a core each, and the process of the second."""
    pytest.importorskip("ray")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    small = ("--num-cpus=1", "--object-store-memory=100000000", "--disable-usage-stats")
    try:
        ray("start", "--head", f"--port={port}", "--include-dashboard=false", *small)
        (first,) = running("raylet", port)
        ray("start", f"--address=127.0.0.1:{port}", *small)
        yield port, next(process for process in running("raylet", port) if process != first)
    finally:
        ended = (*running("raylet", port), *running("gcs_server", port))
        begun = [child for process in ended for child in children_of(process)]
        for process in (*ended, *begun):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)  # asked to end they wait for each other


@pytest.mark.slow
def test_a_node_that_is_killed_costs_no_row(two_nodes, photos, tmp_path):
    port, second = two_nodes
    many = tmp_path / "many"
    for number in range(120):
        save(many / f"{number}.png", number)
    table = tmp_path / "out.parquet"
    command = [sys.executable, "-m", "derm", "predict", str(many), "--out", str(table), "--ray", f"127.0.0.1:{port}"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    asking = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        until, part = time.monotonic() + 200, part_of(table)
        while not (part.exists() and part.read_text().count("\n") > 10) and time.monotonic() < until:
            assert asking.poll() is None, asking.communicate()
            time.sleep(0.05)
        os.kill(second, signal.SIGKILL)
        said = asking.communicate(timeout=250)[0]
    finally:
        asking.kill()
    assert asking.returncode == 0, said
    import pandas as pd

    found = pd.read_parquet(table)
    assert sorted(found["image_id"], key=int) == [str(number) for number in range(120)]
    assert not found["error"].fillna("").any()
