"""The planned batches as tensors on the run's device: of each the part that this process trains on.

Needs an open run. Knows nothing of networks.
"""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray

from derm.train.loader import Prepared, open_loader
from derm.train.losses import Truth
from derm.train.mix import Mixture, draw_mixture, mix, share_of
from derm.train.open_run import OpenRun
from derm.train.sampler import OPEN_CLASS


def load_batches(opened: OpenRun, step: int) -> Iterable[Prepared]:
    """The images that this process needs of each batch, from that of step `step` on."""
    config, parts, world = opened.config, opened.parts, opened.world

    def choose(step: int, items: NDArray[np.int64]) -> NDArray[np.int64]:
        return share_of(world.part(len(items)), mixture_of(opened, items, step)).places

    alone = world.size == 1
    return open_loader(
        opened.planner, parts.store, parts.train, config.augment, config.workers, opened.device,
        None if alone else choose, step,
    )  # fmt: skip


def load(opened: OpenRun, prepared: Prepared, step: int) -> tuple[torch.Tensor, Truth]:
    """This process's part of the batch of step `step`, on the run's device, mixed where the plan says so: images, uint8
    (b, S, S, 3), and their truth, whose `shares` are there where they are mixed."""
    images, masks, items = prepared
    parts, device = opened.parts, opened.device
    every = opened.planner.pending[0].items
    share = share_of(opened.world.part(len(every)), mixture_of(opened, every, step))
    truth = Truth(
        masks.to(device, non_blocking=True)[:, None].float(),
        parts.has_mask[items].to(device),
        torch.from_numpy(parts.labels)[items].to(device),
    )
    if parts.allowed is not None:
        truth = truth._replace(allowed=parts.allowed[items].to(device))
    images = images.to(device, non_blocking=True)
    return (images, truth) if share.mixture is None else mix(images, truth, share.mixture)


def mixture_of(opened: OpenRun, items: NDArray[np.int64], step: int) -> Mixture | None:
    """How the whole batch of step `step`, of images `items`, is mixed; the same in each process."""
    config = opened.config
    random = np.random.default_rng([config.seed, 4, step])
    mixture = draw_mixture(config.mix, len(items), config.model.input_size, random)
    # Half of an open label says nothing.
    return None if (opened.parts.labels[items] == OPEN_CLASS).any() else mixture
