"""From a plan to tensors: images varied in worker processes, in the order of the plan.

Needs an image store and a planner. Knows nothing of losses.
"""

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import resource_tracker

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from derm.data.augment import AugmentConfig, Augmenter
from derm.data.store import ImageStore
from derm.paths import SAFE_PATH
from derm.train.sampler import Sampler

Prepared = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""images, uint8 (B, S, S, 3) RGB; masks, uint8 (B, S, S); items, int64 (B,)."""

Choose = Callable[[int, NDArray[np.int64]], NDArray[np.int64]]
"""Which images of a batch are wanted: from its step and its items, int64 (B,), to their places in it, int64 (k,)."""


class _Variants(Dataset[Prepared]):
    """Prepares whole batches: asked for (item, seed) pairs, it answers with tensors."""

    def __init__(self, store: ImageStore, rows: NDArray[np.int64], config: AugmentConfig) -> None:
        self.store = store
        self.rows = rows
        self.augmenter = Augmenter(config, store.images.shape[1]) if config.enabled else None

    def __getitems__(self, batch: list[tuple[int, int]]) -> Prepared:
        images, masks = [], []
        for item, seed in batch:
            row = self.rows[item]
            image, mask = self.store.images[row], self.store.masks[row]
            if self.augmenter:
                image, mask = self.augmenter.vary(image, mask, seed)
            images.append(image)
            masks.append(mask)
        items = torch.tensor([item for item, _ in batch])
        return torch.from_numpy(np.stack(images)), torch.from_numpy(np.stack(masks)), items

    def __getitem__(self, index: int) -> Prepared:
        return self.__getitems__([(index, 0)])

    def __len__(self) -> int:
        return len(self.rows)


class _Plans:
    """What DataLoader calls a batch sampler: the plan, read as the loader asks for it, of each batch what is chosen."""

    def __init__(self, planner: Sampler, choose: Choose | None, step: int) -> None:
        self.planner, self.choose, self.step = planner, choose, step

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for step, batch in enumerate(self.planner.hand_out(), self.step):
            if self.choose is None:
                yield batch
            else:
                yield [batch[place] for place in self.choose(step, np.array([item for item, _ in batch]))]


def _as_prepared(batch: Prepared) -> Prepared:
    return batch


class _Sheltered:
    """What loads batches, whose processes no Ctrl-C reaches from their first moment on, and no module of the folder
    that the training was started in.

    It reaches the whole group of processes; the training process alone decides what it means. It waits while they are
    started: a blocked signal stays blocked in those that inherit it.
    """

    def __init__(self, loader: DataLoader[Prepared]) -> None:
        self._loader = loader

    def __iter__(self) -> Iterator[Prepared]:
        unsafe = SAFE_PATH.keys() - os.environ.keys()
        os.environ.update(SAFE_PATH)
        resource_tracker.ensure_running()  # whose start ends the blocking
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            return iter(self._loader)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            for name in unsafe:
                del os.environ[name]


def _start_worker(_: int) -> None:
    # One thread a worker: the training process owns the cores.
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def open_loader(
    planner: Sampler,
    store: ImageStore,
    rows: NDArray[np.int64],
    augment: AugmentConfig,
    workers: int,
    device: str = "cpu",
    choose: Choose | None = None,
    step: int = 0,
) -> Iterable[Prepared]:
    """Loader of the planned batches, in order; item i of the plan is image `rows[i]` of the store.

    choose: what is wanted of each batch, the first of which is of step `step`; without it all of it.
    device: where batches are going: for an accelerator they come in pinned memory, from which they are copied quickest.

    It asks for at most 2 · `workers` batches ahead, which the planner's lookahead covers.
    """
    loader = DataLoader(
        _Variants(store, rows, augment),
        batch_sampler=_Plans(planner, choose, step),
        num_workers=workers,
        collate_fn=_as_prepared,  # type: ignore[arg-type]  # `__getitems__` answers with a batch, not a list
        worker_init_fn=_start_worker,
        # Forked workers hang in OpenCV once this process has used its threads, as decoding does.
        multiprocessing_context="spawn" if workers else None,
        # A generator of its own: the loader draws from it, and the run's randomness must not depend on the loader.
        generator=torch.Generator(),
        pin_memory=device != "cpu",
    )
    return _Sheltered(loader)
