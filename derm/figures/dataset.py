"""A data set as plotly figures: stacked bars, crossed tables, ages, lesion sizes and places, leaks, a map of features.

Needs plain counts. Fills are solid: diagnoses have their own colours, other values those of `CATEGORIES`; name and
figure stand in each piece that has room for them, and in the legend in the order of stacking. Knows no table.
"""

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from derm.diagnoses import DIAGNOSES, INDEX
from derm.figures.palette import CATEGORIES, CHOSEN, GREY, PAGE, PRIMARY, SOFT_TEXT, scale_on
from derm.figures.results import (
    blend,
    class_label,
    legible,
    note,
    text_on,
)
from derm.figures.text import SPACE, chart_text
from derm.language.speech import number, say

SYMBOLS = ("circle", "square", "diamond", "cross", "triangle-up", "x", "star")
"""Of the seven diagnoses on the map of features, in the order of `DIAGNOSES`."""

MOST_POINTS = 6_000
"""Points of the map of features; of more, every k-th is drawn."""

PALE = 0.55
"""How far the second of two bars of one colour goes towards the page; its rim keeps the colour."""

UNKNOWN = "unknown"

Named = Callable[[str], str]


def _in_chart(named: Named) -> Named:
    """`named`, as plotly shows it letter by letter: what a value is called is the data set's own."""
    return lambda value: chart_text(named(value))


def value_colour(value: str, place: int, *, dark: bool) -> str:
    """The colour of a value, '#rrggbb': a diagnosis's own, grey for 'unknown', else that of its place."""
    if value in INDEX:
        diagnosis = DIAGNOSES[INDEX[value]]
        return diagnosis.colour if dark else diagnosis.ink
    if value == UNKNOWN:
        return GREY.on(dark=dark)
    return CATEGORIES[place % len(CATEGORIES)].on(dark=dark)


def legend(values: Sequence[str], named: Named, *, dark: bool) -> str:
    """What the colours of these values mean, in their order, as HTML. named: a value as people say it."""
    pieces = "".join(
        f'<span><i style="background:{value_colour(value, place, dark=dark)}"></i>'
        f"{html.escape(_full(value, named))}</span>"
        for place, value in enumerate(values)
    )
    return f'<div class="derm-key">{pieces}</div>'


def stacked(counts: pd.DataFrame, named: Named, *, dark: bool, share: bool = False) -> go.Figure:
    """Counts by one dimension as horizontal bars, stacked by another.

    counts: index and columns are values; with `share` each bar is brought to 100 %. named: a value as people say it.
    Each piece bears its name and count where there is room; `legend` names them all.
    """
    named = _in_chart(named)
    figure = go.Figure()
    sums = counts.to_numpy().sum(axis=1)
    values = counts.to_numpy(dtype=np.float64)
    drawn = np.divide(values, sums[:, None], out=np.zeros_like(values), where=sums[:, None] > 0) if share else values
    places = list(range(len(counts)))
    for column, value in enumerate(counts.columns):
        figure.add_bar(
            x=drawn[:, column],
            y=places,
            orientation="h",
            name=named(str(value)),
            **_piece(str(value), column, dark),
            text=[_inside(str(value), named, count) for count in counts.iloc[:, column]],
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            customdata=counts.iloc[:, column],
            hovertemplate=say("{images} images", images="%{customdata:,}") + "<extra>" + named(str(value)) + "</extra>",
        )
    colour = SOFT_TEXT.on(dark=dark)
    totals = enumerate(sums.tolist())
    figure.update_layout(
        annotations=[
            note(1.0 if share else total, place, " " + number(total, ","), colour, 12, xanchor="left")
            for place, total in totals
        ]
    )
    figure.update_layout(
        barmode="stack",
        uniformtext={"mode": "hide", "minsize": 10},
        height=50 + 30 * len(counts),
        margin={"l": 0, "r": 44, "t": 4, "b": 0},
        showlegend=False,
        bargap=0.3,
    )
    figure.update_xaxes(fixedrange=True, tickformat=".0%" if share else ",d", nticks=5, rangemode="tozero")
    figure.update_yaxes(
        tickvals=places,
        ticktext=[_label(str(value), named, dark) for value in counts.index],
        range=[len(counts) - 0.5, -0.5],
        showgrid=False,
        fixedrange=True,
        automargin=True,
    )
    return legible(figure, dark=dark)


def balance(counts: pd.DataFrame, *, dark: bool) -> go.Figure:
    """Images and lesions of each diagnosis, two bars: lesions pale with a rim. counts: index dx; images, lesions."""
    figure = go.Figure()
    places = list(range(len(counts)))
    colours = [value_colour(str(code), 0, dark=dark) for code in counts.index]
    pale = [blend(colour, PAGE.on(dark=dark), PALE) for colour in colours]
    for name, fills in (("images", colours), ("lesions", pale)):
        figure.add_bar(
            x=counts[name],
            y=places,
            orientation="h",
            name=name,
            marker={"color": fills, "line": {"width": 1.5, "color": colours}},
            text=[f"{number(count, ',')} {say(name)}" for count in counts[name]],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{x:,} " + say(name) + "<extra></extra>",
        )
    figure.update_layout(
        barmode="group",
        height=40 + 46 * len(counts),
        margin={"l": 0, "r": 84, "t": 4, "b": 0},
        showlegend=False,
        bargap=0.25,
    )
    figure.update_xaxes(fixedrange=True, tickformat=",d", nticks=5)
    figure.update_yaxes(
        tickvals=places,
        ticktext=[_label(str(code), str, dark) for code in counts.index],
        range=[len(counts) - 0.5, -0.5],
        showgrid=False,
        fixedrange=True,
        automargin=True,
    )
    return legible(figure, dark=dark)


def columns(counts: pd.DataFrame, named: Named, title: str, *, dark: bool, width: float = 1.0) -> go.Figure:
    """Counts along a number, or along names, as upright bars stacked by a dimension, which `legend` names.

    width: of a bar, on that axis.
    """
    named = _in_chart(named)
    figure = go.Figure()
    for place, value in enumerate(counts.columns):
        figure.add_bar(
            x=[chart_text(one) if isinstance(one, str) else one for one in counts.index],
            y=counts.iloc[:, place],
            offset=0 if width > 1 else None,
            width=width * 0.92,
            name=named(str(value)),
            **(_piece(str(value), place, dark) if len(counts.columns) > 1 else _alone(counts.iloc[:, place], dark)),
            hovertemplate=say("{count} from {age}", count="%{y:,}", age="%{x}")
            + "<extra>"
            + named(str(value))
            + "</extra>",
        )
    figure.update_layout(
        barmode="stack",
        height=320,
        margin={"l": 0, "r": 0, "t": 4, "b": 0},
        xaxis={"title": title, "fixedrange": True, "type": "linear" if width > 1 else "category"},
        yaxis={"fixedrange": True, "tickformat": ",d", "nticks": 5},
        showlegend=False,
    )
    return legible(figure, dark=dark)


def crossed(counts: pd.DataFrame, named: Named, *, dark: bool, share: bool) -> go.Figure:
    """Two dimensions against each other, each cell with its count or its share of the row; colour is the share."""
    named = _in_chart(named)
    ends = scale_on(dark=dark)
    sums = counts.to_numpy().sum(axis=1, keepdims=True)
    values = counts.to_numpy(dtype=np.float64)
    parts = np.divide(values, sums, out=np.zeros_like(values), where=sums > 0)
    of_row = say("{images} images, {share} of the row", images="%{customdata:,}", share="%{z:.0%}")
    figure = go.Figure(
        go.Heatmap(
            z=parts,
            zmin=0,
            zmax=1,
            colorscale=[[0, ends[0]], [1, ends[1]]],
            showscale=False,
            xgap=1,
            ygap=1,
            customdata=counts.to_numpy(),
            hovertemplate=f"{of_row}<extra></extra>",
        )
    )
    notes = []
    for row, column in np.ndindex(*counts.shape):
        cell = f"{100 * parts[row, column]:.0f}{SPACE}%" if share else number(int(values[row, column]), ",")
        colour = text_on(blend(*ends, float(parts[row, column])))
        notes.append(note(column, row, cell, colour, 13))
    figure.update_layout(annotations=notes)
    figure.update_layout(height=70 + 34 * len(counts), margin={"l": 0, "r": 0, "t": 0, "b": 0}, dragmode=False)
    figure.update_xaxes(
        tickvals=list(range(counts.shape[1])),
        ticktext=[_short(str(value), named) for value in counts.columns],
        side="top",
        showgrid=False,
        zeroline=False,
        fixedrange=True,
    )
    figure.update_yaxes(
        tickvals=list(range(len(counts))),
        ticktext=[_label(str(value), named, dark) for value in counts.index],
        range=[len(counts) - 0.5, -0.5],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
        automargin=True,
    )
    return legible(figure, dark=dark)


def areas(counts: NDArray[np.int64], *, dark: bool) -> go.Figure:
    """Lesions by the share of the picture that they fill. counts: (k,), bins of equal width from 0 to 1."""
    edges = np.linspace(0, 100, len(counts) + 1)
    ends = {"lesions": "%{y:,}", "low": "%{x:.1f}", "high": "%{customdata:.1f}"}
    of_bin = say("{lesions} lesions fill {low} to {high} %", **ends)
    figure = go.Figure(
        go.Bar(
            x=edges[:-1],
            y=counts,
            offset=0,
            width=float(edges[1]) * 0.92,
            marker={"color": PRIMARY.on(dark=dark)},
            customdata=edges[1:],
            hovertemplate=f"{of_bin}<extra></extra>",
        )
    )
    figure.update_layout(
        height=320,
        margin={"l": 0, "r": 0, "t": 4, "b": 0},
        xaxis={"title": say("share of the picture, \N{NO-BREAK SPACE}%"), "range": [0, 100], "fixedrange": True},
        yaxis={"title": say("images"), "fixedrange": True, "tickformat": ",d", "nticks": 5},
    )
    return legible(figure, dark=dark)


def positions(grid: NDArray[np.int64], *, dark: bool) -> go.Figure:
    """Where the lesions' centres lie in their pictures. grid: counts, (rows, columns), row 0 on top."""
    ends = scale_on(dark=dark)
    height, width = grid.shape
    figure = go.Figure(
        go.Heatmap(
            z=grid,
            x=(np.arange(width) + 0.5) / width * 100,
            y=(np.arange(height) + 0.5) / height * 100,
            colorscale=[[0, ends[0]], [0.25, blend(*ends, 0.55)], [1, ends[1]]],
            colorbar={"title": say("images"), "thickness": 12, "nticks": 5},
            hovertemplate=say("{lesions} lesions", lesions="%{z:,}") + "<extra></extra>",
        )
    )
    figure.update_layout(
        height=320,
        margin={"l": 0, "r": 0, "t": 4, "b": 0},
        xaxis={
            "title": say("from the left, \N{NO-BREAK SPACE}%"),
            "range": [0, 100],
            "fixedrange": True,
            "showgrid": False,
        },
        yaxis={
            "title": say("from the top, \N{NO-BREAK SPACE}%"),
            "range": [100, 0],
            "fixedrange": True,
            "showgrid": False,
        },
    )
    return legible(figure, dark=dark)


def leaks(splits: Mapping[str, Mapping[str, tuple[int, int]]], *, dark: bool) -> go.Figure:
    """Of each diagnosis, the share of the test images whose lesion is also in training, for each way to split.

    splits: name of the split → diagnosis → (images in test, those with a sister in training).
    """
    figure = go.Figure()
    fill, grey = CHOSEN.on(dark=dark), PRIMARY.on(dark=dark)
    for place, (name, by_class) in enumerate(splits.items()):
        shares = [leaked / test if test else 0.0 for test, leaked in by_class.values()]
        figure.add_bar(
            x=shares,
            y=list(range(len(by_class))),
            orientation="h",
            name=name,
            marker={"color": fill if place == 0 else grey},
            text=[
                say("{leaked:,} of {test:,}, {split}", leaked=leaked, test=test, split=say(name.partition(",")[0]))
                for test, leaked in by_class.values()
            ],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{text}: " + say("test images that show a lesion that is in training") + "<extra></extra>",
        )
    codes = list(next(iter(splits.values())))
    figure.update_layout(
        height=420,
        margin={"l": 0, "r": 0, "t": 4, "b": 0},
        barmode="group",
        bargap=0.3,
        showlegend=False,
        xaxis={
            "title": say("share of the test images"),
            "range": [0, 1.35],
            "tickvals": [0, 0.25, 0.5, 0.75, 1],
            "tickformat": ".0%",
        },
    )
    figure.update_xaxes(fixedrange=True)
    figure.update_yaxes(
        tickvals=list(range(len(codes))),
        ticktext=[_label(code, str, dark) for code in codes],
        range=[len(codes) - 0.5, -0.5],
        showgrid=False,
        fixedrange=True,
        automargin=True,
    )
    return legible(figure, dark=dark)


def share_bars(table: pd.DataFrame, column: str, counts: str, title: str, *, of: str = "", dark: bool) -> go.Figure:
    """A share, 0 … 1, of each row of `table` as bars, with the count of `counts` behind it: missing values, sources.

    of: the column with the number that this is the share of, where that differs between rows; it is told, too.
    """
    each = table[of] if of else [None] * len(table)
    figure = go.Figure(
        go.Bar(
            x=table[column],
            y=list(range(len(table))),
            orientation="h",
            marker={"color": PRIMARY.on(dark=dark)},
            text=[
                _share_text(share, count, all_)
                for share, count, all_ in zip(table[column], table[counts], each, strict=True)
            ],
            textposition="outside",
            cliponaxis=False,
            hoverinfo="skip",
        )
    )
    figure.update_layout(
        height=78 + 32 * len(table),
        margin={"l": 0, "r": 0, "t": 4, "b": 0},
        xaxis={
            "title": {"text": title, "standoff": 12},
            "range": [0, 1.5 if of else 1.25],
            "tickvals": [0, 0.5, 1],
            "tickformat": ".0%",
            "fixedrange": True,
            "automargin": True,
        },
    )
    figure.update_yaxes(
        tickvals=list(range(len(table))),
        ticktext=[chart_text(str(name)) for name in table.index],
        range=[len(table) - 0.5, -0.5],
        showgrid=False,
        fixedrange=True,
        automargin=True,
    )
    return legible(figure, dark=dark)


def _share_text(share: float, count: int, of: int | None) -> str:
    shown = f"{number(100 * share, '.1f')}{SPACE}%" if of != 0 else "–"
    if of is None:
        return f"{shown}, {number(count, ',')}"
    return say("{share}, {count:,} of {of:,}", share=shown, count=count, of=of)


def feature_map(points: pd.DataFrame, groups: pd.Series, named: Named, *, dark: bool) -> go.Figure:
    """The map of the model's features, each picture a point, coloured by a group and marked by its symbol.

    points: columns x, y, text (for the hover) and row (its custom data). groups: a category of each point; a point
    without one is left out. Of more than `MOST_POINTS` points every k-th is drawn.
    """
    named = _in_chart(named)
    step = -(-len(points) // MOST_POINTS)
    points, groups = points.iloc[:: max(1, step)], groups.iloc[:: max(1, step)]
    figure = go.Figure()
    values = list(groups.cat.categories)
    for place, value in enumerate(values):
        part = points[(groups == value).to_numpy()]
        figure.add_scatter(
            x=part["x"],
            y=part["y"],
            mode="markers",
            name=named(str(value)),
            marker={
                "size": 7,
                "opacity": 0.85,
                "symbol": SYMBOLS[place % len(SYMBOLS)],
                "color": value_colour(str(value), place, dark=dark),
                "line": {"width": 0.5, "color": PAGE.on(dark=dark)},
            },
            unselected={"marker": {"opacity": 0.25}},
            customdata=part["row"],
            text=part["text"].map(chart_text),
            hovertemplate="%{text}<extra></extra>",
        )
    figure.update_layout(
        height=560,
        margin={"l": 0, "r": 0, "t": 4, "b": 0},
        dragmode="lasso",
        legend={"orientation": "h", "y": -0.02, "x": 0, "traceorder": "normal"},
        xaxis={"visible": False},
        yaxis={"visible": False, "scaleanchor": "x"},
    )
    return legible(figure, dark=dark)


def _piece(value: str, place: int, dark: bool) -> dict[str, Any]:
    """Fill and words of a value's pieces; a line in the page's colour parts them from their neighbours."""
    colour = value_colour(value, place, dark=dark)
    return {
        "marker": {"color": colour, "line": {"width": 1, "color": PAGE.on(dark=dark)}},
        "textfont": {"color": text_on(colour), "size": 12},
    }


def _alone(counts: pd.Series, dark: bool) -> dict[str, Any]:
    """Fill and words of bars that stand alone: each with its count on top."""
    return {
        "marker": {"color": PRIMARY.on(dark=dark)},
        "text": [number(count, ",") for count in counts],
        "textposition": "outside",
        "cliponaxis": False,
    }


def _inside(value: str, named: Named, count: int) -> str:
    """What stands in a piece of a bar: a diagnosis by its code, with the count; nothing where there is none."""
    return f"{value if value in INDEX else named(value)} {number(count, ',')}" if count else ""


def _full(value: str, named: Named) -> str:
    """A value with all its names: 'melanoma (mel)'."""
    return f"{named(value)} ({value})" if value in INDEX else named(value)


def _label(value: str, named: Named, dark: bool) -> str:
    """A value as an axis names it; a diagnosis with its colour and code."""
    found = next((diagnosis for diagnosis in DIAGNOSES if diagnosis.code == value), None)
    return named(value) if found is None else class_label(found, dark)


def _short(value: str, named: Named) -> str:
    """A value for a narrow column: a diagnosis's code, else its name in two lines."""
    return value if any(diagnosis.code == value for diagnosis in DIAGNOSES) else named(value).replace(" ", "<br>", 1)
