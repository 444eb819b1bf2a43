"""Where people marked structures: a bit field beside each picture of ISIC 2018 Task 2, superpixel by superpixel.

Needs a catalogue of a source that has marks; HAM10000 has none. A mark is what one or several annotators agreed to
click, in superpixels of about a thousandth of a picture: it says that and roughly where, not the exact border.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.data.catalogue import Catalogue
from derm.errors import DataFault, ImageRefused
from derm.image.decode import read_mask_values
from derm.structures.table import KEYS, STRUCTURES

FOLDER = "attributes"
"""Beside the folder of the images."""

CURE = "copy the folder of ISIC 2018 Tasks 1 and 2 anew, attributes among it"


def marked(catalogue: Catalogue) -> tuple[pd.DataFrame, NDArray[np.bool_], NDArray[np.int64]]:
    """The catalogue's rows of pictures whose structures are known, which of them each shows, bool (n, 5), and their
    row numbers in the catalogue, int64 (n,). Raises DataFault where there is none."""
    known = catalogue.structures
    rows = np.flatnonzero(catalogue.table["image_id"].isin(set(known["image_id"])).to_numpy())
    if not len(rows):
        raise DataFault(
            f"{catalogue.place} marks no dermoscopic structures: name the folder of ISIC 2018 Tasks 1 and 2. "
            "HAM10000 has no marks."
        )
    table = catalogue.table.iloc[rows].reset_index(drop=True)
    shown = known.set_index("image_id").loc[table["image_id"], list(KEYS)].to_numpy() > 0
    return table, shown, rows


def marks_path(image_path: str) -> Path:
    """Where the marks of the picture at `image_path` lie."""
    image = Path(image_path)
    return image.parent.parent / FOLDER / f"{image.stem}.png"


def read_marks(image_path: str, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """The marks of a picture of `shape` (height, width): uint8 of that shape, a bit for each structure.

    Raises DataFault where the file is missing, of another size, or has bits of no structure.
    """
    path = marks_path(image_path)
    try:
        values = read_mask_values(path)
    except ImageRefused as error:
        raise DataFault(f"{error} {CURE[0].upper()}{CURE[1:]}.") from error
    if values.shape != shape:
        raise DataFault(f"{path} is of another size than its picture: {CURE}.")
    if values.max(initial=0) >= 1 << len(STRUCTURES):
        raise DataFault(f"{path} marks a structure beside the {len(STRUCTURES)} that are known: {CURE}.")
    return values.astype(np.uint8)


def planes(marks: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Marks, uint8 (..., h, w), as one mask for each structure: bool (..., 5, h, w)."""
    bits = np.array([one.bit for one in STRUCTURES], dtype=np.uint8)[:, None, None]
    found: NDArray[np.bool_] = (marks[..., None, :, :] >> bits) & 1 > 0
    return found
