"""Export and import, backup and restore: all comes back, across databases and states; damage is refused."""

import csv
import errno
import json
import os
import zlib
from hashlib import sha256
from pathlib import Path
from threading import Thread
from zipfile import ZIP_LZMA, ZipFile

import numpy as np
import pytest
from entries import new_answer, new_opinion, new_picture, save

from derm.errors import ConfigFault, RecordsFault
from derm.files import HOLD
from derm.records import migrate, read, store, tables, transfer, write
from derm.records.connect import Records, open_records
from derm.records.entry import Basis
from derm.records.verify import verify


def fill(records: Records) -> None:
    """Something in every table, with values that a table in text could lose."""
    saved = write.save_case(
        records, "Dr A", new_picture(1, pseudonym="=1+1", name="'quoted'"), before=new_opinion(note="a\nb, \"c\""),
        answer=new_answer(0.1 + 0.2),
    )  # fmt: skip
    save(records, 2, pseudonym="Ärztin 皮膚", mm_per_pixel=0.0123, scale_source="DICOM")
    write.describe_patient(records, "Dr A", saved.patient_id, birth_year=1960, note="- a note")
    write.correct(records, "Dr A", saved.picture_id, outline=np.ones((48, 80), dtype=bool))
    write.correct(records, "Dr A", saved.picture_id, diagnosis="mel", basis=Basis.HISTOLOGY)
    write.add_histology(records, "Dr A", saved.lesion_id, diagnosis="mel", on="2026-11-03")
    gone = save(records, 3, pseudonym="gone")
    write.delete_patient(records, "Dr A", gone.patient_id)


def everything(records: Records) -> dict[str, list[tuple[object, ...]]]:
    with records.reading() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(table.select().order_by(*table.primary_key.columns))]
            for table in tables.ALL
        }


def test_an_export_comes_back_from_either_database_to_either(records, tmp_path, server):
    fill(records)
    found = transfer.export_folder(records, tmp_path / "out", parquet=True)
    assert found["pictures"] == 2
    assert found["event"] == len(everything(records)["event"])
    for number, url in enumerate((None, server())):
        again = open_records(tmp_path / f"again{number}", url)
        assert transfer.import_folder(again, tmp_path / "out") == found
        assert everything(again) == everything(records)
        assert verify(again, read.counts(records).last_hash).broken is None
        save(again, 7)
        assert verify(again).broken is None
        again.close()


def test_tables_of_an_export_hold_no_formula_and_parquet_says_the_same(filed, tmp_path):
    import pyarrow.parquet as pq

    fill(filed)
    transfer.export_folder(filed, tmp_path / "out", parquet=True)
    with (tmp_path / "out" / "patient.csv").open(newline="") as stream:
        rows = {row["pseudonym"]: row for row in csv.DictReader(stream)}
    assert set(rows) == {"'=1+1", "Ärztin 皮膚"}
    assert rows["'=1+1"]["note"] == "'- a note"
    for table in tables.ALL:
        kept = pq.read_table(tmp_path / "out" / f"{table.name}.parquet").to_pylist()
        assert {tuple(row.values()) for row in kept} == set(everything(filed)[table.name])


def test_a_backup_is_restored(filed, tmp_path):
    fill(filed)
    transfer.backup(filed, tmp_path / "b.zip")
    before = everything(filed)
    save(filed, 9)
    transfer.backup(filed, tmp_path / "b.zip")  # an older one is replaced
    again = open_records(tmp_path / "again")
    found = transfer.restore(again, tmp_path / "b.zip")
    assert found["pictures"] == 3
    assert everything(again) == everything(filed) != before
    assert sorted(store.names(again.pictures)) == sorted(store.names(filed.pictures))
    again.close()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_backup_is_at_no_moment_readable_for_others(filed, tmp_path, monkeypatch):
    fill(filed)
    (tmp_path / "b.zip").touch(0o644)
    renamed = []
    replace = Path.replace
    monkeypatch.setattr(
        Path, "replace", lambda part, target: (renamed.append(part.stat().st_mode & 0o777), replace(part, target))
    )
    transfer.backup(filed, tmp_path / "b.zip")
    assert renamed == [0o600]
    assert (tmp_path / "b.zip").stat().st_mode & 0o777 == 0o600


def test_a_backup_of_an_older_state_is_restored_and_brought_up(filed, tmp_path):
    fill(filed)
    with filed.writing() as connection:
        migrate.bring_down(connection, "0001")
    transfer.backup(filed, tmp_path / "old.zip")
    again = open_records(tmp_path / "again")
    transfer.restore(again, tmp_path / "old.zip")
    with again.reading() as connection:
        assert migrate.state(connection) == migrate.HEAD
    assert verify(again).broken is None
    again.close()


@pytest.fixture
def out(filed, tmp_path):
    """An export of full records."""
    fill(filed)
    transfer.export_folder(filed, tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def empty(tmp_path):
    opened = open_records(tmp_path / "empty")
    yield opened
    opened.close()


def edit(folder, **changed) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | changed))


def reseal(folder, name: str, content: bytes) -> None:
    """Change a table and its hash with it."""
    import hashlib

    (folder / f"{name}.csv").write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["tables"][name] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def change(folder, table: str, column: str, value: str) -> None:
    """Put `value` in a table's first row, and the table's hash right."""
    with (folder / f"{table}.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    rows[0][column] = value
    lines = [
        ",".join(rows[0]),
        *(",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row.values()) for row in rows),
    ]
    reseal(folder, table, ("\n".join(lines) + "\n").encode())


def damage_picture(folder) -> None:
    next((folder / "pictures").glob("*/*")).write_bytes(b"other")


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("patient", "birth_year", "9" * 30),
        ("picture", "mm_per_pixel", "9" * 400),
        ("picture", "mm_per_pixel", "nan"),
        ("answer", "p_malignant", ""),
        ("patient", "note", "a\0b"),
    ],
)
def test_a_cell_that_no_records_can_hold_is_one_sentence(out, empty, table, column, value):
    change(out, table, column, value)
    with pytest.raises(RecordsFault, match=rf"{table}.csv cannot be read"):
        transfer.import_folder(empty, out)
    assert read.counts(empty) == (0, 0, 0, 0, "")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "manifest.json").unlink(), "manifest.json is missing or damaged"),
        (lambda folder: (folder / "manifest.json").write_text("[]"), "manifest.json is missing or damaged"),
        (lambda folder: (folder / "manifest.json").write_text("[" * 100_000), "manifest.json is missing or damaged"),
        (lambda folder: edit(folder, tables=["patient"]), "manifest.json is missing or damaged"),
        (lambda folder: edit(folder, tables={}), "is an export of another Derm"),
        (lambda folder: edit(folder, format=99), "is an export of another Derm"),
        (lambda folder: edit(folder, state="9999"), "of a newer Derm"),
        (lambda folder: edit(folder, last_hash="0" * 64), "the chain's end was cut off"),
        (lambda folder: (folder / "opinion.csv").write_text(""), "opinion.csv is not what was exported"),
        (lambda folder: (folder / "opinion.csv").unlink(), "opinion.csv is not what was exported"),
        (lambda folder: reseal(folder, "opinion", b"id\n"), "has not the columns"),
        (lambda folder: reseal(folder, "opinion", (folder / "opinion.csv").read_bytes().replace(b",70,", b",x,")),
         "cannot be read"),
        (lambda folder: reseal(folder, "opinion", (folder / "opinion.csv").read_bytes().replace(b",70,", b",71,")),
         "is not what event"),
        (lambda folder: reseal(folder, "opinion", (folder / "opinion.csv").read_bytes() + b"one\n"),
         "has another number of cells"),
        (lambda folder: reseal(folder, "opinion", (folder / "opinion.csv").read_bytes() + b"," * 99 + b"\n"),
         "has another number of cells"),
        (lambda folder: reseal(folder, "patient", b"id,pseudonym,birth_year,sex,note,created_at\n"), "refuse this"),
        (lambda folder: change(folder, "picture", "sha256", "../../../x"), r"calls a picture '\.\./\.\./\.\./x'"),
        (damage_picture, "out is not whole, nothing was taken in: its picture"),
    ],
)  # fmt: skip
def test_an_export_that_was_changed_is_refused_whole(out, empty, damage, said):
    damage(out)
    with pytest.raises(RecordsFault, match=said):
        transfer.import_folder(empty, out)
    assert read.counts(empty) == (0, 0, 0, 0, "")
    assert list(store.names(empty.pictures)) == []
    open_records(empty.folder).close()


def without(source: Path, target: Path, *left_out: str) -> None:
    with ZipFile(source) as old, ZipFile(target, "w") as new:
        for member in old.namelist():
            if not member.startswith(left_out):
                new.writestr(member, old.read(member))


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("lesion", "site", "moon"),
        ("visit", "day", "2026-13-99"),
        ("visit", "day", "20261102"),
        ("histology", "diagnosis", "xyz"),
        ("opinion", "management", "pray"),
        ("opinion", "asked_at", "noon"),
        ("correction", "basis", "dream"),
        ("correction", "outline", zlib.compress(bytes(1 << 20))),
        ("answer", "shown", "[]"),
    ],
)
def test_a_whole_chain_over_what_nobody_can_enter_is_refused_with_its_row(
    filed, empty, tmp_path, monkeypatch, table, column, value
):
    enter = write._enter
    monkeypatch.setattr(
        write,
        "_enter",
        lambda connection, actor, to, row: enter(
            connection, actor, to, {**row, column: value} if to.name == table and row.get(column) else row
        ),
    )
    fill(filed)
    broken = verify(filed).broken
    assert broken is not None
    assert broken.table == table
    transfer.backup(filed, tmp_path / "b.zip")
    with pytest.raises(RecordsFault, match=rf"nothing was taken in: row {broken.row} of {table} holds"):
        transfer.restore(empty, tmp_path / "b.zip")
    assert read.counts(empty) == (0, 0, 0, 0, "")


@pytest.mark.parametrize("left_out", ["manifest.json", "opinion.csv", "pictures/"])
def test_a_backup_that_is_refused_is_named_itself(filed, empty, tmp_path, left_out):
    fill(filed)
    transfer.backup(filed, tmp_path / "b.zip")
    without(tmp_path / "b.zip", tmp_path / "half.zip", left_out)
    with pytest.raises(RecordsFault, match=r"half\.zip.* is ") as refused:
        transfer.restore(empty, tmp_path / "half.zip")
    assert str(empty.folder) not in str(refused.value)
    assert read.counts(empty) == (0, 0, 0, 0, "")


def test_a_full_disk_at_a_restore_is_called_one(filed, empty, tmp_path, monkeypatch):
    fill(filed)
    transfer.backup(filed, tmp_path / "b.zip")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(ZipFile, "extractall", full)
    with pytest.raises(RecordsFault, match=r"b\.zip cannot be unpacked in .*empty \(No space left.*: make room"):
        transfer.restore(empty, tmp_path / "b.zip")


def test_whoever_opens_records_that_are_being_restored_waits(records, tmp_path, server):
    fill(records)
    transfer.backup(records, tmp_path / "b.zip")
    url = server() if records.on_server else None
    again, opened = open_records(tmp_path / "again", url), []
    other = Thread(target=lambda: opened.append(open_records(tmp_path / "again", url)))

    def watch(done: int, total: int) -> None:
        if done == 1:
            other.start()
        if done == total:
            other.join(0.5)
            assert opened == []

    assert transfer.restore(again, tmp_path / "b.zip", watch)["pictures"] == 2
    other.join(30)
    assert verify(opened[0], read.counts(records).last_hash).broken is None
    opened[0].close()
    again.close()


def test_records_that_are_not_empty_take_nothing_in(out, filed):
    with pytest.raises(RecordsFault, match="are not empty: move that folder away"):
        transfer.import_folder(filed, out)
    with pytest.raises(RecordsFault, match="is there already: name a new folder"):
        transfer.export_folder(filed, out)
    link, written = out.with_name("link"), []
    link.symlink_to(link)
    with pytest.raises(ConfigFault, match=r"/link is a link that leads nowhere: remove it, or name another folder"):
        transfer.export_folder(filed, link, progress=lambda *done: written.append(done))
    assert written == []


@pytest.mark.parametrize("member", ["../evil", "/etc/evil", "pictures/../../evil", "pictures/aa/x.py", "other.csv"])
def test_a_backup_with_something_else_in_it_is_refused(empty, tmp_path, member):
    with ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr(member, "x")
    with pytest.raises(RecordsFault, match="which no backup does: nothing was taken in"):
        transfer.restore(empty, tmp_path / "b.zip")


def test_no_backup_at_all(empty, tmp_path):
    (tmp_path / "b.zip").write_bytes(b"PK no zip")
    for name in ("b.zip", "none.zip"):
        with pytest.raises(RecordsFault, match="is no whole backup"):
            transfer.restore(empty, tmp_path / name)
    with pytest.raises(RecordsFault, match=r"does not end in \.zip"):
        transfer.backup(empty, tmp_path / "b.tar")


@pytest.mark.parametrize("flip", [(8, 0), (10, 99), "data"])
def test_a_backup_that_cannot_be_unpacked_is_one_sentence(filed, empty, tmp_path, flip):
    fill(filed)
    transfer.backup(filed, tmp_path / "b.zip")
    content = bytearray((tmp_path / "b.zip").read_bytes())
    if flip == "data":
        content[60:120] = b"\xff" * 60
    else:  # the flag of a password, or another way of packing, of the first member, as the list at the end has it
        place, value = flip
        content[content.rfind(b"PK\x01\x02") + place] = value or 1
    (tmp_path / "b.zip").write_bytes(content)
    with pytest.raises(RecordsFault, match="is no whole backup"):
        transfer.restore(empty, tmp_path / "b.zip")
    assert read.counts(empty) == (0, 0, 0, 0, "")


def test_a_backup_packed_by_lzma_and_damaged_is_one_sentence(filed, empty, tmp_path):
    transfer.backup(filed, tmp_path / "b.zip")
    with ZipFile(tmp_path / "b.zip") as old, ZipFile(tmp_path / "lzma.zip", "w", ZIP_LZMA) as new:
        new.writestr("manifest.json", old.read("manifest.json"))
        start = new.getinfo("manifest.json").header_offset + 30 + len("manifest.json")
    content = bytearray((tmp_path / "lzma.zip").read_bytes())
    content[start + 30 : start + 80] = b"\xff" * 50
    (tmp_path / "lzma.zip").write_bytes(content)
    with pytest.raises(RecordsFault, match="is no whole backup"):
        transfer.restore(empty, tmp_path / "lzma.zip")


def test_a_backup_that_unpacks_to_more_than_the_disk_has_is_not_unpacked(filed, empty, tmp_path, monkeypatch):
    transfer.backup(filed, tmp_path / "b.zip")
    monkeypatch.setenv("DERM_KEEP_FREE", "900000")
    with pytest.raises(RecordsFault, match=r"and \S+/empty has .* make room, or name another folder with DERM_RECORDS"):
        transfer.restore(empty, tmp_path / "b.zip")
    assert list(empty.folder.glob(".restored.*")) == []


def test_what_a_killed_export_or_restoring_leaves_of_patients_goes(filed, empty, tmp_path):
    fill(filed)

    def left_of(begun):
        """Make again what stood there while it was written: as a kill leaves it."""
        (name,) = begun
        (name / "whole").mkdir(parents=True)
        (name / HOLD).touch()
        (name / "whole" / "patient.csv").write_text("a patient")
        return name

    begun = set()
    transfer.export_folder(filed, tmp_path / "out", progress=lambda *_: begun.update(tmp_path.glob(".out.*")))
    left = left_of(begun)
    transfer.export_folder(filed, tmp_path / "once more")
    assert not left.exists()
    transfer.backup(filed, tmp_path / "b.zip")
    begun = set()
    transfer.restore(empty, tmp_path / "b.zip", lambda *_: begun.update(empty.folder.glob(".restored.*")))
    left = left_of(begun)
    open_records(empty.folder).close()
    assert not left.exists()


@pytest.mark.parametrize("place", [min, max])
@pytest.mark.parametrize("way", ["backup", "export_folder"])
def test_a_deletion_meanwhile_lets_it_begin_anew_without_the_patient(filed, tmp_path, way, place):
    by_picture = {sha256(new_picture(seed).content).hexdigest(): seed for seed in (1, 2)}
    deleted = by_picture[place(by_picture)]  # which is written first, before the deletion, or last
    save(filed, 3 - deleted)
    gone = save(filed, deleted, pseudonym="gone")

    def watch(done: int, total: int) -> None:
        if (done, total) == (1, 2):
            write.delete_patient(filed, "Dr A", gone.patient_id)

    assert getattr(transfer, way)(filed, tmp_path / "out.zip", progress=watch)["pictures"] == 1
    again = open_records(tmp_path / "again")
    put_back = transfer.restore if way == "backup" else transfer.import_folder
    assert put_back(again, tmp_path / "out.zip")["patient"] == 1
    assert list(store.names(again.pictures)) == list(store.names(filed.pictures))
    again.close()


def test_an_export_that_fails_leaves_nothing(filed, tmp_path):
    save(filed)
    (name,) = store.names(filed.pictures)
    store.remove(filed.pictures, name)
    with pytest.raises(RecordsFault, match="is missing"):
        transfer.export_folder(filed, tmp_path / "out")
    with pytest.raises(RecordsFault, match="is missing"):
        transfer.backup(filed, tmp_path / "b.zip")
    assert [one.name for one in tmp_path.iterdir() if one.name != "records"] == []
