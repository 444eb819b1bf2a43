"""Images and masks scaled to the square that the network sees, the same in training, measurement and prediction.

Needs checked arrays. Knows nothing of networks.
"""

from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Fit = Literal["squeeze", "pad"]
"""How a picture fills the square. `squeeze`: both sides are scaled to it, as the paper does, and proportions given up.
`pad`: proportions are kept, and the short side is filled up evenly on both ends with `PADDING`."""

PADDING = (124, 116, 104)
"""Colour beside a padded picture, sRGB: ImageNet's mean, which the network takes for 0."""


class Window(NamedTuple):
    """Where a picture lies in its square, as shares of the square's side, 0 … 1."""

    top: float
    left: float
    bottom: float
    right: float


WHOLE = Window(0.0, 0.0, 1.0, 1.0)
"""The window of a picture that fills its square."""


def window_of(height: int, width: int, size: int, fit: Fit) -> Window:
    """Where `square` puts a picture of `height` × `width` pixels in the square of side `size`."""
    rows, columns = _frame(height, width, size, fit)
    return Window(rows.start / size, columns.start / size, rows.stop / size, columns.stop / size)


def square(image: NDArray[np.uint8], size: int, fit: Fit = "squeeze") -> NDArray[np.uint8]:
    """Scale an image, uint8 (height, width, 3) RGB, to uint8 (size, size, 3); also other channels when squeezed.

    The whole picture is kept, up to its border: lesions may reach it. A side that shrinks is averaged, which
    keeps fine network and dots from turning to noise; one that grows is bilinear.
    """
    if fit == "squeeze":
        return _scale(image, size, size)
    rows, columns = _frame(image.shape[0], image.shape[1], size, fit)
    padded = np.empty((size, size, 3), dtype=np.uint8)
    padded[:] = PADDING
    padded[rows, columns] = _scale(image, rows.stop - rows.start, columns.stop - columns.start)
    return padded


def square_mask(mask: NDArray[np.bool_], size: int, fit: Fit = "squeeze") -> NDArray[np.bool_]:
    """Scale a mask, bool (height, width), to bool (size, size): lesion where at least half of the area is.

    Beside a padded picture there is no lesion.
    """
    height, width = mask.shape
    return mask_in_square(mask, height, width, size, fit)


def mask_in_square(mask: NDArray[np.bool_], height: int, width: int, size: int, fit: Fit) -> NDArray[np.bool_]:
    """`square_mask` of a mask at any scale, bool (h, w), that belongs to a picture of `height` × `width` pixels."""
    rows, columns = _frame(height, width, size, fit)
    inside = np.zeros((size, size), dtype=np.bool_)
    scaled = _scale(mask.astype(np.uint8) * 255, rows.stop - rows.start, columns.stop - columns.start)
    inside[rows, columns] = scaled >= 128
    return inside


def unsquare(scores: NDArray[np.float32], height: int, width: int, fit: Fit = "squeeze") -> NDArray[np.float32]:
    """Scale a map, float32 (size, size), back to float32 (height, width) of the image it belongs to; bilinear.

    fit, where it is `pad`: size is that which the image was squared to. What lies on the padding is cut off.
    """
    if fit == "pad":
        scores = scores[_frame(height, width, len(scores), fit)]
    scaled = cv2.resize(scores, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(scaled, dtype=np.float32)


def place_cells(
    cells: NDArray[np.float32], height: int, width: int, shift: float, window: Window = WHOLE
) -> NDArray[np.float32]:
    """A coarse map, float32 (h, w), on the picture that it belongs to, float32 (height, width); bilinear.

    shift: how far above and left of the middle of its rectangle each cell's centre lies, in cells; 0 is `unsquare`.
    window: the part of the map that is wanted, of `window_of` for a map of the network's square. Beyond the outermost
    centres the map goes on as it ends.
    """
    if not shift and window == WHOLE:
        return unsquare(cells, height, width)
    # Not by cv2.remap, whose 32 steps between two cells are seen when one is 100 pixels wide; and not by two small
    # matrices, for the threads of NumPy's BLAS spin: measured, 4 times the processor's work of this.
    across = _between(cells.T, width, shift, window.left, window.right)
    return _between(np.ascontiguousarray(across.T), height, shift, window.top, window.bottom)


def _frame(height: int, width: int, size: int, fit: Fit) -> tuple[slice, slice]:
    """Rows and columns of the square of side `size` that a picture of `height` × `width` pixels fills."""
    longest = max(height, width)
    sides = [size if fit == "squeeze" else max(1, round(side * size / longest)) for side in (height, width)]
    first, second = (slice((size - side) // 2, (size - side) // 2 + side) for side in sides)
    return first, second


def _scale(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Scale to `height` × `width`, averaging along sides that shrink, bilinearly along those that grow."""
    smaller = min(image.shape[1], width), min(image.shape[0], height)
    scaled = cv2.resize(image, smaller, interpolation=cv2.INTER_AREA)
    if scaled.shape[:2] != (height, width):  # OpenCV averages only where both sides shrink: first the one, then both
        scaled = cv2.resize(scaled, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(scaled, dtype=np.uint8)


def _between(cells: NDArray[np.float32], pixels: int, shift: float, start: float, end: float) -> NDArray[np.float32]:
    """The rows of a map, float32 (cells, n), at `pixels` places from `start` to `end` of it, shares: (pixels, n)."""
    last = len(cells) - 1
    share = start + (np.arange(pixels) + 0.5) / pixels * (end - start)
    place = np.clip(share * len(cells) - 0.5 + shift, 0, last)
    before = np.minimum(place.astype(np.int64), max(last - 1, 0))
    beyond = (place - before).astype(np.float32)
    mixed = np.empty((pixels, cells.shape[1]), dtype=np.float32)
    ends = np.searchsorted(before, np.arange(last + 2))
    for cell in range(last + 1):  # all pixels between two cells at once, so that what is mixed stays in the cache
        rows = slice(ends[cell], ends[cell + 1])
        np.multiply.outer(1 - beyond[rows], cells[cell], out=mixed[rows])
        mixed[rows] += np.multiply.outer(beyond[rows], cells[min(cell + 1, last)])
    return mixed
