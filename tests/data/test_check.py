"""Each finding tripped on purpose, in drawn folders of three images."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from derm.data.catalogue import COLUMNS, Catalogue, read_catalogue
from derm.data.check import CURES, DataReport, Finding, check_data, cure_of, report_as_dict, report_lines

HEADER = "lesion_id,image_id,dx,dx_type,age,sex,localization,dataset\n"
METADATA = (
    HEADER
    + """HAM_1,ISIC_1,nv,follow_up,45.0,male,trunk,derm_synthetic
HAM_2,ISIC_2,mel,histo,,unknown,unknown,derm_synthetic
HAM_1,ISIC_3,nv,follow_up,45.0,male,unknown,derm_synthetic
"""
)
HEIGHT, WIDTH = 40, 48


def draw_image(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (WIDTH, HEIGHT), "pink").save(path)


def draw_mask(path: Path, first: int = 10, last: int = 20, height: int = HEIGHT) -> None:
    """A mask whose rows `first` to `last` are lesion."""
    path.parent.mkdir(exist_ok=True)
    mask = np.zeros((height, WIDTH), np.uint8)
    mask[first:last] = 255
    Image.fromarray(mask).save(path)


def write_metadata(folder: Path, text: str) -> None:
    (folder / "HAM10000_metadata.csv").write_text(text, encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for image_id in ("ISIC_1", "ISIC_2", "ISIC_3"):
        draw_image(tmp_path / "images" / f"{image_id}.jpg")
        draw_mask(tmp_path / "masks" / f"{image_id}_segmentation.png")
    write_metadata(tmp_path, METADATA)
    return tmp_path


def check(folder: Path) -> DataReport:
    return check_data(read_catalogue(folder, strict=False))


def rows_only(count: int) -> Catalogue:
    """A catalogue of `count` rows and no files."""
    table = pd.DataFrame({"image_id": [f"ISIC_{number:07}" for number in range(count)], "age": 40.0})
    table = table.assign(
        lesion_id="", patient_id="", dx="nv", dx_type="histo", sex="male", localization="trunk", dataset="rosendahl"
    ).assign(source="ham10000")
    return Catalogue(Path("elsewhere"), "images", table.assign(image_path="", mask_path="")[list(COLUMNS)])


def test_a_sound_folder(folder):
    report = check(folder)
    assert report.findings == ()
    assert (report.n_images, report.n_lesions, report.n_masks) == (3, 2, 3)
    assert (report.missing_age, report.missing_sex, report.missing_localization) == (1, 1, 2)
    counts = report.counts.set_index("dx")
    assert counts.index.tolist() == ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]
    assert counts["images"].tolist() == [0, 0, 0, 0, 1, 2, 0]
    assert counts["lesions"].tolist() == [0, 0, 0, 0, 1, 1, 0]
    assert report_lines(report)[-1] == "No fault found."


def remove_image(folder: Path) -> None:
    (folder / "images" / "ISIC_2.jpg").unlink()


def cut_image(folder: Path) -> None:
    path = folder / "images" / "ISIC_2.jpg"
    path.write_bytes(path.read_bytes()[:200])


def add_image(folder: Path) -> None:
    draw_image(folder / "images" / "ISIC_9.jpg")


def remove_mask(folder: Path) -> None:
    (folder / "masks" / "ISIC_2_segmentation.png").unlink()


def remove_all_masks(folder: Path) -> None:
    for path in (folder / "masks").iterdir():
        path.unlink()


def spoil_mask(folder: Path) -> None:
    (folder / "masks" / "ISIC_2_segmentation.png").write_bytes(b"no picture")


def shorten_mask(folder: Path) -> None:
    draw_mask(folder / "masks" / "ISIC_2_segmentation.png", height=36)


def empty_mask(folder: Path) -> None:
    draw_mask(folder / "masks" / "ISIC_2_segmentation.png", 0, 0)


def fill_mask(folder: Path) -> None:
    draw_mask(folder / "masks" / "ISIC_2_segmentation.png", 0, HEIGHT)


def name_unknown_class(folder: Path) -> None:
    write_metadata(folder, METADATA.replace(",mel,", ",scc,"))


def repeat_row(folder: Path) -> None:
    write_metadata(folder, METADATA + "HAM_2,ISIC_2,nv,histo,,unknown,unknown,derm_synthetic\n")


def repeat_picture(folder: Path) -> None:
    write_metadata(folder, METADATA + "HAM_2,isic_2,mel,histo,,unknown,unknown,derm_synthetic\n")


def contradict(folder: Path) -> None:
    truth = f"{TRUTH_HEADER}ISIC_1,0,1,0,0,0,0,0\nISIC_2,0,0,1,0,0,0,0\nISIC_3,0,1,0,0,0,0,0\n"
    (folder / "GroundTruth.csv").write_text(truth, encoding="utf-8")


def age_backwards(folder: Path) -> None:
    write_metadata(folder, METADATA.replace("ISIC_2,mel,histo,", "ISIC_2,mel,histo,-5"))


def name_other_source(folder: Path) -> None:
    write_metadata(folder, METADATA.replace("derm_synthetic", "rosendahl", 1))


def copy_a_picture(folder):
    """A picture of a lesion and its copy, saved again, under two names; the others are of one shade."""
    shades = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
    shades[8:24, 10:30] = (90, 60, 40)
    shades[24:36, 6:20] = (150, 110, 90)
    for name, quality in (("ISIC_1", 95), ("ISIC_2", 60)):
        Image.fromarray(shades).save(folder / "images" / f"{name}.jpg", quality=quality)


def age_beyond(folder: Path) -> None:
    write_metadata(folder, METADATA.replace("ISIC_2,mel,histo,", "ISIC_2,mel,histo,999"))


def age_in_words(folder: Path) -> None:
    write_metadata(folder, METADATA.replace("ISIC_2,mel,histo,", "ISIC_2,mel,histo,sixty"))


def forget_diagnosis(folder: Path) -> None:
    write_metadata(folder, METADATA.replace(",mel,", ",NA,"))


def forget_lesion(folder: Path) -> None:
    write_metadata(folder, METADATA.replace("HAM_2,", "NA,"))


def join_strangers(folder: Path) -> None:
    (folder / "near_duplicates.csv").write_text(
        "image_id,same_lesion_as\nISIC_1,ISIC_3.jpg\nISIC_1,ISIC_7\nISIC_8,isic_2\n", encoding="utf-8"
    )


def contradict_within_a_lesion(folder: Path) -> None:
    write_metadata(folder, METADATA.replace("ISIC_3,nv,", "ISIC_3,mel,"))


TRUTH_HEADER = "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC\n"


def tell_truth_of_others(folder: Path) -> None:
    (folder / "GroundTruth.csv").write_text(f"{TRUTH_HEADER}PH2_1,0,1,0,0,0,0,0\n", encoding="utf-8")


def tell_half_the_truth(folder: Path) -> None:
    (folder / "GroundTruth.csv").write_text(f"{TRUTH_HEADER}ISIC_1.jpg,0,1,0,0,0,0,0\n", encoding="utf-8")


def save_mask(folder: Path, mask: np.ndarray, name: str = "ISIC_2") -> None:
    Image.fromarray(mask.astype(np.uint8)).save(folder / "masks" / f"{name}_segmentation.png")


def invert_mask(folder: Path) -> None:
    mask = np.full((HEIGHT, WIDTH), 255)
    mask[10:20, 10:20] = 0
    save_mask(folder, mask)


def fill_masks(folder: Path) -> None:
    for name in ("ISIC_2", "ISIC_3"):
        save_mask(folder, np.full((HEIGHT, WIDTH), 255), name)


def invert_masks(folder: Path) -> None:
    mask = np.full((HEIGHT, WIDTH), 255)
    mask[10:20, 10:20] = 0
    mask[0, :4] = 0  # a lesion that meets the border is left out there, too
    for name in ("ISIC_2", "ISIC_3"):
        save_mask(folder, mask, name)


def soften_mask(folder: Path) -> None:
    mask = np.zeros((HEIGHT, WIDTH))
    mask[10:30, 10:30] = 255
    mask[9, 10:30] = 100
    mask[30, 10:30] = 200
    save_mask(folder, mask)


def label_mask(folder: Path) -> None:
    mask = np.zeros((HEIGHT, WIDTH))
    mask[10:20, 10:20], mask[20:30, 10:20] = 1, 2
    save_mask(folder, mask)


MASK = "masks/ISIC_2_segmentation.png"


@pytest.mark.parametrize(
    ("spoil", "kind", "subject", "problem"),
    [
        (remove_image, "image missing", "ISIC_2", "has a row in the table but no .jpg, .jpeg or .png file"),
        (cut_image, "image unreadable", "images/ISIC_2.jpg", "ISIC_2.jpg is damaged or cut short"),
        (add_image, "image without a row", "images/ISIC_9.jpg", "no row of the table names this image"),
        (remove_mask, "mask missing", "ISIC_2", "has no file ISIC_2_segmentation.png"),
        (remove_all_masks, "no masks", "{folder}", "none of the 3 images has a mask"),
        (spoil_mask, "mask unreadable", MASK, "ISIC_2_segmentation.png is no picture"),
        (shorten_mask, "mask of another size", MASK, "the mask has 48 × 36 pixels, its image 48 × 40"),
        (empty_mask, "mask empty", MASK, "the mask marks no pixel as lesion"),
        (fill_mask, "mask full", MASK, "the mask marks every pixel as lesion"),
        (name_unknown_class, "unknown class", "ISIC_2", "the diagnosis 'scc' is not one of the seven"),
        (repeat_row, "duplicate id", "ISIC_2", "2 rows in the table, with the diagnosis mel, nv"),
        (
            repeat_picture,
            "picture of several rows",
            "images/ISIC_2.jpg",
            "it is the picture of the rows ISIC_2, isic_2",
        ),
        (
            tell_truth_of_others,
            "ground truth of other images",
            "GroundTruth.csv",
            "names no image of the metadata: it has",
        ),
        (tell_half_the_truth, "ground truth incomplete", "GroundTruth.csv", "names 1 of the 3 images of the metadata"),
        (forget_diagnosis, "unknown class", "ISIC_2", "the diagnosis is missing"),
        (forget_lesion, "lesion not named", "HAM10000_metadata.csv", "1 of 3 images names no lesion: it counts as a"),
        (
            join_strangers,
            "pairs of other images",
            "near_duplicates.csv",
            "2 of 3 pairs name an image that is not in this folder, and join nothing here: ISIC_7, ISIC_8",
        ),
        (
            contradict_within_a_lesion,
            "lesion with several diagnoses",
            "HAM_1",
            "its 2 images bear the diagnoses mel, nv",
        ),
        (copy_a_picture, "copies disagree", "ISIC_2", "the same photograph as ISIC_1, with the diagnosis mel in place"),
        (age_beyond, "impossible age", "ISIC_2", "an age of 999 is no number of years"),
        (age_in_words, "age not read", "HAM10000_metadata.csv", "1 age is no number and counts as missing: sixty"),
        (invert_mask, "mask inverted", MASK, "the mask marks the picture's whole border and leaves out its middle"),
        (fill_masks, "masks full", "{folder}", "2 of 3 masks mark every pixel as lesion"),
        (invert_masks, "masks inverted", "{folder}", "2 of 3 masks mark the picture's border as lesion"),
        (soften_mask, "masks soft", "{folder}", "1 of 3 masks have values between black and white"),
        (label_mask, "mask of several labels", MASK, "the mask has the values 0, 1, 2"),
        (contradict, "labels disagree", "ISIC_2", "the metadata says mel, the ground truth bcc"),
        (age_backwards, "impossible age", "ISIC_2", "an age of -5 is no number of years"),
        (name_other_source, "fewer rows", "{folder}", "3 rows where HAM10000 has 10,015"),
    ],
)
def test_each_finding_alone(folder, spoil: Callable[[Path], None], kind, subject, problem):
    spoil(folder)
    (finding,) = check(folder).findings
    assert finding.kind == kind
    assert finding.subject == subject.format(folder=folder)
    assert finding.problem.startswith(problem)
    assert finding.cure == cure_of(kind)


def test_every_kind_of_finding_is_tripped_above():
    (mark,) = test_each_finding_alone.pytestmark
    # These need sets of their own, below and in test_sources.py.
    others = {"row count", "masks misplaced", "copies"}
    others |= {"metadata of other images", "metadata incomplete", "lesion or patient in several parts"}
    assert {row[1] for row in mark.args[1]} == set(CURES) - others


def test_unknown_classes_are_counted_after_the_seven(folder):
    name_unknown_class(folder)
    last = check(folder).counts.iloc[-1]
    assert last.to_dict() == {"dx": "scc", "name": "not one of the seven", "images": 1, "lesions": 1}


def test_an_image_in_two_rows_counts_once(folder):
    repeat_row(folder)
    report = check(folder)
    assert report.n_images == 3
    assert report.counts["images"].sum() == 3


@pytest.mark.parametrize("rows", [13_354, 18_832])
def test_augmented_copies_are_named(rows):
    first = check_data(rows_only(rows)).findings[0]
    assert first.problem == (
        f"{rows:,} rows where HAM10000 has 10,015: a copy with augmented images, "
        "whose twins would lie on both sides of a split"
    )


def test_more_rows_than_ham10000_are_a_fault_and_fewer_are_not():
    assert check_data(rows_only(10_016)).findings[0].kind == "row count"
    assert check_data(rows_only(10_014)).findings[0].kind == "fewer rows"


def test_the_right_number_of_rows_is_no_finding():
    report = check_data(rows_only(10_015))
    assert {finding.kind for finding in report.findings} == {"image missing", "no masks"}
    assert (report.n_images, report.n_lesions, report.n_masks) == (10_015, 0, 0)


def test_findings_have_one_order(folder):
    for spoil in (fill_mask, remove_image, add_image, name_other_source, contradict):
        spoil(folder)
    report = check(folder)
    assert [(finding.kind, finding.subject) for finding in report.findings] == [
        ("fewer rows", str(folder)),
        ("labels disagree", "ISIC_2"),
        ("image missing", "ISIC_2"),
        ("image without a row", "images/ISIC_9.jpg"),
        ("mask full", MASK),
    ]
    assert check(folder).findings == report.findings


def test_progress_counts_every_image(folder):
    calls = []
    check_data(read_catalogue(folder), lambda done, total: calls.append((done, total)))
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_lines_of_a_report(folder):
    fill_mask(folder)
    assert report_lines(check(folder)) == [
        f"Folder   {folder}",
        "Layout   Derm (images, masks, metadata)",
        "Images   3 of 2 lesions",
        "Masks    3",
        "Missing  age 1, sex 1, localization 2",
        "",
        "Diagnosis                                     Images  Lesions",
        "akiec  actinic keratosis or Bowen's disease        0        0",
        "bcc    basal cell carcinoma                        0        0",
        "bkl    benign keratosis                            0        0",
        "df     dermatofibroma                              0        0",
        "mel    melanoma                                    1        1",
        "nv     melanocytic nevus                           2        1",
        "vasc   vascular lesion                             0        0",
        "",
        f"Mask full: 1. Cure: {cure_of('mask full')}.",
        "  masks/ISIC_2_segmentation.png: the mask marks every pixel as lesion",
    ]


def test_long_lists_are_cut_for_people_and_whole_for_programs(folder):
    findings = tuple(Finding("mask empty", f"ISIC_{number:02}", "is empty", "redraw it") for number in range(14))
    report = replace(check(folder), n_lesions=0, findings=findings)
    lines = report_lines(report)
    assert "Images   3, lesions not named" in lines
    assert lines[-12:] == [
        "Mask empty: 14. Cure: redraw it.",
        *(f"  ISIC_{number:02}: is empty" for number in range(10)),
        "  and 4 more",
    ]
    content = json.loads(json.dumps(report_as_dict(report), allow_nan=False))
    assert len(content["findings"]) == 14
    assert content["findings"][0] == {
        "kind": "mask empty",
        "subject": "ISIC_00",
        "problem": "is empty",
        "cure": "redraw it",
    }
    assert content["counts"][4] == {"dx": "mel", "name": "melanoma", "images": 1, "lesions": 1}
    assert content["missing"] == {"age": 1, "sex": 1, "localization": 2}
    assert content["folder"] == str(folder)


@pytest.mark.real
def test_real_data_set(tmp_path):
    """The tables are whole; of the pictures a hundred stand for all, `derm data check` goes through 10,015."""
    folder = Path(__file__).parents[3] / "shared" / "ham10000"
    if not folder.is_dir():
        pytest.skip(f"the real data set is not at {folder}")
    full = {"ISIC_0026042", "ISIC_0029819"}  # lesions that are larger than the picture: their masks mark every pixel
    for table in folder.glob("*.csv"):
        (tmp_path / table.name).symlink_to(table)
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
        for file in sorted((folder / kind).rglob("*.*")):
            if file.stem.removesuffix("_segmentation").endswith("77") or file.stem[:12] in full:
                (tmp_path / kind / file.name).symlink_to(file)
    report = check(tmp_path)
    found = [(finding.kind, finding.subject) for finding in report.findings if finding.kind == "mask full"]
    assert found == [("mask full", f"masks/{name}_segmentation.png") for name in sorted(full)]
    assert {finding.kind for finding in report.findings} == {"mask full", "mask missing", "image missing"}
    assert (report.n_images, report.n_lesions) == (10_015, 7_470)
    assert (report.missing_age, report.missing_sex, report.missing_localization) == (57, 57, 234)
