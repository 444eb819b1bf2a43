"""The data set that the explorer shows: its catalogue, its table, and where what was measured once is kept.

Needs the data set's folder and the cache's. Knows nothing of pages.
"""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from derm.data.catalogue import Catalogue
from derm.data.recognise import read_known
from derm.explore import data_quality, duplicates, shapes
from derm.explore.filters import options
from derm.explore.table import explorable


class ShownData(NamedTuple):
    """The data set on the page: its catalogue, the explorable table, the names of its images, the values of each
    dimension that occur, and where what was measured once is kept."""

    catalogue: Catalogue
    table: pd.DataFrame
    images: frozenset[str]
    options: dict[str, list[str]]
    drawn: bool
    shapes: Path
    pairs: Path
    findings: Path


def read_shown_data(folder: Path, cache: Path, *, drawn: bool) -> ShownData:
    """The data set in `folder`; copies of known pictures have their lesion and their part of the split.

    drawn: whether Derm drew it. Raises DermError for one that cannot be explored. What takes long is looking for
    copies, once for a data set: `derm.data.recognise.read_known` tells how far it is, and keeps it in `cache`, too.
    """
    catalogue = read_known([folder], cache)
    table = explorable(catalogue)
    return ShownData(
        catalogue,
        table,
        frozenset(table["image_id"]),
        options(table),
        drawn,
        shapes.shapes_file(catalogue, cache),
        duplicates.pairs_file(catalogue, cache),
        data_quality.findings_file(catalogue, cache),
    )
