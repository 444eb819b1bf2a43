"""The records opened: one SQLite file in the user's folder, or a PostgreSQL database, brought up to date.

Needs SQLAlchemy and Alembic, the extra `records`. One writer at a time, so that the chain of events has one end; what
was committed is on the disk. Knows nothing of what is entered.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, delete, event, inspect, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidatePoolError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as NoneFree

from derm.errors import RecordsFault
from derm.files import OWN_FILE, PART, close_to_others, make_folder, sweep
from derm.language.speech import say
from derm.paths import TEACHING
from derm.records import migrate, store, tables

FILE = "records.sqlite"
"""The database in the records' folder."""

PICTURES = "pictures"
"""The folder of pictures there."""

BESIDE = (TEACHING, "weights", "weights-in-use.json")
"""What other parts of Derm keep there: trainings, and the weights that the practice has chosen."""

PATIENCE = 30
"""Seconds that a writer waits for another one of this process, and then as long for one of another."""

FORGETTING = 2
"""Seconds that a deletion waits for readers, who keep SQLite from overwriting what was deleted."""

LOCK = 0x6465726D
"""Of PostgreSQL's advisory locks, the one that a writer takes."""

POSTGRESQL = "postgresql+psycopg"


@dataclass(frozen=True)
class Records:
    """Open records; threads may share them."""

    engine: Engine
    folder: Path
    """Holds the pictures, and the database where that is a file."""

    turn: Lock = field(default_factory=Lock, compare=False, repr=False)
    """Of this process's writers: those who wait for it take no connection, which readers need."""

    @property
    def pictures(self) -> Path:
        """The folder of pictures, for `derm.records.store`."""
        return self.folder / PICTURES

    @property
    def on_server(self) -> bool:
        """Whether a PostgreSQL server holds the tables."""
        return bool(self.engine.dialect.name == "postgresql")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees the records as they are now, whatever is written meanwhile."""
        options: dict[str, Any] = {"derm_reads": True}
        if self.on_server:
            options["isolation_level"] = "REPEATABLE READ"
        with _said(self.engine), self.engine.connect().execution_options(**options) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection whose changes are all kept at the end, or none; the only writer meanwhile."""
        with _said(self.engine), self._in_turn(), self.engine.begin() as connection:
            if self.on_server:
                connection.execute(text(f"SET LOCAL lock_timeout = {round(1000 * PATIENCE)}"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
            yield connection

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        if not self.turn.acquire(timeout=PATIENCE):
            raise NoneFree
        try:
            yield
        finally:
            self.turn.release()

    def close(self) -> None:
        """Let all connections go."""
        self.engine.dispose()


def open_records(folder: Path, url: str | None = None) -> Records:
    """Open the records in `folder`, made where there are none, and bring them up to date.

    url: of a PostgreSQL database that holds the tables, such as postgresql://derm@localhost/derm; None: a file in
    `folder`. Raises RecordsFault where they cannot be opened, where the file is gone or empty though pictures of
    records lie beside it, or where it is another program's, ConfigFault where the folder cannot be written to.
    """
    make_folder(folder)
    sweep(folder)
    if url is None:
        _check_not_lost(folder)
        with suppress(OSError):  # what hinders it is said when the database is opened
            (folder / FILE).touch(OWN_FILE, exist_ok=False)
    _keep_private(folder)
    records = Records(_file_engine(folder / FILE) if url is None else _server_engine(url), folder)
    try:
        with records.writing() as connection:
            if url is None and migrate.state(connection) is None and inspect(connection).get_table_names():
                raise RecordsFault(
                    say("{damaged} (it holds tables of another program)", damaged=_damaged(folder / FILE))
                )
            migrate.bring_up(connection)
        finish_removals(records)
        if url is None:
            empty_log(records, 0)  # where a deletion could not
    except BaseException:
        records.close()
        raise
    return records


def _keep_private(folder: Path) -> None:
    """Let no other account of the machine read the records, also those that an older Derm has left open to all.

    Where the folder holds other things, as a home does, the database and the pictures are closed, and it stays open.
    """
    pictures = folder / PICTURES
    with suppress(OSError):  # what hinders it is said where something is written
        if not pictures.exists():
            pictures.mkdir(mode=0o700)
        elif pictures.stat().st_mode & 0o077:
            for path in pictures.glob("??/*"):
                close_to_others(path)
        parts = set(folder.iterdir())
        own = {path for path in parts if path.name == PICTURES or path.name.startswith(FILE)}
        for path in own:
            close_to_others(path)
        if all(path.name in BESIDE or path.suffix == PART for path in parts - own):
            close_to_others(folder)


def _check_not_lost(folder: Path) -> None:
    """Refuse to begin anew where records were: their log, which SQLite would delete, or pictures lie there."""
    file, log = folder / FILE, folder / f"{FILE}-wal"
    if file.is_dir() or (file.is_file() and file.stat().st_size):
        return
    if log.is_file() and log.stat().st_size:
        raise RecordsFault(
            say(
                "{damaged} (it is gone or empty, and {name} with the last changes lies beside it)",
                damaged=_damaged(file),
                name=log.name,
            )
        )
    try:
        pictures = next((folder / PICTURES).iterdir(), None)
    except OSError:
        return
    if pictures is not None:
        raise RecordsFault(say("{damaged} (it is gone or empty, and pictures lie beside it)", damaged=_damaged(file)))


def finish_removals(records: Records) -> int:
    """Take away the files of deleted pictures, those too that a kill left behind; how many there were.

    A name that no file can have, which an older Derm noted from a backup that was tampered with, is only forgotten.
    """
    with records.reading() as connection:
        names = list(connection.scalars(select(tables.removal.c.sha256)))
    if not names:
        return 0
    with records.writing() as connection:  # nobody saves the same picture meanwhile
        used = set(connection.scalars(select(tables.picture.c.sha256).where(tables.picture.c.sha256.in_(names))))
        for name in names:
            if name not in used and store.is_name(name):
                store.remove(records.pictures, name)
        connection.execute(delete(tables.removal).where(tables.removal.c.sha256.in_(names)))
    return len(names)


def empty_log(records: Records, patience: float = FORGETTING) -> bool:
    """Bring SQLite's log into the database's file, so that neither holds what was deleted; False where they still may.

    So it is while somebody reads, for whom `patience` seconds are waited, or on a disk that takes nothing.
    """
    options: dict[str, Any] = {"derm_reads": True, "isolation_level": "AUTOCOMMIT"}
    try:
        with records.engine.connect().execution_options(**options) as connection:
            usual = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
            connection.exec_driver_sql(f"PRAGMA busy_timeout={round(1000 * patience)}")
            busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar_one()
            connection.exec_driver_sql(f"PRAGMA busy_timeout={usual}")
    except (DBAPIError, NoneFree):
        return False
    return not busy


def _file_engine(path: Path, patience: float | None = None) -> Engine:
    """SQLite as we want it: a log written ahead, commits on the disk, keys checked, deleted content overwritten."""
    place = URL.create("sqlite", database=str(path))  # in an address as text a ? in a folder's name ends the path
    engine = create_engine(place, connect_args={"timeout": PATIENCE if patience is None else patience})

    @event.listens_for(engine, "do_connect")
    def find_the_file(*_: object) -> None:
        if _file_number(path) is None:  # SQLite would begin a new one
            raise RecordsFault(say("{damaged} (it is gone)", damaged=_damaged(path)))

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, kept: Any) -> None:  # noqa: ANN401 - sqlite3's, which has no common type with others
        kept.info["file"] = _file_number(path)
        connection.isolation_level = None  # transactions begin where we say, not at the first write
        for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            connection.execute(f"PRAGMA {setting}")

    @event.listens_for(engine, "checkout")
    def stay_with_the_file(_: object, kept: Any, __: object) -> None:  # noqa: ANN401 - the pool's
        # A connection stays with the file that it opened, also where that was moved away and a backup restored.
        if _file_number(path) != kept.info["file"]:
            raise InvalidatePoolError

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get("derm_reads")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _file_number(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _server_engine(url: str) -> Engine:
    try:
        address = make_url(url)
        if address.get_backend_name() != "postgresql":
            raise RecordsFault(
                say(
                    "Records are kept in SQLite or PostgreSQL, not in {name}: name an address such as "
                    "postgresql://derm@localhost/derm.",
                    name=address.get_backend_name(),
                )
            )
        return create_engine(address.set(drivername=POSTGRESQL), pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise RecordsFault(
            say("The address of the records is none: name one such as postgresql://derm@localhost/derm.")
        ) from error
    except ImportError as error:
        raise RecordsFault(say("Records on PostgreSQL need psycopg: pip install 'derm[postgresql]'.")) from error


@contextmanager
def _said(engine: Engine) -> Iterator[None]:
    """Turn what the database says into one sentence, without the address, which may hold a password."""
    try:
        yield
    except (DBAPIError, NoneFree) as error:
        where = engine.url.database if engine.dialect.name == "sqlite" else engine.url.render_as_string()
        if isinstance(error, NoneFree):  # this process has no turn, or no connection, to give
            reason = f"locked for {PATIENCE} s"
            raise RecordsFault(say("{advice} ({reason})", advice=_advice(reason, str(where)), reason=reason)) from error
        reason = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
        raise RecordsFault(say("{advice} ({reason})", advice=_advice(reason, str(where)), reason=reason)) from error


def _damaged(where: str | Path) -> str:
    return say(
        "{where} is damaged or no file of records: move it away and restore a backup, `derm records restore`",
        where=where,
    )


def _advice(reason: str, where: str) -> str:
    if any(sign in reason for sign in ("not a database", "malformed", "no such table", "no such column")):
        return _damaged(where)
    if "locked" in reason or "lock timeout" in reason:
        return say(
            "{where} is held by another program: wait until it has ended, or end it, then try again", where=where
        )
    if "disk I/O" in reason:  # so SQLite names a full disk where it lays its log's index
        return say(
            "{where} cannot be read or written: make room on its disk, or look whether that is damaged", where=where
        )
    if "final:" in reason or "constraint" in reason.lower():
        return say("The records refuse this entry: what was entered is final, and each entry has its place")
    if "full" in reason or "readonly" in reason or "unable to open" in reason:
        return say("{where} cannot be written: make room, or name another folder with DERM_RECORDS", where=where)
    return say(
        "The records at {where} cannot be reached: see that the database runs and may be written to", where=where
    )
