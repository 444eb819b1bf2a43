"""`derm predict`: outline, probabilities and evidence for files and folders."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from derm.cli.interrupt import INTERRUPTED
from derm.cli.targets import refuse_read, weights_files
from derm.cli.terminal import err, out, progress
from derm.errors import ConfigFault
from derm.language.speech import say

if TYPE_CHECKING:
    from derm.model.weights import Model
    from derm.predict.record import Record
    from derm.predict.run import Answered


def predict(
    paths: Annotated[
        list[str],
        typer.Argument(help="Pictures, folders, ZIP or tar archives, addresses, or lists of them (.csv, .txt)."),
    ],
    target: Annotated[
        Path | None,
        typer.Option("--out", help="CSV or .parquet, one row a picture; without it the answers are printed."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with --out: pictures that it has answered are not asked about again."),
    ] = False,
    masks: Annotated[
        Path | None, typer.Option(help="Folder for the outlines and class masks, PNG at the picture's size.")
    ] = None,
    maps: Annotated[Path | None, typer.Option(help="Folder for the seven heat maps of each picture, PNG.")] = None,
    prevalence: Annotated[
        float | None,
        typer.Option(help="Share of malignant lesions among your patients, such as 0.05; without: as in the data."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write the rows to standard output as JSON.")] = False,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Processes that answer; without: with --out as many as pay, else 1.")
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option("--ray", help="Ray cluster whose machines answer, as host:port or auto; see docs/clusters.md."),
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="onnx, torch or openvino; without: DERM_ENGINE, or the quicker of the first two.")
    ] = None,
    views: Annotated[int, typer.Option(help="8: the mean over eight turned and mirrored views, and their spread.")] = 1,
    weights: Annotated[
        Path | None, typer.Option(help="Weights (.json or .safetensors); without: the shipped ones.")
    ] = None,
) -> None:
    """Diagnose pictures, and say the answers unless --out or --json takes them.

    Folders are searched to the bottom for whatever shows something, whatever its ending. Answers are kept as they come:
    until the end in a file beside --out whose name ends in .part. docs/predictions.md describes the columns, and
    docs/archives.md what is read of archives and addresses (https://, s3://, gs://).

    Exit status 1 if one could not be read or written; the others are written all the same. 130 after Ctrl-C.

    Research use only, not a medical device.
    """
    from derm.engine.choose import ENGINE, known_choice
    from derm.model.weights import default_weights, load_weights
    from derm.predict.folder import not_looked_at
    from derm.predict.learned_words import answer_doubt
    from derm.predict.mask_files import Folders
    from derm.predict.practice import check_share
    from derm.predict.run import predict_files

    if engine is not None:
        os.environ[ENGINE] = known_choice(engine)  # for other processes, too
    if resume and target is None:
        raise ConfigFault("--resume goes on with a table: name it with --out.")
    if cluster is not None and target is None:
        raise ConfigFault("--ray writes a table: name it with --out, such as predictions.parquet.")
    if cluster is not None and processes is not None:
        raise ConfigFault("--ray takes all cores of its cluster: leave out --processes.")
    if target is not None:
        refuse_read([target], [*map(Path, paths), *weights_files(weights)])
    model = load_weights(weights or default_weights())
    check_share(model.description, prevalence)
    run = predict_files(
        model,
        paths,
        table=target,
        resume=resume,
        folders=Folders(masks, maps),
        prevalence=prevalence,
        views=views,
        cluster=cluster,
        processes=processes if target is not None else (as_json and processes) or 1,
    )
    if left_out := not_looked_at(run.survey.passed_over):
        err.print(left_out)
    count = Count(len(run.survey.files), answer_doubt(model.description.training))
    try:
        with closing(run.answers), progress("Diagnosing") as watch, _json_rows(as_json, model) as write:
            for answered in run.answers:
                count.add(answered)
                if answered.record is not None:
                    write(answered.record)
                    _tell(answered, model, quiet=as_json or target is not None)
                watch(answered.done, answered.total)
    except KeyboardInterrupt:
        err.print(_ended(count, target))
        raise typer.Exit(INTERRUPTED) from None
    if not as_json:
        _close(count, target)
    raise typer.Exit(1 if count.failed else 0)


class Count:
    """What became of the pictures of a run."""

    def __init__(self, total: int, doubt: str = "") -> None:
        """Nothing yet of `total` pictures. doubt: what makes all answers of the weights doubtful."""
        self.doubt = doubt
        self.total, self.done, self.answered, self.reliable, self.failed = total, 0, 0, 0, 0

    def add(self, one: "Answered") -> None:
        """Count one picture more."""
        self.done = one.done
        self.answered += one.answered
        self.reliable += one.reliable
        self.failed += one.record is not None and bool(one.record["error"])

    def said(self) -> str:
        """The count in words."""
        done = f"{self.answered:,} of {self.total:,} pictures diagnosed"
        if self.doubt:
            return f"{done}. {self.doubt.removesuffix('.')}"
        return f"{done}; {self.reliable:,} of {self.answered:,} answers can be relied on"


@contextmanager
def _json_rows(wanted: bool, model: "Model") -> Iterator[Callable[["Record"], None]]:
    """Something to write records with, as one array on standard output that is whole however the block ends."""
    from derm.predict.record import json_of

    begun = False

    def write(record: "Record") -> None:
        nonlocal begun
        if wanted:
            row = json.dumps(json_of(record, model.description.licence), indent=2, ensure_ascii=False)
            typer.echo(("," if begun else "[") + "\n" + row, nl=False)
            begun = True

    try:
        yield write
    finally:
        if wanted:
            typer.echo("\n]" if begun else "[]")


def _tell(answered: "Answered", model: "Model", *, quiet: bool) -> None:
    """Say the answer, unless it is to be quiet, and on standard error what went wrong."""
    from derm.predict.words import in_terminal

    if answered.record is not None and answered.record["error"]:
        err.print(f"derm: {answered.record['error']}")
    if answered.case is not None and not quiet:
        out.print("\n".join(in_terminal(answered.case, model.description)))


def _ended(count: Count, target: Path | None) -> str:
    """What stands after Ctrl-C, and how to go on."""
    from derm.predict.table import part_of

    begun = f"Ended after {count.done:,} of {count.total:,} pictures"
    if target is None:
        return f"{begun}; with --out the answers are kept, and --resume goes on."
    if not count.done:
        return f"{begun}: the same command begins again."
    return f"{begun}; their answers stand in {part_of(target)}: the same command with --resume goes on."


def _close(count: Count, target: Path | None) -> None:
    """Say how it ended."""
    from derm.predict.words import NOTICE

    if target is not None:
        out.print(f"{count.said()}: {target}")
        return
    if count.total > 1:
        out.print(f"{count.said()}.")
    out.print(say(NOTICE))
