"""A model's results as plotly figures: confusion matrix, figures of each class, curves, reliability, subgroups.

Needs the plain values that `derm evaluate` writes. Colours are those of `DIAGNOSES`; what is told by colour is told by
name, dash or figure, too. Text and grid come from the page's own theme, but where a cell's colour decides.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from derm.data.value_words import value_called
from derm.diagnoses import CODES, DIAGNOSES, Diagnosis
from derm.figures.intervals import interval_bars
from derm.figures.palette import CHOSEN, GREY, PRIMARY, SOFT_TEXT, scale_on
from derm.figures.strokes import DASHES
from derm.figures.text import SPACE, capital, chart_text, counted_percent, in_lines
from derm.image.overlay import rgb
from derm.language.quantities import images_counted
from derm.language.speech import mark, number, say
from derm.metrics.decision import clopper_pearson
from derm.metrics.missing import fraction
from derm.metrics.registry import DECISION, OUTLINE, OVERALL, PER_CLASS

TEXTS = ("#000000", "#FFFFFF")
"""Of a cell: the one of the two that stands out more. On any colour that is at least 4.5 : 1."""

LEGEND = 50
"""Characters in one line of a legend: a phone has room for no more."""

MALIGNANT = "malignant"
"""Key of the curve of malignant against benign."""

MEASURES = PER_CLASS
"""Figures of one class, by their names in metrics.json."""

FIGURES = {metric.key: metric.label for metric in (*OVERALL, *DECISION, *OUTLINE) if metric.headline}
"""Figures of a subgroup, by their names in subgroups.csv."""


ROC_POINT = mark("sensitivity {y} at 1 − specificity {x}, threshold {threshold}")
PRECISION_POINT = mark("precision {y} at recall {x}, threshold {threshold}")
PROMISE = mark("promised {promised}, came true {came}, {images} images")


def class_label(diagnosis: Diagnosis, dark: bool) -> str:
    """A diagnosis as an axis names it: its colour as a square, its name, its code; plotly's HTML."""
    colour = diagnosis.colour if dark else diagnosis.ink
    joint = say("or")
    name = capital(diagnosis.called).replace(f" {joint} ", f" {joint}<br>")
    return f'{name} <b>{diagnosis.code}</b> <span style="color:{colour}">■</span>'


def confusion_matrix(
    matrix: Sequence[Sequence[int]] | NDArray[np.int64],
    *,
    rates: bool,
    dark: bool,
    chosen: tuple[int, int] | None = None,
    side: int = 560,
) -> go.Figure:
    """Cases by true class (rows) and the diagnosis given (columns), in the order of `CODES`.

    matrix: counts, (7, 7). rates: the share of the row stands large and the count small, else the other way round; the
    colour is always the share. dark: for a dark page. chosen: row and column of a cell to frame. side: height, pixels.
    Plotly reports no click on a heat map, so an invisible marker lies on each cell: trace 1, point 7 · row + column,
    with (row, column) as its custom data. `matrix_key` says what the codes stand for.
    """
    counts = np.asarray(matrix, dtype=np.int64)
    names = [
        f'<b>{diagnosis.code}</b> <span style="color:{diagnosis.colour if dark else diagnosis.ink}">■</span>'
        for diagnosis in DIAGNOSES
    ]
    said = [[cell_text(counts, row, column) for column in range(len(CODES))] for row in range(len(CODES))]
    figure = _cells(counts, said, names, [f"<b>{code}</b>" for code in CODES], rates=rates, dark=dark, chosen=chosen)
    return figure.update_layout(height=side)


def referral_matrix(
    counts: NDArray[np.int64], *, rates: bool, dark: bool, chosen: tuple[int, int] | None = None
) -> go.Figure:
    """Images by malignant and benign truth (rows) and whether they are referred (columns), drawn as `confusion_matrix`.

    counts: (2, 2), malignant and referred first. chosen: row and column of a cell to frame.
    """
    said = [[referral_text(counts, row, column) for column in range(2)] for row in range(2)]
    rows = [f"<b>{name}</b>" for name in (say("malignant"), say("benign"))]
    columns = [f"<b>{name}</b>" for name in (say("referred"), say("not referred"))]
    figure = _cells(counts, said, rows, columns, rates=rates, dark=dark, chosen=chosen)
    return figure.update_layout(height=260)


def _cells(
    counts: NDArray[np.int64],
    said: Sequence[Sequence[str]],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    rates: bool,
    dark: bool,
    chosen: tuple[int, int] | None,
) -> go.Figure:
    """A matrix of counts with shares of the row. said: each cell in words; rows, columns: names, plotly's HTML."""
    size = len(counts)
    shares = fraction(counts, np.repeat(counts.sum(axis=1, keepdims=True), size, axis=1))
    filled, ends = np.nan_to_num(shares), scale_on(dark=dark)
    figure = go.Figure(
        go.Heatmap(
            z=filled,
            zmin=0,
            zmax=1,
            colorscale=[[0, ends[0]], [1, ends[1]]],
            showscale=False,
            xgap=2,
            ygap=2,
            hoverinfo="skip",
        )
    )
    places = list(np.ndindex(size, size))
    figure.add_scatter(
        x=[column for _, column in places],
        y=[row for row, _ in places],
        mode="markers",
        marker={"size": 46, "symbol": "square", "color": ends[1], "opacity": 0},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        customdata=places,
        text=[said[row][column] for row, column in places],
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )
    notes = []
    for row, column in places:
        share, count = _share(float(shares[row, column])), number(int(counts[row, column]), ",")
        large, small = (share, count) if rates else (count, share)
        text = f"<b>{large}</b><br><span style='font-size:11px'>{small}</span>"
        notes.append(note(column, row, text, text_on(blend(*ends, float(filled[row, column]))), 14))
    figure.update_layout(annotations=notes)
    if chosen is not None:
        row, column = chosen
        line = {"color": CHOSEN.on(dark=dark), "width": 4}
        figure.add_shape(
            type="rect", x0=column - 0.49, x1=column + 0.49, y0=row - 0.49, y1=row + 0.49, line=line, layer="above"
        )
    figure.update_layout(
        margin={"l": 0, "r": 0, "t": 48, "b": 0},
        hovermode="closest",
        hoverdistance=60,
        dragmode=False,
        plot_bgcolor="rgba(0,0,0,0)",
    )
    axis = {"tickvals": list(range(size)), "showgrid": False, "zeroline": False, "fixedrange": True}
    figure.update_xaxes(
        title={"text": say("the model says"), "standoff": 10},
        side="top",
        ticktext=list(columns),
        range=[-0.5, size - 0.5],
        tickfont={"size": 14},
        tickangle=0,
        **axis,
    )
    figure.update_yaxes(
        title={"text": say("the truth is")},
        ticktext=[
            f"{name}<br><span style='font-size:11px'>{number(count, ',')}</span>"
            for name, count in zip(rows, counts.sum(axis=1).tolist(), strict=True)
        ],
        range=[size - 0.5, -0.5],
        automargin=True,
        **axis,
    )
    return legible(figure, dark=dark)


def matrix_key() -> str:
    """What the codes on a matrix stand for; its rows are the truth, its columns what the model says."""
    malignant, benign = say("malignant"), say("benign")
    return ", ".join(
        f"{diagnosis.code}: {diagnosis.called} ({malignant if diagnosis.malignant else benign})"
        for diagnosis in DIAGNOSES
    )


def referral_text(counts: NDArray[np.int64], row: int, column: int) -> str:
    """A cell of `referral_matrix` in words: 'malignant, not referred: 8 of 393 (2 %)'."""
    of_row = int(counts[row].sum())
    share = _share(float(fraction(counts[row, column], of_row)))
    return say(REFERRED[row][column], count=int(counts[row, column]), all=of_row, share=share)


REFERRED = (
    (
        mark("malignant, referred: {count:,} of {all:,} ({share})"),
        mark("malignant, not referred: {count:,} of {all:,} ({share})"),
    ),
    (
        mark("benign, referred: {count:,} of {all:,} ({share})"),
        mark("benign, not referred: {count:,} of {all:,} ({share})"),
    ),
)


def cell_text(counts: NDArray[np.int64], row: int, column: int) -> str:
    """A cell of the matrix in words: 'melanoma, called melanocytic nevus: 94 of 223 (42 %)'."""
    of_row = int(counts[row].sum())
    share = float(fraction(counts[row, column], of_row))
    told = {"name": DIAGNOSES[row].called, "count": int(counts[row, column]), "all": of_row, "share": _share(share)}
    if row == column:
        return say("{name}, recognised: {count:,} of {all:,} ({share})", **told)
    return say("{name}, called {called}: {count:,} of {all:,} ({share})", **told, called=DIAGNOSES[column].called)


def per_class_bars(metrics: Mapping[str, Any], name: str, *, dark: bool) -> go.Figure:
    """One figure of each class as bars with its 95 % interval, as the paper's Figures 4 and 5.

    metrics: `per_class` and, where there are, `intervals`, as in metrics.json. name: a key of `MEASURES`. An undefined
    figure has no bar and says so.
    """
    figure = go.Figure()
    notes, text_colour = [], SOFT_TEXT.on(dark=dark)
    for place, diagnosis in enumerate(DIAGNOSES):
        entry = metrics["per_class"][diagnosis.code]
        value, interval = entry[name], interval_of(metrics, f"per_class.{diagnosis.code}.{name}")
        figure.add_bar(
            x=[0 if value is None else value],
            y=[place],
            orientation="h",
            width=0.62,
            marker={"color": diagnosis.colour if dark else diagnosis.ink},
            error_x=_error(value, interval, dark),
            hovertext=[f"{diagnosis.called}: {figure_text(value, interval)}, {images_counted(entry['support'])}"],
            hoverinfo="text",
            showlegend=False,
        )
        notes.append(note(1.02, place, figure_text(value, interval), text_colour, 12, xanchor="left", xshift=6))
    figure.update_layout(annotations=notes)
    # The margin is as wide as a figure with its interval, in pixels: of a phone's axis no share would be.
    figure.update_layout(height=340, margin={"l": 0, "r": 124, "t": 30, "b": 0}, title={"text": say(MEASURES[name])})
    figure.update_xaxes(range=[0, 1.02], tickvals=[0, 0.5, 1], fixedrange=True)
    figure.update_yaxes(
        tickvals=list(range(len(CODES))),
        ticktext=[class_label(diagnosis, dark) for diagnosis in DIAGNOSES],
        range=[len(CODES) - 0.5, -0.5],
        showgrid=False,
        fixedrange=True,
        automargin=True,
    )
    return legible(figure, dark=dark)


def roc(curves: Mapping[str, Any], *, dark: bool, metrics: Mapping[str, Any] | None = None) -> go.Figure:
    """Sensitivity against 1 − specificity, each class against the rest and malignant against benign.

    curves: as in curves.json. metrics: as in metrics.json, for the areas and their intervals in the legend.
    """
    figure = go.Figure()
    grey = GREY.on(dark=dark)
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"dash": "dot", "color": grey}, name=say("chance"), hoverinfo="skip"
    )
    of_point = {"y": "%{y:.2f}", "x": "%{x:.2f}", "threshold": "%{customdata:.3f}"}
    for key, name, line in _lines(dark):
        value, interval = (None, None) if metrics is None else _auc(metrics, key)
        area = "" if metrics is None else f", AUC {figure_text(value, interval)}"
        points = curves[key]["roc"]
        figure.add_scatter(
            x=points["false_positive_rate"],
            y=points["true_positive_rate"],
            customdata=points["threshold"],
            mode="lines",
            line=line,
            name=in_lines(f"{name}{area}", LEGEND),
            hovertemplate=f"{say(ROC_POINT, **of_point)}<extra>{name}</extra>",
        )
    return legible(_square(figure, say("1 − specificity"), say("sensitivity")), dark=dark)


def precision_recall(
    curves: Mapping[str, Any], *, dark: bool, intervals: Mapping[str, tuple[float, float] | None] | None = None
) -> go.Figure:
    """Precision against recall, each class against the rest and malignant against benign.

    curves: as in curves.json, with the average precision of each, which the legend names. intervals: its 95 % interval
    by the curve's key, where known. The first point is the highest score's; none is made up at recall 0.
    """
    figure = go.Figure()
    of_point = {"y": "%{y:.2f}", "x": "%{x:.2f}", "threshold": "%{customdata:.3f}"}
    for key, name, line in _lines(dark):
        points, value = curves[key]["precision_recall"], curves[key]["average_precision"]
        interval = (intervals or {}).get(key)
        figure.add_scatter(
            x=points["recall"],
            y=points["precision"],
            customdata=points["threshold"],
            mode="lines",
            line=line,
            name=in_lines(
                say("{name}, average precision {value}", name=name, value=figure_text(value, interval)), LEGEND
            ),
            hovertemplate=f"{say(PRECISION_POINT, **of_point)}<extra>{name}</extra>",
        )
    return legible(_square(figure, say("recall"), say("precision")), dark=dark)


def reliability(bins: Mapping[str, Sequence[Any]], *, dark: bool) -> go.Figure:
    """What came true against what was promised, bin by bin, with 95 % intervals, over how many cases each bin holds.

    bins: cases, confidence and accuracy, one entry a bin, None in a bin without a case, as in metrics.json's
    `calibration.reliability`. Intervals are Clopper and Pearson's: cases of one lesion count as if each stood alone.
    """
    colour, grey = PRIMARY.on(dark=dark), GREY.on(dark=dark)
    cases = np.array(bins["cases"], dtype=np.int64)
    filled = np.flatnonzero(cases)
    promised = np.array([bins["confidence"][int(place)] for place in filled], dtype=np.float64)
    came = np.array([bins["accuracy"][int(place)] for place in filled], dtype=np.float64)
    low, high = clopper_pearson(np.rint(came * cases[filled]), cases[filled], 0.975)
    of_bin = {"promised": "%{x:.2f}", "came": "%{y:.2f}", "images": "%{customdata:,}"}
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"dash": "dot", "color": grey},
        name=say("as promised"),
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=promised,
        y=came,
        mode="lines+markers",
        line={"color": colour, "width": 1.5},
        marker={"size": 9, "color": colour},
        error_y=interval_bars(came, low, high, color=colour, thickness=1.2),
        customdata=cases[filled],
        hovertemplate=f"{say(PROMISE, **of_bin)}<extra></extra>",
        name=say("measured, 95\N{NO-BREAK SPACE}% interval"),
    )
    figure.add_bar(
        x=promised,
        y=cases[filled],
        width=0.04,
        marker={"color": grey},
        yaxis="y2",
        showlegend=False,
        hovertemplate=say("{images} images", images="%{y:,}") + "<extra></extra>",
    )
    figure.update_layout(
        height=430,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        legend={"orientation": "h", "y": -0.14, "x": 0},
        xaxis={"title": say("probability promised"), "range": [0, 1.02], "fixedrange": True, "anchor": "y2"},
        yaxis={"title": say("share that came true"), "range": [0, 1.02], "domain": [0.28, 1], "fixedrange": True},
        yaxis2={"title": say("images"), "domain": [0, 0.2], "fixedrange": True, "nticks": 3},
    )
    return legible(figure, dark=dark)


def subgroups(
    table: pd.DataFrame,
    *,
    dark: bool,
    name: str = "accuracy",
    overall: float | None = None,
    title: str | None = None,
) -> go.Figure:
    """One figure in each subgroup with its 95 % interval, and the figure over all as a line.

    table: as in subgroups.csv, see `derm.metrics.subgroups.COLUMNS`. name: one of its figures. title: of the axis,
    where `FIGURES` has none. An open marker has no
    interval, for want of lesions; a figure that is undefined has no marker.
    """
    colour, grey = PRIMARY.on(dark=dark), GREY.on(dark=dark)
    chosen = table[table["figure"] == name].reset_index(drop=True)
    known = chosen["low"].notna()
    counted = {"images": "%{customdata[0]:,}", "lesions": "%{customdata[1]:,}"}
    of_group = "%{x:.2f}, " + say("{images} images of {lesions} lesions", **counted)
    figure = go.Figure()
    for has, symbol, said in (
        (True, "circle", say("95\N{NO-BREAK SPACE}% interval")),
        (False, "circle-open", say("too few lesions")),
    ):
        part = chosen[(known == has) & chosen["value"].notna()]
        figure.add_scatter(
            x=part["value"],
            y=part.index,
            mode="markers",
            marker={"size": 10, "symbol": symbol, "color": colour, "line": {"width": 1.5, "color": colour}},
            error_x=interval_bars(part["value"], part["low"], part["high"], color=colour, thickness=1.2),
            customdata=part[["images", "lesions", "low", "high"]],
            hovertemplate=of_group
            + (" (%{customdata[2]:.2f} – %{customdata[3]:.2f})" if has else "")
            + "<extra></extra>",
            name=said,
        )
    if overall is not None:
        figure.add_vline(x=overall, line={"dash": "dot", "color": grey})
    first = chosen["dimension"] != chosen["dimension"].shift()
    for place in np.flatnonzero(first)[1:]:
        figure.add_hline(y=float(place) - 0.5, line={"width": 1, "color": grey}, opacity=0.5)
    figure.update_layout(
        height=60 + 26 * len(chosen),
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        xaxis={"title": title or say(FIGURES.get(name, name)), "range": [0, 1.02], "fixedrange": True},
    )
    figure.update_yaxes(
        tickvals=list(chosen.index),
        ticktext=[
            f"{chart_text(say(str(dimension))) + ' ' if new else ''}<b>{chart_text(value_called(str(group)))}</b>, "
            f"{images_counted(int(images))}"
            for dimension, group, images, new in zip(
                chosen["dimension"], chosen["group"], chosen["images"], first, strict=True
            )
        ],
        range=[len(chosen) - 0.5, -0.5],
        showgrid=False,
        fixedrange=True,
        automargin=True,
    )
    return legible(figure, dark=dark)


def legible(figure: go.Figure, *, dark: bool) -> go.Figure:
    """The figure with all its words in a colour of at least 7 : 1; a page's theme would make some of them fainter."""
    colour = SOFT_TEXT.on(dark=dark)
    font = {"color": colour}
    figure.update_layout(font=font, legend={"font": font}, title={"font": font})
    figure.update_xaxes(tickfont=font, title={"font": font})
    figure.update_yaxes(tickfont=font, title={"font": font})
    return figure


def note(x: float, y: float, text: str, colour: str, size: int, **more: object) -> dict[str, object]:
    """A piece of text in a figure, without an arrow. Give all at once: plotly adds one by one in quadratic time."""
    font = {"size": size, "color": colour}
    return {"x": x, "y": y, "text": text, "font": font, "showarrow": False, "captureevents": False, **more}


def figure_text(value: float | None, interval: Sequence[float] | None = None) -> str:
    """A figure with its interval: '0.42 (0.34 – 0.51)'; 'undefined' for None."""
    if value is None or not np.isfinite(value):
        return say("undefined")
    if interval is None:
        return number(value, ".2f")
    low, high = (number(end, ".2f") for end in interval)
    return f"{number(value, '.2f')}{SPACE}({low}{SPACE}–{SPACE}{high})"


def interval_of(metrics: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    """The 95 % interval of `name`, by its name in metrics.json with dots, or None where there is none."""
    interval = metrics.get("intervals", {}).get(name)
    return None if interval is None else (float(interval[0]), float(interval[1]))


def text_on(colour: str) -> str:
    """Black or white, whichever stands out more on `colour`, '#rrggbb', by the contrast of WCAG 2."""
    light = _luminance(colour)
    return max(TEXTS, key=lambda text: abs(np.log((_luminance(text) + 0.05) / (light + 0.05))))


def blend(first: str, second: str, share: float) -> str:
    """The colour `share`, 0 … 1, of the way from `first` to `second`, as plotly's scales go: '#rrggbb'."""
    red, green, blue = (round(one + share * (two - one)) for one, two in zip(rgb(first), rgb(second), strict=True))
    return f"#{red:02x}{green:02x}{blue:02x}"


def _luminance(colour: str) -> float:
    """Relative luminance, 0 … 1, of '#rrggbb' (WCAG 2)."""
    value = np.array(rgb(colour)) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def _share(share: float) -> str:
    """A share of counted cases, which may well be none or all: '42 %', '–' of nothing."""
    return "–" if np.isnan(share) else f"{counted_percent(share)}{SPACE}%"


def _lines(dark: bool) -> list[tuple[str, str, dict[str, Any]]]:
    """Key, name and line of each curve: each diagnosis with dashes of its own, the malignant sum thick."""
    lines: list[tuple[str, str, dict[str, Any]]] = [
        (MALIGNANT, say("malignant (sum)"), {"color": PRIMARY.on(dark=dark), "width": 4})
    ]
    for diagnosis, dash in zip(DIAGNOSES, DASHES, strict=True):
        colour = diagnosis.colour if dark else diagnosis.ink
        lines.append((diagnosis.code, diagnosis.called, {"color": colour, "width": 2, "dash": dash}))
    return lines


def _auc(metrics: Mapping[str, Any], key: str) -> tuple[float | None, tuple[float, float] | None]:
    """The AUC of a curve and its interval."""
    if key == MALIGNANT:
        return metrics["malignant"]["auc"], interval_of(metrics, "malignant.auc")
    return metrics["per_class"][key]["auc"], interval_of(metrics, f"per_class.{key}.auc")


def _square(figure: go.Figure, x: str, y: str) -> go.Figure:
    figure.update_layout(
        height=620,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        legend={"orientation": "v", "y": -0.14, "yanchor": "top", "x": 0, "font": {"size": 12}},
        xaxis={"title": x, "range": [0, 1.01], "fixedrange": True},
        yaxis={"title": y, "range": [0, 1.02], "fixedrange": True},
    )
    return figure


def _error(value: float | None, interval: Sequence[float] | None, dark: bool) -> dict[str, Any]:
    """An interval as plotly's error bar."""
    if value is None or interval is None:
        return {"visible": False}
    low, high = interval
    return interval_bars([value], [low], [high], color=TEXTS[1] if dark else TEXTS[0], thickness=1.4, width=5)
