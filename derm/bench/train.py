"""Where the time of a training step goes, and what the outline costs beside the diagnosis, measured in one run.

Needs torch and drawn pictures: times do not depend on what the weights have learned. Knows nothing of the terminal.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from derm.data.augment import Augmenter
from derm.errors import ConfigFault
from derm.model.depthwise import slow_down
from derm.model.network import LesionNet
from derm.model.preprocess import normalise
from derm.train.config import TrainConfig
from derm.train.losses import Truth
from derm.train.precision import settle_precision
from derm.train.step import move_average, take_step

STEPS = 12
"""Timed steps of each kind, taken in turn; medians are reported."""


@dataclass(frozen=True)
class StepTimes:
    """Milliseconds a step, medians. joint, alone: a whole training step of the joint model, and of the classifier alone
    (encoder, head convolution and class head of the same size). plain: the joint model's step with torch's own
    gradients of depthwise convolutions. encoder, decoder: the joint model's forward pass in two parts, without
    gradients. augment: varying the batch in one process. average: moving the averaged weights. precision: that of all.
    """

    precision: str
    batch: int
    joint: float
    alone: float
    plain: float
    encoder: float
    decoder: float
    augment: float
    average: float

    @property
    def ratio(self) -> float:
        """Images a second of the joint model over those of the classifier alone."""
        return self.alone / self.joint

    @property
    def quickened(self) -> float:
        """How many times as fast a joint step is as with torch's own gradients of depthwise convolutions."""
        return self.plain / self.joint


class Classifier(nn.Module):
    """The encoder, head convolution and class head of a `LesionNet`, without its decoder."""

    def __init__(self, net: LesionNet) -> None:
        super().__init__()
        self.encoder, self.neck, self.head = net.encoder, net.neck, net.head

    def forward(self, images: Tensor) -> Tensor:
        """Class logits, float (N, 7), of normalised images, float (N, 3, S, S)."""
        logits: Tensor = self.head(self.neck(self.encoder(images)[-1]))
        return logits


def bench_train(config: TrainConfig, steps: int = STEPS) -> StepTimes:
    """Time training steps of `config` on random pictures, the kinds in turn so that noise meets all alike.

    Raises ConfigFault for the dual design, whose classifier is not part of one encoder, and for pooling inside the
    outline or the head "pixel", whose classifier needs more than the deepest features.
    """
    if config.model.design != "shared" or config.model.system:
        raise ConfigFault(f"The design '{config.model.design}' cannot be divided so: use the shared one.")
    if config.model.head != "pooled":
        raise ConfigFault(f"The head '{config.model.head}' reads more than the deepest features: use pooled.")
    if config.model.looks_inside:
        raise ConfigFault(f"The pooling '{config.model.pooling}' needs the outline: use whole.")
    config = settle_precision(config, "cpu")
    size, batch = config.model.input_size, config.batch
    random = np.random.default_rng(0)
    pictures = random.integers(0, 255, (batch, size, size, 3), dtype=np.uint8)
    masks = random.integers(0, 2, (batch, size, size), dtype=np.uint8)
    images = torch.from_numpy(pictures)
    classes = torch.from_numpy(random.integers(0, 7, batch))
    truth = Truth(torch.from_numpy(masks)[:, None].float(), torch.ones(batch, dtype=torch.bool), classes)
    net, average = _network(config), _network(config)
    alone = Classifier(_network(config))
    plain = _network(config)
    slow_down(plain)
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-5)
    plain_optimiser = torch.optim.AdamW(plain.parameters(), lr=1e-5)
    other = torch.optim.AdamW(alone.parameters(), lr=1e-5)
    augmenter = Augmenter(config.augment, size)
    normal = normalise(images, config.model)
    with torch.no_grad():
        features = net.encoder(normal)

    def step_alone() -> None:
        alone.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=config.precision == "bfloat16"):
            logits = alone(normalise(images, config.model))
        other.zero_grad(set_to_none=True)
        F.cross_entropy(logits.float(), classes).backward()
        other.step()

    def without_gradients(module: Callable[[], object]) -> Callable[[], object]:
        def run() -> None:
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=config.precision == "bfloat16"):
                module()

        return run

    kinds: dict[str, Callable[[], object]] = {
        "joint": lambda: take_step(net, optimiser, images, truth, config, None),
        "alone": step_alone,
        "plain": lambda: take_step(plain, plain_optimiser, images, truth, config, None),
        "encoder": without_gradients(lambda: net.neck(net.encoder(normal)[-1])),
        "decoder": without_gradients(lambda: net.mask_head(net.decoder(features))),
        "augment": lambda: [augmenter.vary(*pair, seed) for seed, pair in enumerate(zip(pictures, masks, strict=True))],
        "average": lambda: move_average(average, net, 0.998, 1000),
    }
    times: dict[str, list[float]] = {name: [] for name in kinds}
    for round_ in range(steps + 2):
        for name, run in kinds.items():
            began = time.perf_counter()
            run()
            if round_ >= 2:  # the first two warm up
                times[name].append(time.perf_counter() - began)
    return StepTimes(
        config.precision, batch, **{name: statistics.median(found) * 1000 for name, found in times.items()}
    )


def _network(config: TrainConfig) -> LesionNet:
    torch.manual_seed(0)
    return LesionNet(config.model).to(memory_format=torch.channels_last)
