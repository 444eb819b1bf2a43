"""Images and masks decoded once, as one uint8 array on disk that every epoch and worker reads from memory.

Needs a catalogue whose files can be read, and room on the disk. Knows nothing of classes or parts.
"""

import contextlib
import hashlib
import math
import shutil
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike, NDArray

from derm.data.catalogue import Catalogue
from derm.data.looks import look_at
from derm.data.masks import judge_masks, look_at_mask
from derm.errors import DataFault, ImageRefused
from derm.files import make_folder, making_folder, open_ordinary, read_json, reserve, sweep, unwritable, write_json
from derm.image.decode import open_image, read_image, read_mask
from derm.image.resize import Fit, square, square_mask
from derm.json_checks import is_several, is_switch, list_of, object_with
from derm.language.speech import json_of_said, said_of_json, say
from derm.paths import kept_free

Progress = Callable[[int, int], None]
"""Told (done, total) as work goes on."""

DAMAGED = (
    OSError, ValueError, KeyError, EOFError, OverflowError, RuntimeError, SyntaxError, TokenError, BadZipFile,
    zlib.error, TypeError,
)  # fmt: skip
"""What NumPy raises on .npy and .npz files that are cut short, damaged or the one in place of the other: it parses
their heads as Python."""

FORMAT = 1
"""Raised when the meaning of a store's files changes, so that old ones are not read."""


@dataclass(frozen=True)
class ImageStore:
    """A data set's images at one size, in the order of its catalogue's table.

    images: uint8 (n, S, S, 3) RGB. masks: uint8 (n, S, S), 1 = lesion. has_mask: bool (n,); without one the mask is 0.
    Both arrays are read-only views of files: workers share their memory.
    """

    folder: Path
    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    has_mask: NDArray[np.bool_]

    def __reduce__(self) -> tuple[Callable[[Path], "ImageStore"], tuple[Path]]:
        """Travel to a worker as a path: pickling a memory map would copy its gigabytes."""
        return load_store, (self.folder,)


def load_store(folder: Path) -> ImageStore:
    """Open the store that lies in `folder`; OSError, ValueError where it is not whole."""
    content = read_json(folder / "store.json")
    if not object_with({"has_mask": list_of(is_switch), "size": is_several})(content):
        raise ValueError("store.json is damaged")
    has_mask, size = np.array(content["has_mask"], dtype=bool), content["size"]
    try:
        images, masks = (open_map(folder / f"{name}.npy") for name in ("images", "masks"))
    except OSError:
        raise
    except DAMAGED as error:
        raise ValueError("its pictures are damaged or cut off") from error
    shape = (len(has_mask), size, size)
    as_written = images.flags.c_contiguous and masks.flags.c_contiguous
    as_told = images.shape == (*shape, 3) and masks.shape == shape
    if not (as_written and as_told) or {images.dtype, masks.dtype} != {np.dtype(np.uint8)}:
        raise ValueError("its pictures are not those that store.json tells of")
    return ImageStore(folder, images, masks, has_mask)


def open_store(
    catalogue: Catalogue,
    size: int,
    cache: Path,
    progress: Progress | None = None,
    fit: Fit = "squeeze",
) -> ImageStore:
    """Open the decoded images of `catalogue` at `size` × `size` pixels, decoding them first if need be.

    fit: how they fill the square, see `derm.image.resize`.

    cache: folder for decoded images; one that a changed file, size or order makes stale is not used. Raises DataFault
    when an image or a mask cannot be read, naming it, when the masks are no outlines of their lesions (see
    `derm.data.masks`), or when the disk is too small; ConfigFault where `cache` cannot be made.
    """
    # The name is older than the choice.
    folder = cache / (f"{table_key(catalogue.table)}-{size}" + ("" if fit == "squeeze" else f"-{fit}"))
    sweep(cache)
    store = _whole_store(folder, len(catalogue.table))
    if store is None:
        _decode(catalogue.table, size, fit, folder, progress)
        store = load_store(folder)
    if fault := _known_fault(store):
        raise DataFault(
            say(
                "{place}: {fault}, so that no outline can be learned from them. `derm data check` says how to mend "
                "them; without its masks the set teaches diagnoses alone.",
                place=catalogue.place,
                fault=fault,
            )
        )
    return store


def _whole_store(folder: Path, images: int) -> ImageStore | None:
    """The store in `folder`, where it is whole; None where there is none, or it is damaged and to be made anew."""
    try:
        store = load_store(folder)
    except (OSError, ValueError):
        return None
    return store if len(store.has_mask) == images else None


def _known_fault(store: ImageStore) -> str:
    """What is wrong with the masks of the whole store, '' where nothing is; looked for once and kept with it."""
    file = store.folder / "store.json"
    content = read_json(file)
    if isinstance(content.get("mask_fault"), str | dict):
        with contextlib.suppress(LookupError, TypeError, ValueError, AttributeError):  # damaged: looked for anew
            return str(said_of_json(content["mask_fault"]))
    fault = _mask_fault(store)
    write_json(file, {**content, "mask_fault": json_of_said(fault)})
    return fault


def _mask_fault(store: ImageStore) -> str:
    """What is wrong with the masks of the whole store, '' where nothing is."""
    rows = np.flatnonzero(store.has_mask)
    masks = [look_at_mask(store.masks[row] > 0) for row in rows]
    looks = np.array([look_at(store.images[row]) for row in rows], dtype=np.uint8)
    return "; ".join(fault.problem for fault in judge_masks(masks, looks)) if len(rows) else ""


def table_key(table: pd.DataFrame) -> str:
    """Name what the files hold: their ids, names, sizes and times of change, wherever the folder lies."""
    digest = hashlib.sha256(f"derm store {FORMAT}\n".encode())
    for row in table.itertuples():
        digest.update(f"{row.image_id}\n".encode())
        for path in (str(row.image_path), str(row.mask_path)):
            if path:
                stat = Path(path).stat()
                digest.update(f"{Path(path).name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _decode(table: pd.DataFrame, size: int, fit: Fit, folder: Path, progress: Progress | None) -> None:
    """Decode into a folder beside `folder`, then rename it: a store is whole or absent, whoever else decodes too."""
    count = len(table)
    needed = count * size * size * 4
    make_folder(folder.parent)
    sweep(folder.parent)
    free = shutil.disk_usage(folder.parent).free
    if free < needed * 1.05 + kept_free():
        raise DataFault(
            say(
                "Decoding {count:,} images at {size} pixels needs {needed:.1f} GB in {folder}, where {free:.1f} GB are "
                "free and {kept:.1f} are to stay so: set DERM_CACHE to a folder on a larger disk.",
                count=count,
                size=size,
                needed=needed / 1e9,
                folder=folder.parent,
                free=free / 1e9,
                kept=kept_free() / 1e9,
            )
        )
    with making_folder(folder) as part:
        images = new_map(part / "images.npy", np.uint8, (count, size, size, 3))
        masks = new_map(part / "masks.npy", np.uint8, (count, size, size))

        def decode(row: int) -> bool:
            image, mask = read_pair(str(table["image_path"].iloc[row]), str(table["mask_path"].iloc[row]))
            images[row] = square(image, size, fit)
            if mask is not None:
                masks[row] = square_mask(mask, size, fit)
            return mask is not None

        has_mask = []
        with ThreadPoolExecutor() as pool:
            try:
                for done, found in enumerate(pool.map(decode, range(count)), 1):
                    has_mask.append(found)
                    if progress:
                        progress(done, count)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        images.flush()
        masks.flush()
        write_json(part / "store.json", {"format": FORMAT, "size": size, "images": count, "has_mask": has_mask})
        if folder.exists() and _whole_store(folder, count) is None:
            shutil.rmtree(folder)  # what is left of a store that was damaged, or deleted in part
        # Another process may have finished first: its store holds the same, so ours is let go.
        with contextlib.suppress(OSError):
            part.rename(folder)


def open_map(path: Path, *, change: bool = False) -> "np.memmap[Any, Any]":
    """The .npy file at `path`, mapped; change: for writing, too. OSError where it is no ordinary file, else one of
    `DAMAGED`."""
    open_ordinary(path).close()
    return np.lib.format.open_memmap(path, mode="r+" if change else "r")


def new_map(path: Path, kind: DTypeLike, shape: tuple[int, ...]) -> "np.memmap[Any, Any]":
    """A new .npy file of zeros, mapped for writing, its room on the disk taken; ConfigFault where there is none."""
    described = {"descr": np.lib.format.dtype_to_descr(np.dtype(kind)), "fortran_order": False, "shape": shape}
    try:
        with path.open("wb") as stream:
            np.lib.format.write_array_header_1_0(stream, described)
            stream.flush()
            reserve(stream, stream.tell() + math.prod(shape) * np.dtype(kind).itemsize)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise unwritable(path, error) from error
    return np.lib.format.open_memmap(path, mode="r+")


def read_pair(
    image_path: str, mask_path: str, content: bytes | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None]:
    """Read an image, uint8 (height, width, 3) RGB, and its mask, bool (height, width) or None where the path is ''.

    content: the image's file, where it is read already. Raises DataFault, naming the file and the cure, when one cannot
    be read or their sizes differ.
    """
    try:
        image = open_image(Path(image_path)) if content is None else read_image(content, Path(image_path).name)
        mask = read_mask(Path(mask_path)) if mask_path else None
    except ImageRefused as error:
        raise DataFault(say("{error} `derm data check` lists all that cannot be read.", error=error)) from error
    if mask is not None and mask.shape != image.shape[:2]:
        raise DataFault(
            say(
                "The mask {path} is {width} × {height} pixels and its image {image_width} × {image_height}: replace it "
                "by one of the image's size.",
                path=mask_path,
                width=mask.shape[1],
                height=mask.shape[0],
                image_width=image.shape[1],
                image_height=image.shape[0],
            )
        )
    return image, mask
