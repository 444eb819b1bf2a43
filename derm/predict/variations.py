"""A picture as other cameras might have taken it: cropped, turned, mirrored, blurred, compressed.

Needs a checked picture. Changes no colour: that is what tells a photograph from dermoscopy, among other things.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

LEAST_SIDE = 0.5
"""Of a crop, as a share of the picture's."""

BLUR = (0.4, 1.2)
"""Standard deviations of the blur that every other view gets, pixels."""

QUALITY = (60, 95)
"""Of JPEG."""


def views_of(image: NDArray[np.uint8], count: int, random: np.random.Generator) -> Iterator[NDArray[np.uint8]]:
    """The picture, uint8 (H, W, 3) RGB, as it is, then `count` - 1 variations of it, uint8 (h, w, 3), drawn by lot."""
    yield image
    for _ in range(count - 1):
        yield _vary(image, random)


def _vary(image: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    share = random.uniform(LEAST_SIDE, 1)
    rows, columns = max(1, int(height * share)), max(1, int(width * share * random.uniform(0.85, 1)))
    top, left = random.integers(height - rows + 1), random.integers(width - columns + 1)
    view = np.rot90(image[top : top + rows, left : left + columns], int(random.integers(4)))
    if random.random() < 0.5:
        view = view[:, ::-1]
    view = np.ascontiguousarray(view)
    if random.random() < 0.5:
        view = cv2.GaussianBlur(view, (0, 0), random.uniform(*BLUR)).astype(np.uint8)
    quality = int(random.integers(*QUALITY))
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(view, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(
        cv2.cvtColor(np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR)), cv2.COLOR_BGR2RGB), dtype=np.uint8
    )
