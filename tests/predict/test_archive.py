"""Archives are looked through without being unpacked, and whatever is wrong with a member is one sentence."""

import io
import struct
import tarfile
import zipfile
from collections import Counter

import pytest
from pictures import encoded, picture, save

from derm.errors import ImageRefused
from derm.image.decode import read_image
from derm.predict import archive as module
from derm.predict.archive import is_archive
from derm.predict.folder import find_images, name_images, survey
from derm.predict.mask_files import origin_of
from derm.predict.record import Settings

JPEGS = {name: encoded(picture(seed), "JPEG") for seed, name in enumerate(("b.jpg", "deep/a.jpg", "no_ending"))}


def make_zip(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return path


def make_tar(path, members, mode="w"):
    with tarfile.open(path, mode) as packed:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))
    return path


WAYS = {
    "a.zip": make_zip,
    "stored.zip": lambda path, members: make_zip(path, members, zipfile.ZIP_STORED),
    "a.tar": make_tar,
    "a.tar.gz": lambda path, members: make_tar(path, members, "w:gz"),
    "a.tbz": lambda path, members: make_tar(path, members, "w:bz2"),
    "without_ending": lambda path, members: make_tar(path, members, "w:xz"),
}


@pytest.mark.parametrize("name", WAYS)
def test_pictures_are_found_and_read_where_they_lie(tmp_path, name):
    path = WAYS[name](tmp_path / name, {**JPEGS, "notes.txt": b"none", ".hidden.jpg": b"", "__MACOSX/b.jpg": b""})
    assert is_archive(path)
    found = survey([path])
    assert [one.file for one in found.files] == [f"{path}/{member}" for member in JPEGS]
    assert found.passed_over == Counter({".txt": 1, "hidden": 2})
    for one in [*found.files, found.files[0]]:  # backwards, too
        member = one.path.relative_to(path).as_posix()
        assert one.read() == JPEGS[member]
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("make", [make_zip, make_tar])
@pytest.mark.parametrize(
    ("member", "said"),
    [
        ("../../etc/a.jpg", "a.jpg in bad.pack is named as if it lay outside of it: pack it anew, by its own name."),
        ("/etc/a.jpg", "a.jpg in bad.pack is named as if it lay outside of it"),
        ("..\\a.jpg", "a.jpg in bad.pack is named as if it lay outside of it"),
        ("c:/a.jpg", "a.jpg in bad.pack is named as if it lay outside of it"),
        ("inner.zip", "inner.zip in bad.pack is packed, too: unpack it, and name it by itself."),
        ("b.jpg.gz", "b.jpg.gz in bad.pack is packed, too"),
    ],
)
def test_members_that_cannot_be_asked_about_have_a_sentence(tmp_path, make, member, said):
    path = make(tmp_path / "bad.pack", {"good.jpg": JPEGS["b.jpg"], member: JPEGS["b.jpg"]})
    good, bad = survey([path]).files
    assert (good.fault, bad.source) == ("", None)
    assert bad.fault.startswith(said)
    assert bad.path.is_relative_to(path)
    assert ".." not in bad.path.parts


def test_an_encrypted_member_and_one_packed_otherwise(tmp_path):
    path = make_zip(tmp_path / "a.zip", {"a.jpg": JPEGS["b.jpg"]})
    content = path.read_bytes()
    path.write_bytes(content.replace(b"PK\1\2\x14\3\x14\0\0\0", b"PK\1\2\x14\3\x14\0\1\0"))
    (one,) = survey([path]).files
    assert one.fault == "a.jpg in a.zip is encrypted: unpack the archive with its password, and name the folder."
    (one,) = survey([make_zip(tmp_path / "b.zip", {"a.jpg": JPEGS["b.jpg"]}, zipfile.ZIP_LZMA)]).files
    assert one.fault.startswith("a.jpg in b.zip is compressed in a way that Derm does not read: pack it as ZIP")


def test_links_devices_and_older_members_are_counted(tmp_path):
    path = make_tar(tmp_path / "a.tar", {"a.jpg": b"old", "b.jpg": JPEGS["b.jpg"], "./a.jpg": JPEGS["b.jpg"]})
    with tarfile.open(path, "a") as packed:
        for name, kind in (
            ("link.jpg", tarfile.SYMTYPE),
            ("pipe.jpg", tarfile.FIFOTYPE),
            ("folder.jpg", tarfile.DIRTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            packed.addfile(info)
    found = survey([path])
    assert [(one.path.name, one.read()) for one in found.files] == [
        (name, JPEGS["b.jpg"]) for name in ("b.jpg", "a.jpg")
    ]
    assert found.passed_over == Counter({"no ordinary file": 2, "older of the same name": 1})


def test_damage_costs_what_it_hits(tmp_path):
    members = {f"{number}.jpg": encoded(picture(number), "JPEG") for number in range(3)}
    path = make_zip(tmp_path / "a.zip", members, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[content.index(members["1.jpg"]) + 900] ^= 255
    path.write_bytes(content)
    first, second, third = survey([path]).files
    assert (first.read(), third.read()) == (members["0.jpg"], members["2.jpg"])
    with pytest.raises(ImageRefused, match=r"1\.jpg in a\.zip is damaged or cut short: pack it again"):
        second.read()
    path.write_bytes(content[:-60])
    (one,) = survey([path]).files
    assert one.fault.startswith(f"{path} is packed, but no archive of pictures that Derm can open, or damaged")


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_that_is_cut_short_gives_what_came_before(tmp_path, mode):
    path = make_tar(tmp_path / "a.tar", {f"{number}.jpg": encoded(picture(number)) for number in range(9)}, mode)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    *good, last = survey([path]).files
    assert 2 <= len(good) <= 5
    assert read_image(good[0].read(), "0.jpg").shape == (48, 80, 3)
    assert last.fault == f"{path} is damaged or cut short behind its first {len(good)} pictures: copy or pack it again."


def test_a_damaged_header_in_the_middle_is_no_end(tmp_path):
    path = make_tar(tmp_path / "a.tar", {"a.jpg": JPEGS["b.jpg"], "b.jpg": JPEGS["b.jpg"]})
    content = bytearray(path.read_bytes())
    content[content.index(b"b.jpg\0")] = ord("x")  # its sum does not hold any more
    path.write_bytes(content)
    first, second = survey([path]).files
    assert (first.fault, second.fault[-22:]) == ("", "copy or pack it again.")


@pytest.mark.parametrize("filler", [b"", bytes(512), bytes(200_000)])
def test_a_tar_that_ends_between_two_members_is_cut_short(tmp_path, filler):
    """With zeros behind, or without: as an end they are too few, or too many."""
    path = make_tar(tmp_path / "a.tar", {"a.jpg": JPEGS["b.jpg"], "b.jpg": JPEGS["b.jpg"]})
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"b.jpg\0")] + filler)
    first, second = survey([path]).files
    assert (first.fault, second.fault[-22:]) == ("", "copy or pack it again.")


def test_zeros_in_the_place_of_a_header_are_no_end(tmp_path):
    path = make_tar(tmp_path / "a.tar", dict.fromkeys(("a.jpg", "b.jpg", "c.jpg"), JPEGS["b.jpg"]))
    content = bytearray(path.read_bytes())
    place = content.index(b"b.jpg\0")
    content[place : place + 512] = bytes(512)
    path.write_bytes(content)
    first, second = survey([path]).files
    assert (first.fault, second.fault[-22:]) == ("", "copy or pack it again.")


@pytest.mark.parametrize("factor", [1, 20, 32, 40, 100, 128, 2048])
def test_a_tar_may_be_filled_up_to_a_record(tmp_path, factor):
    path = make_tar(tmp_path / "a.tar", {"a.jpg": JPEGS["b.jpg"]})
    content = path.read_bytes().rstrip(b"\0")
    content += bytes(-len(content) % 512 + 1024)
    path.write_bytes(content + bytes(-len(content) % (512 * factor)))
    (one,) = survey([path]).files
    assert one.fault == ""


def test_a_compressed_tar_is_read_to_its_own_end(tmp_path):
    path = make_tar(tmp_path / "a.tar.gz", {"a.jpg": JPEGS["b.jpg"]}, "w:gz")
    content = bytearray(path.read_bytes())
    content[-8] ^= 1  # its check sum
    path.write_bytes(content)
    first, second = survey([path]).files
    assert (first.fault, second.fault[-22:]) == ("", "copy or pack it again.")


def test_what_unpacks_to_far_more_than_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ALWAYS", 100_000)
    bomb = make_tar(tmp_path / "bomb.tar.gz", {"a.jpg": bytes(3_000_000)}, "w:gz")
    assert survey([bomb]).files[-1].fault == (
        f"{bomb} unpacks to more than 200 times its size, as no archive of pictures does: pack its pictures anew."
    )
    monkeypatch.setattr("derm.image.decode.MAX_BYTES", 1_000_000)
    (one,) = survey([make_zip(tmp_path / "bomb.zip", {"a.jpg": bytes(3_000_000)})]).files
    assert "a.jpg has 3,000,000 bytes, more than the 1,000,000 that Derm reads" in one.fault


def test_a_member_that_claims_less_than_it_unpacks_to_is_not_unpacked(tmp_path):
    path = make_zip(tmp_path / "a.zip", {"a.jpg": bytes(5_000_000)})
    path.write_bytes(path.read_bytes().replace(struct.pack("<L", 5_000_000), struct.pack("<L", 500)))
    (one,) = survey([path]).files
    with pytest.raises(ImageRefused, match="damaged or cut short"):
        one.read()


def test_a_header_that_claims_gigabytes_is_not_read(tmp_path):
    info = tarfile.TarInfo("a.jpg")
    info.size, info.type = 3_000_000_000, tarfile.XHDTYPE
    (tmp_path / "a.tar").write_bytes(info.tobuf(tarfile.USTAR_FORMAT) + bytes(2048))
    (one,) = survey([tmp_path / "a.tar"]).files
    assert "no archive of pictures that Derm can open, or damaged" in one.fault


def test_what_is_no_archive_of_pictures(tmp_path):
    for name, content, said in (
        ("a.7z", b"7z\xbc\xaf\x27\x1c", "is a 7z archive, which Derm does not open: unpack it, and name the folder."),
        ("a.gz", b"\x1f\x8bnone", "is packed, but no archive of pictures"),
        ("a.tar", bytes(1024), "No picture was found in"),
    ):
        (tmp_path / name).write_bytes(content)
        (one,) = survey([tmp_path / name]).files
        assert said in one.fault
    words = make_zip(tmp_path / "a.docx", {"word/document.xml": b"<a/>", "b.xml": b""})
    (one,) = survey([words]).files
    assert one.fault.startswith(f"No picture was found in {words}, but 2 other members: name an archive")


def test_who_needs_files_is_told_to_unpack(tmp_path):
    path = make_zip(tmp_path / "a.zip", {"a.jpg": JPEGS["b.jpg"]})
    with pytest.raises(ImageRefused, match=r"a\.zip/a\.jpg is no file of its own: unpack or fetch it first"):
        find_images([path])
    save(tmp_path / "set" / "a.png", 1)
    path.rename(tmp_path / "set" / "a.zip")
    assert [one.path.name for one in survey([tmp_path / "set"]).files] == ["a.png"]  # only those that are named


def test_a_member_with_a_zero_byte_in_its_name_has_a_row(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as packed:
        info = tarfile.TarInfo("x.jpg")
        info.size, info.pax_headers = len(JPEGS["b.jpg"]), {"path": "a\0b.jpg"}
        packed.addfile(info, io.BytesIO(JPEGS["b.jpg"]))
    (one,) = survey([tmp_path / "a.tar"]).files
    assert one.read() == JPEGS["b.jpg"]
    assert name_images([one.path]) == ["a\\x00b"]
    assert origin_of(one.path, "", Settings("derm 01234567", "89abcdef", 1, 0.2, 0.2)).picture
