"""Which rows of the explorable table a user has asked for, and that in a sentence.

Needs the table of `explorable`. A filter keeps the images that satisfy every dimension; within one dimension any of
its chosen values will do, and none chosen means all. Knows nothing of pages.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.explore.table import DIMENSION, DIMENSIONS, name_of
from derm.language.quantities import either, images_counted, lesions_counted
from derm.language.speech import say

Chosen = Mapping[str, Sequence[str]]
"""Key of a dimension → the values that are kept; a dimension that is absent or empty keeps all."""


class Asked(NamedTuple):
    """What a user has asked for: chosen, by dimension; images, the names of a selection's, None for all; its name."""

    chosen: Chosen
    images: Sequence[str] | None = None
    name: str = ""

    @property
    def is_open(self) -> bool:
        """Whether everything is kept."""
        return self.images is None and is_open(self.chosen)

    @property
    def in_words(self) -> str:
        """The filter as a list, the selection first."""
        said = [] if self.images is None else [say("selection '{name}'", name=self.name)]
        return "; ".join([*said, *([in_words(self.chosen)] if not is_open(self.chosen) else [])])

    def keep(self, table: pd.DataFrame) -> NDArray[np.bool_]:
        """The rows of a table with image_id and the dimensions' columns that are kept, bool (n,)."""
        kept = keep(table, self.chosen)
        return kept if self.images is None else kept & table["image_id"].isin(set(self.images)).to_numpy()


def options(table: pd.DataFrame) -> dict[str, list[str]]:
    """The values of each dimension that occur in `table`, in their order, by the dimension's key."""
    return {dimension.key: list(table[dimension.column].cat.categories) for dimension in DIMENSIONS}


def keep(table: pd.DataFrame, chosen: Chosen) -> NDArray[np.bool_]:
    """The rows that are kept, bool (n,). A value that the table does not know keeps no row."""
    kept = np.ones(len(table), dtype=np.bool_)
    for key, values in chosen.items():
        if values:
            column = table[DIMENSION[key].column]
            wanted = [place for place, value in enumerate(column.cat.categories) if value in values]
            kept &= np.isin(column.cat.codes.to_numpy(), wanted)
    return kept


def without(chosen: Chosen, key: str) -> dict[str, Sequence[str]]:
    """The filter with dimension `key` left out."""
    return {name: values for name, values in chosen.items() if name != key}


def is_open(chosen: Chosen) -> bool:
    """Whether the filter keeps everything."""
    return not any(chosen.values())


def in_words(chosen: Chosen) -> str:
    """The filter as a list: 'melanoma or melanocytic nevus; female'; '' where it keeps everything."""
    return "; ".join(either([name_of(value) for value in values]) for values in chosen.values() if values)


def summary(table: pd.DataFrame, kept: NDArray[np.bool_], asked: Asked) -> str:
    """What the filter leaves: '171 of 10,015 images, of 98 lesions: melanoma; female.'"""
    rows = np.flatnonzero(kept)
    lesions = len(np.unique(table["lesion_code"].to_numpy()[rows]))
    counts = say("{images} of {lesions}", images=images_counted(len(rows)), lesions=lesions_counted(lesions))
    if asked.is_open:
        return say("{counts}, all of the data set.", counts=counts)
    return say("{counts}, out of {images:,} images: {filter}.", counts=counts, images=len(table), filter=asked.in_words)
