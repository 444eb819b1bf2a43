"""Layouts beyond HAM10000's, several folders as one catalogue, and the words by which tables call a diagnosis."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from derm.cli.main import app
from derm.data.catalogue import COLUMNS, read_catalogue, read_data, read_words
from derm.data.check import check_data
from derm.data.diagnosis_words import (
    BENIGN,
    MALIGNANT,
    UNKNOWN,
    WORDS,
    allowed_codes,
    code_of,
    codes_of,
    contradict,
    is_readable,
    plain_word,
    read_mapping,
    unknown_words,
    write_mapping,
)
from derm.data.isic import STRUCTURES
from derm.data.learned import lesion_digests
from derm.data.split import join_lesions
from derm.diagnoses import CODES
from derm.errors import ConfigFault, DataFault
from derm.spreadsheet import csv_table

ISIC2018 = Path(__file__).parents[3] / "shared" / "isic2018_task1"


def draw(path: Path, white: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((6, 8) if path.suffix == ".png" else (6, 8, 3), 255 * white, np.uint8)
    Image.fromarray(pixels).save(path)


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


# ISIC 2018 Tasks 1 and 2


def test_tasks_1_and_2_as_images_masks_and_attributes(tmp_path):
    for image_id in ("ISIC_1", "ISIC_2"):
        draw(tmp_path / "images" / f"{image_id}.jpg")
    draw(tmp_path / "masks" / "ISIC_1_segmentation.png", white=True)
    (tmp_path / "attributes").mkdir()
    write(
        tmp_path / "metadata.csv",
        f"image_id,dx,age,sex,mask_share,{','.join(STRUCTURES)}",
        "ISIC_2,mel,,,0.5,1,0,0,0,1",
        "ISIC_1,seborrheic keratosis,55,female,0.5,0,0,0,0,0",
    )
    catalogue = read_catalogue(tmp_path)
    table = catalogue.table
    assert catalogue.layout == "ISIC 2018 Tasks 1 and 2 (images, masks)"
    assert list(table.columns) == list(COLUMNS)
    assert table["dx"].tolist() == ["bkl", "mel"]
    assert table["lesion_id"].tolist() == ["ISIC_1", "ISIC_2"]
    assert table["source"].tolist() == table["dataset"].tolist() == ["isic2018_task1"] * 2
    assert table["age"].tolist()[0] == 55
    assert np.isnan(table["age"].iloc[1])
    assert [bool(path) for path in table["mask_path"]] == [True, False]
    structures = catalogue.structures.set_index("image_id")
    assert structures.loc["ISIC_2", list(STRUCTURES)].tolist() == [1, 0, 0, 0, 1]


def test_tasks_1_and_2_as_the_challenge_packs_them(tmp_path):
    for image_id in ("ISIC_0000001", "ISIC_0000002_downsampled"):
        draw(tmp_path / "ISIC2018_Task1-2_Training_Input" / f"{image_id}.jpg")
    draw(tmp_path / "ISIC2018_Task1_Training_GroundTruth" / "ISIC_0000001_segmentation.png", white=True)
    catalogue = read_catalogue(tmp_path)
    table = catalogue.table
    assert table["image_id"].tolist() == ["ISIC_0000001", "ISIC_0000002"]
    assert table["dx"].tolist() == [UNKNOWN, UNKNOWN]
    assert (table["image_path"] != "").all()


# ISIC 2019

TRUTH_2019 = "image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK"


def isic2019(folder: Path) -> Path:
    for image_id in ("ISIC_1", "ISIC_2_downsampled", "ISIC_3"):
        draw(folder / "ISIC_2019_Training_Input" / f"{image_id}.jpg")
    write(
        folder / "ISIC_2019_Training_GroundTruth.csv",
        TRUTH_2019,
        "ISIC_1,0,0,0,1,0,0,0,0,0",
        "ISIC_2_downsampled,1,0,0,0,0,0,0,0,0",
        "ISIC_3,0,0,0,0,0,0,0,1,0",
    )
    write(
        folder / "ISIC_2019_Training_Metadata.csv",
        "image,age_approx,anatom_site_general,lesion_id,sex",
        "ISIC_1,55,head/neck,HAM_0000001,female",
        "ISIC_2_downsampled,,,,",
        "ISIC_3,60,torso,BCN_0000007,male",
    )
    return folder


def test_isic_2019(tmp_path):
    table = read_catalogue(isic2019(tmp_path)).table
    assert table["image_id"].tolist() == ["ISIC_1", "ISIC_2", "ISIC_3"]
    assert table["dx"].tolist() == ["akiec", "mel", UNKNOWN]  # SCC is none of the seven
    assert table["lesion_id"].tolist() == ["HAM_0000001", "ISIC_2", "BCN_0000007"]
    assert table["source"].tolist() == ["ham10000", "isic2019", "bcn20000"]
    assert table["localization"].tolist() == ["head/neck", "unknown", "torso"]


def test_isic_2019_without_its_table_is_told_so(tmp_path):
    draw(tmp_path / "ISIC_2019_Training_Input" / "ISIC_1.jpg")
    with pytest.raises(DataFault, match=r"images of ISIC 2019 but no ISIC_2019_Training_GroundTruth\.csv: download"):
        read_catalogue(tmp_path)


def test_isic_2019_with_metadata_of_other_images(tmp_path):
    folder = isic2019(tmp_path)
    metadata, header = folder / "ISIC_2019_Training_Metadata.csv", "image,lesion_id"
    write(metadata, header, "isic_1,HAM_1", "isic_2_DOWNSAMPLED,HAM_1", "isic_3,BCN_1")
    assert read_catalogue(folder).table["lesion_id"].tolist() == ["HAM_1", "HAM_1", "BCN_1"]
    write(metadata, header, "ISIC_1,HAM_1")
    found = [(finding.kind, finding.problem) for finding in check_data(read_catalogue(folder)).findings]
    assert ("metadata incomplete", "names 1 of the 3 images of the ground truth; of the others no lesion, age, sex or "
            "site is known") in found  # fmt: skip
    write(metadata, header, "ISIC_7,HAM_1", "ISIC_8,HAM_1")
    with pytest.raises(DataFault, match=r"names no image of the ground truth: it has ISIC_7, .* give both tables the"):
        read_data([folder])


def test_structures_are_marked_by_yes_and_no(tmp_path):
    for image_id in ("ISIC_1", "ISIC_2"):
        draw(tmp_path / "images" / f"{image_id}.jpg")
    (tmp_path / "attributes").mkdir()
    header = f"image_id,dx,{','.join(STRUCTURES)}"
    write(tmp_path / "metadata.csv", header, "ISIC_1,mel,1.0,0,,true,0", "ISIC_2,mel,0,0,0,0,1")
    structures = read_catalogue(tmp_path).structures.set_index("image_id")
    assert structures.loc["ISIC_1", list(STRUCTURES)].tolist() == [1, 0, 0, 1, 0]
    write(tmp_path / "metadata.csv", header, "ISIC_1,mel,1,0,0,0,0", "ISIC_2,mel,0,0,7,0,0")
    with pytest.raises(DataFault, match="has '7' in the column streaks, line 3"):
        read_catalogue(tmp_path)


def test_marks_of_a_ground_truth_are_yes_or_no(tmp_path):
    folder = isic2019(tmp_path)
    truth = folder / "ISIC_2019_Training_GroundTruth.csv"
    write(truth, TRUTH_2019, "ISIC_1,False,False,False,True,0.0,0,,0,0", "ISIC_3,1.0,0,0,0,0,0,0,0,0")
    assert read_catalogue(folder).table["dx"].tolist() == ["akiec", "mel"]
    write(truth, TRUTH_2019, "ISIC_1,0,0,0,1,0,0,0,0,0", "ISIC_3,0.98,0.02,0,0,0,0,0,0,0")
    with pytest.raises(DataFault, match=r"GroundTruth.csv has '0.98' in the column MEL, line 3: write 1 for yes and 0"):
        read_catalogue(folder)


# The archive


def test_the_archive_takes_the_finest_word_that_is_known(tmp_path):
    for image_id in ("ISIC_1", "ISIC_2", "ISIC_3"):
        draw(tmp_path / f"{image_id}.jpg")
    write(
        tmp_path / "metadata.csv",
        "isic_id,attribution,age_approx,anatom_site_general,diagnosis_1,diagnosis_2,diagnosis_3,image_type,lesion_id,"
        "patient_id,sex",
        'ISIC_1,Hospital A,50,torso,Malignant,Melanocytic proliferations,"Melanoma, NOS",dermoscopic,IL_1,IP_1,male',
        "ISIC_2,Hospital B,,,Benign,,,dermoscopic,IL_2,IP_1,",
        "ISIC_3,Hospital B,,,Benign,,Nevus,clinical: overview,IL_3,,",
    )
    catalogue = read_catalogue(tmp_path)
    assert catalogue.table["image_id"].tolist() == ["ISIC_1", "ISIC_2"]
    assert catalogue.table["dx"].tolist() == ["mel", BENIGN]
    assert catalogue.table["dataset"].tolist() == ["Hospital A", "Hospital B"]
    assert catalogue.table["source"].tolist() == ["isic_archive"] * 2
    assert catalogue.table["patient_id"].tolist() == ["IP_1", "IP_1"]
    assert [Path(path).name for path in catalogue.unlisted] == ["ISIC_3.jpg"]
    assert "Melanoma, NOS" in read_words(tmp_path)


# A user's own folder


def own(folder: Path, *lines: str) -> Path:
    draw(folder / "a.jpg")
    draw(folder / "images" / "b.png")
    draw(folder / "masks" / "a_segmentation.png", white=True)
    write(folder / "derm.csv", *lines)
    return folder


def test_an_own_folder(tmp_path):
    folder = own(
        tmp_path / "praxis", "image,diagnosis,patient,age,source", "a.jpg,Naevus,P1,40,camera 1", "b,malignant,P1,,"
    )
    table = read_catalogue(folder).table.set_index("image_id")
    assert table["dx"].to_dict() == {"a": "nv", "b": MALIGNANT}
    assert table["source"].to_dict() == {"a": "camera 1", "b": "praxis"}
    assert table.loc["a", "mask_path"].endswith("masks/a_segmentation.png")
    assert table.loc["b", "image_path"].endswith("images/b.png")
    assert table["patient_id"].tolist() == ["P1", "P1"]


def test_pairs_across_two_folders_join_by_the_ids_of_both(tmp_path):
    first = own(tmp_path / "one", "image,source", "a.jpg,one", "b,one")
    draw(tmp_path / "two" / "scan.tif.jpg")
    write(tmp_path / "two" / "derm.csv", "image,source", "scan.tif.jpg,two")
    write(first / "near_duplicates.csv", "image_id,same_lesion_as", "a,scan.tif")
    catalogue = read_data([first, tmp_path / "two"])
    assert join_lesions(catalogue.table, catalogue.duplicates).tolist() == ["a", "b", "a"]


def test_pairs_of_names_that_a_spreadsheet_would_compute_join_and_a_user_s_own_stay(tmp_path):
    names = ["=a", "+b", "-c", "@d", "'e", "'=f", "g"]
    folder = tmp_path / "one"
    for name in names:
        draw(folder / f"{name}.jpg")
    write(folder / "derm.csv", "image", *(f"{name}.jpg" for name in names))
    pairs = pd.DataFrame({"image_id": names[:-1], "same_lesion_as": names[1:]})
    (folder / "near_duplicates.csv").write_text(csv_table(pairs))
    catalogue = read_catalogue(folder)
    assert catalogue.duplicates.to_dict() == pairs.to_dict()
    assert catalogue.remarks == ()
    assert len(set(join_lesions(catalogue.table, catalogue.duplicates))) == 1
    write(folder / "near_duplicates.csv", "image_id,same_lesion_as", "=a,'=f")  # by hand, without a guard
    assert read_catalogue(folder).duplicates.to_numpy().tolist() == [["=a", "'=f"]]


def test_names_of_one_look_are_one_and_files_are_found_in_either_normal_form(tmp_path):
    composed, apart = "M\u00fcller", "Mu\u0308ller"
    draw(tmp_path / "images" / f"{apart}.png")
    draw(tmp_path / "masks" / f"{composed}_segmentation.png")
    draw(tmp_path / "images" / "b.png")
    draw(tmp_path / f"o_{apart}.png")
    write(
        tmp_path / "derm.csv",
        "image,lesion,patient,source,mask",
        f"{composed},L1,{apart},K\u00f6ln,",
        f"b,L\u200b1,{composed},Ko\u0308ln,o_{composed}.png",
    )
    table = read_catalogue(tmp_path).table
    assert table["patient_id"].tolist() == [composed] * 2
    assert table["lesion_id"].tolist() == ["L1", "L1"]
    assert table["source"].tolist() == ["K\u00f6ln"] * 2
    assert table["image_path"].map(lambda path: Path(path).is_file()).all()
    assert Path(table["mask_path"].iloc[0]).samefile(tmp_path / "masks" / f"{composed}_segmentation.png")
    assert Path(table["mask_path"].iloc[1]).samefile(tmp_path / f"o_{apart}.png")


def test_pictures_of_one_name_do_not_share_a_mask(tmp_path):
    names = ["a/1.jpg", "b/1.jpg", "images/c/1.jpg", "d/2.jpg", "1.jpg", "e/3.jpg", "f/3.jpg"]
    for name in names:
        draw(tmp_path / name)
    for mask in ("1", "b/1", "c/1", "2", "3"):
        draw(tmp_path / "masks" / f"{mask}_segmentation.png", white=True)
    write(tmp_path / "derm.csv", "image", *names)
    table = read_catalogue(tmp_path).table.set_index("image_id")
    found = {
        name: path.partition("masks/")[2].removesuffix("_segmentation.png") for name, path in table["mask_path"].items()
    }
    assert found == {"a-1": "", "b-1": "b/1", "images-c-1": "c/1", "d-2": "2", "1": "1", "e-3": "", "f-3": ""}


@pytest.mark.parametrize("name", ["../../b.jpg", "/b.jpg"])
def test_no_mask_is_taken_from_outside(tmp_path, name):
    draw(tmp_path / "b_segmentation.png", white=True)
    folder = own(tmp_path / "praxis", "image", "b", f"{tmp_path}/b.jpg" if name == "/b.jpg" else name)
    assert read_catalogue(folder, strict=False).table["mask_path"].tolist() == ["", ""]


@pytest.mark.parametrize("other", ["images/b", "B", "linked.png"])
def test_one_file_under_two_names_is_refused(tmp_path, other):
    folder = own(tmp_path, "image,diagnosis", "b,nv", f"{other},nv")
    (tmp_path / "linked.png").symlink_to(tmp_path / "images" / "b.png")
    if other == "B" and not (tmp_path / "images" / "B.png").exists():
        (tmp_path / "B.png").hardlink_to(tmp_path / "images" / "b.png")
    with pytest.raises(DataFault, match=r"1 of 2 rows .* have the picture of another row, too"):
        read_catalogue(folder)
    kinds = {finding.kind for finding in check_data(read_catalogue(folder, strict=False)).findings}
    assert "picture of several rows" in kinds


def test_pictures_of_an_own_folder_are_found_in_any_case_of_letters(tmp_path):
    for name in ("images/DRAWN_1.JPG", "images/Clinic/b.png", "c.JPG", "images/C.jpg"):
        draw(tmp_path / name)
    draw(tmp_path / "masks" / "DRAWN_1_segmentation.png")
    write(tmp_path / "derm.csv", "image,diagnosis", "drawn_1,nv", "clinic/B.PNG,mel")
    table = read_catalogue(tmp_path).table.set_index("image_id")
    assert Path(table.loc["drawn_1", "image_path"]).samefile(tmp_path / "images" / "DRAWN_1.JPG")
    assert Path(table.loc["drawn_1", "mask_path"]).samefile(tmp_path / "masks" / "DRAWN_1_segmentation.png")
    assert Path(table.loc["clinic-B", "image_path"]).samefile(tmp_path / "images" / "Clinic" / "b.png")
    write(tmp_path / "derm.csv", "image", "drawn_1", "C.JPG")
    if not (tmp_path / "C.JPG").exists():  # a disk that tells letters apart: which of two files is meant nothing says
        with pytest.raises(DataFault, match=r"1 of 2 rows .* have no image file, C for one"):
            read_catalogue(tmp_path)


def test_a_picture_of_an_own_folder_that_no_row_names_is_told(tmp_path):
    folder = own(tmp_path, "image,mask", "a,outlines/a.png", "IMAGES/B.png,")
    draw(folder / "outlines" / "a.png", white=True)
    draw(folder / "images" / "new" / "c.jpg")
    assert [Path(path).name for path in read_catalogue(folder).unlisted] == ["c.jpg"]


def test_a_table_that_names_none_of_the_pictures_there_is_told_so(tmp_path):
    draw(tmp_path / "images" / "a.jpg")
    write(tmp_path / "derm.csv", "image", "b")
    with pytest.raises(DataFault, match=r"derm\.csv names none of the pictures in .*, such as images/a\.jpg: write"):
        read_catalogue(tmp_path)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (("image,shade", "a.jpg,1"), r"derm\.csv has the column\(s\) shade, which Derm does not know: docs/data\.md"),
        (("diagnosis", "nv"), r"derm\.csv lacks the column\(s\) image"),
        (("image,diagnosis", "a.jpg,wart"), r"that Derm does not know \(wart\).*`derm data words .*` *, *which asks"),
        (
            ("image,diagnosis,site", "a.jpg,nv,leg", 'b,nv,"arm', "c,nv,leg", 'd,nv,"back'),
            r"derm\.csv has a cell of several lines in the column site, line 3, which begins with 'arm' and may have",
        ),
        (("image,mask", "a.jpg,gone.png"), r"names the mask gone\.png, which is not in"),
        (("image", "../outside.jpg", "a"), r"1 of 2 rows .* have no image file, \.\.-outside for one"),
    ],
)
def test_an_own_folder_that_is_refused(tmp_path, lines, words):
    draw(tmp_path / "outside.jpg")
    with pytest.raises(DataFault, match=words.replace(" *, *", ", ")):
        read_catalogue(own(tmp_path / "praxis", *lines))


def test_words_are_asked_for_and_kept(tmp_path):
    folder = own(tmp_path, "image,diagnosis", "a.jpg,wart", "b,Spindle thing")
    assert read_words(folder) == ["Spindle thing", "wart"]
    told = CliRunner().invoke(app, ["data", "words", str(folder)], input="nv\nfrog\nbenign\n")
    assert told.exit_code == 0, told.output
    assert read_mapping(folder) == {"spindle thing": "nv", "wart": BENIGN}
    assert read_catalogue(folder).table["dx"].tolist() == [BENIGN, "nv"]
    again = CliRunner().invoke(app, ["data", "words", str(folder)])
    assert "Every diagnosis of this table is known." in again.output


@pytest.mark.parametrize("word", ["-melanoma", "+melanoma", "'-melanoma", "=melanoma", "@melanoma", "- Melanoma"])
def test_an_answer_to_a_word_that_begins_with_a_sign_is_kept_for_that_word_alone(tmp_path, word):
    folder = own(tmp_path, "image,diagnosis", f"a.jpg,{word}", "b,melanoma")
    if plain_word(word) != "melanoma":  # as @melanoma is: no sign of doubt
        assert CliRunner().invoke(app, ["data", "words", str(folder)], input="benign\n").exit_code == 0
        again = CliRunner().invoke(app, ["data", "words", str(folder)])
        assert "Every diagnosis of this table is known." in again.output
        assert read_catalogue(folder).table["dx"].tolist() == [BENIGN, "mel"]
        assert "melanoma" not in read_mapping(folder)
    write_mapping(folder, {"wart": "bkl"})
    assert "melanoma" not in read_mapping(folder)
    assert read_catalogue(folder).table["dx"].tolist()[1] == "mel"


@pytest.mark.parametrize("line", ["'-melanoma", "''-melanoma", '"\'-melanoma"', "-melanoma", "'melanoma-'"])
def test_a_denial_that_an_older_derm_wrote_for_spreadsheets_is_still_one(tmp_path, line):
    write(tmp_path / "diagnoses.csv", "word,code", f"{line},benign")
    kept = read_mapping(tmp_path)
    assert code_of("melanoma", kept) == "mel"
    assert code_of("-melanoma", kept) == (BENIGN if line[-1] != "'" else UNKNOWN)
    write_mapping(tmp_path, {"-melanoma": "nv"})
    assert code_of("-melanoma", read_mapping(tmp_path)) == "nv"


def test_a_mapping_to_no_diagnosis_is_refused(tmp_path):
    write(tmp_path / "diagnoses.csv", "word,code", "wart,frog")
    with pytest.raises(DataFault, match="maps 'wart' to 'frog': write two columns, word and code, with one of akiec"):
        read_mapping(tmp_path)


def test_a_mapping_that_contradicts_itself_is_refused(tmp_path):
    write(tmp_path / "diagnoses.csv", "word,code", "Naevus x,nv", "wart,bkl", "naevus-x,mel")
    told = "maps 'Naevus x' to 'nv' and 'naevus-x' to 'mel', which are one word: delete one of the two lines"
    with pytest.raises(DataFault, match=told):
        read_mapping(tmp_path)
    write(tmp_path / "diagnoses.csv", "word,code", "Naevus x,nv", "naevus-x,NV")
    assert read_mapping(tmp_path) == {"naevus x": "nv"}


def test_a_second_answer_stands_in_place_of_the_first(tmp_path):
    write_mapping(tmp_path, {"Wart": "nv", "spindle": "mel"})
    write_mapping(tmp_path, {"wart": "bkl"})
    assert read_mapping(tmp_path) == {"spindle": "mel", "wart": "bkl"}


# Words


def test_words_are_the_seven_or_open():
    assert set(WORDS.values()) == {*CODES, BENIGN, MALIGNANT, UNKNOWN}
    assert all(plain_word(word) == word for word in WORDS)
    assert BENIGN == "bkl|df|nv|vasc"
    assert MALIGNANT == "akiec|bcc|mel"
    assert plain_word(" Bowen's  Disease ") == "bowen s disease"


@pytest.mark.parametrize(
    "words", [("меланома", "невус"), ("黑色素瘤", "痣"), ("μελάνωμα", "σπίλος"), ("कील", "कल"), ("***", "+")]
)
def test_words_of_other_scripts_are_asked_for_and_told_apart(tmp_path, words):
    table = pd.Series(words)
    assert unknown_words(words, {}) == sorted(words)
    with pytest.raises(DataFault, match="has diagnoses that Derm does not know"):
        codes_of(table, {}, Path("t.csv"))
    write(tmp_path / "diagnoses.csv", "word,code", f"{words[0]},mel", f"{words[1].upper()},nv")
    assert codes_of(table, read_mapping(tmp_path), Path("t.csv")).tolist() == ["mel", "nv"]


def test_one_word_in_other_letters_is_one_word():
    assert plain_word("NÄVUS") == plain_word("na\u0308vus") == "nävus"
    assert plain_word("ｎｅｖｕｓ") == "nevus"
    assert plain_word("ΣΠΊΛΟΣ") == plain_word("σπίλος")
    assert plain_word("Bowen´s Disease") == plain_word("Bowen’s disease") == "bowen s disease"
    assert plain_word("") == plain_word(" - ") == plain_word("?") == ""


@pytest.mark.parametrize(
    "word",
    [
        "melanoma?",
        "melanoma ?",
        "? melanoma",
        "melanoma？",
        "¿melanoma",
        "≠ melanoma",
        "!melanoma",
        "melanoma (-)",
        "melanoma -",
        "-melanoma",
        "− melanoma",
        "[ ] melanoma",
        "melanoma ()",
    ],
)
def test_a_doubt_is_asked_for(tmp_path, word):
    assert unknown_words([word, "melanoma", "(melanoma)"], {}) == [word]
    write(tmp_path / "diagnoses.csv", "word,code", f"{word},unknown")
    assert codes_of(pd.Series([word, "melanoma"]), read_mapping(tmp_path), Path("t.csv")).tolist() == [UNKNOWN, "mel"]


def test_one_word_in_two_spellings_is_asked_for_once():
    assert unknown_words(["wart", "Wart", "wart."], {}) == ["Wart"]


def test_own_words_come_first():
    words = pd.Series(["Nevus", "wart", ""])
    assert codes_of(words, {"wart": "bkl", "nevus": "mel"}, Path("t.csv")).tolist() == ["mel", "bkl", UNKNOWN]
    assert unknown_words(["wart", "nevus", "frog"], {"wart": "bkl"}) == ["frog"]


def test_what_an_image_may_have():
    assert allowed_codes("nv") == ("nv",)
    assert allowed_codes("akiec|bcc|mel") == ("akiec", "bcc", "mel")
    assert allowed_codes(UNKNOWN) == CODES


def test_an_open_word_contradicts_no_diagnosis_that_it_allows():
    assert contradict(["mel", "nv"])
    assert contradict([BENIGN, "mel"])
    assert not contradict([MALIGNANT, "mel", "mel"])
    assert not contradict([UNKNOWN, "nv"])
    assert contradict([MALIGNANT, "mel", "bcc"])
    assert is_readable(pd.Series(["nv", "nv|mel", UNKNOWN, "scc", "mel+nv", ""])).tolist() == [
        True, True, True, False, False, False,
    ]  # fmt: skip


# Several folders


def test_an_image_of_two_folders_is_one_row_with_what_both_know(tmp_path):
    for image_id in ("ISIC_1", "ISIC_2"):
        draw(tmp_path / "task1" / "ISIC2018_Task1-2_Training_Input" / f"{image_id}.jpg")
        draw(tmp_path / "task1" / "ISIC2018_Task1_Training_GroundTruth" / f"{image_id}_segmentation.png", white=True)
    both = read_data([tmp_path / "task1", isic2019(tmp_path / "2019")])
    table = both.table.set_index("image_id")
    assert table["dx"].to_dict() == {"ISIC_1": "akiec", "ISIC_2": "mel", "ISIC_3": UNKNOWN}
    assert [bool(path) for path in table["mask_path"]] == [True, True, False]
    assert "task1" in table.loc["ISIC_1", "image_path"]
    assert table["source"].to_dict() == {"ISIC_1": "isic2018_task1", "ISIC_2": "isic2018_task1", "ISIC_3": "bcn20000"}
    assert table["lesion_id"].to_dict() == {"ISIC_1": "HAM_0000001", "ISIC_2": "ISIC_2", "ISIC_3": "BCN_0000007"}
    assert table.loc["ISIC_1", "age"] == 55
    assert both.folders == (tmp_path / "task1", tmp_path / "2019")
    assert both.place == f"{tmp_path / 'task1'}, {tmp_path / '2019'}"
    assert both.undiagnosed


def clinic(folder: Path, header: str, *lines: str, shade: bool = False) -> Path:
    for line in lines:
        draw(folder / line.partition(",")[0], white=shade)
    write(folder / "derm.csv", header, *lines)
    return folder


@pytest.mark.parametrize(
    ("cells", "shade", "told"),
    [
        ("mel,1,p", False, r"\(nv\) and that of .*two \(mel\) cannot be the same: rename one of the two"),
        ("malignant,1,p", False, r"\(nv\) and that of .*two \(akiec\|bcc\|mel\) cannot"),
        ("nv,2,p", False, r"\(1\) and that of .*two \(2\) cannot be"),
        ("nv,1,q", False, r"\(p\) and that of .*two \(q\) cannot be"),
        ("nv,1,p", True, r"one/a\.jpg\) and that of .*two \(.*two/a\.jpg\) cannot be"),
    ],
)
def test_two_images_of_one_name_are_refused(tmp_path, cells, shade, told):
    header = "image,diagnosis,lesion,patient"
    one = clinic(tmp_path / "one", header, "a.jpg,nv,1,p")
    two = clinic(tmp_path / "two", header, f"a.jpg,{cells}", shade=shade)
    with pytest.raises(DataFault, match=f"The image a of .*one {told}" if not shade else told):
        read_data([one, two])


@pytest.mark.parametrize("cells", ["nv,1,p", "benign,,", ",,"])
def test_one_image_of_two_own_folders_is_one_row(tmp_path, cells):
    header = "image,diagnosis,lesion,patient"
    one = clinic(tmp_path / "one", header, "a.jpg,nv,1,p", "b.jpg,nv,1,p")
    two = clinic(tmp_path / "two", header, f"a.jpg,{cells}", "c.jpg,nv,7,q")
    table = read_data([one, two]).table
    assert table["lesion_id"].tolist() == ["1", "1", "7"]
    assert table["patient_id"].tolist() == ["p", "p", "q"]


def test_an_own_diagnosis_that_contradicts_a_public_one_is_refused(tmp_path):
    own_folder = clinic(tmp_path / "own", "image,diagnosis,lesion", "ISIC_2.jpg,nv,1", shade=True)
    with pytest.raises(DataFault, match=r"The image ISIC_2 of .*2019 \(mel\) and that of .*own \(nv\) cannot be"):
        read_data([isic2019(tmp_path / "2019"), own_folder])


def test_lesions_numbered_within_each_patient_are_told_apart(tmp_path):
    for name in "cdef":
        draw(tmp_path / "praxis" / f"{name}.jpg")
    rows = ("a.jpg,1,P", "b,1,Q", "c.jpg,1,Q", "d.jpg,2,P", "e.jpg,2,", "f.jpg,1,")
    table = read_data([own(tmp_path / "praxis", "image,lesion,patient", *rows)]).table
    assert table["lesion_id"].tolist() == ["P: 1", "Q: 1", "Q: 1", "2", "2", "1"]


def test_one_patient_in_two_parts_is_refused(tmp_path):
    header = "image,lesion,patient,part"
    folder = own(tmp_path / "praxis", header, "a.jpg,,P,train", "b,,P,test")
    with pytest.raises(DataFault, match=r"gives pictures of the patient P to test, train, and they stay in one part: "):
        read_data([folder])
    (finding,) = [one for one in check_data(read_catalogue(folder, strict=False)).findings if "parts" in one.kind]
    assert finding.cure == "write one part for all pictures of a lesion and of a patient"
    assert read_data([own(folder, header, "a.jpg,1,P,train", "b,2,,test")]).parts == {"a": "train", "b": "test"}
    with pytest.raises(DataFault, match="of the lesion 1 to train, validation"):
        read_data([own(folder, header, "a.jpg,1,P,train", "b,1,P,Validation")])


def test_a_point_in_a_name_is_no_ending(tmp_path):
    for name in ("IMG_1.2.jpg", "IMG_1.3.jpg", "four.JPG"):
        draw(tmp_path / "praxis" / name)
    folder = own(tmp_path / "praxis", "image", "IMG_1.2", "IMG_1.3", "four.JPG")
    assert sorted(read_catalogue(folder).table["image_id"]) == ["IMG_1.2", "IMG_1.3", "four"]


def test_lesions_and_patients_of_two_clinics_are_told_apart(tmp_path):
    header = "image,lesion,patient"
    one = clinic(tmp_path / "one", header, "a.jpg,1,P", "b.jpg,1,P", "c.jpg,2,Q", "d.jpg,,")
    two = clinic(tmp_path / "two", header, "e.jpg,1,P", "P.jpg,3,P")
    both = read_data([one, two]).table
    assert both["lesion_id"].tolist() == ["3", "one: 1", "one: 1", "2", "d", "two: 1"]
    assert both["patient_id"].tolist() == ["two: P", "one: P", "one: P", "Q", "", "two: P"]
    alone = read_data([two]).table
    second = both[both["source"] == "two"]
    assert lesion_digests(second, second["lesion_id"]) == lesion_digests(alone, alone["lesion_id"])


def test_what_one_source_calls_alike_is_one(tmp_path):
    header = "image,lesion,source"
    one = clinic(tmp_path / "x" / "data", header, "a.jpg,1,Ulm", "b.jpg,1,camera")
    two = clinic(tmp_path / "y" / "data", header, "c.jpg,1,Ulm")
    assert read_data([one, two]).table["lesion_id"].tolist() == ["1", "1", "1"]
    for folder in (one, two):
        table = folder / "derm.csv"
        table.write_text(table.read_text().replace("Ulm", ""))
    with pytest.raises(
        DataFault, match=r"both name a lesion or patient 1, .*: write the clinic's name into the column"
    ):
        read_data([one, two])


def test_one_folder_is_itself(drawn):
    assert read_data([drawn]).table.equals(read_catalogue(drawn).table)


def test_no_folder_is_refused():
    with pytest.raises(ConfigFault, match="No data: name the folder of a data set with --data"):
        read_data([])


@pytest.mark.real
def test_the_real_second_source(ham10000):
    if not ISIC2018.is_dir():
        pytest.skip(f"the second source is not at {ISIC2018}")
    both = read_data([ham10000, ISIC2018])
    counts = both.table.groupby("source").size().to_dict()
    assert counts == {"ham10000": 10_015, "isic2018_task1": 2_065}
    second = both.table[both.table["source"] == "isic2018_task1"]
    assert second["dx"].value_counts().to_dict() == {"nv": 1494, "mel": 411, "bkl": 160}
    assert (both.table[["image_path", "mask_path"]] != "").all(axis=None)
    assert both.structures[list(STRUCTURES)].sum().tolist() == [1211, 151, 91, 560, 483]
