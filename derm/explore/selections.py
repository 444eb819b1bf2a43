"""Selections of images under a name: saved, listed, read back, exported and imported as tables.

Needs a folder of their own, and the tables that say what is known of each image. A selection is a CSV file that any
program reads; what counts when it is read back is its column image_id. Knows nothing of pages.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.data.folder import parse_table, refuse_swallowed_rows
from derm.diagnoses import CODES
from derm.errors import ConfigFault, DataFault
from derm.explore.verdicts import verdicts_of
from derm.files import is_there, portable_name, read_file, write_text
from derm.language.quantities import images_counted
from derm.language.speech import say
from derm.spreadsheet import csv_table, uncell

FOLDER = "selections"
"""Name of the folder, in that of the results."""

SAVING = Lock()
"""Held from the look whether a name is free until it is taken: visitors of one server share the folder."""

MOST = 200
"""Selections that are kept in one folder."""

MOST_BYTES = 20_000_000
"""Of a file that is imported: a hundred times HAM10000's ids."""

MOST_ROWS = 1_000_000
"""Likewise."""

NAME = re.compile(r"\w(?:[\w .()-]{0,58}[\w)])?")
"""A name that is a file's name everywhere, too: letters, digits, spaces and . _ - ( ), 60 characters at most."""

TABLE_COLUMNS = ("image_id", "lesion", "dx", "dx_type", "age", "sex", "localization", "dataset", "part")
"""Of the explorable table, in an export."""

ID_COLUMNS = ("image_id", "image", "isic_id")
"""Columns that name images, in a file that is imported; the first that is there counts."""


class Found(NamedTuple):
    """Images of a selection that the data set holds, in its order, and how many it does not hold."""

    rows: NDArray[np.int64]
    strange: int


def known_of(
    table: pd.DataFrame, cases: pd.DataFrame | None, image_ids: Sequence[str], threshold: float | None = None
) -> pd.DataFrame:
    """What is known of images, one row each, in the order given.

    table: of `explorable`. cases: of `derm.explore.predictions.outcomes`, None without results; an image that they
    do not hold has empty cells. threshold: for referral, where verdicts are of that alone. An image that the table
    does not hold is left out.
    """
    rows = pd.DataFrame({"image_id": list(image_ids)})
    own = table[list(TABLE_COLUMNS)].drop_duplicates("image_id").astype({"dx": str})
    found = rows.merge(own, on="image_id")
    if cases is None:
        return found
    said = pd.DataFrame(
        {
            "image_id": cases["image_id"],
            "predicted": np.array(CODES)[cases["predicted"].to_numpy()],
            **{name: cases[name] for name in ("confidence", "p_malignant", "p_true", "loss", "iou")},
            # Whose calls and figures these are; the malignant probability is at the data's own mix.
            **({"rule": cases["rule"]} if "rule" in cases else {}),
            "verdict": [str(verdict) for verdict in verdicts_of(cases, threshold)],
            # Of referral alone, where there is one.
            **({} if threshold is None else {"threshold": threshold}),
        }
    ).drop_duplicates("image_id")
    return found.merge(said, on="image_id", how="left")


def to_csv(known: pd.DataFrame) -> str:
    """A selection as a CSV file."""
    return csv_table(known, ".6g")


def save(folder: Path, name: str, known: pd.DataFrame) -> str:
    """Keep a selection in `folder` under a name; the name as it is kept comes back.

    Raises ConfigFault for a name that is none, or taken, for an empty selection, where there are `MOST` already, or
    where nothing can be written.
    """
    name = _checked(name)
    if known.empty:
        raise ConfigFault(say("There is no image to save: take something out of the filter."))
    with SAVING:
        names = listed(folder)
        if name.casefold() in {one.casefold() for one in names}:
            raise ConfigFault(
                say("There is a selection '{name}' already: choose another name, or delete that one first.", name=name)
            )
        if len(names) >= MOST:
            raise ConfigFault(
                say(
                    "There are {most} selections in {folder}, as many as are kept: delete one first.",
                    most=MOST,
                    folder=folder,
                )
            )
        write_text(folder / f"{name}.csv", to_csv(known))
    return name


def import_as(folder: Path, file: str, known: pd.DataFrame, found: Found) -> str:
    """Keep imported images under the name of their file, with a number where that is taken; the name as kept.

    file: without its ending; what a name may not hold is left out. found: of `find`. Raises DataFault where the data
    set holds none of them, and what `save` raises.
    """
    if known.empty:
        raise DataFault(
            say(
                "None of the {strange:,} images of this file is in this data set: choose its own data set.",
                strange=found.strange,
            )
        )
    stem = re.sub(r"[^\w .()-]+", " ", file).strip(" .()-_")[:50].strip(" .(-") or "imported"
    stem = portable_name(stem).strip("_")
    taken = {name.casefold() for name in listed(folder)}
    names = (stem, *(f"{stem} {number}" for number in range(2, MOST + 2)))
    return save(folder, next(name for name in names if name.casefold() not in taken), known)


def listed(folder: Path) -> list[str]:
    """The names of the selections in `folder`, by alphabet; none where there is no such folder."""
    try:
        names = [place.stem for place in folder.glob("*.csv") if NAME.fullmatch(place.stem) and is_there(place)]
    except OSError:
        return []
    return sorted(names, key=str.casefold)


def read(folder: Path, name: str) -> list[str]:
    """The images of a selection, in its order; DataFault where it is gone or cannot be read."""
    try:
        content = read_file(folder / f"{_checked(name)}.csv", MOST_BYTES)
    except ValueError as error:
        raise DataFault(
            say("The selection '{name}' cannot be read: {error}. Delete it.", name=name, error=error)
        ) from None
    except (OSError, ConfigFault):
        raise DataFault(
            say("There is no selection '{name}' any more: choose one of the list.", name=name[:60])
        ) from None
    return parse(content, f"{name}.csv")


def delete(folder: Path, name: str) -> None:
    """Delete a selection; one that is gone already is no fault. ConfigFault where it cannot be deleted."""
    try:
        (folder / f"{_checked(name)}.csv").unlink(missing_ok=True)
    except OSError as error:
        raise ConfigFault(
            say(
                "'{name}' cannot be deleted ({reason}): allow this user to write there.",
                name=name,
                reason=error.strerror,
            )
        ) from error


def parse(content: bytes, name: str) -> list[str]:
    """The images that a table names, in its order and each once; name: the file's, for the sentence of a refusal.

    Commas, semicolons or tabs; UTF-8, UTF-16 with its mark, or Latin-1. Raises DataFault for what is no such table.
    """
    if len(content) > MOST_BYTES:
        raise DataFault(
            say(
                "{name} has {size:,} bytes, more than the {most:,} of a list of images.",
                name=name,
                size=len(content),
                most=MOST_BYTES,
            )
        )
    try:
        table = parse_table(content, or_latin=True, most_rows=MOST_ROWS)
    except ValueError as error:
        raise DataFault(say("{name} is no table ({error}): save it as CSV.", name=name, error=error)) from None
    refuse_swallowed_rows(name, table)
    columns = {str(column).strip().casefold(): column for column in table.columns}
    wanted = next((columns[column] for column in ID_COLUMNS if column in columns), None)
    if wanted is None:
        raise DataFault(say("{name} has no column image_id: name the column of the images so.", name=name))
    if list(table.columns).count(wanted) > 1:
        raise DataFault(say("{name} has the column {column} twice: delete one of the two.", name=name, column=wanted))
    ids = [uncell(value) for value in table[wanted].str.strip() if value]
    if not ids:
        raise DataFault(say("{name} names no image: its column {column} is empty.", name=name, column=wanted))
    return list(dict.fromkeys(ids))


def find(table: pd.DataFrame, image_ids: Sequence[str]) -> Found:
    """The rows of `table` that these images are, ascending, and how many are none of it."""
    wanted = set(image_ids)
    rows = np.flatnonzero(table["image_id"].isin(wanted).to_numpy())
    return Found(rows, len(wanted) - int(table["image_id"].iloc[rows].nunique()))


def sentence(name: str, found: Found) -> str:
    """An opened selection in words."""
    images = images_counted(len(found.rows))
    if not found.strange:
        return say("Selection '{name}': {images}.", name=name, images=images)
    return say(
        "Selection '{name}': {images}; {strange:,} more are not in this data set.",
        name=name,
        images=images,
        strange=found.strange,
    )


def gone(name: str) -> str:
    """Says that the selection that was open is no longer there, and what is shown now."""
    return say("There is no selection '{name}' any more: all images are shown.", name=name)


def _checked(name: str) -> str:
    name = " ".join(name.split())
    if not NAME.fullmatch(name):
        raise ConfigFault(
            say(
                "A selection's name has letters, digits, spaces and . _ - ( ), begins with a letter or digit, and has "
                "60 characters at most."
            )
        )
    if portable_name(name) != name:
        raise ConfigFault(
            say("Windows keeps the name '{name}' for a device: give the selection another one.", name=name)
        )
    return name
