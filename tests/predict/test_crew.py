"""Several processes give the table of one, whatever ends them on the way."""

import csv
import os
import re
import signal
import zipfile

import pytest
from pictures import encoded, picture

from derm.errors import ConfigFault
from derm.model.weights import default_weights, load_weights
from derm.predict import crew as module
from derm.predict.crew import Crew
from derm.predict.mask_files import Folders
from derm.predict.record import COLUMNS
from derm.predict.run import predict_files
from derm.predict.table import part_of


@pytest.fixture(scope="module")
def shipped():
    return load_weights(default_weights())


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Eight pictures in a ZIP, one of them broken."""
    path = tmp_path_factory.mktemp("photos") / "photos.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for number in range(8):
            packed.writestr(f"{number}.png", b"none" if number == 3 else encoded(picture(number)))
    return path


@pytest.fixture(scope="module")
def whole(shipped, photos, tmp_path_factory):
    """The table of one process."""
    table = tmp_path_factory.mktemp("whole") / "out.csv"
    list(predict_files(shipped, [photos], table=table).answers)
    return table.read_text()


def rows(text):
    return list(csv.DictReader(text.splitlines()))


def numbers(text):
    """The cells of a table, numbers to five digits: threads add up in another order."""
    return [
        [f"{float(cell):.5f}" if re.fullmatch(r"\d+\.\d+", cell) else cell for cell in row.values()]
        for row in rows(text)
    ]


def test_processes_give_the_table_of_one(shipped, photos, whole, tmp_path):
    table, masks = tmp_path / "out.csv", tmp_path / "masks"
    run = predict_files(shipped, [photos], table=table, processes=2, folders=Folders(masks))
    answers = list(run.answers)
    assert run.processes == 2
    assert [one.done for one in answers] == list(range(1, 9))
    assert sum(one.answered for one in answers) == 7
    assert len(list(masks.iterdir())) == 7 * 15
    found = numbers(table.read_text())
    for row in found:
        row[COLUMNS.index("written_as")] = ""
    assert found == numbers(whole)
    assert not part_of(table).exists()


def test_a_process_that_is_killed_costs_nothing(shipped, photos, whole, tmp_path):
    table = tmp_path / "out.csv"
    made, start = [], module._Process

    class Watched(start):
        def __init__(self, setting_out):
            super().__init__(setting_out)
            made.append(self)

    module._Process = Watched
    try:
        answers = predict_files(shipped, [photos], table=table, processes=2).answers
        next(answers)
        for process in made:
            if process.ready:
                os.kill(process._running.pid, signal.SIGKILL)
        assert len(list(answers)) == 7
        assert len(made) >= 3
    finally:
        module._Process = start
    assert numbers(table.read_text()) == numbers(whole)


def test_a_run_of_processes_that_is_left_goes_on(shipped, photos, whole, tmp_path):
    table = tmp_path / "out.csv"
    answers = predict_files(shipped, [photos], table=table, processes=2).answers
    next(answers)
    next(answers)
    answers.close()
    begun = rows(part_of(table).read_text())
    assert len(begun) == 2
    again = list(predict_files(shipped, [photos], table=table, resume=True).answers)
    assert sum(one.record is None for one in again) == sum(not row["error"] for row in begun)
    assert numbers(table.read_text()) == numbers(whole)


def test_a_picture_that_ends_its_process_twice_has_a_sentence(shipped, monkeypatch, photos, tmp_path):
    """Processes that end at the third picture."""
    ending = (
        "import sys, pickle, os\n"
        "pickle.load(sys.stdin.buffer); out = sys.stdout.buffer\n"
        "pickle.dump('ready', out); out.flush()\n"
        "while True:\n"
        "    task = pickle.load(sys.stdin.buffer)\n"
        "    if task.name == '2': os._exit(9)\n"
        "    pickle.dump({'error': '', 'image_id': task.name}, out); out.flush()\n"
    )
    command(monkeypatch, ending)
    found = {record["image_id"]: record["error"] for _, record in asked(shipped, photos)}
    assert set(found) == set("01234567")
    assert {name: said for name, said in found.items() if said} == {
        "2": "2.png ended the process that read it, twice: it may take more memory than there is; make it smaller, or "
        "look at it alone."
    }


def test_processes_that_cannot_start_are_one_sentence(shipped, monkeypatch, photos):
    command(monkeypatch, "raise SystemExit(3)")
    with pytest.raises(ConfigFault, match=r"ended before its first \(exit status 3\): set --processes 1"):
        list(asked(shipped, photos))


def command(monkeypatch, code):
    """Let another program be the worker."""
    start = module.subprocess.Popen
    monkeypatch.setattr(module.subprocess, "Popen", lambda words, **how: start([words[0], "-c", code], **how))


def asked(model, photos):
    from derm.predict.ask import Asking, Task
    from derm.predict.record import settings_of

    tasks = [Task(photos / f"{number}.png", f"{number}.png", str(number), b"") for number in range(8)]
    return Crew(model, Asking(settings_of(model, 1, None), Folders(), None), iter(tasks), 1).answers()


def test_how_many_processes_pay(shipped, tiny_model, monkeypatch, tmp_path):
    from derm.predict import run

    monkeypatch.setattr(run, "cores", lambda: 4)
    assert [run._worthwhile(shipped, total) for total in (1, 47, 48, 80, 10_000)] == [1, 1, 2, 3, 4]
    assert run._worthwhile(tiny_model, 10_000) == 1  # which PyTorch answers
    with pytest.raises(ConfigFault, match="0 processes answer nothing"):
        predict_files(shipped, [tmp_path], processes=0)
