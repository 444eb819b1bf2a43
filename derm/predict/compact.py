"""A case without its picture: all answers and the outline, in a thousandth of the memory.

Needs a `Case`. What is gone is the picture, the map of lesion probability and what explains it further; what tables and
files say of a case is still there, to the last digit. Knows nothing of lists and pages.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from derm.predict.case import Case, changed
from derm.predict.packed import pack, unpack


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
    height, width = origin.shape
    return Compact(
        changed(
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
    shape = kept.case.shape
    truth = None if kept.truth is None else unpack(kept.truth, shape)
    return replace(kept.case, mask=unpack(kept.mask, shape), truth=truth)
