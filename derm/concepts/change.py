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
"""Deviations below which a step is none."""

FARTHEST = 30.0
"""Deviations of a joint change beyond which none is looked for."""

ROUNDS = 4
"""How often the gradient is taken anew."""


class Step(NamedTuple):
    """One concept in a change. by: in deviations of the pictures, below 0 for less."""

    concept: str
    by: float


class Change(NamedTuple):
    """What would move the malignant sum to the threshold.

    above: whether the sum is above it now. together: steps of the smallest joint change, the largest first; empty where
    none within the range of real pictures does. single: for each concept that does it alone within that range, the
    step; the smallest first.
    """

    above: bool
    together: tuple[Step, ...]
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
    single = []
    for place, name in enumerate(CONCEPTS):
        for end in (low[place], high[place]):
            step = np.zeros(len(CONCEPTS))
            step[place] = end
            if end and scale.above(step) != above:
                single.append(Step(name, float(end * _share_across(scale, step, above))))
    joint = _joint(scale, low, high, above)
    together = [Step(name, float(by)) for name, by in zip(CONCEPTS, joint, strict=True) if abs(by) > FINEST]
    return Change(above, tuple(_largest_first(together)), tuple(_largest_first(single)[::-1]))


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
    while (high - low) * float(np.abs(step).max()) > FINEST / 10:
        middle = (low + high) / 2
        low, high = (low, middle) if scale.above(middle * step) != above else (middle, high)
    return high


def _joint(scale: _Scale, low: NDArray[np.float64], high: NDArray[np.float64], above: bool) -> NDArray[np.float64]:
    """The shortest step that crosses, float64 (k,); 0 where none within the room does.

    For log odds that were linear it is the gradient, so long that it crosses, cut at the ends of the room; the gradient
    is taken anew where that ends, a few times.
    """
    step = np.zeros(len(low))
    for _ in range(ROUNDS):
        towards = scale.slope(step) * (-1 if above else 1)
        lengths = np.geomspace(FINEST, FARTHEST, 60) / max(float(np.linalg.norm(towards)), _LEAST)
        paths = np.clip(lengths[:, None] * towards, low, high)
        across = [place for place, path in enumerate(paths) if scale.above(path) != above]
        if not across:
            return np.zeros(len(low))
        step = paths[across[0]]
    return step * _share_across(scale, step, above)
