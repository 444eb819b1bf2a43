"""`derm predict` as its user meets it, also where it is ended in the middle."""

import csv
import json
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial

import pytest
from pictures import save
from typer.testing import CliRunner

from derm.cli.main import app
from derm.cli.predict import Count
from derm.predict.record import COLUMNS
from derm.predict.table import part_of


@pytest.fixture
def run(tiny_weights):
    runner = CliRunner()
    return lambda *words: runner.invoke(app, ["predict", *map(str, words), "--weights", str(tiny_weights)])


def rows(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_terminal_counts_answers_that_can_be_relied_on(run, tmp_path, monkeypatch):
    monkeypatch.setattr("derm.predict.case.MIN_LESION", 2.0)  # so that there is no lesion anywhere
    for name in "abc":
        save(tmp_path / f"{name}.png", 1)
    done = run(tmp_path, "--out", tmp_path / "out.csv")
    assert done.exit_code == 0, done.output
    assert "3 of 3 pictures diagnosed; 0 of 3 answers can be relied on: " in done.stdout
    assert {(row["answerable"], row["referral"], row["dx_pred"]) for row in rows(tmp_path / "out.csv")} == {
        ("no", "no answer", "")
    }
    done = run(tmp_path)
    assert "0 of 3 answers can be relied on." in done.stdout


def test_one_bad_argument_among_good_ones(run, tmp_path):
    good, table = save(tmp_path / "a.png", 1), tmp_path / "out.csv"
    (tmp_path / "notes.txt").write_text("none")
    done = run(tmp_path / "gone.png", tmp_path, "--out", table)
    assert done.exit_code == 1
    assert f"derm: There is no file or folder {tmp_path / 'gone.png'}: check the path." in done.stderr
    assert "1 further file was not looked at, for they are no pictures: .txt 1." in done.stderr
    assert [row["file"] for row in rows(table)] == [str(tmp_path / "gone.png"), str(good)]
    assert "1 of 2 pictures diagnosed" in done.stdout


def test_json_is_one_array_of_whole_records(run, tmp_path):
    save(tmp_path / "a.png", 1)
    (tmp_path / "b.png").write_bytes(b"")
    done = run(tmp_path, "--json")
    first, second = json.loads(done.stdout)
    assert set(COLUMNS) | {"licence", "notice"} <= set(first)
    assert second["error"].startswith("b.png is empty")
    assert done.exit_code == 1


def test_options_that_do_not_fit(run, tmp_path):
    good = save(tmp_path / "a.png", 1)
    for words, said in (
        (("--resume",), "--resume goes on with a table: name it with --out."),
        (("--out", "."), ". is a folder: name a file in it, as out.csv."),
        (("--out", "/"), "/ is a folder: name a file in it, as /out.csv."),
        (("--prevalence", 5), "--prevalence 5 is no share of lesions"),
    ):
        assert said in str(run(good, *words).exception)


def started(tiny_weights, *words):
    words = [sys.executable, "-m", "derm", "predict", *map(str, words), "--weights", str(tiny_weights)]
    # Whoever started the tests in the background had interrupts ignored, which children inherit.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(  # no other thread of the tests is at work here
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed,  # noqa: PLW1509
    )


def wait_for_rows(process, part, count):
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        with suppress(FileNotFoundError):
            if part.read_text().count("\n") > count:
                return
        time.sleep(0.01)
    raise AssertionError(f"no {count} rows: {process.communicate()}")


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_ended_in_the_middle_loses_nothing(run, tiny_weights, tmp_path, how):
    photos, whole, table = tmp_path / "photos", tmp_path / "whole.csv", tmp_path / "out.csv"
    for number in range(60):
        save(photos / f"{number:02}.png", number)
    process = started(tiny_weights, photos, "--out", table, "--masks", tmp_path / "masks")
    wait_for_rows(process, part_of(table), 2)
    process.send_signal(how)
    _, said = process.communicate(timeout=60)
    stand = rows(part_of(table))
    assert 2 <= len(stand) < 60
    assert part_of(table).read_bytes().endswith(b"\n")
    assert not table.exists()
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert said.strip() == (
            f"Ended after {len(stand)} of 60 pictures; their answers stand in {part_of(table)}: "
            "the same command with --resume goes on."
        )
    done = run(photos, "--out", table, "--masks", tmp_path / "masks")
    assert "go on with it by --resume, or remove it" in str(done.exception)
    assert run(photos, "--out", table, "--masks", tmp_path / "masks", "--resume").exit_code == 0
    assert run(photos, "--out", whole, "--masks", tmp_path / "masks").exit_code == 0
    assert table.read_bytes() == whole.read_bytes()
    if how == signal.SIGINT:
        assert not list((tmp_path / "masks").glob("*.part"))


def test_weights_whose_answers_mean_nothing_are_not_said_to_be_relied_on():
    count = Count(3, "What the weights say of melanoma means nothing.")
    assert count.said() == "0 of 3 pictures diagnosed. What the weights say of melanoma means nothing"
    assert Count(3).said() == "0 of 3 pictures diagnosed; 0 of 0 answers can be relied on"
