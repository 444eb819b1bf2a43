"""All systems side by side: figures with intervals, differences to ours, cost, the split by image, and maps.

Needs the folder of results. Gives plain values, which go into comparison.json and come back from it. Without PyTorch.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derm.errors import DataFault
from derm.evaluate.belonging import recorded_apart
from derm.evaluate.check import HASHES
from derm.files import read_json
from derm.language.speech import mark, say
from derm.metrics import registry
from derm.metrics.bootstrap import Measure, bootstrap, paired_bootstrap
from derm.metrics.missing import mean_defined, or_none
from derm.metrics.registry import Scored, overall
from derm.model.description import check_seal, sealed
from derm.zoo.check import BYS, COSTS_OF_SYSTEM, FORMAT, MAPS, comparison_fault, is_concepts
from derm.zoo.results import (
    CONCEPTS,
    COST,
    EXPLAINED,
    FINGERPRINTS,
    SystemAnswers,
    in_order,
    read_answers,
    read_optional,
    starts_in,
)
from derm.zoo.systems import OURS, SYSTEMS, System

DIAGNOSIS = ("accuracy", "balanced_accuracy", "macro_auc")
OUTLINE = ("dice",)
LABELS = {name: registry.LABELS[name] for name in (*DIAGNOSIS, *OUTLINE)}
"""Figures of a comparison, by their names in metrics.json."""

COSTS = ("parameters", "gflop", "milliseconds", "ratio", "threads")
"""Of `derm.zoo.cost.measure_cost`, what a comparison keeps."""

REPLICATES = 1000

Span = tuple[float, float] | None


@dataclass(frozen=True)
class SystemFigure:
    """One figure with its 95 % interval, and its difference to ours (this less ours), where both are there."""

    value: float | None
    interval: Span
    difference: float | None = None
    difference_interval: Span = None

    @property
    def decided(self) -> bool:
        """Whether the interval of the difference leaves out 0."""
        span = self.difference_interval
        return span is not None and not span[0] <= 0 <= span[1]


@dataclass(frozen=True)
class SystemMeasures:
    """A system under one split. figures: by name, of what it answers alone."""

    images: int
    lesions: int
    trained_images: int
    epoch: int
    epochs: int
    figures: dict[str, SystemFigure]


@dataclass(frozen=True)
class SystemRow:
    """A system with one kind of starting weights."""

    system: str
    start: str
    cost: dict[str, float] = field(default_factory=dict)
    """parameters (millions), gflop, and where they were timed milliseconds, ratio to ours and threads: `COSTS`."""
    by: dict[str, SystemMeasures] = field(default_factory=dict)
    """By 'lesion' and 'image', what has been measured."""
    maps: dict[str, Any] = field(default_factory=dict)
    """By method, see `derm.zoo.explained.summarise_maps`."""
    concepts: dict[str, Any] = field(default_factory=dict)
    """By method, see `derm.zoo.explained.measure_concepts`."""

    @property
    def known(self) -> System:
        """What is known of the system."""
        return SYSTEMS[self.system]

    @property
    def fair(self) -> SystemMeasures | None:
        """What was measured on the split by lesion."""
        return self.by.get("lesion")


@dataclass(frozen=True)
class SystemComparison:
    """Every system of a budget: measured rows, and the names of those that have not been run."""

    budget: str
    size: int
    date: str
    rows: tuple[SystemRow, ...]

    @property
    def measured(self) -> tuple[SystemRow, ...]:
        """The rows with figures of the split by lesion."""
        return tuple(row for row in self.rows if row.fair is not None)

    @property
    def not_run(self) -> tuple[str, ...]:
        """The systems without any figures of the split by lesion."""
        done = {row.system for row in self.measured}
        return tuple(name for name in SYSTEMS if name not in done)

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON, under a hash."""
        content: dict[str, Any] = json.loads(json.dumps({"format": FORMAT, **asdict(self)}, allow_nan=False))
        return sealed(content)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "SystemComparison":
        """Rebuild from `as_dict`, also from before there was a hash; ValueError for anything else."""
        if fault := comparison_fault(content):
            raise ValueError(fault)
        check_seal(content)
        rows = tuple(_row_from(one) for one in content["rows"])
        return cls(content["budget"], content["size"], content["date"], rows)


def _row_from(content: Mapping[str, Any]) -> SystemRow:
    by = {name: _measured_from(one) for name, one in content["by"].items()}
    cost = {name: float(value) for name, value in content["cost"].items()}
    concepts = content.get("concepts", {})  # of a comparison made before there were any: none
    return SystemRow(content["system"], content["start"], cost, by, content["maps"], concepts)


def _measured_from(content: Mapping[str, Any]) -> SystemMeasures:
    figures = {
        name: SystemFigure(one["value"], _span(one["interval"]), one["difference"], _span(one["difference_interval"]))
        for name, one in content["figures"].items()
        if name in LABELS
    }
    counts = {name: content[name] for name in ("images", "lesions", "trained_images", "epoch", "epochs")}
    return SystemMeasures(**counts, figures=figures)


def _span(values: list[float] | None) -> Span:
    return None if values is None else (values[0], values[1])


def read_comparison(path: Path) -> SystemComparison:
    """What `derm zoo table` wrote as JSON; DataFault, with the cure, where it cannot be read."""
    try:
        return SystemComparison.from_dict(read_json(path))
    except (OSError, ValueError) as error:
        raise DataFault(
            say(
                "The comparison {path} cannot be read ({error}): make it anew with `derm zoo table`.",
                path=path,
                error=" ".join(str(error).split())[:120],
            )
        ) from error


def compare_systems(
    out: Path,
    budget: str,
    size: int,
    counted: Callable[[System], Mapping[str, float]],
    replicates: int = REPLICATES,
    progress: Callable[[int, int], None] | None = None,
) -> SystemComparison:
    """Gather what lies below `out` for a budget: every system once at least, measured or not.

    counted: parameters and GFLOP of a system that has not been timed. Raises DataFault for what is damaged, and where
    two results of one split are of other images.
    """
    starts = starts_in(out, budget) or ["random"]
    pairs = [(system, start) for system in SYSTEMS.values() for start in starts]
    rows: list[SystemRow] = []
    firsts: dict[str, SystemAnswers] = {}
    for done, (system, start) in enumerate(pairs):
        if progress:
            progress(done, len(pairs))
        row = _row_of(out, budget, system, start, replicates, firsts)
        seen = any(one.system == system.name for one in rows)
        last = start == starts[-1]
        if row.by or row.cost or (last and not seen):
            rows.append(row if row.cost else replace(row, cost=dict(counted(system))))
    if progress:
        progress(len(pairs), len(pairs))
    return SystemComparison(budget, size, datetime.now(UTC).date().isoformat(), tuple(rows))


def _row_of(
    out: Path, budget: str, system: System, start: str, replicates: int, firsts: dict[str, SystemAnswers]
) -> SystemRow:
    """firsts: by split, the result that all others must be of the same images as; put there where it is missing."""
    by: dict[str, SystemMeasures] = {}
    maps: dict[str, Any] = {}
    concepts: dict[str, Any] = {}
    cost: dict[str, Any] | None = None
    for name in BYS:
        folder = out / budget / f"by-{name}" / start
        cost = cost or _costs_of(folder / system.name / COST)
        answered = read_answers(folder / system.name)
        if answered is not None:
            _check_same(firsts.setdefault(name, answered), answered)
            ours = read_answers(folder / OURS) if system.name != OURS else None
            by[name] = measure(system, answered, ours, replicates)
        if name == "lesion":
            files = {} if answered is None else answered.about.get(HASHES, {})
            file = f"{EXPLAINED}.json"
            maps = read_optional(folder / system.name / file, MAPS, files.get(file)) or {}
            concepts = read_optional(folder / system.name / CONCEPTS, is_concepts, files.get(CONCEPTS)) or {}
    return SystemRow(system.name, start, cost or {}, by, maps, concepts)


def _check_same(first: SystemAnswers, second: SystemAnswers) -> None:
    """Raise DataFault where two results are of other images; what one of them is too old to tell is not asked."""
    aligned = in_order(second, first.images)
    told = [(first.about.get(name), second.about.get(name)) for name in FINGERPRINTS]
    if aligned is None:
        what: str | None = mark("test images")
    elif (aligned.true != first.true).any():
        what = mark("diagnoses")
    elif any(None not in pair and pair[0] != pair[1] for pair in told):
        what = mark("training or validation images")
    else:
        what = recorded_apart(first.about["about"], second.about["about"])
    if what is not None:
        raise DataFault(
            say(
                "{first} and {second} are results of different data ({what}), so they cannot stand side by side: "
                "delete that of the wrong data set and run its system again, or name another folder with --results.",
                first=first.folder,
                second=second.folder,
                what=say(what),
            )
        )


def _costs_of(path: Path) -> dict[str, float] | None:
    """Those of `COSTS` that a cost.json has; None where there is none. DataFault for that of another system, too."""

    def is_own(content: dict[str, Any]) -> bool:
        own = content.get("system", path.parent.name) == path.parent.name
        return own and COSTS_OF_SYSTEM({key: content[key] for key in COSTS if key in content})

    cost = read_optional(path, is_own)
    return cost and {key: float(cost[key]) for key in COSTS if key in cost}


def measure(
    system: System, answered: SystemAnswers, ours: SystemAnswers | None, replicates: int = REPLICATES
) -> SystemMeasures:
    """A system's figures with intervals, and their differences to ours on the same images, by bootstrap over lesions.

    ours: None, or of other images or diagnoses: then there is no difference.
    """
    names = (*(DIAGNOSIS if system.names else ()), *(OUTLINE if system.draws else ()))
    rows = np.arange(len(answered.true))
    own = _measure(answered, names)
    values, spans = own(rows), bootstrap(own, answered.lesions, replicates)
    other = None if ours is None else in_order(ours, answered.images)
    if other is not None and (other.true != answered.true).any():
        other = None
    apart = {} if other is None else paired_bootstrap(_measure(other, names), own, answered.lesions, replicates)
    figures = {
        name: SystemFigure(
            values[name],
            spans[name],
            apart[name].value if name in apart else None,
            apart[name].interval if name in apart else None,
        )
        for name in names
        if values[name] is not None
    }
    about = answered.about
    return SystemMeasures(
        len(rows),
        len(np.unique(answered.lesions)),
        int(about["trained_images"]),
        int(about["epoch"]),
        int(about["epochs"]),
        figures,
    )


def _measure(answered: SystemAnswers, names: tuple[str, ...]) -> Measure:
    def figures(rows: NDArray[np.int64]) -> dict[str, float | None]:
        found: dict[str, float | None] = {}
        diagnosed = tuple(name for name in names if name in DIAGNOSIS)
        if diagnosed:
            scored = Scored(answered.true[rows], answered.probabilities[rows])
            found |= {name: or_none(value) for name, value in overall(scored, diagnosed).items()}
        if "dice" in names:
            found["dice"] = or_none(mean_defined(answered.dice[rows]))
        return found

    return figures
