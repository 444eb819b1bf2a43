"""Whether a JPEG file is sound before and after it is decoded: how many scans it has, and whether it is all there.

Needs the bytes of a file, or of a part of one, whose decoder says that they are JPEG, and simplejpeg, which is
libjpeg-turbo without a copy on the way to an array. libjpeg fills what is missing with grey and says so in a
warning that Pillow drops; and a file of 600 kB with 8,000 scans kept it busy for 22 s.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from typing import NamedTuple

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from derm.errors import ImageRefused
from derm.image.parts import refuse_many
from derm.language.speech import say

MAX_SCANS = 50
"""Scans of one picture. Encoders make about ten; 50 of the largest picture take a second."""

MAX_MARKERS = 10_000
"""Markers of one picture, beside those inside of a scan's data: twice what `parts` takes before the first scan."""

ROWS = 8
"""Rows at the end of a picture that are looked at: those of a block."""

GREY = 128
"""What libjpeg fills missing blocks with: coefficients of zero."""

TAIL = 48
"""Bytes at the end of the data that are looked at: blocks of plain grey repeat within a few bytes, pictures do not."""

BROKEN = ("premature end of data segment", "bad Huffman code", "instead of RST")
"""libjpeg's own words where the data of a scan end too early, are no data, or lack a part between two marks."""

UNCONVERTED = "color conversion"
"""Likewise, of data without loss that are to become grey: its only word, and none about the data."""

HOLE = 64
"""Zeros within the data of a scan that stand for no picture: a sector has 512."""

STRAY = 8
"""Bytes that may stand behind the data of a picture that is whole, as some cameras leave them."""

_LEFT_OVER = re.compile("([0-9]+) extraneous bytes before marker 0x([0-9a-f]+)")
"""Likewise, where the picture is full before its data end."""

_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_SEQUENTIAL = (0xC0, 0xC1, 0xC9)
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
_FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))
_START_OF_SCAN, _END, _HUFFMAN = 0xDA, 0xD9, 0xC4
_RESTARTS = range(0xD0, 0xD8)
_NEEDED = (0xC4, 0xCC, 0xDB, 0xDC, 0xDD)
"""Markers of tables, of restarts and of rows."""


class Scan(NamedTuple):
    """One scan, by its header (T.81, B.2.3)."""

    components: tuple[int, ...]
    """Whose coefficients it has."""

    first: int
    """First coefficient, 0 … 63."""

    last: int
    """Last one."""

    left: int
    """Bits that are still missing of them."""

    table: int
    """Number of the table of the first component's coefficients."""


class Layout(NamedTuple):
    """What the first picture of a JPEG file consists of."""

    progressive: bool
    components: tuple[int, ...]
    size: tuple[int, int]
    """Largest width and height that a header of it claims, 0 where none does."""

    scans: list[Scan]
    """Up to `MAX_SCANS` and one more."""

    data: bytes
    """Of the last scan, as stored."""

    place: int
    """Where these begin in the file."""

    markers: int
    """Up to `MAX_MARKERS` and one more."""

    zeros_end_blocks: bool
    """Whether zeros alone are the end of a block of the last scan's first component, or its picture is progressive."""


class Segment(NamedTuple):
    """One marker of the first picture, with what belongs to it."""

    code: int
    begin: int
    """Where its two bytes begin."""

    body: bytes
    """What follows its length; b'' where it has none."""

    data: int
    """Where the data of a scan begin, or the next marker is looked for."""

    end: int
    """Where these end."""


def layout(content: bytes) -> Layout:
    """What the first picture consists of; what is broken ends it."""
    progressive, scans, data, markers, begin = False, list[Scan](), b"", 0, 0
    shortest: dict[int, int] = {}
    components: tuple[int, ...] = ()
    width = height = 0
    for markers, one in enumerate(_segments(content), 1):
        if one.code in _FRAMES and len(one.body) > 5:
            progressive = one.code in _PROGRESSIVE
            components = tuple(one.body[6 : 6 + 3 * one.body[5] : 3])
            height, width = max(height, _number(one.body[1:3])), max(width, _number(one.body[3:5]))
        elif one.code == _START_OF_SCAN and one.body:
            scans.append(_scan(one.body))
            begin, data = one.data, content[one.data : one.end]
        elif one.code == _HUFFMAN:
            shortest |= _shortest_codes(one.body)
        if len(scans) > MAX_SCANS or markers > MAX_MARKERS:
            break
    zeros = progressive or not scans or shortest.get(0x10 | scans[-1].table, 0) == 0
    return Layout(progressive, components, (width, height), scans, data, begin, markers, zeros)


def _segments(content: bytes) -> Iterator[Segment]:
    """Walk through the markers of the first picture, its end included; what is broken ends the walk."""
    place = 2
    while found := _MARKER.search(content, place):
        code, begin, place = content[found.start() + 1], found.start(), found.end()
        if code in (0x01, 0xD8, _END):
            yield Segment(code, begin, b"", place, place)
            if code == _END:
                return
            continue
        body = content[place + 2 : place + _number(content[place : place + 2])]
        place = data = place + 2 + len(body)
        if code == _START_OF_SCAN and body:
            end = _MARKER.search(content, place)
            place = end.start() if end else len(content)
        yield Segment(code, begin, body, data, place)


def bare(content: bytes) -> bytes:
    """A JPEG file with nothing but what its data are read by, and an end.

    libjpeg tells its first word alone, which would be on a profile or on stray bytes between segments; and Pillow walks
    through the metadata of each of a TIFF's thousands of strips.
    """
    parts, sequential = [b"\xff\xd8"], False
    for one in _segments(content):
        sequential = one.code in _SEQUENTIAL if one.code in _FRAMES else sequential
        if one.code == _START_OF_SCAN and sequential and len(one.body) > 3:
            head = content[one.begin : one.data - 3] + bytes((0, 63, 0))  # which some writers leave at 0
            parts.append(head + content[one.data : one.end])
        elif one.code in (_START_OF_SCAN, *_FRAMES, *_NEEDED):
            parts.append(content[one.begin : one.end])
    return b"".join([*parts, bytes((0xFF, _END))])  # also where there is none, or what is no segment has taken it


def check_scans(found: Layout, name: str) -> None:
    """Refuse what would keep the decoder busy for long: ImageRefused."""
    if len(found.scans) > MAX_SCANS:
        raise ImageRefused(
            say(
                "{name} has more than {max_scans} scans, which no camera writes: export it again from its source.",
                name=name,
                max_scans=MAX_SCANS,
            )
        )
    refuse_many(name, found.markers, MAX_MARKERS)


def check_complete(found: Layout, content: bytes, pixels: NDArray[np.uint8], name: str) -> None:
    """Refuse what ends before its picture does: ImageRefused.

    content: the JPEG data of which `found` is the layout. pixels: uint8 (H, W), (H, W, 3) or (H, W, 4), decoded, as
    stored; the last `ROWS` are enough.
    """
    check_finished(found, content, name)
    if _is_cut(found, content, pixels):
        raise incomplete(name)


def check_finished(found: Layout, content: bytes, name: str) -> None:
    """Refuse what lacks whole scans, has a hole of zeros where these stand for coefficients, or ends in zeros without
    which it ends too early, as where the rest was never written: libjpeg warns of none of them. ImageRefused."""
    if _unfinished(found) or _has_hole(found) or _ends_in_zeros(found, content):
        raise incomplete(name)


def incomplete(name: str) -> ImageRefused:
    """What is said of a picture that ends before it should, whatever its format."""
    return ImageRefused(
        say("{name} is incomplete: a part of the picture is missing, so copy it again from its source.", name=name)
    )


def check_stream(content: bytes, name: str) -> None:
    """Refuse JPEG data out of another format's file that ends before its picture does: ImageRefused.

    content: one whole picture, its tables included, as `bare` gives it. What Pillow cannot read by itself is left to
    that format's decoder.
    """
    with suppress(UnidentifiedImageError), Image.open(BytesIO(content), formats=("JPEG",)) as picture:
        last = (0, max(0, picture.height - ROWS), picture.width, picture.height)
        check_complete(layout(content), content, np.asarray(picture.crop(last)), name)


def sound_pixels(content: bytes, height: int, width: int) -> NDArray[np.uint8] | None:
    """The picture as stored, uint8 (height, width, 3) RGB, from a file that libjpeg has nothing to say against.

    content: of a JPEG file of three components. height, width: as its header was checked to say; None where libjpeg
    reads another size there, as in a file of two headers, or warns of anything. Profile and orientation are left alone.
    Pixels equal Pillow's, which decodes with libjpeg-turbo, too, in 2.4 times as long at 12 megapixels.
    """
    try:
        if simplejpeg.decode_jpeg_header(content, strict=True)[:2] != (height, width):
            return None
        return np.asarray(simplejpeg.decode_jpeg(content, "RGB", strict=True), dtype=np.uint8)
    except (KeyError, ValueError):  # a warning, too, or a sampling that it does not know: Pillow has its say
        return None


def _shortest_codes(body: bytes) -> dict[int, int]:
    """What a code of zeros alone stands for in the tables of coefficients (T.81, B.2.4.2), by the table's number."""
    found, place = {}, 0
    while place + 17 < len(body):
        if body[place] >> 4:
            found[body[place]] = body[place + 17]
        place += 17 + sum(body[place + 1 : place + 17])
    return found


def _number(two: bytes) -> int:
    return int.from_bytes(two, "big")


def _scan(body: bytes) -> Scan:
    count = body[0]
    spectral = body[1 + 2 * count : 4 + 2 * count].ljust(3, b"\0")
    return Scan(
        tuple(body[1 : 1 + 2 * count : 2]),
        spectral[0],
        spectral[1],
        spectral[2] & 15,
        body[2] & 15 if count and len(body) > 2 else 0,
    )


def _unfinished(found: Layout) -> bool:
    """Whether a picture lacks whole scans; of a progressive one, coefficients or bits of them."""
    if not found.progressive:
        there = sum(len(scan.components) for scan in found.scans)
        return 0 < there < len(found.components)
    missing = {(component, place): 1 for component in found.components for place in range(64)}
    for scan in found.scans:
        for component in scan.components:
            missing |= {(component, place): scan.left for place in range(scan.first, scan.last + 1)}
    return any(missing.values())


def _is_cut(found: Layout, content: bytes, pixels: NDArray[np.uint8]) -> bool:
    """Whether data are missing, from the end or between: a sector that was lost in the middle shifts all behind it."""
    said = _first_fault(content, found)
    # The first fault alone is told, which need not be the cut.
    return bool(said) and (_is_broken(said) or _is_left_over(said, content) or _ends_in_nothing(found, pixels))


def _is_broken(said: str) -> bool:
    """Whether libjpeg's word tells of data that are missing or spoilt."""
    return any(broken in said for broken in BROKEN)


def _is_left_over(said: str, content: bytes) -> bool:
    """Whether libjpeg's word tells of data behind a full picture, or a full part between two marks: behind the picture
    no few stray bytes, and no zeros, which some writers put there."""
    left = _LEFT_OVER.search(said)
    if left is None:
        return False
    count, code = min(int(left[1]), len(content)), int(left[2], 16)
    if code in _RESTARTS:  # between two of which nothing is left of what is whole
        return True
    return count > STRAY and bytes(count) + bytes((0xFF, code)) not in content


def _has_hole(found: Layout) -> bool:
    """Whether there are zeros within the data of a scan, by whose tables they would be coefficients of -1, several
    hundred in a row; behind the data some writers put zeros."""
    return not found.zeros_end_blocks and bytes(HOLE) in found.data.rstrip(b"\0")


def _ends_in_zeros(found: Layout, content: bytes) -> bool:
    """Whether the data end in zeros that stand for a part of the picture: most tables have a code of zeros alone.

    Behind a whole picture some writers put more of them, which it does without. Where a plain margin is packed into
    zeros, there are neither more nor fewer than it takes, and libjpeg finds no fault.
    """
    end = len(found.data.rstrip(b"\0"))
    if len(found.data) - end <= STRAY:
        return False
    without = content[: found.place + end] + bytes((0xFF, _END))
    return _is_broken(_first_fault(without, found)) and bool(_first_fault(content, found))


def _first_fault(content: bytes, found: Layout) -> str:
    """What libjpeg has to say first against the data of a JPEG file that is laid out so; '' where there is nothing."""
    data, said = bare(content), ""
    for colour in ("CMYK",) if len(found.components) == 4 else ("GRAY", "RGB"):
        try:
            simplejpeg.decode_jpeg(data, colour, strict=True)
            return ""
        except KeyError:  # a sampling that simplejpeg does not know
            return ""
        except ValueError as fault:
            said = str(fault)
        if UNCONVERTED not in said:
            break
    return said


def _ends_in_nothing(found: Layout, pixels: NDArray[np.uint8]) -> bool:
    """Whether the last rows are the decoder's grey, and the data do not end in blocks of it."""
    if found.progressive or not _is_filled(pixels[-ROWS:]):
        return False
    tail = found.data.replace(b"\xff\x00", b"\xff")[-TAIL - 2 : -2]
    bits = np.unpackbits(np.frombuffer(tail, dtype=np.uint8))
    return not any((bits[period:] == bits[:-period]).all() for period in range(2, len(bits) // 3))


def _is_filled(pixels: NDArray[np.uint8]) -> bool:
    """Whether all pixels are what the decoder fills in; ink, (H, W, 4), may be stored the other way round."""
    filled = pixels == GREY
    if pixels.shape[2:] == (4,):
        filled |= pixels == 255 - GREY
    return bool(filled.all())
