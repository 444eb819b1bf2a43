"""Squares on which two engines could part: blank, tiny, large, and as near the referral threshold as can be drawn.

Needs a model. Knows no engine but the one that is asked.
"""

import numpy as np

from derm.data.synthetic.lesion import draw_lesion
from derm.diagnoses import CODES, MALIGNANT
from derm.engine.look import Engine
from derm.image.resize import square
from derm.model.weights import Model

BLENDS = 12
"""Halvings on the way to the threshold."""


def squares_of(model: Model) -> np.ndarray:
    """Sixteen squares, uint8 (16, S, S, 3)."""
    size, fit = model.description.model.input_size, model.description.model.fit
    random = np.random.default_rng(3)
    skin = np.full((300, 400, 3), (224, 172, 150), dtype=np.uint8)
    fine = np.indices((3000, 4000)).sum(axis=0) % 251
    pictures = [
        np.zeros((40, 60, 3), dtype=np.uint8),
        np.full((60, 40, 3), 255, dtype=np.uint8),
        skin,
        random.integers(0, 256, (1, 1, 3), dtype=np.uint8),
        random.integers(0, 256, (3, 200, 3), dtype=np.uint8),
        random.integers(0, 256, (size, size, 3), dtype=np.uint8),
        np.repeat(fine[..., None], 3, axis=2).astype(np.uint8),
        np.pad(skin, ((0, 0), (0, 300), (0, 0))),
        *(draw_lesion(code, seed, height=150, width=200).image for seed, code in enumerate(CODES)),
        draw_lesion("mel", 40, height=450, width=600).image,
    ]
    return np.stack([square(picture, size, fit) for picture in pictures])


def near_threshold(model: Model, engine: Engine, threshold: float) -> tuple[np.ndarray, float]:
    """A blend of two squares, uint8 (S, S, 3), one below the referral threshold and one above, and its distance."""
    squares = squares_of(model)
    sums = malignant_sums(model, engine, squares)
    low, high = squares[sums.argmin()].astype(float), squares[sums.argmax()].astype(float)
    if not sums.min() < threshold <= sums.max():
        raise ValueError(f"no two squares lie on both sides of {threshold}")
    best = (squares[0], np.inf)
    for _ in range(BLENDS):
        middle = (low + high) / 2
        shown = np.rint(middle).astype(np.uint8)
        (found,) = malignant_sums(model, engine, shown[None])
        best = min(best, (shown, abs(found - threshold)), key=lambda pair: pair[1])
        low, high = (low, middle) if found >= threshold else (middle, high)
    return best


def malignant_sums(model: Model, engine: Engine, squares: np.ndarray) -> np.ndarray:
    """The malignant sum of each square, float64 (N,)."""
    logits = engine.look(squares).logits.astype(np.float64) / model.description.temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True))[:, np.array(MALIGNANT)].sum(axis=1)
