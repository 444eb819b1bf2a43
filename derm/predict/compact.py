"""A case without its picture: all answers and the outline, in a thousandth of the memory.

Needs a `Case`. What is gone is the picture, the map of lesion probability and what explains it further; what tables and
files say of a case is still there, to the last digit. Knows nothing of lists and pages.
"""

import zlib
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from derm.predict.case import Case

LEVEL = 1
"""Of zlib: an outline is so plain that more brings nothing."""


class Compact(NamedTuple):
    """A case as `compact` makes it; `answers_of` gives it back."""

    case: Case
    """With a black picture and no lesion probability, both of the right shape and without memory of their own."""

    mask: bytes
    """The outline, its bits packed and compressed."""

    truth: bytes | None
    """The true outline, the same way; None where there was none."""


def compact(case: Case) -> Compact:
    """`case` without its picture, map of lesion probability, and the network's own answer."""
    origin = case.at_data or case
    height, width = origin.mask.shape
    return Compact(
        replace(
            origin,
            image=np.broadcast_to(np.uint8(0), (height, width, 3)),
            measured=case.quality,
            mask_probability=np.broadcast_to(np.float32(0), (height, width)),
            mask=np.broadcast_to(np.False_, (height, width)),
            truth=None,
            prediction=None,
        ),
        pack(origin.mask),
        None if origin.truth is None else pack(origin.truth),
    )


def answers_of(kept: Compact) -> Case:
    """The case with its outline and without its picture, at the data's own mix of diagnoses."""
    shape = kept.case.mask.shape
    truth = None if kept.truth is None else unpack(kept.truth, shape)
    return replace(kept.case, mask=unpack(kept.mask, shape), truth=truth)


def pack(mask: NDArray[np.bool_]) -> bytes:
    """A mask, bool (h, w), as bytes: 20 megapixels take 20 to 40 kB."""
    return zlib.compress(np.packbits(mask).tobytes(), LEVEL)


def unpack(packed: bytes, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The mask, bool of `shape` (h, w), that `pack` made bytes of."""
    bits = np.frombuffer(zlib.decompress(packed), dtype=np.uint8)
    return np.unpackbits(bits, count=int(np.prod(shape))).reshape(shape).view(np.bool_)
