"""Maps by trial: the picture is masked or covered in many ways, and the class branch says what that does to its logits.

Gives Score-CAM and occlusion. Needs a `LesionNet` in evaluation mode and normalised images; uses no gradient and sets
no hook. Knows nothing of outlines.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from derm.explain.class_head import class_features, class_logits, wanted_classes
from derm.model.network import LesionNet, ModelOutput

CHANNELS = 128
"""Score-CAM's masks: the channels that vary most over the picture, of 1,280. On real pictures and the shipped weights
the maps then correlate with those of all channels by 0.96 (at least 0.94), at a tenth of the passes."""

CELLS = 8
"""Occlusion's cells on each side; the patch is two cells wide, a quarter of the picture."""

BATCH = 8
"""Pictures in a pass: measured on one core at 160 × 160 pixels, 13 ms a picture, where 32 at a time take 16 (they no
longer fit the cache) and single ones 17."""


def score_cam(
    net: LesionNet,
    images: Tensor,
    answer: ModelOutput | None = None,
    classes: Sequence[int] | None = None,
    *,
    channels: int | None = CHANNELS,
    batch: int = BATCH,
) -> Tensor:
    """Score-CAM (Wang et al. 2020, algorithm 1): channels weighted by the logit of the picture masked with them.

    Each channel, scaled to the picture (bilinear) and to 0 … 1, masks the normalised picture, so that what is masked
    turns to the mean colour; the softmax over the channels of the class's logits gives the weights. One pass of a
    masked picture serves all classes.
    images: normalised float (N, 3, S, S). answer: the network's answer to them, which saves a pass. classes: K indexes
    of `CODES`; None: all seven. channels: how many, those that vary most over the places (a channel that is the same
    everywhere masks nothing), chosen without regard to class or gradient; None: all. batch: masked pictures in a pass.
    Returns float32 (N, K, h, w), ≥ 0, in the unit of the features, never rescaled. Raises ValueError for a network in
    training mode, classes outside 0 … 6, an answer to another number of images, or channels or a batch below 1.
    """
    wanted = wanted_classes(classes)
    if channels is not None and channels < 1:
        raise ValueError(f"the channels are {channels}: take at least 1, or None for all")
    features = class_features(net, images, answer)
    count = features.shape[1] if channels is None else min(channels, features.shape[1])
    varying = features.flatten(start_dim=2).std(dim=2, correction=0).topk(count, dim=1).indices
    maps = [
        _by_score(net, image, own[chosen], wanted, batch)
        for image, own, chosen in zip(images, features, varying, strict=True)
    ]
    return torch.stack(maps)


def occlusion(
    net: LesionNet,
    images: Tensor,
    answer: ModelOutput | None = None,
    classes: Sequence[int] | None = None,
    *,
    cells: int = CELLS,
    batch: int = BATCH,
) -> Tensor:
    """Occlusion (Zeiler and Fergus 2014): by how much a class's logit falls when a patch of skin covers a place.

    The patch is two cells wide, centred on each cell in turn and cut at the picture's edge; its colour is `skin`.
    Nothing is asked of the network but its logits: a check on all other maps. images, answer, classes, batch: as for
    `score_cam`. cells: on each side, a divisor of S. Returns float32 (N, K, cells, cells), ≥ 0, in logits: 0 where the
    logit does not fall. Raises ValueError as `score_cam` does, and for cells that do not divide S.
    """
    wanted = wanted_classes(classes)
    size = images.shape[-1]
    if cells < 1 or size % cells:
        raise ValueError(f"the cells are {cells} on a side: take a number that divides the picture's {size} pixels")
    whole = answer.class_logits.detach().float() if answer is not None else class_logits(net, images, batch)
    if len(whole) != len(images):
        raise ValueError(f"the answer is to {len(whole)} images, not to these {len(images)}: ask again")
    patches = _patches(size, cells).to(images.device)
    maps = []
    for image, colour, logits in zip(images, skin(images), whole, strict=True):
        covered = torch.cat(
            [class_logits(net, torch.where(part, colour, image), batch) for part in patches.split(batch)]
        )
        drop = (logits - covered)[:, wanted]
        maps.append(F.relu(drop.T.unflatten(1, (cells, cells))))
    return torch.stack(maps)


def skin(images: Tensor) -> Tensor:
    """The colour of the skin around the lesion: the median of each channel in the picture's frame, (N, 3, 1, 1).

    images: normalised float (N, 3, S, S). The frame is S / 16 pixels wide, at least 1. Dark corners and hairs are
    outvoted while they fill less than half of it; a lesion that reaches all around is taken for skin.
    """
    size = images.shape[-1]
    width = max(1, size // 16)
    frame = torch.ones(size, size, dtype=torch.bool, device=images.device)
    frame[width:-width, width:-width] = False
    return images[:, :, frame].median(dim=2).values[:, :, None, None]


def _by_score(net: LesionNet, image: Tensor, features: Tensor, wanted: list[int], batch: int) -> Tensor:
    """One image's maps, (K, h, w): image (3, S, S), features (C, h, w) of the channels that are tried."""
    logits = torch.cat([class_logits(net, image * _masks(part, image), batch) for part in features.split(batch)])
    return F.relu(torch.einsum("ck,chw->khw", logits[:, wanted].softmax(dim=0), features))


def _masks(features: Tensor, image: Tensor) -> Tensor:
    """Channels (M, h, w) as masks (M, 1, S, S), 0 … 1; a channel that is the same everywhere masks all."""
    masks = F.interpolate(features[:, None], size=image.shape[-2:], mode="bilinear", align_corners=False)
    least, most = masks.amin(dim=(2, 3), keepdim=True), masks.amax(dim=(2, 3), keepdim=True)
    return torch.where(most > least, (masks - least) / (most - least), 0.0)


def _patches(size: int, cells: int) -> Tensor:
    """Where each patch lies: bool (cells², 1, size, size), row by row."""
    step = size / cells
    pixels = torch.arange(size) + 0.5
    centres = (torch.arange(cells) + 0.5) * step
    near = (pixels - centres[:, None]).abs() < step  # (cells, size)
    return (near[:, None, :, None] & near[None, :, None, :]).flatten(end_dim=1)[:, None]
