"""A run's figures with title and description, ready to be shown; made anew only when the log tells more of them.

Needs `Run`s and the series of `derm.monitor.series`. Knows nothing of pages.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from derm.diagnoses import DIAGNOSES
from derm.figures import training
from derm.figures.results import confusion_matrix
from derm.figures.text import epoch_number
from derm.figures.training import Line
from derm.language.speech import language, say, say_many
from derm.monitor import compare, series
from derm.monitor.runs import Run
from derm.monitor.words import in_percent, name_of, three


class Plate(NamedTuple):
    """A figure, its title, and what it shows in words for whoever cannot see it."""

    title: str
    figure: go.Figure
    alt: str


def in_rows(shown: Sequence[Plate], columns: int) -> list[Sequence[Plate]]:
    """The plates in rows of `columns`, the last row perhaps shorter."""
    return [shown[begin : begin + columns] for begin in range(0, len(shown), columns)]


def figure_7(run: Run, *, dark: bool) -> list[Plate]:
    """Loss and Dice, training against validation, epoch by epoch; empty before the first epoch."""
    return _kept(run, "figure 7", dark, lambda: _panels(run, series.figure_7(run), dark=dark))


def losses(run: Run, *, dark: bool) -> list[Plate]:
    """The joint loss and its parts."""
    return _kept(run, "losses", dark, lambda: _panels(run, series.losses(run), loss=True, dark=dark), steps=True)


def measures(run: Run, *, dark: bool) -> list[Plate]:
    """Every measure."""
    return _kept(run, "measures", dark, lambda: _panels(run, series.measures(run), dark=dark))


def classes(run: Run, measure: str, *, dark: bool) -> list[Plate]:
    """A measure of each diagnosis over the epochs; empty before the first."""

    def make() -> list[Plate]:
        lines = series.of_classes(run, measure)
        title = say("{measure} of each diagnosis, validation", measure=say(series.CLASS_MEASURES[measure]))
        said = ", ".join(f"{code} {three(line.y[-1])}" for code, line in lines.items())
        figure = training.class_curves(lines, dark=dark)
        alt = say("{title}, over the epochs; last: {figures}.", title=title, figures=said)
        return [Plate(title, figure, alt)] if lines else []

    return _kept(run, f"classes {measure}", dark, make)


def confusion(run: Run, epoch: int, *, rates: bool, dark: bool) -> list[Plate]:
    """The confusion matrix after `epoch`; empty where there is none."""

    def make() -> list[Plate]:
        matrix = series.confusion(run, epoch)
        if matrix is None:
            return []
        right = [
            say("{name} {right} of {all} right", name=one.called, right=matrix[place, place], all=matrix[place].sum())
            for place, one in enumerate(DIAGNOSES)
        ]
        title = say("Confusion matrix after epoch {epoch}", epoch=epoch_number(epoch))
        return [Plate(title, confusion_matrix(matrix, rates=rates, dark=dark), f"{title}: {', '.join(right)}.")]

    return _kept(run, f"confusion {epoch} {rates}", dark, make)


def machine(run: Run, *, dark: bool) -> list[Plate]:
    """Learning rate, images a second, memory; those that the log knows already."""

    def make() -> list[Plate]:
        known = {
            say("Learning rate"): (series.step_line(run, "learning_rate"), "~e"),
            say("Images a second"): (series.speeds(run, "images_per_second"), ""),
            say("Memory, megabytes"): (series.speeds(run, "memory_mb"), ","),
        }
        return [
            Plate(
                title,
                training.single(line, title, form=form, dark=dark),
                say("{title} over the epochs; last {value:.4g}.", title=title, value=line.y[-1]),
            )
            for title, (line, form) in known.items()
            if line is not None
        ]

    return _kept(run, "machine", dark, make, steps=True)


def admitted(run: Run, *, dark: bool) -> list[Plate]:
    """The share admitted of each diagnosis over time; empty before the first stage or where the curriculum is off."""

    def make() -> list[Plate]:
        stages = series.stages(run)
        if not stages or not stages[-1].enabled:
            return []
        shares, paces = [stage.shares for stage in stages], [stage.pace for stage in stages]
        said = ", ".join(f"{code} {in_percent(share)}" for code, share in shares[-1].items() if not math.isnan(share))
        planned = series.planned_pace(run), series.planned_shares(run)
        figure = training.admitted_areas(shares, paces, *planned, dark=dark)
        title, epoch = say("Share admitted, diagnosis by diagnosis"), epoch_number(stages[-1].epoch)
        alt = say("{title}, over the epochs; in epoch {epoch}: {shares}.", title=title, epoch=epoch, shares=said)
        return [Plate(title, figure, alt)]

    return _kept(run, "admitted", dark, make)


def difficulty(run: Run, *, dark: bool) -> list[Plate]:
    """The histogram of difficulty, moving over the epochs; empty before the first stage."""

    def make() -> list[Plate]:
        stages = series.stages(run)
        if not stages:
            return []
        figure = training.difficulty_motion(
            [epoch_number(stage.epoch) for stage in stages],
            [stage.difficulty for stage in stages],
            [stage.admitted_difficulty for stage in stages],
            dark=dark,
        )
        last = stages[-1]
        title = say("Difficulty of the training pictures")
        alt = say(
            "{title}, a histogram for each epoch; {admitted} of {images} pictures are admitted in epoch {epoch}.",
            title=title,
            admitted=last.admitted,
            images=last.images,
            epoch=epoch_number(last.epoch),
        )
        return [Plate(title, figure, alt)]

    return _kept(run, "difficulty", dark, make)


def replay(run: Run, *, dark: bool) -> list[Plate]:
    """Replay's hit rate, and what the epochs were made of; empty before the first epoch."""

    def make() -> list[Plate]:
        told = series.replays(run)
        if not told:
            return []
        epochs = [epoch_number(one.epoch) for one in told]
        drawn = training.drawn_bars(epochs, [one.drawn for one in told], dark=dark)
        made_of = Plate(
            say("Pictures shown, by diagnosis"),
            drawn,
            say_many("Shares of the diagnoses in 1 epoch.", "Shares of the diagnoses in {count} epochs.", len(epochs)),
        )
        hits = series.hit_rates(told)
        if not told[-1].enabled:
            return [made_of]
        title = say("Hit rate of replay")
        curve = training.hit_curve(hits, series.replayed_shares(told), dark=dark)
        alt = say(
            "{title} over the epochs; last {rate}, blind draws {half}.", title=title, rate=three(hits.y[-1]), half=0.5
        )
        return [Plate(title, curve, alt), made_of]

    return _kept(run, "replay", dark, make)


def overlaid(runs: Sequence[Run], measure: str, *, dark: bool) -> list[Plate]:
    """A validation figure of several runs over their epochs; empty where none has it."""
    lines: dict[str, Line] = compare.overlay(runs, measure)
    title = say("{measure}, validation", measure=name_of(measure))
    said = ", ".join(f"{name} {three(line.y[-1])}" for name, line in lines.items())
    alt = say("{title}; last: {figures}.", title=title, figures=said)
    return [Plate(title, training.overlaid(lines, dark=dark), alt)] if lines else []


def _panels(run: Run, panels: Sequence[series.Panel], *, loss: bool = False, dark: bool) -> list[Plate]:
    best = run.best()
    plates = []
    for panel in panels:
        ends = {say("training"): panel.training, say("validation"): panel.validation}
        said = ", ".join(f"{part} {three(line.y[-1])}" for part, line in ends.items() if line is not None)
        if said:
            figure = training.curves(
                panel.training, panel.validation, best=best.epoch if best else None, loss=loss, dark=dark
            )
            title = say(panel.name)
            alt = say("{title} over the epochs; last: {figures}.", title=title, figures=said)
            plates.append(Plate(title, figure, alt))
    return plates


def _kept(run: Run, what: str, dark: bool, make: Callable[[], list[Plate]], *, steps: bool = False) -> list[Plate]:
    return run.once((what, dark, language()), make, steps=steps)
