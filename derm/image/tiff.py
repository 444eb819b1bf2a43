"""The JPEG data inside of a TIFF: each strip and tile is a JPEG picture of its own, most without their tables.

Needs a TIFF that Pillow has opened and its bytes. Decodes nothing; whether the data are whole is told by `jpeg`.
"""

from collections.abc import Iterator

from PIL import Image, TiffImagePlugin

JPEG, OLD_JPEG = 7, 6
"""The compression of strips and tiles as JPEG (TIFF technical note 2), and as TIFF 6.0 had it: one JPEG for all."""

_OLD_START, _OLD_COUNT = 513, 514
"""Tags of the old kind: where the JPEG begins, and how many bytes it has, of which some files name the head alone."""


def jpeg_streams(picture: Image.Image, content: bytes) -> Iterator[bytes]:
    """Each JPEG picture of which a TIFF consists, with its tables; of what is packed otherwise none.

    content: the whole file. Raises ValueError where strips lie in each other, which could make a small file endless.
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
    for start, count in places:
        stream = content[start : start + count]
        yield tables[:-2] + stream[2:] if len(tables) > 4 else stream
