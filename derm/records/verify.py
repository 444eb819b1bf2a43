"""Whether the records are what was entered: the chain of events, every row against its event, every picture.

Needs open `Records`. Finds what was changed by going past Derm, also where the triggers were switched off. That the
chain's end was cut off is seen where its hash stands elsewhere, as on a report.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from derm.errors import RecordsFault
from derm.records import chain, entry, store, tables
from derm.records.connect import Records
from derm.records.pictures import kept_outline
from derm.records.write import content_of

Progress = Callable[[int, int], None]
"""Told (done, total)."""


class Broken(NamedTuple):
    """The first row that is not what it was."""

    table: str
    row: str
    """Its key; of an event its number."""

    why: str
    """The end of a sentence."""


class Verified(NamedTuple):
    """What was looked at."""

    events: int
    rows: int
    pictures: int
    last_hash: str
    """The chain's end; '' for none."""

    broken: Broken | None
    """The first one, None where all is as it was entered."""


def verify(records: Records, expected: str = "", progress: Progress | None = None) -> Verified:
    """Hold every event, row and picture against what was entered; stops at the first that is broken.

    expected: a hash, or its beginning, that the chain once ended with, as a report bears it; '' for none.
    """
    with records.reading() as connection:
        return verify_in(connection, records, expected, progress)


def verify_in(
    connection: Connection,
    records: Records,
    expected: str = "",
    progress: Progress | None = None,
) -> Verified:
    """The same within a transaction that the caller has begun."""
    events = [chain.Event(*row) for row in connection.execute(select(tables.event).order_by(tables.event.c.number))]
    last = events[-1].hash if events else ""
    broken = _chain_fault(events, expected)
    rows = 0
    if broken is None:
        rows, broken = _rows_fault(connection, events)
    names = sorted(set(connection.scalars(select(tables.picture.c.sha256))))
    if broken is None:
        broken = _pictures_fault(records, names, progress)
    return Verified(len(events), rows, len(names), last, broken)


def _chain_fault(events: list[chain.Event], expected: str) -> Broken | None:
    for place, one in enumerate(events, 1):
        if not all(isinstance(value, str) for value in one[1:]):
            return Broken("event", str(place), "holds a value that is no text")
    fault = chain.first_broken(events)
    if fault is not None:
        return Broken("event", str(fault[0]), fault[1])
    if expected and not any(one.hash.startswith(expected.lower()) for one in events):
        return Broken(
            "event",
            str(len(events) + 1),
            f"is missing: no event has the hash {expected}, so the chain's end was cut off",
        )
    return None


def _rows_fault(connection: Connection, events: list[chain.Event]) -> tuple[int, Broken | None]:
    """How many rows there are, and the one that is broken, of several the one that was entered first."""
    latest = {(one.table_name, one.row_id): one for one in events if one.table_name}
    salts: dict[int, str] = dict(connection.execute(select(tables.salt.c.event_number, tables.salt.c.salt)).all())
    sizes = {row["id"]: row for row in connection.execute(select(tables.picture)).mappings()}
    faults: list[tuple[float, Broken]] = []
    rows = 0
    for table in tables.ENTRIES:
        for row in connection.execute(select(table)).mappings():
            rows += 1
            event = latest.pop((table.name, row["id"]), None)
            if event is None or not event.digest:
                faults.append((float("inf"), Broken(table.name, row["id"], "was never entered through Derm")))
            elif salts.get(event.number) is None or _digest(salts[event.number], row) != event.digest:
                why = f"is not what event {event.number} says of it"
                faults.append((event.number, Broken(table.name, row["id"], why)))
            elif why := entry.fault_of(table.name, dict(row)) or _outline_fault(table.name, row, sizes):
                faults.append((event.number, Broken(table.name, row["id"], why)))
    for event in latest.values():
        if event.digest:
            why = f"is gone, though event {event.number} entered it and none removed it"
            faults.append((event.number, Broken(event.table_name, event.row_id, why)))
    return rows, min(faults, key=lambda one: one[0])[1] if faults else None


def _digest(salt: str, row: Any) -> str:  # noqa: ANN401 - SQLAlchemy's row
    """What the digest of a row has to be; '' where a value has no digest, such as an infinite number."""
    try:
        return chain.digest(salt, _plain(row))
    except (TypeError, ValueError):
        return ""


def _outline_fault(table: str, row: Any, picture_rows: dict[str, Any]) -> str:  # noqa: ANN401 - SQLAlchemy's row
    """What is wrong with a corrected outline, which must be of its picture's size."""
    if table == tables.correction.name and row["outline"] is not None:
        try:
            kept_outline(row["outline"], picture_rows[row["picture_id"]])
        except RecordsFault:
            return "holds an outline that is not of its picture's size"
    return ""


def _pictures_fault(records: Records, names: list[str], progress: Progress | None) -> Broken | None:
    for done, name in enumerate(names):
        if progress is not None:
            progress(done, len(names))
        if fault := store.fault_of(records.pictures, name):
            return Broken("picture file", name, fault)
    return None


def _plain(row: Any) -> dict[str, object]:  # noqa: ANN401 - SQLAlchemy's row
    return content_of(dict(row))
