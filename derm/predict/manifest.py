"""A list of pictures: a CSV table with a column of files or addresses, or plain text with one in each line.

Needs a text file. Paths in it are below its own folder. Looks at nothing that it names. Knows no model.
"""

import csv
from itertools import chain
from pathlib import Path

from derm.files import open_ordinary
from derm.image.kind import is_picture
from derm.predict.found import printable
from derm.predict.remote import is_address
from derm.spreadsheet import has_swallowed_rows, uncell

ENDINGS = (".csv", ".tsv", ".txt")
"""Of lists, in lower case."""

COLUMNS = ("file", "path", "address", "url", "uri", "image_path", "filename", "image")
"""Of files or addresses, in any case; the first of these that a list has counts."""

MOST = 500_000_000
"""Bytes of a list, at most: five million names, and in memory some five times as much."""

_SNIFFED = (",", ";", "\t")

_END = "\x1c"
"""A line that no list has, for `str.splitlines` breaks there."""


class NoList(ValueError):
    """A file that is no list; its text is the end of a sentence that begins with the file's name."""


def is_list(path: Path) -> bool:
    """Whether a file is taken for a list, by its ending."""
    return path.suffix.lower() in ENDINGS


def read_list(path: Path) -> list[str]:
    """What a list names, in its order, each once: addresses as they stand, paths below its folder; raises NoList."""
    try:
        return _named(path, _text(path).splitlines())
    except csv.Error as error:
        raise NoList(f"is a damaged list ({error}): look for a quotation mark too many") from error


def _named(path: Path, lines: list[str]) -> list[str]:
    if not any(line.strip() for line in lines):
        raise NoList("is an empty list: give it a line for each picture")
    first = next(line for line in lines if line.strip())
    delimiter = max(_SNIFFED, key=first.count)
    header = [name.strip().strip('"').lower() for name in next(csv.reader([first], delimiter=delimiter))]
    column = next((header.index(name) for name in COLUMNS if name in header), None)
    if column is not None:
        named = _cells(lines, lines.index(first) + 1, header, column, delimiter)
    elif is_address(first.strip()) or is_picture(b"", Path(first.strip()).suffix):
        named = [line.strip() for line in lines]
    else:
        raise NoList(
            f"names no pictures: give the list a column '{COLUMNS[0]}' with their paths or addresses, "
            "or one of them in each line"
        )
    once = filter(None, dict.fromkeys(named))
    return list(dict.fromkeys(name if is_address(name) else str(path.parent / name) for name in once))


def _cells(lines: list[str], begin: int, header: list[str], column: int, delimiter: str) -> list[str]:
    """The cells of a column below the header, which is line `begin`; NoList where quotation marks make rows one."""
    rows = csv.reader((f"{line}\n" for line in chain(lines[begin:], [_END])), delimiter=delimiter)
    named: list[str] = []
    line = begin + 1
    for row in rows:
        if row == [_END]:
            return named
        for place, cell in enumerate(row):
            if "\n" in cell and (
                place == column
                or has_swallowed_rows(cell, place, len(header), delimiter)
                or _names_picture(cell, place, column, delimiter)
            ):
                raise NoList(
                    f"has a cell of several lines in line {line}, which begins with "
                    f"'{printable(cell.strip().partition(chr(10))[0][:40])}' and may have swallowed rows: delete the "
                    "quotation mark before it, or write it in one line"
                )
        line = begin + rows.line_num + 1
        named += [uncell(cell.strip()) for cell in row[column : column + 1]]  # as tables of ours write names
    # The reader takes the end of a text for the end of a cell, and so the last line is missing.
    raise NoList("is a damaged list (a quotation mark is not closed): look for a quotation mark too many")


def _names_picture(cell: str, place: int, column: int, delimiter: str) -> bool:
    """Whether a cell of several lines has a picture's name where rows have it that begin with its first at `place`."""
    first, *others = cell.splitlines()
    parts = [[""] * place + first.split(delimiter), *(line.split(delimiter) for line in others)]
    return any(is_picture(b"", Path(name.strip()).suffix) for row in parts for name in row[column : column + 1])


def _text(path: Path) -> str:
    with open_ordinary(path) as stream:
        begin = stream.read(4096)
        wide = begin.startswith((b"\xff\xfe", b"\xfe\xff"))
        if b"\0" in begin and not wide:
            raise NoList("is no text: name pictures, a folder, an archive or a list of them")
        content = begin + stream.read(MOST - len(begin) + 1)
    if len(content) > MOST:
        raise NoList(f"has more than {MOST / 1e6:g} MB: name several shorter lists")
    if wide:
        return content.decode("utf-16", errors="replace")
    return content.decode("utf-8-sig", errors="surrogateescape")
