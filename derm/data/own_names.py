"""What folders call alike, where one of them is a user's own: the same thing, or two clinics' numbers.

Needs tables of catalogues and their folders. The ids of HAM10000 and the ISIC archive are one picture everywhere, those
of a user's own folders are whatever a camera wrote. Does not know how rows are joined.
"""

import filecmp
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from derm.data.diagnosis_words import UNKNOWN, allowed_codes
from derm.errors import DataFault
from derm.files import closed
from derm.language.speech import say


class NamedTable(NamedTuple):
    """A catalogue's table, its folder, and whether it is a user's own, with names of its own."""

    table: pd.DataFrame
    folder: Path
    own: bool


def refuse_contradictions(tables: Sequence[NamedTable]) -> None:
    """Raise DataFault where rows of one id cannot be one image: another diagnosis, or in two own folders another
    lesion, patient or picture. Two folders of HAM10000 and the ISIC archive are not compared."""
    for one, other in combinations(tables, 2):
        if not (one.own or other.own):
            continue
        both = one.table.merge(other.table, on="image_id", suffixes=("_a", "_b"))
        for row in both.to_dict("records"):
            columns = ("dx", "lesion_id", "patient_id", "image_path") if one.own and other.own else ("dx",)
            for column in columns:
                first, second = row[f"{column}_a"], row[f"{column}_b"]
                if not _agree(column, str(row["image_id"]), first, second):
                    raise DataFault(
                        say(
                            "The image {image} of {one} ({first}) and that of {other} ({second}) cannot be the same: "
                            "rename one of the two, or correct its row.",
                            image=row["image_id"],
                            one=one.folder,
                            first=first,
                            other=other.folder,
                            second=second,
                        )
                    )


def _agree(column: str, image: str, first: str, second: str) -> bool:
    """Whether two cells of one image can both be true; a cell that tells nothing agrees with any."""
    if first == second or not first or not second:
        return True
    if column == "dx":
        return UNKNOWN in (first, second) or bool({*allowed_codes(first)} & {*allowed_codes(second)})
    if column == "image_path":
        try:
            return filecmp.cmp(first, second, shallow=False)
        except PermissionError as error:
            raise DataFault(closed(error, Path(first))) from None
    return image in (first, second)  # a lesion that is named like its image has no name


def tell_apart(tables: Sequence[NamedTable]) -> list[pd.DataFrame]:
    """The tables, in which lesions and patients that two own folders call alike bear their source: 'clinic: 1'.

    They stay one where both folders name the same source, or an image of both that is of this lesion or patient.
    Raises DataFault where nothing but the folders' places tells the sources apart.
    """
    told = [named.table.copy() for named in tables]
    for column in ("lesion_id", "patient_id"):
        alike: list[set[str]] = [set() for _ in tables]
        for (place, one), (at, other) in combinations(enumerate(tables), 2):
            if one.own and other.own and one.folder.resolve() != other.folder.resolve():
                names = _called_alike(column, one, other)
                alike[place] |= names
                alike[at] |= names
        for named, table, names in zip(tables, told, alike, strict=True):
            renamed = {name: f"{source}: {name}" for name, source in _sources(column, named).items() if name in names}
            nameless = (table["image_id"] == table[column]) & (column == "lesion_id")  # it is named like its image
            table[column] = table[column].where(nameless, table[column].replace(renamed))
    return told


def _called_alike(column: str, one: NamedTable, other: NamedTable) -> set[str]:
    """The names of lesions or patients that are in both tables and not known to be one."""
    sources, others = _sources(column, one), _sources(column, other)
    both = one.table[["image_id", column]].merge(other.table[["image_id", column]])
    names = (sources.keys() & others.keys()) - {"", *both[column]}
    for name in sorted(names):
        if sources[name] == others[name] == one.folder.resolve().name == other.folder.resolve().name:
            raise DataFault(
                say(
                    "{one} and {other} both name a lesion or patient {name}, and nothing tells their clinics apart: "
                    "write the clinic's name into the column source of each.",
                    one=one.folder,
                    other=other.folder,
                    name=name,
                )
            )
    return {name for name in names if sources[name] != others[name]}


def _sources(column: str, named: NamedTable) -> dict[str, str]:
    """Each lesion or patient → the source of its first row: cameras of one clinic may share a lesion."""
    firsts = named.table.drop_duplicates(column)
    return dict(zip(firsts[column], firsts["source"], strict=True))
