"""A reader study as a plotly figure: each measure by arm, its mean with an interval, and each reader.

Needs plain values. Means and readers differ by symbol and size as well as by colour. Knows no study.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from derm.figures.intervals import interval_bars
from derm.figures.palette import GREY, PRIMARY
from derm.figures.text import chart_text
from derm.language.speech import say

ROW = 44
"""Height of an arm, pixels."""

ABOVE = 46
"""Height of a measure's name and scale, pixels."""


class ArmValues(NamedTuple):
    """One measure in one arm, each value 0 … 1, NaN where undefined."""

    mean: float
    low: float
    high: float
    readers: tuple[float, ...]


def arms_figure(
    measures: Mapping[str, Sequence[ArmValues]], arms: Sequence[str], readers: Sequence[str], *, dark: bool
) -> go.Figure:
    """A row a measure, by name, with a line an arm: the mean and its 95 % interval, and a ring for each reader."""
    strong, soft = PRIMARY.on(dark=dark), GREY.on(dark=dark)
    figure = make_subplots(rows=len(measures), cols=1, shared_xaxes=False, subplot_titles=list(measures))
    lines = [_folded(arm) for arm in arms]
    for row, (name, values) in enumerate(measures.items(), start=1):
        figure.add_scatter(
            x=[share for one in values for share in one.readers],
            y=[line for line, one in zip(lines, values, strict=True) for _ in one.readers],
            text=[chart_text(reader) for one in values for reader, _ in zip(readers, one.readers, strict=True)],
            name=say("Each reader"),
            mode="markers",
            marker={"symbol": "circle-open", "size": 9, "color": soft, "line": {"width": 1.5}},
            showlegend=row == 1,
            legendgroup="readers",
            hovertemplate="%{text}: %{x:.2f}<extra></extra>",
            row=row,
            col=1,
        )
        figure.add_scatter(
            x=[one.mean for one in values],
            y=lines,
            error_x=interval_bars(
                [one.mean for one in values],
                [one.low for one in values],
                [one.high for one in values],
                color=strong,
                thickness=2,
            ),
            name=say("Mean, 95 % interval"),
            mode="markers",
            marker={"symbol": "diamond", "size": 11, "color": strong},
            showlegend=row == 1,
            legendgroup="means",
            hovertemplate=f"{chart_text(name)}: %{{x:.2f}}<extra></extra>",
            row=row,
            col=1,
        )
    figure.update_xaxes(range=[0, 1.02], fixedrange=True)
    figure.update_yaxes(autorange="reversed", fixedrange=True)
    figure.update_annotations(x=0, xanchor="left", font={"size": 14})
    figure.update_layout(
        height=len(measures) * (ABOVE + ROW * len(arms)) + 60,
        margin={"l": 0, "r": 0, "t": 30, "b": 0},
        legend={"orientation": "h", "y": -0.04, "x": 0, "yanchor": "top"},
    )
    return figure


def _folded(name: str) -> str:
    """A name in lines short enough for a phone: broken after a comma, and before the last of two things."""
    joint = say("and")
    return chart_text(name).replace(", ", ",<br>").replace(f" {joint} ", f"<br>{joint} ")
