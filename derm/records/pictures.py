"""Kept pictures, decoded: small ones to look at, and outlines that were drawn elsewhere.

Needs open `Records`. Knows no page.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derm.errors import RecordsFault
from derm.image.decode import MAX_PIXELS, read_image
from derm.image.overlay import draw_outline, resize_mask, resize_picture
from derm.language.speech import say
from derm.predict.packed import unpack
from derm.records import store
from derm.records.connect import Records

SMALL = 480
"""Longer side of a small picture, pixels."""

OUTLINE = 1.5
"""Width of an outline on it, as a multiple of that on a large one."""


def small(records: Records, sha256: str, name: str) -> NDArray[np.uint8]:
    """The picture with this hash, uint8 (h, w, 3) RGB, its longer side at most `SMALL` pixels.

    Raises RecordsFault where its file is gone or changed.
    """
    image = read_image(store.read(records.pictures, sha256), name)
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
    drawn = [row for row in corrections if row["outline"] is not None]
    rows = drawn or answers
    if not rows:
        return image
    outline = kept_outline(rows[-1]["outline"], picture)
    return draw_outline(image, resize_mask(outline, *image.shape[:2]), dashed=bool(drawn), scale=OUTLINE)


def kept_outline(packed: bytes, picture: Mapping[str, Any]) -> NDArray[np.bool_]:
    """A kept outline of a picture, by their rows, bool (H, W). Raises RecordsFault for one that is not of its size."""
    shape = picture["height"], picture["width"]
    try:
        if not 0 < shape[0] * shape[1] <= MAX_PIXELS:
            raise ValueError(f"{shape[1]} × {shape[0]} pixels")
        return unpack(packed, shape)
    except ValueError as error:
        raise RecordsFault(
            say(
                "The outline of {name} is damaged ({reason}): restore a backup, or draw it anew.",
                name=picture["name"],
                reason=error,
            )
        ) from error


def outline_in(content: bytes, name: str) -> NDArray[np.bool_]:
    """The outline in a picture file that is black but for the lesion, bool (H, W).

    Raises ImageRefused for no picture, RecordsFault for one that holds no outline.
    """
    grey = read_image(content, name).max(axis=2)
    levels = np.unique(grey)
    if len(levels) > 2 or levels[0] > 0:
        raise RecordsFault(
            say("{name} is no outline: draw the lesion in white on black, as a PNG file, without grey.", name=name)
        )
    outline: NDArray[np.bool_] = grey > 0
    if not outline.any():
        raise RecordsFault(say("{name} is all black: draw the lesion in white.", name=name))
    return outline
