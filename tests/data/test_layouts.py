"""Folders and tables as they circulate: other names, other places, other separators, other encodings."""

import os
import socket
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from derm.cli.main import app
from derm.data.catalogue import GROUPING_FILES, read_catalogue
from derm.data.folder import read_table
from derm.diagnoses import CODES
from derm.errors import DataFault

IDS = [f"ISIC_00243{number:02}" for number in range(len(CODES))]
NAMES = ["actinic_keratoses", "Basal Cell Carcinoma", "benign_keratosis-like_lesions", "dermatofibroma", "MELANOMA",
         "melanocytic_Nevi", "vascular_lesions"]  # fmt: skip


def rows(ids=IDS, dx=CODES) -> pd.DataFrame:
    table = pd.DataFrame({"lesion_id": [f"L{number}" for number in range(len(ids))], "image_id": ids, "dx": dx})
    return table.assign(dx_type="histo", age="50", sex="male", localization="back")


def draw(folder: Path, ids=IDS) -> None:
    for name in ids:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((32, 40, 3), np.uint8)).save(folder / f"{name}.jpg")


def assert_whole(folder: Path) -> None:
    table = read_catalogue(folder).table
    assert table["image_id"].tolist() == IDS
    assert table["dx"].tolist() == list(CODES)
    assert [Path(path).stem for path in table["image_path"]] == IDS


@pytest.mark.parametrize(
    "place",
    [".", "Images", "IMAGES", "ham10000_images_part_1", "HAM10000_images", "all_images", "data/HAM/jpg", "train"],
)
def test_images_in_folders_of_any_name(tmp_path, place):
    draw(tmp_path / place)
    rows().to_csv(tmp_path / "HAM10000_metadata.csv", index=False)
    assert_whole(tmp_path)


@pytest.mark.parametrize("place", ["images", "."])
def test_images_in_folders_by_class(tmp_path, place):
    draw(tmp_path / place, [f"{code}/{name}" for code, name in zip(CODES, IDS, strict=True)])
    rows().to_csv(tmp_path / "ham10000_METADATA.csv", index=False)
    assert_whole(tmp_path)


def test_pictures_in_a_folder_of_masks_are_no_images(tmp_path):
    draw(tmp_path / "pictures")
    draw(tmp_path / "Segmentations", [f"{name}_x" for name in IDS])
    draw(tmp_path / "__MACOSX" / "pictures")
    rows().to_csv(tmp_path / "HAM10000_metadata.csv", index=False)
    assert_whole(tmp_path)
    assert read_catalogue(tmp_path).unlisted == ()


@pytest.mark.parametrize(
    "write",
    [
        {"sep": ";"},
        {"sep": "\t"},
        {"sep": "|"},
        {"sep": "\t", "encoding": "utf-16"},
        {"sep": ",", "encoding": "utf-16-le"},
        {"encoding": "utf-8-sig"},
        {"sep": ";", "quoting": 1, "lineterminator": "\r\n"},
    ],
    ids=str,
)
def test_tables_in_any_separator_and_encoding(tmp_path, write):
    draw(tmp_path / "images")
    rows().to_csv(tmp_path / "HAM10000_metadata.csv", index=False, **write)
    assert_whole(tmp_path)


def test_what_excel_and_pandas_leave_in_a_table(tmp_path):
    draw(tmp_path / "images")
    text = rows().rename(columns=lambda name: name.title().replace("_", " ")).to_csv(sep=";")  # with the rows' numbers
    (tmp_path / "HAM10000_metadata.csv").write_text(f"sep=;\n{text};;;;;;;\n", encoding="utf-8")
    assert_whole(tmp_path)


@pytest.mark.parametrize("change", ["{}.jpg", "{}.JPEG", "images/{}.jpg", "images\\{}.jpg", "C:\\HAM\\{}.png"])
def test_ids_with_endings_and_folders(tmp_path, change):
    draw(tmp_path / "images")
    rows([change.format(name) for name in IDS]).to_csv(tmp_path / "HAM10000_metadata.csv", index=False)
    assert_whole(tmp_path)


def test_full_names_of_diagnoses_and_a_users_own(tmp_path):
    draw(tmp_path / "images")
    rows(dx=[*NAMES[:-1], "Blutschwamm"]).to_csv(tmp_path / "HAM10000_metadata.csv", index=False)
    (tmp_path / "diagnoses.csv").write_text("word,code\nBlutschwamm,vasc\n", encoding="utf-8")
    assert_whole(tmp_path)


@pytest.mark.parametrize("part", ["Training", "Validation", "Test"])
def test_all_parts_of_isic_2018_task_3(tmp_path, part):
    draw(tmp_path / f"ISIC2018_Task3_{part}_Input")
    marks = {code.upper(): [float(code == own) for own in CODES] for code in ("mel", "nv", "bcc", "akiec", "bkl", "df")}
    table = pd.DataFrame({"image": IDS, **marks, "VASC": [float(own == "vasc") for own in CODES]})
    table.to_csv(tmp_path / f"ISIC2018_Task3_{part}_GroundTruth.csv", index=False)
    assert_whole(tmp_path)
    source = {"Training": "ham10000", "Validation": "isic2018_validation", "Test": "isic2018_test"}[part]
    assert set(read_catalogue(tmp_path).table["source"]) == {source}


def test_an_export_of_the_archive_with_its_images_anywhere(tmp_path):
    draw(tmp_path / "ISIC-images")
    table = pd.DataFrame({"isic_id": IDS, "age_approx": "85+", "sex": "F", "diagnosis": NAMES, "image_type": ""})
    table.to_csv(tmp_path / "Metadata.csv", index=False)
    assert_whole(tmp_path)
    read = read_catalogue(tmp_path).table
    assert (set(read["age"]), set(read["sex"])) == ({85.0}, {"female"})


def swallow(text: str, column: int, first: int, last: int) -> str:
    """The table with a stray quotation mark before the cell of `column` in two of its lines."""
    lines = [line.split(",") for line in text.splitlines()]
    for row in (first, last):
        lines[row][column] = '"' + lines[row][column]
    return "\n".join(map(",".join, lines)) + "\n"


@pytest.mark.parametrize("layout", ["metadata.csv", "HAM10000_metadata.csv", "ISIC_2019_Training_Metadata.csv"])
@pytest.mark.parametrize(("first", "last"), [(2, 6), (2, 3), (0, 4)])
def test_stray_quotation_marks_that_swallow_rows_are_refused_in_every_column(tmp_path, layout, first, last):
    draw(tmp_path / ("ISIC_2019_Training_Input" if "2019" in layout else "images"))
    table = rows().assign(attribution="ViDIR, Vienna", image_type="dermoscopic", note="")
    if "2019" in layout:
        marks = pd.DataFrame({"image": IDS} | dict.fromkeys(("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC"), 0))
        marks.to_csv(tmp_path / "ISIC_2019_Training_GroundTruth.csv", index=False)
    table = table.rename(columns={"image_id": {"m": "isic_id", "I": "image"}.get(layout[0], "image_id")})
    text = table.assign(attribution="Vienna").to_csv()  # with the rows' numbers
    for column, name in enumerate(text.partition("\n")[0].split(",")):
        (tmp_path / layout).write_text(swallow(text, column, first, last), encoding="utf-8")
        with pytest.raises(DataFault, match=rf"has a cell of several lines in the column {name}.*, line {first + 1}, "):
            read_catalogue(tmp_path)


@pytest.mark.parametrize(
    "note",
    ["seen twice\nflat, brown, even, symmetric, not itchy, no change, no ulcer, old", "a,b\nc", "one\r\n\r\ntwo"],
)
def test_a_text_of_several_lines_beside_what_is_read_stays(tmp_path, note):
    draw(tmp_path / "images")
    rows().assign(note=note).to_csv(tmp_path / "HAM10000_metadata.csv", index=False)
    assert_whole(tmp_path)
    (tmp_path / "HAM10000_metadata.csv").unlink()
    table = pd.DataFrame({"isic_id": IDS, "diagnosis": NAMES, "note": note})
    table.to_csv(tmp_path / "metadata.csv", index=False)
    assert_whole(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04 and more", r"it is a workbook of Excel or LibreOffice: save it there as CSV in UTF-8"),
        (b"version https://git-lfs.github.com/spec/v1\n", r"it is a pointer of Git LFS: fetch .* `git lfs pull`"),
        (b"\n<!DOCTYPE html><html>", r"it is a web page: the download asked for a log-in or failed"),
        ("a,b\nFuß,1\n".encode("cp1252"), r"in line 2: save it as CSV UTF-8"),
        (b"image,diagnosis\n1,nv\n", r"lacks the column\(s\) lesion_id, image_id.*; it has image, diagnosis: download"),
        (b"lesion_id,image_id,dx,dx_type,age,sex,localization\n,,,,,,\n", r"has a header but no rows"),
    ],
)  # fmt: skip
def test_what_a_file_is_that_is_no_table(tmp_path, content, message):
    draw(tmp_path / "images")
    (tmp_path / "HAM10000_metadata.csv").write_bytes(content)
    with pytest.raises(DataFault, match=message):
        read_catalogue(tmp_path)


def test_a_folder_that_cannot_be_read_is_described(tmp_path):
    draw(tmp_path / "pictures")
    (tmp_path / "labels.csv").write_text("name;class\na;b\n", encoding="utf-8")
    told = r"but 7 \.jpg files in pictures; labels\.csv with the columns name, class: name the table so or write a derm"
    with pytest.raises(DataFault, match=told):
        read_catalogue(tmp_path)
    (tmp_path / "pictures").rename(tmp_path / "HAM10000_metadata.csv")
    with pytest.raises(
        DataFault, match=r"HAM10000_metadata\.csv is no file, but has the name of a table: put the table"
    ):
        read_catalogue(tmp_path)


def lost(place: Path) -> None:
    place.symlink_to(place.parent / "not mounted" / place.name)


def circle(place: Path) -> None:
    place.symlink_to(place)


def bound(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as end:
        near = place.with_name("s")
        end.bind(os.path.relpath(near))  # for a socket's name is short
        near.rename(place)


@pytest.mark.parametrize(
    "table",
    [
        "derm.csv",
        "HAM10000_metadata.csv",
        "GroundTruth.csv",
        "metadata.csv",
        "duplicate_lesions.csv",
        "near_duplicates.csv",
        "diagnoses.csv",
        *GROUPING_FILES,
    ],
)
@pytest.mark.parametrize("make", [lost, circle, os.mkfifo, bound, Path.mkdir])
def test_what_bears_a_table_s_name_and_is_none_is_refused_and_never_taken_for_absent(tmp_path, table, make):
    draw(tmp_path / "images")
    marks = pd.DataFrame({"image": IDS} | {code.upper(): [int(code == one) for one in CODES] for code in CODES})
    marks.to_csv(tmp_path / "GroundTruth.csv", index=False)
    if table != GROUPING_FILES[0]:  # which are read where no other table names lesions
        rows().to_csv(tmp_path / "HAM10000_metadata.csv", index=False)
    (tmp_path / table).unlink(missing_ok=True)
    assert len(read_catalogue(tmp_path).table) == len(IDS)
    make(tmp_path / table)
    told = r"is a link that leads nowhere: bring back what it" if make in (lost, circle) else r"is no file, but has the"
    for strict in (True, False):
        with pytest.raises(DataFault, match=f"{table} {told}"):
            read_catalogue(tmp_path, strict)


@pytest.mark.parametrize("folder", ["masks", "images"])
def test_a_link_to_pictures_that_leads_nowhere_is_refused(tmp_path, folder):
    draw(tmp_path / "all")
    rows().to_csv(tmp_path / "HAM10000_metadata.csv", index=False)
    assert_whole(tmp_path)
    lost(tmp_path / folder)
    with pytest.raises(DataFault, match=f"{folder} is a link that leads nowhere: bring back what it leads to"):
        read_catalogue(tmp_path)
    (tmp_path / "HAM10000_metadata.csv").unlink()
    (tmp_path / "derm.csv").write_text("image\n" + "".join(f"all/{name}.jpg\n" for name in IDS), encoding="utf-8")
    if folder == "masks":
        with pytest.raises(DataFault, match="masks is a link that leads nowhere: bring back what it leads to"):
            read_catalogue(tmp_path)


def test_masks_beside_the_images_are_found(tmp_path):
    draw(tmp_path)
    for name in IDS:
        Image.fromarray(np.zeros((32, 40), np.uint8)).save(tmp_path / f"{name}_segmentation.png")
    rows().to_csv(tmp_path / "HAM10000_metadata.csv", index=False)
    assert_whole(tmp_path)
    found = [Path(path).name for path in read_catalogue(tmp_path).table["mask_path"]]
    assert found == [f"{name}_segmentation.png" for name in IDS]


def test_a_link_back_leads_nowhere(tmp_path):
    draw(tmp_path / "pictures")
    (tmp_path / "pictures" / "again").symlink_to(tmp_path)
    for name in ("itself", "itself.jpg"):
        (tmp_path / "pictures" / name).symlink_to(name)
    rows().to_csv(tmp_path / "HAM10000_metadata.csv", index=False)
    assert_whole(tmp_path)
    assert read_catalogue(tmp_path).unlisted == ()


@pytest.mark.parametrize("again", ["DX", "dx"])
def test_a_column_that_is_there_twice_is_named(tmp_path, again):
    draw(tmp_path / "images")
    table = tmp_path / "HAM10000_metadata.csv"
    rows().to_csv(table, index=False)
    header, *cells = table.read_text().splitlines()
    table.write_text("\n".join([f"{again},{header}", *(f"nv,{line}" for line in cells)]))
    with pytest.raises(DataFault, match=r"has the column\(s\) dx twice: delete one of each\."):
        read_catalogue(tmp_path)


def test_a_nul_in_a_table_is_named(tmp_path):
    draw(tmp_path / "images")
    table = tmp_path / "HAM10000_metadata.csv"
    rows().to_csv(table, index=False)
    table.write_bytes(table.read_bytes().replace(b"dx,", b"dx\0,", 1))
    with pytest.raises(DataFault, match=r"a NUL byte stands in line 1"):
        read_catalogue(tmp_path)


def test_missing_values_in_every_column(tmp_path):
    ids = [f"X_{number}" for number in range(7)]
    draw(tmp_path / "images", ids)
    table = rows(ids).assign(
        lesion_id=["NA", "nan", "None", "null", "N/A", "", "L1"],
        sex=["NA", "nan", "None", "F", "FEMALE", "", "male"],
        localization=["NA", "nan", "None", "null", "N/A", "", "Back"],
        dx_type="NaN",
        dataset="null",
        age="unknown",
    )
    table.to_csv(tmp_path / "HAM10000_metadata.csv", index=False)
    read = read_catalogue(tmp_path)
    assert read.table["lesion_id"].tolist() == [*ids[:6], "L1"]
    assert read.table["sex"].tolist() == ["unknown"] * 3 + ["female"] * 2 + ["unknown", "male"]
    assert read.table["localization"].tolist() == ["unknown"] * 6 + ["back"]
    assert (read.table[["dx_type", "dataset"]] == "unknown").all(axis=None)
    assert read.table["age"].isna().all()
    assert [remark.problem for remark in read.remarks] == [
        "6 of 7 images name no lesion: each counts as a lesion of its own"
    ]


def test_truth_under_other_ids_is_refused_and_under_ids_with_an_ending_compared(tmp_path):
    draw(tmp_path / "images")
    rows().to_csv(tmp_path / "HAM10000_metadata.csv", index=False)
    truth = pd.DataFrame({"image": IDS, "NV": "1"} | dict.fromkeys(("MEL", "BCC", "AKIEC", "BKL", "DF", "VASC"), "0"))
    truth.assign(image=[f"PH2_{number}" for number in range(7)]).to_csv(tmp_path / "GroundTruth.csv", index=False)
    with pytest.raises(DataFault, match=r"names no image of the metadata: it has PH2_0, PH2_1, PH2_2, …"):
        read_catalogue(tmp_path)
    truth.assign(image=[f"{name.lower()}.JPG" for name in IDS]).to_csv(tmp_path / "GroundTruth.csv", index=False)
    assert read_catalogue(tmp_path, strict=False).conflicts["image_id"].tolist() == [
        IDS[0],
        IDS[1],
        IDS[2],
        IDS[3],
        IDS[4],
        IDS[6],
    ]


def test_data_check_ends_with_one_for_faults_alone(tmp_path):
    draw(tmp_path / "images")
    rows().to_csv(tmp_path / "HAM10000_metadata.csv", index=False)
    assert CliRunner().invoke(app, ["data", "check", str(tmp_path)]).exit_code == 0
    rows().assign(age="999").to_csv(tmp_path / "HAM10000_metadata.csv", index=False)
    assert CliRunner().invoke(app, ["data", "check", str(tmp_path)]).exit_code == 1


@pytest.mark.parametrize(
    "text",
    [
        'image_id,notes\nA,"line one\nsize 12,5 mm"\nB,x\n',
        'image_id;dx;notes\nA;nv;"erster Befund\n12,5 x 3,2 mm"\nB;mel;x\n',
        'comment,image_id\n"ok;\nfine",A\nx,B\n',
    ],
)
def test_numbers_with_commas_and_other_signs_make_no_rows(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    assert list(read_table(path, ["image_id"], "CURE")["image_id"]) == ["A", "B"]
