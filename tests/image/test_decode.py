"""The door: every kind of picture comes out upright, in sRGB, uint8; everything else is refused with one sentence."""

import io
import os
import struct
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from derm.errors import ImageRefused
from derm.image import decode
from derm.image.decode import apart, image_name, mask_values, open_image, read_image, read_mask, read_picture

WIDTH, HEIGHT = 48, 40
TEAL = (0, 128, 128)
ORIENTATION = 0x0112


def encoded(picture, form="PNG", frames=(), **options):
    """The bytes of `picture`, and of further `frames`, as a file."""
    stream = io.BytesIO()
    if frames:  # of copies: `save` leaves settings of one format on a picture, which the next would take for its own
        options |= {"save_all": True, "append_images": [frame.copy() for frame in frames]}
    picture.copy().save(stream, form, **options)
    return stream.getvalue()


def plain(mode="RGB", colour=TEAL, size=(WIDTH, HEIGHT)):
    return Image.new(mode, size, colour)


def colour_ramp():
    """A picture with a different value in every place: x + y in red, x in green, y in blue."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return Image.fromarray(np.stack([x + y, 5 * x, 6 * y], axis=-1).astype(np.uint8))


def middle(content):
    """The RGB value that `read_image` gives in the middle of `content`, after the promises on every array."""
    picture = read_image(content, "mole")
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert picture.shape[2] == 3
    assert picture.flags.c_contiguous
    assert picture.flags.writeable
    return tuple(int(value) for value in picture[picture.shape[0] // 2, picture.shape[1] // 2])


def tiff(width, height, bits, photometric, data, *, samples=1, planar=1):
    """A little-endian, uncompressed TIFF written by hand, for what Pillow cannot write; planes hold one strip each."""
    strips = samples if planar == 2 else 1
    entries, extra = [], b""
    first_extra = 8 + 2 + 12 * 10 + 4

    def longs(values, code):
        nonlocal extra
        packed = struct.pack(f"<{len(values)}{code}", *values)
        if len(packed) <= 4:
            return packed.ljust(4, b"\0")
        place = first_extra + len(extra)
        extra += packed
        return struct.pack("<I", place)

    start = first_extra + 2 * samples + 8 * strips
    counts = [len(data) // strips] * strips
    offsets = [start + sum(counts[:strip]) for strip in range(strips)]
    for tag, code, values in (
        (256, "H", [width]),
        (257, "H", [height]),
        (258, "H", [bits] * samples),
        (259, "H", [1]),
        (262, "H", [photometric]),
        (273, "I", offsets),
        (277, "H", [samples]),
        (278, "H", [height]),
        (279, "I", counts),
        (284, "H", [planar]),
    ):
        entries.append(struct.pack("<HHI", tag, {"H": 3, "I": 4}[code], len(values)) + longs(values, code))
    header = b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(entries) + b"\0\0\0\0" + extra
    return header.ljust(start, b"\0") + data


def png_header(width, height):
    """A PNG that claims `width` × `height` pixels and holds none."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def icc(space, pcs, tags):
    """An ICC profile of version 2.4 (ICC.1:2001-04, 6.1 and 6.2) from its tags."""
    body, table, start = b"", b"", 128 + 4 + 12 * len(tags)
    for name, tag in tags.items():
        table += name + struct.pack(">II", start + len(body), len(tag))
        body += tag.ljust(-(-len(tag) // 4) * 4, b"\0")
    header = struct.pack(">II", start + len(body), 0) + b"\x02\x40\0\0" + b"prtr" + space + pcs
    header += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    return (header + s15(0.9642, 1, 0.8249)).ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def s15(*numbers):
    return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))


def display_p3():
    """Display P3: its three primaries (D50) in Pillow's own sRGB profile, whose curve it shares."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    primaries = {
        b"rXYZ": (0.51512, 0.24120, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.15710, 0.06657, 0.78407),
    }
    for number in range(struct.unpack_from(">I", profile, 128)[0]):
        name, offset, _ = struct.unpack_from(">4sII", profile, 132 + 12 * number)
        if name in primaries:
            profile[offset + 8 : offset + 20] = s15(*primaries[name])
    return bytes(profile)


def odd_press():
    """A CMYK profile like no plain conversion: bare paper is white, full cyan alone is L* = 50 grey, the rest black."""
    corners = bytearray(16 * 3)  # one Lab value for each of 2⁴ corners, cyan slowest; a* = b* = 0 is byte 128
    for corner in range(16):
        lightness = {0b0000: 255, 0b1000: 128}.get(corner, 0)
        corners[3 * corner : 3 * corner + 3] = bytes([lightness, 128, 128])
    straight = bytes(range(256))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + s15(1, 0, 0, 0, 1, 0, 0, 0, 1)
    return icc(b"CMYK", b"Lab ", {b"A2B0": table + straight * 4 + bytes(corners) + straight * 3})


def linear_grey():
    """A grey profile of gamma 1."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, 256)
    return icc(b"GRAY", b"XYZ ", {b"kTRC": curve, b"wtpt": b"XYZ " + bytes(4) + s15(0.9642, 1, 0.8249)})


# --- Formats and modes ---


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP"])
def test_lossless_formats_come_through_unchanged(form):
    ramp = colour_ramp()
    np.testing.assert_array_equal(read_image(encoded(ramp, form), "mole"), np.asarray(ramp))


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_compressed_tiff_comes_through_unchanged(compression):
    ramp = colour_ramp()
    np.testing.assert_array_equal(read_image(encoded(ramp, "TIFF", compression=compression), "mole"), np.asarray(ramp))


def test_lossy_formats_come_through_nearly():
    for content in (
        encoded(plain(), "JPEG", quality=95),
        encoded(plain(), "WEBP"),
        encoded(plain(), "TIFF", compression="jpeg"),
    ):
        assert middle(content) == pytest.approx(TEAL, abs=3)
    np.testing.assert_array_equal(
        read_image(encoded(colour_ramp(), "WEBP", lossless=True), "mole"), np.asarray(colour_ramp())
    )


def test_grey_one_bit_and_palette():
    assert middle(encoded(plain("L", 77))) == (77, 77, 77)
    assert middle(encoded(plain("L", 77), "JPEG")) == (77, 77, 77)
    for form in ("PNG", "TIFF", "BMP"):
        with pytest.raises(ImageRefused, match="black and white without shades"):
            read_image(encoded(plain("1", 1), form), "mole")
    assert middle(encoded(plain().convert("P", palette=Image.Palette.ADAPTIVE))) == TEAL


def test_other_colour_spaces_of_tiff():
    assert middle(encoded(plain("YCbCr", (77, 128, 128)), "TIFF")) == (77, 77, 77)
    # L* = 128 / 255 · 100 = 50.2: Y = ((50.2 + 16) / 116)³ = 0.186, in sRGB 1.055 · 0.186^(1 / 2.4) − 0.055 = 0.468
    assert middle(encoded(plain("LAB", (128, 128, 128)), "TIFF")) == pytest.approx((119, 119, 119), abs=1)


def test_the_first_frame_counts():
    first, second = plain(colour="red"), plain(colour="blue")
    for form, options in (("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})):
        content = encoded(first, form, frames=[second], **options)
        assert middle(content) == (255, 0, 0)
    assert middle(encoded(first, "MPO", frames=[second])) == pytest.approx((255, 0, 0), abs=2)


# --- More than 8 bits ---


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, 0), (0x8000, 128), (0xFFFF, 255), (257, 1), (128, 0), (129, 1)],  # 0x8000 / 257 = 127.502; 129 / 257 = 0.502
)
def test_16_bit_grey_is_scaled_not_clipped(value, expected):
    values = np.full((HEIGHT, WIDTH), value, np.uint16)
    values[:: HEIGHT - 1] = 0xFFFF
    grey = Image.fromarray(values)
    big_endian = Image.frombytes("I;16B", (WIDTH, HEIGHT), values.astype(">u2").tobytes())
    for content in (encoded(grey), encoded(grey, "TIFF"), encoded(big_endian, "TIFF")):
        assert middle(content) == (expected,) * 3


def test_16_bit_rgb():
    values = np.full((HEIGHT, WIDTH, 3), (0x8000, 0xFFFF, 0x1234), np.uint16)
    png = cv2.imencode(".png", values[..., ::-1])[1].tobytes()
    assert middle(png) == (128, 255, 0x12)
    assert middle(tiff(WIDTH, HEIGHT, 16, 2, values.astype("<u2").tobytes(), samples=3)) == (128, 255, 0x12)


def test_12_bit_grey_is_scaled_by_4095():
    row = int("800" * WIDTH, 16).to_bytes(WIDTH * 12 // 8, "big")
    assert middle(tiff(WIDTH, HEIGHT, 12, 1, row * HEIGHT)) == (128, 128, 128)  # 0x800 · 255 / 4095 = 127.53


def test_16_bit_grey_where_zero_is_white():
    values = np.full((HEIGHT, WIDTH), 0x1010, "<u2")  # 0x1010 / 257 = 16, of white 255 − 16
    values[0, 0] = 0xFFFF
    assert middle(tiff(WIDTH, HEIGHT, 16, 0, values.tobytes())) == (239, 239, 239)


def test_separate_planes():
    planes = np.full((3, HEIGHT, WIDTH), 7, np.uint8)
    planes[1] = 200
    assert middle(tiff(WIDTH, HEIGHT, 8, 2, planes.tobytes(), samples=3, planar=2)) == (7, 200, 7)
    with pytest.raises(ImageRefused, match=r"^mole keeps its 16-bit values in separate planes, .*: save it as PNG\.$"):
        read_image(tiff(WIDTH, HEIGHT, 16, 2, planes.astype("<u2").tobytes(), samples=3, planar=2), "mole")


@pytest.mark.parametrize(("value", "top", "expected"), [(0.5, 1, 128), (1, 1, 255), (128, 255, 128), (0.5, 2, 0)])
def test_floating_point_grey(value, top, expected):
    values = np.full((HEIGHT, WIDTH), value, np.float32)
    values[0, 0] = top
    assert middle(encoded(Image.fromarray(values), "TIFF")) == (expected,) * 3


@pytest.mark.parametrize("value", [-0.1, 255.5, 65535, np.nan, np.inf])
def test_floating_point_grey_of_unclear_range_is_refused(value):
    values = np.zeros((HEIGHT, WIDTH), np.float32)
    values[0, 0] = value
    with pytest.raises(ImageRefused, match=r"floating-point values from .*, in neither 0–1 nor 0–255: save it with"):
        read_image(encoded(Image.fromarray(values), "TIFF"), "mole")


def test_32_bit_grey_is_refused():
    with pytest.raises(
        ImageRefused, match=r"^mole stores its values as 'I', whose range Derm cannot tell: save it as an"
    ):
        read_image(encoded(plain("I", 7), "TIFF"), "mole")


# --- Transparency ---


def test_transparency_is_laid_on_white():
    # 64 at half of 128 / 255: 64 · 128 / 255 + 255 · 127 / 255 = 32.1 + 127
    assert middle(encoded(plain("LA", (64, 128)))) == (159, 159, 159)
    assert middle(encoded(plain("RGBA", (0, 128, 64, 128)))) == (127, 191, 159)
    assert middle(encoded(plain("RGBA", (0, 128, 64, 128)), "TIFF")) == (127, 191, 159)
    assert middle(encoded(plain("RGBA", (9, 9, 9, 255)), "WEBP", lossless=True)) == (9, 9, 9)
    assert middle(encoded(plain("PA", (0, 128)), "TIFF")) == (127, 127, 127)  # palette entry 0 is black


def test_transparent_palette_entries_and_colours():
    palette = Image.new("P", (WIDTH, HEIGHT), 1)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putpixel((0, 0), 0)
    assert read_image(encoded(palette, transparency=0), "mole")[0, 0].tolist() == [255, 255, 255]
    assert read_image(encoded(palette, transparency=bytes([255, 128])), "mole")[0, 0].tolist() == [255, 0, 0]
    assert middle(encoded(palette, transparency=bytes([255, 128]))) == (127, 127, 255)
    keyed = plain()
    keyed.putpixel((0, 0), (1, 2, 3))
    assert read_image(encoded(keyed, transparency=(1, 2, 3)), "mole")[0, 0].tolist() == [255, 255, 255]
    assert middle(encoded(keyed, transparency=(1, 2, 3))) == TEAL


def png_16(values, kind, *chunks):
    """A PNG with 16 bits a value, (H, W, C), of kind 0 grey, 2 RGB, 4 grey with alpha, with further chunks."""
    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    packed = [(len(part), name + part) for name, part in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", size) + part + struct.pack(">I", zlib.crc32(part)) for size, part in packed
    )


def test_grey_and_alpha_of_16_bits_are_read():
    values = np.full((HEIGHT, WIDTH, 2), 0xFFFF, np.uint16)
    values[0, 0], values[0, 1], values[1, 0] = (0x4000, 0xFFFF), (0x4000, 0x8080), (0x4000, 0)
    found = read_image(png_16(values, 4), "mole")
    # 64 at half of 128 / 255: 64 · 128 / 255 + 255 · 127 / 255 = 32.1 + 127
    assert [found[place].tolist() for place in ((0, 0), (0, 1), (1, 0))] == [[64] * 3, [159] * 3, [255] * 3]
    values = np.full((HEIGHT, WIDTH, 2), (4000, 0xFFFF), np.uint16)
    values[0, 0] = (2000, 0xFFFF)
    found = read_image(png_16(values, 4, (b"sBIT", bytes([12, 12]))), "mole")
    assert found[0, 0].tolist() == [round(2000 * 255 / 4095)] * 3
    assert found[1, 1].tolist() == [round(4000 * 255 / 4095)] * 3


@pytest.mark.parametrize(("kind", "channels"), [(0, 1), (2, 3)])
def test_a_transparent_colour_of_16_bits_is_that_colour_alone(kind, channels):
    values = np.full((HEIGHT, WIDTH, channels), 0xFFFF, np.uint16)
    values[0, 0], values[0, 1], values[0, 2] = 0x4001, 0x4000, 0
    found = read_image(png_16(values, kind, (b"tRNS", b"\x40\x01" * channels)), "mole")
    assert [found[0, column].tolist() for column in range(3)] == [[255] * 3, [64] * 3, [0] * 3]


@pytest.mark.parametrize("picture", [plain("RGBA", (*TEAL, 0)), plain("LA", (7, 0))], ids=["RGBA", "LA"])
def test_a_wholly_transparent_picture_is_refused(picture):
    with pytest.raises(
        ImageRefused, match=r"^mole is transparent everywhere and shows nothing: export it again without"
    ):
        read_image(encoded(picture), "mole")


# --- CMYK ---


def test_cmyk_jpeg_in_plain_conversion():
    # R = (255 − 51)(255 − 64) / 255 = 204 · 191 / 255 = 152.8; G = 153 · 191 / 255 = 114.6; B = 102 · 191 / 255 = 76.4
    ink = plain("CMYK", (51, 102, 153, 64))
    content = encoded(ink, "JPEG", quality=95)
    assert b"Adobe" in content  # so the inks are stored inverted
    assert middle(content) == pytest.approx((153, 115, 76), abs=2)
    assert middle(encoded(ink, "TIFF")) == pytest.approx((153, 115, 76), abs=1)


def test_cmyk_jpeg_against_opencv():
    cyan, magenta, yellow, _ = colour_ramp().convert("CMYK").split()
    inks = Image.merge("CMYK", (cyan, magenta, yellow, plain("L", 40)))
    content = encoded(inks, "JPEG", quality=95, subsampling=0)
    ours = read_image(content, "mole").astype(float)
    oracle = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_allclose(ours, oracle, atol=3)
    np.testing.assert_allclose(ours, np.asarray(colour_ramp()) * (215 / 255), atol=8)  # 255 − 40 = 215; JPEG's own loss


def test_ycck_jpeg():
    """The same file as YCCK: inverted inks are R, G, B; their complement is stored as Y, Cb, Cr (T.872, 6.1.3)."""
    wanted = (200, 100, 50)
    y, cb, cr = Image.new("RGB", (1, 1), tuple(255 - value for value in wanted)).convert("YCbCr").getpixel((0, 0))
    content = encoded(plain("CMYK", (255 - y, 255 - cb, 255 - cr, 0)), "JPEG", quality=100, subsampling=0)
    place = content.index(b"Adobe") + 11
    assert content[place] == 0  # transform 0: CMYK as it is
    ycck = content[:place] + b"\x02" + content[place + 1 :]
    assert middle(ycck) == pytest.approx(wanted, abs=3)


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_cmyk_goes_through_its_profile(form):
    profile = odd_press()
    for inks, expected in (((0, 0, 0, 0), 255), ((255, 0, 0, 0), 119), ((0, 255, 0, 0), 0), ((0, 0, 0, 255), 0)):
        content = encoded(plain("CMYK", inks), form, icc_profile=profile)
        assert middle(content) == pytest.approx((expected,) * 3, abs=2)  # L* = 50.2 is 119, as above


# --- Colour profiles ---


@pytest.mark.parametrize(
    ("form", "options"),
    [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True}), ("JPEG", {"quality": 100, "subsampling": 0})],
)
def test_display_p3_becomes_srgb(form, options):
    # The primaries of sRGB in Display P3 are (234, 51, 35), (117, 251, 76) and (0, 0, 245), as CSS Color 4 gives them.
    for p3, srgb in (((234, 51, 35), (255, 0, 0)), ((117, 251, 76), (0, 255, 0)), ((0, 0, 245), (0, 0, 255))):
        content = encoded(plain(colour=p3), form, icc_profile=display_p3(), **options)
        assert middle(content) == pytest.approx(srgb, abs=12)  # near 0 one step of P3 is a dozen of sRGB
    assert middle(encoded(plain(colour=(90, 90, 90)), form, icc_profile=display_p3(), **options)) == (90, 90, 90)


def test_profiles_of_palette_alpha_and_grey():
    p3 = display_p3()
    palette = plain(colour=(234, 51, 35)).convert("P", palette=Image.Palette.ADAPTIVE)
    assert middle(encoded(palette, icc_profile=p3)) == pytest.approx((255, 0, 0), abs=12)
    assert middle(encoded(plain("RGBA", (234, 51, 35, 255)), icc_profile=p3)) == pytest.approx((255, 0, 0), abs=12)
    # Linear 55 / 255 = 0.2157 is 1.055 · 0.2157^(1 / 2.4) − 0.055 = 0.502 in sRGB → 128
    assert middle(encoded(plain("L", 55), icc_profile=linear_grey())) == pytest.approx((128,) * 3, abs=1)
    values = np.full((HEIGHT, WIDTH), 55 * 257, np.uint16)
    values[0] = 0xFFFF
    deep = Image.fromarray(values)
    assert middle(encoded(deep, icc_profile=linear_grey())) == pytest.approx((128,) * 3, abs=1)


def test_srgb_profile_changes_nothing():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    ramp = colour_ramp()
    np.testing.assert_array_equal(read_image(encoded(ramp, icc_profile=profile), "mole"), np.asarray(ramp))


@pytest.mark.parametrize("profile", [b"no profile", display_p3()[:200], odd_press()], ids=["text", "cut", "of CMYK"])
def test_a_profile_that_does_not_fit_is_ignored(profile):
    assert middle(encoded(plain(), icc_profile=profile)) == TEAL


# --- Orientation and metadata ---


@pytest.mark.parametrize(
    ("orientation", "row", "column", "turned"),
    [  # where the first stored pixel belongs (EXIF 2.32, 4.6.4): 6 is "row 0 at the right, column 0 at the top"
        (1, 0, 0, False),
        (2, 0, -1, False),
        (3, -1, -1, False),
        (4, -1, 0, False),
        (5, 0, 0, True),
        (6, 0, -1, True),
        (7, -1, -1, True),
        (8, -1, 0, True),
    ],
)
@pytest.mark.parametrize("form", ["PNG", "TIFF", "JPEG"])
def test_orientation(form, orientation, row, column, turned):
    picture = plain(colour=(250, 250, 250))
    picture.paste("red", (0, 0, 16, 16))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    upright = read_image(encoded(picture, form, exif=exif), "mole")
    assert upright.shape == ((WIDTH, HEIGHT, 3) if turned else (HEIGHT, WIDTH, 3))
    corners = {(y, x): upright[y, x] for y in (0, -1) for x in (0, -1)}
    assert corners.pop((row, column)) == pytest.approx((255, 0, 0), abs=3)
    for other in corners.values():
        assert other == pytest.approx((250, 250, 250), abs=3)


def test_broken_exif_is_ignored():
    content = encoded(colour_ramp(), exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12")
    np.testing.assert_array_equal(read_image(content, "mole"), np.asarray(colour_ramp()))


# --- Refusals ---


def refusal(content, name="mole.jpg"):
    with pytest.raises(ImageRefused) as caught:
        read_image(content, name)
    return str(caught.value)


def test_what_is_no_picture_is_refused():
    expected = (
        "mole.jpg is no picture that Derm can read, or its first bytes are damaged: "
        "export it as JPEG, PNG, TIFF, BMP or WebP."
    )
    for content in (
        b"text",
        b"\0" * 5000,
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
    ):
        assert refusal(content) == expected


def test_an_empty_file_is_refused():
    assert refusal(b"") == "mole.jpg is empty (0 bytes): copy it or export it again from its source."


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "BMP", "WEBP"])
def test_a_file_cut_short_is_refused(form):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8))
    content = encoded(noise, form)
    for share in (0.5, 0.9, 0.99):
        assert refusal(content[: int(len(content) * share)]).startswith("mole.jpg is ")


def test_a_damaged_file_is_refused_with_its_cause():
    content = encoded(colour_ramp(), "JPEG")
    with pytest.raises(ImageRefused, match=r"^mole is damaged or cut short: copy it or export it again") as caught:
        read_image(content[: len(content) // 2], "mole")
    assert isinstance(caught.value.__cause__, OSError)


def test_small_and_narrow_pictures_are_refused():
    assert read_image(encoded(plain(size=(32, 320))), "mole").shape == (320, 32, 3)
    assert refusal(encoded(plain(size=(31, 40)))) == (
        "mole.jpg has 31 × 40 pixels, but each side needs at least 32: choose a larger picture."
    )
    assert refusal(encoded(plain(size=(321, 32)))) == (
        "mole.jpg has 321 × 32 pixels, longer than 10 : 1: crop it to the lesion and the skin around it."
    )


def test_too_many_pixels_are_refused_from_the_header():
    assert refusal(png_header(8000, 5001)) == (
        "mole.jpg has 8000 × 5001 pixels, more than the 40,000,000 that Derm reads: make it smaller."
    )
    assert "damaged" in refusal(png_header(8000, 5000))  # 40,000,000: let in, and found to hold nothing


@pytest.mark.parametrize(
    "side", [10_000, 20_000, 2**31 - 1]
)  # where Pillow warns (89 million) and raises (179 million)
def test_decompression_bombs_are_refused(side):
    sentence = "mole.jpg claims far more than the 40,000,000 pixels that Derm reads: make it smaller."
    assert refusal(png_header(side, side)) == sentence
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert "more than the 40,000,000" in refusal(png_header(side, side))


def test_too_many_bytes_are_refused(monkeypatch):
    monkeypatch.setattr(decode, "MAX_BYTES", 99)
    assert refusal(b"x" * 100) == ("mole.jpg has 100 bytes, more than the 99 that Derm reads: save it as JPEG.")


# --- Files ---


def test_open_image(tmp_path):
    path = tmp_path / "mole.png"
    path.write_bytes(encoded(colour_ramp()))
    np.testing.assert_array_equal(open_image(path), np.asarray(colour_ramp()))


def test_files_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(ImageRefused, match=r"^gone\.png is not there, or is no file: check the path\.$"):
        open_image(tmp_path / "gone.png")
    with pytest.raises(ImageRefused, match="is not there, or is no file"):
        open_image(tmp_path)
    with pytest.raises(
        ImageRefused, match=r"cannot be read \(File name too long\): check the path and its permissions"
    ):
        open_image(tmp_path / ("x" * 300))
    empty = tmp_path / "empty.png"
    empty.touch()
    with pytest.raises(ImageRefused, match=r"^empty\.png is empty \(0 bytes\)"):
        open_image(empty)


def test_a_file_too_large_is_refused_unread(tmp_path):
    path = tmp_path / "huge.tif"
    path.touch()
    os.truncate(path, 200_000_001)  # a hole: it takes no room on the disk
    with pytest.raises(ImageRefused, match=r"^huge\.tif has 200,000,001 bytes, more than the 200,000,000 that Derm"):
        open_image(path)


# --- Masks ---


def mask_file(folder, picture, form="PNG", **options):
    path = folder / "mask"
    path.write_bytes(encoded(picture, form, **options))
    return path


@pytest.mark.parametrize(
    ("mode", "lesion"), [("1", 1), ("L", 255), ("L", 1), ("I;16", 1), ("RGB", (0, 0, 1)), ("P", 1)]
)
def test_masks(tmp_path, mode, lesion):
    picture = plain(mode, 0)
    if mode == "P":
        picture.putpalette([0, 0, 0, 0, 128, 0])
    picture.putpixel((5, 3), lesion)
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[3, 5] = True
    for form in ("PNG", "TIFF"):
        mask = read_mask(mask_file(tmp_path, picture, form))
        assert mask.dtype == np.bool_
        np.testing.assert_array_equal(mask, expected)


def test_a_palette_mask_counts_by_colour(tmp_path):
    picture = plain("P", 0)
    picture.putpalette([255, 255, 255, 0, 0, 0])  # number 0 is white
    picture.putpixel((5, 3), 1)
    mask = read_mask(mask_file(tmp_path, picture))
    assert not mask[3, 5]
    assert mask.sum() == HEIGHT * WIDTH - 1


@pytest.mark.parametrize(
    ("mode", "skin", "lesion"),
    [
        ("RGBA", (255, 255, 255, 0), (255, 255, 255, 255)),
        ("LA", (255, 0), (1, 255)),
        ("LA", (0, 255), (1, 255)),
        ("CMYK", (0, 0, 0, 255), (0, 0, 0, 0)),
        ("YCbCr", (0, 128, 128), (255, 128, 128)),
    ],
)
def test_colour_masks_count_by_what_they_show(tmp_path, mode, skin, lesion):
    picture = plain(mode, skin)
    picture.putpixel((5, 3), lesion)
    mask = read_mask(mask_file(tmp_path, picture, "TIFF"))
    assert mask[3, 5]
    assert mask.sum() == 1


def test_masks_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(ImageRefused, match="is not there"):
        read_mask(tmp_path / "gone.png")
    with pytest.raises(
        ImageRefused, match=r"^mask is no picture that Derm can read.*: export it as PNG, TIFF or BMP\.$"
    ):
        read_mask(mask_file(tmp_path, plain(), "JPEG"))
    path = mask_file(tmp_path, colour_ramp())
    path.write_bytes(path.read_bytes()[:90])
    with pytest.raises(ImageRefused, match=r"^mask is damaged or cut short"):
        read_mask(path)


# --- Names ---

UID = "1.3.6.1.4.1.14519.5.2.1.7311.5101.158323547117540061132729905711"
"""Names of DICOM files are up to 64 characters long, and differ at their end."""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mole.jpg", "mole.jpg"),
        ("C:\\patients\\mole.jpg", "mole.jpg"),
        ("../../etc/passwd", "passwd"),
        ("a\nb\x1b[31m\u202e.png", "ab[31m.png"),
        *((f"{UID}.{number}.dcm", f"{UID}.{number}.dcm") for number in (1, 2)),
        ("x" * 300 + "1.jpg", "x" * 84 + "…" + "x" * 165 + "1.jpg"),
        ("folder/", "The picture"),
        ("", "The picture"),
    ],
)
def test_image_name(name, expected):
    assert image_name(name) == expected


XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_an_orientation_that_xmp_alone_has_turns_nothing_as_in_browsers(form, late):
    if form == "PNG":
        chunk = b"iTXt" + b"XML:com.adobe.xmp\0\0\0\0\0" + XMP
        chunk = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        content = encoded(plain())
        place = content.index(b"IEND" if late else b"IDAT") - 4
        content = content[:place] + chunk + content[place:]
    else:
        content = encoded(plain(), form, xmp=XMP, **({"icc_profile": display_p3()} if late else {}))
    assert read_image(content, "mole").shape == (HEIGHT, WIDTH, 3)
    with Image.open(io.BytesIO(content)) as opened:
        assert read_picture(opened, "mole").shape == (HEIGHT, WIDTH, 3)
    if form == "PNG":
        assert mask_values(content, "mole").shape == (HEIGHT, WIDTH)


def test_messages_carry_the_clean_name():
    assert refusal(b"", "C:\\Mrs Smith\\mo\0le.jpg").startswith("mole.jpg is empty")


# --- Hostile bytes, threads ---


def samples():
    """A valid file of each format and of the modes that take a way of their own."""
    ramp, exif = colour_ramp(), Image.Exif()
    exif[ORIENTATION] = 6
    return {
        "jpeg": encoded(ramp, "JPEG", exif=exif, icc_profile=display_p3()),
        "progressive": encoded(ramp, "JPEG", progressive=True),
        "cmyk": encoded(ramp.convert("CMYK"), "JPEG", icc_profile=odd_press()),
        "mpo": encoded(ramp, "MPO", frames=[plain()]),
        "png": encoded(ramp, exif=exif, icc_profile=display_p3()),
        "palette": encoded(ramp.convert("P", palette=Image.Palette.ADAPTIVE), transparency=bytes([0, 128])),
        "apng": encoded(ramp, frames=[plain()]),
        "grey16": encoded(Image.fromarray(np.full((HEIGHT, WIDTH), 0x8000, np.uint16))),
        "tiff": encoded(ramp, "TIFF", exif=exif, icc_profile=display_p3()),
        "lzw": encoded(ramp, "TIFF", compression="tiff_lzw", frames=[plain()]),
        "tiff jpeg": encoded(ramp, "TIFF", compression="jpeg"),
        "float": encoded(Image.fromarray(np.zeros((HEIGHT, WIDTH), np.float32)), "TIFF"),
        "bmp": encoded(ramp, "BMP"),
        "bmp palette": encoded(ramp.convert("P", palette=Image.Palette.ADAPTIVE), "BMP"),
        "webp": encoded(ramp, "WEBP", exif=exif),
        "webp frames": encoded(ramp.convert("RGBA"), "WEBP", lossless=True, frames=[plain()]),
    }


def damaged(content, rng):
    """`content` with one to eight bytes changed, half of them in the first 200, and now and then cut or doubled."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 9)):
        place = rng.integers(min(200, len(changed)) if rng.random() < 0.5 else len(changed))
        changed[place] = rng.choice([0, 255, 128, rng.integers(256)])
    if rng.random() < 0.2:
        changed = changed[: rng.integers(len(changed))]
    elif rng.random() < 0.1:
        changed[rng.integers(len(changed)) :] = content
    return bytes(changed)


@pytest.mark.parametrize("sample", samples())
@pytest.mark.parametrize("filters", ["ignore", "error"])
def test_damaged_bytes_are_read_or_refused(sample, filters, tmp_path):
    content = samples()[sample]
    rng = np.random.default_rng(list(sample.encode()))
    path = tmp_path / "mole"
    with warnings.catch_warnings():
        warnings.simplefilter(filters)
        for _ in range(40):
            path.write_bytes(damaged(content, rng))
            with suppress(ImageRefused):
                picture = open_image(path)
                assert picture.dtype == np.uint8
                assert picture.ndim == 3
                assert picture.shape[2] == 3
            with suppress(ImageRefused):
                mask = read_mask(path)
                assert mask.dtype == np.bool_
                assert mask.ndim == 2


def test_threads_share_the_door():
    files = list(samples().values())
    expected = [read_image(content, "mole") for content in files]
    limit, filters, interval = Image.MAX_IMAGE_PIXELS, list(warnings.filters), sys.getswitchinterval()
    try:
        sys.setswitchinterval(1e-5)
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda content: read_image(content, "mole"), files * 10))
    finally:
        sys.setswitchinterval(interval)
    for picture, wanted in zip(found, expected * 10, strict=True):
        np.testing.assert_array_equal(picture, wanted)
    assert limit == Image.MAX_IMAGE_PIXELS
    assert warnings.filters == filters


@pytest.mark.parametrize("mode", ["1", "L", "I;16", "F"])
def test_a_mask_that_is_decoded_apart_is_the_same(mode):
    values = np.zeros((41, 50), np.float32)
    values[10:20, 10:30], values[30:, 40:] = 200, 0.5
    picture = Image.fromarray(values > 0 if mode == "1" else values.astype({"L": "u1", "I;16": "u2", "F": "f4"}[mode]))
    assert picture.mode == mode
    content = encoded(picture, "TIFF")
    with apart():
        found = mask_values(content, "mask")
        with pytest.raises(ImageRefused, match="is no picture that Derm can read"):  # an AVIF is no mask's file
            mask_values(encoded(colour_ramp(), "AVIF"), "mask")
    wanted = mask_values(content, "mask")
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)


def test_no_size_is_asked_of_a_file_in_boxes_and_each_brand_of_avif_is_read_apart(monkeypatch):
    content = encoded(colour_ramp(), "AVIF")
    wanted, calls = read_image(content, "mole"), []
    monkeypatch.setattr(decode, "in_own_process", lambda function, *_: calls.append(function) or (wanted, {}))
    for brand in (b"avif", b"mif1", b"msf1"):
        other = content[:8] + brand + content[12:]
        assert decode.claimed_size(other) is None
        with apart():
            read_image(other, "mole")
    assert calls == ["derm.image.decode:parse"] * 3


def test_what_is_decoded_apart_is_the_same_and_refused_in_the_same_words():
    content = encoded(colour_ramp(), "TIFF", compression="tiff_lzw")
    with apart():
        np.testing.assert_array_equal(read_image(content, "mole"), read_image(encoded(colour_ramp()), "mole"))
        with pytest.raises(ImageRefused, match=r"^mole is black and white without shades"):
            read_image(encoded(plain("1", 1), "TIFF"), "mole")


def test_where_no_process_can_be_started_the_sentence_says_so(monkeypatch):
    def run(*_args, **_how):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("derm.image.isolate.subprocess.run", run)
    with (
        apart(),
        pytest.raises(ImageRefused, match="starts no further process"),
    ):
        read_image(encoded(colour_ramp(), "TIFF"), "mole")
