"""Presence as a calibrated probability: a line through the logits for each structure (Platt 1999).

Needs scores of pictures whose structures are known. Two numbers a structure, so that ninety pictures can bear it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def fit_platt(scores: NDArray[np.floating[Any]], shown: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset, so that 1 / (1 + exp(−(slope · score + offset))) fits best.

    scores: float (n,). shown: bool (n,). With Platt's targets, (n₊ + 1) / (n₊ + 2) and 1 / (n₋ + 2), so
    that a score that separates all is not called certain. The slope is at least 0: a structure is never called the
    likelier the lower its score. Raises ValueError where either kind is missing.
    """
    from scipy.optimize import minimize  # only who trains needs it
    from scipy.special import expit

    positive, negative = int(shown.sum()), int((~shown).sum())
    if not positive or not negative:
        raise ValueError("all pictures show the structure, or none does: pass some of each")
    target = np.where(shown, (positive + 1) / (positive + 2), 1 / (negative + 2))
    values = scores.astype(np.float64)
    middle, spread = float(values.mean()), float(values.std()) or 1.0
    design = np.stack([(values - middle) / spread, np.ones(len(values))], axis=1)
    start = np.array([0.0, np.log(positive / negative)])

    def loss(line: NDArray[np.float64]) -> float:
        logits = design @ line
        return float((np.logaddexp(0, logits) - target * logits).sum())

    def gradient(line: NDArray[np.float64]) -> NDArray[np.float64]:
        slopes: NDArray[np.float64] = design.T @ (expit(design @ line) - target)
        return slopes

    def hessian(line: NDArray[np.float64]) -> NDArray[np.float64]:
        given = expit(design @ line)
        curvature: NDArray[np.float64] = (design * (given * (1 - given))[:, None]).T @ design + 1e-9 * np.eye(2)
        return curvature

    # Newton's method within a region of trust: without one, a few scores far from the others throw it off for good.
    found = minimize(loss, start, method="trust-exact", jac=gradient, hess=hessian).x
    if found[0] <= 0:
        return 0.0, float(np.log(positive / negative))
    return float(found[0] / spread), float(found[1] - found[0] * middle / spread)


def calibrated(scores: NDArray[np.floating[Any]], platt: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities, float64 (n, 5), of scores, float (n, 5); platt: float64 (5, 2), slope and offset of each."""
    lines: NDArray[np.float64] = 1 / (1 + np.exp(-(scores.astype(np.float64) * platt[:, 0] + platt[:, 1])))
    return lines
