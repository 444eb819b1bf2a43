"""Long series made short for a plot, so that peaks stay.

Needs plain arrays. Knows nothing of what they mean.
"""

import itertools

import numpy as np
from numpy.typing import NDArray

from derm.metrics.missing import fraction

POINTS = 600
"""Points of one line, at most: about as many as a plot has pixels across."""


def thin(
    x: NDArray[np.float64], y: NDArray[np.float64], points: int = POINTS
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """At most `points` of the series, in order: of each stretch the lowest and the highest, and the very last.

    x, y: float64 (n,). A series that is short enough comes back as it is.
    """
    if len(y) <= points:
        return x, y
    stretches = max(1, (points - 1) // 2)
    cuts = np.linspace(0, len(y), stretches + 1).astype(np.int64)
    safe = np.nan_to_num(y)
    parts = list(itertools.pairwise(cuts))
    low = [begin + int(safe[begin:end].argmin()) for begin, end in parts]
    high = [begin + int(safe[begin:end].argmax()) for begin, end in parts]
    kept = np.unique(np.array([*low, *high, len(y) - 1]))
    return x[kept], y[kept]


def smooth(y: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """The running mean of `y`, float64 (n,), over the last `width` values, fewer at the beginning.

    NaN is left out, and is the mean where there is nothing else. Each window is summed for itself: a difference of two
    running sums would be wrong ever after one huge value, such as the loss of a training that went astray.
    """
    defined = ~np.isnan(y)
    counts = np.concatenate([[0], np.cumsum(defined)])
    ends = np.arange(1, len(y) + 1)
    begins = np.maximum(ends - width, 0)
    return fraction(_window_sums(np.where(defined, y, 0.0), width), counts[ends] - counts[begins])


def _window_sums(y: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """The sum of the last `width` values at each place, float64 (n,): of those in its own stretch of `width`, and of
    the end of the stretch before."""
    width = max(1, min(width, len(y)))
    stretches = np.concatenate([y, np.zeros(-len(y) % width)]).reshape(-1, width)
    sums: NDArray[np.float64] = stretches.cumsum(axis=1).ravel()[: len(y)]
    to_the_end = stretches[:, ::-1].cumsum(axis=1)[:, ::-1].ravel()
    first = np.arange(len(y)) - width + 1
    reach_back = (first > 0) & (first % width != 0)
    sums[reach_back] += to_the_end[first[reach_back]]
    return sums
