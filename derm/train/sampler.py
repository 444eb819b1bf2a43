"""Which images make up each batch, decided a fixed number of steps ahead.

Needs the memory of losses. A plan is a function of the seed, the step and what was observed `lookahead` steps before,
never of the number of workers: that, and saving the plans not yet used, is what makes a resumed run equal.
"""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from derm.diagnoses import CODES
from derm.train.config import TrainConfig
from derm.train.curriculum import Stage, stage_of
from derm.train.loss_history import LossHistory
from derm.train.replay import ReplayBuffer

OPEN_CLASS = len(CODES)
"""Number of the class of an image whose label is open: none of the seven for certain, or none at all."""


class Batch(NamedTuple):
    """One batch to come: items, int64 (B,), numbers in the training part; replayed, bool (B,); seeds, int64 (B,)."""

    items: NDArray[np.int64]
    replayed: NDArray[np.bool_]
    seeds: NDArray[np.int64]


class Sampler:
    """Plans batches, hears of their losses, and can be saved between any two steps.

    classes: int64 (n,), of the training images, `OPEN_CLASS` where the label is open. sources: int64 (n,), a number for
    the source of each, or None for one source. stages: the curriculum's stage of each epoch that was planned since
    the caller last emptied the list, as (epoch, stage).
    """

    def __init__(
        self, config: TrainConfig, classes: NDArray[np.int64], sources: NDArray[np.int64] | None = None
    ) -> None:
        self.config = config
        self.classes = classes
        # Each class of each source is dealt from a deck of its own, unless each image comes once.
        self.strata = classes if sources is None else sources * (OPEN_CLASS + 1) + classes
        self.has_quotas = bool(config.sampling or (config.source_balance and sources is not None))
        self.memory = LossHistory(len(classes))
        self.buffer = ReplayBuffer(config.replay, self.memory, classes)
        self.steps_per_epoch = max(1, len(classes) // config.batch)
        self.waiting: deque[Batch] = deque()  # planned, not yet handed to the loader
        self.pending: deque[Batch] = deque()  # planned, not yet observed
        self.planned = 0
        self.stages: list[tuple[int, Stage]] = []
        self.admitted: NDArray[np.bool_] = np.ones(len(classes), dtype=np.bool_)
        self.queue: NDArray[np.int64] = np.empty(0, dtype=np.int64)  # this epoch's fresh images, next one first
        self.passes = 0  # times that the admitted images were dealt in this epoch
        # Of each class, what is left of its round, in order.
        self.decks: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return self.steps_per_epoch * self.config.epochs

    def top_up(self) -> None:
        """Plan until `lookahead` batches are pending, or the run's end is."""
        while len(self.pending) < self.config.lookahead and self.planned < self.steps:
            batch = self._plan(self.planned)
            self.planned += 1
            self.pending.append(batch)
            self.waiting.append(batch)

    def hand_out(self) -> Iterator[list[tuple[int, int]]]:
        """The batches for the loader to prepare, until the run's end, each as (item, seed) pairs."""
        while self.waiting:
            batch = self.waiting.popleft()
            yield list(zip(batch.items.tolist(), batch.seeds.tolist(), strict=True))

    def observe(self, losses: NDArray[np.float64] | None) -> Batch:
        """Hear the losses, float64 (B,), of the batch just trained on, plan one more, and return that batch.

        None: of losses that tell nothing of single images; then only the batch's end is noticed.
        """
        batch = self.pending.popleft()
        heard = batch.items if losses is not None else batch.items[:0]
        self.memory.observe(heard, np.empty(0) if losses is None else losses)
        self.buffer.take_in(heard)
        self.top_up()
        return batch

    def tensors(self) -> dict[str, Tensor]:
        """All that changes while training, by name, for the checkpoint."""
        pending = list(self.pending)
        sizes = [len(batch.items) for batch in pending]
        arrays = {
            "smoothed": self.memory.smoothed,
            "views": self.memory.views,
            "members": self.buffer.members,
            "drawn": self.buffer.drawn,
            "drawn_in_epoch": self.buffer.drawn_in_epoch,
            "entered": self.buffer.entered,
            "admitted": self.admitted,
            "queue": self.queue,
            "decks": self.decks,
            "counters": np.array([self.planned, self.passes], dtype=np.int64),
            "pending_sizes": np.array(sizes, dtype=np.int64),
            "pending_items": np.concatenate([batch.items for batch in pending] or [np.empty(0, np.int64)]),
            "pending_replayed": np.concatenate([batch.replayed for batch in pending] or [np.empty(0, np.bool_)]),
            "pending_seeds": np.concatenate([batch.seeds for batch in pending] or [np.empty(0, np.int64)]),
        }
        return {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Go on from `tensors`; every batch that was pending is handed out again."""
        arrays = {name: tensor.numpy().copy() for name, tensor in tensors.items()}
        self.memory.smoothed, self.memory.views = arrays["smoothed"], arrays["views"]
        self.buffer.members, self.buffer.drawn = arrays["members"], arrays["drawn"]
        self.buffer.drawn_in_epoch = arrays["drawn_in_epoch"]
        self.admitted, self.queue = arrays["admitted"], arrays["queue"]
        self.decks = arrays.get("decks", self.decks)  # checkpoints from before there were any
        self.planned, self.passes = arrays["counters"].tolist()
        self.buffer.heard = self.planned - len(arrays["pending_sizes"])
        # Checkpoints from before ages were kept count them from here.
        self.buffer.entered = arrays.get("entered", np.full_like(self.buffer.drawn, self.buffer.heard))
        cuts = np.cumsum(arrays["pending_sizes"])[:-1]
        parts = [np.split(arrays[f"pending_{name}"], cuts) for name in ("items", "replayed", "seeds")]
        batches = [Batch(*part) for part in zip(*parts, strict=True) if len(part[0])]
        self.pending, self.waiting = deque(batches), deque(batches)

    def _plan(self, step: int) -> Batch:
        config = self.config
        epoch, within = divmod(step, self.steps_per_epoch)
        if within == 0:
            self._start_epoch(epoch)
        random = np.random.default_rng([config.seed, 1, step])
        replayed = np.empty(0, dtype=np.int64)
        if config.replay.enabled:
            share = min(round(config.replay.share * config.batch), config.batch - 1)  # fresh images must come, too
            replayed = self.buffer.draw(share, self.admitted, random)
        fresh = self._take(config.batch - len(replayed), epoch)
        items = np.concatenate([fresh, replayed])
        return Batch(items, np.arange(len(items)) >= len(fresh), random.integers(2**31, size=len(items)))

    def _start_epoch(self, epoch: int) -> None:
        stage = stage_of(self.config.curriculum, self.memory, self.classes, epoch, self.config.epochs, self.config.seed)
        self.stages.append((epoch, stage))
        # What was dealt and not taken comes first in the new epoch, unless each class begins anew with other images.
        anew = not self.has_quotas or not np.array_equal(stage.admitted, self.admitted)
        self.decks = np.empty(0, dtype=np.int64) if anew else np.concatenate([self.queue, self.decks])
        self.admitted = stage.admitted
        self.buffer.start_epoch()
        self.queue = np.empty(0, dtype=np.int64)
        self.passes = 0

    def _take(self, count: int, epoch: int) -> NDArray[np.int64]:
        """The next fresh images; the admitted ones are shuffled and dealt again whenever they run out."""
        while len(self.queue) < count:
            random = np.random.default_rng([self.config.seed, 2, epoch, self.passes])
            dealt = self._deal(random) if self.has_quotas else random.permutation(np.flatnonzero(self.admitted))
            self.queue = np.concatenate([self.queue, dealt])
            self.passes += 1
        taken, self.queue = self.queue[:count], self.queue[count:]
        return taken

    def _deal(self, random: np.random.Generator) -> NDArray[np.int64]:
        """As many images as are admitted, shuffled, with the quotas of sources and classes; each class of a source goes
        round its own images."""
        admitted = np.flatnonzero(self.admitted)
        counts = np.bincount(self.strata[admitted])
        if self.strata is self.classes:
            quotas = quotas_by(self.config.sampling, counts)
        else:
            counts = np.pad(counts, (0, -len(counts) % (OPEN_CLASS + 1))).reshape(-1, OPEN_CLASS + 1)
            shares = quotas_by(self.config.source_balance, counts.sum(axis=1))
            rows = [quotas_by(self.config.sampling, row, int(share)) for row, share in zip(counts, shares, strict=True)]
            quotas = np.concatenate(rows)
        order = random.permutation(np.repeat(np.arange(len(quotas)), quotas))  # the class of each place
        dealt, left = np.empty_like(order), []
        for index in np.flatnonzero(quotas):
            members = admitted[self.strata[admitted] == index]
            deck = self.decks[self.strata[self.decks] == index]
            while len(deck) < quotas[index]:
                deck = np.concatenate([deck, random.permutation(members)])
            dealt[order == index] = deck[: quotas[index]]
            left.append(deck[quotas[index] :])
        self.decks = np.concatenate(left)
        return dealt


def quotas_by(sampling: float, counts: NDArray[np.int64], total: int | None = None) -> NDArray[np.int64]:
    """How many of `total` images, or of Σ `counts`, are of each class, int64 (C,): proportional to
    count^(1 − sampling), rounded so that the sum stays (largest remainder; among equal ones the first class).

    counts: int64 (C,), admitted images of each class. A class without one gets none; every other gets at least one
    where `total` has room for that. Without a total it always has: `sampling`, 0 … 1, never takes from the rarest.
    """
    total = int(counts.sum()) if total is None else total
    wanted = np.where(counts > 0, np.maximum(counts, 1).astype(np.float64) ** (1 - sampling), 0.0)
    wanted *= total / max(wanted.sum(), 1e-12)
    quotas = np.floor(wanted + 1e-9).astype(np.int64)  # a whole number may have come out a little less
    quotas[np.argsort(quotas - wanted, kind="stable")[: total - quotas.sum()]] += 1
    for poor in np.flatnonzero((counts > 0) & (quotas == 0)):
        if quotas.max() > 1:
            quotas[quotas.argmax()] -= 1
            quotas[poor] = 1
    return quotas
