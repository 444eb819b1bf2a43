"""What training remembers of each image: its smoothed loss and how often it was seen.

Needs the losses of each batch. Curriculum and replay both judge by it; it is part of the checkpoint.
"""

import numpy as np
from numpy.typing import NDArray


class LossHistory:
    """The unsmoothed-label, unweighted cross-entropy of each training image, averaged over its views.

    smoothed: float64 (n,), exponential average, NaN before the first view. views: int64 (n,).
    """

    def __init__(self, images: int, momentum: float = 0.7) -> None:
        self.momentum = momentum
        self.smoothed: NDArray[np.float64] = np.full(images, np.nan)
        self.views: NDArray[np.int64] = np.zeros(images, dtype=np.int64)

    def observe(self, items: NDArray[np.int64], losses: NDArray[np.float64]) -> None:
        """Take in the losses, float64 (k,), of images `items`, int64 (k,), one after another."""
        for item, loss in zip(items, losses, strict=True):
            old = self.smoothed[item]
            self.smoothed[item] = loss if np.isnan(old) else self.momentum * old + (1 - self.momentum) * loss
            self.views[item] += 1
