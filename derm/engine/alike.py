"""Whether two engines give one answer: the limits, and a look at drawn pictures before an engine is let in.

Needs engines. What differs on real pictures, and what it changes, is measured by `derm.bench.parity`.
"""

import numpy as np

from derm.data.synthetic.lesion import draw_lesion
from derm.engine.look import Engine, EngineOutput
from derm.errors import ConfigFault
from derm.image.resize import square
from derm.language.speech import say
from derm.metrics.calibration import softmax
from derm.model.config import ModelConfig

LARGEST_PROBABILITY = 1e-5
LARGEST_OUTLINE = 1e-4
LARGEST_MAP = 1e-3
"""The most by which probabilities, an outline's probability at a pixel of the square, and evidence maps, each divided
by its picture's strongest evidence, may differ."""


def check_alike(engine: Engine, known: Engine, config: ModelConfig) -> None:
    """Refuse an engine that answers drawn lesions otherwise than a known one: ConfigFault."""
    drawn = [draw_lesion(code, 7, height=90, width=120).image for code in ("mel", "nv", "vasc")]
    squares = np.stack([square(image, config.input_size, config.fit) for image in drawn])
    found = differences(engine.look(squares), known.look(squares))
    if any(
        value > most for value, most in zip(found, (LARGEST_PROBABILITY, LARGEST_OUTLINE, LARGEST_MAP), strict=True)
    ):
        raise ConfigFault(
            say(
                "On this machine {engine} answers otherwise than {known} (probabilities by "
                "{probability:.1g}, outlines by {outline:.1g}, maps by {map:.1g}): predict with {known}.",
                engine=engine.name,
                known=known.name,
                probability=found[0],
                outline=found[1],
                map=found[2],
            )
        )


def differences(one: EngineOutput, other: EngineOutput) -> tuple[float, float, float]:
    """The largest of probabilities, outlines and maps, as the limits have them; NaN counts as the largest of all."""
    strongest = np.maximum(other.maps.max(axis=(1, 2, 3), keepdims=True), np.finfo(np.float32).tiny)
    apart = (
        softmax(one.logits.astype(np.float64), 1.0) - softmax(other.logits.astype(np.float64), 1.0),
        one.lesion - other.lesion,
        (one.maps - other.maps) / strongest,
    )
    probability, outline, maps = (float(np.nan_to_num(np.abs(values), nan=np.inf).max()) for values in apart)
    return probability, outline, maps
