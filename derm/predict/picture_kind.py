"""What weights say of the kind of pictures: not dermoscopic, or dermoscopy that the model has seen little of.

Needs their description, and of the pictures the statistics of the encoder's stages and the pooled features. Weights of
before there were two statements make the first alone.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from derm.model.weights import WeightsInfo
from derm.predict.ood import is_unfamiliar, score


class PictureKind(NamedTuple):
    """Of n pictures, each None where the weights cannot tell.

    not_dermoscopic, seen_little: bool (n,). not_dermoscopic_score, seen_little_score: float64 (n,), higher is further
    from dermoscopy, and from the pictures that were trained on. What is not dermoscopic is not said to be seen little.
    """

    not_dermoscopic: NDArray[np.bool_] | None = None
    not_dermoscopic_score: NDArray[np.float64] | None = None
    seen_little: NDArray[np.bool_] | None = None
    seen_little_score: NDArray[np.float64] | None = None


def judge(
    description: WeightsInfo, statistics: NDArray[np.floating[Any]], features: NDArray[np.floating[Any]]
) -> PictureKind:
    """Judge pictures by `stage_statistics`, float (n, D), and pooled features, float (n, C).

    Raises WeightsFault where the description is of another network.
    """
    gate, familiarity = description.gate, description.familiarity
    if gate is not None:
        away, distance = gate.not_dermoscopic.score(statistics), gate.seen_little.score(statistics)
        # What is no number is not within a limit either.
        blocked = ~(away <= gate.not_dermoscopic.threshold)
        return PictureKind(blocked, away, ~blocked & ~(distance <= gate.seen_little.threshold), distance)
    if familiarity is not None:
        return PictureKind(is_unfamiliar(familiarity, features), score(familiarity, features))
    return PictureKind()
