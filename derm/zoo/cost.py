"""What a system costs: its parameters, its arithmetic for one picture, and its time beside ours.

Needs a configuration. Times depend on neither weights nor picture.
"""

import time
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from derm.model.config import ModelConfig
from derm.model.network import LesionNet
from derm.zoo.systems import OURS, SYSTEMS, System

ROUNDS = 15
"""Timed passes of each network; the quickest one counts, so that other work on the machine does not."""


def count(config: ModelConfig) -> dict[str, float]:
    """Parameters that are trained, in millions, and GFLOP of one picture, both counted on shapes alone.

    GFLOP: of convolutions and matrix products, by `torch.utils.flop_counter`, a multiplication and its addition being
    two.
    """
    with torch.device("meta"):
        net = LesionNet(config).eval()
        images = torch.empty(1, 3, config.input_size, config.input_size)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        net(images)
    parameters = sum(one.numel() for one in net.parameters() if one.requires_grad)
    return {"parameters": parameters / 1e6, "gflop": counter.get_total_flops() / 1e9}


def measure_cost(system: System, size: int, rounds: int = ROUNDS) -> dict[str, Any]:
    """`count`, and the time of one picture in milliseconds, of `system` and of ours in turn, with their ratio.

    The network alone, float32, on this machine's processor with torch's present number of threads. In turn, so that
    other work on the machine meets both.
    """
    nets = {name: _ready(one.model(size)) for name, one in ((OURS, SYSTEMS[OURS]), (system.name, system))}
    image = torch.zeros(1, 3, size, size).contiguous(memory_format=torch.channels_last)
    times: dict[str, list[float]] = {name: [] for name in nets}
    with torch.inference_mode():
        for done in range(rounds + 2):
            for name, net in nets.items():
                began = time.perf_counter()
                net(image)
                if done >= 2:  # the first ones warm up
                    times[name].append(1000 * (time.perf_counter() - began))
    own, ours = min(times[system.name]), min(times[OURS])
    return {
        **count(system.model(size)),
        "size": size,
        "milliseconds": own,
        "ours_milliseconds": ours,
        "ratio": own / ours,
        "threads": torch.get_num_threads(),
    }


def _ready(config: ModelConfig) -> LesionNet:
    torch.manual_seed(0)
    net = LesionNet(config).eval().requires_grad_(requires_grad=False)
    ready: LesionNet = net.to(memory_format=torch.channels_last)
    return ready
