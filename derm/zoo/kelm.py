"""A kernel extreme learning machine (Huang et al. 2012), and the moth-flame search (Mirjalili 2015) for its features.

Needs features and classes as arrays. Knows no network.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from derm.diagnoses import CODES

Features = NDArray[np.floating]
REGULARISATION = 10.0
"""C: the smaller it is, the smoother the machine."""

Fitness = Callable[[NDArray[np.bool_]], float]
"""How well chosen features do, higher is better."""


class KernelMachine(NamedTuple):
    """A fitted machine over D of C features.

    chosen: int64 (D,). scale: float64 (2, D), mean and deviation of each. centres: float64 (M, D), the scaled cases.
    gamma: of the kernel exp(−γ ‖x − y‖²). weights: float64 (M, 7).
    """

    chosen: NDArray[np.int64]
    scale: NDArray[np.float64]
    centres: NDArray[np.float64]
    gamma: float
    weights: NDArray[np.float64]

    def scores(self, features: Features) -> NDArray[np.float64]:
        """Scores of N cases, float64 (N, 7), near 1 for their class and −1 for others; features: float (N, C)."""
        values = (features[:, self.chosen].astype(np.float64) - self.scale[0]) / self.scale[1]
        return np.asarray(kernel(values, self.centres, self.gamma) @ self.weights)


def kernel(one: NDArray[np.float64], other: NDArray[np.float64], gamma: float) -> NDArray[np.float64]:
    """exp(−γ ‖x − y‖²) of each pair: float64 (N, M) of (N, D) and (M, D)."""
    squared = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T
    return np.asarray(np.exp(-gamma * np.clip(squared, 0, None)))


def fit_machine(
    features: Features, classes: NDArray[np.int64], chosen: NDArray[np.bool_], regularisation: float = REGULARISATION
) -> KernelMachine:
    """Fit a machine to cases: weights (K + I / C)⁻¹ T, T being 1 for a case's class and −1 for others (equation 32).

    features: float (M, C). classes: int64 (M,). chosen: bool (C,), at least one. γ is one over their number, so that
    two cases that differ by a deviation in each feature have the kernel 1 / e.
    """
    places = np.flatnonzero(chosen)
    values = features[:, places].astype(np.float64)
    mean, deviation = values.mean(0), values.std(0)
    deviation = np.where(deviation > 1e-9, deviation, 1.0)
    centres = (values - mean) / deviation
    gamma = 1 / len(places)
    target = np.where(classes[:, None] == np.arange(len(CODES)), 1.0, -1.0)
    matrix = kernel(centres, centres, gamma) + np.eye(len(centres)) / regularisation
    weights = cho_solve(cho_factor(matrix, lower=True), target)
    return KernelMachine(places, np.stack([mean, deviation]), centres, gamma, weights)


MOTHS = 10
ROUNDS = 20
SPIRAL = 1.0
"""b of the logarithmic spiral."""


def moth_flame(
    fitness: Fitness,
    features: int,
    *,
    moths: int = MOTHS,
    rounds: int = ROUNDS,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.bool_]:
    """Choose among `features` by moth-flame search: bool (features,), at least one true, the fittest that was tried.

    A moth is a point in the cube 0 … 1; features above a half are chosen. Moths fly in spirals (equation 3.12) around
    the fittest points so far, the flames, whose number falls to one (equation 3.14). progress: told (done, total) of
    the rounds. Raises ValueError for fewer than one feature, moth or round.
    """
    if min(features, moths, rounds) < 1:
        raise ValueError(f"{features} features, {moths} moths and {rounds} rounds: at least one of each is needed")
    random = np.random.default_rng(seed)
    places = random.random((moths, features))
    flames, fits = np.empty((0, features)), np.empty(0)
    for done in range(rounds):
        found = np.array([fitness(choice_of(place)) for place in places])
        # Stable, and the flames first: a moth that is only as fit as a flame does not take its place.
        joined, all_fits = np.concatenate([flames, places]), np.concatenate([fits, found])
        best = np.argsort(-all_fits, kind="stable")[:moths]
        flames, fits = joined[best], all_fits[best]
        burning = round(moths - (done + 1) * (moths - 1) / rounds)
        lowest = -1 - (done + 1) / rounds
        for moth in range(moths):
            flame = flames[min(moth, burning - 1)]
            turn = (lowest - 1) * random.random(features) + 1
            distance = np.abs(flame - places[moth])
            places[moth] = np.clip(distance * np.exp(SPIRAL * turn) * np.cos(2 * math.pi * turn) + flame, 0, 1)
        if progress:
            progress(done + 1, rounds)
    return choice_of(flames[0])


def choice_of(place: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The features that a point in the cube chooses; where it chooses none, its largest."""
    chosen: NDArray[np.bool_] = place > 0.5
    if not chosen.any():
        chosen = np.arange(len(place)) == place.argmax()
    return chosen


FEW = 0.01
"""What choosing all features costs in fitness, against choosing none: of two that do as well the smaller is fitter."""


def held_out_fitness(features: Features, classes: NDArray[np.int64], held_out: NDArray[np.bool_]) -> Fitness:
    """The balanced accuracy on the cases `held_out`, bool (M,), of a machine fitted to the others, less `FEW` for all
    features. features: float (M, C); classes: int64 (M,)."""

    def fitness(chosen: NDArray[np.bool_]) -> float:
        machine = fit_machine(features[~held_out], classes[~held_out], chosen)
        right = machine.scores(features[held_out]).argmax(1) == classes[held_out]
        recalls = [right[classes[held_out] == index].mean() for index in np.unique(classes[held_out])]
        return float(np.mean(recalls) - FEW * chosen.mean())

    return fitness
