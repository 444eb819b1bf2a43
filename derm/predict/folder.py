"""Files and folders of pictures in; a table, masks and heat maps out: what `derm predict` does.

Needs a loaded `Model`. One picture is held in memory at a time, and one that cannot be read costs its own row only.
Every file is written whole or not at all. Knows nothing of the command line.
"""

import math
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.diagnoses import CODES
from derm.errors import ConfigFault, ImageRefused
from derm.files import make_folder, write_bytes, write_text
from derm.image.decode import open_image
from derm.model.weights import Model
from derm.predict.case import Case, diagnose
from derm.predict.practice import at_practice
from derm.predict.views import check_views

ENDINGS = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")
"""Of the files that are taken from a folder, in any case of letters. A file that is named itself may have any."""

COLUMNS = (
    "image_id",
    "dx_pred",
    *(f"p_{code}" for code in CODES),
    "p_malignant",
    "mask_fraction",
    "not_dermoscopic",
    "seen_little",
    "malignant_share",
    "error",
)
"""Of the table of predictions; with several views `spread` stands before the error, see `columns_of`."""

RESULT = re.compile(rf".*_(segmentation|({'|'.join(CODES)})(_soft|_heat)?)\.png")
"""Names of the masks and maps that Derm writes."""


def columns_of(*, spread: bool) -> list[str]:
    """`COLUMNS`, with the views' spread where it is known of any case."""
    return [*COLUMNS[:-1], "spread", "error"] if spread else list(COLUMNS)


def predict_files(
    model: Model,
    paths: Iterable[Path],
    *,
    masks: Path | None = None,
    maps: Path | None = None,
    prevalence: float | None = None,
    views: int = 1,
    watch: Callable[[int, int], None] | None = None,
    tell: Callable[[Case], None] | None = None,
) -> pd.DataFrame:
    """Ask the model about every picture; one row of `columns_of` each, in the order of `find_images`.

    image_id: the file's name without ending, see `name_images`. dx_pred: the most probable code. p_<code>, p_malignant
    and mask_fraction: 0 … 1. malignant_share: of lesions, 0 … 1, where the probabilities hold. not_dermoscopic,
    seen_little: 'yes', 'no' or, where the weights cannot tell, ''; the first takes the answer away, the second makes it
    less certain. error: '' or why the picture was refused, and then the other columns are '' or NaN.
    masks: folder for `<image_id>_segmentation.png` (the outline, 0 or 255) and, for each class, the class-specific mask
    `<image_id>_<code>.png` (0 or 255) and `<image_id>_<code>_soft.png` (0 … 1 as 0–255). maps: folder for the evidence
    `<image_id>_<code>_heat.png` (each class's own maximum as 255, black where it has none). All are 8-bit grey PNGs of
    the picture's size. prevalence: the share of malignant lesions among one's own patients, above 0, below 1, to which
    probabilities are carried (`derm.predict.practice`). views: 1, or 8 for the mean over eight and their spread, see
    `Case.spread`. watch: told (done, total) after each picture. tell: told each case as it is answered.
    Raises ImageRefused when a path is not there or no picture is found, ConfigFault when a folder cannot be written, or
    for another number of views.
    """
    check_views(views)
    outputs = [folder for folder in (masks, maps) if folder is not None]
    files = find_images(paths, outputs)
    for folder in outputs:
        make_folder(folder)
    rows = []
    for done, (name, file) in enumerate(zip(name_images(files), files, strict=True), 1):
        try:
            case = at_practice(diagnose(model, open_image(file), name, views=views), prevalence)
        except ImageRefused as error:
            rows.append({"image_id": name, "dx_pred": "", "error": str(error)})
        else:
            rows.append(row_of(case))
            if tell:
                tell(case)
            _write_pictures(case, masks, maps)
        if watch:
            watch(done, len(files))
    return pd.DataFrame(rows, columns=columns_of(spread=views > 1))


def find_images(paths: Iterable[Path], outputs: Iterable[Path] = ()) -> list[Path]:
    """The files that `paths` name: files as they are, folders searched to the bottom for `ENDINGS`, sorted by path.

    Hidden files are left out, and so is what lies under one of the folders `outputs`: a second run must not take the
    first one's masks for pictures. A file found twice counts once. Raises ImageRefused when a path is not there or no
    picture is found, ConfigFault for a folder that lies in one of `outputs`, or a file that looks like a result there.
    """
    written = [folder.resolve() for folder in outputs]
    found: dict[Path, Path] = {}  # by its one true path, the path that the user knows
    paths = list(paths)
    for path in paths:
        if not path.exists():
            raise ImageRefused(f"There is no file or folder {path}: check the path.")
        if RESULT.fullmatch(path.name) and path.resolve().parent in written:
            raise ConfigFault(f"{path} looks like a result of an earlier run: leave it out, or name another folder.")
        for file in _search(path, written) if path.is_dir() else [path]:
            found.setdefault(file.resolve(), file)
    if not found:
        places = ", ".join(str(path) for path in paths) or "an empty list"
        raise ImageRefused(f"No picture was found in {places}: name files, or folders with {', '.join(ENDINGS)}.")
    return list(found.values())


def name_images(files: list[Path]) -> list[str]:
    """An image_id for each of these different files, so that no two share one: in the table and on disk.

    It is the file's name without ending. Where that is not the only one, it is the path below the folder common to all
    files, with its ending and '/' between folders: `left/7.jpg`, `right/7.jpg`. Upper and lower case count as the same,
    as some disks have it.
    """
    true = [file.resolve() for file in files]
    common = os.path.commonpath([file.parent for file in true]) if true else ""
    below = [file.relative_to(common).as_posix() for file in true]
    stems = Counter(file.stem.casefold() for file in files)
    taken = {path.casefold() for path in below}
    return [
        file.stem if stems[file.stem.casefold()] == 1 and file.stem.casefold() not in taken else path
        for file, path in zip(files, below, strict=True)
    ]


def write_predictions(rows: pd.DataFrame, out: Path) -> None:
    """Write the table of `predict_files` as UTF-8 CSV to `out`, whole or not at all; numbers have six decimals.

    Raises ConfigFault when `out` cannot be written.
    """
    write_text(out, rows.to_csv(index=False, float_format="%.6f", lineterminator="\n"))


def _search(folder: Path, written: list[Path]) -> list[Path]:
    """The pictures in `folder` and below, sorted, without hidden files and those under the folders `written`."""
    true = folder.resolve()
    for output in written:
        if true.is_relative_to(output):
            raise ConfigFault(
                f"The results would lie among the pictures of {folder}, and the next run would take them for pictures: "
                "name a folder of their own."
            )
    return sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in ENDINGS
        and not file.name.startswith(".")
        and file.is_file()
        and not any(file.resolve().is_relative_to(output) for output in written)
    )


def row_of(case: Case) -> dict[str, Any]:
    """One line of the table, by column; image_id is the case's name."""
    probabilities = {f"p_{code}": float(value) for code, value in zip(CODES, case.probabilities, strict=True)}
    return {
        "image_id": case.name,
        "dx_pred": case.predicted.code,
        **probabilities,
        "p_malignant": case.p_malignant,
        "mask_fraction": case.mask_fraction,
        "malignant_share": math.nan if case.mix_share is None else case.mix_share,
        "spread": case.spread,
        "not_dermoscopic": _said(case.not_dermoscopic),
        "seen_little": _said(case.seen_little),
        "error": "",
    }


def _said(said: bool | None) -> str:
    """A statement in the table: 'yes', 'no', or '' where the weights cannot make it."""
    return "" if said is None else "yes" if said else "no"


def _write_pictures(case: Case, masks: Path | None, maps: Path | None) -> None:
    if masks is not None:
        _write_grey(masks / f"{case.name}_segmentation.png", case.mask)
    for index, code in enumerate(CODES):
        if masks is not None:
            soft, binary = case.class_mask(index)
            _write_grey(masks / f"{case.name}_{code}.png", binary)
            _write_grey(masks / f"{case.name}_{code}_soft.png", soft)
        if maps is not None:
            _write_grey(maps / f"{case.name}_{code}_heat.png", case.evidence[index].map)


def _write_grey(path: Path, values: NDArray[np.bool_] | NDArray[np.float32]) -> None:
    """Write values (H, W), bool or 0 … 1, as an 8-bit grey PNG; ConfigFault when the disk does not take it."""
    _, encoded = cv2.imencode(".png", np.rint(values * np.float32(255)).astype(np.uint8))
    write_bytes(path, encoded.tobytes())
