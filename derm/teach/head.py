"""The class head alone, trained anew on frozen features: minutes instead of hours, and outlines and gate stay.

Needs pooled features of `derm.predict.features` and weights whose scores are a linear layer on them. Learns nothing of
outlines, and nothing that the features do not tell.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from derm.diagnoses import CODES
from derm.errors import WeightsFault
from derm.language.speech import say
from derm.metrics.calibration import log_softmax
from derm.model.tensors import StoredNet
from derm.model.weights import Model

WEIGHT, BIAS = "head.scores.weight", "head.scores.bias"
"""The tensors that are trained."""

ANCHOR = 100.0
"""How strongly the head is held to where it began, see `fit_head`; docs/corrections.md tells how it was chosen."""

BALANCE = 0.8
"""How evenly corrections and rehearsed data weigh, see `share_sources`; chosen with `ANCHOR`."""

STEPS = 200
"""Of L-BFGS, at most."""


class LinearHead(NamedTuple):
    """The linear layer that the scores come from.

    weight: float64 (7, C). bias: float64 (7,).
    """

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]

    def scores(self, features: NDArray[np.floating]) -> NDArray[np.float64]:
        """The logits, float64 (…, 7), of pooled features, float (…, C), before the temperature."""
        scores: NDArray[np.float64] = features @ self.weight.T + self.bias
        return scores


class Examples(NamedTuple):
    """What a head learns from.

    features: float32 (n, C), pooled. classes: int64 (n,). shares: float64 (n,), what each weighs; they sum to 1.
    """

    features: NDArray[np.float32]
    classes: NDArray[np.int64]
    shares: NDArray[np.float64]


def head_of(model: Model) -> LinearHead:
    """The head of `model`. Raises WeightsFault for weights whose scores are no linear layer on pooled features."""
    if model.description.model.hidden:
        raise WeightsFault(
            say(
                "{label} has a dense layer between features and scores, so its head cannot be trained alone: "
                "train the whole network.",
                label=model.label,
            )
        )
    source = model.source
    if isinstance(source, StoredNet):
        tensors = source.tensors
    else:
        tensors = {name: value.detach().cpu().numpy() for name, value in source.state_dict().items()}
    return LinearHead(tensors[WEIGHT].astype(np.float64), tensors[BIAS].astype(np.float64))


def share_sources(sizes: list[int], balance: float) -> list[float]:
    """What each of several sources weighs together, by its number of examples: the number to the power of 1 − balance,
    as `source_balance` of a training does; they sum to 1."""
    powers = np.array(sizes, dtype=np.float64) ** (1 - balance) * (np.array(sizes) > 0)
    return [float(one) for one in powers / powers.sum()]


def fit_head(start: LinearHead, examples: Examples, anchor: float = ANCHOR) -> LinearHead:
    """Train the head on from `start`: weighted cross-entropy, held to the start by a quadratic penalty.

    The penalty is anchor / (2 C) times the squared distance of the weights from the start, which is a normal prior
    around the old head; with none, directions that no example shows would drift. Convex: the same for every seed.
    """
    count = start.weight.size
    first = np.concatenate([start.weight.ravel(), start.bias])
    features, rows = examples.features, np.arange(len(examples.classes))
    strength = anchor / start.weight.shape[1]

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weight, bias = values[:count].reshape(start.weight.shape), values[count:]
        logs = log_softmax((features @ weight.T.astype(np.float32)).astype(np.float64) + bias)
        away = values[:count] - first[:count]
        wrong = np.exp(logs)
        wrong[rows, examples.classes] -= 1
        wrong *= examples.shares[:, None]
        slope = (wrong.T.astype(np.float32) @ features).astype(np.float64).ravel() + strength * away
        value = -float(examples.shares @ logs[rows, examples.classes]) + strength / 2 * float(away @ away)
        return value, np.concatenate([slope, wrong.sum(axis=0)])

    found = minimize(loss, first, jac=True, method="L-BFGS-B", options={"maxiter": STEPS, "ftol": 1e-9})
    return LinearHead(found.x[:count].reshape(len(CODES), -1), found.x[count:])
