"""What a file is, and the sentence for what Derm does not read."""

import io

import numpy as np
import pytest
from PIL import Image, features

from derm.errors import ImageRefused
from derm.image.decode import open_image, read_image
from derm.image.kind import HEAD, is_heic, is_picture


def boxed(brand: bytes, *others: bytes) -> bytes:
    body = b"ftyp" + brand + bytes(4) + b"".join(others)
    return (4 + len(body)).to_bytes(4, "big") + body + bytes(200)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.xcf", b"gimp xcf" + bytes(50), "a GIMP picture, which Derm does not read: export it as JPEG, PNG or TIFF"),
        ("a.cr3", boxed(b"crx "), "a camera's raw file, which Derm does not read: develop it"),
        ("a.jpg", boxed(b"isom"), "a video, which Derm does not read: save one frame"),
        ("a.mp4", b"nothing known", "a video"),
        ("a.avi", b"RIFF\0\0\0\0AVI LIST", "a video"),
        ("a", b"\x1a\x45\xdf\xa3" + bytes(20), "a video"),
        ("a.psd", b"8BPS\0\1", "a Photoshop document"),
        ("a.pdf", b"%PDF-1.7", "a PDF document"),
        ("a.jxl", b"\xff\x0a", "a JPEG XL picture"),
        ("a.jp2", b"\0\0\0\x0cjP  \r\n", "a JPEG 2000 picture"),
        ("a", b"P6 40 40 255 ", "a PNM picture"),
        ("a.cr2", b"II*\0\x10\0\0\0CR\2\0", "a camera's raw file"),
        ("a.ORF", b"IIRO", "a camera's raw file"),
        ("a.dcm", b"no mark", "a DICOM file without its mark"),
        ("a.svs", b"unknown", "a slide scan"),
    ],
)
def test_the_sentence_names_kind_and_cure(name, content, said):
    assert is_picture(content[:HEAD], "." + name.rpartition(".")[2])
    with pytest.raises(ImageRefused, match=f"^{name} is {said}".replace(".", r"\.")):
        read_image(content, name)


def test_words_are_no_pictures():
    for words in (b"BM 2024 is not a bitmap at all, ok", b"P1 nevus of the back", b"ID;dx\n1;nv", b"", b"MM", b"GIF"):
        assert not is_picture(words, ".txt")


def test_a_raw_file_is_not_answered_by_its_preview():
    for name, options in (("a.NEF", {}), ("photo", {254: 1}), ("b", {50706: b"\1\4\0\0"})):
        stream = io.BytesIO()
        Image.new("RGB", (160, 120), (200, 150, 120)).save(stream, "TIFF", tiffinfo=options)
        with pytest.raises(ImageRefused, match="is a camera's raw file, which Derm does not read: develop it"):
            read_image(stream.getvalue(), name)


def test_a_tiff_of_other_values_is_named_as_one():
    content = b"II*\0\x08\0\0\0\0\0" + bytes(100)
    with pytest.raises(ImageRefused, match="is a TIFF file of a kind that Derm does not read, or damaged: save"):
        read_image(content, "a.tif")


def test_a_large_video_is_named_before_its_size(tmp_path):
    path = tmp_path / "film.mov"
    with path.open("wb") as stream:
        stream.write(boxed(b"qt  "))
        stream.truncate(200_000_001)
    with pytest.raises(ImageRefused, match=r"^film\.mov is a video, which Derm does not read"):
        open_image(path)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_avif_is_read():
    stream = io.BytesIO()
    Image.new("RGB", (64, 48), (200, 150, 120)).save(stream, "AVIF", quality=90)
    np.testing.assert_allclose(read_image(stream.getvalue(), "a.avif")[10, 10].astype(int), (200, 150, 120), atol=3)
    for kept in (40, 200):
        with pytest.raises(ImageRefused, match=r"^a\.avif is damaged or cut short: copy it or export it again"):
            read_image(stream.getvalue()[:kept], "a.avif")


def test_heic_is_told_from_avif():
    assert is_heic(boxed(b"heic", b"mif1", b"heic"))
    assert is_heic(boxed(b"mif1", b"mif1", b"heic"))
    assert not is_heic(boxed(b"mif1", b"mif1", b"avif"))
    assert not is_heic(boxed(b"avif"))
