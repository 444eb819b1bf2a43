"""The older check whether a picture is dermoscopic, of weights that were calibrated before `derm.model.gate`.

Needs the network's pooled features. Such weights tell pictures that are not dermoscopic along a direction in these, and
nothing of how much the model has seen. Knows no files.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from derm.errors import WeightsFault
from derm.language.speech import mark, say
from derm.model.stored import stored_numbers

METHOD = "linear discriminant of pooled features"
"""How the direction was found. Cross-validated on HAM10000's validation part and 100 photographs of PAD-UFES-20 it
caught 95 % at 3 % false alarms; of another source of dermoscopy it blocks a quarter to a third."""

NUMBERS = {"weights": 1, "offset": 0, "threshold": 0}
"""What judging needs of a familiarity, with the axes of each."""

CURE = mark("calibrate them anew with `derm calibrate --outsiders DIR`, or copy their description anew")


def score(familiarity: dict[str, Any], features: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """How far pictures are from what the model knows: float64 (N,), higher = farther.

    familiarity: as the weights' description has it. features: float (N, C), of a `Prediction`. The unit is a standard
    deviation of the training pictures, and 0 their mean. Raises WeightsFault for a familiarity that is damaged or of
    another model, ValueError for other features.
    """
    weights, offset, _ = _read(familiarity)
    _check_features("pictures", features, features.shape[-1])
    if features.shape[1] != len(weights):
        raise WeightsFault(
            say(
                "The weights' familiarity is for {weights} features, and the network has {shape}: {cure}.",
                weights=len(weights),
                shape=features.shape[1],
                cure=say(CURE),
            )
        )
    return _project(features, weights, offset)


def is_unfamiliar(familiarity: dict[str, Any], features: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Whether pictures are farther than the threshold: bool (N,); arguments and errors as of `score`."""
    return ~(score(familiarity, features) <= _read(familiarity)[2])  # so that what is no number is unfamiliar


def _project(features: NDArray[np.floating[Any]], weights: NDArray[np.float64], offset: float) -> NDArray[np.float64]:
    return features.astype(np.float64) @ weights + offset


def _read(familiarity: dict[str, Any]) -> tuple[NDArray[np.float64], float, float]:
    """Weights, float64 (C,), offset and threshold; WeightsFault unless they are finite numbers for this method."""
    method = familiarity.get("method") if isinstance(familiarity, dict) else familiarity
    if method != METHOD:
        raise WeightsFault(
            say(
                "The weights' familiarity is by the method '{method}', not '{wanted}': {cure}.",
                method=method,
                wanted=METHOD,
                cure=say(CURE),
            )
        )
    weights, offset, threshold = (_numbers(familiarity, name, ndim) for name, ndim in NUMBERS.items())
    return weights, float(offset), float(threshold)


def _numbers(familiarity: dict[str, Any], name: str, ndim: int) -> NDArray[np.float64]:
    return stored_numbers(familiarity, name, ndim, "familiarity", CURE)


def _check_features(name: str, features: NDArray[np.floating[Any]], channels: int) -> None:
    """Raise ValueError unless `features` are finite floats (any number, `channels`), with at least one channel."""
    if features.ndim != 2 or features.shape[1] != channels or channels == 0 or features.dtype.kind != "f":
        raise ValueError(
            f"the {name} are {features.dtype} {features.shape}, not float (n, {channels}): take a prediction's"
        )
    if not np.isfinite(features).all():
        raise ValueError(f"the {name} hold features that are not finite: pass those of a sound network")
