"""How long each engine takes, call by call in turn with the other, so that what else the machine does hits both alike.

Beside them stands a floor: as many multiplications as the network has, as one product of two matrices, and what OpenCV
takes to decode the picture. On a quiet machine no engine that computes each of them in float32 is quicker; on a busy
one the product's threads, which spin, hold each other up.

Needs weights whose network's graph is known. Knows nothing of the terminal.
"""

import io
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from derm.data.synthetic.lesion import draw_lesion
from derm.engine.choose import engine_of
from derm.model.weights import Model
from derm.predict.case import diagnose_bytes
from derm.predict.view import screen_size

SIZES = ((450, 600), (3000, 4000))
"""Height and width of the pictures that are answered, pixels: HAM10000's, and a camera's of 12 megapixels."""

WARM_UP = 3
"""Calls of each way before the first that is timed."""


@dataclass(frozen=True)
class EngineTiming:
    """One thing that both engines do: milliseconds of PyTorch and of ONNX Runtime, medians, by the clock and of the
    processor's cores together; floor: by the clock, the least that it can take."""

    what: str
    torch: float
    onnx: float
    torch_cores: float
    onnx_cores: float
    floor: float

    @property
    def ratio(self) -> float:
        """How many times as long PyTorch takes by the clock."""
        return self.torch / self.onnx

    @property
    def of_floor(self) -> float:
        """How many times the floor ONNX Runtime takes by the clock."""
        return self.onnx / self.floor


def bench_engines(model: Model, calls: int, busy: int = 0) -> list[EngineTiming]:
    """Time the network alone, and a JPEG's bytes to the answer with seven heat maps for the screen, at each of `SIZES`.

    busy: how many other processes keep a core at work meanwhile. Raises ConfigFault where the network's graph is not
    known.
    """
    models = {"torch": Model(model.net, model.description, model.name, model.sha256), "onnx": model}
    engines = {name: engine_of(one, "torch" if name == "torch" else "onnx") for name, one in models.items()}
    size = model.description.model.input_size
    square = np.random.default_rng(0).integers(0, 256, (1, size, size, 3), dtype=np.uint8)
    timings = []
    product = _product(operations(model))
    with busy_neighbours(busy):
        ways: dict[str, Callable[[], object]] = {
            "torch": lambda: engines["torch"].look(square),
            "onnx": lambda: engines["onnx"].look(square),
            "floor": product,
        }
        timings.append(_in_turn("the network alone", ways, calls))
        for height, width in SIZES:
            content = jpeg_of(height, width)
            ways = {
                "torch": lambda content=content: _answer(models["torch"], content),  # type: ignore[misc]
                "onnx": lambda content=content: _answer(models["onnx"], content),  # type: ignore[misc]
                "floor": lambda content=content: (_decoded(content), product()),  # type: ignore[misc]
            }
            timings.append(_in_turn(f"bytes to answer and maps, {width} × {height}", ways, calls))
    return timings


def operations(model: Model) -> int:
    """Multiplications and additions of one look at one square, counted by PyTorch."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    size = model.description.model.input_size
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model.net(torch.zeros(1, 3, size, size))
    return int(counter.get_total_flops())


def _product(count: int) -> Callable[[], object]:
    """A product of two square matrices, float32, of `count` multiplications and additions."""
    side = max(1, round((count / 2) ** (1 / 3)))
    one, other = np.random.default_rng(0).random((2, side, side), dtype=np.float32)
    return lambda: one @ other


def _decoded(content: bytes) -> object:
    return cv2.imdecode(np.frombuffer(content, dtype=np.uint8), cv2.IMREAD_COLOR)


def _answer(model: Model, content: bytes) -> list[NDArray[np.float32]]:
    case = diagnose_bytes(model, content, "drawn.jpg")
    return [evidence.scaled(*screen_size(case)) for evidence in case.evidence]


def _in_turn(what: str, ways: dict[str, Callable[[], object]], calls: int) -> EngineTiming:
    clock: dict[str, list[float]] = {name: [] for name in ways}
    cores: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(WARM_UP + calls):
        for name, way in ways.items():
            began, worked = time.perf_counter(), time.process_time()
            way()
            if turn >= WARM_UP:
                clock[name].append(time.perf_counter() - began)
                cores[name].append(time.process_time() - worked)
    torch, onnx, torch_cores, onnx_cores, floor = (
        statistics.median(times[name]) * 1000
        for times, name in ((clock, "torch"), (clock, "onnx"), (cores, "torch"), (cores, "onnx"), (clock, "floor"))
    )
    return EngineTiming(what, torch, onnx, torch_cores, onnx_cores, floor)


def jpeg_of(height: int, width: int) -> bytes:
    """A drawn melanoma as a JPEG of that size, in pixels."""
    stream = io.BytesIO()
    drawn = Image.fromarray(draw_lesion("mel", 0, height=450, width=600).image)
    drawn.resize((width, height), Image.Resampling.BICUBIC).save(stream, "JPEG", quality=90)
    return stream.getvalue()


@contextmanager
def busy_neighbours(count: int) -> Iterator[None]:
    """Other processes that each keep a core at work until the block ends."""
    others = [subprocess.Popen([sys.executable, "-P", "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()
