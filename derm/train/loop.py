"""The training loop, from top to bottom: load, step, remember, measure, save.

Needs a configuration, a data set and a run folder. Tells the run log and `watch` alone; knows no terminal and no page.
"""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, cast

import numpy as np
import torch
from torch import nn

from derm.data.catalogue import Catalogue
from derm.data.store import Progress
from derm.errors import RunFault
from derm.metrics.masks import count_masks, dice
from derm.metrics.missing import or_none
from derm.model.network import LesionNet
from derm.model.preprocess import normalise
from derm.model.weights import save_weights
from derm.runlog.events import (
    BegunEvent,
    BestEvent,
    EndEvent,
    EpochEvent,
    Logged,
    SpeedEvent,
    StartEvent,
    StepEvent,
    StoppedEvent,
    TickEvent,
)
from derm.runlog.writer import RunLog
from derm.train.config import TrainConfig
from derm.train.loader import Prepared, open_loader
from derm.train.log_lines import Tell, peak_memory_mb, replay_event, tell_stages
from derm.train.losses import Losses, Truth, joint_loss
from derm.train.mix import draw_mixture, mix
from derm.train.open_run import Forward, OpenRun, describe, open_run
from derm.train.resume import keep, restore
from derm.train.run_folder import claim
from derm.train.sampler import OPEN_CLASS
from derm.train.state import SCORES, TrainState, count, count_hits, means, shorten
from derm.train.validate import validate

Watch = Callable[[Logged | TickEvent], None]
"""Told every event of the log as it is written, and a tick at each step."""


def train(
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
    opened = open_run(config, catalogue, run, cache=cache, resume=resume, device=device, decoding=decoding)
    config, net, average, planner = opened.config, opened.net, opened.average, opened.planner
    with claim(run):
        state = TrainState() if opened.fresh else restore(opened)
        if state.finished:
            return state
        with RunLog(run / "events.jsonl", state.log_bytes) as log:

            def tell(event: Logged) -> None:
                log.append(event)
                watch(event)

            def save() -> None:
                state.log_bytes = log.length()
                keep(opened, state)

            if opened.fresh:
                planner.top_up()
                tell(start_event(opened))
                tell_stages(planner, tell)
                save()
            tell(begun_event(opened, state.step, "resumed" if resume else "begun"))
            clock = Clock(state.step)

            loader = open_loader(
                planner, opened.parts.store, opened.parts.train, config.augment, config.workers, device
            )
            for prepared in loader:
                # Dropout draws from a generator that is set anew for each step, so that nothing of it need be saved.
                torch.manual_seed(config.seed * 1_000_003 + state.step)
                rate = set_rate(opened, state.step)
                images, truth = load(opened, prepared, state.step)
                losses, scores = take_step(
                    net,
                    opened.optimiser,
                    images,
                    truth,
                    config,
                    opened.class_weights,
                    opened.shift,
                    forward=opened.forward,
                )
                if average is not net:
                    move_average(average, net, config.average, state.step)
                epoch = state.step // planner.steps_per_epoch
                state.step += 1
                remember(opened, state, losses, scores, mixed=truth.shares is not None)

                # At once, before a checkpoint: a stage is planned some steps before its epoch begins.
                tell_stages(planner, tell)
                if state.step % config.log_every == 0:
                    tell(
                        StepEvent(event="step", step=state.step, epoch=epoch, learning_rate=rate, **means(state.recent))
                    )
                    state.recent = dict(SCORES)
                ends_epoch = state.step % planner.steps_per_epoch == 0
                if ends_epoch:
                    end_epoch(opened, state, epoch, clock, tell)
                if ends_epoch or state.step % config.checkpoint_every == 0:
                    save()
                if ends_epoch:
                    clock.begin_epoch(state.step)
                watch(TickEvent(event="tick", step=state.step, steps=planner.steps))
                if state.finished:
                    break
                if stop():
                    save()
                    tell(StoppedEvent(event="stopped", step=state.step, time=time.time()))
                    break
    return state


class Clock:
    """When this process and the present epoch began, and at which step: for speeds, and the time that is left."""

    def __init__(self, step: int) -> None:
        """Both begin now, at `step`."""
        self.began, self.first_step = time.monotonic(), step
        self.begin_epoch(step)

    def begin_epoch(self, step: int) -> None:
        """An epoch begins now, at `step`, or what is left of one."""
        self.epoch_began, self.epoch_first = time.monotonic(), step

    def in_epoch(self) -> float:
        """Seconds since the epoch began."""
        return time.monotonic() - self.epoch_began

    def a_step(self, step: int) -> float:
        """Seconds a step, all told, up to `step`."""
        return (time.monotonic() - self.began) / (step - self.first_step)


def start_event(opened: OpenRun) -> StartEvent:
    """The first line of the log: what is going to be done."""
    planner, anew = opened.planner, opened.anew
    begun = {"event": "start", "steps": planner.steps, "steps_per_epoch": planner.steps_per_epoch}
    return cast("StartEvent", {**begun, **({"begins_anew": anew} if anew else {}), **opened.about})


def begun_event(opened: OpenRun, step: int, kind: Literal["begun", "resumed"]) -> BegunEvent:
    """That this process begins, or goes on, at `step`."""
    return BegunEvent(event=kind, step=step, time=time.time(), threads=torch.get_num_threads(), device=opened.device)


def load(opened: OpenRun, prepared: Prepared, step: int) -> tuple[torch.Tensor, Truth]:
    """The batch of step `step` on the run's device, mixed where the plan says so: images, uint8 (B, S, S, 3), and their
    truth, whose `shares` are there where they are mixed."""
    images, masks, items = prepared
    config, parts, device = opened.config, opened.parts, opened.device
    labels = torch.from_numpy(parts.labels)[items]
    truth = Truth(
        masks.to(device, non_blocking=True)[:, None].float(), parts.has_mask[items].to(device), labels.to(device)
    )
    if parts.allowed is not None:
        truth = truth._replace(allowed=parts.allowed[items].to(device))
    images = images.to(device, non_blocking=True)
    random = np.random.default_rng([config.seed, 4, step])
    mixture = draw_mixture(config.mix, len(items), config.model.input_size, random)
    if mixture is None or (labels == OPEN_CLASS).any():  # half of an open label says nothing
        return images, truth
    return mix(images, truth, mixture)


def set_rate(opened: OpenRun, step: int) -> float:
    """Give the optimiser its learning rate at `step`, and return it."""
    rate = learning_rate(opened.config, step, opened.planner.steps)
    for group in opened.optimiser.param_groups:
        group["lr"] = rate
    return rate


def remember(opened: OpenRun, state: TrainState, losses: Losses, scores: dict[str, float], *, mixed: bool) -> None:
    """Let planner and state hear of the step that was taken; `mixed`: its images were mixed with each other."""
    plain = losses.plain.double().cpu().numpy()
    # The loss of a mixture tells little of either image, so neither curriculum nor replay hears of it.
    batch = opened.planner.observe(None if mixed else plain)
    judged = np.zeros_like(batch.replayed) if mixed else batch.replayed
    told = {**scores, "judged": int(judged.sum()), "hits": count_hits(plain, judged)}
    count(state, losses, told, batch, opened.parts.labels[batch.items])


def end_epoch(opened: OpenRun, state: TrainState, epoch: int, clock: Clock, tell: Tell) -> None:
    """Measure, tell, and save what is best; `state.finished` where this was the last epoch."""
    config, parts, planner, average = opened.config, opened.parts, opened.planner, opened.average
    seconds = clock.in_epoch()
    result = validate(average, parts.store, parts.validation, parts.validation_labels, config, parts.validation_sources)
    better = result[config.best_by] is not None and result[config.best_by] > state.best
    trained = means(state.epoch)
    tell(EpochEvent(event="epoch", epoch=epoch, step=state.step, train=trained, validation=result))
    tell(replay_event(planner, parts.ids, state, epoch))
    state.history.append({"epoch": epoch, "train": trained, "validation": shorten(result)})
    if better:
        state.best, state.best_epoch = result[config.best_by], epoch
        tell(BestEvent(event="best", epoch=epoch, by=config.best_by, value=state.best))
        save_weights(opened.run / "best.json", average, describe(config, opened.about, state.history))
    state.begin_epoch()
    tell(
        SpeedEvent(
            event="speed",
            epoch=epoch,
            time=time.time(),
            images_per_second=(state.step - clock.epoch_first) * config.batch / seconds,
            seconds=clock.in_epoch(),
            seconds_left=clock.a_step(state.step) * (planner.steps - state.step),
            memory_mb=peak_memory_mb(opened.device),
        )
    )
    waited = 0 < config.patience <= epoch - state.best_epoch
    if state.step == planner.steps or waited:
        state.finished = True
        best = or_none(state.best)
        tell(EndEvent(event="end", step=state.step, best_epoch=state.best_epoch, best=best, early=waited))
        save_weights(opened.run / "final.json", average, describe(config, opened.about, state.history))


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
