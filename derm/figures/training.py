"""Training as plotly figures: curves, diagnoses, confusion, curriculum, replay.

Needs plain series. Text and grid take the page's theme; lines differ by dash, marker or label as well as by colour.
Times are in epochs trained. Does not know where a series comes from.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import plotly.graph_objects as go

from derm.diagnoses import DIAGNOSES, INDEX, Diagnosis
from derm.figures.palette import GREY, PAGE, PANEL, PRIMARY, SECOND, SERIES, TEXT
from derm.figures.strokes import DASHES, MARKS
from derm.figures.text import capital, chart_text, epoch_number
from derm.image.overlay import rgb
from derm.language.speech import number, say

MOST_FRAMES = 60
"""Pictures of a moving figure, at most."""

BAND = 0.82
"""Height of an area whose share is 1; rows lie one apart."""


@dataclass(frozen=True)
class Line:
    """One series: x in epochs trained, y; NaN where undefined. epochs: the epoch of each point, from 0, where it has
    one; people are told its number, from 1."""

    x: list[float]
    y: list[float]
    epochs: list[int] = field(default_factory=list)


def curves(
    training: Line | None, validation: Line | None, *, best: int | None = None, loss: bool = False, dark: bool
) -> go.Figure:
    """One quantity in training, solid, and in validation, dashed with markers.

    best: epoch whose weights are kept, as a line upright. loss: the axis begins at 0. dark: for a dark page.
    """
    figure = go.Figure()
    if training is not None:
        _add(figure, training, say("training"), PRIMARY.on(dark=dark), mark="circle" if training.epochs else None)
    if validation is not None:
        _add(figure, validation, say("validation"), SECOND.on(dark=dark), dash="dash", mark="square")
    if best is not None:
        figure.add_vline(best + 1, line={"dash": "dot", "width": 1.5, "color": GREY.on(dark=dark)})
        ends = [line.x[-1] for line in (training, validation) if line is not None]
        figure.add_annotation(
            x=best + 1, y=1, yref="paper", yanchor="bottom", showarrow=False,
            text=say("best, epoch {epoch}", epoch=epoch_number(best)),
            xanchor="right" if 2 * (best + 1) > max(ends, default=0) else "left", font={"color": GREY.on(dark=dark)},
        )  # fmt: skip
    _lay_out(figure, 265, legend=True, dark=dark)
    figure.update_layout(margin_t=24)
    if loss:
        figure.update_yaxes(rangemode="tozero")
    return figure


def single(line: Line, name: str, *, dark: bool, form: str = "") -> go.Figure:
    """One series by itself. name: for whoever points at it. form: of its values, as d3 has them."""
    figure = go.Figure()
    _add(figure, line, name, PRIMARY.on(dark=dark), mark="circle" if 0 < len(line.epochs) < 100 else None)
    _lay_out(figure, 230, legend=False, dark=dark)
    figure.update_yaxes(rangemode="tozero", tickformat=form)
    return figure


def class_curves(lines: Mapping[str, Line], *, dark: bool) -> go.Figure:
    """A measure of each diagnosis over the epochs, by code; each line ends in its code."""
    figure = go.Figure()
    heights = spread({code: line.y[-1] for code, line in lines.items() if not math.isnan(line.y[-1])}, 0.05)
    for code, line in lines.items():
        place = INDEX[code]
        diagnosis = DIAGNOSES[place]
        colour = _of(diagnosis, dark)
        _add(figure, line, capital(diagnosis.called), colour, dash=DASHES[place], mark=MARKS[place])
        figure.add_scatter(
            x=[line.x[-1]],
            y=[heights.get(code)],
            mode="text",
            text=[f"  {code}"],
            textposition="middle right",
            textfont={"color": colour, "size": 12},
            showlegend=False,
            hoverinfo="skip",
            cliponaxis=False,
        )
    _lay_out(figure, 420, legend=True, dark=dark)
    figure.update_layout(margin_r=44)
    figure.update_yaxes(range=[-0.02, 1.02])
    return figure


def spread(heights: Mapping[str, float], gap: float) -> dict[str, float]:
    """The heights, moved apart so that labels of the height `gap` do not lie on one another, in the same order."""
    order = sorted(heights, key=heights.__getitem__)
    moved: dict[str, float] = {}
    for name in order:
        below = max(moved.values(), default=-math.inf)
        moved[name] = max(heights[name], below + gap)
    # Moving up alone would push the highest out of the figure: all go back by half of what the last was moved.
    back = (moved[order[-1]] - heights[order[-1]]) / 2 if order else 0.0
    return {name: height - back for name, height in moved.items()}


def overlaid(lines: Mapping[str, Line], *, dark: bool) -> go.Figure:
    """One figure of several runs, by name, each in its own colour, dash and marker."""
    figure = go.Figure()
    for place, (name, line) in enumerate(lines.items()):
        mark = MARKS[place % len(MARKS)] if len(line.x) < 100 else None
        _add(
            figure,
            line,
            chart_text(name),
            SERIES[place % len(SERIES)].on(dark=dark),
            dash=DASHES[place % len(DASHES)],
            mark=mark,
        )
    _lay_out(figure, 400, legend=True, dark=dark)
    return figure


def admitted_areas(
    shares: Sequence[Mapping[str, float]],
    paces: Sequence[float],
    planned_paces: Sequence[float],
    planned_shares: Sequence[Mapping[str, float]],
    *,
    dark: bool,
) -> go.Figure:
    """The share of each diagnosis that the curriculum admits, epoch by epoch, as one area a row, and the pace on top.

    shares: of each epoch from 0, by code, 0 … 1, NaN for a diagnosis without images. paces: of the same epochs, 0 … 1.
    planned_paces, planned_shares: of every epoch of the run, drawn as dashed lines where they are still to come; shares
    may be missing.
    """
    figure = go.Figure()
    end = max(len(planned_paces), len(shares))
    rows = [(say("Pace"), GREY.on(dark=dark), list(paces), list(planned_paces))] + [
        (
            capital(diagnosis.called),
            _of(diagnosis, dark),
            [one[diagnosis.code] for one in shares],
            [one[diagnosis.code] for one in planned_shares],
        )
        for diagnosis in DIAGNOSES
    ]
    for place, (label, colour, values, planned) in enumerate(rows):
        _area(figure, float(len(rows) - 1 - place), end, label, colour, values, planned, dark=dark)
    _lay_out(figure, 460, legend=False, dark=dark)
    figure.update_layout(margin={"l": 0, "r": 52, "t": 4, "b": 0}, hovermode="closest")
    figure.update_xaxes(range=[0, end], showgrid=False)
    figure.update_yaxes(
        tickvals=[len(rows) - 1 - place + BAND / 2 for place in range(len(rows))],
        ticktext=[label for label, *_ in rows],
        showgrid=False,
        zeroline=False,
        range=[-0.1, len(rows)],
    )
    return figure


def _area(
    figure: go.Figure,
    floor: float,
    end: int,
    label: str,
    colour: str,
    values: list[float],
    planned: list[float],
    *,
    dark: bool,
) -> None:
    """One row of `admitted_areas`, from `floor` up: the whole, what is admitted, what is planned, the last figure."""
    quiet = {"hoverinfo": "skip", "showlegend": False, "mode": "lines"}
    x = [float(edge) for edge in range(len(values) + 1)]
    held = [*values, values[-1]]
    full = {"color": GREY.on(dark=dark), "width": 0.75, "dash": "dot"}
    told = {"label": label, "share": "%{customdata[0]:.0%}", "epoch": "%{customdata[1]}"}
    of_epoch = say("{label}: {share} in epoch {epoch}", **told)
    figure.add_scatter(x=[0, end], y=[floor + BAND] * 2, line=full, **quiet)
    figure.add_scatter(x=x, y=[floor] * len(x), line={"width": 0}, **quiet)
    figure.add_scatter(
        x=x,
        y=[floor + BAND * value for value in held],
        mode="lines",
        fill="tonexty",
        fillcolor=_pale(colour, 0.35),
        line={"color": colour, "width": 2, "shape": "hv"},
        customdata=[[share, min(place + 1, len(values))] for place, share in enumerate(held)],
        hovertemplate=f"{of_epoch}<extra></extra>",
        showlegend=False,
    )
    to_come = planned[len(values) - 1 :]
    if len(to_come) > 1:
        figure.add_scatter(
            x=[len(values) + place for place in range(len(to_come))],
            y=[floor + BAND * share for share in to_come],
            mode="lines",
            line={"color": colour, "width": 2, "dash": "dash", "shape": "vh"},
            customdata=to_come,
            hovertemplate=say("{label}, planned: {share}", label=label, share="%{customdata:.0%}") + "<extra></extra>",
            showlegend=False,
        )
    if not math.isnan(values[-1]):
        figure.add_annotation(
            x=1.0, xref="paper", y=floor + BAND / 2, text=f"<b>{number(values[-1], '.0%')}</b>",
            showarrow=False, xanchor="left", xshift=8, font={"size": 13, "color": TEXT.on(dark=dark)},
        )  # fmt: skip


def difficulty_motion(
    epochs: Sequence[int], everything: Sequence[Sequence[int]], admitted: Sequence[Sequence[int]], *, dark: bool
) -> go.Figure:
    """How difficult the training images are, epoch by epoch, with a slider and a button that plays them.

    everything, admitted: for each of `epochs`, images in each of equal bins of difficulty from 0 to 1; those not
    admitted yet are hatched. It opens on the last epoch.
    """
    kept = sorted(set(np.linspace(0, len(epochs) - 1, min(len(epochs), MOST_FRAMES)).round().astype(int).tolist()))
    bins = len(everything[0])
    x = [(place + 0.5) / bins for place in range(bins)]
    colour, grey = PRIMARY.on(dark=dark), GREY.on(dark=dark)

    def bars(place: int) -> list[go.Bar]:
        waiting = [total - inside for total, inside in zip(everything[place], admitted[place], strict=True)]
        hatched = {"color": "rgba(0,0,0,0)", "line": {"color": grey, "width": 1}}
        return [
            go.Bar(x=x, y=list(admitted[place]), name=say("admitted"), marker={"color": colour, "line": {"width": 0}}),
            go.Bar(
                x=x, y=waiting, name=say("not yet"),
                marker={**hatched, "pattern": {"shape": "/", "fgcolor": grey, "size": 6}},
            ),
        ]  # fmt: skip

    def axis(place: int) -> dict[str, object]:
        # As high as what is still to come: before the first losses all pictures of a class are alike, and their bars
        # would dwarf the rest.
        return {"range": [0, 1.05 * max(max(one) for one in everything[place:])], "autorange": False}

    frames = [go.Frame(data=bars(one), name=str(epochs[one]), layout={"yaxis": axis(one)}) for one in kept]
    figure = go.Figure(data=bars(kept[-1]), frames=frames)
    still = {"mode": "immediate", "frame": {"duration": 0, "redraw": True}, "transition": {"duration": 0}}
    moving = {"mode": "immediate", "frame": {"duration": 500, "redraw": True}, "transition": {"duration": 250}}
    steps = [
        {"label": str(epochs[place]), "method": "animate", "args": [[str(epochs[place])], still]} for place in kept
    ]
    ink, ground = TEXT.on(dark=dark), PANEL.on(dark=dark)
    play = {"label": say("Play"), "method": "animate", "args": [None, {**moving, "fromcurrent": False}]}
    pause = {"label": say("Pause"), "method": "animate", "args": [[None], still]}
    figure.update_layout(
        barmode="stack",
        bargap=0.08,
        height=380,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right", "font": {"color": ink}},
        sliders=[
            {
                "active": len(kept) - 1,
                "steps": steps,
                "currentvalue": {"prefix": say("epoch") + " ", "font": {"color": ink}},
                "pad": {"t": 44, "l": 130},
                "font": {"color": ink},
                "bgcolor": ground,
                "bordercolor": grey,
                "tickcolor": grey,
                "activebgcolor": colour,
            }
        ],
        updatemenus=[
            {
                "type": "buttons", "direction": "left", "showactive": False, "buttons": [play, pause],
                "x": 0, "xanchor": "left", "y": 0, "yanchor": "top", "pad": {"t": 62, "r": 8},
                "bgcolor": ground, "bordercolor": grey, "font": {"color": ink},
            }
        ],
    )  # fmt: skip
    figure.update_xaxes(title=say("difficulty, 0 easy … 1 hard"), range=[0, 1], showgrid=False)
    figure.update_yaxes(title=say("pictures"), **axis(kept[-1]))
    _colour_text(figure, dark)
    return figure


def hit_curve(hits: Line, shares: Line, *, dark: bool) -> go.Figure:
    """Replay's hit rate over the epochs, beside the half that blind draws would reach, and the replayed share."""
    figure = go.Figure()
    _add(figure, hits, say("hit rate"), PRIMARY.on(dark=dark), mark="circle")
    _add(figure, shares, say("share of images that are replayed"), SECOND.on(dark=dark), dash="dash", mark="square")
    figure.add_hline(
        0.5,
        line={"dash": "dot", "width": 1.5, "color": GREY.on(dark=dark)},
        annotation={"text": say("blind draws"), "font": {"color": GREY.on(dark=dark), "size": 12}},
        annotation_position="bottom left",
    )
    _lay_out(figure, 360, legend=True, dark=dark)
    figure.update_yaxes(range=[0, 1.02], tickformat=".0%")
    return figure


def drawn_bars(epochs: Sequence[int], drawn: Sequence[Mapping[str, int]], *, dark: bool) -> go.Figure:
    """What each epoch was made of: the share of each diagnosis among the images shown, stacked."""
    kept = sorted(set(np.linspace(0, len(epochs) - 1, min(len(epochs), MOST_FRAMES)).round().astype(int).tolist()))
    figure = go.Figure()
    for diagnosis in DIAGNOSES:
        shares = [drawn[one][diagnosis.code] / max(1, sum(drawn[one].values())) for one in kept]
        figure.add_bar(
            x=[epochs[one] for one in kept],
            y=shares,
            name=diagnosis.code.upper(),
            marker={"color": _of(diagnosis, dark), "line": {"width": 1, "color": PAGE.on(dark=dark)}},
            text=[f"{diagnosis.code.upper()} {number(share, '.0%')}" if share >= 0.05 else "" for share in shares],
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            hovertemplate=f"{capital(diagnosis.called)} %{{y:.1%}}<extra></extra>",
        )  # fmt: skip
    _lay_out(figure, 360, legend=True, dark=dark)
    figure.update_layout(barmode="stack", bargap=0.1)
    figure.update_yaxes(range=[0, 1], tickformat=".0%")
    return figure


def _add(
    figure: go.Figure, line: Line, name: str, colour: str, *, dash: str = "solid", mark: str | None = None
) -> None:
    value = "%{y:.3~g}"
    figure.add_scatter(
        x=line.x,
        y=[None if math.isnan(value) else value for value in line.y],
        name=name,
        mode="lines+markers" if mark else "lines",
        line={"color": colour, "width": 2, "dash": dash},
        marker={"symbol": mark, "size": 7, "color": colour} if mark else None,
        customdata=[epoch_number(epoch) for epoch in line.epochs] or None,
        hovertemplate=say("{value}, epoch {epoch}", value=value, epoch="%{customdata}") if line.epochs else value,
    )


def _lay_out(figure: go.Figure, height: int, *, legend: bool, dark: bool) -> None:
    figure.update_layout(
        height=height,
        margin={"l": 0, "r": 4, "t": 8, "b": 0},
        showlegend=legend,
        legend={"orientation": "h", "y": -0.28 if height < 300 else -0.2, "x": 0},
        hovermode="x",
        uirevision="kept",  # new points leave the reader's zoom alone
    )
    figure.update_xaxes(title=say("epochs trained"), rangemode="tozero")
    _colour_text(figure, dark)


def _colour_text(figure: go.Figure, dark: bool) -> None:
    """Ticks and titles in a grey that has 4.5 : 1; the page's theme would take a fainter one."""
    grey = GREY.on(dark=dark)
    for axes in (figure.update_xaxes, figure.update_yaxes):
        axes(tickfont={"color": grey}, title_font={"color": grey})


def _of(diagnosis: Diagnosis, dark: bool) -> str:
    return diagnosis.colour if dark else diagnosis.ink


def _pale(colour: str, opacity: float) -> str:
    return f"rgba({','.join(map(str, rgb(colour)))},{opacity})"
