"""What of a model's results passes the filter: label errors, disagreements, another model's images; which figures are.

Needs results' tables and the filter's answer, one truth value a row. Knows nothing of pages.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Kept = NDArray[np.bool_]
"""Which rows pass the filter, bool (n,)."""


def errors_kept(errors: pd.DataFrame, kept: Kept) -> pd.DataFrame:
    """Those of `derm.explore.label_errors.label_errors` whose image is kept, in the same order, numbered anew."""
    return errors[kept[errors["row"]]].reset_index(drop=True)


def disagreements_kept(disagreed: pd.DataFrame, cases: pd.DataFrame, kept: Kept) -> pd.DataFrame:
    """Those of `derm.evaluate.compare.disagreements` whose image is a kept one of `cases`, in the same order."""
    return disagreed[disagreed["image_id"].isin(cases["image_id"][kept])]


def same_images(others: pd.DataFrame, cases: pd.DataFrame, kept: Kept) -> Kept:
    """Which of another model's cases are of the kept images of `cases`: bool (len(others),)."""
    return others["image_id"].isin(cases["image_id"][kept]).to_numpy()


def figures_in(table: pd.DataFrame, names: Iterable[str]) -> list[str]:
    """Those of `names`, in their order, that the table's column 'figure' holds."""
    held = set(table["figure"])
    return [name for name in names if name in held]
