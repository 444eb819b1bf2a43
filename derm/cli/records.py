"""`derm records`: a practice's records as a whole: back up, restore, export, import, verify, delete a patient."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from derm.cli import teach
from derm.cli.targets import refuse_read
from derm.cli.terminal import err, out, progress

if TYPE_CHECKING:
    from derm.records.connect import Records

app = typer.Typer(help="A practice's records: back up, restore, export, verify, delete, learn.", no_args_is_help=True)
app.command("next")(teach.next_to_look_at)
app.command("train")(teach.train)
app.command("trainings")(teach.trainings)
app.command("adopt")(teach.adopt)
app.command("undo")(teach.undo)

Folder = Annotated[
    Path | None, typer.Option("--records", help="Folder of the records; without: DERM_RECORDS, or the user's own.")
]
Url = Annotated[
    str | None, typer.Option(help="Address of a PostgreSQL database that holds them; without: DERM_RECORDS_URL.")
]


@app.command()
def backup(
    target: Annotated[Path, typer.Argument(help="File to write (.zip); an older one is replaced.")],
    folder: Folder = None,
    url: Url = None,
) -> None:
    """Write all records and pictures into one file, while the app goes on."""
    from derm.records import transfer, words

    records = _open(folder, url)
    refuse_read([target], records.folder.glob("*"))
    with progress("Backing up pictures") as watch:
        found = transfer.backup(records, target, watch)
    out.print(words.transferred(found, str(target)))
    err.print(words.CONFIDENTIAL)


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="File that `derm records backup` wrote.")],
    folder: Folder = None,
    url: Url = None,
) -> None:
    """Put a backup back into empty records, on SQLite or PostgreSQL, and verify it."""
    from derm.records import transfer, words

    records = _open(folder, url)
    with progress("Restoring pictures") as watch:
        found = transfer.restore(records, source, watch)
    out.print(words.transferred(found, str(records.folder)))


@app.command("export")
def export_to(
    target: Annotated[Path, typer.Argument(help="Folder to make.")],
    parquet: Annotated[bool, typer.Option("--parquet", help="Each table as Parquet, too.")] = False,
    folder: Folder = None,
    url: Url = None,
) -> None:
    """Write every table as CSV and every picture into a new folder."""
    from derm.records import transfer, words

    with progress("Exporting pictures") as watch:
        found = transfer.export_folder(_open(folder, url), target, parquet=parquet, progress=watch)
    out.print(words.transferred(found, str(target)))
    err.print(words.CONFIDENTIAL)


@app.command("import")
def import_from(
    source: Annotated[Path, typer.Argument(help="Folder that `derm records export` wrote.")],
    folder: Folder = None,
    url: Url = None,
) -> None:
    """Put an export back into empty records, and verify it."""
    from derm.records import transfer, words

    records = _open(folder, url)
    with progress("Importing pictures") as watch:
        found = transfer.import_folder(records, source, watch)
    out.print(words.transferred(found, str(records.folder)))


@app.command()
def dataset(
    target: Annotated[Path, typer.Argument(help="Folder to make, with derm.csv, images and masks.")],
    folder: Folder = None,
    url: Url = None,
) -> None:
    """Write pictures with a confirmed diagnosis or a corrected outline as a data set to train and measure on."""
    from derm.records import words
    from derm.records.dataset import write_dataset

    with progress("Writing pictures") as watch:
        found = write_dataset(_open(folder, url), target, watch)
    out.print(words.drawn(found, str(target)))
    err.print(words.CONFIDENTIAL)


@app.command()
def verify(
    last_hash: Annotated[
        str, typer.Option("--hash", help="Of the last event, as a report bears it: looks whether the end was cut off.")
    ] = "",
    folder: Folder = None,
    url: Url = None,
) -> None:
    """Hold every event, row and picture against what was entered; names the first that is broken, exit status 1."""
    from derm.records import words
    from derm.records.verify import verify as look

    with progress("Reading pictures") as watch:
        found = look(_open(folder, url), last_hash, watch)
    out.print(words.verified(found))
    raise typer.Exit(0 if found.broken is None else 1)


@app.command()
def delete(
    pseudonym: Annotated[str, typer.Argument(help="Of the patient.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    actor: Annotated[str, typer.Option("--by", help="Who deletes; stays in the chain of events.")] = "terminal",
    folder: Folder = None,
    url: Url = None,
) -> None:
    """Delete a patient with all lesions, visits, pictures, answers and opinions, and say what remains."""
    from derm.errors import RecordsFault
    from derm.records import read, words, write

    records = _open(folder, url)
    found = read.patient_called(records, pseudonym)
    if found is None:
        raise RecordsFault(f"The records have no patient '{pseudonym}': write the pseudonym as the page Cases has it.")
    pseudonym = found["pseudonym"]
    if not yes:
        typer.confirm(words.delete_warning(pseudonym)[0], abort=True)
    out.print(words.deleted(pseudonym, write.delete_patient(records, actor, found["id"])))


def _open(folder: Path | None, url: str | None) -> "Records":
    from derm.records.missing import open_own

    return open_own(folder, url)
