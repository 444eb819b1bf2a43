"""Which data a result belongs to: a record small enough to lie beside every figure, and whether a table agrees with it.

Needs rows of a catalogue's table; reads a few of their pictures. Knows no weights and no figure.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from derm.data.split import own_lesions
from derm.data.store import ImageStore
from derm.errors import DataFault, ImageRefused
from derm.files import sha256
from derm.image.decode import open_image
from derm.language.speech import say

PICTURES = 12
"""Pictures that are looked at, spread evenly over the rows: a tenth of a second's work."""

GRID = (4, 4)
"""Columns and rows to which each of them is averaged, in grey."""

TOLERANCE = 4
"""Greys, of 256, by which such a mean may differ: another decoder or JPEG quality moves it by 1 or 2."""

STORED = 8
"""Columns and rows to which a decoded picture and its mask are averaged: a second's work for HAM10000's 10,015."""


def data_identity(table: pd.DataFrame) -> dict[str, Any]:
    """What tells these rows from others, ready for JSON.

    table: of a catalogue, one row an image. rows: SHA-256 over names and diagnoses in the table's order. pictures: by
    the names of up to `PICTURES` images, the greys, 0 … 255, of `GRID` row by row; none for a picture that cannot be
    read. lesions: of `lesions_sha256`. masks: of `files_sha256`, of the masks alone: 0.2 s for 10,000. sources: of
    `sources_sha256`.
    """
    return {
        "rows": rows_sha256(table["image_id"], table["dx"]),
        "pictures": _greys(table),
        "lesions": lesions_sha256(table),
        "masks": files_sha256(table, ("mask_path",)),
        "sources": sources_sha256(table),
    }


def rows_sha256(names: Iterable[str], diagnoses: Iterable[str]) -> str:
    """SHA-256 over the images' names and diagnoses, in their order."""
    rows = "\n".join(f"{name} {dx}" for name, dx in zip(names, diagnoses, strict=True))
    return hashlib.sha256(rows.encode()).hexdigest()


def lesions_sha256(table: pd.DataFrame) -> str:
    """SHA-256 over how the rows fall into lesions, as the table names them; other names of the same lesions are alike.

    table: image_id and lesion_id, of a catalogue.
    """
    places, _ = pd.factorize(own_lesions(table))
    return hashlib.sha256(" ".join(map(str, places)).encode()).hexdigest()


def sources_sha256(table: pd.DataFrame) -> dict[str, str]:
    """SHA-256 over the sorted names of the images of each source, or of each part of one, by its name.

    table: image_id, source and dataset, of a catalogue.
    """
    ids, sources, parts = (table[name].to_numpy(dtype=str) for name in ("image_id", "source", "dataset"))
    images: dict[str, list[str]] = {}
    for one, source, part in zip(ids, sources, parts, strict=True):
        images.setdefault(source if part == source else f"{source}: {part}", []).append(one)
    return {name: hashlib.sha256("\n".join(sorted(own)).encode()).hexdigest() for name, own in images.items()}


def same_masks(recorded: str, table: pd.DataFrame) -> bool:
    """Whether the masks of these rows are those that `data_identity` recorded; one that cannot be read is not."""
    try:
        return files_sha256(table, ("mask_path",)) == recorded
    except DataFault:
        return False


def same_pictures(recorded: dict[str, Any], table: pd.DataFrame) -> bool:
    """Whether the pictures that `data_identity` recorded look in `table`, columns as there, as they did.

    One that is gone from the table, or cannot be read any more, does not.
    """
    wanted: dict[str, list[int]] = recorded["pictures"]
    return same_greys(wanted, _greys(table[table["image_id"].isin(wanted)]))


def same_greys(wanted: Mapping[str, list[int]], found: Mapping[str, list[int]]) -> bool:
    """Whether the pictures of one record look in another as they do there; one that is not there does not."""
    return all(
        len(found.get(name, [])) == len(greys)
        and all(abs(now - then) <= TOLERANCE for now, then in zip(found[name], greys, strict=True))
        for name, greys in wanted.items()
    )


def stored_looks(store: ImageStore, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """What the store shows of `rows`, int64 (n,), however its files are named or copied: uint8 (n, 8, 8, 4).

    Means of red, green and blue, 0 … 255, and of the mask as 0 and 255.
    """
    looks = np.zeros((len(rows), STORED, STORED, 4), dtype=np.uint8)
    for look, row in zip(looks, rows, strict=True):
        look[..., :3] = cv2.resize(store.images[row], (STORED, STORED), interpolation=cv2.INTER_AREA)
        look[..., 3] = cv2.resize(store.masks[row] * 255, (STORED, STORED), interpolation=cv2.INTER_AREA)
    return looks


def changed_looks(before: NDArray[np.uint8], now: NDArray[np.uint8]) -> int:
    """How many pictures or their masks look another than before; both of `stored_looks`, of the same rows."""
    apart = np.abs(before.astype(np.int16) - now).reshape(len(now), -1)
    return int((apart > TOLERANCE).any(axis=1).sum())


def files_sha256(table: pd.DataFrame, columns: Sequence[str] = ("image_path", "mask_path")) -> str:
    """SHA-256 over every picture and mask of these rows as they lie on disk, where one changed mask counts.

    columns: of the table, with the files' paths. Raises DataFault where a file cannot be read.
    """
    every = hashlib.sha256()
    for places in zip(*(table[name] for name in columns), strict=True):
        for place in map(str, places):
            try:
                every.update(f"{sha256(Path(place)) if place else ''}\n".encode())
            except OSError as error:
                raise DataFault(
                    say(
                        "{path} cannot be read ({reason}): put the file back, or check its permissions.",
                        path=place,
                        reason=error.strerror or error,
                    )
                ) from error
    return every.hexdigest()


def _greys(table: pd.DataFrame) -> dict[str, list[int]]:
    """The greys of up to `PICTURES` rows, by name."""
    places = np.unique(np.linspace(0, len(table) - 1, min(PICTURES, len(table))).round().astype(np.int64))
    chosen = table.iloc[places]
    return {str(name): _grey(str(path)) for name, path in zip(chosen["image_id"], chosen["image_path"], strict=True)}


def _grey(path: str) -> list[int]:
    try:
        image = Image.fromarray(open_image(Path(path)))
    except ImageRefused:
        return []
    return [int(value) for value in image.convert("L").resize(GRID, Image.Resampling.BOX).tobytes()]
