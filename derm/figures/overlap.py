"""Overlap of heat map and outline, threshold by threshold, as a plotly figure.

Needs the curves of `derm.explain.agreement`. Colours are the page's own: plotly takes text and grid from its theme.
"""

import plotly.graph_objects as go

from derm.diagnoses import Diagnosis
from derm.explain.agreement import Agreement
from derm.figures.palette import GREY
from derm.language.speech import number, say


def overlap_curves(diagnosis: Diagnosis, outline: Agreement, truth: Agreement | None, *, dark: bool) -> go.Figure:
    """IoU against threshold: the evidence for `diagnosis` with the outline, a centre prior, and the best threshold.

    truth: the same evidence with the true outline, where that is known. dark: for a dark page. Lines differ by dash as
    well as by colour; both greys of the centre prior have 4.5 : 1 on their page.
    """
    figure = go.Figure()
    colour, grey = diagnosis.colour if dark else diagnosis.ink, GREY.on(dark=dark)

    def line(values: object, name: str, dash: str, colour: str) -> None:
        figure.add_scatter(
            x=outline.thresholds,
            y=values,
            name=name,
            mode="lines",
            line={"dash": dash, "color": colour, "width": 2.5},
            hovertemplate=say("{iou} at {threshold}", iou="%{y:.2f}", threshold="%{x:.2f}"),
        )

    line(outline.iou_curve, say("heat map and outline"), "solid", colour)
    if truth is not None:
        line(truth.iou_curve, say("heat map and true outline"), "dash", colour)
    line(outline.baseline_curve, say("centre prior and outline"), "dot", grey)
    figure.add_scatter(
        x=[outline.best_threshold],
        y=[outline.best_iou],
        name=say("best threshold"),
        mode="markers+text",
        marker={"symbol": "diamond", "size": 11, "color": colour},
        text=[number(outline.best_iou, ".2f")],
        textposition="top center",
        hoverinfo="skip",
    )
    figure.update_layout(
        height=300,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        legend={"orientation": "h", "y": -0.25, "x": 0},
        xaxis={"title": say("threshold of the heat map"), "range": [0, 1]},
        yaxis={"title": "IoU", "range": [0, 1]},
    )
    return figure
