"""A PostgreSQL cluster of the tests' own, where Debian's binaries are.

Needs psycopg and SQLAlchemy; a test without them is skipped, and so is one on a machine without a server.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from sqlalchemy import Engine, create_engine, text

from derm.records.connect import open_records


@contextmanager
def cluster() -> Iterator[Callable[[], str]]:
    """Gives addresses of databases with empty records, each its own, on a cluster that nobody else uses.

    An unprivileged user runs it. Skips where there are no binaries.
    """
    pytest.importorskip("psycopg")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no PostgreSQL server on this machine: install Debian's package postgresql")
    binaries = found[-1].parent
    place = Path(tempfile.mkdtemp(prefix="derm-pg-", dir="/tmp"))
    user = "nobody" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
    if user:
        shutil.chown(place, user)
    data = place / "data"
    subprocess.run(
        [binaries / "initdb", "-D", data, "-A", "trust", "-U", "derm", "-E", "UTF8", "--locale=C", "--no-sync"],
        check=True, user=user, cwd=place, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    settings = ["listen_addresses=", "fsync=off", "shared_buffers=8MB", "max_connections=20"]
    command = [binaries / "postgres", "-D", data, "-k", place, *(part for one in settings for part in ("-c", one))]
    with (place / "log").open("wb") as log:
        running = subprocess.Popen(command, user=user, cwd=place, stderr=log)
    try:
        address = f"postgresql://derm@/postgres?host={place}"
        engine = create_engine(address.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
        until = time.monotonic() + 60
        while True:
            try:
                engine.connect().close()
            except Exception:
                if running.poll() is not None or time.monotonic() > until:
                    pytest.fail((place / "log").read_text(errors="replace")[-2000:])
                time.sleep(0.05)
            else:
                break
        yield partial(new_database, engine, address)
        engine.dispose()
    finally:
        running.send_signal(signal.SIGQUIT)
        running.wait(30)
        shutil.rmtree(place, ignore_errors=True)


def new_database(engine: Engine, address: str) -> str:
    """A new database, copied from one with empty records."""
    with engine.connect() as connection:
        if not connection.scalar(text("SELECT count(*) FROM pg_database WHERE datname = 'blank'")):
            connection.execute(text("CREATE DATABASE blank"))
            with TemporaryDirectory() as folder:
                open_records(Path(folder), address.replace("/postgres?", "/blank?")).close()
        name = f"derm_{uuid4().hex[:12]}"
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE blank"))
    return address.replace("/postgres?", f"/{name}?")
