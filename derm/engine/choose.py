"""Which engine looks: ONNX Runtime where the network's graph is known, else PyTorch; `DERM_ENGINE` has the last word.

Needs a loaded `Model`. Keeps one session and one queue for each weights, as long as anybody holds these. Knows nothing
of answers.
"""

import os
from threading import Lock
from typing import TYPE_CHECKING, Literal, get_args
from weakref import WeakKeyDictionary

from derm.engine.look import Engine
from derm.engine.together import Queue, TogetherEngine
from derm.errors import ConfigFault
from derm.language.speech import say
from derm.model.tensors import StoredNet
from derm.model.weights import Model

if TYPE_CHECKING:
    from derm.engine.openvino_runtime import OpenVinoEngine
    from derm.engine.runtime import OnnxEngine
    from derm.model.network import LesionNet

ENGINE = "DERM_ENGINE"
"""Name of an engine, see `Choice`; without it auto."""

Choice = Literal["auto", "onnx", "torch", "openvino"]

_sessions: "WeakKeyDictionary[StoredNet, OnnxEngine | None]" = WeakKeyDictionary()
_compiled: "WeakKeyDictionary[StoredNet, OpenVinoEngine]" = WeakKeyDictionary()
_queues: "WeakKeyDictionary[LesionNet | StoredNet, dict[str, Queue]]" = WeakKeyDictionary()
_lock = Lock()


def chosen() -> Choice:
    """What `ENGINE` names; ConfigFault for another name."""
    return known_choice(os.environ.get(ENGINE, "").strip() or "auto")


def known_choice(named: str) -> Choice:
    """The engine of that name, in any case; ConfigFault for another."""
    choices: tuple[Choice, ...] = get_args(Choice)
    for choice in choices:
        if named.lower() == choice:
            return choice
    raise ConfigFault(
        say(
            "{named} is no engine: set --engine or {variable} to one of {choices}.",
            named=named,
            variable=ENGINE,
            choices=", ".join(choices),
        )
    )


def engine_of(model: Model, choice: Choice | None = None) -> TogetherEngine:
    """What looks for `model`; choice: None for what `ENGINE` says. Threads that ask at once go through together.

    auto: ONNX Runtime for weights from a file whose network's graph is known, unless the network has been moved to an
    accelerator. Raises ConfigFault where onnx or openvino is asked for and cannot be had.
    """
    engine = _engine_of(model, choice or chosen())
    with _lock:
        queues = _queues.setdefault(model.source, {})
        if engine.name not in queues:
            queues[engine.name] = _queue_for(model, engine)
        return TogetherEngine(engine, queues[engine.name])


def _queue_for(model: Model, engine: Engine) -> Queue:
    """Where those wait who ask `engine`.

    On the processor nothing is gained by waiting for more squares. PyTorch rounds otherwise there when it is given
    several, so that an answer would depend on who else asks: it is given one after the other.
    """
    if engine.name == "torch" and _on_accelerator(model):
        return Queue()
    from derm.engine.runtime import AT_ONCE

    return Queue(1 if engine.name == "torch" else AT_ONCE, wait=0.0)


def _engine_of(model: Model, choice: Choice) -> Engine:
    if choice == "openvino":
        return _openvino_engine(model)
    if choice == "onnx" or (choice == "auto" and not _on_accelerator(model)):
        if (found := onnx_engine(model)) is not None:
            return found
        if choice == "onnx":
            raise _graphless(model)
    from derm.engine.pytorch import TorchEngine

    return TorchEngine(model.net)


def onnx_engine(model: Model) -> "OnnxEngine | None":
    """ONNX Runtime with the model's weights; None for a network by hand, or one whose graph is not known."""
    source = model.source
    if not isinstance(source, StoredNet):
        return None
    with _lock:
        if source not in _sessions:
            _sessions[source] = _start(source)
        return _sessions[source]


def _openvino_engine(model: Model) -> "OpenVinoEngine":
    """OpenVINO with the model's weights, once it has given ONNX Runtime's answer."""
    known, source = onnx_engine(model), model.source
    if known is None or not isinstance(source, StoredNet) or source.graph is None:
        raise _graphless(model)
    from derm.engine.alike import check_alike
    from derm.engine.openvino_runtime import OpenVinoEngine

    with _lock:
        if source not in _compiled:
            engine = OpenVinoEngine(source, source.graph)
            check_alike(engine, known, source.config)
            _compiled[source] = engine
        return _compiled[source]


def _graphless(model: Model) -> ConfigFault:
    return ConfigFault(
        say(
            "There is no graph of the network of {weights} for ONNX Runtime: make it with `derm "
            "export`, or set {variable}=auto.",
            weights=model.name,
            variable=ENGINE,
        )
    )


def _start(source: StoredNet) -> "OnnxEngine | None":
    graph = source.graph
    content = None if graph is None else graph.read()
    if graph is None or content is None:
        return None
    from derm.engine.runtime import OnnxEngine

    return OnnxEngine(content, source.floats(graph))


def _on_accelerator(model: Model) -> bool:
    built = model.source.built if isinstance(model.source, StoredNet) else model.source
    return built is not None and next(built.parameters()).device.type != "cpu"
