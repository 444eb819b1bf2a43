"""Run folders of every malformed kind: each is in view and says what is damaged; the others stay as they are."""

import json
import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from derm.bench.monitor import write_run
from derm.monitor import charts, compare, launch, quota, series, words
from derm.monitor.quota import OWNER, Visitor
from derm.monitor.runs import Run, Runs
from derm.monitor.state import LAUNCH, OUTPUT, STOP, find_holder

Spoil = Callable[[Path], object]


def changed(**fields: object) -> Spoil:
    """Other fields in run.json's configuration; a dotted name leads inwards, with __ for the dot."""

    def spoil(run: Path) -> None:
        about = json.loads((run / "run.json").read_text())
        for name, value in fields.items():
            place = about["config"]
            *path, last = name.split("__")
            for step in path:
                place = place[step]
            place[last] = value
        (run / "run.json").write_text(json.dumps(about))
        (run / "events.jsonl").write_text("")

    return spoil


def written(name: str, content: str | bytes) -> Spoil:
    """A file of the run with other content."""
    return lambda run: (run / name).write_bytes(content.encode() if isinstance(content, str) else content)


def doubled(run: Path) -> None:
    """A log whose every line stands twice, in the wrong order."""
    lines = (run / "events.jsonl").read_text().splitlines()
    (run / "events.jsonl").write_text("\n".join([*lines[::-1], *lines]) + "\n")


def instead(name: str, make: Callable[[Path], object]) -> Spoil:
    """Something else than a file under a file's name."""

    def spoil(run: Path) -> None:
        (run / name).unlink(missing_ok=True)
        make(run / name)

    return spoil


def linked_to_zero(run: Path) -> None:
    (run / "run.json").unlink()
    (run / "run.json").symlink_to("/dev/zero")


NESTED = '{"config": ' * 5000 + "1" + "}" * 5000
KINDS: dict[str, Spoil] = {
    "run-json-missing": lambda run: (run / "run.json").unlink(),
    "run-json-empty": written("run.json", ""),
    "run-json-cut": lambda run: (run / "run.json").write_bytes((run / "run.json").read_bytes()[:40]),
    "run-json-binary": written("run.json", os.urandom(500)),
    "run-json-nested": written("run.json", NESTED),
    "run-json-huge": written("run.json", '{"config": "' + "x" * (5 << 20) + '"}'),
    "run-json-foreign": written("run.json", "[1, 2, 3]"),
    "run-json-folder": instead("run.json", Path.mkdir),
    "run-json-pipe": instead("run.json", os.mkfifo),
    "run-json-zero": linked_to_zero,
    "run-json-surrogate": changed(optimiser="\ud800"),
    "settings-of-other-kinds": changed(epochs="many", batch=None),
    "settings-huge-numbers": changed(epochs=10**15),
    "settings-huge-float": changed(learning_rate=10**400),
    "settings-not-finite": changed(learning_rate=math.inf),
    "settings-curriculum": changed(curriculum__start=7, curriculum__enabled=True),
    "settings-pace": changed(curriculum__pace="sideways", curriculum__enabled=True),
    "log-missing": lambda run: (run / "events.jsonl").unlink(),
    "log-binary": written("events.jsonl", os.urandom(5000).replace(b"\n", b"") + b"\n"),
    "log-doubled": doubled,
    "log-nested": written("events.jsonl", "[" * 5000 + "]" * 5000 + "\n"),
    "log-pipe": instead("events.jsonl", os.mkfifo),
    "lock-pipe": instead("lock", os.mkfifo),
    "output-pipe": instead(OUTPUT, os.mkfifo),
    "launch-foreign": written(LAUNCH, '{"pid": true, "by": 3, "time": "x"}'),
    "stop-foreign": written(STOP, '{"pid": [1], "time": "x"}'),
    "checkpoint-cut": written("last.safetensors", b"\x00\x01"),
}  # fmt: skip


def say_all(run: Run, *, drawn: bool) -> str:
    """Say what the Monitor has of a run, in the list, as a headline and in every view; and draw it where asked to."""
    config = run.config
    plates = [] if not drawn else [
        *charts.figure_7(run, dark=False), *charts.losses(run, dark=False), *charts.machine(run, dark=False),
        *charts.admitted(run, dark=False), *charts.difficulty(run, dark=False), *charts.replay(run, dark=False),
    ]  # fmt: skip
    stage = words.stage_line(series.stages(run), series.planned_pace(run), run.standing.epoch)
    said = [words.headline(run), words.in_list(run), words.about_line(run), words.obituary(run), words.what_to_do(run)]
    said += [stage, words.damaged_line(run), str(words.settings_rows(compare.flatten(config)))]
    said += [str(words.table([run])), quota.starter_line(run.launched, Visitor(alone=False))]
    return "\n".join([*said, *(plate.alt for plate in plates)])


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Path:
    """A folder with a sound run and one of each kind."""
    folder = tmp_path_factory.mktemp("hostile")
    for name in ("sound", *KINDS):
        (folder / name).mkdir()
        write_run(folder / name, 6, 0)
    for name, spoil in KINDS.items():
        spoil(folder / name)
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/bad-\xff-name"))
    odd.mkdir()
    write_run(odd, 6, 0)
    return folder


def test_every_run_is_in_view_and_the_sound_one_says_what_it_said(hostile, tmp_path):
    write_run(tmp_path, 6, 0)
    alone = Run(tmp_path)
    alone.look()
    known = {run.name: run for run in Runs(hostile).look()}
    assert set(known) == {"sound", "bad-\ufffd-name", *KINDS}
    for run in known.values():
        say_all(run, drawn=not run.name.startswith(("run-json", "l", "o"))).encode()
    assert words.best_line(known["sound"].best()) == words.best_line(alone.best())
    assert words.damaged_line(known["sound"]) == ""
    assert known["sound"].standing.step == alone.standing.step


@pytest.mark.parametrize("name", [name for name in KINDS if name.startswith(("run-json-", "settings-"))])
def test_a_run_json_that_nobody_can_rely_on_is_named(hostile, name):
    run = Run(hostile / name)
    run.look()
    if name in ("run-json-missing", "settings-curriculum", "settings-pace"):  # nothing there; or the log says as much
        assert "run.json" not in words.damaged_line(run)
    else:
        assert "Its run.json cannot be read" in words.damaged_line(run)
        assert words.in_list(run).endswith("run.json damaged")


def test_a_log_beyond_all_measure_is_read_up_to_a_limit_and_said(hostile, monkeypatch):
    size = (hostile / "sound" / "events.jsonl").stat().st_size
    monkeypatch.setattr("derm.runlog.reader.MOST", size - 10)
    run = Run(hostile / "sound")
    run.look()
    assert "more than any training writes: the rest is left out" in words.damaged_line(run)
    before = run.reader.bytes_read
    run.look()
    assert run.reader.bytes_read - before < 1000


@pytest.mark.parametrize("pid", [True, 0, 1, -1, 2**70, "7", 7.0])
def test_no_record_leads_a_signal_to_another_process(tmp_path, pid):
    from derm.files import hold

    (tmp_path / "lock").write_text(json.dumps({"pid": pid, "host": "here"}))
    with (tmp_path / "lock").open("a") as stream:
        assert hold(stream)
        assert find_holder(tmp_path) is None


# Who may start and stop what


def test_a_run_is_stopped_by_who_started_it_alone_where_the_app_has_several_visitors():
    browser = {"by": {"name": "", "browser": "aa"}}
    named = {"by": {"name": "Ada", "browser": "aa"}}
    assert OWNER.may_stop(None)
    assert OWNER.may_stop(named)
    assert Visitor(browser="aa", alone=False).may_stop(browser)
    for visitor, launched in (
        (Visitor(browser="bb", alone=False), browser),
        (Visitor(alone=False), browser),
        (Visitor(alone=False), {"by": {"name": "", "browser": ""}}),
        (Visitor(browser="aa", alone=False), named),
        (Visitor(name="Bob", browser="aa", alone=False), named),
        (Visitor(name="Bob", browser="aa", alone=False), browser),
        (Visitor(browser="aa", alone=False), None),
        (Visitor(browser="aa", alone=False), {"by": ["aa"]}),
    ):
        assert not visitor.may_stop(launched), (visitor, launched)
    assert Visitor(name="Ada", browser="zz", alone=False).may_stop(named)
    assert quota.starter_line(named, Visitor(name="Bob", alone=False)) == "started by Ada"
    assert quota.starter_line(browser, Visitor(browser="aa", alone=False)) == "started in this browser"
    assert quota.starter_line(None, Visitor(alone=False)) == "started in a terminal"
    assert quota.starter_line(None, OWNER) == ""


def test_what_is_another_visitors_is_neither_stopped_nor_resumed(hostile):
    run = hostile / "sound"
    for action in (launch.stop, launch.resume):
        with pytest.raises(launch.RunFault, match="The run 'sound' was started by somebody else: ask them to stop or"):
            action(run, Visitor(browser="aa", alone=False))


def test_as_many_runs_train_as_may(tmp_path, monkeypatch):
    from derm.files import hold

    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "events.jsonl").touch()
    with (tmp_path / "one" / "lock").open("a") as first, (tmp_path / "two" / "lock").open("a") as second:
        assert hold(first)
        quota.check_count(tmp_path)
        assert hold(second)
        with pytest.raises(
            launch.RunFault, match=r"2 runs train already \(one, two\), and this app starts one only be"
        ):
            quota.check_count(tmp_path)
        monkeypatch.setenv(quota.AT_ONCE, "3")
        quota.check_count(tmp_path)
    monkeypatch.setenv(quota.AT_ONCE, "0")
    with pytest.raises(launch.RunFault, match="This app starts no runs"):
        quota.check_count(tmp_path)
    monkeypatch.setenv(quota.AT_ONCE, "many")
    with pytest.raises(launch.ConfigFault, match="DERM_RUNS_AT_ONCE is 'many': give a whole number"):
        quota.check_count(tmp_path)


def test_a_training_on_a_practices_cases_in_a_terminal_counts(tmp_path, monkeypatch):
    from derm.files import hold
    from derm.paths import teaching_folder

    monkeypatch.setenv("DERM_RECORDS", str(tmp_path / "records"))
    monkeypatch.setenv(quota.AT_ONCE, "1")
    quota.check_count(tmp_path / "runs")
    training = teaching_folder() / "2026-11-29"
    training.mkdir(parents=True)
    (training / "teaching.json").touch()
    with (training / "lock").open("a") as stream:
        assert hold(stream)
        with pytest.raises(launch.RunFault, match=r"1 run trains already \(2026-11-29\)"):
            quota.check_count(tmp_path / "runs")
    quota.check_count(tmp_path / "runs")


def test_of_two_visitors_at_once_one_waits(tmp_path, monkeypatch):
    with quota.room_for_one(tmp_path):
        monkeypatch.setattr(quota, "hold", lambda stream, patience: False)
        with (
            pytest.raises(launch.RunFault, match="Another run is being started at this moment"),
            quota.room_for_one(tmp_path),
        ):
            pass


def test_some_of_the_disk_stays_free(tmp_path, monkeypatch, cache):
    import shutil

    monkeypatch.setenv("DERM_KEEP_FREE", "3")
    needed = 3 * 10**9 + quota.RUN_SIZE
    for free, fits in ((needed, True), (needed - 1, False)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: shutil._ntuple_diskusage(10**12, 0, free))
        if fits:
            quota.check_disk(tmp_path)
        else:
            with pytest.raises(launch.RunFault, match=r"4.1 GB are free in .*, and a run is started only with 4.1 GB"):
                quota.check_disk(tmp_path)


def test_each_disk_that_is_written_to_is_looked_at(tmp_path, monkeypatch, cache):
    """Of a training on a practice's cases that of the records, too, which may be another."""
    import shutil

    full = tmp_path / "records"
    monkeypatch.setattr(
        shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10**12, 0, 0 if folder == full else 10**12)
    )
    with quota.room_for_one(tmp_path / "runs"):
        pass
    with pytest.raises(launch.RunFault, match=r"0.0 GB are free in .*records"), quota.room_for_one(tmp_path, full):
        pass


def test_a_start_that_was_killed_before_the_run_began_does_not_block_its_name(tmp_path):
    (tmp_path / "first").mkdir()
    for name in (LAUNCH, OUTPUT, "lock", ".run.json.x.part"):
        (tmp_path / "first" / name).touch()
    launch.check_name(tmp_path, "first")
    (tmp_path / "first" / "run.json").touch()
    with pytest.raises(launch.RunFault, match="There is a run called 'first' already"):
        launch.check_name(tmp_path, "first")


@pytest.mark.parametrize("name", ["CON", "nul.txt", "com1", "a.", "Lpt9.x"])
def test_no_run_has_a_name_that_windows_keeps_for_a_device(tmp_path, name):
    with pytest.raises(launch.ConfigFault, match="which no folder on Windows can be"):
        launch.check_name(tmp_path, name)
