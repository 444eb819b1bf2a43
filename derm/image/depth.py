"""Pictures of 10, 12 or 14 bits in files of 16: how many bits count, and the picture with 8.

Needs an opened picture and its file. Cameras and exports keep 0–4095 in the low bits of 16; read as 16 bits that is
nearly black, and another diagnosis. What is not known is asked for, not guessed.
"""

import struct
from io import BytesIO
from typing import Any

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


def deep_values(picture: Image.Image, content: bytes) -> NDArray[np.uint16] | None:
    """All 16 bits, (H, W, C), of a picture that is deep and decoded by now; None where they cannot be had.

    content: the whole file. It is decoded once more with the byte order turned, which gives the low bytes.
    """
    again = Image.open(BytesIO(content), formats=(picture.format or "",))
    if picture.mode == "RGBA" and all(_raw_mode(tile) == _GREY_AND_ALPHA for tile in _tiles(again)):
        # Four bytes a pixel, as RGBA of 8 bits has: high and low of grey, high and low of alpha.
        again.tile = [tile._replace(args="RGBA") for tile in _tiles(again)]
        pairs = np.asarray(again).view(">u2").astype(np.uint16)
        return pairs[..., [0, 0, 0, 1]]
    if "LA" in picture.mode or _tag(again, TiffImagePlugin.PLANAR_CONFIGURATION) == 2:
        return None
    again.tile = [_turned(tile) for tile in _tiles(again)]
    high, low = np.asarray(picture), np.asarray(again)
    whole: NDArray[np.uint16] = (high.astype(np.uint16) << 8) | low
    return whole


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
    top = int(values.max())
    if told is not None and told >= 8 and top < 1 << told:
        return (1 << told) - 1
    step = max(1, values.size // _SAMPLE)
    often = top if dark_is_high else int(np.quantile(values.ravel()[::step], 1 - FEW))
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
