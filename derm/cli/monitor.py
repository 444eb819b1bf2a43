"""`derm monitor`: training runs in the terminal, and their logs for other tools."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from derm.cli.terminal import err, out
from derm.errors import ConfigFault, RunFault

app = typer.Typer(help="Look at training runs, and export their logs.", no_args_is_help=True)


class Tool(StrEnum):
    """What a log can be exported for."""

    TENSORBOARD = "tensorboard"
    MLFLOW = "mlflow"


@app.command("list")
def list_runs(
    runs: Annotated[
        Path | None, typer.Argument(help="Folder of runs; $DERM_RUNS, or runs, where it is left out.")
    ] = None,
) -> None:
    """List the runs in a folder: name, state, best figure and its epoch, data and configuration."""
    from rich.table import Table

    from derm.figures.text import epoch_number
    from derm.monitor import words
    from derm.monitor.runs import Runs
    from derm.paths import runs_folder

    if runs is not None and not runs.is_dir():
        raise ConfigFault(f"There is no folder {runs}: name the one that holds runs.")
    folder = runs or runs_folder()
    known = Runs(folder).look()
    if not known:
        out.print(f"There is no run in {folder} yet: `derm train --run {folder / 'first'}` begins one.")
        return
    table = Table()
    for name in ("run", "state", "best", "epoch", "data and configuration"):
        table.add_column(name)
    for run in known:
        best = run.best()
        figure = f"{words.name_of(best.by)} {words.three(best.value)}" if best else "–"
        table.add_row(
            run.name,
            " · ".join([words.state_word(run), *words.damaged_words(run)]),
            figure,
            str(epoch_number(best.epoch)) if best else "–",
            words.about_line(run),
        )
    out.print(table)
    for run in known:
        if damaged := words.damaged_line(run):
            err.print(f"{run.name}: {damaged}")


@app.command("export")
def export_run(
    run: Annotated[Path, typer.Argument(help="Folder of the run.")],
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Folder for TensorBoard's event file; made anew.")
    ] = None,
    to: Annotated[Tool, typer.Option(help="For which tool; its package must be installed.")] = Tool.TENSORBOARD,
    place: Annotated[str | None, typer.Option(help="MLflow's tracking address; its own choice if left out.")] = None,
) -> None:
    """Export a run's log: every loss, measure and setting, with the curriculum, replay and speed."""
    from derm.monitor.export import to_mlflow, to_tensorboard
    from derm.monitor.runs import Run
    from derm.monitor.words import damaged_line

    if not (run / "events.jsonl").is_file():
        raise RunFault(f"{run} holds no log of a run: name a folder that holds events.jsonl.")
    known = Run(run.resolve())
    known.look()
    if to is Tool.MLFLOW:
        count = to_mlflow(known, place)
        out.print(f"{count:,} figures given to MLflow, as the run {known.name} of the experiment derm.")
    elif out_folder is None:
        raise ConfigFault("No folder for the event file: name one with --out.")
    else:
        count = to_tensorboard(known, out_folder)
        out.print(f"{count:,} figures in {out_folder}. To see them: tensorboard --logdir {out_folder}")
    if damaged := damaged_line(known):
        err.print(damaged)
