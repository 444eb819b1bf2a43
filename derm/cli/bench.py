"""`derm bench`: how fast Derm is on this machine."""

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from derm.cli.corrections import corrections
from derm.cli.terminal import err, out

if TYPE_CHECKING:
    from derm.bench.serve import Crowd, Hostile, Soak

app = typer.Typer(help="Measure speed on this machine, and what corrections buy.", no_args_is_help=True)
app.command("corrections")(corrections)


def machine() -> str:
    """The processor in words, for who reads a time."""
    import platform

    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


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
    from derm.metrics.paper import MILLISECONDS
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
    out.print(f"In {times.precision}, {times.batch} images a step:")
    for name, what in (
        ("joint", "joint model, a whole step"),
        ("alone", "classifier alone, a whole step"),
        ("plain", "the joint step, torch's gradients"),
        ("encoder", "encoder and head, forward"),
        ("decoder", "decoder, forward"),
        ("augment", "varying the batch, one process"),
        ("average", "moving the averaged weights"),
    ):
        milliseconds = getattr(times, name)
        out.print(f"{what:<34} {milliseconds:7.0f} ms  {times.batch / milliseconds * 1000:7.1f} images a second")
    typer.echo(json.dumps({**asdict(times), "ratio": times.ratio, "quickened": times.quickened}))


@app.command("explain")
def bench_explain(
    weights: Annotated[Path | None, typer.Option(help="Weights, .safetensors or .json; the shipped ones.")] = None,
    calls: Annotated[int, typer.Option(min=1, help="Timed calls of each way, interleaved.")] = 40,
) -> None:
    """Seven heat maps beside pytorch-grad-cam's, same model and pictures; the last line is JSON.

    Each time is from a normalised picture to probabilities, outline and maps.
    """
    from rich.table import Table

    from derm.bench.explain import bench_explain as measure
    from derm.model.weights import default_weights, load_weights

    model = load_weights(weights or default_weights())
    err.print(f"Timing heat maps of {model.name} at {model.description.model.input_size} pixels …")
    found = measure(model.net, calls)
    table = Table()
    for name in ("median, milliseconds", "Derm", "pytorch-grad-cam", "the same, tuned"):
        table.add_column(name, justify="left" if name.startswith("median") else "right")
    table.add_row("prediction alone", f"{found.prediction:.1f}", "", "")
    table.add_row("with the map of one class", f"{found.one:.1f}", f"{found.library_one:.1f}", f"{found.tuned_one:.1f}")
    table.add_row(
        "with the maps of seven classes", f"{found.seven:.1f}", f"{found.library_seven:.1f}", f"{found.tuned_seven:.1f}"
    )
    table.add_row("seven maps alone, after the answer", f"{found.maps:.2f}", "", "")
    out.print(table)
    typer.echo(
        json.dumps(
            {
                "seven_class_ratio": found.seven_class_ratio,
                "one_class_ratio": found.one_class_ratio,
                "added_share": found.added_share,
                "max_difference": found.max_difference,
                "tuned_seven_class_ratio": found.tuned_seven_class_ratio,
                "tuned_one_class_ratio": found.tuned_one_class_ratio,
                "medians": asdict(found),
            }
        )
    )


@app.command("monitor")
def bench_monitor(
    runs: Annotated[int, typer.Option(min=1, help="Runs, each with a log of its own.")] = 20,
    events: Annotated[int, typer.Option(min=1000, help="Events in each log.")] = 100_000,
) -> None:
    """Time for the Monitor to read and draw many long logs, generated in a temporary folder; the last line is JSON."""
    import tempfile
    from pathlib import Path

    from rich.table import Table

    from derm.bench.monitor import bench_monitor as measure

    with tempfile.TemporaryDirectory() as folder:
        err.print(f"Generating {runs} logs of {events:,} events …")
        timing = measure(Path(folder), runs, events)
    table = Table()
    table.add_column(f"{runs} runs of {events:,} events, {timing.megabytes:.0f} MB")
    table.add_column("time", justify="right")
    for what, milliseconds in (
        ("first look at all runs, with their table", timing.first_look),
        ("a look with nothing new", timing.idle_look),
        ("a look with ten new lines in each log", timing.look_with_news),
        ("opening one run: its steps and every figure", timing.open_run),
        ("every figure of one run after news", timing.figures),
    ):
        table.add_row(what, f"{milliseconds:,.1f} ms")
    out.print(table)
    typer.echo(json.dumps(asdict(timing)))


@app.command("explorer")
def bench_explorer(
    rows: Annotated[int | None, typer.Option(min=100, help="Rows of the table; without: 10,015 and 400,000.")] = None,
) -> None:
    """Median time in which each plot of the explorer answers a filter, on generated tables; the last line is JSON."""
    from rich.table import Table

    from derm.bench.explorer import SIZES
    from derm.bench.explorer import bench_explorer as measure

    sizes = SIZES if rows is None else {rows: 1.0 if rows <= min(SIZES) else 2.0}
    answers = []
    for count, limit in sizes.items():
        err.print(f"Filtering and drawing {count:,} rows …")
        answers += measure(count, limit)
    table = Table()
    for name in ("rows", "plot", "time", "limit"):
        table.add_column(name, justify="left" if name == "plot" else "right")
    for answer in answers:
        table.add_row(f"{answer.rows:,}", answer.plot, f"{answer.milliseconds:.0f} ms", f"{answer.limit:.0f} ms")
    out.print(table)
    slowest = {count: max(one.milliseconds for one in answers if one.rows == count) for count in sizes}
    within = all(one.milliseconds <= one.limit for one in answers)
    typer.echo(json.dumps({"slowest_ms": slowest, "within": within, "plots": [asdict(answer) for answer in answers]}))


@app.command("engines")
def bench_engines(
    weights: Annotated[Path | None, typer.Option(help="Weights, .safetensors or .json; the shipped ones.")] = None,
    calls: Annotated[int, typer.Option(min=1, help="Timed calls of each engine, in turn.")] = 20,
    busy: Annotated[int, typer.Option(min=0, help="Other processes that keep a core at work meanwhile.")] = 0,
) -> None:
    """ONNX Runtime beside PyTorch, in one process and in turn; the last line is JSON."""
    from importlib.metadata import version

    from rich.table import Table

    from derm.bench.engines import bench_engines as measure
    from derm.engine.runtime import cores
    from derm.model.weights import default_weights, load_weights

    model = load_weights(weights or default_weights())
    err.print(f"Timing {model.name} on {cores()} cores …")
    timings = measure(model, calls, busy)
    table = Table()
    table.add_column(f"median of {calls}, by the clock (cores together), ms")
    for name in (f"PyTorch {version('torch')}", f"ONNX Runtime {version('onnxruntime')}", "ratio", "floor", "of it"):
        table.add_column(name, justify="right")
    for one in timings:
        table.add_row(
            one.what,
            f"{one.torch:.0f} ({one.torch_cores:.0f})",
            f"{one.onnx:.0f} ({one.onnx_cores:.0f})",
            f"{one.ratio:.1f}",
            f"{one.floor:.0f}",
            f"{one.of_floor:.1f}",
        )
    out.print(table)
    figures = [{**asdict(one), "ratio": one.ratio, "of_floor": one.of_floor} for one in timings]
    typer.echo(json.dumps({"machine": machine(), "threads": cores(), "busy": busy, "timings": figures}))


@app.command("archive")
def bench_archive(
    pictures: Annotated[int, typer.Option(min=8, help="Drawn pictures of 400 × 300 pixels.")] = 400,
    processes: Annotated[int | None, typer.Option(min=2, help="Of the second way; without: one a core.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each way, in turn.")] = 3,
) -> None:
    """`derm predict` over an archive in one process and in several; the last line is JSON."""
    from rich.table import Table

    from derm.bench.archive import bench_archive as measure
    from derm.engine.runtime import cores

    count = processes or max(2, cores())
    err.print(f"Timing {pictures:,} pictures on {machine()} …")
    found = measure(pictures, count, rounds)
    table = Table()
    for name in ("medians, whole commands", "1 process", f"{count} processes", "ratio"):
        table.add_column(name, justify="left" if name.startswith("medians") else "right")
    table.add_row("pictures a second", f"{found.rate(1):.1f}", f"{found.rate(count):.1f}", f"{found.ratio:.2f}")
    table.add_row("cores together, ms a picture", f"{found.cores_one:.1f}", f"{found.cores_several:.1f}", "")
    table.add_row("the network alone, one thread, ms", f"{found.network:.1f}", f"{found.network:.1f}", "")
    table.add_row(
        "of that floor", f"{found.cores_one / found.network:.2f}", f"{found.cores_several / found.network:.2f}", ""
    )
    out.print(table)
    typer.echo(json.dumps({"machine": machine(), **asdict(found), "ratio": found.ratio}))


@app.command("parity")
def bench_parity(
    data: Annotated[list[Path], typer.Option(help="Folder of a data set; may be given several times.")],
    weights: Annotated[Path | None, typer.Option(help="Weights, .safetensors or .json; the shipped ones.")] = None,
    part: Annotated[str, typer.Option("--split", help="train, validation or test.")] = "validation",
    most: Annotated[int | None, typer.Option(min=1, help="Pictures of each source by lot; without: all.")] = None,
    engine: Annotated[str, typer.Option(help="onnx or openvino.")] = "onnx",
) -> None:
    """Hold an engine's answers to PyTorch's on real pictures, source by source; the last line is JSON.

    Exit status 1 where they may not stand for each other.
    """
    from rich.table import Table

    from derm.bench.parity import Parity, parity_on_files, pictures_of
    from derm.cli.terminal import progress
    from derm.data.catalogue import read_data
    from derm.engine.choose import engine_of, known_choice
    from derm.model.weights import default_weights, load_weights

    model = load_weights(weights or default_weights())
    runtime, torch = engine_of(model, known_choice(engine)), engine_of(model, "torch")
    found = {}
    for source, paths in pictures_of(read_data(data), part, most).items():
        with progress(f"Asking both about {source}") as watch:
            found[source] = parity_on_files(model, torch, runtime, paths, watch)
    table = Table()
    for name in ("source", "pictures", "probability", "outline", "maps", "changed", "holds"):
        table.add_column(name, justify="left" if name == "source" else "right")
    for source, one in found.items():
        largest = (f"{value:.1e}" for value in (one.probability, one.outline, one.maps))
        table.add_row(source, f"{one.pictures:,}", *largest, str(one.changed), "yes" if one.holds else "no")
    out.print(table)
    holds = sum(found.values(), Parity()).holds
    typer.echo(json.dumps({"holds": holds, "sources": {source: asdict(one) for source, one in found.items()}}))
    raise typer.Exit(0 if holds else 1)


@app.command("serve")
def bench_serve(
    sessions: Annotated[
        list[int] | None, typer.Option(min=1, max=500, help="Sessions at once, several times; without: 1, 5, 20, 50.")
    ] = None,
    each: Annotated[int, typer.Option(min=1, help="Diagnoses of each session.")] = 4,
    soak: Annotated[
        int | None, typer.Option(min=1, help="So many diagnoses instead, and whether memory grows.")
    ] = None,
    visits: Annotated[int, typer.Option(min=1, help="Sessions of --soak, which come and leave.")] = 200,
    hostile: Annotated[
        bool, typer.Option("--hostile", help="Small files of large pictures, and what they take.")
    ] = False,
    login: Annotated[
        bool, typer.Option("--login", help="Each session logs in, with a provider on this machine: oidc-provider-mock.")
    ] = False,
) -> None:
    """Serve the app and visit it without a browser: latency, throughput, memory, and whether each has its own answer.

    The last line is JSON. Exit status 1 where a session got another answer than its picture gets alone.
    """
    import os
    import tempfile

    from derm.bench import serve
    from derm.cli.terminal import progress
    from derm.predict.budget import memory_limit

    load = os.getloadavg() if hasattr(os, "getloadavg") else None
    if load:
        err.print(f"Other work on this machine before: load {load[0]:.1f}.")
    start = serve.served_with_login if login else serve.served
    with tempfile.TemporaryDirectory() as folder, start(Path(folder) / "server.log") as server:
        files = serve.pictures()
        expected = serve.alone(server, files)
        if hostile:
            with progress("Uploading what is large as a picture") as watch:
                kept = serve.bench_hostile(server, max(sessions or [20]), memory_limit(), watch)
            _print_hostile(kept)
            wrong, told = 0, asdict(kept)
        elif soak is not None:
            with progress("Diagnosing") as watch:
                soaked = serve.bench_soak(server, files, expected, soak, min(visits, soak), progress=watch)
            _print_soak(soaked)
            wrong, told = soaked.wrong, asdict(soaked)
        else:
            crowds = []
            for number in sessions or [1, 5, 20, 50]:
                err.print(f"{number} at once …")
                crowds.append(serve.bench_crowd(server, files, expected, number, each))
            _print_crowds(crowds)
            wrong, told = sum(one.wrong for one in crowds), {"crowds": [asdict(one) for one in crowds]}
    typer.echo(json.dumps({"load": None if load is None else load[0], **told}))
    raise typer.Exit(1 if wrong else 0)


def _print_crowds(crowds: "list[Crowd]") -> None:
    from rich.table import Table

    table = Table()
    for name in ("sessions", "diagnoses", "median", "95th", "a second", "others' answers", "memory", "peak"):
        table.add_column(name, justify="right")
    for one in crowds:
        table.add_row(
            f"{one.sessions}",
            f"{one.diagnoses}",
            f"{one.median:.2f} s",
            f"{one.late:.2f} s",
            f"{one.a_second:.1f}",
            f"{one.wrong}",
            _megabytes(one.memory),
            _megabytes(one.peak),
        )
    out.print(table)


def _print_soak(soaked: "Soak") -> None:
    out.print(
        f"{soaked.diagnoses:,} diagnoses over {soaked.sessions} sessions in {soaked.seconds:.0f} s, {soaked.wrong} of "
        f"them another's answer. Memory after each tenth: {', '.join(f'{one:.0f}' for one in soaked.memory)} MB; from "
        f"the second to the last {_megabytes(soaked.growth)}; once all had left {_megabytes(soaked.left)}."
    )


def _print_hostile(kept: "Hostile") -> None:
    out.print(
        f"{kept.sessions} sessions uploaded {kept.uploads} files of {' / '.join(f'{size:,}' for size in kept.files)} "
        f"bytes, each a picture of 40 megapixels. Limit of what is kept {kept.limit:,.0f} MB. The server had "
        f"{_megabytes(kept.before)} before, {_megabytes(kept.peak)} at most, {_megabytes(kept.held)} with all pages "
        f"open, {_megabytes(kept.left)} ten seconds after all were closed."
    )


def _megabytes(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f} MB"
