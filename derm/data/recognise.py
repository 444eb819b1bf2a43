"""Which images of a data set are those of the shipped splits, whatever they are called: by name, by lesion, by look.

Needs a catalogue; its pictures are decoded only where neither the image's name nor its lesion's tells. Pictures of the
shipped splits travel as hashes of 128 bits, see `derm.data.looks`. Does not know what any weights have learned.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.data.catalogue import HAM10000, SYNTHETIC, Catalogue, read_data
from derm.data.isic import TASK1
from derm.data.looks import find_copies, long_hashes, looks_of
from derm.data.store import table_key
from derm.files import read_json, write_json
from derm.json_checks import by_name, is_text

SHIPPED = {HAM10000: "ham10000_by_lesion.csv", TASK1: "isic2018_task1_by_lesion.csv"}
"""Source → file of its shipped split, in `derm/data/splits`."""

PICTURES = "pictures.npy"
"""Hashes of the pictures of all shipped splits, uint64 (n, 2), in the order of `shipped_splits`."""

OTHER_NAMES = "ham10000_other_lesions.csv"
"""Lesions of HAM10000 that its duplicates join with another: columns lesion_id, lesion."""

LOOKING = "Looking for known pictures"
"""What takes a while in `recognise`, once for a data set whose names do not tell."""

FORMAT = 1
"""Raised when copies are looked for otherwise, so that what was found before is not read."""

_NUMBER = re.compile(r"isic[ _-]?(\d{7})(?!\d)", re.IGNORECASE)
_LESION = re.compile(r"ham[ _-]?(\d{7})(?!\d)", re.IGNORECASE)


class Names(NamedTuple):
    """What each row is in the shipped splits, text (n,), '' where nothing tells: their image, and their lesion.

    exact: bool (n,), whether the row has the very id of a shipped image. image: by that id, by the ISIC number within
    a longer one, or as a copy of a picture. lesion: that of the image; else that of the row's lesion.
    lesion_by_id: the lesion that the row's own lesion id names.
    """

    exact: pd.Series
    image: pd.Series
    lesion: pd.Series
    lesion_by_id: pd.Series


@cache
def shipped_split(source: str = HAM10000) -> pd.DataFrame:
    """A source's split by lesion: index image_id; columns lesion (joined) and part. See `SHIPPED`."""
    with resources.files("derm.data").joinpath(f"splits/{SHIPPED[source]}").open() as stream:
        return pd.read_csv(stream, index_col="image_id", dtype=str)


@cache
def shipped_splits() -> pd.DataFrame:
    """All shipped splits, one below the other; see `shipped_split`."""
    return pd.concat([shipped_split(source) for source in SHIPPED])


@cache
def shipped_lesions() -> dict[str, str]:
    """Each image of the shipped splits → its lesion."""
    return dict(shipped_splits()["lesion"])


@cache
def shipped_pictures() -> NDArray[np.uint64]:
    """The hashes of all pictures of `shipped_splits`, uint64 (n, 2), in its order."""
    with resources.files("derm.data").joinpath(f"splits/{PICTURES}").open("rb") as stream:
        hashes: NDArray[np.uint64] = np.load(stream, allow_pickle=False)
    return hashes


@cache
def lesion_names() -> dict[str, str]:
    """Each lesion id of HAM10000 → the name that the shipped split has for it, after joining duplicates."""
    with resources.files("derm.data").joinpath(f"splits/{OTHER_NAMES}").open() as stream:
        other = pd.read_csv(stream, dtype=str)
    return {lesion: lesion for lesion in shipped_split()["lesion"]} | dict(
        zip(other["lesion_id"], other["lesion"], strict=True)
    )


def name_rows(catalogue: Catalogue) -> Names:
    """What each row of a catalogue's table is in the shipped splits, by its names and by the copies found before."""
    table = catalogue.table
    drawn = table["source"] == SYNTHETIC if "source" in table else pd.Series(False, index=table.index)
    exact = is_shipped(table["image_id"])
    image = table["image_id"].where(exact, table["image_id"].map(_by_number))
    image = image.where(image != "", _looked_up(table["image_id"], catalogue.copies)).mask(drawn, "")
    by_id = table["lesion_id"].map(_by_lesion).mask(drawn, "")
    lesion = _looked_up(image, shipped_lesions())
    return Names(exact, image, lesion.where(lesion != "", by_id).astype(str), by_id.astype(str))


def is_shipped(ids: pd.Series) -> pd.Series:
    """Whether each image id is one of the shipped splits: bool (n,)."""
    known = shipped_lesions()
    return pd.Series([one in known for one in ids], index=ids.index, dtype=bool)


def _looked_up(keys: pd.Series, names: Mapping[str, str]) -> pd.Series:
    return pd.Series([names.get(key, "") for key in keys], index=keys.index, dtype=str)


def _by_number(name: str) -> str:
    known = shipped_lesions()
    return next((f"ISIC_{number}" for number in _NUMBER.findall(name) if f"ISIC_{number}" in known), "")


def _by_lesion(name: str) -> str:
    names = lesion_names()
    return next((names[f"HAM_{number}"] for number in _LESION.findall(name) if f"HAM_{number}" in names), "")


def read_known(
    folders: Sequence[Path], cache_folder: Path, progress: Callable[[int, int], None] | None = None
) -> Catalogue:
    """The data in `folders` as one catalogue that knows copies of the shipped splits' pictures; see `recognise`.

    Errors are those of `read_data`.
    """
    return recognise(read_data(folders), cache_folder, progress)


def recognise(
    catalogue: Catalogue, cache_folder: Path, progress: Callable[[int, int], None] | None = None
) -> Catalogue:
    """The catalogue with the copies of shipped pictures among the images whose names tell nothing.

    cache_folder: where what was found for exactly these files is kept. progress: told (done, total) of the pictures.
    """
    names = name_rows(catalogue)
    rows = catalogue.table[(names.lesion == "") & (catalogue.table["image_path"] != "")]
    rows = rows[rows["source"] != SYNTHETIC]
    return replace(catalogue, copies={**catalogue.copies, **copies_among(rows, cache_folder, progress)})


def copies_among(
    rows: pd.DataFrame, cache_folder: Path, progress: Callable[[int, int], None] | None = None
) -> dict[str, str]:
    """Of rows of a catalogue's table, the image_id of each whose picture is a copy → the shipped image's id."""
    if rows.empty:
        return {}
    file = cache_folder / f"{table_key(rows)}-copies-{FORMAT}.json"
    if (before := _read(file)) is not None:
        return before
    looks = looks_of([Path(path) for path in rows["image_path"]], progress)
    found = find_copies(looks, shipped_pictures())
    ids = shipped_splits().index
    copies = {
        str(image): str(ids[place]) for image, place in zip(rows["image_id"], found.tolist(), strict=True) if place >= 0
    }
    if looks.any(axis=(1, 2)).all():  # one that cannot be read now is black, and may be a copy when it can
        write_json(file, copies)
    return copies


def _read(file: Path) -> dict[str, str] | None:
    try:
        content = read_json(file)
    except (OSError, ValueError):
        return None
    return content if by_name(is_text)(content) else None


def hash_pictures(catalogue: Catalogue, progress: Callable[[int, int], None] | None = None) -> NDArray[np.uint64]:
    """The hashes of the catalogue's pictures in the order of `shipped_splits`, all of which it must hold."""
    paths = catalogue.table.set_index("image_id")["image_path"].reindex(shipped_splits().index)
    return long_hashes(looks_of([Path(path) for path in paths], progress))
