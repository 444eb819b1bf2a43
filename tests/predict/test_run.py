"""Many pictures: each written down as it is answered, and whatever is wrong with one costs its own row only."""

import csv
import io
import os
import re
import struct
import zlib
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from pictures import encoded, picture, read_grey, save
from PIL import Image, PngImagePlugin

from derm.diagnoses import CODES
from derm.errors import ConfigFault
from derm.predict import ask as module
from derm.predict import remote
from derm.predict.case import Case, diagnose
from derm.predict.mask_files import KEYS, Folders, origin_of, own_name
from derm.predict.parquet import read_records
from derm.predict.record import COLUMNS, settings_of
from derm.predict.run import predict_files
from derm.predict.table import part_of


def rows(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def ask(model, *paths, **options):
    """All records of a run; None where an earlier row stands."""
    return [one.record for one in predict_files(model, list(paths), **options).answers]


def test_a_folder_with_good_and_broken_files(tiny_model, tmp_path):
    photos = tmp_path / "photos"
    save(photos / "b.PNG", 1)
    save(photos / "deep" / "a.png", 2)
    (photos / "broken.jpg").write_bytes(b"no picture")
    (photos / "notes.txt").write_text("not asked")
    save(photos / ".hidden.png", 3)
    odd = save(tmp_path / "odd.picture", 4)
    masks, maps = photos / "masks", tmp_path / "new" / "maps"
    found = predict_files(tiny_model, [photos, odd, photos], folders=Folders(masks, maps))
    answers = list(found.answers)
    assert [(one.done, one.total) for one in answers] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    first, broken, second, last = (one.record for one in answers)
    assert [record["image_id"] for record in (first, broken, second, last)] == ["b", "broken", "a", "odd"]
    assert all(tuple(record) == COLUMNS for record in (first, broken))

    case = diagnose(tiny_model, picture(1), "b")
    assert [first[f"p_{code}"] for code in CODES] == pytest.approx(case.probabilities, abs=1e-6)
    assert (first["file"], first["error"], first["written_as"]) == (str(photos / "b.PNG"), "", "b")
    assert "broken.jpg is no picture that Derm can read" in broken["error"]
    assert (broken["answerable"], broken["p_nv"]) == (False, None)

    assert len(list(masks.iterdir())) == 3 * (1 + 7 + 7)
    assert len(list(maps.iterdir())) == 3 * 7
    np.testing.assert_array_equal(read_grey(masks / "b_segmentation.png"), case.mask * 255)
    for index, code in enumerate(CODES):
        soft, binary = case.class_mask(index)
        np.testing.assert_array_equal(read_grey(masks / f"b_{code}.png"), binary * 255)
        np.testing.assert_allclose(read_grey(masks / f"b_{code}_soft.png"), soft * 255, atol=0.51)
        np.testing.assert_allclose(read_grey(maps / f"b_{code}_heat.png"), case.evidence[index].map * 255, atol=0.51)


def test_eight_views_have_their_spread(tiny_model, tmp_path):
    (record,) = ask(tiny_model, save(tmp_path / "a.png", 1), views=8)
    case = diagnose(tiny_model, picture(1), "a", views=8)
    assert record["spread"] == pytest.approx(case.spread, abs=1e-6)
    assert record["views"] == 8
    with pytest.raises(ConfigFault, match="3 views do not fit"):
        predict_files(tiny_model, [tmp_path], views=3)


def test_a_run_that_ends_early_goes_on_to_the_same_table(tiny_model, tmp_path):
    photos, whole, table = tmp_path / "photos", tmp_path / "whole.csv", tmp_path / "out.csv"
    for number in range(4):
        save(photos / f"{number}.png", number)
    ask(tiny_model, photos, table=whole)
    left = predict_files(tiny_model, [photos], table=table)
    next(left.answers)
    next(left.answers)
    left.answers.close()
    assert [row["image_id"] for row in rows(part_of(table))] == ["0", "1"]
    assert [record is None for record in ask(tiny_model, photos, table=table, resume=True)] == [True] * 2 + [False] * 2
    assert table.read_bytes() == whole.read_bytes()


def test_what_has_changed_failed_or_is_new_is_asked_about_again(tiny_model, tmp_path):
    photos, table, masks = tmp_path / "photos", tmp_path / "out.csv", tmp_path / "masks"
    for number in range(3):
        save(photos / f"{number}.png", number)
    (photos / "3.png").write_bytes(b"")
    ask(tiny_model, photos, table=table)
    save(photos / "1.png", 9)
    save(photos / "3.png", 3)
    save(photos / "4.png", 4)
    (photos / "2.png").unlink()
    again = ask(tiny_model, photos, table=table, resume=True)
    assert [record is None for record in again] == [True, False, False, False]
    assert [(row["image_id"], row["error"]) for row in rows(table)] == [(name, "") for name in "20134"]
    assert None not in ask(tiny_model, photos, table=table, resume=True, folders=Folders(masks))
    assert ask(tiny_model, photos, table=table, resume=True, folders=Folders(masks)) == [None] * 4


def test_a_table_that_names_a_picture_as_older_versions_did_gets_no_second_row(tiny_model, tmp_path):
    table, photo = tmp_path / "out.csv", save(tmp_path / "Foto\xa01.png", 1)
    ask(tiny_model, photo, table=table)
    now = table.read_text()
    assert r"Foto\u00a01.png" in now
    table.write_text(now.replace(r"\u00a0", r"\xa0"))
    with pytest.raises(ConfigFault, match="as an older version of Derm wrote the name"):
        ask(tiny_model, photo, table=table, resume=True)
    part_of(table).unlink()
    table.write_text(now)
    assert ask(tiny_model, photo, table=table, resume=True) == [None]


@pytest.fixture
def web(monkeypatch):
    """Addresses of pictures: `http://h/img?id=1` is picture 1, whatever the name of what is asked."""
    monkeypatch.setattr(remote, "fetch_web", lambda address, most: encoded(picture(int(address.partition("=")[2][0]))))


def test_addresses_that_differ_in_a_query_have_rows_and_masks_of_their_own(tiny_model, tmp_path, web):
    table, masks = tmp_path / "out.csv", tmp_path / "masks"
    addresses = [f"http://h/img?id={number}" for number in (1, 2, 3)]
    assert len(ask(tiny_model, *addresses, table=table, folders=Folders(masks))) == 3
    found = rows(table)
    assert [row["image_id"] for row in found] == ["?id=1/img", "?id=2/img", "?id=3/img"]
    assert len({row["written_as"] for row in found}) == 3
    for number, row in zip((1, 2, 3), found, strict=True):
        with Image.open(masks / f"{row['written_as']}_segmentation.png") as mask:
            assert mask.info["derm-content"] == sha256(encoded(picture(number))).hexdigest()[:16]
    assert ask(tiny_model, *addresses, table=table, resume=True, folders=Folders(masks)) == [None] * 3


def test_an_address_does_not_take_the_answer_of_another(tiny_model, tmp_path, web):
    table = tmp_path / "out.csv"
    ask(tiny_model, "http://h/img?key=1", table=table)
    (record,) = ask(tiny_model, "http://h/img?key=2", table=table, resume=True)
    assert record["sha256"] == sha256(encoded(picture(2))).hexdigest()
    assert len({row["sha256"] for row in rows(table)}) == len({row["image_id"] for row in rows(table)}) == 2
    renewed = "http://h/a.png?n=1&X-Amz-Date={}&X-Amz-Signature=ab{}"
    ask(tiny_model, renewed.format(1, 1), table=table, resume=True)
    assert ask(tiny_model, renewed.format(2, 2), table=table, resume=True) == [None]


def test_tables_that_mix_up_addresses_as_older_versions_did_are_not_gone_on_with(tiny_model, tmp_path, web):
    table = tmp_path / "out.csv"
    ask(tiny_model, "http://h/img?key=1", "http://h/i?id=2", "http://h/i?id=3", table=table)
    now = table.read_text()
    for old, address, said in (
        (
            re.sub(r"\?key=~\w+(/img)?", "", now),
            "http://h/img?key=1",
            "The table has http://h/img, as an older",
        ),
        (re.sub(r"\?id=\d/i", "i", now), "http://h/i?id=2", "The table calls two pictures 'i', as an older version"),
    ):
        table.write_text(old)
        with pytest.raises(ConfigFault, match=said):
            ask(tiny_model, address, table=table, resume=True)
        part_of(table).unlink()


def test_a_picture_too_large_for_memory_in_place_of_a_mask_is_somebody_elses(tiny_model, tmp_path):
    masks, stream = tmp_path / "masks", io.BytesIO()
    Image.new("1", (8, 8)).save(stream, "PNG")
    head, size = stream.getvalue(), struct.pack(">II", 20_000, 20_000)
    told = b"IHDR" + size + head[24:29]
    masks.mkdir()
    (masks / "a_mel.png").write_bytes(head[:12] + told + struct.pack(">I", zlib.crc32(told)) + head[33:])
    (record,) = ask(tiny_model, save(tmp_path / "a.png", 1), folders=Folders(masks))
    assert record["error"] == ""
    assert record["written_as"].startswith("a-")


def test_new_pictures_have_no_name_of_before(tiny_model, tmp_path):
    table, folders = tmp_path / "out.csv", Folders(tmp_path / "masks")
    left, right = save(tmp_path / "left" / "7.png", 1), save(tmp_path / "right" / "7.png", 2)
    ask(tiny_model, left, table=table, folders=folders)
    ask(tiny_model, left, right, table=table, folders=folders, resume=True)
    assert [row["image_id"] for row in rows(table)] == ["7", "7.png"]
    assert len({row["file"] for row in rows(table)}) == 2


def test_runs_over_two_folders_do_not_write_over_each_other(tiny_model, tmp_path):
    folders = Folders(tmp_path / "masks", tmp_path / "maps")
    left, right = save(tmp_path / "left" / "7.png", 1), save(tmp_path / "right" / "7.png", 2)
    (first,), (second,), (again,) = (ask(tiny_model, one, folders=folders) for one in (left, right, right))
    assert (first["written_as"], second["written_as"]) == ("7", again["written_as"])
    assert second["written_as"].startswith("7-")
    for seed, record in ((1, first), (2, second)):
        mask = read_grey(tmp_path / "masks" / f"{record['written_as']}_segmentation.png")
        np.testing.assert_array_equal(mask, diagnose(tiny_model, picture(seed), "").mask * 255)


def test_a_file_that_somebody_else_put_there_stays(tiny_model, tmp_path):
    mine = tmp_path / "masks" / "7_segmentation.png"
    mine.parent.mkdir()
    mine.write_bytes(b"drawn by hand for hours")
    (record,) = ask(tiny_model, save(tmp_path / "7.png", 1), folders=Folders(mine.parent))
    assert mine.read_bytes() == b"drawn by hand for hours"
    assert record["written_as"] != "7"


def other_weights(model):
    """The same network under another hash."""
    return replace(model, sha256="f" * 64)


def test_masks_of_other_weights_or_views_are_not_replaced(tiny_model, tmp_path):
    photo, folders = save(tmp_path / "7.png", 1), Folders(tmp_path / "masks", tmp_path / "maps")
    table = tmp_path / "a.csv"
    ask(tiny_model, photo, table=table, folders=folders)
    before = {path: path.read_bytes() for folder in folders for path in folder.iterdir()}
    for model, views in ((other_weights(tiny_model), 1), (tiny_model, 8)):
        with pytest.raises(ConfigFault, match=r"was made by .*views 1, and this run goes by .*: name another folder"):
            ask(model, photo, table=tmp_path / "b.csv", folders=folders, views=views)
    assert {path: path.read_bytes() for folder in folders for path in folder.iterdir()} == before
    assert ask(tiny_model, photo, table=table, folders=folders, resume=True) == [None]


def test_rows_stand_on_their_own_masks_alone(tiny_model, tmp_path):
    photo, masks, table = save(tmp_path / "7.png", 1), tmp_path / "masks", tmp_path / "a.csv"
    ask(tiny_model, photo, table=table, folders=Folders(masks))
    mine = {path.name: path.read_bytes() for path in masks.iterdir()}
    content = photo.read_bytes()
    save(photo, 2)  # another run meets another picture of that name, which then is put back
    ask(tiny_model, photo, table=tmp_path / "b.csv", folders=Folders(masks))
    photo.write_bytes(content)
    assert None not in ask(tiny_model, photo, table=table, folders=Folders(masks), resume=True)
    (masks / "7_mel.png").unlink()
    assert None not in ask(tiny_model, photo, table=table, folders=Folders(masks), resume=True)
    assert {path.name: path.read_bytes() for path in masks.iterdir()} == mine


def test_masks_that_do_not_tell_their_weights_are_neither_believed_nor_replaced(tiny_model, tmp_path):
    photo, masks, table = save(tmp_path / "7.png", 1), tmp_path / "masks", tmp_path / "a.csv"
    ask(tiny_model, photo, table=table, folders=Folders(masks))
    for path in masks.iterdir():
        with Image.open(path) as mask:
            told = PngImagePlugin.PngInfo()
            told.add_text(KEYS.picture, mask.info[KEYS.picture])
            mask.copy().save(path, pnginfo=told)
    with pytest.raises(ConfigFault, match="does not tell by which weights it was made, as older versions"):
        ask(tiny_model, photo, table=table, folders=Folders(masks), resume=True)
    for path in masks.iterdir():
        path.unlink()
    assert None not in ask(tiny_model, photo, table=table, folders=Folders(masks), resume=True)
    assert ask(tiny_model, photo, table=table, folders=Folders(masks), resume=True) == [None]


def test_masks_that_another_run_writes_meanwhile_cost_the_row(tiny_model, tmp_path):
    photos, folders = [save(tmp_path / f"{name}.png", seed) for seed, name in enumerate("ab")], Folders(tmp_path / "m")
    run = predict_files(tiny_model, photos, folders=folders)
    next(run.answers)
    ask(other_weights(tiny_model), photos[1], folders=folders)
    before = (folders.masks / "b_segmentation.png").read_bytes()
    (second,) = run.answers
    assert "b_segmentation.png was made by" in second.record["error"]
    assert (folders.masks / "b_segmentation.png").read_bytes() == before


@pytest.mark.parametrize(
    "name", ["皮膚" * 40 + ".jpg", "x" * 251 + ".png", os.fsdecode(b"m\xe4rz.png"), "new\nline.png", "=cmd.png"]
)
def test_odd_names_have_rows_and_files(tiny_model, tmp_path, name):
    folders, table = Folders(tmp_path / "masks", tmp_path / "maps"), tmp_path / "out.csv"
    file = save(tmp_path / "photos" / name, 1)
    other = save(tmp_path / "photos" / "a.png", 2)
    ask(tiny_model, file, other, table=table, folders=folders)
    found = rows(table)
    assert [row["error"] for row in found] == ["", ""]
    for row in found:
        assert (folders.masks / f"{row['written_as']}_segmentation.png").is_file()
        assert (folders.maps / f"{row['written_as']}_vasc_heat.png").is_file()
    assert len(table.read_text().splitlines()) == 3
    assert ask(tiny_model, file, other, table=table, folders=folders, resume=True) == [None, None]


def test_names_that_look_alike_have_rows_of_their_own(tiny_model, tmp_path):
    photos, table = tmp_path / "photos", tmp_path / "out.parquet"
    names = [os.fsdecode(b"\xff.png"), "\\xff.png", "new\nline.png", "new\\nline.png"]
    for seed, name in enumerate(names):
        save(photos / name, seed)
    asked = ask(tiny_model, photos, table=table, folders=Folders(tmp_path / "masks"))
    for column in ("file", "image_id", "written_as", "sha256"):
        assert len({record[column] for record in asked}) == 4
    assert len(list(read_records(table))) == 4
    assert ask(tiny_model, photos, table=table, folders=Folders(tmp_path / "masks"), resume=True) == [None] * 4


def test_two_long_names_that_begin_alike_stay_apart(tiny_model, tmp_path):
    settings = settings_of(tiny_model, 1, None)
    first, second = (
        own_name(name, origin_of(tmp_path / name, "", settings), Folders(tmp_path))
        for name in ("y" * 240 + end for end in "ab")
    )
    assert first != second


def test_a_mask_that_cannot_be_written_costs_its_own_row(tiny_model, tmp_path, monkeypatch):
    files = [save(tmp_path / "photos" / f"{name}.png", seed) for seed, name in enumerate("abc")]
    write = module.write_pictures

    def full(case, name, folders, origin):
        if name == "b":
            raise ConfigFault("masks/b_mel.png cannot be written (No space left on device): name a place with room.")
        write(case, name, folders, origin)

    table, folders = tmp_path / "out.csv", Folders(tmp_path / "masks")
    with monkeypatch.context() as patch:
        patch.setattr(module, "write_pictures", full)
        ask(tiny_model, *files, table=table, folders=folders)
    found = rows(table)
    assert [bool(row["error"]) for row in found] == [False, True, False]
    assert "No space left on device" in found[1]["error"]
    assert found[1]["p_nv"] != ""
    again = ask(tiny_model, *files, table=table, folders=folders, resume=True)
    assert [record is None for record in again] == [True, True, False]  # those that stand come first
    assert [row["error"] for row in rows(table)] == [""] * 3


@pytest.mark.parametrize("end", ["nv.png", "vasc_soft.png", "mel_heat.png"])
@pytest.mark.parametrize("what", ["file", "folder", "link"])
def test_no_file_of_somebody_elses_is_replaced_whichever_it_is(tiny_model, tmp_path, end, what):
    mine = tmp_path / "out" / f"7_{end}"
    mine.parent.mkdir()
    if what == "file":
        mine.write_bytes(b"drawn by hand for hours")
    elif what == "folder":
        mine.mkdir()
    else:
        mine.symlink_to(tmp_path / "not there yet.png")
    before = mine.lstat().st_ino
    photo, folders = save(tmp_path / "7.png", 1), Folders(mine.parent, mine.parent)
    (record,) = ask(tiny_model, photo, folders=folders)
    assert (mine.lstat().st_ino, record["error"], (tmp_path / "not there yet.png").exists()) == (before, "", False)
    assert record["written_as"].startswith("7-")
    theirs = mine.parent / f"{record['written_as']}_{end}"
    theirs.write_bytes(b"drawn over Derm's")
    with pytest.raises(ConfigFault, match=f"{end} is there and not of this picture: move it away"):
        ask(tiny_model, photo, folders=folders)
    assert theirs.read_bytes() == b"drawn over Derm's"


def test_a_mask_put_there_meanwhile_costs_its_own_row(tiny_model, tmp_path, monkeypatch):
    class_mask = Case.class_mask
    mine = tmp_path / "masks" / "a_mel.png"

    def slow(case, index):
        if case.name == "a" and not mine.exists():
            mine.mkdir()
        return class_mask(case, index)

    monkeypatch.setattr(Case, "class_mask", slow)
    first, second = ask(
        tiny_model, save(tmp_path / "a.png", 1), save(tmp_path / "b.png", 2), folders=Folders(mine.parent)
    )
    assert "a_mel.png is there and not of this picture" in first["error"]
    assert second["error"] == ""


def test_a_link_where_a_mask_belongs_is_not_followed(tiny_model, tmp_path):
    (tmp_path / "masks").mkdir()
    (tmp_path / "own.png").write_bytes(b"own")
    (tmp_path / "masks" / "a_mel.png").symlink_to(tmp_path / "own.png")
    (record,) = ask(tiny_model, save(tmp_path / "a.png", 1), folders=Folders(tmp_path / "masks"))
    assert record["error"] == ""
    assert (tmp_path / "own.png").read_bytes() == b"own"
    assert record["written_as"].startswith("a-")
    assert (tmp_path / "masks" / f"{record['written_as']}_mel.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_goes_in_between_costs_its_own_row(tiny_model, tmp_path):
    files = [save(tmp_path / f"{name}.png", seed) for seed, name in enumerate("abc")]
    answers = predict_files(tiny_model, files).answers
    next(answers)
    files[1].unlink()
    second, third = answers
    assert second.record["error"] == "b.png is not there, or is no file: check the path."
    assert (third.record["error"], third.reliable) == ("", third.record["answerable"])


def test_what_is_no_file_is_not_waited_for(tiny_model, tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    os.mkfifo(tmp_path / "named")
    save(tmp_path / "a.png", 1)
    found = ask(tiny_model, tmp_path, tmp_path / "named", Path("/dev/zero"))
    assert [record["error"] for record in found] == [
        "",
        "pipe.jpg is not there, or is no file: check the path.",
        "named is not there, or is no file: check the path.",
        "zero is not there, or is no file: check the path.",
    ]


def test_a_place_for_masks_that_cannot_be_is_refused_at_once(tiny_model, tmp_path):
    file = save(tmp_path / "a.png", 1)
    with pytest.raises(ConfigFault, match=r"cannot be made \(File exists\)"):
        predict_files(tiny_model, [file], folders=Folders(file))
