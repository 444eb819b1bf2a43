"""`derm library`: build a library of confirmed cases, and measure what its neighbours are worth."""

from pathlib import Path
from typing import Annotated

import typer

from derm.cli.targets import data_tables, refuse_read, weights_files
from derm.cli.terminal import check_learned, err, figure, out, progress, read_known

app = typer.Typer(
    help="Confirmed cases to compare a picture with: build a library, or measure it.", no_args_is_help=True
)

FOLDERS = typer.Option(help="Folder of a data set or of your own confirmed cases (docs/data.md); several may be given.")
WEIGHTS = typer.Option(help="Weights (.json or .safetensors); without: the shipped ones.")
SHOWN = 5
"""Most pictures that are named of those that cannot be read."""


@app.command()
def build(
    data: Annotated[list[Path], FOLDERS],
    target: Annotated[Path | None, typer.Option("--out", help="Folder of the library; without: DERM_LIBRARY.")] = None,
    names: Annotated[
        bool, typer.Option("--names", help="Keep what your pictures are called; without it they are numbered.")
    ] = False,
    unconfirmed: Annotated[
        bool, typer.Option("--unconfirmed", help="Take cases, too, of which nothing says how they were confirmed.")
    ] = False,
    weights: Annotated[Path | None, WEIGHTS] = None,
) -> None:
    """Ask the model about every confirmed case and keep vectors, diagnosis, how it was confirmed, and a small picture.

    Of HAM10000 and ISIC 2018 Task 1 the training part alone is taken. The library holds pictures of patients: keep it
    where those may lie.
    """
    from derm.evaluate.library import build_library, choose
    from derm.model.weights import default_weights, load_weights
    from derm.paths import library_folder

    folder = target or library_folder()
    chosen = choose(read_known(data), unconfirmed=unconfirmed)
    with progress("Asking about confirmed cases") as watch:
        built = build_library(load_weights(weights or default_weights()), chosen.rows, folder, watch, names=names)
    for count, why in (
        (chosen.kept_apart, "of the shipped validation and test parts"),
        (chosen.undiagnosed, "without one of the seven diagnoses"),
        (chosen.unconfirmed, "of which nothing says how they were confirmed (--unconfirmed takes them)"),
    ):
        if count:
            err.print(f"{count:,} pictures were left out: {why}.")
    for sentence in built.unread[:SHOWN]:
        err.print(f"derm: {sentence}")
    if len(built.unread) > SHOWN:
        err.print(f"{len(built.unread) - SHOWN:,} further pictures could not be read.")
    out.print(f"{built.cases:,} confirmed cases: {folder}")
    raise typer.Exit(1 if built.unread else 0)


@app.command()
def worth(
    data: Annotated[list[Path], FOLDERS],
    library: Annotated[Path | None, typer.Option(help="Folder of the library; without: DERM_LIBRARY.")] = None,
    split: Annotated[str, typer.Option(help="Part to ask about: 'validation', 'test' or 'train'.")] = "validation",
    target: Annotated[Path | None, typer.Option("--out", help="CSV file, one row a picture.")] = None,
    weights: Annotated[Path | None, WEIGHTS] = None,
) -> None:
    """Say how often most of ten similar cases share a picture's diagnosis, by source and diagnosis."""
    from rich.table import Table

    from derm.data.split import known_part
    from derm.evaluate.similar_worth import find_neighbours, malignant_auc
    from derm.evaluate.similar_worth import worth as measured
    from derm.files import check_file, write_text
    from derm.model.weights import default_weights, load_weights
    from derm.paths import library_folder
    from derm.predict.library import open_library
    from derm.spreadsheet import csv_table

    part = known_part(split)
    if target:
        check_file(target)
        kept = (library or library_folder()).glob("*")
        refuse_read([target], [*data_tables(data), *kept, *weights_files(weights)])
    opened = open_library(library or library_folder())
    model, catalogue = load_weights(weights or default_weights()), read_known(data)
    check_learned(model, catalogue, part)
    with progress("Asking about pictures") as watch:
        rows = find_neighbours(model, opened, catalogue, part, watch)
    if target:
        write_text(target, csv_table(rows, ".6f"))
        out.print(f"Written: {target}")
    table = Table(title=f"Most of ten similar cases share the diagnosis, {part} part", title_justify="left")
    for name in ("source", "diagnosis", "pictures", "share", "95 % interval"):
        table.add_column(name)
    for row in measured(rows).to_dict("records"):
        span = f"{figure(row['low'])} – {figure(row['high'])}"
        table.add_row(row["source"], row["dx"], f"{row['images']:,}", figure(row["share"]), span)
    out.print(table)
    for row in malignant_auc(rows).to_dict("records"):
        out.print(
            f"{row['source']}: malignant told by {row['tells']}, AUC {figure(row['auc'])} "
            f"({figure(row['low'])} – {figure(row['high'])})"
        )
