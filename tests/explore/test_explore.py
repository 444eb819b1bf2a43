"""The explorer's logic on numbers worked out by hand: filters, counts, leaks, duplicates, label errors, galleries."""

import json
import shutil
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from derm.data.catalogue import Catalogue
from derm.data.folder import Remark
from derm.data.split import Leak, split_catalogue
from derm.diagnoses import CODES, INDEX
from derm.errors import DataFault
from derm.evaluate.dataset import evaluate, write_evaluation
from derm.evaluate.results import Results, read_results
from derm.explore import (
    counts,
    data_places,
    data_quality,
    duplicates,
    embedding,
    embedding_duplicates,
    filters,
    gallery,
    label_errors,
    model_comparison,
    predictions,
    shapes,
    tiles,
    verdicts,
)
from derm.explore.pictures import LOOKS, look_at, small_picture
from derm.explore.progress import Progress
from derm.explore.table import ONE, SEVERAL, explorable, name_of, prepare
from derm.explore.thumbnails import SIDE, thumbnail
from derm.figures.dataset import share_bars
from derm.figures.text import SPACE
from derm.files import files_now
from derm.image.decode import open_image, read_image
from derm.language.speech import say, speaking
from derm.predict.case_list import data_case
from derm.predict.memory import CaseMemory


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Six images of four lesions: a melanoma with three pictures, and three others."""
    raw = pd.DataFrame(
        {
            "image_id": ["a", "b", "c", "d", "e", "f"],
            "lesion_id": ["1", "1", "1", "2", "3", "4"],
            "dx": ["mel", "mel", "mel", "nv", "nv", "bcc"],
            "dx_type": ["histo", "histo", "histo", "follow_up", "consensus", "histo"],
            "age": [70.0, 70.0, 70.0, 32.0, np.nan, 44.0],
            "sex": ["male", "male", "male", "female", "unknown", "female"],
            "localization": ["back", "back", "back", "face", "unknown", "face"],
            "dataset": ["rosendahl", "rosendahl", "rosendahl", "vidir_molemax", "vidir_molemax", "rosendahl"],
            "image_path": ["x"] * 6,
            "mask_path": ["m", "m", "m", "m", "", ""],
        }
    )
    parts = pd.Series(["train", "train", "train", "validation", "test", "test"])
    return prepare(raw, parts, raw["lesion_id"])


def everything(table: pd.DataFrame) -> np.ndarray:
    return np.ones(len(table), dtype=bool)


# Filters


def test_a_filter_keeps_what_satisfies_every_dimension(table):
    def kept(**chosen) -> str:
        return "".join(table["image_id"][filters.keep(table, chosen)])

    assert kept() == "abcdef"
    assert kept(diagnosis=["mel", "nv"]) == "abcde"
    assert kept(diagnosis=["mel", "nv"], sex=["female"]) == "d"
    assert kept(several=[SEVERAL]) == "abc"
    assert kept(several=[ONE], source=["rosendahl"]) == "f"
    assert kept(part=["test"], sex=["unknown"], diagnosis=[]) == "e"
    assert kept(age=["30–44"]) == "df"
    assert kept(age=["unknown"]) == "e"
    assert kept(diagnosis=["vasc"]) == ""


def test_values_come_in_their_natural_order_with_unknown_last(table):
    found = filters.options(table)
    assert found["diagnosis"] == ["bcc", "mel", "nv"]
    assert found["age"] == ["30–44", "60–74", "unknown"]
    assert found["sex"] == ["female", "male", "unknown"]
    assert found["confirmation"] == ["histo", "follow_up", "consensus"]
    assert found["part"] == ["train", "validation", "test"]


def test_the_filter_is_said_in_words(table):
    chosen = {"diagnosis": ["mel", "nv"], "sex": ["male"]}
    kept = filters.keep(table, chosen)
    assert filters.summary(table, kept, filters.Asked(chosen)) == (
        "3 images of 1 lesion, out of 6 images: melanoma or melanocytic nevus; male."
    )
    assert filters.summary(table, everything(table), filters.Asked({})) == "6 images of 4 lesions, all of the data set."
    assert filters.is_open({"sex": []})
    assert not filters.is_open(chosen)


# Counts


def test_images_and_lesions_of_each_diagnosis(table):
    found = counts.class_balance(table, everything(table))
    assert found.loc["mel"].tolist() == [3, 1]
    assert found.loc["nv"].tolist() == [2, 2]
    assert found.loc["bcc"].tolist() == [1, 1]


def test_lesions_by_how_many_images_they_have(table):
    assert counts.images_per_lesion(table, everything(table))["lesions"].tolist() == [3, 0, 1, 0, 0, 0]
    # A filter that keeps one of three pictures does not make the lesion one of one picture.
    assert counts.images_per_lesion(table, table["image_id"].to_numpy() == "b")["lesions"].tolist() == [
        0,
        0,
        1,
        0,
        0,
        0,
    ]
    assert counts.images_per_lesion(table, ~everything(table))["lesions"].sum() == 0


def test_two_dimensions_are_crossed_as_pandas_would(table):
    found = counts.cross(table, everything(table), "diagnosis", "source")
    expected = pd.crosstab(table["dx"].astype(str), table["dataset"].astype(str))
    assert found.to_numpy().tolist() == expected.loc[found.index, found.columns].to_numpy().tolist()
    assert counts.shares(found).loc["nv"].tolist() == [0.0, 1.0]


def test_ages_are_counted_in_steps_and_missing_ones_left_out(table):
    found = counts.ages(table, everything(table), "diagnosis")
    assert found.to_numpy().sum() == 5
    assert found.loc[30, "nv"] == 1
    assert found.loc[40, "bcc"] == 1
    assert found.loc[70, "mel"] == 3


def test_what_is_missing(table):
    found = counts.missing(table, everything(table))
    assert found["missing"].to_dict() == {
        "Age": 1, "Sex": 1, "Site": 1, "Source": 0, "Confirmed by": 0, "Mask": 2,
    }  # fmt: skip
    assert found.loc["Mask", "share"] == pytest.approx(2 / 6)
    assert data_quality.missing_sentence(found, 6) == "Of 6 rows these lack a value: age 1, sex 1, site 1, mask 2."
    assert data_quality.missing_sentence(found * 0, 6) == "Nothing is missing in 6 rows."


# Shapes


def test_a_mask_is_measured_by_hand():
    mask = np.zeros((4, 8), dtype=bool)
    mask[1:3, 2:4] = True  # four of 32 pixels; columns 2 and 3 have their middle at 3 of 8, rows 1 and 2 at 2 of 4
    assert shapes.shape_of(mask) == shapes.Shape(4 / 32, 3 / 8, 2 / 4, False)
    mask[0, 2] = True
    assert shapes.shape_of(mask).cut
    assert np.isnan(shapes.shape_of(np.zeros((4, 8), dtype=bool)).area)


def test_masks_are_measured_once_and_kept(drawn_catalogue, tmp_path):
    told = []
    file = shapes.shapes_file(drawn_catalogue, tmp_path)
    assert shapes.read_shapes(file, len(drawn_catalogue.table)) is None
    found = shapes.measure_shapes(drawn_catalogue, file, lambda done, total: told.append((done, total)))
    assert told[-1] == (63, 63)
    kept = shapes.read_shapes(file, len(drawn_catalogue.table))
    assert np.abs(kept[["area", "x", "y"]] - found[["area", "x", "y"]]).max().max() < 1e-6
    grid = shapes.position_grid(kept, np.ones(63, dtype=bool))
    assert grid.shape == shapes.GRID
    assert grid.sum() == shapes.area_histogram(kept, np.ones(63, dtype=bool)).sum() == 63
    assert "lesions fill" in shapes.shape_sentence(kept, np.ones(63, dtype=bool))
    assert shapes.shape_sentence(kept, np.zeros(63, dtype=bool)) == "None of these images has a mask."


# Galleries


def test_a_gallery_has_whole_pages_and_a_rest():
    rows = np.arange(50)
    assert gallery.page_of(rows, 1).sentence == "1 – 24 of 50 images"
    last = gallery.page_of(rows, 3)
    assert (last.rows.tolist(), last.pages, last.sentence) == ([48, 49], 3, "49 – 50 of 50 images")
    assert gallery.page_of(rows, 9).number == 3
    assert gallery.page_of(rows, -1).number == 1
    assert gallery.page_of(rows[:0], 1).sentence == "No image"


def test_equals_keep_their_order_and_the_undefined_comes_last(table):
    rows = np.array([4, 5, 3, 0, 2])
    assert gallery.arrange(table, rows, gallery.Order("", "age", True)).tolist() == [3, 5, 0, 2, 4]
    assert gallery.arrange(table, rows, gallery.Order("", "age", False)).tolist() == [0, 2, 5, 3, 4]
    assert gallery.arrange(table, rows, gallery.TABLE_ORDERS[0]).tolist() == rows.tolist()


def test_thumbnails_are_made_once_and_anew_when_the_file_changes(drawn_catalogue, tmp_path):
    entry = drawn_catalogue.table.iloc[0]
    copy = tmp_path / "a.jpg"
    shutil.copy(entry["image_path"], copy)
    first = thumbnail(str(copy), "", tmp_path / "cache", outlined=False)
    before = files_now(str(copy), "")
    image = read_image(first, "thumbnail")
    assert max(image.shape) == SIDE
    (kept,) = (tmp_path / "cache").rglob("*.jpg")
    kept.write_bytes(b"kept")
    assert thumbnail(str(copy), "", tmp_path / "cache", outlined=False) == b"kept"
    copy.touch()
    copy.write_bytes(copy.read_bytes() + b"\0")
    assert thumbnail(str(copy), "", tmp_path / "cache", outlined=False) != b"kept"
    assert files_now(str(copy), "") != before
    copy.unlink()
    assert files_now(str(copy), "") == ((), ())


def test_a_picture_of_the_data_set_is_read_in_its_turn(drawn_catalogue, tiny_model, tmp_path):
    entry = drawn_catalogue.table.iloc[0]
    height, width = open_image(Path(entry["image_path"])).shape[:2]
    turns = []

    def turn(pixels: int) -> AbstractContextManager[None]:
        turns.append(pixels)
        return nullcontext()

    small_picture(tiny_model, drawn_catalogue, 0, "True outline", tmp_path, turn)
    small_picture(tiny_model, drawn_catalogue, 0, "True outline", tmp_path, turn)  # from the disk
    small_picture(tiny_model, drawn_catalogue, 0, "Heat map", tmp_path, turn)
    CaseMemory(turn=turn).case(tiny_model, drawn_catalogue, str(entry["image_id"]))
    assert turns == 3 * [height * width]
    thumbnail(str(tmp_path / "none.jpg"), "", tmp_path, outlined=False, turn=turn)
    assert turns[3:] == []


def test_an_outline_changes_the_thumbnail_and_a_broken_file_is_grey(drawn_catalogue, tmp_path):
    entry = drawn_catalogue.table.iloc[0]
    plain = thumbnail(entry["image_path"], entry["mask_path"], tmp_path, outlined=False)
    assert thumbnail(entry["image_path"], entry["mask_path"], tmp_path, outlined=True) != plain
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    grey = read_image(thumbnail(str(tmp_path / "broken.jpg"), "", tmp_path, outlined=False), "grey")
    assert np.abs(grey.astype(int) - 128).max() <= 2


@pytest.mark.slow
def test_every_look_draws_something_else(tiny_model, drawn_catalogue, tmp_path):
    case = data_case(tiny_model, drawn_catalogue, drawn_catalogue.table["image_id"].iloc[0])
    seen = [look_at(case, look, SIDE).tobytes() for look in LOOKS]
    assert len(set(seen)) >= 3  # the tiny model's outline may be empty and its heat map flat
    assert seen[0] != seen[1]
    for look in LOOKS:
        assert small_picture(tiny_model, drawn_catalogue, 0, look, tmp_path)[:2] == b"\xff\xd8"


# Trust


def test_the_leak_is_said_in_figures():
    by_class = dict.fromkeys(CODES, (0, 0)) | {"mel": (4, 3), "nv": (6, 0)}
    image, lesion = Leak(10, 3, by_class), Leak(8, 0, dict.fromkeys(CODES, (1, 0)))
    assert data_quality.leak_sentence(data_quality.Leaks(lesion, image)).replace("\xa0", " ") == (
        "Split by image, as in the paper, 3 of 10 test images (30 %) show a lesion that is also in training; of the "
        "melanomas 3 of 4. Split by lesion, as here, 0 of 8 do."
    )
    assert "does not tell which images show the same lesion" in data_quality.leak_sentence(
        data_quality.Leaks(None, image)
    )
    assert list(data_quality.leak_shares(data_quality.Leaks(None, image))) == ["by image, as in the paper"]
    few = data_quality.Leaks(lesion, None)
    assert data_quality.leak_sentence(few).startswith("Split by lesion, as here, 0 of 8 test images show a lesion that")
    assert list(data_quality.leak_shares(few)) == ["by lesion"]


def test_too_few_images_to_split_by_image_do_not_hide_the_split_by_lesion(drawn_catalogue):
    table = drawn_catalogue.table
    few = table.index.isin(table[table["dx"] == "df"].index[:-2])
    parts = dict(zip(table["image_id"], split_catalogue(drawn_catalogue).parts, strict=True))
    named = replace(drawn_catalogue, table=table.assign(dx=table["dx"].mask(few, "unknown")), parts=parts)
    leaks = data_quality.count_leaks(named)
    assert (leaks.by_image, leaks.by_lesion.with_sister) == (None, 0)
    with pytest.raises(DataFault, match="too few to split"):
        data_quality.count_leaks(replace(named, table=named.table.assign(lesion_id=""), parts={}))


def test_leaks_of_a_drawn_set_follow_from_its_split(drawn_catalogue):
    leaks = data_quality.count_leaks(drawn_catalogue)
    split = split_catalogue(drawn_catalogue, "image")
    trained = set(split.lesions[split.parts == "train"])
    test = split.lesions[split.parts == "test"]
    assert leaks.by_image[:2] == (len(test), sum(lesion in trained for lesion in test))
    assert leaks.by_lesion.with_sister == 0
    table = explorable(drawn_catalogue)
    rows = data_quality.part_table(table)
    assert rows["Diagnosis"].tolist()[-1] == "all"
    assert sum(int(rows.iloc[-1][part].split()[0]) for part in ("train", "validation", "test")) == 63


def test_parts_and_counts_are_said_in_the_language_of_the_page():
    table = pd.DataFrame(
        {"dx": pd.Categorical(["nv"] * 1234), "part": pd.Categorical(["train"] * 1234), "lesion_code": range(1234)}
    )
    with speaking("de"):
        rows = data_quality.part_table(table)
    assert list(rows.columns) == ["Diagnose", "Training"]
    assert rows["Training"].tolist() == ["1.234 (1.234)", "1.234 (1.234)"]


def test_only_a_value_that_derm_names_is_translated_and_a_name_that_people_gave_stays():
    with speaking("de"):
        assert say("Camera") == "Kamera"
        assert [name_of(value) for value in ("lower_extremity", "histo", "Camera")] == [
            "untere Extremität",
            "Histopathologie",
            "Camera",
        ]


def test_a_source_that_holds_all_malignant_lesions_gives_everything_away():
    n = 40
    bad = np.arange(n) % 2 == 0
    table = pd.DataFrame(
        {
            "image_id": [str(number) for number in range(n)],
            "dx": np.where(bad, "mel", "nv"),
            "dx_type": "histo",
            "age": 50.0,
            "sex": "male",
            "localization": "back",
            "dataset": np.where(bad, "clinic", "practice"),
            "mask_path": "",
        }
    )
    parts = pd.Series(np.where(np.arange(n) < 20, "train", "validation"))
    prepared = prepare(table, parts, table["image_id"])
    told = data_quality.source_tell(prepared, 20)
    assert told == (1.0, (1.0, 1.0), 20)
    assert "AUC of 1.00 (1.00 – 1.00)" in data_quality.tell_sentence(told, prepared)
    assert data_quality.source_rates(prepared)["share"].to_dict() == {"clinic": 1.0, "practice": 0.0}
    assert data_quality.open_sentence(prepared) == ""
    one = prepare(table.assign(dataset="clinic"), parts, table["image_id"])
    assert data_quality.source_tell(one) is None
    assert "gives nothing away" in data_quality.tell_sentence(None, one)
    unlearned = prepare(table, pd.Series(["test"] * n), table["image_id"])
    assert data_quality.source_tell(unlearned) is None
    assert "gives away is not known" in data_quality.tell_sentence(None, unlearned)


def test_open_words_of_one_kind_count_as_that_kind_and_undiagnosed_images_nowhere():
    words = ["akiec|bcc|mel", "bkl|df|nv|vasc", "unknown", "unknown"]
    table = pd.DataFrame(
        {
            "image_id": [str(number) for number in range(80)],
            "dx": ["mel"] * 10 + ["nv"] * 30 + [words[0]] * 15 + [words[1]] * 5 + words[2:] * 10,
            "dx_type": "histo",
            "age": 50.0,
            "sex": "male",
            "localization": "back",
            "dataset": ["A"] * 40 + ["B"] * 40,
            "mask_path": "",
        }
    )
    parts = pd.Series(np.where(np.arange(80) % 2, "train", "validation"))
    prepared = prepare(table, parts, table["image_id"])
    rates = data_quality.source_rates(prepared)
    assert rates.loc["A"].to_dict() == {"malignant": 10, "images": 40, "share": 0.25}
    assert rates.loc["B"].to_dict() == {"malignant": 15, "images": 20, "share": 0.75}
    assert data_quality.open_sentence(prepared).endswith("malignant, and which are not counted: 20.")
    told = data_quality.source_tell(prepared, 20)
    # Of 30 validation images 5 of 20 of A, and 8 of 10 of B are malignant: 8·15 + (8·2 + 5·15) / 2 of 13·17 pairs.
    assert told.auc == pytest.approx((8 * 15 + (8 * 2 + 5 * 15) / 2) / (13 * 17))
    assert told.images == 30
    nothing = prepare(table.assign(dx="unknown"), parts, table["image_id"])
    assert data_quality.source_tell(nothing) is None
    bars = share_bars(data_quality.source_rates(nothing), "share", "malignant", "", of="images", dark=False)
    assert list(bars.data[0].text) == ["–, 0 of 0", "–, 0 of 0"]


def test_findings_are_kept_and_come_with_their_cure(drawn_catalogue, tmp_path):
    file = data_quality.findings_file(drawn_catalogue, tmp_path)
    assert data_quality.read_findings(file) is None
    assert data_quality.check_files(drawn_catalogue, file) == data_quality.read_findings(file) == ()
    assert data_quality.findings_sentence((), 63).startswith("Every image and mask of 63 can be read")
    finding = {"kind": "mask empty", "subject": "m.png", "problem": "marks nothing", "cure": "draw it"}
    file.write_text(json.dumps([finding]))
    found = data_quality.read_findings(file)
    assert data_quality.findings_sentence(found, 63) == "1 finding in 63 images: 1 × mask empty."
    assert data_quality.findings_table(found)["Cure"].iloc[0].startswith("copy the file again")


def test_findings_belong_to_the_tables_too(drawn_catalogue, tmp_path):
    table = drawn_catalogue.table
    changed = [
        replace(drawn_catalogue, table=table.assign(**{name: [value, *table[name][1:]]}))
        for name, value in (("dx", "scc"), ("lesion_id", table["lesion_id"].iloc[-1]), ("age", 999.0))
    ]
    changed += [
        replace(drawn_catalogue, unlisted=("other.jpg",)),
        replace(drawn_catalogue, undiagnosed=not drawn_catalogue.undiagnosed),
        replace(drawn_catalogue, remarks=(Remark("age not read", "derm.csv", "1 age is no number"),)),
        replace(
            drawn_catalogue,
            conflicts=pd.DataFrame([("a", "nv", "mel")], columns=["image_id", "metadata", "ground_truth"]),
        ),
    ]
    files = {data_quality.findings_file(one, tmp_path) for one in (drawn_catalogue, *changed)}
    assert len(files) == 1 + len(changed)
    again = replace(drawn_catalogue, table=table.copy())
    assert data_quality.findings_file(again, tmp_path) in files


# Near duplicates


def blots(count: int) -> np.ndarray:
    """Pictures with nothing in common, uint8 (count, 32, 32): smooth noise."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (count, 8, 8))
    return np.repeat(np.repeat(coarse, 4, axis=1), 4, axis=2).astype(np.uint8)


def test_a_turned_and_brightened_copy_is_found_and_strangers_are_not():
    looks = blots(6)
    looks[3] = np.rot90(looks[1])[:, ::-1]
    looks[5] = (looks[0] // 2 + 60).astype(np.uint8)
    found = duplicates.near_duplicates(looks)
    assert sorted(map(tuple, found[["first", "second", "turned"]].to_numpy().tolist())) == [(0, 5, 0), (1, 3, 1)]
    assert found["correlation"].min() > 0.99
    assert duplicates.near_duplicates(np.full((3, 32, 32), 90, dtype=np.uint8)).empty


def test_the_hash_of_a_picture_does_not_change_with_its_brightness():
    looks = blots(2)
    darker = (looks // 2 + 50).astype(np.uint8)
    assert np.bitwise_count(duplicates.hashes(looks) ^ duplicates.hashes(darker)).max() <= 2  # by rounding
    assert np.bitwise_count(duplicates.hashes(looks)[0] ^ duplicates.hashes(looks)[1]) > duplicates.NEAR


def test_pairs_of_a_data_set_are_kept_and_judged(drawn_catalogue, tmp_path, table):
    file = duplicates.pairs_file(drawn_catalogue, tmp_path)
    found = duplicates.find_pairs(drawn_catalogue, file)
    assert duplicates.read_pairs(file, 10_000)["first"].tolist() == found["first"].tolist()
    pairs = pd.DataFrame({"first": [0, 2], "second": [1, 3], "correlation": [1.0, 0.99], "turned": [False, True]})
    strange = data_quality.alike_pairs(table, pairs)
    assert strange[["image_id", "other", "diagnosis", "other_diagnosis", "part", "other_part"]].to_numpy().tolist() == [
        ["c", "d", "mel", "nv", "train", "validation"]
    ]
    assert data_quality.alike_sentence(pairs, strange) == (
        "2 pairs of pictures look nearly the same. 1 of them count as two lesions; of these, pairs across two parts of "
        "the split: 1, with two diagnoses: 1. Look at them by eye."
    )
    opened = strange.assign(diagnosis="akiec|bcc|mel", other_diagnosis="mel")
    assert "with two diagnoses: 0." in data_quality.alike_sentence(pairs, opened)
    assert "all of them show a lesion known to be one" in data_quality.alike_sentence(pairs, strange.iloc[:0])
    assert data_quality.alike_sentence(pairs.iloc[:0], strange.iloc[:0], data_quality.FEATURES_ALIKE) == (
        "No two pictures are alike to the model."
    )
    first, second = tiles.pair_tiles(table, strange, np.array([0, 1]))
    assert (first.row, first.title, second.row, second.title) == (2, "1a: mel, train", 3, "1b: nv, validation")


def test_too_many_pictures_are_refused(drawn_catalogue, tmp_path, monkeypatch):
    monkeypatch.setattr(duplicates, "MOST", 62)
    with pytest.raises(DataFault, match="63 images are too many to hold each against each other"):
        duplicates.find_pairs(drawn_catalogue, tmp_path / "pairs.csv")


def test_decorrelated_features_have_unit_deviation_in_every_direction():
    random = np.random.default_rng(0)
    features = random.normal(size=(400, 6)) @ random.normal(size=(6, 8)) + 5  # 8 channels, 6 of them independent
    along = embedding_duplicates.decorrelate(features)
    assert along.shape == (400, 6)
    np.testing.assert_allclose(np.linalg.norm(along, axis=1), 1, rtol=1e-5)
    covariance = along.T @ along / 400
    np.testing.assert_allclose(covariance, np.eye(6) / 6, atol=0.03)


def test_only_pictures_that_are_each_others_nearest_are_a_pair():
    random = np.random.default_rng(0)
    features = random.normal(size=(300, 20))
    features[7] = features[250] + random.normal(size=20) * 0.05
    features[40] = features[41] + random.normal(size=20) * 0.05
    features[90] = features[41] + random.normal(size=20) * 0.4  # its nearest has a nearer one
    found = embedding_duplicates.mutual_nearest(features, alike=0.9)
    assert sorted(map(tuple, found[["first", "second"]].to_numpy().tolist())) == [(7, 250), (40, 41)]
    assert found["correlation"].is_monotonic_decreasing


def test_the_model_finds_a_picture_again_and_what_cannot_be_read_has_no_pair(
    tiny_model, drawn_catalogue, tmp_path, monkeypatch
):
    monkeypatch.setattr(embedding_duplicates, "FEWEST", 10)
    table = drawn_catalogue.table.copy()
    table.loc[5, "image_path"] = table.loc[30, "image_path"]  # the same picture under two names
    for row, name in ((10, "one.jpg"), (11, "two.jpg")):
        (tmp_path / name).write_bytes(b"no picture")
        table.loc[row, "image_path"] = str(tmp_path / name)
    catalogue = replace(drawn_catalogue, table=table)
    file = embedding_duplicates.likeness_file(catalogue, tiny_model, tmp_path)
    told = []
    found = embedding_duplicates.find_likeness(
        tiny_model, catalogue, file, lambda done, total: told.append((done, total))
    )
    assert tuple(found.loc[0, ["first", "second"]]) == (5, 30)
    assert not set(found[["first", "second"]].to_numpy().ravel()) & {10, 11}
    assert told[-1] == (63, 63)
    assert duplicates.read_pairs(file, 10_000)["first"].tolist() == found["first"].tolist()


def test_few_pictures_are_not_compared_by_features(tiny_model, drawn_catalogue, tmp_path):
    with pytest.raises(DataFault, match="Features are compared in sets of 1,000 to 40,000 images, and these are 63"):
        embedding_duplicates.find_likeness(tiny_model, drawn_catalogue, tmp_path / "pairs.csv")


# Progress


def test_progress_says_each_percent_once_and_how_long_it_takes():
    seconds = iter([0.0, 30.0, 300.0])
    progress = Progress("Looking …", lambda: next(seconds))
    assert progress.say(0, 1000) == "Looking … 0 of 1,000"
    assert progress.say(100, 1000) == f"Looking … 100 of 1,000, 4{SPACE}min left"  # 30 s for a tenth: 270 s
    assert progress.say(109, 1000) is None
    assert progress.say(900, 1000) == f"Looking … 900 of 1,000, about a{SPACE}minute left"  # 33 s
    assert progress.say(1000, 1000) == "Looking … 1,000 of 1,000"


# Label errors


def test_confident_learning_by_hand():
    labels = np.array([0, 0, 0, 1, 1, 2])
    probabilities = np.array(
        [
            [0.8, 0.1, 0.1],
            [0.6, 0.3, 0.1],
            [0.1, 0.8, 0.1],  # labelled 0, as sure to be 1 as 1s are: 0.8 ≥ (0.7 + 0.6) / 2
            [0.2, 0.7, 0.1],
            [0.3, 0.6, 0.1],  # below the threshold of every class
            [0.5, 0.1, 0.4],  # labelled 2; 0 has 0.5 ≥ (0.8 + 0.6 + 0.1) / 3 and is more probable than 2
        ]
    )
    assert label_errors.class_thresholds(labels, probabilities) == pytest.approx([1.5 / 3, 1.3 / 2, 0.4])
    assert label_errors.confident_classes(labels, probabilities).tolist() == [0, 0, 1, 1, -1, 0]
    assert label_errors.confident_joint(labels, probabilities).tolist() == [[2, 1, 0], [0, 1, 0], [1, 0, 0]]
    found = label_errors.label_errors(labels, probabilities)
    assert found[["row", "given", "suggested"]].to_numpy().tolist() == [[2, 0, 1], [5, 2, 0]]
    assert found["margin"].tolist() == pytest.approx([0.8 - 0.1, 0.5 - 0.4])
    assert label_errors.headline(found, 6) == "2 of 6 labels to review, the likeliest errors first"
    rows = label_errors.review_csv(found, pd.Series(list("abcdef"))).splitlines()
    assert rows[1] == f"c,{CODES[0]},{CODES[1]},0.1000,0.8000,0.7000"


def test_a_class_without_an_image_is_never_suggested():
    # Thresholds are 0.1 and 0.3, and none for class 2, though it is the most probable of both.
    probabilities = np.array([[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]])
    assert np.isnan(label_errors.class_thresholds(np.array([0, 1]), probabilities)[2])
    assert label_errors.confident_classes(np.array([0, 1]), probabilities).tolist() == [0, 0]


# Results


@pytest.fixture(scope="module")
def folder(tiny_model, drawn_catalogue, tmp_path_factory):
    place = tmp_path_factory.mktemp("results") / "first"
    write_evaluation(evaluate(tiny_model, drawn_catalogue, "validation", replicates=20), place)
    return place


@pytest.fixture(scope="module")
def results(folder) -> Results:
    return read_results(folder)


@pytest.fixture(scope="module")
def drawn_table(drawn_catalogue) -> pd.DataFrame:
    return explorable(drawn_catalogue)


@pytest.fixture(scope="module")
def cases(results, drawn_table) -> pd.DataFrame:
    return predictions.outcomes(results, drawn_table)


def test_each_measured_image_finds_its_row(cases, drawn_table, results):
    assert drawn_table["image_id"].iloc[cases["row"]].tolist() == cases["image_id"].tolist()
    assert (drawn_table["part"].iloc[cases["row"]] == "validation").all()
    assert cases["loss"].to_numpy() == pytest.approx(-np.log(results.probabilities[range(len(cases)), results.true]))
    assert cases["sex"].astype(str).tolist() == drawn_table["sex"].astype(str).iloc[cases["row"]].tolist()


def test_cells_hold_what_the_matrix_counts(cases, results):
    kept = np.ones(len(cases), dtype=bool)
    matrix = predictions.count(cases, kept)
    assert matrix.tolist() == results.metrics["confusion_matrix"]
    for true in range(7):
        assert len(predictions.cell(cases, kept, true, None)) == matrix[true].sum()
        for predicted in range(7):
            assert len(predictions.cell(cases, kept, true, predicted)) == matrix[true, predicted]
    assert predictions.count(cases, ~kept).sum() == 0


def test_the_accuracy_above_the_matrix_is_that_of_its_rule(results, cases):
    every = np.ones(len(cases), dtype=bool)
    mix = (0.994, 0.001, 0.001, 0.001, 0.001, 0.001, 0.001)  # the drawn model calls all akiec
    other = predictions.at_rule(cases, results, mix)
    counted = predictions.count(other, every)
    right = float((other["predicted"] == other["true"]).mean())
    said = predictions.accuracy_sentence(results, counted, "equal_mix")
    assert said.startswith(f"{100 * right:.0f}{SPACE}% diagnosed right, on the validation part")
    metrics = results.metrics | {"rules": {"equal_mix": {"accuracy": right}}}
    spans = results.metrics["intervals"] | {"rules.equal_mix.accuracy": (0.125, 0.5)}
    measured = replace(results, metrics=metrics | {"intervals": spans})
    said = predictions.accuracy_sentence(measured, counted, "equal_mix")
    assert said.startswith(f"{100 * right:.0f}{SPACE}% diagnosed right (12 – 50{SPACE}%), on the validation part")
    assert (other["predicted"] != cases["predicted"]).any()
    kept = replace(measured, metrics=metrics | {"intervals": spans | {"accuracy": None}})
    assert "diagnosed right, on" in predictions.accuracy_sentence(kept, predictions.count(cases, every))


def test_an_image_called_at_another_mix_has_that_mixs_figures(results, cases):
    mix = (0.994, 0.001, 0.001, 0.001, 0.001, 0.001, 0.001)
    other = predictions.at_rule(cases, results, mix)
    right = other["predicted"] == other["true"]
    assert (right & (cases["predicted"] != cases["true"])).any()
    assert other.loc[right, "p_true"].tolist() == other.loc[right, "confidence"].tolist()
    assert np.exp(-other["loss"]).to_numpy() == pytest.approx(np.maximum(other["p_true"], predictions.LEAST).to_numpy())
    assert other["p_malignant"].equals(cases["p_malignant"])  # for which the referral threshold holds


def test_filtered_figures_are_those_of_the_rest(cases, results):
    everyone = np.ones(len(cases), dtype=bool)
    assert predictions.measures(results, everyone) is results.metrics
    assert predictions.curves(results, everyone) is results.curves
    some = (cases["sex"] == "female").to_numpy()
    found = predictions.measures(results, some, 20)
    right = (cases["true"] == cases["predicted"])[some]
    assert found["accuracy"] == pytest.approx(right.mean())
    assert np.array(found["confusion_matrix"]).tolist() == predictions.count(cases, some).tolist()
    low, high = found["intervals"]["per_class.nv.recall"]
    assert low <= high
    assert set(predictions.precision_intervals(results, some, 20)) == {*CODES, "malignant"}
    assert predictions.precision_intervals(results, ~everyone) == {}
    assert sum(predictions.bins(results, some, "top_label")["cases"]) == some.sum()
    assert set(predictions.curves(results, some)) == {*CODES, "malignant"}


def test_what_does_not_belong_together_is_said(cases, results, drawn_table, tiny_model, folder, tmp_path):
    assert predictions.refusal(results, drawn_table, tiny_model) is None
    assert predictions.remarks(results) == []
    assert "These are results of other weights" in predictions.refusal(
        results, drawn_table, replace(tiny_model, sha256="another")
    )
    anew = replace(tiny_model, description=replace(tiny_model.description, temperature=3.0))
    assert "with the temperature 1, which is 3 now: measure anew" in predictions.refusal(results, drawn_table, anew)
    assert predictions.refusal(results, drawn_table, None) is None
    turns = np.resize(["a", "b"], len(drawn_table))
    sources = drawn_table.assign(source=turns, dataset=turns)
    assert "are of other sources, by whose names" in predictions.refusal(results, sources, None)
    unseen = predictions.refusal(results, drawn_table.iloc[:0], tiny_model)
    assert f"{len(cases)} of the {len(cases)} images of these results are not in this data set" in unseen
    strangers = predictions.outcomes(results, drawn_table.iloc[:0])
    assert filters.keep(strangers, {"sex": ["male"]}).sum() == 0
    assert tiles.result_tiles(strangers, np.array([0]))[0].row == predictions.UNSEEN
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["measured_on"]["trained_on_split_by"] = "image"
    leaking = replace(results, metrics=metrics)
    (told,) = predictions.remarks(leaking)
    several = replace(results, metrics=results.metrics | {"measured_on": results.about | {"views": 8}})
    assert predictions.remarks(several) == [
        "Every figure here is of the mean of 8 views of each picture; the referral threshold was chosen on single ones."
    ]
    assert several.name == f"{results.name}, mean of 8 views"
    assert told.endswith("by image and know images of the validation part: every figure here is too good.")


def test_the_gravest_cell_is_a_missed_malignancy_where_there_is_one():
    matrix = np.zeros((7, 7), dtype=np.int64)
    matrix[INDEX["nv"], INDEX["bkl"]] = 9
    assert predictions.gravest_cell(matrix) == (INDEX["nv"], INDEX["bkl"])
    matrix[INDEX["mel"], INDEX["bcc"]] = 8  # both malignant: referred all the same
    matrix[INDEX["mel"], INDEX["nv"]] = 2
    assert predictions.gravest_cell(matrix) == (INDEX["mel"], INDEX["nv"])
    said = predictions.cell_sentence(matrix, INDEX["mel"], INDEX["nv"])
    assert said == "2 of 10 images of melanoma called melanocytic nevus"


def test_the_matrix_is_said_in_a_line(results, cases):
    kept = np.ones(len(cases), dtype=bool)
    matrix = predictions.count(cases, kept)
    assert "on the validation part, split by lesion" in predictions.accuracy_sentence(results, matrix)
    assert predictions.accuracy_sentence(results, matrix * 0) == "No image of the validation part passes the filter."
    kept[0] = False
    assert predictions.accuracy_sentence(results, predictions.count(cases, kept)).endswith(
        f"{len(cases) - 1} images, filtered."
    )
    assert predictions.headline(results, "malignant.auc") == results.metrics["malignant"]["auc"]
    assert predictions.headline(results, "decision.sensitivity") is None  # these weights have no referral threshold


def test_what_is_known_of_an_image_is_said(cases, drawn_table):
    row = int(cases["row"].iloc[0])
    said = dict(tiles.facts(drawn_table, row))
    assert said["Image"] == cases["image_id"].iloc[0]
    assert said["Part of the split"] == "Validation"
    answered = dict(tiles.answers(cases, said["Image"]))
    assert answered["That is"] == verdicts.by_image(cases)[said["Image"]]
    assert "The results say" in answered
    assert tiles.answers(cases, "none") == []
    assert tiles.row_of(drawn_table, "none") == predictions.UNSEEN
    several = int(np.flatnonzero(drawn_table["lesion_images"] == 2)[0])
    (sister,) = tiles.sisters(drawn_table, several)
    assert drawn_table["lesion"].iloc[sister] == drawn_table["lesion"].iloc[several]
    assert sister != several
    (tile,) = tiles.data_tiles(drawn_table, np.array([several]))
    assert tile.spoken.startswith(f"Open {drawn_table['image_id'].iloc[several]}, ")


def test_points_of_the_map_know_their_case(results, cases):
    kept = (cases["true"] == INDEX["nv"]).to_numpy()
    points = embedding.points(results, cases, kept, "PCA")
    assert points["row"].tolist() == np.flatnonzero(kept).tolist()
    assert points["x"].to_numpy() == pytest.approx(results.embedding["pca_1"].to_numpy()[kept])
    for colouring in embedding.COLOURINGS:
        groups = embedding.groups(cases, kept, colouring)
        assert len(groups) == kept.sum()
        assert groups.notna().all()
    assert embedding.groups(cases, kept, "Diagnosis").unique().tolist() == ["nv"]
    assert embedding.chosen([{"customdata": [3]}, {"customdata": 1}, {"customdata": [3]}]).tolist() == [1, 3]
    assert embedding.chosen([]).tolist() == []


def test_a_source_too_small_for_figures_is_named_beside_those_that_have_some(results):
    def told(sources: dict[str, int], *rows: str) -> str:
        figures = {"melanoma_auc": {"value": 0.75, "interval": None}}
        own = {name: {"within": None, "figures": figures} for name in rows}
        about = results.about | {"sources": sources}
        return predictions.sources_sentence(
            replace(results, metrics=results.metrics | {"by_source": own, "measured_on": about})
        )

    small = (
        "Of fewer than 20 lesions, and so without figures here, though the other figures of these results count them: "
    )
    assert told({"aaa": 80}, "aaa").startswith("All figures are of one source, aaa.")
    assert told({"aaa": 80, "ccc": 12}, "aaa") == f"Figures of one source: aaa. {small}ccc."
    assert told({"aaa": 80, "bbb": 40, "ccc": 12}, "aaa", "bbb") == (
        f"Figures of 2 sources: aaa, bbb. {small}ccc. Melanoma is told worst on aaa, AUC 0.75."
    )


def test_two_models_are_judged_where_they_disagree(drawn_table):
    disagreed = pd.DataFrame(
        {
            "image_id": ["a", "b", "c"], "dx_true": ["mel", "mel", "nv"], "first": ["mel", "nv", "bkl"],
            "second": ["nv", "mel", "mel"], "p_first": [0.6, 0.5, 0.4], "p_second": [0.5, 0.7, 0.9],
        }
    )  # fmt: skip
    assert model_comparison.rivals_sentence(disagreed, 20) == (
        "The two disagree on 3 of 20 images. The first is right on 1 of them, the second on 1, neither on 1."
    )
    assert [tile.note for tile in tiles.disagreement_tiles(drawn_table, disagreed, np.arange(3))] == [
        "truly mel: first is right",
        "truly mel: second is right",
        "truly nv: both are wrong",
    ]
    compared = pd.DataFrame(
        [("per_class.mel.recall", 0.5, 0.6, 0.1, -0.05, 0.2), ("malignant.auc", np.nan, 0.9, np.nan, np.nan, np.nan)],
        columns=["figure", "first", "second", "difference", "low", "high"],
    )
    lines = model_comparison.figures_table(compared).to_numpy().tolist()
    assert lines[0] == ["Recall (sensitivity) of mel", "0.500", "0.600", "+0.100 (-0.050 … +0.200)"]
    assert lines[1] == ["AUC, malignant against benign", "undefined", "0.900", "undefined"]
    with speaking("de"):
        german = model_comparison.figures_table(compared).to_numpy().tolist()
    assert german[0][1:] == ["0,500", "0,600", "+0,100 (-0,050 … +0,200)"]
    assert german[0][0] != lines[0][0]
    assert german[1][1:] == ["nicht definiert", "0,900", "nicht definiert"]


# Places


def test_results_that_belong_come_first_and_of_those_the_test_part_last(tmp_path, tiny_model):
    own = tiny_model.sha256
    for name, about in (
        ("own elsewhere", {"part": "validation", "sha256": own, "data_images": 9}),
        ("own", {"part": "validation", "sha256": own, "data_images": 63}),
        ("own test", {"part": "test", "sha256": own, "data_images": 63}),
        ("other test", {"part": "test", "sha256": "0", "data_images": 63}),
        ("other", {"part": "validation", "sha256": "0", "data_images": 63}),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.json").write_text(json.dumps({"measured_on": about}))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "metrics.json").write_text("{")
    found = [place.name for place in data_places.results_places(tiny_model, tmp_path, tmp_path, 63, drawn=False)]
    assert found == ["own", "own test", "own elsewhere", "other", "other test", "broken"]
    assert data_places.results_places(tiny_model, tmp_path, tmp_path, 63, drawn=True) == []


def test_a_set_that_does_not_tell_its_lesions_can_be_explored(drawn_catalogue):
    nameless = Catalogue(drawn_catalogue.folder, drawn_catalogue.layout, drawn_catalogue.table.assign(lesion_id=""))
    table = explorable(nameless)
    assert set(table["part"].astype(str)) == {"unknown"}
    assert (table["lesion_images"] == 1).all()
    assert data_quality.count_leaks(nameless).by_lesion is None
