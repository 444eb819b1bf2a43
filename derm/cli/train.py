"""`derm train`: start a training run, or go on with one."""

import json
import math
import os
import signal
import time
import types
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from derm.cli.terminal import bar, err, figure, out
from derm.errors import ConfigFault, RunFault
from derm.figures.text import epoch_number

if TYPE_CHECKING:
    from derm.data.catalogue import Catalogue
    from derm.runlog.events import Logged, TickEvent
    from derm.train.config import TrainConfig
    from derm.train.state import TrainState
    from derm.train.world import World


def train(
    run: Annotated[Path, typer.Option(help="Folder of the run: configuration, log, checkpoints, weights.")],
    data: Annotated[
        list[Path] | None, typer.Option(help="Folder of a data set, see docs/data.md; several may be given.")
    ] = None,
    preset: Annotated[str, typer.Option(help="Where to start from: 'derm', ours, or 'paper', as published.")] = "derm",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --run, as it was configured.")
    ] = False,
    design: Annotated[str | None, typer.Option(help="'shared' or 'dual', see docs/architecture.md.")] = None,
    encoder: Annotated[str | None, typer.Option(help="timm name of the encoder, such as efficientnet_b0.")] = None,
    size: Annotated[int | None, typer.Option(help="Side of the network's square input, pixels.")] = None,
    dilated: Annotated[bool | None, typer.Option("--dilated/--plain", help="Dilated bottleneck in the U-Net.")] = None,
    start: Annotated[
        str | None, typer.Option(help="Starting weights: 'timm', 'random', a .safetensors file, or Derm's own (.json).")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs.")] = None,
    batch: Annotated[int | None, typer.Option(help="Images a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Learning rate, at its peak.")] = None,
    curriculum: Annotated[bool | None, typer.Option(help="From easy and common images to all.")] = None,
    replay: Annotated[bool | None, typer.Option(help="Bring hard images back.")] = None,
    precision: Annotated[str | None, typer.Option(help="'bfloat16' (mixed), 'float32', or 'auto'.")] = None,
    split_by: Annotated[str | None, typer.Option(help="'lesion', or 'image' as in the paper, which leaks.")] = None,
    leave_out: Annotated[
        list[str] | None, typer.Option(help="A source, or a part of one, to train without; may be repeated.")
    ] = None,
    share: Annotated[float | None, typer.Option(help="Share of the training part, for short experiments.")] = None,
    patience: Annotated[
        int | None, typer.Option(help="Stop after so many epochs without a better one; 0: never.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that augment images.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    threads: Annotated[int, typer.Option(min=0, help="Threads of the network; 0: as many as there are cores.")] = 0,
    minutes: Annotated[
        float | None,
        typer.Option(min=0, help="Stop with a checkpoint at the first step after so many; --resume goes on."),
    ] = None,
    device: Annotated[str, typer.Option(help="'cpu', 'cuda', or 'auto'.")] = "auto",
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any other setting, such as curriculum.start=0.4; may be repeated."),
    ] = None,
) -> None:
    """Train a model, writing to a run folder that survives being killed at any moment.

    Ctrl-C and the end of --minutes stop it after a checkpoint; `--resume` goes on from there.

    Several processes train one network together where
    `torchrun --nproc-per-node N -m derm -- train …` starts them.
    """
    from derm.train.world import ToldElsewhere, join

    given = {
        "model.design": design,
        "model.encoder": encoder,
        "model.input_size": size,
        "model.dilated_bottleneck": dilated,
        "start": start,
        "epochs": epochs,
        "batch": batch,
        "learning_rate": learning_rate,
        "curriculum.enabled": curriculum,
        "replay.enabled": replay,
        "precision": precision,
        "split_by": split_by,
        "leave_out": leave_out,
        "train_share": share,
        "patience": patience,
        "workers": workers,
        "seed": seed,
    }
    settings: dict[str, object] = {name: value for name, value in given.items() if value is not None}

    def plan() -> Plan:
        settings.update(read_setting(pair) for pair in setting or [])
        return resumed(run, settings, data, threads) if resume else begun(preset, settings, data, threads)

    until = math.inf if minutes is None else time.monotonic() + 60 * minutes
    with join() as world:
        try:
            _train(world.together("settings", plan), run, resume=resume, device=device, until=until, world=world)
        except ToldElsewhere:
            raise typer.Exit(1) from None


class Plan(NamedTuple):
    """What is to be trained: settings, folders of data, and threads of each process, 0 for as many as there are."""

    config: "TrainConfig"
    data: list[Path]
    threads: int


def begun(preset: str, settings: dict[str, object], data: list[Path] | None, threads: int) -> Plan:
    """A new run: the preset with `settings`; ConfigFault without data."""
    from derm.train.config import change, check_threads
    from derm.train.config import preset as find_preset

    config = change(find_preset(preset), settings)
    if not data:
        raise ConfigFault(
            "No data: name the folder of HAM10000 with --data, or draw one with `derm data synthesise DIR`."
        )
    return Plan(config, data, check_threads(threads))


def resumed(run: Path, settings: dict[str, object], data: list[Path] | None, threads: int) -> Plan:
    """The run in `run` as it was configured; ConfigFault for any of `settings`, RunFault where there is no run."""
    from derm.train.config import TrainConfig, check_threads

    if settings:
        raise ConfigFault(f"A resumed run keeps its settings: leave out {', '.join(settings)}, or start a new run.")
    about = read_about(run)
    folders = [Path(folder) for folder in about["data"].get("folders", [about["data"]["folder"]])]
    return Plan(
        TrainConfig.from_dict(about["config"]), data or folders, check_threads(threads or about.get("threads", 0))
    )


def _train(plan: Plan, run: Path, *, resume: bool, device: str, until: float, world: "World") -> None:
    """Train as planned until it ends, or `until`, a moment of the monotonic clock, and say so."""
    import torch

    from derm.data.catalogue import read_data
    from derm.paths import cache_folder
    from derm.train import loop

    def make_ready() -> "tuple[str, Catalogue]":
        if threads := plan.threads or threads_of(world.local_size):
            torch.set_num_threads(threads)
        found = find_device(device)
        world.take_device(found)
        return found, read_data(plan.data)

    device, catalogue = world.together("ready", make_ready)
    config = settle(plan.config, device) if world.leads else plan.config
    asked, steps = 0, 0

    def ask_to_stop(number: int, _frame: types.FrameType | None) -> None:
        nonlocal asked
        asked = number
        signal.signal(number, signal.SIG_DFL)  # a second one ends it at once
        if world.size == 1 or (world.leads and number == signal.SIGINT):
            err.print("Stopping after this step, with a checkpoint. Once more to end without one.")

    shown = bar()
    shown.disable = shown.disable or not world.leads
    with shown:
        decoding = shown.add_task("Decoding images", total=None)
        task = shown.add_task("Training", total=None, visible=False)

        def watch(event: "Logged | TickEvent") -> None:
            if event["event"] in ("begun", "resumed"):
                # Only now: before there is a run, Ctrl-C has nothing to save.
                for name in (signal.SIGINT, signal.SIGTERM):
                    signal.signal(name, ask_to_stop)
            nonlocal steps
            if event["event"] == "tick":
                steps = event["steps"]
                shown.update(decoding, visible=False)
                shown.update(task, completed=event["step"], total=event["steps"], visible=True)
            elif world.leads:
                if resume and event["event"] == "start":
                    err.print(f"There is no checkpoint in {run} yet: its training begins anew.")
                if line := epoch_line(event):
                    out.print(line)

        state = loop.train(
            config,
            catalogue,
            run,
            cache=cache_folder(),
            resume=resume,
            device=device,
            watch=watch,
            decoding=lambda done, total: shown.update(decoding, completed=done, total=total),
            stop=lambda: asked > 0 or time.monotonic() > until,
            world=world,
        )
    if world.leads:
        out.print(ending(state, config, run, steps))
    if asked and not state.finished and world.size == 1:  # torchrun would take it for a failure
        raise typer.Exit(128 + asked)


def threads_of(processes: int) -> int:
    """How many threads each of several `processes` of a machine takes; 0, torch's own choice, for one."""
    return 0 if processes == 1 else max(1, (os.cpu_count() or 1) // processes)


def ending(state: "TrainState", config: "TrainConfig", run: Path, steps: int) -> str:
    """How a training ended, and what to do next. steps: of the whole run; 0 where none was taken."""
    if state.finished and state.best_epoch < 0:
        return f"Finished. {config.best_by} was never defined; weights of the last epoch: {run / 'final.json'}"
    if state.finished:
        best = f"{epoch_number(state.best_epoch)} of {config.epochs}"
        return f"Finished. Best epoch: {best}. Weights: {run / 'best.json'}"
    place = f", in epoch {epoch_number(state.step * config.epochs // steps)} of {config.epochs}" if steps else ""
    return f"Stopped at step {state.step}{place}. To go on: derm train --run {run} --resume"


def find_device(name: str) -> str:
    """The device that `name` stands for, "cpu" or "cuda"; ConfigFault where it is not here."""
    import torch

    here = torch.cuda.is_available()
    if name == "auto":
        return "cuda" if here else "cpu"
    if name not in ("cpu", "cuda") or (name == "cuda" and not here):
        raise ConfigFault(f"The device '{name}' is not here: use cpu, or auto for whatever there is.")
    return name


def settle(config: "TrainConfig", device: str) -> "TrainConfig":
    """Settle a precision of "auto" for `device`; where it is slow in bfloat16, say so in a sentence."""
    from derm.train import precision

    settled = precision.settle_precision(config, device)
    if settled != config and settled.precision == "float32":
        err.print("Training in float32: this device is slow in bfloat16.")
    elif config.precision == "bfloat16" and not precision.is_quick_in_bfloat16(device):
        err.print(
            "This run computes in bfloat16, in which this device is slow: one with --precision float32 is quicker."
        )
    return settled


def epoch_line(event: "Logged | TickEvent") -> str | None:
    """What to print of an event of the log, if anything."""
    if event["event"] == "start":
        told = [words for words in (event.get("begins_anew"), event.get("start_knows")) if words]
        return "\n".join(told) or None
    if event["event"] in ("begun", "resumed") and event.get("processes", 1) > 1:
        return (
            f"Training with {event['processes']} processes, each on its part of every batch; batch normalisation looks "
            "at the whole batch."
        )
    if event["event"] == "speed":
        speed, memory, left = event["images_per_second"], event["memory_mb"], event["seconds_left"]
        return (
            f"           {speed:.0f} images a second, {event['seconds']:.0f} s, {memory} MB, {left / 60:.0f} min left"
        )
    if event["event"] != "epoch":
        return None
    result = event["validation"]

    from derm.metrics.registry import OUTLINE, OVERALL

    shown = [metric for metric in (*OVERALL, *OUTLINE) if metric.headline and metric.key != "iou"]  # as Dice goes
    figures = "  ".join(f"{metric.brief} {figure(result[metric.key])}" for metric in shown)
    return (
        f"epoch {epoch_number(event['epoch']):>3}  loss {event['train']['loss']:.3f} / {result['loss']:.3f}  {figures}"
    )


def read_about(run: Path) -> dict[str, Any]:
    """The run.json of a run; RunFault where there is none, or it is damaged."""
    from derm.files import read_json

    try:
        content: dict[str, Any] = read_json(run / "run.json")
        if not isinstance(content["config"], dict) or not isinstance(content["data"]["folder"], str):
            raise TypeError("it has no settings or no data set")
    except OSError as error:
        raise RunFault(f"{run} holds no run that can be resumed: start one without --resume.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise RunFault(f"{run / 'run.json'} is damaged: put it back from a copy, or start a new run.") from error
    return content


def read_setting(pair: str) -> tuple[str, object]:
    """Split "name=value" into a name and its value, read as JSON or else as text."""
    name, equals, text = pair.partition("=")
    if not equals:
        raise ConfigFault(f"--set {pair} has no '=': write it as name=value, such as curriculum.start=0.4.")
    try:
        return name, json.loads(text)
    except ValueError:
        return name, text
