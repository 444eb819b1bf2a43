"""Colours that files name by numbers (ISO 23091-2) and bring no profile of: PNG's cICP, and nclx of AVIF and HEIC.

Needs a file's bytes. Gives the profile of Display P3, and one sentence for what is not near sRGB: read as sRGB, a
picture of a high dynamic range is grey and flat, and gets another answer.
"""

from collections.abc import Iterator
from typing import NamedTuple

from derm.errors import ImageRefused
from derm.image.parts import MAX_PARTS, refuse_many
from derm.image.profiles import display_p3
from derm.language.speech import say

UNTOLD = frozenset((0, 2))
"""Primaries that are not told."""

SRGB_PRIMARIES = UNTOLD | {1, 5, 6, 7, 22}
"""Not told, those of sRGB (1), and those of television, which are near them."""

DISPLAY_P3 = 12

SRGB_CURVES = frozenset((0, 1, 2, 4, 5, 6, 7, 11, 12, 13, 14, 15))
"""Not told, that of sRGB (13), and those of photographs and television, which are shown alike."""

_SPACES = {"curve": {16: "HDR (PQ)", 18: "HDR (HLG)"}, "primaries": {9: "BT.2020", 11: "DCI-P3"}}


class Named(NamedTuple):
    """What a file says of its colours."""

    primaries: int
    curve: int
    """Transfer characteristics."""


def named_profile(named: Named, name: str) -> bytes | None:
    """The profile of colours that are named so; None for sRGB and what is near it. Raises ImageRefused for others.

    name: what the user calls the file.
    """
    if named.primaries in SRGB_PRIMARIES | {DISPLAY_P3} and named.curve in SRGB_CURVES:
        return display_p3() if named.primaries == DISPLAY_P3 else None
    space = _SPACES["curve"].get(named.curve) or _SPACES["primaries"].get(named.primaries)
    raise not_converted(name, space or f"{named.primaries}/{named.curve} (ISO 23091-2)")


def not_converted(name: str, space: str) -> ImageRefused:
    """The refusal of a picture whose colours Derm does not turn into sRGB. space: what its colours are called."""
    return ImageRefused(
        say(
            "{name} has its colours in {space}, which Derm does not convert: save it as a JPEG in sRGB.",
            name=name,
            space=space,
        )
    )


def png_colours(content: bytes) -> Named | None:
    """What the chunk cICP of a PNG says, which stands before its pixels; None without one."""
    place = 8
    while place + 12 <= len(content) and (kind := content[place + 4 : place + 8]) != b"IDAT":
        length = int.from_bytes(content[place : place + 4], "big")
        if kind == b"cICP" and length == 4:  # behind a shorter one stands its checksum
            return Named(content[place + 8], content[place + 9])
        place += 12 + length
    return None


def avif_colours(content: bytes, name: str) -> Named | None:
    """What an AVIF says of its main picture in nclx (ISO 14496-12, 12.1.5); None where it says nothing.

    Others in the file, such as a map of gains, have colours of their own. Raises ImageRefused for too many parts.
    """
    for kind, first, end in _boxes(content, 0, len(content), name):
        if kind == b"meta":
            return _of_main(content, first + 4, end, name)
    return None


def _of_main(content: bytes, first: int, end: int, name: str) -> Named | None:
    within = {kind: (start, stop) for kind, start, stop in _boxes(content, first, end, name)}
    if not {b"pitm", b"iprp"} <= within.keys():
        return None
    start, _ = within[b"pitm"]
    main = int.from_bytes(content[start + 4 : start + (6 if content[start : start + 1] == b"\0" else 8)], "big")
    properties, wanted = list[tuple[bytes, int]](), set[int]()
    for kind, start, stop in _boxes(content, *within[b"iprp"], name):
        if kind == b"ipco":
            properties = [(one, place) for one, place, _ in _boxes(content, start, stop, name)]
        elif kind == b"ipma":
            wanted |= _properties_of(content, start, stop, main, name)
    for number, (kind, place) in enumerate(properties, 1):
        if number in wanted and kind == b"colr" and content[place : place + 4] == b"nclx":
            numbers = content[place + 4 : place + 8]
            return Named(int.from_bytes(numbers[:2], "big"), int.from_bytes(numbers[2:], "big"))
    return None


def _properties_of(content: bytes, place: int, end: int, item: int, name: str) -> set[int]:
    """The numbers of an item's properties, from 1, as the box from `place` to `end` tells them (ISO 23008-12, 9.3)."""
    long_items, wide = content[place : place + 1] != b"\0", content[place + 3 : place + 4] == b"\1"
    found, steps = set[int](), 0
    count, place = int.from_bytes(content[place + 4 : place + 8], "big"), place + 8
    length, mask = (2, 0x7FFF) if wide else (1, 0x7F)
    while count > 0 and place < end:
        number = int.from_bytes(content[place : place + (4 if long_items else 2)], "big")
        place += 4 if long_items else 2
        of_item = content[place] if place < end else 0
        for start in range(place + 1, place + 1 + of_item * length, length):
            if number == item:
                found.add(int.from_bytes(content[start : start + length], "big") & mask)
        place += 1 + of_item * length
        count, steps = count - 1, steps + 1
        refuse_many(name, steps, MAX_PARTS)
    return found


def _boxes(content: bytes, place: int, end: int, name: str) -> Iterator[tuple[bytes, int, int]]:
    """Each box between two places: its kind, and where its content begins and ends."""
    count = 0
    while place + 8 <= end:
        length, kind, head = int.from_bytes(content[place : place + 4], "big"), content[place + 4 : place + 8], 8
        if length == 1:
            length, head = int.from_bytes(content[place + 8 : place + 16], "big"), 16
        stop = min(place + length, end) if length else end
        if stop < place + head:
            return
        yield kind, place + head, stop
        count, place = count + 1, stop
        refuse_many(name, count, MAX_PARTS)
