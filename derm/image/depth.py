"""Pictures of 10, 12 or 14 bits in files of 16: how many bits count, and the picture with 8.

Needs an opened picture and its file. Cameras and exports keep 0–4095 in the low bits of 16; read as 16 bits that is
nearly black, and another diagnosis. What is not known is asked for, not guessed.
"""

import struct
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from derm.errors import ImageRefused
from derm.language.speech import say

FULL = 65535
"""White of 16 bits."""

DEPTHS = (8, 10, 12, 14)
"""Bits that are kept in files of 16."""

DARK = 1 << 14
"""A picture of 16 bits has values from here on, a quarter of white, in more than `FEW` of its pixels: else it is black,
or has fewer bits."""

FEW = 0.001
"""Share of values that may be specks, text or dead pixels."""

STRIP = 128
"""Rows of a decoded picture that are taken out of it at a time: 1.5 MB of one that is 4,000 pixels wide."""

_SAMPLE = 1_000_000
"""As many values, about, are looked at for their share."""

_MAX_SAMPLE_VALUE = 281
"""Tag of TIFF."""

_GREY_AND_ALPHA = "LA;16B"
"""How Pillow calls the bytes of a PNG of grey and alpha with 16 bits, which it opens as RGBA."""

_OTHER_ORDER = {"L": "B", "B": "L", "N": "B"}
"""The byte order that is not the file's; N, the machine's own, is little on all that PyTorch runs on."""


def is_deep(picture: Image.Image) -> bool:
    """Whether an opened, not yet decoded picture in colour has 16 bits a value, of which Pillow keeps the high 8."""
    return picture.mode in ("RGB", "RGBA", "CMYK", "LA") and any(";16" in _raw_mode(tile) for tile in _tiles(picture))


class DeepValues(NamedTuple):
    """All 16 bits of a picture, of which no more than a strip is put together at a time: 40 million pixels of four
    channels would take 320 MB, and as much again on the way."""

    high: Image.Image
    """The high bytes; or of `pairs` high and low ones of grey and alpha, in four channels."""

    low: Image.Image | None
    """The low bytes; None of `pairs`."""

    def strips(self, rows: int = STRIP) -> Iterator[tuple[int, NDArray[np.uint16]]]:
        """Each strip of so many rows with its first row: uint16 (rows, W, C)."""
        for top, high in strips_of(self.high, rows):
            if self.low is None:
                yield top, high.view(">u2").astype(np.uint16)[..., [0, 0, 0, 1]]
                continue
            values = high.astype(np.uint16)
            values <<= 8
            values |= np.asarray(self.low.crop((0, top, self.low.width, top + len(high))))
            yield top, values


def strips_of(picture: Image.Image, rows: int = STRIP) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """A picture of several channels as strips of so many rows, uint8 (rows, W, C), each with its first row."""
    for top in range(0, picture.height, rows):
        yield top, np.asarray(picture.crop((0, top, picture.width, min(top + rows, picture.height))))


def deep_values(picture: Image.Image, content: bytes) -> DeepValues | None:
    """All 16 bits of a picture that is deep and decoded by now; None where they cannot be had.

    content: the whole file. It is decoded once more with the byte order turned, which gives the low bytes. What is
    pasted into `picture` afterwards is in the strips that follow.
    """
    again = Image.open(BytesIO(content), formats=(picture.format or "",))
    if picture.mode == "RGBA" and all(_raw_mode(tile) == _GREY_AND_ALPHA for tile in _tiles(again)):
        # Four bytes a pixel, as RGBA of 8 bits has: high and low of grey, high and low of alpha.
        again.tile = [tile._replace(args="RGBA") for tile in _tiles(again)]
        return DeepValues(again, None)
    if "LA" in picture.mode or _tag(again, TiffImagePlugin.PLANAR_CONFIGURATION) == 2:
        return None
    again.tile = [_turned(tile) for tile in _tiles(again)]
    return DeepValues(picture, again)


def told_bits(picture: Image.Image, content: bytes) -> int | None:
    """How many bits of a value count, where the file says so: by sBIT of PNG, or MaxSampleValue of TIFF."""
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        most = _tag(picture, _MAX_SAMPLE_VALUE)
        known = {(1 << bits) - 1: bits for bits in range(8, 17)}
        return known.get(most if isinstance(most, int) else 0)
    if picture.format == "PNG":
        bits = _significant(content)
        return max(bits) if bits else None
    return None


def white_of(values: NDArray[np.uint16], told: int | None, name: str, *, dark_is_high: bool = False) -> int:
    """The value that white has in `values`, uint16 of any shape: 65535, or 4095 of 12 bits; ImageRefused where unclear.

    told: as `told_bits` has it. dark_is_high: of inks, and where 0 is white, so that a light picture has low values.
    """
    return white_of_strips((values,), values.size, told, name, dark_is_high=dark_is_high)


def white_of_strips(
    strips: Iterable[NDArray[np.uint16]], count: int, told: int | None, name: str, *, dark_is_high: bool = False
) -> int:
    """`white_of` what comes in several pieces, one behind the other. count: of all their values together."""
    step, top, place, sample = max(1, count // _SAMPLE), 0, 0, list[NDArray[np.uint16]]()
    for strip in strips:
        values = strip.ravel()
        top = max(top, int(values.max()))
        sample.append(values[-place % step :: step].copy())  # as of one piece, and the piece itself is let go
        place += values.size
    if told is not None and told >= 8 and top < 1 << told:
        return (1 << told) - 1
    often = top if dark_is_high else int(np.quantile(np.concatenate(sample), 1 - FEW))
    if often >= DARK or top == 0:
        return FULL
    bits = next((bits for bits in DEPTHS if top < 1 << bits), 16)
    if bits < 16 and 2 * top >= 1 << bits:
        return (1 << bits) - 1
    raise ImageRefused(
        say(
            "{name} has 16 bits a value, uses them hardly beyond {often:,} of {full:,}, and does not say how "
            "many count: save it with 8 bits, or scaled to all 16.",
            name=name,
            often=often,
            full=FULL,
        )
    )


def eight_bits(values: NDArray[np.uint16], white: int) -> NDArray[np.uint8]:
    """`values` from 0 … `white` to 0 … 255, of the same shape."""
    table = np.rint(np.arange(FULL + 1) * (255 / white)).clip(0, 255).astype(np.uint8)
    scaled: NDArray[np.uint8] = table[values]
    return scaled


def _tiles(picture: Image.Image) -> list[Any]:
    return list(getattr(picture, "tile", ()))


def _raw_mode(tile: Any) -> str:  # noqa: ANN401  Pillow's own named tuple
    """How a tile's bytes are laid out, in Pillow's words: 'RGB;16B'."""
    return str(tile.args if isinstance(tile.args, str) else tile.args[0] if tile.args else "")


def _turned(tile: Any) -> Any:  # noqa: ANN401
    """A tile whose bytes are read in the other order."""
    raw = _raw_mode(tile)
    turned = raw[:-1] + _OTHER_ORDER[raw[-1]]
    return tile._replace(args=turned if isinstance(tile.args, str) else (turned, *tile.args[1:]))


def _tag(picture: Image.Image, number: int) -> object:
    """A tag of a TIFF, the first where there are several; None for any other."""
    found = picture.tag_v2.get(number) if isinstance(picture, TiffImagePlugin.TiffImageFile) else None
    return found[0] if isinstance(found, tuple) and found else found


def _significant(content: bytes) -> bytes:
    """The body of the chunk sBIT of a PNG, a byte a channel without alpha; b'' where there is none."""
    place = 8
    while place + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        if kind == b"sBIT":
            body = content[place + 8 : place + 8 + length]
            return body[: 3 if length > 2 else 1]
        if kind in (b"IDAT", b"IEND"):
            return b""
        place += 12 + length
    return b""
