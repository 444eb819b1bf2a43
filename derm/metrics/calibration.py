"""Whether a probability keeps its word: of the cases given 80 %, are 80 % so? And the temperature that mends it.

Needs logits or probabilities and the true classes. Cases are sorted into bins once; each calibration error is
one line on the bins. Does not know which pictures show the same lesion: each counts as a case.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from derm.diagnoses import CODES, MALIGNANT
from derm.metrics.classification import ROW_SUM_TOLERANCE, check_indexes, check_probabilities, most_likely
from derm.metrics.missing import fraction, mean_defined, or_none

BINS = 15
"""Equal bins over 0 … 1, as in Guo et al. 2017, On Calibration of Modern Neural Networks."""

TEMPERATURES = (0.01, 100.0)
"""Where the temperature is sought: as far as a description of weights may have it. Logits that fit best beyond these
know no more than chance, or only which class is likeliest."""

SMALLEST = float(np.finfo(np.float64).eps)
"""2.2e-16: a lower probability counts as this in the NLL, as in scikit-learn; one 0 would make it infinite."""


class Reliability(NamedTuple):
    """What was promised and what came, bin by bin; each field has one entry a bin.

    lower, upper: float64, the bin's ends; the upper one belongs to it, and 0 to the first. cases: int64, how many.
    confidence: float64, their mean probability. accuracy: float64, the share that came true: of the top label, the
    cases diagnosed right; of the malignant probability, those that are malignant. NaN in a bin without a case.
    """

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    cases: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]


def check_binary(probability: NDArray[Any], happened: NDArray[Any]) -> None:
    """Raise ValueError unless `probability` is (N,) within 0 … 1, without NaN, and `happened` bool of that length.

    A sum of rounded probabilities may exceed 1 by as much as a row of them may, see ROW_SUM_TOLERANCE.
    """
    if probability.ndim != 1 or probability.shape != happened.shape:
        raise ValueError(
            f"probability is {probability.shape}, truth {happened.shape}, not (N,): pass one of each a case"
        )
    if happened.dtype != np.bool_:
        raise ValueError(f"truth is {happened.dtype}, not bool: compare with the class first")
    if np.isnan(probability).any():
        raise ValueError("probability holds NaN, not numbers within 0 … 1: look for the case that the model failed on")
    outside = probability[(probability < 0) | (probability > 1 + ROW_SUM_TOLERANCE)]
    if outside.size:
        raise ValueError(f"probability holds {outside[0]:.4g}, not a number within 0 … 1: apply the softmax first")


def softmax(logits: NDArray[np.floating[Any]], temperature: float = 1.0) -> NDArray[np.float64]:
    """Probabilities, float64 (N, 7), of logits, float (N, 7), divided by `temperature`, > 0."""
    probabilities: NDArray[np.float64] = np.exp(log_softmax(logits.astype(np.float64) / temperature))
    return probabilities


def log_softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Logarithms of the probabilities, float64 of the shape of `logits`, (…, 7); SciPy takes long to import."""
    below: NDArray[np.float64] = logits - logits.max(axis=-1, keepdims=True)
    logarithms: NDArray[np.float64] = below - np.log(np.exp(below).sum(axis=-1, keepdims=True))
    return logarithms


def fit_temperature(
    logits: NDArray[np.floating[Any]],
    true: NDArray[np.integer[Any]],
    weights: NDArray[np.floating[Any]] | None = None,
    carried: NDArray[np.floating[Any]] | None = None,
) -> float:
    """The temperature, > 0, by which to divide the logits so that their probabilities fit best (Guo et al. 2017).

    logits: float (N, 7), finite. true: integer (N,). weights: float (N,), above 0, what each case counts; without them
    all count alike. carried: float (7,), what is added to the divided logits before they are judged, such as the
    logarithms by which Bayes' rule carries them to the mix of these cases; without it nothing. Fitting best means the
    lowest NLL, which has one minimum over the temperature: it is convex in 1 / temperature. There is none, and 1 is
    returned, the logits as they are, where no case is wrong (the smaller the temperature the better: nothing says how
    often the model errs), where the true class has on average no more than its row's mean logit, by the shares that
    `carried` alone gives (the larger the better: no more is known than by chance), and without a case. Raises
    ValueError for arrays that do not hold this: the caller's mistake.
    """
    check_indexes("true", true)
    if logits.shape != (len(true), len(CODES)):
        raise ValueError(f"logits are {logits.shape}, not {(len(true), len(CODES))}: pass one row a case")
    if not np.isfinite(logits).all():
        raise ValueError("logits hold NaN or infinity, not finite numbers: look for the case that the model failed on")
    logits = logits.astype(np.float64)
    rows = np.arange(len(true))
    of_true = logits[rows, true]
    counted = np.ones(len(true)) if weights is None else np.asarray(weights, dtype=np.float64)
    if counted.shape != true.shape or not (counted > 0).all():
        raise ValueError(f"weights are {counted.shape}, or not all above 0: pass one a case, {true.shape}")
    added = np.zeros(len(CODES)) if carried is None else carried.astype(np.float64)
    mean = logits @ np.exp(log_softmax(added))
    if (of_true == logits.max(axis=1)).all() or (counted * of_true).sum() <= (counted * mean).sum():
        return 1.0

    def loss(log_temperature: float) -> float:
        given = log_softmax(logits / math.exp(log_temperature) + added)[rows, true]
        return -float(counted @ given) / float(counted.sum())

    low, high = map(math.log, TEMPERATURES)
    from scipy.optimize import minimize_scalar  # a second to import, and no prediction needs it

    return math.exp(minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-6}).x)


def reliability(probability: NDArray[np.floating[Any]], happened: NDArray[np.bool_], bins: int = BINS) -> Reliability:
    """Sort the cases into equal bins of their probability, once. Raises as `check_binary` does.

    probability: float (N,), 0 … 1. happened: bool (N,), whether it came true. For the top label see `top_label`.
    """
    check_binary(probability, happened)
    edges = np.linspace(0, 1, bins + 1)
    place = np.searchsorted(edges[1:-1], probability)
    cases = np.bincount(place, minlength=bins)
    confidence = np.bincount(place, weights=probability, minlength=bins)
    accuracy = np.bincount(place, weights=happened, minlength=bins)
    return Reliability(edges[:-1], edges[1:], cases, fraction(confidence, cases), fraction(accuracy, cases))


def top_label(
    true: NDArray[np.integer[Any]], probabilities: NDArray[np.floating[Any]]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The probability of each case's most likely diagnosis, float64 (N,), and whether it is right, bool (N,).

    true: integer (N,). probabilities: float (N, 7).
    """
    return probabilities.max(axis=1).astype(np.float64), most_likely(probabilities) == true


def expected_calibration_error(bins: Reliability) -> float:
    """ECE, 0 … 1: how far promise and outcome lie apart, |confidence - accuracy|, on average over the cases.

    Guo et al. 2017, equation 3. Chance alone keeps it above 0, see `error_by_chance`. NaN without a case.
    """
    return mean_defined(np.abs(bins.confidence - bins.accuracy), bins.cases)


def error_by_chance(bins: Reliability) -> float:
    """The mean ECE of a perfect model with these confidences and as many cases, 0 … 1; NaN without a case.

    That is what outcomes drawn from the model's own probabilities would give (consistency resampling, Bröcker and
    Smith 2007; as the bias of the ECE: Vaicenavicius et al. 2019). We need not draw: k outcomes of n at probability p
    miss n·p by 2·v·(1-p)·P(k = v) on average, v = floor(n·p) + 1 (de Moivre; Diaconis and Zabell 1991). Taking one p,
    the mean, for all cases of a bin gives hardly too much: 0.0001 in 0.02 for 2,000 cases, in simulation.
    """
    # An empty bin has no p; of no case none comes true, so that any number serves.
    p = np.where(bins.cases > 0, np.clip(bins.confidence, 0, 1), 0)
    v = np.floor(bins.cases * p) + 1
    from scipy.stats import binom  # as slow to import

    return float(fraction((2 * v * (1 - p) * binom.pmf(v, bins.cases, p)).sum(), bins.cases.sum()))


def debiased_error(bins: Reliability) -> float:
    """ECE less what chance alone gives: 0 on average for a perfect model, and below 0 by luck; NaN without a case.

    Chance adds most where promise and outcome agree and hardly anything where they lie far apart, so that the true
    error lies, on average, between this and the ECE: print both. The squared error has an unbiased estimate (Bröcker
    2012; Kumar et al. 2019), but in another unit than the ECE that everybody prints, and its root is biased again.
    """
    return expected_calibration_error(bins) - error_by_chance(bins)


def brier(true: NDArray[np.integer[Any]], probabilities: NDArray[np.floating[Any]]) -> float:
    """The squared distance from the truth, summed over the seven classes, on average over the cases: 0 … 2.

    true: integer (N,). probabilities: float (N, 7). As Brier 1950 defined it; NaN without a case.
    """
    miss = probabilities.astype(np.float64) - np.eye(len(CODES))[true]
    return mean_defined((miss**2).sum(axis=1))


def binary_brier(probability: NDArray[np.floating[Any]], happened: NDArray[np.bool_]) -> float:
    """The squared distance of a probability from what came, on average over the cases: 0 … 1, half of Brier's sum.

    probability: float (N,). happened: bool (N,). NaN without a case.
    """
    return mean_defined((probability.astype(np.float64) - happened) ** 2)


def nll(given_to_truth: NDArray[np.floating[Any]]) -> float:
    """The negative log-likelihood, ≥ 0, in nats a case, of the probability given to what came true; NaN without a case.

    given_to_truth: float (N,). Below SMALLEST a probability counts as SMALLEST.
    """
    return mean_defined(-np.log(np.clip(given_to_truth.astype(np.float64), SMALLEST, 1)))


def calibration_measures(true: NDArray[np.integer[Any]], probabilities: NDArray[np.floating[Any]]) -> dict[str, Any]:
    """Everything measured on the probabilities of N cases, ready for JSON: plain numbers, None without a case.

    true: integer (N,). probabilities: float (N, 7), rows summing to 1. Returns ece of the top label, ece_by_chance,
    ece_debiased, brier (0 … 2), nll (nats a case); and malignant.<the same> of the summed malignant probability itself
    against malignant or benign (its brier 0 … 1). Raises ValueError for arrays that do not hold this.
    """
    check_indexes("true", true)
    check_probabilities(probabilities, len(true))
    probabilities = probabilities.astype(np.float64)
    malignant = np.array(MALIGNANT)
    is_malignant, p_malignant = malignant[true], probabilities[:, malignant].sum(axis=1)

    def errors(bins: Reliability) -> dict[str, float | None]:
        return {
            "ece": or_none(expected_calibration_error(bins)),
            "ece_by_chance": or_none(error_by_chance(bins)),
            "ece_debiased": or_none(debiased_error(bins)),
        }

    return {
        **errors(reliability(*top_label(true, probabilities))),
        "brier": or_none(brier(true, probabilities)),
        "nll": or_none(nll(probabilities[np.arange(len(true)), true])),
        "malignant": {
            **errors(reliability(p_malignant, is_malignant)),
            "brier": or_none(binary_brier(p_malignant, is_malignant)),
            "nll": or_none(nll(np.where(is_malignant, p_malignant, 1 - p_malignant))),
        },
    }
