"""The training loop, from top to bottom: load, step, remember, measure, save.

Needs a configuration, a data set and a run folder. Tells the run log and `watch` alone; knows no terminal and no page.
"""

import inspect
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from torch.nn.parallel import DistributedDataParallel

from derm.data.catalogue import Catalogue
from derm.data.store import Progress
from derm.files import unlinked
from derm.language.speech import say
from derm.metrics.missing import or_none
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
from derm.train.batches import load, load_batches
from derm.train.config import TrainConfig
from derm.train.log_lines import Tell, peak_memory_mb, replay_event, tell_stages
from derm.train.losses import Losses
from derm.train.open_run import Forward, OpenRun, describe, open_run, settle
from derm.train.resume import keep, restore
from derm.train.run_folder import claim, claimed
from derm.train.state import SCORES, TrainState, count, count_hits, means, shorten
from derm.train.step import learning_rate, move_average, take_step
from derm.train.validate import validate
from derm.train.world import ALONE, World, is_lost

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
    world: World = ALONE,
) -> TrainState:
    """Train, or go on training, and return where it ended.

    run: the run's folder, made anew; with `resume` the one to go on in, whose checkpoint and log are taken up. cache:
    where decoded images are kept. stop: asked after each step; true ends the run after a checkpoint, to be resumed.
    decoding: told how many images have been decoded. Raises RunFault for a folder that does not fit or a loss that is
    not finite, DataFault for data that does not. On the CPU a run that was killed and resumed ends bit for bit as if it
    had not been, with the same number of threads.
    world: the processes that train together. Each learns from its part of every batch, and all do the same step, that
    of the whole batch; what one decides, all do. The first one writes; each is told by `watch` and asked by `stop`.
    """
    config = world.of_first(world.together("settled", lambda: settle(config, device, world)))
    opened = world.together(
        "opened",
        lambda: open_run(
            config, catalogue, run, cache=cache, resume=resume, device=device, decoding=decoding, world=world
        ),
        in_turn=True,
    )
    check_same(opened)
    config, net, average, planner = opened.config, opened.net, opened.average, opened.planner
    with ExitStack() as stack:
        state, log = world.together("taken up", lambda: take_up(opened, stack))
        if state.finished:
            return state

        def tell(event: Logged) -> None:
            if log is not None:
                log.append(event)
            watch(event)

        def save() -> None:
            if log is not None:
                state.log_bytes = log.length()
                keep(opened, state)

        with surviving(opened, state, save):
            if opened.fresh:
                tell_start(opened, tell)
                save()
            tell(begun_event(opened, state.step, "resumed" if resume else "begun"))
            forward, clock = spread(opened), Clock(state.step)

            for prepared in load_batches(opened, state.step):
                # Dropout draws from a generator that is set anew for each step, so that nothing of it need be saved.
                torch.manual_seed(seed_of(config, state.step, world.rank))
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
                    forward=forward,
                    world=world,
                    count=config.batch,
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
                if world.any(stop()):
                    save()
                    tell(StoppedEvent(event="stopped", step=state.step, time=time.time()))
                    break
    return state


def check_same(opened: OpenRun) -> None:
    """Raise a RunFault where the processes see other data, or another state of the run, than the first one."""
    world, run = opened.world, opened.run
    host = socket.gethostname()
    other_data = say(
        "On {host} there are other training images than where the run began: give all the same data.", host=host
    )
    world.same("data", opened.parts.fingerprint, other_data)
    other_checkpoint = say(
        "On {host} the run's folder {run} holds another checkpoint than on the first: put it on a disk that all "
        "machines share.",
        host=host,
        run=run,
    )
    world.same("run", str(opened.fresh), other_checkpoint)


def take_up(opened: OpenRun, stack: ExitStack) -> tuple[TrainState, RunLog | None]:
    """Claim the run's folder until `stack` closes, take up the checkpoint where there is one, and open the log.

    Only the first process has a claim and a log; there is none of a finished run.
    """
    if opened.world.leads:
        stack.enter_context(claim(opened.run))
    state = TrainState() if opened.fresh else restore(opened)
    if state.finished or not opened.world.leads:
        return state, None
    return state, stack.enter_context(RunLog(opened.run / "events.jsonl", state.log_bytes))


def spread(opened: OpenRun) -> Forward:
    """What answers for the network: of several processes, each for its part of a batch, with gradients of the whole."""
    if opened.world.size == 1:
        return opened.forward
    # What changes without gradients is the same everywhere, see `derm.train.shared_norm`, and need not be sent.
    known = inspect.signature(DistributedDataParallel.__init__).parameters
    name = next(name for name in ("forward_sync_buffers", "broadcast_buffers") if name in known)  # the former from 2.14
    unsent: dict[str, Any] = {name: False}
    return DistributedDataParallel(opened.net, **unsent)


@contextmanager
def surviving(opened: OpenRun, state: TrainState, save: Callable[[], None]) -> Iterator[None]:
    """Where another process is lost in the block, save the run as it was after the last step that all have done.

    Raises a RunFault that says so. An epoch of which only the measures are missing is gone on with from before.
    """
    try:
        yield
    except RuntimeError as error:
        world, run = opened.world, opened.run
        if world.size == 1 or not is_lost(error):
            raise
        if not world.leads:
            raise world.lost(
                say(
                    "The first of {count} processes has ended; its last checkpoint stands. To go on: the same command "
                    "with --run {run} --resume",
                    count=world.size,
                    run=run,
                )
            ) from error
        whole = len(state.history) == state.step // opened.planner.steps_per_epoch
        if whole:
            save()
        raise world.lost(
            say(
                "Another of {count} processes has ended, and so the run, with a checkpoint at step {step:,}. To go on: "
                "the same command with --run {run} --resume",
                count=world.size,
                step=state.step,
                run=run,
            )
            if whole
            else say(
                "Another of {count} processes has ended, and so the run, its last checkpoint stands. To go on: the "
                "same command with --run {run} --resume",
                count=world.size,
                run=run,
            )
        ) from error


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


def tell_start(opened: OpenRun, tell: Tell) -> None:
    """Plan the first batches, and log what is going to be done."""
    planner = opened.planner
    told = {name: words for name, words in (("begins_anew", opened.anew), ("start_knows", opened.knows)) if words}
    planner.top_up()
    begun = {"event": "start", "steps": planner.steps, "steps_per_epoch": planner.steps_per_epoch}
    tell(cast("StartEvent", {**begun, **told, **opened.about}))
    tell_stages(planner, tell)


def begun_event(opened: OpenRun, step: int, kind: Literal["begun", "resumed"]) -> BegunEvent:
    """That this process begins, or goes on, at `step`."""
    return BegunEvent(
        event=kind,
        step=step,
        time=time.time(),
        claim=claimed(opened.run),
        threads=torch.get_num_threads(),
        processes=opened.world.size,
        device=opened.device,
    )


def seed_of(config: TrainConfig, step: int, rank: int = 0) -> int:
    """The seed of what is drawn in a step by process `rank`; dropout must differ between the parts of a batch."""
    return config.seed * 1_000_003 + step + (rank << 52)  # the rest is below 2^52


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
        save_measured(opened, state, "best.json")
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
        save_measured(opened, state, "final.json")


def save_measured(opened: OpenRun, state: TrainState, name: str) -> None:
    """Save the weights that the last epoch has measured, in the run's folder."""
    if opened.world.leads:
        save_weights(unlinked(opened.run / name), opened.average, describe(opened.config, opened.about, state.history))
