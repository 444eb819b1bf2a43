"""Pictures are found by content, whatever their names, and nothing is passed over in silence."""

import os
from collections import Counter
from itertools import product

import pytest
from pictures import encoded, picture, save

from derm.errors import ConfigFault, ImageRefused
from derm.predict.folder import find_images, name_images, not_looked_at, printable, survey


def names(found):
    return [one.path.name for one in found.files]


def test_pictures_are_known_by_content(tmp_path):
    for number, name in enumerate(("a.jpg", "b.JFIF", "c.jpe", "d.mpo", "f_without_ending", "g.2024", "h.txt")):
        save(tmp_path / name, number, "JPEG")
    for name, form in (("i", "PNG"), ("j", "BMP"), ("k", "TIFF"), ("l", "WEBP")):
        save(tmp_path / name, 9, form)
    (tmp_path / "m.jpg").write_text("words")  # whoever calls it so expects a picture
    assert names(survey([tmp_path])) == sorted(path.name for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("g.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
        ("without_ending", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
        ("h.dcm", b"no preamble"),
        ("IM0001", bytes(128) + b"DICM"),
        ("raw.NEF", b"MM\0*"),
        ("layers", b"8BPS\0\1"),
        ("moving.gif", b"GIF89a"),
        ("letter.pdf", b"%PDF-1.7"),
        ("film.mov", b"\0\0\0\x14ftypqt  "),
    ],
)
def test_pictures_of_other_kinds_are_found_too(tmp_path, name, head):
    (tmp_path / name).write_bytes(head)
    assert names(survey([tmp_path])) == [name]


def test_what_is_no_picture_is_counted(tmp_path):
    save(tmp_path / "a.png", 1)
    for name in ("Thumbs.db", "1.txt", "2.TXT", "BMW.csv", "notes", ".DS_Store"):
        (tmp_path / name).write_text("BM is how a bitmap begins")
    os.mkfifo(tmp_path / "pipe")
    found = survey([tmp_path])
    assert names(found) == ["a.png"]
    assert not_looked_at(found.passed_over) == (
        "7 further files were not looked at, for they are no pictures: "
        ".txt 2, " + ", ".join(f"{key} 1" for key, count in found.passed_over.most_common() if count == 1) + "."
    )
    assert found.passed_over == Counter(
        {".db": 1, ".txt": 2, ".csv": 1, "without ending": 1, "hidden": 1, "no ordinary file": 1}
    )


def test_the_line_is_short_and_is_none_without_such_files():
    assert not_looked_at(Counter()) == ""
    assert not_looked_at(Counter({".txt": 1})).startswith("1 further file was not looked at")
    many = Counter({f".{number}": 20 - number for number in range(10)})
    assert not_looked_at(many).endswith(".0 20, .1 19, .2 18, .3 17, .4 16, .5 15, others 50.")


def test_links_are_followed_once(tmp_path):
    deep = save(tmp_path / "set" / "b" / "deep.png", 1)
    elsewhere = save(tmp_path / "elsewhere" / "c.png", 2)
    (tmp_path / "set" / "a_loop").symlink_to(tmp_path / "set")
    (tmp_path / "set" / "d").symlink_to(elsewhere.parent)
    (tmp_path / "set" / "e.png").symlink_to(deep)
    (tmp_path / "set" / "f.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "set" / "g").symlink_to(tmp_path / "set" / "g")
    found = survey([tmp_path / "set"])
    assert names(found) == ["deep.png", "c.png", "f.png"]
    assert found.files[0].path == deep
    assert "is a link that points nowhere" in found.files[2].fault


def test_one_bad_argument_costs_its_own_line(tmp_path):
    good, empty = save(tmp_path / "a.png", 1), tmp_path / "empty"
    empty.mkdir()
    (empty / "notes.txt").write_text("none")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    paths = [tmp_path / "gone", good, empty, tmp_path / ("x" * 300), tmp_path / "link", tmp_path / "zero\0byte"]
    faults = [one.fault for one in survey(paths).files]
    assert faults[0] == f"There is no file or folder {tmp_path / 'gone'}: check the path."
    assert faults[1] == ""
    assert f"No picture was found in {empty}, but 1 other file: name" in faults[2]
    assert "File name too long" in faults[3] or "There is no file" in faults[3]
    assert "(the link points nowhere)" in faults[4]
    assert "zero\\x00byte" in faults[5]


def test_folders_of_results_hold_no_pictures(tmp_path):
    photos = tmp_path / "photos"
    save(photos / "a.png", 1)
    masks = photos / "masks"
    result = save(masks / "a_segmentation.png", 2)
    assert names(survey([photos], [masks])) == ["a.png"]
    with pytest.raises(ConfigFault, match="would lie among the pictures"):
        survey([photos], [photos])
    (one,) = survey([result], [masks]).files
    assert "looks like a result of an earlier run" in one.fault


def test_the_lists_of_others_are_refused_where_they_are_empty(tmp_path):
    good = save(tmp_path / "a.png", 1)
    assert find_images([good, good, tmp_path]) == [good]
    with pytest.raises(ImageRefused, match=r"There is no file or folder .*gone: check the path"):
        find_images([good, tmp_path / "gone"])
    with pytest.raises(ImageRefused, match="No picture was found in an empty list"):
        find_images([])
    good.unlink()
    with pytest.raises(ImageRefused, match=r"No picture was found in .*: name files or folders"):
        find_images([tmp_path])


def test_no_two_files_share_a_name(tmp_path):
    files = ["x.jpg", "X.png", "x.jpg.png", "y.png"]
    assert name_images([tmp_path / name for name in files]) == ["x.jpg", "X.png", "x.jpg.png", "y"]
    assert name_images([]) == []
    assert name_images([tmp_path / "left" / "7.jpg", tmp_path / "right" / "7.jpg"]) == ["left/7.jpg", "right/7.jpg"]
    assert name_images([tmp_path / "7.jpg"], ["7"]) == ["7.jpg"]
    assert name_images([tmp_path / "1.2.840.1", tmp_path / "1.2.840.25"]) == ["1.2.840.1", "1.2.840.25"]
    assert name_images([tmp_path / "7.jpg"], ["7", "7.JPG"]) == [(tmp_path / "7.jpg").resolve().as_posix()[1:]]


def test_names_that_are_no_text_can_be_written():
    assert printable(os.fsdecode(b"m\xe4rz\n\x1b.jpg")) == "m\\xe4rz\\n\\x1b.jpg"
    assert printable("März 皮膚.jpg") == "März 皮膚.jpg"
    assert printable("my\\new/7\\a.jpg") == "my\\\\new/7\\a.jpg"
    assert printable("old\\7.jpg") == "old\\7.jpg"


def test_no_two_names_are_printed_alike():
    letters = [b"\\", b"n", b"\n", b"x", b"a", b"d", b"\xad", "\u00ad".encode(), b"u00ad", b"xad"]
    names = {os.fsdecode(b"".join(some)) for length in range(1, 5) for some in product(letters, repeat=length)}
    assert len({printable(name).casefold() for name in names}) == len(names)


def test_names_that_are_printed_alike_have_different_ids(tmp_path):
    odd = tmp_path / os.fsdecode(b"\xff.jpg")
    assert name_images([odd, tmp_path / "\\xff.jpg"]) == ["\\xff", "\\\\xff"]
    assert name_images([tmp_path / "deep" / odd.name], ["\\xff"]) == ["\\xff.jpg"]


def test_an_unreadable_folder_is_named(tmp_path, monkeypatch):
    save(tmp_path / "a.png", 1)
    shut = tmp_path / "shut"
    shut.mkdir()
    scandir = os.scandir

    def refuse(path):
        if path == shut:
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("os.scandir", refuse)
    found = survey([tmp_path])
    assert [bool(one.fault) for one in found.files] == [False, True]
    assert "cannot be read (Permission denied)" in found.files[1].fault


def test_the_files_of_the_run_are_not_counted(tmp_path):
    (tmp_path / "a.jpg").write_bytes(encoded(picture(1), "JPEG"))
    out = tmp_path / "out.csv"
    out.touch()
    assert survey([tmp_path], own=[out]).passed_over == Counter()
