"""Intervals as plotly draws them. Needs plain values."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def interval_bars(values: ArrayLike, lows: ArrayLike, highs: ArrayLike, **style: object) -> dict[str, Any]:
    """What `error_x` or `error_y` takes: from each low to each high around the value, all of one shape (n,).

    style: such as colour, thickness and width, by plotly's names.
    """
    middle = np.asarray(values, dtype=float)
    return {
        "type": "data",
        "symmetric": False,
        "array": np.asarray(highs, dtype=float) - middle,
        "arrayminus": middle - np.asarray(lows, dtype=float),
        **style,
    }
