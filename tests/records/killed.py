"""Writers killed at many moments: after each kill the records are whole and hold all that was said to be saved.

Run as a script: folder, moments and address of a PostgreSQL database, or -. Forks from a process without threads, so
that a moment costs no start.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

from entries import new_answer, new_opinion, new_picture

from derm.records import store, write
from derm.records.connect import open_records
from derm.records.verify import verify


def work(folder: Path, url: str | None, pipe: int, start: int) -> None:
    """Save, correct and delete for ever; tell each picture once it was said to be saved."""
    records = open_records(folder, url)
    os.write(pipe, b"open\n")
    for number in range(start, start + 10_000):
        new = new_picture(number, pseudonym=f"P-{number % 7}", lesion=str(number))
        saved = write.save_case(records, "Dr A", new, before=new_opinion(), answer=new_answer())
        os.write(pipe, f"{saved.picture_id}\n".encode())
        if number % 5 == 0:
            gone = write.save_case(records, "Dr A", new_picture(number + 10**6, pseudonym="gone"))
            write.delete_patient(records, "Dr A", gone.patient_id)


def main(folder: Path, moments: int, url: str | None) -> None:
    lot, told, started = random.Random(0), set(), 0
    for moment in range(moments):
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(ours)
            work(folder, url, theirs, 10_000 * moment)
        os.close(theirs)
        with os.fdopen(ours, "rb") as stream:
            before = [stream.readline() for _ in range(lot.randrange(4))]  # none: while it is being opened
            time.sleep(lot.uniform(0, 0.03))
            os.kill(child, signal.SIGKILL)
            lines = (b"".join(before) + stream.read()).decode().split("\n")
        os.waitpid(child, 0)
        told |= set(lines[:-1]) - {"open"}
        started += 1
    records = open_records(folder, url)
    found = verify(records)
    assert found.broken is None, found
    with records.reading() as connection:
        from sqlalchemy import select

        from derm.records import tables

        kept = set(connection.scalars(select(tables.picture.c.id)))
        named = set(connection.scalars(select(tables.picture.c.sha256)))
        assert not connection.scalars(select(tables.removal.c.sha256)).all()
    assert told <= kept, told - kept
    assert set(store.names(records.pictures)) == named  # no file is left over, none is lacking
    sys.stdout.write(f"{started} {len(told)} {len(kept)} {found.events}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), None if sys.argv[3] == "-" else sys.argv[3])
