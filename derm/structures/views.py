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
from derm.data.store import DAMAGED, new_map, open_map, table_key
from derm.errors import ConfigFault
from derm.files import alone_in, make_folder, read_json, write_json
from derm.image.decode import open_image
from derm.image.resize import square
from derm.json_checks import is_count, object_with
from derm.model.preprocess import normalise
from derm.model.weights import Model
from derm.structures.marks import marks_path, read_marks
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

KINDS = [np.dtype(np.float16)] * (len(STAGES) + 1) + [np.dtype(np.uint8)]
"""Of the kept files: four sources, then the marks."""

PATIENCE = 2.0
"""Seconds for which another process that makes the same views is waited for: it takes minutes, or has them already."""


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
    DataFault for marks that cannot be read, ImageRefused for pictures, ConfigFault where another process makes them.
    """
    words = f"{model.sha256} {_key(table)} {size} {views} {sorted(asdict(VARIED).items())}"
    folder = cache / f"structures-{sha256(words.encode()).hexdigest()[:16]}"
    make_folder(folder)
    busy = (
        f"Another training makes the same views in {folder}: wait until it has looked at its pictures, then start this "
        "one again, which finds them there."
    )
    shapes = [(len(table), views, *shape) for shape in _shapes(model, size)]
    with alone_in(folder, PATIENCE, busy):
        state = folder / "made.json"
        made = _made(folder, shapes)
        paths = [folder / f"{place}.npy" for place in range(len(shapes))]
        if made is None:
            state.unlink(missing_ok=True)
            arrays = [new_map(path, kind, shape) for path, kind, shape in zip(paths, KINDS, shapes, strict=True)]
        else:
            arrays = [open_map(path, change=True) for path in paths]
        _fill(model, table, size, arrays, made or 0, state, progress)
    return Views(tuple(arrays[:-1]), arrays[-1])


def _key(table: pd.DataFrame) -> str:
    """Name what the files of pictures, outlines and marks hold, by their sizes and times of change."""
    digest = sha256(table_key(table).encode())
    for path in map(marks_path, table["image_path"]):
        found = path.stat() if path.is_file() else None  # what lacks is named when it is read
        digest.update(f"{path.name} {found and (found.st_size, found.st_mtime_ns)}\n".encode())
    return digest.hexdigest()[:16]


def _made(folder: Path, shapes: list[tuple[int, ...]]) -> int | None:
    """Of how many pictures `folder` has the views; None where there is none, or it is damaged and to be made anew."""
    try:
        state = read_json(folder / "made.json")
        # Read-only first: a file that was cut short would be filled up with zeros.
        kept = [open_map(folder / f"{place}.npy") for place in range(len(shapes))]
    except DAMAGED:
        return None
    if [(one.shape, one.dtype) for one in kept] != list(zip(shapes, KINDS, strict=True)):
        return None
    if not object_with({"pictures": is_count})(state) or state["pictures"] > shapes[0][0]:
        return None
    return int(state["pictures"])


def _fill(
    model: Model,
    table: pd.DataFrame,
    size: int,
    arrays: "list[np.memmap[Any, Any]]",
    made: int,
    state: Path,
    progress: Progress | None,
) -> None:
    """Make what is not `made` of the arrays, and tell in `state` how far that is."""
    views, augmenter = arrays[-1].shape[1], Augmenter(VARIED, size)
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


def _shapes(model: Model, size: int) -> list[tuple[int, ...]]:
    """Of one view: four sources, then the marks."""
    sources = [one.shape[1:] for one in stages_of(model, np.zeros((1, size, size, 3), np.uint8))]
    return [*sources, (size // CELL, size // CELL)]
