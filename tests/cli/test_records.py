"""`derm records`: one command each, to the end and back."""

import pytest
from typer.testing import CliRunner

pytest.importorskip("sqlalchemy")
from entries import save

from derm.cli import main
from derm.records import entry, missing, read
from derm.records.connect import FILE, open_records


def run(*arguments: str):
    return CliRunner().invoke(main.app, ["records", *map(str, arguments)])


@pytest.fixture
def practice(tmp_path, monkeypatch):
    monkeypatch.setenv("DERM_RECORDS", str(tmp_path / "records"))
    monkeypatch.delenv("DERM_RECORDS_URL", raising=False)
    records = open_records(tmp_path / "records")
    save(records)
    save(records, 2, pseudonym="P-002")
    yield records
    records.close()


def test_backup_restore_export_import_verify_and_delete(practice, tmp_path):
    backed = run("backup", tmp_path / "b.zip")
    assert backed.exit_code == 0
    assert "2 pictures" in backed.stdout
    assert run("restore", tmp_path / "b.zip", "--records", tmp_path / "two").exit_code == 0
    assert run("export", tmp_path / "out", "--parquet").exit_code == 0
    assert run("import", tmp_path / "out", "--records", tmp_path / "three").exit_code == 0
    last = read.counts(practice).last_hash
    whole = run("verify", "--records", tmp_path / "three", "--hash", last[:16])
    assert (whole.exit_code, whole.stdout) == (0, f"Whole: 10 events, 10 rows, 2 pictures. The last hash is {last}.\n")
    broken = run("verify", "--hash", "0123")
    assert broken.exit_code == 1
    assert "the chain's end was cut off" in broken.stdout
    deleted = run("delete", " P-001\u200b", "--yes", "--by", "Dr A")
    assert deleted.stdout.startswith("P-001 is deleted: 5 rows and 1 picture.")
    assert [one["pseudonym"] for one in read.patients(practice)] == ["P-002"]


def test_of_two_patients_who_look_alike_the_one_is_deleted_whose_name_was_typed(practice, monkeypatch):
    with monkeypatch.context() as older:
        older.setattr(entry, "visible", lambda value: value)
        older.setattr(entry, "is_called", lambda typed, known: False)
        save(practice, 3, pseudonym="P-003\u200b")
        save(practice, 4, pseudonym="P\u200b-003")
    assert run("delete", " P\u200b-003", "--yes").stdout.startswith("P\u200b-003 is deleted")
    assert [one["pseudonym"] for one in read.patients(practice)] == ["P-001", "P-002", "P-003\u200b"]


def test_a_list_or_a_backup_does_not_take_the_place_of_the_records(practice, tmp_path):
    database, link = practice.folder / FILE, tmp_path / "link.zip"
    link.symlink_to(database)
    for words in (("next", "--out", database), ("backup", link)):
        assert "is one of the files that this command reads" in str(run(*words).exception)
    assert len(read.patients(practice)) == 2


def test_what_is_refused(practice, tmp_path, monkeypatch):
    assert "have no patient 'nobody'" in str(run("delete", "nobody").exception)
    monkeypatch.setattr(missing, "can_be_kept", lambda: False)
    assert str(run("verify").exception) == missing.MISSING
