"""What can be measured of a lesion in its picture: size, asymmetry of shape and colour, blue-grey and black.

Needs a picture and an outline. Each measure names its source; what each is worth is measured by `derm measures` and
stands in docs/measures.md. Solidity, abrupt sectors and counts of colours were measured to be worth little elsewhere
and are left out. Knows nothing of diagnoses.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 256
"""Longer side of the picture that colours are measured on, pixels: finer grain is noise to them."""

FOLDED = 128
"""Side of the square on which a lesion is folded."""

SMOOTHED = 7
"""Pixels of a border that are averaged, lest the steps of a slanting line count as its length."""

BLACK = 25.0
"""CIELAB lightness below which a place counts as black."""

BLUE_GREY_LIGHTNESS = (20.0, 65.0)
BLUE_GREY_HUE = 0.35
"""CIELAB lightness from … to, and the share of the yellow (b*) that skin would have if it were so dark, up to which a
place counts as blue-grey. A shadow keeps a colour's proportions; what has lost its yellow and is no redder than skin
looks blue-grey beside it. A choice of ours."""


@dataclass(frozen=True)
class LesionMeasures:
    """Of one lesion in one picture."""

    diameter: float
    """Greatest Feret diameter, pixels: the longest line between two places of its border (Ali et al. 2020)."""

    area: float
    """Pixels."""

    fill: float
    """The diameter as a share of the picture's shorter side; above 1 where it fills the picture along a diagonal."""

    shape_asymmetry: float
    """Share of the lesion that has no counterpart when folded over the worse of its principal axes, 0 … 1 (Grana)."""

    colour_asymmetry: float
    """Mean difference in colour (CIELAB, Euclidean) between halves folded so, at least 0 (Pellacani et al. 2006)."""

    blue_grey: float
    """Share of the lesion that is bluer than the skin and neither black nor bright, 0 … 1."""

    black: float
    """Share of the lesion that is black, 0 … 1."""

    border: float
    """Compactness, at least 1: squared perimeter by 4π times the area; 1 for a disc (Golston et al. 1992)."""

    def diameter_mm(self, mm_per_pixel: float) -> float:
        """The diameter in millimetres. mm_per_pixel: above 0."""
        return self.diameter * mm_per_pixel

    def area_mm2(self, mm_per_pixel: float) -> float:
        """The area in square millimetres. mm_per_pixel: above 0."""
        return self.area * mm_per_pixel**2


def measure_lesion(image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> LesionMeasures | None:
    """Measure the lesion under `mask`, bool (H, W), in `image`, uint8 (H, W, 3) RGB; None where it has no area.

    Several parts count as one lesion. Raises ValueError where picture and mask differ in size.
    """
    if image.shape[:2] != mask.shape:
        raise ValueError(f"The picture has {image.shape[:2]} pixels and the mask {mask.shape}: they must be alike.")
    if not mask.any():
        return None
    diameter = feret_diameter(mask)
    small, lesion = _shrink(image, mask)
    colours = _lab(small)
    if not lesion.any():
        return None
    shape, colour = _asymmetry(colours, lesion)
    light = colours[..., 0]
    return LesionMeasures(
        diameter=diameter,
        area=float(mask.sum()),
        fill=diameter / min(mask.shape),
        shape_asymmetry=shape,
        colour_asymmetry=colour,
        blue_grey=float(_blue_grey(colours, lesion)[lesion].mean()),
        black=float((light[lesion] < BLACK).mean()),
        border=compactness(lesion),
    )


def feret_diameter(mask: NDArray[np.bool_]) -> float:
    """The longest distance between the outer edges of two pixels of `mask`, bool (H, W), pixels; 0 for an empty one."""
    return math.dist(*feret_line(mask)) + 1 if mask.any() else 0.0


def feret_line(mask: NDArray[np.bool_]) -> tuple[tuple[float, float], tuple[float, float]]:
    """The two places, (x, y), between which `mask`, bool (H, W), not empty, is longest."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    hull = cv2.convexHull(np.concatenate(contours))[:, 0].astype(np.float64)
    away = np.linalg.norm(hull[:, None] - hull[None], axis=-1)
    first, second = np.unravel_index(away.argmax(), away.shape)
    (x1, y1), (x2, y2) = hull[first].tolist(), hull[second].tolist()
    return (x1, y1), (x2, y2)


def compactness(lesion: NDArray[np.bool_]) -> float:
    """Squared perimeter by 4π times the area of a mask, bool (h, w), not empty, at least 1; holes count as lesion.

    The steps of pixels are smoothed away along `SMOOTHED` of them; several parts count as one, with all their borders.
    """
    contours, _ = cv2.findContours(lesion.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    perimeter = area = 0.0
    for contour in contours:
        line = _smooth(contour[:, 0].astype(np.float64))
        following = np.roll(line, -1, axis=0)
        perimeter += float(np.linalg.norm(following - line, axis=1).sum())
        area += abs(float((line[:, 0] * following[:, 1] - line[:, 1] * following[:, 0]).sum())) / 2
    return max(1.0, perimeter**2 / (4 * math.pi * area)) if area else 1.0


def _smooth(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """A closed line, float64 (n, 2), each point the mean of `SMOOTHED` in a row."""
    reach = min(SMOOTHED, len(line)) // 2
    steps = [np.roll(line, step, axis=0) for step in range(-reach, reach + 1)]
    smooth: NDArray[np.float64] = np.mean(steps, axis=0)
    return smooth


def _shrink(image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Both with their longer side at most `SIDE`."""
    height, width = mask.shape
    scale = min(1.0, SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    share = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(picture, dtype=np.uint8), np.asarray(share) >= 0.5


def _lab(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """CIELAB, float32 (h, w, 3): lightness 0 … 100, a*, b* about −128 … 127."""
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), dtype=np.float32)


def _blue_grey(colours: NDArray[np.float32], lesion: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where the picture is blue-grey, bool (h, w), beside the median colour of its skin.

    Where less than a twentieth of the picture is skin, the whole of it stands for skin.
    """
    light, red, yellow = (colours[..., channel] for channel in range(3))
    skin = ~lesion & (light > BLACK)
    place = skin if skin.mean() >= 0.05 else np.ones_like(lesion)
    of_skin = np.median(colours[place], axis=0)
    darkened = light / max(1.0, float(of_skin[0]))
    low, high = BLUE_GREY_LIGHTNESS
    unlike = (yellow <= BLUE_GREY_HUE * max(0.0, float(of_skin[2])) * darkened) & (red <= of_skin[1] * darkened)
    bluish: NDArray[np.bool_] = unlike & (light >= low) & (light <= high)
    return bluish


def _asymmetry(colours: NDArray[np.float32], lesion: NDArray[np.bool_]) -> tuple[float, float]:
    """Of shape and of colour, each over the worse principal axis of the lesion."""
    turned, place = _upright(colours, lesion)
    shapes, differences = [], []
    for axis in (0, 1):
        mirrored = np.flip(place, axis)
        both = place & mirrored
        shapes.append(1 - both.sum() / max(1, place.sum()))
        apart = np.linalg.norm(turned - np.flip(turned, axis), axis=-1)
        differences.append(float(apart[both].mean()) if both.any() else 0.0)
    return float(max(shapes)), max(differences)


def _upright(colours: NDArray[np.float32], lesion: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Colours and lesion on a square of `FOLDED` pixels, the centroid in its middle, the principal axes along it."""
    rows, columns = np.nonzero(lesion)
    places = np.stack([columns, rows]).astype(np.float64)
    centre = places.mean(axis=1)
    away = places - centre[:, None]
    spread = away @ away.T / away.shape[1]
    _, axes = np.linalg.eigh(spread)
    along = axes.T @ away
    reach = float(np.abs(along).max()) + 1
    scale = (FOLDED - 1) / 2 / reach
    turn = axes.T * scale
    shift = np.full(2, (FOLDED - 1) / 2) - turn @ centre
    matrix = np.column_stack([turn, shift])
    size = (FOLDED, FOLDED)
    seen = cv2.warpAffine(colours, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    share = cv2.warpAffine(lesion.astype(np.float32), matrix, size, flags=cv2.INTER_LINEAR)
    return np.asarray(seen, dtype=np.float32), np.asarray(share) >= 0.5
