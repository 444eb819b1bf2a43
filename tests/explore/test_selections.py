"""Selections: saved, listed, read back, exported and imported, and everything that a file or a name can be."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from derm.diagnoses import INDEX
from derm.errors import ConfigFault, DataFault
from derm.explore import selections
from derm.explore.table import explorable


@pytest.fixture(scope="module")
def table(drawn_catalogue) -> pd.DataFrame:
    return explorable(drawn_catalogue)


@pytest.fixture
def known(table) -> pd.DataFrame:
    return selections.known_of(table, None, table["image_id"].iloc[[3, 1]].tolist())


def test_what_is_saved_is_listed_and_read_back(tmp_path, table, known):
    assert selections.save(tmp_path / "new", " odd   moles (2) ", known) == "odd moles (2)"
    assert selections.listed(tmp_path / "new") == ["odd moles (2)"]
    images = selections.read(tmp_path / "new", "odd moles (2)")
    assert images == table["image_id"].iloc[[3, 1]].tolist()
    assert selections.find(table, [*images, "none"]).rows.tolist() == [1, 3]
    assert selections.find(table, [*images, "none"]).strange == 1
    selections.delete(tmp_path / "new", "odd moles (2)")
    selections.delete(tmp_path / "new", "odd moles (2)")  # gone already
    assert selections.listed(tmp_path / "new") == []
    with pytest.raises(DataFault, match="There is no selection 'odd moles \\(2\\)' any more"):
        selections.read(tmp_path / "new", "odd moles (2)")


def test_an_export_holds_what_table_and_results_say(table):
    cases = pd.DataFrame(
        {
            "image_id": [table["image_id"].iloc[1]],
            "true": [INDEX["mel"]],
            "predicted": [INDEX["nv"]],
            **{name: [0.25] for name in ("confidence", "p_malignant", "p_true", "loss", "iou")},
        }
    )
    found = selections.known_of(table, cases, [*table["image_id"].iloc[[3, 1]], "none"])
    assert found["image_id"].tolist() == table["image_id"].iloc[[3, 1]].tolist()
    assert found["dx"].tolist() == table["dx"].astype(str).iloc[[3, 1]].tolist()
    assert found["verdict"].iloc[1] == "malignant missed"
    assert np.isnan(found["loss"].iloc[0])
    assert not {"rule", "threshold"} & set(found)
    referred = selections.known_of(table, cases, [table["image_id"].iloc[1]], 0.2)
    assert referred[["verdict", "threshold"]].values.tolist() == [["right", 0.2]]
    other = selections.known_of(table, cases.assign(rule="equal_mix"), [table["image_id"].iloc[1]])
    assert other["rule"].tolist() == ["equal_mix"]
    assert selections.parse(selections.to_csv(found).encode(), "it.csv") == found["image_id"].tolist()


@pytest.mark.parametrize("name", ["", " ", "../up", "a/b", ".hidden", "a" * 61, "nul\0", "<b>", "C:x"])
def test_a_name_that_is_no_file_is_refused(tmp_path, known, name):
    with pytest.raises(ConfigFault, match="A selection's name has letters"):
        selections.save(tmp_path, name, known)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DataFault, match="There is no selection"):
        selections.read(tmp_path, name)


def test_nothing_saved_is_overwritten(tmp_path, known, monkeypatch):
    selections.save(tmp_path, "Moles", known)
    with pytest.raises(ConfigFault, match="There is a selection 'moles' already"):
        selections.save(tmp_path, "moles", known)
    with pytest.raises(ConfigFault, match="There is no image to save"):
        selections.save(tmp_path, "empty", known.iloc[:0])
    monkeypatch.setattr(selections, "MOST", 1)
    with pytest.raises(ConfigFault, match="There are 1 selections"):
        selections.save(tmp_path, "more", known)


@pytest.mark.parametrize(
    "content",
    [
        b"image_id,dx\nA,mel\nB,nv\nA,mel\n",
        b"\xef\xbb\xbfdx;Image_ID\r\nmel;A\r\nnv; B \r\n",
        "isic_id\tnote\nA\tüber\nB\t\n".encode("utf-16"),
        "image,ort\nA,Zürich\nB,\n".encode("latin-1"),
        b"image_id\nA\n\nB\n",
    ],
)
def test_tables_that_people_have_are_read(content):
    assert selections.parse(content, "list.csv") == ["A", "B"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is no table"),
        (b"\x89PNG\r\n\x1a\n\0\0", "no table|no column image_id"),
        (b"name\nA\n", "has no column image_id"),
        (b"image_id\n", "names no image"),
        (b'image_id,note\nA,"x\nB,y\nC,z"\nD,w\n', "line 2.* may have swallowed rows"),
        (b"image_id,dx\nA,mel,1,2\nB,1,2,3,4,5\n", "is no table|names no image"),
    ],
)
def test_other_files_are_refused_in_one_sentence(content, told):
    with pytest.raises(DataFault, match=told):
        selections.parse(content, "list.csv")


def test_a_file_that_is_too_large_is_not_read(monkeypatch):
    monkeypatch.setattr(selections, "MOST_BYTES", 3)
    with pytest.raises(DataFault, match="more than the 3 of a list"):
        selections.parse(b"image_id\nA\n", "list.csv")


def test_an_import_gets_a_free_name_and_one_of_another_data_set_is_refused(tmp_path, table, known):
    found = selections.find(table, known["image_id"])
    assert selections.import_as(tmp_path, "../x/my <list>", known, found) == "x my list"
    assert selections.import_as(tmp_path, "X my list", known, found) == "X my list 2"
    assert selections.import_as(tmp_path, "§", known, found) == "imported"
    with pytest.raises(DataFault, match="None of the 1 images of this file is in this data set"):
        selections.import_as(tmp_path, "strange", known.iloc[:0], selections.find(table, ["none"]))


@pytest.mark.parametrize("header", [",".join(["c"] * 2000), '"a\n",' + ",".join(["c"] * 2000)])
def test_a_table_of_columns_without_number_is_refused_before_it_is_parsed(header):
    with pytest.raises(DataFault, match="more than 1,000 columns"):
        selections.parse(f"{header}\n1\n".encode(), "it.csv")


WIDE = "its rows have more cells than its header"


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("image_id\n" + "," * 200 + "\n", f"{WIDE}: line 2 has 201, the header 1"),
        ("image_id\n" + "," * 160_000 + "\n", "more than 1,000 columns, in line 2"),
        ("image_id\n" + "," * 5_000_000 + "\n", "more than 1,000 columns, in line 2"),
        ("image_id;x\nA;1\n" + ";" * 1500 + "\n", "more than 1,000 columns, in line 3"),
        ("image_id\r" + "," * 200 + "\r", WIDE),
        ('image_id\n"A\n' + ",\n" * 9 + '"' + "," * 200 + "\n", f"{WIDE}: line 12 has 201, the header 1"),
        (",\n" + "image_id," * 900 + "\n", WIDE),
        ("," * 5000 + "\nimage_id\nA\n", "more than 1,000 columns, in line 1"),
        ("image_id" + ",x" * 900 + "\n" + "A\n" * 5000, "its rows have fewer cells than its header, which has 901"),
        ("image_id\n" + "A\n" * 1_000_001, "more than 1,000,000 rows"),
        ("\n" * 1_000_001 + "image_id\nA\n", "more than 1,000,000 rows"),
        ('image_id\n"' + "A" * 200_000 + "\n", "field larger than field limit"),
    ],
)
def test_a_table_of_rows_without_measure_is_refused_before_it_is_parsed(table, told, monkeypatch):
    def parse(*_arguments, **_options):
        raise AssertionError

    monkeypatch.setattr("derm.data.folder.pd.read_csv", parse)
    with pytest.raises(DataFault, match=told):
        selections.parse(table.encode(), "it.csv")


def test_cells_may_hold_separators_and_line_ends_and_a_few_rows_may_be_short():
    long = '"' + "a, b\n" * 20_000 + '"'
    assert selections.parse(f"image_id,note\nA,{long}\n\nB\nC,\n".encode(), "it.csv") == ["A", "B", "C"]


def test_one_of_those_who_save_under_a_name_at_once_has_it_and_the_others_are_told(tmp_path, known, monkeypatch):
    write = selections.write_text

    def write_late(path, text):
        time.sleep(0.05)
        write(path, text)

    monkeypatch.setattr(selections, "write_text", write_late)

    def save(_number: int) -> str:
        try:
            return selections.save(tmp_path, "mine", known)
        except ConfigFault as fault:
            return str(fault)

    with ThreadPoolExecutor(4) as pool:
        told = sorted(pool.map(save, range(4)))
    assert told[-1] == "mine"
    assert all("There is a selection 'mine' already" in one for one in told[:-1])
