"""Nothing is lost by kill -9; 200 moments are tried by hand: tests/records/killed.py says how."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOMENTS = 10


@pytest.mark.slow
def test_a_kill_loses_nothing_that_was_said_to_be_saved(tmp_path):
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("killed.py"), tmp_path / "records", str(MOMENTS), "-"],
        capture_output=True, text=True, check=False, env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "PATH": "/usr/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    started, told, kept, _ = map(int, done.stdout.split())
    assert started == MOMENTS
    assert kept >= told > 0
