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


def place_cells(cells: NDArray[np.float32], height: int, width: int, shift: float) -> NDArray[np.float32]:
    """A coarse map, float32 (h, w), on the picture that it belongs to, float32 (height, width); bilinear.

    shift: how far above and left of the middle of its rectangle each cell's centre lies, in cells; 0 is `unsquare`.
    Beyond the outermost centres the map goes on as it ends.
    """
    if not shift:
        return unsquare(cells, height, width)
    # By two small matrices and not by cv2.remap, whose 32 steps between two cells are seen when one is 100 pixels wide.
    h, w = cells.shape
    return (_between(height, h, shift) @ cells @ _between(width, w, shift).T).astype(np.float32)


def _between(pixels: int, cells: int, shift: float) -> NDArray[np.float32]:
    """What each of `pixels` takes of each of `cells` along one side: float32 (pixels, cells), each row sums to 1."""
    place = np.clip((np.arange(pixels) + 0.5) / pixels * cells - 0.5 + shift, 0, cells - 1)
    before = np.minimum(place.astype(np.int64), max(cells - 2, 0))
    taken = np.zeros((pixels, cells), dtype=np.float32)
    taken[np.arange(pixels), before] = 1 - (place - before)
    if cells > 1:
        taken[np.arange(pixels), before + 1] = place - before
    return taken
