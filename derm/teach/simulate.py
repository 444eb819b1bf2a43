"""What corrections buy, by the way in which they are chosen: a second source stands for a practice.

Needs weights that have never seen the second source, the old data and the second source. A practice asks for the
diagnosis of a hundred cases at a time, trains the head, and chooses again; what comes of it is measured on the second
source's test part, which nothing is chosen on. Learns on frozen features, see `derm.teach.head`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.data.catalogue import Catalogue
from derm.data.split import Part, own_lesions, split_catalogue, split_own
from derm.diagnoses import CODES, INDEX, MALIGNANT
from derm.errors import ConfigFault, DataFault
from derm.evaluate.inference import answer_images
from derm.evaluate.known import OTHER_IMAGES, find_known, refuse_known, refuse_shared
from derm.metrics.bootstrap import REPLICATES, bootstrap
from derm.metrics.calibration import softmax
from derm.metrics.classification import auc, balanced_accuracy, confusion_matrix, most_likely
from derm.metrics.decision import worst_pictures
from derm.metrics.masks import dice
from derm.metrics.missing import mean_defined, or_none
from derm.metrics.sources import learn_threshold
from derm.model.weights import Model
from derm.predict.views import EIGHT, spread
from derm.teach.features import Progress, pooled_features
from derm.teach.head import ANCHOR, BALANCE, Examples, LinearHead, fit_head, head_of, share_sources
from derm.teach.ranking import BY_LOT, doubt_of, margin_of, pick

MIXED, MARGIN, RANDOM = "margin + spread, a third by lot", "margin alone", "by lot"
ALONE = "by lot, without rehearsal"
STRATEGIES = (MIXED, MARGIN, RANDOM, ALONE)
"""Ways of choosing which cases are confirmed next; the last one shows what is lost where the old data are not there."""

ROUND = 100
"""Cases that are confirmed before the head is trained and cases are ranked anew."""

SIZES = (100, 200, 400)
"""Corrections after which is measured, unless others are asked for."""

FIGURES = (
    "mel_auc",
    "malignant_auc",
    "sensitivity",
    "specificity",
    "balanced_accuracy",
    "home_mel_auc",
    "home_balanced",
)
"""Of each training: on the second source's part, then (home_…) on the old data's validation part."""

HOME = "home_"
"""What figures of the old data begin with: they are told without an interval, for its lesions are not resampled."""


@dataclass(frozen=True)
class PooledPictures:
    """Pictures of one part of one source: features, float32 (n, V, C), classes, int64 (n,), lesions, text (n,)."""

    features: NDArray[np.float32]
    classes: NDArray[np.int64]
    lesions: NDArray[np.str_]
    images: tuple[str, ...] = ()
    """Their ids in the catalogue."""

    def logits(self, head: LinearHead) -> NDArray[np.float64]:
        """The scores of the upright views, float64 (n, 7)."""
        return head.scores(self.features[:, 0])


@dataclass(frozen=True)
class SimulatedPractice:
    """What a simulation works on: the old data's training and validation pictures, the cases that may be confirmed,
    those that are measured on, and the head and temperature that they begin with."""

    rehearsed: PooledPictures
    home: PooledPictures
    pool: PooledPictures
    measured: PooledPictures
    head: LinearHead
    temperature: float


class CorrectionsWorth(NamedTuple):
    """What so many corrections, chosen so, have bought.

    figures: name → value, mean over the seeds. intervals: 95 %, by bootstrap over the lesions that were measured on.
    gains: name → difference to the untouched weights and its interval. beyond_random: the same to as many by lot.
    spread: name → lowest and highest value of a seed. malignant: among the corrections, mean.
    """

    strategy: str
    corrections: int
    malignant: float
    figures: Mapping[str, float | None]
    intervals: Mapping[str, tuple[float, float] | None]
    gains: Mapping[str, tuple[float | None, tuple[float, float] | None]]
    beyond_random: Mapping[str, tuple[float | None, tuple[float, float] | None]]
    spread: Mapping[str, tuple[float, float]]


def gather(
    model: Model, old: Catalogue, new: Catalogue, part: Part, kept: Path | None, progress: Progress | None = None
) -> SimulatedPractice:
    """Ask `model` about all pictures that the simulation needs.

    part: of `new`, to measure on. kept: see `pooled_features`. Raises DataFault where the weights know `new`, its
    source or its pictures, where `old` has some of these in another part, where they know the validation part of `old`,
    or there are too few cases; errors otherwise as of `pooled_features`.
    """
    known = sorted(set(new.table["source"]) & model.description.learned_from)
    if known:
        raise DataFault(
            f"{model.label} learned from {known[0]}, which shall stand for a practice: name weights that did not."
        )

    # Pictures are known under any name: a practice's folder may hold those that the weights were trained on.
    own = replace(new, table=new.table.assign(lesion_id=own_lesions(new.table)))
    split = split_catalogue(own)
    for name in dict.fromkeys(("train", part)):
        rows = split.rows(name)
        refuse_known(find_known(model.description, own, split, rows, progress), own, rows, name, OTHER_IMAGES)
    refuse_shared(new, old, progress)
    at_home = split_own(old)
    rows = at_home.rows("validation")
    refuse_known(find_known(model.description, old, at_home, rows, progress), old, rows, "validation", OTHER_IMAGES)

    def take(catalogue: Catalogue, name: Part, views: int = 1) -> PooledPictures:
        split = split_own(catalogue)
        rows = split.rows(name)
        rows = rows[catalogue.table["dx"].iloc[rows].isin(CODES).to_numpy()]
        if not len(rows):
            raise DataFault(f"The {name} part of {catalogue.place} has no picture with one of the seven diagnoses.")
        table = catalogue.table.iloc[rows]
        classes: NDArray[np.int64] = table["dx"].map(INDEX).to_numpy().astype(np.int64)
        features = pooled_features(model, table, views=views, kept=kept, progress=progress)
        return PooledPictures(features, classes, split.lesions.iloc[rows].to_numpy(dtype=str), tuple(table["image_id"]))

    return SimulatedPractice(
        take(old, "train"),
        take(old, "validation"),
        take(new, "train", EIGHT),
        take(new, part),
        head_of(model),
        model.description.temperature,
    )


def choose(
    bench: SimulatedPractice,
    head: LinearHead,
    taken: Sequence[int],
    count: int,
    strategy: str,
    random: np.random.Generator,
) -> list[int]:
    """The next `count` rows of the pool that are confirmed, by `strategy`, for a practice that works with `head`."""
    left = np.setdiff1d(np.arange(len(bench.pool.classes)), np.array(taken, dtype=np.int64))
    lots = random.random(len(left))
    each = head.scores(bench.pool.features[left])
    # As the app asks: the list is made of answers over eight views, whose logits are averaged.
    margins = margin_of(softmax(each.mean(axis=1), bench.temperature))
    if strategy == MIXED:
        found = pick(doubt_of(margins, spread(each, bench.temperature)), lots, count, BY_LOT)
    elif strategy == MARGIN:
        found = pick(doubt_of(margins), lots, count, 0.0)
    elif strategy in (RANDOM, ALONE):
        found = pick(np.zeros(len(left)), lots, count, 1.0)
    else:
        raise ConfigFault(f"There is no strategy '{strategy}': use one of {', '.join(STRATEGIES)}.")
    return [int(left[one.row]) for one in found]


def taught(
    bench: SimulatedPractice,
    taken: Sequence[int],
    *,
    balance: float = BALANCE,
    anchor: float = ANCHOR,
    rehearse: bool = True,
) -> LinearHead:
    """The head trained on from the bench's, on the pool's rows `taken` in eight views, beside the old data."""
    new = bench.pool.features[list(taken)]
    count, views = new.shape[:2]
    old = bench.rehearsed.features[:, 0] if rehearse else np.zeros((0, new.shape[2]), dtype=np.float32)
    own, others = share_sources([count, len(old)], balance)
    examples = Examples(
        np.concatenate([new.reshape(count * views, -1), old]),
        np.concatenate([np.repeat(bench.pool.classes[list(taken)], views), bench.rehearsed.classes[: len(old)]]),
        np.concatenate([np.full(count * views, own / (count * views)), np.full(len(old), others / max(len(old), 1))]),
    )
    return fit_head(bench.head, examples, anchor)


def figures_of(bench: SimulatedPractice, head: LinearHead) -> Callable[[NDArray[np.int64]], dict[str, float | None]]:
    """What measures `head` on rows of the measured pictures, as `derm.metrics.bootstrap` asks for it."""
    return figures_by(bench, bench.measured.logits(head), bench.home.logits(head))


def figures_by(
    bench: SimulatedPractice, logits: NDArray[np.float64], home_logits: NDArray[np.float64]
) -> Callable[[NDArray[np.int64]], dict[str, float | None]]:
    """The same by the scores of the measured pictures, float64 (n, 7), and of those at home, float64 (k, 7)."""
    measured, home = bench.measured, bench.home
    probabilities = softmax(logits, bench.temperature)
    at_home = softmax(home_logits, bench.temperature)
    malignant = np.array(MALIGNANT)
    sums, home_sums = probabilities[:, malignant].sum(axis=1), at_home[:, malignant].sum(axis=1)
    chosen_on = worst_pictures(home_sums, malignant[home.classes], home.lesions)
    threshold = learn_threshold(home_sums[chosen_on], malignant[home.classes][chosen_on]).threshold.value
    fixed = {
        "home_mel_auc": or_none(auc(home.classes == INDEX["mel"], at_home[:, INDEX["mel"]])),
        "home_balanced": or_none(balanced_accuracy(confusion_matrix(home.classes, most_likely(at_home)))),
    }

    def measure(rows: NDArray[np.int64]) -> dict[str, float | None]:
        true, is_malignant, referred = (
            measured.classes[rows],
            malignant[measured.classes[rows]],
            sums[rows] >= threshold,
        )
        return {
            "mel_auc": or_none(auc(true == INDEX["mel"], probabilities[rows, INDEX["mel"]])),
            "malignant_auc": or_none(auc(is_malignant, sums[rows])),
            "sensitivity": float(referred[is_malignant].mean()) if is_malignant.any() else None,
            "specificity": float(1 - referred[~is_malignant].mean()) if not is_malignant.all() else None,
            "balanced_accuracy": or_none(balanced_accuracy(confusion_matrix(true, most_likely(probabilities[rows])))),
            **fixed,
        }

    return measure


def simulate(
    bench: SimulatedPractice,
    *,
    sizes: Sequence[int] = SIZES,
    seeds: int = 10,
    strategies: Sequence[str] = STRATEGIES,
    balance: float = BALANCE,
    anchor: float = ANCHOR,
    replicates: int = REPLICATES,
    progress: Progress | None = None,
) -> list[CorrectionsWorth]:
    """What corrections buy by strategy and number; the first outcome is that of the untouched weights.

    Raises DataFault where the pool holds fewer cases than are asked for.
    """
    if max(sizes) > len(bench.pool.classes):
        raise DataFault(
            f"{max(sizes)} corrections are asked for, and the pool has {len(bench.pool.classes)} cases: ask for fewer."
        )
    heads: dict[tuple[str, int], list[LinearHead]] = {}
    malignant: dict[tuple[str, int], list[int]] = {}
    practices = [(name, seed) for name in strategies for seed in range(1 if name == MARGIN else seeds)]
    for done, (strategy, seed) in enumerate(practices, start=1):
        for size, head, taken in one_practice(bench, strategy, sorted(sizes), seed, balance, anchor):
            heads.setdefault((strategy, size), []).append(head)
            number = int(np.array(MALIGNANT)[bench.pool.classes[taken]].sum())
            malignant.setdefault((strategy, size), []).append(number)
        if progress:
            progress(done, len(practices))
    return _measured(bench, heads, malignant, replicates)


def one_practice(
    bench: SimulatedPractice, strategy: str, sizes: Sequence[int], seed: int, balance: float, anchor: float
) -> list[tuple[int, LinearHead, list[int]]]:
    """Confirm cases in rounds up to each of `sizes`; the head after each, and the rows of the pool that it learned."""
    random = np.random.default_rng(seed)
    head, found = bench.head, []
    taken: list[int] = []
    teach = partial(taught, bench, balance=balance, anchor=anchor, rehearse=strategy != ALONE)
    for size in sizes:
        while len(taken) < size:
            taken += choose(bench, head, taken, min(ROUND, size - len(taken)), strategy, random)
            if len(taken) == size or strategy in (MIXED, MARGIN):  # lots do not ask the head
                head = teach(taken)
        found.append((size, head, list(taken)))
    return found


def _measured(
    bench: SimulatedPractice,
    heads: Mapping[tuple[str, int], Sequence[LinearHead]],
    malignant: Mapping[tuple[str, int], Sequence[int]],
    replicates: int,
) -> list[CorrectionsWorth]:
    """Every figure with its interval, all strategies on the same resamples of lesions."""
    untouched = figures_of(bench, bench.head)
    measures = {key: [figures_of(bench, head) for head in own] for key, own in heads.items()}

    def everything(rows: NDArray[np.int64]) -> dict[str, float | None]:
        plain = untouched(rows)
        found = {f"untouched:0:{name}": value for name, value in plain.items()}
        means: dict[tuple[str, int], dict[str, float | None]] = {}
        for key, own in measures.items():
            values = [measure(rows) for measure in own]
            means[key] = {name: _mean([one[name] for one in values]) for name in FIGURES}
        for (strategy, size), mean in means.items():
            by_lot = means.get((RANDOM, size))
            for name in FIGURES:
                found[f"{strategy}:{size}:{name}"] = mean[name]
                found[f"{strategy}:{size}:{name}:gain"] = difference(mean[name], plain[name])
                if by_lot is not None:
                    found[f"{strategy}:{size}:{name}:beyond"] = difference(mean[name], by_lot[name])
        return found

    rows = np.arange(len(bench.measured.classes))
    values, spans = everything(rows), bootstrap(everything, bench.measured.lesions, replicates)
    outcomes = [_outcome("untouched", 0, 0.0, values, spans, {})]
    for (strategy, size), own in measures.items():
        each = [measure(rows) for measure in own]
        between = {}
        for name in FIGURES:
            known = [value for one in each if (value := one[name]) is not None]
            if known:
                between[name] = (min(known), max(known))
        outcomes.append(_outcome(strategy, size, float(np.mean(malignant[strategy, size])), values, spans, between))
    return outcomes


def _outcome(
    strategy: str,
    size: int,
    malignant: float,
    values: Mapping[str, float | None],
    spans: Mapping[str, tuple[float, float] | None],
    between: Mapping[str, tuple[float, float]],
) -> CorrectionsWorth:
    def of(ending: str) -> dict[str, tuple[float | None, tuple[float, float] | None]]:
        keys = {name: f"{strategy}:{size}:{name}{ending}" for name in FIGURES}
        resampled = {name: None if name.startswith(HOME) else spans.get(key) for name, key in keys.items()}
        return {name: (values[key], resampled[name]) for name, key in keys.items() if key in values}

    plain = of("")
    return CorrectionsWorth(
        strategy,
        size,
        malignant,
        {name: value for name, (value, _) in plain.items()},
        {name: span for name, (_, span) in plain.items()},
        of(":gain"),
        of(":beyond"),
        between,
    )


def dice_of(
    model: Model, catalogue: Catalogue, part: Part, progress: Progress | None = None
) -> tuple[float, tuple[float, float] | None]:
    """Mean Dice of the outlines on a part, and its 95 % interval; training the head alone does not move it."""
    split = split_own(catalogue)
    rows = split.rows(part)
    rows = rows[(catalogue.table["mask_path"].iloc[rows] != "").to_numpy()]
    if not len(rows):
        raise DataFault(f"The {part} part of {catalogue.place} has no outline: bring masks.")
    overlap = dice(answer_images(model, catalogue.table.iloc[rows].reset_index(drop=True), progress).counts)
    spans = bootstrap(
        lambda drawn: {"dice": or_none(mean_defined(overlap[drawn]))}, split.lesions.iloc[rows].to_numpy(str)
    )
    return float(mean_defined(overlap)), spans["dice"]


def table_of(outcomes: Sequence[CorrectionsWorth]) -> pd.DataFrame:
    """One row an outcome and figure, its value with interval, its gain over the untouched weights and over as many
    cases by lot with theirs, and the lowest and highest of the seeds."""
    lines = []
    for one in outcomes:
        for name in FIGURES:
            pairs = [(one.figures[name], one.intervals[name]), one.gains.get(name), one.beyond_random.get(name)]
            told = [number for pair in pairs for number in _flat(pair)]
            between = one.spread.get(name, (None, None))
            lines.append([one.strategy, one.corrections, one.malignant, name, *told, *between])
    columns = [f"{what}{end}" for what in ("value", "gain", "beyond_random") for end in ("", "_low", "_high")]
    columns += ["seeds_low", "seeds_high"]
    table = pd.DataFrame(lines, columns=["strategy", "corrections", "malignant", "figure", *columns])
    return table.astype(dict.fromkeys(columns, np.float64))


def _flat(
    pair: tuple[float | None, tuple[float, float] | None] | None,
) -> tuple[float | None, float | None, float | None]:
    value, span = pair or (None, None)
    low, high = span or (None, None)
    return value, low, high


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def difference(value: float | None, other: float | None) -> float | None:
    """`value` less `other`; None where one of them is undefined."""
    return None if value is None or other is None else value - other
