"""Outline and diagnosis that teach each other: a first outline shows the classifier where to look, and its class map
shows the second outline what was looked at.

Needs two encoders. What was decided where the paper is silent stands in `derm.zoo.systems`.
"""

import torch
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
from torch import Tensor, nn
from torch.nn import functional as F

from derm.model.config import ModelConfig
from derm.model.encoder import make_encoder
from derm.model.head import ClassHead
from derm.model.systems.parts import DEEPEST, SystemParts

FLOOR = 0.25
"""Share of a picture's contrast that the classifier sees outside of the first outline, 0 … 1."""

DECODER = (256, 128, 64, 32, 16)


class MapDecoder(nn.Module):
    """A U-Net decoder that also reads a class map, float (N, 1, h, w), 0 … 1, at its deepest features."""

    def __init__(self, channels: list[int], decoder: tuple[int, ...]) -> None:
        super().__init__()
        self.enter = nn.Conv2d(channels[-1] + 1, channels[-1], 1)
        self.decoder = UnetDecoder(channels, decoder, n_blocks=len(decoder))
        self.last = nn.Conv2d(decoder[-1], 1, 3, padding=1)

    def forward(self, stages: list[Tensor], class_map: Tensor) -> Tensor:
        """Mask logits at S, float (N, 1, S, S)."""
        deepest = self.enter(torch.cat([stages[-1], class_map.to(stages[-1].dtype)], dim=1))
        logits: Tensor = self.last(self.decoder([*stages[:-1], deepest]))
        return logits


class TeachingStages(nn.Module):
    """The first outline, then the classifier's stages of the picture that it shows."""

    def __init__(self, encoder: str, decoder: tuple[int, ...]) -> None:
        super().__init__()
        self.first = make_encoder(encoder, 0.0)
        self.draw = MapDecoder(list(self.first.out_channels), decoder)
        self.second = make_encoder(encoder, 0.0)
        own = list(self.second.out_channels)
        self.out_channels = [*own, 1, *self.first.out_channels[1:]]

    @property
    def model(self) -> nn.Module:
        """The classifier's encoder, stage by stage."""
        second: nn.Module = self.second.model
        return second

    def forward(self, images: Tensor) -> list[Tensor]:
        """The images, five stages of the classifier, the first outline's logits, five stages of the outline."""
        outline = self.first(images)
        deepest = outline[-1]
        nothing = deepest.new_zeros((len(images), 1, *deepest.shape[-2:]))
        drawn = self.draw(outline, nothing)
        # The classifier is to look inside the outline, not to bend it.
        shown = images * (FLOOR + (1 - FLOOR) * drawn.detach().float().sigmoid())
        return [images, *self.second(shown)[1:], drawn, *outline[1:]]


class TaughtOutline(nn.Module):
    """The mean of the first outline and of one that the class map has entered, both by the same decoder."""

    def __init__(self, stages: TeachingStages) -> None:
        super().__init__()
        self.draw = [stages.draw]  # in a list, for it is the encoder's own already

    def forward(self, images: Tensor, stages: list[Tensor], head: nn.Module) -> Tensor:
        """Mask logits, float (N, 1, S, S)."""
        drawn, outline = stages[DEEPEST + 1], [images, *stages[DEEPEST + 2 :]]
        features = stages[DEEPEST].detach()
        again: Tensor = self.draw[0](outline, likeliest_map(features, head))
        return (drawn + again) / 2


def likeliest_map(features: Tensor, head: nn.Module) -> Tensor:
    """The class map (Zhou et al. 2016) of each picture's likeliest diagnosis over its own maximum: float
    (N, 1, h, w), 0 … 1, holding no gradient. features: float (N, C, h, w); head: a `ClassHead` without a hidden layer.
    """
    with torch.no_grad():
        weight: Tensor = head.scores.weight  # type: ignore[union-attr, assignment]
        likeliest = (features.float().mean(dim=(2, 3)) @ weight.float().T).argmax(dim=1)
        found = F.relu(torch.einsum("nc,nchw->nhw", weight.float()[likeliest], features.float()))[:, None]
        return found / found.amax(dim=(2, 3), keepdim=True).clamp(min=1e-6)


def cl_dcnn(config: ModelConfig, encoder: str, decoder: tuple[int, ...] = DECODER) -> SystemParts:
    """Outline and diagnosis that teach each other, each with an encoder of its own."""
    stages = TeachingStages(encoder, decoder)
    head = ClassHead(stages.out_channels[DEEPEST], 0, config.dropout)
    return SystemParts(stages, nn.Identity(), head, TaughtOutline(stages))
