"""How long the Monitor takes with many runs of long logs: first reading, what is new, figures.

Needs a folder to write generated logs to. Knows nothing of the terminal.
"""

import json
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from derm.diagnoses import CODES
from derm.files import write_json
from derm.monitor import charts
from derm.monitor.runs import Run, Runs
from derm.monitor.words import table
from derm.train.config import preset

RUNS, EVENTS = 20, 100_000
"""Runs, and events in the log of each."""

EVENTS_OF_EPOCH = 5
"""Events that an epoch has beside its steps: curriculum, epoch, replay, best or not, speed."""


@dataclass(frozen=True)
class MonitorTiming:
    """Milliseconds: first_look, at all runs, table included; idle_look, with nothing new; look_with_news, with ten new
    lines in each log; open_run, parsing a run's steps and making the curves' figures; figures, the median time of all
    figures of one run after news. news_bytes: read from the disk for the news of one run. megabytes: of all logs."""

    runs: int
    events: int
    megabytes: float
    first_look: float
    idle_look: float
    look_with_news: float
    news_bytes: int
    open_run: float
    figures: float


def bench_monitor(folder: Path, runs: int = RUNS, events: int = EVENTS) -> MonitorTiming:
    """Write `runs` logs of `events` lines into `folder`, look at them as the page does, and time it."""
    for number in range(runs):
        write_run(folder / f"run-{number:02}", events, seed=number)
    size = sum(path.stat().st_size for path in folder.glob("*/events.jsonl"))
    desk = Runs(folder)
    first, known = timed(lambda: with_table(desk))
    idle = statistics.median(timed(lambda: with_table(desk))[0] for _ in range(5))
    opened, _ = timed(lambda: draw(known[0]))
    news, figures, taken = [], [], 0
    for round_number in range(5):
        for run in known:
            append(run.folder, 10, round_number)
        before = known[0].reader.bytes_read
        news.append(timed(lambda: with_table(desk))[0])
        taken = known[0].reader.bytes_read - before
        figures.append(timed(lambda: draw(known[0]))[0])
    return MonitorTiming(
        runs, events, size / 1e6, first, idle, statistics.median(news), taken, opened, statistics.median(figures)
    )


def with_table(desk: Runs) -> list[Run]:
    """Look at all runs and make the rows of their table, as the page does."""
    runs = desk.look()
    table(runs)
    return sorted(runs, key=lambda run: run.name)


def draw(run: Run) -> None:
    """Make every figure of the run that the page has."""
    for make in (charts.figure_7, charts.losses, charts.measures, charts.machine, charts.admitted, charts.difficulty):
        make(run, dark=False)
    charts.replay(run, dark=False)
    charts.classes(run, "recall", dark=False)


def timed(call: Any) -> tuple[float, Any]:  # noqa: ANN401 (whatever the call gives)
    """Milliseconds that `call` takes, and what it gives."""
    began = time.perf_counter()
    made = call()
    return (time.perf_counter() - began) * 1000, made


def write_run(folder: Path, events: int, seed: int) -> None:
    """A run folder with a log of `events` lines as training writes them, its figures drawn at random."""
    random = np.random.default_rng(seed)
    steps_per_epoch = 190
    config = preset("paper").as_dict() | {"log_every": 1}
    epochs = max(1, (events - 2) // (steps_per_epoch + EVENTS_OF_EPOCH))
    config["epochs"] = epochs + 1  # it is not at its end yet
    data = {"folder": "drawn", "split": "by lesion", "train": 6000, "validation": 2000, "images": 10000}
    about = {"derm": "bench", "commit": None, "threads": 1, "config": config, "data": data}
    write_json(folder / "run.json", about)
    steps = steps_per_epoch * (epochs + 1)
    lines = [
        {"event": "start", "steps": steps, "steps_per_epoch": steps_per_epoch, **about},
        {"event": "begun", "step": 0, "time": 1.7e9, "threads": 1, "device": "cpu"},
    ]
    for epoch in range(epochs):
        lines += one_epoch(epoch, steps_per_epoch, random)
    number = steps_per_epoch * epochs
    while len(lines) < events:
        number += 1
        lines.append(one_step(number, epochs, random.random(3).tolist()))
    with (folder / "events.jsonl").open("w") as log:
        log.writelines(json.dumps(line) + "\n" for line in lines)


def one_epoch(epoch: int, steps_per_epoch: int, random: np.random.Generator) -> list[dict[str, Any]]:
    """All lines of one epoch."""
    shares = dict.fromkeys(CODES, 1.0)
    histogram = random.multinomial(6000, [1 / 20] * 20).tolist()
    stage = {"enabled": True, "pace": 1.0, "admitted": 6000, "admitted_share": shares}
    first = epoch * steps_per_epoch
    values = random.random((steps_per_epoch, 3)).tolist()
    figures = dict(zip(("accuracy", "balanced_accuracy", "macro_f1", "macro_auc"), random.random(4), strict=True))
    masks = dict(zip(("dice", "iou", "pixel_accuracy"), random.random(3), strict=True))
    losses = {"loss": 1.0, "mask_loss": 0.25, "class_loss": 0.75}
    each = {"recall": 0.5, "precision": 0.5, "f1": 0.5, "specificity": 0.9, "auc": 0.9, "dice": 0.9, "iou": 0.8}
    validation = {
        **losses,
        **figures,
        **masks,
        "per_class": dict.fromkeys(CODES, each),
        "confusion_matrix": random.integers(0, 99, (7, 7)).tolist(),
    }
    hardest = [
        {"image_id": f"ISIC_{n:07}", "loss": 5.0 - n / 10, "views": 9, "drawn_in_epoch": 1, "drawn": 5, "age": 99}
        for n in range(24)
    ]
    replay = {"enabled": True, "size": 512, "suspects": [], "replayed_share": 0.25, "hit_rate": 0.8}
    best = [{"event": "best", "epoch": epoch, "by": "macro_auc", "value": 0.5 + epoch / 10_000}]
    return [
        {"event": "curriculum", "epoch": epoch, **stage, "difficulty_histogram": histogram,
         "admitted_histogram": histogram},
        *(one_step(first + place + 1, epoch, value) for place, value in enumerate(values)),
        {"event": "epoch", "epoch": epoch, "step": first + steps_per_epoch,
         "train": {**losses, "accuracy": 0.8, "dice": 0.9, "replayed_share": 0.25}, "validation": validation},
        {"event": "replay", "epoch": epoch, **replay, "drawn": dict.fromkeys(CODES, 857), "hardest": hardest},
        *best,
        {"event": "speed", "epoch": epoch, "time": 1.7e9 + 60 * (epoch + 1), "images_per_second": 30.0,
         "seconds": 60.0, "seconds_left": 600.0, "memory_mb": 3000},
    ]  # fmt: skip


def one_step(number: int, epoch: int, values: list[float]) -> dict[str, Any]:
    """The line of step `number`; values: two losses and the accuracy."""
    mask, diagnosis, accuracy = values
    return {
        "event": "step", "step": number, "epoch": epoch, "learning_rate": 0.0005347593582887701,
        "loss": mask + diagnosis, "mask_loss": mask, "class_loss": diagnosis, "accuracy": accuracy,
        "replayed_share": 0.25,
    }  # fmt: skip


def append(folder: Path, lines: int, seed: int) -> None:
    """Write `lines` more steps to the log in `folder`."""
    random = np.random.default_rng(seed)
    with (folder / "events.jsonl").open("a") as log:
        log.writelines(json.dumps(one_step(10**6, 0, random.random(3).tolist())) + "\n" for _ in range(lines))
