"""How well a class's evidence and a lesion mask agree, always beside what a blob in the middle of the picture scores.

Needs an evidence map, 0 … 1, and a binary mask of one size, predicted or true. Pixels are counted once for all
thresholds. Knows nothing of networks. Where there is nothing to measure the answer is None, decided here:
- no lesion in the mask: there is no place for the evidence to agree with;
- a flat map, or seven of them: there is no evidence to place.
In the mean over classes a flat map beside others counts as it is: it marks no pixel, shares none, its IoU is 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from derm.measure.masks import MaskCount, iou
from derm.measure.undefined import fraction, mean_defined

THRESHOLDS: NDArray[np.float64] = np.arange(1, 20) / 20
"""The sweep, 0.05 … 0.95: a pixel belongs to the thresholded map where the map reaches the threshold."""

AGREEMENT_SIDE = 224
"""Evidence and outline are held against each other on a square of so many pixels, the paper's. The same grid for every
picture makes figures comparable, and bounds their cost; scaling both alike leaves their overlap as it is."""

BLOB_SIGMA = 0.25
"""Standard deviation of the centred blob, as a share of the picture's height and of its width.

Chosen on 1,500 true masks of HAM10000 so that the blob is as strong a rival as it can be: its best common threshold is
then 0.5, with a mean IoU of 0.49 (0.65 where each picture has its own); from 0.15 to 0.40 the IoU is the same.
"""


@dataclass(frozen=True, eq=False)
class Agreement:
    """Of one map, or of the mean over several, with one mask."""

    iou_curve: NDArray[np.float64]
    """IoU of the thresholded map and the mask, float64 (T,), 0 … 1."""

    thresholds: NDArray[np.float64]
    """The T thresholds, rising: `THRESHOLDS`."""

    best_threshold: float
    """Where the curve is highest; the lowest such threshold."""

    best_iou: float
    """The curve's maximum, 0 … 1; chosen with the mask in hand, as is `baseline_iou`, so read the two together."""

    baseline_iou: float
    """The maximum of the centred blob's curve, 0 … 1."""

    inside: float
    """The share of the map's sum that lies in the mask, 0 … 1; of several the mean over those that are not flat."""

    baseline_inside: float
    """The share of the centred blob's sum that lies in the mask, 0 … 1."""

    baseline_curve: NDArray[np.float64]
    """IoU of the thresholded centred blob and the mask, float64 (T,), 0 … 1."""


def agreement(map_: NDArray[np.float32], mask: NDArray[np.bool_]) -> Agreement | None:
    """Hold one class's evidence map, float32 (H, W), 0 … 1, against a mask, bool (H, W).

    Returns None for a flat map or a mask without lesion. Raises ValueError for two sizes.
    """
    return mean_agreement((map_,), mask)


def mean_agreement(maps: Sequence[NDArray[np.float32]], mask: NDArray[np.bool_]) -> Agreement | None:
    """The mean over classes of the IoU with one mask, as the paper has it, at one threshold common to all classes.

    maps: float32 (H, W) each, 0 … 1. mask: bool (H, W). Returns None where all maps are flat or the mask has no
    lesion. Raises ValueError for two sizes.
    """
    if not mask.any() or not any(map_.any() for map_ in maps):
        return None
    curve = np.mean([iou_curve(map_, mask) for map_ in maps], axis=0)
    blob = centred_blob(*mask.shape)
    baseline = iou_curve(blob, mask)
    best = int(curve.argmax())
    return Agreement(
        iou_curve=curve,
        thresholds=THRESHOLDS,
        best_threshold=float(THRESHOLDS[best]),
        best_iou=float(curve[best]),
        baseline_iou=float(baseline.max()),
        inside=mean_defined(np.array([inside_share(map_, mask) for map_ in maps])),
        baseline_inside=inside_share(blob, mask),
        baseline_curve=baseline,
    )


def iou_curve(map_: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """IoU of the map, thresholded at each of `THRESHOLDS`, and the mask: float64 (T,), 0 … 1.

    map_: float32 (H, W), 0 … 1; a flat one gives 0 wherever there is a lesion. mask: bool (H, W). Raises ValueError for
    two sizes.
    """
    if map_.shape != mask.shape:
        raise ValueError(f"the map is {map_.shape}, the mask {mask.shape}: bring them to one size first")
    reached = np.digitize(map_, THRESHOLDS)  # for each pixel, how many of the thresholds it reaches
    inside, outside = _reaching(reached[mask]), _reaching(reached[~mask])
    lesion = np.count_nonzero(mask)
    return iou(MaskCount(tp=inside, fp=outside, fn=lesion - inside, tn=mask.size - lesion - outside))


def inside_share(map_: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """The share of the map's sum that lies inside the mask, 0 … 1; NaN for a flat map. Shapes as for `iou_curve`."""
    return float(fraction(map_.sum(where=mask, dtype=np.float64), map_.sum(dtype=np.float64)))


def centred_blob(height: int, width: int) -> NDArray[np.float32]:
    """The baseline: a Gaussian in the middle, float32 (height, width), above 0 and at most 1; see `BLOB_SIGMA`."""
    rows, columns = (
        np.exp(-0.5 * (((np.arange(side) + 0.5) / side - 0.5) / BLOB_SIGMA) ** 2) for side in (height, width)
    )
    return np.outer(rows, columns).astype(np.float32)


def _reaching(reached: NDArray[np.intp]) -> NDArray[np.int64]:
    """For each threshold, how many pixels reach it: int64 (T,), from how many thresholds each pixel reaches."""
    pixels = np.bincount(reached, minlength=len(THRESHOLDS) + 1)
    return pixels[::-1].cumsum()[::-1][1:]
