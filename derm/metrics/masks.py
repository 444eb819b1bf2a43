"""How well a drawn lesion mask covers the true one: Dice, IoU and pixel accuracy.

Needs binary masks of one size. Pixels are counted once for each image; every measure is one line on
that count, and a set's value is the mean over its images. Does not know which threshold drew a mask.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from derm.diagnoses import CODES
from derm.metrics.classification import check_indexes
from derm.metrics.missing import AGREED_NO_LESION, fraction, mean_defined, or_none

MASK_MEASURES = ("dice", "iou", "pixel_accuracy")


class MaskCount(NamedTuple):
    """Pixels of each of N images, by what was drawn and what is true; each field is int64 (N,).

    tp: lesion, drawn as lesion. fp: skin, drawn as lesion. fn: lesion, missed. tn: skin, left alone.
    """

    tp: NDArray[np.int64]
    fp: NDArray[np.int64]
    fn: NDArray[np.int64]
    tn: NDArray[np.int64]


def count_masks(predicted: NDArray[np.bool_], true: NDArray[np.bool_]) -> MaskCount:
    """Count the pixels of each image once.

    predicted, true: bool (N, H, W), or (H, W) for one image, True inside the lesion. Raises ValueError
    for masks that are not bool, differ in shape or hold no pixel: the caller's mistake, not the user's.
    """
    for name, mask in (("predicted", predicted), ("true", true)):
        if mask.dtype != np.bool_:
            raise ValueError(f"{name} masks are {mask.dtype}, not bool: compare with a threshold first")
    if predicted.shape != true.shape:
        raise ValueError(f"predicted masks are {predicted.shape}, true ones {true.shape}: bring them to one size first")
    if predicted.ndim not in (2, 3) or 0 in predicted.shape[-2:]:
        raise ValueError(f"masks are {predicted.shape}, not (N, H, W) or (H, W) with at least one pixel")
    height, width = predicted.shape[-2:]
    predicted, true = predicted.reshape(-1, height * width), true.reshape(-1, height * width)
    return MaskCount(
        tp=np.count_nonzero(predicted & true, axis=1),
        fp=np.count_nonzero(predicted & ~true, axis=1),
        fn=np.count_nonzero(~predicted & true, axis=1),
        tn=np.count_nonzero(~predicted & ~true, axis=1),
    )


def dice(count: MaskCount) -> NDArray[np.float64]:
    """2·|A∩B| / (|A| + |B|) of each image: float64 (N,), 0 … 1; two empty masks 1, one empty 0."""
    return fraction(2 * count.tp, 2 * count.tp + count.fp + count.fn, AGREED_NO_LESION)


def iou(count: MaskCount) -> NDArray[np.float64]:
    """|A∩B| / |A∪B| of each image: float64 (N,), 0 … 1; two empty masks 1, one empty 0."""
    return fraction(count.tp, count.tp + count.fp + count.fn, AGREED_NO_LESION)


def pixel_accuracy(count: MaskCount) -> NDArray[np.float64]:
    """The share of each image's pixels drawn right, skin and lesion alike: float64 (N,), 0 … 1."""
    return fraction(count.tp + count.tn, sum(count))


def mask_measures(count: MaskCount, true: NDArray[np.integer[Any]]) -> dict[str, Any]:
    """Dice, IoU and pixel accuracy, each taken for each image, then averaged, ready for JSON.

    count: of N images. true: integer (N,), each image's diagnosis as an index into CODES, or the number of classes
    where it is open: such an image counts among all, and in no class.
    Returns dice, iou, pixel_accuracy over all images and per_class.<code>.<the same> over the images of
    that diagnosis; None where there is no image. Raises ValueError for another length or an index beyond these.
    """
    check_indexes("true", true, len(CODES) + 1)
    if len(true) != len(count.tp):
        raise ValueError(f"{len(count.tp)} images were counted, {len(true)} diagnoses given: pass one for each image")
    values = dict(zip(MASK_MEASURES, (dice(count), iou(count), pixel_accuracy(count)), strict=True))

    def averages(images: NDArray[np.bool_]) -> dict[str, float | None]:
        return {name: or_none(mean_defined(value[images])) for name, value in values.items()}

    per_class = {code: averages(true == index) for index, code in enumerate(CODES)}
    return {**averages(np.ones(len(true), dtype=np.bool_)), "per_class": per_class}


def merge_measures(classification: dict[str, Any], masks: dict[str, Any] | None = None) -> dict[str, Any]:
    """One dictionary for metrics.json: `classification_measures` joined with `mask_measures`, class by class.

    masks: None for a data set without masks; dice, iou and pixel_accuracy are then None everywhere.
    """
    if masks is None:
        masks = {**dict.fromkeys(MASK_MEASURES), "per_class": {code: dict.fromkeys(MASK_MEASURES) for code in CODES}}
    per_class = {code: classification["per_class"][code] | masks["per_class"][code] for code in CODES}
    return {**classification, **masks, "per_class": per_class}
