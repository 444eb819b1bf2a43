"""Migrations: up and down on both databases, the same tables as the code has, and records of another Derm."""

import sqlite3
from contextlib import closing
from functools import partial

import pytest
from pictures import encoded, picture
from sqlalchemy import insert, inspect, text

pytest.importorskip("alembic")
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from derm.errors import RecordsFault
from derm.records import migrate, read, tables, verify, write
from derm.records.connect import FILE, open_records


def test_the_tables_are_those_of_the_code(records):
    with records.writing() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []


def test_the_head_is_the_last_migration():
    assert max(migrate.known()) == migrate.HEAD


def test_migrations_go_down_and_up(records):
    with records.writing() as connection:
        migrate.bring_down(connection, "0001")
        assert migrate.state(connection) == "0001"
        migrate.bring_down(connection)
        assert inspect(connection).get_table_names() == ["alembic_version"]
        assert migrate.bring_up(connection)
        assert migrate.state(connection) == migrate.HEAD == "0002"
        assert not migrate.bring_up(connection)
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []


def test_a_migration_that_fails_leaves_all_as_it_was(records):
    with pytest.raises(ZeroDivisionError), records.writing() as connection:  # noqa: PT012
        migrate.bring_down(connection)
        raise ZeroDivisionError
    with records.reading() as connection:
        assert migrate.state(connection) == "0002"
        assert "patient" in inspect(connection).get_table_names()


def test_records_of_a_newer_derm_are_refused(filed):
    with filed.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(RecordsFault, match=r"of a newer Derm \(state 9999, this one knows 0002\): upgrade Derm"):
        open_records(filed.folder)


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / FILE).write_bytes(b"no database at all" * 100)
    with pytest.raises(RecordsFault, match="is damaged or no file of records: move it away and restore a backup"):
        open_records(tmp_path)


def drop(table: str):
    def changed(file):
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute(f"DROP TABLE {table}")

    return changed


def told_in(file):
    """What is in a file of SQLite behind its header, which says how it is written."""
    return file.read_bytes()[100:] if file.exists() else None


def only_the_log(file):
    """Keep what was written last and is not in the file yet, and lose the file."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        with connection:
            connection.execute("CREATE TABLE later (address TEXT)")
        log = file.with_name(f"{file.name}-wal").read_bytes()
    file.unlink()
    file.with_name(f"{file.name}-wal").write_bytes(log)


def another_program(file):
    file.unlink()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE bookmarks (address TEXT)")


def test_records_that_are_moved_away_and_restored_are_opened_anew(tmp_path):
    folder, away = tmp_path / "records", tmp_path / "away"
    records = open_records(folder)
    save = partial(write.save_case, records, "Dr A")
    save(write.NewPicture("P-1", "A", "upper_back", "2026-11-02", "a.png", encoded(picture(1)), 80, 60))
    folder.rename(away)
    with pytest.raises(RecordsFault, match=r"\(it is gone\)"):
        read.search(records)
    assert not folder.exists()
    open_records(folder).close()  # as another program restores them
    save(write.NewPicture("P-2", "A", "upper_back", "2026-11-02", "b.png", encoded(picture(2)), 80, 60))
    assert [one.pseudonym for one in read.search(records)] == ["P-2"]
    records.close()
    again = open_records(folder)
    assert verify.verify(again).broken is None
    assert [one.pseudonym for one in read.search(again)] == ["P-2"]
    again.close()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda file: file.write_bytes(b""), r"\(it is gone or empty, and pictures lie beside it\)"),
        (lambda file: file.unlink(), r"\(it is gone or empty, and pictures lie beside it\)"),
        (only_the_log, r"\(it is gone or empty, and records\.sqlite-wal with the last changes lies beside it\)"),
        (lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 3]), "malformed"),
        (another_program, r"\(it holds tables of another program\)"),
        (drop("alembic_version"), r"\(it holds tables of another program\)"),
        (drop("removal"), "no such table: removal"),
    ],
    ids=["empty", "gone", "gone but its log", "cut", "another program's", "without its state", "without a table"],
)
def test_a_damaged_file_is_refused_and_left_as_it_is(tmp_path, harm, said):
    records = open_records(tmp_path)
    new = write.NewPicture("P", "A", "upper_back", "2026-11-02", "a.png", encoded(picture(1)), 80, 60)
    write.save_case(records, "Dr A", new)
    records.close()
    harm(tmp_path / FILE)
    log = tmp_path / f"{FILE}-wal"
    found, logged = told_in(tmp_path / FILE), told_in(log)
    with pytest.raises(RecordsFault, match=rf"is damaged or no file of records: move it away and restore.*{said}"):
        open_records(tmp_path)
    assert (told_in(tmp_path / FILE), told_in(log)) == (found, logged)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://a@b/c", "not in mysql"),
        ("nonsense", "is none: name one such as"),
        ("postgresql://derm:secret@[::1/none", "The address of the records is none: name one such as"),
        ("postgresql://derm:secret@127.0.0.1:1/none", "cannot be reached: see that the database runs"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_its_password(url, said, tmp_path):
    with pytest.raises(RecordsFault, match=said) as refused:
        open_records(tmp_path, url)
    assert "secret" not in str(refused.value)


FINAL = ("visit", "picture", "answer", "opinion", "correction", "histology", "event", "salt")


def test_what_was_entered_cannot_be_changed(records):
    """The triggers: rows are put in past Derm, and its keys, then changed."""
    for table in FINAL:
        with pytest.raises(RecordsFault, match="what was entered is final"), records.writing() as connection:  # noqa: PT012
            put_in(records, connection, table)
            connection.execute(text(f"UPDATE {table} SET {KEYS.get(table, 'id')} = {KEYS.get(table, 'id')}"))
    with pytest.raises(RecordsFault, match="what was entered is final"), records.writing() as connection:  # noqa: PT012
        put_in(records, connection, "event")
        connection.execute(text("DELETE FROM event"))


KEYS = {"event": "number", "salt": "event_number"}


def put_in(records, connection, table):
    made = tables.metadata.tables[table]
    off = f"ALTER TABLE {table} DISABLE TRIGGER ALL" if records.on_server else "PRAGMA defer_foreign_keys=ON"
    connection.execute(text(off))
    row = {one.name: some(one) for one in made.columns if not one.nullable}
    row |= {"opinion": {"stage": "before"}, "correction": {"diagnosis": "mel", "basis": "clinical"}}.get(table, {})
    connection.execute(insert(made).values(**row))
    if records.on_server:
        connection.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))


def some(column):
    return {int: 1, float: 1.0, str: "a", bytes: b"a", bool: True}[column.type.python_type]
