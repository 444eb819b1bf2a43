"""Uploaded files wait to be read, each once, wherever the page is interrupted and whatever finds no room."""

import zipfile
from io import BytesIO
from types import SimpleNamespace

import pytest
from pictures import encoded, picture
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from derm.predict.budget import Budget
from derm.predict.reading import Reading, WaitingFile
from pages.parts import visit

FILES = {name: WaitingFile(name, f"{name}.png", name.encode() * 100) for name in "abc"}


class Interrupted(BaseException):
    """As Streamlit ends a script that is to run again: no Exception."""


class Session:
    """A session that ends the script when it is asked for the `last` time."""

    def __init__(self, last: int) -> None:
        self.__dict__.update(asked=0, last=last, kept={"reading": Reading(), "cases": [], "told": []})

    def asking(self) -> dict[str, object]:
        self.__dict__["asked"] += 1
        if self.asked == self.last:
            raise Interrupted
        return self.kept

    def __getattr__(self, name: str) -> object:
        return self.asking()[name]

    def __setattr__(self, name: str, value: object) -> None:
        self.asking()[name] = value


@pytest.fixture
def uploads(monkeypatch):
    """What the uploader holds for the session "s"."""
    held = MemoryUploadedFileManager("/upload")
    for file in FILES.values():
        held.add_file("s", UploadedFileRec(file.token, file.name, "image/png", file.content))
    monkeypatch.setattr(visit, "get_script_run_ctx", lambda: SimpleNamespace(session_id="s", uploaded_file_mgr=held))
    return held


def run(uploads, session) -> None:
    """Run the page once: what the uploader holds and was not taken in yet is taken in."""
    held = uploads.get_files("s", list(FILES))
    visit.take_in([FILES[one.file_id] for one in held if one.file_id not in session.kept["reading"].known])


@pytest.mark.parametrize("last", range(1, 15))
def test_no_file_is_lost_wherever_the_page_is_interrupted(uploads, monkeypatch, last):
    session = Session(last)
    monkeypatch.setattr(visit, "st", SimpleNamespace(session_state=session))
    monkeypatch.setattr(visit, "budget", lambda: Budget(10**9))
    try:
        run(uploads, session)
    except Interrupted:
        run(uploads, session)
    else:
        assert session.asked < last
    assert [file.name for file in session.kept["reading"].waiting] == ["a.png", "b.png", "c.png"]
    assert uploads.get_files("s", list(FILES)) == []


def test_those_that_find_room_are_read_and_the_others_named(uploads, monkeypatch):
    session = Session(0)
    monkeypatch.setattr(visit, "st", SimpleNamespace(session_state=session))
    monkeypatch.setattr(visit, "budget", lambda: Budget(500))
    run(uploads, session)
    run(uploads, session)
    (said,) = session.kept["told"]
    assert [file.name for file in session.kept["reading"].waiting] == ["a.png", "b.png"]
    assert "c.png" in said
    assert "a.png" not in said
    assert "b.png" not in said


def test_what_a_zip_holds_beside_its_pictures_is_said():
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in ("1.png", "notes.txt", ".hidden.png"):
            archive.writestr(name, encoded(picture(1)) if name == "1.png" else b"text")
    reading = Reading()
    told = visit.let_wait(reading, [WaitingFile("t", "all.zip", stream.getvalue())], 10, Budget(10**9))
    assert told == ["all.zip: 2 of its files were not taken in (.txt 1, hidden 1)."]
    assert [file.name for file in reading.waiting] == ["1.png"]
