"""What was measured as plotly figures: confusion matrix, ROC and precision–recall curves, reliability.

Needs the plain numbers that `derm evaluate` writes. Curves differ by dash as well as by colour. Knows no files.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from derm.diagnoses import CODES, DIAGNOSES, Diagnosis

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid")
"""One for each of the seven diagnoses, in the order of CODES."""

SHADES_LIGHT = ((0.0, "#FDFCFB"), (1.0, "#2B5A6E"))
SHADES_DARK = ((0.0, "#15181B"), (1.0, "#8FBFD1"))
"""From no case to all cases of a row, on a light and on a dark page."""


def tones(*, dark: bool) -> tuple[str, str]:
    """Colours of text and of quiet lines on a dark or a light page, each with at least 4.5 : 1."""
    return ("#ECEAE6", "#9AA1A8") if dark else ("#22272B", "#666C72")


def shade(diagnosis: Diagnosis, *, dark: bool) -> str:
    """The diagnosis's colour for a dark or a light page."""
    return diagnosis.colour if dark else diagnosis.ink


def confusion_matrix(matrix: Sequence[Sequence[int]], *, rates: bool, dark: bool) -> go.Figure:
    """The confusion matrix, rows true, columns called; each cell bears its count, or its share of the row.

    matrix: counts, 7 × 7, in the order of CODES. rates: print shares of the row, '–' in a row without a case. Cells are
    shaded by their share of the row either way, or the nevi would be all that one sees. Markers without colour lie on
    the cells' centres, each with (true, called) as customdata, for plotly's heat maps report no click.
    """
    text, _ = tones(dark=dark)
    on_dark = "#15181B" if dark else "#FDFCFB"
    sums = [sum(row) for row in matrix]
    shares = [[count / total if total else 0.0 for count in row] for row, total in zip(matrix, sums, strict=True)]
    figure = go.Figure(
        go.Heatmap(
            z=shares,
            x=list(CODES),
            y=list(CODES),
            zmin=0,
            zmax=1,
            colorscale=SHADES_DARK if dark else SHADES_LIGHT,
            showscale=False,
            hoverinfo="skip",
            xgap=2,
            ygap=2,
        )
    )
    cells = [(row, column) for row in range(len(CODES)) for column in range(len(CODES))]
    written = []
    for row, column in cells:
        share = f"{shares[row][column]:.0%}" if sums[row] else "–"
        written.append(share if rates else f"{matrix[row][column]:,}")
    figure.add_scatter(
        x=[CODES[column] for _, column in cells],
        y=[CODES[row] for row, _ in cells],
        mode="markers+text",
        marker={"size": 44, "symbol": "square", "opacity": 0},
        text=written,
        textfont={"color": [on_dark if shares[row][column] > 0.5 else text for row, column in cells], "size": 15},
        customdata=[[CODES[row], CODES[column]] for row, column in cells],
        hovertext=[
            f"{DIAGNOSES[row].name}, called {DIAGNOSES[column].name}: {matrix[row][column]:,} of {sums[row]:,}"
            for row, column in cells
        ],
        hovertemplate="%{hovertext}<extra></extra>",
        showlegend=False,
    )
    figure.update_layout(
        height=480,
        margin={"l": 10, "r": 10, "t": 30, "b": 10},
        xaxis={"title": "called", "side": "top", "showgrid": False, "constrain": "domain", "fixedrange": True},
        yaxis={"title": "true", "autorange": "reversed", "showgrid": False, "scaleanchor": "x", "fixedrange": True},
        font_color=text,
    )
    return figure


def roc(curves: Mapping[str, Any], *, dark: bool) -> go.Figure:
    """ROC curves of each class against the rest, and of malignant against benign as a thick line.

    curves: as `derm evaluate` writes curves.json.
    """
    figure = _curves(
        {
            name: (one["roc"]["false_positive_rate"], one["roc"]["true_positive_rate"], None)
            for name, one in curves.items()
        },
        dark=dark,
    )
    _, quiet = tones(dark=dark)
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", name="chance", line={"color": quiet, "width": 1, "dash": "dot"}
    )
    figure.update_layout(xaxis_title="1 − specificity", yaxis_title="sensitivity")
    return figure


def precision_recall(curves: Mapping[str, Any], *, dark: bool) -> go.Figure:
    """Precision against recall of each class and of malignant, with its average precision in the legend.

    curves: as `derm evaluate` writes curves.json.
    """
    figure = _curves(
        {
            name: (one["precision_recall"]["recall"], one["precision_recall"]["precision"], one["average_precision"])
            for name, one in curves.items()
        },
        dark=dark,
    )
    figure.update_layout(xaxis_title="recall", yaxis_title="precision")
    return figure


def reliability(bins: Mapping[str, Mapping[str, Sequence[float | None]]], *, dark: bool) -> go.Figure:
    """A reliability diagram: what came against what was promised, a line for each name of `bins`, sized by cases.

    bins: by name, as metrics.json has them: confidence, accuracy and cases of each bin; empty bins are left out.
    """
    text, quiet = tones(dark=dark)
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", name="kept word", line={"color": quiet, "width": 1, "dash": "dot"}
    )
    strong = "#8FBFD1" if dark else "#2B5A6E"
    for (name, own), colour, symbol, dash in zip(
        bins.items(),
        (quiet, strong, text),
        ("circle-open", "diamond", "square"),
        ("dash", "solid", "dot"),
        strict=False,
    ):
        kept = [place for place, cases in enumerate(own["cases"]) if cases]
        most = max((own["cases"][place] or 0 for place in kept), default=1)
        figure.add_scatter(
            x=[own["confidence"][place] for place in kept],
            y=[own["accuracy"][place] for place in kept],
            name=name,
            mode="lines+markers",
            line={"color": colour, "dash": dash},
            marker={"symbol": symbol, "size": [6 + 16 * ((own["cases"][place] or 0) / most) ** 0.5 for place in kept]},
            customdata=[own["cases"][place] for place in kept],
            hovertemplate="promised %{x:.2f}, came %{y:.2f}, %{customdata:,} cases",
        )
    _square(figure, text)
    figure.update_layout(xaxis_title="probability", yaxis_title="share that came true")
    return figure


def _curves(
    lines: Mapping[str, tuple[Sequence[float | None], Sequence[float | None], float | None]], *, dark: bool
) -> go.Figure:
    """Lines by code or 'malignant': x, y and a figure for the legend; a curve without points is left out."""
    text, _ = tones(dark=dark)
    figure = go.Figure()
    by_code = {diagnosis.code: (diagnosis, dash) for diagnosis, dash in zip(DIAGNOSES, DASHES, strict=True)}
    for name, (x, y, figure_of) in lines.items():
        if not len(x):
            continue
        diagnosis, dash = by_code.get(name, (None, "solid"))
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines",
            name=name if figure_of is None else f"{name}, average {figure_of:.2f}",
            line={
                "color": text if diagnosis is None else shade(diagnosis, dark=dark),
                "dash": dash,
                "width": 3.5 if diagnosis is None else 2,
            },
            hovertemplate=f"{name}: %{{x:.2f}}, %{{y:.2f}}<extra></extra>",
        )
    _square(figure, text)
    return figure


def _square(figure: go.Figure, text: str) -> None:
    figure.update_layout(
        height=440,
        margin={"l": 10, "r": 10, "t": 20, "b": 10},
        xaxis={"range": [0, 1.02]},
        yaxis={"range": [0, 1.02]},
        legend={"orientation": "v"},
        font_color=text,
    )
