"""Pooled features of many pictures, each over one view or eight, kept in a file so that they are computed once.

Needs a model and rows of a catalogue. Keeps no picture.
"""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from derm.data.store import DAMAGED, table_key
from derm.files import make_folder, write_bytes
from derm.image.decode import open_image
from derm.image.resize import square
from derm.model.preprocess import normalise
from derm.model.weights import Model
from derm.predict.views import check_views, turn

Progress = Callable[[int, int], None]
"""Told (done, total)."""

AT_ONCE = 32
"""Pictures held in memory at a time."""


def pooled_features(
    model: Model,
    table: pd.DataFrame,
    *,
    views: int = 1,
    kept: Path | None = None,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """The pooled features of every row of a catalogue's `table`, float32 (n, views, C), the upright view first.

    kept: folder in which they are kept, and found again for the same weights, files and views. progress: told (done,
    total). Raises ImageRefused for a picture that cannot be read.
    """
    check_views(views)
    place = None if kept is None else kept / f"features-{model.network_id}-{table_key(table)}-{views}.npz"
    if place is not None and (found := _read(place, len(table), views)) is not None:
        return found
    made = []
    paths = [Path(path) for path in table["image_path"]]
    size, fit = model.description.model.input_size, model.description.model.fit
    for first in range(0, len(paths), AT_ONCE):
        squares = np.stack([square(open_image(path), size, fit) for path in paths[first : first + AT_ONCE]])
        made.append(np.stack([_asked(model, turn(squares, number, rows=1)) for number in range(views)], axis=1))
        if progress:
            progress(first + len(squares), len(paths))
    features: NDArray[np.float32] = np.concatenate(made)
    if place is not None:
        stream = io.BytesIO()
        np.savez(stream, features=features.astype(np.float16))
        make_folder(place.parent)
        write_bytes(place, stream.getvalue())
        return features.astype(np.float16).astype(np.float32)
    return features


def _asked(model: Model, squares: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pooled features, float32 (n, C), of squares, uint8 (n, S, S, 3): the encoder alone, a third of a whole answer."""
    with torch.no_grad():
        features = model.net.class_features(normalise(torch.from_numpy(squares), model.description.model))
        pooled: NDArray[np.float32] = features.float().mean(dim=(2, 3)).numpy()
    return pooled


def _read(place: Path, images: int, views: int) -> NDArray[np.float32] | None:
    """What is kept in the file, where it is whole and of as many pictures and views; else None."""
    try:
        with np.load(io.BytesIO(place.read_bytes()), allow_pickle=False) as content:
            features: NDArray[np.float32] = content["features"].astype(np.float32)
    except DAMAGED:
        return None
    return features if features.ndim == 3 and features.shape[:2] == (images, views) else None
