"""How well the seven diagnoses are told apart, and malignant from benign.

Needs true classes and probabilities. Cases are counted once, in a confusion matrix; every measure of
counts is one line on it. Does not know which pictures show the same lesion: each counts as a case.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from derm.diagnoses import CODES, MALIGNANT
from derm.metrics.missing import fraction, mean_defined, or_none

# Wide enough for half precision and for probabilities rounded to four digits, too narrow for logits.
ROW_SUM_TOLERANCE = 1e-3


def check_indexes(name: str, indexes: NDArray[Any], classes: int = len(CODES)) -> None:
    """Raise ValueError unless `indexes` is integer (N,) within 0 … classes - 1; `name` is for the message."""
    if indexes.ndim != 1 or not np.issubdtype(indexes.dtype, np.integer):
        raise ValueError(f"{name} is {indexes.dtype} {indexes.shape}, not integer (N,): pass one class index a case")
    outside = indexes[(indexes < 0) | (indexes >= classes)]
    if outside.size:
        raise ValueError(f"{name} holds {outside[0]}, not an index within 0 … {classes - 1}: use derm.diagnoses.INDEX")


def check_probabilities(probabilities: NDArray[Any], cases: int) -> None:
    """Raise ValueError unless `probabilities` is float (cases, 7), ≥ 0, without NaN, each row summing to 1 ± 1e-3."""
    if probabilities.shape != (cases, len(CODES)):
        raise ValueError(f"probabilities are {probabilities.shape}, not {(cases, len(CODES))}: pass one row a case")
    if np.isnan(probabilities).any():
        raise ValueError("probabilities hold NaN, not numbers within 0 … 1: look for the case that the model failed on")
    if (probabilities < 0).any():
        raise ValueError(f"probabilities hold {probabilities.min():.4g}, below 0: apply the softmax first")
    sums = probabilities.sum(axis=1, dtype=np.float64)
    wrong = sums[np.abs(sums - 1) > ROW_SUM_TOLERANCE]
    if wrong.size:
        raise ValueError(f"a row of probabilities sums to {wrong[0]:.4g}, not 1: apply the softmax first")


def most_likely(probabilities: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """The index of each row's highest probability: int64 (N,). Of a tie, the first in the order of CODES."""
    likeliest: NDArray[np.int64] = probabilities.argmax(axis=1).astype(np.int64)
    return likeliest


def confusion_matrix(
    true: NDArray[np.integer[Any]], predicted: NDArray[np.integer[Any]], classes: int = len(CODES)
) -> NDArray[np.int64]:
    """Count the cases: int64 (classes, classes), rows are true classes, columns predicted ones.

    true, predicted: integer (N,), 0 … classes - 1. Raises ValueError for anything else: the caller's mistake.
    """
    check_indexes("true", true, classes)
    check_indexes("predicted", predicted, classes)
    if len(true) != len(predicted):
        raise ValueError(f"{len(true)} true classes, {len(predicted)} predicted ones: pass one of each a case")
    cells = true.astype(np.int64) * classes + predicted
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def accuracy(matrix: NDArray[np.int64]) -> float:
    """The share of cases diagnosed right, 0 … 1; NaN without a case."""
    return float(fraction(matrix.trace(), matrix.sum()))


def balanced_accuracy(matrix: NDArray[np.int64]) -> float:
    """The mean recall over the classes that are present, 0 … 1; NaN without a case."""
    return mean_defined(recall(matrix))


def precision(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of the cases called this class, the share that is: float64 (C,); NaN if it was never called."""
    return fraction(matrix.diagonal(), matrix.sum(axis=0))


def recall(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of the cases of this class, the share found (sensitivity): float64 (C,); NaN if there is none."""
    return fraction(matrix.diagonal(), matrix.sum(axis=1))


def f1(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """The harmonic mean of precision and recall: float64 (C,); NaN if the class is neither present nor called."""
    return fraction(2 * matrix.diagonal(), matrix.sum(axis=0) + matrix.sum(axis=1))


def specificity(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of the cases of other classes, the share not called this one: float64 (C,); NaN if there is none."""
    others = matrix.sum() - matrix.sum(axis=1)
    return fraction(others - (matrix.sum(axis=0) - matrix.diagonal()), others)


def auc(positive: NDArray[np.bool_], score: NDArray[np.floating[Any]]) -> float:
    """The chance that a positive case scores above a negative one, a tie counting half; NaN if either is missing.

    positive: bool (N,). score: float (N,), higher means more likely positive. By the sum of ranks (Mann and Whitney
    1947), which equals scikit-learn's area under the curve and is quick enough for a thousand resamples.
    """
    hits = int(positive.sum())
    if hits in (0, len(positive)):
        return float("nan")
    from scipy.stats import rankdata  # a second to import, and no prediction needs it

    ranks = rankdata(score)[positive].sum()
    return float((ranks - hits * (hits + 1) / 2) / (hits * (len(positive) - hits)))


def class_aucs(true: NDArray[np.integer[Any]], probabilities: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """The AUC of each class against the rest, float64 (7,), NaN where undefined; see `classification_measures`."""
    return np.array([auc(true == index, probabilities[:, index]) for index in range(len(CODES))])


def malignant_measures(true: NDArray[np.integer[Any]], probabilities: NDArray[np.floating[Any]]) -> dict[str, Any]:
    """Malignant (mel, bcc, akiec) against benign, ready for JSON.

    true: integer (N,). probabilities: float (N, 7). Returns auc of the summed malignant probability, support (the
    malignant cases), and sensitivity, specificity and precision twice: where a case is called malignant because
    its most likely diagnosis is (top level), and because its malignant probability is at least 0.5 (`at_half`).
    """
    malignant = np.array(MALIGNANT)
    is_malignant = malignant[true]
    p_malignant = probabilities[:, malignant].sum(axis=1, dtype=np.float64)

    def at(called: NDArray[np.bool_]) -> dict[str, float | None]:
        matrix = confusion_matrix(is_malignant.astype(np.int64), called.astype(np.int64), classes=2)
        return {
            "sensitivity": or_none(recall(matrix)[1]),
            "specificity": or_none(specificity(matrix)[1]),
            "precision": or_none(precision(matrix)[1]),
        }

    return {
        "auc": or_none(auc(is_malignant, p_malignant)),
        "support": int(is_malignant.sum()),
        **at(malignant[most_likely(probabilities)]),
        "at_half": at(p_malignant >= 0.5),
    }
