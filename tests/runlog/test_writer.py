"""The run log: lines that are whole, cut back to a checkpoint, read while they are written."""

import json
from pathlib import Path

import pytest

from derm.errors import RunFault
from derm.runlog.writer import RunLog, read_events


def events(path: Path) -> list[dict[str, object]]:
    return list(read_events(path))


def test_events_are_lines_that_can_be_read_at_once(tmp_path):
    path = tmp_path / "events.jsonl"
    with RunLog(path) as log:
        log.append({"event": "one", "text": "ü"})
        assert events(path) == [{"event": "one", "text": "ü"}]
        log.append({"event": "two", "none": None})
        assert log.length() == path.stat().st_size == len(path.read_bytes())
    assert [json.loads(line) for line in path.read_text().splitlines()] == events(path)


def test_what_was_written_after_the_checkpoint_is_cut_off(tmp_path):
    path = tmp_path / "events.jsonl"
    with RunLog(path) as log:
        log.append({"event": "one"})
        kept = log.length()
        log.append({"event": "two"})
    with path.open("ab") as stream:
        stream.write(b'{"event": "thr')  # a kill in the middle of a line
    assert events(path) == [{"event": "one"}, {"event": "two"}]
    with RunLog(path, kept) as log:
        assert log.length() == kept
        log.append({"event": "again"})
    assert events(path) == [{"event": "one"}, {"event": "again"}]
    assert path.read_bytes() == b'{"event": "one"}\n{"event": "again"}\n'


def test_a_line_still_being_written_is_left_for_later(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"event": "one"}\n{"event": "two"}')
    assert events(path) == [{"event": "one"}]
    with path.open("ab") as stream:
        stream.write(b"\n")
    assert events(path) == [{"event": "one"}, {"event": "two"}]


def test_a_new_log_is_empty(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text("old")
    with RunLog(path) as log:
        assert log.length() == 0
    assert events(path) == []


def test_what_a_log_is_a_link_to_is_not_cut(tmp_path):
    (tmp_path / "own.txt").write_text("own")
    (tmp_path / "events.jsonl").symlink_to(tmp_path / "own.txt")
    with pytest.raises(RunFault, match=r"events\.jsonl is no ordinary file: delete it"):
        RunLog(tmp_path / "events.jsonl")
    assert (tmp_path / "own.txt").read_text() == "own"


def test_nan_is_no_event(tmp_path):
    path = tmp_path / "events.jsonl"
    with RunLog(path) as log, pytest.raises(ValueError, match="not JSON compliant"):
        log.append({"event": "step", "loss": float("nan")})
    assert events(path) == []
