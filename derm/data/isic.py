"""Data sets of the ISIC archive: the challenges' own layouts and the archive's metadata.

Needs the folder as it was unpacked. Each reader says whether a folder is its own by its names alone, and gives a
`FolderContent`. Does not know of HAM10000's layouts, which `derm.data.catalogue` reads.
"""

from pathlib import Path

import pandas as pd

from derm.data.diagnosis_words import UNKNOWN, WORDS, codes_of, plain_word, read_mapping
from derm.data.folder import (
    IMAGE_ENDINGS,
    MASK_ENDINGS,
    FolderContent,
    Remark,
    all_columns,
    column,
    find_file,
    plain_id,
    read_marks,
    read_table,
    refuse_nameless,
    scan,
    scan_all,
)
from derm.data.remarks import remark_ages, remark_lesions, remark_metadata
from derm.errors import DataFault
from derm.language.speech import mark, say

STRUCTURES = ("pigment_network", "negative_network", "streaks", "milia_like_cyst", "globules")
"""The five dermoscopic structures of ISIC 2018 Task 2, in the order of the bits of our folder's files."""

TASK1 = "isic2018_task1"
"""The source of ISIC 2018 Tasks 1 and 2."""

PARTS = ("Training", "Validation", "Test")
TASK1_IMAGES = tuple(f"ISIC2018_Task1-2_{part}_Input" for part in PARTS)
TASK1_MASKS = tuple(f"ISIC2018_Task1_{part}_GroundTruth" for part in PARTS)
ISIC2019_IMAGES = tuple(f"ISIC_2019_{part}_Input" for part in PARTS)
ISIC2019_TRUTH = tuple(f"ISIC_2019_{part}_GroundTruth.csv" for part in PARTS)
ISIC2019_METADATA = tuple(f"ISIC_2019_{part}_Metadata.csv" for part in PARTS)
ISIC2019_CLASSES = {
    "MEL": "mel", "NV": "nv", "BCC": "bcc", "AK": "akiec", "BKL": "bkl", "DF": "df", "VASC": "vasc",
    "SCC": UNKNOWN, "UNK": UNKNOWN,
}  # fmt: skip
"""SCC, invasive squamous cell carcinoma, is none of the seven: its images may teach an outline and no diagnosis."""

ISIC2019_SOURCES = {"HAM": "ham10000", "BCN": "bcn20000", "MSK": "msk"}
"""Beginning of a lesion's id in ISIC 2019 → the source that it came from."""

ARCHIVE_TABLE = "metadata.csv"
ARCHIVE = "export it from https://www.isic-archive.com again"
DOWNLOAD = mark("download it again from https://challenge.isic-archive.com/data")


def read_task1(folder: Path) -> FolderContent | None:
    """ISIC 2018 Tasks 1 and 2, as the challenge packs them or as images, masks, attributes and metadata.csv.

    The challenge's own layout names no diagnosis (ISIC 2019 beside it does), and its structures are not looked into:
    that would take decoding five files an image.
    """
    if images := scan(folder, TASK1_IMAGES, IMAGE_ENDINGS):
        table = all_columns(pd.DataFrame({"image_id": [_image_id(path) for path in images]}), TASK1)
        masks = scan(folder, TASK1_MASKS, MASK_ENDINGS)
        return FolderContent("ISIC 2018 Tasks 1 and 2", table, images, masks, undiagnosed=True)
    path = find_file(folder, (ARCHIVE_TABLE,))
    if path is None or not (folder / "attributes").is_dir():
        return None
    raw = read_table(path, ("image_id", "dx", *STRUCTURES), say(DOWNLOAD))
    refuse_nameless(path, raw["image_id"], say(DOWNLOAD))
    raw["image_id"] = raw["image_id"].map(plain_id)
    table = all_columns(raw[[name for name in ("image_id", "dx", "age", "sex") if name in raw]], TASK1)
    table["dx"] = codes_of(table["dx"], read_mapping(folder), path)
    structures = pd.concat([raw["image_id"], read_marks(path, raw[list(STRUCTURES)]).astype(int)], axis=1)
    images, masks = scan(folder, ("images",), IMAGE_ENDINGS), scan(folder, ("masks",), MASK_ENDINGS)
    return FolderContent(
        "ISIC 2018 Tasks 1 and 2 (images, masks)", table, images, masks, structures, True, remark_ages(path, raw)
    )


def read_isic2019(folder: Path) -> FolderContent | None:
    """ISIC 2019: images, ground truth of eight classes, and metadata where they came along."""
    images, path = scan(folder, ISIC2019_IMAGES, IMAGE_ENDINGS), find_file(folder, ISIC2019_TRUTH)
    if not images or path is None:
        if images:
            raise DataFault(
                say(
                    "{folder} holds images of ISIC 2019 but no {file}: {cure}.",
                    folder=folder,
                    file=ISIC2019_TRUTH[0],
                    cure=say(DOWNLOAD),
                )
            )
        return None
    classes = [name for name in ISIC2019_CLASSES if name != "UNK"]
    truth = read_table(path, ("image", *classes), say(DOWNLOAD), ("UNK",))
    refuse_nameless(path, truth["image"], say(DOWNLOAD))
    truth["image"] = truth["image"].map(plain_id)
    marks = read_marks(path, truth.reindex(columns=list(ISIC2019_CLASSES), fill_value="0"))
    table = pd.DataFrame({"image_id": truth["image"]})
    dx = [
        "+".join(ISIC2019_CLASSES[name] for name, mark in zip(ISIC2019_CLASSES, row, strict=True) if mark) or UNKNOWN
        for row in marks.to_numpy()
    ]
    remarks: tuple[Remark, ...] = ()
    if metadata := find_file(folder, ISIC2019_METADATA):
        told = read_table(metadata, ("image",), say(DOWNLOAD))
        told = told.assign(image=told["image"].map(plain_id)).drop_duplicates("image")
        keyed = told.assign(key=told["image"].str.lower())
        table = table.assign(key=table["image_id"].str.lower()).merge(keyed, on="key", how="left").fillna("")
        remarks = (
            *remark_metadata(metadata, told["image"], truth["image"]),
            *remark_ages(metadata, told),
            *remark_lesions(metadata, column(table, "lesion_id", missing="")),
        )
    prefix = column(table, "lesion_id", missing="").str.extract(r"^([A-Z]+)", expand=False).fillna("")
    sources = prefix.map(ISIC2019_SOURCES).fillna("isic2019")
    # The same pictures as elsewhere, made smaller by the organisers: their ids in other data sets lack this ending.
    table["image_id"] = table["image_id"].str.removesuffix("_downsampled")
    return FolderContent(
        "ISIC 2019", all_columns(table, sources).assign(dx=dx), images, [], undiagnosed=True, remarks=remarks
    )


def read_archive(folder: Path) -> FolderContent | None:
    """A download of the ISIC archive: metadata.csv with isic_id, pictures beside it or in images/.

    Pictures that the archive does not call dermoscopic are left out.
    """
    path = find_file(folder, (ARCHIVE_TABLE,))
    if path is None:
        return None
    raw = read_table(path, (), ARCHIVE)
    if "isic_id" not in raw:
        return None
    refuse_nameless(path, raw["isic_id"], ARCHIVE)
    raw["isic_id"] = raw["isic_id"].map(plain_id)
    if "image_type" in raw:
        raw = raw[raw["image_type"].str.lower().str.contains("dermoscopic") | (raw["image_type"] == "")]
    raw = raw.reset_index(drop=True)
    words = _finest(raw)
    table = all_columns(raw.rename(columns={"isic_id": "image_id"}), "isic_archive")
    table["dx"] = codes_of(words, read_mapping(folder), path)
    table["dataset"] = column(raw, "attribution")
    return FolderContent("ISIC archive", table, scan_all(folder), [], undiagnosed=True, remarks=remark_ages(path, raw))


def words_in_archive(folder: Path) -> list[str]:
    """The diagnoses of metadata.csv as they stand there; none where there is no such table."""
    path = find_file(folder, (ARCHIVE_TABLE,)) if folder.is_dir() else None
    if path is None:
        return []
    raw = read_table(path, (), ARCHIVE)
    return sorted(set(_finest(raw) if "isic_id" in raw else column(raw, "dx", missing="")))


def _finest(raw: pd.DataFrame) -> pd.Series:
    """The most exact diagnosis of each row: of the newer columns diagnosis_1 … 5 the last that Derm knows, of the older
    ones `diagnosis`, else benign_malignant."""
    levels = [f"diagnosis_{level}" for level in range(5, 0, -1) if f"diagnosis_{level}" in raw]
    order = [*levels, *(name for name in ("diagnosis", "benign_malignant") if name in raw)]
    if not order:
        return pd.Series(UNKNOWN, index=raw.index, dtype=str)
    words = []
    for row in raw[order].itertuples(index=False):
        given = [word for word in row if word]
        known = [word for word in given if plain_word(word) in WORDS]
        words.append(known[0] if known else given[0] if given else "")
    return pd.Series(words, index=raw.index, dtype=str)


def _image_id(path: str) -> str:
    return Path(path).stem.removesuffix("_downsampled")
