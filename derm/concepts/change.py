"""The smallest change of structures and measures that moves a case's malignant sum across the referral threshold, in
the network's own logits.

Needs `Directions` and what was read of a case. A change is a step along directions that were found over many pictures;
no picture of it is made, and no lesion could be told to change so.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from derm.concepts.directions import Directions
from derm.concepts.read import CONCEPTS
from derm.diagnoses import MALIGNANT
from derm.metrics.calibration import softmax

FINEST = 0.05
"""Deviations of the shortest joint change that is tried before it is halved."""

LENGTHS = 60
"""Lengths of a joint change that are tried, from `FINEST` to where every concept is at its end."""

HALVINGS = 40
"""How often a step that crosses is halved, until it hardly does."""

ROUNDS = 4
"""How often the gradient is taken anew."""


class Step(NamedTuple):
    """One concept in a change. by: in deviations of the pictures, below 0 for less."""

    concept: str
    by: float


class Change(NamedTuple):
    """What would move the malignant sum to the threshold.

    above: whether the sum is above it now. together: all steps of the smallest joint change, the largest first; None
    where no change within the range of real pictures crosses. single: for each concept that does it alone within that
    range, the step; the smallest first.
    """

    above: bool
    together: tuple[Step, ...] | None
    single: tuple[Step, ...]


class _Scale(NamedTuple):
    """How a step, float64 (k,), in deviations, moves the log odds of the malignant sum."""

    logits: NDArray[np.float64]
    slopes: NDArray[np.float64]
    temperature: float
    limit: float
    """Of the log odds: the threshold."""

    def odds(self, step: NDArray[np.float64]) -> float:
        """The log odds after a step."""
        shares = self._shares(step)
        return float(np.log(max(shares[_MALIGNANT].sum(), _LEAST)) - np.log(max(shares[~_MALIGNANT].sum(), _LEAST)))

    def slope(self, step: NDArray[np.float64]) -> NDArray[np.float64]:
        """Their gradient by the step, float64 (k,)."""
        shares = self._shares(step)
        malignant = float(np.clip(shares[_MALIGNANT].sum(), _LEAST, 1 - _LEAST))
        by_logit = np.where(_MALIGNANT, shares / malignant, -shares / (1 - malignant)) / self.temperature
        found: NDArray[np.float64] = self.slopes @ by_logit
        return found

    def above(self, step: NDArray[np.float64]) -> bool:
        """Whether the sum reaches the threshold after a step."""
        return self.odds(step) >= self.limit

    def _shares(self, step: NDArray[np.float64]) -> NDArray[np.float64]:
        shares: NDArray[np.float64] = softmax((self.logits + step @ self.slopes)[None], self.temperature)[0]
        return shares


_MALIGNANT = np.array(MALIGNANT)
_LEAST = 1e-12


def smallest_change(
    logits: NDArray[np.floating[Any]],
    concepts: NDArray[np.float64],
    directions: Directions,
    temperature: float,
    threshold: float,
) -> Change:
    """The smallest change of a case across `threshold`, a malignant sum between 0 and 1.

    logits: float (7,), before the temperature. concepts: float64 (k,), NaN for one that was not measured, which is left
    as it is. Each concept stays between `derm.concepts.directions.ENDS` of real pictures, or where it is.
    """
    limit = float(np.log(threshold) - np.log1p(-threshold))
    scale = _Scale(logits.astype(np.float64), directions.slopes, temperature, limit)
    low, high = _room(concepts, directions)
    above = scale.above(np.zeros(len(CONCEPTS)))
    alone = [step for step in _ends(low, high) if scale.above(step) != above]
    alone = [step * _share_across(scale, step, above) for step in alone]
    joint = min([*_joint(scale, low, high, above), *alone], key=_length, default=None)
    together = None if joint is None else tuple(_largest_first(_steps(joint)))
    single = _largest_first([one for step in alone for one in _steps(step)])[::-1]
    return Change(above, together, tuple(single))


def _length(step: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(step))


def _steps(change: NDArray[np.float64]) -> list[Step]:
    return [Step(name, float(by)) for name, by in zip(CONCEPTS, change, strict=True) if by]


def _ends(low: NDArray[np.float64], high: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Steps of one concept to either end of its room, each float64 (k,); none of length 0."""
    return [row for ends in (low, high) for row in np.diag(ends) if row.any()]


def _largest_first(steps: list[Step]) -> list[Step]:
    return sorted(steps, key=lambda step: -abs(step.by))


def _room(concepts: NDArray[np.float64], directions: Directions) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far each concept may go down, at most 0, and up, at least 0, in deviations: two float64 (k,)."""
    known = np.where(np.isnan(concepts), directions.middle, concepts)
    down, up = ((end - known) / directions.deviation for end in (directions.low, directions.high))
    fixed = np.isnan(concepts)
    return np.where(fixed, 0, np.minimum(down, 0)), np.where(fixed, 0, np.maximum(up, 0))


def _share_across(scale: _Scale, step: NDArray[np.float64], above: bool) -> float:
    """The least share of a step that crosses, which the whole one does: by halving."""
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if scale.above(middle * step) != above else (middle, high)
    return high


def _joint(
    scale: _Scale, low: NDArray[np.float64], high: NDArray[np.float64], above: bool
) -> list[NDArray[np.float64]]:
    """Short steps that cross, each float64 (k,), one of each round that finds one.

    For log odds that were linear it is the gradient, so long that it crosses, cut at the ends of the room; the gradient
    is taken anew where that ends, a few times.
    """
    step, found = np.zeros(len(low)), []
    for _ in range(ROUNDS):
        towards = scale.slope(step) * (-1 if above else 1)
        step, crosses = _along(scale, np.where(np.abs(towards) < _LEAST, 0, towards), low, high, above)
        if crosses:
            found.append(step)
    return found


def _along(
    scale: _Scale, towards: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64], above: bool
) -> tuple[NDArray[np.float64], bool]:
    """The shortest step along `towards`, cut at the ends of the room, that crosses, and True; without one the longest
    and False."""
    ends = np.where(towards > 0, high, low)
    moved = (towards != 0) & (ends != 0)
    if not moved.any():
        return np.zeros(len(towards)), False
    farthest = float((ends[moved] / towards[moved]).max())
    nearest = min(FINEST / float(np.linalg.norm(towards)), farthest)
    short = 0.0
    for length in np.geomspace(nearest, farthest, LENGTHS).tolist():
        step = np.clip(length * towards, low, high)
        if scale.above(step) != above:
            return _halved(scale, towards, low, high, (short, length)), True
        short = length
    return step, False


def _halved(
    scale: _Scale,
    towards: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    lengths: tuple[float, float],
) -> NDArray[np.float64]:
    """The shortest step along `towards` that crosses, between a length that does not and one that does."""
    short, long = lengths
    step = np.clip(long * towards, low, high)
    above = scale.above(step)
    for _ in range(HALVINGS):
        middle = (short + long) / 2
        between = np.clip(middle * towards, low, high)
        if scale.above(between) == above:
            long, step = middle, between
        else:
            short = middle
    return step
