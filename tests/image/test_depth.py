"""Pictures of fewer than 16 bits in files of 16 become the picture that their twin of 8 bits is."""

import io
import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from derm.data.synthetic.lesion import draw_lesion
from derm.errors import ImageRefused
from derm.image import depth
from derm.image.decode import read_image, read_mask, read_opened
from derm.image.depth import white_of, white_of_strips

TWIN = draw_lesion("nv", 3, height=72, width=96).image
"""Uint8 (72, 96, 3); its lightest value is above 128."""


def scaled(bits: int, image: np.ndarray = TWIN) -> np.ndarray:
    """The same picture with `bits` bits, as a camera would have written it."""
    return np.rint(image.astype(np.float64) * ((1 << bits) - 1) / 255).astype(np.uint16)


def png(values: np.ndarray) -> bytes:
    order = {2: slice(None), 3: [2, 1, 0], 4: [2, 1, 0, 3]}[values.ndim if values.ndim == 2 else values.shape[2]]
    stored = values if values.ndim == 2 else values[..., order]
    return cv2.imencode(".png", np.ascontiguousarray(stored))[1].tobytes()


def tiff(values: np.ndarray) -> bytes:
    return cv2.imencode(".tiff", np.ascontiguousarray(values[..., ::-1] if values.ndim == 3 else values))[1].tobytes()


def with_chunk(content: bytes, kind: bytes, body: bytes) -> bytes:
    """A PNG with a chunk more after its header, which takes 33 bytes."""
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return content[:33] + chunk + content[33:]


def big_endian_tiff(values: np.ndarray, most: int | None = None) -> bytes:
    """An uncompressed TIFF by hand, with MaxSampleValue where `most` is given."""
    height, width = values.shape[:2]
    tags = {256: width, 257: height, 259: 1, 262: 2, 277: 3, 278: height, 279: values.nbytes}
    tags |= {} if most is None else {281: most}
    entries = {number: struct.pack(">HHII", number, 4, 1, value) for number, value in tags.items()}
    start = 8 + 2 + 12 * (len(tags) + 2) + 4
    entries[258] = struct.pack(">HHII", 258, 3, 3, start)
    entries[273] = struct.pack(">HHII", 273, 4, 1, start + 6)
    head = b"MM\0*" + struct.pack(">IH", 8, len(entries)) + b"".join(entries[key] for key in sorted(entries)) + bytes(4)
    return head + struct.pack(">HHH", 16, 16, 16) + values.astype(">u2").tobytes()


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("encode", [png, tiff, big_endian_tiff])
def test_colours_are_those_of_the_twin_of_8_bits(bits, encode):
    found = read_image(encode(scaled(bits)), "mole")
    np.testing.assert_allclose(found.astype(int), TWIN, atol=1)  # 8 of 16 bits are cut off, not rounded


@pytest.mark.parametrize("encode", [png, tiff])
def test_what_pillow_has_opened_is_read_as_its_file_is(encode):
    content = encode(scaled(12))
    with Image.open(io.BytesIO(content)) as opened:
        np.testing.assert_array_equal(read_opened(opened, "mole"), read_image(content, "mole"))
        assert opened.size == (96, 72)
        assert np.asarray(opened).max() < 16  # as Pillow has it


@pytest.mark.parametrize(
    "options", [{"format": "PNG"}, {"format": "TIFF"}, {"format": "TIFF", "compression": "tiff_lzw"}]
)
def test_what_was_drawn_on_an_opened_picture_is_read(options):
    """Also where libtiff has decoded it, which keeps the stream open."""
    stream = io.BytesIO()
    Image.fromarray(TWIN).save(stream, **options)
    with Image.open(stream) as opened:
        opened.paste((255, 0, 0), (0, 0, 40, 40))
        found = read_opened(opened, "mole")
    assert (found[:40, :40] == (255, 0, 0)).all()
    np.testing.assert_array_equal(found[40:], TWIN[40:])


def test_a_further_page_of_fewer_bits_is_refused():
    page = tiff(scaled(12))
    content = page + bytes(len(page) % 2)
    start, moved = len(content), bytearray(page)
    first = struct.unpack_from("<I", moved, 4)[0]
    count = struct.unpack_from("<H", moved, first)[0]
    for number in range(count):  # the second page is the first once more, behind it
        place = first + 2 + 12 * number
        tag, kind, values, value = struct.unpack_from("<HHII", moved, place)
        if tag == 273 or values * {1: 1, 2: 1, 3: 2, 4: 4, 5: 8}[kind] > 4:
            struct.pack_into("<I", moved, place + 8, value + start)
            if tag == 273 and values > 1:
                offsets = struct.unpack_from(f"<{values}I", moved, value)
                struct.pack_into(f"<{values}I", moved, value, *(offset + start for offset in offsets))
    content = bytearray(content + moved)
    struct.pack_into("<I", content, first + 2 + 12 * count, start + first)
    with Image.open(io.BytesIO(bytes(content))) as opened:
        opened.seek(1)
        assert opened.size == (96, 72)
        with pytest.raises(ImageRefused, match="keeps fewer than 16 bits in 16"):
            read_opened(opened, "mole")


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("encode", [png, tiff])
def test_grey_is_that_of_the_twin_of_8_bits(bits, encode):
    twin = TWIN[..., 1]
    found = read_image(encode(scaled(bits, twin)), "mole")
    np.testing.assert_array_equal(found, np.repeat(twin[..., None], 3, axis=-1))


def test_what_is_transparent_stays_so():
    alpha = np.full((*TWIN.shape[:2], 1), 4095, np.uint16)
    alpha[:10] = 0
    for opaque in (1, 65535 / 4095):
        found = read_image(png(np.concatenate([scaled(12), (alpha * opaque).astype(np.uint16)], axis=-1)), "mole")
        np.testing.assert_allclose(found[10:].astype(int), TWIN[10:], atol=1)
        assert (found[:10] == 255).all()


def test_a_file_that_says_its_bits_is_believed():
    dark = scaled(12, TWIN // 8)  # up to an eighth of white: nothing in it tells 10 bits from 12
    with pytest.raises(ImageRefused, match=r"^mole has 16 bits a value, uses them hardly beyond .* of 65,535"):
        read_image(png(dark), "mole")
    for content in (with_chunk(png(dark), b"sBIT", bytes([12, 12, 12])), big_endian_tiff(dark, 4095)):
        np.testing.assert_allclose(read_image(content, "mole").astype(int), TWIN // 8, atol=1)
    grey = with_chunk(png(dark[..., 1]), b"sBIT", bytes([12]))
    np.testing.assert_allclose(read_image(grey, "mole")[..., 0].astype(int), TWIN[..., 1] // 8, atol=1)


def test_a_scaled_picture_with_its_bits_told_is_left_alone():
    """PNG (third edition, 11.3.2.7) has samples scaled up to all 16 bits, with sBIT telling how many there were."""
    content = with_chunk(png(scaled(12) << 4), b"sBIT", bytes([12, 12, 12]))
    np.testing.assert_allclose(read_image(content, "mole").astype(int), TWIN, atol=1)


def test_a_bright_speck_does_not_make_a_dark_picture_bright():
    values = scaled(12)
    values[5, 5] = 65535
    with pytest.raises(ImageRefused, match="does not say how many count: save it with 8 bits, or scaled to all 16"):
        read_image(png(values), "mole")


def test_a_black_picture_is_black():
    assert not read_image(png(np.zeros((40, 50, 3), np.uint16)), "mole").any()


@pytest.mark.parametrize(
    ("top", "white"),
    [(255, 255), (128, 255), (512, 1023), (1023, 1023), (2048, 4095), (8192, 16383), (16384, 65535), (65535, 65535)],
)
def test_white_by_the_highest_value(top, white):
    assert white_of(np.full((40, 40), top, np.uint16), None, "mole") == white


@pytest.mark.parametrize("top", [127, 511, 1024 + 1023, 4096 + 4095])
def test_between_two_depths_nothing_is_guessed(top):
    with pytest.raises(ImageRefused, match="does not say how many count"):
        white_of(np.full((40, 40), top, np.uint16), None, "mole")


def test_inks_are_light_where_they_are_few():
    values = np.full((40, 50, 4), 1, ">u2")
    values[0, 0] = 65535  # a picture on paper with one black point
    content = Image.new("CMYK", (50, 40), (0, 0, 0, 0))
    stream = io.BytesIO()
    content.save(stream, "TIFF")
    assert read_image(stream.getvalue(), "mole").min() == 255
    assert white_of(values.astype(np.uint16), None, "mole", dark_is_high=True) == 65535


@pytest.mark.parametrize("bits", [12, 16])
@pytest.mark.parametrize("channels", [3, 4])
def test_all_16_bits_are_never_in_memory_as_a_whole(channels, bits, monkeypatch):
    """Of 40 million pixels they took 0.3 GB, and as much again twice on the way, beside what Pillow has."""
    monkeypatch.setattr(depth, "_SAMPLE", 10_000)  # of a million values whatever the picture's size
    image = draw_lesion("nv", 3, height=600, width=800).image
    opaque = np.full((600, 800, 1), (1 << bits) - 1, np.uint16)
    content = png(np.concatenate([scaled(bits, image), opaque], axis=-1)[..., :channels])
    read_image(png(scaled(bits)), "mole")  # what is imported and made once
    tracemalloc.start()
    try:
        pixels = read_image(content, "mole")
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 2 * channels * pixels[..., 0].size + pixels.nbytes


def test_white_of_several_pieces_is_that_of_one():
    values = np.random.default_rng(0).integers(0, 3000, (1500, 800, 3)).astype(np.uint16)
    values[:3] = 16000  # 0.2 %, in the first piece alone
    pieces = [values[top : top + 127] for top in range(0, 1500, 127)]
    assert white_of(values, None, "mole") == white_of_strips(iter(pieces), values.size, None, "mole") == 16383


def test_masks_are_not_scaled(tmp_path):
    values = np.zeros((40, 50), np.uint16)
    values[10:20, 10:20] = 1
    path = tmp_path / "mask.png"
    path.write_bytes(png(values))
    assert read_mask(path).sum() == 100
