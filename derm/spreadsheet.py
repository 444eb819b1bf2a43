"""Tables as CSV that a spreadsheet may open: the one writer, behind whose guard no text becomes a formula.

Needs plain values, or a table of pandas, which it does not import: the way of a prediction has none. Knows nothing of
what the cells mean.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = re.compile(r"'*[\s\0\ufeff\u200b]*(?:[=+\-@＝＋－＠]|(?<=[\t\r\n]))")
"""How a cell begins that a spreadsheet computes, or that is guarded already: blanks before the sign do not matter, and
a tab or a line end opens a new cell where a program splits there. The wide signs count in East Asian locales."""

_QUOTED = re.compile(r'[",;\t|\r\n]|^\s|\s$')
"""What must stand between quotes, lest a program that takes another mark for the separator begins a cell within."""


def cell(text: str) -> str:
    """A text for a cell of a table that a spreadsheet may open: where it would be a formula, behind an apostrophe.

    One that looks guarded already gets another, so that `uncell` gives back every text. For texts alone: a negative
    number stays one.
    """
    return f"'{text}" if _FORMULA.match(text) else text


def uncell(text: str) -> str:
    """The text of which `cell` made this one."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def csv_line(cells: Iterable[object]) -> str:
    """One line of a table, with its end. None and NaN are empty; texts go through `cell`; separated by commas.

    A text that UTF-8 cannot hold, such as a file's name in no encoding, has a question mark in that place.
    """
    return ",".join(map(_written, cells)) + "\n"


def csv_table(table: "pd.DataFrame", number: str = "", *, index: bool = False) -> str:
    """A table of pandas with its header, as `csv_line` writes lines.

    number: how figures with a fraction are written, as '.4f'; '' for as many digits as they have. index: whether the
    rows' names come first.
    """
    columns = [_column(table.iloc[:, place], number) for place in range(table.shape[1])]
    header = [str(name) for name in table.columns]
    if index:
        columns, header = [_column(table.index, number), *columns], [str(table.index.name or ""), *header]
    rows = (",".join(row) + "\n" for row in zip(*columns, strict=True))
    return "".join([csv_line(header), *rows])


def _column(values: "pd.Series | pd.Index", number: str) -> list[str]:
    """The cells of a column as they are written."""
    found = zip(values.tolist(), values.isna().tolist(), strict=True)
    return [
        "" if missing else format(value, number) if number and isinstance(value, float) else _written(value)
        for value, missing in found
    ]


def _written(value: object) -> str:
    if value is None or (isinstance(value, float) and value != value):  # NaN alone is not itself  # noqa: PLR0124
        return ""
    if not isinstance(value, str):
        return str(value)
    known = value.encode(errors="replace").decode()
    text = known if _NUMBER.fullmatch(known) else cell(known)  # a plain number is no formula
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def shown_cell(value: object) -> object:
    """`cell` for a table on a screen whose program can save it as CSV: plain numbers written as texts stay, too."""
    return cell(value) if isinstance(value, str) and not _NUMBER.fullmatch(value) else value


_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?(e[+-]?\d+)?")


MOST_COLUMNS = 1000
"""Of a table that is read; those that Derm knows have some twenty."""

MOST_ROWS = 10_000_000
"""Likewise: ten times the whole ISIC archive."""

MOST_PADDED = 1_000_000
"""Cells that rows may lack, all together: pandas fills each of them up."""

MOST_SEPARATORS = 200_000
"""Of one line, those within quotes included: more than a cell may have characters, which are 131,072."""


def read_header(lines: Iterable[str], size: int, separator: str = ",", most_rows: int = MOST_ROWS) -> list[str]:
    """The names of a table's columns as they stand in its first line; `pandas.read_csv` makes new ones of those that
    are there twice.

    lines: all of the table's, each with its end. size: of the whole table, in bytes or characters.
    ValueError for more than `MOST_COLUMNS` or `most_rows`, for a row of more cells than the header, for a cell of more
    than 131,072 characters, and where the rows lack most of their cells, before the table is parsed: pandas was busy
    for 19 s with 20,000 columns of one name, in 40 kB, and for 37 s, with 650 MB, with one row of 160,000 cells below
    one column; rows of one cell below a thousand columns take a thousand times their bytes.
    """
    header: list[str] = []
    count = 0
    rows = csv.reader(_short(lines, separator), delimiter=separator)
    try:
        for number, row in enumerate(rows):
            if len(row) > MOST_COLUMNS:
                raise ValueError(f"more than {MOST_COLUMNS:,} columns, in line {rows.line_num}")
            if number > most_rows:  # empty ones, too, which take as long
                raise ValueError(f"more than {most_rows:,} rows")
            if not header:
                header = row if len(row) > 1 or "".join(row).strip() else []  # pandas skips an empty line, too
                continue
            count += bool(row)
            if len(row) > len(header):
                raise ValueError(
                    f"its rows have more cells than its header: line {rows.line_num} has {len(row):,}, the header "
                    f"{len(header):,}"
                )
            # Each cell that is there is followed by a separator or a line's end.
            if count * len(header) > size + MOST_PADDED:
                raise ValueError(f"its rows have fewer cells than its header, which has {len(header):,}")
    except csv.Error as error:
        raise ValueError(f"{error}, in line {rows.line_num}") from error
    return header


def has_swallowed_rows(cell: str, place: int, columns: int, separator: str) -> bool:
    """Whether a cell of several lines looks like rows that stray quotation marks have made one of.

    place: the cell's column, of `columns`. Its first line has the separators of the rest of a row, its last line those
    of a row up to this column; a text of several lines has not.
    """
    lines = re.split("\r\n|[\r\n]", cell)
    between = _between_cells(separator)
    rest, before = (len(between.findall(line)) for line in (lines[0], lines[-1]))
    return len(lines) > 1 and rest >= columns - 1 - place and before >= place


def _between_cells(separator: str) -> re.Pattern[str]:
    """What separates cells: no comma of a sentence, which a blank and a word follow, nor of a number."""
    sign = re.escape(separator)
    return re.compile(rf"(?:(?<!\d){sign}|{sign}(?!\d))(?! \w)" if separator == "," else rf"{sign}(?! \w)")


def _short(lines: Iterable[str], separator: str) -> Iterator[str]:
    """The lines; ValueError before one is split into cells beyond all measure."""
    for number, line in enumerate(lines, start=1):
        if line.count(separator) > MOST_SEPARATORS:
            raise ValueError(f"more than {MOST_COLUMNS:,} columns, in line {number}")
        yield line
