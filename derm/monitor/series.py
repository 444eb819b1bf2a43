"""What a run's log holds, as plain series for figures: losses, measures, diagnoses, curriculum, replay, pace.

Needs a `Run`. Time runs in epochs trained: a step lies at step / steps an epoch, what was measured after epoch e at
e + 1, and a stage of the curriculum from e to e + 1. Knows nothing of figures.
"""

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from derm.diagnoses import CODES
from derm.errors import ConfigFault
from derm.figures.training import Line
from derm.language.speech import mark
from derm.metrics.missing import fraction
from derm.metrics.registry import OUTLINE, OVERALL, PER_CLASS
from derm.monitor.downsample import POINTS, smooth, thin
from derm.monitor.runs import Run
from derm.runlog.events import HardImage
from derm.train.curriculum import CurriculumConfig, pace_of, quotas_of


class Panel(NamedTuple):
    """One quantity, in training and in validation; either may be missing."""

    name: str
    training: Line | None
    validation: Line | None


LOSSES = {
    "loss": mark("Joint loss"),
    "mask_loss": mark("Loss of the outline"),
    "class_loss": mark("Loss of the diagnosis"),
}
"""The loss and its parts, by their names in the log."""

MEASURES = {
    metric.key: metric.label
    for metric in sorted((*OUTLINE, *OVERALL), key=lambda metric: not metric.headline)
    if metric.charted
}
"""Measures of a whole part, by their names in the log."""

CLASS_MEASURES = {
    **dict(sorted(PER_CLASS.items(), key=lambda entry: entry[0] != "recall")),
    **{metric.key: metric.label for metric in OUTLINE if metric.headline},
}
"""Measures of one diagnosis, by their names in the log."""


def epoch_line(run: Run, *path: str) -> Line | None:
    """A figure of each `epoch` event, such as ("validation", "dice"); None where no epoch has it."""
    events = run.reader.events("epoch")
    values = [_dig(event, path) for event in events]
    if not any(value is not None for value in values):
        return None
    epochs = [event["epoch"] for event in events]
    return shorten([epoch + 1.0 for epoch in epochs], [math.nan if v is None else v for v in values], epochs)


def shorten(x: list[float], y: list[float], epochs: list[int]) -> Line:
    """The line, with no more points than a plot can show."""
    if len(x) <= POINTS:
        return Line(x, y, epochs)
    shown_x, shown_y = thin(np.array(x), np.array(y))
    return Line(shown_x.tolist(), shown_y.tolist(), [round(place) - 1 for place in shown_x.tolist()])


def step_line(run: Run, name: str) -> Line | None:
    """A figure of each `step` event, as a running mean over a tenth of an epoch; None before the first."""
    start = run.reader.newest("start")
    steps = run.reader.steps()
    if start is None or not len(steps.step):
        return None
    each = start["steps_per_epoch"]
    values = getattr(steps, name)
    if name != "learning_rate":
        gap = start["config"]["log_every"]
        values = smooth(values, max(1, round(each / gap / 10)))
    x, y = thin(steps.step / each, values)
    return Line(x.tolist(), y.tolist())


def losses(run: Run) -> list[Panel]:
    """The joint loss and its parts: training as it goes, validation after each epoch."""
    return [Panel(label, step_line(run, name), epoch_line(run, "validation", name)) for name, label in LOSSES.items()]


def measures(run: Run) -> list[Panel]:
    """Each measure but the Dice of `figure_7`, in validation, and in training where the log has it."""
    panels = [
        Panel(label, epoch_line(run, "train", name), epoch_line(run, "validation", name))
        for name, label in MEASURES.items()
        if name != "dice"
    ]
    return [panel for panel in panels if panel.validation is not None or panel.training is not None]


def figure_7(run: Run) -> list[Panel]:
    """Loss and Dice in training and validation, epoch by epoch: Figure 7 of Fiaz et al. 2025."""
    names = {"loss": mark("Loss"), "dice": "Dice"}
    return [
        Panel(label, epoch_line(run, "train", name), epoch_line(run, "validation", name))
        for name, label in names.items()
    ]


def of_classes(run: Run, measure: str) -> dict[str, Line]:
    """A measure of each diagnosis over the epochs, by code, in their order; those without any are left out."""
    lines = {code: epoch_line(run, "validation", "per_class", code, measure) for code in CODES}
    return {code: line for code, line in lines.items() if line is not None}


def measured_epochs(run: Run) -> list[int]:
    """The epochs that were measured, in order."""
    return [event["epoch"] for event in run.reader.events("epoch")]


def confusion(run: Run, epoch: int) -> NDArray[np.int64] | None:
    """The confusion matrix of validation after `epoch`, int64 (7, 7), rows are true; None where it has none."""
    for event in run.reader.events("epoch"):
        if event["epoch"] == epoch:
            return np.array(event["validation"]["confusion_matrix"], dtype=np.int64)
    return None


def speeds(run: Run, name: Literal["images_per_second", "memory_mb"]) -> Line | None:
    """`images_per_second` or `memory_mb` of each epoch; None before the first."""
    events = run.reader.events("speed")
    if not events:
        return None
    epochs = [event["epoch"] for event in events]
    return shorten([epoch + 1.0 for epoch in epochs], [float(event[name]) for event in events], epochs)


# Curriculum


class CurriculumPoint(NamedTuple):
    """The curriculum in one epoch.

    shares: admitted share of each diagnosis, by code, 0 … 1, NaN where it has no image. images: of the training part.
    difficulty, admitted_difficulty: images in each of twenty bins of difficulty from 0 to 1, all and admitted ones.
    """

    epoch: int
    enabled: bool
    pace: float
    admitted: int
    images: int
    shares: dict[str, float]
    difficulty: list[int]
    admitted_difficulty: list[int]


def stages(run: Run) -> list[CurriculumPoint]:
    """The curriculum's stage of each epoch that has begun or is planned, in order."""
    return [
        CurriculumPoint(
            event["epoch"],
            event["enabled"],
            event["pace"],
            event["admitted"],
            sum(event["difficulty_histogram"]),
            {code: math.nan if share is None else share for code, share in event["admitted_share"].items()},
            event["difficulty_histogram"],
            event["admitted_histogram"],
        )
        for event in run.reader.events("curriculum")
    ]


def planned_pace(run: Run) -> list[float]:
    """The pace of every epoch of the run, those to come as well, 0 … 1."""
    epochs = run.config.get("epochs", 0)
    curriculum = curriculum_of(run.config.get("curriculum", {}))
    if curriculum is None:
        return []
    return [pace_of(curriculum, epoch, epochs) if curriculum.enabled else 1.0 for epoch in range(epochs)]


def curriculum_of(settings: dict[str, Any]) -> CurriculumConfig | None:
    """The curriculum's settings as a run has them; those of other versions are left out. None where they do not fit."""
    known = {field.name: settings[field.name] for field in fields(CurriculumConfig) if field.name in settings}
    try:
        return CurriculumConfig(**known)
    except ConfigFault:
        return None


def planned_shares(run: Run) -> list[dict[str, float]]:
    """The share of each diagnosis, by code, that every epoch of the run admits, those to come as well, 0 … 1.

    NaN for a diagnosis without images; empty where the log, of an older Derm, does not tell how many there are.
    """
    first = run.reader.newest("curriculum")
    config = curriculum_of(run.config.get("curriculum", {}))
    if first is None or "images" not in first or config is None:
        return []
    counts = np.array([first["images"][code] for code in CODES])
    shares = [fraction(quotas_of(config, pace, counts), counts) for pace in planned_pace(run)]
    return [dict(zip(CODES, share.tolist(), strict=True)) for share in shares]


# Replay


class Replay(NamedTuple):
    """Replay after one epoch.

    size: images in the buffer. share: of all images shown, 0 … 1. hit_rate: of those replayed, how many were still
    harder than the median fresh image of their batch, 0 … 1, None where the log has none. drawn: images of each
    diagnosis shown in the epoch, by code. suspects: image ids taken for label errors. hardest: rows of the log.
    """

    epoch: int
    enabled: bool
    size: int
    share: float
    hit_rate: float | None
    drawn: dict[str, int]
    suspects: list[str]
    hardest: list[HardImage]


def replays(run: Run) -> list[Replay]:
    """What the log tells of replay after each epoch, in order."""
    return [
        Replay(
            event["epoch"],
            event["enabled"],
            event["size"],
            event["replayed_share"],
            event.get("hit_rate"),
            event["drawn"],
            event["suspects"],
            event["hardest"],
        )
        for event in run.reader.events("replay")
    ]


def hit_rates(told: list[Replay]) -> Line:
    """The hit rate after each epoch."""
    rates = [math.nan if one.hit_rate is None else one.hit_rate for one in told]
    return shorten([one.epoch + 1.0 for one in told], rates, [one.epoch for one in told])


def replayed_shares(told: list[Replay]) -> Line:
    """The share of replayed images among all that were shown, epoch by epoch."""
    return shorten([one.epoch + 1.0 for one in told], [one.share for one in told], [one.epoch for one in told])


def _dig(event: Mapping[str, Any], path: tuple[str, ...]) -> float | None:
    found: Any = event
    for part in path:
        found = found.get(part) if isinstance(found, dict) else None
    value: float | None = found
    return value
