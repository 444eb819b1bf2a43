"""Colours of spaces that files name without bringing their profile, and what of a profile is not used."""

import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from derm.image.decode import read_image
from derm.image.profiles import adobe_rgb, display_p3


def adobe_to_srgb(colour: tuple[int, ...]) -> np.ndarray:
    """By the definitions: Adobe RGB (1998) 4.3 to XYZ (D65), IEC 61966-2-1 from there."""
    to_xyz = np.array([[0.57667, 0.18556, 0.18823], [0.29734, 0.62736, 0.07529], [0.02703, 0.07069, 0.99134]])
    from_xyz = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
    linear = np.clip(from_xyz @ to_xyz @ (np.array(colour) / 255) ** (563 / 256), 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def camera_jpeg(colour: tuple[int, ...], index: str, **settings) -> bytes:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.IFD.Interop] = {1: index}
    stream = BytesIO()
    Image.new("RGB", (64, 48), colour).save(stream, "JPEG", quality=100, subsampling=0, exif=exif, **settings)
    return stream.getvalue()


def middle(content: bytes) -> tuple[int, ...]:
    return tuple(read_image(content, "a.jpg")[24, 32].tolist())


@pytest.mark.parametrize("colour", [(200, 120, 100), (90, 160, 60), (128, 128, 128), (40, 20, 60)])
def test_a_camera_that_names_adobe_rgb_in_exif_is_believed(colour):
    assert middle(camera_jpeg(colour, "R03")) == pytest.approx(adobe_to_srgb(colour), abs=2)
    assert middle(camera_jpeg(colour, "R98")) == pytest.approx(colour, abs=1)


def test_a_profile_that_the_file_brings_counts_more_than_exif():
    brought = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert middle(camera_jpeg((200, 120, 100), "R03", icc_profile=brought)) == pytest.approx((200, 120, 100), abs=1)


@pytest.mark.parametrize("profile", [adobe_rgb, display_p3])
def test_profiles_are_sound_to_other_readers(profile):
    opened = ImageCms.getOpenProfile(BytesIO(profile()))
    assert ImageCms.getProfileName(opened).strip() == "Derm"
    assert opened.profile.xcolor_space.strip() == "RGB"


def test_display_p3_keeps_grey_and_widens_red():
    stream = BytesIO()
    Image.new("RGB", (64, 48), (200, 100, 100)).save(stream, "PNG", icc_profile=display_p3())
    red, green, blue = middle(stream.getvalue())
    assert red > 210
    assert green < 100
    assert blue < 101
    grey = BytesIO()
    Image.new("RGB", (64, 48), (90, 90, 90)).save(grey, "PNG", icc_profile=display_p3())
    assert middle(grey.getvalue()) == pytest.approx((90, 90, 90), abs=1)


@pytest.mark.parametrize("frames", [1, 3])
def test_the_first_picture_of_a_gif_a_tiff_and_an_mpo_is_read(frames):
    shades = [Image.new("RGB", (64, 48), (200 - 40 * place, 120, 100)) for place in range(frames)]
    for form in ("GIF", "TIFF", "MPO"):
        stream = BytesIO()
        shades[0].save(stream, form, save_all=True, append_images=shades[1:])
        assert middle(stream.getvalue()) == pytest.approx((200, 120, 100), abs=4), form


def with_elements(profile: bytes, count: int) -> bytes:
    """A profile with a tag of processing elements, which count more to the library: one, `count` times, all black."""
    matrix = b"matf" + bytes(4) + struct.pack(">HH", 3, 3) + struct.pack(">12f", *[0.0] * 12)
    head = b"mpet" + bytes(4) + struct.pack(">HHI", 3, 3, count)
    tag = head + struct.pack(">II", len(head) + 8 * count, len(matrix)) * count + matrix
    place = profile.index(b"desc", 128)
    entry = b"D2B1" + struct.pack(">II", len(profile), len(tag))
    whole = profile[:place] + entry + profile[place + 12 :] + tag
    return struct.pack(">I", len(whole)) + whole[4:8] + struct.pack(">I", 0x04300000) + whole[12:]


def test_processing_elements_of_a_profile_are_not_carried_out():
    """One of 12 kB names an element so often that a picture of 64 pixels took minutes."""
    picture = Image.new("RGB", (64, 64), (180, 120, 90))

    def read(profile: bytes) -> np.ndarray:
        stream = BytesIO()
        picture.save(stream, "PNG", icc_profile=profile)
        return read_image(stream.getvalue(), "mole")

    np.testing.assert_array_equal(read(with_elements(adobe_rgb(), 1_000)), read(adobe_rgb()))
    assert not np.array_equal(read(adobe_rgb()), np.asarray(picture))
