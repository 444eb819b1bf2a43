"""Where the app looks for a data set, results and runs; and what processes that Derm starts import from."""

import os
import re
import sys
from pathlib import Path

import pytest

from derm.paths import (
    DATA,
    RESULTS,
    RUNS,
    SAFE_PATH,
    data_folder,
    results_folder,
    runs_folder,
    search_path,
    unwritten_names,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def unnamed(monkeypatch):
    for name in (DATA, RESULTS, RUNS):
        monkeypatch.delenv(name, raising=False)


def test_places_that_nobody_names():
    assert (data_folder(), results_folder(), runs_folder()) == (None, Path("results"), Path("runs"))


def test_places_that_the_user_names(monkeypatch):
    for name in (DATA, RESULTS, RUNS):
        monkeypatch.setenv(name, f"~/{name}")
    home = Path.home()
    assert (data_folder(), results_folder(), runs_folder()) == (home / DATA, home / RESULTS, home / RUNS)


def test_a_home_that_is_not_there_stands_as_it_is_named(monkeypatch):
    for name in (DATA, RESULTS, RUNS):
        monkeypatch.setenv(name, f"~nobody-of-that-name/{name}")
    assert data_folder() == Path(f"~nobody-of-that-name/{DATA}")
    assert results_folder() == Path(f"~nobody-of-that-name/{RESULTS}")


def test_places_whose_name_is_no_text_are_told(monkeypatch):
    monkeypatch.setenv(RUNS, "r\udcff")
    monkeypatch.setenv(DATA, "größe\N{NO-BREAK SPACE}")
    assert unwritten_names() == [RUNS]


def test_an_empty_name_counts_as_none(monkeypatch):
    for name in (DATA, RESULTS, RUNS):
        monkeypatch.setenv(name, "")
    assert (data_folder(), results_folder(), runs_folder()) == (None, Path("results"), Path("runs"))


def test_processes_search_where_this_one_does_but_not_the_current_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), "beside", str(ROOT), str(tmp_path / "library")])
    assert search_path().split(os.pathsep) == [str(tmp_path / "beside"), str(ROOT), str(tmp_path / "library")]
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert search_path() == str(ROOT)


def test_processes_search_the_current_folder_where_derm_lies_there(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", [str(ROOT), "/library"])
    assert search_path().split(os.pathsep) == [str(ROOT), "/library"]


def test_processes_search_somewhere_when_the_current_folder_is_gone(monkeypatch, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    monkeypatch.setattr(sys, "path", [str(ROOT), "/library"])
    assert search_path().split(os.pathsep) == [str(ROOT), "/library"]


def test_no_python_is_started_that_imports_from_the_current_folder():
    """It may be somebody else's data set, with a module in it. Those of the second kind get `SAFE_PATH`."""
    unsafe = {
        source.relative_to(ROOT).as_posix()
        for folder in ("derm", "tools")
        for source in (ROOT / folder).rglob("*.py")
        if re.search(r'\[\s*sys\.executable(?!, "-P")', source.read_text(encoding="utf-8"))
    }
    own_folder = {"tools/time_versions.py"}  # it imports from the checkouts that it is told
    assert unsafe - own_folder == {"derm/cli/app.py", "derm/bench/serve.py"}
    assert all(" SAFE_PATH" in (ROOT / name).read_text(encoding="utf-8") for name in unsafe - own_folder)
    assert SAFE_PATH == {"PYTHONSAFEPATH": "1"}
