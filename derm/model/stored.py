"""Numbers on disk: those that a description keeps as lists, read back or refused, and what a full disk says of tensors.

Needs what stands in the JSON. Knows nothing of what the numbers are for.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError

from derm.errors import WeightsFault
from derm.language.speech import mark, say

KINDS = (mark("a finite number"), mark("a list of finite numbers"), mark("a table of finite numbers"))
"""What is expected, by the number of axes."""

MOST = 1e15
"""Size of a number that no weight or statistic of a network comes near. Sums of their products with float32 are finite,
those of larger ones may be NaN, which is neither above a threshold nor below."""


def stored_numbers(
    content: dict[str, Any], name: str, ndim: int, whose: str, cure: str, least: float = -MOST
) -> NDArray[np.float64]:
    """What stands under `name`, float64 with `ndim` axes; WeightsFault unless it is there, from `least` to `MOST`.

    whose: what in the description it belongs to, as it is written there, and cure: what to do about it, a marked text,
    for the sentence of a refusal.
    """
    try:
        numbers = np.asarray(content.get(name))
    except ValueError:  # lists of unequal length
        numbers = np.array("")
    if numbers.dtype.kind not in "if" or numbers.ndim != ndim or not numbers.size or not np.isfinite(numbers).all():
        raise WeightsFault(
            say(
                "The {name} of the weights' {whose} is not {kind}: {cure}.",
                name=name,
                whose=whose,
                kind=say(KINDS[ndim]),
                cure=say(cure),
            )
        )
    outside = numbers[(numbers < least) | (numbers > MOST)]
    if outside.size:
        raise WeightsFault(
            say(
                "The {name} of the weights' {whose} holds {value:.3g}, expected numbers from {low:g} to {high:g}: "
                "{cure}.",
                name=name,
                whose=whose,
                value=float(outside.flat[0]),
                low=least,
                high=MOST,
                cure=say(cure),
            )
        )
    return numbers.astype(np.float64)


@contextmanager
def full_disk() -> Iterator[None]:
    """Let a full disk, which safetensors reports as an error of its own, be an OSError as it is everywhere else."""
    try:
        yield
    except SafetensorError as error:
        raise OSError(errno.ENOSPC, str(error)) from error
