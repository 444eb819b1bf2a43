"""The network's answer over eight views of a picture, turned and mirrored, and how far the views are apart.

Needs a network and its answer to the upright view. A lesion has no upright, so that all eight views are the same case.
Knows nothing of what a spread is worth: `derm.evaluate.doubt` measures that.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from torch import Tensor

from derm.errors import ConfigFault
from derm.explain.gradcam import class_maps
from derm.model.network import LesionNet, ModelOutput

EIGHT = 8
"""Four quarter turns, mirrored or not: the upright view first."""


class Viewed(NamedTuple):
    """The answer for N pictures over V views, arrays.

    logits: float64 (N, 7), the mean over the views, before the temperature. each: float64 (N, V, 7), of each view,
    upright first. lesion: float32 (N, S, S), 0 … 1, the mean probability, all views turned back. maps: float32
    (N, 7, h, w), Grad-CAM in logits, their mean, turned back.
    """

    logits: NDArray[np.float64]
    each: NDArray[np.float64]
    lesion: NDArray[np.float32]
    maps: NDArray[np.float32]


def check_views(views: int) -> None:
    """Refuse a number of views other than one and `EIGHT`: ConfigFault."""
    if views not in (1, EIGHT):
        raise ConfigFault(f"{views} views do not fit: ask for 1, the upright one, or {EIGHT}, turned and mirrored.")


def view(net: LesionNet, images: Tensor, answer: ModelOutput, views: int) -> Viewed:
    """Complete `answer`, the network's to `images`, float (N, 3, S, S) normalised, to that over `views`, 1 or 8.

    Logits are averaged, not probabilities: with a linear head the mean map is then made of what adds up to the mean
    logit, as it is for one view, and the temperature stands where it was fitted. Outlines are averaged as
    probabilities. The mean over all turns places heat maps evenly, whatever a cell's shift is. To be called without
    gradients. Raises ConfigFault for another number.
    """
    check_views(views)
    each, lesion, maps = [], [], []
    for number in range(views):
        if number:
            answer = net(turn(images, number).contiguous(memory_format=torch.channels_last))
        each.append(answer.class_logits.double().cpu().numpy())
        lesion.append(turn_back(answer.mask_logits[:, 0].float().sigmoid(), number))
        maps.append(turn_back(class_maps(net, answer.features), number))
    # One view's arrays are the answer's, bit for bit.
    return Viewed(
        np.mean(each, axis=0),
        np.stack(each, axis=1),
        torch.stack(lesion).mean(dim=0).cpu().numpy(),
        torch.stack(maps).mean(dim=0).cpu().numpy(),
    )


def spread(each: NDArray[np.floating[Any]], temperature: float) -> NDArray[np.float64] | None:
    """How far the views are apart, float64 (N,), 0 … 0.5; None for one view.

    The standard deviation over the views of the probability of the diagnosis that is likeliest by their mean. each:
    float (N, V, 7), see `Viewed`.
    """
    if each.shape[1] == 1:
        return None
    probabilities = softmax(each / temperature, axis=2)
    likeliest = each.mean(axis=1).argmax(axis=1)
    found: NDArray[np.float64] = probabilities[np.arange(len(each)), :, likeliest].std(axis=1)
    return found


def turn(images: Tensor, number: int) -> Tensor:
    """View `number`, 0 … 7, of squares, (..., S, S): mirrored from 4 on, then turned by `number` quarters."""
    mirrored = images.flip(-1) if number >= 4 else images
    return mirrored.rot90(number % 4, (-2, -1))


def turn_back(maps: Tensor, number: int) -> Tensor:
    """Undo `turn` on maps, (..., s, s)."""
    upright = maps.rot90(-(number % 4), (-2, -1))
    return upright.flip(-1) if number >= 4 else upright
