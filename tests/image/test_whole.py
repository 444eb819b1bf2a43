"""Pictures that hold fewer rows than they claim."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from derm.data.synthetic.lesion import draw_lesion
from derm.errors import ImageRefused
from derm.image.decode import read_image
from derm.image.whole import ends_empty

LESION = Image.fromarray(draw_lesion("mel", 3, height=120, width=160).image)
BLACK_BELOW = Image.fromarray(np.concatenate([np.asarray(LESION), np.zeros((40, 160, 3), np.uint8)]))


def encoded(picture: Image.Image, kind: str, **options) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def png(rows: bytes, width: int, height: int, *, interlaced: bool = False, extra: bytes = b"") -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, interlaced)
    parts = (chunk(b"IHDR", head), extra, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def plain_rows(picture: Image.Image) -> bytes:
    return b"".join(b"\0" + row.tobytes() for row in np.asarray(picture))


def passes(picture: Image.Image, count: int) -> bytes:
    """The first `count` of an interlaced PNG's seven passes."""
    steps = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    pixels = np.asarray(picture)
    parts = [pixels[top::down, left::across] for left, top, across, down in steps[:count]]
    return b"".join(b"\0" + row.tobytes() for part in parts for row in part)


def test_whole_pngs_are_read():
    assert (read_image(png(plain_rows(LESION), 160, 120), "mole") == np.asarray(LESION)).all()
    assert (read_image(png(passes(LESION, 7), 160, 120, interlaced=True), "mole") == np.asarray(LESION)).all()
    assert (read_image(encoded(BLACK_BELOW, "PNG"), "mole") == np.asarray(BLACK_BELOW)).all()
    for mode in ("L", "P", "RGBA"):
        assert read_image(encoded(BLACK_BELOW.convert(mode), "PNG"), "mole").shape == (160, 160, 3)


@pytest.mark.parametrize(
    "content",
    [
        png(plain_rows(LESION)[: 30 * 481], 160, 120),
        png(plain_rows(BLACK_BELOW)[: 130 * 481], 160, 160),
        png(passes(LESION, 3), 160, 120, interlaced=True),
        png(passes(LESION, 6), 160, 120, interlaced=True),
    ],
    ids=["a quarter", "black below", "three passes", "six passes"],
)
def test_a_png_whose_pixels_end_early_is_incomplete(content):
    with pytest.raises(ImageRefused, match=r"^mole is incomplete: a part of the picture is missing"):
        read_image(content, "mole")


def with_tag(content: bytes, wanted: int, value: int) -> bytes:
    """A little-endian TIFF with another number for one of its tags."""
    begin = struct.unpack("<I", content[4:8])[0]
    (count,) = struct.unpack("<H", content[begin : begin + 2])
    places = [begin + 2 + 12 * number for number in range(count)]
    place = next(place for place in places if struct.unpack("<H", content[place : place + 2])[0] == wanted)
    return content[:place] + struct.pack("<HHII", wanted, 4, 1, value) + content[place + 12 :]


def test_a_tiff_that_lists_too_few_strips_or_ends_early_is_incomplete():
    content = encoded(LESION, "TIFF")  # one strip of all rows
    assert (read_image(content, "mole") == np.asarray(LESION)).all()
    for less in (with_tag(content, 278, 30), with_tag(content[:-20_000], 279, 0)):
        with pytest.raises(ImageRefused, match="is incomplete"):
            read_image(less, "mole")


def test_a_first_frame_smaller_than_its_canvas_is_incomplete():
    half = LESION.crop((0, 0, 160, 60))
    gif = bytearray(encoded(half, "GIF"))
    gif[6:10] = struct.pack("<HH", 160, 120)  # the canvas
    with pytest.raises(ImageRefused, match="is incomplete"):
        read_image(bytes(gif), "mole")
    webp = bytearray(encoded(half, "WEBP", save_all=True, append_images=[half.rotate(180)]))
    assert read_image(bytes(webp), "mole").shape == (60, 160, 3)
    webp[24:30] = (159).to_bytes(3, "little") + (119).to_bytes(3, "little")
    with pytest.raises(ImageRefused, match="is incomplete"):
        read_image(bytes(webp), "mole")


@pytest.mark.parametrize("filler", [b"\0", b"\xff"])
@pytest.mark.parametrize("options", [{"quality": 80}, {"lossless": True}, {"kind": "AVIF", "quality": 90}])
def test_a_file_whose_copy_stopped_is_incomplete(options, filler):
    content = encoded(LESION, **({"kind": "WEBP"} | options))
    assert read_image(content, "mole").shape == (120, 160, 3)
    with pytest.raises(ImageRefused, match=r"^mole is (incomplete|damaged)"):
        read_image(content[:-200] + filler * 200, "mole")


def test_metadata_that_are_filled_up_with_zeros_do_not_make_a_webp_incomplete():
    exif = b"II*\0\x08\0\0\0" + struct.pack("<HHHLLL", 1, 0xEA1C, 7, 2060, 26, 0) + bytes(2060)  # as Windows pads it
    content = encoded(LESION, "WEBP", exif=exif)
    assert read_image(content, "mole").shape == (120, 160, 3)
    place = content.index(b"EXIF")
    with pytest.raises(ImageRefused, match="is incomplete"):
        read_image(content[: place - 200] + bytes(200) + content[place:], "mole")


def test_zeros_behind_the_pixels_of_an_avif_are_not_missing():
    content = encoded(LESION, "AVIF", quality=90)
    assert read_image(content + struct.pack(">I4s", 1_024, b"free") + bytes(1_016), "mole").shape == (120, 160, 3)


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_a_plain_picture_is_not_taken_for_one_whose_copy_stopped(shade):
    noise = np.random.default_rng(0).integers(0, 256, (400, 800, 3), dtype=np.uint8)
    half = Image.fromarray(np.concatenate([noise, np.full((400, 800, 3), shade, np.uint8)]))
    plain = Image.new("RGB", (800, 800), (shade,) * 3)
    for picture in (half, plain):
        for kind, options in (("WEBP", {"quality": 10}), ("WEBP", {"lossless": True}), ("AVIF", {"quality": 10})):
            content = encoded(picture, kind, **options)
            assert not ends_empty(content, 640_000)


def test_a_bmp_in_run_lengths_is_refused():
    grey = encoded(LESION.convert("L"), "BMP")
    assert read_image(grey, "mole").shape == (120, 160, 3)
    runs = grey[:30] + struct.pack("<I", 1) + grey[34:1078] + b"\xa0\x80\0\0" * 60 + b"\0\1"  # half of its rows
    with pytest.raises(ImageRefused, match=r"^mole is a BMP file in run lengths, which can leave out rows unnoticed"):
        read_image(runs, "mole")
