"""A run's log for other tools: TensorBoard's event files, or a run of MLflow.

Needs the package of that tool, which Derm does not bring. Knows nothing of pages.
"""

import importlib.util
import io
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from derm.errors import ConfigFault, RunFault
from derm.files import PART, make_folder, unlinked, zip_member
from derm.language.speech import say
from derm.monitor.compare import flatten
from derm.monitor.runs import Run
from derm.runlog.reader import FIELDS

CURES = {
    "tensorboard": "`pip install tensorboard`",
    "mlflow": "`pip install mlflow`",
}
"""How each tool's package comes here."""


EVENT_FILE = "events.out.tfevents.0.derm"
"""Name of the file for TensorBoard."""


class Scalar(NamedTuple):
    """One figure: its tag, the step it belongs to, its value, and when, seconds since 1970."""

    tag: str
    step: int
    value: float
    time: float


def need(tool: str) -> None:
    """Raise ConfigFault where the package `tool` is not installed."""
    if importlib.util.find_spec(tool) is None:
        raise ConfigFault(
            say("The package {tool} is not installed, and the export needs it: {cure}.", tool=tool, cure=CURES[tool])
        )


def scalars(run: Run) -> Iterator[Scalar]:
    """Every figure of the log: steps first, then epochs, curriculum, replay and speed.

    Only a few lines of a log tell the time; that of the others is taken in proportion to their steps.
    """
    start = run.reader.newest("start")
    if start is None and run.reader.damaged:
        raise RunFault(
            say(
                "The log of '{name}' is damaged, and no line of it tells how the run began: put it back from a copy.",
                name=run.name,
            )
        )
    if start is None:
        raise RunFault(say("The log of '{name}' holds no event yet: wait until the run has begun.", name=run.name))
    each = start["steps_per_epoch"]
    clock = _Clock(run, each)
    steps = run.reader.steps()
    for name in FIELDS[2:]:
        values = getattr(steps, name)
        for step, value in zip(steps.step.tolist(), values.tolist(), strict=True):
            yield Scalar(f"step/{name}", int(step), value, clock.at(step))
    for kind, before in (("epoch", ""), ("curriculum", "curriculum."), ("replay", "replay."), ("speed", "speed.")):
        for event in run.reader.events(kind):
            step = (event["epoch"] + (kind != "curriculum")) * each
            for name, value in flatten({k: v for k, v in event.items() if k not in ("epoch", "step", "time")}).items():
                if isinstance(value, int | float) and not isinstance(value, bool):
                    yield Scalar(f"{before}{name}".replace(".", "/"), step, float(value), clock.at(step))


def to_tensorboard(run: Run, out: Path) -> int:
    """Write the run's log as TensorBoard's event file into the folder `out`, and return how many figures it holds.

    The file is whole or absent, and takes the place of an earlier export's, so that a run that goes on can be exported
    again and again. Raises ConfigFault where the package `tensorboard` is not installed or nothing can be written,
    RunFault where the run has not begun.
    """
    need("tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    figures = list(scalars(run))
    with tempfile.TemporaryDirectory() as folder:
        with SummaryWriter(folder, max_queue=10_000) as writer:
            writer.add_text("configuration", "\n".join(f"    {k}: {v}" for k, v in flatten(run.config).items()))
            for figure in figures:
                writer.add_scalar(figure.tag, figure.value, figure.step, figure.time)
        (made,) = Path(folder).iterdir()
        make_folder(out)
        part = out / f".derm{PART}"  # TensorBoard takes up whatever has "tfevents" in its name, so this has not
        try:
            unlinked(part).write_bytes(made.read_bytes())
            part.replace(out / EVENT_FILE)
        except OSError as error:
            raise ConfigFault(
                say("{path} cannot be written to ({reason}): name a place with room.", path=out, reason=error.strerror)
            ) from error
        finally:
            part.unlink(missing_ok=True)
    return len(figures)


def tensorboard_zip(run: Run) -> bytes:
    """The event file of `to_tensorboard`, in a folder of the run's name, zipped; raises the same."""
    stream = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        to_tensorboard(run, Path(folder))
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
            for file in sorted(Path(folder).iterdir()):
                packed.writestr(zip_member(f"{run.name}/{file.name}"), file.read_bytes(), zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def to_mlflow(run: Run, place: str | None = None) -> int:
    """Record the run's settings and figures as a run of MLflow, and return how many figures there were.

    There it is running as long as it is here, and failed where MLflow did not take all of it. place: MLflow's tracking
    address; None: what MLflow itself takes. Raises ConfigFault where the package `mlflow` is not installed, RunFault
    where the run has not begun.
    """
    need("mlflow")
    from mlflow.tracking import MlflowClient

    figures = list(scalars(run))
    client: Any = MlflowClient(tracking_uri=place)
    experiment = client.get_experiment_by_name("derm")
    number = client.create_experiment("derm") if experiment is None else experiment.experiment_id
    record = client.create_run(number, run_name=run.name).info.run_id
    try:
        _give(client, record, run, figures)
    except BaseException:
        client.set_terminated(record, "FAILED")  # what was given so far is not the whole
        raise
    if not run.standing.alive:
        client.set_terminated(record, "FINISHED" if run.standing.state == "finished" else "KILLED")
    return len(figures)


def _give(client: Any, record: str, run: Run, figures: list[Scalar]) -> None:  # noqa: ANN401 (MLflow's, which may be absent)
    """Give MLflow settings and figures."""
    from mlflow.entities import Metric, Param

    client.log_batch(record, params=[Param(name, str(value)[:500]) for name, value in flatten(run.config).items()])
    for begin in range(0, len(figures), 1000):  # MLflow takes a thousand at once
        part = figures[begin : begin + 1000]
        client.log_batch(record, metrics=[Metric(f.tag, f.value, int(f.time * 1000), f.step) for f in part])


class _Clock:
    """When each step was, between those of which the log tells the time."""

    def __init__(self, run: Run, steps_per_epoch: int) -> None:
        known = [
            (event["step"] if "step" in event else (event["epoch"] + 1) * steps_per_epoch, event["time"])
            for kind in ("begun", "resumed", "stopped", "speed")
            for event in run.reader.events(kind)
        ]
        self.steps, self.times = np.array(sorted(known) or [(0, run.standing.when)], dtype=np.float64).T

    def at(self, step: float) -> float:
        return float(np.interp(step, self.steps, self.times))
