"""A data set's table with what the explorer filters and crosses by: age bands, part of the split, images a lesion.

Needs a catalogue. Values are categories in their natural order, so that 400,000 rows are counted in milliseconds.
Knows no picture: what is measured on masks comes from `shapes`.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.data.catalogue import Catalogue, part_names
from derm.data.diagnosis_words import is_malignant
from derm.data.split import PARTS, own_lesions, split_catalogue
from derm.data.value_words import value_called
from derm.diagnoses import CODES, DIAGNOSES
from derm.errors import DataFault
from derm.figures.text import plain
from derm.language.speech import mark, say
from derm.metrics.subgroups import AGE_BANDS, UNKNOWN, age_band


class Dimension(NamedTuple):
    """One thing that images are filtered, crossed and coloured by.

    key: for the code. label: for people. column: of the explorable table.
    """

    key: str
    label: str
    column: str


DIMENSIONS: tuple[Dimension, ...] = (
    Dimension("diagnosis", mark("Diagnosis"), "dx"),
    Dimension("age", mark("Age"), "age_band"),
    Dimension("sex", mark("Sex"), "sex"),
    Dimension("site", mark("Site"), "localization"),
    Dimension("source", mark("Source"), "dataset"),
    Dimension("confirmation", mark("Confirmed by"), "dx_type"),
    Dimension("part", mark("Part of the split"), "part"),
    Dimension("several", mark("Images of the lesion"), "several"),
)
"""In the order of the filter bar."""

DIMENSION = {dimension.key: dimension for dimension in DIMENSIONS}

ONE, SEVERAL = mark("one image"), mark("several images")
"""Whether a lesion has more than one image in the data set."""

NAMES: dict[str, str] = {diagnosis.code: diagnosis.name for diagnosis in DIAGNOSES} | {
    "histo": mark("histopathology"),
    "follow_up": mark("follow-up"),
    "consensus": mark("expert consensus"),
    "confocal": mark("confocal microscopy"),
}
"""Values of a table that people call otherwise."""

GROUPS = (
    mark("age"), mark("sex"), mark("site"), mark("source"), mark("images"), mark("lesions"), mark("right"),
    mark("wrong"),
)  # fmt: skip
"""Names of groups in results, which are said as they are."""


def explorable(catalogue: Catalogue) -> pd.DataFrame:
    """The catalogue's table, row by row, with more columns; the texts that are filtered by are categories.

    lesion: text, its name after joining duplicates. part: of the split by lesion, 'unknown' where the data set does not
    tell its lesions. lesion_images: int64, how many images show the same lesion. several: `ONE` or `SEVERAL`. age_band:
    of `AGE_BANDS`. malignant: float64, 1 or 0, NaN where the diagnosis leaves that open. Raises DataFault for an age
    that is none.
    """
    table = catalogue.table
    try:
        split = split_catalogue(catalogue)
        parts, lesions = split.parts, split.lesions
    except DataFault:
        parts = pd.Series(UNKNOWN, index=table.index, dtype=str)
        lesions = own_lesions(table)
    return prepare(table.assign(dataset=part_names(table)), parts, lesions)


def prepare(table: pd.DataFrame, parts: pd.Series, lesions: pd.Series) -> pd.DataFrame:
    """`explorable` of a table whose parts and lesions, text (n,), are known."""
    ages = table["age"].to_numpy(dtype=np.float64)
    distinct, place = np.unique(ages, return_inverse=True)
    bands = np.array([age_band(float(age)) for age in distinct])[place]
    codes, _ = pd.factorize(lesions)
    counts = np.bincount(codes)[codes] if len(codes) else np.zeros(0, dtype=np.int64)
    return table.assign(
        lesion=lesions,
        lesion_code=codes,
        lesion_images=counts,
        malignant=is_malignant(table["dx"]),
        dx=_category(table["dx"], CODES),
        age_band=_category(pd.Series(bands, index=table.index), AGE_BANDS),
        sex=_category(table["sex"], ("female", "male")),
        localization=_category(table["localization"], ()),
        dataset=_category(table["dataset"], ()),
        dx_type=_category(table["dx_type"], ("histo", "confocal", "follow_up", "consensus")),
        part=_category(parts, PARTS),
        several=_category(pd.Series(np.where(counts > 1, SEVERAL, ONE), index=table.index), (ONE, SEVERAL)),
    )


def narrow(dimension: Dimension) -> str:
    """A dimension's name where there is little room, as in the filter bar."""
    return {"part": say("Part"), "several": say("Images each")}.get(dimension.key, say(dimension.label))


def image_names(table: pd.DataFrame, rows: NDArray[np.int64]) -> list[str]:
    """The names of the images in these rows, int64 (k,), of a table with image_id, in their order."""
    names: list[str] = table["image_id"].iloc[rows].astype(str).tolist()
    return names


def wrapped(table: pd.DataFrame) -> pd.DataFrame:
    """A table for people as text that Markdown shows letter by letter."""
    return table.astype(str).map(plain)


def name_of(value: str) -> str:
    """A value of the table as people say it."""
    return say(NAMES[value]) if value in NAMES else value_called(value.replace("_", " "))


def _category(values: pd.Series, order: Iterable[str]) -> pd.Series:
    """`values` as an ordered category: those of `order` that occur, then others by alphabet, 'unknown' last."""
    wanted = list(order)
    found = set(values.unique())
    others = sorted(found - set(wanted) - {UNKNOWN})
    categories = [*(value for value in wanted if value in found), *others, *([UNKNOWN] if UNKNOWN in found else [])]
    return pd.Series(pd.Categorical(values, categories=categories, ordered=True), index=values.index)
