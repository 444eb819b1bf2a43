"""A diagnosis from structures and measures alone: a small additive model, what it reaches, where it disagrees.

Needs concepts of pictures whose diagnosis is known. Each concept has a smooth curve of its own and they add up, so that
nobody has to explain it; the network is not asked.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import SplineTransformer, StandardScaler

from derm.metrics.bootstrap import REPLICATES, bootstrap
from derm.metrics.classification import auc

KNOTS = 4
"""Of each concept's curve, at quantiles of the training part: a quadratic spline, straight beyond its ends."""

STRENGTHS = (0.003, 0.03, 0.3)
"""Of the penalty's inverse, from which validation chooses."""


class Additive(NamedTuple):
    """A fitted model. middle: float64 (k,), what stands for a concept that was not measured. strength: chosen."""

    steps: Pipeline
    middle: NDArray[np.float64]
    strength: float

    def score(self, concepts: NDArray[np.float64]) -> NDArray[np.float64]:
        """The logit of each picture, float64 (n,); concepts: float64 (n, k), NaN where not measured."""
        filled = np.where(np.isnan(concepts), self.middle, concepts)
        found: NDArray[np.float64] = self.steps.decision_function(filled)
        return found


def fit_additive(
    train: NDArray[np.float64],
    truth: NDArray[np.bool_],
    validation: NDArray[np.float64],
    truth_validation: NDArray[np.bool_],
) -> Additive:
    """Fit curves on concepts, float64 (n, k), and truth, bool (n,); the penalty with the highest AUC on validation."""
    middle = np.nanmedian(train, axis=0)
    fitted = []
    for strength in STRENGTHS:
        curves = SplineTransformer(
            n_knots=KNOTS, degree=2, knots="quantile", extrapolation="linear", include_bias=False
        )
        steps = make_pipeline(
            _changing(curves), StandardScaler(), LogisticRegression(C=strength, max_iter=2000, class_weight="balanced")
        )
        steps.fit(np.where(np.isnan(train), middle, train), truth)
        fitted.append(Additive(steps, middle, strength))
    return max(fitted, key=lambda model: auc(truth_validation, model.score(validation)))


def _changing(curves: SplineTransformer) -> Any:  # noqa: ANN401 - scikit-learn has no types
    """Curves over concepts that take more than two values; those of marks, 0 or 1, stay as they are."""
    from sklearn.compose import ColumnTransformer

    def several(values: NDArray[np.float64]) -> list[int]:
        return [place for place in range(values.shape[1]) if len(np.unique(values[:, place])) > 2]

    return ColumnTransformer([("curves", curves, several)], remainder="passthrough")


def measure_additive(
    scores: NDArray[np.float64],
    network: NDArray[np.float64],
    truth: NDArray[np.bool_],
    lesions: NDArray[np.object_],
    replicates: int = REPLICATES,
) -> dict[str, list[float | None]]:
    """AUC of the additive model and of the network on the same pictures, and the difference, first less second.

    scores, network: float64 (n,). truth: bool (n,). Each as [value, low, high], intervals over lesions on the same
    resamples.
    """

    def figures(rows: NDArray[np.int64]) -> dict[str, float | None]:
        one, other = auc(truth[rows], scores[rows]), auc(truth[rows], network[rows])
        told = {"additive": one, "network": other, "difference": one - other}
        return {name: None if np.isnan(value) else value for name, value in told.items()}

    values, spans = figures(np.arange(len(truth))), bootstrap(figures, lesions, replicates)
    return {name: [value, *(spans[name] or (None, None))] for name, value in values.items()}


def disagreement(
    scores: NDArray[np.float64], network: NDArray[np.float64], truth: NDArray[np.bool_]
) -> dict[str, dict[str, int]]:
    """Where the two part, each calling as many pictures as the truth has: counts among the true and the others.

    Returns by 'true' and 'others': both, network (alone), additive (alone), neither.
    """
    called = {name: _foremost(values, int(truth.sum())) for name, values in (("a", scores), ("n", network))}
    told = {}
    for name, rows in (("true", truth), ("others", ~truth)):
        one, other = called["a"][rows], called["n"][rows]
        told[name] = {
            "both": int((one & other).sum()),
            "network": int((other & ~one).sum()),
            "additive": int((one & ~other).sum()),
            "neither": int((~one & ~other).sum()),
        }
    return told


def _foremost(values: NDArray[np.float64], count: int) -> NDArray[np.bool_]:
    """The `count` highest of values, bool (n,); of equals the first."""
    found = np.zeros(len(values), bool)
    found[np.argsort(-values, kind="stable")[:count]] = True
    return found


def alone(
    train: NDArray[np.float64], truth: NDArray[np.bool_], test: NDArray[np.float64], names: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """What each concept by itself gives, float64 (n,) by name: its value, turned so that it rises with the truth."""
    found = {}
    for place, name in enumerate(names):
        middle = np.nanmedian(train[:, place])
        known = np.where(np.isnan(train[:, place]), middle, train[:, place])
        sign = 1.0 if auc(truth, known) >= 0.5 else -1.0
        found[name] = sign * np.where(np.isnan(test[:, place]), middle, test[:, place])
    return found
