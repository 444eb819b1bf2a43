"""Malignant against benign at a referral threshold that a user moves: counts, and what it is worth by lesion.

Needs one row an image, with the malignant probability at the data's mix. Fast enough to follow a slider: the resamples
of lesions are drawn once a call and reduced by matrix products. Knows no picture.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.diagnoses import MALIGNANT
from derm.evaluate.decision import at_digits
from derm.figures.text import SPACE, counted_percent
from derm.language.speech import mark, number, say
from derm.metrics.bootstrap import REPLICATES, percentile_interval
from derm.metrics.missing import fraction

BLOCK = 100
"""Resamples that are reduced at once, which bounds the memory."""


class Estimate(NamedTuple):
    """A share, 0 … 1, with its 95 % interval by bootstrap over lesions. value is None where it is undefined; interval
    also where half of the resamples leave it undefined."""

    value: float | None
    interval: tuple[float, float] | None


class Referral(NamedTuple):
    """What referring at a threshold comes to.

    counts: images, int64 (2, 2): malignant and benign by referred and not. malignant, benign: lesions. sensitivity,
    specificity: each lesion counting once, one with several images by the share of them. ppv, npv: where a share
    `prevalence` of lesions is malignant, None where that is not known.
    """

    threshold: float
    counts: NDArray[np.int64]
    malignant: int
    benign: int
    sensitivity: Estimate
    specificity: Estimate
    prevalence: float | None
    ppv: Estimate
    npv: Estimate


def is_referred(cases: pd.DataFrame, threshold: float) -> NDArray[np.bool_]:
    """Which of `cases`, of `derm.explore.predictions.outcomes`, are referred, bool (n,): p_malignant ≥ `threshold`."""
    reached: NDArray[np.bool_] = at_digits(cases["p_malignant"].to_numpy(dtype=np.float64)) >= at_digits(threshold)
    return reached


def is_malignant(cases: pd.DataFrame) -> NDArray[np.bool_]:
    """Which of `cases` are malignant in truth, bool (n,)."""
    above: NDArray[np.bool_] = np.array(MALIGNANT)[cases["true"].to_numpy()]
    return above


def refer(
    cases: pd.DataFrame,
    kept: NDArray[np.bool_],
    threshold: float,
    prevalence: float | None = None,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Referral:
    """What referring the kept cases at `threshold`, 0 … 1, comes to.

    prevalence: the share of malignant lesions for the predictive values; None: that of the kept lesions. Intervals are
    those of `derm.metrics.bootstrap.bootstrap` with the same seed.
    """
    referred, malignant = is_referred(cases, threshold)[kept], is_malignant(cases)[kept]
    counts = np.array(
        [[(malignant == truth)[referred == done].sum() for done in (True, False)] for truth in (True, False)],
        dtype=np.int64,
    )
    _, lesion = np.unique(cases["lesion"].to_numpy(dtype=str)[kept], return_inverse=True)
    right = np.where(malignant, referred, ~referred)
    parts = _by_lesion(lesion, malignant, right)
    lesions = (parts[:, [1, 3]] > 0).sum(axis=0)
    share = prevalence if prevalence is not None else float(fraction(lesions[0], lesions.sum()))
    drawn = _resamples(parts, replicates, seed)
    whole = _figures(parts.sum(axis=0, keepdims=True), share)
    many = _figures(drawn, share)
    sensitivity, specificity, ppv, npv = (
        _estimate(float(value[0]), values) for value, values in zip(whole, many, strict=True)
    )
    return Referral(
        threshold,
        counts,
        int(lesions[0]),
        int(lesions[1]),
        sensitivity,
        specificity,
        None if np.isnan(share) else share,
        ppv,
        npv,
    )


def _by_lesion(
    lesion: NDArray[np.int64], malignant: NDArray[np.bool_], right: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """What each lesion adds to sensitivity and specificity, float64 (lesions, 4).

    Of its malignant images the share that is right, and 1; of its benign ones the same; 0 for a kind that it lacks.
    """
    count = int(lesion.max(initial=-1)) + 1
    parts = np.zeros((count, 4))
    for place, kind in enumerate((malignant, ~malignant)):
        images = np.bincount(lesion[kind], minlength=count)
        hits = np.bincount(lesion[kind], weights=right[kind], minlength=count)
        parts[:, 2 * place] = fraction(hits, images, when_empty=0.0)
        parts[:, 2 * place + 1] = images > 0
    return parts


def _resamples(parts: NDArray[np.float64], replicates: int, seed: int) -> NDArray[np.float64]:
    """Sums of `parts` over lesions drawn with replacement, float64 (replicates, 4)."""
    count, random = len(parts), np.random.default_rng(seed)
    if not count:
        return np.zeros((0, 4))
    sums = []
    for first in range(0, replicates, BLOCK):
        times = [
            np.bincount(random.integers(count, size=count), minlength=count)
            for _ in range(min(BLOCK, replicates - first))
        ]
        sums.append(np.array(times) @ parts)
    return np.concatenate(sums)


def _figures(sums: NDArray[np.float64], share: float) -> tuple[NDArray[np.float64], ...]:
    """Sensitivity, specificity and both predictive values at `share` of `sums`, (k, 4): each float64 (k,).

    The latter as `derm.metrics.decision.predictive_values` has them, for many resamples at once.
    """
    sensitivity, specificity = fraction(sums[:, 0], sums[:, 1]), fraction(sums[:, 2], sums[:, 3])
    if np.isnan(share):
        nothing = np.full(len(sums), np.nan)
        return sensitivity, specificity, nothing, nothing
    found, alarms = sensitivity * share, (1 - specificity) * (1 - share)
    left, missed = specificity * (1 - share), (1 - sensitivity) * share
    return sensitivity, specificity, fraction(found, found + alarms), fraction(left, left + missed)


def _estimate(value: float, resampled: NDArray[np.float64]) -> Estimate:
    if np.isnan(value):
        return Estimate(None, None)
    return Estimate(value, percentile_interval(resampled[~np.isnan(resampled)], len(resampled)))


def figures(found: Referral) -> list[tuple[str, str]]:
    """The figures of a referral, name and value with interval, for people."""
    seen = say("unknown") if found.prevalence is None else in_percent(found.prevalence)
    return [
        (say("Sensitivity, malignant lesions referred"), estimate_text(found.sensitivity)),
        (say("Specificity, benign lesions not referred"), estimate_text(found.specificity)),
        (say("Malignant among those referred (PPV, at {seen} malignant)", seen=seen), estimate_text(found.ppv)),
        (say("Benign among those not referred (NPV, at {seen} malignant)", seen=seen), estimate_text(found.npv)),
    ]


def estimate_text(estimate: Estimate) -> str:
    """A share with its interval in percent: '98 % (96 – 99 %)', to the tenth near 0 and 100; 'undefined'."""
    if estimate.value is None:
        return say("undefined")
    if estimate.interval is None:
        return f"{counted_percent(estimate.value)}{SPACE}%"
    low, high = (counted_percent(end) for end in estimate.interval)
    return f"{counted_percent(estimate.value)}{SPACE}% ({low}{SPACE}–{SPACE}{high}{SPACE}%)"


def sentence(found: Referral) -> str:
    """What the threshold does, in images: '385 of 393 malignant and 772 of 1,611 benign images are referred …'."""
    (hits, missed), (alarms, left) = found.counts.tolist()
    return say(
        "{hits:,} of {malignant:,} malignant and {alarms:,} of {benign:,} benign images are referred at a "
        "malignant probability of {threshold} or more.",
        hits=hits,
        malignant=hits + missed,
        alarms=alarms,
        benign=alarms + left,
        threshold=in_percent(found.threshold),
    )


def meaning(found: Referral) -> str:
    """What the figures hold for."""
    return say(
        "Figures count each of {malignant:,} malignant and {benign:,} benign lesions once; intervals are "
        "95 %, by bootstrap over lesions. The threshold acts on probabilities at the data's own mix of "
        "diagnoses.",
        malignant=found.malignant,
        benign=found.benign,
    )


def in_percent(threshold: float) -> str:
    """A threshold, 0 … 1, in percent, to the tenth where it is small: '2.5 %', '40 %'."""
    return number(100 * threshold, ".3g") + SPACE + "%"


def stop_label(stop: float, own: float | None) -> str:
    """A stop of the slider for people; `own`, the weights' referral threshold, says so."""
    return say("{threshold}, the weights' own", threshold=in_percent(stop)) if stop == own else in_percent(stop)


def stops(own: float | None) -> list[float]:
    """Where the slider stops, ascending, 0 … 1: finer where referral thresholds lie; `own`, the weights', is one."""
    tenths = np.arange(0, 50) / 1000  # 0 … 4.9 %
    halves = np.arange(10, 30) / 200  # 5 … 14.5 %
    rest = np.arange(15, 101) / 100
    found = {round(float(value), 4) for value in (*tenths, *halves, *rest)}
    return sorted(found if own is None else found | {own})


def nearest(threshold: float, among: Sequence[float]) -> float:
    """The stop next to `threshold`; of two, the lower."""
    return min(among, key=lambda stop: (abs(stop - threshold), stop))


def cell(cases: pd.DataFrame, kept: NDArray[np.bool_], threshold: float, row: int, column: int) -> NDArray[np.int64]:
    """Rows of the kept cases in a cell of `Referral.counts`, int64 (k,)."""
    inside = (is_malignant(cases) == (row == 0)) & (is_referred(cases, threshold) == (column == 0))
    return np.flatnonzero(kept & inside)


def cell_sentence(found: Referral, row: int, column: int) -> str:
    """A chosen cell as a headline: '8 of 393 malignant images not referred'."""
    of_row = int(found.counts[row].sum())
    return say(CELLS[row][column], count=int(found.counts[row, column]), of_row=of_row)


CELLS = (
    (
        mark("{count:,} of {of_row:,} malignant images referred"),
        mark("{count:,} of {of_row:,} malignant images not referred"),
    ),
    (
        mark("{count:,} of {of_row:,} benign images referred"),
        mark("{count:,} of {of_row:,} benign images not referred"),
    ),
)
