"""Whether a picture can be judged at all: one picture or several, a screenshot, exposure, sharpness, what is outlined.

Needs a checked picture and an outline. Gives measures, not verdicts: the limits stand in `derm.predict.doubts`, and
docs/doubts.md has how often each is met by real pictures and by faults made on purpose. Knows no model.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

WORK_SIDE = 256
"""Longer side, pixels, at which a picture is measured, about what a network sees; a smaller one stays as it is."""

CLIPPED = 250
"""A pixel whose three channels all reach this is burnt out: there is nothing in it to tell apart."""

STEP = 10
"""Levels of 255 between two neighbouring lines from which a place counts as a step from one to the other."""

MARGIN = 0.08
"""Share of each side within which no seam is looked for: frames and black corners lie there."""

UNIFORM = 12
"""Levels of 255 within which nine tenths of a line lie where it is a border of one colour, which is cut off."""

LEAST_SIDE = 32
"""Pixels that are left where borders are cut off."""

COLOURS = 3
"""As many exact colours count as those of a window's surfaces."""

SECOND = 0.2
"""Share of the largest piece of an outline from which another is a lesion of its own."""

LEAST_PIECE = 0.005
"""Share of the picture that a lesion of its own fills at least."""


class Quality(NamedTuple):
    """What was measured of a picture and its outline."""

    seam: float
    """The longest straight step across the picture, along rows or columns, as a share of its height or width, beyond
    what lines near it have: 1 where two pictures meet. 0 … 1. A hair or a ruler is a line and no step: both of its
    sides are alike."""

    surface: float
    """Share of the pixels that have one of the picture's three most frequent exact colours, 0 … 1."""

    clipped: float
    """Share of burnt out pixels, 0 … 1, see `CLIPPED`."""

    brightest: float
    """Luminance that 99 % of the pixels do not exceed, 0 … 255."""

    detail: float
    """Absolute Laplacian of the luminance that 99 % of the pixels do not exceed, in levels of 255: low where no edge
    is sharp."""

    lesions: int
    """Pieces of the outline that count as lesions of their own, see `SECOND` and `LEAST_PIECE`."""

    at_edge: float
    """Share of the outline's length that lies on the picture's border, 0 … 1; 0 without an outline."""


def measure_quality(image: NDArray[np.uint8], outline: NDArray[np.bool_]) -> Quality:
    """Measure a picture, uint8 (H, W, 3) RGB, and its outline, bool (H, W)."""
    small = _small(image)
    planes = np.ascontiguousarray(small.transpose(2, 0, 1))
    grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    laplacian = np.abs(np.asarray(cv2.Laplacian(grey, cv2.CV_16S), dtype=np.int16))
    return Quality(
        seam=_seam(_without_borders(planes)),
        surface=_surface(planes),
        clipped=float(np.count_nonzero(planes.min(axis=0) >= CLIPPED) / grey.size),
        brightest=_percentile(grey, 99),
        detail=_percentile(laplacian, 99),
        lesions=count_lesions(outline),
        at_edge=share_at_edge(outline),
    )


def count_lesions(outline: NDArray[np.bool_]) -> int:
    """How many pieces of an outline, bool (H, W), are lesions of their own, see `SECOND` and `LEAST_PIECE`."""
    _, _, pieces, _ = cv2.connectedComponentsWithStats(outline.view(np.uint8))
    areas = pieces[1:, cv2.CC_STAT_AREA]
    return int(((areas >= LEAST_PIECE * outline.size) & (areas >= SECOND * areas.max(initial=0))).sum())


def share_at_edge(outline: NDArray[np.bool_]) -> float:
    """The share of an outline's length that lies on the picture's border, 0 … 1; 0 for an empty one, bool (H, W)."""
    contours, _ = cv2.findContours(outline.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    points = np.concatenate([contour[:, 0] for contour in contours]) if contours else np.zeros((0, 2), np.int32)
    height, width = outline.shape
    on_border = (points == 0).any(axis=1) | (points[:, 0] == width - 1) | (points[:, 1] == height - 1)
    return float(on_border.mean()) if len(points) else 0.0


def _small(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture with a longer side of at most `WORK_SIDE`."""
    height, width = image.shape[:2]
    scale = WORK_SIDE / max(height, width)
    if scale >= 1:
        return image
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _percentile(values: NDArray[np.uint8] | NDArray[np.int16], percent: float) -> float:
    """What `numpy.percentile` gives, of whole numbers from 0 on, which are counted instead of sorted."""
    until = np.bincount(values.ravel()).cumsum()
    place = (values.size - 1) * percent / 100
    low, high = np.searchsorted(until, (int(place), min(int(place) + 1, values.size - 1)), side="right")
    return float(low + (high - low) * (place - int(place)))


def _without_borders(planes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture, (3, H, W), without borders of one colour, as scans and film strips have; at least `LEAST_SIDE` of
    it."""
    rows, columns = _content(planes), _content(planes.transpose(0, 2, 1))
    return planes[:, rows, columns]


def _content(lines: NDArray[np.uint8]) -> slice:
    """From the first to the last line of (3, lines, pixels) that is not of one colour."""
    count = lines.shape[1]
    first = next((place for place in range(count) if _is_mixed(lines[:, place])), count)
    last = next((place for place in range(count - 1, first, -1) if _is_mixed(lines[:, place])), first)
    return slice(first, last + 1) if last + 1 - first >= LEAST_SIDE else slice(None)


def _is_mixed(line: NDArray[np.uint8]) -> bool:
    """Whether a line, (3, pixels), is not of one colour, see `UNIFORM`."""
    low, high = np.percentile(line, (5, 95), axis=1)
    return bool((high - low).max() > UNIFORM)


def _seam(planes: NDArray[np.uint8]) -> float:
    """See `Quality.seam`."""
    return max(_longest_step(planes), _longest_step(planes.transpose(0, 2, 1)))


def _longest_step(lines: NDArray[np.uint8]) -> float:
    """The largest share of a line of (3, lines, pixels) that steps to the next one, beyond the median of lines near."""
    near, far = 2, 6
    if lines.shape[1] < 4 * far:
        return 0.0
    # A step is looked for over two lines, for scaling spreads it over as many, and confirmed over six.
    lines = np.ascontiguousarray(lines)
    wide = _apart(lines, far)
    steps = _apart(lines, near)[near : near + len(wide)]
    share = np.count_nonzero(np.minimum(steps, wide) > STEP, axis=1) / wide.shape[1]
    around = np.lib.stride_tricks.sliding_window_view(np.pad(share, 8, mode="reflect"), 17)
    usual = np.median(around[:, [*range(6), *range(11, 17)]], axis=1)
    margin = round(MARGIN * len(share))
    return float(np.clip(share - usual, 0, 1)[margin : len(share) - margin].max(initial=0))


def _apart(lines: NDArray[np.uint8], distance: int) -> NDArray[np.uint8]:
    """How far each line of (3, lines, pixels) is from that at a distance, the most of the three, (fewer, pixels)."""
    one, other = lines[:, distance:], lines[:, :-distance]
    apart: NDArray[np.uint8] = (np.maximum(one, other) - np.minimum(one, other)).max(axis=0)
    return apart


def _surface(planes: NDArray[np.uint8]) -> float:
    """See `Quality.surface`."""
    red, green, blue = (plane.ravel().astype(np.uint32) for plane in planes)
    colours = np.sort((red << 16) | (green << 8) | blue)
    starts = np.flatnonzero(np.diff(colours, prepend=colours[0] + 1))
    counts = np.sort(np.diff(starts, append=colours.size))
    return float(counts[-COLOURS:].sum() / colours.size)
