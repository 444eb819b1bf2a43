"""Files that are whole or absent, and the places that are refused."""

import errno
import os
import re
import time
from datetime import date
from functools import partial
from pathlib import Path
from zipfile import ZipFile

import pytest
from PIL import Image

from derm import files as module
from derm.errors import ConfigFault
from derm.files import (
    as_text,
    check_file,
    hold,
    make_folder,
    making_folder,
    open_lock,
    sha256,
    sweep,
    unlinked,
    write_bytes,
    write_json,
    write_text,
    write_together,
    write_whole,
    zip_member,
)


def test_a_file_is_whole_or_absent(tmp_path):
    path = tmp_path / "new" / "a.txt"
    write_text(path, "old")

    def half(part):
        part.write_text("ha")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(path, half)
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_a_full_disk_names_the_folder_that_is_made_not_the_hidden_one_beside_it(tmp_path):
    def full(_part):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with (
        pytest.raises(ConfigFault, match=r"new cannot be written \(No space left.*: name a place with room") as refused,
        making_folder(tmp_path / "new") as part,
    ):
        write_whole(part / "a.txt", full)
    assert ".part" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_followed(tmp_path):
    write_text(tmp_path / "real.txt", "old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    write_text(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"


def test_what_a_link_leads_to_stays_where_none_is_followed(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    for name in ("real.txt", "gone.txt"):
        (tmp_path / "link.txt").symlink_to(tmp_path / name)
        write_text(unlinked(tmp_path / "link.txt"), "new")
        assert (tmp_path / "link.txt").read_text() == "new"
        assert not (tmp_path / "link.txt").is_symlink()
        (tmp_path / "link.txt").unlink()
    assert (tmp_path / "real.txt").read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["real.txt"]


def test_what_json_cannot_hold_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="Out of range float values"):
        write_json(tmp_path / "a.json", {"a": float("nan")})


def test_a_name_that_is_not_utf8_is_said_in_one_sentence(tmp_path):
    with pytest.raises(ConfigFault, match=r'a.json cannot be .* not UTF-8 \("folder": "d\\udcff"\): rename that file'):
        write_json(tmp_path / "a.json", {"a": 1, "folder": "d\udcff"})
    assert list(tmp_path.iterdir()) == []
    assert as_text("d\udcff") == r"d\udcff"
    assert as_text("Läsion 1") == "Läsion 1"


def test_hash_of_nothing(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    assert sha256(tmp_path / "empty").startswith("e3b0c44298fc1c14")


def test_leftovers_are_swept_and_nothing_else(tmp_path):
    (tmp_path / ".a.json.x1y2_z3w.part").write_text("")
    others = ["a.part", ".film.mp4.part"]  # such as a browser's
    for name in others:
        (tmp_path / name).write_text("")
    sweep(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(others)


def test_places_that_cannot_be_written_are_one_sentence(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(ConfigFault, match="is a folder: name a file in it"):
        write_text(tmp_path, "")
    with pytest.raises(ConfigFault, match="cannot be made"):
        write_text(file / "below.txt", "")
    with pytest.raises(ConfigFault, match="cannot be made"):
        make_folder(file / "below")
    with pytest.raises(ConfigFault, match="is no ordinary file: name another one"):
        check_file(tmp_path.__class__("/dev/null"))

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ConfigFault, match=r"cannot be written \(No space left on device\): name a place with room"):
        write_text(tmp_path / "a.txt", "a")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("ending", ["jpg", "png", "gif", "tiff", "bmp", "webp"])
def test_a_text_is_never_written_over_a_picture(tmp_path, ending):
    place = tmp_path / f"patient.{ending}"
    Image.new("RGB", (8, 8)).save(place)
    before = place.read_bytes()
    for write in (check_file, partial(write_text, text="x"), partial(write_json, content={})):
        with pytest.raises(ConfigFault, match="is a picture, which would be lost"):
            write(place)
    assert place.read_bytes() == before
    write_bytes(place, b"another picture")  # a picture over a picture is


def test_a_text_that_begins_as_a_bitmap_does_is_written_over(tmp_path):
    (tmp_path / "table.csv").write_text("BMI,age\n20,30\n")
    write_text(tmp_path / "table.csv", "x")
    assert (tmp_path / "table.csv").read_text() == "x"


def there(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


OLD = {"a.pdf": b"old", "deep/b.dcm": b"old"}
NEW = {"a.pdf": b"new", "deep/b.dcm": b"new"}


def test_files_that_belong_together_take_the_place_of_those_of_before(tmp_path):
    folder = tmp_path / "new"
    write_together(folder, OLD, [*OLD, "c.json"])
    (folder / "notes.txt").write_bytes(b"mine")
    write_together(folder, NEW, [*OLD, "c.json"])
    assert there(folder) == {**NEW, "notes.txt": b"mine"}
    write_together(folder, {}, [])
    assert there(folder) == {**NEW, "notes.txt": b"mine"}
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_a_file_of_before_that_would_stay_is_refused(tmp_path):
    write_together(tmp_path, {**OLD, "c.json": b"old"}, [])
    with pytest.raises(ConfigFault, match=r"holds c\.json of another picture or another time, .*: remove it, or name"):
        write_together(tmp_path, NEW, [*NEW, "c.json"])
    assert there(tmp_path) == {**OLD, "c.json": b"old"}


@pytest.mark.parametrize("most", range(3))
def test_whatever_ends_it_files_of_two_times_do_not_lie_together(tmp_path, monkeypatch, most):
    write_together(tmp_path, OLD, OLD)
    rest = [most]

    def stopped(*given):
        if not rest[0]:
            raise KeyboardInterrupt
        rest[0] -= 1
        replace_with(*given)

    replace_with = module.replace_with
    with monkeypatch.context() as killed:
        killed.setattr(module, "replace_with", stopped)
        if most < len(NEW):
            with pytest.raises(KeyboardInterrupt):
                write_together(tmp_path, NEW, NEW)
        else:
            write_together(tmp_path, NEW, NEW)
    assert there(tmp_path) == dict(list(NEW.items())[:most])
    write_together(tmp_path, OLD, OLD)
    full = OSError(errno.ENOSPC, "No space left on device")

    def short(place, content):
        if place.name == "b.dcm":
            raise ConfigFault("full") from full
        write_bytes(place, content)

    monkeypatch.setattr(module, "write_bytes", short)
    with pytest.raises(ConfigFault, match=r"a\.pdf cannot be written \(No space left"):
        write_together(tmp_path, NEW, NEW)
    assert there(tmp_path) == OLD


def test_of_files_that_belong_together_links_are_replaced_and_folders_refused(tmp_path):
    other, folder = tmp_path / "other", tmp_path / "new"
    other.mkdir()
    (other / "b.dcm").write_bytes(b"mine")
    (other / "a.pdf").write_bytes(b"mine")
    folder.mkdir()
    (folder / "deep").symlink_to(other)
    (folder / "a.pdf").symlink_to(other / "a.pdf")
    write_together(folder, NEW, NEW)
    assert there(other) == {"a.pdf": b"mine", "b.dcm": b"mine"}
    assert there(folder) == NEW
    (folder / "a.pdf").unlink()
    (folder / "a.pdf").mkdir()
    with pytest.raises(ConfigFault, match=r"a\.pdf is a folder"):
        write_together(folder, NEW, NEW)
    assert (folder / "deep" / "b.dcm").read_bytes() == b"new"


@pytest.mark.parametrize("kind", ["link", "lost link", "pipe", "folder"])
def test_what_is_held_is_an_ordinary_file_and_no_link_is_written_through(tmp_path, kind):
    kept, lock = tmp_path / "kept.txt", tmp_path / "lock"
    kept.write_text("precious")
    if kind == "pipe":
        os.mkfifo(lock)
    elif kind == "folder":
        lock.mkdir()
    else:
        lock.symlink_to(kept if kind == "link" else tmp_path / "nowhere")
    with pytest.raises(ConfigFault, match="lock is no ordinary file: delete it"):
        open_lock(lock)
    assert kept.read_text() == "precious"
    assert not (tmp_path / "nowhere").exists()
    with open_lock(tmp_path / "new") as stream:
        assert hold(stream)


def test_no_lock_is_opened_otherwise():
    """`Path.open` follows links and waits for pipes; what is written to besides is asked about before."""
    appending = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "derm").rglob("*.py")
        if re.search(r"""open\("a""", path.read_text(encoding="utf-8"))
    }
    assert appending == {
        "derm/bench/monitor.py",
        "derm/monitor/launch.py",
        "derm/runlog/writer.py",
        "derm/study/reading.py",
    }


@pytest.mark.parametrize(
    ("seconds", "year"), [(0, 1980), (time.mktime((2026, 11, 29, 12, 0, 0, 0, 0, 0)), 2026), (1 << 33, 2107)]
)
def test_a_member_of_a_zip_has_a_date_whatever_the_clock_says(tmp_path, monkeypatch, seconds, year):
    now = time.localtime(seconds)
    monkeypatch.setattr("time.localtime", lambda *_: now)
    with ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(zip_member("a.txt"), b"it")
        archive.writestr(zip_member("b.txt", date(1970, 1, 1)), b"it")
    first, second = ZipFile(tmp_path / "a.zip").infolist()
    assert (first.date_time[0], second.date_time) == (year, (1980, 1, 1, 0, 0, 0))


def test_every_zip_is_written_by_members_with_a_date():
    found = {
        path.name
        for path in (Path(__file__).parents[2] / "derm").rglob("*.py")
        for line in path.read_text().splitlines()
        if "writestr(" in line and "zip_member(" not in line
    }
    assert found == {"archive.py"}  # of the bench
