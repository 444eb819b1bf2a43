"""A folder of HAM10000, in any layout that users have on disk, as one table with one row an image.

Needs the folder as it was unpacked; looks at names only and decodes no picture.
Does not know whether pictures can be read (derm.data.check does) nor which part an image belongs to (the split does).
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from derm.diagnoses import CODES
from derm.errors import DataFault

COLUMNS = (
    "image_id",
    "lesion_id",
    "dx",
    "dx_type",
    "age",
    "sex",
    "localization",
    "dataset",
    "image_path",
    "mask_path",
)
"""The columns of every catalogue's table, in this order."""

CURE = (
    "download HAM10000 from https://doi.org/10.7910/DVN/DBW86T and unpack it there, "
    "or draw a small set with `derm data synthesise DIR`"
)

# Layouts differ in where the images lie; tables and masks are taken from wherever they are, because people combine
# downloads (the images of ISIC 2018 with the metadata and the masks of Dataverse, say).
IMAGE_FOLDERS = {
    "images": ("images",),
    "Harvard Dataverse": ("HAM10000_images_part_1", "HAM10000_images_part_2"),
    "ISIC 2018 task 3": ("ISIC2018_Task3_Training_Input",),
}
MASK_FOLDERS = ("masks", "HAM10000_segmentations_lesion_tschandl")
METADATA_FILES = ("HAM10000_metadata.csv", "HAM10000_metadata.tab", "HAM10000_metadata")
TRUTH_FILES = ("GroundTruth.csv", "ISIC2018_Task3_Training_GroundTruth.csv")
GROUPING_FILES = ("ISIC2018_Task3_Training_LesionGroupings.csv",)
DUPLICATE_FILES = ("duplicate_lesions.csv",)

IMAGE_ENDINGS = (".jpg", ".jpeg", ".png")
MASK_ENDINGS = ("_segmentation.png",)

# What ISIC 2018 calls the four ways in which HAM10000's diagnoses were confirmed.
CONFIRMATIONS = {
    "histopathology": "histo",
    "serial imaging showing no change": "follow_up",
    "single image expert consensus": "consensus",
    "confocal microscopy with consensus dermoscopy": "confocal",
}


def _no_duplicates() -> pd.DataFrame:
    return pd.DataFrame(columns=["image_id", "same_lesion_as"], dtype=str)


def _no_conflicts() -> pd.DataFrame:
    return pd.DataFrame(columns=["image_id", "metadata", "ground_truth"], dtype=str)


@dataclass(frozen=True)
class Catalogue:
    """What a data set folder holds.

    table: `COLUMNS`, one row an image, sorted by image_id, index 0 … n − 1. age: years, NaN where missing; all other
    columns: text. dx, dx_type, sex, localization and dataset are 'unknown' where missing; lesion_id is '' where the
    layout has none; image_path and mask_path are '' where there is no file.
    """

    folder: Path
    layout: str  # the layout's name, for people
    table: pd.DataFrame
    duplicates: pd.DataFrame = field(default_factory=_no_duplicates)  # image_id, same_lesion_as: pairs of one lesion
    conflicts: pd.DataFrame = field(default_factory=_no_conflicts)  # image_id, metadata, ground_truth: two diagnoses
    unlisted: tuple[str, ...] = ()  # paths of image files that no row names, sorted


def read_catalogue(folder: Path, strict: bool = True) -> Catalogue:
    """Read the tables of `folder` and find the files of each image.

    Raises DataFault where there is no table, no image or a table that cannot be read. With `strict`, as training and
    evaluation need it, also for what would spoil them: diagnoses beside the seven, an image in two rows, rows without
    an image file, two tables that disagree. `derm data check` reads without `strict` and reports all of it.
    """
    if not folder.is_dir():
        raise DataFault(f"{folder} is not a folder, but the folder of a data set is needed: {CURE}.")
    layout, images = _find_images(folder)
    image_of = _by_id(images, IMAGE_ENDINGS)
    mask_of = _by_id(_scan(folder, MASK_FOLDERS, MASK_ENDINGS), MASK_ENDINGS)
    metadata_file, truth_file = _find_file(folder, METADATA_FILES), _find_file(folder, TRUTH_FILES)
    conflicts = _no_conflicts()
    if metadata_file:
        table = _read_metadata(metadata_file)
        if truth_file:
            conflicts = _compare(table, _read_truth(truth_file))
    elif truth_file:
        table = _add_lesions(_read_truth(truth_file), _find_file(folder, GROUPING_FILES))
    else:
        raise DataFault(f"{folder} holds neither HAM10000_metadata.csv nor GroundTruth.csv: {CURE}.")
    if layout == "images":
        layout = "Derm (images, masks, metadata)" if metadata_file else "Kaggle (images, masks, GroundTruth.csv)"

    table["image_path"] = [image_of.get(image_id.lower(), "") for image_id in table["image_id"]]
    table["mask_path"] = [mask_of.get(image_id.lower(), "") for image_id in table["image_id"]]
    table = table[list(COLUMNS)].sort_values("image_id", kind="stable", ignore_index=True)
    catalogue = Catalogue(
        folder=folder,
        layout=layout,
        table=table,
        duplicates=_read_duplicates(_find_file(folder, DUPLICATE_FILES)),
        conflicts=conflicts,
        unlisted=tuple(sorted(set(images) - set(table["image_path"]))),
    )
    if strict:
        _refuse_faults(catalogue)
    return catalogue


def impossible_ages(table: pd.DataFrame) -> pd.Series:
    """Which rows of a catalogue's table have an age below 0 or without end, bool; a missing one is not."""
    return (table["age"] < 0) | np.isinf(table["age"])


def _refuse_faults(catalogue: Catalogue) -> None:
    table = catalogue.table
    twice = table["image_id"].duplicated()
    faults = {
        f"a diagnosis that is not one of {', '.join(CODES)}": table.loc[~table["dx"].isin(CODES), "image_id"],
        "more than one row": table.loc[twice, "image_id"],
        "no image file": table.loc[table["image_path"] == "", "image_id"],
        "one diagnosis in the metadata and another in the ground truth": catalogue.conflicts["image_id"],
        "an age that is no number of years": table.loc[impossible_ages(table), "image_id"],
    }
    for fault, ids in faults.items():
        if len(ids):
            raise DataFault(
                f"{len(ids):,} of {len(table):,} rows in {catalogue.folder} have {fault}, {ids.iloc[0]} for one: "
                f"`derm data check {catalogue.folder}` lists them and says how to mend each."
            )


# Files


def _find_images(folder: Path) -> tuple[str, list[str]]:
    """The first layout whose folders hold images, with the images' paths."""
    for layout, names in IMAGE_FOLDERS.items():
        if images := _scan(folder, names, IMAGE_ENDINGS):
            return layout, images
    wanted = ", ".join(name for group in IMAGE_FOLDERS.values() for name in group)
    raise DataFault(f"{folder} holds no .jpg, .jpeg or .png image in any of the folders {wanted}: {CURE}.")


def _scan(folder: Path, names: Iterable[str], endings: tuple[str, ...]) -> list[str]:
    """The sorted paths of files with one of the `endings` in `folder/name` and `folder/name/name`."""
    paths: list[str] = []
    for name in names:
        # Some unpackers put a zip into a folder of its own name, around the folder of that name inside it.
        for place in (folder / name, folder / name / name):
            if place.is_dir():
                paths += _scan_one(place, endings)
    return sorted(paths)


def _scan_one(place: Path, endings: tuple[str, ...]) -> list[str]:
    try:
        with os.scandir(place) as entries:
            # macOS leaves twins of each file in a zip, named `._ISIC_0024306.jpg`, that are no pictures.
            return [
                entry.path
                for entry in entries
                if entry.name.lower().endswith(endings) and not entry.name.startswith(".") and entry.is_file()
            ]
    except OSError as error:
        raise DataFault(
            f"The folder {place} cannot be listed ({error.strerror}): allow this user to read it."
        ) from None


def _by_id(paths: list[str], endings: tuple[str, ...]) -> dict[str, str]:
    """Lower-case image id → path; of two files with one id, the first in order."""
    found: dict[str, str] = {}
    for path in paths:
        name = Path(path).name.lower()
        ending = next(ending for ending in endings if name.endswith(ending))
        found.setdefault(name.removesuffix(ending), path)
    return found


def _find_file(folder: Path, names: Iterable[str]) -> Path | None:
    """The first of `names` that is in `folder`, or in a folder of its own name as ISIC packs its tables."""
    for name in names:
        for path in (folder / name, folder / Path(name).stem / name):
            if path.is_file():
                return path
    return None


# Tables


def _read_table(path: Path, columns: Iterable[str]) -> pd.DataFrame:
    """The table at `path`, all cells text without spaces around, '' where empty; `columns` must be among its own."""
    try:
        with path.open(encoding="utf-8-sig") as stream:
            separator = "\t" if "\t" in stream.readline() else ","  # Dataverse exports tabs, under three names
        table = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        if not isinstance(table.index, pd.RangeIndex):  # pandas took the first column for the rows' names
            raise ValueError("its rows have more cells than its header")
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, empty, or rows of unequal length
        reason = " ".join(str(error).split())
        raise DataFault(f"{path} is not a table in UTF-8 with commas or tabs ({reason}): {CURE}.") from None
    table.columns = table.columns.str.strip()
    if missing := [column for column in columns if column not in table.columns]:
        raise DataFault(f"{path} lacks the column(s) {', '.join(missing)}: {CURE}.")
    if table.empty:
        raise DataFault(f"{path} has a header but no rows: {CURE}.")
    return table.apply(lambda column: column.str.strip())


def _refuse_nameless(path: Path, ids: pd.Series) -> None:
    if (ids == "").any():
        row = int((ids == "").argmax()) + 2  # the header is line 1
        raise DataFault(f"{path} names no image in line {row}: delete that line, or {CURE}.")


def _read_metadata(path: Path) -> pd.DataFrame:
    """HAM10000_metadata, without the paths; Kaggle's copies lack the column `dataset`."""
    table = _read_table(path, ("lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization"))
    _refuse_nameless(path, table["image_id"])
    if "dataset" not in table:
        table["dataset"] = ""
    table["dx"] = table["dx"].str.lower()
    table["age"] = pd.to_numeric(table["age"], errors="coerce").astype(float)
    texts = ["dx", "dx_type", "sex", "localization", "dataset"]
    table[texts] = table[texts].replace("", "unknown")
    return table


def _read_truth(path: Path) -> pd.DataFrame:
    """A one-hot ground truth as metadata; a row that marks none is 'unknown', one that marks two 'mel+nv'."""
    columns = [code.upper() for code in CODES]
    raw = _read_table(path, ("image", *columns))
    _refuse_nameless(path, raw["image"])
    marked = raw[columns].apply(pd.to_numeric, errors="coerce") == 1
    dx = [
        "+".join(code for code, mark in zip(CODES, row, strict=True) if mark) or "unknown" for row in marked.to_numpy()
    ]
    table = pd.DataFrame({"image_id": raw["image"], "lesion_id": "", "dx": dx, "age": float("nan")})
    return table.assign(dx_type="unknown", sex="unknown", localization="unknown", dataset="unknown")


def _add_lesions(table: pd.DataFrame, path: Path | None) -> pd.DataFrame:
    """Fill lesion_id and dx_type from ISIC's lesion groupings, where they came along."""
    if path is None:
        return table
    columns = ["image", "lesion_id", "diagnosis_confirm_type"]
    groups = _read_table(path, columns).drop_duplicates("image").set_index("image")
    groups = groups.reindex(table["image_id"]).fillna("").reset_index()
    kinds = groups["diagnosis_confirm_type"].replace(CONFIRMATIONS).replace("", "unknown")
    return table.assign(lesion_id=groups["lesion_id"], dx_type=kinds)


def _read_duplicates(path: Path | None) -> pd.DataFrame:
    if path is None:
        return _no_duplicates()
    columns = ["image_id", "same_lesion_as"]
    return _read_table(path, columns)[columns]


def _compare(metadata: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """The images whose diagnosis differs between the two tables: image_id, metadata, ground_truth."""
    both = metadata[["image_id", "dx"]].merge(truth[["image_id", "dx"]], on="image_id", suffixes=("_a", "_b"))
    both = both.rename(columns={"dx_a": "metadata", "dx_b": "ground_truth"})
    both = both[both["metadata"] != both["ground_truth"]].drop_duplicates()
    return both.sort_values("image_id", ignore_index=True)
