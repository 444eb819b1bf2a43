"""Whoever a picture shows is in none of the outputs: markers are planted in files, and looked for everywhere."""

import logging
import sys
import zlib
from io import BytesIO
from pathlib import Path
from unittest.mock import patch
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import ExifTags, Image, PngImagePlugin

from derm.cli.main import main
from derm.data.synthetic.lesion import draw_lesion

pytestmark = pytest.mark.slow

MARKERS = ("ROSSI", "4711-PAT", "19610203", "Bianchi", "45.4642", "SN-998877")
"""Name, number, birth date, doctor, place and camera, each in one word that no output has by itself."""


def picture() -> Image.Image:
    return Image.fromarray(draw_lesion("nv", 1, height=90, width=120).image)


def exif() -> Image.Exif:
    found = Image.Exif()
    found[ExifTags.Base.Artist], found[ExifTags.Base.ImageDescription] = "Dr Bianchi", "ROSSI 4711-PAT 19610203"
    found.get_ifd(ExifTags.IFD.Exif).update({ExifTags.Base.BodySerialNumber: "SN-998877"})
    found.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (45.0, 27.0, 51.0), 29: "45.4642"})
    return found


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><dc:by>ROSSI Bianchi 4711-PAT 19610203 45.4642</dc:by></x:xmpmeta>'


def as_jpeg() -> bytes:
    stream = BytesIO()
    picture().save(stream, "JPEG", exif=exif(), xmp=XMP, comment=b"ROSSI SN-998877")
    return stream.getvalue()


def as_png() -> bytes:
    told = PngImagePlugin.PngInfo()
    told.add_text("Author", "ROSSI 4711-PAT")
    told.add_itxt("XML:com.adobe.xmp", XMP.decode())
    stream = BytesIO()
    picture().save(stream, "PNG", pnginfo=told, exif=exif())
    return stream.getvalue()


def as_tiff() -> bytes:
    stream = BytesIO()
    picture().save(stream, "TIFF", exif=exif(), description="ROSSI", artist="Bianchi")
    return stream.getvalue()


def as_dicom() -> bytes:
    from tests.image.test_dicom import data_of, file_of

    data = data_of(np.asarray(picture()))
    data.PatientName, data.PatientID, data.PatientBirthDate = "ROSSI^Anna", "4711-PAT", "19610203"
    data.ReferringPhysicianName, data.DeviceSerialNumber = "Dr^Bianchi", "SN-998877"
    data.ImageComments = "45.4642 ROSSI"
    return file_of(data)


FILES = {"a.jpg": as_jpeg, "b.png": as_png, "c.tif": as_tiff, "d.dcm": as_dicom}


def run(*words: object) -> int:
    with patch.object(sys, "argv", ["derm", *map(str, words)]), pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def told_by(content: bytes) -> bytes:
    """The content with what is packed in it: members of ZIP files, streams of PDF files, text of PNG files."""
    parts = [content]
    if content.startswith(b"PK"):
        with ZipFile(BytesIO(content)) as opened:
            parts += [told_by(opened.read(name)) + name.encode() for name in opened.namelist()]
    for start in range(len(content)):
        if content.startswith(b"stream\n", start) or content.startswith(b"stream\r\n", start):
            body = content[content.index(b"\n", start) + 1 :]
            try:
                parts.append(zlib.decompressobj().decompress(body))
            except zlib.error:
                continue
    return b"\n".join(parts)


def assert_nobody(content: bytes, where: str) -> None:
    for text in (content, content.replace(b"\0", b"")):  # UTF-16, too
        for marker in MARKERS:
            assert marker.encode().lower() not in text.lower(), (marker, where)


def test_the_planted_markers_are_in_the_files():
    for name, make in FILES.items():
        assert b"ROSSI" in make(), name


def test_identity_is_in_no_table_mask_map_log_or_terminal(tiny_weights, tmp_path, capsys, caplog):
    caplog.set_level(logging.INFO)  # at DEBUG Pillow itself logs the tags of TIFF files
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name, make in FILES.items():
        (folder / name).write_bytes(make())
    places = ["--masks", out / "masks", "--maps", out / "maps"]
    assert run("predict", folder, "--out", out / "p.csv", *places, "--weights", tiny_weights) == 0
    assert run("predict", folder, "--json", "--weights", tiny_weights) == 0
    assert run("quality", folder, "--out", out / "q.csv", "--weights", tiny_weights) == 0
    written = [path for path in out.rglob("*") if path.is_file()]
    assert len(written) > 2 + 4 * 15
    for path in written:
        assert_nobody(told_by(path.read_bytes()), path.name)
    said = capsys.readouterr()
    for where, text in (("output", said.out), ("errors", said.err), ("log", caplog.text)):
        assert_nobody(text.encode(), where)


@pytest.mark.parametrize("kind", ["a.jpg", "d.dcm"])
def test_identity_and_the_name_of_the_file_are_in_no_document(kind, tmp_path, capsys):
    pytest.importorskip("typst")
    pytest.importorskip("highdicom")
    path = tmp_path / f"ROSSI 4711-PAT{Path(kind).suffix}"
    path.write_bytes(FILES[kind]())
    assert run("report-case", path, "--out", tmp_path / "out", "--date", "2026-11-27") == 0
    written = [one for one in (tmp_path / "out").rglob("*") if one.is_file()]
    assert {one.suffix for one in written} >= {".pdf", ".json", ".png", ".dcm"}
    for one in written:
        assert_nobody(told_by(one.read_bytes()) + one.name.encode(), one.name)
    assert_nobody(capsys.readouterr().out.replace(str(tmp_path), "").encode(), "output")
