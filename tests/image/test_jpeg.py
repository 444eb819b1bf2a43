"""A JPEG file that is not all there, or keeps its decoder busy, is refused; a sound one is not."""

import io

import numpy as np
import pytest
from PIL import Image

from derm.data.synthetic.lesion import draw_lesion
from derm.errors import ImageRefused
from derm.image.decode import read_image
from derm.image.jpeg import MAX_SCANS, layout, sound_pixels

LESION = Image.fromarray(draw_lesion("mel", 1, height=120, width=160).image)
END = b"\xff\xd9"


def jpeg(picture=LESION, **options) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("share", "options"),
    [
        *((share, options) for share in (0.3, 0.5, 0.75) for options in ({}, {"subsampling": 0}, {"optimize": True})),
        (0.5, {"progressive": True}),  # later on only the last bit of fine detail is missing
    ],
)
def test_a_part_with_a_proper_end_is_incomplete(share, options):
    content = jpeg(**options)
    with pytest.raises(ImageRefused, match=r"^mole\.jpg is incomplete: a part of the picture is missing"):
        read_image(content[: int(len(content) * share)] + END, "mole.jpg")


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}, {"subsampling": 0, "quality": 100}])
def test_whole_pictures_are_read(mode, options):
    assert read_image(jpeg(LESION.convert(mode), **options), "mole").shape == (120, 160, 3)


def test_a_border_of_the_decoders_grey_is_a_border():
    padded = Image.new("RGB", (160, 200), (128, 128, 128))
    padded.paste(LESION, (0, 0))
    for options in ({}, {"optimize": True}, {"subsampling": 0}, {"quality": 100}):
        assert read_image(jpeg(padded, **options), "mole").shape == (200, 160, 3)
    assert read_image(jpeg(Image.new("L", (160, 200), 128)), "mole").shape == (200, 160, 3)


def test_scans_are_counted_before_anything_is_decoded():
    content = jpeg(progressive=True)
    found = layout(content)
    assert found.progressive
    assert 2 < len(found.scans) <= 15
    start = content.rindex(b"\xff\xda")
    bomb = content[:-2] + content[start:-2] * 100_000 + END
    with pytest.raises(ImageRefused, match=rf"has more than {MAX_SCANS} scans, which no camera writes"):
        read_image(bomb, "mole")


def test_a_thumbnail_inside_is_not_taken_for_the_picture():
    exif = Image.Exif()
    exif[0x010E] = jpeg(LESION.resize((32, 32))).decode("latin-1")
    assert read_image(jpeg(exif=exif.tobytes() + jpeg(LESION.resize((32, 32)))), "mole").shape == (120, 160, 3)


@pytest.mark.parametrize("place", range(2, 40, 3))
def test_broken_markers_end_the_walk(place):
    content = bytearray(jpeg())
    content[place] = 255
    assert len(layout(bytes(content)).scans) <= MAX_SCANS + 1


def test_few_bytes_that_claim_many_pixels_are_refused():
    stream = io.BytesIO()
    Image.new("RGB", (2000, 2000), (200, 150, 120)).save(stream, "WEBP", lossless=True)
    assert len(stream.getvalue()) < 300
    with pytest.raises(ImageRefused, match=r"claims 2000 × 2000 pixels in \d+ bytes, which no photograph does"):
        read_image(stream.getvalue(), "mole.webp")
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    stream = io.BytesIO()
    noise.resize((2000, 2000)).save(stream, "WEBP", quality=10)
    assert read_image(stream.getvalue(), "mole.webp").shape == (2000, 2000, 3)


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("size", [(160, 120), (33, 47)])
def test_the_short_way_gives_pillows_pixels(subsampling, progressive, size):
    content = jpeg(LESION.resize(size), subsampling=subsampling, progressive=progressive)
    expected = np.asarray(Image.open(io.BytesIO(content)))
    np.testing.assert_array_equal(sound_pixels(content, *expected.shape[:2]), expected)
    found = read_image(content, "mole")
    np.testing.assert_array_equal(found, expected)
    assert found.flags.writeable
    assert found.flags.c_contiguous


def test_what_libjpeg_warns_of_is_left_to_pillow():
    content = jpeg()
    assert sound_pixels(content, 120, 160) is not None
    assert sound_pixels(content, 160, 120) is None  # another size than was checked
    assert sound_pixels(content[: len(content) // 2], 120, 160) is None
    odd = content[:-2] + b"\0\0" + END  # bytes before the end marker, of which libjpeg warns and which harm nothing
    np.testing.assert_array_equal(read_image(odd, "mole"), read_image(content, "mole"))


def test_a_turned_picture_is_still_put_upright():
    turned = Image.Exif()
    turned[0x0112] = 6
    assert read_image(jpeg(exif=turned), "mole").shape == (160, 120, 3)
