"""What a network answers for one drawn picture, which its description records and loading tries again.

Needs a network, and the temperature that its scores are divided by. The picture is made of whole numbers alone, so that
it is the same wherever it is drawn; it is no lesion, and what is answered means nothing beside being the same.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derm.diagnoses import CODES
from derm.errors import ConfigFault
from derm.files import write_text
from derm.model.tensors import StoredNet
from derm.paths import cache_folder

PICTURE = 1
"""Version of the drawn picture."""

LOGITS = 0.02
"""By how much a logit may differ, beside `RELATIVE` of it. Between machines, numbers of threads and releases of PyTorch
float32 sums differ by 1e-4 or less, and bfloat16, which some processors take of themselves, by 1e-2."""

RELATIVE = 0.01

SHARE = 0.01
"""By how much probabilities and the mean of the outline's may differ."""


def drawn_picture(size: int) -> NDArray[np.uint8]:
    """A dark spot with a rim and a ramp of light on skin, uint8 (size, size, 3) RGB."""
    y, x = np.mgrid[:size, :size].astype(np.int64)
    away = ((2 * x - size) ** 2 * 3 + (2 * y - size + size // 8) ** 2 * 5) * 1000 // (size * size)
    ramp = (x * 20 + y * 12) // size
    skin = np.stack([205 + ramp, 160 + ramp, 135 + ramp], axis=2)
    grain = ((x * 7 + y * 13) % 11 * 3)[..., None]
    spot = np.array([92, 54, 40]) + np.stack([away // 16, away // 24, away // 32], axis=2) + grain
    rim = np.array([60, 36, 44]) + grain
    shown = np.where((away < 900)[..., None], spot, np.where((away < 1100)[..., None], rim, skin))
    return shown.clip(0, 255).astype(np.uint8)


def answer_for(source: StoredNet, temperature: float) -> dict[str, Any]:
    """What the network answers for `drawn_picture` at its input size: by its graph, where it has one, else by PyTorch.

    temperature: what the logits are divided by. Float32 on the CPU.
    """
    squares = drawn_picture(source.config.input_size)[None]
    graph = source.graph
    content = None if graph is None else graph.read()
    if graph is None or content is None:
        logits, outline = _by_network(source, squares)
    else:
        logits, outline = _by_graph(content, source.floats(graph), squares)
    # By hand, for a temperature of any size: the largest is taken away first.
    powers = np.exp((logits - logits.max()) / temperature)
    return {
        "picture": PICTURE,
        "logits": [float(f"{value:.6g}") for value in logits],
        "probabilities": [float(f"{value:.6g}") for value in powers / powers.sum()],
        "outline": float(f"{outline:.6g}"),
    }


def _by_graph(
    graph: bytes, tensors: Mapping[str, NDArray[np.float32]], squares: NDArray[np.uint8]
) -> tuple[NDArray[np.float64], float]:
    """Logits (7,), and the outline's mean; without PyTorch, whose import takes seconds. ValueError for a graph that
    cannot be run, such as one for a later release."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_external_initializers(
        list(tensors), [onnxruntime.OrtValue.ortvalue_from_numpy(value) for value in tensors.values()]
    )
    try:
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        logits, lesion = session.run(("class_logits", "lesion_logits"), {"squares": squares})
    except Exception as error:  # what ONNX Runtime raises has no common base of its own
        raise ValueError(f"its graph cannot be run: {str(error)[:200]}") from error
    return logits[0].astype(np.float64), float(np.mean(1 / (1 + np.exp(-lesion.astype(np.float64).clip(-500, 500)))))


def _by_network(source: StoredNet, squares: NDArray[np.uint8]) -> tuple[NDArray[np.float64], float]:
    """As `_by_graph`, by PyTorch."""
    import torch

    from derm.model.preprocess import normalise

    with torch.inference_mode():
        net = source.build()
        said = net(normalise(torch.from_numpy(squares), net.config))
        return said.class_logits[0].double().numpy(), float(said.mask_logits.double().sigmoid().mean())


def check_answer(recorded: Mapping[str, Any], source: StoredNet, temperature: float) -> None:
    """Raise ValueError unless the network answers for the drawn picture as `recorded` says, within `LOGITS` and so on.

    A NaN fits nothing.
    """
    if recorded.get("picture") != PICTURE:
        raise ValueError(f"its answer is for the drawn picture {recorded.get('picture')}, this Derm draws {PICTURE}")
    found = answer_for(source, temperature)
    for name, absolute, relative in (("logits", LOGITS, RELATIVE), ("probabilities", SHARE, 0.0)):
        told = recorded.get(name)
        if not isinstance(told, list) or len(told) != len(CODES):
            raise ValueError(f"its answer for the drawn picture has no {len(CODES)} {name}")
        for code, one, other in zip(CODES, told, found[name], strict=True):
            _check_close(f"{name} of {code}", one, other, absolute + relative * abs(other))
    _check_close("outline", recorded.get("outline"), found["outline"], SHARE)


def _check_close(name: str, told: object, found: float, tolerance: float) -> None:
    fits = isinstance(told, int | float) and found - tolerance <= told <= found + tolerance
    if isinstance(told, bool) or not fits:
        raise ValueError(
            f"for the drawn picture it answers {found:.4g} ({name}), and its description says {str(told)[:20]}"
        )


def trial_key(tensors: str, recorded: Mapping[str, Any], source: StoredNet, temperature: float) -> str:
    """What a trial depends on, as a hash: the tensors' SHA-256, the description's part in it, graph and releases."""
    graph = None if source.graph is None else source.graph.sha256
    releases = [version(name) for name in ("torch", "timm", "onnxruntime")]
    parts = [tensors, recorded, source.config.as_dict(), temperature, graph, releases, PICTURE]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def tried(key: str) -> bool:
    """Whether that trial was passed on this machine."""
    return (cache_folder() / "tried" / key).is_file()


def remember(key: str) -> None:
    """Keep that the trial was passed; where nothing can be written it is tried again next time."""
    try:
        write_text(cache_folder() / "tried" / key, "")
    except (ConfigFault, OSError):
        return


def is_finite(answer: Mapping[str, Any]) -> bool:
    """Whether all that is answered is a number."""
    return all(map(math.isfinite, [*answer["logits"], *answer["probabilities"], answer["outline"]]))
