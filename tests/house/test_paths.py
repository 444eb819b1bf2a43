"""Where the app looks for a data set, results and runs."""

from pathlib import Path

import pytest

from derm.paths import DATA, RESULTS, RUNS, data_folder, results_folder, runs_folder


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


def test_an_empty_name_counts_as_none(monkeypatch):
    for name in (DATA, RESULTS, RUNS):
        monkeypatch.setenv(name, "")
    assert (data_folder(), results_folder(), runs_folder()) == (None, Path("results"), Path("runs"))
