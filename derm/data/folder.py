"""Files and tables of a data set folder, found and read the same way whatever the layout.

Needs the folder as it was unpacked; decodes no picture. Does not know what a table's columns mean.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from derm.errors import DataFault

IMAGE_ENDINGS = (".jpg", ".jpeg", ".png")
MASK_ENDINGS = ("_segmentation.png",)


class Reading(NamedTuple):
    """What a reader made of one folder, before files and rows are brought together.

    layout: its name, for people. table: the columns of `derm.data.catalogue.COLUMNS` but those of paths, in any order.
    images, masks: paths of files; masks are named by their image. structures: image_id and a column of 0 and 1 for each
    dermoscopic structure, or None. undiagnosed: whether images without a diagnosis belong to this layout.
    """

    layout: str
    table: pd.DataFrame
    images: list[str]
    masks: list[str]
    structures: pd.DataFrame | None = None
    undiagnosed: bool = False


def scan(folder: Path, names: Iterable[str], endings: tuple[str, ...]) -> list[str]:
    """The sorted paths of files with one of the `endings` in `folder/name` and `folder/name/name`."""
    paths: list[str] = []
    for name in names:
        # Some unpackers put a zip into a folder of its own name, around the folder of that name inside it.
        for place in dict.fromkeys((folder / name, folder / name / name)):
            if place.is_dir():
                paths += _scan_one(place, endings)
    return sorted(paths)


def _scan_one(place: Path, endings: tuple[str, ...]) -> list[str]:
    try:
        with os.scandir(place) as entries:
            # macOS leaves twins of each file in a zip, named `._ISIC_0024306.jpg`, that are no pictures.
            return [
                entry.path
                for entry in entries
                if entry.name.lower().endswith(endings) and not entry.name.startswith(".") and entry.is_file()
            ]
    except OSError as error:
        raise DataFault(
            f"The folder {place} cannot be listed ({error.strerror}): allow this user to read it."
        ) from None


def by_id(paths: list[str], endings: tuple[str, ...]) -> dict[str, str]:
    """Lower-case image id → path; of two files with one id, the first in order."""
    found: dict[str, str] = {}
    for path in paths:
        name = Path(path).name.lower()
        ending = next(ending for ending in endings if name.endswith(ending))
        found.setdefault(name.removesuffix(ending), path)
    return found


def find_file(folder: Path, names: Iterable[str]) -> Path | None:
    """The first of `names` that is in `folder`, or in a folder of its own name as ISIC packs its tables."""
    for name in names:
        for path in (folder / name, folder / Path(name).stem / name):
            if path.is_file():
                return path
    return None


def read_table(path: Path, columns: Iterable[str], cure: str) -> pd.DataFrame:
    """The table at `path`, all cells text without spaces around, '' where empty; `columns` must be among its own.

    cure: how to mend it, at the end of the sentence that a DataFault says.
    """
    try:
        with path.open(encoding="utf-8-sig") as stream:
            separator = "\t" if "\t" in stream.readline() else ","  # Dataverse exports tabs, under three names
        table = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        if not isinstance(table.index, pd.RangeIndex):  # pandas took the first column for the rows' names
            raise ValueError("its rows have more cells than its header")
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, empty, or rows of unequal length
        reason = " ".join(str(error).split())
        raise DataFault(f"{path} is not a table in UTF-8 with commas or tabs ({reason}): {cure}.") from None
    table.columns = table.columns.str.strip()
    if missing := [column for column in columns if column not in table.columns]:
        raise DataFault(f"{path} lacks the column(s) {', '.join(missing)}: {cure}.")
    if table.empty:
        raise DataFault(f"{path} has a header but no rows: {cure}.")
    stripped: pd.DataFrame = table.apply(lambda column: column.str.strip())
    return stripped


def refuse_nameless(path: Path, ids: pd.Series, cure: str) -> None:
    """Raise DataFault where an image's name is empty, naming the line."""
    if (ids == "").any():
        row = int((ids == "").argmax()) + 2  # the header is line 1
        raise DataFault(f"{path} names no image in line {row}: delete that line, or {cure}.")


def column(table: pd.DataFrame, *names: str, missing: str = "unknown") -> pd.Series:
    """The first of the columns `names` that `table` has, text; `missing` where a cell is empty or it has none."""
    for name in names:
        if name in table:
            return table[name].replace("", missing)
    return pd.Series(missing, index=table.index, dtype=str)
