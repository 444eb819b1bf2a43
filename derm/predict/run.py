"""Many pictures asked about one after the other, each written down as soon as it is answered: what `derm predict` does.

Needs a loaded `Model`. One picture is held in memory at a time, and whatever is wrong with one costs its own record
only. Knows nothing of the command line.
"""

import hashlib
from collections.abc import Generator, Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

from derm.errors import ConfigFault, ImageRefused
from derm.files import make_folder
from derm.image.decode import read_file, read_image
from derm.model.weights import Model
from derm.predict.case import Case, diagnose
from derm.predict.folder import Found, Survey, name_images, printable, survey
from derm.predict.mask_files import Folders, own_name, write_pictures
from derm.predict.practice import at_practice
from derm.predict.record import Record, Settings, record_of, refused_record, settings_of
from derm.predict.table import GrowingTable, part_of
from derm.predict.views import check_views


class Answered(NamedTuple):
    """One picture of a run."""

    record: Record | None
    """What is written down of it; None where the row of an earlier run stands."""

    case: Case | None
    """The answer; None where it was refused, or an earlier run gave it."""

    reliable: bool
    """Whether there is an answer that can be relied on."""

    done: int
    """How many of `total` are done with it."""

    total: int
    """Pictures in all."""


class Run(NamedTuple):
    """Pictures about to be asked about."""

    survey: Survey
    """What the paths hold."""

    answers: Generator[Answered, None, None]
    """Each in turn, written to the table before it is given; asked as it is iterated. To be closed where it is left."""


def predict_files(
    model: Model,
    paths: Iterable[Path],
    *,
    table: Path | None = None,
    resume: bool = False,
    folders: Folders | None = None,
    prevalence: float | None = None,
    views: int = 1,
) -> Run:
    """Look through `paths` and make ready to ask about every picture, in the order of `survey`.

    table: the CSV, see `GrowingTable`; without it nothing is written. resume: go on with it: pictures stand whose file
    has the same path and content, had no error and has the masks and maps that are wanted now. folders: for masks and
    maps, made where they are not there. prevalence: the share of malignant lesions among one's own patients, above 0,
    below 1, to which probabilities are carried (`derm.predict.practice`). views: 1, or 8 for the mean over eight.
    Raises ConfigFault for a place that cannot be written, a table that does not go with the settings, or another number
    of views; while it is iterated only where the table can be written no more.
    """
    check_views(views)
    folders = folders or Folders()
    settings = settings_of(model, views, prevalence)
    own = () if table is None else (table, part_of(table))
    found = survey(paths, folders.given(), own)
    for folder in folders.given():
        make_folder(folder)
    growing = None if table is None else GrowingTable(table, settings, resume=resume)
    return Run(found, _answers(model, found.files, growing, folders, settings, prevalence))


def _answers(
    model: Model,
    files: list[Found],
    table: GrowingTable | None,
    folders: Folders,
    settings: Settings,
    prevalence: float | None,
) -> Generator[Answered, None, None]:
    """`Run.answers`; the table is let go of when it ends or is closed."""
    with nullcontext() if table is None else table:
        before = {} if table is None else table.standing
        names = _names(files, before)
        for done, one in enumerate(files, 1):
            if _stands(one, before, folders):
                yield Answered(None, None, before[_file(one)]["answerable"] == "yes", done, len(files))
                continue
            record, case = _ask(model, one, names[_file(one)], folders, settings, prevalence)
            if table is not None:
                table.add(record)
            yield Answered(record, case, bool(record["answerable"]), done, len(files))
        if table is not None:
            table.finish(_file(one) for one in files)


def _names(files: list[Found], before: dict[str, dict[str, str]]) -> dict[str, str]:
    """The image_id of each file: that of before, or a new one."""
    kept = {file: row["image_id"] for file, row in before.items()}
    fresh = [one.path for one in files if _file(one) not in kept]
    new = zip(fresh, name_images(fresh, kept.values()), strict=True)
    return kept | {_file(Found(path)): printable(name) for path, name in new}


def _ask(
    model: Model, one: Found, name: str, folders: Folders, settings: Settings, prevalence: float | None
) -> tuple[Record, Case | None]:
    """Ask about one picture, and write its masks and maps."""
    file, digest = _file(one), None
    if one.fault:
        return refused_record(name, file, one.fault, settings), None
    try:
        content = read_file(one.path)
        digest = hashlib.sha256(content).hexdigest()
        pixels = read_image(content, one.path.name)
    except ImageRefused as error:
        return refused_record(name, file, str(error), settings) | {"sha256": digest}, None
    case = at_practice(diagnose(model, pixels, name, views=settings.views), prevalence)
    written_as, fault = _write(case, one.path, folders)
    about = {"image_id": name, "file": file, "sha256": digest, "written_as": written_as}
    return record_of(case, **about, error=fault, calibration=settings.calibration), case


def _write(case: Case, path: Path, folders: Folders) -> tuple[str | None, str]:
    """The name under which the case's files were written, and why one could not be, if so."""
    if not folders.given():
        return None, ""
    name = own_name(case.name, path, folders)
    try:
        write_pictures(case, name, path, folders)
    except ConfigFault as error:
        return name, str(error)
    return name, ""


def _stands(one: Found, before: dict[str, dict[str, str]], folders: Folders) -> bool:
    """Whether a picture was answered by an earlier run, with all that is wanted now, and is the same."""
    row = before.get(_file(one))
    if row is None or one.fault or row["error"] or not row["sha256"]:
        return False
    if not all(row["written_as"] and path.is_file() for path in folders.last_files(row["written_as"])):
        return False
    try:
        with one.path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == row["sha256"]
    except OSError:
        return False


def _file(one: Found) -> str:
    """The whole path of a file, as it stands in the record; links are not followed."""
    return printable(one.path.absolute())
