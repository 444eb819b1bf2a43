"""DICOM files: a dermoscopic picture in colour out of the clinic's own format, and its scale where it is told.

Needs pydicom, and Pillow and CharLS for what is compressed. Of all that a file holds only the pixels and their spacing
leave this module: no name, date or number of a patient. Parsing takes place in a process of its own, see `isolate`.
"""

import re
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import get_sampling

from derm.errors import ImageRefused
from derm.image import jpeg
from derm.image.depth import STRIP
from derm.image.isolate import in_own_process
from derm.image.named_colours import not_converted
from derm.image.profiles import adobe_rgb
from derm.image.whole import rest_is_unwritten, unwritten
from derm.language.speech import mark, say

if TYPE_CHECKING:
    from pydicom import Dataset

SYNTAXES = {
    "1.2.840.10008.1.2": "uncompressed",
    "1.2.840.10008.1.2.1": "uncompressed",
    "1.2.840.10008.1.2.2": "uncompressed",
    "1.2.840.10008.1.2.4.50": "JPEG",
    "1.2.840.10008.1.2.4.51": "JPEG",
    "1.2.840.10008.1.2.4.80": "JPEG-LS",
    "1.2.840.10008.1.2.4.81": "JPEG-LS",
    "1.2.840.10008.1.2.4.90": "JPEG 2000",
    "1.2.840.10008.1.2.4.91": "JPEG 2000",
    "1.2.840.10008.1.2.5": "RLE",
}
"""Transfer syntaxes that are read, by their number, with how they compress. None whose header itself is packed: 300 kB
of that can unpack to gigabytes."""

LOSSY = frozenset(f"1.2.840.10008.1.2.4.{last}" for last in (50, 51, 81, 91))
"""Of these, those that may change values a little: of a palette, that is another colour."""

DECODERS = {"uncompressed": "", "JPEG-LS": "pyjpegls", "JPEG 2000": "pillow", "RLE": "pydicom"}
"""Of pydicom, which else takes what it finds installed, and those differ in what they make of colours."""

COLOURS = {
    **dict.fromkeys(("RGB", "YBR_FULL", "YBR_FULL_422"), frozenset(SYNTAXES)),
    **dict.fromkeys(("YBR_ICT", "YBR_RCT"), frozenset(one for one, how in SYNTAXES.items() if how == "JPEG 2000")),
    "PALETTE COLOR": frozenset(SYNTAXES) - LOSSY,
}
"""Photometric interpretations that become RGB (PS3.3, C.7.6.3.1.2), with the transfer syntaxes where they do."""

CURE = mark("export it as JPEG, or as DICOM in colour with 8 bits")
RGB_CURE = mark("export it as JPEG or PNG, or as uncompressed DICOM in RGB")

SQUARE_CURE = mark("export it as JPEG or PNG in its true proportions")

END = b"\xff\xd9"
"""What JPEG-LS and JPEG 2000 data end with."""

CODESTREAM, TILE_PART = b"\xff\x4f\xff\x51", b"\xff\x90\x00\x0a"
"""What the header of JPEG 2000 data begins with, and each part of a tile."""

LEAST_SPACING, MOST_SPACING = 0.002, 0.2
"""Millimetres a pixel of a dermatoscope's picture; what lies beyond tells of a sensor or a page."""


def is_dicom(content: bytes) -> bool:
    """Whether bytes are a DICOM file by their mark."""
    return content[128:132] == b"DICM"


def read_dicom(content: bytes, name: str) -> tuple[NDArray[np.uint8], float | None]:
    """The picture in a DICOM file, uint8 (H, W, 3) sRGB, and millimetres a pixel where it tells them, else None.

    content: the whole file. name: what the user calls it. Raises ImageRefused where it is no single picture in colour
    of 8 bits with square pixels, is packed in a way that is not read, or damaged.
    """
    picture, about = in_own_process("derm.image.dicom:parse", content, name)
    return picture, about["mm_per_pixel"]


def parse(content: bytes, name: str) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """`read_dicom` in this very process, without limits; the scale stands under 'mm_per_pixel'."""
    from pydicom import dcmread

    try:
        head = dcmread(BytesIO(content), stop_before_pixels=True)
        _check(head, name)
        picture = _colours(dcmread(BytesIO(content)), name)
        return picture, {"mm_per_pixel": _spacing(head)}
    except ImageRefused:
        raise
    except Exception as error:  # hostile files raise whatever the parser's own lines raise
        raise ImageRefused(
            say("{name} is a damaged DICOM file, or cut short: copy it or export it again.", name=name)
        ) from error


def _check(head: "Dataset", name: str) -> None:
    """Refuse, by its header, what is no single picture in colour of 8 bits, with square pixels."""
    from derm.image.decode import check_size

    syntax, told = str(head.file_meta.TransferSyntaxUID), str(head.get("PhotometricInterpretation"))
    if syntax not in SYNTAXES:
        packed = _known(head.file_meta.TransferSyntaxUID) or say("something unknown")
        raise ImageRefused(
            say(
                "{name} is DICOM packed as '{packed}', which Derm does not read: {cure}.",
                name=name,
                packed=packed,
                cure=say(CURE),
            )
        )
    if "Rows" not in head or "Columns" not in head:
        kind = _known(head.get("SOPClassUID"))
        what = f" ({kind})" if kind else ""
        raise ImageRefused(
            say(
                "{name} is DICOM without a picture{what}: choose the file that holds the photograph.",
                name=name,
                what=what,
            )
        )
    _check_frames(int(head.get("NumberOfFrames") or 1), name)
    if not _is_square(head):
        raise ImageRefused(
            say(
                "{name} is DICOM whose pixels are not square, so that shapes and sizes would be wrong: {cure}.",
                name=name,
                cure=say(SQUARE_CURE),
            )
        )
    if told != "PALETTE COLOR":
        for bits in (int(head.BitsAllocated), int(head.BitsStored)):
            _check_bits(bits, name)
    if told.startswith("MONOCHROME"):
        raise ImageRefused(
            say("{name} is DICOM in grey, and the model was trained on colour: {cure}.", name=name, cure=say(CURE))
        )
    if syntax not in COLOURS.get(told, ()):
        raise ImageRefused(
            say(
                "{name} is DICOM whose colours are '{colours}', packed as '{packed}', which Derm does not turn into "
                "RGB: {cure}.",
                name=name,
                colours=told if re.fullmatch(r"[A-Z0-9_ ]{1,16}", told) else say("something unknown"),
                packed=_known(head.file_meta.TransferSyntaxUID),
                cure=say(RGB_CURE),
            )
        )
    check_size(int(head.Columns), int(head.Rows), name)


def _check_frames(count: int, name: str) -> None:
    if count > 1:
        raise ImageRefused(say("{name} is DICOM of {count} frames: export the one to look at.", name=name, count=count))


def _is_square(head: "Dataset") -> bool:
    """Whether pixels are as high as wide, by whatever the header tells of that (PS3.3, C.7.6.3.1.7 and 10.7)."""
    for keyword in ("PixelAspectRatio", "PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        told = head.get(keyword)
        if told and len(told) == 2:
            down, across = float(told[0]), float(told[1])
            if min(down, across) > 0 and not _alike(down, across):
                return False
    return True


def _alike(down: float, across: float) -> bool:
    return abs(down - across) <= 0.01 * max(down, across)


def _check_bits(bits: int, name: str) -> None:
    """Refuse values of other than 8 bits: fewer would be read as a darker picture."""
    if bits != 8:
        raise ImageRefused(say("{name} is DICOM of {bits} bits a value: {cure}.", name=name, bits=bits, cure=say(CURE)))


def _known(given: object) -> str:
    """What the standard calls a kind or a packing; its number where that is one, '' for whatever else a file has."""
    name = str(getattr(given, "name", given))
    return name if name != str(given) else name if re.fullmatch(r"[0-9.]{1,64}", name) else ""


def _colours(data: "Dataset", name: str) -> NDArray[np.uint8]:
    """The pixels as uint8 (H, W, 3) sRGB, by the file's colour profile where it has one."""
    from derm.image.decode import read_picture

    how = SYNTAXES[data.file_meta.TransferSyntaxUID]
    if how != "uncompressed":
        _check_frames(_packed_frames(data), name)  # which the header may not tell
    pixels = _jpeg_pixels(data, name) if how == "JPEG" else _other_pixels(data, how, name)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise ImageRefused(
            say("{name} is DICOM whose values are no colours of 8 bits: {cure}.", name=name, cure=say(CURE))
        )
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    picture.info["icc_profile"] = _profile(data, name)
    return read_picture(picture, name)


def _jpeg_pixels(data: "Dataset", name: str) -> NDArray[np.uint8]:
    """RGB out of JPEG, by what its markers say of its colours, and by the header where there are none.

    pydicom would turn data with Adobe's marker into RGB twice.
    """
    frame, told = _frame(data), str(data.PhotometricInterpretation)
    found = jpeg.layout(frame)
    jpeg.check_scans(found, name)
    with Image.open(BytesIO(frame), formats=("JPEG",)) as picture:
        if picture.size != (data.Columns, data.Rows):
            raise ValueError(picture.size)
        lettered = bytes(found.components).upper() == b"RGB"
        if "jfif" in picture.info or "adobe_transform" in picture.info:
            contradicts = lettered and ("jfif" in picture.info or picture.info["adobe_transform"] != 0)
        else:
            in_rgb = lettered or told == "RGB"
            contradicts = in_rgb and get_sampling(picture) != 0  # what is stored smaller is no red, green or blue
            if in_rgb and found.components != tuple(b"RGB"):
                picture.draft("YCbCr", picture.size)  # libjpeg takes it for that, and so leaves it as it is
        _check_sure(not contradicts, told, name)
        pixels = np.asarray(picture)
    jpeg.check_complete(found, frame, pixels[-jpeg.ROWS :], name)
    return pixels


def _other_pixels(data: "Dataset", how: str, name: str) -> NDArray[Any]:
    """RGB out of what pydicom turns into it."""
    from pydicom.pixels.processing import apply_color_lut, convert_color_space

    told = str(data.PhotometricInterpretation)
    _check_extent(data, how, name)
    if how == "uncompressed":
        _check_sure(told != "YBR_FULL_422" or data.PlanarConfiguration == 0, told, name)
    elif how == "JPEG-LS" and told != "PALETTE COLOR":
        _check_bits(_segment(_frame(data), 0xF7)[0], name)
    elif how == "JPEG 2000" and told != "PALETTE COLOR":
        _check_wavelets(_frame(data), told, name)
    by_strips = told == "YBR_FULL" and how in ("uncompressed", "RLE")
    data.pixel_array_options(decoding_plugin=DECODERS[how], raw=by_strips)
    pixels = data.pixel_array  # YBR becomes RGB here
    if by_strips:  # as a whole it takes 24 bytes a pixel more
        pixels = np.require(pixels, requirements="W")
        for top in range(0, len(pixels), STRIP):
            pixels[top : top + STRIP] = convert_color_space(pixels[top : top + STRIP], told, "RGB")
    if told == "PALETTE COLOR":
        colours = apply_color_lut(pixels, data)
        if colours.dtype == np.uint8 and pixels.max() > 0xFF:
            _check_bits(int(data.BitsAllocated), name)  # pydicom counts places as it counts colours: up to 255
        if colours.dtype == np.uint16:
            in_low_byte = data.RedPaletteColorLookupTableDescriptor[2] == 8  # words of 16 bits for 8 (C.7.6.3.1.5)
            colours = (colours if in_low_byte else colours >> 8).astype(np.uint8)
        return colours
    return pixels


def _check_extent(data: "Dataset", how: str, name: str) -> None:
    """Raise ValueError where the pixel data tell of another size than the header, by which they would be cut into lines
    of another length, or half of them be shown; ImageRefused where they plainly lack a part."""
    from pydicom.pixels.utils import get_expected_length

    rows, columns = int(data.Rows), int(data.Columns)
    if how == "uncompressed":
        expected = get_expected_length(data)
        _check_length(len(data.PixelData), expected)
        if data.SamplesPerPixel == 3 and rest_is_unwritten(data.PixelData):
            raise unwritten(name)
    elif how == "RLE":
        frame = _frame(data)
        count, *offsets = (int.from_bytes(frame[place : place + 4], "little") for place in range(0, 64, 4))
        ends = [*offsets[1:count], len(frame)]
        for start, end in zip(offsets[:count], ends, strict=True):
            _check_length(_run_length(frame[start:end]), rows * columns)
    elif how == "JPEG-LS":
        frame = _frame(data)
        header = _segment(frame, 0xF7)
        found = int.from_bytes(header[1:3], "big"), int.from_bytes(header[3:5], "big")
        _check_same(found, (rows, columns))
        if END not in frame.rstrip(b"\0")[-3:]:  # without which CharLS is busy until it is ended
            raise jpeg.incomplete(name)
    else:
        stream = _codestream(_frame(data))
        header = _segment(stream, 0x51)
        across, down, left, top = (int.from_bytes(header[place : place + 4], "big") for place in range(2, 18, 4))
        _check_same((down - top, across - left), (rows, columns))
        if _lacks_tiles(stream, header):
            raise jpeg.incomplete(name)


def _check_length(found: int, expected: int) -> None:
    if not expected <= found <= expected + 1:  # an odd length is filled up with a byte
        raise ValueError(found)


def _check_same(found: tuple[int, int], expected: tuple[int, int]) -> None:
    if found != expected:
        raise ValueError(found)


def _run_length(segment: bytes) -> int:
    """How many bytes a segment of RLE (PS3.5, G.3) unpacks to; one that fills it up counts for nothing."""
    place = found = 0
    last = len(segment) - 1
    while place < last:  # half a million times for ten megapixels of a photograph
        head = segment[place]
        if head < 128:
            found += head + 1
            place += head + 2
        elif head > 128:
            found += 257 - head
            place += 2
        else:
            place += 1
    if place > len(segment):  # in the middle of what is as it is
        found -= place - len(segment)
    return found


def _check_wavelets(frame: bytes, told: str, name: str) -> None:
    """Refuse JPEG 2000 data whose own header (ISO 15444-1, A.5.1 and A.6.1) does not go with the colours told.

    The decoder undoes the colour transform, and turns smaller colour planes and what a JP2 header calls sYCC into RGB.
    """
    stream = _codestream(frame)
    size, coding = _segment(stream, 0x51)[36:], _segment(stream, 0x52)
    _check_bits((size[0] & 0x7F) + 1, name)
    transformed, bare, full = coding[4] == 1, stream == frame, set(size[1::3] + size[2::3]) == {1}
    fits = {"RGB": True, "YBR_ICT": transformed, "YBR_RCT": transformed}
    _check_sure(fits.get(told, not transformed and bare and full), told, name)


def _check_sure(sure: bool, told: str, name: str) -> None:
    """Refuse a file whose header and pixel data tell of different colours: nothing says which of them is right."""
    if not sure:
        raise ImageRefused(
            say(
                "{name} is DICOM whose header names the colours '{colours}', which its pixel data contradict: {cure}.",
                name=name,
                colours=told,
                cure=say(RGB_CURE),
            )
        )


def _codestream(frame: bytes) -> bytes:
    """JPEG 2000 data from their header on, which JP2 has in a box (ISO 15444-1, I.5.4); ValueError without any.

    What only looks like it in another box is not what the decoder reads.
    """
    place = 0
    while not frame.startswith(CODESTREAM, place):
        length, kind = int.from_bytes(frame[place : place + 4], "big"), frame[place + 4 : place + 8]
        head = 16 if length == 1 else 8
        if length == 1:
            length = int.from_bytes(frame[place + 8 : place + 16], "big")
        if kind != b"jp2c" and (length < head or place + length >= len(frame)):
            raise ValueError(kind)
        place += head if kind == b"jp2c" else length
    return frame[place:]


def _lacks_tiles(stream: bytes, header: bytes) -> bool:
    """Whether JPEG 2000 data lack one of their tiles, or a part of one (ISO 15444-1, A.4.2), which stay black.

    header: what marker SIZ holds, checked.
    """
    across, down, _, _, wide, high, left, top = (
        int.from_bytes(header[place : place + 4], "big") for place in range(2, 34, 4)
    )
    place = 2
    while stream[place : place + 1] == b"\xff" and stream[place + 1] != 0x90:
        place += 2 + int.from_bytes(stream[place + 2 : place + 4], "big")
    parts, told = dict[int, int](), dict[int, int]()
    while stream.startswith(TILE_PART, place) and place + 12 <= len(stream):
        tile, length = int.from_bytes(stream[place + 4 : place + 6], "big"), stream[place + 6 : place + 10]
        parts[tile] = parts.get(tile, 0) + 1
        told[tile] = max(told.get(tile, 0), stream[place + 11])
        place += int.from_bytes(length, "big") or len(stream)  # the last one may not tell, and goes up to the end
        if place > len(stream) and (any(length) or END not in stream.rstrip(b"\0")[-3:]):
            return True
    count = -(-(across - left) // wide) * -(-(down - top) // high)
    return len(parts) < count or any(parts[tile] < told[tile] for tile in parts)


def _segment(stream: bytes, code: int) -> bytes:
    """What the first marker of that code holds in the header of JPEG-LS or JPEG 2000 data; ValueError without one."""
    place = 2
    while stream[place : place + 1] == b"\xff":
        end = place + 2 + int.from_bytes(stream[place + 2 : place + 4], "big")
        if stream[place + 1] == code:
            return stream[place + 4 : end]
        place = end
    raise ValueError(code)


def _frame(data: "Dataset") -> bytes:
    """The picture as its decoder takes it, of a file that is compressed."""
    from pydicom.encaps import get_frame

    places = (data.get("ExtendedOffsetTable"), data.get("ExtendedOffsetTableLengths"))
    return get_frame(data.PixelData, 0, number_of_frames=1, extended_offsets=places if all(places) else None)


def _packed_frames(data: "Dataset") -> int:
    """How many pictures a compressed file holds: as many as fragments begin as the first one does."""
    from pydicom.encaps import generate_fragments, parse_basic_offsets

    packed = BytesIO(data.PixelData)
    parse_basic_offsets(packed)
    begun = [fragment[:3] for fragment in generate_fragments(packed)]
    return begun.count(begun[0]) if begun else 1


def _profile(data: "Dataset", name: str) -> bytes | None:
    """The colour profile that a file brings, or names; None where its colours are taken for sRGB. ROMM RGB, the third
    name of the standard (C.11.15.1.2), is refused: its colours are far wider."""
    if brought := data.get("ICCProfile"):
        return bytes(brought)
    space = str(data.get("ColorSpace") or "")
    if space == "ROMMRGB":
        raise not_converted(name, "ROMM RGB")
    return adobe_rgb() if space == "ADOBERGB" else None


def _spacing(head: "Dataset") -> float | None:
    """Millimetres a pixel, where both directions have the same and it is a dermatoscope's; else None."""
    spacing = head.get("PixelSpacing")
    if not spacing or len(spacing) != 2:
        return None
    down, across = float(spacing[0]), float(spacing[1])
    return down if _alike(down, across) and LEAST_SPACING <= down <= MOST_SPACING else None
