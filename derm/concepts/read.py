"""What is read of many pictures by machine, for whoever asks what a diagnosis is made of: answers, features, structures
and measures, kept on disk so that it is read once.

Needs a model, its decoder of structures and rows of a catalogue. Measures are inside the model's own outline.
"""

import io
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.data.store import DAMAGED, table_key
from derm.files import make_folder, read_file, write_bytes
from derm.image.decode import open_image
from derm.image.lesion_measures import measure_lesion
from derm.image.resize import square
from derm.model.weights import Model
from derm.predict.case import lesion_in
from derm.predict.interpret import interpret
from derm.structures.look import see
from derm.structures.table import KEYS
from derm.structures.weights import StructureWeights

MEASURES = ("fill", "shape_asymmetry", "colour_asymmetry", "blue_grey", "black", "border")
"""Measures of `LesionMeasures` that need no scale; size is the diameter as a share of the picture."""

CONCEPTS = (*KEYS, *MEASURES)
"""All that is read of a picture in a person's words, in order."""

AT_ONCE = 8
"""Pictures that are looked at together."""

PART = 256
"""Pictures of a file that is kept."""

MOST_BYTES = 64 << 20
"""Of such a file, which takes two megabytes."""


class Readings(NamedTuple):
    """Of n pictures.

    logits: float32 (n, 7), before the temperature. features: float32 (n, C), pooled. presence: float32 (n, 5), logits
    of the structures. measures: float32 (n, 6), in the order of `MEASURES`, NaN where the model outlines nothing.
    """

    logits: NDArray[np.float32]
    features: NDArray[np.float32]
    presence: NDArray[np.float32]
    measures: NDArray[np.float32]

    @property
    def concepts(self) -> NDArray[np.float64]:
        """Presence and measures, float64 (n, 11), in the order of `CONCEPTS`."""
        return np.concatenate([self.presence, self.measures], axis=1).astype(np.float64)


def read_pictures(
    model: Model,
    decoder: StructureWeights,
    table: pd.DataFrame,
    kept: Path,
    progress: Callable[[int, int], None] | None = None,
) -> Readings:
    """Read every row of a catalogue's `table`; kept: folder in which it is kept, and found again part by part.

    progress: told (done, total). Raises ImageRefused for a picture that cannot be read.
    """
    make_folder(kept)
    parts = []
    for first in range(0, len(table), PART):
        rows = table.iloc[first : first + PART]
        set_to = (model.description.mask_threshold, decoder.info.input_size)
        words = f"{model.network_id} {decoder.sha256} {set_to} {table_key(rows)}"
        place = kept / f"concepts-{sha256(words.encode()).hexdigest()[:16]}.npz"
        part = _kept(place, len(rows))
        if part is None:
            part = _read(model, decoder, rows, partial(_tell_within, progress, first, len(table)))
            stream = io.BytesIO()
            np.savez(stream, **part._asdict())
            write_bytes(place, stream.getvalue())
        parts.append(part)
        _tell(progress, first + len(rows), len(table))
    return Readings(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def _tell_within(progress: Callable[[int, int], None] | None, before: int, total: int, done: int) -> None:
    _tell(progress, before + done, total)


def _tell(progress: Callable[[int, int], None] | None, done: int, total: int) -> None:
    if progress:
        progress(done, total)


def _read(model: Model, decoder: StructureWeights, rows: pd.DataFrame, tell: Callable[[int], None]) -> Readings:
    description, found = model.description.model, []
    for first in range(0, len(rows), AT_ONCE):
        images = [open_image(Path(path)) for path in rows["image_path"].iloc[first : first + AT_ONCE]]
        squares = np.stack([square(image, description.input_size, description.fit) for image in images])
        prediction = interpret(model, squares)
        own = decoder.info.input_size
        wider = (
            squares
            if own == description.input_size
            else np.stack([square(one, own, description.fit) for one in images])
        )
        presence = see(model, decoder, wider).presence
        measures = []
        for place, image in enumerate(images):
            outline = lesion_in(prediction.outline_at(place, *image.shape[:2]))
            measured = measure_lesion(image, outline) if outline.any() else None
            measures.append([np.nan if measured is None else getattr(measured, name) for name in MEASURES])
        found.append(
            Readings(
                prediction.logits.astype(np.float32),
                prediction.features.astype(np.float32),
                presence.astype(np.float32),
                np.array(measures, dtype=np.float32),
            )
        )
        tell(first + len(images))
    return Readings(*(np.concatenate(values) for values in zip(*found, strict=True)))


def _kept(place: Path, images: int) -> Readings | None:
    """What is kept in the file, where it is whole and of as many pictures; else None."""
    try:
        with np.load(io.BytesIO(read_file(place, MOST_BYTES)), allow_pickle=False) as content:
            found = Readings(**{name: content[name] for name in Readings._fields})
    except DAMAGED:
        return None
    return found if len(found.logits) == images else None
