"""Images of the shipped splits under other names: by the ISIC number, by the lesion's id, by the picture itself."""

import io
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter

from derm.data import recognise as module
from derm.data.catalogue import Catalogue, read_catalogue
from derm.data.looks import find_copies, long_hashes, look_at
from derm.data.recognise import (
    copies_among,
    lesion_names,
    name_rows,
    recognise,
    shipped_pictures,
    shipped_split,
    shipped_splits,
)
from derm.data.split import learned_parts, split_catalogue


def catalogue_of(rows: list[tuple[str, str]], **fields: object) -> Catalogue:
    table = pd.DataFrame(rows, columns=["image_id", "lesion_id"]).assign(dx="nv", source="ours", image_path="")
    return Catalogue(Path("somewhere"), "by hand", table, **fields)


def shipped_rows() -> pd.DataFrame:
    """Forty images of each part of HAM10000's split."""
    return shipped_split().groupby("part").head(40)


@pytest.mark.parametrize(
    "rename",
    ["p{}", "{}_aug3", "{}.jpg", "hair_free-{}-0", "{} (1)"],
)
@pytest.mark.parametrize("change", [str, str.lower])
def test_a_renamed_image_keeps_its_part_by_its_number(rename, change):
    shipped = shipped_rows()
    rows = [(change(rename.format(image)), "NOBODY") for image in shipped.index]
    catalogue = catalogue_of([(name, f"own-{number}") for number, (name, _) in enumerate(rows)])
    assert split_catalogue(catalogue).parts.tolist() == shipped["part"].tolist()
    assert learned_parts(catalogue).tolist() == shipped["part"].tolist()


@pytest.mark.parametrize("rename", ["{}", "ham-{digits}", "clinic/{}/2"])
def test_a_renamed_image_keeps_its_part_by_its_lesion(rename):
    shipped = shipped_rows()
    rows = [
        (f"photo-{number}", rename.format(lesion, digits=lesion[4:])) for number, lesion in enumerate(shipped["lesion"])
    ]
    assert split_catalogue(catalogue_of(rows)).parts.tolist() == shipped["part"].tolist()


def test_numbers_that_are_not_the_archives_say_nothing():
    known = shipped_split().index[0]
    for name in (known[5:], f"{known}9", f"ISIC_{int(known[5:])}", f"PH2_{known[5:]}", "ISIC_9999999"):
        assert name_rows(catalogue_of([(name, name)])).lesion.tolist() == [""], name


def test_lesions_that_duplicates_join_are_known_by_both_names():
    names = lesion_names()
    joined = {lesion: name for lesion, name in names.items() if lesion != name}
    assert len(joined) == 18
    assert set(joined.values()) <= set(shipped_split()["lesion"])
    assert len(names) == 7470


@pytest.mark.parametrize("swap", [False, True])
def test_of_two_names_the_one_that_trains_wins(swap):
    shipped = shipped_split()
    train, test = (shipped[shipped["part"] == part].iloc[0] for part in ("train", "test"))
    image, lesion = (train.name, test["lesion"]) if swap else (test.name, train["lesion"])
    rows = [(image, lesion)]
    assert learned_parts(catalogue_of(rows)).tolist() == ["train"]
    assert split_catalogue(catalogue_of(rows)).parts.tolist() == ["train"]


def test_an_unknown_image_of_a_lesion_goes_with_the_one_that_trains():
    shipped = shipped_split()
    train, test = (shipped[shipped["part"] == part].index[0] for part in ("train", "test"))
    rows = [(f"x{test}", "L1"), (f"x{train}", "L1"), ("new", "L1")]
    assert split_catalogue(catalogue_of(rows)).parts.tolist() == ["train"] * 3


def test_drawn_pictures_are_of_no_shipped_lesion():
    image = shipped_split().index[0]
    catalogue = catalogue_of([(image, "HAM_0000001")])
    drawn = Catalogue(Path("x"), "drawn", catalogue.table.assign(source="derm_synthetic"))
    assert name_rows(drawn).lesion.tolist() == [""]


# By the picture


def photograph(seed: int) -> Image.Image:
    """A picture of soft random spots, 150 × 200."""
    random = np.random.default_rng(seed)
    coarse = random.integers(40, 240, (18, 24, 3)).astype(np.uint8)
    return Image.fromarray(coarse).resize((200, 150), Image.Resampling.BICUBIC)


def looks(pictures: list[Image.Image]) -> np.ndarray:
    return np.stack([look_at(np.asarray(picture.convert("RGB"))) for picture in pictures])


def recompressed(picture: Image.Image) -> Image.Image:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=30)
    return Image.open(stream)


@pytest.mark.parametrize(
    "change",
    [
        recompressed,
        lambda picture: picture.resize((64, 64)),
        lambda picture: picture.filter(ImageFilter.GaussianBlur(2)),
        lambda picture: picture.point(lambda value: min(255, int(value * 1.1))),
        lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        lambda picture: picture.transpose(Image.Transpose.ROTATE_90),
        lambda picture: picture.transpose(Image.Transpose.TRANSVERSE),
        lambda picture: picture.convert("L"),
    ],
)
def test_a_changed_copy_is_found(change):
    known = [photograph(seed) for seed in range(20)]
    hashes = long_hashes(looks(known))
    found = find_copies(looks([change(picture) for picture in known]), hashes)
    assert found.tolist() == list(range(20))


def test_other_pictures_and_plain_ones_are_no_copies():
    hashes = long_hashes(looks([photograph(seed) for seed in range(20)]))
    others = [photograph(seed) for seed in range(100, 160)]
    assert (find_copies(looks(others), hashes) == -1).all()
    plain = looks([Image.new("RGB", (40, 40), "pink")])
    assert find_copies(plain, long_hashes(plain)).tolist() == [-1]
    assert find_copies(looks(others)[:0], hashes).tolist() == []
    assert find_copies(looks(others), hashes[:0]).tolist() == [-1] * 60


def test_copies_under_any_name_keep_their_part(tmp_path, monkeypatch):
    pictures, shipped = [photograph(seed) for seed in range(30)], shipped_splits().iloc[:30]
    monkeypatch.setattr(module, "shipped_pictures", lambda: long_hashes(looks(pictures)))
    (tmp_path / "images").mkdir()
    for number, picture in enumerate([*pictures, photograph(99)]):
        picture.save(tmp_path / "images" / f"a{number:02}.jpg")
    table = pd.DataFrame({"image": [f"a{number:02}" for number in range(31)], "diagnosis": "nv"})
    table.to_csv(tmp_path / "derm.csv", index=False)
    before = read_catalogue(tmp_path)
    assert (learned_parts(before) == "").all()
    told: list[tuple[int, int]] = []
    catalogue = recognise(before, tmp_path / "cache", lambda *done: told.append(done))
    assert told[-1] == (31, 31)
    assert learned_parts(catalogue).tolist() == [*shipped["part"], ""]
    assert split_catalogue(catalogue).parts[:30].tolist() == shipped["part"].tolist()
    assert recognise(before, tmp_path / "cache", lambda *_: pytest.fail("looked again")).copies == catalogue.copies


def test_what_could_not_be_read_once_is_looked_at_again(tmp_path, monkeypatch):
    picture = photograph(3)
    monkeypatch.setattr(module, "shipped_pictures", lambda: long_hashes(looks([picture])))
    place = tmp_path / "a.png"
    picture.save(place)
    rows = pd.DataFrame({"image_id": ["a"], "image_path": [str(place)], "mask_path": [""], "dx": ["nv"]})
    whole = place.read_bytes()
    told = place.stat()
    place.write_bytes(b"\0" * len(whole))  # of the same size and time, as one whose disk is away for a moment
    os.utime(place, ns=(told.st_atime_ns, told.st_mtime_ns))
    assert copies_among(rows, tmp_path / "cache") == {}
    place.write_bytes(whole)
    os.utime(place, ns=(told.st_atime_ns, told.st_mtime_ns))
    assert list(copies_among(rows, tmp_path / "cache")) == ["a"]


def test_pictures_are_shipped_for_every_image_of_the_splits():
    assert shipped_pictures().shape == (len(shipped_splits()), 2)
    assert len(np.unique(shipped_pictures(), axis=0)) > 0.999 * len(shipped_splits())


@pytest.mark.real
def test_the_shipped_pictures_follow_from_the_real_data(ham10000):
    catalogue = read_catalogue(ham10000)
    rows = catalogue.table.iloc[::200]
    small = [Image.open(path).resize((224, 224)) for path in rows["image_path"]]
    found = find_copies(looks(small), shipped_pictures())
    assert shipped_splits().index[found].tolist() == rows["image_id"].tolist()
