"""A table on a page, whose button for CSV gives a spreadsheet no formula.

Needs rows or a table of pandas. Streamlit writes that CSV in the browser from what it shows, so that the guard has to
lie on what is shown.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from derm.spreadsheet import shown_cell

NOTHING = "–"
"""What stands in a cell without a value."""


def show_table(rows: Sequence[Mapping[str, Any]] | pd.DataFrame, **settings: Any) -> Any:  # noqa: ANN401
    """`st.dataframe` of `rows` without row numbers, each text as `derm.spreadsheet.shown_cell` has it."""
    table = pd.DataFrame(rows)
    texts = table.select_dtypes(exclude=["number", "bool"]).columns
    guarded = table.assign(**{name: table[name].map(shown_cell) for name in texts})
    return st.dataframe(guarded.rename(columns=shown_cell), hide_index=True, placeholder=NOTHING, **settings)
