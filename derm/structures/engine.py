"""Encoder and decoder of the structures run as one: by ONNX Runtime where there is a graph, else by PyTorch.

Needs a loaded model and its decoder. Keeps one session for each decoder as long as the model lives. Nothing is computed
before somebody asks.
"""

from collections.abc import Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from derm.engine.choose import chosen
from derm.model.tensors import StoredNet
from derm.model.weights import Model
from derm.structures.weights import HEAD, StructureWeights

if TYPE_CHECKING:
    from derm.model.network import LesionNet
    from derm.structures.network import StructureNet

INPUT, OUTPUTS = "squares", ("masks", "presence")
"""Of the graph."""


class Seen(NamedTuple):
    """masks: float32 (n, 5, S / 8, S / 8), 0 … 1. presence: float32 (n, 5), logits before calibration."""

    masks: NDArray[np.float32]
    presence: NDArray[np.float32]


class StructureEngine(Protocol):
    """What looks for structures."""

    def see(self, squares: NDArray[np.uint8]) -> Seen:
        """Look at squares, uint8 (n, S, S, 3) RGB, at the decoder's input size; threads may at the same time."""
        ...


class OnnxStructures:
    """A session of ONNX Runtime. graph: without weights. tensors: all that it takes, by name."""

    def __init__(self, graph: bytes, tensors: Mapping[str, NDArray[np.float32]]) -> None:
        from derm.engine.runtime import session

        self._session = session(graph, tensors)

    def see(self, squares: NDArray[np.uint8]) -> Seen:
        """See `StructureEngine`."""
        return Seen(*self._session.run(OUTPUTS, {INPUT: np.ascontiguousarray(squares)}))


class TorchStructures:
    """Encoder and decoder by PyTorch, on the device where the encoder lies."""

    def __init__(self, net: "StructureNet") -> None:
        self._net = net

    def see(self, squares: NDArray[np.uint8]) -> Seen:
        """See `StructureEngine`."""
        import torch

        with torch.inference_mode():
            device = next(self._net.parameters()).device
            masks, presence = self._net(torch.from_numpy(squares).to(device))
            return Seen(masks.float().cpu().numpy(), presence.float().cpu().numpy())


_engines: "WeakKeyDictionary[LesionNet | StoredNet, tuple[tuple[str, str, int], StructureEngine]]" = WeakKeyDictionary()
_lock = Lock()


def structure_engine(model: Model, weights: StructureWeights) -> StructureEngine:
    """What looks for structures with `model`'s encoder; made at the first call and kept."""
    wanted = "torch" if chosen() == "torch" or not _has_graph(model, weights) else "onnx"
    with _lock:
        kept = _engines.get(model.source)
        what = wanted, weights.sha256, hash(weights.graph)
        if kept is None or kept[0] != what:
            kept = what, _start(model, weights, wanted)
            _engines[model.source] = kept
    return kept[1]


def _has_graph(model: Model, weights: StructureWeights) -> bool:
    return isinstance(model.source, StoredNet) and weights.graph is not None


def _start(model: Model, weights: StructureWeights, wanted: str) -> StructureEngine:
    if wanted == "onnx" and isinstance(model.source, StoredNet) and weights.graph is not None:
        tensors = {name: _tensor(model.source, weights, name) for name in weights.info.taken}
        return OnnxStructures(weights.graph, tensors)
    from derm.structures.build import built

    return TorchStructures(built(model.net, weights))


def _tensor(source: StoredNet, weights: StructureWeights, name: str) -> NDArray[Any]:
    own = name.startswith(HEAD)
    value = weights.tensors[name.removeprefix(HEAD)] if own else source.tensors[name]
    return np.ascontiguousarray(value, dtype=np.float32)
