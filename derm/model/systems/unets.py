"""U-Nets that draw the outline and name no diagnosis: plain, dilated and dense, of several scales, with attention.

Needs torch; the blur is timm's. What was decided where the papers are silent stands in `derm.zoo.systems`.
"""

from collections.abc import Callable, Sequence

import segmentation_models_pytorch as smp
import torch
from timm.layers.blur_pool import BlurPool2d
from torch import Tensor, nn
from torch.nn import functional as F

from derm.model.config import ModelConfig
from derm.model.encoder import make_encoder
from derm.model.systems.parts import DEEPEST, SystemParts, no_diagnosis

Block = Callable[[int, int], nn.Module]
"""From channels before and after to a block that keeps the size."""

WIDTHS = (32, 64, 128, 256, 512)
"""Channels of the five levels: half of those of Ronneberger et al. 2015, which a processor trains in a quarter of the
time."""


def convolution(before: int, after: int, dilation: int = 1) -> nn.Sequential:
    """A 3 × 3 convolution that keeps the size, normalised, with a ReLU."""
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=dilation, dilation=dilation, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )


def double(before: int, after: int) -> nn.Module:
    """Two convolutions, as of the first U-Net."""
    return nn.Sequential(convolution(before, after), convolution(after, after))


class Dense(nn.Module):
    """Convolutions that each see all that came before them (Huang et al. 2017), joined to `after` channels."""

    STEPS = 3

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        growth = max(1, after // 4)
        self.steps = nn.ModuleList(convolution(before + growth * step, growth) for step in range(self.STEPS))
        self.join = nn.Sequential(
            nn.Conv2d(before + growth * self.STEPS, after, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Float (N, before, h, w) to (N, after, h, w)."""
        for step in self.steps:
            features = torch.cat([features, step(features)], dim=1)
        joined: Tensor = self.join(features)
        return joined


class DilatedRow(nn.Module):
    """Convolutions of rising dilation, one after the other, whose results are added up."""

    def __init__(self, channels: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.steps = nn.ModuleList(convolution(channels, channels, dilation) for dilation in dilations)

    def forward(self, features: Tensor) -> Tensor:
        """Widen the view of float (N, C, h, w); the shape stays."""
        total = features
        for step in self.steps:
            features = step(features)
            total = total + features
        return total


class DilatedPyramid(nn.Module):
    """Convolutions of several dilations side by side, joined by a 1 × 1 convolution."""

    def __init__(self, channels: int, dilations: Sequence[int]) -> None:
        super().__init__()
        part = max(1, channels // len(dilations))
        self.branches = nn.ModuleList(convolution(channels, part, dilation) for dilation in dilations)
        self.join = nn.Sequential(
            nn.Conv2d(part * len(dilations), channels, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Widen the view of float (N, C, h, w); the shape stays."""
        joined: Tensor = self.join(torch.cat([branch(features) for branch in self.branches], dim=1))
        return joined


class AttentionGate(nn.Module):
    """An attention gate (Oktay et al. 2018): what comes from below says where to look at what is handed across."""

    def __init__(self, across: int, below: int) -> None:
        super().__init__()
        inner = max(1, across // 2)
        self.across, self.below = nn.Conv2d(across, inner, 1), nn.Conv2d(below, inner, 1)
        self.weigh = nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(inner, 1, 1), nn.Sigmoid())

    def forward(self, across: Tensor, below: Tensor) -> Tensor:
        """Weigh float (N, C, h, w) by float (N, D, h, w), each place with 0 … 1."""
        weighed: Tensor = across * self.weigh(self.across(across) + self.below(below))
        return weighed


class UNetStages(nn.Module):
    """The way down: a block at each of five levels, the size halved between them."""

    def __init__(
        self, block: Block, widths: Sequence[int], bottom: nn.Module, *, blurred: bool = False, scales: bool = False
    ) -> None:
        """bottom: what the deepest level goes through at last. blurred: halve by a blur after the greatest of each two
        by two (Zhang 2019). scales: the picture enters at each level but the deepest, scaled to it."""
        super().__init__()
        inputs = [3, *widths[:-1]]
        entering = [0, *widths[:-2], 0] if scales else [0] * len(widths)
        self.levels = nn.ModuleList(
            block(before + extra, after) for before, extra, after in zip(inputs, entering, widths, strict=True)
        )
        self.inputs = nn.ModuleList(convolution(3, extra) if extra else nn.Identity() for extra in entering)
        self.entering = entering
        self.smaller: nn.Module = nn.MaxPool2d(2)
        if blurred:
            self.smaller = nn.Sequential(nn.MaxPool2d(2, stride=1), nn.ZeroPad2d((0, 1, 0, 1)), BlurPool2d())
        self.bottom = bottom
        self.out_channels = [3, *widths]

    def forward(self, images: Tensor) -> list[Tensor]:
        """The images and five levels: level i has sides of S / 2^i, i from 0."""
        stages, features = [images], images
        for place, (level, enter, extra) in enumerate(zip(self.levels, self.inputs, self.entering, strict=True)):
            if place:
                features = self.smaller(features)
            if extra:
                shown = F.adaptive_avg_pool2d(images, (features.shape[-2], features.shape[-1]))
                features = torch.cat([features, enter(shown)], dim=1)
            features = level(features)
            stages.append(features)
        return [*stages[:-1], self.bottom(stages[-1])]


class UNetOutline(nn.Module):
    """The way up: doubled, joined with what the way down hands across, through a block, at each level."""

    def __init__(self, block: Block, widths: Sequence[int], *, gated: bool = False) -> None:
        super().__init__()
        pairs = list(zip(widths[::-1], widths[-2::-1], strict=False))
        self.larger = nn.ModuleList(nn.ConvTranspose2d(below, across, 2, stride=2) for below, across in pairs)
        self.gates = nn.ModuleList(AttentionGate(across, across) for _, across in pairs) if gated else None
        self.blocks = nn.ModuleList(block(2 * across, across) for _, across in pairs)
        self.last = nn.Conv2d(widths[0], 1, 1)

    def forward(self, images: Tensor, stages: list[Tensor], head: nn.Module) -> Tensor:  # noqa: ARG002
        """Mask logits, float (N, 1, S, S)."""
        features = stages[DEEPEST]
        for place, (larger, block) in enumerate(zip(self.larger, self.blocks, strict=True)):
            across = stages[DEEPEST - 1 - place]
            features = larger(features)
            if self.gates is not None:
                across = self.gates[place](across, features)
            features = block(torch.cat([across, features], dim=1))
        logits: Tensor = self.last(features)
        return logits


def unet(
    config: ModelConfig,  # noqa: ARG001
    widths: Sequence[int] = WIDTHS,
    block: Block = double,
    bottom: nn.Module | None = None,
    *,
    blurred: bool = False,
    scales: bool = False,
    gated: bool = False,
) -> SystemParts:
    """A U-Net of these parts; see `UNetStages` and `UNetOutline`."""
    stages = UNetStages(block, widths, bottom or nn.Identity(), blurred=blurred, scales=scales)
    return SystemParts(stages, nn.Identity(), no_diagnosis(widths[-1]), UNetOutline(block, widths, gated=gated))


def mrp_unet(config: ModelConfig, widths: Sequence[int] = WIDTHS) -> SystemParts:
    """The picture at four scales, and a pyramid of dilated convolutions at the bottom."""
    return unet(config, widths, bottom=DilatedPyramid(widths[-1], (1, 2, 4, 8)), scales=True)


def attention_unet(config: ModelConfig, widths: Sequence[int] = WIDTHS) -> SystemParts:
    """Attention gates, and sizes halved with a blur."""
    return unet(config, widths, blurred=True, gated=True)


def skin_net(config: ModelConfig, widths: Sequence[int] = WIDTHS) -> SystemParts:
    """Dense blocks, and a row of dilated convolutions at the bottom."""
    return unet(config, widths, Dense, DilatedRow(widths[-1], (1, 2, 4, 8)))


class SmpStages(nn.Module):
    """The encoder of a network of segmentation-models-pytorch."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.model = encoder
        self.out_channels: list[int] = list(encoder.out_channels)  # type: ignore[arg-type]

    def forward(self, images: Tensor) -> list[Tensor]:
        """The images and five stages."""
        stages: list[Tensor] = self.model(images)
        return stages


class SmpOutline(nn.Module):
    """Decoder and mask head of a network of segmentation-models-pytorch."""

    def __init__(self, decoder: nn.Module, last: nn.Module) -> None:
        super().__init__()
        self.decoder, self.last = decoder, last

    def forward(self, images: Tensor, stages: list[Tensor], head: nn.Module) -> Tensor:  # noqa: ARG002
        """Mask logits, float (N, 1, S, S)."""
        logits: Tensor = self.last(self.decoder(stages))
        return logits


def deeplab(config: ModelConfig, encoder: str) -> SystemParts:  # noqa: ARG001
    """DeepLabV3 of segmentation-models-pytorch on a timm encoder."""
    net = smp.DeepLabV3(encoder_name=f"tu-{encoder}", encoder_weights=None, in_channels=3, classes=1)
    channels = net.encoder.out_channels[-1]
    outline = SmpOutline(net.decoder, net.segmentation_head)
    return SystemParts(SmpStages(net.encoder), nn.Identity(), no_diagnosis(channels), outline)


class SegNetStages(nn.Module):
    """VGG16 with batch normalisation, which remembers where each greatest value of two by two was."""

    def __init__(self) -> None:
        super().__init__()
        self.model = make_encoder("vgg16_bn", 0.0)
        self.out_channels = [3, 64, 128, 256, 512, 512]

    def forward(self, images: Tensor) -> list[Tensor]:
        """The images, five pooled stages, and five int64 maps of where their values were."""
        stages, places, features = [images], [], images
        for layer in self.model.model.children():
            if isinstance(layer, nn.MaxPool2d):
                features, place = F.max_pool2d(features.float(), 2, return_indices=True)
                stages.append(features)
                places.append(place)
            else:
                features = layer(features)
        return [*stages, *places]


class SegNetOutline(nn.Module):
    """SegNet's decoder (Badrinarayanan et al. 2017): values go back to where the greatest were, then convolutions."""

    LAYERS = ((512, 512, 512), (512, 512, 256), (256, 256, 128), (128, 64), (64,))

    def __init__(self) -> None:
        super().__init__()
        blocks, before = [], 512
        for widths in self.LAYERS:
            steps = []
            for width in widths:
                steps.append(convolution(before, width))
                before = width
            blocks.append(nn.Sequential(*steps))
        self.blocks = nn.ModuleList(blocks)
        self.last = nn.Conv2d(before, 1, 3, padding=1)

    def forward(self, images: Tensor, stages: list[Tensor], head: nn.Module) -> Tensor:  # noqa: ARG002
        """Mask logits, float (N, 1, S, S)."""
        features, places = stages[DEEPEST], stages[DEEPEST + 1 :]
        for block, place in zip(self.blocks, reversed(places), strict=True):
            features = block(F.max_unpool2d(features.float(), place, [2, 2]))
        logits: Tensor = self.last(features)
        return logits


def segnet(config: ModelConfig) -> SystemParts:  # noqa: ARG001
    """SegNet on VGG16."""
    return SystemParts(SegNetStages(), nn.Identity(), no_diagnosis(512), SegNetOutline())
