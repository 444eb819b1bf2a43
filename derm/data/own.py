"""A user's own folder: pictures and a table derm.csv with documented columns.

Needs the folder. Gives a `FolderContent`. The columns are those of `COLUMNS_OF_OWN`, of which only image is needed.
"""

import os
import unicodedata
from collections import Counter
from pathlib import Path

import pandas as pd

from derm.data.diagnosis_words import codes_of, read_mapping
from derm.data.folder import (
    IMAGE_ENDINGS,
    FolderContent,
    column,
    find_file,
    read_table,
    refuse_lost,
    refuse_nameless,
    scan_all,
)
from derm.data.remarks import remark_ages, remark_lesions, remark_parts
from derm.data.values import blank_missing, read_ages, read_sexes
from derm.errors import DataFault
from derm.language.speech import mark, say

TABLE = "derm.csv"

LAYOUT = "Your own folder (derm.csv)"

COLUMNS_OF_OWN: dict[str, str] = {
    "image": "file of the picture, as a path inside the folder, in any case of letters; without an ending .jpg, .jpeg "
    "and .png are tried, also in images/",
    "diagnosis": "in your words; benign, malignant and empty cells are understood, `derm data words` asks for others",
    "lesion": "name of the lesion: pictures of one lesion stay in one part; of several patients each has its own",
    "patient": "name of the patient: so do pictures of one patient",
    "confirmed": "how the diagnosis was confirmed, such as histo, follow_up or consensus",
    "age": "years",
    "sex": "female or male",
    "site": "place on the body",
    "source": "clinic or camera; without it the folder's name",
    "mask": "file of the outline, lesion white; without it masks/NAME_segmentation.png is tried, below masks/ in the "
    "picture's own folder first; of two pictures of one name none takes it",
    "part": "train, validation or test, where you divide the pictures yourself; without it Derm does",
}
"""Column of derm.csv → what it means."""

PARTS_OF_OWN = ("", "train", "validation", "test")
"""What may stand in the column part."""

CURE = mark("docs/data.md lists the columns of derm.csv")


def read_own(folder: Path) -> FolderContent | None:
    """The folder's pictures by its derm.csv; None where there is none.

    Raises DataFault for a table without the column image, for columns or parts that Derm does not know, and for words
    that it does not know as diagnoses.
    """
    path = find_file(folder, (TABLE,))
    if path is None:
        return None
    raw = read_table(path, ("image",), say(CURE), COLUMNS_OF_OWN)
    refuse_nameless(path, raw["image"], say(CURE))
    if odd := sorted(set(raw.columns) - set(COLUMNS_OF_OWN)):
        raise DataFault(
            say(
                "{path} has the column(s) {odd}, which Derm does not know: {cure}.",
                path=path,
                odd=", ".join(odd),
                cure=say(CURE),
            )
        )
    raw["image"] = raw["image"].str.replace("\\", "/")
    files = [_find(folder, name) for name in raw["image"]]
    ids = raw["image"].map(id_of)
    if not all(files):
        alike = _in_any_case(folder)
        files = [
            file or alike.get(folded(Path(name).as_posix()), "") for file, name in zip(files, raw["image"], strict=True)
        ]
    if not any(files) and (there := scan_all(folder)):
        raise DataFault(
            say(
                "{path} names none of the pictures in {folder}, such as {first}: write into its column image what the "
                "files are called.",
                path=path,
                folder=folder,
                first=Path(there[0]).relative_to(folder),
            )
        )
    # As the file is called, for so is its mask.
    places = [
        _place(str(Path(file).relative_to(folder)) if file else name)
        for file, name in zip(files, raw["image"], strict=True)
    ]
    counts = Counter(map(str, places)) + Counter(f"*/{place.name.lower()}" for place in places)
    masks = blank_missing(raw["mask"]).str.replace("\\", "/") if "mask" in raw else [""] * len(raw)
    refuse_lost(folder / "masks")
    patients = column(raw, "patient", missing="")
    lesions = _of_each_patient(column(raw, "lesion", missing=""), patients)
    table = pd.DataFrame(
        {
            "image_id": ids,
            "lesion_id": lesions.where(lesions != "", ids),
            "patient_id": patients,
            "dx": codes_of(column(raw, "diagnosis", missing=""), read_mapping(folder), path),
            "dx_type": column(raw, "confirmed").str.lower(),
            "age": read_ages(column(raw, "age", missing="")).years,
            "sex": read_sexes(column(raw, "sex")),
            "localization": column(raw, "site").str.lower(),
            "dataset": column(raw, "source", missing=folder.resolve().name),
            "source": column(raw, "source", missing=folder.resolve().name),
            "image_path": files,
            "mask_path": [
                _named_mask(folder, mask) if mask else _find_mask(folder, place, counts)
                for mask, place in zip(masks, places, strict=True)
            ],
        }
    )
    parts = column(raw, "part", missing="").str.lower()
    if odd := sorted(set(parts) - set(PARTS_OF_OWN)):
        raise DataFault(
            say("{path} has the part '{odd}': use train, validation, test, or an empty cell.", path=path, odd=odd[0])
        )
    remarks = (
        *remark_ages(path, raw),
        *remark_lesions(path, lesions),
        *remark_parts(path, parts, {mark("lesion"): lesions, mark("patient"): patients}),
    )
    found = [file for file in files if file]
    used = {os.path.realpath(file) for file in (*found, *table["mask_path"]) if file}
    others = [file for file in scan_all(folder) if os.path.realpath(file) not in used]
    named = {name: part for name, part in zip(ids, parts, strict=True) if part}
    return FolderContent(LAYOUT, table, [*found, *others], [], undiagnosed=True, remarks=remarks, parts=named)


def words_in_own(folder: Path) -> list[str]:
    """The diagnoses of derm.csv as they stand there; none where there is no such table or column."""
    path = find_file(folder, (TABLE,)) if folder.is_dir() else None
    if path is None:
        return []
    return sorted(set(column(read_table(path, ("image",), say(CURE), COLUMNS_OF_OWN), "diagnosis", missing="")))


def _of_each_patient(lesions: pd.Series, patients: pd.Series) -> pd.Series:
    """The lesions' names, text (n,), with the patient's before a name that several patients have: "2" is another lesion
    of each. patients: text (n,), '' where not named."""
    named = (lesions != "") & (patients != "")
    several = patients[named].groupby(lesions[named]).nunique()
    return lesions.mask(lesions.isin(several.index[several > 1]) & named, patients + ": " + lesions)


def _find(folder: Path, name: str) -> str:
    """The picture's file, '' where there is none; never one outside of the folder."""
    place = Path(name)
    endings = ("",) if place.suffix.lower() in IMAGE_ENDINGS else IMAGE_ENDINGS
    for inside in (place, Path("images") / place):
        for ending in endings:
            if path := _file_in(folder, f"{inside}{ending}"):
                return path
    return ""


def _file_in(folder: Path, place: str) -> str:
    """The file at `place` inside `folder`, '' where there is none; its name may be written in another normal form, as
    macOS and its archives write it."""
    for form in dict.fromkeys((place, *(unicodedata.normalize(form, place) for form in ("NFC", "NFD")))):
        path = folder / form
        if path.is_file() and path.resolve().is_relative_to(folder.resolve()):
            return str(path)
    return ""


def id_of(name: str) -> str:
    """The id of a picture that derm.csv calls `name`: folders stay in it, for each may have a picture of one name."""
    return _without_ending(name.replace("\\", "/")).as_posix().replace("/", "-")


def folded(name: str) -> str:
    """A name in one case of letters and one normal form."""
    return unicodedata.normalize("NFC", name).lower()


def _in_any_case(folder: Path) -> dict[str, str]:
    """Each picture of the folder by what derm.csv may call it, as `folded`; none where two would be called so."""
    found: dict[str, set[str]] = {}
    for path in scan_all(folder):
        if Path(path).resolve().is_relative_to(folder.resolve()):
            place = Path(path).relative_to(folder)
            within = Path(*place.parts[1:]) if place.parts[0].lower() == "images" and len(place.parts) > 1 else place
            for name in {place, within, _without_ending(str(place)), _without_ending(str(within))}:
                found.setdefault(folded(name.as_posix()), set()).add(path)
    return {name: min(paths) for name, paths in found.items() if len(paths) == 1}


def _without_ending(name: str) -> Path:
    """A picture's path without its ending; a point may stand in its name, too."""
    place = Path(name)
    return place.with_suffix("") if place.suffix.lower() in IMAGE_ENDINGS else place


def _place(name: str) -> Path:
    """Where a picture lies, without its ending and without images/, for its mask lies likewise in masks/."""
    place = _without_ending(name)
    return Path(*place.parts[1:]) if len(place.parts) > 1 and place.parts[0].lower() == "images" else place


def _named_mask(folder: Path, mask: str) -> str:
    found = _file_in(folder, mask)
    if not found:
        raise DataFault(
            say(
                "{table} names the mask {mask}, which is not in {folder}: copy it there.",
                table=folder / TABLE,
                mask=mask,
                folder=folder,
            )
        )
    return found


def _find_mask(folder: Path, place: Path, counts: Counter[str]) -> str:
    """The mask of the picture at `place`, '' where there is none: in its own folder below masks/, or in masks/ itself.

    counts: how many rows have a place, and under "*/" a name. Of two with one name neither has the mask called so.
    """
    own, bare = counts[str(place)] == 1, counts[f"*/{place.name.lower()}"] == 1
    for mask in [place] * own + [Path(place.name)] * bare:
        if found := _file_in(folder, f"masks/{mask.parent}/{mask.name}_segmentation.png"):
            return found
    return ""
