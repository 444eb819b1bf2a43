"""The wheel is the product: built, unpacked elsewhere, it answers, draws data and serves the app."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest
from served import end

import derm

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder into which the wheel was unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("derm-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.fixture
def run(installed, tmp_path):
    """Run `derm` of the wheel in an empty folder; read-only code, so that whoever writes there fails."""
    environment = {**os.environ, "PYTHONPATH": str(installed), "DERM_CACHE": str(tmp_path / "cache")}
    environment |= {"COVERAGE_PROCESS_START": "", "PYTHONDONTWRITEBYTECODE": "1"}

    def call(*words, start=subprocess.run, **more):
        return start([sys.executable, "-m", "derm", *map(str, words)], cwd=tmp_path, env=environment, **more)

    return call


@pytest.mark.slow
def test_the_wheel_holds_app_weights_splits_and_licences(installed):
    inside = installed / "derm"
    for name in (
        "py.typed",
        "app/streamlit_app.py",
        "app/pages/1_Compare.py",
        "app/.streamlit/config.toml",
        "app/.streamlit/style.css",
        "app/weights/derm.json",
        "app/weights/derm.safetensors",
        "app/weights/LICENSE.txt",
        "app/weights/concepts.json",
        "app/weights/structures.json",
        "app/weights/structures.safetensors",
        "app/weights/structures.onnx",
        "data/splits/ham10000_by_lesion.csv",
    ):
        assert (inside / name).is_file(), name
    assert sorted(path.name for path in installed.iterdir()) == ["derm", f"derm-{derm.__version__}.dist-info"]
    metadata = (installed / f"derm-{derm.__version__}.dist-info" / "METADATA").read_text()
    assert "License-Expression: MIT AND CC-BY-NC-4.0" in metadata


@pytest.mark.slow
def test_it_draws_data_and_answers_from_another_folder(run, tmp_path):
    done = run("data", "synthesise", "drawn", "--images", 40, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    picture = sorted((tmp_path / "drawn").rglob("*.jpg"))[0]
    done = run("predict", picture.relative_to(tmp_path), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(picture.stem)
    assert done.stdout.endswith("Research use only, not a medical device.\n")


@pytest.mark.slow
def test_it_serves_the_app(run, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path / "server.log"
    with log.open("w") as stream:
        server = run(
            "app",
            "--port",
            port,
            "--no-browser",
            start=subprocess.Popen,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + 120
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5) as answer:
                    assert answer.read() == b"ok"
                break
            except (urllib.error.URLError, OSError):
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < until, "the app did not start"
                time.sleep(0.3)
    finally:
        end(server)


def test_there_is_one_version():
    assert re.fullmatch(r"\d+\.\d+\.\d+", derm.__version__)
    assert 'dynamic = ["version"]' in (ROOT / "pyproject.toml").read_text()
