"""Which pictures are read to learn about concepts, part by part of the split by lesion, and what is known of each.

Needs a catalogue. The same pictures are chosen each time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.concepts.read import Readings, read_pictures
from derm.data.catalogue import Catalogue
from derm.data.split import PARTS, Part, split_catalogue
from derm.diagnoses import CODES
from derm.errors import ConfigFault, DataFault
from derm.model.weights import Model
from derm.structures.table import KEYS
from derm.structures.weights import StructureWeights

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class ReadPart:
    """Pictures of one source and one part, with what is known and what was read of them."""

    source: str
    table: pd.DataFrame
    lesions: NDArray[np.object_]
    """Text (n,)."""
    marks: NDArray[np.float64] | None
    """Float64 (n, 5), 1 where people marked the structure; None where nobody did."""
    readings: Readings

    @property
    def dx(self) -> NDArray[np.object_]:
        """Text (n,): the diagnosis."""
        return self.table["dx"].to_numpy(dtype=object)

    @property
    def is_outlined(self) -> bool:
        """Whether the model outlines a lesion in any of the pictures; else there is no measure of them."""
        return not bool(np.isnan(self.readings.measures).any(axis=1).all())


def read_parts(
    model: Model,
    decoder: StructureWeights,
    catalogue: Catalogue,
    kept: Path,
    most: int,
    progress: Progress | None = None,
) -> dict[tuple[str, Part], ReadPart]:
    """Read pictures of every source and part of a catalogue, by source and part.

    kept: folder for what is read. most: pictures of a source in the training part; of each other part half as many;
    where there are more they are drawn by lot, lesions whole or not. progress: told (done, total) over all. Raises
    DataFault where no picture has one of the seven diagnoses.
    """
    chosen = chosen_rows(catalogue, most)
    total, before = sum(map(len, chosen.values())), 0
    if not total:
        raise DataFault(f"{catalogue.place} has no picture of the seven diagnoses.")
    split = split_catalogue(catalogue)
    known = catalogue.structures.set_index("image_id") if len(catalogue.structures) else None
    found = {}
    for (source, part), rows in chosen.items():
        table = catalogue.table.iloc[rows].reset_index(drop=True)
        marks = None
        if known is not None and table["image_id"].isin(known.index).all():
            marks = known.loc[table["image_id"], list(KEYS)].to_numpy(dtype=np.float64)

        def tell(done: int, _own: int, before: int = before) -> None:
            if progress:
                progress(before + done, total)

        readings = read_pictures(model, decoder, table, kept, tell)
        lesions = split.lesions.iloc[rows].to_numpy(dtype=object)
        found[source, part] = ReadPart(source, table, lesions, marks, readings)
        before += len(rows)
    return found


def check_apart(catalogues: Sequence[Catalogue]) -> None:
    """Raise ConfigFault where two data sets have a source of one name: each is read by itself, and known by its source,
    so that one of them would be left out."""
    seen: dict[str, Catalogue] = {}
    for catalogue in catalogues:
        for source in sorted(set(catalogue.table["source"])):
            if source in seen:
                raise ConfigFault(
                    f"{seen[source].place} and {catalogue.place} both have the source '{source}', so that one of them "
                    "would be left out: give one folder, or another name in the column source of one of the tables."
                )
            seen[source] = catalogue


def check_outlined(model: Model, parts: Mapping[tuple[str, Part], ReadPart]) -> None:
    """Raise DataFault where no training picture was read in which `model` outlines a lesion: nothing can be learned."""
    own = [part for (_, name), part in parts.items() if name == "train"]
    if not any(part.is_outlined for part in own):
        raise DataFault(
            f"{model.label} outline no lesion in any of the {sum(len(part.table) for part in own):,} training pictures "
            "that were read, so nothing can be learned of its measures: use other weights, or other data."
        )


def chosen_rows(catalogue: Catalogue, most: int) -> dict[tuple[str, Part], NDArray[np.int64]]:
    """Row numbers in the catalogue, int64, ascending, by source and part; arguments as of `read_parts`."""
    split, table = split_catalogue(catalogue), catalogue.table
    named = table["dx"].isin(CODES).to_numpy() & (table["image_path"] != "").to_numpy()
    chosen = {}
    for source in sorted(set(table["source"])):
        for part in PARTS:
            rows = np.flatnonzero(named & (table["source"] == source).to_numpy() & (split.parts == part).to_numpy())
            wanted = most if part == "train" else most // 2
            if len(rows) > wanted:
                rows = np.sort(np.random.default_rng(0).permutation(rows)[:wanted])
            if len(rows):
                chosen[source, part] = rows
    return chosen
