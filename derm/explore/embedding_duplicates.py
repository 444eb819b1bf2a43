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
from derm.data.looks import looks_of
from derm.data.store import table_key
from derm.errors import DataFault
from derm.explore.duplicates import COLUMNS, MOST, near_duplicates
from derm.files import write_text
from derm.language.speech import mark, say
from derm.model.weights import Model
from derm.predict.features import features_of
from derm.spreadsheet import csv_table

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

HOW = mark(
    "Found by the loaded model's pooled features, decorrelated: each picture is the other's nearest. A mole from nearer"
    " or farther, or in other light, is found so; so are two moles that look alike."
)

SAME = 0.40
"""Cosine from which two pictures of one source are kept on one side of a split. Lower than `ALIKE`: two moles that
look alike and stay together cost a split nothing, and one mole on both sides spoils it. Of the second source's 2,065
pictures the 48 pairs most alike were looked at, down to 0.43: some 40 show one lesion."""

ACROSS = 0.70
"""The same for two pictures of different sources, decorrelated over all: what sources have in common among themselves
no longer counts. Of HAM10000 and the second source no pair reaches it; the 24 pairs most alike, 0.53 to 0.65, were
looked at, and none shows one lesion."""

BLOCK = 512
"""Pictures compared with all others at a time."""


def likeness_file(catalogue: Catalogue, model: Model, cache: Path) -> Path:
    """Where the pairs of exactly these files and weights are kept, whether they are there or not."""
    return cache / f"{table_key(catalogue.table)}-{model.network_id}-likeness-{FORMAT}.csv"


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
            say(
                "Features are compared in sets of {fewest:,} to {most:,} images, and these are {images:,}: name a "
                "data set of such a size with DERM_DATA; in a smaller one many features agree by chance.",
                fewest=FEWEST,
                most=MOST,
                images=len(paths),
            )
        )
    features = features_of(model, [Path(path) for path in paths], progress, lenient=True)
    kept = np.flatnonzero(np.isfinite(features).all(axis=1))  # the others are named, with their cure, by the check
    pairs = mutual_nearest(features[kept])
    pairs[["first", "second"]] = kept[pairs[["first", "second"]].to_numpy()]
    write_text(file, csv_table(pairs, ".4f"))
    return pairs


def find_same(model: Model, catalogue: Catalogue, progress: Callable[[int, int], None] | None = None) -> pd.DataFrame:
    """Pairs of pictures that may show one lesion, so that a split keeps them together, most alike first.

    Columns: image_id, same_lesion_as, likeness (cosine of features, or correlation of small grey copies), found_by
    ('features' or 'look') and across_sources. By features within sources of `FEWEST` pictures or more, at `SAME`, and
    across sources at `ACROSS`; by their look always. Pairs that the table calls one lesion already are left out.
    progress: told (done, total). Raises DataFault for more than `duplicates.MOST` images.
    """
    table = catalogue.table[catalogue.table["image_path"] != ""].reset_index(drop=True)
    paths = [Path(path) for path in table["image_path"]]
    if len(paths) > MOST:
        raise DataFault(
            say(
                "{images:,} images are too many to compare: name data sets of at most {most:,}.",
                images=len(paths),
                most=MOST,
            )
        )
    pairs = near_duplicates(looks_of(paths)).assign(found_by="look")
    if len(paths) >= FEWEST:
        features = features_of(model, paths, progress, lenient=True)
        kept = np.flatnonzero(np.isfinite(features).all(axis=1))
        sources = table["source"].to_numpy(dtype=str)[kept]
        found = [pairs]
        for name in np.unique(sources):
            own = kept[sources == name]
            if len(own) >= FEWEST:
                found.append(_of_rows(alike_pairs(features[own]), own))
        if len(np.unique(sources)) > 1:
            both = _of_rows(alike_pairs(features[kept], alike=ACROSS), kept)
            names = table["source"].to_numpy(dtype=str)
            found.append(both[names[both["first"]] != names[both["second"]]])
        pairs = pd.concat(found, ignore_index=True).drop_duplicates(["first", "second"])
    first, second = (table.iloc[pairs[name].to_numpy()].reset_index(drop=True) for name in ("first", "second"))
    table_of_pairs = pd.DataFrame(
        {
            "image_id": first["image_id"],
            "same_lesion_as": second["image_id"],
            "likeness": pairs["correlation"].to_numpy(),
            "found_by": pairs["found_by"].to_numpy(),
            "across_sources": (first["source"] != second["source"]).to_numpy(),
        }
    )
    known = (first["lesion_id"] == second["lesion_id"]) & (first["lesion_id"] != "")
    return table_of_pairs[~known].sort_values("likeness", ascending=False, kind="stable", ignore_index=True)


def _of_rows(pairs: pd.DataFrame, rows: NDArray[np.int64]) -> pd.DataFrame:
    """Pairs found by features among `rows`, int64 (k,), with the numbers of these rows."""
    pairs[["first", "second"]] = rows[pairs[["first", "second"]].to_numpy()]
    return pairs.assign(found_by="features")


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
    unit: NDArray[np.float32] = (along / np.maximum(length, 1e-12)).astype(np.float32)
    return unit


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
