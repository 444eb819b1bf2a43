"""Images of a batch mixed with each other, their masks and labels following: mixup and CutMix.

Needs a batch and a generator made for its step. Knows nothing of networks and losses.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from derm.diagnoses import CODES
from derm.train.config import MixConfig
from derm.train.losses import Truth


class Mixture(NamedTuple):
    """How a batch is mixed, or the first B images of it. partner: int64 (B,), the image that each is mixed with,
    perhaps itself.

    own: float32 (B,), the share of the image itself, 0 … 1. boxes: int64 (B, 4), the rectangle that is its partner's,
    as top, left, bottom, right; None for mixup.
    """

    partner: NDArray[np.int64]
    own: NDArray[np.float32]
    boxes: NDArray[np.int64] | None


def draw_mixture(config: MixConfig, count: int, size: int, random: np.random.Generator) -> Mixture | None:
    """Draw how a batch of `count` images of `size` × `size` pixels is mixed; None where it stays as it is.

    Mixup of Zhang et al. 2018 or CutMix of Yun et al. 2019, with a share of its own for each image. The rectangle is
    cut off at the border, and the share is what is left of the image.
    """
    if random.random() >= config.probability:
        return None
    partner = random.permutation(count)
    if random.random() >= config.cutmix_share:
        own = random.beta(config.mixup_alpha, config.mixup_alpha, count)
        return Mixture(partner, own.astype(np.float32), None)
    side = size * np.sqrt(1 - random.beta(config.cutmix_alpha, config.cutmix_alpha, count))[:, None]
    centre = random.uniform(0, size, (count, 2))
    corners = [np.clip(np.rint(centre + sign * side / 2), 0, size) for sign in (-1, 1)]
    area = (corners[1] - corners[0]).prod(axis=1)
    boxes = np.concatenate(corners, axis=1).astype(np.int64)
    return Mixture(partner, (1 - area / size**2).astype(np.float32), boxes)


class BatchShare(NamedTuple):
    """What a process prepares of a batch: images `places` of it, int64 (k,), the first `own` of which it trains on;
    the others are their partners in `mixture`, which counts among these k."""

    places: NDArray[np.int64]
    own: int
    mixture: Mixture | None


def share_of(part: slice, mixture: Mixture | None) -> BatchShare:
    """What a process that trains on `part` of a batch, mixed by `mixture`, needs of it."""
    own = np.arange(part.start, part.stop)
    if mixture is None:
        return BatchShare(own, len(own), None)
    partner = mixture.partner[part]
    places = np.concatenate([own, np.setdiff1d(partner, own)])
    where = {place: index for index, place in enumerate(places.tolist())}
    boxes = None if mixture.boxes is None else mixture.boxes[part]
    found = np.array([where[place] for place in partner.tolist()], dtype=np.int64)
    return BatchShare(places, len(own), Mixture(found, mixture.own[part], boxes))


def mix(images: Tensor, truth: Truth, mixture: Mixture) -> tuple[Tensor, Truth]:
    """Mix a batch, images uint8 (N, S, S, 3) on any device, and its truth: the first B images, the others are partners.

    The images stay uint8, rounded. Masks become shares, 0 … 1, and are known where both images have one. `shares` are
    those of the labels; `classes` keeps the one with the larger share, at a tie the image's own.
    """
    partner = torch.from_numpy(mixture.partner).to(images.device)
    own = torch.from_numpy(mixture.own).to(images.device)
    theirs, others = images[partner], Truth(*(field[partner] for field in truth[:3]))
    images, truth = images[: len(partner)], Truth(*(field[: len(partner)] for field in truth[:3]))
    if mixture.boxes is None:
        share = own[:, None, None, None]
        mixed = (share * images + (1 - share) * theirs).round().to(torch.uint8)
        masks = share * truth.masks + (1 - share) * others.masks
    else:
        top, left, bottom, right = torch.from_numpy(mixture.boxes).to(images.device).T[:, :, None]
        place = torch.arange(images.shape[1], device=images.device)
        rows, columns = (place >= top) & (place < bottom), (place >= left) & (place < right)
        inside = rows[:, :, None] & columns[:, None, :]
        mixed = torch.where(inside[..., None], theirs, images)
        masks = torch.where(inside[:, None], others.masks, truth.masks)
    labels, their_labels = (F.one_hot(one.classes, len(CODES)).float() for one in (truth, others))
    shares = own[:, None] * labels + (1 - own[:, None]) * their_labels
    classes = torch.where(own >= 0.5, truth.classes, others.classes)
    return mixed, Truth(masks, truth.has_mask & others.has_mask, classes, shares)
