"""Files and tables of a data set folder, found and read the same way whatever the layout.

Needs the folder as it was unpacked; decodes no picture. Of columns it knows the usual names, see `all_columns`.
"""

import codecs
import csv
import io
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd

from derm.data.values import blank_missing, read_ages, read_sexes, spelled
from derm.errors import DataFault
from derm.files import closed, is_named, read_file
from derm.language.speech import say
from derm.spreadsheet import MOST_ROWS, has_swallowed_rows, read_header

IMAGE_ENDINGS = (".jpg", ".jpeg", ".png")
MASK_ENDINGS = ("_segmentation.png",)

MOST_BYTES = 512 << 20
"""Of a table: ten times that of the whole ISIC archive."""

DEPTH = 4
"""Folders below the data set's that pictures are looked for in: images by class, by part and by source at once."""

_PICTURE_ENDING = re.compile(r"\.(jpe?g|png|bmp|tiff?|webp|gif)$", re.IGNORECASE)
_NO_IMAGES = ("mask", "segmentation", "groundtruth", "ground_truth", "attributes", "superpixel", "__macosx")
"""What the names of folders hold, in lower case, whose pictures are no photographs."""


class Remark(NamedTuple):
    """What reading a table has found; `kind` is one of `derm.data.check.CURES`, the others as of a `Finding` there."""

    kind: str
    subject: str
    problem: str


class FolderContent(NamedTuple):
    """What a reader made of one folder, before files and rows are brought together.

    layout: its name, for people. table: the columns of `derm.data.catalogue.COLUMNS` but those of paths, in any order.
    images, masks: paths of files; masks are named by their image. structures: image_id and a column of 0 and 1 for each
    dermoscopic structure, or None. undiagnosed: whether images without a diagnosis belong to this layout. remarks: what
    was found in the tables. parts: image_id → part of the split, where the table says it.
    """

    layout: str
    table: pd.DataFrame
    images: list[str]
    masks: list[str]
    structures: pd.DataFrame | None = None
    undiagnosed: bool = False
    remarks: tuple[Remark, ...] = ()
    parts: Mapping[str, str] = MappingProxyType({})


# Files


def scan(folder: Path, names: Iterable[str], endings: tuple[str, ...]) -> list[str]:
    """The sorted paths of files with one of the `endings` in the folders called `names`, and in those below them.

    Names match in any case of letters. Folders of masks are no part of a folder of images. Raises DataFault where one
    of these names is that of a link which leads nowhere.
    """
    wanted = {name.lower() for name in names}
    for entry in _entries(folder):
        if entry.name.lower() in wanted:
            refuse_lost(Path(entry.path))
    paths: list[str] = []
    for place in _folders(folder):
        if place.name.lower() in wanted:
            paths += _scan_below(place, endings, DEPTH - 1)
    if "." in wanted:
        paths += _files(folder, endings)
    return sorted(paths)


def scan_all(folder: Path) -> list[str]:
    """The sorted paths of all pictures in `folder` and below it that are not in a folder of masks, nor named as one."""
    found = _scan_below(folder, IMAGE_ENDINGS, DEPTH)
    return sorted(path for path in found if not path.lower().endswith((*MASK_ENDINGS, "_mask.png", "_superpixels.png")))


def scan_masks(folder: Path, names: Iterable[str]) -> list[str]:
    """The sorted paths of masks in the folders called `names`, else of all files of `folder` named as masks."""
    return scan(folder, names, MASK_ENDINGS) or sorted(_scan_below(folder, MASK_ENDINGS, DEPTH))


def _scan_below(place: Path, endings: tuple[str, ...], depth: int) -> list[str]:
    paths = _files(place, endings)
    if depth:
        for below in _folders(place):
            if not any(word in below.name.lower() for word in _NO_IMAGES) or endings == MASK_ENDINGS:
                paths += _scan_below(below, endings, depth - 1)
    return paths


# A path, not its entry, is asked what it is: of a link in a circle the entry raises.


def _files(place: Path, endings: tuple[str, ...]) -> list[str]:
    # macOS leaves twins of each file in a zip, named `._ISIC_0024306.jpg`, that are no pictures.
    return [
        entry.path for entry in _entries(place) if entry.name.lower().endswith(endings) and Path(entry.path).is_file()
    ]


def _folders(place: Path) -> list[Path]:
    """The folders in `place`, but links back to a folder that it lies in."""
    found = sorted(Path(entry.path) for entry in _entries(place) if Path(entry.path).is_dir())
    inside = place.resolve()
    return [path for path in found if not (path.is_symlink() and inside.is_relative_to(path.resolve()))]


def _entries(place: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(place) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise DataFault(
            say(
                "The folder {place} cannot be listed ({reason}): allow this user to read it.",
                place=place,
                reason=error.strerror,
            )
        ) from None


def by_id(paths: list[str], endings: tuple[str, ...]) -> dict[str, str]:
    """Lower-case image id → path; of two files with one id, the first in order."""
    found: dict[str, str] = {}
    for path in paths:
        name = Path(path).name.lower()
        ending = next(ending for ending in endings if name.endswith(ending))
        found.setdefault(name.removesuffix(ending), path)
    return found


def find_file(folder: Path, names: Iterable[str]) -> Path | None:
    """The first of `names` that is in `folder`, or in a folder of its own name as ISIC packs its tables; in any case of
    letters.

    Raises DataFault where what bears one of the names is no file: without it pictures would be told of, and divided, as
    if the table had never been there.
    """
    here = {entry.name.lower(): Path(entry.path) for entry in _entries(folder)}
    for name in names:
        own = here.get(name.lower())
        if own:
            refuse_lost(own)
            if not own.is_dir() and is_table(own):
                return own
        for inside in (here.get(Path(name).stem.lower()), own):
            if inside and inside.is_dir():
                for entry in _entries(inside):
                    if entry.name.lower() == name.lower() and is_table(Path(entry.path)):
                        return Path(entry.path)
        if own and own.suffix:
            is_table(own)  # refuses the folder, in which there is no such table
    return None


def refuse_lost(path: Path) -> None:
    """Raise DataFault where `path` is a link that leads nowhere, as to a disk that is not mounted, or may not be looked
    at."""
    try:
        lost = path.is_symlink() and not path.exists()
    except PermissionError as error:
        raise DataFault(closed(error, path)) from error
    if lost:
        raise DataFault(
            say("{path} is a link that leads nowhere: bring back what it leads to, or remove the link.", path=path)
        )


def is_table(path: Path) -> bool:
    """Whether there is a table's file at `path`; DataFault for anything else that bears its name."""
    if not is_named(path):
        return False
    refuse_lost(path)
    if not path.is_file():
        raise DataFault(
            say("{path} is no file, but has the name of a table: put the table there, or remove it.", path=path)
        )
    return True


def describe_folder(folder: Path) -> str:
    """What lies in `folder`, for a sentence: how many pictures in which folders, and tables with their columns."""
    counts: Counter[tuple[str, Path]] = Counter()
    for path in _scan_below(folder, (*IMAGE_ENDINGS, ".tif", ".tiff", ".bmp", ".dcm"), DEPTH):
        counts[Path(path).suffix.lower(), Path(path).parent.relative_to(folder)] += 1
    told = [
        say("{count:,} {ending} files in {place}", count=count, ending=ending, place=place)
        for (ending, place), count in counts.most_common(3)
    ] or [say("no picture")]
    for table in _tables(folder):
        columns = ", ".join(_header(table)[:6])
        named = table.relative_to(folder)
        told.append(say("{table} with the columns {columns}", table=named, columns=columns) if columns else table.name)
    return "; ".join(told)


def _tables(folder: Path) -> Iterator[Path]:
    places = [folder, *_folders(folder)]
    found = [Path(path) for place in places for path in _files(place, (".csv", ".tab", ".tsv", ".xlsx"))]
    yield from found[:3]


def _header(path: Path) -> list[str]:
    try:
        with path.open("rb") as stream:
            first = _decoded(stream.read(4000)).splitlines()[0]
    except (OSError, ValueError, IndexError):
        return []
    return [cell.strip() for cell in next(csv.reader([first], delimiter=_separator(first)))]


# Tables


IMAGE_COLUMNS = ("image", "image_id", "isic_id")
"""Columns of images' names, which people may have called NA or null: an empty cell alone names none."""


def read_table(
    path: Path, columns: Iterable[str], cure: str, also: Iterable[str] = (), *, as_written: bool = False
) -> pd.DataFrame:
    """The table at `path`, all cells text without spaces around, '' where missing; `columns` must be among its own.

    Commas, semicolons, tabs and bars separate; UTF-8 and UTF-16 are read. Columns match in any case of letters, and
    `columns` and `also` come back as they are written there, all others in lower case. Rows without any cell are left
    out. cure: how to mend it, at the end of the sentence that a DataFault says. as_written: cells such as NA stay;
    names of images do anyway. A cell of several lines is refused in `columns` and `also`, and elsewhere where it looks
    like rows of this table.
    """
    columns = list(columns)
    try:
        table = parse_table(read_file(path, MOST_BYTES))
    except PermissionError as error:
        raise DataFault(closed(error, path)) from None
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataFault(
            say(
                "{path} is not a table in UTF-8 with commas or tabs ({reason}): {cure}.",
                path=path,
                reason=reason,
                cure=cure,
            )
        ) from None
    refuse_swallowed_rows(path, table)
    table = _named(table, [*columns, *also])
    if twice := sorted(set(table.columns[table.columns.duplicated()])):
        raise DataFault(
            say("{path} has the column(s) {twice} twice: delete one of each.", path=path, twice=", ".join(twice))
        )
    if missing := [column for column in columns if column not in table.columns]:
        seen = ", ".join(table.columns[:8]) + (", …" if len(table.columns) > 8 else "")
        raise DataFault(
            say(
                "{path} lacks the column(s) {missing}; it has {seen}: {cure}.",
                path=path,
                missing=", ".join(missing),
                seen=seen,
                cure=cure,
            )
        )
    table = table.fillna("").apply(lambda cells: cells.str.strip())
    _refuse_line_ends(path, table[[name for name in table if name in {*columns, *also}]])
    if not as_written:
        table = table.apply(lambda cells: cells if cells.name in IMAGE_COLUMNS else blank_missing(cells))
    if (table == "").all(axis=None):
        raise DataFault(say("{path} has a header but no rows: {cure}.", path=path, cure=cure))
    filled: pd.DataFrame = table[(table != "").any(axis=1)].reset_index(drop=True)
    return filled


def _refuse_line_ends(path: Path, table: pd.DataFrame) -> None:
    """Raise DataFault for a cell of several lines: two stray quotation marks make one of all rows between them."""
    for name in table:
        # Not for a line end that a text begins with, which stands behind the apostrophe of `derm.spreadsheet.cell`.
        broken = table[name].str.contains(r"^'*[\r\n]*[^'\r\n][^\r\n]*[\r\n]").to_numpy()
        if broken.any():
            row = int(broken.argmax())
            raise _of_several_lines(path, str(name), row + 2, table[name].iloc[row])  # the header is line 1


def refuse_swallowed_rows(path: Path | str, table: pd.DataFrame) -> None:
    """Raise DataFault for a cell, or a column's name, that has swallowed rows, whoever reads its column.

    table: of `parse_table`. path: of its file, or a name, for the sentence.
    """
    separator = table.attrs["separator"]
    for place, name in enumerate(table):
        cells = pd.Series([name, *table.iloc[:, place].fillna("")], dtype=str)
        for row in cells.index[cells.str.contains("[\r\n]")]:
            if has_swallowed_rows(cells[row], place, table.shape[1], separator):
                raise _of_several_lines(path, str(name), row + 1, cells[row])


def _of_several_lines(path: Path | str, name: str, row: int, cell: str) -> DataFault:
    return DataFault(
        say(
            "{path} has a cell of several lines in the column {column}, line {row}, which begins with '{cell}' and may "
            "have swallowed rows: delete the quotation mark before it, or write it in one line.",
            path=path,
            column=name.strip().partition("\n")[0][:40],
            row=row,
            cell="".join(cell.strip().splitlines()[:1])[:40],
        )
    )


def parse_table(content: bytes, *, or_latin: bool = False, most_rows: int = MOST_ROWS) -> pd.DataFrame:
    """The table in a file's bytes, all cells text as they stand there, '' where empty; the one reader of such tables.

    Commas, semicolons, tabs and bars separate; UTF-8 and UTF-16 are read. Columns may be there twice. or_latin: what is
    neither is taken for Latin-1, where a wrong letter does no harm. ValueError, in a few words, for what is no table,
    and for one whose shape `derm.spreadsheet.read_header` refuses.
    """
    text = _decoded(content, or_latin=or_latin)
    if (mark := re.match(r"sep=.\r?\n", text, re.IGNORECASE)) is not None:  # Excel's own first line
        text = text[mark.end() :]
    separator = _separator(text.partition("\n")[0])
    stream = io.StringIO(text, newline="")  # lines end as they do for pandas
    header = read_header(stream, len(text), separator, most_rows)
    stream.seek(0)
    try:
        table = pd.read_csv(stream, sep=separator, dtype=str, keep_default_na=False)
    except (ValueError, OverflowError) as error:  # empty, or rows of unequal length
        raise ValueError(" ".join(str(error).split())[:200]) from None
    if not isinstance(table.index, pd.RangeIndex):  # pandas took the first column for the rows' names
        raise ValueError("its rows have more cells than its header")
    if len(header) != len(table.columns):
        raise ValueError("its first line does not name its columns")
    table.columns = [name or made for name, made in zip(header, table.columns, strict=True)]
    table.attrs["separator"] = separator
    return table


def _named(table: pd.DataFrame, wanted: list[str]) -> pd.DataFrame:
    """The table with its columns called as `wanted` has them, others in lower case; those without a name left out."""
    plain = {_plain(name): name for name in wanted}
    table.columns = [plain.get(_plain(name), _plain(name)) for name in table.columns.str.strip()]
    numbers = [name.startswith("unnamed:_") for name in table.columns]  # of the rows, as pandas and R leave them
    return table.loc[:, [not number for number in numbers]]


def _plain(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.lower())


def _separator(header: str) -> str:
    """Of tab, semicolon, comma and bar, the one that the header has most of; the earlier one of two."""
    outside = re.sub(r'"[^"]*"', "", header)
    return max("\t;,|", key=outside.count) if any(mark in outside for mark in "\t;|") else ","


def _decoded(content: bytes, *, or_latin: bool = False) -> str:
    """The text of a table; ValueError says what else the bytes are."""
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if content.startswith(mark):
            return content.decode(encoding)
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise ValueError("it is a workbook of Excel or LibreOffice: save it there as CSV in UTF-8")
    if content.startswith(b"version https://git-lfs"):
        raise ValueError("it is a pointer of Git LFS: fetch the file with `git lfs pull`")
    if content.lstrip()[:15].lower().startswith((b"<!doctype", b"<html")):
        raise ValueError("it is a web page: the download asked for a log-in or failed")
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):  # without its mark: every other byte is zero
        every_other = content[:200][first::2]
        if every_other.count(b"\0") > 0.8 * len(every_other):
            return content.decode(encoding)
    if (place := content.find(b"\0")) >= 0:
        line = content[:place].count(b"\n") + 1
        raise ValueError(f"a NUL byte stands in line {line}: save it anew as CSV in UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if or_latin:
            return content.decode("latin-1")
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"{error}, in line {line}: save it as CSV UTF-8") from None


def plain_id(name: str) -> str:
    """An image's id without the folders and the ending of a picture that tables put around it."""
    return _PICTURE_ENDING.sub("", re.split(r"[\\/]", name)[-1])


def refuse_nameless(path: Path, ids: pd.Series, cure: str) -> None:
    """Raise DataFault where an image's name is empty, naming the line."""
    if (ids == "").any():
        row = int((ids == "").argmax()) + 2  # the header is line 1
        raise DataFault(
            say("{path} names no image in line {row}: delete that line, or {cure}.", path=path, row=row, cure=cure)
        )


_MARKS = {"1": True, "true": True, "0": False, "false": False, "": False}


def read_marks(path: Path, cells: pd.DataFrame) -> pd.DataFrame:
    """Columns of yes and no of the table at `path`, bool: 1, 1.0 or true is yes, 0, 0.0, false or an empty cell is no.

    cells: text. Raises DataFault for another cell, naming its line.
    """
    plain = cells.apply(lambda column: column.str.lower().str.replace(r"\.0*$", "", regex=True))
    known = plain.isin(list(_MARKS))
    if not known.all(axis=None):
        row, place = (int(number[0]) for number in (~known).to_numpy().nonzero())
        raise DataFault(
            say(
                "{path} has '{cell}' in the column {column}, line {row}: write 1 for yes and 0 for no.",
                path=path,
                cell=cells.iloc[row, place],
                column=cells.columns[place],
                row=row + 2,  # the header is line 1
            )
        )
    marks: pd.DataFrame = plain.apply(lambda column: column.map(_MARKS)).astype(bool)
    return marks


def column(table: pd.DataFrame, *names: str, missing: str = "unknown") -> pd.Series:
    """The first of the columns `names` that `table` has, text as `spelled`; `missing` where a cell is missing or it has
    none. Not for names of files, which are as they are."""
    for name in names:
        if name in table:
            return blank_missing(spelled(table[name])).replace("", missing)
    return pd.Series(missing, index=table.index, dtype=str)


CONFIRMATIONS = {
    "histopathology": "histo",
    "serial imaging showing no change": "follow_up",
    "single image expert consensus": "consensus",
    "single contributor clinical assessment": "clinical",
    "confocal microscopy with consensus dermoscopy": "confocal",
}
"""What the ISIC calls the ways in which diagnoses were confirmed, in HAM10000's words."""


def all_columns(raw: pd.DataFrame, source: str | pd.Series) -> pd.DataFrame:
    """A table with all columns of a catalogue but the paths, as `FolderContent` wants it; what `raw` lacks is unknown.

    raw: image_id, and what it has of lesion_id, patient_id, dx, dx_type (or the ISIC's diagnosis_confirm_type), age
    (age_approx), sex and localization (anatom_site_general). source: the data set's name, or each row's. A lesion
    without a name is its own: near duplicates join what is known to be one.
    """
    confirmed = column(raw, "dx_type", "diagnosis_confirm_type").str.lower()
    lesions = column(raw, "lesion_id", missing="")
    sources = pd.Series(source, index=raw.index) if isinstance(source, str) else source
    return pd.DataFrame(
        {
            "image_id": raw["image_id"],
            "lesion_id": lesions.where(lesions != "", raw["image_id"]),
            "patient_id": column(raw, "patient_id", missing=""),
            "dx": column(raw, "dx").str.lower(),
            "dx_type": confirmed.replace(CONFIRMATIONS),
            "age": read_ages(column(raw, "age", "age_approx", missing="")).years,
            "sex": read_sexes(column(raw, "sex")),
            "localization": column(raw, "localization", "anatom_site_general").str.lower(),
            "dataset": sources,
            "source": sources,
        }
    )
