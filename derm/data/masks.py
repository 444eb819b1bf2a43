"""Whether the masks of a data set are outlines of lesions, and of the lesions in their own pictures.

Needs small copies of pictures and masks; judges a set, for a single lesion may fill its picture or be lighter than its
skin. Does not know whether one outline is right.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from derm.data.looks import FLAT, SIDE
from derm.language.quantities import listed
from derm.language.speech import mark, say

TOO_MANY = 0.05
"""Share of a set's masks, three at least or half of a few, from which a fault is one of the set. Of HAM10000's 10,015
masks 2 are full and 4 mark more than 0.9 of the border, of 2,065 of ISIC 2018 Task 1 1 and 7."""

BORDER = 0.9
"""Share of a picture's border pixels from which a mask is taken for the skin."""

FEWEST = 20
"""Masks from which the set is held against other ways to lay them. Of 6,000 sets of 20 to 60 drawn by lot from HAM10000
and ISIC 2018 Task 1 none was called faulty; of 600 sets of 28 whose masks were mirrored 599 to 600 were, moved by two
cells 596, shuffled 595."""

CLEAR = 0.3
"""Mean correlation of darkness and mask that another way must reach; the masks of either data set have 0.68 as they are
and 0.33 to 0.47 mirrored, turned, or in place of another's."""

CERTAIN = 3.0
"""Standard errors of the mean difference by which another way must fit better."""

DIFFERENT = 2.0
"""Standard errors by which masks must fit their own pictures better than others'."""


class MaskLook(NamedTuple):
    """empty, full: of the whole mask. border: share of its border pixels that are lesion, 0 … 1. small: float32
    (32, 32), the share of lesion in each cell, the picture squeezed to a square."""

    empty: bool
    full: bool
    border: float
    small: NDArray[np.float32]


class SetFault(NamedTuple):
    """kind: one of `derm.data.check.CURES`. problem: what was found, with its count, to follow the data set's name."""

    kind: str
    problem: str


def look_at_mask(mask: NDArray[np.bool_]) -> MaskLook:
    """What `judge_masks` needs of a mask, bool (h, w)."""
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    small = cv2.resize(mask.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return MaskLook(not mask.any(), bool(mask.all()), float(border.mean()), np.asarray(small, dtype=np.float32))


def judge_masks(masks: list[MaskLook], looks: NDArray[np.uint8]) -> list[SetFault]:
    """The faults of a set's masks. looks: uint8 (n, 32, 32), the grey copy of each mask's picture."""
    count, found = len(masks), []
    full = sum(mask.full for mask in masks)
    inverted = sum(mask.border > BORDER and not mask.full for mask in masks)
    if _too_many(full, count):
        found.append(
            SetFault(
                "masks full", say("{full:,} of {masks:,} masks mark every pixel as lesion", full=full, masks=count)
            )
        )
    if _too_many(inverted, count):
        problem = say(
            "{inverted:,} of {masks:,} masks mark the picture's border as lesion and leave out its middle",
            inverted=inverted,
            masks=count,
        )
        found.append(SetFault("masks inverted", problem))
    return found or _misfits(masks, looks)


def _too_many(faulty: int, count: int) -> bool:
    return faulty >= max(3, TOO_MANY * count) or faulty >= max(2, count / 2)


def _misfits(masks: list[MaskLook], looks: NDArray[np.uint8]) -> list[SetFault]:
    """That the masks fit their pictures better in another way, or those of other pictures as well."""
    clear = [not mask.empty and not mask.full for mask in masks] & (looks.reshape(len(looks), -1).std(axis=1) >= FLAT)
    if clear.sum() < FEWEST:
        return []
    small = np.stack([mask.small for mask, good in zip(masks, clear, strict=True) if good])
    dark = _standard(-looks[clear].astype(np.float32))
    fit, many = _fit(dark, small), len(small)
    ways = {
        say("the {masks:,} masks fit their pictures better mirrored left to right", masks=many): small[:, :, ::-1],
        say("the {masks:,} masks fit their pictures better mirrored top to bottom", masks=many): small[:, ::-1],
        say("the {masks:,} masks fit their pictures better turned by half", masks=many): small[:, ::-1, ::-1],
        say("the {masks:,} masks fit their pictures better turned by a quarter", masks=many): np.rot90(
            small, 1, axes=(1, 2)
        ),
        say("the {masks:,} masks fit their pictures better turned by three quarters", masks=many): np.rot90(
            small, 3, axes=(1, 2)
        ),
        say(
            "the {masks:,} masks fit their pictures better with rows and columns exchanged", masks=many
        ): small.transpose(0, 2, 1),
    }
    if any(offset := _offset(dark, small)):
        ways[_lie(many, *offset)] = _moved(small, *offset)
    fits = {name: _fit(dark, way) for name, way in ways.items()}
    best = max(fits, key=lambda name: fits[name].mean())
    if fits[best].mean() > CLEAR and _gain(fit, fits[best]) > CERTAIN:
        return [SetFault("masks misplaced", best)]
    others = _fit(dark, np.roll(small, 1, axis=0))
    if (
        fit.mean() > 0 and _gain(fit, others) > -DIFFERENT
    ):  # where lesions are lighter than skin, darkness tells nothing
        problem = say("the {masks:,} masks fit the pictures of other rows as well as their own", masks=many)
        return [SetFault("masks misplaced", problem)]
    return []


PLACES = {
    (1, 0): mark("{share:.0%} of the height above"),
    (-1, 0): mark("{share:.0%} of the height below"),
    (0, 1): mark("{share:.0%} of the width left of"),
    (0, -1): mark("{share:.0%} of the width right of"),
}
"""Where masks lie that must move down or up, right or left."""


def _lie(masks: int, down: int, right: int) -> str:
    """Where masks lie that must move so many cells down and right."""
    moves = [(abs(down), (int(np.sign(down)), 0)), (abs(right), (0, int(np.sign(right))))]
    places = [say(PLACES[way], share=cells / SIDE) for cells, way in moves if cells]
    return say("the {masks:,} masks lie {places} their lesions, by the median", masks=masks, places=listed(places))


def _moved(small: NDArray[np.float32], down: int, right: int) -> NDArray[np.float32]:
    """The masks, float32 (n, 32, 32), moved by so many cells; what comes in is skin."""
    moved = np.roll(small, (down, right), axis=(1, 2))
    moved[:, (slice(0, down) if down > 0 else slice(SIDE + down, SIDE)) if down else slice(0, 0)] = 0
    moved[:, :, (slice(0, right) if right > 0 else slice(SIDE + right, SIDE)) if right else slice(0, 0)] = 0
    return moved


def _standard(images: NDArray[np.float32]) -> NDArray[np.float32]:
    centred = images - images.mean(axis=(1, 2), keepdims=True)
    return np.asarray(centred / (centred.std(axis=(1, 2), keepdims=True) + 1e-6), dtype=np.float32)


def _fit(dark: NDArray[np.float32], small: NDArray[np.float32]) -> NDArray[np.float64]:
    """Correlation of darkness, as `_standard` gives it, and mask, float64 (n,), −1 … 1."""
    likeness: NDArray[np.float64] = (dark * _standard(small)).mean(axis=(1, 2), dtype=np.float64)
    return likeness


def _gain(fit: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """How much better the other way fits, in standard errors of the mean difference of each mask."""
    apart = other - fit
    return float(apart.mean() / (apart.std() / np.sqrt(len(apart)) + 1e-9))


def _offset(dark: NDArray[np.float32], small: NDArray[np.float32]) -> tuple[int, int]:
    """By how many cells down and right masks must move to fit best: the median over the set of each one's best."""
    across = np.fft.irfft2(np.fft.rfft2(dark) * np.conj(np.fft.rfft2(_standard(small))), s=(SIDE, SIDE))
    places = np.unravel_index(across.reshape(len(across), -1).argmax(axis=1), (SIDE, SIDE))
    down, right = (np.median((place + SIDE // 2) % SIDE - SIDE // 2) for place in places)
    return round(float(down)), round(float(right))
