"""The decoder as a network of PyTorch, from its tensors and back, and its graph for ONNX Runtime.

Needs torch; the graph needs the extra `export`, too.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from derm.engine.graph import export_module
from derm.model.network import LesionNet
from derm.structures.engine import INPUT, OUTPUTS
from derm.structures.network import HeadConfig, StructureHead, StructureNet
from derm.structures.weights import StructureWeights


def head_config(told: dict[str, object]) -> HeadConfig:
    """The decoder's make-up as its description tells it."""
    return HeadConfig(**{**told, "channels": tuple(told["channels"])})  # type: ignore[arg-type]


def built(net: LesionNet, weights: StructureWeights) -> StructureNet:
    """Encoder and decoder as one, in evaluation mode, on the encoder's device."""
    head = StructureHead(head_config(weights.info.head))
    head.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in weights.tensors.items()})
    whole = StructureNet(net.encoder, net.config, head.to(next(net.parameters()).device))
    return whole.eval().requires_grad_(requires_grad=False)


def tensors_of(head: StructureHead) -> dict[str, NDArray[np.float32]]:
    """The decoder's tensors by name."""
    return {name: value.detach().cpu().contiguous().numpy() for name, value in head.state_dict().items()}


def graph_of_structures(net: LesionNet, head: StructureHead) -> tuple[bytes, tuple[str, ...]]:
    """The ONNX file of encoder and decoder without weights, and the names of those that it takes.

    Raises ConfigFault where the extra `export` is not installed.
    """
    whole = StructureNet(net.encoder, net.config, head).eval()
    size = head.config.input_size
    example = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    return export_module(whole, example, INPUT, OUTPUTS)
