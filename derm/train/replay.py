"""Stochastic hard-example replay: a bounded buffer of the hardest images, drawn again the likelier the higher the loss.

Needs the memory of losses. The paper names the idea and fixes nothing; what is decided here is stated in
docs/architecture.md. Knows nothing of epochs' order or of pictures.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from derm.errors import ConfigFault
from derm.language.speech import say
from derm.train.loss_history import LossHistory


@dataclass(frozen=True)
class ReplayConfig:
    """How hard images come back. Raises ConfigFault for a value outside its range."""

    enabled: bool = False
    capacity: int = 512
    """Images in the buffer, at most."""
    share: float = 0.25
    """Share of each batch that is replayed, once the buffer can fill it, 0 … 1."""
    sharpness: float = 1.0
    """Drawing probability is the smoothed loss to this power; 0: all alike."""
    cap: int = 3
    """Times that one image is replayed in one epoch, at most."""
    suspect_probability: float = 0.02
    """An image whose label keeps less than this probability, and less than half of its class's share of the images, is
    taken for a label error and left out, 0 … 1. Below its share even a blind guess would be better."""
    suspect_views: int = 4
    """Views after which an image can be suspected; before, a high loss is only hard."""

    def __post_init__(self) -> None:
        """Check every field's range."""
        if not 0 <= self.share < 1:
            raise ConfigFault(
                say(
                    "The replay's share {share} does not fit: use a share from 0, below 1.",
                    share=self.share,
                )
            )
        if not 0 <= self.suspect_probability < 1:
            raise ConfigFault(
                say(
                    "The replay's suspect probability {suspect_probability} does not fit: use 0, below 1.",
                    suspect_probability=self.suspect_probability,
                )
            )
        if min(self.capacity, self.cap, self.suspect_views) < 1:
            raise ConfigFault(
                say("The replay's capacity, cap and suspect_views count from 1: raise the one that is 0.")
            )
        if not 0 <= self.sharpness <= 10:  # beyond, small probabilities vanish in float64
            raise ConfigFault(
                say(
                    "The replay's sharpness {sharpness} does not fit: use a power from 0 to 10.",
                    sharpness=self.sharpness,
                )
            )


class BufferRow(NamedTuple):
    """One image of the buffer, for the log: its item number, smoothed loss, views, and how often it was drawn."""

    item: int
    loss: float
    views: int
    drawn: int


class ReplayBuffer:
    """The buffer: which images are in it, and how often each was drawn. Its randomness comes with each call.

    classes: int64 (n,), of the training images.
    """

    def __init__(self, config: ReplayConfig, memory: LossHistory, classes: NDArray[np.int64]) -> None:
        self.config = config
        self.limit = np.minimum(config.suspect_probability, np.bincount(classes)[classes] / len(classes) / 2)
        self.memory = memory
        images = len(memory.views)
        self.members: NDArray[np.bool_] = np.zeros(images, dtype=np.bool_)
        self.drawn: NDArray[np.int64] = np.zeros(images, dtype=np.int64)
        self.drawn_in_epoch: NDArray[np.int64] = np.zeros(images, dtype=np.int64)
        self.heard = 0  # batches taken in so far
        self.entered: NDArray[np.int64] = np.zeros(images, dtype=np.int64)  # `heard` when an image last came in

    def suspects(self) -> NDArray[np.bool_]:
        """Images taken for label errors, bool (n,): seen often enough, their label's probability still as good as none.

        The probability is that of the smoothed cross-entropy, exp(−loss); the limit is lower for a rare class, lest all
        of it is suspected while the model has learned only frequencies.
        """
        loss = np.nan_to_num(self.memory.smoothed, nan=0.0)
        return (self.memory.views >= self.config.suspect_views) & (np.exp(-loss) < self.limit)

    def take_in(self, items: NDArray[np.int64]) -> None:
        """Reconsider the images `items`, int64 (k,), after the memory has heard of their losses."""
        before = self.members.copy()
        self.members[items] = True
        self.members &= ~self.suspects()
        inside = np.flatnonzero(self.members)
        surplus = len(inside) - self.config.capacity
        if surplus > 0:
            easiest = inside[np.argsort(self.memory.smoothed[inside], kind="stable")][:surplus]
            self.members[easiest] = False
        self.heard += 1
        self.entered[self.members & ~before] = self.heard

    def ages(self) -> NDArray[np.int64]:
        """Batches since each image came in, int64 (n,); 0 for one that is not in the buffer."""
        return np.where(self.members, self.heard - self.entered, 0)

    def draw(self, count: int, admitted: NDArray[np.bool_], random: np.random.Generator) -> NDArray[np.int64]:
        """Draw up to `count` different images, int64 (≤ count,), with probability rising with their smoothed loss.

        admitted: bool (n,), what the curriculum allows now. Fewer come back where the cap leaves fewer.
        """
        free = np.flatnonzero(self.members & admitted & (self.drawn_in_epoch < self.config.cap))
        weight = np.maximum(self.memory.smoothed[free], 1e-6) ** self.config.sharpness
        chosen = (
            random.choice(free, size=min(count, len(free)), replace=False, p=weight / weight.sum())
            if len(free)
            else free
        )
        self.drawn[chosen] += 1
        self.drawn_in_epoch[chosen] += 1
        return chosen.astype(np.int64)

    def start_epoch(self) -> None:
        """Let every image be drawn up to its cap again."""
        self.drawn_in_epoch[:] = 0

    def hardest(self, count: int) -> list[BufferRow]:
        """The `count` images of the buffer with the highest smoothed loss, hardest first."""
        inside = np.flatnonzero(self.members)
        order = inside[np.argsort(-self.memory.smoothed[inside], kind="stable")][:count]
        return [
            BufferRow(
                int(item),
                float(self.memory.smoothed[item]),
                int(self.memory.views[item]),
                int(self.drawn[item]),
            )
            for item in order
        ]
