"""HEIC pictures, read in a process of their own where pi-heif is installed; named with the cure where it is not."""

import base64
import struct

import pytest

from derm.errors import ImageRefused
from derm.image import decode
from derm.image.decode import read_image

DRAWN = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAX1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAA"
    "ACJpbG9jAAAAAERAAAEAAQAAAAABoQABAAAAAAAAADsAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRt"
    "AAAAAAABAAAA/WlwcnAAAADdaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMA"
    "AAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5j"
    "bHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAAEAAAAABAAAAMAAAAAEAAAAAAAAAAv////AAAAACAAAAEHBp"
    "eGkAAAAAAwgICAAAABhpcG1hAAAAAAAAAAEAAQWBAgMFhAAAAENtZGF0AAAANygBrxOAeSRFW5//QKj/vjPCvSeCVl+V1P4D5HSK"
    "xOBRkkN+s6lOQNrYx7P090f1tyOwR8w38fA="
)
"""64 × 48 pixels, drawn: (200, 150, 120), and (90, 60, 40) in the first 24 columns of the first 16 rows."""


def longer(content: bytes, more: bytes) -> bytes:
    """With more in its last box."""
    place = content.index(b"mdat") - 4
    return content[:place] + struct.pack(">I", len(content) - place + len(more)) + content[place + 4 :] + more


def test_it_is_read():
    pytest.importorskip("pi_heif")
    picture = read_image(DRAWN, "photo")
    assert picture.shape == (48, 64, 3)
    assert picture[40, 50].astype(int) == pytest.approx((200, 150, 120), abs=4)
    assert picture[4, 4].astype(int) == pytest.approx((90, 60, 40), abs=4)


def test_nothing_beside_it_is_run(monkeypatch, tmp_path):
    """A picture that is looked at in somebody else's folder, where modules lie that Python would take for its own."""
    pytest.importorskip("pi_heif")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)  # as `python -m derm` does
    for name in ("json", "subprocess", "numpy", "derm"):
        (tmp_path / f"{name}.py").write_text("from pathlib import Path; Path('run').touch()")
    assert read_image(DRAWN, "photo").shape == (48, 64, 3)
    assert not (tmp_path / "run").exists()


def test_one_whose_copy_stopped_is_incomplete():
    pytest.importorskip("pi_heif")
    with pytest.raises(ImageRefused, match=r"^photo\.heic is incomplete: a part of the picture is missing"):
        read_image(longer(DRAWN[:-20], bytes(80)), "photo.heic")


def test_zeros_behind_its_pixels_are_not_missing():
    pytest.importorskip("pi_heif")
    free = struct.pack(">I4s", 1_024, b"free") + bytes(1_016)
    assert read_image(DRAWN + free, "photo").shape == (48, 64, 3)


@pytest.mark.parametrize("end", [40, 200, 470])
def test_a_damaged_one_is_refused(end):
    pytest.importorskip("pi_heif")
    with pytest.raises(ImageRefused, match=r"^photo\.heic is (a damaged HEIC picture|damaged)"):
        read_image(DRAWN[:end], "photo.heic")


def test_without_what_reads_it_the_cure_is_named(monkeypatch):
    monkeypatch.setattr(decode, "heic_is_read", lambda: False)
    with pytest.raises(ImageRefused, match=r"^photo is a HEIC picture, .*: export it as JPEG, or install what"):
        read_image(DRAWN, "photo")
