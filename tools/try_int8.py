#!/usr/bin/env python3
"""What int8 buys and changes where some of the network's layers are left in float; a table for docs/engines.md.

Needs data folders such as HAM10000's, the shipped weights and `derm[export]`. Layers are calibrated on pictures of the
training part and tried on pictures of the validation part, against the same graph in float32, call by call in turn.

    python tools/try_int8.py --data HAM10000 --most 400
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from derm.bench.parity import Parity, parity_of, pictures_of
from derm.data.catalogue import read_data
from derm.engine.runtime import INPUT, OnnxEngine
from derm.image.decode import open_image
from derm.image.resize import square
from derm.model.weights import Model, default_weights, load_weights
from derm.predict.portable import portable

CALIBRATED_ON = 48
"""Training pictures that tell the range of each layer's values."""

SQUEEZE = 48
"""Channels up to which a layer between single pixels is taken for a squeeze-and-excitation's, which int8 harms."""


class Squares(CalibrationDataReader):
    """Squares, uint8 (1, S, S, 3), as the quantiser asks for them."""

    def __init__(self, squares: Sequence[NDArray[np.uint8]]) -> None:
        self._left = iter(squares)

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """The next one; None at the end."""
        found = next(self._left, None)
        return None if found is None else {INPUT: found}


def layers(graph: onnx.GraphProto) -> dict[str, list[str]]:
    """Sets of convolutions to put into int8, by what the table calls them."""
    shapes = {one.name: list(one.dims) for one in graph.initializer}
    convolutions = [(node.name, shapes[node.input[1]]) for node in graph.node if node.op_type == "Conv"]
    spread = [name for name, shape in convolutions if shape[2:] == [3, 3] and shape[1] > 3]
    points = [name for name, shape in convolutions if shape[2:] == [1, 1] and min(shape[:2]) > SQUEEZE]
    return {
        "the decoder alone": spread[:-1],  # the last makes the outline
        "and what lies between single pixels, deep layers": [*spread[:-1], *points[len(points) // 2 :]],
        "and the same of all layers": [*spread[:-1], *points],
    }


def squares_of(model: Model, paths: Sequence[Path]) -> Iterator[NDArray[np.uint8]]:
    """Each picture as the network takes it, uint8 (1, S, S, 3)."""
    config = model.description.model
    for path in paths:
        yield square(open_image(path), config.input_size, config.fit)[None]


def tried(
    model: Model, exact: OnnxEngine, other: OnnxEngine, squares: Sequence[NDArray[np.uint8]]
) -> tuple[Parity, float]:
    """What differs, and the other's processor time as a share of the exact one's, medians."""
    found, spent = Parity(), ([], [])  # type: tuple[Parity, tuple[list[float], list[float]]]
    for one in squares:
        for engine, times in zip((exact, other), spent, strict=True):
            began = time.process_time()
            engine.look(one)
            times.append(time.process_time() - began)
        found += parity_of(model, exact, other, one)
    return found, statistics.median(spent[1]) / statistics.median(spent[0])


def main() -> None:
    """Print a row for each set of layers."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--data", type=Path, action="append", required=True)
    asked.add_argument("--most", type=int, default=400)
    given = asked.parse_args()
    model, catalogue = load_weights(default_weights()), read_data(given.data)
    calibration = [path for paths in pictures_of(catalogue, "train", CALIBRATED_ON).values() for path in paths]
    seen = list(squares_of(model, calibration))
    shown = [
        one for paths in pictures_of(catalogue, "validation", given.most).values() for one in squares_of(model, paths)
    ]
    with tempfile.TemporaryDirectory() as folder:
        whole, ready, small = (Path(folder) / name for name in ("whole.onnx", "ready.onnx", "small.onnx"))
        whole.write_bytes(portable(model))
        quant_pre_process(str(whole), str(ready), skip_symbolic_shape=True)
        exact = OnnxEngine(whole.read_bytes(), threads=1)
        print(
            "| in int8 | convolutions | time | likeliest diagnosis changed | referral changed | pixels of the outline |"
        )
        print("| --- | --- | --- | --- | --- | --- |")
        for label, names in layers(onnx.load(ready).graph).items():
            quantize_static(
                str(ready), str(small), Squares(seen), quant_format=QuantFormat.QDQ, nodes_to_quantize=names,
                per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
            )  # fmt: skip
            found, ratio = tried(model, exact, OnnxEngine(small.read_bytes(), threads=1), shown)
            count, pixels = found.pictures, found.pictures * shown[0].shape[1] ** 2
            changed = [
                f"{share:.2%}" for share in (found.diagnoses / count, found.referrals / count, found.pixels / pixels)
            ]
            print(f"| {label} | {len(names)} | {ratio:.2f} | {' | '.join(changed)} |", flush=True)


if __name__ == "__main__":
    main()
