"""The dual-task network: one forward pass gives the lesion's outline, seven scores and the features behind them.

Needs a `ModelConfig`. Knows nothing of files, training or what the scores mean.
"""

from typing import NamedTuple

import torch
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
from torch import Tensor, nn
from torch.nn import functional as F

from derm.errors import ConfigFault
from derm.language.speech import say
from derm.model.config import ModelConfig
from derm.model.encoder import make_encoder
from derm.model.head import ClassHead
from derm.model.systems.builders import build_system
from derm.model.systems.parts import DEEPEST, SystemParts


class ModelOutput(NamedTuple):
    """What the network says of a batch of N images of S × S pixels, always all of it.

    mask_logits: float (N, 1, S, S); above 0 means lesion. class_logits: float (N, 7), in the order of
    `derm.diagnoses.CODES`. features: float (N, C, h, w), what the class head pools, where
    Grad-CAM looks; h = w = S / 32 with the default encoder. With pooling "whole+lesion" each channel is there twice,
    see `LesionFocus`. With the head "pixel" they are finer, h = w = S / 8, see `CellFeatures`, and weighted with the
    outline, see `CellWeights`.
    """

    mask_logits: Tensor
    class_logits: Tensor
    features: Tensor

    @property
    def pooled(self) -> Tensor:
        """The features' mean over the picture, float32 (N, C), holding no gradient."""
        return self.features.detach().float().mean(dim=(2, 3))

    def one(self, place: int) -> "ModelOutput":
        """What is said of image `place` alone, N = 1."""
        return ModelOutput(*(field[place : place + 1] for field in self))


FAINT = 0.01
"""Added to the outline's probability everywhere, 0 … 1, where it weighs places: in a picture without a lesion all weigh
alike, and inside of one they weigh a hundred times as much as outside."""


def outline_weights(mask_logits: Tensor, height: int, width: int) -> Tensor:
    """What the predicted outline makes each of height × width cells weigh: float32 (N, 1, height, width), mean 1.

    mask_logits: float (N, 1, S, S). A cell weighs as its mean probability and `FAINT`. Holds no gradient: the diagnosis
    is to look inside the outline, not to bend it.
    """
    inside = F.adaptive_avg_pool2d(mask_logits.detach().float().sigmoid(), (height, width)) + FAINT
    return inside / inside.mean(dim=(2, 3), keepdim=True)


class LesionFocus(nn.Module):
    """The features, and beside them the same weighted with the predicted outline, so that pooling both over the whole
    picture gives each channel's mean over the picture and its mean inside the lesion.

    A head that pools first stays one, so that Grad-CAM and HiResCAM keep their closed form. No gradient goes through
    the outline, see `outline_weights`.
    """

    def forward(self, features: Tensor, mask_logits: Tensor) -> Tensor:
        """Double float (N, C, h, w) to (N, 2 C, h, w); mask_logits: float (N, 1, S, S). The weights' mean is 1."""
        weights = outline_weights(mask_logits, *features.shape[-2:])
        return torch.cat([features, features * weights.to(features.dtype)], dim=1)


class CellFeatures(nn.Module):
    """What the head "pixel" reads at each cell of S / 8 × S / 8: the deepest features and the encoder's stages of 16
    and 8 pixels, joined by 1 × 1 convolutions (a hypercolumn, Hariharan et al. 2015), normalised, through a SiLU.

    By its kernels a cell of stage 3 of EfficientNet-B0 sees 67 pixels, a patch of network or a few globules; one of
    the finer stage 2 sees 19, little more than colour, and there are four times as many. What such a patch is worth
    depends on the lesion, which the deeper features see whole. All are the class encoder's, in both designs, so that
    the decoder goes on learning outlines alone. A convolution of 1 × 1 and a bilinear enlargement may change places, so
    each is taken at its own size: 30 million multiplications at 224 pixels, under a tenth of the encoder's.
    """

    CHANNELS = 256
    STAGES = (3, 4)
    """Of the encoder, finest first; stage i has sides of S / 2^i. Their largest decides the cells."""

    def __init__(self, deepest: int, stages: list[int]) -> None:
        """deepest: channels of the deepest features. stages: channels of each stage of the encoder, the image first."""
        super().__init__()
        sources = [*(stages[stage] for stage in self.STAGES), deepest]
        self.join = nn.ModuleList(nn.Conv2d(channels, self.CHANNELS, 1, bias=False) for channels in sources)
        self.finish = nn.Sequential(nn.BatchNorm2d(self.CHANNELS), nn.SiLU(inplace=True))

    def forward(self, deepest: Tensor, stages: list[Tensor]) -> Tensor:
        """From the deepest features, float (N, C, S / 32, S / 32), and the stages: float (N, 256, S / 8, S / 8)."""
        sources = [*(stages[stage] for stage in self.STAGES), deepest]
        finest, *coarser = [join(source) for join, source in zip(self.join, sources, strict=True)]
        for part in coarser:
            finest = finest + F.interpolate(part, size=finest.shape[-2:], mode="bilinear", align_corners=False)
        features: Tensor = self.finish(finest)
        return features


class CellWeights(nn.Module):
    """Each cell's features times its weight: `whole_share` everywhere, and the rest by the predicted outline.

    Pooling over the picture, which follows, then adds up what each cell says, and a linear layer makes seven scores of
    it: `W_c · f · weight / (h · w)` is exactly what a cell adds to the score of class c.
    """

    def __init__(self, whole_share: float) -> None:
        super().__init__()
        self.whole_share = whole_share

    def forward(self, features: Tensor, mask_logits: Tensor) -> Tensor:
        """Weigh float (N, C, h, w); mask_logits: float (N, 1, S, S). The weights' mean is 1."""
        weights = self.whole_share + (1 - self.whole_share) * outline_weights(mask_logits, *features.shape[-2:])
        return features * weights.to(features.dtype)


class DilatedBottleneck(nn.Module):
    """Parallel 3 × 3 convolutions at dilations 1, 2 and 4, joined and added to their input.

    The paper names a "multi-scale dilated U-Net" (section 1.2) and says no more; depthwise convolutions
    keep it below a tenth of the decoder's cost.
    """

    DILATIONS = (1, 2, 4)

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels, channels, 3, padding=step, dilation=step, groups=channels, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(inplace=True),
            )
            for step in self.DILATIONS
        )
        self.join = nn.Sequential(
            nn.Conv2d(channels * len(self.DILATIONS), channels, 1, bias=False), nn.BatchNorm2d(channels)
        )

    def forward(self, deepest: Tensor) -> Tensor:
        """Widen the view of float (N, C, h, w); the shape stays."""
        joined = self.join(torch.cat([branch(deepest) for branch in self.branches], dim=1))
        return F.relu(deepest + joined)


class Fusion(nn.Module):
    """At each scale, the class encoder's features enter the U-Net's: concatenated, then mixed by a 1 × 1 convolution.

    The mixture is added to the U-Net's own features and starts at nothing (its normalisation's weight is 0), so that a
    U-Net with starting weights starts undisturbed.
    """

    def __init__(self, mask_channels: list[int], class_channels: list[int]) -> None:
        super().__init__()
        # Scale 0 is the image itself; some encoders have no features at a scale, and then there is nothing to mix.
        self.mix = nn.ModuleList(
            nn.Sequential(nn.Conv2d(own + other, own, 1, bias=False), nn.BatchNorm2d(own)) if own else nn.Identity()
            for own, other in zip(mask_channels[1:], class_channels[1:], strict=True)
        )
        for part in self.mix.modules():
            if isinstance(part, nn.BatchNorm2d):
                nn.init.zeros_(part.weight)

    def forward(self, mask_features: list[Tensor], class_features: list[Tensor]) -> list[Tensor]:
        """Return the U-Net's features, float (N, C_i, S / 2^i, S / 2^i) for each scale i, enriched."""
        fused = [mask_features[0]]
        for mix, own, other in zip(self.mix, mask_features[1:], class_features[1:], strict=True):
            fused.append(F.relu(own + mix(torch.cat([own, other], dim=1))) if own.shape[1] else own)
        return fused


class LesionNet(nn.Module):
    """Outline and diagnosis from one image; the design is `config.design`.

    Raises ConfigFault when an encoder's name is unknown to timm or its scales do not fit a U-Net.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.cells: CellFeatures | None = None
        self.focus: LesionFocus | CellWeights | None = None
        self.outline: nn.Module | None = None
        if config.system:
            self._take(build_system(config))
            return
        self.encoder = make_encoder(config.encoder, config.drop_path)
        scales = list(self.encoder.out_channels)
        self.neck: nn.Module = nn.Identity()
        if config.feature_channels:
            self.neck = nn.Sequential(
                nn.Conv2d(scales[-1], config.feature_channels, 1, bias=False),
                nn.BatchNorm2d(config.feature_channels),
                nn.SiLU(inplace=True),
            )
        channels = config.feature_channels or scales[-1]
        if config.head == "pixel":
            self.cells = CellFeatures(channels, scales)
            channels = CellFeatures.CHANNELS
        if config.weighs_cells:
            self.focus = CellWeights(config.whole_share)
        elif config.looks_inside:
            self.focus, channels = LesionFocus(), 2 * channels
        self.head = ClassHead(channels, config.hidden, config.dropout)

        self.mask_encoder = self.fusion = None
        if config.design == "dual":
            self.mask_encoder = make_encoder(config.mask_encoder, config.drop_path)
            own = list(self.mask_encoder.out_channels)
            self.fusion = Fusion(own, scales)
            scales = own
        self.bottleneck = DilatedBottleneck(scales[-1]) if config.dilated_bottleneck else nn.Identity()
        self.decoder = UnetDecoder(scales, config.decoder_channels, n_blocks=len(config.decoder_channels))
        self.mask_head = nn.Conv2d(config.decoder_channels[-1], 1, kernel_size=3, padding=1)

    def _take(self, parts: SystemParts) -> None:
        """Be another system, made of `parts`."""
        self.encoder, self.neck, self.head, self.outline = parts  # type: ignore[assignment]
        self.mask_encoder = self.fusion = None
        self.bottleneck = self.decoder = self.mask_head = nn.Identity()  # type: ignore[assignment]

    def forward(self, images: Tensor) -> ModelOutput:
        """Answer for normalised RGB images, float (N, 3, S, S); see `derm.model.preprocess`."""
        return self.answer_and_stages(images)[0]

    def answer_and_stages(self, images: Tensor) -> tuple[ModelOutput, list[Tensor]]:
        """The answer, and the class encoder's stages that it comes from, float (N, C_i, S / 2^i, S / 2^i), the images
        first, for who judges what kind of picture it is; one pass gives both."""
        stages = self.encoder(images)
        mask_logits = self._outline(images, stages)
        features = self._pooled_by_head(stages, mask_logits)
        return ModelOutput(mask_logits, self.head(features), features), stages

    def class_features(self, images: Tensor) -> Tensor:
        """The features of `ModelOutput` alone, float (N, C, h, w); the decoder runs where they need the outline."""
        return self.features_after(images, self.encoder(images))

    def features_after(self, images: Tensor, stages: list[Tensor]) -> Tensor:
        """The features of `ModelOutput`, float (N, C, h, w), from the class encoder's stages of `images`, (N, C_i, …).

        Gradients take the outline for given, as in training.
        """
        mask_logits = None
        if self.focus is not None:
            with torch.no_grad():
                mask_logits = self._outline(images, stages)
        return self._pooled_by_head(stages, mask_logits)

    def _pooled_by_head(self, stages: list[Tensor], mask_logits: Tensor | None) -> Tensor:
        features: Tensor = self.neck(stages[DEEPEST] if self.outline is not None else stages[-1])
        if self.cells is not None:
            features = self.cells(features, stages)
        if self.focus is not None and mask_logits is not None:
            features = self.focus(features, mask_logits)
        return features

    def _outline(self, images: Tensor, stages: list[Tensor]) -> Tensor:
        if self.outline is not None:
            return self.outline(images, stages, self.head)  # type: ignore[no-any-return]
        if self.mask_encoder is not None and self.fusion is not None:
            stages = self.fusion(self.mask_encoder(images), stages)
        mask_logits: Tensor = self.mask_head(self.decoder([*stages[:-1], self.bottleneck(stages[-1])]))
        if mask_logits.shape[-2:] != images.shape[-2:]:
            mask_logits = F.interpolate(mask_logits, size=images.shape[-2:], mode="bilinear", align_corners=False)
        return mask_logits

    def has_closed_form(self) -> bool:
        """Whether the class head is pooling and one linear layer, so that Grad-CAM is `relu(W_c · f) / (h · w)`."""
        return self.head.hidden is None


def check_size(net: LesionNet) -> None:
    """Raise ConfigFault where the network cannot take pictures of its own input size: some encoders know one alone.

    One picture goes through it; the network stays as it was.
    """
    config, training = net.config, net.training
    try:
        with torch.no_grad():
            net.eval()(torch.zeros(1, 3, config.input_size, config.input_size))
    except (AssertionError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ConfigFault(
            say(
                "The network cannot take pictures of {size} pixels a side ({reason}): use another --size, or another "
                "encoder.",
                size=config.input_size,
                reason=reason,
            )
        ) from error
    finally:
        net.train(training)
