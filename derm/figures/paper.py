"""The paper's figures drawn from our numbers: how many images of each class and part, training epoch by epoch, ours
beside theirs class by class.

Needs plain numbers. Draws on a light page, for reports. Knows no files.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from derm.diagnoses import DIAGNOSES
from derm.figures import palette
from derm.figures.palette import PRIMARY, TEXT, WARM
from derm.figures.text import epoch_number
from derm.language.speech import number, say

INK, PETROL = TEXT.light, PRIMARY.light
"""Text and the strong line; each has at least 4.5 : 1 on white."""

PATTERNS = ("", "/", ".")
"""Of the bars of one class side by side, so that they differ without colour."""


def class_distribution(counts: Mapping[str, int]) -> go.Figure:
    """Figure 1: images of each diagnosis, by its code; the bars carry their numbers, for they differ a hundredfold."""
    figure = go.Figure(
        go.Bar(
            x=[diagnosis.code for diagnosis in DIAGNOSES],
            y=[counts.get(diagnosis.code, 0) for diagnosis in DIAGNOSES],
            marker_color=[diagnosis.ink for diagnosis in DIAGNOSES],
            text=[number(counts.get(diagnosis.code, 0), ",") for diagnosis in DIAGNOSES],
            textposition="outside",
            hovertext=[diagnosis.called for diagnosis in DIAGNOSES],
            hovertemplate=say("{name}: {count} images", name="%{hovertext}", count="%{y:,}") + "<extra></extra>",
        )
    )
    return _laid_out(figure, say("images"))


def split_sizes(counts: Mapping[str, Mapping[str, int]]) -> go.Figure:
    """Figure 2: images in each part, by part and then by code; a bar a part, made of its classes."""
    parts = list(counts)
    figure = go.Figure()
    for diagnosis in DIAGNOSES:
        figure.add_bar(
            x=[counts[part].get(diagnosis.code, 0) for part in parts],
            y=parts,
            orientation="h",
            name=diagnosis.code,
            marker={"color": diagnosis.ink, "line": {"color": "white", "width": 1}},
            hovertemplate=say("{name}: {count} of the part {part}", name=diagnosis.called, count="%{x:,}", part="%{y}")
            + "<extra></extra>",
        )
    figure.update_layout(barmode="stack", xaxis_title=say("images"), yaxis={"autorange": "reversed"})
    figure.update_yaxes(
        tickmode="array",
        tickvals=parts,
        ticktext=[f"{say(part)} {number(sum(counts[part].values()), ',')}" for part in parts],
    )
    return _laid_out(figure, None)


def beside_bars(measure: str, series: Mapping[str, Sequence[float | None]]) -> go.Figure:
    """Figures 4 and 5: one measure for each class, a bar for each name of `series`, its values in the order of CODES.

    At most three names; the bars of one class differ by pattern as well as by shade.
    """
    figure = go.Figure()
    codes = [diagnosis.code for diagnosis in DIAGNOSES]
    for (name, values), pattern, colour in zip(series.items(), PATTERNS, palette.PRINTED, strict=False):
        figure.add_bar(
            x=codes,
            y=list(values),
            name=name,
            marker={"color": colour, "pattern": {"shape": pattern, "fgcolor": "white"}},
            hovertemplate=f"{name}, %{{x}}: %{{y:.3f}}<extra></extra>",
        )
    figure.update_layout(barmode="group", yaxis_range=[0, 1])
    return _laid_out(figure, measure)


def training_curves(history: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Figure 7: the outline's loss and Dice, epoch by epoch, as the weights' description keeps them.

    history: an entry an epoch: epoch, train.mask_loss, validation.mask_loss and validation.dice.
    """
    epochs = [epoch_number(entry["epoch"]) for entry in history]
    figure = go.Figure()
    for name, part, dash, colour in (
        (say("outline loss, training"), "train", "solid", PETROL),
        (say("outline loss, validation"), "validation", "dash", PETROL),
    ):
        figure.add_scatter(
            x=epochs,
            y=[entry[part].get("mask_loss") for entry in history],
            name=name,
            mode="lines+markers",
            line={"color": colour, "dash": dash},
        )
    figure.add_scatter(
        x=epochs,
        y=[entry["validation"].get("dice") for entry in history],
        name=say("Dice, validation (right axis)"),
        mode="lines+markers",
        marker_symbol="diamond",
        line={"color": WARM.light, "dash": "dot"},
        yaxis="y2",
    )
    figure.update_layout(
        xaxis={"title": say("epoch"), "dtick": 1 if len(epochs) < 30 else None},
        yaxis2={"title": "Dice", "overlaying": "y", "side": "right", "range": [0, 1], "showgrid": False},
    )
    return _laid_out(figure, "loss")


def _laid_out(figure: go.Figure, y_title: str | None) -> go.Figure:
    figure.update_layout(
        template="plotly_white",
        font={"color": INK, "size": 13},
        height=340,
        margin={"l": 10, "r": 10, "t": 20, "b": 10},
        legend={"orientation": "h", "y": -0.2, "x": 0},
    )
    if y_title:
        figure.update_layout(yaxis_title=y_title)
    return figure
