"""The command `derm`: one word for each thing that Derm does.

Gives `main`. Each command's own imports wait until it runs, so that `--help` is quick.
"""

import errno
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from derm import __version__
from derm.cli import (
    adapt,
    bench,
    calibrate,
    compare,
    compare_visits,
    concepts,
    data,
    evaluate,
    explain,
    export,
    library,
    measures,
    monitor,
    predict,
    quality,
    records,
    report,
    report_case,
    ship,
    similar,
    soup,
    structures,
    study,
    train,
    zoo,
)
from derm.cli import (
    app as served,
)
from derm.cli.interrupt import ENDED, INTERRUPTED
from derm.cli.terminal import err, out
from derm.errors import DermError
from derm.files import NO_ROOM
from derm.paths import REFUSED


class Commands(TyperGroup):
    """All commands, which Ctrl-C ends with one sentence."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - as typer has it
        """Carry out what was asked for."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            err.print(ENDED)
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    name="derm",
    cls=Commands,
    help="Dermoscopic images: outline, seven diagnoses and the evidence for each.\n\n"
    "Research use only, not a medical device.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("predict")(predict.predict)
app.command("app")(served.app)
app.command("serve")(served.serve)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("calibrate")(calibrate.calibrate)
app.command("adapt")(adapt.adapt)
app.command("compare")(compare.compare)
app.command("compare-visits")(compare_visits.compare_visits)
app.command("explain")(explain.explain)
app.command("measures")(measures.measures)
app.command("quality")(quality.quality)
app.command("report")(report.report)
app.command("report-case")(report_case.report_case)
app.command("similar")(similar.similar)
app.command("export")(export.export)
app.command("soup")(soup.soup)
app.command("ship")(ship.ship)
app.add_typer(concepts.app, name="concepts")
app.add_typer(data.app, name="data")
app.add_typer(records.app, name="records")
app.add_typer(study.app, name="study")
app.add_typer(structures.app, name="structures")
app.add_typer(library.app, name="library")
app.add_typer(monitor.app, name="monitor")
app.add_typer(zoo.app, name="zoo")
app.add_typer(bench.app, name="bench")


def _version(show: bool) -> None:
    if show:
        out.print(f"derm {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Say the version and end."),
) -> None:
    pass


def main() -> None:
    """Run the command line; the user's mistakes end in one sentence and exit status 1."""
    # What Pillow passes over in metadata changes no pixel; its lines name no picture, but places of the installation.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
    try:
        Path.cwd()  # libraries would end the process, or lead to other sentences, where it is gone
        app()
    except DermError as error:
        err.print(f"derm: {error}")
        if REFUSED in os.environ:
            from derm.monitor.state import keep_refusal

            keep_refusal(str(error))
        sys.exit(1)
    except OSError as error:
        if (said := place_fault(error)) is None:
            raise
        err.print(f"derm: {said}")
        sys.exit(1)


def place_fault(error: OSError) -> str | None:
    """What the system refused, as one sentence with its cure; None where it was about no file."""
    if error.filename is None and error.errno in NO_ROOM:
        return f"The answer cannot be written ({error.strerror}): send it to a place with room for it."
    if error.filename is None and error.errno == errno.ENOENT:  # only the folder that the command runs in has no name
        return "The folder that this was started in is gone: change to another one."
    if isinstance(error.filename, str | bytes) and error.errno in _OF_PLACES:
        return f"{os.fsdecode(error.filename)} cannot be read or written ({error.strerror}): {_CURES}."
    return None


_OF_PLACES = frozenset((
    *NO_ROOM, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.ENOENT,
    errno.EEXIST, errno.ENXIO, errno.ENODEV, errno.EIO, errno.EBUSY, errno.ETXTBSY, errno.ESTALE, errno.EINVAL,
))  # fmt: skip
"""Errors of files and folders that who runs the command can mend."""

_CURES = "name another file or folder, or mend its permissions or its disk"
