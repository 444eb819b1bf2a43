"""Colour profiles (ICC): of spaces that files name without bringing one (Adobe RGB of cameras, Display P3 of
telephones), and what is taken from those that they bring.

Needs nothing. Gives bytes as a file would bring them, after ICC.1:2001-04 (version 2).
"""

import struct
from functools import cache

WHITE = (0.9642, 1.0, 0.8249)
"""XYZ of D50, to which all colours of a profile are adapted."""

ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
"""XYZ (D50) of red, green and blue, Adobe RGB (1998)."""

DISPLAY_P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
"""The same of Display P3."""

ADOBE_GAMMA = 563 / 256

_INDEX = 128
"""Where the list of a profile's tags begins."""

_MOST_TAGS = 100
"""Of more the library reads none."""

_ELEMENTS = (b"D2B", b"B2D")
"""Names of tags of processing elements begin so."""


@cache
def adobe_rgb() -> bytes:
    """The profile of Adobe RGB (1998), which cameras name in EXIF alone."""
    return _profile(ADOBE_RGB, b"curv" + bytes(4) + struct.pack(">IH", 1, round(ADOBE_GAMMA * 256)))


@cache
def display_p3() -> bytes:
    """The profile of Display P3, whose curve is that of sRGB."""
    values = [value / 1023 for value in range(1024)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in values]
    table = struct.pack(">I1024H", 1024, *(round(65535 * value) for value in linear))
    return _profile(DISPLAY_P3, b"curv" + bytes(4) + table)


def without_elements(profile: bytes) -> bytes:
    """A profile without its tags of processing elements (ICC.1:2022, 9.2); the ones beside them say the same.

    Such a tag may name one element any number of times: 12 kB kept the library of colours busy for minutes.
    """
    bare = bytearray(profile)
    (count,) = struct.unpack_from(">I", profile, _INDEX) if len(profile) >= _INDEX + 4 else (0,)
    for place in range(_INDEX + 4, min(_INDEX + 4 + 12 * min(count, _MOST_TAGS), len(bare)), 12):
        if bare[place : place + 3] in _ELEMENTS:
            bare[place : place + 3] = bytes(bare[place : place + 3]).lower()
    return bytes(bare)


def _profile(primaries: tuple[tuple[float, float, float], ...], curve: bytes) -> bytes:
    """A display's profile of three primaries and one curve."""
    parts = {
        b"wtpt": _xyz(WHITE),
        **{name: _xyz(place) for name, place in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"Derm\0" + bytes(78),
        b"cprt": b"text" + bytes(4) + b"none\0",
    }
    place = 128 + 4 + 12 * len(parts)
    index, body = struct.pack(">I", len(parts)), b""
    for name, content in parts.items():
        padded = content + bytes(-len(content) % 4)
        index += name + struct.pack(">II", place + len(body), len(content))
        body += padded
    size = place + len(body)
    head = struct.pack(">I4sI", size, bytes(4), 0x02400000) + b"mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28)
    return (head + struct.pack(">3i", *map(_fixed, WHITE))).ljust(128, b"\0") + index + body


def _xyz(place: tuple[float, float, float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *map(_fixed, place))


def _fixed(value: float) -> int:
    """A number as s15Fixed16."""
    return round(value * 65536)
