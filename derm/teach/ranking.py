"""Which unconfirmed cases teach most: close calls and views that disagree, always mixed with cases drawn by lot.

Needs probabilities, and the views' spread where it is known. The same rule ranks a practice's cases and simulated ones.
Knows neither records nor pictures.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from derm.errors import ConfigFault
from derm.language.speech import say

BY_LOT = 1 / 3
"""Share of the cases that are drawn by lot unless another is asked for. A list of doubtful cases alone says nothing of
how often an answer is right among all."""


class Picked(NamedTuple):
    """One case of a list: its row, and whether it was drawn by lot."""

    row: int
    by_lot: bool


def margin_of(probabilities: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """How far the likeliest diagnosis is ahead of the second one, float64 (n,), 0 … 1; probabilities: float (n, 7)."""
    two = np.sort(probabilities.astype(np.float64), axis=1)[:, -2:]
    ahead: NDArray[np.float64] = two[:, 1] - two[:, 0]
    return ahead


def doubt_of(margins: NDArray[np.float64], spreads: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """How much each case is in doubt among these, float64 (n,), 0 … 1.

    The mean of two shares: of the cases with a larger margin, and of those with a smaller spread, equals counting half.
    margins: float64 (n,), 0 … 1. spreads: float64 (n,), of `derm.predict.views.spread`, NaN where a case was asked over
    one view; None for none at all. Without a spread the margin decides alone.
    """
    by_margin = _share_below(-margins)
    if spreads is None:
        return by_margin
    known = ~np.isnan(spreads)
    doubt = by_margin.copy()
    doubt[known] = (by_margin[known] + _share_below(spreads[known])) / 2
    return doubt


def pick(doubt: NDArray[np.float64], lots: NDArray[np.float64], count: int, share: float = BY_LOT) -> list[Picked]:
    """The next `count` of n cases, or all, the most doubtful first, with a `share` of them drawn by lot in between.

    doubt: float64 (n,), NaN for a case that cannot be ranked: it comes by lot, or behind those that can. lots: float64
    (n,), each case's lot: the lowest are drawn, of all cases alike, so that those drawn stand for all. Raises
    ConfigFault for a share outside 0 … 1.
    """
    check_share(share)
    count = min(count, len(doubt))
    places = [math.floor((place + 1) * share + 0.5) > math.floor(place * share + 0.5) for place in range(count)]
    drawn = [int(row) for row in np.argsort(lots, kind="stable")[: sum(places)]]
    taken = set(drawn)
    order = np.lexsort((lots, -np.nan_to_num(doubt, nan=-1.0)))
    doubtful = [int(row) for row in order if row not in taken]
    return [Picked((drawn if by_lot else doubtful).pop(0), by_lot) for by_lot in places]


def check_share(share: float) -> None:
    """Refuse a share of cases by lot that is none: ConfigFault."""
    if not 0 <= share <= 1:
        raise ConfigFault(
            say("A share of {share} by lot does not fit: use a number from 0 to 1, such as 0.33.", share=share)
        )


def _share_below(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of the other values below each, equals counting half, float64 (n,), 0 … 1; ½ for a single value."""
    if len(values) < 2:
        return np.full(len(values), 0.5)
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    below = np.concatenate([[0], np.cumsum(counts)[:-1]])
    shares: NDArray[np.float64] = ((below + (counts - 1) / 2) / (len(values) - 1))[place]
    return shares
