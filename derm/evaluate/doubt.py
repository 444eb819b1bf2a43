"""What tells right answers from wrong ones: the probability itself, or how far eight views of a picture are apart.

Needs probabilities, spreads and the truth. Each doubt is judged by its AUC for errors: the chance that a wrong answer
is doubted more than a right one.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derm.metrics.bootstrap import bootstrap
from derm.metrics.calibration import softmax
from derm.metrics.classification import accuracy, auc, class_aucs, confusion_matrix, most_likely
from derm.metrics.missing import mean_defined, or_none

DOUBTS = ("probability", "spread", "disagreement")
"""1 − the likeliest diagnosis's probability; the views' standard deviation of it; the views' mutual information, the
entropy of their mean less the mean of their entropies (Depeweg et al. 2018), which looks at all seven."""


def measure_views(
    true: NDArray[np.int64],
    each: NDArray[np.float64],
    apart: NDArray[np.float64],
    temperature: float,
    lesions: NDArray[np.str_],
    replicates: int,
) -> dict[str, Any]:
    """What the views bring, ready for metrics.json: each figure with its 95 % interval by bootstrap over lesions.

    true: int64 (n,). each: float64 (n, V, 7), logits of each view, upright first. apart: float64 (n,), `spread`.
    lesions: text (n,). errors: of the mean's answer; <doubt>: AUC for errors of each of `DOUBTS`; <doubt> less
    probability: its difference to the first's; gain.<figure>: accuracy and macro AUC of the mean less those of the
    upright view alone; probabilities: the same figures and log loss where probabilities, not logits, are averaged.
    """
    views = np.stack([softmax(each[:, number], temperature) for number in range(each.shape[1])], axis=1)
    mean, upright, pooled = softmax(each.mean(axis=1), temperature), views[:, 0], views.mean(axis=1)
    wrong = most_likely(mean) != true
    doubts = {
        "probability": 1 - mean.max(axis=1),
        "spread": apart,
        "disagreement": _entropy(pooled) - _entropy(views).mean(axis=1),
    }

    def measure(rows: NDArray[np.int64]) -> Mapping[str, float | None]:
        found = {name: auc(wrong[rows], doubts[name][rows]) for name in DOUBTS}
        for name in DOUBTS[1:]:
            found[f"{name} less probability"] = found[name] - found["probability"]
        before, after = (_figures(true[rows], one[rows]) for one in (upright, mean))
        for name, value in after.items():
            found[f"gain.{name}"] = value - before[name]
        return {name: or_none(value) for name, value in found.items()}

    figures = measure(np.arange(len(true)))
    intervals = bootstrap(measure, lesions, replicates)
    return {
        "count": each.shape[1],
        "errors": int(wrong.sum()),
        **{name: {"value": value, "interval": intervals[name]} for name, value in figures.items()},
        "upright": _figures(true, upright) | {"log_loss": _log_loss(true, upright)},
        "logits": _figures(true, mean) | {"log_loss": _log_loss(true, mean)},
        "probabilities": _figures(true, pooled) | {"log_loss": _log_loss(true, pooled)},
    }


def _figures(true: NDArray[np.int64], probabilities: NDArray[np.float64]) -> dict[str, float]:
    return {
        "accuracy": float(accuracy(confusion_matrix(true, most_likely(probabilities)))),
        "macro_auc": float(mean_defined(class_aucs(true, probabilities))),
    }


def _log_loss(true: NDArray[np.int64], probabilities: NDArray[np.float64]) -> float:
    return float(-np.log(probabilities[np.arange(len(true)), true].clip(1e-12)).mean())


def _entropy(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the last axis, nats."""
    entropy: NDArray[np.float64] = -(probabilities * np.log(probabilities.clip(1e-300))).sum(axis=-1)
    return entropy
