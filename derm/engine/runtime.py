"""ONNX Runtime as an engine: float32 on the CPU, in half of PyTorch's time and without importing it.

Needs a graph and the tensors of the weights. One pool of threads, which sleep while there is nothing to do: pools that
wait by spinning stall each other where several processes share a machine.
"""

import os
from collections.abc import Mapping

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from derm.engine.look import EngineOutput, join

INPUT = "squares"
OUTPUTS = ("class_logits", "lesion_logits", "maps", "statistics", "features")
"""Of the graph, in the order of `EngineOutput`; the second before the sigmoid."""

AT_ONCE = 4
"""Squares that go through the network together, at most. Of more, each takes as long, and all take memory: measured on
two cores, the processor's work for each of 1, 4, 16 squares is 37, 36, 42 ms, and the process has 180, 248, 541 MB."""


class OnnxEngine:
    """A session of ONNX Runtime.

    graph: the bytes of an ONNX file. tensors: float32, by name, all that it takes and does not hold. threads: of the
    one pool; None: as many as this process has cores.
    """

    name = "onnx"

    def __init__(
        self, graph: bytes, tensors: Mapping[str, NDArray[np.float32]] | None = None, threads: int | None = None
    ) -> None:
        self._session = session(graph, tensors, threads)

    def look(self, squares: NDArray[np.uint8]) -> EngineOutput:
        """Look at squares, see `Engine`."""
        parts = [self._look(squares[first : first + AT_ONCE]) for first in range(0, len(squares), AT_ONCE)]
        return parts[0] if len(parts) == 1 else join(parts)

    def _look(self, squares: NDArray[np.uint8]) -> EngineOutput:
        logits, lesion, *others = self._session.run(OUTPUTS, {INPUT: np.ascontiguousarray(squares)})
        return EngineOutput(logits, sigmoid(lesion), *others)


def session(
    graph: bytes, tensors: Mapping[str, NDArray[np.float32]] | None = None, threads: int | None = None
) -> onnxruntime.InferenceSession:
    """A session on the processor, with one pool of threads that sleep; arguments as of `OnnxEngine`."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or cores()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    if tensors:
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(value) for value in tensors.values()]
        options.add_external_initializers(list(tensors), values)
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def sigmoid(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 / (1 + exp(−x)), float32, for x of any size."""
    half: NDArray[np.float32] = np.tanh(values * np.float32(0.5))
    return half * np.float32(0.5) + np.float32(0.5)


THREADS = "DERM_THREADS"
"""How many threads the engine of this process has; without it as many as there are cores."""


MOST_DIGITS = 4
"""Of that number: no machine has more cores, and Python reads no number of thousands of digits."""


def cores() -> int:
    """How many cores this process may use: what `THREADS` says, else those that the system gives it."""
    named = os.environ.get(THREADS, "").strip()
    if named.isdecimal() and len(named) <= MOST_DIGITS and int(named):
        return int(named)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
