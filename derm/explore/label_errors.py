"""Images whose label may be wrong, by confident learning: a list to review, never a correction.

Needs labels and probabilities from a model that has not trained on these images. Written from Northcutt, Jiang and
Chuang, "Confident learning: estimating uncertainty in dataset labels", JAIR 70:1373 (2021), section 3.
Knows no picture: whether a label is wrong is for eyes, or for histopathology.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.diagnoses import CODES
from derm.language.speech import mark, say
from derm.metrics.missing import fraction
from derm.spreadsheet import csv_table

COLUMNS = ("row", "given", "suggested", "p_given", "p_suggested", "margin")


def class_thresholds(labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """How sure the model is of a class, on average, where the label says so: float64 (C,), their equation 2.

    labels: int64 (n,), 0 … C - 1. probabilities: float64 (n, C). NaN for a class without an image.
    """
    classes = probabilities.shape[1]
    own = probabilities[np.arange(len(labels)), labels]
    return fraction(np.bincount(labels, weights=own, minlength=classes), np.bincount(labels, minlength=classes))


def confident_classes(labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    """The class that each image is confidently of, int64 (n,); -1 where it is of none (their equation 1).

    Of the classes whose threshold an image reaches, the most probable counts; of a tie, the first.
    """
    reached = probabilities >= class_thresholds(labels, probabilities)  # NaN is never reached
    likeliest = np.where(reached, probabilities, -1.0).argmax(axis=1)
    return np.where(reached.any(axis=1), likeliest, -1).astype(np.int64)


def confident_joint(labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    """Images by the label given (rows) and the class they are confidently of (columns): int64 (C, C)."""
    classes = probabilities.shape[1]
    confident = confident_classes(labels, probabilities)
    known = confident >= 0
    cells = labels[known] * classes + confident[known]
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def label_errors(labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> pd.DataFrame:
    """The images off the diagonal of the confident joint, the likeliest errors first; columns `COLUMNS`.

    row: number of the image. given, suggested: classes. p_given, p_suggested: their probabilities. margin: the second
    less the first, by which the list is sorted (their section 3.2, "normalised margin").
    """
    confident = confident_classes(labels, probabilities)
    rows = np.flatnonzero((confident >= 0) & (confident != labels))
    given, suggested = labels[rows], confident[rows]
    p_given, p_suggested = probabilities[rows, given], probabilities[rows, suggested]
    table = pd.DataFrame(
        {
            "row": rows,
            "given": given,
            "suggested": suggested,
            "p_given": p_given,
            "p_suggested": p_suggested,
            "margin": p_suggested - p_given,
        }
    )
    return table.sort_values("margin", ascending=False, kind="stable", ignore_index=True)


METHOD = mark(
    "By [confident learning](https://doi.org/10.1613/jair.1.12125): the model is as sure that these are of another "
    "class as it is, on average, of that class's own images. It learned from none of them. The list is to be reviewed "
    "by eye: where the model is weak, as between melanoma and nevus, the label is more often right than the model, "
    "above all one confirmed by histopathology."
)
"""Markdown."""

TRAINED_ON = mark(
    "These are results on the training part, whose labels the model has learned by heart: nothing can be said of their "
    "errors. Choose results on another part."
)
KNOWN = mark(
    "The model knows images of these results, whose labels it has learned by heart: nothing can be said of their "
    "errors. Choose results on images that it has not learned from."
)


def headline(errors: pd.DataFrame, images: int) -> str:
    """How many labels are to be reviewed."""
    return say(
        "{errors:,} of {images:,} labels to review, the likeliest errors first", errors=len(errors), images=images
    )


def review_csv(errors: pd.DataFrame, image_ids: pd.Series) -> str:
    """The list as CSV: image_id, given, suggested (codes), p_given, p_suggested, margin. image_ids: by row."""
    codes = {name: [CODES[value] for value in errors[name]] for name in ("given", "suggested")}
    table = errors.assign(image_id=image_ids.to_numpy()[errors["row"]], **codes)
    return csv_table(table[["image_id", *COLUMNS[1:]]], ".4f")
