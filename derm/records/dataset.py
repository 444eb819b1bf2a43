"""The practice's confirmed lesions as a data set: pictures, diagnoses and corrected outlines in a folder with derm.csv.

Needs open `Records`. Explorer, evaluation, local calibration and training read the folder as they read a user's own.
Knows nothing of models.
"""

from collections.abc import Callable, Collection
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from derm.data.own import COLUMNS_OF_OWN, TABLE
from derm.data.split import SHARES
from derm.diagnoses import CODES
from derm.errors import ImageRefused, RecordsFault
from derm.files import making_folder
from derm.image.decode import read_image
from derm.image.overlay import mask_png, png
from derm.language.speech import say
from derm.records import entry, store, tables
from derm.records.connect import Records
from derm.records.entry import TRUSTED, Basis
from derm.records.pictures import kept_outline
from derm.records.read import Entry, rows_of, standing_corrections, undisturbed
from derm.records.verify import Progress
from derm.spreadsheet import csv_line

SOURCE = "practice"
"""In the column source."""


class Drawn(NamedTuple):
    """How many pictures went into a data set."""

    pictures: int
    diagnosed: int
    """With a diagnosis by histology or a correction that can be trusted."""

    outlined: int
    """With a corrected outline."""

    ageless: tuple[str, ...]
    """Pseudonyms of patients whose year of birth gives an age that nobody has: it is left empty, for with it nobody
    could read the data set."""

    unread: tuple[str, ...] = ()
    """Of each kept picture that cannot be read, and is left out, the sentence why: a later version may refuse what an
    earlier one kept."""


def write_dataset(
    records: Records, target: Path, progress: Progress | None = None, only: Collection[str] | None = None
) -> Drawn:
    """Write every picture whose lesion has a trusted diagnosis, or that has a corrected outline, into the new folder
    `target`.

    Histology goes before corrections, see `standing_corrections`; what is outside the seven diagnoses is written as
    unknown, and teaches an outline only. Patients and lesions are named by their random keys; each patient keeps one
    part, see `part_of`. Pictures are written as their decoded pixels: what else their files hold may name the patient.
    A kept picture that cannot be decoded is left out, see `Drawn.unread`; ImageRefused where none can be. Raises
    RecordsFault where `target` is there, or there is nothing to write. progress: told of pictures, (done, total). only:
    ids of the pictures to write, None for all.
    """
    if target.exists():
        raise RecordsFault(
            say(
                "{target} is there already: name a new folder.",
                target=target,
            )
        )
    return undisturbed(records, lambda check: _write(records, target, progress, only, check))


def _write(
    records: Records,
    target: Path,
    progress: Progress | None,
    only: Collection[str] | None,
    check: Callable[[], None],
) -> Drawn:
    chosen, outlines, ageless = _chosen(records)
    rows = [(row, picture) for row, picture in chosen if only is None or picture["id"] in only]
    if not rows:
        raise RecordsFault(
            say(
                "No picture has a histology, a corrected diagnosis by histology, consensus or follow-up, "
                "or a corrected outline yet: enter one on the page Cases."
            )
        )
    written, refusals = list[dict[str, str]](), list[ImageRefused]()
    with making_folder(target) as part:
        (part / "images").mkdir()
        (part / "masks").mkdir()
        for done, (row, picture) in enumerate(rows, start=1):
            content = store.read(records.pictures, picture["sha256"])
            try:
                (part / row["image"]).write_bytes(png(read_image(content, picture["name"])))
            except ImageRefused as refusal:
                refusals.append(refusal)
            else:
                written.append(row)
                if row["mask"]:
                    (part / row["mask"]).write_bytes(outlines[picture["id"]])
            if progress:
                progress(done, len(rows))
        if not written:
            raise refusals[0]
        (part / TABLE).write_text(_table(written), encoding="utf-8")
        part.chmod(0o700)
        check()
        part.rename(target)
    return Drawn(
        len(written),
        sum(bool(row["diagnosis"]) for row in written),
        sum(bool(row["mask"]) for row in written),
        tuple(sorted({ageless[row["patient"]] for row in written if row["patient"] in ageless})),
        tuple(map(str, refusals)),
    )


def part_of(patient_id: str) -> str:
    """The part of the split that a patient's pictures belong to, whatever else is confirmed before or after.

    It follows from the patient's random key alone: a picture that was measured on is never trained on later.
    """
    place = int(sha256(patient_id.encode()).hexdigest()[:8], 16) / 2**32
    train, validation = SHARES["train"], SHARES["train"] + SHARES["validation"]
    return "train" if place < train else "validation" if place < validation else "test"


def _chosen(records: Records) -> tuple[list[tuple[dict[str, str], Entry]], dict[str, bytes], dict[str, str]]:
    """Rows of derm.csv with their pictures, the outlines by picture, PNG files, and by patient the pseudonyms of
    `Drawn.ageless`."""
    with records.reading() as connection:
        lesions = {row["id"]: row for row in rows_of(connection, tables.lesion)}
        people = {row["id"]: row for row in rows_of(connection, tables.patient)}
        days = {row["id"]: row["day"] for row in rows_of(connection, tables.visit)}
        found = {row["lesion_id"]: row["diagnosis"] for row in rows_of(connection, tables.histology)}
        held = standing_corrections(connection)
        corrected = {row["picture_id"]: row for row in rows_of(connection, tables.correction)}
        pictures = rows_of(connection, tables.picture)
    rows, outlines, ageless = [], {}, {}
    for picture in pictures:
        lesion, drawn = lesions[picture["lesion_id"]], corrected.get(picture["id"], {}).get("outline")
        diagnosis, basis = found.get(lesion["id"]), "histo"
        said = held.get(lesion["id"])
        if diagnosis is None and said is not None and said.basis in TRUSTED:
            diagnosis, basis = said.diagnosis, "histo" if said.basis == Basis.HISTOLOGY else said.basis
        if drawn is not None:
            outlines[picture["id"]] = mask_png(kept_outline(drawn, picture))
        if diagnosis is None and picture["id"] not in outlines:
            continue
        patient = people[lesion["patient_id"]]
        born = patient["birth_year"]
        age = None if born is None else entry.age(born, days[picture["visit_id"]])
        if born is not None and age is None:
            ageless[patient["id"]] = patient["pseudonym"]
        row = dict.fromkeys(COLUMNS_OF_OWN, "") | {
            "image": f"images/{picture['id']}.png",
            "diagnosis": diagnosis if diagnosis in CODES else "unknown" if diagnosis else "",
            "lesion": lesion["id"],
            "patient": lesion["patient_id"],
            "confirmed": basis if diagnosis else "",
            "age": "" if age is None else str(age),
            "sex": patient["sex"] or "",
            "site": lesion["site"].replace("_", " "),
            "source": SOURCE,
            "mask": f"masks/{picture['id']}.png" if picture["id"] in outlines else "",
            "part": part_of(lesion["patient_id"]),
        }
        rows.append((row, picture))
    return rows, outlines, ageless


def _table(rows: list[dict[str, str]]) -> str:
    lines = (csv_line(row[name] for name in COLUMNS_OF_OWN) for row in rows)
    return "".join([csv_line(COLUMNS_OF_OWN), *lines])
