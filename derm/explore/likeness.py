"""Pictures that the network sees as one lesion, though the table counts them as two.

Needs a model and a catalogue's images; asks the model about each once and keeps what it finds on disk. Does not know
whether two pictures do show one lesion: that is for eyes.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.data.catalogue import Catalogue
from derm.data.store import table_key
from derm.errors import DataFault, ImageRefused
from derm.explore.duplicates import COLUMNS, MOST
from derm.files import write_text
from derm.image.door import open_image
from derm.image.scale import square
from derm.model.weights import Model
from derm.predict.batch import answers

FORMAT = 1
"""Raised when the search changes, so that old pairs are not read."""

DIRECTIONS = 512
"""Principal directions of the pooled features that are kept and scaled to unit deviation, so that what most pictures
share counts no more than what tells one from another."""

FEWEST = 1_000
"""Pictures below which so many directions fit by chance."""

ALIKE = 0.55
"""Cosine from which two pictures, each the other's nearest, are a pair. Of HAM10000's 759 pairs at this value 79 % show
one lesion by its table, and 10 of the 18 known pairs are among them; at 0.4 it is 48 % of 1,931 and 15 of 18."""

HOW = (
    "Found by the loaded model's pooled features, decorrelated: each picture is the other's nearest. A mole from nearer"
    " or farther, or in other light, is found so; so are two moles that look alike."
)

BLOCK = 512
"""Pictures compared with all others at a time."""

BATCH = 32
"""Pictures that the network is asked about at a time."""


def likeness_file(catalogue: Catalogue, model: Model, cache: Path) -> Path:
    """Where the pairs of exactly these files and weights are kept, whether they are there or not."""
    return cache / f"{table_key(catalogue.table)}-{model.sha256[:8]}-likeness-{FORMAT}.csv"


def find_likeness(
    model: Model, catalogue: Catalogue, file: Path, progress: Callable[[int, int], None] | None = None
) -> pd.DataFrame:
    """Ask the model about every image and keep the pairs, see `mutual_nearest`, in `file`.

    progress: told (done, total) of the images. An image that cannot be read has no pair. Raises DataFault for fewer
    than `FEWEST` images or more than `duplicates.MOST`.
    """
    paths = [str(path) for path in catalogue.table["image_path"]]
    if not FEWEST <= len(paths) <= MOST:
        raise DataFault(
            f"Features are compared in sets of {FEWEST:,} to {MOST:,} images, and these are {len(paths):,}: below, so "
            "many features agree by chance."
        )
    features = np.empty((len(paths), 0), dtype=np.float32)
    read = np.zeros(len(paths), dtype=np.bool_)
    for rows, squares, known in _squares(paths, model.description.model.input_size):
        for _, answer in answers(model.net, squares, np.arange(len(rows)), BATCH):
            pooled = answer.features.mean((2, 3)).cpu().numpy()
            if not features.shape[1]:
                features = np.zeros((len(paths), pooled.shape[1]), dtype=np.float32)
            features[rows], read[rows] = pooled, known
        if progress:
            progress(int(rows[-1]) + 1, len(paths))
    kept = np.flatnonzero(read)
    pairs = mutual_nearest(features[kept])
    pairs[["first", "second"]] = kept[pairs[["first", "second"]].to_numpy()]
    write_text(file, pairs.to_csv(index=False, float_format="%.4f", lineterminator="\n"))
    return pairs


def _squares(paths: list[str], size: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.bool_]]]:
    """Batch by batch: row numbers, squares uint8 (b, S, S, 3), and which of them could be read."""

    def read(path: str) -> NDArray[np.uint8] | None:
        try:
            return square(open_image(Path(path)), size) if path else None
        except ImageRefused:  # named, with its cure, by the check of the files
            return None

    with ThreadPoolExecutor() as pool:
        for start in range(0, len(paths), BATCH):
            found = list(pool.map(read, paths[start : start + BATCH]))
            blank = np.zeros((size, size, 3), dtype=np.uint8)
            squares = np.stack([blank if one is None else one for one in found])
            yield start + np.arange(len(found)), squares, np.array([one is not None for one in found])


def decorrelate(features: NDArray[np.floating], directions: int = DIRECTIONS) -> NDArray[np.float32]:
    """The features along their principal directions, each scaled to unit deviation and then each picture to length 1.

    features: float (n, C). Returns float32 (n, k), k at most `directions`; directions without deviation are left out.
    """
    centred = features - features.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
    order = np.argsort(-values)[:directions]
    order = order[values[order] > values.max() * 1e-9]
    along = centred @ vectors[:, order] / np.sqrt(values[order])
    length = np.linalg.norm(along, axis=1, keepdims=True)
    return (along / np.maximum(length, 1e-12)).astype(np.float32)


def mutual_nearest(features: NDArray[np.floating], directions: int = DIRECTIONS, alike: float = ALIKE) -> pd.DataFrame:
    """The pairs of pictures of which each is the other's nearest, at least `alike`, most alike first.

    features: float (n, C). Columns as those of `duplicates.near_duplicates`: first and second (rows, first < second),
    correlation (cosine after `decorrelate`), turned (never).
    """
    along = decorrelate(features, directions)
    nearest = np.zeros(len(along), dtype=np.int64)
    likeness = np.full(len(along), -1.0, dtype=np.float32)
    for start in range(0, len(along), BLOCK):
        cosine = along[start : start + BLOCK] @ along.T
        rows = np.arange(len(cosine))
        cosine[rows, start + rows] = -2
        nearest[start + rows] = cosine.argmax(axis=1)
        likeness[start + rows] = cosine.max(axis=1)
    first = np.flatnonzero(
        (nearest[nearest] == np.arange(len(nearest))) & (nearest > np.arange(len(nearest))) & (likeness >= alike)
    )
    columns = (first, nearest[first], likeness[first], np.zeros(len(first), dtype=np.bool_))
    table = pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))
    return table.sort_values(["correlation", "first"], ascending=[False, True], ignore_index=True)
