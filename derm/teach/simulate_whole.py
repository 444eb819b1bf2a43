"""What corrections buy a whole network, its outlines, too: short trainings on cases that a practice would confirm.

Needs what `derm.teach.simulate` has gathered, and both data sets. An hour or more a training on a processor; one that
was ended goes on where it was.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from derm.data.catalogue import Catalogue, join_catalogues
from derm.data.split import Part, split_own
from derm.evaluate.inference import answer_images
from derm.files import make_folder
from derm.metrics.bootstrap import REPLICATES, bootstrap
from derm.metrics.masks import dice
from derm.metrics.missing import mean_defined, or_none
from derm.model.weights import Model, load_weights
from derm.runlog.events import Logged, TickEvent
from derm.teach.features import Progress
from derm.teach.head import ANCHOR, BALANCE
from derm.teach.simulate import FIGURES, HOME, MIXED, RANDOM, SimulatedPractice, difference, figures_by, one_practice
from derm.teach.train import TeachingSettings, config_of, rows_of_part
from derm.train import loop

DICE = "dice"
"""Of the outlines of the measured pictures, beside `FIGURES`."""


class WholeWorth(NamedTuple):
    """What so many corrections have bought a whole network.

    figures: name → value. intervals: 95 %, by bootstrap over lesions, None for figures of the old data. gains: name →
    difference to the weights before and its interval.
    """

    strategy: str
    corrections: int
    figures: dict[str, float | None]
    intervals: dict[str, tuple[float, float] | None]
    gains: dict[str, tuple[float | None, tuple[float, float] | None]]


def simulate_whole(
    model: Model,
    weights: Path,
    old: Catalogue,
    new: Catalogue,
    part: Part,
    bench: SimulatedPractice,
    folder: Path,
    *,
    sizes: Sequence[int],
    epochs: int,
    strategies: Sequence[str] = (MIXED, RANDOM),
    replicates: int = REPLICATES,
    watch: Callable[[Logged | TickEvent], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
    progress: Progress | None = None,
) -> list[WholeWorth]:
    """Train the whole network on the cases that each strategy confirms, and measure as `simulate` does, and Dice.

    weights: description of `model`. folder: keeps a folder for each training, in which it is found again. Cases are
    chosen with the head alone, one practice a strategy. stop: as for `derm.train.loop.train`; what is not trained then
    is left out.
    """
    make_folder(folder)
    before = _answered(model, old, new, part, bench, progress)
    found = []
    for strategy in strategies:
        for size, _, taken in one_practice(bench, strategy, sorted(sizes), 0, BALANCE, ANCHOR):
            run = folder / f"whole-{strategy.replace(' ', '-').replace('+', 'and').replace(',', '')}-{size}-{epochs}"
            catalogue = corrected(old, new, [bench.pool.images[row] for row in taken])
            images = len(split_own(catalogue).rows("train"))
            config = config_of(model, weights, TeachingSettings("whole", epochs), images)
            begun = (run / "run.json").exists()
            state = loop.train(
                config, catalogue, run, cache=folder / "decoded", resume=begun, watch=watch, stop=stop,
                decoding=progress, device="cuda" if torch.cuda.is_available() else "cpu",
            )  # fmt: skip
            if state.finished:
                after = _answered(load_weights(run / "final.json"), old, new, part, bench, progress)
                found.append(_worth(strategy, size, before, after, bench, replicates))
    return found


def corrected(old: Catalogue, new: Catalogue, images: Sequence[str]) -> Catalogue:
    """The old data and, of the new, the pictures `images` and the validation part."""
    kept = new.table["image_id"].isin(images) | (split_own(new).parts == "validation")
    fewer = replace(_divided(new), table=new.table[kept].reset_index(drop=True))
    return join_catalogues([_divided(old), fewer])


def _divided(catalogue: Catalogue) -> Catalogue:
    """The catalogue that names each picture's part, which is then the same whatever else is left out."""
    parts = split_own(catalogue).parts
    return replace(catalogue, parts=dict(zip(catalogue.table["image_id"], parts, strict=True)))


Measured = Callable[[np.ndarray], dict[str, float | None]]


def _answered(
    model: Model, old: Catalogue, new: Catalogue, part: Part, bench: SimulatedPractice, progress: Progress | None
) -> Measured:
    """What measures a model on rows of the measured pictures: `FIGURES` and `DICE`."""
    table, _, _ = rows_of_part(new, split_own(new), part)
    home, _, _ = rows_of_part(old, split_own(old), "validation")
    answered = answer_images(model, table.reset_index(drop=True), progress)
    at_home = answer_images(model, home.reset_index(drop=True), progress)
    figures = figures_by(bench, answered.logits, at_home.logits)
    overlap = np.where(answered.has_mask, dice(answered.counts), np.nan)
    return lambda rows: {**figures(rows), DICE: or_none(mean_defined(overlap[rows]))}


def _worth(
    strategy: str, size: int, before: Measured, after: Measured, bench: SimulatedPractice, replicates: int
) -> WholeWorth:
    names = (*FIGURES, DICE)

    def both(rows: np.ndarray) -> dict[str, float | None]:
        one, other = before(rows), after(rows)
        gains = {f"{name}:gain": difference(other[name], one[name]) for name in names}
        return {**other, **gains}

    values = both(np.arange(len(bench.measured.classes)))
    spans = bootstrap(both, bench.measured.lesions, replicates)
    told = {name: None if name.startswith(HOME) else spans[name] for name in names}
    gains = {name: (values[f"{name}:gain"], None if name.startswith(HOME) else spans[f"{name}:gain"]) for name in names}
    return WholeWorth(strategy, size, {name: values[name] for name in names}, told, gains)
