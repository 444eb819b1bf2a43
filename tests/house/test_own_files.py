"""What a user has put in a file's place is read or refused: neither what is shipped nor a default stands in for it
unsaid, and no pipe is waited for."""

import os
import threading
from pathlib import Path

import pytest

from derm.concepts import read as concepts_read
from derm.concepts.measured import find_concept_figures, read_concept_figures
from derm.data.store import load_store, open_map
from derm.errors import ConfigFault, DataFault, RunFault, StudyFault, WeightsFault
from derm.evaluate.lesion_measures import known_worth
from derm.evaluate.test_set_log import count_look
from derm.files import is_named, open_ordinary, sha256, write_json
from derm.model.graph import Graph
from derm.model.pretrained import _from_file
from derm.predict.found import FoundPicture
from derm.predict.library import find_library
from derm.predict.mask_files import Origin, _told
from derm.runlog.writer import RunLog, read_events
from derm.serve.login import login_of
from derm.study.design import StudyDesign
from derm.study.reading import FILE, read_given
from derm.train.checkpoint import load_checkpoint
from derm.zoo.compared import read_comparison
from derm.zoo.place import find_comparison
from derm.zoo.results import MEASURED, read_answers, read_optional

DESIGN = StudyDesign.__new__(StudyDesign)  # which is not asked for, where no opinion can be read

LOOK = {
    "measured_on": {"date": "2026-01-02", "weights": "derm", "sha256": "ab" * 32, "split_by": "lesion"},
    **dict.fromkeys(("accuracy", "balanced_accuracy", "macro_f1", "macro_auc", "dice"), 0.5),
}


def lost(place: Path) -> None:
    place.symlink_to(place.parent / "not mounted" / place.name)


def circle(place: Path) -> None:
    place.symlink_to(place)


PLACES = (lost, circle, os.mkfifo, Path.mkdir)


def comparison(folder: Path) -> object:
    return read_comparison(find_comparison())


READERS = {
    "concepts.json": (lambda folder: read_concept_figures(find_concept_figures()), DataFault, "make them anew with"),
    "zoo/comparison.json": (comparison, DataFault, "make it anew with `derm zoo table`"),
    FILE: (lambda folder: read_given(folder, DESIGN), StudyFault, "put the file back from a copy"),
    "library.json": (find_library, DataFault, "build it again with"),
    "secrets.toml": (lambda folder: login_of({}, [folder / "secrets.toml"]), ConfigFault, "cannot be read as TOML"),
    MEASURED: (read_answers, DataFault, "delete it and run the system again"),
    "optional.json": (lambda folder: read_optional(folder / "optional.json", bool), DataFault, "run the system again"),
    "looks.csv": (
        lambda folder: count_look(LOOK, folder / "looks.csv"),
        ConfigFault,
        "append the line 2026-01-02",
    ),
}
"""File → what reads it where it is there, and the refusal."""


@pytest.mark.parametrize("make", PLACES)
@pytest.mark.parametrize("name", READERS)
def test_what_cannot_be_read_is_refused_and_nothing_stands_in_for_it(tmp_path, monkeypatch, name, make):
    monkeypatch.setenv("DERM_RESULTS", str(tmp_path))
    read, fault, cure = READERS[name]
    (tmp_path / name).parent.mkdir(exist_ok=True)
    make(tmp_path / name)
    with pytest.raises(fault, match=cure):
        read(tmp_path)


def test_where_nothing_is_there_the_default_is():
    empty = Path("nowhere")
    assert (
        find_library(empty) is read_answers(empty) is read_optional(empty / "a", bool) is login_of({}, [empty]) is None
    )
    assert read_given(empty, DESIGN) == []
    assert count_look(LOOK, empty / "looks.csv") == 0


def test_a_name_is_taken_by_whatever_bears_it(tmp_path):
    assert not is_named(tmp_path / "a")
    for number, make in enumerate((*PLACES, Path.touch)):
        make(tmp_path / str(number))
        assert is_named(tmp_path / str(number))
    assert not is_named(tmp_path / "4" / "below a file")
    with pytest.raises(FileNotFoundError):
        open_ordinary(tmp_path / "a")
    with pytest.raises(OSError, match="it is a link that leads nowhere") as refused:
        open_ordinary(tmp_path / "0")
    assert not isinstance(refused.value, FileNotFoundError)


def store_of(pipe: Path) -> object:
    write_json(pipe.parent / "store.json", {"has_mask": [True], "size": 8})
    return load_store(pipe.parent)


WAITING = {
    "hash": (sha256, OSError),
    "graph": (lambda pipe: Graph(pipe, "ab" * 32, {}, ()).read(), None),
    "concepts": (lambda pipe: concepts_read._kept(pipe, 1), None),
    "log": (lambda pipe: next(read_events(pipe)), OSError),
    "log for writing": (RunLog, RunFault),
    "worth": (known_worth, DataFault),
    "store": (store_of, OSError),
    "map": (open_map, OSError),
    "checkpoint": (load_checkpoint, RunFault),
    "start": (_from_file, WeightsFault),
    "mask": (_told, Origin("", "", "")),
    "picture": (lambda pipe: FoundPicture(pipe).is_still("ab" * 32), False),
}
"""Reader → what it raises, or gives, for a pipe."""


@pytest.mark.parametrize("name", WAITING)
def test_no_pipe_is_waited_for(tmp_path, name):
    read, expected = WAITING[name]
    pipe = tmp_path / "images.npy"
    os.mkfifo(pipe)
    # Whoever waits is let go on, and so fails: a test must not hang.
    rescue = threading.Timer(20, lambda: os.close(os.open(pipe, os.O_RDWR | os.O_NONBLOCK)))
    rescue.start()
    try:
        if isinstance(expected, type):
            with pytest.raises(expected):
                read(pipe)
        else:
            assert read(pipe) == expected
        assert rescue.is_alive()
    finally:
        rescue.cancel()
