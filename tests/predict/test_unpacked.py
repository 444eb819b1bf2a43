"""Uploads as pictures: what a ZIP holds, each member by itself."""

import io
import warnings
import zipfile
from collections import Counter

import pytest

from derm.language.speech import again, speaking
from derm.predict import unpacked as subject
from derm.predict.reading import WaitingFile
from derm.predict.unpacked import left_out, unpacked
from tests.pictures import encoded, picture


def packed(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def upload(content: bytes, name: str = "all.zip") -> list[WaitingFile]:
    return unpacked(WaitingFile("t", name, content))


def test_what_is_no_zip_stays_as_it_is():
    file = WaitingFile("t", "a.png", encoded(picture(1)))
    assert unpacked(file) == [file]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_each_picture_waits_by_itself_under_its_own_name(method):
    one, two = encoded(picture(1)), encoded(picture(2))
    members = {"a/1.png": one, "notes.txt": b"no picture", "__MACOSX/1.png": one, "b/1.png": two}
    found = upload(packed(members, method))
    assert [(file.name, file.content, file.fault) for file in found] == [("1.png", one, ""), ("1.png", two, "")]
    assert len({file.token for file in found}) == 2


def test_one_damaged_member_costs_its_own_row():
    one, two = encoded(picture(1)), encoded(picture(2))
    content = packed({"1.png": one, "2.png": two})
    place = content.index(two) + 100
    broken = content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :]
    first, second = upload(broken)
    assert (first.content, first.fault) == (one, "")
    assert "2.png in all.zip is damaged" in second.fault


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (packed({"a.txt": b"text"}), "No picture was found in all.zip"),
        (packed({"1.png": encoded(picture(1))})[:60], "all.zip is packed, but no archive"),
        (b"PK\x03\x04 and nothing more", "all.zip is packed, but no archive"),
        (packed({"inner.zip": packed({"1.png": b"1"})}), "inner.zip in all.zip is packed, too"),
    ],
)
def test_what_holds_no_picture_is_one_sentence(content, said):
    (file,) = upload(content)
    assert said in file.fault


def test_what_a_zip_may_unpack_to_is_bounded_before_it_is_read(monkeypatch):
    content = packed({"1.png": bytes(2_000_000)}, zipfile.ZIP_DEFLATED)
    monkeypatch.setattr(subject, "ALWAYS", 1_000_000)
    monkeypatch.setattr("derm.predict.archive.OpenZip.read", None)  # not called
    (file,) = upload(content)
    assert "unpacks to 2,000,000 bytes, more than the 1,000,000" in file.fault
    monkeypatch.setattr(subject, "MEMBERS", 1)
    (file,) = upload(packed({"1.png": b"", "2.png": b""}))
    assert "more than 1 pictures" in file.fault


def test_what_is_left_out_of_a_zip_is_said():
    one, two, link = encoded(picture(1)), encoded(picture(2)), zipfile.ZipInfo("link.png")
    link.external_attr = 0o120777 << 16
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the name that is there twice
        for name, content in (("1.png", one), ("1.png", two), ("x\\2.png", one), ("x/2.png", two)):
            archive.writestr(name, content)
        archive.writestr(".thumbs/3.png", one)
        archive.writestr(link, "1.png")
        archive.writestr("notes.txt", b"no picture")
    passed_over = Counter[str]()
    found = unpacked(WaitingFile("t", "all.zip", stream.getvalue()), passed_over)
    assert [file.content for file in found] == [two, two]
    said = left_out("all.zip", passed_over)
    assert said == (
        "all.zip: 5 of its files were not taken in (older of the same name 2, hidden 1, no ordinary file 1, .txt 1)."
    )
    with speaking("de"):
        assert again(said).startswith("all.zip: 5 ")
        assert "ältere" in again(said)
    assert left_out("all.zip", Counter()) == ""
    assert left_out("a.zip", Counter({"hidden": 1})) == "a.zip: 1 of its files was not taken in (hidden 1)."
