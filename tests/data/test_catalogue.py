"""Each layout that users have on disk, drawn small, and each way in which a folder can be wrong."""

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from derm.data.catalogue import COLUMNS, read_catalogue
from derm.errors import DataFault
from tests.closed_files import refuse_to_read

METADATA = """lesion_id,image_id,dx,dx_type,age,sex,localization,dataset
HAM_2,ISIC_2,mel,histo,,unknown,unknown,rosendahl
HAM_1,ISIC_1,nv,follow_up,45.0,male,trunk,vidir_molemax
HAM_1,ISIC_3,nv,follow_up,45.0,male,trunk,vidir_molemax
"""
TRUTH = """image,MEL,NV,BCC,AKIEC,BKL,DF,VASC
ISIC_1,0.0,1.0,0.0,0.0,0.0,0.0,0.0
ISIC_2,1.0,0.0,0.0,0.0,0.0,0.0,0.0
ISIC_3,0.0,1.0,0.0,0.0,0.0,0.0,0.0
"""
ISIC_FOLDER = "ISIC2018_Task3_Training_Input"
ISIC_TRUTH = "ISIC2018_Task3_Training_GroundTruth"


def draw(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(path, "PNG" if path.suffix.lower() == ".png" else "JPEG")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def ours(folder: Path, metadata: str = METADATA) -> Path:
    for image_id in ("ISIC_1", "ISIC_2", "ISIC_3"):
        draw(folder / "images" / f"{image_id}.jpg")
        draw(folder / "masks" / f"{image_id}_segmentation.png")
    write(folder / "HAM10000_metadata.csv", metadata)
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
@pytest.mark.parametrize(
    ("table", "content"),
    [("HAM10000_metadata.csv", METADATA), ("derm.csv", "image,diagnosis\nimages/ISIC_1.jpg,nv\n")],
)
def test_names_that_are_not_utf8_are_refused(tmp_path, table, content):
    folder = ours(tmp_path / "d\udcff")
    (folder / "HAM10000_metadata.csv").unlink()
    write(folder / table, content)
    with pytest.raises(DataFault, match=r"d\\udcff.* has a name that is not UTF-8, which no table can hold: rename"):
        read_catalogue(folder)


def test_our_layout(tmp_path):
    ours(tmp_path)
    write(tmp_path / "GroundTruth.csv", TRUTH)
    write(tmp_path / "duplicate_lesions.csv", "image_id,same_lesion_as\nISIC_2,ISIC_1\n")
    catalogue = read_catalogue(tmp_path)
    table = catalogue.table
    assert catalogue.folder == tmp_path
    assert catalogue.layout == "Derm (images, masks, metadata)"
    assert list(table.columns) == list(COLUMNS)
    assert table.index.equals(pd.RangeIndex(3))
    assert table["image_id"].tolist() == ["ISIC_1", "ISIC_2", "ISIC_3"]
    assert table["lesion_id"].tolist() == ["HAM_1", "HAM_2", "HAM_1"]
    assert table["dx"].tolist() == ["nv", "mel", "nv"]
    assert table["age"].dtype == float
    assert table["age"].isna().tolist() == [False, True, False]
    assert table.loc[1, ["sex", "localization", "dataset"]].tolist() == ["unknown", "unknown", "rosendahl"]
    assert table.loc[1, "image_path"] == str(tmp_path / "images" / "ISIC_2.jpg")
    assert table.loc[1, "mask_path"] == str(tmp_path / "masks" / "ISIC_2_segmentation.png")
    assert catalogue.duplicates.to_dict("records") == [{"image_id": "ISIC_2", "same_lesion_as": "ISIC_1"}]
    assert catalogue.conflicts.empty
    assert catalogue.unlisted == ()


@pytest.mark.parametrize("name", ["HAM10000_metadata.csv", "HAM10000_metadata", "HAM10000_metadata.tab"])
@pytest.mark.parametrize("nested", [False, True])
def test_harvard_dataverse(tmp_path, name, nested):
    def place(folder: str) -> Path:
        return tmp_path / folder / folder if nested else tmp_path / folder

    draw(place("HAM10000_images_part_1") / "ISIC_1.jpg")
    draw(place("HAM10000_images_part_2") / "ISIC_2.jpg")
    draw(place("HAM10000_images_part_2") / "ISIC_3.jpg")
    draw(place("HAM10000_segmentations_lesion_tschandl") / "ISIC_2_segmentation.png")
    write(tmp_path / name, METADATA.replace(",", "\t") if name.endswith(".tab") else METADATA)
    catalogue = read_catalogue(tmp_path)
    assert catalogue.layout == "Harvard Dataverse"
    assert [Path(path).name for path in catalogue.table["image_path"]] == ["ISIC_1.jpg", "ISIC_2.jpg", "ISIC_3.jpg"]
    assert [Path(path).name for path in catalogue.table["mask_path"]] == ["", "ISIC_2_segmentation.png", ""]
    assert catalogue.table["dx"].tolist() == ["nv", "mel", "nv"]
    assert catalogue.duplicates.columns.tolist() == ["image_id", "same_lesion_as"]
    assert catalogue.duplicates.empty


def test_metadata_without_an_ending_may_hold_tabs_and_a_byte_order_mark(tmp_path):
    ours(tmp_path)
    (tmp_path / "HAM10000_metadata.csv").unlink()
    write(tmp_path / "HAM10000_metadata", "\ufeff" + METADATA.replace(",", "\t"))
    assert read_catalogue(tmp_path).table["lesion_id"].tolist() == ["HAM_1", "HAM_2", "HAM_1"]


def test_kaggle_metadata_without_dataset(tmp_path):
    metadata = "\n".join(line.rpartition(",")[0] for line in METADATA.splitlines())
    assert read_catalogue(ours(tmp_path, metadata)).table["dataset"].tolist() == ["unknown"] * 3


@pytest.mark.parametrize("truth", [f"{ISIC_TRUTH}.csv", f"{ISIC_TRUTH}/{ISIC_TRUTH}.csv"])
def test_isic_2018_task_3(tmp_path, truth):
    for image_id in ("ISIC_1", "ISIC_2", "ISIC_3"):
        draw(tmp_path / ISIC_FOLDER / f"{image_id}.jpg")
    write(tmp_path / ISIC_FOLDER / "LICENSE.txt", "CC BY-NC 4.0")
    write(tmp_path / truth, TRUTH)
    catalogue = read_catalogue(tmp_path)
    assert catalogue.layout == "ISIC 2018 task 3"
    assert list(catalogue.table.columns) == list(COLUMNS)
    assert catalogue.table["dx"].tolist() == ["nv", "mel", "nv"]
    assert (catalogue.table[["lesion_id", "mask_path"]] == "").all(axis=None)
    assert (catalogue.table[["dx_type", "sex", "localization", "dataset"]] == "unknown").all(axis=None)
    assert catalogue.table["age"].isna().all()


def test_isic_2018_with_lesion_groupings(tmp_path):
    for image_id in ("ISIC_1", "ISIC_2", "ISIC_3"):
        draw(tmp_path / ISIC_FOLDER / f"{image_id}.jpg")
    write(tmp_path / f"{ISIC_TRUTH}.csv", TRUTH)
    groups = (
        "image,lesion_id,diagnosis_confirm_type\nISIC_1,HAM_1,histopathology\nISIC_2,HAM_2,confocal microscopy with "
        "consensus dermoscopy\n"
    )
    write(tmp_path / "ISIC2018_Task3_Training_LesionGroupings.csv", groups)
    table = read_catalogue(tmp_path).table
    assert table["lesion_id"].tolist() == ["HAM_1", "HAM_2", ""]
    assert table["dx_type"].tolist() == ["histo", "confocal", "unknown"]


def test_kaggle_with_ground_truth_only(tmp_path):
    ours(tmp_path)
    (tmp_path / "HAM10000_metadata.csv").unlink()
    write(tmp_path / "GroundTruth.csv", TRUTH)
    catalogue = read_catalogue(tmp_path)
    assert catalogue.layout == "Kaggle (images, masks, GroundTruth.csv)"
    assert catalogue.table["dx"].tolist() == ["nv", "mel", "nv"]
    assert (catalogue.table["mask_path"] != "").all()


def test_endings_and_case(tmp_path):
    draw(tmp_path / "images" / "ISIC_1.JPEG")
    draw(tmp_path / "images" / "ISIC_2.Png")
    draw(tmp_path / "images" / "isic_3.jpg")
    draw(tmp_path / "masks" / "ISIC_1_Segmentation.PNG")
    draw(tmp_path / "masks" / "isic_2_segmentation.png")
    write(tmp_path / "images" / "._ISIC_1.jpg", "what macOS leaves in a zip")
    write(tmp_path / "HAM10000_metadata.csv", METADATA)
    catalogue = read_catalogue(tmp_path)
    assert [Path(path).name for path in catalogue.table["image_path"]] == ["ISIC_1.JPEG", "ISIC_2.Png", "isic_3.jpg"]
    assert [Path(path).name for path in catalogue.table["mask_path"]] == [
        "ISIC_1_Segmentation.PNG",
        "isic_2_segmentation.png",
        "",
    ]
    assert catalogue.unlisted == ()


def test_images_that_no_row_names(tmp_path):
    draw(ours(tmp_path) / "images" / "ISIC_9.jpg")
    draw(tmp_path / "images" / "ISIC_1.png")  # a second file of one image: the first by name is used
    catalogue = read_catalogue(tmp_path)
    assert catalogue.unlisted == (str(tmp_path / "images" / "ISIC_1.png"), str(tmp_path / "images" / "ISIC_9.jpg"))


def test_one_hot_rows_without_or_with_two_marks(tmp_path):
    ours(tmp_path)
    (tmp_path / "HAM10000_metadata.csv").unlink()
    truth = TRUTH.replace("ISIC_1,0.0,1.0", "ISIC_1,0.0,0.0").replace("ISIC_2,1.0,0.0", "ISIC_2,1.0,1.0")
    write(tmp_path / "GroundTruth.csv", truth)
    assert read_catalogue(tmp_path, strict=False).table["dx"].tolist() == ["unknown", "mel+nv", "nv"]


@pytest.mark.parametrize("called", ["NA", "null", "None", "nan"])
def test_an_image_that_is_called_as_what_is_missing_keeps_its_name(tmp_path, called):
    for name in (called, "ISIC_2", "ISIC_3"):
        draw(tmp_path / "images" / f"{name}.jpg")
    write(tmp_path / "HAM10000_metadata.csv", METADATA.replace("ISIC_1", called))
    write(tmp_path / "GroundTruth.csv", TRUTH.replace("ISIC_1", called))
    table = read_catalogue(tmp_path).table
    assert sorted(table["image_id"]) == sorted([called, "ISIC_2", "ISIC_3"])
    assert table.set_index("image_id").loc["ISIC_2", "sex"] == "unknown"


# Faults that no reading survives


def test_folder_is_missing(tmp_path):
    with pytest.raises(DataFault, match=r"nowhere is not a folder.*10\.7910/DVN/DBW86T.*`derm data synthesise DIR`"):
        read_catalogue(tmp_path / "nowhere")


def test_no_image_folder(tmp_path):
    write(tmp_path / "HAM10000_metadata.csv", METADATA)
    (tmp_path / "images").mkdir()
    with pytest.raises(
        DataFault,
        match=r"no \.jpg, \.jpeg or \.png image, neither in .*images, HAM10000_images_part_1.* It holds no picture",
    ):
        read_catalogue(tmp_path)


def test_no_table(tmp_path):
    draw(tmp_path / "images" / "ISIC_1.jpg")
    (tmp_path / "HAM10000_metadata").mkdir()  # a folder of the table's name is no table
    with pytest.raises(DataFault, match=r"neither HAM10000_metadata\.csv nor GroundTruth\.csv"):
        read_catalogue(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", r"HAM10000_metadata\.csv is not a table in UTF-8"),
        ("âge".encode("latin-1"), r"is not a table in UTF-8.*codec"),
        (b'lesion_id,image_id\n"HAM_1,ISIC_1\n', r"is not a table in UTF-8.*EOF inside string"),
        (b"lesion_id,image_id\nHAM_1,ISIC_1,nv\n", r"its rows have more cells than its header"),
        (b"lesion_id,image_id,dx,dx_type\n", r"lacks the column\(s\) age, sex, localization"),
        (METADATA.splitlines()[0].encode(), r"has a header but no rows"),
        (METADATA.replace("ISIC_1", "").encode(), r"names no image in line 3: delete that line"),
    ],
)
def test_metadata_that_cannot_be_read(tmp_path, text, message):
    ours(tmp_path)
    (tmp_path / "HAM10000_metadata.csv").write_bytes(text)
    with pytest.raises(DataFault, match=message):
        read_catalogue(tmp_path, strict=False)


def test_ground_truth_without_a_class(tmp_path):
    write(ours(tmp_path) / "GroundTruth.csv", "image,MEL,NV\nISIC_1,0,1\n")
    with pytest.raises(DataFault, match=r"GroundTruth\.csv lacks the column\(s\) AKIEC, BCC, BKL, DF, VASC"):
        read_catalogue(tmp_path)


def test_folder_that_may_not_be_listed(tmp_path, monkeypatch):
    listed = os.scandir

    def refuse(place):
        if Path(place).name == "images":
            raise PermissionError(13, "Permission denied")
        return listed(place)

    monkeypatch.setattr("derm.data.folder.os.scandir", refuse)
    with pytest.raises(DataFault, match=r"images cannot be listed \(Permission denied\): allow this user to read it"):
        read_catalogue(ours(tmp_path))


def test_a_table_that_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    refuse_to_read(monkeypatch, ours(tmp_path) / "HAM10000_metadata.csv")
    with pytest.raises(DataFault, match=r"HAM10000_metadata.csv may not be read by this user: let its owner allow it"):
        read_catalogue(tmp_path)


# Faults that spoil training


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (METADATA.replace(",mel,", ",scc,"), r"1 of 3 rows .*not one of akiec, .*, ISIC_2 for one: `derm data check"),
        (METADATA + "X,isic_1,nv,,,,,\n", r"1 of 4 rows .*the picture of another row, too, isic_1 for one: `derm data"),
        (METADATA + METADATA.splitlines()[2], r"1 of 4 rows .*more than one row, ISIC_1 for one: `derm data check"),
        (
            METADATA.replace(",mel,histo,", ",mel,histo,-5"),
            r"1 of 3 rows .*no number of years, ISIC_2 for one: `derm data",
        ),
        (METADATA.replace("ISIC_3", "ISIC_4"), r"1 of 3 rows .*no image file, ISIC_4 for one: `derm data check"),
    ],
)
def test_strict_reading_refuses(tmp_path, metadata, message):
    ours(tmp_path, metadata)
    with pytest.raises(DataFault, match=message):
        read_catalogue(tmp_path)
    read_catalogue(tmp_path, strict=False)


def test_strict_reading_refuses_tables_that_disagree(tmp_path):
    write(ours(tmp_path) / "GroundTruth.csv", TRUTH.replace("ISIC_2,1.0,0.0,0.0", "ISIC_2,0.0,0.0,1.0"))
    with pytest.raises(DataFault, match=r"1 of 3 rows .*another in the ground truth, ISIC_2 for one"):
        read_catalogue(tmp_path)
    conflicts = read_catalogue(tmp_path, strict=False).conflicts
    assert conflicts.to_dict("records") == [{"image_id": "ISIC_2", "metadata": "mel", "ground_truth": "bcc"}]


@pytest.mark.real
def test_real_data_set():
    folder = Path(__file__).parents[3] / "shared" / "ham10000"
    if not folder.is_dir():
        pytest.skip(f"the real data set is not at {folder}")
    catalogue = read_catalogue(folder)
    table = catalogue.table
    assert len(table) == 10_015
    assert (table[["image_path", "mask_path"]] != "").all(axis=None)
    assert table["lesion_id"].nunique() == 7_470
    assert table["dx"].value_counts().to_dict() == {
        "nv": 6705,
        "mel": 1113,
        "bkl": 1099,
        "bcc": 514,
        "akiec": 327,
        "vasc": 142,
        "df": 115,
    }
    assert table["age"].isna().sum() == 57
    assert (table["sex"] == "unknown").sum() == 57
    assert (table["localization"] == "unknown").sum() == 234
    assert len(catalogue.duplicates) == 18
    assert catalogue.conflicts.empty
    assert catalogue.unlisted == ()
