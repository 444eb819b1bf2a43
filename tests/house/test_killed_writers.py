"""Whatever is written survives a kill at any of its file operations; see `killed_writers`. `make fuzz` tries each."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from pictures import encoded, picture, save

SCRIPT = Path(__file__).with_name("killed_writers.py")
EVERY = int(os.environ.get("FUZZ_EXAMPLES", "0")) >= 100_000
"""Whether to kill at each operation, which takes minutes."""


AT_LENGTH = pytest.mark.skipif(not EVERY, reason="takes minutes: `make fuzz`")


def killed(folder: Path, name: str, step: int) -> dict[str, object]:
    span = ["0", "-1", "1"] if EVERY else ["1", "-1", str(step)]
    done = subprocess.run([sys.executable, SCRIPT, folder, name, *span], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.mark.slow
@pytest.mark.fuzz
@pytest.mark.parametrize(("name", "step"), [("record", 5), ("selection", 3), ("results", 13), ("decoder", 3)])
def test_a_file_is_the_old_one_or_the_new_one(tmp_path, name, step):
    told = killed(tmp_path, name, step)
    assert told["kills"] >= 2
    assert told["parts"] == []


@pytest.mark.slow
@pytest.mark.fuzz
def test_half_a_decoded_data_set_goes(tmp_path, drawn):
    (tmp_path / "data").symlink_to(drawn)
    assert killed(tmp_path, "store", 6)["kills"] >= 2


@pytest.mark.slow
@pytest.mark.fuzz
@pytest.mark.parametrize(
    "name",
    [
        "predicted.parquet",
        pytest.param("predicted.csv", marks=AT_LENGTH),
        pytest.param("predicted-masks.csv", marks=AT_LENGTH),
    ],
)
def test_no_answer_that_was_said_to_be_written_is_lost(tmp_path, tiny_weights, name):
    for number in range(2):
        save(tmp_path / "photos" / f"{number}.png", number)
    (tmp_path / "photos" / "broken.png").write_bytes(b"none")
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as packed:
        for number in (2, 3):
            packed.writestr(f"{number}.png", encoded(picture(number)))
    (tmp_path / "weights.json").symlink_to(tiny_weights)
    told = killed(tmp_path, name, 7)
    assert told["kills"] >= 4
    assert told["parts"] == []


@pytest.mark.slow
@pytest.mark.fuzz
@AT_LENGTH
def test_an_explanation_goes_on_from_wherever_it_was_killed(tmp_path, tiny_weights, drawn):
    (tmp_path / "data").symlink_to(drawn)
    (tmp_path / "weights.json").symlink_to(tiny_weights)
    assert killed(tmp_path, "explanations", 1)["kills"] >= 4


@pytest.mark.training
@pytest.mark.fuzz
@AT_LENGTH
def test_a_run_goes_on_from_wherever_it_was_killed(tmp_path, drawn):
    (tmp_path / "data").symlink_to(drawn)
    assert killed(tmp_path, "training", 25)["kills"] >= 1
