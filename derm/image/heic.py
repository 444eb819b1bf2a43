"""HEIC and HEIF files, as telephones write them, where pi-heif is installed: `pip install 'derm[heic]'`.

Needs the whole file. Decoding takes place in a process of its own, see `isolate`. Knows nothing of other formats.
"""

from importlib.util import find_spec
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from derm.errors import ImageRefused
from derm.image.isolate import in_own_process
from derm.image.items import check_items, closed
from derm.image.jpeg import incomplete
from derm.image.named_colours import Named, named_profile
from derm.image.whole import end_in_boxes, ends_empty
from derm.language.speech import say

EMPTY_GREENS = (77, 84, 89, 94, 135)
"""What 0 of brightness and of both differences of colour, which no picture has, is in green, without red and blue: by
BT.709, BT.2020 and BT.601, in their narrow range and in their full one (H.273, 8.3). The decoder leaves it where a part
of the picture was not decoded."""

BLOCK = 8
"""Pixels of a side of what is looked at for it. HEVC decodes 16 at least at a time, 64 mostly."""


def heic_is_read() -> bool:
    """Whether what decodes them is installed."""
    return find_spec("pi_heif") is not None


def read_heic(content: bytes, name: str) -> NDArray[np.uint8]:
    """The main picture of a HEIC file, uint8 (H, W, 3) sRGB, upright; ImageRefused where it is damaged.

    name: what the user calls it.
    """
    return in_own_process("derm.image.heic:parse", content, name)[0]


def parse(content: bytes, name: str) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """`read_heic` in this very process, without limits; nothing is said of the picture beside its pixels."""
    import pi_heif

    from derm.image.decode import check_size, read_picture

    try:
        check_items(content, name)
        found = pi_heif.open_heif(BytesIO(closed(content)), convert_hdr_to_8bit=True)
        width, height = found.size
        check_size(width, height, name)
        if ends_empty(content, width * height, end_in_boxes(content)):
            raise incomplete(name)
        data, channels = bytes(found.data), len(found.mode)
        rows = np.frombuffer(data, dtype=np.uint8, count=height * found.stride).reshape(height, found.stride)
        if has_holes(rows[:, : width * channels].reshape(height, width, channels)):
            raise incomplete(name)
        picture = Image.frombytes(found.mode, (width, height), data, "raw", found.mode, found.stride)
        # The file turns its picture itself; its EXIF orientation would turn it again.
        picture.info["icc_profile"] = found.info.get("icc_profile") or _named(found.info.get("nclx_profile"), name)
    except ImageRefused:
        raise
    except Exception as error:  # libheif's own faults have no common class
        raise ImageRefused(
            say("{name} is a damaged HEIC picture, or cut short: copy it or export it again.", name=name)
        ) from error
    return read_picture(picture, name), {}


def has_holes(pixels: NDArray[np.uint8]) -> bool:
    """Whether a part of a picture in colour, uint8 (H, W, 3 or 4), was never decoded: whole blocks of `EMPTY_GREENS`.

    A dark picture has no colour, so that its black is another. Of grey ones nothing is told.
    """
    if pixels.ndim != 3 or pixels.shape[2] < 3 or not _is_empty(pixels[::BLOCK, ::BLOCK]).any():
        return False
    height, width = (side // BLOCK * BLOCK for side in pixels.shape[:2])
    blocks = _is_empty(pixels[:height, :width]).reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    return bool(blocks.all(axis=(1, 3)).any())


def _is_empty(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    greens = np.zeros(256, dtype=np.bool_)
    greens[[green + more for green in EMPTY_GREENS for more in (-1, 0, 1)]] = True
    empty: NDArray[np.bool_] = (pixels[..., 0] == 0) & (pixels[..., 2] == 0) & greens[pixels[..., 1]]
    return empty


def _named(colours: object, name: str) -> bytes | None:
    """The profile of colours that a file names by numbers, see `named_profile`."""
    if not isinstance(colours, dict):
        return None
    told = Named(int(colours.get("color_primaries", 0)), int(colours.get("transfer_characteristics", 0)))
    return named_profile(told, name)
