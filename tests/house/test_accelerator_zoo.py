"""The zoo on an accelerator, rehearsed on the processor with drawn pictures."""

import subprocess
import sys
import tarfile
import time
from argparse import Namespace
from pathlib import Path

import pytest
from scripts import load_script

from derm.data.synthetic.dataset import synthesise
from derm.zoo.systems import SYSTEMS


@pytest.fixture(scope="module")
def zoo():
    return load_script("accelerator_zoo")


def test_every_system_is_dealt_once(zoo):
    heaps = zoo.deal(list(SYSTEMS), 4)
    assert len(heaps) == 4
    assert sorted(name for heap in heaps for name in heap) == sorted(SYSTEMS)
    assert heaps[0][0] == "shared"  # ours is there first
    assert zoo.deal(["shared"], 4) == [["shared"]]
    assert zoo.deal(["shared", "dual"], 0) == [["shared", "dual"]]


def test_only_what_was_measured_is_packed_and_without_weights(zoo, tmp_path):
    done, begun = (tmp_path / "zoo" / "proxy" / "by-lesion" / "random" / name for name in ("shared", "dual"))
    for place in (done, begun):
        (place / "run").mkdir(parents=True)
        (place / "run" / "last.safetensors").write_bytes(b"large")
        (place / "cost.json").write_text("{}")
    (done / "measured.json").write_text("{}")
    (done / "predictions.csv").write_text("image_id")
    assert zoo.pack(tmp_path / "zoo", tmp_path / "out" / "zoo.tar.gz") == 1
    with tarfile.open(tmp_path / "out" / "zoo.tar.gz") as archive:
        names = {Path(name).name for name in archive.getnames()}
        assert {str(Path(name).parent) for name in archive.getnames()} == {"proxy/by-lesion/random/shared"}
    assert names == {"cost.json", "measured.json", "predictions.csv"}


@pytest.mark.slow
def test_what_has_not_ended_in_time_is_stopped(zoo):
    quick, endless = (
        subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({seconds})"]) for seconds in (0, 600)
    )
    began = time.monotonic()
    zoo.wait([quick, endless], began + 1)
    assert quick.poll() == 0
    assert endless.poll() not in (None, 0)


@pytest.mark.training
def test_it_is_rehearsed(zoo, tmp_path, monkeypatch):
    synthesise(tmp_path / "set", images=300, seed=1)
    monkeypatch.setenv("DERM_CACHE", str(tmp_path / "cache"))
    results, out = tmp_path / "zoo", tmp_path / "zoo.tar.gz"
    words = ["resnet-18", "--data", tmp_path / "set", "--results", results, "--out", out, "--device", "cpu"]
    words += ["--split-by", "lesion", "--lanes", 1, "--workers", 0]
    monkeypatch.setattr(sys, "argv", ["accelerator_zoo.py", *map(str, words)])
    zoo.main()
    with tarfile.open(out) as archive:
        assert "proxy/by-lesion/random/resnet-18/predictions.csv" in archive.getnames()


def test_the_command_line_asks_for_both_splits(zoo, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["accelerator_zoo.py", "--data", "set", "--out", "zoo.tar.gz"])
    options = zoo.parse()
    assert isinstance(options, Namespace)
    assert (options.names, options.split_by, options.device) == (["all"], ["lesion", "image"], "cuda")
