"""A table that grows by whole lines and can be gone on with, whatever ended it."""

import csv
import errno
import os

import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from derm.errors import ConfigFault
from derm.predict.parquet import read_records
from derm.predict.record import Settings, csv_line, header_line, refused_record
from derm.predict.table import GrowingTable, part_of

SETTINGS = Settings("derm 01234567", "89abcdef", 1, 0.2, 0.2)


def record(name, settings=SETTINGS, **known):
    return refused_record(name, f"/{name}.jpg", "", settings) | known


def rows(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def left_behind(target, *names):
    """A run that was ended after these rows."""
    with GrowingTable(target, SETTINGS) as table:
        for name in names:
            table.add(record(name, sha256="ab"))


def test_rows_stand_as_they_come_and_the_table_comes_whole(tmp_path):
    target = tmp_path / "new" / "out.csv"
    with GrowingTable(target, SETTINGS) as table:
        for count, name in enumerate(("a", "b"), 1):
            table.add(record(name))
            assert len(rows(part_of(target))) == count
            assert not target.exists()
        table.finish(["/a.jpg", "/b.jpg"])
    assert [row["image_id"] for row in rows(target)] == ["a", "b"]
    assert [file.name for file in target.parent.iterdir()] == ["out.csv"]


def test_an_older_table_stays_until_the_new_one_is_whole(tmp_path):
    target = tmp_path / "out.csv"
    target.write_text(old := header_line() + "old")
    left_behind(target, "a")
    assert target.read_text() == old


@pytest.mark.parametrize("name", ["out.json", "out.tsv", "out.xlsx", "out.csv.gz", "weights.safetensors"])
def test_a_name_of_another_kind_of_file_is_refused(tmp_path, name):
    with pytest.raises(ConfigFault, match=r"ends in \.\w+, and tables .* ends in \.csv, or in \.parquet or \.pq\."):
        GrowingTable(tmp_path / name, SETTINGS)
    (tmp_path / "link.csv").symlink_to(tmp_path / name)
    with pytest.raises(ConfigFault, match=f"{name} ends in"):
        GrowingTable(tmp_path / "link.csv", SETTINGS)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["out.csv", "OUT.CSV", "out", "-", "out.parquet", "out.PQ"])
def test_only_what_is_a_table_of_predictions_is_replaced(tmp_path, name):
    target = tmp_path / name
    for foreign in (b"image_id,dx\na,nv\n", b"notes", b"PAR1", b"image_id,lesion_id,dx_true,dx_pred\n"):
        target.write_bytes(foreign)
        with pytest.raises(ConfigFault, match=f"{name} is no table of `derm predict`, and would be lost: name another"):
            GrowingTable(target, SETTINGS)
        assert [file.name for file in tmp_path.iterdir()] == [name]
        assert target.read_bytes() == foreign
    target.write_bytes(b"")
    for rows_of_it in ("a", "b"):
        with GrowingTable(target, SETTINGS) as table:
            table.add(record(rows_of_it))
            table.finish([f"/{rows_of_it}.jpg"])
    left_behind(target, "c")
    target.write_bytes(b"put there meanwhile")
    with pytest.raises(ConfigFault, match="is no table of `derm predict`"):
        GrowingTable(target, SETTINGS, resume=True)
    assert part_of(target).exists()


def test_what_was_put_there_during_the_run_stays(tmp_path):
    target = tmp_path / "out.csv"
    with GrowingTable(target, SETTINGS) as table:
        table.add(record("a"))
        target.write_text("notes")
        with pytest.raises(ConfigFault, match="is no table of `derm predict`"):
            table.finish(["/a.jpg"], in_order=True)
    assert target.read_text() == "notes"
    assert [row["image_id"] for row in rows(part_of(target))] == ["a"]


def test_tables_of_other_columns_are_replaced(tmp_path):
    target = tmp_path / "out.csv"
    target.write_text(header_line().replace(",error", ",error,more"))
    with GrowingTable(target, SETTINGS) as table:
        table.add(record("a"))
        table.finish(["/a.jpg"])
    assert [row["image_id"] for row in rows(target)] == ["a"]


def test_a_table_that_windows_has_saved_is_gone_on_with(tmp_path):
    target = tmp_path / "out.csv"
    with GrowingTable(target, SETTINGS) as table:
        table.add(record("a"))
        table.add(record("b"))
        table.finish(["/a.jpg", "/b.jpg"])
    before = target.read_bytes()
    target.write_bytes(b"\xef\xbb\xbf" + before.replace(b"\n", b"\r\n"))
    with GrowingTable(target, SETTINGS, resume=True) as table:
        assert list(table.standing) == ["/a.jpg", "/b.jpg"]
        table.add(record("c"))
        table.finish(["/a.jpg", "/b.jpg", "/c.jpg"])
    assert target.read_bytes() == before + csv_line(record("c")).encode()


def test_a_run_without_rows_leaves_nothing(tmp_path):
    left_behind(tmp_path / "out.csv")
    assert list(tmp_path.iterdir()) == []


def test_what_a_run_left_is_not_overwritten_but_gone_on_with(tmp_path):
    target = tmp_path / "out.csv"
    left_behind(target, "b", "a")
    with pytest.raises(ConfigFault, match=r"out\.csv\.part holds the answers of a run that did not end: go on"):
        GrowingTable(target, SETTINGS)
    with part_of(target).open("a") as torn:  # as a loss of power leaves it
        torn.write("half a li")
    with GrowingTable(target, SETTINGS, resume=True) as table:
        assert {file: row["image_id"] for file, row in table.standing.items()} == {"/b.jpg": "b", "/a.jpg": "a"}
        table.add(record("a", sha256="cd"))
        table.add(record("c"))
        table.finish(["/a.jpg", "/c.jpg"])
    assert [(row["image_id"], row["sha256"]) for row in rows(target)] == [("b", "ab"), ("a", "cd"), ("c", "")]
    assert not part_of(target).exists()


def test_a_table_that_is_whole_is_gone_on_with_too(tmp_path):
    target = tmp_path / "out.csv"
    with GrowingTable(target, SETTINGS) as table:
        table.add(record("a"))
        table.finish(["/a.jpg"])
    with GrowingTable(target, SETTINGS, resume=True) as table:
        assert list(table.standing) == ["/a.jpg"]
        table.add(record("0"))
        assert [row["image_id"] for row in rows(part_of(target))] == ["a", "0"]
        assert [row["image_id"] for row in rows(target)] == ["a"]
        table.finish(["/0.jpg", "/a.jpg"])
    assert [row["image_id"] for row in rows(target)] == ["0", "a"]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"weights": "other 00000000"}, "weights 'derm 01234567', and this run has 'other 00000000'"),
        ({"calibration": "00000000"}, "calibration '89abcdef'"),
        ({"views": 8}, "views '1', and this run has '8'"),
        ({"malignant_share": 0.05}, "malignant_share '0.200000', and this run has '0.050000'"),
        ({"not_learned": ("df", "mel")}, "not_learned '', and this run has 'df mel'"),
    ],
)
def test_other_settings_are_refused(tmp_path, change, name):
    target = tmp_path / "out.csv"
    left_behind(target, "a")
    before = part_of(target).read_bytes()
    with pytest.raises(ConfigFault, match=f"was written with {name}"):
        GrowingTable(target, SETTINGS._replace(**change), resume=True)
    assert part_of(target).read_bytes() == before


def test_another_schema_is_refused(tmp_path):
    target = tmp_path / "out.csv"
    target.write_text("image_id,dx_pred\na,nv\n")
    with pytest.raises(ConfigFault, match="other columns"):
        GrowingTable(target, SETTINGS, resume=True)
    assert [file.name for file in tmp_path.iterdir()] == ["out.csv"]
    for rest in ("a,b\n", "x" * 200_000 + "\n", '"' + "x" * 200_000 + "\n", "x" * 2_000_000):
        target.write_text(header_line() + rest)
        with pytest.raises(ConfigFault, match="other columns"):
            GrowingTable(target, SETTINGS, resume=True)


def test_what_is_no_file_is_no_place_for_rows(tmp_path):
    os.mkfifo(part_of(tmp_path / "out.csv"))
    with pytest.raises(ConfigFault, match="is no ordinary file"):
        GrowingTable(tmp_path / "out.csv", SETTINGS)
    part_of(tmp_path / "linked.csv").symlink_to(tmp_path / "kept.txt")
    with pytest.raises(ConfigFault, match="is no ordinary file"):
        GrowingTable(tmp_path / "linked.csv", SETTINGS)
    assert not (tmp_path / "kept.txt").exists()
    (tmp_path / "round.csv").symlink_to(tmp_path / "round.csv")
    with pytest.raises(ConfigFault, match="leads to itself"):
        GrowingTable(tmp_path / "round.csv", SETTINGS)


def test_two_runs_do_not_write_one_table(tmp_path):
    target = tmp_path / "out.csv"
    with GrowingTable(target, SETTINGS) as first:
        first.add(record("a"))
        with pytest.raises(ConfigFault, match=r"Another run is writing .*out\.csv\.part: wait for its end"):
            GrowingTable(target, SETTINGS, resume=True)
    assert len(rows(part_of(target))) == 1


def test_a_full_disk_leaves_whole_lines(tmp_path, monkeypatch):
    target = tmp_path / "out.csv"
    write, room = os.write, [len(csv_line(record("b"))) + 40]

    def short(descriptor, content):
        taken = content[: room[0]]
        if not taken:
            raise OSError(errno.ENOSPC, "No space left on device")
        room[0] -= len(taken)
        return write(descriptor, taken)

    with GrowingTable(target, SETTINGS) as table:
        table.add(record("a"))
        monkeypatch.setattr("os.write", short)
        table.add(record("b"))
        with pytest.raises(ConfigFault, match=r"part cannot be written \(No space left .*go on with --resume"):
            table.add(record("c"))
    text = part_of(target).read_text()
    assert text.endswith("\n")
    assert [row["image_id"] for row in rows(part_of(target))] == ["a", "b"]


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
@pytest.mark.parametrize("stop", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_copy_that_is_ended_loses_no_row(tmp_path, monkeypatch, ending, stop):
    target = tmp_path / f"out{ending}"
    names = [f"/{name}.jpg" for name in "abcde"]
    left_behind(target, *"abcde")
    with GrowingTable(target, SETTINGS, resume=True) as table:
        table.finish(names)
    whole = target.read_bytes()
    write, room = os.write, [len(header_line()) + 2 * len(csv_line(record("a"))) + 40]

    def short(descriptor, content):
        if not room[0]:
            raise stop
        taken = content[: room[0]]
        room[0] -= len(taken)
        return write(descriptor, taken)

    with monkeypatch.context() as full:
        full.setattr("os.write", short)
        with pytest.raises((ConfigFault, KeyboardInterrupt)) as caught:
            GrowingTable(target, SETTINGS, resume=True)
    if isinstance(caught.value, ConfigFault):
        assert str(caught.value).endswith(f"go on with --resume; what was answered before stands in {target}.")
    assert (target.read_bytes(), part_of(target).exists()) == (whole, False)
    with GrowingTable(target, SETTINGS, resume=True) as table:
        assert list(table.standing) == names
        table.add(record("f"))
        table.finish(["/f.jpg"])
    assert len(list(read_records(target)) if ending == ".parquet" else rows(target)) == 6


def copied_in_part(target):
    """What a kill leaves while a table's rows are being copied into its part: one of two."""
    with GrowingTable(target, SETTINGS) as table:
        table.add(record("a"))
        table.add(record("b"))
        table.finish(["/a.jpg", "/b.jpg"], in_order=True)
    lines = target.read_text().splitlines(keepends=True)
    part_of(target).write_text("#" + "".join(lines)[1 : len(lines[0] + lines[1]) + 20])


@pytest.mark.parametrize("resume", [True, False])
def test_a_kill_while_rows_are_copied_leaves_the_table_to_go_on_with(tmp_path, resume):
    target = tmp_path / "out.csv"
    copied_in_part(target)
    with GrowingTable(target, SETTINGS, resume=resume) as table:
        assert list(table.standing) == (["/a.jpg", "/b.jpg"] if resume else [])
        table.add(record("c"))
        assert part_of(target).read_text().startswith(header_line())
        table.finish(["/c.jpg"])
    assert [row["image_id"] for row in rows(target)] == (["a", "b", "c"] if resume else ["c"])


def test_rows_that_were_copied_stand_where_their_table_was_removed(tmp_path):
    target = tmp_path / "out.csv"
    copied_in_part(target)
    target.unlink()
    with GrowingTable(target, SETTINGS, resume=True) as table:
        assert list(table.standing) == ["/a.jpg"]
        table.finish(["/a.jpg"])
    assert [row["image_id"] for row in rows(target)] == ["a"]


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
@pytest.mark.parametrize("name", ["=a", "-c", " -c", "'=a", "'-5", "@b", "\uff1da"])
def test_names_that_a_spreadsheet_would_compute_are_the_same_when_gone_on_with(tmp_path, ending, name):
    target = tmp_path / f"out{ending}"
    for _ in range(2):
        with GrowingTable(target, SETTINGS, resume=True) as table:
            if table.standing:
                assert table.standing["/a.jpg"]["image_id"] == table.standing["/a.jpg"]["written_as"] == name
            table.add(record("a", image_id=name, written_as=name))
            table.finish(["/a.jpg"])
    if ending == ".parquet":
        assert [row["image_id"] for row in read_records(target)] == [name]


def test_places_that_cannot_be_a_table_are_refused(tmp_path):
    with pytest.raises(ConfigFault, match="is a folder"):
        GrowingTable(tmp_path, SETTINGS)
    full = tmp_path / "full"
    full.symlink_to("/dev/full")
    with pytest.raises(ConfigFault, match="is no ordinary file"):
        GrowingTable(full, SETTINGS)


def test_a_table_behind_a_link_is_replaced_where_it_lies(tmp_path):
    true = tmp_path / "elsewhere" / "true.csv"
    true.parent.mkdir()
    true.touch()
    link = tmp_path / "out.csv"
    link.symlink_to(true)
    with GrowingTable(link, SETTINGS) as table:
        table.add(record("a"))
        table.finish(["/a.jpg"])
    assert link.is_symlink()
    assert len(rows(true)) == 1


def test_parquet_says_what_csv_says_and_is_gone_on_with(tmp_path):
    target = tmp_path / "out.parquet"
    odd = {"doubts": ["blurred", "seen_little"], "p_malignant": 0.25, "width": 40, "answerable": True}
    with GrowingTable(target, SETTINGS) as table:
        table.add(record("b", **odd))
        table.add(record("a", image_id="=a"))
    assert not target.exists()
    with GrowingTable(target, SETTINGS, resume=True) as table:
        assert list(table.standing) == ["/b.jpg", "/a.jpg"]
        table.finish(["/a.jpg", "/b.jpg", "/c.jpg"])
    assert not part_of(target).exists()
    first, second = read_records(target)
    assert (first["file"], first["image_id"], first["doubts"], first["p_malignant"]) == ("/a.jpg", "=a", [], None)
    assert {name: second[name] for name in odd} == odd
    before = [csv_line(one) for one in read_records(target)]
    with GrowingTable(target, SETTINGS, resume=True) as table:
        assert set(table.standing) == {"/a.jpg", "/b.jpg"}
        table.add(record("c"))
        table.finish(["/a.jpg", "/b.jpg", "/c.jpg"])
    assert [csv_line(one) for one in read_records(target)] == [*before, csv_line(record("c"))]
    with pytest.raises(ConfigFault, match="was written with views"):
        GrowingTable(target, SETTINGS._replace(views=8), resume=True)


def test_what_is_no_parquet_of_predictions_is_refused(tmp_path):
    target = tmp_path / "out.parquet"
    target.write_bytes(b"no table")
    with pytest.raises(ConfigFault, match="no Parquet that can be read, or damaged"):
        GrowingTable(target, SETTINGS, resume=True)
    pq.write_table(pa.table({"a": [1]}), target)
    with pytest.raises(ConfigFault, match="other columns"):
        GrowingTable(target, SETTINGS, resume=True)
    assert [file.name for file in tmp_path.iterdir()] == ["out.parquet"]


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("width", [float("nan")], "its column width is double, not int32"),
        ("answerable", ["yes"], "its column answerable is string, not bool"),
        ("doubts", ["blurred"], "its column doubts is string, not list<"),
    ],
)
def test_parquet_whose_columns_another_program_has_changed_is_refused(tmp_path, name, values, said):
    target = tmp_path / "out.parquet"
    with GrowingTable(target, SETTINGS) as table:
        table.add(record("a"))
        table.finish(["/a.jpg"])
    whole = pq.read_table(target)
    pq.write_table(whole.set_column(whole.column_names.index(name), name, pa.array(values)), target)
    with pytest.raises(ConfigFault, match=f"this version of Derm can go on with .{said}"):
        GrowingTable(target, SETTINGS, resume=True)
    assert [file.name for file in tmp_path.iterdir()] == ["out.parquet"]


def test_a_full_disk_is_said_in_the_words_of_the_system(tmp_path, monkeypatch):
    def full(path, rows):
        raise OSError(errno.ENOSPC, "Error writing bytes to file. Detail: [errno 28] No space left on device")

    monkeypatch.setattr("derm.predict.parquet.write_rows", full)
    with GrowingTable(tmp_path / "out.parquet", SETTINGS) as table:
        table.add(record("a"))
        with pytest.raises(ConfigFault, match=r"out\.parquet cannot be written \(No space left on device\): name a"):
            table.finish(["/a.jpg"])
