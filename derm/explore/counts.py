"""Images and lesions counted by one dimension, by two, by age, by what is missing: the numbers behind every bar.

Needs the table of `explorable`. Everything is a count of category codes, so a filter over 400,000 rows is answered at
once. Knows no colours.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.explore.table import DIMENSION
from derm.language.speech import mark, say
from derm.metrics.missing import fraction
from derm.metrics.subgroups import UNKNOWN

AGE_STEP = 5
"""Years in a bar of the ages: HAM10000 gives ages in steps of five."""

MISSABLE = {
    "age": mark("Age"),
    "sex": mark("Sex"),
    "localization": mark("Site"),
    "dataset": mark("Source"),
    "dx_type": mark("Confirmed by"),
}
"""Columns that may be missing, with their names for people; masks are counted beside them."""

MOST_IMAGES = 6
"""Images of one lesion from which on lesions are counted together."""


def cross(table: pd.DataFrame, kept: NDArray[np.bool_], rows: str, columns: str) -> pd.DataFrame:
    """Kept images by two dimensions: int64, index and columns are all their values in order, by the keys given."""
    first, second = table[DIMENSION[rows].column], table[DIMENSION[columns].column]
    return _count(first, second, kept)


def class_balance(table: pd.DataFrame, kept: NDArray[np.bool_]) -> pd.DataFrame:
    """Kept images and lesions of each diagnosis: index dx in order, columns images and lesions, int64.

    A lesion whose images bear two diagnoses counts with each.
    """
    dx = table["dx"]
    codes, width = dx.cat.codes.to_numpy()[kept].astype(np.int64), len(dx.cat.categories)
    pairs = np.unique(table["lesion_code"].to_numpy()[kept] * width + codes)
    return pd.DataFrame(
        {"images": np.bincount(codes, minlength=width), "lesions": np.bincount(pairs % width, minlength=width)},
        index=pd.Index(dx.cat.categories, name="dx"),
    )


def images_per_lesion(table: pd.DataFrame, kept: NDArray[np.bool_]) -> pd.DataFrame:
    """Lesions with a kept image by how many images they have in the data set: index '1' … '6 or more', one column
    lesions, int64."""
    codes, first = np.unique(table["lesion_code"].to_numpy()[kept], return_index=True)
    images = table["lesion_images"].to_numpy()[kept][first] if len(codes) else np.zeros(0, dtype=np.int64)
    counts = np.bincount(np.minimum(images, MOST_IMAGES), minlength=MOST_IMAGES + 1)[1:]
    names = [*(str(number) for number in range(1, MOST_IMAGES)), say("{count} or more", count=MOST_IMAGES)]
    return pd.DataFrame({"lesions": counts}, index=names)


def ages(table: pd.DataFrame, kept: NDArray[np.bool_], columns: str) -> pd.DataFrame:
    """Kept images by age in steps of `AGE_STEP` years and a dimension: index the step's first year, int64.

    Images without an age are left out; `missing` counts them.
    """
    years = table["age"].to_numpy(dtype=np.float64)
    known = kept & ~np.isnan(years)
    steps = (years[known] // AGE_STEP).astype(np.int64)
    column = table[DIMENSION[columns].column]
    codes, width = column.cat.codes.to_numpy()[known].astype(np.int64), len(column.cat.categories)
    height = int(steps.max()) + 1 if len(steps) else 1
    counts = np.bincount(steps * width + codes, minlength=height * width).reshape(height, width)
    return pd.DataFrame(counts, index=np.arange(height) * AGE_STEP, columns=list(column.cat.categories))


def missing(table: pd.DataFrame, kept: NDArray[np.bool_]) -> pd.DataFrame:
    """What the kept images lack: index the column's name for people; missing, int64, and share, 0 … 1."""
    lacks = {
        say(name): table["age"].isna() if column == "age" else table[column] == UNKNOWN
        for column, name in MISSABLE.items()
    }
    lacks[say("Mask")] = table["mask_path"] == ""
    counts = pd.Series({name: int(lacking.to_numpy()[kept].sum()) for name, lacking in lacks.items()}, name="missing")
    total = np.full(len(counts), kept.sum())
    return pd.DataFrame({"missing": counts, "share": fraction(counts, total, when_empty=0.0)})


def shares(counts: pd.DataFrame) -> pd.DataFrame:
    """Each row of counts as shares, 0 … 1, of its sum; NaN where that is 0."""
    sums = np.repeat(counts.to_numpy().sum(axis=1, keepdims=True), counts.shape[1], axis=1)
    return pd.DataFrame(fraction(counts.to_numpy(), sums), index=counts.index, columns=counts.columns)


def _count(first: pd.Series, second: pd.Series, kept: NDArray[np.bool_]) -> pd.DataFrame:
    height, width = len(first.cat.categories), len(second.cat.categories)
    rows, columns = (one.cat.codes.to_numpy()[kept].astype(np.int64) for one in (first, second))
    counts = np.bincount(rows * width + columns, minlength=height * width).reshape(height, width)
    return pd.DataFrame(counts, index=list(first.cat.categories), columns=list(second.cat.categories))
