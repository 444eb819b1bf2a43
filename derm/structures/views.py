"""What the frozen encoder makes of the marked pictures, as they are and in a few variants, kept on disk so that the
decoder trains in minutes on one core.

Needs a loaded model and rows of a catalogue with marks. Goes on where it was stopped.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from derm.data.augment import AugmentConfig, Augmenter
from derm.data.store import new_map, table_key
from derm.errors import ConfigFault
from derm.files import make_folder, read_json, write_json
from derm.image.decode import open_image
from derm.image.resize import square
from derm.model.preprocess import normalise
from derm.model.weights import Model
from derm.structures.marks import read_marks
from derm.structures.network import STAGES, gathered

Progress = Callable[[int, int], None]
"""Told (done, total)."""

VARIED = AugmentConfig(
    smallest_crop=0.6, brightness=0.2, colour=0.15, temperature=0.1, gamma=0.15, gradient=0.15, blur=0.1, hair=0.1
)
"""How variants differ from the picture: turned, mirrored, cropped, in other light."""

AT_ONCE = 16
"""Pictures that go through the encoder together."""

CELL = 8
"""Pixels of the encoder's square to a cell of the masks."""


@dataclass(frozen=True, eq=False)
class Views:
    """n pictures in v views, the first of each as it is.

    sources: four arrays, float16 (n, v, C_i, h_i, w_i), of `derm.structures.network.gathered`. marks: uint8
    (n, v, S / 8, S / 8), a bit for each structure. All are mapped files.
    """

    sources: tuple[NDArray[np.float16], ...]
    marks: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.marks)


def open_views(
    model: Model, table: pd.DataFrame, size: int, views: int, cache: Path, progress: Progress | None = None
) -> Views:
    """The views of every row of `table` at `size` pixels, made where they are not there yet.

    views: of each, at least 1. cache: folder that they are kept in. progress: told (done, total) in pictures. Raises
    DataFault for marks that cannot be read, ImageRefused for pictures.
    """
    words = f"{model.sha256} {table_key(table)} {size} {views} {sorted(asdict(VARIED).items())}"
    folder = cache / f"structures-{sha256(words.encode()).hexdigest()[:16]}"
    make_folder(folder)
    state = folder / "made.json"
    begun = state.is_file() and all((folder / f"{place}.npy").is_file() for place in range(len(STAGES) + 2))
    made = read_json(state)["pictures"] if begun else 0
    arrays = _arrays(model, folder, len(table), size, views, fresh=not begun)
    augmenter = Augmenter(VARIED, size)
    while made < len(table):
        rows = range(made, min(made + max(1, AT_ONCE // views), len(table)))
        _make(model, table, rows, size, augmenter, arrays)
        made = rows.stop
        if made % 128 < len(rows) or made == len(table):
            for array in arrays:
                array.flush()
            write_json(state, {"pictures": made})
        if progress:
            progress(made, len(table))
    return Views(tuple(arrays[:-1]), arrays[-1])


def check_fit(model: Model) -> None:
    """Raise ConfigFault where pictures do not fill the square: marks are laid on the whole of it."""
    if model.description.model.fit != "squeeze":
        raise ConfigFault(
            f"Pictures are padded for {model.label}, and marks of structures are not: use weights whose fit is "
            "'squeeze'."
        )


def _make(
    model: Model, table: pd.DataFrame, rows: range, size: int, augmenter: Augmenter, arrays: "list[np.memmap[Any, Any]]"
) -> None:
    """Fill `rows` of the arrays."""
    views = arrays[-1].shape[1]
    squares, marks = [], []
    for row in rows:
        path = str(table["image_path"].iloc[row])
        image = open_image(Path(path))
        shown = square(image, size, model.description.model.fit)
        bits = _nearest(read_marks(path, image.shape[:2]), size)
        variants = [(shown, bits)] + [
            tuple(augmenter.vary(shown, bits, row * 1000 + number)) for number in range(1, views)
        ]
        squares += [one for one, _ in variants]
        marks += [_nearest(one, size // CELL) for _, one in variants]
    found: list[NDArray[Any]] = [*stages_of(model, np.stack(squares)), np.stack(marks)]
    for array, values in zip(arrays, found, strict=True):
        array[rows.start : rows.stop] = values.reshape(len(rows), views, *values.shape[1:])


def stages_of(model: Model, squares: NDArray[np.uint8]) -> list[NDArray[np.float16]]:
    """What `gathered` gives for squares, uint8 (n, S, S, 3), as float16."""
    with torch.inference_mode():
        stages = model.net.encoder(normalise(torch.from_numpy(squares), model.description.model))
        return [stage.to(torch.float16).contiguous().numpy() for stage in gathered(stages)]


def _nearest(marks: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Marks at another size, uint8 (size, size), each the bits that its middle lies on."""
    rows, columns = (((np.arange(size) + 0.5) * side / size).astype(np.int64) for side in marks.shape)
    return np.ascontiguousarray(marks[np.ix_(rows, columns)])


def _arrays(
    model: Model, folder: Path, count: int, size: int, views: int, *, fresh: bool
) -> "list[np.memmap[Any, Any]]":
    """The files' arrays, mapped for writing: four sources, then the marks."""
    shapes = [one.shape[1:] for one in stages_of(model, np.zeros((1, size, size, 3), np.uint8))]
    kinds: list[tuple[tuple[int, ...], Any]] = [(shape, np.float16) for shape in shapes]
    kinds.append(((size // CELL, size // CELL), np.uint8))
    arrays = []
    for place, (shape, kind) in enumerate(kinds):
        path = folder / f"{place}.npy"
        arrays.append(
            new_map(path, kind, (count, views, *shape)) if fresh else np.lib.format.open_memmap(path, mode="r+")
        )
    return arrays
