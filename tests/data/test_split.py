"""The split: shipped, recomputed, drawn; by lesion without a leak, by image with one."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from derm.data import split as split_module
from derm.data.catalogue import Catalogue, read_catalogue
from derm.data.recognise import Names, shipped_split
from derm.data.split import APART, Split, count_leak, join_lesions, split_catalogue
from derm.diagnoses import CODES
from derm.errors import ConfigFault, DataFault
from derm.files import sha256

SHIPPED = Path(split_module.__file__).parent / "splits" / "ham10000_by_lesion.csv"


def catalogue_of(rows: list[tuple[str, str, str]], duplicates: tuple[tuple[str, str], ...] = ()) -> Catalogue:
    """A catalogue of (image, lesion, dx) rows."""
    return Catalogue(
        Path("somewhere"),
        "by hand",
        pd.DataFrame(rows, columns=["image_id", "lesion_id", "dx"]),
        pd.DataFrame(duplicates, columns=["image_id", "same_lesion_as"], dtype=str),
    )


def many(lesions: bool = True) -> Catalogue:
    """For each diagnosis 10 lesions of two images each."""
    return catalogue_of(
        [
            (f"{code}-{number}-{view}", f"{code}-{number}" if lesions else "", code)
            for code in CODES
            for number in range(10)
            for view in "ab"
        ]
    )


def test_the_shipped_split_is_the_published_one():
    assert sha256(SHIPPED) == "7ea9fb4fdbf6fa15e4c0db5ca7fec914a0215c38c6fe5eeeb44bc3ffd947bdeb"
    table = shipped_split()
    assert table.index.is_unique
    assert table["part"].value_counts().to_dict() == {"train": 6006, "validation": 2005, "test": 2004}
    assert (table.groupby("lesion")["part"].nunique() == 1).all()


@pytest.mark.real
def test_the_shipped_split_follows_from_the_real_data(ham10000, monkeypatch):
    catalogue = read_catalogue(ham10000)
    shipped = split_catalogue(catalogue)
    leak = count_leak(shipped, catalogue.table["dx"])
    assert (leak.test, leak.with_sister, leak.share) == (2004, 0, 0)
    counts = pd.crosstab(catalogue.table["dx"], shipped.parts)[["train", "validation", "test"]]
    exact = counts.sum(axis=1).to_numpy()[:, None] * [0.6, 0.2, 0.2]
    # A lesion of several images goes to one part, so that no class can be split exactly.
    assert np.abs(counts.to_numpy() - exact).max() <= 2
    none, nobody = pd.Series("", index=catalogue.table.index), pd.Series(False, index=catalogue.table.index)
    monkeypatch.setattr(split_module, "name_rows", lambda _: Names(nobody, none, none, none))
    again = split_catalogue(catalogue)
    assert again.parts.tolist() == shipped.parts.tolist()
    assert again.lesions.tolist() == shipped.lesions.tolist()


@pytest.mark.real
def test_by_image_the_real_data_leak(ham10000):
    catalogue = read_catalogue(ham10000)
    split = split_catalogue(catalogue, "image")
    assert split.name == "by image, as in the paper: it leaks"
    leak = count_leak(split, catalogue.table["dx"])
    assert (leak.test, leak.with_sister) == (2003, 602)
    assert sum(test for test, _ in leak.by_class.values()) == 2003
    assert sum(sister for _, sister in leak.by_class.values()) == 602


def test_lesions_are_joined_where_duplicates_say_so():
    catalogue = catalogue_of(
        [("i1", "L1", "nv"), ("i2", "L2", "nv"), ("i3", "L3", "nv"), ("i4", "L4", "nv"), ("i5", "L3", "nv")],
        # Image 3 is of lesion 2, and image 2 of lesion 1: one lesion of four images. Pairs with strangers say nothing.
        (("i3", "i2"), ("i2", "i1"), ("i4", "other")),
    )
    assert join_lesions(catalogue.table, catalogue.duplicates).tolist() == ["L1", "L1", "L1", "L4", "L1"]


def test_pairs_join_what_they_name_however_it_is_called():
    ids = ("a.tif", "b.png", "left-c", "c", "D", "e", "f", "F", "g")
    catalogue = catalogue_of(
        [(image, f"L{number}", "nv") for number, image in enumerate(ids)],
        # An ending may be part of an id; folders of derm.csv stay in one; "F.jpg" is F, and "f.JPG" f, not both.
        (("a.tif", "b.png.jpg"), ("left/c.jpg", "d"), ("images\\e.jpg", "F.jpg"), ("f.JPG", "g.PNG")),
    )
    lesions = join_lesions(catalogue.table, catalogue.duplicates)
    assert lesions.tolist() == ["L0", "L0", "L2", "L3", "L2", "L5", "L6", "L5", "L6"]


def test_a_leak_is_a_test_image_whose_lesion_trains():
    parts = pd.Series(["train", "test", "test", "validation", "test", "test"])
    lesions = pd.Series(["a", "a", "a", "b", "b", "c"])
    dx = pd.Series(["mel", "mel", "mel", "nv", "nv", "nv"])
    leak = count_leak(Split("image", parts, lesions, lesions), dx)
    # Lesion a trains and is tested twice; b is in validation and test, which is no leak into training.
    assert (leak.test, leak.with_sister, leak.share) == (4, 2, 1 / 2)
    assert leak.by_class == {**dict.fromkeys(CODES, (0, 0)), "mel": (2, 2), "nv": (2, 0)}
    # The same lesions of two patients, one of whom trains: another lesion of a patient is no sister.
    patients = pd.Series(["p", "p", "p", "q", "q", "p"])
    assert count_leak(Split("image", parts, lesions, patients), dx) == leak
    empty = count_leak(Split("image", pd.Series(["train"]), *[pd.Series(["a"])] * 2), pd.Series(["nv"]))
    assert (empty.test, empty.with_sister, empty.share) == (0, 0, 0)


def test_rows_are_numbers_in_the_table():
    split = Split("lesion", pd.Series(["test", "train", "test"], index=[7, 8, 9]), *[pd.Series(list("abc"))] * 2)
    assert split.rows("test").tolist() == [0, 2]
    assert split.rows("validation").tolist() == []
    assert split.name == "by lesion"


def test_a_drawn_set_is_split_by_lesion_without_a_leak(drawn_catalogue):
    split = split_catalogue(drawn_catalogue)
    dx = drawn_catalogue.table["dx"]
    assert split.by == "lesion"
    assert count_leak(split, dx).with_sister == 0
    assert (split.parts.groupby(split.lesions).nunique() == 1).all()
    assert set(pd.crosstab(dx, split.parts).columns) == {"train", "validation", "test"}
    assert (pd.crosstab(dx, split.parts) > 0).all(axis=None)
    assert split.lesions.tolist() == drawn_catalogue.table["lesion_id"].tolist()
    assert split_catalogue(drawn_catalogue).parts.tolist() == split.parts.tolist()


def test_each_class_is_split_in_its_shares():
    catalogue = many()
    by_lesion = split_catalogue(catalogue)
    by_image = split_catalogue(catalogue, "image")
    for split in (by_lesion, by_image):
        counts = pd.crosstab(catalogue.table["dx"], split.parts)[["train", "validation", "test"]]
        assert (counts == [12, 4, 4]).all(axis=None), split.name
    assert count_leak(by_lesion, catalogue.table["dx"]).with_sister == 0
    assert count_leak(by_image, catalogue.table["dx"]).with_sister > 0


def test_duplicates_stay_in_one_part():
    rows = [(f"{code}-{number}", f"{code}-{number}", code) for code in CODES for number in range(10)]
    pairs = tuple((f"nv-{number}", f"nv-{number + 1}") for number in range(0, 10, 2))
    catalogue = catalogue_of(rows, pairs)
    parts = dict(zip(catalogue.table["image_id"], split_catalogue(catalogue).parts, strict=True))
    assert all(parts[one] == parts[other] for one, other in pairs)
    assert [list(parts.values())[50:60].count(part) for part in ("train", "validation", "test")] == [6, 2, 2]


def test_without_lesions_only_images_can_be_split():
    with pytest.raises(
        DataFault,
        match="somewhere does not say which images show the same lesion, so it cannot be split by lesion: add HAM10000",
    ):
        split_catalogue(many(lesions=False))
    split = split_catalogue(many(lesions=False), "image")
    assert split.lesions.tolist() == many().table["image_id"].tolist()


def test_too_few_images_are_refused():
    rows = [(f"{code}-{number}", f"{code}-{number}", code) for code in CODES for number in range(2)]
    with pytest.raises(
        DataFault, match="14 images are too few to split 60/20/20 by class: every class needs at least 5"
    ):
        split_catalogue(catalogue_of(rows), "image")


def test_images_of_the_shipped_list_keep_their_part_whatever_else_is_there():
    shipped = shipped_split()
    known = shipped.groupby("part").head(20)
    rows = [(image, lesion, "nv") for image, lesion in known["lesion"].items()]
    # A new picture of a known lesion, known by its lesion or by a pair; and lesions that nobody knows.
    (first, lesion), part = next(known["lesion"].items()), known["part"].iloc[0]
    rows += [("new-1", lesion, "nv"), ("new-2", "unheard of", "nv")]
    rows += [(f"other-{number}", f"other-{number}", "nv") for number in range(50)]
    split = split_catalogue(catalogue_of(rows, (("new-2", first),)))
    parts = dict(zip([image for image, _, _ in rows], split.parts, strict=True))
    assert {image: parts[image] for image in known.index} == known["part"].to_dict()
    assert parts["new-1"] == parts["new-2"] == part
    others = [parts[f"other-{number}"] for number in range(50)]
    assert [others.count(name) for name in ("train", "validation", "test")] == [30, 10, 10]


# Several sources


def sourced(rows: list[tuple[str, str, str, str, str]]) -> Catalogue:
    """A catalogue of (image, lesion, dx, dataset, source) rows."""
    table = pd.DataFrame(rows, columns=["image_id", "lesion_id", "dx", "dataset", "source"])
    return Catalogue(Path("somewhere"), "by hand", table.assign(patient_id=""))


def two_sources() -> Catalogue:
    """Ten lesions of each diagnosis in one source of two parts, and twenty nevi and melanomas in another."""
    first = [
        (f"{code}-{number}", f"{code}-{number}", code, "new" if number % 2 else "old", "here")
        for code in CODES
        for number in range(10)
    ]
    second = [
        (f"there-{code}-{n}", f"there-{code}-{n}", code, "there", "there") for code in ("mel", "nv") for n in range(20)
    ]
    return sourced(first + second)


def test_each_source_is_split_in_its_shares():
    catalogue = two_sources()
    counts = pd.crosstab([catalogue.table["source"], catalogue.table["dx"]], split_catalogue(catalogue).parts)
    assert (counts.loc["here", ["train", "validation", "test"]] == [6, 2, 2]).all(axis=None)
    assert (counts.loc["there", ["train", "validation", "test"]] == [12, 4, 4]).all(axis=None)
    # One source beside another is split as it is alone.
    alone = sourced(
        [tuple(row) for row in catalogue.table[["image_id", "lesion_id", "dx", "dataset", "source"]][:70].to_numpy()]
    )
    assert split_catalogue(alone).parts.tolist() == split_catalogue(catalogue).parts[:70].tolist()


@pytest.mark.parametrize(("name", "images"), [("there", 40), ("old", 35)])
def test_a_source_left_out_is_all_tested_and_trains_nothing(name, images):
    catalogue = two_sources()
    whole, without = split_catalogue(catalogue), split_catalogue(catalogue, leave_out=[name])
    out = (catalogue.table["source"] == name) | (catalogue.table["dataset"] == name)
    assert out.sum() == images
    assert (without.parts[out] == "test").all()
    assert without.parts[~out].tolist() == whole.parts[~out].tolist()
    assert without.name == f"by lesion, {name} left out"


def test_no_image_of_a_lesion_left_out_trains():
    rows = [(f"i{n}", f"L{n}", "nv", "here", "here") for n in range(20)]
    rows += [("far", "L3", "nv", "there", "there")]
    split = split_catalogue(sourced(rows), leave_out=["there"])
    parts = dict(zip([row[0] for row in rows], split.parts, strict=True))
    assert parts["far"] == "test"
    assert parts["i3"] == APART
    assert list(parts.values()).count(APART) == 1


def test_a_second_source_leaves_the_first_ones_split_by_image_alone():
    rows = [(f"i{n}", f"L{n}", "nv" if n % 2 else "mel", "here", "here") for n in range(40)]
    more = [(f"j{n}", f"M{n}", "nv", "there", "there") for n in range(20)]
    alone, both = (split_catalogue(sourced(own), "image") for own in (rows, rows + more))
    assert both.parts[:40].tolist() == alone.parts.tolist()
    assert both.parts[40:].value_counts().to_dict() == {"train": 12, "validation": 4, "test": 4}


def test_a_source_that_is_not_there_and_one_that_is_all():
    with pytest.raises(ConfigFault, match="There is no source 'rosendahl' in the data: it has here, new, old, there"):
        split_catalogue(two_sources(), leave_out=["rosendahl"])
    with pytest.raises(ConfigFault, match="Without here, there nothing is left to train on"):
        split_catalogue(two_sources(), leave_out=["here", "there"])


def test_pictures_of_one_patient_stay_together():
    rows = [(f"i{n}", f"L{n}", "nv", "here", "here") for n in range(40)]
    catalogue = sourced(rows)
    table = catalogue.table.assign(patient_id=[f"P{n // 4}" if n < 20 else "" for n in range(40)])
    split = split_catalogue(Catalogue(catalogue.folder, "by hand", table))
    assert (split.parts[:20].groupby(table["patient_id"][:20]).nunique() == 1).all()
    assert split.lesions.tolist() == [f"L{n}" for n in range(40)]  # figures count lesions, not patients
    assert split.together.nunique() == 5 + 20


def test_pictures_of_one_patient_leave_training_together():
    rows = [("i0", "L0", "nv", "here", "here"), ("i1", "L1", "nv", "there", "there")]
    rows += [(f"j{n}", f"M{n}", "nv", "there", "there") for n in range(10)]
    catalogue = sourced(rows)
    table = catalogue.table.assign(patient_id=["P", "P"] + [""] * 10)
    split = split_catalogue(Catalogue(catalogue.folder, "by hand", table), leave_out=["here"])
    assert split.parts[:2].tolist() == ["test", "apart"]


def test_structures_are_dealt_evenly_too():
    rows = [(f"i{n}", f"i{n}", "nv", "here", "here") for n in range(40)]
    structures = pd.DataFrame({"image_id": [row[0] for row in rows], "streaks": [1] * 10 + [0] * 30})
    catalogue = sourced(rows)
    split = split_catalogue(Catalogue(Path("x"), "by hand", catalogue.table, structures=structures))
    assert [split.parts[:10].tolist().count(part) for part in ("train", "validation", "test")] == [6, 2, 2]


def test_the_shipped_split_of_the_second_source():
    path = SHIPPED.with_name("isic2018_task1_by_lesion.csv")
    assert sha256(path) == "51ccf00cf10301384b85b9698277a67f1c176cee05e5f989b57d9f4b8c0fef6b"
    table = shipped_split("isic2018_task1")
    assert table.index.is_unique
    assert table["part"].value_counts().to_dict() == {"train": 1236, "validation": 419, "test": 410}
    assert (table.groupby("lesion")["part"].nunique() == 1).all()
    assert table["lesion"].nunique() == 1993
    assert not set(table.index) & set(shipped_split().index)


@pytest.mark.real
def test_the_second_source_is_split_evenly(ham10000):
    catalogue = read_catalogue(ham10000.parent / "isic2018_task1")
    parts = split_catalogue(catalogue).parts
    shares = pd.crosstab(catalogue.table["dx"], parts, normalize="index")[["train", "validation", "test"]]
    assert np.abs(shares.to_numpy() - [0.6, 0.2, 0.2]).max() < 0.02
    for name in catalogue.structures.columns[1:]:
        shown = catalogue.structures.set_index("image_id")[name].reindex(catalogue.table["image_id"]).to_numpy() == 1
        share = parts[shown].value_counts(normalize=True)[["train", "validation", "test"]].to_numpy()
        assert np.abs(share - [0.6, 0.2, 0.2]).max() < 0.035, name
