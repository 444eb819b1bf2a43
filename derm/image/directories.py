"""Whether the directories of a TIFF, or of EXIF, which is one, list more than Pillow, in Python, reads soon.

Needs the bytes from the TIFF's header on. Makes no object of a value: counts, places and the picture's size are read.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from derm.errors import ImageRefused
from derm.language.speech import mark, say

MAX_TAGS = 8_000
"""Most tags of all directories that are read. Cameras write a hundred; a pointer into the void finds 5,461 in 64 kB."""

MAX_VALUES = 250_000
"""Most numbers in them, but for plain bytes: a palette of 16 bits, or a transfer curve, has 196,608."""

MAX_FRACTIONS = 2_000
"""Most of them that are fractions, each of which becomes an object."""

MAX_STRIPS = 100_000
"""Most strips or tiles of a picture, however large."""

MAX_JPEG_STRIPS = 10_000
"""The same of strips and tiles that are JPEG, each of which is opened by itself: 40 million pixels in tiles of 64."""

SHARED = 1 << 16
"""Bytes beyond those that are there twice over which tags may have that share their place."""

PREFIXES = (b"II*\0", b"MM\0*", b"II\0*", b"MM*\0", b"II+\0", b"MM\0+")
"""Headers that Pillow takes for TIFF's; in the last two places and counts have 64 bits."""

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
"""Bytes of a value of each kind that Pillow reads."""

_NUMBERS = {1: "B", 3: "H", 4: "L", 6: "b", 8: "h", 9: "l", 13: "L", 16: "Q"}
_FRACTIONS = (5, 10)
_PLAIN = (1, 2, 7)
"""Bytes and text, which stay in one piece."""

_ONE_BY_ONE = (258, 320, 338, 339)
"""Bits, palette, further channels and formats of values, which are gone through even where they are plain bytes."""

_PARTS = (273, 279, 324, 325)
"""Places and lengths of the strips and tiles."""

_LAYOUT = (*range(254, 267), *range(273, 298), *range(317, 326), *range(338, 348), *range(512, 522), *range(529, 533))
"""Tags that say how the pixels lie in a file, and those between them."""

_DIRECTORIES = (34665, 34853, 40965)
"""Tags that point at another directory that Pillow reads: EXIF, GPS and Interoperability."""

_WIDTH, _HEIGHT, _CHANNELS, _COMPRESSION, _ACROSS, _DOWN = 256, 257, 277, 259, 322, 323
_JPEG = (6, 7)

TILE = 16
"""Shortest side of a tile (TIFF 6.0, section 15)."""

MAX_TILE = 4_096
"""Longest side of a tile that is longer than its picture: libtiff unpacks all of it, 64 pixels or 600 million. Most
writers have 512 and 1,024."""


class Tag(NamedTuple):
    """One entry of a directory whose values lie within the file."""

    number: int
    kind: int
    values: int
    first: int
    """Its first value where that is a whole number, else 0."""


def check_directories(block: bytes, name: str, *, is_picture: bool = False) -> None:
    """Refuse what lists more than the limits above, more strips than its picture can have, or much larger tiles:
    ImageRefused.

    Raises ValueError where a tag of the pixels' layout is of a kind that libtiff may know, and Pillow passes over, and
    where tags have many times the bytes that are there.

    is_picture: whether the first directory describes a picture that is to be read, as in a TIFF, and not in EXIF. Of
    tags that stand twice each counts, for Pillow's choice between them depends on what it could read.
    """
    if block.startswith(PREFIXES):
        wide = block[2] == 43  # as Pillow has it, which takes a wide TIFF of the other order for a plain one
        _check(block, name, wide=wide, is_picture=is_picture)
        if block[3] == 43:
            _check(block, name, wide=True, is_picture=is_picture)


def _check(block: bytes, name: str, *, wide: bool, is_picture: bool) -> None:
    order = "<" if block.startswith(b"II") else ">"
    head = 16 if wide else 8
    if len(block) < head:
        return
    (first,) = struct.unpack_from(order + ("Q" if wide else "L"), block, head // 2)
    waiting, seen = [first], set[int]()
    tags = values = fractions = 0
    while waiting:
        place = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        sizes, parts, most = {_WIDTH: 0, _HEIGHT: 0, _CHANNELS: 1, _ACROSS: 0, _DOWN: 0}, 0, MAX_STRIPS
        for tag in _sound(_tags(block, place, order, wide=wide), len(block), is_picture and place == first):
            tags += 1
            is_part = is_picture and place == first and tag.number in _PARTS
            if is_part:
                parts = max(parts, tag.values)
            elif tag.kind in _FRACTIONS:
                fractions += tag.values
            elif tag.kind not in _PLAIN or tag.number in (*_ONE_BY_ONE, *_PARTS):
                values += tag.values
            if tag.number in _DIRECTORIES:
                waiting.append(tag.first)
            if tag.number == _COMPRESSION and tag.first in _JPEG:
                most = MAX_JPEG_STRIPS
            if tag.number in sizes:
                sizes[tag.number] = max(sizes[tag.number], tag.first)
            _refuse_many(name, tags, mark("tags"), MAX_TAGS)
            _refuse_many(name, values, mark("values"), MAX_VALUES)
            _refuse_many(name, fractions, mark("fractions"), MAX_FRACTIONS)
        _check_strips(name, parts, sizes[_WIDTH], sizes[_HEIGHT], sizes[_CHANNELS], most)
        if is_picture and place == first:
            _check_tiles(name, sizes[_ACROSS], sizes[_DOWN], sizes[_WIDTH], sizes[_HEIGHT])


def _tags(block: bytes, place: int, order: str, *, wide: bool) -> Iterator[Tag]:
    """The tags of the directory at `place`, as far as they are there; none where it lies beyond the end."""
    counted, entry, room = ("Q", "HHQ8s", 8) if wide else ("H", "HHL4s", 4)
    length = struct.calcsize("<" + counted)
    if place + length > len(block):
        return
    (count,) = struct.unpack_from(order + counted, block, place)
    begin, step = place + length, struct.calcsize("<" + entry)
    for start in range(begin, min(begin + count * step, len(block) - step + 1), step):
        number, kind, values, body = struct.unpack_from(order + entry, block, start)
        size = values * _SIZES.get(kind, 0)
        if size > room:
            (there,) = struct.unpack(order + ("Q" if wide else "L"), body)
            if there + size > len(block):  # which Pillow skips, too
                continue
            body = block[there : there + 8]
        one = _NUMBERS.get(kind)
        first = struct.unpack_from(order + one, body)[0] if one and size else 0
        yield Tag(number, kind, values if size else 0, max(first, 0))


def _sound(tags: Iterator[Tag], size: int, is_layout: bool) -> Iterator[Tag]:
    """The tags of a directory in a block of so many bytes, until one is unsound: ValueError."""
    held = 0
    for tag in tags:
        held += tag.values * _SIZES.get(tag.kind, 0)
        if held > 2 * size + SHARED:  # values in one place, which Pillow before 13 copies for each tag
            raise ValueError(f"tags of {held} bytes in {size}")
        if is_layout and tag.number in _LAYOUT and tag.kind not in _SIZES:  # which libtiff may read, and Pillow not
            raise ValueError(f"tag {tag.number} is of kind {tag.kind}")
        yield tag


def _refuse_many(name: str, count: int, things: str, most: int) -> None:
    if count > most:
        raise ImageRefused(
            say(
                "{name} has {count:,} {things} in its metadata, and Derm reads {most:,} at most: export it again from "
                "its source.",
                name=name,
                count=count,
                things=say(things),
                most=most,
            )
        )


def _check_strips(name: str, parts: int, width: int, height: int, channels: int, most: int) -> None:
    """Refuse more strips than a picture has rows, or tiles of the least size, a channel; no size is Pillow's to say."""
    most = min(most, channels * max(height, -(-width // TILE) * -(-height // TILE)))
    if width and height and parts > most:
        raise ImageRefused(
            say(
                "{name} lists {parts:,} strips of pixels, and {width} × {height} pixels need {most:,} at most: export "
                "it again from its source.",
                name=name,
                parts=parts,
                width=width,
                height=height,
                most=most,
            )
        )


def _check_tiles(name: str, across: int, down: int, width: int, height: int) -> None:
    """Refuse tiles that are much larger than their picture."""
    if across > max(MAX_TILE, width + TILE) or down > max(MAX_TILE, height + TILE):
        raise ImageRefused(
            say(
                "{name} has tiles of {across} × {down} pixels for a picture of {width} × {height}: export it again "
                "from its source.",
                name=name,
                across=across,
                down=down,
                width=width,
                height=height,
            )
        )
