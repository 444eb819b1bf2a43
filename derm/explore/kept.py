"""What was measured once and is kept in the cache: read back where it is whole, and measured anew where it is not.

Needs files that Derm wrote. A damaged one is nobody's loss, for what it holds can be made anew. Knows no pictures.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from derm.evaluate.results import read_own_table


def read_kept(file: Path, columns: Sequence[str], rows: int | None = None) -> pd.DataFrame | None:
    """A table of numbers and truths that was kept, with these columns; None where there is none, or it is damaged.

    rows: how many it has to have, where that is known.
    """
    try:
        table = read_own_table(file)
    except (OSError, ValueError):
        return None
    if list(table.columns) != list(columns) or (rows is not None and len(table) != rows):
        return None
    sound = all(pd.api.types.is_numeric_dtype(table[name]) for name in columns)
    return table if sound or table.empty else None


def are_rows(table: pd.DataFrame, columns: Sequence[str], count: int) -> bool:
    """Whether these columns hold row numbers of a table of `count` rows."""
    return table.empty or all(
        pd.api.types.is_integer_dtype(table[name]) and table[name].between(0, count - 1).all() for name in columns
    )
