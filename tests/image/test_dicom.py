"""DICOM in: colour pictures of each packing come out as they went in; what else there is ends in one sentence."""

import re
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from derm.errors import ImageRefused
from derm.image import isolate
from derm.image.decode import read_image
from derm.image.dicom import is_dicom, parse, read_dicom
from derm.image.isolate import in_own_process
from derm.image.profiles import adobe_rgb
from derm.language.speech import again, speaking

pydicom = pytest.importorskip("pydicom")
from pydicom.dataset import Dataset, FileMetaDataset  # noqa: E402
from pydicom.encaps import encapsulate, get_frame  # noqa: E402
from pydicom.uid import (  # noqa: E402
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

DERMOSCOPIC = "1.2.840.10008.5.1.4.1.1.77.1.7"
MARKERS = ("Rossi^Anna", "PAT-4711", "19610203", "Dr^Bianchi")


def skin() -> np.ndarray:
    """A smooth picture in colour, 48 × 64."""
    down, across = np.mgrid[0:48, 0:64]
    return np.stack([120 + across, 90 + down, 60 + (across + down) // 2], axis=-1).astype(np.uint8)


def data_of(picture: np.ndarray, **other: object) -> Dataset:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = DERMOSCOPIC
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    data.PatientName, data.PatientID, data.PatientBirthDate, data.ReferringPhysicianName = MARKERS
    data.Rows, data.Columns = picture.shape[:2]
    data.SamplesPerPixel, data.PlanarConfiguration = 3, 0
    data.PhotometricInterpretation = "RGB"
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation = 7, 0
    data.PixelData = picture.tobytes()
    for name, value in other.items():
        setattr(data, name, value)
    return data


def file_of(data: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    data.file_meta.TransferSyntaxUID = syntax
    stream = BytesIO()
    pydicom.dcmwrite(stream, data, enforce_file_format=True)
    return stream.getvalue()


def packed(kind: str, **options: object) -> bytes:
    stream = BytesIO()
    Image.fromarray(skin()).save(stream, kind, **options)
    return encapsulate([stream.getvalue()])


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_what_is_not_packed_comes_out_as_it_was(syntax):
    picture, scale = read_dicom(file_of(data_of(skin()), syntax), "a.dcm")
    np.testing.assert_array_equal(picture, skin())
    assert scale is None


@pytest.mark.parametrize("filler", [b"\0", b"\xff"])
def test_what_is_not_packed_and_was_not_all_written_is_incomplete(filler):
    pixels = skin().tobytes()
    kept = len(pixels) // 2
    with pytest.raises(ImageRefused, match="is incomplete, or has a plain margin that looks so"):
        parse(file_of(data_of(skin(), PixelData=pixels[:kept] + filler * (len(pixels) - kept))), "a.dcm")


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless])
def test_what_pydicom_packs_without_loss_comes_out_as_it_was(syntax):
    data = data_of(skin())
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.compress(syntax)
    np.testing.assert_array_equal(parse(file_of(data, syntax), "a.dcm")[0], skin())


def test_jpeg_2000_without_loss_comes_out_as_it_was():
    data = data_of(skin(), PixelData=packed("JPEG2000", no_jp2=True, mct=0, irreversible=False))
    data["PixelData"].is_undefined_length = True
    np.testing.assert_array_equal(parse(file_of(data, JPEG2000Lossless), "a.dcm")[0], skin())


def test_lossy_packings_come_out_close():
    jpeg = data_of(skin(), PhotometricInterpretation="YBR_FULL_422", PixelData=packed("JPEG", quality=95))
    wavelet = data_of(
        skin(), PhotometricInterpretation="YBR_ICT", PixelData=packed("JPEG2000", no_jp2=True, irreversible=True, mct=1)
    )
    for data, syntax in ((jpeg, JPEGBaseline8Bit), (wavelet, JPEG2000)):
        data["PixelData"].is_undefined_length = True
        picture = parse(file_of(data, syntax), "a.dcm")[0]
        assert np.abs(picture.astype(int) - skin()).mean() < 2


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEGExtended12Bit])
@pytest.mark.parametrize("mode", ["RGB", "YBR_FULL_422"])
def test_a_part_of_a_jpeg_frame_is_incomplete(syntax, mode):
    stream = BytesIO()
    noise = np.random.default_rng(0).integers(0, 40, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(skin() + noise).save(stream, "JPEG", quality=90, keep_rgb=mode == "RGB")
    whole = stream.getvalue()

    def read(frame: bytes) -> np.ndarray:
        data = data_of(skin(), PixelData=encapsulate([frame]), PhotometricInterpretation=mode)
        data["PixelData"].is_undefined_length = True
        return read_dicom(file_of(data, syntax), "a.dcm")[0]

    assert read(whole).shape == (48, 64, 3)
    with pytest.raises(ImageRefused, match=r"^a\.dcm is incomplete: a part of the picture is missing"):
        read(whole[: int(len(whole) * 0.6)] + b"\xff\xd9")
    scan = whole[whole.rindex(b"\xff\xda") : -2]
    with pytest.raises(ImageRefused, match=r"^a\.dcm has more than 50 scans, which no camera writes"):
        read(whole[:-2] + scan * 60 + b"\xff\xd9")


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless])
def test_a_part_of_another_frame_is_damaged(syntax):
    data = data_of(skin())
    if syntax == JPEGLSLossless:
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.compress(syntax)
    else:
        data.PixelData = packed("JPEG2000", no_jp2=True, mct=0, irreversible=False)
    whole = get_frame(data.PixelData, 0, number_of_frames=1)
    data.PixelData = encapsulate([whole[: len(whole) * 2 // 3] + b"\xff\xd9"])
    data["PixelData"].is_undefined_length = True
    with pytest.raises(ImageRefused, match=r"^a\.dcm is (a damaged DICOM file, or cut short|incomplete)"):
        parse(file_of(data, syntax), "a.dcm")


def test_colours_in_separate_planes_are_put_together():
    planes = np.ascontiguousarray(np.moveaxis(skin(), -1, 0))
    data = data_of(skin(), PlanarConfiguration=1, PixelData=planes.tobytes())
    np.testing.assert_array_equal(parse(file_of(data), "a.dcm")[0], skin())


def test_brightness_and_colour_differences_become_rgb():
    seen = np.asarray(Image.fromarray(skin()).convert("YCbCr"))
    data = data_of(skin(), PhotometricInterpretation="YBR_FULL", PixelData=seen.tobytes())
    picture = parse(file_of(data), "a.dcm")[0]
    assert np.abs(picture.astype(int) - skin()).max() <= 3


@pytest.mark.slow
def test_the_largest_picture_that_is_read_is_read_without_compression():
    seen = np.tile(skin(), (112, 112, 1))[:5400, :7200]
    data = data_of(seen, PhotometricInterpretation="YBR_FULL", PixelData=seen.tobytes())
    assert read_image(file_of(data), "a.dcm").shape == seen.shape


def test_a_palette_becomes_its_colours():
    places = (np.arange(48 * 64) % 256).astype(np.uint8).reshape(48, 64)
    ramp = (np.arange(256, dtype=np.uint16) * 257).tobytes()
    half = (np.arange(256, dtype=np.uint16) // 2 * 257).tobytes()
    data = data_of(
        skin(),
        PhotometricInterpretation="PALETTE COLOR",
        SamplesPerPixel=1,
        PixelData=places.tobytes(),
        RedPaletteColorLookupTableDescriptor=[256, 0, 16],
        GreenPaletteColorLookupTableDescriptor=[256, 0, 16],
        BluePaletteColorLookupTableDescriptor=[256, 0, 16],
        RedPaletteColorLookupTableData=ramp,
        GreenPaletteColorLookupTableData=half,
        BluePaletteColorLookupTableData=ramp,
    )
    del data.PlanarConfiguration
    picture = parse(file_of(data), "a.dcm")[0]
    np.testing.assert_array_equal(picture[..., 0], places)
    np.testing.assert_array_equal(picture[..., 1], places // 2)


def test_jpeg_ls_without_its_end_is_incomplete(monkeypatch):
    """Before it is decoded: a decoder that looks for the end was ended after 5 s."""
    data = data_of(skin())
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.compress(JPEGLSLossless)
    whole = get_frame(data.PixelData, 0, number_of_frames=1).rstrip(b"\0")
    for frame in (whole, whole + b"\0"):
        np.testing.assert_array_equal(parse(encapsulated(frame, JPEGLSLossless, "RGB"), "a.dcm")[0], skin())
    monkeypatch.delattr(Dataset, "pixel_array")
    for share in (0.2, 0.6, 0.95):
        with pytest.raises(ImageRefused, match=r"^a\.dcm is incomplete: a part of the picture is missing"):
            parse(encapsulated(whole[: int(share * len(whole))], JPEGLSLossless, "RGB"), "a.dcm")


@pytest.mark.parametrize("no_jp2", [True, False])
def test_jpeg_2000_in_tiles_is_incomplete_without_one(no_jp2):
    frame = wavelets(Image.fromarray(skin()), tile_size=(16, 16), no_jp2=no_jp2)
    np.testing.assert_array_equal(parse(encapsulated(frame, JPEG2000Lossless, "RGB"), "a.dcm")[0], skin())
    starts = [found.start() for found in re.finditer(rb"\xff\x90\x00\x0a", frame)]
    assert len(starts) == 12
    lacking = [frame[: starts[count]] + b"\xff\xd9" for count in (3, 6, 11)]
    lacking += [
        frame[: starts[4]] + frame[starts[5] :],
        frame[: starts[6] + 30] + b"\xff\xd9",
        frame[: starts[6]] + bytes(starts[7] - starts[6]) + frame[starts[7] :],
        frame[: starts[11] + 6] + bytes(4) + frame[starts[11] + 10 : -20],  # the last one may not tell its length
        frame[: starts[6] + 11] + b"\2" + frame[starts[6] + 12 :],  # of two parts, one
    ]
    for part in lacking:
        with pytest.raises(ImageRefused, match=r"^a\.dcm is incomplete: a part of the picture is missing"):
            parse(encapsulated(part, JPEG2000Lossless, "RGB"), "a.dcm")


def test_jpeg_2000_data_are_those_of_their_box():
    """A box before them that looks like the header of a smaller picture is what no decoder reads."""
    frame = wavelets(Image.fromarray(skin()), tile_size=(16, 16), no_jp2=False)
    other = wavelets(Image.fromarray(skin()[:32, :32]), no_jp2=True)
    place = frame.index(b"jp2c") - 4
    more = (8 + len(other)).to_bytes(4, "big") + b"xml " + other
    mixed = frame[:place] + more + frame[place:]
    np.testing.assert_array_equal(parse(encapsulated(mixed, JPEG2000Lossless, "RGB"), "a.dcm")[0], skin())
    with pytest.raises(ImageRefused, match=r"^a\.dcm is (a damaged|incomplete)"):
        parse(encapsulated(frame[:place] + more, JPEG2000Lossless, "RGB"), "a.dcm")


def encapsulated(frame: bytes, syntax: str, colours: str) -> bytes:
    """A file of one compressed frame."""
    data = data_of(skin(), PhotometricInterpretation=colours, PixelData=encapsulate([frame]))
    data["PixelData"].is_undefined_length = True
    return file_of(data, syntax)


def frame_of(kind: str, **options: object) -> bytes:
    return get_frame(packed(kind, **options), 0, number_of_frames=1)


def jpeg_with(marker: bytes, names: bytes = b"", **options: object) -> bytes:
    """A JPEG of `skin` with no marker of its colours but this one, and with its components named so."""
    whole = bytearray(frame_of("JPEG", quality=95, **options))
    frame, scan = whole.index(b"\xff\xc0"), whole.index(b"\xff\xda")
    for place, name in enumerate(names):
        whole[frame + 10 + 3 * place] = whole[scan + 5 + 2 * place] = name
    return b"\xff\xd8" + marker + bytes(whole[whole.index(b"\xff\xdb") :])


JFIF = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
ADOBE_RGB, ADOBE_YBR = (b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes([how]) for how in (0, 1))


@pytest.mark.parametrize("told", ["RGB", "YBR_FULL", "YBR_FULL_422"])
@pytest.mark.parametrize(
    "frame",
    [
        jpeg_with(JFIF),
        jpeg_with(ADOBE_YBR),
        jpeg_with(JFIF + ADOBE_YBR),
        jpeg_with(ADOBE_RGB, keep_rgb=True),
        jpeg_with(ADOBE_RGB, bytes((1, 2, 3)), keep_rgb=True),
        jpeg_with(b"", keep_rgb=True),
        jpeg_with(b"", b"rgb", keep_rgb=True),
    ],
    ids=["JFIF", "Adobe", "JFIF and Adobe", "Adobe RGB", "Adobe RGB without names", "named RGB", "named rgb"],
)
def test_a_jpeg_frame_that_tells_its_colours_is_right_whatever_the_header_tells(frame, told):
    picture = parse(encapsulated(frame, JPEGBaseline8Bit, told), "a.dcm")[0]
    assert np.abs(picture.astype(int) - skin()).mean() < 2


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (jpeg_with(b"", bytes((1, 2, 3)), keep_rgb=True), "RGB"),
        (jpeg_with(b""), "YBR_FULL"),
        (jpeg_with(b"", subsampling=2), "YBR_FULL_422"),
    ],
)
def test_a_jpeg_frame_that_does_not_tell_its_colours_has_those_of_the_header(frame, told):
    picture = parse(encapsulated(frame, JPEGBaseline8Bit, told), "a.dcm")[0]
    assert np.abs(picture.astype(int) - skin()).mean() < 2


def test_a_jpeg_frame_of_another_size_than_its_header_tells_is_damaged():
    turned = Image.fromarray(skin()).transpose(Image.Transpose.ROTATE_90)
    stream = BytesIO()
    turned.save(stream, "JPEG")
    with pytest.raises(ImageRefused, match="damaged"):
        parse(encapsulated(stream.getvalue(), JPEGBaseline8Bit, "YBR_FULL_422"), "a.dcm")


SIZES = [(36, 64), (48, 63), (47, 64)]
"""Of a header, for a picture of 48 × 64."""


def of_size(syntax: str, rows: int, columns: int) -> bytes:
    """`skin`, packed so, in a file whose header tells another size."""
    data = data_of(skin())
    if syntax == JPEG2000Lossless:
        data.PixelData = packed("JPEG2000", no_jp2=True, mct=0, irreversible=False)
        data["PixelData"].is_undefined_length = True
    elif syntax != ExplicitVRLittleEndian:
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.compress(syntax)
    data.Rows, data.Columns = rows, columns
    return file_of(data, syntax)


@pytest.mark.parametrize(("rows", "columns"), [*SIZES, (96, 32), (32, 96)])
@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless])
def test_pixels_of_another_size_than_the_header_tells_are_damaged(syntax, rows, columns):
    with pytest.raises(ImageRefused, match="damaged"):
        parse(of_size(syntax, rows, columns), "a.dcm")


@pytest.mark.parametrize(("rows", "columns"), SIZES)
@pytest.mark.parametrize("syntax", [RLELossless, ExplicitVRLittleEndian])
def test_more_pixels_than_the_header_tells_of_are_damaged(syntax, rows, columns):
    with pytest.raises(ImageRefused, match="damaged"):
        parse(of_size(syntax, rows, columns), "a.dcm")


def ybr() -> Image.Image:
    """`skin` as brightness and colour differences, whose values Pillow takes for RGB."""
    seen = Image.fromarray(skin()).convert("YCbCr")
    return Image.frombytes("RGB", seen.size, seen.tobytes())


def wavelets(picture: Image.Image, **options: object) -> bytes:
    stream = BytesIO()
    picture.save(stream, "JPEG2000", **{"no_jp2": True, "mct": 0, **options})
    return stream.getvalue()


@pytest.mark.parametrize("mct", [0, 1])
@pytest.mark.parametrize("no_jp2", [False, True])
def test_jpeg_2000_in_rgb_is_right_with_its_colour_transform_and_without(mct, no_jp2):
    frame = wavelets(Image.fromarray(skin()), mct=mct, no_jp2=no_jp2)
    np.testing.assert_array_equal(parse(encapsulated(frame, JPEG2000Lossless, "RGB"), "a.dcm")[0], skin())


@pytest.mark.parametrize("told", ["YBR_FULL", "YBR_FULL_422"])
def test_jpeg_2000_of_brightness_and_colour_differences_becomes_rgb(told):
    picture = parse(encapsulated(wavelets(ybr()), JPEG2000Lossless, told), "a.dcm")[0]
    assert np.abs(picture.astype(int) - skin()).max() <= 3


RGB_SKIN = Image.fromarray(skin())
UNSURE = {
    "transformed, told full": (lambda: wavelets(RGB_SKIN, mct=1), JPEG2000, "YBR_FULL"),
    "transformed, told halved": (lambda: wavelets(RGB_SKIN, mct=1), JPEG2000, "YBR_FULL_422"),
    "sYCC, which the decoder turns": (
        lambda: wavelets(RGB_SKIN.convert("YCbCr"), no_jp2=False),
        JPEG2000,
        "YBR_FULL",
    ),
    "not transformed, told so": (lambda: wavelets(ybr()), JPEG2000, "YBR_ICT"),
    "not transformed, told so without loss": (lambda: wavelets(ybr()), JPEG2000Lossless, "YBR_RCT"),
    "JPEG, halved": (lambda: jpeg_with(b"", subsampling=2), JPEGBaseline8Bit, "RGB"),
    "JPEG, named RGB in JFIF": (lambda: jpeg_with(JFIF, keep_rgb=True), JPEGBaseline8Bit, "RGB"),
}


@pytest.mark.parametrize("kind", UNSURE)
def test_pixels_that_contradict_the_header_are_not_read(kind):
    make, syntax, told = UNSURE[kind]
    said = f"^a.dcm is DICOM whose header names the colours '{told}', which its pixel data contradict: export it as "
    with pytest.raises(ImageRefused, match=said):
        parse(encapsulated(make(), syntax, told), "a.dcm")


@pytest.mark.parametrize(
    "told", ["YBR_ICT", "YBR_RCT", "YBR_PARTIAL_422", "YBR_PARTIAL_420", "HSV", "CMYK", "ARGB", "XYZ"]
)
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless, JPEGLSLossless, JPEGBaseline8Bit])
def test_colours_that_do_not_become_rgb_are_named(told, syntax):
    data = data_of(skin(), PhotometricInterpretation=told)
    with pytest.raises(ImageRefused) as refused:
        parse(file_of(data) if syntax == ExplicitVRLittleEndian else encapsulated(bytes(2), syntax, told), "a.dcm")
    assert str(refused.value) == (
        f"a.dcm is DICOM whose colours are '{told}', packed as '{syntax.name}', which Derm does not turn into RGB: "
        "export it as JPEG or PNG, or as uncompressed DICOM in RGB."
    )


def test_colours_of_no_sound_name_are_unknown():
    with pytest.raises(ImageRefused, match="whose colours are 'something unknown', packed as"):
        parse(file_of(data_of(skin(), PhotometricInterpretation=["RGB", "RGB"])), "a.dcm")


def test_a_palette_is_not_read_where_its_places_may_have_changed():
    with pytest.raises(ImageRefused, match="whose colours are 'PALETTE COLOR', packed as 'JPEG 2000 Image"):
        parse(encapsulated(bytes(2), JPEG2000, "PALETTE COLOR"), "a.dcm")


def test_halved_colour_differences_are_not_read_from_separate_planes():
    seen = np.asarray(ybr()).reshape(-1, 2, 3)
    halved = np.concatenate([seen[..., 0], seen[:, 0, 1:]], axis=1)
    data = data_of(skin(), PhotometricInterpretation="YBR_FULL_422", PixelData=halved.tobytes())
    assert np.abs(parse(file_of(data), "a.dcm")[0].astype(int) - skin()).mean() < 2
    data.PlanarConfiguration = 1
    with pytest.raises(ImageRefused, match="which its pixel data contradict"):
        parse(file_of(data), "a.dcm")


def _with_fewer_bits(syntax: str) -> bytes:
    """A file whose frame alone tells of 6 bits a value."""
    if syntax == JPEG2000Lossless:
        frame = bytearray(wavelets(RGB_SKIN))
        frame[42:51:3] = bytes((5, 5, 5))
    else:
        data = data_of(skin())
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.compress(syntax)
        frame = bytearray(get_frame(data.PixelData, 0, number_of_frames=1))
        frame[frame.index(b"\xff\xf7") + 4] = 6
    return encapsulated(bytes(frame), syntax, "RGB")


@pytest.mark.parametrize(
    "make",
    [
        lambda: file_of(data_of(skin() >> 2, BitsStored=6, HighBit=5)),
        lambda: _with_fewer_bits(JPEG2000Lossless),
        lambda: _with_fewer_bits(JPEGLSLossless),
    ],
    ids=["the header", "JPEG 2000", "JPEG-LS"],
)
def test_values_of_fewer_bits_are_not_read_as_a_dark_picture(make):
    with pytest.raises(ImageRefused, match=r"^a\.dcm is DICOM of 6 bits a value: export it as JPEG"):
        parse(make(), "a.dcm")


def _palette(places: np.ndarray, entries: np.ndarray) -> bytes:
    """A file of a grey palette whose entries are told to have 8 bits."""
    bits = 8 * places.itemsize
    tables = {}
    for colour in ("Red", "Green", "Blue"):
        tables[f"{colour}PaletteColorLookupTableDescriptor"] = [len(entries), 0, 8]
        tables[f"{colour}PaletteColorLookupTableData"] = entries.tobytes()
    data = data_of(
        skin(),
        PhotometricInterpretation="PALETTE COLOR",
        SamplesPerPixel=1,
        BitsAllocated=bits,
        BitsStored=bits,
        HighBit=bits - 1,
        PixelData=places.tobytes(),
        **tables,
    )
    return file_of(data)


def test_a_palette_of_8_bits_in_words_of_16_is_as_bright_as_told():
    places = (np.arange(48 * 64) % 256).astype(np.uint8).reshape(48, 64)
    picture = parse(_palette(places, np.arange(256, dtype="<u2")), "a.dcm")[0]
    np.testing.assert_array_equal(picture[..., 0], places)


def test_a_long_palette_of_8_bits_is_not_read_from_its_first_entries():
    places = (np.arange(48 * 64) % 1024).astype("<u2").reshape(48, 64)
    with pytest.raises(ImageRefused, match=r"^a\.dcm is DICOM of 16 bits a value"):
        parse(_palette(places, (np.arange(1024) // 4).astype(np.uint8)), "a.dcm")


@pytest.mark.parametrize(
    ("spacing", "scale"),
    [([0.02, 0.02], 0.02), ([0.02, 0.0201], 0.02), ([1.0, 1.0], None), ([0.0001, 0.0001], None), ([0.2, 0.2], 0.2)],
)
def test_a_scale_counts_where_it_is_a_dermatoscopes(spacing, scale):
    assert parse(file_of(data_of(skin(), PixelSpacing=spacing)), "a.dcm")[1]["mm_per_pixel"] == scale


@pytest.mark.parametrize(
    "told",
    [
        {"PixelAspectRatio": [2, 1]},
        {"PixelAspectRatio": [2, 1], "PixelSpacing": [0.02, 0.02]},
        {"PixelSpacing": [0.02, 0.021]},
        {"ImagerPixelSpacing": [0.04, 0.02]},
        {"NominalScannedPixelSpacing": [0.04, 0.02]},
    ],
)
def test_pixels_that_are_not_square_are_refused(told):
    with pytest.raises(
        ImageRefused, match=r"^a\.dcm is DICOM whose pixels are not square, .*: export it as JPEG or PNG in its true"
    ):
        parse(file_of(data_of(skin(), **told)), "a.dcm")


def test_square_pixels_may_be_told_as_such():
    data = data_of(skin(), PixelAspectRatio=[1, 1], ImagerPixelSpacing=[0.0, 0.0])
    np.testing.assert_array_equal(parse(file_of(data), "a.dcm")[0], skin())


@pytest.mark.parametrize(("kind", "syntax"), [("JPEG", JPEGBaseline8Bit), ("JPEG2000", JPEG2000Lossless)])
@pytest.mark.parametrize("offsets", [False, True])
def test_frames_that_the_header_does_not_tell_are_counted(kind, syntax, offsets):
    colours = "YBR_FULL_422" if kind == "JPEG" else "RGB"
    options = {"quality": 95} if kind == "JPEG" else {"no_jp2": True, "mct": 0, "irreversible": False}
    frame = frame_of(kind, **options)
    data = data_of(skin(), PhotometricInterpretation=colours, PixelData=encapsulate([frame, frame], has_bot=offsets))
    data["PixelData"].is_undefined_length = True
    with pytest.raises(ImageRefused, match=r"^a\.dcm is DICOM of 2 frames: export the one to look at"):
        parse(file_of(data, syntax), "a.dcm")
    data.PixelData = encapsulate([frame], fragments_per_frame=2, has_bot=offsets)
    data["PixelData"].is_undefined_length = True
    assert np.abs(parse(file_of(data, syntax), "a.dcm")[0].astype(int) - skin()).max() < 12


def _without_pixels() -> bytes:
    data = data_of(skin())
    for name in ("PixelData", "Rows", "Columns"):
        delattr(data, name)
    return file_of(data)


REFUSED = {
    "frames": (lambda: file_of(data_of(skin(), NumberOfFrames=3, PixelData=skin().tobytes() * 3)), "3 frames"),
    "deep": (
        lambda: file_of(
            data_of(skin(), BitsAllocated=16, BitsStored=16, HighBit=15, PixelData=skin().astype("<u2").tobytes())
        ),
        "16 bits",
    ),
    "grey": (
        lambda: file_of(
            data_of(
                skin(), SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2", PixelData=skin()[..., 0].tobytes()
            )
        ),
        "in grey",
    ),
    "deflated": (lambda: file_of(data_of(skin()), DeflatedExplicitVRLittleEndian), "Deflated"),
    "no picture": (_without_pixels, "without a picture"),
    "a false size": (lambda: file_of(data_of(skin(), Rows=65535, Columns=65535)), "65535"),
    "cut short": (lambda: file_of(data_of(skin()))[:-3000], "damaged"),
    "the mark alone": (lambda: bytes(128) + b"DICM", "damaged"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_not_read_ends_in_one_sentence(kind):
    make, said = REFUSED[kind]
    with pytest.raises(ImageRefused, match=said) as refused:
        parse(make(), "a.dcm")
    assert str(refused.value).startswith("a.dcm ")
    assert str(refused.value).count("\n") == 0


def test_the_sentence_comes_out_of_the_process_of_its_own():
    with pytest.raises(ImageRefused, match="3 frames"):
        read_dicom(REFUSED["frames"][0](), "ä.dcm")


def test_that_sentence_can_be_said_in_another_language():
    with pytest.raises(ImageRefused) as refused:
        read_dicom(REFUSED["grey"][0](), "a.dcm")
    with speaking("de"), pytest.raises(ImageRefused) as anew:
        read_dicom(REFUSED["grey"][0](), "a.dcm")
    with speaking("de"):
        assert again(str(refused.value)) == str(anew.value) != str(refused.value)


@pytest.mark.parametrize(
    "told", [b"", b"a warning", b"[1]", b"{}", b'{"kind": "say", "texts": [], "values": {}}', b"\xff"]
)
def test_what_is_no_refusal_of_a_decoders_process_is_none(told):
    assert isolate._refusal(told) is None


def test_sequences_nested_five_hundred_deep_end_in_a_sentence():
    plain = file_of(data_of(skin()), ImplicitVRLittleEndian)
    place = plain.index(b"\x10\x00\x10\x00")  # before the patient's name, where group 8 ends
    deeper = b"\x08\x00\x15\x11" + b"\xff" * 4 + b"\xfe\xff\x00\xe0" + b"\xff" * 4
    back = b"\xfe\xff\x0d\xe0" + bytes(4) + b"\xfe\xff\xdd\xe0" + bytes(4)
    with pytest.raises(ImageRefused, match="damaged"):
        read_dicom(plain[:place] + deeper * 500 + back * 500 + plain[place:], "a.dcm")


def test_nobodys_name_leaves_with_the_picture():
    _, about = parse(file_of(data_of(skin(), PixelSpacing=[0.02, 0.02])), "a.dcm")
    assert about == {"mm_per_pixel": 0.02}


def test_the_way_in_for_pictures_reads_dicom_too():
    np.testing.assert_array_equal(read_image(file_of(data_of(skin())), "a.dcm"), skin())


@pytest.mark.parametrize("told", [{"ICCProfile": adobe_rgb()}, {"ColorSpace": "ADOBERGB"}])
def test_colours_of_another_space_become_srgb(told):
    picture = np.full((48, 64, 3), (200, 120, 100), np.uint8)
    red, green, blue = parse(file_of(data_of(picture, **told)), "a.dcm")[0][24, 32].tolist()
    assert (red, green, blue) == pytest.approx((223, 120, 97), abs=4)
    assert parse(file_of(data_of(picture, ColorSpace="SRGB")), "a.dcm")[0][24, 32].tolist() == [200, 120, 100]


def test_colours_that_are_not_converted_are_refused():
    with pytest.raises(ImageRefused, match=r"^a\.dcm has its colours in ROMM RGB, .*: save it as a JPEG in sRGB"):
        parse(file_of(data_of(skin(), ColorSpace="ROMMRGB")), "a.dcm")


def test_a_file_is_known_by_its_mark():
    assert is_dicom(file_of(data_of(skin())))
    assert not is_dicom(b"\xff\xd8\xff" + bytes(200))


@pytest.mark.slow
@pytest.mark.parametrize("function", ["grab_memory", "never_end"])
def test_a_decoder_that_takes_too_much_costs_its_file_only(function, monkeypatch, tmp_path):
    pytest.importorskip("resource", reason="this system knows no such limits")
    (tmp_path / "greedy.py").write_text(
        "import numpy as np\n"
        "def grab_memory(content, name):\n    return np.ones((1 << 31, 1, 3), dtype=np.uint8), {}\n"
        "def never_end(content, name):\n    while True:\n        pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImageRefused, match="damaged"):
        in_own_process(f"greedy:{function}", b"", "a.dcm")
