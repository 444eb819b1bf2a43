"""`derm bench`: how fast Derm is on this machine."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from derm.cli.terminal import err, out

app = typer.Typer(help="Measure speed on this machine.", no_args_is_help=True)


@app.callback()
def _bench() -> None:
    pass


@app.command("predict")
def bench_predict(
    size: Annotated[int, typer.Option(help="Side of the network's square input, pixels.")] = 224,
    calls: Annotated[int, typer.Option(min=1, help="Timed calls of each design.")] = 40,
) -> None:
    """Median time from image bytes to outline, probabilities and seven heat maps; the last line is JSON."""
    from rich.table import Table

    from derm.bench.predict import bench_predict as measure
    from derm.measure.paper import MILLISECONDS
    from derm.model.config import ModelConfig

    timings = []
    for config in (ModelConfig(input_size=size), ModelConfig(design="dual", input_size=size)):
        err.print(f"Timing the {config.design} design at {size} × {size} …")
        timings.append(measure(config, calls))
    table = Table()
    for name in ("design", "parameters", "network", "complete answer", "paper"):
        table.add_column(name, justify="left" if name == "design" else "right")
    for timing in timings:
        table.add_row(
            timing.design,
            f"{timing.parameters / 1e6:.1f} M",
            f"{timing.network_milliseconds:.0f} ms",
            f"{timing.milliseconds:.0f} ms",
            f"> {MILLISECONDS:.0f} ms",
        )
    out.print(table)
    typer.echo(
        json.dumps(
            {"paper_milliseconds": MILLISECONDS, "calls": calls, "designs": [asdict(timing) for timing in timings]}
        )
    )


@app.command("train")
def bench_train(
    size: Annotated[int, typer.Option(help="Side of the network's square input, pixels.")] = 160,
    steps: Annotated[int, typer.Option(min=1, help="Timed steps of each kind.")] = 12,
) -> None:
    """Where a training step's time goes, and the joint model beside the classifier alone; the last line is JSON."""
    from dataclasses import replace

    from derm.bench.train import bench_train as measure
    from derm.model.config import ModelConfig
    from derm.train.config import preset

    err.print(f"Timing training steps at {size} × {size} …")
    times = measure(replace(preset("derm"), model=ModelConfig(input_size=size)), steps)
    for name, what in (
        ("joint", "joint model, a whole step"),
        ("alone", "classifier alone, a whole step"),
        ("encoder", "encoder and head, forward"),
        ("decoder", "decoder, forward"),
        ("augment", "varying the batch, one process"),
        ("average", "moving the averaged weights"),
    ):
        milliseconds = getattr(times, name)
        out.print(f"{what:<32} {milliseconds:7.0f} ms  {times.batch / milliseconds * 1000:7.1f} images a second")
    typer.echo(json.dumps({**asdict(times), "ratio": times.ratio}))
