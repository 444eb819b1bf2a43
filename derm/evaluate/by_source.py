"""Every headline figure by source, and by the clinics and cameras within one: where an answer holds and where not.

Needs what a model answered for images of one or several sources. A pooled figure hides the source on which the model
fails; none is given without these. Knows no pictures.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.data.catalogue import part_names
from derm.data.diagnosis_words import is_malignant
from derm.diagnoses import CODES, INDEX
from derm.evaluate.decision import Cases
from derm.language.speech import mark
from derm.metrics.bootstrap import bootstrap
from derm.metrics.calibration import calibration_measures
from derm.metrics.classification import auc, balanced_accuracy, confusion_matrix, most_likely
from derm.metrics.conformal import conformal_measures
from derm.metrics.decision import lesion_counts, lesion_rates, picture_weights
from derm.metrics.missing import mean_defined, or_none
from derm.metrics.subgroups import COLUMNS

FIGURES = {
    "balanced_accuracy": mark("Balanced accuracy"),
    "melanoma_auc": mark("Melanoma AUC"),
    "malignant_auc": mark("Malignant AUC"),
    "sensitivity": mark("Malignant found"),
    "specificity": mark("Benign left alone"),
    "ece_debiased": mark("Calibration error"),
    "coverage": mark("Sets hold the truth"),
    "dice": "Dice",
    "turned_away": mark("Turned away"),
}
"""Figure → its heading, in the order of tables. sensitivity, specificity: at the referral threshold, each lesion
counting once. ece_debiased: of the top label, what a perfect model would show taken off. coverage: of the conformal
sets. turned_away: share called no dermoscopic picture."""

SMALL = 20
"""Lesions below which a source gets no row of its own."""


@dataclass(frozen=True)
class Answers:
    """What was answered for the n images of a catalogue's rows, of any source, diagnosed or not.

    table: the rows. lesions: text (n,). probabilities: float64 (n, 7). dice: float64 (n,), NaN without a mask.
    turned_away: bool (n,), or None where the weights cannot tell. The thresholds as in `WeightsInfo`.
    """

    table: pd.DataFrame
    lesions: NDArray[np.str_]
    probabilities: NDArray[np.float64]
    dice: NDArray[np.float64]
    turned_away: NDArray[np.bool_] | None
    referral_threshold: float | None
    conformal_thresholds: tuple[float, ...] | None


def measure_sources(answers: Answers, replicates: int) -> dict[str, dict[str, Any]]:
    """The figures of each source, then of each part of a source that has several, ready for JSON; see `part_names`.

    By name: within (the source of a part, else None), images, lesions, malignant and melanomas (images), rated (images
    that are known to be malignant or benign, and how many lesions of each kind they show), and figures: for each of
    `FIGURES` its value, None where undefined, and interval, 95 % by bootstrap over lesions, or None. A group of fewer
    than `SMALL` lesions has no row.
    """
    found = {}
    named = part_names(answers.table)
    for source, rows in _groups(answers.table["source"]):
        if len(np.unique(answers.lesions[rows])) >= SMALL:
            found[source] = {"within": None, **_measure(answers, rows, replicates)}
        parts = _groups(named.iloc[rows])
        for part, inside in parts if len(parts) > 1 else []:
            own = rows[inside]
            if part not in found and len(np.unique(answers.lesions[own])) >= SMALL:
                found[part] = {"within": source, **_measure(answers, own, replicates)}
    return found


def _groups(values: pd.Series) -> list[tuple[str, NDArray[np.int64]]]:
    texts = values.to_numpy(dtype=str)
    return [(str(name), np.flatnonzero(texts == name)) for name in np.unique(texts)]


def _measure(answers: Answers, rows: NDArray[np.int64], replicates: int) -> dict[str, Any]:
    dx = answers.table["dx"].iloc[rows]
    closed = dx.isin(CODES).to_numpy()
    true = np.where(closed, dx.map(INDEX).fillna(0), 0).astype(np.int64)
    ill = is_malignant(dx)
    told = ~np.isnan(ill)
    probabilities, lesions = answers.probabilities[rows], answers.lesions[rows]
    cases = Cases(true, probabilities, lesions, answers.referral_threshold, answers.conformal_thresholds)
    weights = np.zeros(len(rows))
    weights[told] = picture_weights(ill[told] == 1, lesions[told])

    def figures(drawn: NDArray[np.int64]) -> dict[str, float | None]:
        diagnosed, known = drawn[closed[drawn]], drawn[told[drawn]]
        values = {
            "balanced_accuracy": balanced_accuracy(
                confusion_matrix(true[diagnosed], most_likely(probabilities[diagnosed]))
            ),
            "melanoma_auc": auc(true[diagnosed] == INDEX["mel"], probabilities[diagnosed, INDEX["mel"]]),
            "malignant_auc": auc(ill[known] == 1, cases.p_malignant[known]),
            "dice": mean_defined(answers.dice[rows][drawn]),
        }
        if len(diagnosed):
            values["ece_debiased"] = _number(calibration_measures(true[diagnosed], probabilities[diagnosed]))
        if cases.referred is not None:
            rates = lesion_rates(cases.referred[known], ill[known] == 1, weights[known])
            values |= {"sensitivity": rates.sensitivity, "specificity": rates.specificity}
        if cases.sets is not None and len(diagnosed):
            held = conformal_measures(cases.sets[diagnosed], true[diagnosed])["coverage"]
            values["coverage"] = np.nan if held is None else held
        if answers.turned_away is not None:
            values["turned_away"] = float(answers.turned_away[rows][drawn].mean())
        return {name: or_none(values[name]) if name in values else None for name in FIGURES}

    values = figures(np.arange(len(rows)))
    spans = bootstrap(figures, lesions, replicates)
    return {
        "images": len(rows),
        "lesions": len(np.unique(lesions)),
        "malignant": int((ill == 1).sum()),
        "rated": {"images": int(told.sum()), **lesion_counts(ill[told] == 1, lesions[told])._asdict()},
        "melanomas": int((dx == "mel").sum()),
        "figures": {name: {"value": value, "interval": spans[name] if value is not None else None}
                    for name, value in values.items()},
    }  # fmt: skip


def _number(measures: dict[str, Any]) -> float:
    value = measures["ece_debiased"]
    return float("nan") if value is None else float(value)


def sources_table(by_source: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """One row a figure of a source or of a part of one, with the columns of `derm.metrics.subgroups.COLUMNS`, so that
    it is drawn like any subgroup: dimension is 'source', or the source that the part is within."""
    lines = [
        (own["within"] or "source", name, own["images"], own["lesions"], own["malignant"], figure, told["value"],
         *(told["interval"] or (None, None)), "")
        for name, own in by_source.items()
        for figure, told in own["figures"].items()
    ]  # fmt: skip
    return pd.DataFrame(lines, columns=list(COLUMNS)).astype(dict.fromkeys(("value", "low", "high"), np.float64))
