"""Whether files consist of no more parts than are soon read, and their metadata list no more.

Needs a file's bytes, of which it walks through headers alone, as Pillow does in Python when it opens a file: 40 MB can
keep that busy for minutes around a picture of a few pixels. What TIFF and EXIF list is told by `directories`.
"""

import re
import zlib
from collections.abc import Iterator
from functools import partial
from itertools import islice

from PIL.JpegImagePlugin import MARKER

from derm.errors import ImageRefused
from derm.image.directories import check_directories
from derm.language.speech import say

MAX_PARTS = 5_000
"""Most segments of a JPEG before its first scan, and most chunks of a PNG or WebP beside its pixels'. Profiles and XMP
come in 64 kB each: no file that Derm takes needs as many, and each is walked in Python."""

MAX_PIXEL_CHUNKS = 200_000
"""Most chunks of pixels in a PNG."""

MAX_BLOCKS = 50_000
"""Most blocks of a GIF before its first picture, 255 bytes each; XMP of 500 kB has about 5,000."""

MAX_STRAY = 100_000
"""Most bytes between the segments of a JPEG, each of which is a step of its own."""

MAX_TABLES = 65_536
"""Most bytes of a JPEG's tables and frame headers; a camera's have a thousand."""

MAX_EXIF = 4_000_000
"""Most bytes of EXIF. A segment of JPEG has 64 kB; what was a raw file's brings previews in its maker's notes."""

MAX_EXIF_BLOCKS = 4
"""Most blocks of EXIF in a PNG or WebP, of which Pillow reads one."""

MAX_PLACES = 100
"""Most places where an AVIF may have EXIF: a picture has one, an animation two, and chance adds a few."""

MAX_EXIF_TEXT = 1_000_000
"""Most characters of EXIF that a PNG keeps as text, as ImageMagick writes it: twice its bytes."""

_EXIF, _PHOTOSHOP = b"Exif\0\0", b"Photoshop 3.0\0"
_START_OF_SCAN = 0xDA
_TABLES = (0xDB, 0xDE, *range(0xC0, 0xC4), *range(0xC5, 0xD0))
"""Markers of quantisation tables and frames."""

_NO_HEADER = re.compile(rb"^(Exif\0\0){1,2}")
"""What Pillow takes off a block of EXIF before it reads the TIFF in it."""

_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_RAW_EXIF = b"Raw profile type exif"

_EXIF_ITEM = re.compile(rb"infe(?:\x02...(..)|\x03...(....))..Exif", re.DOTALL)
"""An item of AVIF that is EXIF, with its number (ISO 14496-12, 8.11.6)."""


def check_parts(content: bytes, name: str) -> None:
    """Refuse a file of more parts, or with more in its metadata, than is read soon: ImageRefused."""
    if content.startswith(b"\xff\xd8"):
        _check_jpeg(content, name)
    elif content.startswith(b"\x89PNG\r\n\x1a\n"):
        _check_png(content, name)
    elif content.startswith(b"GIF8"):
        _check_gif(content, name)
    elif content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        _check_webp(content, name)
    elif content[4:8] == b"ftyp":
        for spans in exif_spans(content, name):
            block = b"".join(content[first : first + length] for first, length in spans)
            _check_exif(block[4:], name)  # after the number of bytes before the TIFF
    else:
        check_directories(content, name, is_picture=True)


def refuse_many(name: str, count: int, most: int) -> None:
    """Refuse a file of more than `most` parts of a kind: ImageRefused."""
    if count > most:
        raise ImageRefused(
            say(
                "{name} consists of more than {parts:,} parts, which no camera writes: export it again from its "
                "source.",
                name=name,
                parts=most,
            )
        )


def _check_exif(block: bytes, name: str) -> None:
    _check_length(len(block), MAX_EXIF, name)
    check_directories(_NO_HEADER.sub(b"", block), name)


def _check_length(count: int, most: int, name: str) -> None:
    if count > most:
        raise ImageRefused(
            say(
                "{name} has {count:,} bytes of EXIF or tables, and Derm reads {most:,} at most: export it again from "
                "its source.",
                name=name,
                count=count,
                most=most,
            )
        )


def _check_jpeg(content: bytes, name: str) -> None:
    exif, tables, resources = list[bytes](), 0, 0
    for code, start, end in _segments(content, name):
        if code == 0xE1 and content.startswith(_EXIF, start):
            exif.append(content[start + len(_EXIF) : end])
        elif code == 0xED and content.startswith(_PHOTOSHOP, start):
            resources += content.count(b"8BIM", start, end)
            refuse_many(name, resources, MAX_PARTS)
        elif code in _TABLES:
            tables += end - start
            _check_length(tables, MAX_TABLES, name)
    _check_exif(b"".join(exif), name)


def _segments(content: bytes, name: str) -> Iterator[tuple[int, int, int]]:
    """Each segment of a JPEG before its first scan: its marker, and where its body begins and ends."""
    place, count, stray = 2, 0, 0
    while place + 1 < len(content):
        if content[place] != 0xFF:
            there = content.find(b"\xff", place)
            stray += (there if there >= 0 else len(content)) - place
            refuse_many(name, stray, MAX_STRAY)
            if there < 0:
                return
            place = there
            continue
        code = content[place + 1]
        if code in (0x00, 0xFF):  # 0xFF fills, and the one that follows may be the marker's
            stray += 1
            place += 1 if code == 0xFF else 2
            refuse_many(name, stray, MAX_STRAY)
            continue
        if (0xFF00 | code) not in MARKER:  # where Pillow gives up
            return
        count += 1
        refuse_many(name, count, MAX_PARTS)
        if MARKER[0xFF00 | code][2] is None:  # alone
            place += 2
            continue
        end = place + 2 + max(2, int.from_bytes(content[place + 2 : place + 4], "big"))
        yield code, place + 4, end
        if code == _START_OF_SCAN:
            return
        place = end


def _check_png(content: bytes, name: str) -> None:
    place, others, pixels, blocks, profiles = 8, 0, 0, 0, 0
    while place + 12 <= len(content):
        kind, length = content[place + 4 : place + 8], int.from_bytes(content[place : place + 4], "big")
        body = place + 8
        if kind == b"IDAT":
            pixels += 1
            refuse_many(name, pixels, MAX_PIXEL_CHUNKS)
        else:
            others += 1
            refuse_many(name, others, MAX_PARTS)
        profiles += kind == b"iCCP"
        if profiles > 1:  # each of which Pillow unpacks
            raise ValueError("it has more than one colour profile")
        is_text = kind in _TEXTS and content.startswith((b"exif\0", _RAW_EXIF + b"\0"), body)
        if kind == b"eXIf" or is_text:
            blocks += 1
            refuse_many(name, blocks, MAX_EXIF_BLOCKS)
            check = partial(_check_exif_text, kind) if is_text else _check_exif
            check(content[body : body + length], name)
        place += 12 + length


def _check_exif_text(kind: bytes, body: bytes, name: str) -> None:
    """The same of EXIF in a text of PNG: plain, under 'exif', or as hexadecimal digits from the fourth line on."""
    key, _, text = body.partition(b"\0")
    if key == b"exif":
        _check_exif(text, name)
        return
    if kind == b"zTXt":
        text = _unpacked(text[1:])
    elif kind == b"iTXt":
        packed, text = text[:1] == b"\1", text[2:].split(b"\0", 2)[-1]
        text = _unpacked(text) if packed else text
    _check_length(len(text), MAX_EXIF_TEXT, name)
    try:
        block = bytes.fromhex(b"".join(text.split(b"\n", 3)[3:]).decode("ascii"))  # which skips line ends
    except ValueError:  # which Pillow does not read either
        return
    _check_exif(block, name)


def _unpacked(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, MAX_EXIF_TEXT + 1)
    except zlib.error:
        return b""


def _check_gif(content: bytes, name: str) -> None:
    """Of a GIF's blocks those before its first picture are counted, which Pillow reads one by one."""
    place, count = 13, 0

    def skip_chain() -> None:
        nonlocal place, count
        while place < len(content) and content[place]:
            count += 1
            refuse_many(name, count, MAX_BLOCKS)
            place += 1 + content[place]
        place += 1

    if content[10:11] and content[10] & 0x80:
        place += 3 << (content[10] & 7) + 1
    while place < len(content) and content[place] not in b",;":
        count += 1
        refuse_many(name, count, MAX_BLOCKS)
        if content[place] != 0x21:
            place += 1
            continue
        label, first = place + 1, place + 2  # of an extension
        second = first + 1 + (content[first] if first < len(content) else 0)
        place = first
        skip_chain()
        repeats = content[first + 1 : second].startswith(b"NETSCAPE2.0") and content[second : second + 1] == b"\0"
        if content[label : label + 1] != b"\xfe" and (second == first + 1 or repeats):
            skip_chain()  # Pillow takes no first block, or no second one of this kind, for no end


def _check_webp(content: bytes, name: str) -> None:
    place, count, blocks = 12, 0, 0
    while place + 8 <= len(content):
        count += 1
        refuse_many(name, count, MAX_PARTS)
        kind, length = content[place : place + 4], int.from_bytes(content[place + 4 : place + 8], "little")
        if kind == b"EXIF":
            blocks += 1
            refuse_many(name, blocks, MAX_EXIF_BLOCKS)
            _check_exif(content[place + 8 : place + 8 + length], name)
        place += 8 + length + length % 2


def exif_spans(content: bytes, name: str) -> Iterator[list[tuple[int, int]]]:
    """Where EXIF lies in an AVIF or HEIC file, as places and lengths; of several tables of places, as an animation has
    them, each is followed. Raises ImageRefused for too many."""
    numbers = islice(_EXIF_ITEM.finditer(content), MAX_PLACES + 1)
    items = {int.from_bytes(found[1] or found[2], "big") for found in numbers}
    if not items:
        return
    inside, tables = (
        [found.end() for found in islice(re.finditer(kind, content), MAX_PLACES + 1)] for kind in (b"idat", b"iloc")
    )
    refuse_many(name, len(items) * len(tables) * (1 + len(inside)), MAX_PLACES)
    for table in tables:
        for is_inside, spans in _places(content, table, items, name):
            for base in inside if is_inside else (0,):
                yield [(base + first, length) for first, length in spans]


def _places(content: bytes, place: int, items: set[int], name: str) -> Iterator[tuple[bool, list[tuple[int, int]]]]:
    """Of each of `items` whether it lies in the metadata's own data, and its places and lengths there (8.11.3)."""
    version, sizes, more = content[place : place + 1], *content[place + 4 : place + 6].ljust(2, b"\0")
    place += 6

    def number(length: int) -> int:
        nonlocal place
        place += length
        return int.from_bytes(content[place - length : place], "big")

    steps = 0
    for _ in range(number(4 if version == b"\2" else 2)):
        item = number(4 if version == b"\2" else 2)
        way = number(2) & 15 if version != b"\0" else 0
        number(2)  # which file it lies in
        base, spans = number(more >> 4), list[tuple[int, int]]()
        for _ in range(number(2)):
            number(more & 15 if version != b"\0" else 0)
            first, length = number(sizes >> 4), number(sizes & 15)
            spans.append((base + first, min(length, len(content)) or len(content)))
        steps += 1 + len(spans)
        refuse_many(name, steps, MAX_PARTS)
        if place > len(content):
            return
        if item in items:
            _check_length(sum(length for _, length in spans), MAX_EXIF, name)
            yield way == 1, spans
