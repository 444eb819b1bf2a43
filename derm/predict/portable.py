"""A network with its weights as one ONNX file, and beside it all that a program in another language must know.

Needs onnx, the extra `export`. The file takes squares, uint8, and holds normalisation and heat maps; scaling a picture
to the square, temperature and thresholds are the reader's, and the description says them: see docs/engines.md.
"""

import hashlib
from pathlib import Path
from typing import Any

from derm import __version__
from derm.diagnoses import DIAGNOSES
from derm.engine.graph import OPSET, exporter, graph_of
from derm.engine.onnx_file import with_weights
from derm.engine.runtime import INPUT, OUTPUTS
from derm.errors import ConfigFault
from derm.files import check_file, write_bytes, write_json
from derm.image.resize import PADDING
from derm.model.graph import EXPORTER
from derm.model.tensors import StoredNet
from derm.model.weights import Model, writing_alone
from derm.predict.learned_words import codes_not_learned, means_nothing
from derm.predict.words import NOTICE

FORMAT = 1
"""Of the description."""

MEANINGS = {
    "class_logits": "float32 (N, 7): divide by temperature, then softmax, for the probabilities of classes",
    "lesion_logits": "float32 (N, S, S): 1 / (1 + exp(-x)) is the probability that a pixel of the square is lesion",
    "maps": "float32 (N, 7, h, w), at least 0: Grad-CAM of each class, in logits",
    "statistics": "float32 (N, D): what gate judges the kind of the picture by",
    "features": "float32 (N, C): the features that the classes are read from, averaged over the picture",
}
"""Of `OUTPUTS`."""


def portable(model: Model) -> bytes:
    """The network of weights from a file, with them, as the bytes of an ONNX file.

    Raises ConfigFault where the extra `export` is not installed, or the network was put together by hand.
    """
    source = model.source
    if not isinstance(source, StoredNet):
        raise ConfigFault("A network put together by hand is not exported: save its weights first, then load them.")
    onnx, graph = exporter(), graph_of(source.config)
    proto = with_weights(onnx, graph, source.floats(graph))
    proto.producer_name, proto.producer_version = "derm", __version__
    about = {"weights_sha256": model.sha256, "licence": model.description.licence, "notice": NOTICE}
    if codes := codes_not_learned(model.description.training):
        about["not_learned"] = " ".join(codes)
    onnx.helper.set_model_props(proto, about)
    content: bytes = proto.SerializeToString()
    return content


def describing(path: Path) -> Path:
    """The description's place beside an exported file: never that of weights."""
    return path.with_name(f"{path.name}.json")


def check_target(path: Path) -> None:
    """Refuse a place for an exported file before it is made: ConfigFault."""
    if path.suffix != ".onnx":
        raise ConfigFault(f"{path} does not end in .onnx: name the file that is to be written, such as derm.onnx.")
    check_file(path)


def write_portable(model: Model, path: Path, content: bytes) -> None:
    """Write `portable`'s bytes to `path` (.onnx), and then the description that belongs to it.

    Of two that write there at once one waits, or the network of one would lie beside the thresholds of the other.
    """
    check_target(path)
    with writing_alone(path.parent):
        write_bytes(path, content)
        write_json(describing(path), describe(model, path.name, content))


def describe(model: Model, name: str, content: bytes) -> dict[str, Any]:
    """All that a reader of the exported file of that `name`, with these bytes, must know, ready for JSON.

    not_learned: codes as in a prediction's JSON, None where the weights do not tell. means_nothing: for each of their
    probabilities, and for the malignant sum where it holds one, why.
    """
    about = model.description
    config, codes = about.model, codes_not_learned(about.training)
    return {
        "format": FORMAT,
        "derm": __version__,
        "exporter": EXPORTER,
        "opset": OPSET,
        "file": name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "weights": {"name": model.name, "sha256": model.sha256},
        "input": {
            "name": INPUT,
            "type": "uint8",
            "shape": ["N", config.input_size, config.input_size, 3],
            "meaning": "squares, RGB, rows from the top; N may be any number",
            "fit": config.fit,
            "fits": {
                "squeeze": "both sides are scaled to the square",
                "pad": "proportions are kept, and the short side is filled up evenly on both ends with padding",
            },
            "padding": list(PADDING),
            "scaling": "a side that shrinks is averaged over areas, one that grows is bilinear",
            "normalisation": "in the file: (value / 255 - mean) / deviation",
            "mean": list(config.mean),
            "deviation": list(config.deviation),
            "colour_constancy": config.colour_constancy,
        },
        "outputs": [{"name": name, "meaning": MEANINGS[name]} for name in OUTPUTS],
        "classes": [{"code": one.code, "name": one.name, "malignant": one.malignant} for one in DIAGNOSES],
        "not_learned": None if codes is None else list(codes),
        "means_nothing": means_nothing(about.training),
        "temperature": about.temperature,
        "mask_threshold": about.mask_threshold,
        "class_mask_threshold": about.class_mask_threshold,
        "referral_threshold": about.referral_threshold,
        "conformal_thresholds": about.conformal_thresholds,
        "mix": about.known_mix,
        "evidence_shift": dict(about.evidence_shift),
        "gate": None if about.gate is None else about.gate.as_dict(),
        "licence": about.licence,
        "notice": NOTICE,
    }
