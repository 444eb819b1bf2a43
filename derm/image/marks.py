"""Marks beside a lesion that a picture shows: a skin marker's ink, and the ticks of a ruler.

Needs a checked picture and an outline. Gives measures; the limits stand in `derm.predict.quality`, and docs/doubts.md
has how often each is met by real pictures and by drawn marks. Hair and dark corners were measured to be told too badly
and are not looked for.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from derm.image.overlay import resize_mask

WORK_SIDE = 320
"""Longer side, pixels, at which marks are looked for: a ruler's ticks are 8 to 25 apart there."""

INK_BLUE = 16.0
"""CIELAB b* by which a place is bluer than the skin of its picture from which it may be ink: beside that skin, for
light and camera turn whole pictures blue."""

INK_LIGHTNESS = (12.0, 75.0)

INK_CHROMA = 10.0
"""Distance from grey, CIELAB, that ink has at least; black corners and hair have less."""

STRIP = 0.16
"""Share of a side along which a ruler is looked for."""

TICKS = (5, 40)
"""Pixels between two ticks, from … to."""


FAINT = 1.0
"""Root mean square of a strip's steps, Sobel's, below which its regularity is that of noise and compression."""


class Marks(NamedTuple):
    """Of one picture."""

    ink: float
    """Share of the picture, beside the lesion, that is as blue or violet as a skin marker's ink, 0 … 1."""

    ruler: float
    """How regularly lines follow each other along one of the four borders, 0 … 1."""


def measure_marks(image: NDArray[np.uint8], outline: NDArray[np.bool_]) -> Marks:
    """Measure a picture, uint8 (H, W, 3) RGB, and its outline, bool (H, W)."""
    height, width = image.shape[:2]
    scale = WORK_SIDE / max(height, width)
    shape = max(1, round(height * scale)), max(1, round(width * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = np.asarray(cv2.resize(image, (shape[1], shape[0]), interpolation=method), np.uint8)
    return Marks(_ink(small, resize_mask(outline, *shape)), _ruler(small))


def _ink(image: NDArray[np.uint8], outline: NDArray[np.bool_]) -> float:
    soft = cv2.GaussianBlur(image, (0, 0), 1.0).astype(np.float32) / 255
    lab = np.asarray(cv2.cvtColor(soft, cv2.COLOR_RGB2LAB))
    light, red, yellow = lab[..., 0], lab[..., 1], lab[..., 2]
    low, high = INK_LIGHTNESS
    skin = ~outline & (light > low)
    usual = float(np.median(yellow[skin])) if skin.any() else 0.0
    inked = (yellow <= usual - INK_BLUE) & (yellow < 0) & (np.hypot(red, yellow) >= INK_CHROMA)
    reach = max(3, round(0.02 * max(outline.shape)))
    inside = cv2.erode(outline.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
    return float((inked & (light >= low) & (light <= high) & ~inside).mean())


def _ruler(image: NDArray[np.uint8]) -> float:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return max(_ticks(np.rot90(grey, turn)) for turn in range(4))


def _ticks(grey: NDArray[np.float32]) -> float:
    """How regular lines across the uppermost strip are: the highest of a ruler's autocorrelations over narrow bands."""
    strip = grey[: max(12, round(STRIP * len(grey)))]
    steps = cv2.Sobel(np.ascontiguousarray(strip), cv2.CV_32F, 1, 0, ksize=3)
    best = 0.0
    band = max(6, len(strip) // 4)
    for start in range(0, len(strip) - band + 1, max(1, band // 2)):
        best = max(best, _regularity(steps[start : start + band].mean(axis=0)))
    return best


def _regularity(line: NDArray[np.float32]) -> float:
    """The height of the first peak of a line's autocorrelation that has one at twice its distance, too, 0 … 1."""
    limit = 4 * float(np.median(np.abs(line))) + 1e-6
    even = np.clip(line, -limit, limit)
    even = even - even.mean()
    power = float((even**2).sum())
    if power <= FAINT**2 * len(line):
        return 0.0
    whole = np.correlate(even, even, mode="full")[len(even) - 1 :]
    count = np.arange(len(even), 0, -1) / len(even)
    likeness = whole / power / count
    low, high = TICKS
    found = 0.0
    for lag in range(low, min(high, len(likeness) // 4)):
        if likeness[lag] >= likeness[lag - 1] and likeness[lag] >= likeness[lag + 1]:
            twice = likeness[2 * lag - 1 : 2 * lag + 2].max()
            found = max(found, float(min(likeness[lag], twice)))
    return min(1.0, max(0.0, found))
