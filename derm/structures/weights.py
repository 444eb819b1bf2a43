"""The decoder's weights and what never leaves them: `structures.safetensors`, its `.json` and its graph `.onnx`.

Needs the description to load. It names the encoder that the decoder belongs to by the hash of its weights, and says
nothing beside others. Imports neither torch nor an engine.
"""

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from derm import __version__
from derm.errors import ConfigFault, WeightsFault
from derm.files import closed, read_file, unlinked, write_bytes, write_json
from derm.language.speech import mark, say
from derm.model.description import SEAL, check_seal, named_tensors, read_content, sealed
from derm.model.graph import graph_folder
from derm.model.tensors import read_tensors
from derm.model.weights import clear_former, named_file, refuse_replaced, writing_alone
from derm.paths import STRUCTURES, app_folder, user_path
from derm.structures.check import description_fault
from derm.structures.table import KEYS

FORMAT = 1

HEAD = "head."
"""Before the names of the decoder's tensors in the graph."""

LICENCE = (
    "Weights learned from ISIC 2018 Tasks 1 and 2 (Codella et al. 2018, 2019, arXiv:1902.03368): CC BY-NC 4.0. "
    "Research use only, not a medical device."
)

_SOURCE_BEFORE = "isic2018_task1"
"""What decoders learned from that name no source: `derm.data.isic.TASK1`, which imports pandas."""

MOST_WEIGHTS = 512 << 20
"""Bytes of the decoder's tensors, and of its graph: ours have a thousandth."""

CURE = mark("copy the three files anew, or train them with `derm structures train`")


@dataclass(frozen=True)
class StructureInfo:
    """What a reader must know to use a decoder of structures, and to know what it is worth."""

    trunk: str
    """SHA-256 of the weights whose encoder it belongs to."""

    head: dict[str, Any]
    """What it is made of, see `derm.structures.network.HeadConfig`."""

    platt: tuple[tuple[float, float], ...]
    """For each of `KEYS` slope and offset that make a probability of its presence logit."""

    mask_thresholds: tuple[float, ...]
    """For each of `KEYS` the probability from which a pixel is marked, 0 … 1."""

    shown: tuple[str, ...]
    """Which of `KEYS` are worth showing, by the rule in `derm.structures.measure`."""

    placed: tuple[str, ...]
    """Those of `shown` whose place is worth showing, too."""

    frequencies: dict[str, dict[str, list[int]]]
    """Of each of `KEYS`, by diagnosis: how many pictures of the training part are marked so, and how many there are."""

    taken: tuple[str, ...] = ()
    """Tensors that the graph takes: the encoder's by their names, the decoder's after `head.`."""

    training: dict[str, Any] = field(default_factory=dict)
    measured: dict[str, Any] = field(default_factory=dict)
    licence: str = LICENCE

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources it was trained on. Decoders from before they were recorded name ISIC 2018 Tasks 1 and 2."""
        data = self.training.get("data")
        return tuple(data["sources"]) if isinstance(data, dict) else (_SOURCE_BEFORE,)

    @property
    def input_size(self) -> int:
        """Side of the square that the encoder sees, pixels."""
        return int(self.head["input_size"])


@dataclass(frozen=True, eq=False)
class StructureWeights:
    """A decoder of structures, loaded; safe to share between threads."""

    info: StructureInfo
    tensors: dict[str, NDArray[Any]]
    """By their names in `StructureHead`."""

    graph: bytes | None
    """The ONNX file of encoder and decoder without any weights; None where there is none, or it is another machine's:
    then PyTorch looks."""

    sha256: str
    """Of the safetensors file."""


def save_structures(path: Path, tensors: dict[str, NDArray[Any]], info: StructureInfo, graph: bytes | None) -> None:
    """Write `path` (.json) after the tensors and the graph beside it; ConfigFault where nothing can be written.

    The tensors go first under a name of their own: at any moment the description names a file that is whole. A graph
    that is not the described one is left aside by `load_structures`. Two writers wait for each other.
    """
    raw = save(tensors)
    digest = hashlib.sha256(raw).hexdigest()
    hashed = path.with_name(f"{path.stem}-{digest[:8]}.safetensors")
    content = {
        "format": FORMAT,
        "derm": __version__,
        "sha256": digest,
        "graph_sha256": None if graph is None else hashlib.sha256(graph).hexdigest(),
        "structures": list(KEYS),
        **{name: getattr(info, name) for name in _FIELDS},
    }
    content = json.loads(json.dumps(content, allow_nan=False))
    with writing_alone(path.parent):
        former = named_file(path)
        if graph is not None:
            write_bytes(unlinked(path.with_suffix(".onnx")), graph)
            with suppress(ConfigFault):  # PyTorch looks in its place
                write_bytes(_made_here(hashlib.sha256(graph).hexdigest()), b"")
        for place in (hashed, path.with_suffix(".safetensors")):
            write_bytes(unlinked(place), raw)
            named = {"file": place.name, **content}
            write_json(path, sealed(named))
        clear_former(path, hashed, former)


_FIELDS = (
    "trunk", "head", "platt", "mask_thresholds", "shown", "placed", "frequencies", "taken", "training", "measured",
    "licence",
)  # fmt: skip


def load_structures(path: Path) -> StructureWeights:
    """Load a decoder by the path of its description; WeightsFault where a file is missing, damaged or of others."""
    try:
        content = read_content(path)
        check_seal(content)
        file, expected = named_tensors(content)
        info = _info(content)
        raw = read_file(path.with_name(file), MOST_WEIGHTS)
        if hashlib.sha256(raw).hexdigest() != expected:
            raise ValueError(f"{file} is another file than it describes")
        tensors = read_tensors(raw)
        _check_tensors(tensors, info)
    except FileNotFoundError as error:
        raise WeightsFault(
            say("The decoder of structures lacks {file}: {cure}.", file=error.filename, cure=say(CURE))
        ) from error
    except PermissionError as error:
        raise WeightsFault(closed(error, path)) from error
    except (OSError, ValueError, KeyError) as error:
        raise WeightsFault(
            say(
                "The decoder of structures {path} is damaged ({error}): {cure}.", path=path, error=error, cure=say(CURE)
            )
        ) from error
    return StructureWeights(info, tensors, _graph(path, content.get("graph_sha256")), expected)


def record_measured(path: Path, part: str, measured: dict[str, Any], sha256: str) -> None:
    """Write what was measured on a part into the description `path`; all else stays. Raises WeightsFault.

    sha256: of the tensors that were measured, see `refuse_replaced`.
    """
    with writing_alone(path.parent):
        load_structures(path)
        content = {name: value for name, value in read_content(path).items() if name != SEAL}
        refuse_replaced(path, content["sha256"], sha256)
        content["measured"] = {**content["measured"], part: measured}
        content = json.loads(json.dumps(content, allow_nan=False))
        write_json(path, sealed(content))


def description_at(variable: str, shipped: str) -> Path | None:
    """The description that the environment's `variable` names, or `shipped`, the name of one that comes with Derm.

    None where that is not there; raises WeightsFault where the named one is not.
    """
    named = os.environ.get(variable)
    path = user_path(named) if named else app_folder() / "weights" / shipped
    if path.is_file():
        return path
    if named:
        raise WeightsFault(
            say(
                "{variable} names {path}, where there is no file: name a .json that there is.",
                variable=variable,
                path=path,
            )
        )
    return None


def structures_path() -> Path | None:
    """The decoder's own, see `description_at`."""
    return description_at(STRUCTURES, "structures.json")


def structures_for(trunk: str) -> StructureWeights | None:
    """The decoder that belongs to the weights of that SHA-256; None where there is none. Raises WeightsFault."""
    path = structures_path()
    if path is None:
        return None
    found = _loaded(path, path.stat().st_mtime_ns)
    return found if found.info.trunk == trunk else None


def wanted_structures(trunk: str, label: str, path: Path | None = None) -> StructureWeights:
    """The decoder at `path`, or the one of `structures_for`; ConfigFault where it is not of these weights or not there.

    trunk, label: of the weights. Raises WeightsFault.
    """
    found = load_structures(path) if path else structures_for(trunk)
    if found is None or found.info.trunk != trunk:
        raise ConfigFault(
            say(
                "There is no decoder of structures for the weights {label}: train one with `derm structures train`.",
                label=label,
            )
        )
    return found


@lru_cache(2)
def _loaded(path: Path, _changed: int) -> StructureWeights:
    return load_structures(path)


def _check_tensors(tensors: dict[str, NDArray[Any]], info: StructureInfo) -> None:
    """Refuse tensors that are not finite, or lack one that the graph takes: ValueError."""
    wanted = {name.removeprefix(HEAD) for name in info.taken if name.startswith(HEAD)}
    if missing := sorted(wanted - tensors.keys()):
        raise ValueError(f"it lacks the tensor {missing[0]}")
    odd = [name for name, value in tensors.items() if not np.isfinite(value).all()]
    if odd:
        raise ValueError(f"{odd[0]} has numbers that are not finite")


def _graph(path: Path, digest: object) -> bytes | None:
    """The graph beside a description, where it is the one described, and came with Derm or was made on this machine.

    A graph is a program: one that somebody else has written may take as long, and as much memory, as it likes.
    """
    content = _read_graph(path.with_suffix(".onnx"))
    if content is None or (found := hashlib.sha256(content).hexdigest()) != digest:
        return None
    known = _made_here(found).is_file() or content == _read_graph(app_folder() / "weights" / "structures.onnx")
    return content if known else None


def _read_graph(path: Path) -> bytes | None:
    """The bytes of a graph; None where there is none that can be read."""
    try:
        return read_file(path, MOST_WEIGHTS)
    except (OSError, ValueError):
        return None


def _made_here(digest: str) -> Path:
    """What is there where a graph of that SHA-256 was made on this machine."""
    return graph_folder() / "decoders" / digest


def _info(content: dict[str, Any]) -> StructureInfo:
    """The description's fields; ValueError for what does not fit."""
    if type(content.get("format")) is not int or content["format"] != FORMAT:
        raise ValueError(f"format {str(content.get('format'))[:20]}, this version of Derm reads {FORMAT}")
    if fault := description_fault(content):
        raise ValueError(fault)
    return StructureInfo(
        trunk=content["trunk"],
        head=dict(content["head"]),
        platt=tuple((float(slope), float(offset)) for slope, offset in content["platt"]),
        mask_thresholds=tuple(float(value) for value in content["mask_thresholds"]),
        shown=tuple(key for key in KEYS if key in content["shown"]),
        placed=tuple(key for key in KEYS if key in content["placed"]),
        frequencies=content["frequencies"],
        taken=tuple(content["taken"]),
        training=dict(content["training"]),
        measured=dict(content["measured"]),
        licence=content["licence"],
    )
