"""The diagnoses that cannot be excluded: sets that hold the true one in nine cases of ten, for each diagnosis.

Needs probabilities, and cases that chose nothing else to calibrate on. Own code, ten lines: mapie 1.6 has no
class-conditional sets and wraps an estimator; torchcp 1.2 brings torch_geometric, transformers and a compiler.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from derm.diagnoses import CODES
from derm.errors import ConfigFault
from derm.language.speech import say
from derm.metrics.classification import check_indexes, check_probabilities, most_likely
from derm.metrics.missing import fraction, mean_defined, or_none


def conformal_thresholds(
    probabilities: NDArray[np.floating[Any]], true: NDArray[np.integer[Any]], alpha: float = 0.1
) -> NDArray[np.float64]:
    """For each class, the probability from which it is in the set: float64 (7,), 0 … 1.

    probabilities: float (N, 7). true: integer (N,). alpha: the share of a class's cases that may be missed.
    Split conformal by class (Sadinle, Lei and Wasserman 2019, class-specific coverage; Vovk 2012): score 1 - p of the
    true class, cut at the ceil((n + 1)(1 - alpha))-th lowest of the class's n. The set of a new case of the class then
    holds it with a chance of at least 1 - alpha, whatever the model, if cases are exchangeable: pictures of one lesion
    are not, so pass one a lesion (Dunn, Wasserman and Ramdas 2023). With fewer than 1 / alpha - 1
    cases (nine at 0.1) no cut can promise that: the threshold is 0, and the class is in every set.
    Raises ConfigFault for an alpha outside 0 … 1, ValueError for other arrays.
    """
    if not 0 < alpha < 1:
        raise ConfigFault(
            say(
                "alpha is {alpha:g}, which is not between 0 and 1: give the share to miss, such as 0.1.",
                alpha=alpha,
            )
        )
    check_indexes("true", true)
    check_probabilities(probabilities, len(true))
    thresholds = np.zeros(len(CODES))
    for index in range(len(CODES)):
        highest_first = np.sort(probabilities[true == index, index].astype(np.float64))[::-1]
        # Floats make 28.999999999999996 of 0.29 · 100; cases come whole.
        may_miss = int(np.floor(alpha * (len(highest_first) + 1) + 1e-9))
        if may_miss >= 1:
            thresholds[index] = highest_first[len(highest_first) - may_miss]
    return thresholds


def conformal_sets(
    probabilities: NDArray[np.floating[Any]], thresholds: NDArray[np.floating[Any]]
) -> NDArray[np.bool_]:
    """Which diagnoses cannot be excluded in each case: bool (N, 7), at least one in each row.

    probabilities: float (N, 7). thresholds: float (7,), of `conformal_thresholds`. A set that would be empty, where no
    class reaches its threshold, would tell a doctor nothing: the most likely diagnosis is always in. That adds to
    the sets and takes nothing away, so that coverage can only rise.
    """
    check_probabilities(probabilities, len(probabilities))
    if thresholds.shape != (len(CODES),):
        raise ValueError(f"thresholds are {thresholds.shape}, not {(len(CODES),)}: pass one a class")
    sets = probabilities >= thresholds
    sets[np.arange(len(sets)), most_likely(probabilities)] = True
    return sets


def conformal_measures(sets: NDArray[np.bool_], true: NDArray[np.integer[Any]]) -> dict[str, Any]:
    """How often the sets hold the truth, and how large they are, ready for JSON; None without a case.

    sets: bool (N, 7). true: integer (N,). Returns coverage, the share of cases whose true diagnosis is in the set,
    mean_size (1 … 7 diagnoses), single, the share of sets with one diagnosis; and per_class.<code>.{coverage,
    mean_size, support}, over the cases of that diagnosis. Raises ValueError for arrays that do not hold this.
    """
    check_indexes("true", true)
    if sets.dtype != np.bool_ or sets.shape != (len(true), len(CODES)):
        raise ValueError(f"sets are {sets.dtype} {sets.shape}, not bool {(len(true), len(CODES))}: pass one row a case")
    held, sizes = sets[np.arange(len(true)), true], sets.sum(axis=1)
    support = np.bincount(true, minlength=len(CODES))
    coverage = fraction(np.bincount(true, weights=held, minlength=len(CODES)), support)
    size = fraction(np.bincount(true, weights=sizes, minlength=len(CODES)), support)
    return {
        "coverage": or_none(mean_defined(held.astype(np.float64))),
        "mean_size": or_none(mean_defined(sizes.astype(np.float64))),
        "single": or_none(mean_defined((sizes == 1).astype(np.float64))),
        "per_class": {
            code: {
                "coverage": or_none(coverage[index]),
                "mean_size": or_none(size[index]),
                "support": int(support[index]),
            }
            for index, code in enumerate(CODES)
        },
    }
