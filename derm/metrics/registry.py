"""Every figure of a whole part of a data set: its name, its label, where it is shown, and how it is computed.

Training, evaluation, monitor, report, explorer and command line read it here. A metric that is added to `OVERALL` with
`headline` set is computed, gets its interval, and appears in each of their tables and charts.
"""

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derm.diagnoses import CODES
from derm.language.speech import BRACKETED, ENGLISH, language, mark, say
from derm.metrics import classification
from derm.metrics.missing import mean_defined, or_none


@dataclass(frozen=True, eq=False)
class Scored:
    """N cases with the truth, counted once for all metrics. true: int64 (N,). probabilities: float (N, 7)."""

    true: NDArray[np.integer[Any]]
    probabilities: NDArray[np.floating[Any]]

    @cached_property
    def matrix(self) -> NDArray[np.int64]:
        """The confusion matrix, int64 (7, 7)."""
        return classification.confusion_matrix(self.true, classification.most_likely(self.probabilities))

    @cached_property
    def support(self) -> NDArray[np.int64]:
        """Cases of each class, int64 (7,)."""
        support: NDArray[np.int64] = self.matrix.sum(axis=1)
        return support

    @cached_property
    def precision(self) -> NDArray[np.float64]:
        """Float64 (7,), NaN where undefined."""
        return classification.precision(self.matrix)

    @cached_property
    def recall(self) -> NDArray[np.float64]:
        """Float64 (7,), NaN where undefined."""
        return classification.recall(self.matrix)

    @cached_property
    def f1(self) -> NDArray[np.float64]:
        """Float64 (7,), NaN where undefined."""
        return classification.f1(self.matrix)

    @cached_property
    def specificity(self) -> NDArray[np.float64]:
        """Float64 (7,), NaN where undefined."""
        return classification.specificity(self.matrix)

    @cached_property
    def auc(self) -> NDArray[np.float64]:
        """Of each class against the rest, float64 (7,), NaN where undefined."""
        return classification.class_aucs(self.true, self.probabilities)


@dataclass(frozen=True)
class Metric:
    """One figure of a whole part, 0 … 1, higher is better."""

    key: str
    """Its name in metrics.json and the run log."""

    label: str
    """As in a table or above a chart."""

    headline: bool = False
    """Whether it stands wherever a model is summed up in a line: training, best epoch, comparison, subgroups, card."""

    charted: bool = True
    """Whether the monitor draws its course."""

    short: str = ""
    """Its label where space is short; without one the label, small."""

    @property
    def brief(self) -> str:
        """The label inside a line: small, but for names of people and abbreviations."""
        return say(self.short) if self.short else lower_first(self.label)


@dataclass(frozen=True, kw_only=True)
class ClassMetric(Metric):
    """One that is computed from diagnoses and probabilities."""

    compute: Callable[[Scored], float]
    """From the cases to the figure; NaN where undefined."""


def lower_first(label: str) -> str:
    """A metric's label inside a sentence of the language now spoken: in English small, but for names of people and
    abbreviations."""
    if language() not in (ENGLISH, BRACKETED) or label in ("Dice", "IoU", "F1", "AUC"):
        return say(label)
    return say(label).replace(label, label[0].lower() + label[1:])


OVERALL: tuple[ClassMetric, ...] = (
    ClassMetric(
        "accuracy", mark("Accuracy"), headline=True, compute=lambda cases: classification.accuracy(cases.matrix)
    ),
    ClassMetric(
        "balanced_accuracy",
        mark("Balanced accuracy"),
        headline=True,
        short=mark("balanced"),
        compute=lambda cases: classification.balanced_accuracy(cases.matrix),
    ),
    ClassMetric("macro_precision", mark("Macro precision"), compute=lambda cases: mean_defined(cases.precision)),
    # The mean recall is the balanced accuracy: one of the two is enough for a chart.
    ClassMetric("macro_recall", mark("Macro recall"), charted=False, compute=lambda cases: mean_defined(cases.recall)),
    ClassMetric("macro_f1", mark("Macro F1"), headline=True, compute=lambda cases: mean_defined(cases.f1)),
    ClassMetric(
        "weighted_precision",
        mark("Weighted precision"),
        charted=False,
        compute=lambda cases: mean_defined(cases.precision, cases.support),
    ),
    # Recall weighted by support is the accuracy.
    ClassMetric(
        "weighted_recall",
        mark("Weighted recall"),
        charted=False,
        compute=lambda cases: mean_defined(cases.recall, cases.support),
    ),
    ClassMetric("weighted_f1", mark("Weighted F1"), compute=lambda cases: mean_defined(cases.f1, cases.support)),
    ClassMetric("macro_auc", mark("Macro AUC"), headline=True, compute=lambda cases: mean_defined(cases.auc)),
)
"""Of the diagnoses, in the order of tables."""

OUTLINE: tuple[Metric, ...] = (
    Metric("dice", mark("Dice"), headline=True),
    Metric("iou", mark("IoU"), headline=True),
    Metric("pixel_accuracy", mark("Pixel accuracy")),
)
"""Of the outlines, means over images; `derm.metrics.masks.mask_measures` computes them."""

DECISION: tuple[Metric, ...] = (
    Metric("malignant.auc", mark("AUC, malignant against benign"), headline=True),
    Metric("decision.by_lesion.sensitivity", mark("Sensitivity of referral, by lesion"), headline=True),
    Metric("decision.by_lesion.specificity", mark("Specificity of referral, by lesion"), headline=True),
    Metric("decision.sensitivity", mark("Sensitivity of referral, by picture"), headline=True),
    Metric("decision.specificity", mark("Specificity of referral, by picture"), headline=True),
)
"""Of malignant against benign and of referral, by their dotted names in metrics.json. By lesion each one counts once,
however many its pictures; results from before that was measured have those by picture alone."""

BY_LESION = {f"decision.{rate}": f"decision.by_lesion.{rate}" for rate in ("sensitivity", "specificity")}
"""Figures of pictures → the same of lesions."""

PER_CLASS = {
    "precision": mark("Precision"),
    "recall": mark("Recall (sensitivity)"),
    "f1": mark("F1"),
    "specificity": mark("Specificity"),
    "auc": mark("AUC"),
}
"""Figures of one diagnosis: attributes of `Scored`, names in metrics.json and the run log → label."""

HEADLINE: tuple[str, ...] = tuple(metric.key for metric in OVERALL if metric.headline)
"""Names of the headline's figures of the diagnoses."""

OUTLINE_HEADLINE: tuple[str, ...] = tuple(metric.key for metric in OUTLINE if metric.headline)
"""Names of the headline's figures of the outlines."""


def in_one_unit(names: Iterable[str], known: Container[str]) -> list[str]:
    """`names` without the figures of pictures, or, where `known` has those alone, without the ones of lesions: what has
    one name then means one thing."""
    left_out = {
        lesions if pictures in known and lesions not in known else pictures for pictures, lesions in BY_LESION.items()
    }
    return [name for name in names if name not in left_out]


LABELS: dict[str, str] = {metric.key: metric.label for metric in (*OVERALL, *DECISION, *OUTLINE)}
"""Name → label of every figure."""


def overall(cases: Scored, names: tuple[str, ...] | None = None) -> dict[str, float]:
    """The figures of `OVERALL`, or those called `names`, NaN where undefined."""
    return {metric.key: metric.compute(cases) for metric in OVERALL if names is None or metric.key in names}


def classification_measures(true: NDArray[np.integer[Any]], probabilities: NDArray[np.floating[Any]]) -> dict[str, Any]:
    """Everything measured on the diagnoses of N cases, ready for JSON: plain numbers, None where undefined.

    true: integer (N,), indexes into CODES. probabilities: float (N, 7), rows summing to 1. Returns the figures of
    `OVERALL`: accuracy, balanced_accuracy; macro_ and weighted_ (by support) precision, recall and f1; macro_auc (one
    against the rest); per_class.<code>.{precision, recall, f1, specificity, auc, support}; undefined.<measure>, the
    codes left out of its averages; malignant (see `derm.metrics.classification`); confusion_matrix; classes, its order.
    Raises ValueError for arrays that do not hold this: the caller's mistake, as files are checked where they are read.
    """
    classification.check_indexes("true", true)
    classification.check_probabilities(probabilities, len(true))
    cases = Scored(true, probabilities)
    columns: dict[str, NDArray[np.float64]] = {name: getattr(cases, name) for name in PER_CLASS}
    return {
        **{name: or_none(value) for name, value in overall(cases).items()},
        "per_class": {
            code: {name: or_none(values[index]) for name, values in columns.items()}
            | {"support": int(cases.support[index])}
            for index, code in enumerate(CODES)
        },
        "undefined": {
            name: [code for code, value in zip(CODES, values, strict=True) if np.isnan(value)]
            for name, values in columns.items()
        },
        "malignant": classification.malignant_measures(true, probabilities),
        "confusion_matrix": cases.matrix.tolist(),
        "classes": list(CODES),
    }
