"""No text becomes a formula: the one writer of CSV, and that there is no other."""

import csv
import io
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import derm
from derm.data.catalogue import _read_duplicates
from derm.data.diagnosis_words import MAPPING_FILE, plain_word, read_mapping, write_mapping
from derm.data.diagnosis_words import _lines as lines_of_mapping
from derm.evaluate.results import TEXTS, read_own_table
from derm.explore import selections
from derm.predict.manifest import read_list
from derm.records import tables, transfer
from derm.spreadsheet import cell, csv_line, csv_table, uncell

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\ufeff=1", "\xa0@A1", "＝1", "\tplain"]
PLAIN = ["", "ISIC_0024306", "a=1", "'quoted'", "'", "–", "Zürich"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_would_be_a_formula_stands_behind_an_apostrophe(text):
    assert cell(text) == f"'{text}"
    assert uncell(cell(text)) == text


@pytest.mark.parametrize("text", PLAIN)
def test_other_texts_stay(text):
    assert cell(text) == uncell(text) == text


def test_a_text_that_looks_guarded_comes_back_as_it_was():
    assert cell("'=1") == "''=1"
    assert uncell("''=1") == "'=1"


def test_no_cell_begins_within_another_whatever_a_program_takes_for_the_separator():
    line = csv_line(["a;=1", "b\t=1", "c|=1", 'd"=1', "e\n=1", "f,=1", None, float("nan"), 2, 0.5, True])
    assert line == '"a;=1","b\t=1","c|=1","d""=1","e\n=1","f,=1",,,2,0.5,True\n'
    assert next(csv.reader(io.StringIO(line, newline="")))[:3] == ["a;=1", "b\t=1", "c|=1"]


def test_a_number_written_as_text_stays_one():
    assert csv_line(["-0.5000", "+1", "-1e-05", "-1+1", "+1|x"]) == "-0.5000,+1,-1e-05,'-1+1,\"'+1|x\"\n"


def test_a_name_that_no_encoding_has_is_written_all_the_same():
    assert csv_line(["\udcff.jpg"]) == "?.jpg\n"


def test_a_table_is_read_back_as_it_was_and_header_and_rows_are_guarded_too():
    table = pd.DataFrame(
        {
            "=name": pd.Categorical(["=a", "b", None]),
            "figure": [0.25, np.nan, -1.0],
            "count": [1, 2, -3],
            "turned": [True, False, True],
            "mixed": [0.5, "x", None],
        },
        index=pd.Index(["-r", "s", "t"], name="@rows"),
    )
    text = csv_table(table, ".3f", index=True)
    assert text.splitlines() == [
        "'@rows,'=name,figure,count,turned,mixed",
        "'-r,'=a,0.250,1,True,0.500",
        "s,b,,2,False,x",
        "t,,-1.000,-3,True,",
    ]
    back = pd.read_csv(io.StringIO(text))
    assert [uncell(name) for name in back.columns[:2]] == ["@rows", "=name"]
    pd.testing.assert_frame_equal(
        back[["figure", "count", "turned"]], table[["figure", "count", "turned"]].reset_index(drop=True)
    )


def test_tables_without_foreign_text_are_written_as_pandas_writes_them():
    table = pd.DataFrame({"a": [1.5, np.nan, 1e-9], "b": ["x", 'y"z', "u,v"], "c": [1, 2, 3]})
    assert csv_table(table) == table.to_csv(index=False, lineterminator="\n")
    assert csv_table(table, ".4f") == table.to_csv(index=False, float_format="%.4f", lineterminator="\n")


def as_mapping(folder: Path, names: list[str]) -> list[str]:
    write_mapping(folder, dict.fromkeys(names, "nv"))
    write_mapping(folder, {"wart": "bkl"})  # which reads the others, and writes them again
    assert set(read_mapping(folder)) == {"wart", *map(plain_word, names)}
    return lines_of_mapping(folder / MAPPING_FILE, "")["word"].tolist()[:-1]


def as_pairs(folder: Path, names: list[str]) -> list[str]:
    (folder / "near_duplicates.csv").write_text(csv_table(pd.DataFrame({"image_id": names, "same_lesion_as": names})))
    return _read_duplicates(folder, pd.Series(names))[0]["same_lesion_as"].tolist()


def as_results(folder: Path, names: list[str]) -> list[str]:
    (folder / "table.csv").write_text(csv_table(pd.DataFrame(dict.fromkeys(TEXTS, names))))
    table = read_own_table(folder / "table.csv")
    assert all(table[name].tolist() == names for name in TEXTS)
    return table["image_id"].tolist()


def as_selection(_folder: Path, names: list[str]) -> list[str]:
    return selections.parse(csv_table(pd.DataFrame({"image_id": names, "p": 0.5})).encode(), "selection.csv")


def as_list(folder: Path, names: list[str]) -> list[str]:
    """A table with a column of files; one whose name has a line end within is refused, see `derm.predict.manifest`."""
    some = [name for name in names if "\r" not in name]
    (folder / "list.csv").write_text(csv_table(pd.DataFrame({"file": some, "answer": "nv"})))
    found = dict(zip(some, read_list(folder / "list.csv"), strict=True))
    return [str(Path(found[name]).relative_to(folder)) if name in found else name for name in names]


def as_export(folder: Path, names: list[str]) -> list[str]:
    table = tables.lesion
    rows = [{column.name: name if column.name == "label" else "1" for column in table.columns} for name in names]
    lines = [csv_line(row.values()) for row in rows]
    (folder / f"{table.name}.csv").write_text("".join([csv_line(rows[0]), *lines]), newline="")
    return [row["label"] for row in transfer._rows_in(folder, folder, table)]


STARTS = [apostrophes + sign for apostrophes in ("", "'", "''") for sign in "=+-@\t\r'a"]


@pytest.mark.parametrize("way", [as_mapping, as_pairs, as_results, as_selection, as_list, as_export])
@given(
    names=st.lists(
        st.builds("{}{}x".format, st.sampled_from(STARTS), st.text("=+-@'a1")),
        min_size=1,
        max_size=6,
        unique_by=plain_word,
    )
)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_every_table_that_is_written_behind_the_guard_and_read_again_has_its_texts(way, names):
    with TemporaryDirectory() as folder:
        assert way(Path(folder), names) == names


WRITERS = re.compile(r"\.to_csv\(|csv\.writer\(|DictWriter\(|\.to_excel\(|\bst\.dataframe\(|\bst\.data_editor\(")


def test_nothing_else_writes_tables_for_spreadsheets():
    """`to_csv`, `csv.writer` and Streamlit's own tables, which have a button for CSV, would pass the guard by."""
    top = Path(derm.__file__).parents[1]
    files = [*(top / "derm").rglob("*.py"), *(top / "pages").rglob("*.py"), top / "streamlit_app.py"]
    assert len(files) > 100
    found = {
        (str(path.relative_to(top)), called)
        for path in files
        for called in WRITERS.findall(path.read_text().replace("selections.to_csv(", ""))  # which calls the one writer
    }
    assert found == {("pages/parts/tables.py", "st.dataframe(")}
