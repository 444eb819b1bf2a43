"""What is timed over an archive is the command itself, in both ways in turn."""

import csv
from pathlib import Path

import pytest

from derm.bench import archive as module
from derm.bench.archive import ArchiveTiming, bench_archive, pack_drawn
from derm.predict.folder import survey


def test_both_ways_are_the_whole_command_in_turn(monkeypatch):
    asked, run = [], module._run
    monkeypatch.setattr(module, "_network_ms", lambda: 2.0)
    monkeypatch.setattr(module, "pack_drawn", lambda path, count: pack_drawn(path, count, 64, 80))

    def counted(words):
        run(words)
        with Path(words[2]).open(newline="") as stream:
            asked.append((words[-1], [row["error"] for row in csv.DictReader(stream)]))

    monkeypatch.setattr(module, "_run", counted)
    found = bench_archive(2, 2, 1)
    assert asked == [("1", ["", ""]), ("2", ["", ""])]
    assert (found.pictures, found.processes, found.network) == (2, 2, 2.0)
    assert min(found.one, found.several, found.cores_one, found.cores_several) > 0


def test_ratios_by_hand():
    found = ArchiveTiming(100, 2, 4.0, 2.0, 30.0, 32.0, 12.0)
    assert (found.ratio, found.rate(1), found.rate(2)) == (2.0, 25.0, 50.0)


def test_drawn_pictures_differ(tmp_path):
    pack_drawn(tmp_path / "a.zip", 30, 64, 80)
    assert len({one.read() for one in survey([tmp_path / "a.zip"]).files}) == 30


def test_a_command_that_fails_is_one_sentence(tmp_path):
    with pytest.raises(module.ConfigFault, match=r"derm predict ended with exit status 1: .* is a folder"):
        module._run([str(tmp_path), "--out", str(tmp_path)])
