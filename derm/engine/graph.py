"""The graph of a network for ONNX Runtime, made by PyTorch: everything that one look gives, from uint8 squares on.

Needs onnx and onnxscript, the extra `export`. Weights are left out, see `derm.model.graph`; `derm.engine.portable`
writes files that hold them. Knows nothing of what runs the graph.
"""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from derm.engine.onnx_file import onnx_package
from derm.engine.runtime import INPUT, OUTPUTS
from derm.errors import ConfigFault
from derm.language.speech import say
from derm.model.config import ModelConfig
from derm.model.gate import stage_tensor
from derm.model.graph import Graph, find_graph, graph_folder, write_graph
from derm.model.network import LesionNet
from derm.model.preprocess import normalise

OPSET = 18
"""Version of ONNX's operators: what ONNX Runtime reads since 1.14, of 2023."""

LEFT_OUT = "weights.safetensors"
"""What stands in a graph for the file of its weights; whoever runs it gives them by name."""


class Whole(nn.Module):
    """From squares, uint8 (N, S, S, 3), to `OUTPUTS`, see `derm.engine.look.Look`; lesion before its sigmoid."""

    def __init__(self, net: LesionNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, squares: Tensor) -> tuple[Tensor, ...]:
        """One pass."""
        answer, stages = self.net.answer_and_stages(normalise(squares, self.net.config))
        features = answer.features
        places = features.shape[-2] * features.shape[-1]
        weighted = self._slopes(answer.pooled) @ features.flatten(2)
        maps = weighted.unflatten(2, features.shape[-2:]).relu() / places
        return answer.class_logits, answer.mask_logits[:, 0], maps, stage_tensor(stages), answer.pooled

    def _slopes(self, pooled: Tensor) -> Tensor:
        """The gradient of each logit with respect to the pooled features, (7, C) or (N, 7, C): Grad-CAM's weights.

        With a hidden layer of ReLUs it is the product of both layers' weights over the units that are above 0.
        """
        head = self.net.head
        weight: Tensor = head.scores.weight
        if head.hidden is None:
            return weight
        active = (head.hidden(pooled) > 0).to(pooled.dtype)
        slopes: Tensor = (weight[None] * active[:, None]) @ head.hidden.weight
        return slopes


def graph_of(config: ModelConfig) -> Graph:
    """The graph of networks of `config`: as it is known, or made and kept in the user's cache."""
    return find_graph(config) or make_graph(config)


def make_graph(config: ModelConfig, folder: Path | None = None) -> Graph:
    """Make the graph of networks of `config` and keep it in `folder`, or the user's cache; takes some ten seconds.

    Raises ConfigFault where the extra `export` is not installed, nothing can be written there, or the network is
    another system, whose head has no gradient that a graph of ours could hold.
    """
    if config.system:
        raise ConfigFault(
            say(
                "The system {system} has no graph: it runs on PyTorch, with DERM_ENGINE=auto or torch.",
                system=config.system,
            )
        )
    exporter()
    torch.manual_seed(0)
    net = LesionNet(config).eval().requires_grad_(requires_grad=False)
    example = torch.zeros(2, config.input_size, config.input_size, 3, dtype=torch.uint8)
    content, taken = export_module(Whole(net), example, INPUT, OUTPUTS, within="net.")
    tensors = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    return write_graph(folder or graph_folder(), config, content, tensors, taken)


def export_module(
    module: nn.Module, example: Tensor, given: str, outputs: Sequence[str], within: str = ""
) -> tuple[bytes, tuple[str, ...]]:
    """A module that takes one tensor as an ONNX file without its weights, and the names of those that it takes, in
    order, as in the module but for `within`, which they begin with.

    example: of what goes in, whose first axis may be of any length. Raises ConfigFault where the extra `export` is not
    installed.
    """
    onnx = exporter()
    proto = _export(module, example, given, outputs)
    tidy(onnx, proto)
    tensors = {name.removeprefix(within): tuple(value.shape) for name, value in module.state_dict().items()}
    taken = _leave_out(onnx, proto, tensors, within)
    return proto.SerializeToString(), taken


def exporter() -> Any:  # noqa: ANN401 - a module, which may be absent
    """The package onnx; ConfigFault where it, or what PyTorch exports with, is not installed."""
    return onnx_package("export", "onnxscript")


def _export(module: nn.Module, example: Tensor, given: str, outputs: Sequence[str]) -> Any:  # noqa: ANN401 - untyped
    """PyTorch's own export, unoptimised: its optimiser would mix weights into constants."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of PyTorch, about its own exporter
            program = torch.onnx.export(
                module,
                (example,),
                dynamo=True,
                optimize=False,
                verbose=False,
                opset_version=OPSET,
                input_names=[given],
                output_names=list(outputs),
                dynamic_shapes=({0: torch.export.Dim("n")},),
            )
    finally:
        logger.setLevel(before)
    if program is None:
        raise RuntimeError("PyTorch exported nothing")
    return program.model_proto


def tidy(onnx: Any, proto: Any) -> None:  # noqa: ANN401 - of a package without types
    """Take out of a graph, in place, what no answer needs: biases of 0, notes of PyTorch, nodes without use.

    A convolution without bias comes with one that is computed from zeros, which keeps ONNX Runtime from folding the
    batch normalisation behind it: measured, 2.5 times as long.
    """
    graph = proto.graph
    made = {output: node for node in graph.node for output in node.output}
    for node in graph.node:
        if node.op_type == "Conv" and len(node.input) == 3 and _is_zero(onnx, made, node.input[2]):
            del node.input[2]
    while dead := _without_use(graph):
        for node in dead:
            graph.node.remove(node)
    for described in (proto, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del described.metadata_props[:]
    for node in graph.node:
        node.doc_string = ""
    del graph.value_info[:]


def _without_use(graph: Any) -> list[Any]:  # noqa: ANN401
    used = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
    return [node for node in graph.node if used.isdisjoint(node.output)]


def _is_zero(onnx: Any, made: dict[str, Any], name: str) -> bool:  # noqa: ANN401
    """Whether a tensor is zeros that are only cast, reshaped or repeated."""
    while name in made and made[name].op_type in ("Expand", "CastLike", "Cast", "Reshape", "Identity"):
        name = made[name].input[0]
    node = made.get(name)
    if node is None or node.op_type != "Constant":
        return False
    return not onnx.numpy_helper.to_array(node.attribute[0].t).any()


def _leave_out(
    onnx: Any,  # noqa: ANN401
    proto: Any,  # noqa: ANN401
    tensors: dict[str, tuple[int, ...]],
    within: str,
) -> tuple[str, ...]:
    """Replace the weights in a graph by their names, as in the network; these names, in order."""
    new = {}
    for held in proto.graph.initializer:
        name = held.name.removeprefix(within)
        if name in tensors and tuple(held.dims) == tensors[name]:
            new[held.name] = name
            held.name = name
            held.ClearField("raw_data")
            held.data_location = onnx.TensorProto.EXTERNAL
            held.external_data.add(key="location", value=LEFT_OUT)
    for node in proto.graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = new.get(name, name)
    return tuple(new.values())
