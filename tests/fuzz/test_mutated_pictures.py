"""Some of the mutated pictures that `make fuzz` makes by the thousand: an answer or a sentence each."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("mutated_pictures.py")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_mutated_pictures_are_an_answer_or_a_sentence():
    for package in ("pydicom", "pi_heif"):
        pytest.importorskip(package)
    done = subprocess.run([sys.executable, SCRIPT, "400", "0", "0"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    told = json.loads(done.stdout)
    for kind in ("dicom", "heic", "avif", "tiff"):
        assert told[f"{kind} answer"] + told[f"{kind} sentence"] == 100
