"""The network as a graph for ONNX Runtime, without its weights: which file holds it, and which tensors it takes.

Needs a configuration. Weights of one configuration share a graph, so that it is small and comes with Derm, or lies in
the user's cache. `derm.engine.export` makes one; knows nothing of what runs it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from derm.files import read_file, read_json, write_bytes, write_json
from derm.model.config import ModelConfig
from derm.model.description import check_seal, sealed
from derm.paths import app_folder, cache_folder

EXPORTER = 1
"""Version of what a graph takes and gives; raised whenever one made before would answer otherwise."""

MOST_BYTES = 512 << 20
"""Of a graph, which has no weights: those here take less than a thousandth."""

IN_NO_GRAPH = ("dropout", "drop_path", "fit")
"""Fields of the configuration that belong to training, or to the picture before it is a square."""


@dataclass(frozen=True)
class Graph:
    """A network's graph on disk, with what it needs to answer."""

    path: Path
    """The ONNX file, whose weights are left out."""

    sha256: str
    """Of that file."""

    tensors: Mapping[str, tuple[int, ...]] = field(repr=False)
    """Every tensor of the network's weights with its shape, by name."""

    taken: tuple[str, ...] = field(repr=False)
    """Those that the graph takes; the others count batches in training."""

    def read(self) -> bytes | None:
        """The ONNX file's bytes; None where it is gone, or is not the one described."""
        try:
            content = read_file(self.path, MOST_BYTES)
        except (OSError, ValueError):
            return None
        return content if hashlib.sha256(content).hexdigest() == self.sha256 else None


def graph_key(config: ModelConfig) -> str:
    """What tells graphs apart: 16 hexadecimal digits, of the configuration and `EXPORTER`."""
    fields = {name: value for name, value in config.as_dict().items() if name not in IN_NO_GRAPH}
    if not config.system:  # graphs of our own designs were named before there were others
        del fields["system"]
    return hashlib.sha256(json.dumps([EXPORTER, fields], sort_keys=True).encode()).hexdigest()[:16]


def graph_folder() -> Path:
    """Where graphs are kept that do not come with Derm."""
    return cache_folder() / "graphs"


def find_graph(config: ModelConfig) -> Graph | None:
    """The graph of networks of `config`, of those that come with Derm or have been made; None where there is none."""
    name = f"network-{graph_key(config)}.json"
    for folder in (app_folder() / "weights", graph_folder()):
        graph = _read(folder / name)
        if graph is not None:
            return graph
    return None


def write_graph(
    folder: Path, config: ModelConfig, content: bytes, tensors: Mapping[str, tuple[int, ...]], taken: tuple[str, ...]
) -> Graph:
    """Write a graph's two files to `folder`, the description last; raises ConfigFault where that cannot be done."""
    path = folder / f"network-{graph_key(config)}.onnx"
    digest = hashlib.sha256(content).hexdigest()
    write_bytes(path, content)
    described = {
        "exporter": EXPORTER,
        "sha256": digest,
        "model": config.as_dict(),
        "taken": list(taken),
        "tensors": {name: list(shape) for name, shape in tensors.items()},
    }
    write_json(path.with_suffix(".json"), sealed(described))
    return Graph(path, digest, tensors, taken)


def _read(place: Path) -> Graph | None:
    """The graph that `place` describes; None where nothing does, or not as this Derm reads it."""
    try:
        content: dict[str, Any] = read_json(place)
        check_seal(content)
        tensors = {str(name): tuple(int(side) for side in shape) for name, shape in content["tensors"].items()}
        graph = Graph(place.with_suffix(".onnx"), str(content["sha256"]), tensors, tuple(content["taken"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    fits = content.get("exporter") == EXPORTER and set(graph.taken) <= tensors.keys() and graph.path.is_file()
    return graph if fits else None
