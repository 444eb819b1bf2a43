"""Numbers that a description of weights keeps as lists, read back: there, numeric and finite, or refused.

Needs what stands in the JSON. Knows nothing of what the numbers are for.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from derm.errors import WeightsFault

KINDS = ("a finite number", "a list of finite numbers", "a table of finite numbers")
"""What is expected, by the number of axes."""


def stored_numbers(content: dict[str, Any], name: str, ndim: int, whose: str, cure: str) -> NDArray[np.float64]:
    """What stands under `name`, float64 with `ndim` axes; WeightsFault unless it is there, finite and numeric.

    whose: what of the weights it belongs to, and cure: what to do about it, for the sentence of a refusal.
    """
    try:
        numbers = np.asarray(content.get(name))
    except ValueError:  # lists of unequal length
        numbers = np.array("")
    if numbers.dtype.kind not in "if" or numbers.ndim != ndim or not numbers.size or not np.isfinite(numbers).all():
        raise WeightsFault(f"The {name} of the weights' {whose} is not {KINDS[ndim]}: {cure}.")
    return numbers.astype(np.float64)
