"""A folder of dermoscopic pictures, in any layout that users have on disk, as one table with one row an image.

Needs the folder as it was unpacked; looks at names only and decodes no picture. Several folders make one table.
Does not know whether pictures can be read (derm.data.check does) nor which part an image belongs to (the split does).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from derm.data.diagnosis_words import UNKNOWN, code_of, is_readable, read_mapping
from derm.data.folder import (
    CONFIRMATIONS,
    IMAGE_ENDINGS,
    MASK_ENDINGS,
    FolderContent,
    Remark,
    by_id,
    column,
    describe_folder,
    find_file,
    plain_id,
    read_marks,
    read_table,
    refuse_nameless,
    scan,
    scan_all,
    scan_masks,
)
from derm.data.isic import PARTS, read_archive, read_isic2019, read_task1, words_in_archive
from derm.data.own import LAYOUT, TABLE, folded, id_of, read_own, words_in_own
from derm.data.own_names import NamedTable, refuse_contradictions, tell_apart
from derm.data.remarks import (
    DIVIDED,
    OTHER_METADATA,
    UNMATCHED,
    remark_ages,
    remark_lesions,
    remark_pairs,
    remark_truth,
)
from derm.data.values import impossible, read_ages, read_sexes, spelled
from derm.diagnoses import CODES, HAM10000_IMAGES
from derm.errors import ConfigFault, DataFault
from derm.files import as_text
from derm.language.speech import mark, say
from derm.spreadsheet import uncell

COLUMNS = (
    "image_id",
    "lesion_id",
    "patient_id",
    "dx",
    "dx_type",
    "age",
    "sex",
    "localization",
    "dataset",
    "source",
    "image_path",
    "mask_path",
)
"""The columns of every catalogue's table, in this order."""

CURES_OF_TABLES = {
    UNMATCHED: mark("give both tables the same ids, or remove it"),
    OTHER_METADATA: mark("give both tables the same ids, or remove it"),
    DIVIDED: mark("write one part for all of them"),
}
"""Remark for which a data set is refused → its cure."""

CURE = mark(
    "download HAM10000 from https://doi.org/10.7910/DVN/DBW86T and unpack it there, "
    "or draw a small set with `derm data synthesise DIR`"
)

# Layouts differ in where the images lie; tables and masks are taken from wherever they are, because people combine
# downloads (the images of ISIC 2018 with the metadata and the masks of Dataverse, say).
IMAGE_FOLDERS = {
    "images": ("images",),
    "Harvard Dataverse": ("HAM10000_images_part_1", "HAM10000_images_part_2"),
    "ISIC 2018 task 3": ("ISIC2018_Task3_Training_Input",),
    "ISIC 2018 task 3, validation": ("ISIC2018_Task3_Validation_Input",),
    "ISIC 2018 task 3, test": ("ISIC2018_Task3_Test_Input",),
}
OTHER_IMAGES = "HAM10000 (images in folders of other names)"
MASK_FOLDERS = ("masks", "HAM10000_segmentations_lesion_tschandl")
METADATA_FILES = ("HAM10000_metadata.csv", "HAM10000_metadata.tab", "HAM10000_metadata")
TRUTH_FILES = ("GroundTruth.csv", *(f"ISIC2018_Task3_{part}_GroundTruth.csv" for part in PARTS))
NOT_OF_HAM10000 = {"ISIC 2018 task 3, validation": "isic2018_validation", "ISIC 2018 task 3, test": "isic2018_test"}
"""Layouts whose images are none of HAM10000's, with their source."""

GROUPING_FILES = ("ISIC2018_Task3_Training_LesionGroupings.csv",)

NEAR_DUPLICATES = "near_duplicates.csv"
"""Pairs that `derm data duplicates` found, in the same two columns as duplicate_lesions.csv."""

DUPLICATE_FILES = ("duplicate_lesions.csv", NEAR_DUPLICATES)

HAM10000 = "ham10000"
"""The source of HAM10000; its column `dataset` tells which of four clinics and cameras."""

SYNTHETIC = "derm_synthetic"
"""`dataset` and source of drawn images."""


def _no_duplicates() -> pd.DataFrame:
    return pd.DataFrame(columns=["image_id", "same_lesion_as"], dtype=str)


def _no_conflicts() -> pd.DataFrame:
    return pd.DataFrame(columns=["image_id", "metadata", "ground_truth"], dtype=str)


def _no_structures() -> pd.DataFrame:
    return pd.DataFrame(columns=["image_id"], dtype=str)


@dataclass(frozen=True)
class Catalogue:
    """What one or several data set folders hold.

    table: `COLUMNS`, one row an image, sorted by image_id, index 0 … n − 1. age: years, NaN where missing; all other
    columns: text. dx is one of the seven codes, several with "|" between where the table tells less than the seven, or
    'unknown'; dx_type, sex, localization, dataset and source are 'unknown' where missing; lesion_id and patient_id are
    '' where the layout has none; image_path and mask_path are '' where there is no file. source: the data set; dataset:
    its part by clinic or camera, where it names such parts, else the source again.
    """

    folder: Path  # the first, where there are several
    layout: str  # the layout's name, for people
    table: pd.DataFrame
    duplicates: pd.DataFrame = field(default_factory=_no_duplicates)  # image_id, same_lesion_as, see `find_named`
    conflicts: pd.DataFrame = field(default_factory=_no_conflicts)  # image_id, metadata, ground_truth: two diagnoses
    unlisted: tuple[str, ...] = ()  # paths of image files that no row names, sorted
    folders: tuple[Path, ...] = ()  # all of them, where there are several
    structures: pd.DataFrame = field(default_factory=_no_structures)  # image_id and 0 or 1 for each structure
    undiagnosed: bool = False  # whether images without a diagnosis belong to it
    remarks: tuple[Remark, ...] = ()  # what reading the tables has found
    copies: Mapping[str, str] = field(default_factory=dict)  # image_id → image of a shipped split that it is a copy of
    parts: Mapping[str, str] = field(default_factory=dict)  # image_id → part of the split, where its own table says it

    @property
    def place(self) -> str:
        """The folder, or the folders, for a sentence."""
        return ", ".join(str(folder) for folder in self.folders or (self.folder,))

    @property
    def names(self) -> list[str]:
        """What the folder, or each of the folders, is called, without its path."""
        return [folder.name or folder.resolve().name for folder in self.folders or (self.folder,)]


def read_catalogue(folder: Path, strict: bool = True) -> Catalogue:
    """Read the tables of `folder` and find the files of each image.

    Raises DataFault where there is no table, no image or a table that cannot be read. With `strict`, as training and
    evaluation need it, also for what would spoil them: diagnoses beside the seven, an image or its file in two rows,
    rows without an image file, two tables that disagree. `derm data check` reads without it and reports all of it.
    """
    try:
        return _read_catalogue(folder, strict)
    except UnicodeEncodeError as error:
        raise DataFault(
            say(
                "{path} has a name that is not UTF-8, which no table can hold: rename that file or folder.",
                path=as_text(error.object),
            )
        ) from error


def _read_catalogue(folder: Path, strict: bool) -> Catalogue:
    if not folder.is_dir():
        raise DataFault(
            say(
                "{folder} is not a folder, but the folder of a data set is needed: {cure}.",
                folder=folder,
                cure=say(CURE),
            )
        )
    conflicts = _no_conflicts()
    reading = read_own(folder) or read_task1(folder) or read_isic2019(folder) or read_archive(folder)
    if reading is None:
        reading, conflicts = _read_ham10000(folder)
    table, images = reading.table, reading.images
    if not images:
        raise DataFault(
            say(
                "{folder} ({layout}) holds no .jpg, .jpeg or .png image: copy the pictures there.",
                folder=folder,
                layout=reading.layout,
            )
        )
    if "image_path" not in table:
        image_of = by_id(images, IMAGE_ENDINGS)
        for name in [name for name in image_of if name.endswith("_downsampled")]:  # ISIC's, of large pictures
            image_of.setdefault(name.removesuffix("_downsampled"), image_of[name])
        mask_of = by_id(reading.masks, MASK_ENDINGS)
        table["image_path"] = [image_of.get(image_id.lower(), "") for image_id in table["image_id"]]
        table["mask_path"] = [mask_of.get(image_id.lower(), "") for image_id in table["image_id"]]
    table = table[list(COLUMNS)].sort_values("image_id", kind="stable", ignore_index=True)
    duplicates, strangers = _read_duplicates(folder, table["image_id"])
    catalogue = Catalogue(
        folder=folder,
        layout=reading.layout,
        table=table,
        duplicates=duplicates,
        conflicts=conflicts,
        unlisted=tuple(sorted(set(images) - set(table["image_path"]))),
        structures=_no_structures() if reading.structures is None else reading.structures,
        undiagnosed=reading.undiagnosed,
        remarks=(*reading.remarks, *strangers),
        parts=dict(reading.parts),
    )
    if strict:
        _refuse_faults(catalogue)
    return catalogue


def read_words(folder: Path) -> list[str]:
    """The diagnoses of a folder's table as they stand there, by alphabet, where the layout lets users choose words."""
    return words_in_own(folder) or words_in_archive(folder)


def read_data(folders: Sequence[Path], strict: bool = True) -> Catalogue:
    """Read one or several data set folders as one catalogue; errors as of `read_catalogue`, ConfigFault for none.

    An image that several of them hold is one row: the first folder's, with what it lacks (diagnosis, outline, age, sex,
    site, lesion) from the others, so that the outlines of one download join the diagnoses of another. Raises DataFault
    where rows of one id cannot be one image; for a user's own folders see `derm.data.own_names`.
    """
    if not folders:
        raise ConfigFault(
            say("No data: name the folder of a data set with --data, or draw one with `derm data synthesise`.")
        )
    catalogues = [read_catalogue(Path(folder), strict) for folder in folders]
    return catalogues[0] if len(catalogues) == 1 else join_catalogues(catalogues)


def join_catalogues(catalogues: Sequence[Catalogue]) -> Catalogue:
    """Several catalogues as one; see `read_data`."""
    named = [NamedTable(one.table, one.folder, LAYOUT in one.layout.split(" + ")) for one in catalogues]
    refuse_contradictions(named)
    tables = [
        table.replace(dict.fromkeys(FILLABLE, UNKNOWN), "").assign(order=place)
        for place, table in enumerate(tell_apart(named))
    ]
    rows = pd.concat(tables, ignore_index=True).sort_values(["image_id", "order"], kind="stable")
    # A lesion that is named like its image has no name: one that another folder knows comes first.
    lesions = rows["lesion_id"].where(rows["lesion_id"] != rows["image_id"], "")
    texts = [name for name in COLUMNS if name not in ("image_id", "age")]
    filled = rows.assign(lesion_id=lesions)[["image_id", *texts]].replace("", pd.NA)
    first = filled.groupby("image_id", sort=True)[texts].first()  # the first that is not missing
    first["age"] = rows.groupby("image_id", sort=True)["age"].first()
    table = first.reset_index()
    table["lesion_id"] = table["lesion_id"].fillna(table["image_id"])
    table[list(FILLABLE)] = table[list(FILLABLE)].fillna(UNKNOWN)
    table = table.fillna(dict.fromkeys(("patient_id", "image_path", "mask_path"), ""))
    structures = [catalogue.structures for catalogue in catalogues if len(catalogue.structures)]
    return Catalogue(
        folder=catalogues[0].folder,
        layout=" + ".join(dict.fromkeys(catalogue.layout for catalogue in catalogues)),
        table=table[list(COLUMNS)].astype(dict.fromkeys(texts, str)),
        duplicates=pd.concat([catalogue.duplicates for catalogue in catalogues], ignore_index=True),
        conflicts=pd.concat([catalogue.conflicts for catalogue in catalogues], ignore_index=True),
        unlisted=tuple(sorted(path for catalogue in catalogues for path in catalogue.unlisted)),
        folders=tuple(catalogue.folder for catalogue in catalogues),
        structures=pd.concat(structures).drop_duplicates("image_id") if structures else _no_structures(),
        undiagnosed=any(catalogue.undiagnosed for catalogue in catalogues),
        remarks=tuple(remark for catalogue in catalogues for remark in catalogue.remarks),
        copies={image: known for catalogue in catalogues for image, known in catalogue.copies.items()},
        parts={image: part for catalogue in reversed(catalogues) for image, part in catalogue.parts.items()},
    )


FILLABLE = ("dx", "dx_type", "sex", "localization", "dataset", "source")
"""Columns that say 'unknown' where they know nothing."""


def part_names(table: pd.DataFrame) -> pd.Series:
    """Each image's part of its source, text (n,): `dataset`, with the source before it where another source, or a part
    of one, has the same name."""
    pairs = table[["source", "dataset"]].drop_duplicates()
    owners: dict[str, set[str]] = {source: {source} for source in pairs["source"]}
    for source, part in pairs.itertuples(index=False):
        owners.setdefault(part, set()).add(source)
    alone = (table["dataset"] == table["source"]) | (table["dataset"].map(owners).map(len) == 1)
    return table["dataset"].where(alone, table["source"] + ": " + table["dataset"])


def impossible_ages(table: pd.DataFrame) -> pd.Series:
    """Which rows of a catalogue's table have an age that nobody has, bool; a missing one is not."""
    return impossible(table["age"])


def unreadable_diagnoses(catalogue: Catalogue) -> pd.Series:
    """Which rows have a diagnosis that is neither of the seven nor open, bool; none at all is one, too, where the
    layout diagnoses every image."""
    dx = catalogue.table["dx"]
    return ~is_readable(dx) | ((dx == UNKNOWN) & (not catalogue.undiagnosed))


def find_named(names: pd.Series, ids: pd.Series) -> pd.Series:
    """The image of `ids`, text (m,), that a table calls so, for each of `names`, text (n,); '' where none is.

    First by its id as it stands, for that may end in .tif, too, then as derm.csv calls it, then as other tables do;
    each in any case of letters, where one image alone is called so.
    """
    known = set(ids)
    alike: dict[str, list[str]] = {}
    for image_id in known:
        alike.setdefault(folded(image_id), []).append(image_id)

    def find(name: str) -> str:
        for read in (str, id_of, plain_id):
            if (called := read(name)) in known:
                return called
            if len(found := alike.get(folded(called), [])) == 1:
                return found[0]
        return ""

    return names.map({name: find(name) for name in set(names)}).astype(str)


def picture_files(table: pd.DataFrame) -> pd.Series:
    """What tells the file of each row's picture from all others, text (n,), '' where there is none.

    By the disk's own number: a path tells nothing where the disk knows no case of letters, or has links.
    """
    return pd.Series([_file_number(path) if path else "" for path in table["image_path"]], index=table.index, dtype=str)


def _file_number(path: str) -> str:
    try:
        found = Path(path).stat()
    except OSError:
        return path
    return f"{found.st_dev}:{found.st_ino}" if found.st_ino else path  # some disks of a network number nothing


def _refuse_faults(catalogue: Catalogue) -> None:
    table = catalogue.table
    twice, files = table["image_id"].duplicated(), picture_files(table)
    faults = {
        say("a diagnosis that is not one of {codes}", codes=", ".join(CODES)): table.loc[
            unreadable_diagnoses(catalogue), "image_id"
        ],
        say("more than one row"): table.loc[twice, "image_id"],
        say("the picture of another row, too"): table.loc[files.duplicated() & (files != ""), "image_id"],
        say("no image file"): table.loc[table["image_path"] == "", "image_id"],
        say("one diagnosis in the metadata and another in the ground truth"): catalogue.conflicts["image_id"],
        say("an age that is no number of years"): table.loc[impossible_ages(table), "image_id"],
    }
    for remark in catalogue.remarks:
        if remark.kind in CURES_OF_TABLES:
            raise DataFault(
                say(
                    "{file} {problem}: {cure}.",
                    file=catalogue.folder / remark.subject,
                    problem=remark.problem,
                    cure=say(CURES_OF_TABLES[remark.kind]),
                )
            )
    for fault, ids in faults.items():
        if len(ids):
            raise DataFault(
                say(
                    "{wrong:,} of {rows:,} rows in {folder} have {fault}, {first} for one: `derm data check {folder}` "
                    "lists them and says how to mend each.",
                    wrong=len(ids),
                    rows=len(table),
                    folder=catalogue.folder,
                    fault=fault,
                    first=ids.iloc[0],
                )
            )


# HAM10000


def _read_ham10000(folder: Path) -> tuple[FolderContent, pd.DataFrame]:
    """HAM10000 in one of its layouts, and the images about whose diagnosis its two tables disagree."""
    metadata_file, truth_file = find_file(folder, METADATA_FILES), find_file(folder, TRUTH_FILES)
    conflicts = _no_conflicts()
    remarks: tuple[Remark, ...] = ()
    layout, images = _find_images(folder)
    if metadata_file:
        table, remarks = _read_metadata(metadata_file)
        if truth_file:
            truth = _read_truth(truth_file)
            conflicts = _compare(table, truth)
            remarks += remark_truth(truth_file, table["image_id"], truth["image_id"])
    elif truth_file:
        table = _add_lesions(_read_truth(truth_file), find_file(folder, GROUPING_FILES))
    else:
        raise DataFault(
            say(
                "{folder} holds neither HAM10000_metadata.csv nor GroundTruth.csv (nor {table}), but {content}: name "
                "the table so or write a {table} (docs/data.md), or {cure}.",
                folder=folder,
                table=TABLE,
                content=describe_folder(folder),
                cure=say(CURE),
            )
        )
    if layout == "images":
        layout = "Derm (images, masks, metadata)" if metadata_file else "Kaggle (images, masks, GroundTruth.csv)"
    source = SYNTHETIC if (table["dataset"] == SYNTHETIC).all() else NOT_OF_HAM10000.get(layout, HAM10000)
    table = table.assign(patient_id="", source=source)
    return FolderContent(layout, table, images, scan_masks(folder, MASK_FOLDERS), remarks=remarks), conflicts


def _find_images(folder: Path) -> tuple[str, list[str]]:
    """The first layout whose folders hold images, else all pictures of the folder, with the images' paths."""
    for layout, names in IMAGE_FOLDERS.items():
        if images := scan(folder, names, IMAGE_ENDINGS):
            return layout, images
    if images := scan_all(folder):
        return OTHER_IMAGES, images
    wanted = ", ".join(name for group in IMAGE_FOLDERS.values() for name in group)
    raise DataFault(
        say(
            "{folder} holds no .jpg, .jpeg or .png image, neither in the folders {wanted} nor in others. It holds "
            "{content}: {cure}.",
            folder=folder,
            wanted=wanted,
            content=describe_folder(folder),
            cure=say(CURE),
        )
    )


# Tables


def _read_metadata(path: Path) -> tuple[pd.DataFrame, tuple[Remark, ...]]:
    """HAM10000_metadata, without the paths, and what was found in it; Kaggle's copies lack the column `dataset`."""
    raw = read_table(path, ("lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization"), say(CURE))
    refuse_nameless(path, raw["image_id"], say(CURE))
    ids = raw["image_id"].map(plain_id)
    lesions = spelled(raw["lesion_id"])
    table = pd.DataFrame(
        {
            "image_id": ids,
            "lesion_id": lesions.where((lesions != "") | bool((lesions == "").all()), ids),
            "dx": _codes(raw["dx"], read_mapping(path.parent)),
            "dx_type": column(raw, "dx_type").str.lower().replace(CONFIRMATIONS),
            "age": read_ages(raw["age"]).years,
            "sex": read_sexes(raw["sex"]),
            "localization": column(raw, "localization").str.lower(),
            "dataset": column(raw, "dataset"),
        }
    )
    return table, (*remark_ages(path, raw), *remark_lesions(path, lesions))


def _codes(words: pd.Series, own: Mapping[str, str]) -> pd.Series:
    """The codes of a table's diagnoses, text (n,); a word that is none of the seven stays, for the check to name."""
    meaning = {}
    for word in set(words):
        code = code_of(word, own)
        meaning[word] = (word.lower() or UNKNOWN) if code == UNKNOWN else code
    return words.map(meaning).astype(str)


def _read_truth(path: Path) -> pd.DataFrame:
    """A one-hot ground truth as metadata; a row that marks none is 'unknown', one that marks two 'mel+nv'."""
    columns = [code.upper() for code in CODES]
    raw = read_table(path, ("image", *(code.upper() for code in HAM10000_IMAGES)), say(CURE), columns)
    refuse_nameless(path, raw["image"], say(CURE))
    marked = read_marks(path, raw.reindex(columns=columns, fill_value="0"))
    dx = [
        "+".join(code for code, mark in zip(CODES, row, strict=True) if mark) or "unknown" for row in marked.to_numpy()
    ]
    ids = raw["image"].map(plain_id)
    table = pd.DataFrame({"image_id": ids, "lesion_id": "", "dx": dx, "age": float("nan")})
    return table.assign(dx_type="unknown", sex="unknown", localization="unknown", dataset="unknown")


def _add_lesions(table: pd.DataFrame, path: Path | None) -> pd.DataFrame:
    """Fill lesion_id and dx_type from ISIC's lesion groupings, where they came along."""
    if path is None:
        return table
    columns = ["image", "lesion_id", "diagnosis_confirm_type"]
    groups = read_table(path, columns, say(CURE))
    groups = groups.assign(image=groups["image"].map(plain_id)).drop_duplicates("image").set_index("image")
    groups = groups.reindex(table["image_id"]).fillna("").reset_index()
    kinds = groups["diagnosis_confirm_type"].replace(CONFIRMATIONS).replace("", "unknown")
    return table.assign(lesion_id=groups["lesion_id"], dx_type=kinds)


def _read_duplicates(folder: Path, ids: pd.Series) -> tuple[pd.DataFrame, tuple[Remark, ...]]:
    """The pairs of one lesion that the folder's tables name, as they stand there, those that `derm data duplicates`
    found among them; and that some name none of the folder's images. ids: text (n,)."""
    columns = ["image_id", "same_lesion_as"]
    pairs = [_no_duplicates()]
    remarks: list[Remark] = []
    for name in DUPLICATE_FILES:
        if path := find_file(folder, (name,)):
            written = read_table(path, columns, say(CURE))[columns]
            pairs.append(written.apply(lambda names: _unguarded(names, ids)))
            remarks += remark_pairs(path, pairs[-1], pairs[-1].apply(lambda names: find_named(names, ids)) == "")
    return pd.concat(pairs, ignore_index=True), tuple(remarks)


def _unguarded(names: pd.Series, ids: pd.Series) -> pd.Series:
    """Images' names, text (n,), as they were before `derm data duplicates` wrote them for spreadsheets. A table that a
    user has written has no guard: a name of it that only as it stands is one of `ids` stays.
    """
    bare = names.map(uncell)
    if bare.equals(names):
        return names
    own = (bare != names) & (find_named(bare, ids) == "") & (find_named(names, ids) != "")
    return bare.where(~own, names)


def _compare(metadata: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """The images whose diagnosis differs between the two tables, in any case of letters: image_id, metadata,
    ground_truth."""
    first, second = (table[["image_id", "dx"]].assign(key=table["image_id"].str.lower()) for table in (metadata, truth))
    both = first.merge(second.drop(columns="image_id"), on="key", suffixes=("_a", "_b")).drop(columns="key")
    both = both.rename(columns={"dx_a": "metadata", "dx_b": "ground_truth"})
    both = both[both["metadata"] != both["ground_truth"]].drop_duplicates()
    return both.sort_values("image_id", ignore_index=True)
