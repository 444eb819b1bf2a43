"""Kept pictures, decoded: small ones to look at, and outlines that were drawn elsewhere.

Needs their files and rows of the records. Knows no page.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derm.errors import RecordsFault
from derm.image.decode import FORMATS, MAX_PIXELS, claimed_size, mask_values, read_image
from derm.image.overlay import draw_outline, resize_mask, resize_picture
from derm.language.speech import say
from derm.predict.packed import unpack
from derm.records import entry

SMALL = 480
"""Longer side of a small picture, pixels."""

OUTLINE = 1.5
"""Width of an outline on it, as a multiple of that on a large one."""


def small(content: bytes, name: str) -> NDArray[np.uint8]:
    """The picture in a kept file, uint8 (h, w, 3) RGB, its longer side at most `SMALL` pixels. Raises ImageRefused."""
    image = read_image(content, name)
    height, width = image.shape[:2]
    scale = min(1.0, SMALL / max(height, width))
    return resize_picture(image, max(1, round(height * scale)), max(1, round(width * scale)))


def with_outline(
    image: NDArray[np.uint8], picture: Mapping[str, Any], answers: Sequence[Any], corrections: Sequence[Any]
) -> NDArray[np.uint8]:
    """`image` of a kept picture, uint8 (h, w, 3), with the outline that stands: the last correction's, dashed, or else
    the last answer's; as it is without.

    picture, answers, corrections: rows of the records, the oldest first.
    """
    packed, corrected = standing_outline(answers, corrections)
    if packed is None:
        return image
    outline = kept_outline(packed, picture)
    return draw_outline(image, resize_mask(outline, *image.shape[:2]), dashed=corrected, scale=OUTLINE)


def standing_outline(answers: Sequence[Any], corrections: Sequence[Any]) -> tuple[bytes | None, bool]:
    """The packed outline that stands, None for none, and whether it is a correction's, see `with_outline`."""
    drawn = [row["outline"] for row in corrections if row["outline"] is not None]
    packed = drawn or [row["outline"] for row in answers]
    return (packed[-1] if packed else None), bool(drawn)


def kept_outline(packed: bytes, picture: Mapping[str, Any]) -> NDArray[np.bool_]:
    """A kept outline of a picture, by their rows, bool (H, W). Raises RecordsFault for one that is not of its size."""
    shape = picture["height"], picture["width"]
    try:
        if not 0 < shape[0] * shape[1] <= MAX_PIXELS:
            raise ValueError(f"{shape[1]} × {shape[0]} pixels")
        return unpack(packed, shape)
    except (ValueError, TypeError) as error:
        raise RecordsFault(
            say(
                "The outline of {name} is damaged ({reason}): restore a backup, or draw it anew.",
                name=picture["name"],
                reason=error,
            )
        ) from error


def outline_in(content: bytes, name: str, picture: Mapping[str, Any]) -> NDArray[np.bool_]:
    """The outline of a kept picture, by its row, in a mask's file that is black but for the lesion, bool (H, W): grey,
    in colour, of 1 bit or with a palette.

    What claims another size is refused before it is decoded; upright or not, for EXIF may turn it. Raises ImageRefused
    for no mask's file, RecordsFault for one that holds no outline.
    """
    claimed = claimed_size(content)
    if claimed is not None and sorted(claimed) != sorted((picture["width"], picture["height"])):
        entry.outline_size(*claimed, picture)
    values = mask_values(content, name, FORMATS)
    black, outline = values == 0, np.asarray(values == values.max())
    if not (black.any() and (black | outline).all()):
        raise RecordsFault(
            say("{name} is no outline: draw the lesion in white on black, as a PNG file, without grey.", name=name)
        )
    if black.all():
        raise RecordsFault(say("{name} is all black: draw the lesion in white.", name=name))
    return outline
