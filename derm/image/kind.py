"""What a file is, by its first bytes and, where these do not tell, its ending: a picture that Derm reads, or another.

Needs the first `HEAD` bytes. Gives the sentence for pictures that Derm does not read. Decodes nothing.
"""

import re
from typing import NamedTuple

from derm.language.speech import mark, say

HEAD = 160
"""As many first bytes tell: DICOM has its name at byte 128."""

READ_ENDINGS = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".mpo", ".png", ".apng", ".tif", ".tiff", ".bmp", ".dib", ".webp",
     ".gif", ".avif", ".heic", ".heif", ".hif")
)  # fmt: skip
"""Of files that are read, in lower case; a file that bears one is taken for a picture whatever it holds."""


class Kind(NamedTuple):
    """A kind of file that shows something."""

    name: str
    """With its article, as in 'x is a GIF picture'."""

    cure: str
    """What to do, as an imperative."""


_EXPORT = mark("export it as JPEG, PNG or TIFF")
RAW = Kind(mark("a camera's raw file"), mark("develop it and export it as JPEG"))
_VIDEO = Kind(mark("a video"), mark("save one frame of it as JPEG or PNG"))
_DICOM = Kind(
    mark("a DICOM file without its mark, or damaged"), mark("export its picture as PNG or JPEG from the viewer")
)
_HEIC = Kind(
    mark("a HEIC picture"),
    mark("export it as JPEG, or install what reads it: pip install 'derm[heic]'"),
)
AVIF = Kind(mark("an AVIF picture"), mark("export it as JPEG, or update Pillow to 11.3 or later"))

_BY_ENDING = {
    **dict.fromkeys((".heic", ".heif", ".hif", ".heics"), _HEIC),
    **dict.fromkeys((".avif", ".avifs"), AVIF),
    **dict.fromkeys((".dcm", ".dicom", ".ima"), _DICOM),
    **dict.fromkeys(
        (".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".dng", ".raf", ".orf", ".rw2", ".pef", ".srw",
         ".3fr", ".erf", ".kdc", ".dcr", ".mos", ".iiq", ".x3f", ".rwl", ".mrw", ".raw"),
        RAW,
    ),
    **dict.fromkeys(
        (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".wmv", ".mpg", ".mpeg", ".mts", ".m2ts", ".3gp", ".flv"),
        _VIDEO,
    ),
    **dict.fromkeys((".psd", ".psb"), Kind(mark("a Photoshop document"), _EXPORT)),
    **dict.fromkeys((".ai", ".eps", ".ps"), Kind(mark("a PostScript or Illustrator file"), _EXPORT)),
    **dict.fromkeys((".jp2", ".j2k", ".jpf", ".jpx", ".jpc", ".j2c"), Kind(mark("a JPEG 2000 picture"), _EXPORT)),
    **dict.fromkeys((".pbm", ".pgm", ".ppm", ".pnm", ".pfm"), Kind(mark("a PNM picture"), _EXPORT)),
    **dict.fromkeys((".svs", ".ndpi", ".mrxs", ".scn", ".vsi", ".czi", ".bif"), Kind(mark("a slide scan"), _EXPORT)),
    ".jxl": Kind(mark("a JPEG XL picture"), _EXPORT),
    ".jxr": Kind(mark("a JPEG XR picture"), _EXPORT),
    ".pdf": Kind(mark("a PDF document"), mark("export the picture in it as JPEG or PNG")),
    ".xcf": Kind(mark("a GIMP picture"), _EXPORT),
    ".exr": Kind(mark("an OpenEXR picture"), _EXPORT),
    ".hdr": Kind(mark("a Radiance picture"), _EXPORT),
    ".tga": Kind(mark("a Targa picture"), _EXPORT),
    ".pcx": Kind(mark("a PCX picture"), _EXPORT),
    ".nii": Kind(mark("a NIfTI file"), _EXPORT),
}  # fmt: skip
"""Pictures that Derm does not read, or not everywhere, by ending in lower case."""

_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"), _HEIC),
    **dict.fromkeys((b"avif", b"avis"), AVIF),
    b"crx ": RAW,
}
"""Of files in boxes (ISO 14496-12), by their major brand; all others are videos."""

_BY_START = {
    b"8BPS": ".psd",
    b"%PDF": ".pdf",
    b"%!PS": ".eps",
    b"\xc5\xd0\xd3\xc6": ".eps",
    b"FUJIFILMCCD-RAW": ".raf",
    b"IIRO": ".orf",
    b"IIRS": ".orf",
    b"MMOR": ".orf",
    b"IIU\0": ".rw2",
    b"FOVb": ".x3f",
    b"\xff\x0a": ".jxl",
    b"\0\0\0\x0cJXL ": ".jxl",
    b"\0\0\0\x0cjP  ": ".jp2",
    b"\xff\x4f\xff\x51": ".jp2",
    b"II\xbc\x01": ".jxr",
    b"\x1a\x45\xdf\xa3": ".mkv",
    b"\0\0\x01\xba": ".mpg",
    b"\0\0\x01\xb3": ".mpg",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": ".wmv",
    b"FLV\x01": ".flv",
    b"gimp xcf": ".xcf",
    b"\x76\x2f\x31\x01": ".exr",
    b"#?RADIANCE": ".hdr",
}
"""First bytes of pictures that Derm does not read, with the ending that names them."""

_BY_PATTERN = (
    (re.compile(rb".{128}DICM", re.DOTALL), ".dcm"),
    (re.compile(rb"(II\*\0|MM\0\*).{4}CR", re.DOTALL), ".cr2"),
    (re.compile(rb"RIFF.{4}AVI ", re.DOTALL), ".avi"),
    (re.compile(rb"P[1-7]\s+[\d#W]"), ".ppm"),
)
"""The same where they do not stand at the start, or not alone."""

_READ_STARTS = (
    b"\xff\xd8\xff",  # JPEG
    b"\x89PNG\r\n\x1a\n",
    b"GIF87a",
    b"GIF89a",
    b"II*\0",  # TIFF
    b"MM\0*",
    b"II+\0",  # BigTIFF
    b"MM\0+",
)


def other_kind(head: bytes, ending: str) -> Kind | None:
    """What a file is that Derm's decoders do not know; None where neither first bytes nor ending tell.

    head: the file's first `HEAD` bytes, or all that there are. ending: of its name, with its dot, in any case.
    """
    if head[4:8] == b"ftyp":
        return _boxed(head)
    for pattern, known in _BY_PATTERN:
        if pattern.match(head):
            return _BY_ENDING[known]
    for start, known in _BY_START.items():
        if head.startswith(start):
            return _BY_ENDING[known]
    return _BY_ENDING.get(ending.lower())


def sentence(name: str, kind: Kind) -> str:
    """Why a file of this kind is refused, and what to do. name: what the user calls it."""
    return say(
        "{name} is {kind}, which Derm does not read: {cure}.", name=name, kind=say(kind.name), cure=say(kind.cure)
    )


def is_raw(ending: str) -> bool:
    """Whether a file's ending is a camera's raw format; many are TIFFs that begin with a small preview."""
    return _BY_ENDING.get(ending.lower()) is RAW


def is_heic(head: bytes) -> bool:
    """Whether a file is a HEIC or HEIF picture, by its first bytes."""
    return head[4:8] == b"ftyp" and _boxed(head) is _HEIC


def is_picture(head: bytes, ending: str) -> bool:
    """Whether a file shows something, by its first bytes or its ending, be it that Derm reads it or not."""
    return (
        ending.lower() in READ_ENDINGS
        or head.startswith(_READ_STARTS)
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or _is_bmp(head)
        or other_kind(head, ending) is not None
    )


def _boxed(head: bytes) -> Kind:
    """By the major brand, or where that is general by those that it is compatible with."""
    brands = [head[8:12], *(head[place : place + 4] for place in range(16, len(head) - 3, 4))]
    length = int.from_bytes(head[:4], "big")
    inside = brands[: 1 + max(0, (length - 16) // 4)]
    if inside[0] in (b"mif1", b"msf1") and {b"avif", b"avis"} & set(inside):
        return AVIF
    return _BRANDS.get(inside[0], _VIDEO)


def _is_bmp(head: bytes) -> bool:
    """'BM' begins words, too: four zero bytes and the length of a known header follow in a picture."""
    return (
        len(head) > 14 and head[:2] == b"BM" and head[6:10] == bytes(4) and head[14] in (12, 40, 52, 56, 64, 108, 124)
    )
