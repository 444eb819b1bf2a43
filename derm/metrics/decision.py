"""From which malignant probability a lesion should be referred, and what that decision is worth.

Needs malignant probabilities and the truth. Knows no weights and no page; intervals here are Clopper and Pearson's
(1934), which hold for independent cases: `worst_pictures` makes pictures of one lesion one case.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from derm.errors import ConfigFault
from derm.language.speech import mark, say
from derm.metrics.calibration import check_binary
from derm.metrics.missing import fraction, mean_defined


class Threshold(NamedTuple):
    """A referral threshold, and what it found among the cases it was chosen on.

    value: refer where the malignant probability is ≥ this, 0 … 1; at 0 everybody is referred. found: malignant cases
    referred, of `malignant`. sensitivity: their share, NaN without one. lower: its one-sided lower bound, 0 … 1; it
    stays below the target where the cases are too few for any bound to reach it, and `value` is then 0.
    """

    value: float
    found: int
    malignant: int
    sensitivity: float
    lower: float


class Share(NamedTuple):
    """hits of so many cases; their share; and its 95 % interval from low to high. All three are NaN without a case."""

    hits: int
    cases: int
    value: float
    low: float
    high: float


class Rates(NamedTuple):
    """sensitivity: malignant cases referred. specificity: benign cases not referred."""

    sensitivity: Share
    specificity: Share


class LesionRates(NamedTuple):
    """sensitivity: share of malignant lesions referred. specificity: share of benign ones not. NaN without one."""

    sensitivity: float
    specificity: float


class PredictiveValues(NamedTuple):
    """ppv: of those referred, the share malignant. npv: of those not, the share benign. NaN where there is nobody."""

    ppv: float
    npv: float


class OfHundred(NamedTuple):
    """Of 100 malignant and of 100 benign cases, how many are referred, 0 … 100; None without a case."""

    malignant: int | None
    benign: int | None


def check_share(name: str, value: float) -> None:
    """Raise ConfigFault unless 0 < `value` < 1; `name`, a marked text, is for the sentence."""
    if not 0 < value < 1:
        raise ConfigFault(
            say(
                "{name} is {value:g}, which is not between 0 and 1: give a share such as 0.95.",
                name=say(name),
                value=value,
            )
        )


def clopper_pearson(
    hits: ArrayLike, cases: ArrayLike, one_sided: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The lower and the upper bound, float64, of shares; each alone holds with confidence `one_sided`, e.g. 0.95.

    hits, cases: whole numbers, 0 ≤ hits ≤ cases. Exact for independent cases (Clopper and Pearson 1934): 0 is the
    lower bound of no hit, 1 the upper one of nothing but hits. NaN without a case. For a two-sided 95 % give 0.975.
    """
    from scipy.special import betaincinv  # half a second to import, and no prediction needs it

    hits, cases = np.asarray(hits), np.asarray(cases)
    misses = cases - hits
    # The beta distribution has no parameter 0; 1 stands in where the bound is 0 or 1 anyway.
    low = np.where(hits == 0, 0.0, betaincinv(np.maximum(hits, 1), misses + 1, 1 - one_sided))
    high = np.where(misses == 0, 1.0, betaincinv(hits + 1, np.maximum(misses, 1), one_sided))
    return np.where(cases == 0, np.nan, low), np.where(cases == 0, np.nan, high)


def worst_pictures(
    p_malignant: NDArray[np.floating[Any]],
    malignant: NDArray[np.bool_],
    lesions: NDArray[np.str_] | NDArray[np.object_],
) -> NDArray[np.int64]:
    """The row of each lesion's picture on which the model does worst, int64 (lesions,), ascending.

    That is the lowest malignant probability of a malignant lesion and the highest of a benign one; of a tie, the first
    row. p_malignant: float (N,). malignant: bool (N,). lesions: text (N,). A lesion whose pictures disagree in
    `malignant` is two. Pictures of one lesion resemble each other, so that counting each would narrow every bound;
    one picture a lesion is independent, and the worst one errs on the careful side: what holds for it holds for any.
    """
    check_binary(p_malignant, malignant)
    return least_given_to_truth(np.where(malignant, p_malignant, 1 - p_malignant), malignant, lesions)


def least_given_to_truth(
    given: NDArray[np.floating[Any]],
    truth: NDArray[np.integer[Any]] | NDArray[np.bool_],
    lesions: NDArray[np.str_] | NDArray[np.object_],
) -> NDArray[np.int64]:
    """The row of each lesion's picture whose true answer was given least, int64 (lesions,), ascending.

    Of a tie, the first row. given: float (N,), what the model gives to the true answer. truth: integer or bool (N,),
    that answer; a lesion whose pictures disagree in it is several. lesions: text (N,). Raises ValueError for arrays
    that differ in length.
    """
    if not len(given) == len(truth) == len(lesions):
        raise ValueError(f"{len(lesions)} lesions for {len(truth)} cases: pass one a case")
    _, lesion = np.unique(lesions, return_inverse=True)
    _, answer = np.unique(truth, return_inverse=True)
    group = lesion * (answer.max(initial=0) + 1) + answer
    worst_first = np.lexsort((given, group))
    _, first = np.unique(group[worst_first], return_index=True)
    return np.sort(worst_first[first])


def referral_threshold(
    p_malignant: NDArray[np.floating[Any]], malignant: NDArray[np.bool_], target: float = 0.95, confidence: float = 0.95
) -> Threshold:
    """The highest threshold whose sensitivity is, with this confidence, at least `target`. Choose it on validation.

    p_malignant: float (N,), 0 … 1. malignant: bool (N,). Independent cases: take the rows of `worst_pictures` first,
    then the bound holds for lesions. The threshold is the malignant probability with so many others at or above it
    that Clopper and Pearson's lower bound reaches the target. This bound holds although the threshold was chosen on
    the same cases, for it is Wilks' one-sided tolerance limit (1941). At 0.95 and 0.95 it takes 59 malignant cases, all
    found (0.95^59 < 0.05); with fewer, the threshold is 0. Raises ConfigFault for a target or confidence outside 0 … 1.
    """
    check_share(mark("the target of the sensitivity"), target)
    check_share(mark("the confidence"), confidence)
    check_binary(p_malignant, malignant)
    highest_first = np.sort(p_malignant[malignant].astype(np.float64))[::-1]
    cases = len(highest_first)
    lower, _ = clopper_pearson(np.arange(cases + 1), cases, confidence)
    enough = np.flatnonzero(lower >= target)
    value = float(highest_first[enough[0] - 1]) if enough.size else 0.0
    found = int((highest_first >= value).sum())
    return Threshold(value, found, cases, float(fraction(found, cases)), float(lower[found]))


def rates_at(threshold: float, p_malignant: NDArray[np.floating[Any]], malignant: NDArray[np.bool_]) -> Rates:
    """Sensitivity and specificity of referring where the probability is ≥ `threshold`, each with its 95 % interval.

    p_malignant: float (N,), 0 … 1. malignant: bool (N,). The intervals are Clopper and Pearson's, for independent
    cases: take the rows of `worst_pictures`, or, to count every picture, the bootstrap over lesions instead.
    """
    check_binary(p_malignant, malignant)
    # In double precision, or a threshold stored as such would be rounded to that of the probabilities.
    referred = p_malignant.astype(np.float64) >= threshold

    def share(of: NDArray[np.bool_], right: NDArray[np.bool_]) -> Share:
        hits, cases = int((of & right).sum()), int(of.sum())
        low, high = clopper_pearson(hits, cases, one_sided=0.975)
        return Share(hits, cases, float(fraction(hits, cases)), float(low), float(high))

    return Rates(share(malignant, referred), share(~malignant, ~referred))


def picture_weights(
    malignant: NDArray[np.bool_], lesions: NDArray[np.str_] | NDArray[np.object_] | NDArray[np.int64]
) -> NDArray[np.float64]:
    """What each picture counts where each lesion counts once: one over the pictures of its lesion, float64 (N,).

    malignant: bool (N,). lesions: names or numbers (N,). A lesion whose pictures disagree in `malignant` is two. Raises
    ValueError for two lengths.
    """
    if len(malignant) != len(lesions):
        raise ValueError(f"{len(lesions)} lesions for {len(malignant)} pictures: pass the lesion of each picture")
    _, lesion = np.unique(lesions, return_inverse=True)
    group = 2 * lesion + malignant
    return 1 / np.bincount(group)[group]


class LesionCounts(NamedTuple):
    """Lesions that a rate by lesion is of; one whose pictures disagree counts in both."""

    malignant: int
    benign: int


def lesion_counts(
    malignant: NDArray[np.bool_], lesions: NDArray[np.str_] | NDArray[np.object_] | NDArray[np.int64]
) -> LesionCounts:
    """How many lesions `lesion_rates` is of. malignant: bool (N,). lesions: names or numbers (N,)."""
    return LesionCounts(*(len(np.unique(lesions[of])) for of in (malignant, ~malignant)))


def lesion_rates(
    referred: NDArray[np.bool_], malignant: NDArray[np.bool_], weights: NDArray[np.float64]
) -> LesionRates:
    """What referring is worth for lesions, each counting once: one with several pictures by the share of them referred.

    That is the chance for a lesion of which one picture is taken. referred, malignant: bool (N,). weights: float64
    (N,), of `picture_weights`; of a resample the rows of the whole's, for a lesion drawn twice counts twice.
    """

    def share(of: NDArray[np.bool_], right: NDArray[np.bool_]) -> float:
        return mean_defined(right[of].astype(np.float64), weights[of])

    return LesionRates(share(malignant, referred), share(~malignant, ~referred))


def predictive_values(sensitivity: float, specificity: float, prevalence: float) -> PredictiveValues:
    """What a referral means where a share `prevalence` of those seen is malignant, by Bayes' rule.

    sensitivity, specificity, prevalence: 0 … 1. With s, c and p for them: ppv = s·p / (s·p + (1-c)·(1-p)) and
    npv = c·(1-p) / (c·(1-p) + (1-s)·p). Raises ConfigFault for another prevalence: it is the user's to set.
    """
    if not 0 <= prevalence <= 1:
        raise ConfigFault(
            say(
                "the prevalence is {prevalence:g}, not within 0 and 1: give a share such as 0.05 for 5 %.",
                prevalence=prevalence,
            )
        )
    ill, well = prevalence, 1 - prevalence
    right_referral, wrong_referral = sensitivity * ill, (1 - specificity) * well
    right_all_clear, wrong_all_clear = specificity * well, (1 - sensitivity) * ill
    return PredictiveValues(
        ppv=float(fraction(right_referral, right_referral + wrong_referral)),
        npv=float(fraction(right_all_clear, right_all_clear + wrong_all_clear)),
    )


def of_hundred(rates: LesionRates) -> OfHundred:
    """For "of 100 malignant lesions like those in the test set, about 96 are above it; of 100 benign, 28".

    Rounded to whole lesions, but 100 and 0 are said only where it was all or none.
    """

    def referred(share: float) -> int | None:
        if math.isnan(share):
            return None
        return round(100 * share) if share in (0, 1) else min(max(round(100 * share), 1), 99)

    return OfHundred(malignant=referred(rates.sensitivity), benign=referred(1 - rates.specificity))
