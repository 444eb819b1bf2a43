"""A library of confirmed cases made from data sets, and what its neighbours are worth on pictures that it lacks.

Needs a catalogue and a model. Only what may be learned from goes in: of the shipped splits the training part, of other
data every picture whose diagnosis is one of the seven and whose table says how it was confirmed.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.data.catalogue import Catalogue
from derm.data.diagnosis_words import UNKNOWN
from derm.data.looks import long_hashes, look_at
from derm.data.split import join_lesions as joined
from derm.data.split import learned_parts, own_lesions
from derm.diagnoses import CODES, MALIGNANT
from derm.errors import DataFault, ImageRefused
from derm.evaluate.inference import Progress
from derm.image.decode import open_image
from derm.image.overlay import jpeg, resize_picture
from derm.image.resize import square
from derm.model.weights import Model
from derm.predict.interpret import interpret_in_batches
from derm.predict.library import LibraryCase, LibraryWriter

DIRECTIONS = 64
"""Principal directions of the features that are kept."""

FEWEST = 1_000
"""Pictures below which directions would fit them by chance; the features themselves are compared then."""

FITTED = 8_192
"""Pictures, drawn by lot, of which the directions are found."""

AT_ONCE = 64
"""Pictures that are held in memory at a time."""

THUMBNAIL = 192
"""Longer side of the picture that is kept of a case, pixels."""

PUBLIC = re.compile(r"ISIC_\d{7}", re.IGNORECASE)
"""Names that belong to a public archive and so to nobody; others may be a patient's and are not kept."""


class Chosen(NamedTuple):
    """What of a catalogue goes into a library."""

    rows: pd.DataFrame
    """Of its table, with the column `lesion` after joining duplicates."""

    kept_apart: int
    """Pictures of the shipped validation and test parts."""

    undiagnosed: int
    """Pictures whose diagnosis is not one of the seven."""

    unconfirmed: int
    """Pictures of which nothing says how their diagnosis was confirmed."""


class Built(NamedTuple):
    """What became of the chosen pictures."""

    cases: int
    unread: tuple[str, ...]
    """Why each was left out that could not be read, a sentence each."""


def choose(catalogue: Catalogue, *, unconfirmed: bool = False) -> Chosen:
    """The pictures of a catalogue that are confirmed cases; unconfirmed: those of unknown confirmation, too."""
    table, parts = catalogue.table, learned_parts(catalogue)
    lesions = joined(table.assign(lesion_id=own_lesions(table)), catalogue.duplicates)
    apart = parts.isin(("validation", "test"))
    named = table["dx"].isin(CODES) & (table["image_path"] != "")
    told = table["dx_type"] != UNKNOWN
    kept = ~apart & named & (told | unconfirmed)
    return Chosen(
        table.assign(lesion=lesions)[kept].reset_index(drop=True),
        int(apart.sum()),
        int((~apart & ~named).sum()),
        int((~apart & named & ~told).sum()) if not unconfirmed else 0,
    )


def build_library(
    model: Model, rows: pd.DataFrame, folder: Path, progress: Progress | None = None, *, names: bool = False
) -> Built:
    """Ask the model about every picture of `rows`, of `choose`, and write the library into `folder`.

    names: keep what pictures are called, which may be a patient's name; without it only names of the ISIC archive are,
    and the others are numbered. progress: told (done, total). Raises DataFault where none of them can be read,
    ConfigFault where the folder cannot be written. The library that was there stays until the new one is whole.
    """
    if rows.empty:
        raise DataFault(
            "None of these pictures is a confirmed case: derm.csv needs diagnosis and confirmed (docs/data.md)."
        )
    order = np.random.default_rng(0).permutation(len(rows))
    unread: list[str] = []
    waiting: list[tuple[list[LibraryCase], NDArray[np.float32], NDArray[np.float32]]] = []
    batches = _asked(model, rows.iloc[order], unread, names=names)
    done = cases = 0

    def tell() -> None:
        nonlocal done
        done += AT_ONCE
        if progress:
            progress(min(done, len(rows)), len(rows))

    temperature = model.description.temperature
    with LibraryWriter(folder, model.sha256, network_id=model.network_id, temperature=temperature) as library:
        for batch in batches:
            waiting.append(batch)
            tell()
            if done >= FITTED:
                break
        features = np.concatenate([found for _, found, _ in waiting]) if waiting else np.zeros((0, 1), np.float32)
        if not len(features):
            raise DataFault(f"None of the {len(rows):,} pictures can be read. {unread[0] if unread else ''}".strip())
        library.basis = basis_of(features)
        for batch in waiting:
            library.add(*batch)
            cases += len(batch[0])
        for batch in batches:
            library.add(*batch)
            cases += len(batch[0])
            tell()
    return Built(cases, tuple(unread))


def basis_of(features: NDArray[np.float32], directions: int = DIRECTIONS) -> NDArray[np.float32]:
    """Mean and principal directions of pooled features, float32 (n, C): float32 (k + 1, C), see `Library.basis`.

    Below `FEWEST` pictures every feature is a direction of its own.
    """
    mean = features.mean(axis=0)
    if len(features) < FEWEST:
        return np.vstack([mean, np.eye(features.shape[1], dtype=np.float32)])
    away = features - mean
    _, axes = np.linalg.eigh(away.T.astype(np.float64) @ away.astype(np.float64))
    return np.vstack([mean, axes[:, ::-1][:, :directions].T]).astype(np.float32)


def _asked(
    model: Model, rows: pd.DataFrame, unread: list[str], *, names: bool
) -> Iterator[tuple[list[LibraryCase], NDArray[np.float32], NDArray[np.float32]]]:
    """Cases with their pooled features and malignant sums, `AT_ONCE` rows at a time; why one cannot be read is added to
    `unread`."""
    size, fit = model.description.model.input_size, model.description.model.fit
    for first in range(0, len(rows), AT_ONCE):
        cases, squares = [], []
        for row in rows.iloc[first : first + AT_ONCE].to_dict("records"):
            try:
                image = open_image(Path(row["image_path"]))
            except ImageRefused as refused:
                unread.append(str(refused))
                continue
            cases.append(_case_of(row, image, names=names))
            squares.append(square(image, size, fit))
        if cases:
            found = [one for _, one in interpret_in_batches(model, np.stack(squares))]
            probabilities = np.concatenate([one.probabilities for one in found])
            malignant = probabilities[:, np.array(MALIGNANT)].sum(axis=1).astype(np.float32)
            yield cases, np.concatenate([one.features for one in found]), malignant


def _case_of(row: Mapping[Any, Any], image: NDArray[np.uint8], *, names: bool) -> LibraryCase:
    height, width = image.shape[:2]
    scale = min(1.0, THUMBNAIL / max(height, width))
    small = resize_picture(image, max(1, round(height * scale)), max(1, round(width * scale)))
    name = str(row["image_id"])
    return LibraryCase(
        label=name if names or PUBLIC.fullmatch(name) else "",
        name=name,
        lesion=str(row["lesion"]),
        dx=row["dx"],
        confirmed=row["dx_type"],
        source=row["source"],
        look=long_hashes(look_at(image)[None])[0],
        picture=jpeg(small),
    )
