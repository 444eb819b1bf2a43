"""Class-specific masks: the lesion's outline weighted with one diagnosis's own evidence, so type and place are one.

Needs the lesion's probability and an evidence map of one size, unless the evidence was weighted with the outline as it
arose (the head "pixel"): such a map is the mask. The paper names such masks (section 3) and gives no
definition; this one is ours. Knows nothing of networks.
"""

import numpy as np
from numpy.typing import NDArray


def class_mask(mask_probability: NDArray[np.float32], evidence_map: NDArray[np.float32]) -> NDArray[np.float32]:
    """The soft mask of one class, float32 (H, W), 0 … 1: lesion probability × evidence, pixel by pixel.

    mask_probability, evidence_map: float32 (H, W), 0 … 1. A flat map is 0 and leaves the mask empty: the class has no
    evidence. Raises ValueError for two sizes.
    """
    if mask_probability.shape != evidence_map.shape:
        raise ValueError(
            f"the mask is {mask_probability.shape}, the evidence {evidence_map.shape}: bring them to one size"
        )
    return mask_probability * evidence_map


def binary_class_mask(soft: NDArray[np.float32], threshold: float) -> NDArray[np.bool_]:
    """The binary mask of one class, bool (H, W): True where the soft mask reaches the threshold.

    soft: float32 (H, W), 0 … 1. threshold: above 0, so that no evidence stays an empty mask, up to 1; `WeightsInfo`
    carries the stated one. Raises ValueError outside.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"the threshold is {threshold}, not above 0 and at most 1: an empty mask would be full")
    return soft >= threshold
