"""Tampering is found at the right row, also with the triggers switched off; the chain by hand."""

import pytest
from entries import new_answer, new_opinion, new_picture, save
from sqlalchemy import text

from derm.records import chain, read, store, write
from derm.records.read import search
from derm.records.verify import verify

AT = "2026-11-27T12:00:00.000000+00:00"


def tamper(records, *statements: str) -> None:
    """Go past Derm, its triggers and keys."""
    with records.writing() as connection:
        tables = ("event", "opinion", "answer", "picture", "salt", "visit")
        for table in tables:
            if records.on_server:
                connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        if not records.on_server:
            names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
            for name in names:
                connection.execute(text(f"DROP TRIGGER {name}"))
        for statement in statements:
            connection.execute(text(statement))


def test_a_chain_by_hand():
    one = chain.link(None, AT, "Dr A", "entered", "patient", "p", "d" * 64)
    two = chain.link(one, AT, "Dr A", "entered", "lesion", "l", "e" * 64)
    assert (one.number, one.previous, two.number, two.previous) == (1, chain.START, 2, one.hash)
    assert chain.first_broken([one, two]) is None
    assert chain.first_broken([]) is None
    assert chain.first_broken([one._replace(actor="Dr B"), two]) == (1, "is not what it was when it was written")
    assert chain.first_broken([two]) == (1, "is missing")
    anew = one._replace(actor="Dr B")
    anew = anew._replace(hash=chain.hash_of(anew))
    assert chain.first_broken([anew, two]) == (2, "does not follow the one before it")


def test_a_digest_needs_its_salt_and_knows_no_order():
    assert chain.digest("a", {"x": 1, "y": "ü"}) == chain.digest("a", {"y": "ü", "x": 1})
    assert chain.digest("a", {"x": 1}) != chain.digest("b", {"x": 1})
    assert len({chain.new_salt() for _ in range(100)}) == 100


def test_whole_records_are_told_so(records):
    saved = write.save_case(records, "Dr A", new_picture(), before=new_opinion(), answer=new_answer())
    found = verify(records)
    # patient, lesion, visit, picture, opinion, answer
    assert (found.events, found.rows, found.pictures, found.broken) == (6, 6, 1, None)
    assert found.last_hash == saved.last_hash
    assert verify(records, saved.last_hash[:16]).broken is None


@pytest.mark.parametrize(
    ("statement", "table", "why"),
    [
        ("UPDATE opinion SET diagnosis = 'mel'", "opinion", "is not what event 5 says of it"),
        ("UPDATE answer SET p_malignant = 0.01", "answer", "is not what event 6 says of it"),
        ("UPDATE visit SET day = '2026-11-03'", "visit", "is not what event 3 says of it"),
        ("DELETE FROM opinion", "opinion", "is gone, though event 5 entered it and none removed it"),
        ("DELETE FROM salt WHERE event_number = 5", "opinion", "is not what event 5 says of it"),
        ("UPDATE answer SET p_malignant = 9e999", "answer", "is not what event 6 says of it"),
        ("UPDATE picture SET width = 'wide'", "picture", "is not what event 4 says of it"),
        ("UPDATE event SET hash = x'00' WHERE number = 4", "event", "holds a value that is no text"),
        ("UPDATE event SET actor = 'Dr B' WHERE number = 4", "event", "is not what it was when it was written"),
        ("DELETE FROM event WHERE number = 2", "event", "is missing"),
    ],
)
def test_tampering_is_found_at_its_row(filed, statement, table, why):
    write.save_case(filed, "Dr A", new_picture(), before=new_opinion(), answer=new_answer())
    tamper(filed, "PRAGMA foreign_keys=OFF", "PRAGMA defer_foreign_keys=ON")
    tamper_unkeyed(filed, statement)
    broken = verify(filed).broken
    assert broken is not None
    assert (broken.table, broken.why) == (table, why)


@pytest.mark.parametrize("table", ["visit", "patient"])
def test_a_row_that_is_gone_takes_no_list_away(filed, table):
    write.save_case(filed, "Dr A", new_picture(), answer=new_answer())
    tamper(filed, "PRAGMA foreign_keys=OFF", "PRAGMA defer_foreign_keys=ON")
    tamper_unkeyed(filed, f"DELETE FROM {table}")
    assert search(filed) == []
    assert verify(filed).broken.table == table


def tamper_unkeyed(records, statement: str) -> None:
    import sqlite3

    with sqlite3.connect(records.folder / "records.sqlite") as connection:
        connection.execute(statement)
    connection.close()


def test_tampering_is_found_on_a_server_too(records):
    write.save_case(records, "Dr A", new_picture(), before=new_opinion(), answer=new_answer())
    tamper(records, "UPDATE opinion SET confidence = 99", "UPDATE visit SET day = '2026-11-03'")
    broken = verify(records).broken
    assert broken is not None
    assert (broken.table, broken.why) == ("visit", "is not what event 3 says of it")  # the one that was entered first


def test_an_end_that_was_cut_off_is_found_by_a_report(filed):
    save(filed)
    last = read.counts(filed).last_hash
    write.add_answer(filed, "Dr A", save(filed).picture_id, new_answer(0.5, record="{}"))
    report = read.counts(filed).last_hash
    tamper(filed, "DELETE FROM answer WHERE p_malignant = 0.5")
    tamper_unkeyed(filed, "DELETE FROM salt WHERE event_number = 6")
    tamper_unkeyed(filed, "DELETE FROM event WHERE number = 6")
    assert verify(filed).broken is None  # nothing in the file tells
    assert verify(filed, last[:16]).broken is None
    broken = verify(filed, report[:16]).broken
    assert broken is not None
    assert "the chain's end was cut off" in broken.why


def test_a_row_that_came_past_derm_is_found(filed):
    save(filed)
    tamper_unkeyed(filed, f"INSERT INTO patient (id, pseudonym, created_at) VALUES ('x', 'P-666', '{AT}')")
    broken = verify(filed).broken
    assert broken == ("patient", "x", "was never entered through Derm")


def test_a_picture_that_was_changed_is_found(filed):
    save(filed)
    (name,) = store.names(filed.pictures)
    store.place(filed.pictures, name).write_bytes(b"other")
    assert verify(filed).broken == ("picture file", name, "is not what was saved")
