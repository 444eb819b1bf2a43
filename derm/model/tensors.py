"""The tensors of weights in memory, and the network that they make, built when it is asked for.

Needs the bytes of a safetensors file. PyTorch is imported for the network alone, which takes seconds: what runs the
graph (`derm.engine`) needs only the tensors. Knows nothing of the description.
"""

from collections.abc import Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from derm.model.config import ModelConfig
from derm.model.graph import Graph, find_graph

if TYPE_CHECKING:
    from derm.model.network import LesionNet


class TensorsFault(ValueError):
    """Tensors that cannot be read, or are not those of the network; whoever names their file makes a sentence of it."""


def read_tensors(content: bytes) -> dict[str, NDArray[Any]]:
    """Every tensor of a safetensors file, by name, as it is stored; raises TensorsFault."""
    try:
        return load(content)
    except SafetensorError as error:
        raise TensorsFault(str(error)) from error
    except (KeyError, TypeError, AttributeError):  # a kind of number that NumPy has not, such as bfloat16
        from safetensors.torch import load as load_by_torch

        return {name: value.float().numpy() for name, value in load_by_torch(content).items()}


class StoredNet:
    """A network as its tensors, which do not change; threads may share it.

    Raises TensorsFault where they are not those of a network of `config`: checked by its graph, where there is one that
    takes them, else by building the network at once.
    """

    def __init__(self, config: ModelConfig, tensors: Mapping[str, NDArray[Any]]) -> None:
        self.config = config
        self.tensors = tensors
        graph = find_graph(config)
        shapes = {name: value.shape for name, value in tensors.items()}
        self.graph: Graph | None = graph if graph is not None and graph.tensors == shapes else None
        self._built: LesionNet | None = None
        self._lock = Lock()
        if self.graph is None:
            self.build()

    def __reduce__(self) -> tuple[type["StoredNet"], tuple[ModelConfig, dict[str, NDArray[Any]]]]:
        """As tensors, from which another process makes its own."""
        return StoredNet, (self.config, dict(self.tensors))

    @property
    def built(self) -> "LesionNet | None":
        """The network, where it has been built; else None."""
        return self._built

    def build(self) -> "LesionNet":
        """The network in evaluation mode, float32, channels-last, needing no gradients; the same one at each call."""
        with self._lock:
            if self._built is None:
                self._built = _build(self.config, self.tensors)
            return self._built

    def floats(self, graph: Graph) -> dict[str, NDArray[np.float32]]:
        """The tensors that the network's graph takes, float32, by name."""
        return {name: np.ascontiguousarray(self.tensors[name], dtype=np.float32) for name in graph.taken}


def _build(config: ModelConfig, tensors: Mapping[str, NDArray[Any]]) -> "LesionNet":
    import torch

    from derm.model.network import LesionNet

    net = LesionNet(config)
    values = {name: torch.from_numpy(value.copy()) for name, value in tensors.items()}
    try:
        net.load_state_dict(
            {name: value.float() if value.is_floating_point() else value for name, value in values.items()}
        )
    except RuntimeError as error:
        raise TensorsFault(str(error)) from error
    net.eval().requires_grad_(requires_grad=False).to(memory_format=torch.channels_last)
    return net
