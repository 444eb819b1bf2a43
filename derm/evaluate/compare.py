"""Two sets of weights on the same cases: each figure of both, their difference and its interval.

Needs the results of `derm evaluate` for both, of the same part of the same data. Knows no weights and no picture.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.diagnoses import CODES, MALIGNANT
from derm.errors import DataFault
from derm.evaluate.belonging import recorded_apart
from derm.evaluate.dataset import headline
from derm.evaluate.decision import Cases, at_digits
from derm.evaluate.results import Results, why_known
from derm.language.speech import say
from derm.metrics.bootstrap import REPLICATES, Measure, paired_bootstrap
from derm.metrics.calibration import expected_calibration_error, reliability, top_label
from derm.metrics.classification import confusion_matrix, most_likely, recall
from derm.metrics.missing import or_none

COLUMNS = ("figure", "first", "second", "difference", "low", "high")
"""Of a comparison; difference is second less first, low and high are the ends of its 95 % interval."""


def compare(
    first: Results,
    second: Results,
    replicates: int = REPLICATES,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Hold two results against each other by a paired bootstrap over lesions: one row a figure, the columns `COLUMNS`.

    Figures are the headline's, each class's recall and the calibration error, by the names of metrics.json with dots;
    NaN where undefined. progress: told (done, total) of the resamples.
    Raises DataFault where the two are not of the same images, by their names, diagnoses and what is recorded of their
    pictures, lesions and masks, or one of them knows images that it was measured on.
    """
    _check_alike(first, second)
    other = second.predictions.set_index("image_id").loc[first.predictions["image_id"]].reset_index()
    rows = [(first.predictions, first), (other, second)]
    measures = [_measure(table, results) for table, results in rows]
    lesions = first.predictions["lesion_id"].to_numpy(dtype=str)
    found = paired_bootstrap(measures[0], measures[1], lesions, replicates, progress=progress)
    lines = [(name, one.first, one.second, one.value, *(one.interval or (None, None))) for name, one in found.items()]
    return pd.DataFrame(lines, columns=list(COLUMNS)).astype(dict.fromkeys(COLUMNS[1:], np.float64))


def disagreements(first: Results, second: Results) -> pd.DataFrame:
    """The images on which the two name different diagnoses, the surest of the second first.

    Columns: image_id, lesion_id, dx_true, first, second (codes), p_first, p_second (their probabilities, 0 … 1).
    Raises DataFault as `compare` does.
    """
    _check_alike(first, second)
    joined = first.predictions.merge(second.predictions, on="image_id", suffixes=("_first", "_second"))
    joined = joined[joined["dx_pred_first"] != joined["dx_pred_second"]]
    given = {
        which: [row[f"p_{row[f'dx_pred_{which}']}_{which}"] for row in joined.to_dict("records")]
        for which in ("first", "second")
    }
    table = pd.DataFrame(
        {
            "image_id": joined["image_id"],
            "lesion_id": joined["lesion_id_first"],
            "dx_true": joined["dx_true_first"],
            "first": joined["dx_pred_first"],
            "second": joined["dx_pred_second"],
            "p_first": given["first"],
            "p_second": given["second"],
        }
    )
    return table.sort_values("p_second", ascending=False, kind="stable").reset_index(drop=True)


def _measure(table: pd.DataFrame, results: Results) -> Measure:
    """The figures of rows of `table`, the predictions of `results`, as the bootstrap asks for them."""
    threshold = (results.metrics["decision"] or {}).get("threshold")
    probabilities = table[[f"p_{code}" for code in CODES]].to_numpy(dtype=np.float64)
    true = np.array([CODES.index(code) for code in table["dx_true"]])
    # The sum of rounded probabilities is not the rounded sum, and decides otherwise where a sum is the threshold.
    sums = table["p_malignant"] if "p_malignant" in table else probabilities[:, list(MALIGNANT)].sum(axis=1)
    cases = Cases(
        true,
        probabilities,
        table["lesion_id"].to_numpy(dtype=str),
        None if threshold is None else float(at_digits(threshold)),
        sums=at_digits(np.asarray(sums, dtype=np.float64)),
    )
    per_image = {name: table[name].to_numpy(dtype=np.float64) for name in ("dice", "iou")}

    def measure(rows: NDArray[np.int64]) -> dict[str, float | None]:
        drawn = probabilities[rows]
        recalls = recall(confusion_matrix(true[rows], most_likely(drawn)))
        figures = headline(cases, per_image, rows)
        figures |= {f"per_class.{code}.recall": or_none(recalls[index]) for index, code in enumerate(CODES)}
        error = expected_calibration_error(reliability(*top_label(true[rows], drawn)))
        return figures | {"calibration.after.ece": or_none(error)}

    return measure


def _check_alike(first: Results, second: Results) -> None:
    for results in (first, second):
        if reason := why_known(results.about):
            raise DataFault(
                say(
                    "{name}: these weights {reason}, so they cannot be compared: evaluate them on the "
                    "validation or test part of the split that they were trained on.",
                    name=results.name,
                    reason=reason,
                )
            )
    names = {
        "first": first.folder,
        "first_name": first.name,
        "second": second.folder,
        "second_name": second.name,
    }
    images = [results.predictions.set_index("image_id")["dx_true"].sort_index() for results in (first, second)]
    if not images[0].equals(images[1]):
        raise DataFault(
            say(
                "{first} ({first_name}) and {second} ({second_name}) are not of the same images, so they "
                "cannot be compared: evaluate both on the same part of the same data.",
                **names,
            )
        )
    if (what := recorded_apart(first.about, second.about)) is not None:
        raise DataFault(
            say(
                "{first} ({first_name}) and {second} ({second_name}) name the same images, but are of different data "
                "({what}), so they cannot be compared: evaluate both on the same part of the same data.",
                **names,
                what=say(what),
            )
        )
