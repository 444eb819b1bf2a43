"""One system from nothing to its result, in stages that each outlive a kill: cost, training, measurement, explanations.

Needs a catalogue and a folder. Training is `derm.train.loop`, measuring `derm.evaluate.inference`. Knows no terminal.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from derm.concepts.examples import examples_of
from derm.data.catalogue import Catalogue
from derm.data.split import By, Part, Split, split_catalogue
from derm.diagnoses import CODES, INDEX
from derm.errors import ConfigFault, DataFault
from derm.evaluate.belonging import other_data
from derm.evaluate.check import HASHES
from derm.evaluate.dataset import measured_on
from derm.evaluate.explain_dataset import draw_sample
from derm.evaluate.inference import answer_images
from derm.files import json_text, make_folder, read_json, sha256, unlinked, write_json, write_text
from derm.json_checks import is_text, object_with
from derm.metrics.calibration import softmax
from derm.metrics.masks import dice
from derm.model.description import SEAL, sealed
from derm.model.pretrained import RANDOM, TIMM
from derm.model.weights import Model, load_weights
from derm.runlog.events import Logged, TickEvent
from derm.spreadsheet import csv_table
from derm.train import loop
from derm.train.config import TrainConfig
from derm.train.open_run import fingerprint, training_rows
from derm.train.run_folder import LAST
from derm.zoo import kernel_machine
from derm.zoo.check import is_concepts
from derm.zoo.cost import measure_cost
from derm.zoo.explained import (
    CME,
    explain_system,
    extract_cme,
    marks_sha256,
    measure_concepts,
    methods_of,
    summarise_maps,
)
from derm.zoo.protocol import TrainingBudget, place_of, start_label, train_config
from derm.zoo.results import (
    CONCEPTS,
    COST,
    EXPLAINED,
    FINGERPRINTS,
    MEASURED,
    PREDICTIONS,
    START,
    SystemAnswers,
    read_answers,
    read_optional,
)
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

    Raises ConfigFault where the folder holds a run with other settings, on other images, or from another file of
    starting weights, and what training and measuring raise.
    """
    check_done(order, catalogue)
    place = order.place
    _refuse_linked(order)
    make_folder(place)
    if not (place / COST).is_file():
        tell("costs", 0, 1)
        write_json(
            unlinked(place / COST), {"system": order.system.name, **measure_cost(order.system, order.budget.size)}
        )
    if order.costs_only:
        return True
    if not (place / MEASURED).is_file():
        if not _train(order, catalogue, cache, device, tell, stop):
            return False
        _measure(order, catalogue, cache, device, tell)
    (place / "run" / LAST).unlink(missing_ok=True)  # hundreds of megabytes that nothing needs any more
    if order.explain and methods_of(order.system) and not _is_explained(order):
        _explain(order, catalogue, device, tell)
    if _lacks_cme(order):
        _add_cme(order, catalogue, device, tell)
    return True


def _refuse_linked(order: SystemOrder) -> None:
    """Raise ConfigFault where a folder within that of the results is a link: what lies there may be anybody's."""
    run = order.place / "run"
    for folder in (run, *(one for one in run.parents if order.out in one.parents)):
        if folder.is_symlink():
            raise ConfigFault(
                f"{folder} is a link that may lead out of {order.out}: remove it, or name another folder with "
                "--results."
            )


def is_done(order: SystemOrder) -> bool:
    """Whether nothing is left to do of `order`, nor a checkpoint that nothing needs any more to be removed."""
    wanted = [COST] if order.costs_only else [COST, MEASURED]
    if not all((order.place / name).is_file() for name in wanted):
        return False
    if not order.costs_only and (order.place / "run" / LAST).is_file():
        return False
    explain = order.explain and not order.costs_only and methods_of(order.system)
    return not explain or (_is_explained(order) and not _lacks_cme(order))


def _is_explained(order: SystemOrder) -> bool:
    """Whether all that explains the system is there: of concepts what measured.json names, which older ones do not."""
    there = (order.place / f"{EXPLAINED}.json").is_file()
    return there and (_concepts_sha256(order) is None or (order.place / CONCEPTS).is_file())


def _concepts_sha256(order: SystemOrder) -> str | None:
    """The hash that measured.json has of concepts.json; None where it has none."""
    answered = read_answers(order.place)
    found = None if answered is None else answered.about.get(HASHES, {}).get(CONCEPTS)
    return None if found is None else str(found)


def _lacks_cme(order: SystemOrder) -> bool:
    """Whether what explains the system is there, and CME is not, or is of other marks than are wanted."""
    if order.marked is None or not order.explain or order.costs_only or not methods_of(order.system):
        return False
    found = read_optional(order.place / CONCEPTS, is_concepts, _concepts_sha256(order))
    if found is None:
        return False
    known = marks_sha256(order.marked)
    stands = CME in found and found[CME].get("marks_sha256", known) == known  # older ones do not say
    return not stands or _is_being_added(order)


def _is_being_added(order: SystemOrder) -> bool:
    """Whether a kill may have ended `_add_cme` between its writes: the hash of concepts.json alone is missing."""
    answered = read_answers(order.place)
    hashes = {} if answered is None else answered.about.get(HASHES, {})
    return f"{EXPLAINED}.json" in hashes and CONCEPTS not in hashes


def left_of(orders: Sequence[SystemOrder], catalogue: Catalogue) -> list[SystemOrder]:
    """Those of `orders` that are not done; errors as of `check_done`, so that no result of other data passes for it.

    Neither may others be measured of other data, for a comparison puts all of one budget and split side by side.
    """
    left = [order for order in orders if not is_done(order)]
    for order in orders:
        if order not in left:
            check_done(order, catalogue)
    beside = {
        measured.parent: order
        for order in orders
        if not order.costs_only
        for measured in sorted(order.place.parents[1].glob(f"*/*/{MEASURED}"))
    }
    for place in sorted(beside.keys() - {order.place for order in orders}):
        if (answered := read_answers(place)) is not None:
            _check_images(answered, beside[place], catalogue)
    return left


def check_done(order: SystemOrder, catalogue: Catalogue) -> None:
    """Raise ConfigFault where what is done of `order` is of another data set, or began with another file of starting
    weights; DataFault where it is damaged. Results that are too old to tell are taken."""
    if order.costs_only:
        return
    place, answered = order.place, read_answers(order.place)
    digest = _start_sha256(order)
    if digest is not None:
        begun = _begun_start(place) if answered is None else answered.about.get("start_sha256")
        if begun not in (None, digest):
            raise ConfigFault(
                f"{place} began with another file than {order.start} (SHA-256 {begun[:8]}, not {digest[:8]}): give "
                "this one another name, delete the folder, or name another one with --results."
            )
    if answered is not None:
        _check_images(answered, order, catalogue)


def _check_images(answered: SystemAnswers, order: SystemOrder, catalogue: Catalogue) -> None:
    """Raise ConfigFault where a result of the budget and split of `order` is of another data set."""
    split = split_catalogue(catalogue, order.by)
    table = _test_part(catalogue, split)
    measured = pd.DataFrame({"image_id": answered.images, "dx_true": np.array(CODES)[answered.true]})
    if (
        len(measured) != len(table)
        or other_data(answered.about["about"], measured, catalogue.table) is not None
        or _differs(answered.about, order, catalogue, split)
    ):
        raise ConfigFault(
            f"{answered.folder} was trained and measured on other images than {catalogue.place} gives it: name that "
            "data set with --data, delete the folder, or name another one with --results."
        )


def _start_sha256(order: SystemOrder) -> str | None:
    """The SHA-256 of the file of starting weights; None where it is none."""
    return None if order.start in (RANDOM, TIMM) else sha256(Path(order.start))


def _begun_start(place: Path) -> str | None:
    """The SHA-256 of the file that a run began with; None where there is no run, or nothing tells it."""
    if not (place / "run" / "run.json").is_file():
        return None
    told = read_optional(place / START, object_with({"sha256": is_text}))
    return None if told is None else str(told["sha256"])


def _differs(told: Mapping[str, Any], order: SystemOrder, catalogue: Catalogue, split: Split) -> bool:
    """Whether the protocol gives `order` other images to learn from, or to choose the epoch by, than are `told`."""
    config = train_config(order.system, order.budget, order.by, order.start)
    rows = (training_rows(catalogue, split, config), split.rows("validation"))
    found = {name: fingerprint(catalogue.table, own) for name, own in zip(FINGERPRINTS, rows, strict=True)}
    return any(told.get(name, own) != own for name, own in found.items())  # older results tell the first, or none


def _train(
    order: SystemOrder, catalogue: Catalogue, cache: Path, device: str, tell: Tell, stop: Callable[[], bool]
) -> bool:
    run = order.place / "run"
    if (run / "final.json").is_file():
        return True
    config = replace(train_config(order.system, order.budget, order.by, order.start), workers=order.workers)
    _check_enough(order, config, catalogue)
    resume = (run / "run.json").is_file()
    if resume:
        config = _begun_with(run, config)
    elif digest := _start_sha256(order):
        write_json(unlinked(order.place / START), {"sha256": digest})

    def watch(event: Logged | TickEvent) -> None:
        if event["event"] == "tick":
            tell("training", event["step"], event["steps"])

    state = loop.train(config, catalogue, run, cache=cache, resume=resume, device=device, watch=watch, stop=stop)
    return state.finished


def _check_enough(order: SystemOrder, config: TrainConfig, catalogue: Catalogue) -> None:
    """Raise DataFault where the protocol cannot be trained on the data set: what is tuned elsewhere is fixed here."""
    split = split_catalogue(catalogue, order.by)
    count, validation = len(training_rows(catalogue, split, config)), split.rows("validation")
    if count < config.batch or not len(validation):
        raise DataFault(
            f"{catalogue.place} gives {count:,} training and {len(validation):,} validation images, too few for the "
            f"protocol's batches of {config.batch}: use a larger data set."
        )
    if config.best_by == "dice" and (catalogue.table["mask_path"].iloc[validation] == "").all():
        raise DataFault(
            f"{catalogue.place} has no masks of validation images, by which the epoch of {order.system.name} is "
            "chosen: use a data set with masks, or systems that name the diagnosis."
        )


def _begun_with(run: Path, wanted: TrainConfig) -> TrainConfig:
    """The settings of a run that was begun; ConfigFault where they are not those of the protocol."""
    try:
        begun = TrainConfig.from_dict(read_json(run / "run.json")["config"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigFault(f"{run} cannot be gone on with ({error}): delete it, or name another folder.") from error
    if not _is_as(begun, wanted):
        raise ConfigFault(
            f"{run} was begun under another protocol than today's: delete it, or name another folder with --results."
        )
    return begun


def _is_as(begun: TrainConfig, wanted: TrainConfig) -> bool:
    """Whether settings are those that are wanted, but for what depends on the machine."""
    return replace(wanted, **{name: getattr(begun, name) for name in SETTLED}) == begun


def _check_own(order: SystemOrder, model: Model) -> None:
    """Raise ConfigFault where weights are not of the system and protocol of `order`, or, once they are measured, not
    those that were: a folder of a run may have been copied or exchanged between the stages."""
    path, answered = _weights(order), read_answers(order.place)
    if answered is not None:
        if answered.about["about"].get("sha256", model.sha256) != model.sha256:
            raise ConfigFault(
                f"{path} are not the weights that {order.place / MEASURED} is of: put those back, or delete "
                f"{order.place} and run the system again."
            )
        return
    config = train_config(order.system, order.budget, order.by, order.start)
    wanted = replace(config, start=Path(config.start).name, mask_start=Path(config.mask_start).name)  # as weights tell
    if model.description.model != wanted.model:
        raise ConfigFault(
            f"{path} are weights of another network than {order.system.name} at {order.budget.size} pixels: delete "
            f"{order.place} and run the system again, or name another folder with --results."
        )
    try:
        as_wanted = _is_as(TrainConfig.from_dict(model.description.training["config"]), wanted)
    except (ConfigFault, ValueError, KeyError, TypeError):  # of another version of Derm, or not of a training
        as_wanted = False
    if not as_wanted:
        raise ConfigFault(
            f"{path} were trained under another protocol than today's: delete {order.place} and run the system again, "
            "or name another folder with --results."
        )


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
    text = csv_table(predictions, ".6f")
    write_text(unlinked(order.place / PREDICTIONS), text)
    lesions = table["lesion_id"].to_numpy(dtype=str)
    _write_measured(
        order.place,
        {
            "system": order.system.name,
            "budget": order.budget.name,
            "by": order.by,
            "start": start_label(order.start),
            "start_sha256": _begun_start(order.place),
            **{name: training["data"][name] for name in FINGERPRINTS if name in training["data"]},
            "about": measured_on(model, catalogue, split, PART, table, lesions),
            "trained_images": training["data"]["train"],
            "epoch": training["epoch"],
            "epochs": order.budget.epochs,
            "learning_rate": config.learning_rate,
            "machine": kernel_machine.told_of(model.net),
            "date": datetime.now(UTC).date().isoformat(),
        },
        {PREDICTIONS: text},
    )


def _write_measured(place: Path, content: Mapping[str, Any], texts: Mapping[str, str]) -> None:
    """Write measured.json with the hashes of the files that were or are about to be written beside it, by name."""
    hashes = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}
    own = {name: value for name, value in content.items() if name != SEAL}
    write_json(unlinked(place / MEASURED), sealed({**own, HASHES: {**own.get(HASHES, {}), **hashes}}))


def _load_own(order: SystemOrder, catalogue: Catalogue, split: Split, device: str) -> Model:
    """The weights that are measured, whose network lies on `device`.

    Raises ConfigFault as `_check_own`, and where they learned from, or were chosen by, other images than `catalogue`
    gives, for then some of those may be measured: a result is made in stages, between which another data set may be
    named.
    """
    model = load_weights(_weights(order))
    _check_own(order, model)
    model.net.to(device)
    if _differs(model.description.training["data"], order, catalogue, split):
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
    texts = {
        CONCEPTS: json_text(json.loads(json.dumps(concepts))),
        f"{EXPLAINED}.csv": csv_table(rows, ".5f"),
        f"{EXPLAINED}.json": json_text(json.loads(json.dumps(summarise_maps(rows)))),
    }
    *first, last = texts
    for name in first:
        write_text(unlinked(order.place / name), texts[name])
    _write_measured(order.place, read_json(order.place / MEASURED), texts)
    write_text(unlinked(order.place / last), texts[last])  # it tells that all is there


def _add_cme(order: SystemOrder, catalogue: Catalogue, device: str, tell: Tell) -> None:
    """Measure CME alone, and put it among the concepts that are there."""
    if order.marked is None:
        raise ValueError("CME needs marked pictures")
    tell("explaining", 0, 1)
    model = _load_own(order, catalogue, split_catalogue(catalogue, order.by), device)
    kept = read_optional(order.place / CONCEPTS, is_concepts, _concepts_sha256(order)) or {}
    concepts = kept | {CME: extract_cme(model, order.marked)}
    texts = {CONCEPTS: json_text(json.loads(json.dumps(concepts)))}
    measured = read_json(order.place / MEASURED)
    others = {name: digest for name, digest in measured.get(HASHES, {}).items() if name != CONCEPTS}
    _write_measured(order.place, {**measured, HASHES: others}, {})  # no hash that a kill would leave of another file
    write_text(unlinked(order.place / CONCEPTS), texts[CONCEPTS])
    _write_measured(order.place, measured, texts)
