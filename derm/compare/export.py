"""A comparison as files to keep: its table as CSV, its figures as HTML that needs nothing else.

Needs rows and figures. Knows no page.
"""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import plotly.io as pio

from derm.compare.words import MeasureRow
from derm.figures.markup import shown_figure
from derm.spreadsheet import csv_table


def rows_csv(rows: Sequence[MeasureRow]) -> str:
    """The rows of a comparison as CSV, with the names of the two methods' columns as on the page."""
    table = pd.DataFrame(rows, columns=["measure", "A", "B", "centre prior", "outline itself", "reading"])
    return csv_table(table)


def figure_html(draw: Callable[..., go.Figure], *given: Any) -> str:  # noqa: ANN401 (whatever the figure takes)
    """The figure that `draw` makes of `given`, for a light page, as one HTML file with plotly's script in it."""
    return str(
        pio.to_html(
            shown_figure(draw(*given, dark=False).update_layout(template="plotly_white")), include_plotlyjs=True
        )
    )
