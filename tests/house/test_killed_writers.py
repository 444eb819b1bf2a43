"""Whatever is written survives a kill at any of its file operations; see `killed_writers`. `make fuzz` tries each."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("killed_writers.py")
EVERY = int(os.environ.get("FUZZ_EXAMPLES", "0")) >= 100_000
"""Whether to kill at each operation, which takes minutes."""


def killed(folder: Path, name: str, step: int) -> dict[str, object]:
    span = ["0", "-1", "1"] if EVERY else ["1", "-1", str(step)]
    done = subprocess.run([sys.executable, SCRIPT, folder, name, *span], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.mark.slow
@pytest.mark.fuzz
@pytest.mark.parametrize(("name", "step"), [("record", 5), ("selection", 3), ("results", 13)])
def test_a_file_is_the_old_one_or_the_new_one(tmp_path, name, step):
    told = killed(tmp_path, name, step)
    assert told["kills"] >= 2
    assert told["parts"] == []


@pytest.mark.slow
@pytest.mark.fuzz
def test_half_a_decoded_data_set_goes(tmp_path, drawn):
    (tmp_path / "data").symlink_to(drawn)
    assert killed(tmp_path, "store", 6)["kills"] >= 2


@pytest.mark.training
@pytest.mark.fuzz
@pytest.mark.skipif(not EVERY, reason="takes minutes: `make fuzz`")
def test_a_run_goes_on_from_wherever_it_was_killed(tmp_path, drawn):
    (tmp_path / "data").symlink_to(drawn)
    assert killed(tmp_path, "training", 25)["kills"] >= 1
