"""Whether a heat map names what the network uses: the class's probability as pixels go, come, or are painted over.

Needs a scorer, one normalised image and its heat map. Every curve keeps all seven probabilities, so that a map which is
the same for two classes is walked once. Knows no network: it asks the scorer, in batches, and changes nothing.
"""

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu
from torch import Tensor

Scorer = Callable[[Tensor], Tensor]
"""From normalised images, float32 (N, 3, S, S), to probabilities, float (N, K)."""

STEPS = 10
"""Of a deletion or insertion curve: at each, a tenth of the pixels. At 160 pixels and maps of 5 × 5 cells more of them
cost passes and change the area in the third digit."""

ROAD_SHARES = (0.1, 0.3, 0.5)
"""Shares of the pixels that ROAD takes away. Rong et al. 2022 go on to 0.9; beyond a half the maps differ least, and
each sparse system takes twice as long as the one before."""

ROAD_NOISE = 0.01
"""Standard deviation of the noise that is added to imputed pixels, in the network's normalised units, as in Rong et al.
2022: without it the smooth patch itself would betray which pixels are gone."""

BLUR = 5 / 224
"""Standard deviation of the blur from which insertion starts, as a share of the side; 5 of 224 pixels in RISE."""

RIM = 0.03
"""How far the lesion is widened before it is painted over, as a share of the side: its coloured rim is no skin."""

LEAST_SKIN = 0.02
"""The smallest share of the picture that must be skin for there to be a colour to paint with."""

BATCH = 32


class Curve(NamedTuple):
    """Probabilities of K classes at T shares of changed pixels: shares float64 (T,), rising; scores float64 (T, K)."""

    shares: NDArray[np.float64]
    scores: NDArray[np.float64]

    @property
    def areas(self) -> NDArray[np.float64]:
        """The area under each class's curve by trapezoids, float64 (K,), 0 … 1 for shares from 0 to 1."""
        return np.asarray(np.trapezoid(self.scores, self.shares, axis=0), dtype=np.float64)


class Road(NamedTuple):
    """Two curves over the shares taken away: most, the most relevant pixels first; least, the least relevant first."""

    most: Curve
    least: Curve

    @property
    def gaps(self) -> NDArray[np.float64]:
        """The mean over the shares of least − most, float64 (K,), −1 … 1: above 0 the map tells what matters from what
        does not; an order by lot has 0 on average."""
        return np.asarray((self.least.scores - self.most.scores).mean(axis=0), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Repainted:
    """Probabilities, float64 (K,) each, of one picture in three states."""

    whole: NDArray[np.float64]
    """As it is."""

    without_lesion: NDArray[np.float64]
    """The lesion and its rim painted over with the skin around them."""

    without_surroundings: NDArray[np.float64]
    """All but the lesion and its rim painted over with the colour of the picture's skin."""

    @property
    def lesion_drop(self) -> NDArray[np.float64]:
        """What each class loses with the lesion, float64 (K,), −1 … 1."""
        return self.whole - self.without_lesion

    @property
    def surroundings_drop(self) -> NDArray[np.float64]:
        """What each class loses with all but the lesion, float64 (K,), −1 … 1."""
        return self.whole - self.without_surroundings


def deletion(
    scorer: Scorer, image: Tensor, map_: NDArray[np.float32], steps: int = STEPS, seed: int = 0
) -> Curve | None:
    """Take pixels away, the most relevant first, and watch the probabilities fall (RISE, Petsiuk et al. 2018).

    image: float32 (3, S, S), normalised. map_: float32 (S, S), ≥ 0. steps: equal shares, at least 1. seed: of the lot
    that orders pixels of one value. A pixel that is gone is 0, the mean colour of the pictures the encoder began from.
    A small area is good. Returns None for a map of zeros: it puts nothing first. Raises ValueError for another shape,
    a map below 0 or not finite, and steps below 1.
    """
    return _walk(scorer, image, torch.zeros_like(image), map_, steps, seed)


def insertion(
    scorer: Scorer, image: Tensor, map_: NDArray[np.float32], steps: int = STEPS, seed: int = 0
) -> Curve | None:
    """Bring pixels back into a blurred picture, the most relevant first (RISE, Petsiuk et al. 2018).

    As `deletion`, from the picture blurred by `BLUR`; a large area is good.
    """
    return _walk(scorer, blurred(image), image, map_, steps, seed)


def road(
    scorer: Scorer,
    image: Tensor,
    map_: NDArray[np.float32],
    shares: tuple[float, ...] = ROAD_SHARES,
    seed: int = 0,
) -> Road | None:
    """Remove and debias (ROAD, Rong et al. 2022): pixels that go are filled in from those that stay, plus noise.

    As `deletion`; shares: within 0 … 1, both excluded, rising. Both orders are walked, most and least relevant first.
    Returns None for a map of zeros. Raises ValueError for other shares, shapes or values.
    """
    if not all(0 < share < 1 for share in shares) or list(shares) != sorted(shares):
        raise ValueError(f"the shares are {shares}, not rising within 0 … 1, both excluded: something must stay")
    order = _order(image, map_, seed)
    if order is None:
        return None
    random, pixels, gone = np.random.default_rng(seed), image.numpy(force=True), []
    for places in (order, order[::-1]):
        for share in shares:
            missing = np.zeros(order.size, dtype=np.bool_)
            missing[places[: round(share * order.size)]] = True
            gone.append(missing.reshape(map_.shape))
    # The solver lets go of Python's lock, so that two systems take no longer than one where there are two cores.
    with ThreadPoolExecutor(min(len(gone), os.cpu_count() or 1)) as pool:
        filled = list(pool.map(partial(impute, pixels), gone))
    for one, absent in zip(filled, gone, strict=True):
        noise = random.standard_normal((len(one), int(absent.sum())), dtype=np.float32)
        one[:, absent] += ROAD_NOISE * noise
    scores = _ask(scorer, torch.from_numpy(np.stack(filled)).to(image))
    taken = np.array(shares)
    return Road(Curve(taken, scores[: len(shares)]), Curve(taken, scores[len(shares) :]))


def repaint(scorer: Scorer, image: Tensor, lesion: NDArray[np.bool_]) -> Repainted | None:
    """What the probabilities are worth when the lesion, or all but the lesion, is painted over with skin.

    image: float32 (3, S, S), normalised. lesion: bool (S, S). The lesion, widened by `RIM`, is filled in from the skin
    around it as in `impute`, without noise; all but the widened lesion takes the median colour, channel by channel, of
    what lies there. Returns None without a lesion, or where less than `LEAST_SKIN` of the picture is skin. Raises
    ValueError for two sizes.
    """
    if image.shape[-2:] != lesion.shape:
        raise ValueError(f"the image is {tuple(image.shape[-2:])}, the lesion {lesion.shape}: bring them to one size")
    reach = round(RIM * lesion.shape[0])
    wide = cv2.dilate(lesion.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)) > 0
    if not lesion.any() or (~wide).mean() < LEAST_SKIN:
        return None
    pixels = image.numpy(force=True)
    alone = np.where(wide, pixels, np.median(pixels[:, ~wide], axis=1)[:, None, None])
    states = np.stack([pixels, impute(pixels, wide), alone]).astype(np.float32)
    return Repainted(*_ask(scorer, torch.from_numpy(states).to(image)))


def impute(
    image: NDArray[np.float32],
    missing: NDArray[np.bool_],
    noise: float = 0.0,
    random: np.random.Generator | None = None,
) -> NDArray[np.float32]:
    """Fill in missing pixels so that each is the weighted mean of its neighbours: ROAD's linear imputation.

    image: float32 (C, H, W). missing: bool (H, W). Of the eight neighbours those beside weigh 1/6, those across a
    corner 1/12 (Rong et al. 2022, section 4); at the border the rest are weighed up. One sparse system, solved exactly
    for all channels. noise: standard deviation of what is added to filled pixels; random: its source, if any is.
    Raises ValueError for two sizes, no pixel to fill in from, or noise without a source.
    """
    if image.shape[1:] != missing.shape:
        raise ValueError(f"the image is {image.shape[1:]}, the missing pixels {missing.shape}: bring them to one size")
    if missing.all():
        raise ValueError("every pixel is missing: leave one to fill in from")
    if noise and random is None:
        raise ValueError(f"the noise is {noise}, its source None: pass a numpy Generator")
    filled = image.astype(np.float32, copy=True)
    count = int(np.count_nonzero(missing))
    if not count:
        return filled
    number = np.full(np.add(missing.shape, 2), -2, dtype=np.int64)  # −2: beyond the border; −1: known
    number[1:-1, 1:-1] = -1
    number[1:-1, 1:-1][missing] = np.arange(count)
    values = np.pad(image.astype(np.float64), ((0, 0), (1, 1), (1, 1)))
    rows, columns, weights = [np.arange(count)], [np.arange(count)], []
    diagonal, known = np.zeros(count), np.zeros((count, len(image)))
    height, width = missing.shape
    for down, right, weight in NEIGHBOURS:
        window = np.s_[1 + down : 1 + down + height, 1 + right : 1 + right + width]
        neighbour = number[window][missing]
        diagonal += weight * (neighbour > -2)
        known += weight * np.where(neighbour == -1, values[:, *window][:, missing], 0).T
        asked = np.flatnonzero(neighbour >= 0)
        rows.append(asked)
        columns.append(neighbour[asked])
        weights.append(np.full(len(asked), -weight))
    # Rows are not divided by their sum of weights, so that the matrix stays symmetric: the solver is then 3 × as fast.
    system = sparse.csc_matrix(
        (np.concatenate([diagonal, *weights]), (np.concatenate(rows), np.concatenate(columns))), shape=(count, count)
    )
    solver = splu(system, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    filled[:, missing] = solver.solve(known).T
    if noise and random is not None:
        filled[:, missing] += noise * random.standard_normal((len(image), count), dtype=np.float32)
    return filled


NEIGHBOURS = tuple(
    (down, right, 1 / 6 if 0 in (down, right) else 1 / 12)
    for down in (-1, 0, 1)
    for right in (-1, 0, 1)
    if (down, right) != (0, 0)
)
"""Each neighbour of a pixel: rows down, columns right, weight; the eight weights sum to 1."""


def remembering(score: Scorer) -> Scorer:
    """`score` that asks about an image once: all walks over a picture begin or end at the same three states of it."""
    seen: dict[bytes, Tensor] = {}

    def remember(images: Tensor) -> Tensor:
        marks = [hashlib.blake2b(one.numpy(force=True).tobytes(), digest_size=16).digest() for one in images]
        new = {mark: place for place, mark in enumerate(marks) if mark not in seen}
        if new:
            seen.update(zip(new, score(images[list(new.values())]), strict=True))
        return torch.stack([seen[mark] for mark in marks])

    return remember


def blurred(image: Tensor) -> Tensor:
    """The image, float32 (3, S, S), blurred by a Gaussian of `BLUR` of its side."""
    pixels = np.ascontiguousarray(image.numpy(force=True).transpose(1, 2, 0))
    soft = cv2.GaussianBlur(pixels, (0, 0), BLUR * pixels.shape[0])
    return torch.from_numpy(np.ascontiguousarray(soft.transpose(2, 0, 1))).to(image)


def _walk(scorer: Scorer, start: Tensor, end: Tensor, map_: NDArray[np.float32], steps: int, seed: int) -> Curve | None:
    """From one picture to another, pixel by pixel in the map's order, in equal steps."""
    if steps < 1:
        raise ValueError(f"steps is {steps}, not at least 1: a curve has two ends")
    order = _order(start, map_, seed)
    if order is None:
        return None
    when = np.empty(order.size, dtype=np.int64)
    when[order] = np.arange(order.size)
    shares = np.arange(steps + 1) / steps
    changed = torch.from_numpy(when.reshape(map_.shape) < np.round(shares * order.size)[:, None, None])
    return Curve(shares, _ask(scorer, torch.where(changed[:, None].to(start.device), end, start)))


def _order(image: Tensor, map_: NDArray[np.float32], seed: int) -> NDArray[np.int64] | None:
    """Places of the pixels, the strongest first, equals in an order drawn by lot; None for a map of zeros."""
    if image.ndim != 3 or image.shape[-2:] != map_.shape:
        raise ValueError(f"the image is {tuple(image.shape)}, the map {map_.shape}: pass (3, S, S) and (S, S)")
    if not (np.isfinite(map_).all() and map_.min() >= 0):
        raise ValueError(f"the map reaches from {map_.min():.4g} to {map_.max():.4g}, not finite and at least 0")
    if not map_.any():
        return None
    # Reading order would take a plateau away from the top down: maps cut at 0 are plateaus to a third and more.
    lot = np.random.default_rng(seed).permutation(map_.size)
    return lot[np.argsort(-map_.ravel()[lot], kind="stable")].astype(np.int64)


def _ask(scorer: Scorer, images: Tensor) -> NDArray[np.float64]:
    """Probabilities, float64 (N, K), of images (N, 3, S, S), `BATCH` at a time."""
    found = [scorer(images[first : first + BATCH]) for first in range(0, len(images), BATCH)]
    return torch.cat(found).double().numpy(force=True)
