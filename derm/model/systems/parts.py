"""What every other system is made of, so that it answers as Derm's own network does, and the parts that several share.

Needs encoders and features. Knows no system by name.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from derm.diagnoses import CODES
from derm.model.head import ClassHead

DEEPEST = 5
"""Place among an encoder's stages of what the neck takes. What comes after it is for the outline alone."""

NO_LESION = -10.0
"""Logit of every pixel where a system draws no outline: a probability of 0.00005, and so an empty outline."""


class SystemParts(NamedTuple):
    """A system in four parts.

    encoder: from images, float (N, 3, S, S), to a list of stages, float (N, C_i, h_i, w_i): the images, five stages,
    and what else the outline needs; `out_channels` are their channels. neck: from stage `DEEPEST` to the features,
    float (N, C, h, w). head: from them to seven scores, float (N, 7); `hidden` and `scores` as of `ClassHead`.
    outline: from (images, stages, head) to mask logits, float (N, 1, S, S).
    """

    encoder: nn.Module
    neck: nn.Module
    head: nn.Module
    outline: nn.Module


class NoOutline(nn.Module):
    """The outline of a system that only names the diagnosis: empty, `NO_LESION` everywhere."""

    def forward(self, images: Tensor, stages: list[Tensor], head: nn.Module) -> Tensor:  # noqa: ARG002
        """Mask logits, float (N, 1, S, S), without a gradient."""
        return images.new_full((len(images), 1, *images.shape[-2:]), NO_LESION)


def no_diagnosis(channels: int) -> ClassHead:
    """The head of a system that only draws the outline: all seven scores are 0, and nothing of it is learned."""
    head = ClassHead(channels, 0, 0.0)
    for parameter in head.parameters():
        parameter.requires_grad_(False).zero_()
    return head


class FlatHead(nn.Module):
    """Fully connected layers over a grid of features, as of AlexNet and VGG: each cell has weights of its own."""

    pools = False

    def __init__(self, channels: int, grid: int, width: int, dropout: float) -> None:
        """grid: cells on each side that features are brought to. width: of both hidden layers."""
        super().__init__()
        self.grid = grid
        self.hidden = nn.Sequential(
            nn.Linear(channels * grid * grid, width), nn.ReLU(inplace=True), nn.Dropout(dropout),
            nn.Linear(width, width), nn.ReLU(inplace=True), nn.Dropout(dropout),
        )  # fmt: skip
        self.scores = nn.Linear(width, len(CODES))

    def forward(self, features: Tensor) -> Tensor:
        """Turn features, float (N, C, h, w), into class logits, float (N, 7)."""
        logits: Tensor = self.scores(self.hidden(F.adaptive_avg_pool2d(features, self.grid).flatten(1)))
        return logits


class SideBySide(nn.Module):
    """Encoders that look at the same picture, each at its own part of it, joined stage by stage."""

    def __init__(self, encoders: list[nn.Module], crops: list[float]) -> None:
        """crops: share of the side around the centre that each encoder sees, 0 … 1, enlarged to the whole side."""
        super().__init__()
        self.model = nn.ModuleDict({f"encoder_{place}": one for place, one in enumerate(encoders)})
        self.crops = crops
        channels = zip(*(one.out_channels for one in encoders), strict=True)
        self.out_channels = [3, *(sum(own) for own in list(channels)[1:])]

    def forward(self, images: Tensor) -> list[Tensor]:
        """The images and five joined stages, each at the size of the first encoder's."""
        shown = [cropped(images, share) for share in self.crops]
        found = [encoder(own) for encoder, own in zip(self.model.values(), shown, strict=True)]
        joined = [images]
        for first, *others in list(zip(*found, strict=True))[1:]:
            sizes = [
                one if one.shape[-2:] == first.shape[-2:] else F.adaptive_avg_pool2d(one, first.shape[-2:])
                for one in others
            ]
            joined.append(torch.cat([first, *sizes], dim=1))
        return joined


def cropped(images: Tensor, share: float) -> Tensor:
    """The middle of images, float (N, 3, S, S), `share` of the side wide, enlarged to their size; all of them at 1."""
    if share == 1:
        return images
    size = images.shape[-1]
    side = round(size * share)
    edge = (size - side) // 2
    middle = images[..., edge : edge + side, edge : edge + side]
    return F.interpolate(middle, size=(size, size), mode="bilinear", align_corners=False)
