"""The training loop, from top to bottom: plan, load, step, remember, measure, save.

Needs a configuration, a data set and a run folder. Tells the run log and `watch` alone; knows no terminal and no page.
"""

import copy
import hashlib
import json
import math
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from derm import __version__
from derm.data.catalogue import Catalogue
from derm.data.diagnosis_words import allowed_codes
from derm.data.learned import record_learned
from derm.data.split import count_leak, split_catalogue
from derm.data.store import Progress, open_store
from derm.diagnoses import CODES, INDEX
from derm.errors import DataFault, RunFault
from derm.files import hold, make_folder, sweep, write_json
from derm.metrics import registry
from derm.metrics.masks import count_masks, dice
from derm.metrics.missing import or_none
from derm.metrics.registry import OUTLINE_HEADLINE
from derm.model.network import LesionNet, ModelOutput
from derm.model.preprocess import normalise
from derm.model.pretrained import learned_before, start_from
from derm.model.weights import WeightsInfo, licence_of, save_weights
from derm.runlog.events import (
    BegunEvent,
    BestEvent,
    CurriculumEvent,
    EndEvent,
    EpochEvent,
    Logged,
    Means,
    ReplayEvent,
    SpeedEvent,
    StartEvent,
    StepEvent,
    StoppedEvent,
    TickEvent,
)
from derm.runlog.writer import RunLog
from derm.train.checkpoint import load_checkpoint, save_checkpoint
from derm.train.commit import current_commit
from derm.train.config import TrainConfig
from derm.train.loader import open_loader
from derm.train.losses import Losses, Truth, joint_loss, shift_of, weigh_classes
from derm.train.mix import draw_mixture, mix
from derm.train.precision import pays_to_compile, settle_precision, settle_workers
from derm.train.sampler import OPEN_CLASS, Batch, Sampler
from derm.train.validate import validate

Watch = Callable[[Logged | TickEvent], None]
"""Told every event of the log as it is written, and a tick at each step."""

Forward = Callable[[torch.Tensor], ModelOutput]
"""The network, or what was compiled of it: normalised images, float32 (N, 3, S, S), to what it says of them."""

Tell = Callable[[Logged], None]
"""Writes an event."""

SCORES = {
    "step": 0, "loss": 0.0, "mask_loss": 0.0, "class_loss": 0.0, "replayed": 0, "judged": 0, "hits": 0, "right": 0,
    "images": 0, "dice": 0.0, "outlined": 0,
}  # fmt: skip
"""What is summed between two lines of the log, and over an epoch."""

LAUNCHED = frozenset({"launch.json", "output.log"})
"""What the folder of a run holds that was started from elsewhere, before the run itself has begun in it."""

HEADLINE = (*registry.HEADLINE, *OUTLINE_HEADLINE)
"""What the weights' description tells of each epoch."""


@dataclass
class TrainState:
    """Where a run is; together with the tensors, all of a checkpoint."""

    step: int = 0
    log_bytes: int = 0
    best: float = -math.inf
    best_epoch: int = -1
    finished: bool = False
    recent: dict[str, float] = field(default_factory=lambda: dict(SCORES))  # since the last line of the log
    epoch: dict[str, float] = field(default_factory=lambda: dict(SCORES))  # since the epoch began
    drawn: list[int] = field(default_factory=lambda: [0] * len(CODES))  # images drawn of each class in the epoch
    replayed: list[int] = field(default_factory=list)  # item numbers of the images replayed in the epoch
    history: list[dict[str, Any]] = field(default_factory=list)  # one entry an epoch: losses and headline figures

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, ready for JSON."""
        return {**self.__dict__, "best": None if self.best == -math.inf else self.best}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "TrainState":
        """Rebuild from `as_dict`."""
        best = -math.inf if content["best"] is None else content["best"]
        # Older ones summed less, and judged all that was replayed.
        sums = {
            name: {**SCORES, "judged": content[name].get("replayed", 0), **content[name]}
            for name in ("recent", "epoch")
        }
        return cls(**{**content, **sums, "best": best})


def train(  # noqa: PLR0912, PLR0915 (one loop that reads from top to bottom)
    config: TrainConfig,
    catalogue: Catalogue,
    run: Path,
    *,
    cache: Path,
    resume: bool = False,
    device: str = "cpu",
    watch: Watch = lambda _: None,
    decoding: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> TrainState:
    """Train, or go on training, and return where it ended.

    run: the run's folder, made anew; with `resume` the one to go on in, whose checkpoint and log are taken up. cache:
    where decoded images are kept. stop: asked after each step; true ends the run after a checkpoint, to be resumed.
    decoding: told how many images have been decoded. Raises RunFault for a folder that does not fit or a loss that is
    not finite, DataFault for data that does not. On the CPU a run that was killed and resumed ends bit for bit as if it
    had not been, with the same number of threads.
    """
    config = settle_workers(settle_precision(config, device), device)
    split = split_catalogue(catalogue, config.split_by, config.leave_out)
    classes = catalogue.table["dx"].map(INDEX).fillna(OPEN_CLASS).to_numpy().astype(np.int64)
    names, sources = np.unique(catalogue.table["source"].to_numpy(dtype=str), return_inverse=True)
    rows = choose_share(split.rows("train"), sources * (OPEN_CLASS + 1) + classes, config.train_share)
    validation = split.rows("validation")
    if len(rows) < config.batch or not len(validation):
        raise DataFault(
            f"{len(rows)} training and {len(validation)} validation images are too few for batches of {config.batch}: "
            "bring more images or lower --batch."
        )
    if not resume:
        refuse_taken(run)
    store = open_store(catalogue, config.model.input_size, cache, decoding, config.model.fit)
    if config.best_by == "dice" and not store.has_mask[validation].any():
        raise DataFault(f"{catalogue.place} has no masks to choose by Dice: add them, or --set best_by=macro_auc.")
    images_known = fingerprint(catalogue, rows)
    about: dict[str, Any] = {
        "derm": __version__,
        "commit": current_commit(),
        "threads": torch.get_num_threads(),
        "config": config.as_dict(),
        "data": {
            "folder": str(catalogue.folder.resolve()),
            "folders": [str(folder.resolve()) for folder in catalogue.folders or (catalogue.folder,)],
            "layout": catalogue.layout,
            "images": len(catalogue.table),
            "split": split.name,
            "train": len(rows),
            "validation": len(validation),
            "sources": count_sources(catalogue.table.iloc[rows]),
            "sources_before": read_sources_before(run) if resume else sorted(learned_before(config.start)),
            "leaking_test_images": count_leak(split, catalogue.table["dx"]).with_sister,
            "fingerprint": images_known,
            "learned": record_learned(
                (store.images[row] for row in rows), catalogue.table.iloc[rows], split.lesions.iloc[rows]
            ),
        },
    }
    torch.manual_seed(config.seed)
    net = LesionNet(config.model)
    # A run that was killed before its first checkpoint begins again.
    fresh = not (resume and (run / "last.safetensors").exists())
    anew = ""
    if fresh:
        anew = start_from(net, config.start, config.mask_start, config.split_by, config.leave_out)
    net = net.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(net) if config.average else net
    make = torch.optim.Adam if config.optimiser == "adam" else torch.optim.AdamW
    optimiser = make(net.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    planner = Sampler(config, classes[rows], sources[rows] if len(names) > 1 else None)
    closed = torch.from_numpy(classes[rows][classes[rows] != OPEN_CLASS])
    class_weights = weigh_classes(closed, config.balance, len(CODES))
    class_weights = None if class_weights is None else class_weights.to(device)
    shift = shift_of(closed, config, len(CODES))
    shift = None if shift is None else shift.to(device)
    has_mask = torch.from_numpy(store.has_mask[rows])
    labels = torch.from_numpy(classes[rows])
    # Only where a label is open: otherwise the loss is the plain cross-entropy, to the last bit.
    allowed = allowed_classes(catalogue.table["dx"].iloc[rows]) if (classes[rows] == OPEN_CLASS).any() else None
    state = TrainState()
    forward: Forward = torch.compile(net) if pays_to_compile(config, device, planner.steps) else net
    if not resume:
        make_run_folder(run, about)

    with claim(run):
        if not fresh:
            state = restore(run, net, average, optimiser, planner, images_known)
        else:
            planner.top_up()
        if state.finished:
            return state
        with RunLog(run / "events.jsonl", state.log_bytes) as log:

            def tell(event: Logged) -> None:
                log.append(event)
                watch(event)

            def save() -> None:
                state.log_bytes = log.length()
                groups = {
                    "net": net.state_dict(),
                    "average": average.state_dict() if average is not net else {},
                    "optimiser": flatten_optimiser(optimiser),
                    "planner": planner.tensors(),
                }
                rest = {"fingerprint": images_known, "groups": optimiser.state_dict()["param_groups"]}
                save_checkpoint(run / "last.safetensors", groups, {**state.as_dict(), **rest})

            if fresh:
                begun = {"event": "start", "steps": planner.steps, "steps_per_epoch": planner.steps_per_epoch}
                tell(cast("StartEvent", {**begun, **({"begins_anew": anew} if anew else {}), **about}))
                tell_stages(planner, tell)
                save()
            tell(
                BegunEvent(
                    event="resumed" if resume else "begun",
                    step=state.step,
                    time=time.time(),
                    threads=torch.get_num_threads(),
                    device=device,
                )
            )
            began, first_step, epoch_began, epoch_first = time.monotonic(), state.step, time.monotonic(), state.step

            for images, masks, items in open_loader(planner, store, rows, config.augment, config.workers, device):
                # Dropout draws from a generator that is set anew for each step, so that nothing of it need be saved.
                torch.manual_seed(config.seed * 1_000_003 + state.step)
                rate = learning_rate(config, state.step, planner.steps)
                for group in optimiser.param_groups:
                    group["lr"] = rate
                truth = Truth(
                    masks.to(device, non_blocking=True)[:, None].float(),
                    has_mask[items].to(device),
                    labels[items].to(device),
                )
                if allowed is not None:
                    truth = truth._replace(allowed=allowed[items].to(device))
                batch_images = images.to(device, non_blocking=True)
                random = np.random.default_rng([config.seed, 4, state.step])
                mixture = draw_mixture(config.mix, len(items), config.model.input_size, random)
                if allowed is not None and (labels[items] == OPEN_CLASS).any():
                    mixture = None  # half of an open label says nothing
                if mixture is not None:
                    batch_images, truth = mix(batch_images, truth, mixture)
                losses, scores = take_step(
                    net, optimiser, batch_images, truth, config, class_weights, shift, forward=forward
                )
                if average is not net:
                    move_average(average, net, config.average, state.step)
                plain = losses.plain.double().cpu().numpy()
                # The loss of a mixture tells little of either image, so neither curriculum nor replay hears of it.
                batch = planner.observe(plain if mixture is None else None)
                judged = batch.replayed if mixture is None else np.zeros_like(batch.replayed)
                epoch = state.step // planner.steps_per_epoch
                state.step += 1
                count(
                    state,
                    losses,
                    {**scores, "judged": int(judged.sum()), "hits": count_hits(plain, judged)},
                    batch,
                    classes[rows[batch.items]],
                )

                # At once, before a checkpoint: a stage is planned some steps before its epoch begins.
                tell_stages(planner, tell)
                if state.step % config.log_every == 0:
                    tell(
                        StepEvent(event="step", step=state.step, epoch=epoch, learning_rate=rate, **means(state.recent))
                    )
                    state.recent = dict(SCORES)
                if state.step % planner.steps_per_epoch == 0:
                    seconds = time.monotonic() - epoch_began
                    own = names[sources[validation]] if len(names) > 1 else None
                    result = validate(average, store, validation, classes[validation], config, own)
                    better = result[config.best_by] is not None and result[config.best_by] > state.best
                    tell(
                        EpochEvent(
                            event="epoch", epoch=epoch, step=state.step, train=means(state.epoch), validation=result
                        )
                    )
                    tell_replay(planner, catalogue, rows, state, epoch, tell)
                    state.history.append({"epoch": epoch, "train": means(state.epoch), "validation": shorten(result)})
                    if better:
                        state.best, state.best_epoch = result[config.best_by], epoch
                        tell(BestEvent(event="best", epoch=epoch, by=config.best_by, value=state.best))
                        save_weights(run / "best.json", average, describe(config, about, state.history))
                    state.epoch, state.drawn, state.replayed = dict(SCORES), [0] * len(CODES), []
                    a_step = (time.monotonic() - began) / (state.step - first_step)
                    tell(
                        SpeedEvent(
                            event="speed",
                            epoch=epoch,
                            time=time.time(),
                            images_per_second=(state.step - epoch_first) * config.batch / seconds,
                            seconds=time.monotonic() - epoch_began,
                            seconds_left=a_step * (planner.steps - state.step),
                            memory_mb=peak_memory_mb(device),
                        )
                    )
                    waited = 0 < config.patience <= epoch - state.best_epoch
                    if state.step == planner.steps or waited:
                        state.finished = True
                        tell(
                            EndEvent(
                                event="end",
                                step=state.step,
                                best_epoch=state.best_epoch,
                                best=or_none(state.best),
                                early=waited,
                            )
                        )
                        save_weights(run / "final.json", average, describe(config, about, state.history))
                    save()
                    epoch_began, epoch_first = time.monotonic(), state.step
                elif state.step % config.checkpoint_every == 0:
                    save()
                watch(TickEvent(event="tick", step=state.step, steps=planner.steps))
                if state.finished:
                    break
                if stop():
                    save()
                    tell(StoppedEvent(event="stopped", step=state.step, time=time.time()))
                    break
    return state


def take_step(
    net: LesionNet,
    optimiser: torch.optim.Optimizer,
    images: torch.Tensor,
    truth: Truth,
    config: TrainConfig,
    class_weights: torch.Tensor | None,
    shift: torch.Tensor | None = None,
    *,
    forward: Forward | None = None,
) -> tuple[Losses, dict[str, float]]:
    """Learn from one batch, images uint8 (B, S, S, 3); return its losses and what it did right, to be summed.

    forward: what answers for `net`, where that is compiled; its weights are those of `net`.

    right: diagnoses that were right; of a mixed image, the one with the larger share. dice: sum of the Dice of each
    image that has a mask, as the network saw it, varied and with dropout; of a mixed mask, the part above a half.
    outlined: images that have one.
    Raises RunFault, with the weights as they were, when the loss or its gradient is not finite.
    """
    net.train()
    with torch.autocast(images.device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
        answer = (forward or net)(normalise(images, config.model))
    losses = joint_loss(answer, truth, config, class_weights, shift)
    optimiser.zero_grad(set_to_none=True)
    losses.joint.backward()
    norm = torch.nn.utils.get_total_norm([weight.grad for weight in net.parameters() if weight.grad is not None])
    if not (losses.joint.isfinite() and norm.isfinite()):
        raise RunFault(
            f"The loss is {losses.joint.item()} and its gradient {norm.item()}: lower the learning rate "
            f"({optimiser.param_groups[0]['lr']:.1e}) and start a new run; the last checkpoint is from before."
        )
    optimiser.step()
    right = int((answer.class_logits.argmax(1) == truth.classes).sum())
    known = truth.has_mask
    drawn = (answer.mask_logits.detach()[known][:, 0] > 0).cpu().numpy()
    true = (truth.masks[known][:, 0] > 0.5).cpu().numpy()
    overlap = float(dice(count_masks(drawn, true)).sum()) if len(drawn) else 0.0
    scores = {"right": right, "dice": overlap, "outlined": len(drawn)}
    return Losses(*(loss.detach() for loss in losses)), scores


def count_hits(plain: NDArray[np.float64], replayed: NDArray[np.bool_]) -> int:
    """How many replayed images are still harder than the median fresh one of their batch, of which there must be one.

    plain: float64 (B,), losses; replayed: bool (B,). Images drawn blindly would be so in half of the cases.
    """
    return int((plain[replayed] > np.median(plain[~replayed])).sum())


def learning_rate(config: TrainConfig, step: int, steps: int) -> float:
    """Rate at `step`, 0 … steps − 1: constant, or rising for `warm_up` of the steps, then half a cosine to 1 %."""
    if config.schedule == "constant":
        return config.learning_rate
    warm = max(1, round(config.warm_up * steps))
    if step < warm:
        return config.learning_rate * (step + 1) / warm
    done = (step - warm) / max(1, steps - warm)
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


@torch.no_grad()
def move_average(average: nn.Module, net: nn.Module, decay: float, step: int) -> None:
    """Move the averaged weights towards the present ones, in place; faster at first, with little to average yet."""
    keep = min(decay, (1 + step) / (10 + step))
    pairs = list(zip(average.state_dict().values(), net.state_dict().values(), strict=True))
    floats = [pair for pair in pairs if pair[0].is_floating_point()]
    # All at once: on an accelerator each of some 400 tensors would cost a launch of its own.
    torch._foreach_lerp_([old for old, _ in floats], [new for _, new in floats], 1 - keep)
    for old, new in pairs:
        if not old.is_floating_point():
            old.copy_(new)


def choose_share(rows: NDArray[np.int64], classes: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """The first `share` of each class among `rows` in an order drawn once for all runs; all of them at 1.

    classes: int64, of all images, by row; each class of each source has a number of its own.
    """
    if share == 1:
        return rows
    order = np.random.default_rng(0).permutation(rows)
    kept = [order[classes[order] == index] for index in np.unique(classes[rows])]
    return np.sort(np.concatenate([members[: math.ceil(share * len(members))] for members in kept]))


def count(state: TrainState, losses: Losses, scores: dict[str, float], batch: Batch, drawn: NDArray[np.int64]) -> None:
    """Add one step to the sums of `state`; scores: of the step, by name; drawn: int64 (B,), its images' classes."""
    for sums in (state.recent, state.epoch):
        sums["step"] += 1
        sums["loss"] += losses.joint.item()
        sums["mask_loss"] += losses.mask.item() * scores["outlined"]
        sums["class_loss"] += losses.diagnosis.item()
        sums["replayed"] += int(batch.replayed.sum())
        sums["images"] += len(batch.items)
        for name, score in scores.items():
            sums[name] += score
    for index in drawn[drawn != OPEN_CLASS]:
        state.drawn[index] += 1
    state.replayed += batch.items[batch.replayed].tolist()


def means(sums: dict[str, float]) -> Means:
    """Turn sums into means a step, or an image; what is of outlines alone is None where no image had a mask."""
    steps, images = max(1, sums["step"]), max(1, sums["images"])
    return {
        "loss": sums["loss"] / steps,
        "mask_loss": sums["mask_loss"] / sums["outlined"] if sums["outlined"] else None,
        "class_loss": sums["class_loss"] / steps,
        "accuracy": sums["right"] / images,
        "dice": sums["dice"] / sums["outlined"] if sums["outlined"] else None,
        "replayed_share": sums["replayed"] / images,
    }


def tell_stages(planner: Sampler, tell: Tell) -> None:
    """Log the curriculum's stage of each epoch that was planned since the last call."""
    for epoch, stage in planner.stages:
        tell(
            CurriculumEvent(
                event="curriculum",
                epoch=epoch,
                enabled=planner.config.curriculum.enabled,
                pace=stage.pace,
                admitted=int(stage.admitted.sum()),
                images={code: int((planner.classes == index).sum()) for index, code in enumerate(CODES)},
                admitted_share={code: or_none(float(stage.shares[index])) for index, code in enumerate(CODES)},
                difficulty_histogram=np.histogram(stage.difficulty, bins=20, range=(0, 1))[0].tolist(),
                admitted_histogram=np.histogram(stage.difficulty[stage.admitted], bins=20, range=(0, 1))[0].tolist(),
            )
        )
    planner.stages.clear()


def tell_replay(
    planner: Sampler, catalogue: Catalogue, rows: NDArray[np.int64], state: TrainState, epoch: int, tell: Tell
) -> None:
    """Log what was drawn in the epoch and what the replay buffer holds at its end."""
    ids = catalogue.table["image_id"].iloc[rows].tolist()
    ages = planner.buffer.ages()
    tell(
        ReplayEvent(
            event="replay",
            epoch=epoch,
            enabled=planner.config.replay.enabled,
            size=int(planner.buffer.members.sum()),
            suspects=[ids[item] for item in np.flatnonzero(planner.buffer.suspects())],
            replayed_share=means(state.epoch)["replayed_share"],
            hit_rate=state.epoch["hits"] / state.epoch["judged"] if state.epoch["judged"] else None,
            drawn=dict(zip(CODES, state.drawn, strict=True)),
            hardest=[
                {
                    "image_id": ids[row.item],
                    "loss": row.loss,
                    "views": row.views,
                    "drawn_in_epoch": state.replayed.count(row.item),
                    "drawn": row.drawn,
                    "age": int(ages[row.item]),
                }
                for row in planner.buffer.hardest(24)
            ],
        )
    )


def shorten(result: dict[str, Any]) -> dict[str, float | None]:
    """The losses and headline figures among all that validation measured."""
    return {key: result[key] for key in ("loss", "mask_loss", "class_loss", *HEADLINE)}


def count_sources(table: pd.DataFrame) -> dict[str, dict[str, int]]:
    """How many images of each source, and within it of each part by `dataset`, are among the rows `table`."""
    return {
        str(source): {str(part): len(rows) for part, rows in own.groupby("dataset", sort=True)}
        for source, own in table.groupby("source", sort=True)
    }


def read_sources_before(run: Path) -> list[str]:
    """The sources that a run's starting weights had been trained on, as its run.json says; none where it does not."""
    try:
        found = json.loads((run / "run.json").read_text())["data"].get("sources_before", [])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []  # a run that cannot be resumed is refused further on, in its own words
    return [str(name) for name in found]


def allowed_classes(dx: pd.Series) -> torch.Tensor:
    """Which classes each image may have, bool (n, 7), by its `dx` in the catalogue."""
    found = {word: [code in allowed_codes(word) for code in CODES] for word in set(dx)}
    return torch.tensor([found[word] for word in dx])


def describe(config: TrainConfig, about: dict[str, Any], history: list[dict[str, Any]]) -> WeightsInfo:
    """Describe the weights after the last epoch of `history`, with what validation measured."""
    epoch, result = history[-1]["epoch"], history[-1]["validation"]
    # Paths tell of the machine, not of the weights: the file's name is enough.
    data = {key: value for key, value in about["data"].items() if key not in ("folder", "folders")}
    starts = {key: Path(about["config"][key]).name for key in ("start", "mask_start")}
    training = {**about, "config": {**about["config"], **starts}, "data": data, "epoch": epoch, "history": history}
    headline = {key: result[key] for key in HEADLINE}
    return WeightsInfo(
        model=config.model,
        training=training,
        measured={"validation": {"split": about["data"]["split"], "images": about["data"]["validation"], **headline}},
        licence=licence_of({*about["data"]["sources"], *about["data"]["sources_before"]}),
    )


def refuse_taken(run: Path) -> None:
    """Raise RunFault where the place of a new run holds something already; see `make_run_folder`."""
    if (run / "run.json").exists():
        raise RunFault(f"{run} exists already: give another --run, or go on in it with --resume.")
    if run.exists() and (not run.is_dir() or {path.name for path in run.iterdir()} not in (set(), LAUNCHED)):
        raise RunFault(f"{run} exists already and holds no run: give another --run, or delete it.")


def make_run_folder(run: Path, about: dict[str, Any]) -> None:
    """Make the folder of a new run and write run.json; RunFault where it is taken, ConfigFault where it cannot be made.

    A folder that is empty, or holds nothing but what was put there to launch this run (`LAUNCHED`), will do. Of two
    processes that want the same folder one gets it: the lock's file is made in one step.
    """
    refuse_taken(run)
    make_folder(run)
    try:
        (run / "lock").touch(exist_ok=False)
    except FileExistsError as error:
        raise RunFault(f"Another process has begun a run in {run}: give another --run.") from error
    write_json(run / "run.json", about)


def fingerprint(catalogue: Catalogue, rows: NDArray[np.int64]) -> str:
    """What the training images are, 16 hexadecimal digits: their ids and diagnoses, in order."""
    table = catalogue.table[["image_id", "dx"]].iloc[rows]
    return hashlib.sha256(table.to_csv(index=False).encode()).hexdigest()[:16]


@contextmanager
def claim(run: Path) -> Iterator[None]:
    """Hold a run's folder for this process, and say which it is; RunFault when another one trains in it."""
    if not (run / "run.json").is_file():
        raise RunFault(f"There is no run in {run}: start one without --resume.")
    with (run / "lock").open("a") as stream:
        if not hold(stream):
            raise RunFault(f"Another process is training in {run}: stop it first, or give another --run.")
        stream.truncate(0)
        stream.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
        stream.flush()
        sweep(run)
        yield


def restore(
    run: Path, net: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer, planner: Sampler, images: str
) -> TrainState:
    """Take up the last checkpoint of `run`, in place; RunFault where it knows other images than those of `images`."""
    groups, content = load_checkpoint(run / "last.safetensors")
    if content.pop("fingerprint", images) != images or len(groups["planner"]["views"]) != len(planner.classes):
        raise RunFault(
            f"{run} was trained on other images than the data set now gives: bring back the data set it began with, or "
            "start a new run."
        )
    param_groups = content.pop("groups")
    net.load_state_dict(groups["net"])
    if average is not net:
        average.load_state_dict(groups["average"])
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in groups.get("optimiser", {}).items():
        index, _, name = key.partition(".")
        moments.setdefault(int(index), {})[name] = tensor
    optimiser.load_state_dict({"state": moments, "param_groups": param_groups})
    for weight, taken_up in optimiser.state.items():
        for name, tensor in taken_up.items():
            if tensor.shape == weight.shape:
                # In the weight's memory layout, as before: two layouts at once take the optimiser three times as long.
                taken_up[name] = torch.empty_like(weight).copy_(tensor)
    planner.restore(groups["planner"])
    return TrainState.from_dict(content)


def flatten_optimiser(optimiser: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The optimiser's tensors by "index.name"."""
    state = optimiser.state_dict()["state"]
    return {f"{index}.{name}": tensor for index, moments in state.items() for name, tensor in moments.items()}


def peak_memory_mb(device: str) -> int:
    """Most memory that this process, or the accelerator, has held so far, megabytes; 0 where nobody tells."""
    if device != "cpu":
        return int(torch.cuda.max_memory_allocated() / 2**20)
    try:
        import resource
    except ImportError:  # Windows does not tell
        return 0
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale)
