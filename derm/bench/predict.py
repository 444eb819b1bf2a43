"""How long one picture takes, from its bytes to the complete answer, in both designs.

Needs torch and nothing else: times do not depend on what the weights have learned. Knows nothing of the terminal.
"""

import io
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from derm.data.synthetic.lesion import draw_lesion
from derm.model.config import ModelConfig
from derm.model.network import LesionNet
from derm.model.weights import Model, WeightsInfo
from derm.predict.case import diagnose_bytes

CALLS = 40
"""Timed calls; the median is reported."""


@dataclass(frozen=True)
class PredictTiming:
    """One design: parameters, in all; milliseconds, median from bytes to outline, probabilities and seven heat maps;
    network_milliseconds, median of the network alone."""

    design: str
    input_size: int
    parameters: int
    milliseconds: float
    network_milliseconds: float


def bench_predict(config: ModelConfig, calls: int = CALLS) -> PredictTiming:
    """Time the answer for a drawn picture of 600 × 450 pixels, HAM10000's original size, as JPEG."""
    stream = io.BytesIO()
    Image.fromarray(draw_lesion("mel", 0, height=450, width=600).image).save(stream, "JPEG", quality=90)
    content = stream.getvalue()
    torch.manual_seed(0)
    net = LesionNet(config).eval().requires_grad_(requires_grad=False)
    net = net.to(memory_format=torch.channels_last)
    model = Model(net, WeightsInfo(model=config), "random", "")
    image = torch.zeros(1, 3, config.input_size, config.input_size).contiguous(memory_format=torch.channels_last)

    def answer() -> None:
        case = diagnose_bytes(model, content, "drawn.jpg")
        np.stack([evidence.map for evidence in case.evidence])  # the maps are scaled when asked for

    def run_network() -> None:
        with torch.inference_mode():
            net(image)

    return PredictTiming(
        config.design,
        config.input_size,
        sum(parameter.numel() for parameter in net.parameters()),
        median_ms(answer, calls),
        median_ms(run_network, calls),
    )


def median_ms(call: Callable[[], None], calls: int) -> float:
    """Median time of `call`, milliseconds, after three calls that warm up."""
    times = []
    for index in range(calls + 3):
        began = time.perf_counter()
        call()
        if index >= 3:
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000
