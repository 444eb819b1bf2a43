"""How a device trains quickest: its number format, measured on it, and how many processes feed it.

Needs torch. Knows nothing of the network; a small convolution there and back stands for it.
"""

import os
import time
from dataclasses import replace

import torch
from torch import nn

from derm.train.config import TrainConfig

SLOWER = 2.0
"""Times as long as in float32 that bfloat16 may take here before it is avoided: in a small convolution its conversions
weigh more than in a network."""

MOST_WORKERS = 16
"""Processes that augment images for an accelerator, at most."""

COMPILED_FROM = 10_000
"""Steps of a run from which compiling is taken to pay. On an H200 beside two other trainings no step had come after
150 s, and the processes that vary images, not the network, were what the others waited for (docs/training.md)."""

ROUNDS = 10
"""Timed passes in each format; the quickest one of each counts, so that other work on the machine does not."""


def settle_precision(config: TrainConfig, device: str) -> TrainConfig:
    """`config` with "auto" replaced by what `device` trains quickest in; any other precision stays.

    Processors without bfloat16 instructions, as most of those in desktops and laptops, compute it many times slower
    than float32: on one with AVX2 alone a training step took ten times as long.
    """
    if config.precision != "auto":
        return config
    return replace(config, precision="bfloat16" if is_quick_in_bfloat16(device) else "float32")


def settle_workers(config: TrainConfig, device: str, processes: int = 1) -> TrainConfig:
    """`config` with as many workers as feed an accelerator: one for each core but one, at most `MOST_WORKERS`.

    processes: of this machine that train together, each with workers of its own.

    Only where workers and lookahead are those of the presets, and not on the processor, whose cores train. The
    lookahead grows with them, so that replay, where it is on, hears of losses later; nothing else depends on it.
    """
    usual = TrainConfig()
    if device == "cpu" or (config.workers, config.lookahead) != (usual.workers, usual.lookahead):
        return config
    workers = max(usual.workers, min(MOST_WORKERS, (os.cpu_count() or 1) // processes - 1))
    return replace(config, workers=workers, lookahead=max(usual.lookahead, 2 * workers + 1))


def pays_to_compile(config: TrainConfig, device: str, steps: int) -> bool:
    """Whether `torch.compile` is worth its minute or two: on an accelerator, in runs of `COMPILED_FROM` steps or more.

    On a processor it gained nothing (docs/experiments.md), so that `config.compile` "auto" leaves it out there.
    """
    if config.compile == "auto":
        return device != "cpu" and steps >= COMPILED_FROM
    return config.compile == "on"


def is_quick_in_bfloat16(device: str) -> bool:
    """Whether `device` takes at most `SLOWER` times as long for a convolution and its gradients as in float32."""
    convolution = nn.Conv2d(32, 32, 3, padding=1, device=device).to(memory_format=torch.channels_last)
    images = torch.ones(8, 32, 28, 28, device=device).to(memory_format=torch.channels_last).requires_grad_()

    def seconds(mixed: bool) -> float:
        began = time.perf_counter()
        with torch.autocast(device, torch.bfloat16, enabled=mixed):
            filtered = convolution(images)
        gradients = torch.autograd.grad(filtered.float().sum(), (images, convolution.weight))
        gradients[1].sum().item()  # waits for an accelerator
        return time.perf_counter() - began

    # In turn, so that other work on the machine meets both.
    rounds = [(seconds(True), seconds(False)) for _ in range(ROUNDS)]
    return min(mixed for mixed, _ in rounds) <= SLOWER * min(plain for _, plain in rounds)
