"""Testing with concept activation vectors (Kim et al. 2018): does a diagnosis's score rise along what pictures of a
structure have in common, more than along what pictures drawn by lot have in common?

Needs a model with its network, marked pictures to find the vectors, and others to test on. Two levels: what the class
head pools, and the encoder's stage of 16 pixels a cell. Activations are means over the picture.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from derm.concepts.measured import LEVELS
from derm.diagnoses import INDEX
from derm.image.decode import open_image
from derm.image.resize import square
from derm.model.preprocess import normalise
from derm.model.weights import Model

STAGE = 4

DRAWS = 30
"""Vectors of each concept, each from other pictures drawn by lot."""

RANDOM = 499
"""Random concepts behind a test. Each has as many vectors as a concept, or its score would vary more than a concept's
does."""

PENALTY = 0.3
"""Of the ridge classifier, in mean squared lengths of its pictures."""

PICTURES = 40
"""Of each side behind a vector, at most: streaks are marked in few."""


class Level(NamedTuple):
    """Of n pictures at one level: activations, float32 (n, C), means over the picture; slopes, float32 (n, C), of the
    picture's own diagnosis's logit by a change that is the same in every cell."""

    activations: NDArray[np.float32]
    slopes: NDArray[np.float32]


class Tested(NamedTuple):
    """One concept, one diagnosis, one level.

    score: share of the diagnosis's pictures whose logit rises along the concept, the mean over draws, 0 … 1. spread:
    its deviation over draws. by_chance: the mean of random concepts, low and high the ends of 95 % of them. p: how
    often a random concept lies as far from their middle. q: the same after Benjamini and Hochberg, over all tests.
    accuracy: how often the vectors tell pictures apart that they have not seen.
    """

    concept: str
    dx: str
    level: str
    pictures: int
    score: float
    spread: float
    by_chance: float
    low: float
    high: float
    p: float
    q: float
    accuracy: float


def look(
    model: Model, paths: Sequence[str], dx: Sequence[str], progress: Callable[[int, int], None] | None = None
) -> dict[str, Level]:
    """Activations and slopes of pictures at every level of `LEVELS`; raises ImageRefused.

    dx: the diagnosis of each, whose logit is followed. progress: told (done, total).
    """
    net, description = model.net, model.description.model
    found: dict[str, list[tuple[Any, Any]]] = {name: [] for name in LEVELS}
    for done, (path, code) in enumerate(zip(paths, dx, strict=True), 1):
        shown = square(open_image(Path(path)), description.input_size, description.fit)[None]
        images = normalise(torch.from_numpy(shown), description)
        answer, stages = net.answer_and_stages(images.requires_grad_())
        levels = (answer.features, stages[STAGE])
        slopes = torch.autograd.grad(answer.class_logits[0, INDEX[code]], levels)
        for name, level, slope in zip(LEVELS, levels, slopes, strict=True):
            found[name].append((level.detach().mean(dim=(2, 3))[0].numpy(), slope.sum(dim=(2, 3))[0].numpy()))
        if progress:
            progress(done, len(paths))
    return {name: Level(*(np.stack(part) for part in zip(*pairs, strict=True))) for name, pairs in found.items()}


def concept_vectors(
    activations: NDArray[np.float32],
    shows: NDArray[np.bool_],
    random: np.random.Generator,
    draws: int = DRAWS,
) -> tuple[NDArray[np.float64], float]:
    """Vectors of a concept, float64 (draws, C), of length 1, and how often they tell other pictures apart, 0 … 1.

    activations: float32 (n, C), of pictures that may serve. shows: bool (n,), whether each shows the concept. Each
    vector is the normal of a ridge classifier of as many with as without it, drawn by lot; a quarter of them is held
    back to test it.
    """
    middle, deviation = activations.mean(axis=0), np.maximum(activations.std(axis=0), 1e-6)
    values = ((activations - middle) / deviation).astype(np.float64)
    hits, others = np.flatnonzero(shows), np.flatnonzero(~shows)
    count = min(PICTURES, len(hits), len(others))
    vectors, right = [], []
    for _ in range(draws):
        one, other = random.choice(hits, count, replace=False), random.choice(others, count, replace=False)
        held = max(1, count // 4)
        weights, offset = _ridge(values[one[held:]], values[other[held:]])
        vector = weights / deviation  # in the features' own units
        vectors.append(vector / np.linalg.norm(vector))
        right += [values[one[:held]] @ weights > offset, values[other[:held]] @ weights < offset]
    return np.array(vectors), float(np.mean(right))


def _ridge(one: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """The normal of a ridge classifier of two sets, float64 (m, C) each, and where it parts them."""
    both = np.concatenate([one, other])
    centred = both - both.mean(axis=0)
    kernel = centred @ centred.T
    truth = np.repeat([1.0, -1.0], [len(one), len(other)])
    penalty = PENALTY * float(np.trace(kernel)) / len(both)
    weights = centred.T @ np.linalg.solve(kernel + penalty * np.eye(len(both)), truth)
    return weights, float(both.mean(axis=0) @ weights)


def scores_of(vectors: NDArray[np.float64], slopes: NDArray[np.float32]) -> NDArray[np.float64]:
    """TCAV: of each vector the share of pictures whose logit rises along it, float64 (draws,), 0 … 1."""
    found: NDArray[np.float64] = (slopes.astype(np.float64) @ vectors.T > 0).mean(axis=0)
    return found


def concepts_tested(
    learned: dict[str, NDArray[np.float32]],
    shown: NDArray[np.bool_],
    names: Sequence[str],
    tested: dict[str, Level],
    dx: NDArray[np.object_],
    codes: Sequence[str],
    seed: int,
) -> list[Tested]:
    """Every concept for every diagnosis at every level; q is p until `adjusted` has seen all tests.

    learned: by level, activations of the pictures that vectors come from, float32 (n, C). shown: bool (n, k), which
    concept each shows. names: of the k. tested: by level, of other pictures. dx: text (m,), their diagnoses; those of
    `codes` are tested. A random concept is the same marks dealt anew among the pictures: vectors drawn again and again
    from the same two heaps are alike, whatever the heaps are, and would make any concept differ from one of chance.
    """
    found = []
    for level, activations in learned.items():
        for place, name in enumerate(names):
            random = np.random.default_rng([seed, place])
            marks = shown[:, place]
            vectors, accuracy = concept_vectors(activations, marks, random)
            by_lot = [concept_vectors(activations, random.permutation(marks), random)[0] for _ in range(RANDOM)]
            for code in codes:
                slopes = tested[level].slopes[dx == code]
                own = scores_of(vectors, slopes)
                chance = np.array([scores_of(one, slopes).mean() for one in by_lot])
                low, high = np.percentile(chance, [2.5, 97.5])
                found.append(
                    Tested(
                        name, code, level, len(slopes), float(own.mean()), float(own.std(ddof=1)), float(chance.mean()),
                        float(low), float(high), (rarity := _rarity(float(own.mean()), chance)), rarity, accuracy,
                    )
                )  # fmt: skip
    return found


def adjusted(found: Sequence[Tested]) -> list[Tested]:
    """All tests that were made, with the q of each."""
    every = _false_discovery(np.array([one.p for one in found]))
    return [one._replace(q=float(q)) for one, q in zip(found, every, strict=True)]


def _rarity(score: float, chance: NDArray[np.float64]) -> float:
    """How often a random score lies as far from their middle as `score`, itself counted: 0 … 1."""
    middle = float(np.median(chance))
    return float((1 + (np.abs(chance - middle) >= abs(score - middle) - 1e-12).sum()) / (1 + len(chance)))


def _false_discovery(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Benjamini and Hochberg's q of each p, float64 (n,)."""
    order = np.argsort(p)
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    q = np.empty(len(p))
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1)
    return q
