"""A table of predictions that grows by whole lines, so that what was answered is on the disk whatever happens.

Needs the place of the table, CSV, or Parquet where its name ends so. While a run goes on its rows stand as lines of CSV
in `<name>.part` beside it; the table itself appears, whole, at the end. Knows nothing of models and pictures.

Why not the table itself: one that lies under its own name would be taken for complete, and a run that is begun again
would destroy the last one's. Parquet, whose rows are written in groups of many, could not keep a single one. Each row
is one line and one write, taken back where it fails, so that no reader meets half a line; what a loss of power tore is
left out when the run goes on. The rows of a table that is gone on with are copied into the part first; until all of
them are there, it says so in its first letter, and counts for nothing.
"""

import csv
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from derm.errors import ConfigFault
from derm.files import PART, check_file, try_hold, write_whole
from derm.predict.record import COLUMNS, Record, Settings, cells_of, csv_line, header_line
from derm.spreadsheet import uncell


class GrowingTable:
    """The rows of one run, to be used in a `with` block; rows that are added stay whatever happens in it."""

    def __init__(self, target: Path, settings: Settings, *, resume: bool = False) -> None:
        """Begin `target`, or go on with what stands in it or in its part.

        Raises ConfigFault where nothing can be written, the name has the ending of another kind of file, something else
        than a table of predictions lies there, another run writes there, an earlier run did not end and is not to be
        gone on with, or went by other settings or another schema.
        """
        check_file(target)
        self.target = target.resolve() if target.is_symlink() else target
        _check_ending(self.target)
        self.part = part_of(self.target)
        self.standing: dict[str, dict[str, str]] = {}
        """Rows of before by `file`, each the cells by column that tell whether it still holds; the last one counts."""
        self._in_order = True
        self._descriptor = _open_alone(self.part)
        try:
            self._begin(settings, resume=resume)
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> Self:
        """The table itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the part; its rows stay, and without any it goes."""
        self._close()

    def _close(self) -> None:
        if self.part.exists() and os.fstat(self._descriptor).st_size <= len(header_line().encode()):
            self.part.unlink()
        os.close(self._descriptor)

    def add(self, record: Record) -> None:
        """Append a row and hand it to the disk; ConfigFault, and no half line, where the disk does not take it."""
        self._append(csv_line(record).encode())

    def finish(self, files: Iterable[str], *, in_order: bool = False) -> None:
        """Put the table in place: rows of other files than `files` as they stood, then these in their order.

        in_order: they were added in that order. Raises ConfigFault where it cannot be written, or something else was
        put there meanwhile; the part then stays.
        """
        _refuse_other(self.target)  # hours have passed
        os.fsync(self._descriptor)
        if os.name == "nt":  # which moves no open file
            os.close(self._descriptor)
            self._descriptor = os.open(os.devnull, os.O_RDONLY)
        if in_order and self._in_order and not is_parquet(self.target):
            _rename(self.part, self.target)
            return
        places = {file: (start, size) for file, start, size in _places(self.part)}
        wanted = dict.fromkeys(files)
        order = [file for file in places if file not in wanted] + [file for file in wanted if file in places]

        def lines() -> Iterator[bytes]:
            with self.part.open("rb") as source:
                for file in order:
                    start, size = places[file]
                    source.seek(start)
                    yield source.read(size).rstrip(b"\r\n") + b"\n"

        def fill(whole: Path) -> None:
            if is_parquet(self.target):
                from derm.predict.parquet import write_rows

                write_rows(whole, (cells_of(line.decode(errors="replace")) for line in lines()))
                return
            with whole.open("wb") as stream:
                stream.write(header_line().encode())
                stream.writelines(lines())

        write_whole(self.target, fill)
        self.part.unlink()

    def _begin(self, settings: Settings, *, resume: bool) -> None:
        _trim(self._descriptor)
        if _is_copy(self.part):
            if self.target.exists():  # all that it holds stands there, and more
                os.ftruncate(self._descriptor, 0)
            else:
                self._end_copy()
        begun = os.fstat(self._descriptor).st_size > len(header_line().encode())
        if begun and not resume:
            raise ConfigFault(
                f"{self.part} holds the answers of a run that did not end: go on with it by --resume, or remove it."
            )
        if begun or not resume:
            _refuse_other(self.target)
        if begun:
            self.standing = _standing(self.part, settings)
        else:
            os.ftruncate(self._descriptor, 0)
            if resume and self.target.exists():
                self.standing = _standing(self.target, settings)
                self._copy()
            else:
                self._append(header_line().encode())
        self._in_order = not self.standing

    def _copy(self) -> None:
        """The rows of the table itself into the part, all or none: it stays as it is until the end."""
        try:
            self._append(COPYING + header_line().encode()[1:], self.target)
            if is_parquet(self.target):
                for row in _parquet_lines(self.target):
                    self._append(row.encode(), self.target)
            else:
                with self.target.open("rb") as source:
                    source.readline()
                    for line in source:
                        self._append(line if line.endswith(b"\n") else b"", self.target)
            self._end_copy()
        except BaseException:
            with suppress(OSError):
                os.ftruncate(self._descriptor, 0)
            raise

    def _end_copy(self) -> None:
        """Let the part count: its rows are on the disk, and one letter, the first of the header, says so."""
        try:
            os.fsync(self._descriptor)
            with self.part.open("r+b", buffering=0) as stream:
                stream.write(header_line().encode()[:1])
        except OSError as error:
            raise self._unwritten(error, self.target) from error

    def _append(self, content: bytes, before: Path | None = None) -> None:
        """Write at the end; before: where the answers of before stand, without it the part."""
        size = os.fstat(self._descriptor).st_size
        try:
            written = 0
            while written < len(content):
                written += os.write(self._descriptor, content[written:])
        except BaseException as error:
            with suppress(OSError):
                os.ftruncate(self._descriptor, size)
            if isinstance(error, OSError):
                raise self._unwritten(error, before) from error
            raise

    def _unwritten(self, error: OSError, before: Path | None) -> ConfigFault:
        return ConfigFault(
            f"{self.part} cannot be written ({error.strerror}): make room, and go on with --resume; "
            f"what was answered before stands in {before or 'it'}."
        )


COPYING = b"#"
"""First letter of a part into which the rows of its table are being copied."""

PARQUET = (".parquet", ".pq")
"""Endings of tables in Parquet, in lower case."""

ENDINGS = ("", ".csv", *PARQUET)
"""Endings of all tables, in lower case."""


def is_parquet(target: Path) -> bool:
    """Whether a table is Parquet, by its name."""
    return target.suffix.lower() in PARQUET


def _check_ending(target: Path) -> None:
    """Refuse a name that promises another kind of file: ConfigFault."""
    if target.suffix.lower() not in ENDINGS:
        raise ConfigFault(
            f"{target} ends in {target.suffix}, and tables of predictions are CSV or Parquet: name an --out that ends "
            f"in .csv, or in {' or '.join(PARQUET)}."
        )


def _refuse_other(target: Path) -> None:
    """Refuse to replace what is neither empty nor a table of predictions, be it of other columns: ConfigFault."""
    if target.exists() and target.stat().st_size and not _is_table(target):
        raise ConfigFault(
            f"{target} is no table of `derm predict`, and would be lost: name another --out, or move it away."
        )


FIRST = 5
"""Columns by which a table of predictions is known: no other command's tables begin with these."""


def _is_table(target: Path) -> bool:
    if is_parquet(target):
        from derm.predict.parquet import is_table

        return is_table(target)
    try:
        with target.open("rb") as stream:
            return _header(stream).startswith(",".join(COLUMNS[:FIRST]))
    except OSError:
        return False


def part_of(target: Path) -> Path:
    """Where the rows of the table `target` stand while its run goes on."""
    return Path(f"{target}{PART}")  # `target` may be a folder without a name, which is refused later


def _open_alone(part: Path) -> int:
    """A descriptor that appends to `part`, which no other run has; ConfigFault where one has it, or it cannot be."""
    other = f"{part} is no ordinary file: remove it, or name another place with --out."
    try:
        own = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_APPEND | own, 0o666)
    except OSError as error:
        if part.is_symlink():
            raise ConfigFault(other) from error
        raise ConfigFault(f"{part} cannot be written ({error.strerror}): name another place with --out.") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ConfigFault(other)
    # A run that ends takes the part away: whoever has the lock only then has it on a file without a name.
    with suppress(FileNotFoundError):
        if try_hold(descriptor) is not False and os.path.samestat(os.fstat(descriptor), part.stat()):
            return descriptor
    os.close(descriptor)
    raise ConfigFault(f"Another run is writing {part}: wait for its end, or name another --out.")


def _is_copy(part: Path) -> bool:
    """Whether a part was left while the rows of its table were being copied."""
    with part.open("rb") as stream:
        return stream.readline(MOST_LINE) == COPYING + header_line().encode()[1:]


def _trim(descriptor: int) -> None:
    """Cut off what follows the last line's end."""
    size = os.fstat(descriptor).st_size
    position = size
    while position:
        start = max(0, position - (1 << 16))
        os.lseek(descriptor, start, os.SEEK_SET)
        found = os.read(descriptor, position - start).rfind(b"\n")
        if found >= 0:
            position = start + found + 1
            break
        position = start
    if position != size:
        os.ftruncate(descriptor, position)


MOST_LINE = 1 << 20
"""Bytes of a row, at most."""

KEPT = ("image_id", "answerable", "sha256", "written_as", "error")
"""Cells of standing rows that are kept in memory, about 200 bytes a row."""


def _standing(base: Path, settings: Settings) -> dict[str, dict[str, str]]:
    """The rows of `base` by file, the last of each; ConfigFault for another schema or other settings."""
    wanted = _cells(settings)
    found: dict[str, dict[str, str]] = {}
    rows = map(cells_of, _parquet_lines(base)) if is_parquet(base) else (row for row, _, _ in _rows(base))
    for row in rows:
        for name, value in wanted.items():
            if row[name] != value:
                raise ConfigFault(
                    f"{base} was written with {name} '{row[name]}', and this run has '{value}': "
                    "set it as it was, or name another --out."
                )
        found[row["file"]] = {name: uncell(row[name]) for name in KEPT}
    return found


def _cells(settings: Settings) -> dict[str, str]:
    """The settings as they stand in a row."""
    values = settings.values()
    row = next(csv.reader([csv_line(dict.fromkeys(COLUMNS) | values)]))
    return {name: cell for name, cell in zip(COLUMNS, row, strict=True) if name in values}


def _parquet_lines(base: Path) -> Iterator[str]:
    """The rows of a table in Parquet as lines of CSV; ConfigFault for another schema."""
    from derm.predict.parquet import read_records

    return map(csv_line, read_records(base))


def _places(base: Path) -> Iterator[tuple[str, int, int]]:
    """The file of each row of `base`, where the row begins and how long it is, in bytes."""
    return ((row["file"], start, size) for row, start, size in _rows(base))


def _header(stream: BinaryIO) -> str:
    """The first line of a table as Derm writes it, also where a program of Windows has put its marks there."""
    line = stream.readline(MOST_LINE).decode("utf-8-sig", errors="replace")
    return line.removesuffix("\n").removesuffix("\r") + "\n"


def _rows(base: Path) -> Iterator[tuple[dict[str, str], int, int]]:
    """Each whole row of `base` by column, where it begins and its length in bytes; ConfigFault for another schema."""
    other = ConfigFault(
        f"{base} is no table that this version of Derm can go on with (other columns): name another --out."
    )
    with base.open("rb") as stream:
        if _header(stream) != header_line():
            raise other
        start = stream.tell()
        while line := stream.readline(MOST_LINE):
            if len(line) == MOST_LINE:
                raise other
            if not line.endswith(b"\n"):
                return
            try:
                cells = next(csv.reader([line.decode(errors="replace")]), [])
            except csv.Error as error:
                raise other from error
            if len(cells) != len(COLUMNS):
                raise other
            yield dict(zip(COLUMNS, cells, strict=True)), start, len(line)
            start += len(line)


def _rename(part: Path, target: Path) -> None:
    try:
        part.replace(target)
    except OSError as error:
        raise ConfigFault(f"{target} cannot be written ({error.strerror}): the whole table is in {part}.") from error
