"""The data set that the explorer shows: its catalogue, its table, and where what was measured once is kept.

Needs the data set's folder and the cache's. Knows nothing of pages.
"""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from derm.data.catalogue import Catalogue, read_catalogue
from derm.explore import data_quality, duplicates, shapes
from derm.explore.table import explorable


class ShownData(NamedTuple):
    """The data set on the page: its catalogue, the explorable table, and where what was measured once is kept."""

    catalogue: Catalogue
    table: pd.DataFrame
    drawn: bool
    shapes: Path
    pairs: Path
    findings: Path


def read_shown_data(folder: Path, cache: Path, *, drawn: bool) -> ShownData:
    """The data set in `folder`; raises DermError for one that cannot be explored. drawn: whether Derm drew it."""
    catalogue = read_catalogue(folder)
    return ShownData(
        catalogue,
        explorable(catalogue),
        drawn,
        shapes.shapes_file(catalogue, cache),
        duplicates.pairs_file(catalogue, cache),
        data_quality.findings_file(catalogue, cache),
    )
