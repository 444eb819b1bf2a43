"""The Monitor's reading of logs, states, series, comparison, words, figures and export, on written and real logs."""

import importlib.util
import itertools
import json
import math
import os
import sys
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from short_run import CONFIG
from theme import THEME, contrast
from typer.testing import CliRunner

from derm.cli.main import app, main
from derm.diagnoses import CODES
from derm.errors import ConfigFault, RunFault
from derm.figures import palette
from derm.figures.text import duration
from derm.figures.training import Line, admitted_areas, class_curves, curves, difficulty_motion, spread
from derm.files import hold, is_held, write_json
from derm.language.speech import speaking
from derm.monitor import charts, compare, export, series, words
from derm.monitor.downsample import smooth, thin
from derm.monitor.gallery import wall
from derm.monitor.replay_images import held_images, thumbnail
from derm.monitor.runs import Run, Runs
from derm.monitor.settings import SETTINGS, changed, defaults, value_in
from derm.monitor.state import last_words
from derm.runlog.reader import LogReader
from derm.runlog.writer import RunLog, read_events
from derm.train.config import PRESETS, preset
from derm.train.loop import train
from derm.train.loss_history import LossHistory
from derm.train.replay import ReplayBuffer, ReplayConfig
from derm.train.run_folder import make_run_folder
from derm.train.state import count_hits


@pytest.fixture(scope="module")
def finished(tmp_path_factory, drawn_catalogue, cache) -> Path:
    """The folder of a real run that reached its end."""
    run = tmp_path_factory.mktemp("runs") / "finished"
    train(CONFIG, drawn_catalogue, run, cache=cache)
    return run


@pytest.fixture(scope="module")
def run(finished) -> Run:
    known = Run(finished)
    known.look()
    return known


def step(number: int, **fields: Any) -> dict[str, Any]:
    usual = {
        "epoch": 0, "learning_rate": 1e-3, "loss": 2.0, "mask_loss": 0.5, "class_loss": 1.5, "accuracy": 0.5,
        "replayed_share": 0.0,
    }  # fmt: skip
    return {"event": "step", "step": number, **usual, **fields}


def begin(epochs: int = 4, each: int = 10) -> list[dict[str, Any]]:
    config = replace(CONFIG, epochs=epochs).as_dict()
    return [
        {"event": "start", "steps": epochs * each, "steps_per_epoch": each, "config": config, "data": {"train": 60}},
        {"event": "begun", "step": 0, "time": 1000.0, "threads": 1, "device": "cpu"},
    ]


def lines(events: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def write_log(folder: Path, events: list[dict[str, Any]], at: float | None = None) -> Run:
    """A run folder with this log, last written at `at`."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "events.jsonl"
    log.write_bytes(lines(events))
    if at is not None:
        os.utime(log, (at, at))
    known = Run(folder)
    known.look()
    return known


# The reader


class Counted:
    """A file whose reads are counted."""

    def __init__(self, stream: Any, spans: list[tuple[int, int]]) -> None:
        self.stream, self.spans = stream, spans

    def __enter__(self) -> "Counted":
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()

    def seek(self, *where: int) -> int:
        return self.stream.seek(*where)

    def read(self, size: int = -1) -> bytes:
        begin = self.stream.tell()
        content = self.stream.read(size)
        self.spans.append((begin, begin + len(content)))
        return content


def test_each_look_reads_only_what_is_new(tmp_path, monkeypatch):
    log = tmp_path / "events.jsonl"
    old = lines([*begin(), *map(step, range(1, 200))])
    log.write_bytes(old)
    reader = LogReader(log)
    spans: list[tuple[int, int]] = []
    opened = Path.open
    monkeypatch.setattr("derm.runlog.reader.open_ordinary", lambda path: Counted(opened(path, "rb"), spans))
    assert reader.look()
    assert spans[-1] == (0, len(old))
    fresh = lines([step(200, loss=7.0)])
    with opened(log, "ab") as stream:
        stream.write(fresh)
    spans.clear()
    assert reader.look()
    # The new line, and the 128 bytes before it that show that the log was not cut back.
    assert spans == [(len(old) - 128, len(old)), (len(old), len(old) + len(fresh))]
    spans.clear()
    assert not reader.look()
    assert sum(end - begin for begin, end in spans) == 128
    # Steps are read once more, to be parsed, and then never again.
    assert reader.steps().loss[-1] == 7
    spans.clear()
    assert len(reader.steps().step) == 200
    assert spans == []


@pytest.mark.parametrize("block", [1, 40, 300, 1000])
def test_a_long_log_is_read_in_blocks_to_the_same_end(tmp_path, monkeypatch, block):
    log = tmp_path / "events.jsonl"
    told = [*begin(), *map(step, range(1, 30)), {"event": "best", "epoch": 0, "by": "dice", "value": 0.5}, step(30)]
    log.write_bytes(lines(told) + b"damaged\n" + lines([step(31)]) + b'{"event": "st')
    whole = LogReader(log)
    whole.look()
    assert whole.steps().step.tolist() == [*range(1, 32)]
    monkeypatch.setattr("derm.runlog.reader.BLOCK", block)
    reader = LogReader(log)
    assert reader.look()
    assert reader.last == whole.last == step(31)
    assert reader.steps().loss.tolist() == whole.steps().loss.tolist()
    assert (reader.damaged, reader.events("best")) == (1, whole.events("best"))
    assert not reader.look()


def test_one_huge_loss_spoils_no_later_point():
    losses = np.array([1.0] * 300 + [1e20] + [0.5] * 700)
    for width in (1, 7, 50, 1001, 10**9):
        expected = [np.mean(losses[max(0, end - width) : end]) for end in range(1, len(losses) + 1)]
        assert smooth(losses, width) == pytest.approx(expected, rel=1e-9)
    assert smooth(losses, 7)[-1] == 0.5


@pytest.mark.parametrize("loss", ["1e999", "NaN", '"0.25"', "true"])
def test_a_step_whose_loss_is_no_number_is_left_out(tmp_path, loss):
    log = tmp_path / "events.jsonl"
    bad = lines([step(2, loss=77.0)]).replace(b"77.0", loss.encode())
    log.write_bytes(lines([*begin(), step(1)]) + bad + lines([step(3)]))
    reader = LogReader(log)
    reader.look()
    assert reader.steps().step.tolist() == [1, 3]
    assert reader.damaged == 1


def test_an_epoch_before_the_first_is_left_out(tmp_path):
    first = {**begin()[0], "epochs_from": 1}
    log = tmp_path / "events.jsonl"
    best = {"event": "best", "epoch": 0, "by": "dice", "value": 0.5}
    log.write_bytes(lines([first, step(1), {**step(2), "epoch": 1}, best, {**best, "epoch": 1}]))
    reader = LogReader(log)
    reader.look()
    assert reader.steps().epoch.tolist() == [0]
    assert [event["epoch"] for event in reader.events("best")] == [0]
    assert reader.damaged == 2


def test_a_run_trained_anew_under_its_name_has_its_own_settings(tmp_path):
    known = write_log(tmp_path, [*begin(), step(1)])
    about = {"config": begin()[0]["config"], "data": {"train": 7}}
    (tmp_path / "run.json").write_text(json.dumps(about))
    known.look()
    assert known.data["train"] == 7
    (tmp_path / "run.json").unlink()
    (tmp_path / "run.json").write_text(json.dumps({**about, "data": {"train": 1234}}))
    known.look()
    assert known.data["train"] == 1234
    (tmp_path / "run.json").write_text("{")
    known.look()
    assert known.misread
    assert known.config == about["config"]  # of the log's first line


def test_a_half_written_last_line_waits_for_its_end(tmp_path):
    log = tmp_path / "events.jsonl"
    whole = lines([*begin(), step(1), step(2)])
    half = whole[:-9]
    log.write_bytes(half)
    reader = LogReader(log)
    reader.look()
    assert reader.steps().step.tolist() == [1]
    assert reader.newest("step") == step(1)
    assert not reader.look()
    log.write_bytes(whole)
    assert reader.look()
    assert reader.steps().step.tolist() == [1, 2]
    assert (reader.damaged, reader.newest("step")) == (0, step(2))


def test_steps_between_other_events_keep_their_order(tmp_path):
    told = [*begin(), step(1), {"event": "best", "epoch": 0, "by": "dice", "value": 0.5}, step(2), step(3)]
    known = write_log(tmp_path, told)
    assert known.reader.newest("step") == step(3)
    assert known.reader.last == step(3)
    assert known.reader.steps().step.tolist() == [1, 2, 3]
    resumed = {"event": "resumed", "step": 1, "time": 9.0}
    ended = write_log(tmp_path / "resumed", [*begin(), step(1), resumed])
    assert (ended.reader.newest("step"), ended.reader.last, ended.standing.step) == (step(1), resumed, 1)
    assert [event["event"] for kind in ("start", "begun", "best") for event in known.reader.events(kind)] == [
        "start", "begun", "best",
    ]  # fmt: skip
    with (tmp_path / "events.jsonl").open("ab") as stream:
        stream.write(lines([{"event": "end", "step": 3, "best_epoch": 0, "best": 0.5, "early": False}, step(4)]))
    known.look()
    assert known.reader.steps().step.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("longer", [False, True], ids=["shorter", "longer than before"])
def test_a_log_that_was_cut_back_and_written_on_is_read_anew(tmp_path, longer):
    path = tmp_path / "events.jsonl"
    with RunLog(path) as log:
        for event in [*begin(), step(1), step(2)]:
            log.append(event)
        kept = log.length()
        for number in (3, 4, 5):
            log.append(step(number, loss=9.0))
    reader = LogReader(path)
    reader.look()
    assert reader.steps().loss.tolist() == [2, 2, 9, 9, 9]
    again = [step(number, loss=3.0) for number in range(3, 20 if longer else 4)]
    with RunLog(path, kept) as log:
        for event in [{"event": "resumed", "step": 2, "time": 2000.0}, *again]:
            log.append(event)
    before = reader.version
    assert reader.look()
    assert reader.version > before
    assert reader.steps().step.tolist() == [1, 2, *(event["step"] for event in again)]
    assert set(reader.steps().loss.tolist()) == {2, 3}
    assert len(reader.events("start")) == 1


def test_a_log_cut_back_between_look_and_parsing_is_left_for_the_next_look(tmp_path):
    log = tmp_path / "events.jsonl"
    log.write_bytes(lines([*begin(), step(1), step(2), step(3)]))
    reader = LogReader(log)
    reader.look()
    log.write_bytes(lines([*begin(), step(1)]))
    assert len(reader.steps().step) == 0
    reader.look()
    assert reader.steps().step.tolist() == [1]


def test_a_missing_and_a_vanished_log_are_empty(tmp_path):
    reader = LogReader(tmp_path / "events.jsonl")
    assert not reader.look()
    assert len(reader.steps().step) == 0
    reader.path.write_bytes(lines(begin()))
    assert reader.look()
    reader.path.unlink()
    assert reader.look()
    assert reader.newest("start") is None
    assert not reader.look()


def test_lines_that_are_no_json_are_counted_and_left_out(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "events.jsonl").write_bytes(lines(begin()) + b"\0\0\0\n[1]\n" + lines([step(1)]))
    known = Run(folder)
    known.look()
    assert known.reader.damaged == 2
    assert words.damaged_line(known) == "The log is damaged: 2 lines cannot be read and are left out."
    assert known.reader.steps().step.tolist() == [1]


HOSTILE = (
    {"event": "start"},
    {"event": "start", "steps": 1, "steps_per_epoch": 0, "config": {"epochs": 1}},
    {**begin()[0], "config": 3},
    {**begin()[0], "data": {"folder": None}},
    {"event": ["start"]},
    {"event": "epoch", "epoch": 0, "step": 10},
    {"event": "epoch", "epoch": 0, "step": 10, "train": {}, "validation": {"confusion_matrix": [[1]], "per_class": {}}},
    {"event": "best", "epoch": "0", "by": "dice", "value": 0.5},
    {"event": "best", "epoch": 0, "by": "dice", "value": math.inf},
    {"event": "curriculum", "epoch": 0, "enabled": True},
    {"event": "replay", "epoch": 0, "hardest": [{}]},
    {"event": "speed", "epoch": 0},
    {"event": "stopped"},
    {"event": "begun", "step": 0, "time": None},
    {"event": "resumed"},
)


def test_the_loss_of_a_training_that_went_astray_is_no_damage(tmp_path):
    """As float32 gives it, by its largest weight."""
    shares = {"per_class": {code: {"support": 1} for code in CODES}, "confusion_matrix": [[0] * 7] * 7}
    losses = {"loss": 3.4e40, "mask_loss": 3.4e38, "class_loss": None}
    told = {"event": "epoch", "epoch": 0, "step": 1, "train": {"loss": 1.0}, "validation": {**losses, **shares}}
    best = {"event": "best", "epoch": 0, "by": "loss", "value": 3.4e40}
    (tmp_path / "events.jsonl").write_bytes(lines([*begin(), step(1), told, best]))
    run = Run(tmp_path)
    run.look()
    everything_of(run)
    assert (run.reader.damaged, len(run.reader.events("epoch"))) == (0, 1)


@pytest.mark.parametrize("bad", HOSTILE)
def test_a_damaged_event_is_left_out_and_named(tmp_path, bad):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "events.jsonl").write_text(json.dumps(bad) + "\n")  # alone, as the first line of its log
    (tmp_path / "sound").mkdir()
    (tmp_path / "sound" / "events.jsonl").write_bytes(lines([*begin(), step(1)]))
    known = {run.name: run for run in Runs(tmp_path).look()}
    assert set(known) == {"run", "sound"}
    assert known["run"].reader.damaged == 1
    assert words.damaged_line(known["run"]) == "The log is damaged: 1 line cannot be read and is left out."
    assert words.in_list(known["run"]).endswith("log damaged")
    assert "damaged" not in words.in_list(known["sound"])
    with (folder / "events.jsonl").open("ab") as log:  # and in the midst of a sound one
        log.write(lines([*begin(), step(1)]) + json.dumps(bad).encode() + b"\n" + lines([step(2)]))
    known["run"].look()
    assert known["run"].standing.step == 2
    assert known["run"].reader.steps().step.tolist() == [1, 2]
    everything_of(known["run"])


def everything_of(run: Run) -> list[str]:
    """Draw and say all that the Monitor has of a run."""
    plates = [
        *charts.figure_7(run, dark=False), *charts.losses(run, dark=False), *charts.measures(run, dark=True),
        *charts.classes(run, "recall", dark=False), *charts.machine(run, dark=False),
        *charts.admitted(run, dark=False), *charts.difficulty(run, dark=False), *charts.replay(run, dark=False),
        *(plate for epoch in series.measured_epochs(run)
          for plate in charts.confusion(run, epoch, rates=True, dark=False)),
    ]  # fmt: skip
    stages, told = series.stages(run), series.replays(run)
    said = [words.headline(run), words.in_list(run), words.about_line(run), words.obituary(run), words.what_to_do(run)]
    said += [words.best_line(best)] if (best := run.best()) else []
    said += [words.stage_line(stages, series.planned_pace(run), run.standing.epoch), words.replay_line(told, 0.25)]
    words.table([run]), words.figure_rows(compare.best_and_last([run])), compare.differences([run, run])
    return said + [plate.alt for plate in plates]


def test_a_damaged_step_costs_no_other_step(tmp_path):
    reader = LogReader(tmp_path / "events.jsonl")
    bad = [
        {**step(2), "loss": "much"},
        {key: value for key, value in step(3).items() if key != "accuracy"},
        {**step(3), "loss": 10**390},  # no float can hold it
    ]
    reader.path.write_bytes(
        lines([*begin(), step(1), *bad]) + b'{"event": "step", "step": 4, "lo\n' + lines([step(5), step(-1)])
    )
    reader.look()
    assert reader.steps().step.tolist() == [1, 5]
    assert reader.steps().loss.tolist() == [2, 2]
    assert reader.damaged == 5  # four in the stretch; the last line is no step that a run can have taken
    assert reader.newest("step") is None


DAMAGE = (None, "x", -1, [], {}, 1e999, 10**390)


@pytest.mark.slow
@pytest.mark.fuzz
def test_no_damage_of_one_field_breaks_the_page(tmp_path):
    """Each field with one of the damages, in turn; `make fuzz` tries each field with all of them."""
    from derm.bench.monitor import write_run

    every = int(os.environ.get("FUZZ_EXAMPLES", "0")) >= 100_000
    turn = itertools.cycle(DAMAGE)
    folder = tmp_path / "run"
    folder.mkdir()
    write_run(folder, 600 if every else 210, 0)  # an epoch, or three
    whole = (folder / "events.jsonl").read_text().splitlines()
    places = {json.loads(line)["event"]: place for place, line in enumerate(whole)}
    without = set()  # kinds whose line was refused and all else drawn: however it is damaged, that comes out the same
    for kind, place in places.items():
        event = json.loads(whole[place])
        for field in event:
            for value in DAMAGE if every else (next(turn),):
                changed = [*whole[:place], json.dumps({**event, field: value}), *whole[place + 1 :]]
                (folder / "events.jsonl").write_text("\n".join(changed) + "\n")
                run = Run(folder)
                run.look()
                if run.reader.damaged:
                    if kind in without:
                        continue
                    without.add(kind)
                try:
                    everything_of(run)
                    list(export.scalars(run)) if run.reader.newest("start") else None
                except Exception as error:
                    pytest.fail(f"{kind}.{field} = {value!r}: {error!r}")


def test_a_damaged_run_json_is_not_believed(tmp_path):
    (tmp_path / "events.jsonl").write_bytes(lines(begin()))
    for content in ("", "[]", "{}", '{"config": {"model": 3}}', '{"config": {}}'):
        (tmp_path / "run.json").write_text(content)
        run = Run(tmp_path)
        run.look()
        assert run.config["batch"] == CONFIG.batch  # the log's first line has it, too


def test_a_run_that_is_deleted_while_it_is_looked_at_is_gone(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "events.jsonl").write_bytes(lines([*begin(), step(1)]))
    runs = Runs(tmp_path)
    (run,) = runs.look()
    (folder / "events.jsonl").unlink()
    folder.rmdir()
    assert run.reader.steps().step.tolist() == []  # steps that were not read in time
    run.look()
    assert runs.look() == []
    assert words.headline(run).startswith("run died")


def test_epochs_count_from_one_in_files_and_for_people(tmp_path):
    new, old = tmp_path / "new", tmp_path / "old"
    events = [*begin(), {"event": "best", "epoch": 2, "by": "dice", "value": 0.5}, step(21, epoch=2)]
    for folder in (new, old):
        folder.mkdir()
    with RunLog(new / "events.jsonl") as log:
        for event in events:
            log.append(event)
    (old / "events.jsonl").write_bytes(lines(events))  # as before: counted from 0, and going on so
    with RunLog(old / "events.jsonl", (old / "events.jsonl").stat().st_size) as log:
        log.append({"event": "speed", "epoch": 2, "time": 2.0, "images_per_second": 1.0, "memory_mb": 1})
    for folder, first in ((new, 1), (old, 0)):
        raw = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
        assert {event["epoch"] for event in raw if "epoch" in event} == {2 + first}
        assert raw[0].get("epochs_from", 0) == first
        assert [event["epoch"] for event in read_events(folder / "events.jsonl") if "epoch" in event][:2] == [2, 2]
        run = Run(folder)
        run.look()
        assert run.best().epoch == 2
        assert run.reader.steps().epoch.tolist() == [2]
        assert "in epoch 3 of 4, step 21" in words.headline(run)
        assert "in epoch 3" in words.best_line(run.best())
        assert words.table([run])[0]["Best epoch"] == 3


@pytest.mark.training
def test_the_reader_finds_what_the_loop_wrote(run):
    events = list(read_events(run.folder / "events.jsonl"))
    steps = run.reader.steps()
    told = [event for event in events if event["event"] == "step"]
    assert steps.step.tolist() == [event["step"] for event in told]
    assert steps.learning_rate.tolist() == [event["learning_rate"] for event in told]
    for kind in ("start", "begun", "epoch", "curriculum", "replay", "best", "speed", "end"):
        assert run.reader.events(kind) == [event for event in events if event["event"] == kind]
    assert run.reader.last == events[-1]


# Long series


def test_thinning_keeps_peaks_and_ends():
    x = np.arange(10_000.0)
    y = np.sin(x / 300)
    y[4321], y[77] = 50, -50
    shown_x, shown_y = thin(x, y, 100)
    assert len(shown_x) <= 100
    assert (shown_y.max(), shown_y.min()) == (50, -50)
    assert shown_x[-1] == 9999
    assert (np.diff(shown_x) > 0).all()
    np.testing.assert_array_equal(shown_y, y[shown_x.astype(int)])
    assert thin(x[:100], y[:100], 100)[0].tolist() == x[:100].tolist()


def test_smoothing_is_a_running_mean():
    assert smooth(np.array([1.0, 3.0, 8.0, 0.0]), 2).tolist() == [1, 2, 5.5, 4]
    assert smooth(np.array([1.0, 3.0]), 1).tolist() == [1, 3]
    assert len(smooth(np.empty(0), 3)) == 0
    smoothed = smooth(np.array([np.nan, 1.0, np.nan, 5.0, np.nan, np.nan]), 2)  # a batch without an outline
    np.testing.assert_array_equal(smoothed, [np.nan, 1, 1, 5, 5, np.nan])


# States


@pytest.mark.training
def test_a_finished_run_says_so(run):
    assert run.standing.state == "finished"
    assert run.standing.step == run.standing.steps
    assert not run.resumable
    assert words.headline(run).startswith("finished finished ")
    assert words.headline(run).endswith(f"after {run.standing.steps} steps.")


def test_a_held_lock_is_a_living_process(tmp_path):
    folder = tmp_path / "run"
    write_log(folder, [*begin(), *map(step, range(1, 11))], at=1100.0)
    with (folder / "lock").open("a") as stream:
        assert hold(stream)
        os.utime(folder / "lock", (999.0, 999.0))
        known = Run(folder)
        known.look()
        assert known.standing.state == "running"
        # 10 steps in 100 seconds, 30 to go.
        assert known.standing.seconds_left == pytest.approx(300)
        assert words.state_word(known) == "running, 5\N{NO-BREAK SPACE}min left"
        assert "is running: in epoch 2 of 4, step 10 of 40, 5" in words.headline(known)
        # Another process has taken the folder, and has not yet told that it goes on.
        os.utime(folder / "lock", (1200.0, 1200.0))
        known.look()
        assert known.standing.state == "starting"
    known.look()
    assert known.standing.state == "died"
    assert known.standing.when == 1100
    assert "died" in words.headline(known)
    assert words.obituary(known) == "The last line of its log tells of the event “step”."


def test_a_clock_that_was_set_back_does_not_hide_that_a_run_goes_on(tmp_path):
    folder = tmp_path / "run"
    write_log(folder, [*begin(), *map(step, range(1, 11))], at=1100.0)
    with (folder / "lock").open("a") as stream:
        assert hold(stream)
        stream.write(json.dumps({"pid": 7, "host": "here", "claim": "second"}))
        stream.flush()
        known = Run(folder)
        known.look()
        assert known.standing.state == "starting"  # what was begun was another process' claim, or an older Derm's
        with (folder / "events.jsonl").open("ab") as log:  # before the first beginning, by that clock
            log.write(lines([{"event": "resumed", "step": 10, "time": 500.0, "claim": "second"}, step(11)]))
        os.utime(folder / "events.jsonl", (510.0, 510.0))
        known.look()
        assert known.standing.state == "running"
        assert known.standing.seconds_left == pytest.approx(290)  # 1 step in 10 seconds, 29 to go


def test_a_stop_counts_for_the_claim_it_was_asked_of_whatever_numbers_and_clocks_say(tmp_path):
    folder = tmp_path / "run"
    known = write_log(folder, [*begin(), step(1)])
    write_json(folder / "stop.json", {"pid": 7, "claim": "first", "time": 9000.0})
    write_json(folder / "lock", {"pid": 7, "host": "here", "claim": "second"})
    known.look()
    assert known.standing.state == "died"
    with (folder / "lock").open("a") as stream:
        assert hold(stream)
        known.look()
        assert known.standing.state == "starting"  # not "stopping"
    write_json(folder / "lock", {"pid": 7, "host": "here", "claim": "first"})
    known.look()
    assert known.standing.state == "stopped"


def test_a_stop_from_before_the_folder_was_taken_counts_for_the_launched_process_alone(tmp_path):
    folder = tmp_path / "run"
    known = write_log(folder, [*begin(), step(1)])
    write_json(folder / "stop.json", {"pid": 7, "claim": "", "time": 9000.0})
    write_json(folder / "lock", {"pid": 7, "host": "here", "claim": "second"})
    with (folder / "lock").open("a") as lock, (folder / "output.log").open("a") as output:
        assert hold(lock)
        known.look()
        assert known.standing.state == "starting"  # resumed in a terminal, by a process of the same number
        assert hold(output)
        known.look()
        assert known.standing.state == "stopping"


def test_looking_at_a_lock_does_not_keep_a_run_from_taking_it(tmp_path):
    path = tmp_path / "lock"
    path.touch()
    assert not is_held(path)
    with path.open("a") as stream:
        assert hold(stream)
        assert is_held(path)
        with path.open("a") as other:
            assert not hold(other, patience=0.05)
    assert not is_held(path)
    assert not is_held(tmp_path / "none")


def test_a_stopped_run_can_be_resumed(tmp_path):
    folder = tmp_path / "run"
    known = write_log(folder, [*begin(), step(1), {"event": "stopped", "step": 1, "time": 1010.0}])
    assert known.standing.state == "stopped"
    assert not known.resumable  # run.json is missing
    write_json(folder / "run.json", {"config": CONFIG.as_dict(), "data": {}})
    assert known.resumable


def test_a_stop_that_was_asked_for_counts_only_for_the_process_it_was_asked_of(tmp_path):
    folder = tmp_path / "run"
    known = write_log(folder, [*begin(), step(1)])
    write_json(folder / "stop.json", {"pid": 1, "time": 1005.0})
    known.look()
    assert known.standing.state == "stopped"
    with (folder / "events.jsonl").open("ab") as stream:  # resumed in a terminal, then killed
        stream.write(lines([{"event": "resumed", "step": 1, "time": 1020.0}, step(2)]))
    known.look()
    assert known.standing.state == "died"


def test_last_words_are_the_end_of_the_output_without_colours(tmp_path):
    assert last_words(tmp_path) == ""
    (tmp_path / "output.log").write_bytes(b"one\n" * 3000 + b"two\n\n\x1b[31mderm: The loss is nan\x1b[0m\r\n")
    assert last_words(tmp_path) == "one\ntwo\nderm: The loss is nan"


def test_the_refusal_that_a_launched_process_ends_with_is_said_in_each_pages_language(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DERM_REFUSAL", str(tmp_path / "refusal.json"))
    monkeypatch.setattr(sys, "argv", ["derm", "train", "--data", str(tmp_path), "--run", "r", "--set", "momentum=9.5"])
    with pytest.raises(SystemExit):
        main()
    (tmp_path / "output.log").write_text(f"Begins\n{capsys.readouterr().err}")
    english = "derm: There is no setting 'momentum': docs/training.md lists them."
    assert last_words(tmp_path) == f"Begins\n{english}"
    with speaking("de"):
        assert (
            last_words(tmp_path) == "Begins\nderm: Es gibt keine Einstellung „momentum“: docs/training.md nennt alle."
        )


@pytest.mark.parametrize(
    "kept", ["", "[]", '{"refusal": {"kind": "of", "texts": ["a"], "values": {}}}', '{"refusal": {}}']
)
def test_a_refusal_that_cannot_be_read_leaves_the_last_words_as_they_were_printed(tmp_path, kept):
    (tmp_path / "output.log").write_text("derm: No.\n")
    (tmp_path / "refusal.json").write_text(kept)
    assert last_words(tmp_path) == "derm: No."


def test_runs_are_found_and_living_ones_come_first(tmp_path):
    write_log(tmp_path / "old", begin(), at=1000.0)
    write_log(tmp_path / "new", begin(), at=2000.0)
    (tmp_path / "other").mkdir()
    (tmp_path / "file").touch()
    desk = Runs(tmp_path)
    assert [run.name for run in desk.look()] == ["new", "old"]
    with (tmp_path / "old" / "lock").open("a") as stream:
        assert hold(stream)
        first = desk.look()
        assert [run.name for run in first] == ["old", "new"]
    assert desk.look()[1] is first[0]  # read once, then only what is new
    assert Runs(tmp_path / "none").look() == []


def test_results_are_made_once_until_the_log_tells_more(tmp_path):
    known = write_log(tmp_path, [*begin(), step(1)])
    made = iter(range(100))

    def both() -> tuple[int, int]:
        return known.once("rare", lambda: next(made)), known.once("often", lambda: next(made), steps=True)

    assert both() == both() == (0, 1)
    with (tmp_path / "events.jsonl").open("ab") as stream:
        stream.write(lines([step(2)]))
    known.look()
    assert both() == (0, 2)
    with (tmp_path / "events.jsonl").open("ab") as stream:
        stream.write(lines([{"event": "best", "epoch": 0, "by": "dice", "value": 0.5}]))
    known.look()
    assert both() == (3, 4)


# What training now tells


def test_a_hit_is_harder_than_the_median_fresh_image():
    plain = np.array([1.0, 2.0, 3.0, 9.0, 2.0, 2.5])
    assert count_hits(plain, np.array([False, False, False, True, True, True])) == 2  # the median is 2
    assert count_hits(plain, np.zeros(6, dtype=bool)) == 0


def test_ages_count_batches_since_an_image_came_in():
    memory = LossHistory(3)
    buffer = ReplayBuffer(ReplayConfig(enabled=True, capacity=2), memory, np.zeros(3, dtype=np.int64))

    def hear(item: int, loss: float) -> list[int]:
        memory.observe(np.array([item]), np.array([loss]))
        buffer.take_in(np.array([item]))
        return buffer.ages().tolist()

    assert hear(0, 1.0) == [0, 0, 0]
    assert hear(1, 2.0) == [1, 0, 0]
    assert hear(1, 2.0) == [2, 1, 0]  # seen again, it did not come in again
    assert hear(2, 3.0) == [0, 2, 0]  # the easiest had to go
    assert hear(2, 3.0) == [0, 3, 1]


@pytest.mark.training
def test_the_log_tells_hit_rate_age_and_training_dice(run):
    for event in run.reader.events("epoch"):
        assert 0 <= event["train"]["dice"] <= 1
    replays = run.reader.events("replay")
    assert all(0 <= event["hit_rate"] <= 1 for event in replays)
    steps = run.reader.newest("start")["steps_per_epoch"]
    for event in replays:
        assert all(0 <= row["age"] < steps * (event["epoch"] + 1) for row in event["hardest"])
    assert any(row["age"] > 0 for row in replays[-1]["hardest"])


def test_only_a_folder_that_was_launched_for_it_becomes_a_run(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "notes.txt").touch()
    with pytest.raises(RunFault, match="exists already and holds no run: give another --run"):
        make_run_folder(folder, {})
    (folder / "notes.txt").unlink()
    for name in ("launch.json", "output.log", "lock", ".run.json.abcd.part"):  # as a process leaves it that was killed
        (folder / name).touch()
    make_run_folder(folder, {"config": 1})
    assert json.loads((folder / "run.json").read_text()) == {"config": 1}
    with pytest.raises(RunFault, match="exists already"):
        make_run_folder(folder, {})


# Series, figures, words


@pytest.mark.training
def test_series_lie_where_they_belong_in_time(run):
    each = run.reader.newest("start")["steps_per_epoch"]
    loss, validation = series.losses(run)[0].training, series.losses(run)[0].validation
    assert (loss.x[0], loss.x[-1]) == (1 / each, 4)
    assert validation.x == [1, 2, 3, 4]
    assert validation.epochs == series.measured_epochs(run) == [0, 1, 2, 3]
    epochs = run.reader.events("epoch")
    assert validation.y == [event["validation"]["loss"] for event in epochs]
    first = series.figure_7(run)[1]
    assert first.training.y == [event["train"]["dice"] for event in epochs]
    assert first.validation.y == [event["validation"]["dice"] for event in epochs]
    recall = series.of_classes(run, "recall")
    assert list(recall) == list(CODES)
    assert recall["mel"].y[2] == epochs[2]["validation"]["per_class"]["mel"]["recall"]
    matrix = series.confusion(run, 1)
    assert matrix.tolist() == epochs[1]["validation"]["confusion_matrix"]
    assert series.confusion(run, 9) is None


@pytest.mark.training
def test_the_curriculum_is_told_as_it_was_and_as_it_is_planned(run):
    stages = series.stages(run)
    assert run.reader.newest("curriculum")["images"]["mel"] > 0
    assert [stage.epoch for stage in stages] == [0, 1, 2, 3]
    # The root pace from 0.5, full after 2 epochs: 1 / 2, sqrt(1 / 4 + 3 / 8), 1, 1.
    assert series.planned_pace(run) == pytest.approx([0.5, 0.625**0.5, 1, 1])
    assert [stage.pace for stage in stages] == pytest.approx(series.planned_pace(run))
    for stage, planned in zip(stages, series.planned_shares(run), strict=True):
        assert stage.shares == pytest.approx(planned, nan_ok=True)
    assert stages[0].images == sum(stages[0].difficulty) == run.data["train"]
    said = words.stage_line(stages, series.planned_pace(run), 0)
    assert said.startswith("Stage of epoch 1: pace 50\N{NO-BREAK SPACE}%, ")
    assert said.endswith("pictures admitted; all of them from epoch 3 on.")
    assert words.stage_line(stages, [], 3).endswith("; the curriculum is done.")
    assert "not decided yet" in words.stage_line([], [], 0)
    assert "is off" in words.stage_line([stages[0]._replace(enabled=False)], [], 0)


@pytest.mark.training
def test_replay_is_told_in_words_and_pictures(run, drawn_catalogue):
    replays = series.replays(run)
    said = words.replay_line(replays, 0.25)
    assert said.startswith(f"{replays[-1].size} pictures in the buffer, which gave 33\N{NO-BREAK SPACE}% of all")
    assert "of its draws in epoch 4 were hits." in said
    assert "after the first epoch" in words.replay_line([], 0.25)
    assert "is off" in words.replay_line([replays[0]._replace(enabled=False)], 0.25)
    held = held_images(run, drawn_catalogue)
    table = drawn_catalogue.table.set_index("image_id")["dx"]
    assert [one.diagnosis.code for one in held] == [table[one.image_id] for one in held]
    assert all(one.thumbnail.startswith(b"\xff\xd8") for one in held)
    assert [one.loss for one in held] == sorted((one.loss for one in held), reverse=True)
    pictures = wall(held)
    assert pictures.count("<img alt=") == len(held) == replays[-1].size
    assert held[0].diagnosis.name[1:] in pictures
    opened = drawn_catalogue.table.assign(dx="akiec|bcc|mel")
    opened.loc[opened["image_id"] == held[0].image_id, "dx"] = "unknown"
    told = held_images(run, replace(drawn_catalogue, table=opened))
    assert [(one.diagnosis, one.thumbnail) for one in told] == [(None, one.thumbnail) for one in held]
    bare = held_images(run, None)
    assert {(one.diagnosis, one.thumbnail) for one in bare} == {(None, None)}
    assert wall(bare).count("diagnosis not known here") == len(bare)


def test_the_wall_of_an_old_log_leaves_age_out(tmp_path):
    row = {"image_id": "<b>", "loss": 2.5, "views": 3, "drawn_in_epoch": 1, "drawn": 2}
    told = {"event": "replay", "epoch": 0, "enabled": True, "size": 1, "suspects": ["a"] * 13, "replayed_share": 0.1}
    known = write_log(tmp_path, [*begin(), {**told, "drawn": dict.fromkeys(CODES, 1), "hardest": [row]}])
    (held,) = held_images(known, None)
    assert held.age is None
    assert words.held_words(held) == [
        "loss 2.50", "drawn 2\N{NO-BREAK SPACE}×, 1\N{NO-BREAK SPACE}× last epoch", "seen 3\N{NO-BREAK SPACE}×",
    ]  # fmt: skip
    assert "&lt;b&gt;" in wall([held])
    assert "<b>" not in wall([held])
    (replay,) = series.replays(known)
    assert replay.hit_rate is None
    assert words.suspects_line([replay]).startswith("Taken for label errors and left out, 13: a, a")
    assert words.suspects_line([]) == ""
    assert held_images(write_log(tmp_path / "none", begin()), None) == []


def test_a_picture_that_cannot_be_read_has_no_thumbnail(tmp_path):
    (tmp_path / "words.jpg").write_text("words")
    assert thumbnail(str(tmp_path / "words.jpg")) is None
    assert thumbnail(str(tmp_path / "none.jpg")) is None


def test_a_thumbnail_is_kept_until_its_picture_is_replaced_or_comes(tmp_path):
    place = tmp_path / "late.png"
    assert thumbnail(str(place)) is None
    Image.new("RGB", (80, 60), "red").save(place)
    red = thumbnail(str(place))
    assert red is not None
    assert thumbnail(str(place)) is red
    Image.new("RGB", (80, 60), "green").save(place)
    assert thumbnail(str(place)) not in (None, red)


@pytest.mark.training
@pytest.mark.parametrize("dark", [False, True])
def test_every_plate_has_a_figure_and_words(run, dark):
    made = [
        *charts.figure_7(run, dark=dark),
        *charts.losses(run, dark=dark),
        *charts.measures(run, dark=dark),
        *charts.classes(run, "recall", dark=dark),
        *charts.confusion(run, 3, rates=True, dark=dark),
        *charts.machine(run, dark=dark),
        *charts.admitted(run, dark=dark),
        *charts.difficulty(run, dark=dark),
        *charts.replay(run, dark=dark),
        *charts.overlaid([run], "macro_auc", dark=dark),
    ]
    # 2 of Figure 7, 3 losses, 8 measures, 1, 1, 3, 1, 1, 2, 1.
    assert len(made) == 23
    assert len({plate.title for plate in made}) == 23
    assert all(plate.figure.data and plate.alt.endswith(".") for plate in made)
    assert charts.losses(run, dark=dark)[0].figure is charts.losses(run, dark=dark)[0].figure


def test_plates_of_a_run_that_has_just_begun_are_none(tmp_path):
    known = write_log(tmp_path, begin())
    for make in (charts.figure_7, charts.losses, charts.measures, charts.machine, charts.admitted, charts.difficulty):
        assert make(known, dark=False) == []
    assert charts.replay(known, dark=False) == charts.classes(known, "recall", dark=False) == []
    assert charts.confusion(known, 0, rates=True, dark=False) == []
    assert charts.overlaid([known], "dice", dark=False) == []


def test_plates_lie_in_rows():
    assert [list(row) for row in charts.in_rows("abcde", 2)] == [["a", "b"], ["c", "d"], ["e"]]


def test_curves_differ_by_more_than_colour():
    line = Line([1.0, 2.0], [0.5, math.nan], [0, 1])
    training, validation = curves(line, line, best=1, dark=False).data
    assert training.line.dash != validation.line.dash
    assert training.marker.symbol != validation.marker.symbol
    assert validation.y == (0.5, None)
    shown = class_curves(dict.fromkeys(CODES, line), dark=True).data
    drawn = [trace for trace in shown if trace.mode != "text"]
    assert len({(trace.line.dash, trace.marker.symbol) for trace in drawn}) == 7


@pytest.mark.parametrize(("theme", "place"), [("light", 0), ("dark", 1)])
def test_lines_and_small_print_stand_out_on_their_page(theme, place):
    page = THEME[theme]["backgroundColor"]
    for pair in (palette.GREY, palette.TEXT, *palette.SERIES):
        assert contrast(pair[place], page) >= 4.5, pair
    assert len(palette.SERIES) == compare.MOST


def test_labels_are_moved_apart_in_order():
    moved = spread({"a": 0.5, "b": 0.5, "c": 0.9}, 0.1)
    assert moved["b"] - moved["a"] == pytest.approx(0.1)
    assert moved["c"] == 0.9
    up = spread({"a": 1.0, "b": 1.0}, 0.1)
    assert (up["a"], up["b"]) == pytest.approx((0.95, 1.05))
    assert spread({}, 0.1) == {}


def test_areas_are_held_for_an_epoch_and_show_what_is_planned():
    shares = [dict.fromkeys(CODES, 0.2), {**dict.fromkeys(CODES, 0.6), "df": math.nan}]
    planned_shares = [*shares, *[dict.fromkeys(CODES, 1.0)] * 2]
    figure = admitted_areas(shares, [0.5, 0.8], [0.5, 0.8, 1.0, 1.0], planned_shares, dark=False)
    said = [note.text for note in figure.layout.annotations]
    assert said == ["<b>80%</b>", *["<b>60%</b>"] * 6]
    area = next(trace for trace in figure.data if trace.hovertemplate and trace.hovertemplate.startswith("Melanoma"))
    assert (area.x, area.line.shape) == ((0, 1, 2), "hv")
    assert area.customdata == ([0.2, 1], [0.6, 2], [0.6, 2])  # share and epoch, counted from 1
    planned = [trace for trace in figure.data if trace.line.dash == "dash"]
    assert [trace.x for trace in planned] == [(2, 3, 4)] * 8
    assert [trace.customdata for trace in planned[:2]] == [(0.8, 1.0, 1.0), (0.6, 1.0, 1.0)]
    assert not [t for t in admitted_areas(shares, [0.5, 0.8], [0.5, 0.8], [], dark=True).data if t.line.dash == "dash"]


def test_the_histogram_moves_and_opens_on_the_last_epoch():
    figure = difficulty_motion([0, 1], [[0, 10], [4, 6]], [[0, 5], [4, 6]], dark=True)
    assert [bar.y for bar in figure.data] == [(4, 6), (0, 0)]
    assert [bar.y for bar in figure.frames[0].data] == [(0, 5), (0, 5)]
    assert figure.layout.sliders[0].active == 1
    many = difficulty_motion(range(500), [[1, 2]] * 500, [[1, 2]] * 500, dark=False)
    assert len(many.frames) == 60
    assert many.frames[-1].name == "499"


@pytest.mark.training
def test_the_best_epoch_is_told_with_its_figures(run):
    best = run.best()
    event = run.reader.newest("best")
    assert (best.epoch, best.by, best.value) == (event["epoch"], "macro_auc", event["value"])
    said = words.best_line(best)
    assert said.startswith(f"Best so far: Macro AUC {best.value:.3f} in epoch {best.epoch + 1} (accuracy ")
    assert f"Dice {best.validation['dice']:.3f})." in said
    (row,) = words.table([run])
    assert (row["Run"], row["Best epoch"], row["Dice"]) == ("finished", best.epoch + 1, best.validation["dice"])
    assert row["Configuration"] == ("shared test_efficientnet, 32 px, batch 6, adam 0.003 constant, curriculum, replay")
    inside = {**run.config, "model": {**run.config["model"], "pooling": "whole+lesion"}}
    assert words.configuration(inside).startswith("shared test_efficientnet, pooled inside the outline, too, 32 px")
    cells = {**run.config, "model": {**run.config["model"], "head": "pixel"}}
    assert words.configuration(cells).startswith("shared test_efficientnet, head pixel, whole share 0.25, 32 px")
    assert f"{run.data['train']} + {run.data['validation']} images, split by lesion" in row["Data"]


@pytest.mark.parametrize(
    ("seconds", "said"), [(3, "under a minute"), (40, "about a_minute"), (65 * 60, "65_min"), (8517, "2_h 22_min")]
)
def test_spans_of_time_are_rounded(seconds, said):
    assert duration(seconds) == said.replace("_", "\N{NO-BREAK SPACE}")


# Comparison


@pytest.mark.training
def test_runs_are_compared_by_what_differs(tmp_path, run, drawn_catalogue, cache):
    folder = tmp_path / "other"
    config = replace(CONFIG, epochs=1, learning_rate=1e-3, replay=ReplayConfig())
    train(config, drawn_catalogue, folder, cache=cache)
    other = Run(folder)
    other.look()
    rows = {row.name: row.values for row in compare.differences([run, other])}
    assert rows == {
        "replay.enabled": ["True", "False"],
        "replay.capacity": ["16", "512"],
        "epochs": ["4", "1"],
        "learning_rate": ["0.003", "0.001"],
    }
    assert words.difference_rows([run, other], compare.differences([run, other]))[2] == {
        "Setting": "epochs", "finished": "4", "other": "1",
    }  # fmt: skip
    assert compare.differences([run, run]) == []
    # A run from before there was a setting had the value that was the only one then.
    older = Run(folder)
    older.look()
    for name in ("pooling", "drop_path", "head", "whole_share"):
        del older.about["config"]["model"][name]
    assert compare.differences([other, older]) == []
    told = compare.best_and_last([run, other])
    assert [(row.run, row.which) for row in told] == [
        ("finished", "best"), ("finished", "last"), ("other", "best"), ("other", "last"),
    ]  # fmt: skip
    assert told[1].figures["dice"] == run.reader.newest("epoch")["validation"]["dice"]
    assert words.figure_rows(told)[1]["Epoch"] == 4
    laid = compare.overlay([run, other], "macro_auc")
    assert {name: len(line.x) for name, line in laid.items()} == {"finished": 4, "other": 1}
    assert len({trace.line.dash for trace in charts.overlaid([run, other], "dice", dark=False)[0].figure.data}) == 2


def test_runs_that_have_measured_nothing_have_no_figures(tmp_path):
    known = write_log(tmp_path, begin())
    assert compare.best_and_last([known]) == []
    assert compare.overlay([known], "dice") == {}


# Settings


def test_settings_exist_in_every_preset_and_say_what_they_cost():
    for name in PRESETS:
        config = preset(name).as_dict()
        for setting in SETTINGS:
            value = value_in(config, setting.name)
            assert value is not None, setting.name
            assert len(setting.cost) > 20
            if setting.kind == "choice":
                assert {value, defaults(name, drawn=True)[setting.name]} <= set(setting.options)
            if setting.kind in ("whole", "number"):
                assert setting.low <= value <= setting.high
        assert changed(name, defaults(name, drawn=False)) == {}
    assert changed("derm", defaults("derm", drawn=True))["start"] == "random"
    assert value_in(preset("derm").as_dict(), "model.none") is None


# Export


@pytest.mark.training
def test_tensorboard_reads_what_was_exported(run, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    told = CliRunner().invoke(app, ["monitor", "export", str(run.folder), "--out", str(tmp_path / "board")])
    assert told.exit_code == 0, told.output
    board = EventAccumulator(str(tmp_path / "board"), size_guidance={"scalars": 0})
    board.Reload()
    losses = board.Scalars("step/loss")
    assert [event.step for event in losses] == run.reader.steps().step.tolist()
    assert [event.value for event in losses] == pytest.approx(run.reader.steps().loss.tolist())
    dice = board.Scalars("validation/dice")
    assert [event.value for event in dice] == pytest.approx(
        [event["validation"]["dice"] for event in run.reader.events("epoch")]
    )
    # Between two lines that tell the time, others lie in proportion to their steps.
    begun, speed = run.reader.newest("begun"), run.reader.events("speed")
    assert begun["time"] < losses[0].wall_time <= speed[0]["time"]
    assert dice[-1].wall_time == pytest.approx(speed[-1]["time"])
    assert {"curriculum/pace", "replay/hit_rate", "speed/images_per_second"} <= set(board.Tags()["scalars"])
    assert export.tensorboard_zip(run).startswith(b"PK")


@pytest.mark.slow
def test_a_run_that_goes_on_is_exported_again_and_again_whole(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log, out = tmp_path / "events.jsonl", tmp_path / "board"
    log.write_bytes(lines([*begin(), step(1)]))
    run = Run(tmp_path)
    for number in (2, 3):
        run.look()
        assert export.to_tensorboard(run, out) == number * 6 - 6
        assert [path.name for path in out.iterdir()] == [export.EVENT_FILE]
        board = EventAccumulator(str(out), size_guidance={"scalars": 0})
        board.Reload()
        assert [event.step for event in board.Scalars("step/loss")] == list(range(1, number))
        with log.open("ab") as stream:
            stream.write(lines([step(number)]) + b'{"event": "step", "st')  # the writer is in the midst of a line
        log.write_bytes(log.read_bytes().rsplit(b"\n", 1)[0] + b"\n")
    before = (out / export.EVENT_FILE).read_bytes()
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(ConfigFault, match=r"cannot be written to \(No space left on device\): name a place with room"):
        export.to_tensorboard(run, out)
    assert [path.name for path in out.iterdir()] == [export.EVENT_FILE]
    assert (out / export.EVENT_FILE).read_bytes() == before


@pytest.mark.training
def test_a_missing_package_is_one_sentence(run, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigFault, match=r"package tensorboard is not installed, .*: `pip install tensorboard"):
        export.to_tensorboard(run, tmp_path)
    with pytest.raises(ConfigFault, match="package mlflow is not installed, and the export needs it: `pip install ml"):
        export.to_mlflow(run)


def test_a_run_that_has_not_begun_is_not_exported(tmp_path):
    with pytest.raises(RunFault, match=r"The log of '.*' holds no event yet: wait until the run has begun"):
        list(export.scalars(Run(tmp_path)))


def test_a_log_without_a_sound_beginning_is_called_damaged(tmp_path):
    (tmp_path / "events.jsonl").write_bytes(b"damaged\n" + lines([step(1)]))
    run = Run(tmp_path)
    run.look()
    with pytest.raises(RunFault, match=r"The log of '.*' is damaged, and no line of it tells how"):
        list(export.scalars(run))


def test_the_terminal_says_what_is_damaged(tmp_path, monkeypatch):
    for name in ("bad", "sound"):
        write_log(tmp_path / name, [*begin(), step(1)])
    with (tmp_path / "bad" / "events.jsonl").open("ab") as log:
        log.write(b'{"event": "epoch", "epoch": 0\n{"event": "st\n' + lines([step(2)]))
    (tmp_path / "bad" / "run.json").write_text("{")
    monkeypatch.setattr("derm.cli.terminal.out.width", 200)
    listed = CliRunner().invoke(app, ["monitor", "list", str(tmp_path)])
    assert " · log damaged · run.json damaged │" in listed.stdout
    assert "bad: The log is damaged: 2 lines cannot be read and are left out. Its run.json cannot" in listed.stderr
    assert "sound" not in listed.stderr
    monkeypatch.setattr(export, "to_tensorboard", lambda run, out: len(list(export.scalars(run))))
    monkeypatch.setattr(export, "to_mlflow", lambda run, place: len(list(export.scalars(run))))
    for place in (["--out", str(tmp_path / "board")], ["--to", "mlflow"]):
        told = CliRunner().invoke(app, ["monitor", "export", str(tmp_path / "bad"), *place])
        assert told.exit_code == 0, told.output
        assert "The log is damaged: 2 lines cannot be read and are left out." in told.stderr
        assert not CliRunner().invoke(app, ["monitor", "export", str(tmp_path / "sound"), *place]).stderr


@pytest.mark.training
def test_mlflow_is_given_settings_and_figures(run, monkeypatch):
    """A stand-in for MLflow's client, which the tests do not install, with the calls of its documentation."""
    batches: list[dict[str, Any]] = []
    ended: list[tuple[str, str]] = []
    client = types.SimpleNamespace(
        get_experiment_by_name=lambda name: None,
        create_experiment=lambda name: "7",
        create_run=lambda number, run_name: types.SimpleNamespace(
            info=types.SimpleNamespace(run_id=f"{number}-{run_name}")
        ),
        log_batch=lambda record, **content: batches.append(content),
        set_terminated=lambda record, state: ended.append((record, state)),
    )
    entities, tracking, package = (types.ModuleType(name) for name in ("mlflow.entities", "mlflow.tracking", "mlflow"))
    entities.Metric = lambda key, value, timestamp, step: (key, value, timestamp, step)
    entities.Param = lambda key, value: (key, value)
    tracking.MlflowClient = lambda tracking_uri: client
    package.__spec__ = importlib.util.spec_from_loader("mlflow", loader=None)
    for module in (package, entities, tracking):
        monkeypatch.setitem(__import__("sys").modules, module.__name__, module)
    count = export.to_mlflow(run)
    assert ("model.input_size", "32") in batches[0]["params"]
    metrics = [metric for batch in batches[1:] for metric in batch["metrics"]]
    assert len(metrics) == count == len(list(export.scalars(run)))
    assert all(len(batch["metrics"]) <= 1000 for batch in batches[1:])
    assert ended == [("7-finished", "FINISHED")]


def test_the_command_says_where_there_is_no_run(tmp_path):
    told = CliRunner().invoke(app, ["monitor", "list", str(tmp_path)])
    assert told.exit_code == 0
    assert "There is no run in" in told.output
    with pytest.raises(ConfigFault, match=r"There is no folder .*none: name the one that holds runs"):
        CliRunner().invoke(app, ["monitor", "list", str(tmp_path / "none")], catch_exceptions=False)


@pytest.mark.training
def test_the_command_lists_runs(run):
    told = CliRunner().invoke(app, ["monitor", "list", str(run.folder.parent)])
    assert told.exit_code == 0
    assert "finished" in told.output
    assert f"{run.best().value:.3f}" in told.output


@pytest.mark.slow
def test_the_benchmark_prints_json_last():
    told = CliRunner().invoke(app, ["bench", "monitor", "--runs", "2", "--events", "2000"])
    assert told.exit_code == 0, told.output
    content = json.loads(told.stdout.splitlines()[-1])
    assert (content["runs"], content["events"]) == (2, 2000)
    assert content["news_bytes"] < 4000  # ten lines of some 230 bytes, and the 128 before
    assert all(content[name] > 0 for name in ("first_look", "idle_look", "look_with_news", "open_run", "figures"))
