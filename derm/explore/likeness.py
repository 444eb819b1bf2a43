"""Pictures that the network sees as one lesion, though the table counts them as two.

Needs a model and a catalogue's images; asks the model about each once and keeps what it finds on disk. Does not know
whether two pictures do show one lesion: that is for eyes.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.data.catalogue import Catalogue
from derm.data.store import table_key
from derm.errors import DataFault
from derm.explore.duplicates import COLUMNS, MOST
from derm.files import write_text
from derm.model.weights import Model
from derm.predict.features import features_of

FORMAT = 1
"""Raised when the search changes, so that old pairs are not read."""

DIRECTIONS = 512
"""Principal directions of the pooled features that are kept and scaled to unit deviation, so that what most pictures
share counts no more than what tells one from another."""

FEWEST = 1_000
"""Pictures below which so many directions fit by chance."""

ALIKE = 0.55
"""Cosine from which two pictures, each the other's nearest, are a pair. Chosen with the weights shipped first
(c8827fbf…): of HAM10000's 759 pairs at this value 79 % show one lesion by its table, and 10 of the 18 known pairs are
among them; at 0.4 it is 48 % of 1,931 and 15 of 18."""

HOW = (
    "Found by the loaded model's pooled features, decorrelated: each picture is the other's nearest. A mole from nearer"
    " or farther, or in other light, is found so; so are two moles that look alike."
)

SAME = 0.40
"""Cosine from which two pictures are kept on one side of a split. Lower than `ALIKE`: two moles that look alike and
stay together cost a split nothing, and one mole on both sides spoils it. Of the second source's 2,065 pictures the 48
pairs most alike were looked at, down to 0.43: some 40 show one lesion."""

BLOCK = 512
"""Pictures compared with all others at a time."""


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
            f"Features are compared in sets of {FEWEST:,} to {MOST:,} images, and these are {len(paths):,}: name a "
            "data set of such a size with DERM_DATA; in a smaller one many features agree by chance."
        )
    features = features_of(model, [Path(path) for path in paths], progress, lenient=True)
    kept = np.flatnonzero(np.isfinite(features).all(axis=1))  # the others are named, with their cure, by the check
    pairs = mutual_nearest(features[kept])
    pairs[["first", "second"]] = kept[pairs[["first", "second"]].to_numpy()]
    write_text(file, pairs.to_csv(index=False, float_format="%.4f", lineterminator="\n"))
    return pairs


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


def alike_pairs(features: NDArray[np.floating], directions: int = DIRECTIONS, alike: float = SAME) -> pd.DataFrame:
    """All pairs of pictures at least `alike`, most alike first, whether nearest or not; columns as `mutual_nearest`."""
    along = decorrelate(features, directions)
    firsts, seconds, values = [], [], []
    for start in range(0, len(along), BLOCK):
        cosine = along[start : start + BLOCK] @ along.T
        first, second = np.nonzero(cosine >= alike)
        wanted = start + first < second
        firsts.append(start + first[wanted])
        seconds.append(second[wanted])
        values.append(cosine[first[wanted], second[wanted]])
    columns = [np.concatenate(parts) for parts in (firsts, seconds, values)]
    table = pd.DataFrame(dict(zip(COLUMNS, (*columns, np.zeros(len(columns[0]), dtype=np.bool_)), strict=True)))
    return table.sort_values(["correlation", "first", "second"], ascending=[False, True, True], ignore_index=True)
