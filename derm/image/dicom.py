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

from derm.errors import ImageRefused
from derm.image import jpeg
from derm.image.isolate import in_own_process
from derm.image.profiles import adobe_rgb
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

CURE = mark("export it as JPEG, or as DICOM in colour with 8 bits")

LEAST_SPACING, MOST_SPACING = 0.002, 0.2
"""Millimetres a pixel of a dermatoscope's picture; what lies beyond tells of a sensor or a page."""


def is_dicom(content: bytes) -> bool:
    """Whether bytes are a DICOM file by their mark."""
    return content[128:132] == b"DICM"


def read_dicom(content: bytes, name: str) -> tuple[NDArray[np.uint8], float | None]:
    """The picture in a DICOM file, uint8 (H, W, 3) sRGB, and millimetres a pixel where it tells them, else None.

    content: the whole file. name: what the user calls it. Raises ImageRefused where it is no single picture in colour
    of 8 bits, is packed in a way that is not read, or damaged.
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
    """Refuse, by its header, what is no single picture in colour of 8 bits."""
    from derm.image.decode import check_size

    syntax = str(head.file_meta.TransferSyntaxUID)
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
    if int(head.get("NumberOfFrames") or 1) > 1:
        raise ImageRefused(
            say(
                "{name} is DICOM of {count} frames: export the one to look at.",
                name=name,
                count=int(head.NumberOfFrames),
            )
        )
    if int(head.BitsAllocated) != 8 and head.PhotometricInterpretation != "PALETTE COLOR":
        raise ImageRefused(
            say(
                "{name} is DICOM of {bits} bits a value: {cure}.",
                name=name,
                bits=int(head.BitsAllocated),
                cure=say(CURE),
            )
        )
    if str(head.PhotometricInterpretation).startswith("MONOCHROME"):
        raise ImageRefused(
            say("{name} is DICOM in grey, and the model was trained on colour: {cure}.", name=name, cure=say(CURE))
        )
    check_size(int(head.Columns), int(head.Rows), name)


def _known(given: object) -> str:
    """What the standard calls a kind or a packing; its number where that is one, '' for whatever else a file has."""
    name = str(getattr(given, "name", given))
    return name if name != str(given) else name if re.fullmatch(r"[0-9.]{1,64}", name) else ""


def _colours(data: "Dataset", name: str) -> NDArray[np.uint8]:
    """The pixels as uint8 (H, W, 3) sRGB, by the file's colour profile where it has one."""
    from pydicom.pixels.processing import apply_color_lut

    from derm.image.decode import read_picture

    frame = _jpeg_frame(data)
    found = jpeg.layout(frame)
    jpeg.check_scans(found, name)
    pixels = data.pixel_array  # YBR becomes RGB here
    if frame:
        jpeg.check_complete(found, frame, pixels[-jpeg.ROWS :], name)
    if data.PhotometricInterpretation == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, data)
        if pixels.dtype == np.uint16:
            pixels = (pixels >> 8).astype(np.uint8)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise ImageRefused(
            say("{name} is DICOM whose values are no colours of 8 bits: {cure}.", name=name, cure=say(CURE))
        )
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    picture.info["icc_profile"] = _profile(data)
    return read_picture(picture, name)


def _jpeg_frame(data: "Dataset") -> bytes:
    """The picture as its decoder takes it, where that is JPEG; else b''."""
    from pydicom.encaps import get_frame

    if SYNTAXES[data.file_meta.TransferSyntaxUID] != "JPEG":
        return b""
    places = (data.get("ExtendedOffsetTable"), data.get("ExtendedOffsetTableLengths"))
    return get_frame(data.PixelData, 0, number_of_frames=1, extended_offsets=places if all(places) else None)


def _profile(data: "Dataset") -> bytes | None:
    """The colour profile that a file brings, or names; None where its colours are taken for sRGB."""
    if brought := data.get("ICCProfile"):
        return bytes(brought)
    return adobe_rgb() if str(data.get("ColorSpace") or "") == "ADOBERGB" else None


def _spacing(head: "Dataset") -> float | None:
    """Millimetres a pixel, where both directions have the same and it is a dermatoscope's; else None."""
    spacing = head.get("PixelSpacing")
    if not spacing or len(spacing) != 2:
        return None
    down, across = float(spacing[0]), float(spacing[1])
    alike = abs(down - across) <= 0.01 * max(down, across)
    return down if alike and LEAST_SPACING <= down <= MOST_SPACING else None
