"""Figures for each kind of patient and picture: by age band, sex, site and source, with how many stand behind each.

Needs a catalogue's table, each row's lesion, and a function of row numbers, as the bootstrap does.
Does not know what is measured, nor whether a difference between groups is chance: the intervals tell.
"""

import math
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.diagnoses import DIAGNOSES
from derm.errors import DataFault
from derm.language.speech import say
from derm.metrics.bootstrap import REPLICATES, bootstrap

UNKNOWN = "unknown"
"""What the catalogue writes where sex, site or source is missing; also the band of a missing age."""

AGE_BANDS: dict[str, float] = {"0–29": 30, "30–44": 45, "45–59": 60, "60–74": 75, "75+": math.inf}
"""Band → the age in years at which the next one starts, youngest first."""

COLUMN_OF: dict[str, str] = {"age": "age", "sex": "sex", "site": "localization", "source": "dataset"}
"""Dimension → its column in the catalogue's table."""

FEWEST_LESIONS = 20
"""Below it no interval is given: resamples of a handful of lesions repeat them, and an interval looks too narrow."""

TOO_FEW = f"fewer than {FEWEST_LESIONS} lesions: no interval"
NO_FIGURE = "undefined in this group"
NO_INTERVAL = "undefined in half of the resamples or more: no interval"

COLUMNS = ("dimension", "group", "images", "lesions", "malignant", "figure", "value", "low", "high", "note")
"""The columns of `measure_subgroups`, in this order."""


class Subgroup(NamedTuple):
    """The rows that share a value of one dimension.

    dimension: a key of `COLUMN_OF`. value: the age band, sex, site or source. rows: int64 (k,), k ≥ 1, row numbers,
    ascending.
    """

    dimension: str
    value: str
    rows: NDArray[np.int64]


def age_band(age: float) -> str:
    """The band of `AGE_BANDS` that holds `age` in years, or 'unknown' for NaN; raises DataFault for any other age."""
    if math.isnan(age):
        return UNKNOWN
    if not 0 <= age < math.inf:
        raise DataFault(
            say(
                "An age of {age:g} is not a number of years from 0: correct it in the table, or leave it empty.",
                age=age,
            )
        )
    return next(band for band, end in AGE_BANDS.items() if age < end)


def subgroups(table: pd.DataFrame) -> list[Subgroup]:
    """Every group of `table` with at least one row: by age band, sex, site and source, each holding all rows once.

    table: a catalogue's, of which age (float, years), sex, localization and dataset (text) are read, in any index.
    Age bands come from young to old, other values by alphabet, 'unknown' last. Raises ValueError where a column lacks.
    """
    _check_columns(table, COLUMN_OF.values())
    found = []
    for dimension, column in COLUMN_OF.items():
        values = table[column].map(age_band) if dimension == "age" else table[column]
        order = list(AGE_BANDS) if dimension == "age" else sorted(set(values) - {UNKNOWN})
        for value in [*order, UNKNOWN]:
            rows = np.flatnonzero(values == value)
            if len(rows):
                found.append(Subgroup(dimension, value, rows))
    return found


def measure_subgroups(
    measure: Callable[[NDArray[np.int64]], Mapping[str, float | None]],
    table: pd.DataFrame,
    lesions: NDArray[np.str_] | NDArray[np.object_],
    replicates: int = REPLICATES,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Every figure of every subgroup, with its 95 % interval: one row a subgroup and figure, the columns `COLUMNS`.

    measure: figures of the rows whose numbers, int64 (k,), it is given; None where undefined. table: as for
    `subgroups`, and dx. lesions: text (n,), each row's lesion; resamples draw lesions, see `bootstrap`.
    progress: told (subgroups done, subgroups).

    dimension, group: text. images, lesions, malignant: counts in the group; malignant are images. value, low, high:
    float, NaN where undefined. note: text, '' or why there is no value or no interval.
    Raises ValueError where a column lacks, or for another number of lesions than rows.
    """
    _check_columns(table, ("dx",))
    if len(lesions) != len(table):
        raise ValueError(f"{len(lesions)} lesions for {len(table)} rows: pass the lesion of each row")
    malignant = table["dx"].isin([diagnosis.code for diagnosis in DIAGNOSES if diagnosis.malignant]).to_numpy()
    groups = subgroups(table)
    lines = []
    for done, (dimension, value, rows) in enumerate(groups, start=1):
        n_lesions = len(np.unique(lesions[rows]))
        counts = (len(rows), n_lesions, int(malignant[rows].sum()))
        enough = n_lesions >= FEWEST_LESIONS
        intervals = bootstrap(_within(rows, measure), lesions[rows], replicates) if enough else {}
        for figure, number in measure(rows).items():
            interval = intervals.get(figure) if number is not None else None
            low, high = interval or (None, None)
            note = _note(number, enough, interval is not None)
            lines.append((dimension, value, *counts, figure, number, low, high, note))
        if progress:
            progress(done, len(groups))
    numbers = dict.fromkeys(("value", "low", "high"), np.float64)
    return pd.DataFrame(lines, columns=list(COLUMNS)).astype(numbers)


def _within(
    rows: NDArray[np.int64], measure: Callable[[NDArray[np.int64]], Mapping[str, float | None]]
) -> Callable[[NDArray[np.int64]], Mapping[str, float | None]]:
    """`measure` for numbers that count within `rows`."""
    return lambda drawn: measure(rows[drawn])


def _note(number: float | None, enough: bool, has_interval: bool) -> str:
    """Why there is no value or no interval, or ''."""
    if number is None:
        return NO_FIGURE
    if not enough:
        return TOO_FEW
    return "" if has_interval else NO_INTERVAL


def _check_columns(table: pd.DataFrame, columns: Collection[str]) -> None:
    if missing := [column for column in columns if column not in table]:
        raise ValueError(f"the table lacks the column(s) {', '.join(missing)}: pass a catalogue's table")
