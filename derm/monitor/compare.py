"""Runs held against each other: the settings that differ, best and last figures, one curve of each.

Needs `Run`s that were looked at. Knows nothing of figures.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from derm.figures.training import Line
from derm.model.config import LATER
from derm.monitor.runs import Run
from derm.monitor.series import LOSSES, MEASURES, epoch_line

MOST = 8
"""Runs that are laid over one another, at most: more lines cannot be told apart."""


class SettingDifference(NamedTuple):
    """A setting that differs: its dotted name and each run's value as text, '–' where a run does not have it."""

    name: str
    values: list[str]


class Figures(NamedTuple):
    """A run's validation figures at one epoch, by their names in the log; undefined ones are None."""

    run: str
    which: str
    epoch: int
    figures: dict[str, float | None]


def flatten(config: dict[str, Any], before: str = "") -> dict[str, Any]:
    """A nested configuration by dotted names."""
    flat: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{before}{name}.")
        else:
            flat[before + name] = value
    return flat


def differences(runs: Sequence[Run]) -> list[SettingDifference]:
    """The settings, and facts of data and code, in which `runs` differ, in the order of the first run's."""
    told = []
    for run in runs:
        facts = {f"data.{name}": run.data.get(name) for name in ("folder", "split", "train", "fingerprint")}
        flat = flatten(run.config)
        # What there was not yet when a run began had the value in LATER, and is no difference.
        flat |= {name: value for name, value in flatten(LATER, "model.").items() if flat and name not in flat}
        told.append({**flat, **facts, "commit": (run.about or {}).get("commit")})
    names = dict.fromkeys(name for one in told for name in one)
    rows = [SettingDifference(name, [_text(one.get(name)) for one in told]) for name in names]
    return [row for row in rows if len(set(row.values)) > 1]


def best_and_last(runs: Sequence[Run]) -> list[Figures]:
    """For each run its figures after the best epoch and after the last one, where it has measured any."""
    rows = []
    for run in runs:
        best, last = run.best(), run.reader.newest("epoch")
        if best is not None:
            rows.append(Figures(run.name, "best", best.epoch, _headline(best.validation)))
        if last is not None:
            rows.append(Figures(run.name, "last", last["epoch"], _headline(last["validation"])))
    return rows


def overlay(runs: Sequence[Run], measure: str) -> dict[str, Line]:
    """A validation figure of each run over its epochs, by the run's name; runs that have none are left out."""
    lines = {run.name: epoch_line(run, "validation", measure) for run in runs[:MOST]}
    return {name: line for name, line in lines.items() if line is not None}


def _headline(validation: dict[str, Any]) -> dict[str, float | None]:
    return {name: validation.get(name) for name in ("loss", *MEASURES)}


def _text(value: object) -> str:
    return "–" if value is None else str(value)


CURVES = {**MEASURES, **LOSSES}
"""What can be laid over one another, by name in the log."""
