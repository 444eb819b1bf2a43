"""Files that are whole or absent, and the places that are refused."""

import errno
import os
from functools import partial

import pytest
from PIL import Image

from derm.errors import ConfigFault
from derm.files import (
    as_text,
    check_file,
    make_folder,
    making_folder,
    sha256,
    sweep,
    unlinked,
    write_bytes,
    write_json,
    write_text,
    write_whole,
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
