"""What the probabilities decide: referral at the chosen threshold, conformal sets, and the baselines to be beaten.

Needs probabilities of cases and the thresholds in their weights' description. Chooses nothing itself.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.diagnoses import CODES, INDEX, MALIGNANT
from derm.errors import DataFault
from derm.metrics.baselines import trivial_baselines
from derm.metrics.classification import accuracy, balanced_accuracy, confusion_matrix, f1, most_likely, recall
from derm.metrics.conformal import conformal_measures, conformal_sets
from derm.metrics.decision import lesion_counts, lesion_rates, of_hundred, picture_weights, predictive_values, rates_at
from derm.metrics.missing import mean_defined, or_none
from derm.metrics.prior import change_mix, equal_mix
from derm.metrics.registry import HEADLINE, classification_measures

DIGITS = 6
"""Decimals of the probabilities in predictions.csv: a threshold is compared at as many, so that the image that it was
chosen by stays on its side."""


def at_digits(values: Any) -> Any:  # noqa: ANN401 (a number, or an array of such)
    """Malignant sums, or a threshold for these, with the digits of predictions.csv."""
    return np.round(values, DIGITS)


@dataclass(frozen=True)
class Cases:
    """Cases with their answers, and the thresholds that decide on them.

    true: int64 (n,). probabilities: float64 (n, 7). lesions: text (n,). referral_threshold, conformal_thresholds: as in
    `WeightsInfo`, None where they have not been chosen. mix: the share of each class that the probabilities hold for,
    None where it is not known. sums: the malignant sum of each case as it was written, float64 (n,); None where it is
    that of `probabilities`, which have all their digits.
    """

    true: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    lesions: NDArray[np.str_]
    referral_threshold: float | None = None
    conformal_thresholds: tuple[float, ...] | None = None
    mix: tuple[float, ...] | None = None
    sums: NDArray[np.float64] | None = None

    @cached_property
    def is_malignant(self) -> NDArray[np.bool_]:
        """Whether each case is malignant, bool (n,)."""
        return np.array(MALIGNANT)[self.true]

    @cached_property
    def p_malignant(self) -> NDArray[np.float64]:
        """The malignant sum of each case, float64 (n,)."""
        if self.sums is not None:
            return self.sums
        total: NDArray[np.float64] = self.probabilities[:, list(MALIGNANT)].sum(axis=1)
        return total

    @cached_property
    def referred(self) -> NDArray[np.bool_] | None:
        """Whether each case reaches the referral threshold, bool (n,); None where none has been chosen."""
        threshold = self.referral_threshold
        return None if threshold is None else self.p_malignant >= threshold

    @cached_property
    def picture_weights(self) -> NDArray[np.float64]:
        """What each picture counts where each lesion counts once, float64 (n,)."""
        return picture_weights(self.is_malignant, self._lesion_numbers)

    def weights_of(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """What each of `rows`, int64 (k,), counts where each lesion of them counts once, float64 (k,).

        A row that is there twice counts twice: a resample draws all of a lesion's pictures, as often as the lesion.
        """
        distinct, place = np.unique(rows, return_inverse=True)
        return picture_weights(self.is_malignant[distinct], self._lesion_numbers[distinct])[place]

    @cached_property
    def _lesion_numbers(self) -> NDArray[np.int64]:
        """A number for each case's lesion, int64 (n,): sorted sooner than its name."""
        return np.unique(self.lesions, return_inverse=True)[1].astype(np.int64)

    @cached_property
    def calls(self) -> dict[str, NDArray[np.int64]]:
        """The diagnosis that each rule calls most likely, int64 (n,), by the rule's name, see `RULES`."""
        calls = {"data_mix": most_likely(self.probabilities)}
        if self.mix is not None:
            calls["equal_mix"] = most_likely(change_mix(self.probabilities, self.mix, equal_mix(self.mix)))
        return calls

    @cached_property
    def sets(self) -> NDArray[np.bool_] | None:
        """The classes that cannot be excluded, bool (n, 7); None where conformal sets have not been calibrated."""
        thresholds = self.conformal_thresholds
        return None if thresholds is None else conformal_sets(self.probabilities, np.array(thresholds))


RULES = {"data_mix": "the data's own mix", "equal_mix": "all diagnoses equally frequent"}
"""Two rules for "most likely": at the mix that the probabilities hold for, and with each divided by the share of its
diagnosis in that mix (Saerens et al. 2002), which finds the rare ones more often and errs more often in all."""


def rule_figures(cases: Cases, rows: NDArray[np.int64] | None = None) -> dict[str, dict[str, float | None]]:
    """What each rule of `RULES` is worth on images `rows`, int64 (k,), or on all; without a mix the first alone.

    Returns by rule: accuracy, balanced_accuracy, melanoma_recall and macro_f1, None where undefined.
    """
    chosen = slice(None) if rows is None else rows
    found = {}
    for rule, called in cases.calls.items():
        matrix = confusion_matrix(cases.true[chosen], called[chosen])
        found[rule] = {
            "accuracy": or_none(accuracy(matrix)),
            "balanced_accuracy": or_none(balanced_accuracy(matrix)),
            "melanoma_recall": or_none(float(recall(matrix)[INDEX["mel"]])),
            "macro_f1": or_none(mean_defined(f1(matrix))),
        }
    return found


def decide(cases: Cases, prevalence: float) -> dict[str, Any] | None:
    """Referral and conformal sets, each image a case, ready for JSON; None where the weights were not calibrated.

    prevalence: share of malignant lesions, 0 … 1, for the predictive values, which are of lesions, each counting once.
    """
    threshold = cases.referral_threshold
    if threshold is None or cases.sets is None or cases.conformal_thresholds is None:
        return None
    rates = rates_at(threshold, cases.p_malignant, cases.is_malignant)
    by_lesion = lesion_rates(cases.p_malignant >= threshold, cases.is_malignant, cases.picture_weights)
    values = predictive_values(by_lesion.sensitivity, by_lesion.specificity, prevalence)
    hundred = of_hundred(by_lesion)
    return {
        "threshold": threshold,
        "sensitivity": or_none(rates.sensitivity.value),
        "specificity": or_none(rates.specificity.value),
        "by_lesion": {name: or_none(value) for name, value in (by_lesion._asdict() | values._asdict()).items()},
        "lesions": lesion_counts(cases.is_malignant, cases.lesions)._asdict(),
        "of_100_malignant": hundred.malignant,
        "of_100_benign": hundred.benign,
        "prevalence": prevalence,
        "conformal_thresholds": list(cases.conformal_thresholds),
        "conformal": conformal_measures(cases.sets, cases.true),
    }


def compare_baselines(train: pd.DataFrame, other: pd.DataFrame, true: NDArray[np.int64]) -> dict[str, Any]:
    """What can be had without looking at a picture, by name; empty where the training part is too small to say.

    train, other: rows of a catalogue's table, those of `train` diagnosed or not. true: int64 (len(other),).
    """
    train = train[train["dx"].isin(CODES)]  # of a label that is open a baseline learns nothing
    if train.empty:
        return {}
    try:
        answers = trivial_baselines(train, other)
    except DataFault:
        return {}
    found = {}
    for name, probabilities in answers.items():
        measures = classification_measures(true, probabilities)
        found[name] = {key: measures[key] for key in HEADLINE} | {"malignant_auc": measures["malignant"]["auc"]}
    return found
