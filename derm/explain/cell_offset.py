"""Where on the picture a cell of the network's features lies: not quite in the middle of its rectangle.

Needs a network and pictures. A convolution of stride 2 with even padding centres its first output on the first pixel,
not between the first two, so that after five of them a cell of 32 pixels is centred up to half a cell above and left of
the middle of its rectangle, where every bilinear enlargement puts it. Training moves it part of the way back. How much
is left is measured here, without a mask: the heat map of a picture turned by half must be the heat map, turned by half.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from derm.explain.methods import METHODS, Method
from derm.image.resize import place_cells
from derm.model.network import LesionNet
from derm.model.preprocess import normalise

LARGEST = 1.0
"""A whole cell: twice what the arithmetic of strides gives for many layers of stride 2, 0.5 · (1 − 2^−n)."""

LARGEST_SHARE = 1 / 8
"""The same as a share of the picture's side, where cells are finer than those of the deepest features: what deeper
layers add to the shift stays as long in pixels. Of 224 pixels it is 28, where a cell of the deepest features has 32."""

SIDE = 64
"""Maps are compared on a square of so many pixels."""

BATCH = 32
"""Pictures at a time."""


def turned_maps(
    net: LesionNet, squares: NDArray[np.uint8], method: Method = METHODS["grad-cam"]
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """For each picture the cells, float32 (h, w), 0 … 1, of its likeliest class, and the cells for it turned by half.

    squares: uint8 (n, S, S, 3) RGB. method: whose maps are drawn. The second map is of the same class and not turned
    back. Pictures with a flat map either way are left out: nothing is to be placed. The network is in evaluation mode.
    """
    pairs = []
    device = next(net.parameters()).device
    for first in range(0, len(squares), BATCH):
        batch = squares[first : first + BATCH]
        found = []
        for shown in (batch, np.ascontiguousarray(batch[:, ::-1, ::-1])):
            images = normalise(torch.from_numpy(shown).to(device), net.config)
            with torch.inference_mode():
                answer = net(images)
            found.append((method.maps(net, images, answer).numpy(force=True), answer.class_logits.numpy(force=True)))
        (upright, logits), (turned, _) = found
        for one, other, likeliest in zip(upright, turned, logits.argmax(axis=1), strict=True):
            pair = method.evidence(one[likeliest]), method.evidence(other[likeliest])
            if not any(evidence.flat for evidence in pair):
                pairs.append((pair[0].cells, pair[1].cells))
    return pairs


def disagreement(pairs: list[tuple[NDArray[np.float32], NDArray[np.float32]]], shift: float) -> float:
    """How far maps and those of the turned pictures, turned back, are apart when placed with `shift`: 0 equal … 1.

    The mean over pairs of the summed difference over the sum of both. NaN without a pair.
    """
    apart = []
    for one, other in pairs:
        upright, back = place_cells(one, SIDE, SIDE, shift), place_cells(other, SIDE, SIDE, shift)[::-1, ::-1]
        apart.append(float(np.abs(upright - back).sum() / (upright.sum() + back.sum())))
    return float(np.mean(apart)) if apart else float("nan")


def fit_shift(pairs: list[tuple[NDArray[np.float32], NDArray[np.float32]]]) -> float:
    """The shift in cells at which turned pictures give turned maps most nearly; 0 without a pair.

    It is sought from −1 to 1, or as far as `LARGEST_SHARE` goes where that is more cells.
    """
    if not pairs:
        return 0.0
    largest = max(LARGEST, LARGEST_SHARE * pairs[0][0].shape[0])
    found = minimize_scalar(
        lambda shift: disagreement(pairs, shift), bounds=(-largest, largest), method="bounded", options={"xatol": 1e-3}
    )
    return round(float(found.x), 3)
