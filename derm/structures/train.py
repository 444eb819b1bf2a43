"""Training of the slim decoder on kept views of the marked pictures: one loop, from the first epoch to the best one.

Needs `Views` of the training and the validation part, and which structure each picture shows. The encoder is not
touched. Chooses the epoch on validation; the test part is not known here.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from derm.metrics.classification import auc
from derm.structures.engine import Seen
from derm.structures.marks import planes
from derm.structures.network import HeadConfig, StructureHead, StructureOutput
from derm.structures.table import KEYS
from derm.structures.views import Views


@dataclass(frozen=True)
class HeadTraining:
    """How a decoder is trained."""

    epochs: int = 24
    """Passes over as many pictures as the training part has."""

    batch: int = 32
    """Pictures a step; all of them where there are fewer."""

    rate: float = 3e-3
    """Highest learning rate of AdamW, in a single cycle."""

    decay: float = 0.05
    """Weight decay of AdamW."""

    smoothing: float = 0.99
    """Of the running mean of the weights, which is what is kept, 0 … 1."""

    half: bool = True
    """Whether the steps run in bfloat16, which processors of today multiply quicker."""

    seed: int = 0
    """Of the starting weights and of every draw."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class Epoch(NamedTuple):
    """What an epoch came to. auc: of presence on validation, float64 (5,). loss: the mean of its steps. jaccard: of the
    masks on validation at 0.5, pooled over all cells, float64 (5,)."""

    number: int
    loss: float
    auc: NDArray[np.float64]
    jaccard: NDArray[np.float64]

    @property
    def worth(self) -> float:
        """By which the best epoch is chosen: the mean over the structures of both figures."""
        return float(np.nanmean(self.auc) + np.nanmean(self.jaccard)) / 2


def train_head(
    train: Views,
    validation: Views,
    shown: NDArray[np.bool_],
    shown_validation: NDArray[np.bool_],
    head_config: HeadConfig,
    config: HeadTraining,
    tell: Callable[[Epoch], None] | None = None,
) -> tuple[StructureHead, Epoch]:
    """Train a decoder and give the one of the best epoch on validation, in evaluation mode, with that epoch.

    shown: bool (n, 5), which structures each training picture shows; shown_validation: likewise. tell: told each epoch.
    """
    torch.manual_seed(config.seed)
    random = np.random.default_rng(config.seed)
    head = StructureHead(head_config).to(memory_format=torch.channels_last)
    kept = AveragedModel(head, multi_avg_fn=get_ema_multi_avg_fn(config.smoothing), use_buffers=True)
    smoothed = cast(StructureHead, kept.module)
    optimiser = torch.optim.AdamW(head.parameters(), lr=config.rate, weight_decay=config.decay)
    steps = max(1, len(train) // config.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.rate, total_steps=steps * config.epochs)
    weights = Balance.of(train, shown)
    head.start_at(weights.share)
    best: tuple[StructureHead, Epoch] | None = None
    for number in range(1, config.epochs + 1):
        head.train()
        losses = []
        for _ in range(steps):
            rows = np.sort(random.choice(len(train), min(config.batch, len(train)), replace=False, p=weights.draw))
            sources, marks = _drawn(train, rows, random)
            with torch.autocast("cpu", torch.bfloat16, enabled=config.half):
                output = head(sources)
            loss = loss_of(output, marks, torch.from_numpy(shown[rows].astype(np.float32)), weights)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            kept.update_parameters(head)
            losses.append(loss.item())
        epoch = _measured(number, float(np.mean(losses)), smoothed, validation, shown_validation)
        if best is None or epoch.worth > best[1].worth:
            best = deepcopy(smoothed).eval(), epoch
        if tell:
            tell(epoch)
    if best is None:
        raise ValueError("no epoch was trained: ask for at least one")
    return best


def _drawn(views: Views, rows: NDArray[np.int64], random: np.random.Generator) -> tuple[list[Tensor], Tensor]:
    """A view of each of `rows`, turned and mirrored once more, all of a batch alike: sources and marks, float32.

    The encoder has learned from turned pictures, so that turning what it makes of one is nearly what it makes of a
    turned one; it costs nothing.
    """
    which = random.integers(views.marks.shape[1], size=len(rows))
    turns, mirrored = int(random.integers(4)), bool(random.integers(2))

    def turned(values: NDArray[Any]) -> Tensor:
        found = np.rot90(values, turns, axes=(-2, -1))
        found = found[..., ::-1] if mirrored else found
        tensor = torch.from_numpy(np.ascontiguousarray(found, dtype=np.float32))
        return tensor.contiguous(memory_format=torch.channels_last)

    return [turned(array[rows, which]) for array in views.sources], turned(planes(views.marks[rows, which]))


class Balance(NamedTuple):
    """How rare things are made to count.

    draw: float64 (n,), sum 1, with which a picture is drawn: by the root of how rare its rarest structure is. cells,
    presence: float32 (5,), what a marked cell, and a picture that shows it, weighs against one without: the root of
    their odds, at most `MOST`. share: float32 (5,), of the cells that are marked.
    """

    draw: NDArray[np.float64]
    cells: Tensor
    presence: Tensor
    share: Tensor

    @classmethod
    def of(cls, views: Views, shown: NDArray[np.bool_]) -> "Balance":
        """Of a training part."""
        share = np.maximum(shown.mean(axis=0), 1 / len(shown))
        rarity = np.where(shown, np.sqrt(0.5 / share), 1.0).max(axis=1)
        marked = planes(views.marks[:, 0]).mean(axis=(0, 2, 3))
        return cls(
            rarity / rarity.sum(),
            _odds(np.maximum(marked, 1e-4)),
            _odds(share),
            torch.from_numpy(np.maximum(marked, 1e-4).astype(np.float32)),
        )


MOST = 8.0
"""What a rare thing weighs at most."""


def _odds(share: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(np.clip(np.sqrt((1 - share) / share), 1.0, MOST).astype(np.float32))


def loss_of(output: StructureOutput, marks: Tensor, shown: Tensor, weights: Balance) -> Tensor:
    """The loss of a batch, a scalar: of each structure cross-entropy of cells and of presence, weighted, and what is
    missing from the Dice of all cells of the batch pooled, as they are scored; the mean over the structures.

    marks: float32 (b, 5, h, w), 0 or 1. shown: float32 (b, 5), 0 or 1.
    """
    cells = F.binary_cross_entropy_with_logits(output.masks.float(), marks, pos_weight=weights.cells[:, None, None])
    presence = F.binary_cross_entropy_with_logits(output.presence.float(), shown, pos_weight=weights.presence)
    probability = output.masks.float().sigmoid()
    both, either = (probability * marks).sum(dim=(0, 2, 3)), (probability + marks).sum(dim=(0, 2, 3))
    dice = (2 * both + 1) / (either + 1)
    return cells + presence + (1 - dice).mean()


def answers_of(head: StructureHead, views: Views, batch: int = 64) -> Seen:
    """What a decoder says of the pictures as they are."""
    head.eval()
    masks, presence = [], []
    with torch.inference_mode():
        for first in range(0, len(views), batch):
            rows = slice(first, first + batch)
            output = head([torch.from_numpy(array[rows, 0].astype(np.float32)) for array in views.sources])
            masks.append(output.masks.sigmoid().numpy())
            presence.append(output.presence.numpy())
    return Seen(np.concatenate(masks), np.concatenate(presence))


def _measured(number: int, loss: float, head: StructureHead, views: Views, shown: NDArray[np.bool_]) -> Epoch:
    answers = answers_of(head, views)
    marks = planes(views.marks[:, 0])
    called = answers.masks >= 0.5
    both = (called & marks).sum(axis=(0, 2, 3))
    either = (called | marks).sum(axis=(0, 2, 3))
    jaccard = np.where(either > 0, both / np.maximum(either, 1), np.nan)
    aucs = np.array([auc(shown[:, place], answers.presence[:, place]) for place in range(len(KEYS))])
    return Epoch(number, loss, aucs, jaccard)
