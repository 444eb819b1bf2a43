"""Migrations: up and down on both databases, the same tables as the code has, and records of another Derm."""

import pytest
from sqlalchemy import insert, inspect, text

pytest.importorskip("alembic")
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from derm.errors import RecordsFault
from derm.records import migrate, tables
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


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://a@b/c", "not in mysql"),
        ("nonsense", "is none: name one such as"),
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
