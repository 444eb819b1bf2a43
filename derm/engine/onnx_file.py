"""ONNX files that hold a network's weights beside its graph.

Needs the package onnx, of the extras `export` and `openvino`; neither PyTorch nor an engine.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derm.errors import ConfigFault
from derm.language.speech import say
from derm.model.graph import Graph


def onnx_package(extra: str, *also: str) -> Any:  # noqa: ANN401 - a module, which may be absent
    """The package onnx; ConfigFault where it, or one of `also`, is not installed. extra: of Derm, that brings them."""
    try:
        for name in also:
            import_module(name)
        return import_module("onnx")
    except ModuleNotFoundError as error:
        raise ConfigFault(
            say(
                "This needs the package {package}, which is not installed: run pip install 'derm[{extra}]'.",
                package=error.name,
                extra=extra,
            )
        ) from error


def with_weights(onnx: Any, graph: Graph, tensors: Mapping[str, NDArray[np.float32]]) -> Any:  # noqa: ANN401
    """A graph with its weights, `tensors` by name, as onnx's ModelProto; ConfigFault where its file is damaged."""
    content = graph.read()
    if content is None:
        raise ConfigFault(
            say(
                "{path} is damaged: remove it, then export again.",
                path=graph.path,
            )
        )
    proto = onnx.load_from_string(content)
    for held in proto.graph.initializer:
        if held.name in tensors:
            held.CopyFrom(onnx.numpy_helper.from_array(tensors[held.name], held.name))
    return proto
