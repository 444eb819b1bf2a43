"""Systems that name the diagnosis and draw no outline.

Needs timm and torchvision for the parts that they keep. What was decided where the papers are silent stands in
`derm.zoo.systems`.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import alexnet

from derm.model.config import ModelConfig
from derm.model.encoder import make_encoder
from derm.model.head import ClassHead
from derm.model.systems.kernel_head import KernelHead
from derm.model.systems.parts import FlatHead, NoOutline, SideBySide, SystemParts

CLASSIC_DROPOUT = 0.5
"""Of AlexNet's and VGG's fully connected layers, as published."""


def timm_classifier(config: ModelConfig, name: str) -> SystemParts:
    """One timm network up to its features, pooled, and seven scores."""
    encoder = make_encoder(name, 0.0)
    channels = encoder.out_channels[-1]
    return SystemParts(encoder, nn.Identity(), ClassHead(channels, 0, config.dropout), NoOutline())


def efficientnet(config: ModelConfig, name: str, channels: int) -> SystemParts:
    """An EfficientNet with its head convolution to `channels`, pooled, and seven scores."""
    encoder = make_encoder(name, 0.0)
    neck = nn.Sequential(
        nn.Conv2d(encoder.out_channels[-1], channels, 1, bias=False), nn.BatchNorm2d(channels), nn.SiLU(inplace=True)
    )
    return SystemParts(encoder, neck, ClassHead(channels, 0, config.dropout), NoOutline())


def vgg(config: ModelConfig, name: str, width: int = 4096) -> SystemParts:  # noqa: ARG001
    """A VGG with its fully connected layers over 7 × 7 cells."""
    encoder = make_encoder(name, 0.0)
    head = FlatHead(encoder.out_channels[-1], 7, width, CLASSIC_DROPOUT)
    return SystemParts(encoder, nn.Identity(), head, NoOutline())


class AlexNetStages(nn.Module):
    """The convolutions of torchvision's AlexNet as five stages."""

    CUTS = (0, 2, 5, 8, 10, 13)
    out_channels = (3, 64, 192, 384, 256, 256)

    def __init__(self) -> None:
        super().__init__()
        layers = list(alexnet(weights=None).features)
        self.model = nn.Sequential(
            *(nn.Sequential(*layers[low:high]) for low, high in zip(self.CUTS, self.CUTS[1:], strict=False))
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """The images and five stages; the deepest has sides of about S / 32."""
        stages = [images]
        for part in self.model:
            stages.append(part(stages[-1]))
        return stages


def alex_net(config: ModelConfig, width: int = 4096) -> SystemParts:  # noqa: ARG001
    """AlexNet with its fully connected layers over 6 × 6 cells."""
    return SystemParts(AlexNetStages(), nn.Identity(), FlatHead(256, 6, width, CLASSIC_DROPOUT), NoOutline())


def fused(config: ModelConfig, names: tuple[str, ...], crops: tuple[float, ...]) -> SystemParts:
    """Several networks side by side, their pooled features joined, and seven scores."""
    encoder = SideBySide([make_encoder(name, 0.0) for name in names], list(crops))
    head = ClassHead(encoder.out_channels[-1], 0, config.dropout)
    return SystemParts(encoder, nn.Identity(), head, NoOutline())


def kernel_machine(config: ModelConfig, names: tuple[str, ...]) -> SystemParts:
    """Several networks side by side, whose pooled features go to a `KernelHead`."""
    encoder = SideBySide([make_encoder(name, 0.0) for name in names], [1.0] * len(names))
    return SystemParts(encoder, nn.Identity(), KernelHead(encoder.out_channels[-1], config.dropout), NoOutline())


class ResidualStage(nn.Module):
    """A residual block that halves the size, then a normalisation across neighbouring channels."""

    def __init__(self, before: int, channels: int) -> None:
        super().__init__()
        self.way = nn.Sequential(
            nn.Conv2d(before, channels, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels),
        )  # fmt: skip
        self.short = nn.Sequential(nn.Conv2d(before, channels, 1, bias=False), nn.BatchNorm2d(channels))
        self.across = nn.LocalResponseNorm(size=5)

    def forward(self, features: Tensor) -> Tensor:
        """Float (N, C, h, w) to (N, channels, h / 2, w / 2)."""
        # Every other place, for a stride of 2: the gradient of that convolution with three channels, in bfloat16, wrote
        # beyond its memory (oneDNN of PyTorch 2.14.1, processors with avx512_bf16).
        normed: Tensor = self.across(F.relu(self.way(features) + self.short(features[..., ::2, ::2])).float())
        return normed


class ManyLevels(nn.Module):
    """Residual stages whose pooled features are all read: the deepest stage holds those of each level."""

    def __init__(self, widths: tuple[int, int, int, int, int]) -> None:
        super().__init__()
        pairs = zip((3, *widths), widths, strict=False)
        self.model = nn.Sequential(*(ResidualStage(before, after) for before, after in pairs))
        self.out_channels = (3, *widths[:-1], sum(widths))

    def forward(self, images: Tensor) -> list[Tensor]:
        """The images and five stages, the last one with all levels at S / 32."""
        stages = [images]
        for part in self.model:
            stages.append(part(stages[-1]))
        size = (stages[-1].shape[-2], stages[-1].shape[-1])
        levels = [F.adaptive_avg_pool2d(stage, size) for stage in stages[1:-1]]
        return [*stages[:-1], torch.cat([*levels, stages[-1]], dim=1)]


def residual_levels(config: ModelConfig, widths: tuple[int, int, int, int, int]) -> SystemParts:
    """Residual stages read at every level."""
    head = ClassHead(sum(widths), 0, config.dropout)
    return SystemParts(ManyLevels(widths), nn.Identity(), head, NoOutline())
