"""95 % intervals by bootstrap over lesions: images of one lesion are drawn together, for they are not independent.

Needs a function of row numbers and each row's lesion. Percentile method (Efron and Tibshirani 1993, ch. 13).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

REPLICATES = 1000
"""Resamples; the ends of a 95 % interval are then each known to about a fiftieth of its width."""


Measure = Callable[[NDArray[np.int64]], Mapping[str, float | None]]
"""Figures by name for row numbers, int64 (k,); None where undefined."""


class Difference(NamedTuple):
    """One figure of two models on the same cases: each value, second less first, and the difference's 95 % interval."""

    first: float | None
    second: float | None
    value: float | None
    interval: tuple[float, float] | None


def bootstrap(
    measure: Measure,
    lesions: NDArray[np.str_] | NDArray[np.object_],
    replicates: int = REPLICATES,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, tuple[float, float] | None]:
    """95 % interval of each figure that `measure` gives for row numbers, int64 (k,).

    lesions: text (n,), each row's lesion. Lesions are drawn with replacement, as many as there are. A figure that is
    undefined in a resample (None) is left out of it; its interval is None where half of them or more are undefined.
    Returns (low, high) by name.
    """
    _, group = np.unique(lesions, return_inverse=True)
    order = np.argsort(group, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(group))[:-1])
    random = np.random.default_rng(seed)
    found: dict[str, list[float]] = {}
    for done in range(1, replicates + 1):
        drawn = random.integers(len(members), size=len(members))
        for name, value in measure(np.concatenate([members[index] for index in drawn])).items():
            found.setdefault(name, [])
            if value is not None:
                found[name].append(value)
        if progress:
            progress(done, replicates)
    return {name: percentile_interval(values, replicates) for name, values in found.items()}


def percentile_interval(values: Sequence[float] | NDArray[np.float64], replicates: int) -> tuple[float, float] | None:
    """The 95 % interval of a figure by its `values` in those of `replicates` resamples where it is defined; None where
    these are half of them or fewer."""
    if 2 * np.size(values) <= replicates:
        return None
    low, high = np.percentile(values, [2.5, 97.5]).tolist()
    return low, high


def paired_bootstrap(
    first: Measure,
    second: Measure,
    lesions: NDArray[np.str_] | NDArray[np.object_],
    replicates: int = REPLICATES,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Difference]:
    """How two models differ on the same cases, by each figure that both give.

    Each resample of lesions is measured twice, so that what is hard about it cancels: the interval of the difference is
    narrower than those of the two figures suggest. lesions, replicates and undefined figures as for `bootstrap`.
    """

    def differences(rows: NDArray[np.int64]) -> dict[str, float | None]:
        one, other = first(rows), second(rows)
        return {name: _less(other[name], one[name]) for name in one if name in other}

    everything = np.arange(len(lesions))
    one, other, apart = first(everything), second(everything), differences(everything)
    spans = bootstrap(differences, lesions, replicates, seed, progress)
    return {
        name: Difference(one[name], other[name], value, spans[name] if value is not None else None)
        for name, value in apart.items()
    }


def _less(value: float | None, other: float | None) -> float | None:
    return None if value is None or other is None else value - other
