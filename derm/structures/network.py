"""The slim decoder of the structures: from the frozen encoder's stages to five masks and whether each is there at all.

Needs torch. Knows nothing of the encoder but the channels of its stages; how it is trained is in
`derm.structures.train`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from derm.model.config import ModelConfig
from derm.model.preprocess import normalise
from derm.structures.table import KEYS

FINEST, STAGES = 2, (3, 4, 5)
"""Of the encoder, stage i with cells of 2^i pixels. The finest comes as mean and maximum of 2 × 2 cells, so that lines
and dots of a few pixels stay, at the cells of stage 3, which are about as wide as the superpixels of the marks."""


@dataclass(frozen=True)
class HeadConfig:
    """What a decoder is made of."""

    channels: tuple[int, int, int, int]
    """Of the encoder's stages 2 to 5."""

    width: int = 48
    """Channels of the decoder."""

    blocks: int = 2
    """Convolutions of 3 × 3 cells after the stages are joined."""

    dropout: float = 0.5
    """Share of what presence is read from that is dropped in training, 0 … 1."""

    input_size: int = 224
    """Side of the square that the encoder sees, pixels, a multiple of 32."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class StructureOutput(NamedTuple):
    """masks: float (N, 5, S / 8, S / 8), logits of each structure's mask. presence: float (N, 5), logits of whether
    the picture shows it, before calibration."""

    masks: Tensor
    presence: Tensor


def gathered(stages: Sequence[Tensor]) -> list[Tensor]:
    """What the decoder takes of an encoder's stages, the images first: (N, 2 C2, S / 8, S / 8), then stages 3 to 5."""
    fine = stages[FINEST]
    finest = torch.cat([F.avg_pool2d(fine, 2), F.max_pool2d(fine, 2)], dim=1)
    return [finest, *(stages[number] for number in STAGES)]


def spread_of(cells: Tensor) -> Tensor:
    """Mean and deviation of each channel over the picture: float (N, C, h, w) to (N, 2 C)."""
    middle = cells.mean(dim=(2, 3))
    deviation = ((cells * cells).mean(dim=(2, 3)) - middle * middle).clamp(min=0).add(1e-6).sqrt()
    return torch.cat([middle, deviation], dim=1)


class Block(nn.Module):
    """A convolution of 3 × 3 cells, added to what came in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.steps = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))

    def forward(self, cells: Tensor) -> Tensor:
        """Float (N, width, h, w), the same shape."""
        return F.silu(cells + self.steps(cells))


class StructureHead(nn.Module):
    """Five masks and five presences from what `gathered` gives."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.config = config
        finest, *deeper = config.channels
        sources = [2 * finest, *deeper]
        self.join = nn.ModuleList(nn.Conv2d(channels, config.width, 1, bias=False) for channels in sources)
        self.even = nn.ModuleList(nn.BatchNorm2d(channels, affine=False) for channels in sources)
        self.settle = nn.Sequential(nn.BatchNorm2d(config.width), nn.SiLU())
        self.blocks = nn.Sequential(*(Block(config.width) for _ in range(config.blocks)))
        self.masks = nn.Conv2d(config.width, len(KEYS), 1)
        pooled = 2 * config.width + 2 * sum(sources) + len(KEYS)
        self.presence = nn.Sequential(
            nn.BatchNorm1d(pooled, affine=False), nn.Dropout(config.dropout), nn.Linear(pooled, len(KEYS))
        )

    def start_at(self, share: Tensor) -> None:
        """Let masks begin at the share of cells that are marked, float32 (5,), above 0: rare ones take long else."""
        with torch.no_grad():
            self.masks.load_state_dict({**self.masks.state_dict(), "bias": (share / (1 - share)).log()})

    def forward(self, sources: Sequence[Tensor]) -> StructureOutput:
        """sources: of `gathered`."""
        steps = zip(self.join, self.even, sources, strict=True)
        joined, *deeper = [join(even(source)) for join, even, source in steps]
        for part in deeper:
            if part.shape[-2:] != joined.shape[-2:]:
                part = F.interpolate(part, joined.shape[-2:], mode="bilinear", align_corners=False)  # noqa: PLW2901
            joined = joined + part
        cells = self.blocks(self.settle(joined))
        masks = self.masks(cells)
        own = [cells.mean(dim=(2, 3)), cells.amax(dim=(2, 3)), masks.amax(dim=(2, 3))]
        pooled = torch.cat([*(spread_of(source) for source in sources), *own], dim=1)
        return StructureOutput(masks, self.presence(pooled))


class StructureNet(nn.Module):
    """From squares, uint8 (N, S, S, 3), to mask probabilities, float (N, 5, S / 8, S / 8), and presence logits,
    (N, 5): the frozen encoder of a `LesionNet` and a decoder, as one, for export and for PyTorch as the engine."""

    def __init__(self, encoder: nn.Module, config: ModelConfig, head: StructureHead) -> None:
        super().__init__()
        self.encoder, self.config, self.head = encoder, config, head

    def forward(self, squares: Tensor) -> tuple[Tensor, Tensor]:
        """One pass."""
        masks, presence = self.head(gathered(self.encoder(normalise(squares, self.config))))
        return masks.sigmoid(), presence
