"""Two pictures of one place laid one upon the other: by which turn, scale and shift, and whether they fit at all.

Needs two checked pictures with their outlines. Keypoints by SIFT (Lowe 2004), a similarity by RANSAC (Fischler and
Bolles 1981), and what is found is held against the pictures themselves. Knows no diagnosis.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from derm.errors import NotRegistered
from derm.language.speech import mark, say

WORK_SIDE = 512
"""Longer side, pixels, at which pictures are compared; a smaller one is grown to it."""

KEYPOINTS = 2_000
CONTRAST = 0.01
"""Of a keypoint, a quarter of what SIFT asks for: skin has little."""

RATIO = 0.85
"""Distance to the best match as a share of that to the second best, up to which it counts (Lowe 2004, section 7.1)."""

NEAR = 4.0
"""Pixels of `WORK_SIDE` within which a match agrees with the similarity."""

LEAST_MATCHES = 10
"""Matches that agree, from which a similarity is believed."""

LEAST_LIKENESS = 0.35
"""Correlation of both pictures' structures where they overlap, from which they show one place."""

LEAST_OVERLAP = 0.2
"""Share of the first picture that the second one covers."""

MOST_SCALE = 2.5
"""Of one picture to the other, up to which keypoints are comparable."""

DARK = 20
"""Luminance, 0 … 255, up to which a pixel is a dermatoscope's black corner, in which nothing is looked for."""

SAME_CURE = mark("choose two pictures of one lesion, taken alike and in focus")


class Registration(NamedTuple):
    """How the second picture lies on the first."""

    matrix: NDArray[np.float64]
    """Float64 (2, 3): from (x, y) of the second, pixels, to that of the first."""

    scale: float
    """Pixels of the first for one of the second, above 0."""

    angle: float
    """Degrees by which the second is turned, anticlockwise as seen, −180 … 180."""

    matches: int
    """Keypoints that agree."""

    on_skin: int
    """Those of them outside of both outlines. What lies inside cannot tell a lesion's growth from a nearer camera."""

    residual: float
    """Median distance of matches that agree, pixels of the first."""

    likeness: float
    """Correlation of structures where both overlap, −1 … 1."""

    overlap: float
    """Share of the first picture that the second one covers, 0 … 1."""


def register(
    first: NDArray[np.uint8],
    second: NDArray[np.uint8],
    first_mask: NDArray[np.bool_],
    second_mask: NDArray[np.bool_],
) -> Registration:
    """Lay `second` on `first`, uint8 (H, W, 3) and (h, w, 3) RGB, each with its outline, bool, of its size.

    Raises NotRegistered, with the reason in one sentence, where they do not show one place or it cannot be told.
    """
    small, mine = _work(first)
    other, its = _work(second)
    places, others = _matches(small, other)
    if len(places) < LEAST_MATCHES:
        raise NotRegistered(_few(len(places)))
    found, agree = cv2.estimateAffinePartial2D(
        others, places, method=cv2.RANSAC, ransacReprojThreshold=NEAR, maxIters=10_000, confidence=0.9999
    )
    count = 0 if found is None else int(agree.sum())
    if found is None or count < LEAST_MATCHES:
        raise NotRegistered(_few(count))
    kept = agree[:, 0].astype(bool)
    matrix = np.asarray(found, dtype=np.float64)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if not 1 / MOST_SCALE <= scale <= MOST_SCALE:
        raise NotRegistered(
            say(
                "One picture is taken from more than {times:g} times as near as the other: {cure}.",
                times=MOST_SCALE,
                cure=say(SAME_CURE),
            )
        )
    likeness, overlap = _fit(small, other, matrix)
    if overlap < LEAST_OVERLAP:
        raise NotRegistered(
            say(
                "The pictures share only {overlap:.0%} of the skin that they show: {cure}.",
                overlap=overlap,
                cure=say(SAME_CURE),
            )
        )
    if likeness < LEAST_LIKENESS:
        raise NotRegistered(
            say(
                "The pictures do not show one lesion, or not clearly enough to be laid on each other: {cure}.",
                cure=say(SAME_CURE),
            )
        )
    apart = np.linalg.norm(_moved(others[kept], matrix) - places[kept], axis=1)
    on_skin = ~(_inside(first_mask, places[kept] / mine) | _inside(second_mask, others[kept] / its))
    return Registration(
        matrix=_rescaled(matrix, mine, its),
        scale=scale * its / mine,
        angle=float(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))),
        matches=count,
        on_skin=int(on_skin.sum()),
        residual=float(np.median(apart)) / mine,
        likeness=likeness,
        overlap=overlap,
    )


def laid(image: NDArray[np.uint8], found: Registration, height: int, width: int) -> NDArray[np.uint8]:
    """The second picture, uint8 (h, w, 3), as it lies on the first, uint8 (height, width, 3); black beside it."""
    return _warp(image, found.matrix, height, width, cv2.INTER_AREA if found.scale < 1 else cv2.INTER_CUBIC)


def laid_mask(mask: NDArray[np.bool_], found: Registration, height: int, width: int) -> NDArray[np.bool_]:
    """A mask of the second picture, bool (h, w), as it lies on the first, bool (height, width); False beside it."""
    moved = cv2.warpAffine(mask.astype(np.float32), found.matrix, (width, height), flags=cv2.INTER_LINEAR)
    return np.asarray(moved) >= 0.5


def covered(shape: tuple[int, int], found: Registration, height: int, width: int) -> NDArray[np.bool_]:
    """Where the second picture, of `shape` (h, w), lies on the first: bool (height, width)."""
    return laid_mask(np.ones(shape, dtype=np.bool_), found, height, width)


def _work(image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    """The luminance with a longer side of `WORK_SIDE`, uint8 (h, w), and by what it was scaled."""
    height, width = image.shape[:2]
    scale = WORK_SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), size, interpolation=method), np.uint8), scale


def _matches(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Places, float32 (n, 2), in both pictures, that are each other's best match."""
    (places, marks), (others, others_marks) = _keypoints(first), _keypoints(second)
    if min(len(places), len(others)) < 2:
        return np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32)
    alike = marks @ others_marks.T  # of vectors of length 1, so that 2 − 2 · alike is the squared distance
    there, back = _best(alike), _best(alike.T)
    mine = np.flatnonzero((there >= 0) & (back[there] == np.arange(len(there))))
    return places[mine], others[there[mine]]


def _keypoints(grey: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Places, float32 (n, 2), and descriptors, float32 (n, 128): square roots, whose distance is Hellinger's
    (Arandjelović and Zisserman 2012)."""
    inside = cv2.erode((grey > DARK).astype(np.uint8), np.ones((9, 9), np.uint8), borderValue=0)
    even = cv2.createCLAHE(clipLimit=3.0, tileGridSize=(8, 8)).apply(grey)
    found, marks = cv2.SIFT.create(nfeatures=KEYPOINTS, contrastThreshold=CONTRAST).detectAndCompute(even, inside)
    if marks is None:
        return np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32)
    places = np.array([one.pt for one in found], np.float32)
    rooted = np.sqrt(marks / np.maximum(marks.sum(axis=1, keepdims=True), 1e-6))
    return places, np.asarray(rooted, np.float32)


def _best(alike: NDArray[np.float32]) -> NDArray[np.int64]:
    """For each row the column that is most alike, int64 (n,), −1 where it is not clearly better than the second."""
    best = alike.argmax(axis=1)
    second, first = np.partition(alike, -2, axis=1)[:, -2:].T
    near, far = np.sqrt(np.maximum(2 - 2 * first, 0)), np.sqrt(np.maximum(2 - 2 * second, 0))
    return np.where(near < RATIO * far, best, -1)


def _fit(first: NDArray[np.uint8], second: NDArray[np.uint8], matrix: NDArray[np.float64]) -> tuple[float, float]:
    """Correlation of structures where both overlap, and the share of the first that is covered."""
    height, width = first.shape
    moved = np.asarray(cv2.warpAffine(second, matrix, (width, height), flags=cv2.INTER_LINEAR), np.uint8)
    there = np.asarray(cv2.warpAffine(np.full_like(second, 255), matrix, (width, height)))
    both = (there > 250) & (first > DARK) & (moved > DARK)
    overlap = float((there > 127).mean())
    if both.mean() < 0.05:
        return 0.0, overlap
    one, two = _structures(first, both)[both], _structures(moved, both)[both]
    spread = float(one.std() * two.std())
    return (float(((one - one.mean()) * (two - two.mean())).mean()) / spread if spread else 0.0), overlap


def _structures(grey: NDArray[np.uint8], where: NDArray[np.bool_]) -> NDArray[np.float32]:
    """What is left of a picture without its light and its noise: differences of two blurs, inside of `where`."""
    weight = where.astype(np.float32)
    values = grey.astype(np.float32) * weight

    def blurred(sigma: float) -> NDArray[np.float32]:
        share = cv2.GaussianBlur(weight, (0, 0), sigma)
        return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma) / np.maximum(share, 1e-3), np.float32)

    return blurred(2.0) - blurred(20.0)


def _moved(places: NDArray[np.float32], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Places, (n, 2), under a similarity."""
    moved: NDArray[np.float64] = places.astype(np.float64) @ matrix[:, :2].T + matrix[:, 2]
    return moved


def _inside(mask: NDArray[np.bool_], places: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which places, (n, 2) as (x, y), lie in a mask, bool (H, W)."""
    columns = np.clip(places[:, 0].astype(np.int64), 0, mask.shape[1] - 1)
    rows = np.clip(places[:, 1].astype(np.int64), 0, mask.shape[0] - 1)
    return mask[rows, columns]


def _rescaled(matrix: NDArray[np.float64], first: float, second: float) -> NDArray[np.float64]:
    """A similarity between pictures scaled by `first` and `second` as one between the pictures themselves.

    Pixel centres lie at whole numbers, so that scaling moves them by half a pixel's difference.
    """

    def scaling(factor: float) -> NDArray[np.float64]:
        return np.array([[factor, 0, (factor - 1) / 2], [0, factor, (factor - 1) / 2], [0, 0, 1]])

    whole = np.vstack([matrix, [0, 0, 1]])
    rescaled: NDArray[np.float64] = (np.linalg.inv(scaling(first)) @ whole @ scaling(second))[:2]
    return rescaled


def _warp(
    image: NDArray[np.uint8], matrix: NDArray[np.float64], height: int, width: int, method: int
) -> NDArray[np.uint8]:
    smooth = cv2.INTER_LINEAR if method == cv2.INTER_AREA else method
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < 0.7:  # warping takes single pixels: what is shrunk is blurred first, lest it flickers
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 / scale), np.uint8)
    return np.asarray(cv2.warpAffine(image, matrix, (width, height), flags=smooth), np.uint8)


def _few(count: int) -> str:
    return say(
        "Only {count} places of one picture were found again in the other, and {needed} are needed: {cure}.",
        count=count,
        needed=LEAST_MATCHES,
        cure=say(SAME_CURE),
    )
