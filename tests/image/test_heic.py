"""HEIC pictures, read in a process of their own where pi-heif is installed; named with the cure where it is not."""

import base64
import io
import struct

import numpy as np
import pytest

from derm.errors import ImageRefused
from derm.image import decode, items
from derm.image.decode import read_image
from derm.image.heic import has_holes
from derm.image.items import CLOSE, check_items, closed

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

LARGER = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAVVtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJp"
    "bG9jAAAAAERAAAEAAQAAAAABeQABAAAAAAAAAMwAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAAB"
    "AAAA1WlwcnAAAAC2aXBjbwAAAHdodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEA"
    "AQAqQgEBA3AAAAMAkAAAAwAAAwAeoBggMFlupJKa5uAhoMCAAAAMgAAAAwCEYgABAAdEAcFysGJAAAAAE2NvbHJuY2x4AAEADQAGgAAA"
    "ABRpc3BlAAAAAAAAAMAAAADAAAAAEHBpeGkAAAAAAwgICAAAABdpcG1hAAAAAAAAAAEAAQSBAgMEAAAA1G1kYXQAAADIKAGvDVnkPoD7"
    "wijwmFBVp7S8tkF86d0fxaYsgFZfB3IcHyFkba9OdgVGYu665tsvybakKZaZA37u7Z4nY0ZUTLWprfeN6rkwzx2IyWui9UYw0Nxr8yhQ"
    "SuuyIJEsQ5Kk4v/vl0TCgjIFtDWPAML1cZp3kWrj7nti1f9h1Ielm+LXTjy/00zlCiVfN0Gb2Bbol7BI6YkMwgHnJfFy6+9kZ0S9dTBy"
    "r7Lxbj91RAf7onnMCgd0aqNssuXfOubWmt0xxRciZK3CVMY="
)
"""192 × 192 pixels, drawn, a coded picture of nine blocks in one unit."""


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def full(kind: bytes, version: int, flags: int, body: bytes) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags) + body)


def coded() -> bytes:
    """The one coded picture of `DRAWN`, 64 × 64 pixels: a length and a unit of 55 bytes."""
    return DRAWN[DRAWN.index(b"mdat") + 4 :]


def in_tiles(tiles: list[bytes]) -> bytes:
    """A picture of 2 × 2 tiles of 64 × 64 pixels, as telephones write them; the tiles lie at the file's end."""
    start = DRAWN.index(b"hvcC") - 4
    described = DRAWN[start : start + int.from_bytes(DRAWN[start : start + 4], "big")]
    grid = struct.pack(">BBBBHH", 0, 0, 1, 1, 128, 128)

    def metadata(place: int) -> bytes:
        entries = b"".join(full(b"infe", 2, 1, struct.pack(">HH4sx", number, 0, b"hvc1")) for number in range(1, 5))
        places = b""
        for number, tile in enumerate(tiles, 1):
            places += struct.pack(">HHHHII", number, 0, 0, 1, place, len(tile))
            place += len(tile)
        places += struct.pack(">HHHHII", 5, 1, 0, 1, 0, len(grid))
        sizes = [full(b"ispe", 0, 0, struct.pack(">II", side, side)) for side in (64, 128)]
        of_tiles = b"".join(struct.pack(">HBBB", number, 2, 0x81, 2) for number in range(1, 5))
        described_by = full(b"ipma", 0, 0, struct.pack(">I", 5) + of_tiles + struct.pack(">HBB", 5, 1, 3))
        return full(
            b"meta",
            0,
            0,
            full(b"hdlr", 0, 0, bytes(4) + b"pict" + bytes(13))
            + full(b"pitm", 0, 0, struct.pack(">H", 5))
            + full(b"iloc", 1, 0, struct.pack(">BBH", 0x44, 0, 5) + places)
            + full(
                b"iinf",
                0,
                0,
                struct.pack(">H", 5) + entries + full(b"infe", 2, 0, struct.pack(">HH4sx", 5, 0, b"grid")),
            )
            + full(b"iref", 0, 0, box(b"dimg", struct.pack(">HHHHHH", 5, 4, 1, 2, 3, 4)))
            + box(b"iprp", box(b"ipco", described + b"".join(sizes)) + described_by)
            + box(b"idat", grid),
        )

    head = box(b"ftyp", b"heic" + bytes(4) + b"mif1heic")
    return head + metadata(len(head) + len(metadata(0)) + 8) + box(b"mdat", b"".join(tiles))


def shortened(unit: bytes, count: int) -> bytes:
    """A unit without its last bytes, its length corrected."""
    return struct.pack(">I", len(unit) - 4 - count) + unit[4 : len(unit) - count]


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


@pytest.mark.parametrize(
    "spoil",
    [
        lambda tile: tile[:-1],
        lambda tile: bytes(len(tile)),
        lambda tile: tile[:20] + bytes(len(tile) - 20),
        lambda tile: tile[:20] + bytes(3) + tile[23:],
        lambda tile: b"\xaa" * len(tile),
        lambda tile: tile[:6] + b"\xaa" * (len(tile) - 6),
        lambda tile: tile[:6] + b"\xff" * (len(tile) - 6),
        lambda tile: shortened(tile, 45),
        lambda tile: struct.pack(">I", 6) + tile[4:10],
        lambda tile: b"\0\0\0\2\x42\1",
        lambda tile: b"",
    ],
    ids=["cut", "zeros", "zeros at its end", "zeros inside", "rubbish", "rubbish in its unit",
         "ones in its unit", "short unit", "few bytes", "no slice", "nothing"],
)  # fmt: skip
def test_a_picture_in_tiles_is_incomplete_without_one(spoil):
    pytest.importorskip("pi_heif")
    tile = coded()
    whole = in_tiles([tile] * 4)
    assert read_image(whole, "photo").shape == (128, 128, 3)
    for place in range(4):
        with pytest.raises(ImageRefused, match=r"^photo is incomplete: a part of the picture is missing"):
            read_image(in_tiles([spoil(tile) if place == at else tile for at in range(4)]), "photo")


def test_a_picture_in_tiles_whose_copy_stopped_is_incomplete():
    pytest.importorskip("pi_heif")
    whole = in_tiles([coded()] * 4)
    for missing in (1, 58, 59, 118, 200, 236):
        with pytest.raises(ImageRefused, match=r"^photo is (incomplete|damaged or cut short|a damaged HEIC)"):
            read_image(whole[:-missing], "photo")


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_one_that_ends_early_with_its_lengths_corrected_is_incomplete(share):
    pytest.importorskip("pi_heif")
    assert read_image(LARGER, "photo").shape == (192, 192, 3)
    start = LARGER.index(b"mdat") + 4
    length = len(LARGER) - start
    less = int(length * share)
    place = LARGER.index(struct.pack(">I", length), LARGER.index(b"iloc"))
    head = LARGER[:place] + struct.pack(">I", length - less) + LARGER[place + 4 : start]
    with pytest.raises(ImageRefused, match=r"^photo is incomplete"):
        read_image(head + shortened(LARGER[start:], less), "photo")


def test_what_ends_a_cut_slice_leaves_a_whole_picture_as_it_is():
    pi_heif = pytest.importorskip("pi_heif")
    for content in (DRAWN, LARGER, in_tiles([coded()] * 4)):
        more = closed(content)
        assert CLOSE in more
        assert content[-50:] in more
        plain, ended = (pi_heif.open_heif(io.BytesIO(one)) for one in (content, more))
        assert bytes(plain.data) == bytes(ended.data)


def test_tables_that_would_keep_their_reader_busy_are_refused(monkeypatch):
    """Items that all name the same bytes, and units of no length to speak of."""
    monkeypatch.setattr(items, "MAX_COPIED", 100)
    monkeypatch.setattr(items, "MAX_ENTRIES", 40)
    whole = in_tiles([coded()] * 4)
    check_items(whole, "photo")
    first, all_of_it = whole.index(b"mdat") + 4, struct.pack(">I", 4 * 59)
    start, end = whole.index(b"iloc"), whole.index(b"iinf")
    nested = whole
    for number in range(4):
        place, length = struct.pack(">I", first + 59 * number), struct.pack(">I", 59)
        nested = (
            nested[:start]
            + nested[start:end].replace(place + length, struct.pack(">I", first) + all_of_it)
            + nested[end:]
        )
    with pytest.raises(ValueError, match="lie in each other"):
        check_items(nested, "photo")
    with pytest.raises(ValueError, match="more than 40 units"):
        check_items(in_tiles([struct.pack(">IH", 2, 0x4201) * 41, *[coded()] * 3]), "photo")


def test_a_dark_picture_has_no_holes():
    dark = np.zeros((64, 64, 3), np.uint8)
    assert not has_holes(dark)
    assert not has_holes(np.full((64, 64), 0, np.uint8))
    dark[16:32, 16:32] = (0, 135, 0)
    assert has_holes(dark)
    dark[16:32, 16:32:4] = (10, 135, 0)  # a green that is not everywhere the same
    assert not has_holes(dark)


def test_two_tables_of_which_each_reader_may_take_another_are_damaged():
    pytest.importorskip("pi_heif")
    start = DRAWN.index(b"meta") - 4
    metadata = DRAWN[start : start + int.from_bytes(DRAWN[start : start + 4], "big")]
    with pytest.raises(ImageRefused, match=r"^photo is a damaged HEIC picture"):
        read_image(DRAWN + metadata, "photo")


def test_zeros_behind_its_pixels_are_not_missing():
    pytest.importorskip("pi_heif")
    free = struct.pack(">I4s", 1_024, b"free") + bytes(1_016)
    assert read_image(DRAWN + free, "photo").shape == (48, 64, 3)


@pytest.mark.parametrize("end", [40, 200, 470])
def test_a_damaged_one_is_refused(end):
    pytest.importorskip("pi_heif")
    with pytest.raises(ImageRefused, match=r"^photo\.heic is (a damaged HEIC picture|damaged|incomplete)"):
        read_image(DRAWN[:end], "photo.heic")


def test_without_what_reads_it_the_cure_is_named(monkeypatch):
    monkeypatch.setattr(decode, "heic_is_read", lambda: False)
    with pytest.raises(ImageRefused, match=r"^photo is a HEIC picture, .*: export it as JPEG, or install what"):
        read_image(DRAWN, "photo")
