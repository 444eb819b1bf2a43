"""ROC and precision-recall curves of one class against the rest, as few points as a drawing needs.

Needs the truth and a score. Cases are counted once, from the highest score down; both curves are divisions of that
count. Knows no colours and no page.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from derm.metrics.calibration import check_binary
from derm.metrics.missing import fraction

POINTS = 200
"""Points of a thinned curve: at 400 pixels, one for every second."""


class Roc(NamedTuple):
    """A ROC curve from (0, 0) to (1, 1); each field is float64 (P,).

    false_positive_rate: 1 - specificity, ascending. true_positive_rate: sensitivity, ascending. threshold: a case is
    called positive where its score is ≥ this, descending; NaN for the first point, where no case is called.
    """

    false_positive_rate: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]
    threshold: NDArray[np.float64]


class PrecisionRecall(NamedTuple):
    """A precision-recall curve; each field is float64 (P,).

    recall: ascending to 1. precision: 0 … 1. threshold: as for Roc. The first point is the highest score's: where no
    case is called precision is undefined, and no point (0, 1) is made up.
    """

    recall: NDArray[np.float64]
    precision: NDArray[np.float64]
    threshold: NDArray[np.float64]


def roc_curve(positive: NDArray[np.bool_], score: NDArray[np.floating[Any]], points: int | None = POINTS) -> Roc:
    """Sensitivity against 1 - specificity at every threshold, thinned to at most `points`, or whole for None.

    positive: bool (N,). score: float (N,), a probability. Without a positive or without a negative case there is no
    such curve: no point. Raises ValueError for other arrays and fewer than two points.
    """
    threshold, hits, alarms = _count_down(positive, score)
    if not len(threshold) or not hits[-1] or not alarms[-1]:
        return Roc(*np.empty((3, 0)))
    x = np.concatenate([[0], fraction(alarms, np.full(len(alarms), alarms[-1]))])
    y = np.concatenate([[0], fraction(hits, np.full(len(hits), hits[-1]))])
    kept = _thin(x, y, points)
    return Roc(x[kept], y[kept], np.concatenate([[np.nan], threshold])[kept])


def precision_recall_curve(
    positive: NDArray[np.bool_], score: NDArray[np.floating[Any]], points: int | None = POINTS
) -> PrecisionRecall:
    """Precision against recall at every threshold, thinned to at most `points`, or whole for None.

    positive: bool (N,). score: float (N,), a probability. Without a positive case there is no such curve: no point.
    Raises ValueError for other arrays and fewer than two points.
    """
    threshold, hits, alarms = _count_down(positive, score)
    if not len(threshold) or not hits[-1]:
        return PrecisionRecall(*np.empty((3, 0)))
    x, y = fraction(hits, np.full(len(hits), hits[-1])), fraction(hits, hits + alarms)
    kept = _thin(x, y, points)
    return PrecisionRecall(x[kept], y[kept], threshold[kept])


def average_precision(positive: NDArray[np.bool_], score: NDArray[np.floating[Any]]) -> float:
    """The area under the precision-recall curve in steps: each rise of recall times its precision, 0 … 1.

    positive: bool (N,). score: float (N,). As scikit-learn defines it: straight lines between the points would flatter
    (Davis and Goadrich 2006). A score that knows nothing gives the share of positive cases. NaN without a positive.
    """
    curve = precision_recall_curve(positive, score, points=None)
    rises = np.diff(curve.recall, prepend=0)
    return float((rises * curve.precision).sum()) if len(rises) else float("nan")


def _count_down(
    positive: NDArray[np.bool_], score: NDArray[np.floating[Any]]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Each score that occurs, descending, and how many positive and negative cases lie at or above it."""
    check_binary(score, positive)
    threshold, place = np.unique(-score.astype(np.float64), return_inverse=True)
    hits = np.bincount(place[positive], minlength=len(threshold)).cumsum()
    return -threshold, hits, np.bincount(place, minlength=len(threshold)).cumsum() - hits


def _thin(x: NDArray[np.float64], y: NDArray[np.float64], points: int | None) -> NDArray[np.int64]:
    """The points of a line to keep, int64, ascending: its ends, and the corners that matter.

    Points on a straight line go first and cost nothing; then, while more than `points` are left, the one whose triangle
    with its neighbours is smallest (Visvalingam and Whyatt 1993), by which the area changes least.
    """
    if points is not None and points < 2:
        raise ValueError(f"points is {points}, not at least 2: a line has two ends")
    kept = np.arange(len(x))
    while points is not None and len(kept) > 2:
        before, here, after = kept[:-2], kept[1:-1], kept[2:]
        triangle = np.abs(
            (x[here] - x[before]) * (y[after] - y[before]) - (x[after] - x[before]) * (y[here] - y[before])
        )
        least = int(triangle.argmin())
        if len(kept) <= points and triangle[least] > 0:
            break
        kept = np.delete(kept, least + 1)
    return kept
