"""`derm records next`, `train`, `trainings`, `adopt` and `undo`: corrections that teach."""

import signal
import types
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from derm.cli.targets import refuse_read, weights_files
from derm.cli.terminal import err, out, progress
from derm.errors import ConfigFault

if TYPE_CHECKING:
    from derm.records.connect import Records
    from derm.teach.job import Teaching

Folder = Annotated[
    Path | None, typer.Option("--records", help="Folder of the records; without: DERM_RECORDS, or the user's own.")
]
Url = Annotated[
    str | None, typer.Option(help="Address of a PostgreSQL database that holds them; without: DERM_RECORDS_URL.")
]
By = Annotated[str, typer.Option("--by", help="Who decides this; stays in the chain of events.")]


def next_to_look_at(
    count: Annotated[int, typer.Option(min=1, help="Cases of the list.")] = 12,
    share: Annotated[float, typer.Option(min=0, max=1, help="Share of them that is drawn by lot.")] = 1 / 3,
    day: Annotated[str, typer.Option(help="Day by which lots are drawn, such as 2026-11-27; without: today.")] = "",
    views: Annotated[
        bool,
        typer.Option(
            "--views", help="Ask in eight views, now, about pictures that the weights were asked about in one."
        ),
    ] = False,
    weights: Annotated[
        Path | None,
        typer.Option(
            help="Weights that --views asks, about their own answers; without: those that the app answers with."
        ),
    ] = None,
    target: Annotated[Path | None, typer.Option("--out", help="File for the list, CSV; without: here.")] = None,
    folder: Folder = None,
    url: Url = None,
) -> None:
    """List the unconfirmed cases whose confirmation teaches most, mixed with cases by lot, and why each is there."""
    from derm.files import check_file, write_text
    from derm.model.weights import load_weights
    from derm.predict.open import open_model
    from derm.records.entry import day as clean_day
    from derm.teach import words
    from derm.teach.next_cases import next_cases, unconfirmed
    from derm.teach.views import spreads_of

    if target:
        check_file(target)
    records = _open(folder, url)
    if target:
        refuse_read([target], [*records.folder.glob("*"), *weights_files(weights)])
    on = date.fromisoformat(clean_day(day)) if day else date.today()
    spreads = None
    if views:
        spreads = spreads_of(records, load_weights(weights) if weights else open_model(records.folder))
    waiting = unconfirmed(records)
    with progress("Asking in eight views") as watch:
        found = next_cases(records, on, count, share, spreads, watch, among=waiting)
    table = words.next_csv(found)
    if target:
        write_text(target, table)
        out.print(f"{words.listed(len(found), len(waiting))} Written: {target}")
    else:
        typer.echo(table, nl=False)


def train(
    old: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of the data that the weights learned from, which is rehearsed; without: DERM_DATA."),
    ] = None,
    way: Annotated[
        str, typer.Option(help="'head': the class head alone, minutes. 'whole': outlines too, hours.")
    ] = "head",
    epochs: Annotated[int, typer.Option(min=1, max=1000, help="Of the whole network.")] = 3,
    learning_rate: Annotated[float, typer.Option(min=1e-8, max=1, help="Of the whole network, at its peak.")] = 1e-4,
    outsiders: Annotated[
        list[Path] | None, typer.Option(help="Pictures that are not dermoscopic, for the gate of a whole network.")
    ] = None,
    without_old_data: Annotated[
        bool, typer.Option("--without-old-data", help="Train the head even where the old data are not here.")
    ] = False,
    weights: Annotated[
        Path | None, typer.Option(help="Weights (.json) to begin with; without: those that the app answers with.")
    ] = None,
    name: Annotated[str, typer.Option("--go-on", help="Go on with this training, where it was ended.")] = "",
    folder: Folder = None,
    url: Url = None,
) -> None:
    """Train on from the weights in use, on the practice's confirmed cases; nothing is put into use.

    Thresholds are chosen on validation parts, and old and new weights compared on cases that neither has learned from.
    Ctrl-C stops it; --go-on goes on.
    """
    from typing import cast

    from derm.paths import data_folder
    from derm.predict.folder import find_images
    from derm.predict.open import weights_in_use
    from derm.teach import job
    from derm.teach.train import TeachingSettings, Way

    if way not in ("head", "whole"):
        raise ConfigFault(f"--way '{way}' is unknown: use head or whole.")
    if without_old_data and way == "whole":
        raise ConfigFault("A whole network unlearns what it does not rehearse: leave out --without-old-data, or --way.")
    records = _open(folder, url)
    if name:
        place = job.find(records, name)
    else:
        known = data_folder()
        folders = [] if without_old_data else old or ([known] if known else [])
        pictures = tuple(find_images(outsiders)) if outsiders else ()
        settings = TeachingSettings(cast("Way", way), epochs, learning_rate, pictures)
        place = job.begin(
            records, weights or weights_in_use(records.folder), folders, settings, without_old=without_old_data
        )
    stopping = False

    def ask_to_stop(_number: int, _frame: types.FrameType | None) -> None:
        nonlocal stopping
        if stopping or way == "head":
            raise KeyboardInterrupt
        stopping = True

    signal.signal(signal.SIGTERM, ask_to_stop)
    with progress("Training on confirmed cases") as watch:
        found = job.work(records, place, err.print, watch, lambda: stopping)
    print_teaching(found)


def trainings(folder: Folder = None, url: Url = None) -> None:
    """List the trainings on the practice's cases, and which weights are in use."""
    from derm.predict.open import open_model
    from derm.teach import in_use, job, words

    records = _open(folder, url)
    for one in job.teachings(records):
        out.print(words.teaching_line(one))
    out.print(words.in_use(open_model(records.folder).label))
    if name := in_use.chosen(records):
        out.print(words.HOW_TO_UNDO.format(name=name))


def adopt(
    source: Annotated[
        str, typer.Argument(help="A training, as `derm records trainings` names it, or weights (.json).")
    ],
    actor: By,
    folder: Folder = None,
    url: Url = None,
) -> None:
    """Take weights into use: the app answers with them from then on, and the chain of events tells who said so."""
    from derm.teach import in_use, job, words

    records = _open(folder, url)
    path = Path(source) if source.endswith(".json") else job.weights_of(records, source)
    out.print(words.adopted(in_use.adopt(records, actor, path)))


def undo(
    taken: Annotated[
        str, typer.Argument(help="The weights to go back from, which are in use, as `derm records trainings` says.")
    ],
    actor: By,
    folder: Folder = None,
    url: Url = None,
) -> None:
    """Go back from weights that were taken into use to those before; refused where others are in use by now."""
    from derm.teach import in_use, words

    out.print(words.undone(taken, in_use.undo(_open(folder, url), actor, taken)))


def print_teaching(found: "Teaching") -> None:
    """Print what came of a training: what is to be known, and both comparisons."""
    from derm.teach import words

    out.print(words.teaching_line(found))
    for sentence in found.said:
        out.print(sentence)
    for name in found.compared:
        out.print(words.compared_title(found, name))
        for row in words.compared_rows(found, name):
            out.print("  ".join((f"{row[0]:<34}", *(f"{cell:>18}" for cell in row[1:]))))
    if found.weights is not None and found.stage == "done":
        out.print(words.HOW_TO_ADOPT.format(name=found.name))


def _open(folder: Path | None, url: str | None) -> "Records":
    from derm.records.missing import open_own

    return open_own(folder, url)
