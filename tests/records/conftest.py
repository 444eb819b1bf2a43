"""Records for tests: SQLite in a folder, and databases of `postgres.cluster`."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("alembic")
from postgres import cluster
from sqlalchemy import create_engine, text

from derm.records.connect import Records, open_records
from derm.records.tables import metadata


@pytest.fixture(scope="session")
def server() -> Iterator[Callable[[], str]]:
    """Gives addresses of databases with empty records, each its own, on a cluster that this session alone uses."""
    with cluster() as new_database:
        yield new_database


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Empty records in a file, to be copied."""
    folder = tmp_path_factory.mktemp("blank")
    open_records(folder).close()
    return folder


@pytest.fixture(scope="session")
def emptied() -> list[str]:
    """Addresses of databases that a test has left and that are empty again: a new one costs 300 files."""
    return []


@pytest.fixture(params=["sqlite", "postgresql"])
def records(request: pytest.FixtureRequest, blank: Path, tmp_path: Path, emptied: list[str]) -> Iterator[Records]:
    """Empty records, on either database."""
    if request.param == "sqlite":
        yield from opened(blank, tmp_path, None)
        return
    url = emptied.pop() if emptied else request.getfixturevalue("server")()
    yield from opened(blank, tmp_path, url)
    emptied.append(empty(url))


def empty(url: str) -> str:
    """The database at `url` without rows, its triggers set again."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    names = [table.name for table in metadata.sorted_tables]
    with engine.begin() as connection:
        for name in names:
            connection.execute(text(f"ALTER TABLE {name} ENABLE TRIGGER ALL"))
        connection.execute(text(f"TRUNCATE {', '.join(names)}"))
    engine.dispose()
    return url


@pytest.fixture
def filed(blank: Path, tmp_path: Path) -> Iterator[Records]:
    """Empty records in a file."""
    yield from opened(blank, tmp_path, None)


def opened(blank: Path, place: Path, url: str | None) -> Iterator[Records]:
    if url is None:
        shutil.copytree(blank, place / "records")
    found = open_records(place / "records", url)
    yield found
    found.close()
