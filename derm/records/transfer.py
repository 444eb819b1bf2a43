"""The records elsewhere: all of them as tables and pictures in a folder, or in one file, and back again.

Needs open `Records`. An export is one moment of the records, whatever is written meanwhile; put back, the chain of
events is whole. It goes from SQLite to PostgreSQL and back, and from an older Derm to a newer one. It names patients by
their pseudonyms: it is as confidential as the records.
"""

import base64
import csv
import hashlib
import json
import lzma
import math
import shutil
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

from sqlalchemy import (
    Boolean,
    Connection,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Select,
    Table,
    delete,
    func,
    insert,
    select,
)

from derm import __version__
from derm.errors import DermError, RecordsFault
from derm.files import (
    NO_ROOM,
    OWN_FILE,
    is_there,
    making_folder,
    open_ordinary,
    read_json,
    sha256,
    write_whole,
    zip_member,
)
from derm.paths import kept_free
from derm.records import entry, migrate, store, tables
from derm.records.connect import PICTURES, Records, finish_removals
from derm.records.read import undisturbed
from derm.records.verify import verify_in
from derm.records.write import intend, last_event
from derm.spreadsheet import csv_line, uncell

FORMAT = 1
"""Of the folder and the file."""

MANIFEST = "manifest.json"

Progress = Callable[[int, int], None]
"""Told (done, total), in pictures."""

MOST_CELL = 64 << 20
"""Characters of a cell that are read, at most."""

ROWS = 500
"""Put in at once."""


class Exported(dict[str, int]):
    """Rows by table, and 'pictures'."""


def export_folder(
    records: Records, target: Path, *, parquet: bool = False, progress: Progress | None = None
) -> Exported:
    """Write every table as CSV (parquet: as Parquet beside it) and every picture into the new folder `target`.

    Whole or not at all. Raises RecordsFault where `target` is there already.
    """
    if target.exists():
        raise RecordsFault(f"{target} is there already: name a new folder.")

    def write(check: Callable[[], None]) -> Exported:
        with making_folder(target) as part:
            found = _write(records, part, parquet=parquet, progress=progress)
            part.chmod(0o700)
            check()
            part.rename(target)
        return found

    return undisturbed(records, write)


def backup(records: Records, target: Path, progress: Progress | None = None) -> Exported:
    """Write all of the records into the one file `target` (.zip), whole or not at all; an older one is replaced."""
    if target.suffix != ".zip":
        raise RecordsFault(f"{target} does not end in .zip: name the file that is to be written, such as derm.zip.")
    found = Exported()

    def fill(part: Path, check: Callable[[], None]) -> None:
        found.clear()
        with ZipFile(part, "w") as archive, records.reading() as connection:

            def add(name: str, content: bytes, way: int = ZIP_DEFLATED) -> None:
                archive.writestr(zip_member(name), content, way)

            names = _tables_into(connection, add, found)
            for done, name in enumerate(names):
                add(f"{PICTURES}/{name[:2]}/{name}", store.read(records.pictures, name), ZIP_STORED)
                _tell(progress, done + 1, len(names))
        check()

    undisturbed(records, lambda check: write_whole(target, lambda part: fill(part, check), OWN_FILE))
    return found


def import_folder(records: Records, source: Path, progress: Progress | None = None) -> Exported:
    """Put what `export_folder` wrote into `records`, which must be empty: all, held against its hashes, or nothing.

    Raises RecordsFault where something is there already, or the folder is not what was written.
    """
    return _import(records, source, source, progress)


def _import(records: Records, folder: Path, source: Path, progress: Progress | None) -> Exported:
    """Put what lies in `folder` into `records`; source: what the user has named, for sentences."""
    manifest = _manifest(folder, source)
    names = _named_pictures(folder, source)
    with records.writing() as connection:
        _refuse_full(connection, records)
    intend(records, names)
    try:
        with records.writing() as connection:  # whoever opens them waits, and takes no picture away for lack of its row
            _refuse_full(connection, records)
            for done, name in enumerate(names):
                store.keep(records.pictures, _picture(folder, source, name))
                _tell(progress, done + 1, len(names))
            return _take_in(connection, records, folder, source, manifest)
    except DermError:
        finish_removals(records)
        raise


def _take_in(
    connection: Connection, records: Records, folder: Path, source: Path, manifest: dict[str, Any]
) -> Exported:
    found = Exported()
    connection.execute(delete(tables.removal))
    with _as_of(connection, manifest["state"]) as known:
        for name in manifest["tables"]:
            found[name], rows = 0, _rows_in(folder, source, known[name])
            while some := list(islice(rows, ROWS)):
                connection.execute(insert(known[name]), some)
                found[name] += len(some)
    seen = verify_in(connection, records, manifest["last_hash"])
    found["pictures"] = seen.pictures
    if seen.broken is not None:
        raise RecordsFault(
            f"{source} is not what was exported, nothing was taken in: row {seen.broken.row} of "
            f"{seen.broken.table} {seen.broken.why}."
        )
    return found


def restore(records: Records, source: Path, progress: Progress | None = None) -> Exported:
    """Put what `backup` wrote into `records`, which must be empty; errors as of `import_folder`."""
    with making_folder(records.folder / "restored") as folder:
        try:
            with open_ordinary(source) as stream, ZipFile(stream) as archive:
                for member in archive.namelist():
                    if not _expected(member):
                        raise RecordsFault(f"{source} holds {member[:80]}, which no backup does: nothing was taken in.")
                _check_room(source, archive, records.folder)
                archive.extractall(folder)
        except (BadZipFile, OSError, EOFError, ValueError, RuntimeError, zlib.error, lzma.LZMAError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            if isinstance(error, OSError) and error.errno in NO_ROOM:
                raise RecordsFault(
                    f"{source} cannot be unpacked in {records.folder} ({reason}): make room, or name another folder "
                    "with DERM_RECORDS."
                ) from error
            raise RecordsFault(
                f"{source} is no whole backup ({reason}): name one that `derm records backup` wrote."
            ) from error
        return _import(records, folder, source, progress)


def _check_room(source: Path, archive: ZipFile, folder: Path) -> None:
    """Refuse a backup that unpacks to more than the disk has: RecordsFault. No member unpacks to more than it says."""
    wanted, free = sum(member.file_size for member in archive.infolist()), shutil.disk_usage(folder).free - kept_free()
    if wanted > free:
        raise RecordsFault(
            f"{source} unpacks to {wanted / 1e9:.3g} GB, and {folder} has {max(0, free) / 1e9:.3g} GB to spare: "
            "make room, or name another folder with DERM_RECORDS."
        )


def _write(records: Records, folder: Path, *, parquet: bool, progress: Progress | None) -> Exported:
    found = Exported()
    with records.reading() as connection:
        names = _tables_into(connection, lambda name, content: _put(folder / name, content), found)
        if parquet:
            for table in tables.ALL:
                _write_parquet(connection, table, folder / f"{table.name}.parquet")
        for done, name in enumerate(names):
            store.keep(folder / PICTURES, store.read(records.pictures, name))
            _tell(progress, done + 1, len(names))
    return found


def _tables_into(connection: Connection, put: Callable[[str, bytes], object], found: Exported) -> list[str]:
    """Hand every table as CSV to `put`, then the manifest; the names of the pictures come back."""
    hashes = {}
    for table in tables.ALL:
        content, rows = _csv_of(connection, table)
        hashes[table.name], found[table.name] = hashlib.sha256(content).hexdigest(), rows
        put(f"{table.name}.csv", content)
    names = sorted(set(connection.scalars(select(tables.picture.c.sha256))))
    found["pictures"] = len(names)
    last = last_event(connection)
    manifest = {
        "format": FORMAT,
        "derm": __version__,
        "state": migrate.state(connection),
        "at": entry.now(),
        "last_hash": "" if last is None else last.hash,
        "tables": hashes,
        "rows": dict(found),
    }
    put(MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())
    return names


def _csv_of(connection: Connection, table: Table) -> tuple[bytes, int]:
    lines = [csv_line(_cell(value) for value in row) for row in connection.execute(_in_order(table))]
    return "".join([csv_line(column.name for column in table.columns), *lines]).encode(), len(lines)


def _in_order(table: Table) -> Select[Any]:
    """Every row after those that it points to."""
    order = [tables.entered(table)] if table in tables.ENTRIES else list(table.primary_key.columns)
    return select(table).order_by(*order)


def _cell(value: object) -> object:
    """A value as `csv_line` takes it: base64 for bytes, texts and numbers as they are."""
    match value:
        case bool():
            return "yes" if value else "no"
        case bytes():
            return base64.b64encode(value).decode()
        case None | str() | int() | float():
            return value
        case _:
            return repr(value)


def _value(text: str, column: Any) -> object:  # noqa: ANN401 - SQLAlchemy's columns have many types
    """What `_cell` and `csv_line` wrote."""
    kind, text = column.type, uncell(text)
    if isinstance(kind, Boolean):
        return text == "yes"
    if isinstance(kind, LargeBinary):
        return base64.b64decode(text, validate=True) if text else None
    if text == "" and (column.nullable or not isinstance(kind, Integer | Float)):
        return None if column.nullable else ""
    if isinstance(kind, Integer) and -(2**63) <= (whole := int(text)) < 2**63:  # as databases take them
        return whole
    if isinstance(kind, Float) and math.isfinite(number := float(text)):
        return number
    if isinstance(kind, Integer | Float) or "\0" in text:
        raise ValueError(f"{column.name} is {text[:40]!r}")
    return text


def _rows_in(folder: Path, source: Path, table: Table) -> Iterator[dict[str, object]]:
    said = source / f"{table.name}.csv"
    before = csv.field_size_limit(MOST_CELL)  # of the whole process
    try:
        with (folder / said.name).open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            columns = {column.name: column for column in table.columns}
            if set(reader.fieldnames or ()) != set(columns):
                raise RecordsFault(f"{said} has not the columns {', '.join(columns)}: it is no export of Derm.")
            for row in reader:
                if None in row or None in row.values():
                    raise ValueError(f"row {reader.line_num} has another number of cells")
                yield {name: _value(row[name], column) for name, column in columns.items()}
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise RecordsFault(f"{said} cannot be read ({error}): export or back up again.") from error
    finally:
        csv.field_size_limit(before)


def _manifest(folder: Path, source: Path) -> dict[str, Any]:
    try:
        manifest = read_json(folder / MANIFEST)
        names, state, last = list(manifest["tables"].items()), str(manifest["state"]), str(manifest["last_hash"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecordsFault(
            f"{source / MANIFEST} is missing or damaged: name what `derm records backup` or `export` wrote."
        ) from error
    if manifest.get("format") != FORMAT or [name for name, _ in names] != [table.name for table in tables.ALL]:
        raise RecordsFault(f"{source} is an export of another Derm ({str(manifest.get('derm'))[:20]}): upgrade Derm.")
    for name, told in names:
        place = folder / f"{name}.csv"
        if (sha256(place) if is_there(place) else "") != told:
            raise RecordsFault(f"{source / place.name} is not what was exported: nothing was taken in.")
    return {"tables": [name for name, _ in names], "state": state, "last_hash": last}


def _named_pictures(folder: Path, source: Path) -> list[str]:
    """The SHA-256 of every picture, checked before any is noted in the records."""
    names = sorted({str(row["sha256"]) for row in _rows_in(folder, source, tables.picture)})
    if wrong := next((name for name in names if not store.is_name(name)), None):
        raise RecordsFault(
            f"{source} is not what was exported, nothing was taken in: it calls a picture {wrong[:80]!r}, which is no "
            "SHA-256; name another backup or export."
        )
    return names


def _picture(folder: Path, source: Path, name: str) -> bytes:
    try:
        return store.read(folder / PICTURES, name)
    except RecordsFault as error:
        raise RecordsFault(
            f"{source} is not whole, nothing was taken in: its picture {name[:12]}… is missing, or not what was saved; "
            "name another backup or export."
        ) from error


def _refuse_full(connection: Connection, records: Records) -> None:
    for table in (tables.event, *tables.ENTRIES):
        if connection.scalar(select(func.count()).select_from(table)):
            raise RecordsFault(
                f"The records in {records.folder} are not empty: move that folder away, or name another one with "
                "DERM_RECORDS (on PostgreSQL: another database), then try again."
            )


@contextmanager
def _as_of(connection: Connection, state: str) -> Iterator[dict[str, Table]]:
    """The empty tables as a Derm of `state` had them, by name; at the end they are brought up again."""
    if state == migrate.HEAD:
        yield {table.name: table for table in tables.ALL}
        return
    migrate.bring_to(connection, state)
    known = MetaData()
    known.reflect(connection)
    yield dict(known.tables)
    migrate.bring_up(connection)


def _expected(member: str) -> bool:
    """Whether a backup holds a file of this name: nothing may be unpacked elsewhere."""
    parts = member.split("/")
    if len(parts) == 1:
        return member == MANIFEST or member in {f"{table.name}.csv" for table in tables.ALL}
    return len(parts) == 3 and parts[0] == PICTURES and set(parts[1] + parts[2]) <= store.DIGITS


def _write_parquet(connection: Connection, table: Table, path: Path) -> None:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise RecordsFault("Parquet needs pyarrow: pip install pyarrow, or export without --parquet.") from error
    kinds = {column.name: _arrow(pa, column) for column in table.columns}
    rows: Sequence[Any] = connection.execute(_in_order(table)).mappings().all()
    columns = {name: [row[name] for row in rows] for name in kinds}
    parquet.write_table(pa.table(columns, schema=pa.schema(list(kinds.items()))), path)


def _arrow(pa: Any, column: Any) -> Any:  # noqa: ANN401 - pyarrow has no types
    for kind, made in ((Boolean, pa.bool_), (LargeBinary, pa.binary), (Integer, pa.int64), (Float, pa.float64)):
        if isinstance(column.type, kind):
            return made()
    return pa.string()


def _put(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _tell(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)
