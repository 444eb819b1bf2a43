"""Whether a picture is like those the model learned from: a dermoscopic image, or far from all that it knows.

Needs the network's pooled features; tuning needs them for training, validation and outsiders, such as photographs by
smartphone. Own code is a dot product: scikit-learn finds the direction. Knows no files.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from derm.errors import ConfigFault, DataFault, WeightsFault
from derm.measure.decision import clopper_pearson
from derm.model.network import Answer

METHOD = "linear discriminant of pooled features"
"""What `fit_familiarity` does. Measured on HAM10000's validation part and 100 photographs of PAD-UFES-20 (AUC; caught
at 3 % false alarms): energy 0.73, 18 %; Mahalanobis distance of the pooled features 0.88, 18 %; at best, of shallower
features, 0.97, 68 %; this, cross-validated, 0.996, 97 %. A distance says how odd
a picture is, the direction in which way it is. What is odd in another way may pass: of pictures of nothing but noise
none was caught, but no lesion is found in them either."""

FALSE_ALARMS = 0.03
"""Share of validation images that may be called unfamiliar."""

FOLDS = 10
"""Parts of the outsiders, each judged by a direction that it did not help to find; also the fewest outsiders."""

DIGITS = 5
"""Significant digits of what is kept: 1280 numbers in about 15 kB, and scores that differ by less than 0.001."""

NUMBERS = {"weights": 1, "offset": 0, "threshold": 0}
"""What judging needs of a familiarity, with the axes of each."""

CURE = "tune the familiarity anew, or copy the weights' description anew"


def pooled(answer: Answer) -> NDArray[np.float32]:
    """What is judged of an answer: its features averaged over the picture, float32 (N, C)."""
    return answer.features.detach().float().mean(dim=(2, 3)).cpu().numpy()


def fit_familiarity(
    training: NDArray[np.floating[Any]],
    validation: NDArray[np.floating[Any]],
    outsiders: NDArray[np.floating[Any]],
    false_alarms: float = FALSE_ALARMS,
) -> dict[str, Any]:
    """Find what tells outsiders from training pictures, and the threshold; ready for the weights' JSON.

    training: float (n, C), `pooled`, n at least 2. validation: float (m, C), m at least 1: chooses the threshold only.
    outsiders: float (k, C), pictures that the model does not know, k at least `FOLDS`, those of one patient side by
    side. false_alarms: the share of validation that may be called unfamiliar, 0 … 1.

    The direction is Fisher's linear discriminant (1936) with covariances shrunk by Ledoit and Wolf (2004); along it,
    up to a constant, a picture's squared Mahalanobis distance to the training pictures exceeds that to the outsiders
    (compare Ren et al. 2021, relative Mahalanobis distance). The threshold is the lowest that keeps to `false_alarms`.

    Returns method; weights, C numbers, and offset: see `score`; threshold; tuned_on: {training, validation, outsiders},
    counts; false_alarms and caught: {share, low, high}, 0 … 1 with Clopper and Pearson's 95 % interval, of validation
    images and of outsiders called unfamiliar. caught is cross-validated: each of `FOLDS` parts of the outsiders, in the
    order given, is judged by a direction and a threshold that were found without it. Raises DataFault for too few
    pictures, ConfigFault for another share and ValueError for other arrays.
    """
    if not 0 < false_alarms < 1:
        raise ConfigFault(f"The share of false alarms is {false_alarms:g}, not between 0 and 1: give one such as 0.03.")
    for name, features, least in (
        ("training images", training, 2),
        ("validation images", validation, 1),
        ("outsiders", outsiders, FOLDS),
    ):
        _check_features(name, features, training.shape[-1])
        if len(features) < least:
            raise DataFault(f"There are {len(features)} {name}, too few to tune familiarity on: give {least} or more.")

    hits = 0
    for part in np.array_split(np.arange(len(outsiders)), FOLDS):
        direction = _direction(training, np.delete(outsiders, part, axis=0))
        threshold = _threshold(_project(validation, *direction), false_alarms)
        hits += int((_project(outsiders[part], *direction) > threshold).sum())

    weights, offset = _direction(training, outsiders)
    scores = _project(validation, weights, offset)
    threshold = _threshold(scores, false_alarms)
    return {
        "method": METHOD,
        "weights": weights.tolist(),
        "offset": offset,
        "threshold": threshold,
        "tuned_on": {"training": len(training), "validation": len(validation), "outsiders": len(outsiders)},
        "false_alarms": _share(int((scores > threshold).sum()), len(validation)),
        "caught": _share(hits, len(outsiders)),
    }


def score(familiarity: dict[str, Any], features: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """How far pictures are from what the model knows: float64 (N,), higher = farther.

    familiarity: of `fit_familiarity`, also after JSON. features: float (N, C), `pooled`. The unit is a standard
    deviation of the training pictures, and 0 their mean. Raises WeightsFault for a familiarity that is damaged or of
    another model, ValueError for other features.
    """
    weights, offset, _ = _read(familiarity)
    _check_features("pictures", features, features.shape[-1])
    if features.shape[1] != len(weights):
        raise WeightsFault(
            f"The weights' familiarity is for {len(weights)} features, and the network has {features.shape[1]}: {CURE}."
        )
    return _project(features, weights, offset)


def is_unfamiliar(familiarity: dict[str, Any], features: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Whether pictures are farther than the threshold: bool (N,); arguments and errors as of `score`."""
    return score(familiarity, features) > _read(familiarity)[2]


def _direction(
    training: NDArray[np.floating[Any]], outsiders: NDArray[np.floating[Any]]
) -> tuple[NDArray[np.float64], float]:
    """Weights, float64 (C,), and offset with which training pictures have mean 0 and deviation 1; rounded."""
    both = np.concatenate([training, outsiders]).astype(np.float64)
    is_outsider = np.arange(len(both)) >= len(training)
    found = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(both, is_outsider)
    weights = found.coef_[0]
    along = both[: len(training)] @ weights
    deviation = along.std()
    if not deviation > 0:
        raise DataFault("The training images all have the same features: give images that differ from each other.")
    weights = np.array([float(f"{weight:.{DIGITS}g}") for weight in weights / deviation])
    return weights, -round(float((both[: len(training)] @ weights).mean()), DIGITS)


def _project(features: NDArray[np.floating[Any]], weights: NDArray[np.float64], offset: float) -> NDArray[np.float64]:
    return features.astype(np.float64) @ weights + offset


def _threshold(scores: NDArray[np.float64], false_alarms: float) -> float:
    """The lowest threshold, to 4 decimals, above which lie at most a share `false_alarms` of the scores."""
    may_alarm = int(np.floor(false_alarms * len(scores) + 1e-9))  # floats make 28.999999999999996 of 0.29 · 100
    return float(np.ceil(np.sort(scores)[::-1][may_alarm] * 1e4) / 1e4)


def _share(hits: int, cases: int) -> dict[str, float]:
    low, high = clopper_pearson(hits, cases, one_sided=0.975)
    return {"share": hits / cases, "low": float(low), "high": float(high)}


def _read(familiarity: dict[str, Any]) -> tuple[NDArray[np.float64], float, float]:
    """Weights, float64 (C,), offset and threshold; WeightsFault unless they are finite numbers for this method."""
    method = familiarity.get("method") if isinstance(familiarity, dict) else familiarity
    if method != METHOD:
        raise WeightsFault(f"The weights' familiarity is by the method '{method}', not '{METHOD}': {CURE}.")
    weights, offset, threshold = (_numbers(familiarity, name, ndim) for name, ndim in NUMBERS.items())
    return weights, float(offset), float(threshold)


def _numbers(familiarity: dict[str, Any], name: str, ndim: int) -> NDArray[np.float64]:
    """What stands under `name`, float64 with `ndim` axes; WeightsFault unless it is there, finite and numeric."""
    try:
        numbers = np.asarray(familiarity.get(name))
    except ValueError:  # lists of unequal length
        numbers = np.array("")
    if numbers.dtype.kind not in "if" or numbers.ndim != ndim or not numbers.size or not np.isfinite(numbers).all():
        kind = "a list of finite numbers" if ndim else "a finite number"
        raise WeightsFault(f"The {name} of the weights' familiarity is not {kind}: {CURE}.")
    return numbers.astype(np.float64)


def _check_features(name: str, features: NDArray[np.floating[Any]], channels: int) -> None:
    """Raise ValueError unless `features` are finite floats (any number, `channels`), with at least one channel."""
    if features.ndim != 2 or features.shape[1] != channels or channels == 0 or features.dtype.kind != "f":
        raise ValueError(f"the {name} are {features.dtype} {features.shape}, not float (n, {channels}): pass `pooled`")
    if not np.isfinite(features).all():
        raise ValueError(f"the {name} hold features that are not finite: pass `pooled` of a sound network")
