"""One system from nothing to its result, in stages that each outlive a kill: cost, training, measurement, explanations.

Needs a catalogue and a folder. Training is `derm.train.loop`, measuring `derm.evaluate.inference`. Knows no terminal.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from derm.concepts.examples import examples_of
from derm.data.catalogue import Catalogue
from derm.data.split import By, Part, Split, split_catalogue
from derm.diagnoses import CODES, INDEX
from derm.errors import ConfigFault, DataFault
from derm.evaluate.dataset import measured_on
from derm.evaluate.explain_dataset import draw_sample
from derm.evaluate.inference import answer_images
from derm.files import make_folder, read_json, write_json, write_text
from derm.metrics.calibration import softmax
from derm.metrics.masks import dice
from derm.model.weights import Model, load_weights
from derm.runlog.events import Logged, TickEvent
from derm.spreadsheet import csv_table
from derm.train import loop
from derm.train.config import TrainConfig
from derm.train.open_run import fingerprint, training_rows
from derm.train.run_folder import LAST
from derm.zoo import kernel_machine
from derm.zoo.cost import measure_cost
from derm.zoo.explained import explain_system, measure_concepts, methods_of, summarise_maps
from derm.zoo.protocol import TrainingBudget, place_of, start_label, train_config
from derm.zoo.results import CONCEPTS, COST, EXPLAINED, MEASURED, PREDICTIONS
from derm.zoo.systems import System

OrderStage = Literal["costs", "training", "kernel machine", "measuring", "explaining"]
Tell = Callable[[OrderStage, int, int], None]
"""Told the stage, what is done of it, and its whole."""

SETTLED = ("precision", "workers", "lookahead")
"""Settings that depend on the machine: a run that was begun keeps them."""

PART: Part = "test"
"""The part that is measured, once for each system; the epoch was chosen on validation."""


@dataclass(frozen=True)
class SystemOrder:
    """What is wanted of a system. stop: asked in training after each step; a run that is stopped goes on next time."""

    system: System
    budget: TrainingBudget
    by: By
    start: str
    out: Path
    explain: bool = False
    marked: Catalogue | None = None
    """Pictures whose dermoscopic structures are marked, for CME among the explanations; None: without it."""
    costs_only: bool = False
    workers: int = 2
    """Processes that augment images; nothing depends on it."""

    @property
    def place(self) -> Path:
        """The folder of the result."""
        return place_of(self.out, self.system, self.budget, self.by, self.start)


def carry_out(
    order: SystemOrder,
    catalogue: Catalogue,
    cache: Path,
    *,
    device: str = "cpu",
    tell: Tell = lambda *_: None,
    stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Do what is not done yet of `order`; whether all of it is there now, or False where it was stopped.

    Raises ConfigFault where the folder holds a run with other settings, or on other images, and what training and
    measuring raise.
    """
    place = order.place
    make_folder(place)
    if not (place / COST).is_file():
        tell("costs", 0, 1)
        write_json(place / COST, measure_cost(order.system, order.budget.size))
    if order.costs_only:
        return True
    if not (place / MEASURED).is_file():
        if not _train(order, catalogue, cache, device, tell, stop):
            return False
        _measure(order, catalogue, cache, device, tell)
        (place / "run" / LAST).unlink(missing_ok=True)  # hundreds of megabytes that nothing needs any more
    if order.explain and methods_of(order.system) and not (place / f"{EXPLAINED}.json").is_file():
        _explain(order, catalogue, device, tell)
    return True


def is_done(order: SystemOrder) -> bool:
    """Whether nothing is left to do of `order`."""
    wanted = [COST] if order.costs_only else [COST, MEASURED]
    if order.explain and not order.costs_only and methods_of(order.system):
        wanted.append(f"{EXPLAINED}.json")
    return all((order.place / name).is_file() for name in wanted)


def _train(
    order: SystemOrder, catalogue: Catalogue, cache: Path, device: str, tell: Tell, stop: Callable[[], bool]
) -> bool:
    run = order.place / "run"
    if (run / "final.json").is_file():
        return True
    config = replace(train_config(order.system, order.budget, order.by, order.start), workers=order.workers)
    resume = (run / "run.json").is_file()
    if resume:
        config = _begun_with(run, config)

    def watch(event: Logged | TickEvent) -> None:
        if event["event"] == "tick":
            tell("training", event["step"], event["steps"])

    state = loop.train(config, catalogue, run, cache=cache, resume=resume, device=device, watch=watch, stop=stop)
    return state.finished


def _begun_with(run: Path, wanted: TrainConfig) -> TrainConfig:
    """The settings of a run that was begun; ConfigFault where they are not those of the protocol."""
    try:
        begun = TrainConfig.from_dict(read_json(run / "run.json")["config"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigFault(f"{run} cannot be gone on with ({error}): delete it, or name another folder.") from error
    same = {name: getattr(begun, name) for name in SETTLED}
    if replace(wanted, **same) != begun:
        raise ConfigFault(
            f"{run} was begun under another protocol than today's: delete it, or name another folder with --out."
        )
    return begun


def _weights(order: SystemOrder) -> Path:
    """The weights that are measured: with its machine, else the epoch that was best, else the last one."""
    run = order.place / "run"
    places = [order.place / "machine.json", run / "best.json", run / "final.json"]
    return next(place for place in places if place.is_file() or place == places[-1])


def _measure(order: SystemOrder, catalogue: Catalogue, cache: Path, device: str, tell: Tell) -> None:
    """Ask about the test part and write predictions.csv and, last, measured.json."""
    split = split_catalogue(catalogue, order.by)
    config = train_config(order.system, order.budget, order.by, order.start)
    model = _load_own(order, catalogue, split, device)
    if kernel_machine.needs_machine(model.net):
        kernel_machine.put_machine(
            _weights(order), order.place / "machine.json", catalogue, split, config, cache,
            progress=lambda done, total: tell("kernel machine", done, total),
            device=device,
        )  # fmt: skip
        model = _load_own(order, catalogue, split, device)
    table = _test_part(catalogue, split)
    answered = answer_images(model, table, lambda done, total: tell("measuring", done, total))
    probabilities = softmax(answered.logits)
    predictions = pd.DataFrame(
        {
            "image_id": table["image_id"],
            "lesion_id": table["lesion_id"],
            "dx_true": table["dx"],
            **{f"p_{code}": probabilities[:, INDEX[code]] for code in CODES},
            "dice": np.where(answered.has_mask, dice(answered.counts), np.nan),
        }
    )
    training = model.description.training
    write_text(order.place / PREDICTIONS, csv_table(predictions, ".6f"))
    lesions = table["lesion_id"].to_numpy(dtype=str)
    write_json(
        order.place / MEASURED,
        {
            "system": order.system.name,
            "budget": order.budget.name,
            "by": order.by,
            "start": start_label(order.start),
            "about": measured_on(model, catalogue, split, PART, table, lesions),
            "trained_images": training["data"]["train"],
            "epoch": training["epoch"],
            "epochs": order.budget.epochs,
            "learning_rate": config.learning_rate,
            "machine": kernel_machine.told_of(model.net),
            "date": datetime.now(UTC).date().isoformat(),
        },
    )


def _load_own(order: SystemOrder, catalogue: Catalogue, split: Split, device: str) -> Model:
    """The weights that are measured, whose network lies on `device`.

    Raises ConfigFault where they learned from other images than the protocol gives them of `catalogue`, for then some
    of those may be measured: a result is made in stages, between which another data set may be named.
    """
    model = load_weights(_weights(order))
    model.net.to(device)
    config = train_config(order.system, order.budget, order.by, order.start)
    wanted = fingerprint(catalogue.table, training_rows(catalogue, split, config))
    if model.description.training["data"]["fingerprint"] != wanted:
        raise ConfigFault(
            f"{order.place} was trained on other images than {catalogue.place} gives it: name that data set with "
            "--data, delete the folder, or name another one with --results."
        )
    return model


def _test_part(catalogue: Catalogue, split: Split) -> pd.DataFrame:
    """The images of the test part whose diagnosis is known; DataFault where there is none."""
    rows = split.rows(PART)
    lesions = split.lesions.iloc[rows].to_numpy(dtype=str)
    table = catalogue.table.iloc[rows].reset_index(drop=True).assign(lesion_id=lesions)
    table = table[table["dx"].isin(CODES)].reset_index(drop=True)
    if table.empty:
        raise DataFault(f"{catalogue.place} has no image with a diagnosis in the {PART} part: use a larger data set.")
    return table


def _explain(order: SystemOrder, catalogue: Catalogue, device: str, tell: Tell) -> None:
    split = split_catalogue(catalogue, order.by)
    table = _test_part(catalogue, split)
    model = _load_own(order, catalogue, split, device)
    examples = examples_of(model, catalogue.table.iloc[split.rows("train")])
    methods = methods_of(order.system, examples)
    rows = explain_system(
        methods, model, table, order.budget.explained, lambda done, total: tell("explaining", done, total)
    )
    tried = table.iloc[draw_sample(table, order.budget.explained)]
    concepts = measure_concepts(methods, model, tried, order.marked)
    write_json(order.place / CONCEPTS, json.loads(json.dumps(concepts)))
    write_text(order.place / f"{EXPLAINED}.csv", csv_table(rows, ".5f"))
    write_json(order.place / f"{EXPLAINED}.json", json.loads(json.dumps(summarise_maps(rows))))
