"""How large each lesion is in its picture and where it lies, measured once on all masks and kept on disk.

Needs a catalogue with masks; reads each once. Knows nothing of diagnoses.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.data.catalogue import Catalogue
from derm.data.store import table_key
from derm.errors import ImageRefused
from derm.explore.kept import read_kept
from derm.files import write_text
from derm.image.decode import read_mask
from derm.language.speech import say
from derm.spreadsheet import csv_table

FORMAT = 1
"""Raised when the meaning of the file changes, so that old ones are not read."""

AREA_BINS = 40
GRID = (24, 32)
"""Rows and columns of the picture on which positions are counted; HAM10000's pictures are 3 : 4."""

COLUMNS = ("area", "x", "y", "cut")


class Shape(NamedTuple):
    """A lesion in its picture: area, share of its pixels; x, y: of the lesion's centroid, from the left and the top,
    0 … 1; cut: whether it touches the edge. NaN, and not cut, without a mask or with an empty one."""

    area: float
    x: float
    y: float
    cut: bool


NOTHING = Shape(np.nan, np.nan, np.nan, False)


def shape_of(mask: NDArray[np.bool_]) -> Shape:
    """Measure a mask, bool (H, W); a pixel's place is its centre."""
    area = int(mask.sum())
    if not area:
        return NOTHING
    height, width = mask.shape
    x = mask.sum(axis=0) @ (np.arange(width) + 0.5) / area / width
    y = mask.sum(axis=1) @ (np.arange(height) + 0.5) / area / height
    edge = mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any()
    return Shape(area / mask.size, float(x), float(y), bool(edge))


def shapes_file(catalogue: Catalogue, cache: Path) -> Path:
    """Where the shapes of exactly these files are kept, whether they are there or not."""
    return cache / f"{table_key(catalogue.table)}-shapes-{FORMAT}.csv"


def read_shapes(file: Path, images: int) -> pd.DataFrame | None:
    """The shapes that were measured before, one row for each of so many images, columns `COLUMNS`.

    None where there are none, or the file is damaged: they are measured anew then.
    """
    table = read_kept(file, COLUMNS, images)
    if table is None or (len(table) and table["cut"].dtype != bool):
        return None
    shares = table[["area", "x", "y"]]
    return table if ((shares >= 0) & (shares <= 1) | shares.isna()).all(axis=None) else None


def measure_shapes(
    catalogue: Catalogue, file: Path, progress: Callable[[int, int], None] | None = None
) -> pd.DataFrame:
    """Measure every mask and keep the result in `file`; a mask that cannot be read has no shape.

    progress: told (done, total).
    """
    paths = [str(path) for path in catalogue.table["mask_path"]]
    found = []
    with ThreadPoolExecutor() as pool:
        for done, shape in enumerate(pool.map(_read, paths), 1):
            found.append(shape)
            if progress:
                progress(done, len(paths))
    table = pd.DataFrame(found, columns=list(COLUMNS))
    write_text(file, csv_table(table, ".6f"))
    return table


def _read(path: str) -> Shape:
    try:
        return shape_of(read_mask(Path(path))) if path else NOTHING
    except ImageRefused:  # named, with its cure, by the check of the files
        return NOTHING


def area_histogram(shapes: pd.DataFrame, kept: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Kept lesions by the share of the picture that they fill, int64 (`AREA_BINS`,), in even bins from 0 to 1."""
    areas = shapes["area"].to_numpy()[kept]
    return np.histogram(areas[~np.isnan(areas)], bins=AREA_BINS, range=(0, 1))[0].astype(np.int64)


def position_grid(shapes: pd.DataFrame, kept: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Kept lesions by where their centroid lies in the picture, int64 `GRID`, row 0 on top."""
    x, y = shapes["x"].to_numpy()[kept], shapes["y"].to_numpy()[kept]
    known = ~np.isnan(x)
    counts, _, _ = np.histogram2d(y[known], x[known], bins=GRID, range=((0, 1), (0, 1)))
    cells: NDArray[np.int64] = counts.astype(np.int64)
    return cells


def shape_sentence(shapes: pd.DataFrame, kept: NDArray[np.bool_]) -> str:
    """Size and place of the kept lesions in words, with figures; says so where no kept image has a mask."""
    some = shapes[kept].dropna()
    if some.empty:
        return say("None of these images has a mask.")
    low, middle, high = (f"{100 * share:.0f}" for share in np.percentile(some["area"], [25, 50, 75]))
    central = ((some["x"] - 0.5).abs() < 0.125) & ((some["y"] - 0.5).abs() < 0.125)
    return say(
        "Half of the {lesions:,} lesions fill {low} to {high} % of their picture (median {middle} %); "
        "{central:.0f} % have their centre within an eighth of the picture's sides from its middle, and "
        "{cut:.0f} % touch its edge.",
        lesions=len(some),
        low=low,
        high=high,
        middle=middle,
        central=100 * central.mean(),
        cut=100 * some["cut"].mean(),
    )
