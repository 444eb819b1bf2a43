"""No library under Derm tells anybody that it is used."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import derm

LOOK = """
import sys, time
import numpy as np
from derm.engine.runtime import session
import torch
from torch import nn
torch.onnx.export(nn.Linear(2, 1).eval(), (torch.zeros(1, 2),), sys.argv[1], dynamo=False)
with open(sys.argv[1], "rb") as stream:
    session(stream.read()).run(None, {"onnx::Gemm_0": np.zeros((1, 2), np.float32)})
"""

QUIET = ("ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "CI")
"""Each of them keeps ONNX Runtime from keeping a record."""


def without(*names: str, **others: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in names} | others


def test_libraries_are_told_to_be_silent_and_a_user_may_say_otherwise():
    said = [sys.executable, "-c", "import os, derm; print(*(os.environ[name] for name in derm.SILENCED))"]
    found = subprocess.run(said, env=without(*derm.SILENCED), capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["1"] * len(derm.SILENCED)
    kept = subprocess.run(
        said, env=without(**dict.fromkeys(derm.SILENCED, "0")), capture_output=True, text=True, check=True
    )
    assert kept.stdout.split() == ["0"] * len(derm.SILENCED)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the place of its record is known for Linux")
def test_onnx_runtime_leaves_no_record_of_its_use(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    away = without(*QUIET, HOME=str(home), XDG_CACHE_HOME=str(home / ".cache"), PYTHONPATH=str(Path.cwd()))
    subprocess.run([sys.executable, "-c", LOOK, tmp_path / "net.onnx"], env=away, check=True, capture_output=True)
    assert not [path for path in home.rglob("*") if "onnx" in path.name.lower() or "microsoft" in path.name.lower()]
