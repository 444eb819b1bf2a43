"""Heat maps held against outlines as plotly figures: overlap over all thresholds, and every image of a part.

Needs plain curves and tables. Lines differ by dash, right and wrong by symbol and place as well as by colour. Knows no
methods and no files.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from derm.diagnoses import CODES, DIAGNOSES
from derm.figures.palette import GREY, PRIMARY, TEXT, WARM
from derm.figures.text import chart_text
from derm.language.speech import mark, number, say

LOOKS = (("solid", 3.0), ("dash", 3.0), ("dot", 2.0), ("dashdot", 1.5))
"""Dash and width of the first map, the second, the centre prior and the oracle."""

COLOURS = (PRIMARY, WARM, GREY, TEXT)
"""Their colours on a light and on a dark page, each with at least 4.5 : 1."""

APART = 0.2
"""How far right and wrong predictions stand left and right of their diagnosis, in steps between diagnoses."""


RIGHT_POINTS = mark("called right, {images:,} images")
WRONG_POINTS = mark("called wrong, {images:,} images")


def threshold_curves(
    thresholds: NDArray[np.float64], lines: Mapping[str, NDArray[np.float64] | None], threshold: float, *, dark: bool
) -> go.Figure:
    """IoU against threshold of at most four maps, with a mark on each where `threshold` cuts it.

    thresholds: float64 (T,), rising. lines: IoU by name, float64 (T,), 0 … 1; None for a map that has none. The first
    and second are the methods, then come the centre prior and the oracle.
    """
    colours = [tone.on(dark=dark) for tone in COLOURS]
    step = int(np.abs(thresholds - threshold).argmin())
    of_both = say("{overlap} at {threshold}", overlap="%{y:.2f}", threshold="%{x:.2f}")
    figure = go.Figure()
    for (name, values), (dash, width), colour in zip(lines.items(), LOOKS, colours, strict=False):
        if values is None:
            continue
        figure.add_scatter(
            x=thresholds,
            y=values,
            name=name,
            mode="lines",
            line={"dash": dash, "color": colour, "width": width},
            hovertemplate=f"{chart_text(name)}: {of_both}<extra></extra>",
        )
        figure.add_scatter(
            x=[thresholds[step]],
            y=[values[step]],
            mode="markers",
            marker={"symbol": "diamond", "size": 10, "color": colour},
            showlegend=False,
            hoverinfo="skip",
        )
    figure.add_vline(x=float(thresholds[step]), line={"color": colours[2], "width": 1, "dash": "dot"})
    figure.update_layout(
        height=330,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        legend={"orientation": "h", "y": -0.25, "x": 0},
        xaxis={"title": say("threshold, as a share of the map's own maximum"), "range": [0, 1], "fixedrange": True},
        yaxis={"title": "IoU", "range": [0, 1.02], "fixedrange": True},
    )
    return figure


def distributions(
    images: pd.DataFrame, title: str, references: Mapping[str, float], *, dark: bool, seed: int = 0
) -> go.Figure:
    """One point an image, by its true diagnosis, right predictions left and wrong ones right, with their medians.

    images: columns image_id, dx_true, dx_pred, value (0 … 1, NaN left out). title: of the values. references: means of
    what knows no network, by name, drawn as lines across. Points bear the image_id as customdata, for clicks.
    """
    colours = [tone.on(dark=dark) for tone in COLOURS]
    scatter = np.random.default_rng(seed).uniform(-0.13, 0.13, size=len(images))
    known = images["value"].notna().to_numpy()
    right = (images["dx_true"] == images["dx_pred"]).to_numpy()
    place = images["dx_true"].map({code: index for index, code in enumerate(CODES)}).to_numpy(dtype=np.float64)
    figure = go.Figure()
    for counted, of_median, chosen, side, symbol, colour in (
        (RIGHT_POINTS, say("median, called right"), right, -APART, "circle", colours[0]),
        (WRONG_POINTS, say("median, called wrong"), ~right, APART, "x-thin-open", colours[1]),
    ):
        rows = np.flatnonzero(chosen & known)
        figure.add_scatter(
            x=place[rows] + side + scatter[rows],
            y=images["value"].to_numpy()[rows],
            mode="markers",
            name=say(counted, images=len(rows)),
            marker={"symbol": symbol, "size": 6, "color": colour, "opacity": 0.55, "line": {"width": 1.2}},
            customdata=images["image_id"].to_numpy()[rows],
            text=[chart_text(str(name)) for name in images["image_id"].to_numpy()[rows]],
            hovertemplate="%{text}: %{y:.2f}<extra></extra>",
        )
        medians = [np.median(images["value"].to_numpy()[chosen & known & (place == index)]) if
                   (chosen & known & (place == index)).any() else None for index in range(len(CODES))]  # fmt: skip
        figure.add_scatter(
            x=[index + side for index in range(len(CODES))],
            y=medians,
            mode="markers",
            name=of_median,
            marker={"symbol": "line-ew-open", "size": 26, "color": colour, "line": {"width": 4}},
            hovertemplate=say("median") + " %{y:.2f}<extra></extra>",
        )
    for (name, value), dash in zip(references.items(), ("dot", "dash", "dashdot"), strict=False):
        figure.add_hline(
            y=value,
            line={"color": colours[2], "dash": dash, "width": 1.5},
            annotation={"text": f"{name} {number(value, '.2f')}", "font": {"color": colours[3]}, "xanchor": "right"},
        )
    figure.update_layout(
        height=430,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        legend={"orientation": "h", "y": -0.15, "x": 0},
        xaxis={
            "tickmode": "array",
            "tickvals": list(range(len(CODES))),
            "ticktext": list(CODES),
            "range": [-0.6, len(CODES) + 0.8],  # the references are named where no point lies
            "showgrid": False,
            "fixedrange": True,
        },
        yaxis={"title": title, "range": [-0.02, 1.02], "fixedrange": True},
        clickmode="event+select",
    )
    return figure


def randomisation(stages: Sequence[str], lines: Mapping[str, Sequence[float]], *, dark: bool) -> go.Figure:
    """How alike a map stays while the network unlearns stage after stage, from the scores down.

    stages: names. lines: SSIM by method, one a stage, NaN where the map went flat.
    """
    colours = [tone.on(dark=dark) for tone in COLOURS]
    figure = go.Figure()
    for (name, values), (dash, width), colour in zip(lines.items(), LOOKS, colours, strict=False):
        figure.add_scatter(
            x=[say("as learned"), *stages],
            y=[1.0, *values],
            name=name,
            mode="lines+markers",
            line={"dash": dash, "width": width, "color": colour},
            hovertemplate=f"{chart_text(name)}: %{{y:.2f}}<extra></extra>",
        )
    figure.update_layout(
        height=280,
        margin={"l": 0, "r": 0, "t": 28, "b": 0},
        # Above: below, where names stand upright on a narrow page, it would lie on the axis's title.
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis={"title": say("unlearned down to"), "fixedrange": True},
        yaxis={"title": say("likeness (SSIM)"), "range": [-0.2, 1.05], "fixedrange": True},
    )
    return figure


def names_of_codes() -> str:
    """What the codes on an axis stand for, in one line."""
    return ", ".join(f"{diagnosis.code}: {diagnosis.called}" for diagnosis in DIAGNOSES)
