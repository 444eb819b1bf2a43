"""Whether the coded pictures of a HEIC file, its tiles above all, are there from end to end.

Needs the whole file. Decodes nothing: places, lengths and the units of HEVC are read. libheif passes over tiles that it
cannot find or decode, and its HEVC decoder fills up what is missing, both without a word.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from derm.image.jpeg import incomplete

MAX_ENTRIES = 20_000
"""Most boxes, items and spans, and units of an item, that are looked at: a telephone's picture of 48 megapixels has
about 300, and one unit in each tile."""

MAX_COPIED = 50_000_000
"""Most bytes of coded pictures that are copied for `closed`, and that all items together have beyond their file's,
where some lie in each other."""

CLOSE = b"\xff" * 4096
"""Behind a slice: bits after its end are not read (H.265, 7.3.2.9), and these end the reading of one that is cut."""

FILLING = 16
"""Most zeros behind a unit, which has none by the standard."""

_HEVC = (b"hvc1", b"hev1")
_SLICES = range(32)
"""Kinds of units that hold a part of a picture (H.265, table 7-1)."""

_FORBIDDEN = re.compile(rb"\0\0[\0-\2]")
"""What no unit has (H.265, 7.4.2), and a file has where nothing was written."""


class Box(NamedTuple):
    """One box (ISO 14496-12, 4.2)."""

    kind: bytes
    first: int
    """Where its body begins."""

    end: int


class Span(NamedTuple):
    """One piece of an item."""

    first: int
    length: int
    place: int
    """Where the file keeps the number that `first` comes from, with the length behind it."""


class Item(NamedTuple):
    """One item, by the table of places (8.11.3)."""

    number: int
    kind: bytes
    way: int
    """0: its pieces lie in the file, 1: in the metadata's own data, 2: in another item."""

    elsewhere: bool
    """Whether it lies in another file."""

    base: int
    spans: tuple[Span, ...]


class Places(NamedTuple):
    """What a file says of its items."""

    items: tuple[Item, ...]
    first_size: int
    """Bytes of the numbers of places in it."""

    length_size: int
    own: tuple[int, int]
    """Where the metadata's own data begin and end."""

    unit_size: int
    """Bytes of the length before each unit of HEVC."""


def check_items(content: bytes, name: str) -> None:
    """Refuse a file that lacks a part of any item, or whose coded pictures are not units from end to end: ImageRefused.

    Raises ValueError or IndexError where its tables are broken.
    """
    table = _table(content)
    if table is None:
        return
    taken = 0
    for item in table.items:
        places = _located(item, table, len(content))
        if places is None:
            raise incomplete(name)
        if item.kind not in _HEVC or item.way > 1 or item.elsewhere:
            continue
        taken += sum(length for _, length in places)
        if taken > len(content) + MAX_COPIED:
            raise ValueError("its coded pictures lie in each other")
        if not _is_whole(b"".join(content[first : first + length] for first, length in places), table.unit_size):
            raise incomplete(name)


def closed(content: bytes) -> bytes:
    """The same file, checked before, with `CLOSE` behind each slice of HEVC, which changes no pixel of a whole one.

    Of a slice whose end is missing, lengths corrected, the decoder then makes no more up: see `heic`. What lies in
    several pieces, or where its numbers have no room, stays as it is.
    """
    table = _table(content)
    if table is None or min(table.first_size, table.length_size) < 4 or table.unit_size < 3:
        return content
    patched, more = bytearray(content), bytearray()
    for item in table.items:
        if item.kind not in _HEVC or item.way or item.elsewhere or len(item.spans) != 1:
            continue
        (span,), ((start, length),) = item.spans, _located(item, table, len(content)) or [(0, 0)]
        units = b"".join(
            (len(unit) + len(end)).to_bytes(table.unit_size, "big") + unit + end
            for _, unit in _units(content[start : start + length], table.unit_size)
            for end in (CLOSE if unit[0] >> 1 in _SLICES else b"",)
        )
        first = len(content) + 8 + len(more) - item.base
        if len(more) + len(units) > MAX_COPIED or first >= 1 << 8 * table.first_size:
            return content
        more += units
        end = span.place + table.first_size
        patched[span.place : end] = first.to_bytes(table.first_size, "big")
        patched[end : end + table.length_size] = len(units).to_bytes(table.length_size, "big")
    return bytes(patched) + (8 + len(more)).to_bytes(4, "big") + b"free" + bytes(more)


def _located(item: Item, table: Places, size: int) -> list[tuple[int, int]] | None:
    """Where an item's pieces begin in a file of so many bytes, and their lengths; None where one lies beyond the end,
    and nothing of what cannot be looked up here."""
    if item.elsewhere or item.way > 1:
        return []
    start, end = table.own if item.way else (0, size)
    found = list[tuple[int, int]]()
    for span in item.spans:
        first = start + item.base + span.first
        length = end - first if table.length_size == 0 else span.length
        if first > end or first + length > end:
            return None
        found.append((first, length))
    return found


def _is_whole(data: bytes, size: int) -> bool:
    """Whether an item's data are units of HEVC from end to end, with a slice among them."""
    slices = 0
    for length, unit in _units(data, size):
        if length < 2 or length != len(unit) or unit[0] & 0x80:
            return False
        if unit[0] >> 1 in _SLICES:
            body = unit.rstrip(b"\0")
            if len(unit) - len(body) > FILLING or _FORBIDDEN.search(body):
                return False
            slices += 1
    return slices > 0


def _units(data: bytes, size: int) -> Iterator[tuple[int, bytes]]:
    """The units of HEVC as far as they are there, each with the length that stands before it. Raises ValueError for too
    many."""
    place = count = 0
    while place < len(data):
        count += 1
        if count > MAX_ENTRIES:
            raise ValueError(f"more than {MAX_ENTRIES} units of HEVC")
        length = int.from_bytes(data[place : place + size], "big")
        yield length, data[place + size : place + size + length]
        place += size + length


def _table(content: bytes) -> Places | None:
    """What a file says of its items; None where it has none. Raises ValueError where a box stands twice of which each
    reader takes another."""
    metadata = [box for box in _boxes(content, 0, len(content)) if box.kind == b"meta"]
    if not metadata:
        return None
    inside = list(_boxes(content, _only(metadata).first + 4, metadata[0].end))
    by_kind = {kind: [box for box in inside if box.kind == kind] for kind in (b"iloc", b"iinf", b"idat", b"iprp")}
    if not by_kind[b"iloc"]:
        return None
    kinds = dict(_kinds(content, _only(by_kind[b"iinf"]))) if by_kind[b"iinf"] else {}
    own = _only(by_kind[b"idat"])[1:] if by_kind[b"idat"] else (0, 0)
    place = _only(by_kind[b"iloc"]).first
    return Places(
        tuple(_items(content, place, kinds)),
        content[place + 4] >> 4,
        content[place + 4] & 15,
        own,
        _unit_size(content, by_kind[b"iprp"]),
    )


def _only(found: list[Box]) -> Box:
    (box,) = found
    return box


def _boxes(content: bytes, place: int, end: int) -> Iterator[Box]:
    for _ in range(MAX_ENTRIES):
        if place + 8 > end:
            return
        length, kind, head = int.from_bytes(content[place : place + 4], "big"), content[place + 4 : place + 8], 8
        if length == 1:
            length, head = int.from_bytes(content[place + 8 : place + 16], "big"), 16
        if length == 0:
            length = end - place
        if length < head:  # nothing that is known
            return
        yield Box(kind, place + head, min(place + length, end))
        place += length
    raise ValueError(f"more than {MAX_ENTRIES} boxes")


def _kinds(content: bytes, box: Box) -> Iterator[tuple[int, bytes]]:
    """Each item's number and kind (8.11.6)."""
    first = box.first + (6 if content[box.first] == 0 else 8)
    for entry in _boxes(content, first, box.end):
        size = {2: 2, 3: 4}.get(content[entry.first], 0)
        if entry.kind == b"infe" and size:
            number = entry.first + 4
            yield int.from_bytes(content[number : number + size], "big"), content[number + size + 2 : number + size + 6]


def _unit_size(content: bytes, properties: list[Box]) -> int:
    """Bytes of the length before each unit, of which all that describe HEVC tell the same (ISO 14496-15, 8.3.3)."""
    tables = [inner for box in properties for inner in _boxes(content, box.first, box.end) if inner.kind == b"ipco"]
    found = [box for table in tables for box in _boxes(content, table.first, table.end) if box.kind == b"hvcC"]
    sizes = {(content[box.first + 21] & 3) + 1 for box in found if box.first + 21 < box.end}
    if len(sizes) > 1:
        raise ValueError(f"units of HEVC with lengths of {sorted(sizes)} bytes")
    return min(sizes, default=4)


def _items(content: bytes, place: int, kinds: dict[int, bytes]) -> Iterator[Item]:
    version, sizes, more = content[place], content[place + 4], content[place + 5]
    wide = 4 if version == 2 else 2
    place += 6

    def number(length: int) -> int:
        nonlocal place
        place += length
        if place > len(content):
            raise ValueError("the table of places is cut short")
        return int.from_bytes(content[place - length : place], "big")

    entries = 0
    for _ in range(number(wide)):
        item = number(wide)
        way = number(2) & 15 if version else 0
        elsewhere = number(2) != 0
        base, spans = number(more >> 4), list[Span]()
        for _ in range(number(2)):
            number(more & 15 if version else 0)
            start = place
            spans.append(Span(number(sizes >> 4), number(sizes & 15), start))
        entries += 1 + len(spans)
        if entries > MAX_ENTRIES:
            raise ValueError(f"more than {MAX_ENTRIES} items")
        yield Item(item, kinds.get(item, b""), way, elsewhere, base, tuple(spans))
