"""A model's results joined with the data set's table: what a confusion cell holds, and how good each filtered group is.

Needs results of `derm evaluate` and the table of `explorable`. Everything follows from one row an image. Knows no
picture.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.diagnoses import CODES, DIAGNOSES, INDEX, MALIGNANT
from derm.evaluate.belonging import UNRECORDED, is_recorded, other_data, other_sources, other_weights
from derm.evaluate.by_source import FIGURES, SMALL
from derm.evaluate.dataset import class_curves, reliability_bins
from derm.evaluate.results import Results, why_known
from derm.explore.table import DIMENSIONS
from derm.figures.results import figure_text
from derm.figures.text import SPACE, counted_percent
from derm.language.speech import mark, number, say, say_many
from derm.metrics.bootstrap import bootstrap
from derm.metrics.classification import class_aucs, confusion_matrix, f1, most_likely, precision, recall, specificity
from derm.metrics.curves import average_precision
from derm.metrics.missing import or_none
from derm.metrics.prior import change_mix, equal_mix
from derm.metrics.registry import classification_measures
from derm.model.weights import Model

REPLICATES = 200
"""Resamples for an interval on a page: its ends are known to a fifth of its width."""

UNSEEN = -1
"""Row of an image that the data set does not hold."""

RELIABILITY = {
    "top_label": mark("Calibration of the likeliest diagnosis"),
    "malignant": mark("Calibration of the malignant sum"),
}
"""Two diagnoses of reliability, by the name of their bins, with their titles."""

INTERVALS = mark("Intervals are 95 %, by bootstrap over lesions.")
EXACT = mark(
    "The two diagrams below: of all images that were promised about this probability, the share that came true. Their "
    "intervals are exact ones that take each image as a case of its own, and so somewhat too narrow."
)
SUBGROUPS = mark("Over the whole part: the filter plays no part here. Open marks: too few lesions for an interval.")

SOURCES = mark(
    "Over the whole part: the filter plays no part here. Malignant found and benign left alone are at the referral "
    "threshold, each lesion counting once; the calibration error is that of the likeliest diagnosis, less what a "
    "perfect model would show."
)

RULES = {
    "data_mix": mark(
        "The likeliest diagnosis where all are as frequent as in the data that the weights were calibrated on."
    ),
    "equal_mix": mark(
        "The likeliest diagnosis where all seven are equally frequent: rare ones are found more often, at the "
        "cost of more errors in all."
    ),
}
"""What the two rules for a diagnosis mean."""

NO_MIX = mark(
    "These weights do not say for which mix of diagnoses their probabilities hold, so nothing can be told of another: "
    "choose another rule, or calibrate them with `derm calibrate`."
)
"""Markdown."""

LEAST = 1e-6
"""Probability below which a loss grows no further: predictions.csv has six digits."""


def outcomes(results: Results, table: pd.DataFrame) -> pd.DataFrame:
    """One row an image of the results, in their order, with what the data set's table says of it.

    table: of `explorable`. Columns: image_id; lesion, text; true, predicted: int64, indexes into `CODES`; p_true,
    confidence (the highest probability), loss (−log of p_true), iou, p_malignant: float64; row: int64, of `table`, or
    `UNSEEN`; and the dimensions' columns, with no value where the image is unseen.
    """
    predictions, probabilities, true = results.predictions, results.probabilities, results.true
    rows = pd.Series(np.arange(len(table)), index=table["image_id"])
    row = predictions["image_id"].map(rows[~rows.index.duplicated()]).fillna(UNSEEN).astype(np.int64).to_numpy()
    joined = pd.DataFrame(
        {
            "image_id": predictions["image_id"],
            "lesion": predictions["lesion_id"].astype(str),
            "true": true,
            **_called(probabilities, true),
            "iou": predictions["iou"],
            "p_malignant": predictions["p_malignant"],
            "row": row,
        }
    )
    for dimension in DIMENSIONS:
        column = table[dimension.column]
        codes = np.append(column.cat.codes.to_numpy(), -1)[row]  # row −1 is the code of no value
        joined[dimension.column] = pd.Categorical.from_codes(codes, column.cat.categories, ordered=True)
    return joined


def at_rule(cases: pd.DataFrame, results: Results, mix: Sequence[float] | None) -> pd.DataFrame:
    """`cases`, of `outcomes`, as called where all diagnoses are equally frequent: other predicted, confidence, p_true
    and loss, and a column rule that says so.

    mix: the share of each class for which the results' probabilities hold; None leaves all as it is. The malignant
    probability stays that at the data's own mix, for which the referral threshold holds.
    """
    if mix is None:
        return cases
    probabilities = change_mix(results.probabilities, mix, equal_mix(mix))
    return cases.assign(**_called(probabilities, results.true), rule="equal_mix")


def _called(probabilities: NDArray[np.float64], true: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """What probabilities (n, 7) call each image, and how sure they are of that and of the truth, columns (n,)."""
    p_true = probabilities[np.arange(len(true)), true]
    return {
        "predicted": most_likely(probabilities),
        "p_true": p_true,
        "confidence": probabilities.max(axis=1),
        "loss": -np.log(np.maximum(p_true, LEAST)),
    }


def refusal(results: Results, table: pd.DataFrame, model: Model | None) -> str | None:
    """Why these results must not be shown under this data set and these weights, in one sentence; None if they may.

    table: of a catalogue. model: the loaded weights; None where any will do.
    """
    told = (results.about, results.predictions, table)
    if fault := other_data(*told) or other_sources(*told):
        return fault
    return None if model is None else other_weights(results.about, results.weights_state, model)


def remarks(results: Results) -> list[str]:
    """What must be known of results that belong here, one sentence each."""
    said = []
    if reason := why_known(results.about):
        said.append(say("The weights {reason}: every figure here is too good.", reason=reason))
    if (views := results.about.get("views", 1)) != 1:
        said.append(
            say(
                "Every figure here is of the mean of {views} views of each picture; the referral threshold was chosen "
                "on single ones.",
                views=views,
            )
        )
    if not is_recorded(results.about):
        said.append(say(UNRECORDED))
    return said


def sources_sentence(results: Results) -> str:
    """How many sources the figures are of, which are too small for any, and where melanoma is told worst; or that none
    were kept."""
    found = {name: own for name, own in results.by_source.items() if own["within"] is None}
    if not found and results.about.get("sources"):
        return say("No source has the {least} lesions that figures of its own need.", least=SMALL)
    if not found:
        return say("These results tell no sources apart: measure again with `derm evaluate`, which does.")
    smaller = [name for name in results.about.get("sources", ()) if name not in found]
    if len(found) == 1 and not smaller:
        (name,) = found
        parts = [other for other, own in results.by_source.items() if own["within"]]
        if parts:
            return say(
                "All figures are of one source, {name}, of {parts} within it. How the model does elsewhere they do not "
                "say.",
                name=name,
                parts=", ".join(parts),
            )
        return say("All figures are of one source, {name}. How the model does elsewhere they do not say.", name=name)
    said = [
        say_many(
            "Figures of one source: {sources}.",
            "Figures of {count} sources: {sources}.",
            len(found),
            sources=", ".join(found),
        )
    ]
    if smaller:
        said.append(
            say(
                "Of fewer than {least} lesions, and so without figures here, though the other figures of these results "
                "count them: {smaller}.",
                least=SMALL,
                smaller=", ".join(smaller),
            )
        )
    aucs = {name: own["figures"]["melanoma_auc"]["value"] for name, own in found.items()}
    known = {name: value for name, value in aucs.items() if value is not None}
    if known and len(found) > 1:
        worst = min(known, key=lambda name: known[name])
        said.append(say("Melanoma is told worst on {worst}, AUC {auc:.2f}.", worst=worst, auc=known[worst]))
    return " ".join(said)


def sources_spoken(results: Results, figure: str) -> str:
    """One figure of every source in words, for those who do not see the chart."""
    told = [
        f"{name} {figure_text(own['figures'][figure]['value'], own['figures'][figure]['interval'])}"
        for name, own in results.by_source.items()
    ]
    return say("{figure} by source: {values}.", figure=say(FIGURES[figure]), values="; ".join(told))


def sources_frame(results: Results) -> pd.DataFrame:
    """Every figure of every source as text, one row a source or part of one."""
    return pd.DataFrame(
        [
            {
                say("Source"): name if own["within"] is None else f"{own['within']}: {name}",
                say("Images"): number(own["images"], ","),
                say("Malignant"): number(own["malignant"], ","),
                **{
                    say(label): figure_text(own["figures"][key]["value"], own["figures"][key]["interval"])
                    for key, label in FIGURES.items()
                },
            }
            for name, own in results.by_source.items()
        ]
    )


def count(cases: pd.DataFrame, kept: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The confusion matrix of the kept cases, int64 (7, 7)."""
    return confusion_matrix(cases["true"].to_numpy()[kept], cases["predicted"].to_numpy()[kept])


def cell(cases: pd.DataFrame, kept: NDArray[np.bool_], true: int | None, predicted: int | None) -> NDArray[np.int64]:
    """Rows of the kept cases in a cell of the matrix, int64 (k,); None for one of the two means the whole line."""
    inside = kept.copy()
    if true is not None:
        inside &= cases["true"].to_numpy() == true
    if predicted is not None:
        inside &= cases["predicted"].to_numpy() == predicted
    return np.flatnonzero(inside)


def measures(results: Results, kept: NDArray[np.bool_], replicates: int = REPLICATES) -> dict[str, Any]:
    """Figures and intervals of the kept images, as metrics.json has them; of all images, those that were measured.

    Each figure of a class, accuracy, and the AUC of malignant; intervals by bootstrap over lesions.
    """
    if kept.all():
        return results.metrics
    true, probabilities = results.true[kept], results.probabilities[kept]
    lesions = results.predictions["lesion_id"].to_numpy(dtype=str)[kept]

    def measure(rows: NDArray[np.int64]) -> dict[str, float | None]:
        matrix = confusion_matrix(true[rows], most_likely(probabilities[rows]))
        each = {
            "precision": precision(matrix),
            "recall": recall(matrix),
            "f1": f1(matrix),
            "specificity": specificity(matrix),
            "auc": class_aucs(true[rows], probabilities[rows]),
        }
        return {
            f"per_class.{code}.{name}": or_none(values[place])
            for name, values in each.items()
            for place, code in enumerate(CODES)
        }

    found = classification_measures(true, probabilities)
    return found | {"intervals": bootstrap(measure, lesions, replicates) if len(true) else {}}


def curves(results: Results, kept: NDArray[np.bool_]) -> dict[str, Any]:
    """ROC and precision–recall curves of the kept images, as curves.json has them."""
    return results.curves if kept.all() else class_curves(results.true[kept], results.probabilities[kept])


def precision_intervals(
    results: Results, kept: NDArray[np.bool_], replicates: int = REPLICATES
) -> dict[str, tuple[float, float] | None]:
    """95 % interval of each curve's average precision, by the curve's key; empty without an image."""
    true, probabilities = results.true[kept], results.probabilities[kept]
    malignant = np.array(MALIGNANT)
    p_malignant = probabilities[:, malignant].sum(axis=1)
    lesions = results.predictions["lesion_id"].to_numpy(dtype=str)[kept]

    def measure(rows: NDArray[np.int64]) -> dict[str, float | None]:
        found = {code: average_precision(true[rows] == i, probabilities[rows, i]) for code, i in INDEX.items()}
        found["malignant"] = average_precision(malignant[true[rows]], p_malignant[rows])
        return {name: or_none(value) for name, value in found.items()}

    return bootstrap(measure, lesions, replicates) if len(true) else {}


def bins(results: Results, kept: NDArray[np.bool_], of: str) -> dict[str, Any]:
    """The bins of a reliability diagram of the kept images; of: 'top_label' or 'malignant'."""
    found: dict[str, Any] = reliability_bins(results.true[kept], results.probabilities[kept])[of]
    return found


def cell_sentence(matrix: NDArray[np.int64], true: int, predicted: int) -> str:
    """A chosen cell as a headline: '94 of 223 melanomas …' in words that hold for every diagnosis."""
    told = {"count": int(matrix[true, predicted]), "all": int(matrix[true].sum()), "name": DIAGNOSES[true].called}
    if true == predicted:
        return say("{count:,} of {all:,} images of {name} recognised as such", **told)
    return say("{count:,} of {all:,} images of {name} called {called}", **told, called=DIAGNOSES[predicted].called)


ACCURACY = {"data_mix": "accuracy", "equal_mix": "rules.equal_mix.accuracy"}
"""Rule for a diagnosis → its accuracy's name in metrics.json."""


def accuracy_sentence(results: Results, matrix: NDArray[np.int64], rule: str = "data_mix") -> str:
    """What the matrix is of and its accuracy, small, in one line; says so where it holds no case.

    rule: of `RULES`, by which the matrix was counted. The interval of all images stands where one was measured for it.
    """
    about = results.about
    told = {"part": say(about["part"]), "split": say(about["split"]), "images": int(matrix.sum())}
    if not matrix.sum():
        return say("No image of the {part} part passes the filter.", part=say(about["part"]))
    own = float(matrix.trace() / matrix.sum())
    told["right"] = f"{counted_percent(own)}{SPACE}%"
    if matrix.sum() != len(results.predictions):
        return say("{right} diagnosed right, on the {part} part, split {split}, {images:,} images, filtered.", **told)
    measured, interval = headline(results, ACCURACY[rule]), results.metrics["intervals"].get(ACCURACY[rule])
    # Weights with another mix than was measured make another figure than the interval's; six digits may turn an image.
    if interval is None or measured is None or abs(own - measured) > 0.005:
        return say("{right} diagnosed right, on the {part} part, split {split}, {images:,} images.", **told)
    low, high = map(counted_percent, interval)
    return say(
        "{right} diagnosed right ({interval}), on the {part} part, split {split}, {images:,} images.",
        **told,
        interval=f"{low} – {high}{SPACE}%",
    )


def gravest_cell(matrix: NDArray[np.int64]) -> tuple[int, int]:
    """The cell to begin with, (true, predicted): malignant lesions called benign, the most; else the most wrong."""
    malignant = np.array(MALIGNANT)
    wrong = matrix * ~np.eye(len(CODES), dtype=np.bool_)
    missed = wrong * (malignant[:, None] & ~malignant[None, :])
    row, column = np.unravel_index(int((missed if missed.any() else wrong).argmax()), matrix.shape)
    return int(row), int(column)


def headline(results: Results, figure: str) -> float | None:
    """A figure over all images of the results, by its name in metrics.json with dots; None where undefined."""
    found: Any = results.metrics
    for name in figure.split("."):
        found = (found or {}).get(name)
    value: float | None = found
    return value
