"""Images and masks scaled to the square that the network sees, the same in training, measurement and prediction.

Needs checked arrays. Knows nothing of networks.
"""

import cv2
import numpy as np
from numpy.typing import NDArray


def square(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Scale an image, uint8 (height, width, ...), to uint8 (size, size, ...), as the paper does.

    The aspect ratio is given up, not the border: lesions may reach it. A side that shrinks is averaged, which
    keeps fine network and dots from turning to noise; one that grows is bilinear.
    """
    height, width = min(image.shape[0], size), min(image.shape[1], size)
    scaled = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    if scaled.shape[:2] != (size, size):  # OpenCV averages only where both sides shrink: first the one, then the other
        scaled = cv2.resize(scaled, (size, size), interpolation=cv2.INTER_LINEAR)
    return np.asarray(scaled, dtype=np.uint8)


def square_mask(mask: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """Scale a mask, bool (height, width), to bool (size, size): lesion where at least half of the area is."""
    return square(mask.astype(np.uint8) * 255, size) >= 128


def unsquare(scores: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Scale a map, float32 (size, size), back to float32 (height, width) of the image it belongs to; bilinear."""
    scaled = cv2.resize(scores, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(scaled, dtype=np.float32)
