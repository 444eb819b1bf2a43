"""Agreement of Grad-CAM with the lesion masks of many images: the paper's IoU, over all thresholds.

Needs each image's evidence and masks, one image after another. Knows nothing of files.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from derm.explain.agreement import AGREEMENT_SIDE, THRESHOLDS, best_place, centre_prior, iou_curve
from derm.explain.gradcam import HeatMap
from derm.image.resize import square_mask


class AgreementSums:
    """IoU curves summed over images: of all seven classes, of the likeliest class, and of a centre prior.

    An image whose mask is empty is left out: there is no lesion to agree with. A flat map shares no pixel: IoU 0.
    """

    def __init__(self) -> None:
        self.images = 0
        self.curves = {name: np.zeros(len(THRESHOLDS)) for name in ("all_classes", "likeliest_class", "centred_blob")}
        self.prior = centre_prior(AGREEMENT_SIDE, AGREEMENT_SIDE)

    def add(self, evidence: list[HeatMap], likeliest: int, mask: NDArray[np.bool_]) -> None:
        """Take in one image: its seven maps, the index of its likeliest class, and a mask, bool (H, W)."""
        small = square_mask(mask, AGREEMENT_SIDE)
        if not small.any():
            return
        each = [iou_curve(one.scaled(AGREEMENT_SIDE, AGREEMENT_SIDE), small) for one in evidence]
        self.images += 1
        self.curves["all_classes"] += np.mean(each, axis=0)
        self.curves["likeliest_class"] += each[likeliest]
        self.curves["centred_blob"] += iou_curve(self.prior, small)

    def measures(self) -> dict[str, Any] | None:
        """Mean IoU at the best threshold common to all images, with that threshold; None without images."""
        if not self.images:
            return None
        figures: dict[str, Any] = {"images": self.images}
        for name, total in self.curves.items():
            best = int(best_place(total))
            figures[name] = {"iou": float(total[best] / self.images), "threshold": float(THRESHOLDS[best])}
        return figures
