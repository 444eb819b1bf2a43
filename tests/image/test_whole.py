"""Pictures that hold fewer rows than they claim."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from derm.data.synthetic.lesion import draw_lesion
from derm.errors import ImageRefused
from derm.image.decode import mask_values, read_image
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


def test_a_png_of_two_headers_is_damaged():
    """The first tells of as many rows as are there, and Pillow takes the second."""
    content = png(plain_rows(LESION)[: 30 * 481], 160, 120)
    first = content[8:33]
    small = first[:12] + struct.pack(">I", 30) + first[16:21]
    small += struct.pack(">I", zlib.crc32(small[4:]))
    whole = png(plain_rows(LESION), 160, 120)
    assert read_image(
        png(plain_rows(LESION), 160, 120, extra=b"\0\0\0\4tEXtIHDR" + struct.pack(">I", zlib.crc32(b"tEXtIHDR"))),
        "mole",
    ).any()
    for spoilt in (
        content[:8] + small + content[8:],
        whole[:33] + first + whole[33:],
        whole[:-12] + small + whole[-12:],
    ):
        with pytest.raises(ImageRefused, match=r"^mole is damaged"):
            read_image(spoilt, "mole")


@pytest.mark.parametrize("filler", [b"\0", b"\xff"])
@pytest.mark.parametrize("share", [0.4, 0.9, 0.95])
def test_a_png_whose_rest_was_never_written_is_incomplete(share, filler):
    """Its last row may hold rubbish."""
    for seed in range(6):
        noise = np.random.default_rng(seed).integers(0, 256, (120, 160, 3), dtype=np.uint8)
        content = encoded(Image.fromarray(noise // (seed + 1)), "PNG")
        assert read_image(content, "mole").shape == (120, 160, 3)
        kept = int(share * len(content))
        with pytest.raises(ImageRefused, match=r"^mole is (incomplete|damaged)"):
            read_image(content[:kept] + filler * (len(content) - kept), "mole")


@pytest.mark.parametrize("filler", [b"\0", b"\xff"])
@pytest.mark.parametrize("kind", ["BMP", "TIFF"])
def test_pixels_without_check_sums_whose_rest_was_never_written_are_incomplete(kind, filler):
    content = encoded(LESION, kind)
    assert read_image(content, "mole").any()
    for share in (0.4, 0.95):
        kept = int(share * len(content))
        with pytest.raises(ImageRefused, match=r"^mole is incomplete, or has a plain margin that looks so: copy"):
            read_image(content[:kept] + filler * (len(content) - kept), "mole")
    rimmed = np.asarray(LESION).copy()
    rimmed[:1], rimmed[-1:] = filler[0], filler[0]  # as those have that begin or end in a black rim
    content = encoded(Image.fromarray(rimmed), kind)
    assert read_image(content, "mole").any()
    with pytest.raises(ImageRefused, match=r"^mole is incomplete, or has a plain margin that looks so: copy"):
        read_image(content[: len(content) // 2] + filler * (len(content) // 2), "mole")
    rimmed[:14], rimmed[-18:] = filler[0], filler[0]  # a wide picture in a narrow one, not quite in its middle
    content = encoded(Image.fromarray(rimmed), kind)
    assert read_image(content, "mole").any()
    with pytest.raises(ImageRefused, match=r"^mole is incomplete, or has a plain margin that looks so: copy"):
        read_image(content[: len(content) // 2] + filler * (len(content) // 2), "mole")
    plain = Image.new("RGB", (160, 120), (filler[0],) * 3)  # which begins so, too
    assert read_image(encoded(plain, kind), "mole").shape == (120, 160, 3)
    if kind == "TIFF":
        clear = encoded(LESION.convert("RGBA"), kind)
        with pytest.raises(ImageRefused, match=r"^mole is incomplete, or has a plain margin that looks so: copy"):
            read_image(clear[: len(clear) // 2] + filler * (len(clear) // 2), "mole")
    mask = Image.fromarray(np.pad(np.full((9, 60), 255, np.uint8), ((9, 40), (9, 9))))
    assert mask_values(encoded(mask, kind), "mask").any()


def test_of_a_tiff_of_several_pages_the_first_alone_is_looked_at():
    """Such as a picture with its mask, which ends in black."""
    mask = Image.fromarray(np.pad(np.full((60, 80), 255, np.uint8), ((30, 30), (40, 40))))
    content = encoded(LESION, "TIFF", save_all=True, append_images=[mask.convert("RGB")])
    assert (read_image(content, "mole") == np.asarray(LESION)).all()
    end = content.index(np.asarray(LESION).tobytes()) + 120 * 160 * 3
    for filler in (b"\0", b"\xff"):
        spoilt = content[: end - 9000] + filler * 9000 + content[end:]
        with pytest.raises(ImageRefused, match=r"^mole is incomplete, or has a plain margin that looks so: copy"):
            read_image(spoilt, "mole")


@pytest.mark.parametrize("side", [64, 112, 256])
def test_what_lies_of_a_tile_beyond_its_picture_may_be_plain(side):
    pixels = np.asarray(LESION)
    down, across = -(-120 // side), -(-160 // side)
    filled = np.pad(pixels, ((0, down * side - 120), (0, across * side - 160), (0, 0)))
    tiles = [
        filled[y : y + side, x : x + side].tobytes()
        for y in range(0, down * side, side)
        for x in range(0, across * side, side)
    ]
    assert (read_image(tiled(tiles, side), "mole") == pixels).all()
    if len(tiles) > 2:
        assert read_image(tiled([*tiles[:-1], bytes(len(tiles[-1]))], side), "mole").shape == (120, 160, 3)
        with pytest.raises(ImageRefused, match=r"^mole is incomplete, or has a plain margin that looks so: copy"):
            read_image(tiled([*tiles[:-2], *(bytes(len(tile)) for tile in tiles[-2:])], side), "mole")


def tiled(tiles: list[bytes], side: int) -> bytes:
    """An uncompressed TIFF of 160 × 120 pixels in square tiles."""
    body = b"".join(tiles)
    places = [8 + len(tiles[0]) * number for number in range(len(tiles))]
    start = 8 + len(body)
    arrays = struct.pack(f"<{2 * len(tiles)}I", *places, *map(len, tiles)) + struct.pack("<3H", 8, 8, 8)
    where, sizes = (start, start + 4 * len(tiles)) if len(tiles) > 1 else (places[0], len(tiles[0]))
    entries = [
        (256, 4, 1, 160), (257, 4, 1, 120), (258, 3, 3, start + 8 * len(tiles)), (259, 4, 1, 1), (262, 4, 1, 2),
        (277, 4, 1, 3), (284, 4, 1, 1), (322, 4, 1, side), (323, 4, 1, side), (324, 4, len(tiles), where),
        (325, 4, len(tiles), sizes),
    ]  # fmt: skip
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<I", start + len(arrays)) + body + arrays + directory + bytes(4)


@pytest.mark.parametrize("mode", ["LA", "I;16"])
def test_deep_grey_and_grey_with_alpha_of_which_the_rest_was_never_written_are_incomplete(mode):
    grey = LESION.convert("L")
    picture = grey.convert("LA") if mode == "LA" else Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    content = encoded(picture, "TIFF")
    assert read_image(content, "mole").shape == (120, 160, 3)
    with pytest.raises(ImageRefused, match=r"^mole is incomplete, or has a plain margin that looks so: copy"):
        read_image(content[: len(content) // 2] + bytes(len(content) // 2), "mole")


def test_of_separate_planes_the_last_may_be_plain():
    """Opaque everywhere, or without black ink."""
    clear = np.dstack([np.asarray(LESION), np.full((120, 160), 255, np.uint8)])
    assert (read_image(apart(clear, 2), "mole") == np.asarray(LESION)).all()
    inks = np.dstack([255 - np.asarray(LESION), np.zeros((120, 160), np.uint8)])
    assert read_image(apart(inks, 5), "mole").shape == (120, 160, 3)
    spoilt = clear.copy()
    spoilt[:, :, 2:] = 0
    with pytest.raises(ImageRefused, match=r"^mole is incomplete, or has a plain margin that looks so: copy"):
        read_image(apart(spoilt, 2), "mole")


def apart(pixels: np.ndarray, kind: int) -> bytes:
    """An uncompressed TIFF of 160 × 120 pixels in four planes; kind: 2 for RGB and opacity, 5 for inks."""
    body = np.ascontiguousarray(np.moveaxis(pixels, -1, 0)).tobytes()
    start, size = 8 + len(body), 160 * 120
    arrays = struct.pack("<8I", *(8 + size * plane for plane in range(4)), *[size] * 4) + struct.pack("<4H", 8, 8, 8, 8)
    entries = [
        (256, 4, 1, 160), (257, 4, 1, 120), (258, 3, 4, start + 32), (259, 4, 1, 1), (262, 4, 1, kind),
        (273, 4, 4, start), (277, 4, 1, 4), (278, 4, 1, 120), (279, 4, 4, start + 16), (284, 4, 1, 2),
        *([(338, 3, 1, 2)] if kind == 2 else []),
    ]  # fmt: skip
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<I", start + len(arrays)) + body + arrays + directory + bytes(4)


@pytest.mark.parametrize("filler", [b"\0", b"\xff"])
@pytest.mark.parametrize("packed", ["tiff_adobe_deflate", "tiff_deflate", "packbits"])
@pytest.mark.parametrize("rows", [16, 120])
def test_a_packed_tiff_whose_rest_was_never_written_is_incomplete(packed, rows, filler):
    """With the directory in front, as some write it; libtiff asks neither for the end nor for a check sum."""
    for seed in range(6):
        noise = np.random.default_rng(seed).integers(0, 256, (120, 160, 3), dtype=np.uint8) // (seed + 1)
        content = in_front(encoded(Image.fromarray(noise), "TIFF", compression=packed, tiffinfo={278: rows}))
        assert (read_image(content, "mole") == noise).all()
        for share in (0.4, 0.9):
            kept = int(share * len(content))
            with pytest.raises(ImageRefused, match=r"^mole is (incomplete|damaged)"):
                read_image(content[:kept] + filler * (len(content) - kept), "mole")


@pytest.mark.parametrize("plain", [0, 255])
def test_a_plain_margin_of_a_packed_tiff_is_no_loss(plain):
    rimmed = np.asarray(LESION).copy()
    rimmed[-20:] = plain
    for packed in ("tiff_adobe_deflate", "packbits"):
        content = encoded(Image.fromarray(rimmed), "TIFF", compression=packed)
        assert (read_image(content, "mole") == rimmed).all()
    turned = encoded(LESION, "TIFF", compression="tiff_adobe_deflate", tiffinfo={266: 2})  # bits the other way round
    assert (read_image(turned, "mole") == np.asarray(LESION)).all()


@pytest.mark.parametrize("packed", ["tiff_deflate", "tiff_lzw"])
def test_packed_strips_that_lie_in_each_other_are_damaged(monkeypatch, packed):
    """Or a small file would be unpacked for minutes; libtiff copies each strip of LZW, even one and the same."""
    monkeypatch.setattr("derm.image.whole.REPEATED", 1 << 20)
    content = bytearray(in_front(encoded(LESION, "TIFF", compression=packed, tiffinfo={278: 1})))
    count = struct.unpack_from("<H", content, 8)[0]
    for number in range(count):
        tag, kind, values, at = struct.unpack_from("<HHII", content, 10 + 12 * number)
        if tag == 279:
            struct.pack_into("<" + {3: "H", 4: "I"}[kind] * values, content, at, *[min(len(content), 60_000)] * values)
    with pytest.raises(ImageRefused, match=r"^mole is damaged"):
        read_image(bytes(content), "mole")


def in_front(content: bytes) -> bytes:
    """A TIFF of Pillow with its directory before its pixels."""
    start = struct.unpack_from("<I", content, 4)[0]
    count = struct.unpack_from("<H", content, start)[0]
    entries = [list(struct.unpack_from("<HHI4s", content, start + 2 + 12 * number)) for number in range(count)]
    sizes = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8}
    place, arrays = 8 + 2 + 12 * count + 4, b""
    found = {}
    for entry in entries:
        size = sizes[entry[1]] * entry[2]
        value = entry[3][:size] if size <= 4 else content[(at := struct.unpack("<I", entry[3])[0]) : at + size]
        found[entry[0]] = value
    forms = {entry[0]: {3: "H", 4: "I"}.get(entry[1], "I") * entry[2] for entry in entries}
    lengths = struct.unpack(f"<{forms[279]}", found[279])
    offsets = struct.unpack(f"<{forms[273]}", found[273])
    long = sum(len(value) for value in found.values() if len(value) > 4)
    first, moved = place + long, list[int]()
    for length in lengths:
        moved.append(first)
        first += length
    found[273] = struct.pack(f"<{forms[273]}", *moved)
    for entry in entries:
        value = found[entry[0]]
        if len(value) > 4:
            entry[3] = struct.pack("<I", place + len(arrays))
            arrays += value
        else:
            entry[3] = value.ljust(4, b"\0")
    directory = struct.pack("<H", count) + b"".join(struct.pack("<HHI4s", *entry) for entry in entries) + bytes(4)
    body = b"".join(content[at : at + length] for at, length in zip(offsets, lengths, strict=True))
    return b"II*\0" + struct.pack("<I", 8) + directory + arrays + body


def test_a_png_with_one_changed_byte_is_incomplete():
    content = bytearray(png(plain_rows(LESION), 160, 120))
    content[content.index(b"IDAT") + len(content) // 2] ^= 1
    with pytest.raises(ImageRefused, match=r"^mole is (incomplete|damaged)"):
        read_image(bytes(content), "mole")


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


def strips(
    *, unwritten: int = 0, short: int = 0, beyond: int = 0, told: int | None = None, rows: int = 16, planes: int = 1
) -> bytes:
    """An uncompressed TIFF of the lesion in strips, with as many bytes behind them as its pixels have.

    unwritten, short, beyond: how many of the last strips were never written, have two rows less than theirs, or lie
    beyond the end. told: as many bytes less are told of each than are there; 0 of none.
    """
    pixels = np.asarray(LESION)
    parts = [pixels] if planes == 1 else [pixels[..., channel] for channel in range(3)]
    cut = [part[top : top + rows].tobytes() for part in parts for top in range(0, 120, rows)]
    body, places, lengths = b"", list[int](), list[int]()
    for strip in cut:
        places.append(8 + len(body))
        lengths.append(len(strip))
        body += strip
    for number in range(len(cut) - unwritten, len(cut)):
        places[number] = lengths[number] = 0
    for number in range(len(cut) - short, len(cut)):
        lengths[number] -= 2 * 160 * (3 if planes == 1 else 1)
    if told is not None:
        lengths = [length - told if told else 0 for length in lengths]
    body += bytes(len(body) + len(body) % 2)
    for number in range(len(cut) - beyond, len(cut)):
        places[number] = 2 * len(body)
    start = 8 + len(body)
    arrays = struct.pack(f"<{2 * len(cut)}I", *places, *lengths) + struct.pack("<3H", 8, 8, 8)
    entries = [
        (256, 4, 1, 160), (257, 4, 1, 120), (258, 3, 3, start + 8 * len(cut)), (259, 4, 1, 1), (262, 4, 1, 2),
        (273, 4, len(cut), start), (277, 4, 1, 3), (278, 4, 1, rows), (279, 4, len(cut), start + 4 * len(cut)),
        (284, 4, 1, 1 if planes == 1 else 2),
    ]  # fmt: skip
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<I", start + len(arrays)) + body + arrays + directory + bytes(4)


@pytest.mark.parametrize("planes", [1, 3])
@pytest.mark.parametrize("rows", [16, 40])
def test_a_tiff_whose_strips_were_not_all_written_is_incomplete(rows, planes):
    """As an interrupted writer leaves it, in a file that is large enough: Pillow shows whatever stands there."""
    assert (read_image(strips(rows=rows, planes=planes), "mole") == np.asarray(LESION)).all()
    for fault in ("unwritten", "short", "beyond"):
        for count in (1, 2):
            with pytest.raises(ImageRefused, match=r"^mole is incomplete: a part of the picture is missing"):
                read_image(strips(rows=rows, planes=planes, **{fault: count}), "mole")
    for told in (0, 1):  # as some writers tell of whole pictures
        assert (read_image(strips(rows=rows, planes=planes, told=told), "mole") == np.asarray(LESION)).all()


@pytest.mark.parametrize("packed", ["packbits", "tiff_lzw", "tiff_adobe_deflate", "jpeg"])
def test_a_packed_tiff_with_a_strip_at_no_place_is_incomplete(packed):
    content = encoded(LESION, "TIFF", compression=packed, tiffinfo={278: 120})
    assert read_image(content, "mole").shape == (120, 160, 3)
    with pytest.raises(ImageRefused, match=r"^mole is (incomplete|damaged or cut short)"):
        read_image(with_tag(content, 273, 0), "mole")


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
