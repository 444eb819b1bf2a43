"""Concepts as plotly figures: what they tell beside the network, each by itself, and what a change is made of.

Needs plain values. What differs by colour differs by symbol, place or text as well. Knows no files.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import plotly.graph_objects as go

from derm.figures.intervals import interval_bars
from derm.figures.palette import GREY, PRIMARY, SECOND, SERIES, TEXT, scale_on
from derm.figures.results import blend, note, text_on
from derm.figures.text import chart_text, in_lines, row_height
from derm.language.speech import number, say

SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross")
"""Of sources, in turn."""

TALL = 48
"""Pixels of a row in a map."""

CELL = 10
"""Characters of a line above a cell."""


class SpannedPoint(NamedTuple):
    """A figure with its interval on the line `name`."""

    name: str
    value: float
    low: float
    high: float


class VectorCell(NamedTuple):
    """The share of a row's pictures whose score rises along a column's concept, 0 … 1; by_chance: random concepts do as
    much."""

    row: str
    column: str
    share: float
    by_chance: bool


def beside_network(additive: Sequence[SpannedPoint], network: Sequence[SpannedPoint], *, dark: bool) -> go.Figure:
    """The AUC of models of concepts beside the network's on the same images, a line for each model."""
    figure = go.Figure()
    for points, name, symbol, tone in (
        (additive, say("concepts alone"), "circle", SECOND),
        (network, say("network"), "diamond", PRIMARY),
    ):
        figure.add_scatter(
            x=[point.value for point in points],
            y=[in_lines(point.name) for point in points],
            error_x=interval_bars(
                [point.value for point in points], [point.low for point in points], [point.high for point in points]
            ),
            name=name,
            mode="markers",
            marker={"symbol": symbol, "size": 10, "color": tone.on(dark=dark)},
            hovertemplate="%{y}: %{x:.2f}<extra>" + name + "</extra>",
        )
    return _lined(figure, [point.name for point in additive], say("AUC, test part"))


def by_themselves(worth: Mapping[str, Mapping[str, float]], *, dark: bool) -> go.Figure:
    """The AUC of each concept by itself, by source and then by the concept's name; a half is no better than a coin."""
    figure = go.Figure()
    for place, (source, own) in enumerate(worth.items()):
        figure.add_scatter(
            x=list(own.values()),
            y=[in_lines(name) for name in own],
            name=chart_text(source),
            mode="markers",
            marker={
                "symbol": SYMBOLS[place % len(SYMBOLS)],
                "size": 10,
                "color": SERIES[place % len(SERIES)].on(dark=dark),
            },
            hovertemplate="%{y}: %{x:.2f}<extra>" + chart_text(source) + "</extra>",
        )
    figure.add_vline(x=0.5, line={"color": GREY.on(dark=dark), "dash": "dot"})
    names = list(dict.fromkeys(name for own in worth.values() for name in own))
    return _lined(figure, names, say("AUC for melanoma, test part"))


def vector_map(cells: Sequence[VectorCell], *, dark: bool) -> go.Figure:
    """Shares as a map of rows by concepts, each written in its cell, in brackets where random concepts do as much."""
    rows = list(dict.fromkeys(cell.row for cell in cells))
    columns = list(dict.fromkeys(cell.column for cell in cells))
    by_place = {(cell.row, cell.column): cell for cell in cells}
    found = [[by_place.get((row, column)) for column in columns] for row in rows]
    ends = scale_on(dark=dark)
    figure = go.Figure(
        go.Heatmap(
            z=[[None if cell is None else cell.share for cell in line] for line in found],
            x=[in_lines(column, CELL) for column in columns],
            y=[in_lines(row) for row in rows],
            text=[["" if cell is None else _cell_text(cell) for cell in line] for line in found],
            zmin=0,
            zmax=1,
            colorscale=[[0, ends[0]], [1, ends[1]]],
            showscale=False,
            xgap=2,
            ygap=2,
            hovertemplate="%{y}, %{x}: %{text}<extra></extra>",
        )
    )
    figure.update_layout(
        height=120 + TALL * len(rows),
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        annotations=[
            note(
                columns.index(cell.column),
                rows.index(cell.row),
                _cell_text(cell),
                text_on(blend(*ends, cell.share)),
                12,
            )
            for cell in cells
        ],
    )
    figure.update_xaxes(side="top", automargin=True, tickfont={"size": 11}, fixedrange=True)
    figure.update_yaxes(autorange="reversed", automargin=True, fixedrange=True)
    return figure


def change_steps(steps: Sequence[tuple[str, float]], *, dark: bool) -> go.Figure:
    """The steps of a change as bars from 0: less to the left, more to the right. steps: name, and standard deviations
    of training pictures."""
    names = [in_lines(name) for name, _ in steps]
    figure = go.Figure(
        go.Bar(
            x=[by for _, by in steps],
            y=names,
            orientation="h",
            marker={"color": [(PRIMARY if by < 0 else SECOND).on(dark=dark) for _, by in steps]},
            text=[number(by, "+.1f").replace("-", "−") for _, by in steps],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:+.2f}<extra></extra>",
        )
    )
    reach = 1.3 * max((abs(by) for _, by in steps), default=1.0)
    figure.add_vline(x=0, line={"color": TEXT.on(dark=dark), "width": 1})
    figure.update_xaxes(range=[-reach, reach])
    return _lined(figure, [name for name, _ in steps], say("standard deviations, less or more"))


def _cell_text(cell: VectorCell) -> str:
    share = number(cell.share, ".2f")
    return f"({share})" if cell.by_chance else share


def _lined(figure: go.Figure, names: Sequence[str], label: str) -> go.Figure:
    """A figure of one line a name, the first on top."""
    axis: dict[str, Any] = {"categoryorder": "array", "categoryarray": [in_lines(name) for name in names]}
    figure.update_layout(
        height=120 + len(names) * row_height(names),
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        xaxis={"title": in_lines(label), "automargin": True},
        yaxis=axis | {"autorange": "reversed", "automargin": True},
    )
    return figure
