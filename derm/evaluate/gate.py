"""What tells photographs from dermoscopy, and dermoscopy that was trained on from other: fitted, and cross-validated.

Needs statistics of training, validation and outsiders, with sources, classes and patients. Knows no files but names.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derm.errors import DataFault
from derm.language.speech import mark, say
from derm.metrics.decision import clopper_pearson
from derm.model.gate import LEAST, NotDermoscopic, OodGate, SeenLittle

BLOCKED = 0.03
"""Share of dermoscopic pictures, in any source and class, that may be called not dermoscopic."""

CAUGHT = 0.98
"""Share of outsiders that the threshold is to catch where `BLOCKED` allows it; from there on, every step higher spares
dermoscopy of sources that nobody measured."""

LITTLE = 0.05
"""Share of each source's validation pictures, at most, of which the model is said to have seen little."""

FOLDS = 10
"""Parts of the outsiders, by patient, each judged by a direction and a threshold found without it; also the fewest
patients."""

INNER_FOLDS = 5
"""Parts in which a threshold is found."""

SMALLEST = 34
"""Pictures of a class from which it has a limit of its own: `BLOCKED` of fewer is less than one."""

SHRINKAGE = 0.1
"""Share of the identity in the covariance of the standardised statistics."""

OUTSIDERS_WEIGH = 0.5
"""What the outsiders' covariance counts, where the dermoscopic pictures' counts 1."""

AXES = 16
"""Principal directions that keep their own variance."""

DIGITS = 5
"""Significant digits of what is kept."""

FEW_TRAINING = mark(
    "There are too few training images of {which}, from which the weights learned, to tell what they have seen little "
    "of: name that data with a further --data."
)
FEW_VALIDATION = mark(
    "There are too few validation images of {which}, from which the weights learned, to tell what they have seen "
    "little of: name that data with a further --data."
)


@dataclass(frozen=True)
class Pictures:
    """Dermoscopic pictures: statistics, float (n, D), and of each its source and class, text (n,)."""

    statistics: NDArray[np.floating[Any]]
    sources: NDArray[np.str_]
    classes: NDArray[np.str_]

    def of(self, sources: Collection[str] | None) -> "Pictures":
        """Those of `sources`; all for None."""
        if sources is None:
            return self
        own = np.isin(self.sources, sorted(sources))
        return Pictures(self.statistics[own], self.sources[own], self.classes[own])


def patient_of(path: PurePath) -> str:
    """The patient that a picture's name tells, as 'PAT_1061' of PAT_1061_254_813.jpg; else the name: one for each."""
    found = re.match(r"PAT_\d+(?=_)", path.name)
    return found.group() if found else path.name


def fit_gate(
    training: Pictures,
    validation: Pictures,
    outsiders: NDArray[np.floating[Any]],
    patients: Sequence[str],
    columns: NDArray[np.int64],
    learned_from: Collection[str] | None = None,
) -> OodGate:
    """Find both statements; ready for the weights' description.

    training: finds direction and cloud, each source counting alike. learned_from: the sources that the weights were
    trained on, whose pictures alone make the cloud and its limit; None for all, as where they are trained anew. The
    direction may know others: what is dermoscopy does not depend on what was learned. validation: chooses thresholds
    only. outsiders: float (k, views, D), the first view of each is the picture as it is, others, which help to find the
    direction only, are variations of it. patients: text (k,), at least `FOLDS` different ones. columns: see
    `style_columns`.

    The direction is Fisher's linear discriminant (1936), the covariance shrunk. The threshold is the highest that
    catches `CAUGHT` of the outsiders, each judged by a direction found without its patient, but never so low that more
    than `BLOCKED` of a group of the validation pictures is blocked: of a source, and of a class within it; a class of
    fewer than `SMALLEST` pictures there is joined over the sources, and where that is too few with the other classes
    that are. Where all of those are too few they have no limit but their source's.

    `measured` of the first: caught, cross-validated by patient with everything, the threshold, too, found anew in each
    of `FOLDS` parts; blocked, of validation, by 'source' and 'source class'; each {share, low, high, pictures}, with
    Clopper and Pearson's 95 % interval. Of the second: beyond, of validation, by source. Raises DataFault for too few
    pictures or patients, ValueError for arrays that do not fit.
    """
    _check(training, validation, outsiders, patients)
    for few, pictures in ((FEW_TRAINING, training), (FEW_VALIDATION, validation)):
        if learned_from is not None and len(pictures.of(learned_from).sources) < 2:
            which = ", ".join(sorted(learned_from))
            raise DataFault(say(few, which=which))
    middle = _Middle.of(training)
    random = np.random.default_rng(0)
    names = random.permutation(np.unique(np.array(patients)))
    who = np.array(patients)
    hits = 0
    for part in np.array_split(names, FOLDS):
        out = np.isin(who, part)
        direction, threshold = _statement(middle, validation, outsiders[~out], who[~out])
        hits += int((direction.score(outsiders[out, 0]) > threshold).sum())
    direction, threshold = _statement(middle, validation, outsiders, who)
    blocked = direction.score(validation.statistics) > threshold
    seen = training.of(learned_from)
    little = _cloud(middle if len(seen.sources) == len(training.sources) else _Middle.of(seen), columns)
    distances = little.score(validation.statistics)
    own = _by(validation.sources)
    limit = max(
        _quantile(distances[rows], LITTLE) for name, rows in own.items() if learned_from is None or name in learned_from
    )
    beyond = distances > limit
    keys = np.char.add(np.char.add(validation.sources, " "), validation.classes)
    return OodGate(
        NotDermoscopic(
            direction.weights,
            direction.offset,
            threshold,
            {
                "tuned_on": {
                    "training": len(training.sources),
                    "validation": len(validation.sources),
                    "outsiders": len(who),
                    "patients": len(names),
                },
                "caught": _share(hits, len(who)),
                "blocked": {
                    name: _share(int(blocked[rows].sum()), len(rows))
                    for by in (validation.sources, keys)
                    for name, rows in _by(by).items()
                },
            },
        ),
        SeenLittle(
            little.columns, little.mean, little.deviation, little.axes, little.variances, little.rest, limit,
            {"beyond": {name: _share(int(beyond[rows].sum()), len(rows))
                        for name, rows in _by(validation.sources).items()}},
        ),
    )  # fmt: skip


def limited_groups(sources: NDArray[np.str_], classes: NDArray[np.str_]) -> list[NDArray[np.int64]]:
    """Rows, int64, of each group in which no more than `BLOCKED` may be blocked, see `fit_gate`."""
    groups = list(_by(sources).values())
    rare: list[NDArray[np.int64]] = []
    for own in _by(classes).values():
        few: list[NDArray[np.int64]] = []
        for rows in _by(sources[own]).values():
            (groups if len(rows) >= SMALLEST else few).append(own[rows])
        joined = np.concatenate(few) if few else np.array([], dtype=np.int64)
        (groups if len(joined) >= SMALLEST else rare).append(joined)
    together = np.concatenate(rare) if rare else np.array([], dtype=np.int64)
    return [*groups, together] if len(together) >= SMALLEST else groups


@dataclass(frozen=True)
class _Middle:
    """Mean and deviation of the training statistics, float64 (D,), and their covariance in these units, (D, D)."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    covariance: NDArray[np.float64]

    @classmethod
    def of(cls, training: Pictures) -> "_Middle":
        sources = _by(training.sources)
        share = np.empty(len(training.sources))
        for rows in sources.values():
            share[rows] = 1 / len(rows) / len(sources)
        statistics = training.statistics.astype(np.float64)
        mean = share @ statistics
        deviation = np.sqrt(share @ (statistics - mean) ** 2)
        if not (deviation >= LEAST).any():
            raise DataFault(
                say("The training images all have the same features: give images that differ from each other.")
            )
        deviation = np.where(deviation >= LEAST, deviation, 1.0)
        away = (statistics - mean) / deviation
        return cls(mean, deviation, (away * share[:, None]).T @ away)


def _direction(middle: _Middle, outsiders: NDArray[np.floating[Any]]) -> NotDermoscopic:
    """The direction of outsiders, float (k, views, D), from the training pictures; its threshold is left open."""
    away = (outsiders.reshape(-1, outsiders.shape[-1]).astype(np.float64) - middle.mean) / middle.deviation
    to = away.mean(axis=0)
    spread = (away - to).T @ (away - to) / len(away)
    both = (middle.covariance + OUTSIDERS_WEIGH * spread) / (1 + OUTSIDERS_WEIGH)
    found = np.linalg.solve((1 - SHRINKAGE) * both + SHRINKAGE * np.eye(len(both)), to)
    found /= max(float(np.sqrt(found @ middle.covariance @ found)), 1e-12)
    weights = _rounded(found / middle.deviation)
    return NotDermoscopic(weights, -float(f"{weights @ middle.mean:.8g}"), np.inf)


def _statement(
    middle: _Middle, validation: Pictures, outsiders: NDArray[np.floating[Any]], patients: NDArray[np.str_]
) -> tuple[NotDermoscopic, float]:
    """The direction by all of these outsiders, and the threshold: see `fit_gate`."""
    names = np.random.default_rng(1).permutation(np.unique(patients))
    scores = np.empty(len(outsiders))
    for part in np.array_split(names, INNER_FOLDS):
        out = np.isin(patients, part)
        scores[out] = _direction(middle, outsiders[~out]).score(outsiders[out, 0])
    catching = np.sort(scores)[int(np.floor((1 - CAUGHT) * len(scores) + 1e-9))] - 1e-4
    direction = _direction(middle, outsiders)
    own = direction.score(validation.statistics)
    sparing = max(_quantile(own[rows], BLOCKED) for rows in limited_groups(validation.sources, validation.classes))
    return direction, round(float(max(catching, sparing)), 4)


def _cloud(middle: _Middle, columns: NDArray[np.int64]) -> SeenLittle:
    """The training pictures' cloud in `columns`; its threshold is left open."""
    if columns.max() >= len(middle.mean):
        raise ValueError(f"there is no column {columns.max()} among {len(middle.mean)} statistics")
    variances, axes = np.linalg.eigh(middle.covariance[np.ix_(columns, columns)])
    variances, axes = variances[::-1], axes[:, ::-1].T
    kept = min(AXES, len(columns) - 1, int((variances > 1e-6).sum()))
    return SeenLittle(
        columns,
        _rounded(middle.mean[columns]),
        _rounded(middle.deviation[columns]),
        _rounded(axes[:kept]),
        _rounded(variances[:kept]),
        float(f"{max(float(variances[kept:].mean()), 1e-6):.{DIGITS}g}"),
        np.inf,
    )


def _quantile(scores: NDArray[np.float64], above: float) -> float:
    """The lowest threshold, to 4 decimals, above which lie at most a share `above` of the scores."""
    may = int(np.floor(above * len(scores) + 1e-9))  # floats make 28.999999999999996 of 0.29 · 100
    return float(np.ceil(np.sort(scores)[::-1][may] * 1e4) / 1e4)


def _by(names: NDArray[np.str_]) -> dict[str, NDArray[np.int64]]:
    return {str(name): np.flatnonzero(names == name) for name in np.unique(names)}


def _share(hits: int, cases: int) -> dict[str, float]:
    low, high = clopper_pearson(hits, cases, one_sided=0.975)
    return {"share": hits / cases, "low": float(low), "high": float(high), "pictures": cases}


def _rounded(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([float(f"{number:.{DIGITS}g}") for number in numbers.ravel()]).reshape(numbers.shape)


def _check(
    training: Pictures, validation: Pictures, outsiders: NDArray[np.floating[Any]], patients: Sequence[str]
) -> None:
    width = training.statistics.shape[-1]
    for name, numbers, ndim in (
        ("training", training.statistics, 2),
        ("validation", validation.statistics, 2),
        ("outsiders", outsiders, 3),
    ):
        if numbers.ndim != ndim or numbers.shape[-1] != width or numbers.dtype.kind != "f":
            raise ValueError(f"the statistics of {name} are {numbers.dtype} {numbers.shape}, not float with {width}")
        if not np.isfinite(numbers).all():
            raise ValueError(f"the statistics of {name} are not all finite: give those of a sound network")
    if len(patients) != len(outsiders):
        raise ValueError(f"there are {len(patients)} patients for {len(outsiders)} outsiders")
    if len(training.sources) < 2 or not len(validation.sources):
        raise DataFault(
            say("There are too few training or validation images to tell what is not dermoscopic: use more.")
        )
    if len(set(patients)) < FOLDS:
        raise DataFault(
            say(
                "The outsiders are of {patients} patients, too few to learn from: give {least} or more.",
                patients=len(set(patients)),
                least=FOLDS,
            )
        )
