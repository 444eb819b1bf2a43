"""Probabilities and thresholds carried from one mix of diagnoses to another, by Bayes' rule.

Needs probabilities and the mix of classes that they hold for. Saerens, Latinne and Decaestecker (2002), Adjusting the
Outputs of a Classifier to New a Priori Probabilities, equation 4. It holds where only the mix differs: pictures of one
diagnosis must look alike in both places, which nothing here can check.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derm.diagnoses import CODES, MALIGNANT
from derm.language.speech import mark
from derm.metrics.calibration import check_binary
from derm.metrics.classification import check_indexes, check_probabilities
from derm.metrics.decision import check_share
from derm.metrics.missing import fraction

Mix = Sequence[float] | NDArray[np.floating[Any]]
"""Share of each class, 0 … 1, seven in the order of `CODES`, sum 1."""


def class_mix(true: NDArray[np.integer[Any]], weights: NDArray[np.floating[Any]] | None = None) -> NDArray[np.float64]:
    """The share of each class among cases, float64 (7,), sum 1; NaN without a case.

    true: integer (N,). weights: float (N,), ≥ 0, what each case counts; without them all count alike.
    """
    check_indexes("true", true)
    counts = np.bincount(true, weights=weights, minlength=len(CODES))
    return fraction(counts, np.full(len(CODES), counts.sum()))


def malignant_share(mix: Mix) -> float:
    """The share of malignant cases in `mix`, 0 … 1."""
    return float(np.asarray(mix)[np.array(MALIGNANT)].sum())


def change_mix(probabilities: NDArray[np.floating[Any]], old: Mix, new: Mix) -> NDArray[np.float64]:
    """What probabilities that hold at the mix `old` are at the mix `new`: float64 (N, 7), rows summing to 1.

    probabilities: float (N, 7), rows summing to 1. Each is multiplied by new / old of its class, and the row divided by
    its sum. A class that `old` lacks was never learned and gets 0. A row that is left with nothing stays as it was.
    Raises ValueError for mixes that are not seven shares summing to 1.
    """
    check_probabilities(probabilities, len(probabilities))
    ratio = np.nan_to_num(fraction(_shares("new", new), _shares("old", old)))
    weighed = probabilities.astype(np.float64) * ratio
    total = weighed.sum(axis=1, keepdims=True)
    return np.where(total > 0, weighed / np.where(total > 0, total, 1), probabilities)


def equal_mix(mix: Mix) -> NDArray[np.float64]:
    """The mix in which all classes that `mix` holds are equally frequent, float64 (7,)."""
    known = _shares("old", mix) > 0
    shares: NDArray[np.float64] = known / known.sum()
    return shares


def practice_mix(mix: Mix, malignant: float) -> NDArray[np.float64]:
    """`mix` with another share of malignant cases: float64 (7,). Classes within each of the two keep their ratios.

    malignant: above 0, below 1, of the practice. Raises ConfigFault for another share, or a mix that lacks malignant or
    benign cases, for which nothing can be told of the other kind.
    """
    check_share(mark("the share of malignant lesions"), malignant)
    shares, kind = _shares("old", mix), np.array(MALIGNANT)
    own = malignant_share(shares)
    check_share(mark("the share of malignant lesions that the model learned from"), own)
    return np.where(kind, shares * (malignant / own), shares * ((1 - malignant) / (1 - own)))


def change_share(p_malignant: NDArray[np.floating[Any]] | float, old: float, new: float) -> NDArray[np.float64]:
    """The malignant sum at a share `new` of malignant cases, float64, given it at `old`; each 0 … 1.

    Its odds are multiplied by new / (1-new) over old / (1-old). The map rises strictly and keeps 0 and 1, so that a
    threshold carried by it decides as the old one did on the old sums: sensitivity and specificity stay, by design.
    Raises ConfigFault for shares outside 0 … 1.
    """
    check_share(mark("the share of malignant lesions"), new)
    check_share(mark("the share of malignant lesions that the model learned from"), old)
    p = np.asarray(p_malignant, dtype=np.float64)
    ill, well = p * (new / old), (1 - p) * ((1 - new) / (1 - old))
    return ill / (ill + well)


def change_shares(probabilities: NDArray[np.floating[Any]], old: float, new: float) -> NDArray[np.float64]:
    """What probabilities that hold where a share `old` is malignant are at a share `new`: float64 (N, 7).

    probabilities: float (N, 7), rows summing to 1. As `change_mix` to `practice_mix`, and the same for a class that the
    mix lacks: classes within malignant and within benign keep their ratios. Raises ConfigFault for shares outside
    0 … 1.
    """
    check_probabilities(probabilities, len(probabilities))
    kind, values = np.array(MALIGNANT), probabilities.astype(np.float64)
    check_share(mark("the share of malignant lesions"), new)
    check_share(mark("the share of malignant lesions that the model learned from"), old)
    weighed = values * np.where(kind, new / old, (1 - new) / (1 - old))
    carried: NDArray[np.float64] = weighed / weighed.sum(axis=1, keepdims=True)
    return carried


def estimate_share(p_malignant: NDArray[np.floating[Any]], old: float, rounds: int = 1000) -> float:
    """The share of malignant cases among cases without a diagnosis, 0 … 1, from sums that hold at the share `old`.

    p_malignant: float (N,), N ≥ 1. Expectation maximisation of Saerens et al. (2002), equation 9: the mean of the sums
    at the last estimate is the next one. It trusts the model's likelihoods: on pictures of another kind it errs.
    """
    check_binary(p_malignant, np.zeros(len(p_malignant), dtype=np.bool_))
    share = old
    for _ in range(rounds):
        better = float(np.clip(change_share(p_malignant, old, share).mean(), 1e-6, 1 - 1e-6))
        if abs(better - share) < 1e-9:
            break
        share = better
    return share


def _shares(name: str, mix: Mix) -> NDArray[np.float64]:
    shares = np.asarray(mix, dtype=np.float64)
    if shares.shape != (len(CODES),) or not (shares >= 0).all() or abs(shares.sum() - 1) > 1e-3:
        raise ValueError(f"the {name} mix is {shares.tolist()}, not {len(CODES)} shares that sum to 1")
    return shares
