"""Decisions that must hold in each source of pictures, not only in the largest: weights, thresholds, the worst source.

Needs probabilities, the truth, each case's lesion and source. A source is where pictures come from: a clinic, or a data
set. Knows no weights. What holds in each source that is known need not hold in one that is not.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from derm.diagnoses import CODES
from derm.metrics.calibration import calibration_measures
from derm.metrics.conformal import conformal_thresholds
from derm.metrics.decision import Rates, Threshold, clopper_pearson, rates_at, referral_threshold, worst_pictures
from derm.metrics.missing import or_none

FOR_BOUND = 59
"""Malignant cases from which a threshold can hold 95 % sensitivity with 95 % confidence: with all of them found the
bound is 0.05^(1/59) = 0.9505 (Wilks 1941)."""

FOR_AVERAGE = 19
"""Malignant cases from which a threshold can hold 95 % sensitivity on average over clinics that draw so many: below the
lowest of n new cases lies a share of 1 / (n + 1), on average, whatever the distribution."""

FOR_SETS = 9
"""Lesions of a class from which its 90 % conformal sets can keep their promise by these alone."""

Promise = Literal["bound", "average", "lowest"]
"""What a threshold is worth by the number of malignant cases that chose it, see `learn_threshold`."""


class LearnedThreshold(NamedTuple):
    """A threshold, what it is worth, and the sensitivity to expect of it on new cases, 0 … 1, NaN without a case."""

    threshold: Threshold
    promise: Promise
    expected: float


def weigh_alike(sources: NDArray[np.str_] | NDArray[np.object_]) -> NDArray[np.float64]:
    """What each case counts where each source weighs alike: float64 (N,), mean 1. sources: text (N,), each case's."""
    names, source = np.unique(sources, return_inverse=True)
    return len(sources) / (len(names) * np.bincount(source)[source])


def learn_threshold(
    p_malignant: NDArray[np.floating[Any]], malignant: NDArray[np.bool_], target: float = 0.95
) -> LearnedThreshold:
    """The highest threshold that so many malignant cases can justify.

    p_malignant: float (N,), 0 … 1. malignant: bool (N,). Independent cases, see `worst_pictures`. Of n malignant ones,
    for a target of 0.95: from `FOR_BOUND` "bound", the threshold of `referral_threshold`, whose sensitivity is at least
    the target with 95 % confidence. From `FOR_AVERAGE` "average": with k = floor((1 - target)·(n + 1)), the k-th lowest
    of the malignant sums; new cases lie below it with a chance of k / (n + 1), on average over draws of the n (split
    conformal prediction: Vovk et al. 2005). With fewer "lowest", the lowest sum: n / (n + 1) is found on average, which
    is less than the target. Without one it is 0: everybody is referred.
    """
    sure = referral_threshold(p_malignant, malignant, target)
    sums = np.sort(p_malignant[malignant].astype(np.float64))
    count = len(sums)
    if not count:
        return LearnedThreshold(sure, "lowest", float("nan"))
    if sure.lower >= target:
        return LearnedThreshold(sure, "bound", 1 - (count - sure.found + 1) / (count + 1))
    # Floats make 0.99999999 of 0.05 · 20; cases come whole.
    may_miss = int(np.floor((1 - target) * (count + 1) + 1e-9))
    value = float(sums[max(may_miss, 1) - 1])
    found = int((sums >= value).sum())
    lower, _ = clopper_pearson(found, count, 0.95)
    threshold = Threshold(value, found, count, found / count, float(lower))
    return LearnedThreshold(threshold, "average" if may_miss else "lowest", 1 - max(may_miss, 1) / (count + 1))


def threshold_over_sources(
    p_malignant: NDArray[np.floating[Any]],
    malignant: NDArray[np.bool_],
    sources: NDArray[np.str_] | NDArray[np.object_],
    target: float = 0.95,
) -> tuple[LearnedThreshold, tuple[str, ...]]:
    """The highest threshold that reaches `target` in each source, the lowest of theirs, and the sources with a say.

    p_malignant: float (N,), 0 … 1. malignant: bool (N,). sources: text (N,). Independent cases, see `worst_pictures`.
    Each source with at least `FOR_AVERAGE` malignant cases chooses by `learn_threshold`; where none has so many, all
    cases choose together, and no source is named. Counts and promise are those of the source that chose.
    """
    able = tuple(str(name) for name in np.unique(sources) if malignant[sources == name].sum() >= FOR_AVERAGE)
    if not able:
        return learn_threshold(p_malignant, malignant, target), ()
    own = [learn_threshold(p_malignant[sources == name], malignant[sources == name], target) for name in able]
    return min(own, key=lambda one: one.threshold.value), able


def conformal_over_sources(
    probabilities: NDArray[np.floating[Any]],
    true: NDArray[np.integer[Any]],
    sources: NDArray[np.str_] | NDArray[np.object_],
    alpha: float = 0.1,
) -> NDArray[np.float64]:
    """For each class the probability from which it is in the set, float64 (7,), so that sets hold in each source.

    That is the lowest of the sources' own thresholds, of those with at least `FOR_SETS` cases of the class;
    where none has so many, that of all together. probabilities: float (N, 7). true: integer (N,). sources: text (N,).
    Independent cases, one a lesion, as for `derm.metrics.conformal.conformal_thresholds`.
    """
    thresholds = conformal_thresholds(probabilities, true, alpha)
    names = np.unique(sources)
    own = np.array([conformal_thresholds(probabilities[sources == one], true[sources == one], alpha) for one in names])
    for index in range(len(CODES)):
        enough = np.array([((true == index) & (sources == one)).sum() >= FOR_SETS for one in names])
        if enough.any():
            thresholds[index] = own[enough, index].min()
    return thresholds


def referral_by_source(
    threshold: float,
    p_malignant: NDArray[np.floating[Any]],
    malignant: NDArray[np.bool_],
    lesions: NDArray[np.str_] | NDArray[np.object_],
    sources: NDArray[np.str_] | NDArray[np.object_],
) -> dict[str, dict[str, Any]]:
    """What a referral threshold is worth in each source, each lesion judged by its worst picture; ready for JSON.

    Returns by source: images, malignant_lesions, found, sensitivity, lower_bound (one-sided 95 %, Clopper and Pearson),
    benign_lesions, specificity, specificity_interval (95 %); None where a source has no such lesion.
    """
    told: dict[str, dict[str, Any]] = {}
    for name in np.unique(sources):
        of = sources == name
        rows = worst_pictures(p_malignant[of], malignant[of], lesions[of])
        rates: Rates = rates_at(threshold, p_malignant[of][rows], malignant[of][rows])
        ill, well = rates
        lower, _ = clopper_pearson(ill.hits, ill.cases, 0.95)
        told[str(name)] = {
            "images": int(of.sum()),
            "malignant_lesions": ill.cases,
            "found": ill.hits,
            "sensitivity": or_none(ill.value),
            "lower_bound": or_none(float(lower)),
            "benign_lesions": well.cases,
            "specificity": or_none(well.value),
            "specificity_interval": None if not well.cases else [well.low, well.high],
        }
    return told


def calibration_by_source(
    probabilities: NDArray[np.floating[Any]],
    true: NDArray[np.integer[Any]],
    sources: NDArray[np.str_] | NDArray[np.object_],
) -> dict[str, dict[str, Any]]:
    """`calibration_measures` of each source's cases, by source, with images, how many. Arguments of one length N."""
    return {
        str(name): {"images": int((sources == name).sum())}
        | calibration_measures(true[sources == name], probabilities[sources == name])
        for name in np.unique(sources)
    }


def worst_source(of: Mapping[str, Mapping[str, Any]], figure: str, *, highest: bool) -> dict[str, Any] | None:
    """The source in which `figure` is worst, as {"source", figure}; None where it is defined in none.

    highest: whether the highest is the worst, as of an error, or the lowest, as of a sensitivity. Of a tie the first.
    """
    known = {name: figures[figure] for name, figures in of.items() if figures[figure] is not None}
    if not known:
        return None
    name = max(known, key=known.__getitem__) if highest else min(known, key=known.__getitem__)
    return {"source": name, figure: known[name]}
