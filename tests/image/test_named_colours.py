"""Colours that files name by numbers: Display P3 becomes sRGB, what is far from both is refused."""

import re
import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image, features

from derm.errors import ImageRefused
from derm.image.decode import read_image
from derm.image.named_colours import Named, avif_colours, named_profile, png_colours
from derm.image.profiles import display_p3
from tests.image.test_heic import DRAWN

COLOUR = (200, 100, 100)
NEAR = [(1, 13), (2, 2), (1, 1), (6, 6)]
FAR = {(9, 16): "HDR (PQ)", (9, 18): "HDR (HLG)", (12, 16): "HDR (PQ)", (9, 14): "BT.2020", (1, 8): "1/8 (ISO 23091-2)"}


def box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def png(primaries: int, curve: int, **settings: bytes) -> bytes:
    stream = BytesIO()
    Image.new("RGB", (64, 48), COLOUR).save(stream, "PNG", **settings)
    chunk = b"cICP" + bytes((primaries, curve, 0, 1))
    content = stream.getvalue()
    return content[:33] + struct.pack(">I", 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + content[33:]


def avif(primaries: int, curve: int, **settings: bytes) -> bytes:
    if not features.check("avif"):
        pytest.skip("Pillow reads no AVIF here")
    stream = BytesIO()
    Image.new("RGB", (64, 48), COLOUR).save(stream, "AVIF", quality=95, subsampling="4:4:4", **settings)
    return named(stream.getvalue(), primaries, curve)


def heic(primaries: int, curve: int) -> bytes:
    pytest.importorskip("pi_heif")
    return named(DRAWN, primaries, curve)


def named(content: bytes, primaries: int, curve: int) -> bytes:
    place = content.index(b"nclx") + 4
    return content[:place] + struct.pack(">HH", primaries, curve) + content[place + 4 :]


def middle(content: bytes) -> tuple[int, ...]:
    return tuple(read_image(content, "a.hif")[24, 32].tolist())


@pytest.mark.parametrize("made", [png, avif, heic])
@pytest.mark.parametrize(("primaries", "curve"), FAR, ids=str)
def test_what_is_far_from_srgb_is_refused_with_the_cure(made, primaries, curve):
    space = re.escape(FAR[primaries, curve])
    with pytest.raises(ImageRefused, match=rf"^a\.hif has its colours in {space}, .*: save it as a JPEG in sRGB\.$"):
        read_image(made(primaries, curve), "a.hif")


@pytest.mark.parametrize("made", [png, avif, heic])
@pytest.mark.parametrize(("primaries", "curve"), NEAR, ids=str)
def test_what_is_near_srgb_stays_as_it_is(made, primaries, curve):
    assert middle(made(primaries, curve)) == pytest.approx(middle(made(1, 13)), abs=1)


@pytest.mark.parametrize("made", [png, avif])
@pytest.mark.parametrize("curve", [13, 1])
def test_display_p3_becomes_srgb_as_its_profile_says(made, curve):
    brought = middle(made(2, 13, icc_profile=display_p3()))
    assert middle(made(12, curve)) == pytest.approx(brought, abs=1)
    assert brought[0] > 210


def test_what_a_png_names_counts_more_than_the_profile_beside_it():
    assert middle(png(1, 13, icc_profile=display_p3())) == middle(png(1, 13))
    assert middle(png(12, 13, icc_profile=b"no profile")) == middle(png(12, 13))


def test_display_p3_of_heic_becomes_srgb():
    assert middle(heic(12, 13))[0] > middle(heic(1, 13))[0] + 5


def test_what_an_avif_brings_counts_more_than_what_it_names():
    stream = BytesIO()
    Image.new("RGB", (64, 48), COLOUR).save(stream, "PNG", icc_profile=display_p3())
    content = avif(1, 13, icc_profile=display_p3())
    assert middle(content) == pytest.approx(middle(stream.getvalue()), abs=2)


def test_the_main_picture_of_several_tells_the_colours():
    """Beside it lie others, such as a map of gains, with colours of their own."""
    one = box(b"colr", b"nclx", struct.pack(">HHHB", 9, 16, 9, 128))
    other = box(b"colr", b"nclx", struct.pack(">HHHB", 12, 13, 6, 128))
    of_items = bytes(4) + struct.pack(">I", 2) + struct.pack(">HBB", 1, 1, 1) + struct.pack(">HBBB", 7, 2, 0x83, 0x82)
    wide = b"\1\0\0\1" + struct.pack(">I", 1) + struct.pack(">IBH", 7, 1, 0x8002)
    for table, main in ((of_items, struct.pack(">IH", 0, 7)), (wide, b"\1\0\0\0" + struct.pack(">I", 7))):
        properties = box(b"iprp", box(b"ipco", one, other, box(b"free")), box(b"ipma", table))
        content = box(b"ftyp", b"avif") + box(b"meta", bytes(4), box(b"pitm", main), properties)
        assert avif_colours(content, "a.avif") == Named(12, 13)
        for end in range(len(content)):  # cut short anywhere
            avif_colours(content[:end], "a.avif")
    assert avif_colours(box(b"ftyp", b"avif"), "a.avif") is None
    assert png_colours(b"\x89PNG\r\n\x1a\n" + bytes(4) + b"IDAT") is None
    short = struct.pack(">I", 1) + b"cICP\x09" + struct.pack(">I", zlib.crc32(b"cICP\x09"))
    assert png_colours(b"\x89PNG\r\n\x1a\n" + short + bytes(4) + b"IDAT") is None


def test_tables_of_many_items_are_refused():
    table = bytes(4) + struct.pack(">I", 6_000) + 6_000 * struct.pack(">HB", 1, 0)
    content = box(b"meta", bytes(4), box(b"pitm", bytes(4), b"\0\1"), box(b"iprp", box(b"ipma", table)))
    with pytest.raises(ImageRefused, match="consists of more than 5,000 parts"):
        avif_colours(content, "a.avif")


def test_colours_that_are_not_told_have_no_profile():
    assert named_profile(Named(2, 2), "a.avif") is None
    assert named_profile(Named(0, 0), "a.avif") is None
    assert named_profile(Named(12, 2), "a.avif") == display_p3()
