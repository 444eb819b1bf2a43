"""What can be had without looking at a picture: the figures that a model's have to beat.

Needs the table of the part that trains and of the part that is measured. Knows no picture and no lesion:
the answers go through the same measures as a model's.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from derm.diagnoses import CODES, INDEX
from derm.errors import DataFault
from derm.language.speech import mark, say

MOST_FREQUENT = mark("always the most frequent diagnosis")
PATIENT = mark("age, sex and site alone")
SOURCE = mark("source alone")

READ: dict[str, tuple[str, ...]] = {
    MOST_FREQUENT: (),
    PATIENT: ("age", "sex", "localization"),
    SOURCE: ("dataset",),
}
"""Each baseline, with the columns of the catalogue's table that it reads."""


def trivial_baselines(train: pd.DataFrame, other: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
    """The answers of the baselines of `READ`, fitted on `train`, for each row of `other`, by name.

    train, other: rows of a catalogue's table; age is float, in years, NaN where missing. Of `train`, dx is read, too.
    Returns probabilities, float64 (len(other), 7), in the order of `CODES`, each row summing to 1, 0 for a diagnosis
    that `train` lacks. The most frequent diagnosis, in HAM10000 the nevus, gets 1; of a tie, the first of `CODES`.

    The other two are multinomial logistic regressions. Age enters as a line (splines gain 0.002 of AUC on
    validation), a missing one as the median with a mark of its own; a value that `train` lacks says nothing.
    Raises DataFault where `train` holds fewer than two diagnoses; ValueError for a table that is empty or lacks a
    column, or a diagnosis outside `CODES`.
    """
    _check_table("training", train, "dx")
    _check_table("measured", other)
    strangers = sorted(set(train["dx"]) - set(CODES))
    if strangers:
        raise ValueError(f"the training table holds the diagnosis {strangers[0]}, not one of {', '.join(CODES)}")
    if train["dx"].nunique() == 1:
        raise DataFault(
            say(
                "The training part holds no diagnosis but {diagnosis}, and a baseline has to tell at "
                "least two apart: use a larger data set.",
                diagnosis=train["dx"].iloc[0],
            )
        )
    return {
        name: _fit(train, columns, other) if columns else _most_frequent(train["dx"], len(other))
        for name, columns in READ.items()
    }


def _most_frequent(dx: pd.Series, rows: int) -> NDArray[np.float64]:
    """Certainty, `rows` times, of the diagnosis that most of `dx` have: float64 (rows, 7)."""
    counts = np.bincount(dx.map(INDEX), minlength=len(CODES))
    return np.tile(np.eye(len(CODES))[counts.argmax()], (rows, 1))


def _fit(train: pd.DataFrame, columns: tuple[str, ...], other: pd.DataFrame) -> NDArray[np.float64]:
    """The probabilities that a regression of dx on `columns`, fitted on `train`, gives `other`: float64 (n, 7)."""
    known = _regression(columns).fit(train[list(columns)], train["dx"])
    probabilities = np.zeros((len(other), len(CODES)))
    probabilities[:, [INDEX[code] for code in known.classes_]] = known.predict_proba(other[list(columns)])
    return probabilities


def _regression(columns: tuple[str, ...]) -> Pipeline:
    """A multinomial logistic regression on `columns`: age as a number, all others as categories."""
    # A data set may name no age at all (ISIC 2018's table does not), or miss one only in the part that is measured.
    age = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), StandardScaler()
    )
    categories = [column for column in columns if column != "age"]
    inputs = ColumnTransformer(
        [
            ("age", age, [column for column in columns if column == "age"]),
            ("categories", OneHotEncoder(handle_unknown="ignore"), categories),
        ]
    )
    return make_pipeline(inputs, LogisticRegression(max_iter=1000))


def _check_table(name: str, table: pd.DataFrame, *more: str) -> None:
    """Raise ValueError unless `table` has rows, and the columns that the baselines read, and `more`."""
    if table.empty:
        raise ValueError(f"the {name} table has no rows: pass one row an image")
    needed = [*more, *(column for columns in READ.values() for column in columns)]
    if missing := [column for column in needed if column not in table]:
        raise ValueError(f"the {name} table lacks the column(s) {', '.join(missing)}: pass rows of a catalogue's table")
