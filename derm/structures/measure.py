"""What the structures' answers are worth on marked pictures: presence by AUC and average precision, masks by the
Jaccard index as ISIC 2018 Task 2 scored it, each with an interval over lesions.

Needs answers and the marks. Thresholds are chosen on one part and measured on another; which is which the caller says.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from derm.image.decode import open_image
from derm.metrics.bootstrap import REPLICATES, bootstrap
from derm.metrics.calibration import binary_brier
from derm.metrics.classification import auc
from derm.metrics.curves import average_precision
from derm.structures.marks import planes, read_marks
from derm.structures.table import KEYS

THRESHOLDS = np.round(np.arange(0.05, 1.0, 0.05), 2)
"""Probabilities from which a pixel may be called marked."""


class PixelCounts(NamedTuple):
    """Pixels of n pictures at their own size: called and marked, int64 (n, 5, T) for each of `THRESHOLDS`; called
    alone, likewise; marked, int64 (n, 5)."""

    both: NDArray[np.int64]
    called: NDArray[np.int64]
    marked: NDArray[np.int64]


def count_pixels(masks: NDArray[np.float32], paths: Sequence[str]) -> PixelCounts:
    """Count pixels of pictures at `paths`; masks: float32 (n, 5, h, w), 0 … 1, spread bilinearly to their sizes."""
    both = np.zeros((len(paths), len(KEYS), len(THRESHOLDS)), np.int64)
    called, marked = np.zeros_like(both), np.zeros(both.shape[:2], np.int64)
    for row, path in enumerate(paths):
        height, width = open_image(Path(path)).shape[:2]
        true = planes(read_marks(path, (height, width)))
        marked[row] = true.sum(axis=(1, 2))
        for place in range(len(KEYS)):
            wide = cv2.resize(masks[row, place], (width, height), interpolation=cv2.INTER_LINEAR)
            step = np.searchsorted(THRESHOLDS, wide, side="right")  # how many thresholds the pixel reaches
            for counts, chosen in ((called, step.ravel()), (both, step[true[place]])):
                reached = np.bincount(chosen, minlength=len(THRESHOLDS) + 1)[::-1].cumsum()[::-1]
                counts[row, place] = reached[1:]
    return PixelCounts(both, called, marked)


def pooled_jaccard(counts: PixelCounts, rows: NDArray[np.int64] | slice = slice(None)) -> NDArray[np.float64]:
    """The Jaccard index of all pixels of all pictures of `rows` together, as ISIC 2018 Task 2 scored it: float64
    (5, T); NaN where nothing is called or marked."""
    both, called = counts.both[rows].sum(axis=0), counts.called[rows].sum(axis=0)
    either = called + counts.marked[rows].sum(axis=0)[:, None] - both
    found: NDArray[np.float64] = np.divide(both, either, out=np.full(both.shape, np.nan), where=either > 0)
    return found


def choose_thresholds(counts: PixelCounts) -> list[float]:
    """For each structure the one of `THRESHOLDS` with the highest pooled Jaccard index, of equals the lowest."""
    return [float(THRESHOLDS[int(np.nan_to_num(row, nan=-1.0).argmax())]) for row in pooled_jaccard(counts)]


def measure(
    presence: NDArray[np.floating[Any]],
    probability: NDArray[np.floating[Any]],
    shown: NDArray[np.bool_],
    counts: PixelCounts,
    thresholds: Sequence[float],
    lesions: NDArray[np.object_],
    replicates: int = REPLICATES,
) -> dict[str, dict[str, Any]]:
    """What the answers for n pictures are worth, ready for JSON, by structure.

    presence: float (n, 5), any score that rises with it. probability: float (n, 5), 0 … 1, calibrated. shown: bool
    (n, 5). lesions: text (n,). Each figure as [value, low, high], None where undefined: auc, average_precision (by
    chance: `share`), brier (`brier_of_share` of the share alone), jaccard.
    """
    place_of = [int(np.abs(THRESHOLDS - value).argmin()) for value in thresholds]

    def figures(rows: NDArray[np.int64]) -> dict[str, float | None]:
        jaccard = pooled_jaccard(counts, rows)
        found: dict[str, float | None] = {}
        for place, key in enumerate(KEYS):
            true, score = shown[rows, place], presence[rows, place].astype(np.float64)
            told = {
                "auc": auc(true, score),
                "average_precision": average_precision(true, probability[rows, place]),
                "brier": binary_brier(probability[rows, place], true),
                "jaccard": float(jaccard[place, place_of[place]]),
            }
            found |= {f"{key} {name}": None if np.isnan(value) else value for name, value in told.items()}
        return found

    values = figures(np.arange(len(shown)))
    spans = bootstrap(figures, lesions, replicates)
    return {
        key: {
            "images": len(shown),
            "shown": int(shown[:, place].sum()),
            "share": float(shown[:, place].mean()),
            "brier_of_share": float(shown[:, place].mean() * (1 - shown[:, place].mean())),
            "threshold": thresholds[place],
            **{
                name: _with_interval(values[f"{key} {name}"], spans[f"{key} {name}"])
                for name in ("auc", "average_precision", "brier", "jaccard")
            },
        }
        for place, key in enumerate(KEYS)
    }


def _with_interval(value: float | None, span: tuple[float, float] | None) -> list[float | None]:
    return [value, *(span if value is not None and span is not None else (None, None))]


LEAST_AUC = 0.7
"""A structure is worth showing where the lower end of the interval of its presence's AUC on validation reaches this.
The rule was set before any figure was looked at."""


def worth_showing(measured: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Which structures are worth showing, by what `measure` says of the validation part."""
    return [key for key in KEYS if (low := measured[key]["auc"][1]) is not None and low >= LEAST_AUC]


LEAST_JACCARD = 0.1
"""The place of a structure that is worth showing is shown, too, where its Jaccard index on validation reaches this. Set
when the figures of validation and test were known, to leave out areas that hardly ever lie where people marked."""


def worth_placing(measured: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Of which structures the place is worth showing, by what `measure` says of the validation part."""
    return [key for key in worth_showing(measured) if (measured[key]["jaccard"][0] or 0.0) >= LEAST_JACCARD]


def frequencies(shown: NDArray[np.bool_], dx: Sequence[str]) -> dict[str, dict[str, list[int]]]:
    """How often each structure is marked, by structure and diagnosis: [pictures that show it, pictures]."""
    codes = np.asarray(dx, dtype=object)
    return {
        key: {code: [int(shown[codes == code, place].sum()), int((codes == code).sum())] for code in sorted(set(codes))}
        for place, key in enumerate(KEYS)
    }
