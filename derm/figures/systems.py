"""Systems side by side as a plotly figure: each one's figure with its interval, ours marked.

Needs plain values. Ours differs by symbol and place as well as by colour. Knows no files.
"""

from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from derm.figures.intervals import interval_bars
from derm.figures.palette import GREY, PRIMARY, SECOND
from derm.figures.text import in_lines, row_height
from derm.language.speech import say


class SystemPoint(NamedTuple):
    """One system: its name, figure, 95 % interval or None, the same with a leak or None, and whether it is ours."""

    name: str
    value: float
    interval: tuple[float, float] | None
    leaking: float | None
    ours: bool


def system_points(points: Sequence[SystemPoint], label: str, *, dark: bool) -> go.Figure:
    """Each system on a line of its own, the highest on top; label: what is measured."""
    order = sorted(points, key=lambda point: point.value)
    figure = go.Figure()
    for ours, name, symbol, tone in (
        (True, say("ours"), "diamond", PRIMARY),
        (False, say("other systems"), "circle", SECOND),
    ):
        own = [point for point in order if point.ours == ours]
        if not own:
            continue
        spans = [point.interval or (point.value, point.value) for point in own]
        figure.add_scatter(
            x=[point.value for point in own],
            y=[in_lines(point.name) for point in own],
            error_x=interval_bars([point.value for point in own], *zip(*spans, strict=True)),
            name=name,
            mode="markers",
            marker={"symbol": symbol, "size": 10, "color": tone.on(dark=dark)},
            hovertemplate="%{y}: %{x:.3f}<extra></extra>",
        )
    leaking = [point for point in order if point.leaking is not None]
    if leaking:
        figure.add_scatter(
            x=[point.leaking for point in leaking],
            y=[in_lines(point.name) for point in leaking],
            name=say("split by image, which leaks"),
            mode="markers",
            marker={"symbol": "x-thin-open", "size": 9, "color": GREY.on(dark=dark)},
            hovertemplate="%{y}, " + say("split by image (leaks)") + ": %{x:.3f}<extra></extra>",
        )
    figure.update_layout(
        height=120 + row_height(point.name for point in order) * len(order),
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        xaxis={"title": in_lines(label), "automargin": True},
        yaxis={
            "categoryorder": "array", "categoryarray": [in_lines(point.name) for point in order], "automargin": True,
        },
    )  # fmt: skip
    return figure
