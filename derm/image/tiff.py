"""The JPEG data inside of a TIFF: each strip and tile is a JPEG picture of its own, most without their tables.

Needs a TIFF that Pillow has opened and its bytes. Decodes nothing; whether the data are whole is told by `jpeg`.
"""

from collections.abc import Iterator

from PIL import Image, TiffImagePlugin

JPEG, OLD_JPEG = 7, 6
"""The compression of strips and tiles as JPEG (TIFF technical note 2), and as TIFF 6.0 had it: one JPEG for all."""

_OLD_START, _OLD_COUNT = 513, 514
"""Tags of the old kind: where the JPEG begins, and how many bytes it has, of which some files name the head alone."""

BLOCK = 16
"""Rows and columns of the largest block of JPEG, up to which some writers fill up a strip."""

MAX_SEGMENTS, MAX_TABLES = 64, 1 << 14
"""Most segments and bytes of the tables that all strips share, which each strip is read with: a writer needs a dozen,
and 600 bytes."""

MARKERS = 32
"""Markers of a strip, on average: a writer needs a dozen."""

REPEATED = 1 << 26
"""Bytes beyond those of the file that strips may have in all which lie in one place: slide scanners store one empty
tile for all."""


def part_size(picture: TiffImagePlugin.TiffImageFile) -> tuple[int, int]:
    """Width and height of a tile, or of a strip but the last, which may be lower, as stored: before it is turned."""
    tags = picture.tag_v2
    width, height = tags[TiffImagePlugin.IMAGEWIDTH], tags[TiffImagePlugin.IMAGELENGTH]
    if TiffImagePlugin.TILEOFFSETS in tags:
        return max(1, tags.get(TiffImagePlugin.TILEWIDTH, width)), max(1, tags.get(TiffImagePlugin.TILELENGTH, height))
    return width, max(1, min(tags.get(TiffImagePlugin.ROWSPERSTRIP, height), height))


def check_frame(picture: Image.Image, size: tuple[int, int]) -> None:
    """Raise ValueError for a JPEG stream of a TIFF that claims none, or more pixels than its strip or tile has: libtiff
    passes over the rest of a last strip, and one of a few kilobytes may claim billions.

    size: width and height that its header claims, 0 where it has none.
    """
    if not isinstance(picture, TiffImagePlugin.TiffImageFile):
        return
    tags = picture.tag_v2
    old = tags.get(TiffImagePlugin.COMPRESSION) == OLD_JPEG  # whose header may stand in tags of its own
    part = (tags[TiffImagePlugin.IMAGEWIDTH], tags[TiffImagePlugin.IMAGELENGTH]) if old else part_size(picture)
    if (not all(size) and not old) or any(claimed > wanted + BLOCK for claimed, wanted in zip(size, part, strict=True)):
        raise ValueError(f"a strip of {part} claims to be {size}")


def jpeg_streams(picture: Image.Image, content: bytes) -> Iterator[bytes]:
    """Each JPEG picture of which a TIFF consists, with its tables; of what is packed otherwise none.

    content: the whole file. Raises ValueError where strips lie in each other, or the tables that they share are long or
    none, each of which could make a small file endless.
    """
    if not isinstance(picture, TiffImagePlugin.TiffImageFile):
        return
    tags = picture.tag_v2
    packed = tags.get(TiffImagePlugin.COMPRESSION)
    if packed not in (JPEG, OLD_JPEG):
        return
    tiled = TiffImagePlugin.TILEOFFSETS in tags
    starts = tags[TiffImagePlugin.TILEOFFSETS if tiled else TiffImagePlugin.STRIPOFFSETS]
    counts = tags[TiffImagePlugin.TILEBYTECOUNTS if tiled else TiffImagePlugin.STRIPBYTECOUNTS]
    places = sorted(set(zip(starts, counts, strict=True)))  # slide scanners store an empty tile once
    if sum(count for _, count in places) > len(content):
        raise ValueError(f"{len(places)} strips have more bytes than their file")
    if packed == OLD_JPEG:
        if begin := tags.get(_OLD_START):
            yield content[begin : max(begin + tags.get(_OLD_COUNT, 0), *(start + count for start, count in places))]
        return
    tables = bytes(tags.get(TiffImagePlugin.JPEGTABLES, b""))
    if len(tables) > 4:
        _check_tables(tables)
    for start, count in places:
        stream = content[start : start + count]
        yield tables.removesuffix(b"\xff\xd9") + stream[2:] if len(tables) > 4 else stream


def _check_tables(tables: bytes) -> None:
    """Raise ValueError unless these are a few segments, one behind the other, with an end or without."""
    place, count = 2, 0
    if len(tables) > MAX_TABLES:
        raise ValueError(f"its JPEG tables have {len(tables)} bytes")
    while place < len(tables) and tables[place : place + 2] != b"\xff\xd9":
        length = int.from_bytes(tables[place + 2 : place + 4], "big")
        count += 1
        if tables[place] != 0xFF or length < 2 or count > MAX_SEGMENTS:
            raise ValueError(f"its JPEG tables are broken, or more than {MAX_SEGMENTS} segments")
        place += 2 + length
    if place > len(tables) or not tables.startswith(b"\xff\xd8"):
        raise ValueError("its JPEG tables are broken")
