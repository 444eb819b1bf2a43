"""How far a drawn outline runs from the true one, in pixels, and how often an outline fails.

Needs two binary masks of one picture at its own size; for failures, the IoU of each image. Does not know
how large a pixel is: dermoscopes differ in it, so that these distances compare outlines, not lesions.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from derm.metrics.missing import mean_defined

LEAST_JACCARD = 0.65
"""The least IoU that counts: below it, ISIC 2018 (Codella et al., arXiv:1902.03368) takes an outline as failed."""

AGREED_NO_SURFACE = 0.0
"""The distance of two empty masks: neither the model nor the dermatologist sees a lesion, they agree fully."""

NEIGHBOURS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=np.uint8)
"""A pixel with those above, below, left and right of it."""


class SurfaceDistance(NamedTuple):
    """How far apart two outlines are, in pixels of the picture that they were drawn on; 0 where they are equal.

    hausdorff95: the longest way but for the worst twentieth. mean: the mean way, there and back.
    """

    hausdorff95: float
    mean: float


def surface_distances(predicted: NDArray[np.bool_], true: NDArray[np.bool_]) -> SurfaceDistance:
    """The distances from each surface pixel of one mask to the nearest surface pixel of the other, summed up twice.

    predicted, true: bool (H, W), True inside the lesion. A surface pixel is a pixel of the lesion with skin above,
    below, left or right of it; what lies outside the picture is taken as skin. Distances run from centre to centre.

    hausdorff95 is the larger of two 95th percentiles, one from predicted to true and one back, as in MONAI and
    MetricsReloaded (Maier-Hein et al., Nature Methods 21:195, 2024); MedPy pools both ways first and may find less.
    mean is the average symmetric surface distance: both ways' distances, summed, over the number of them.

    Two empty masks are `AGREED_NO_SURFACE` apart. Where only one is empty, there is no distance; both figures are then
    the picture's diagonal, √(H² + W²), longer than any distance in it, as BraTS counts it (373.13 for 240 × 240 × 155).
    Left out or infinite, a missed lesion would either flatter an average or swallow it.
    Raises ValueError for masks that are not bool, not (H, W), or differ in shape: the caller's mistake.
    """
    _check_masks(predicted, true)
    ours, theirs = _surface(predicted), _surface(true)
    if not len(ours) and not len(theirs):
        return SurfaceDistance(AGREED_NO_SURFACE, AGREED_NO_SURFACE)
    if not len(ours) or not len(theirs):
        diagonal = math.hypot(*true.shape)
        return SurfaceDistance(diagonal, diagonal)
    # A tree of the few hundred surface pixels takes 1.1 ms for a 400 × 300 picture, SciPy's distance transform 5.0.
    there, _ = KDTree(theirs).query(ours)
    back, _ = KDTree(ours).query(theirs)
    return SurfaceDistance(
        hausdorff95=float(max(np.percentile(there, 95), np.percentile(back, 95))),
        mean=float(np.concatenate([there, back]).mean()),
    )


def thresholded_jaccard(iou: NDArray[np.float64]) -> NDArray[np.float64]:
    """The IoU of each image, and 0 where it is below `LEAST_JACCARD`: ISIC 2018's score for outlines.

    iou: float64 (N,), 0 … 1, NaN for an image without a mask, which stays NaN. Raises ValueError for other values.
    """
    _check_iou(iou)
    return np.where(iou < LEAST_JACCARD, 0.0, iou)


def share_failed(iou: NDArray[np.float64]) -> float:
    """The share of images whose IoU is below `LEAST_JACCARD`, 0 … 1; NaN without an image that has a mask.

    iou: float64 (N,), 0 … 1, NaN for an image without a mask, which is left out. Raises ValueError for other values.
    """
    _check_iou(iou)
    return mean_defined(np.where(np.isnan(iou), np.nan, iou < LEAST_JACCARD))


def _surface(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Row and column of each surface pixel of `mask`, bool (H, W): int64 (n, 2)."""
    lesion = mask.view(np.uint8)
    inside = cv2.erode(lesion, NEIGHBOURS, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.column_stack(np.nonzero(lesion > inside))


def _check_masks(predicted: NDArray[np.bool_], true: NDArray[np.bool_]) -> None:
    for name, mask in (("predicted", predicted), ("true", true)):
        if mask.dtype != np.bool_:
            raise ValueError(f"the {name} mask is {mask.dtype}, not bool: compare with a threshold first")
        if mask.ndim != 2 or not mask.size:
            raise ValueError(f"the {name} mask is {mask.shape}, not (H, W) with at least one pixel: pass one image")
    if predicted.shape != true.shape:
        raise ValueError(
            f"the predicted mask is {predicted.shape}, the true one {true.shape}: bring them to one size first"
        )


def _check_iou(iou: NDArray[np.float64]) -> None:
    outside = iou[(iou < 0) | (iou > 1)]
    if outside.size:
        raise ValueError(f"iou holds {outside[0]:.4g}, not a share within 0 … 1: use derm.metrics.masks.iou")
