"""Results belong to the pictures they were measured on and to their weights, or are refused in one sentence."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from derm.data.identity import PICTURES, data_identity, same_pictures
from derm.evaluate.belonging import is_recorded, other_data, other_sources, other_weights, state_of
from derm.model.weights import default_weights, load_info
from derm.predict.open import identity_of


@pytest.fixture
def measured(drawn_catalogue):
    return drawn_catalogue.table[["image_id", "dx"]].rename(columns={"dx": "dx_true"})


@pytest.fixture
def about(drawn_catalogue):
    return {"weights": "tiny", "sha256": "a" * 64, "part": "test", "identity": data_identity(drawn_catalogue.table)}


@pytest.fixture
def model(tiny_model):
    return replace(tiny_model, sha256="a" * 64)


def test_what_was_measured_belongs(about, measured, drawn_catalogue):
    assert len(about["identity"]["pictures"]) == PICTURES
    assert other_data(about, measured, drawn_catalogue.table) is None
    shuffled = drawn_catalogue.table.sample(frac=1, random_state=1)
    assert other_data(about, measured, shuffled) is None


def test_other_weights_are_named_with_the_cure(about, model):
    assert other_weights(about, {}, model) is None
    other = replace(model, sha256="b" * 64)
    said = other_weights(about, {}, other)
    assert "other weights (tiny aaaaaaaa) than the loaded ones (bbbbbbbb)" in said
    assert "`derm evaluate --data DIR --weights FILE --split test --out DIR`" in said  # or it measures the shipped ones
    shipped = replace(model, sha256=identity_of(default_weights())["sha256"], description=load_info(default_weights()))
    assert "`derm evaluate --data DIR --split test --out DIR`" in other_weights(about, {}, shipped)
    assert "`derm explain" in other_weights(about | {"methods": []}, {}, other)


def test_weights_that_were_set_to_something_else_since_are_named_with_the_cure(about, model):
    was = state_of(model.description)
    assert other_weights(about, was, model) is None
    described = model.description
    for name, now, changed in (
        ("temperature", "1, which is 2 now", {"temperature": 2.0}),
        ("outline's threshold", "0.5, which is 0.25 now", {"mask_threshold": 0.25}),
        ("calibration", "now", {"class_mask_threshold": 0.25}),
        ("input size", "64, which is 96 now", {"model": replace(described.model, input_size=96)}),
    ):
        said = other_weights(about, was, replace(model, description=replace(described, **changed)))
        assert f"These results are of tiny with the {name} " in said
        assert f"{now}: measure anew with `derm evaluate" in said
    without = dict.fromkeys(was)
    anew = replace(model, description=replace(described, temperature=2.0))
    assert other_weights(about, without, anew) is None  # older results record nothing of it


def test_names_that_are_not_there_and_other_diagnoses_are_another_data_set(about, measured, drawn_catalogue):
    table = drawn_catalogue.table
    said = other_data(about, measured, table.iloc[2:])
    assert (
        f"2 of the {len(table)} images of these results are not in this data set, {table['image_id'].iloc[0]}" in said
    )
    other = table.assign(dx=np.where(table.index == 5, "nv" if table["dx"].iloc[5] != "nv" else "mel", table["dx"]))
    assert f"have another diagnosis in this data set, {table['image_id'].iloc[5]} for one" in other_data(
        about, measured, other
    )


def test_other_pictures_under_the_same_names_are_found(about, measured, drawn_catalogue, tmp_path):
    table = drawn_catalogue.table.copy()
    assert same_pictures(about["identity"], table)
    name = next(iter(about["identity"]["pictures"]))
    place = table.index[table["image_id"] == name][0]
    again = tmp_path / "again.jpg"
    Image.open(table.loc[place, "image_path"]).save(again, quality=60)
    table.loc[place, "image_path"] = str(again)
    assert other_data(about, measured, table) is None  # the same picture, saved anew
    Image.new("RGB", (600, 450), "white").save(again)
    assert "has other pictures under the names" in other_data(about, measured, table)
    shutil.copy(__file__, again)
    assert "has other pictures under the names" in other_data(about, measured, table)


def test_other_lesions_and_masks_are_found_and_other_names_of_lesions_are_not(
    about, measured, drawn_catalogue, tmp_path
):
    table = drawn_catalogue.table
    assert other_data(about, measured, table.assign(lesion_id="clinic: " + table["lesion_id"])) is None
    merged = table.assign(lesion_id=table["lesion_id"].replace(table["lesion_id"].iloc[0], table["lesion_id"].iloc[-1]))
    assert f"the {len(table)} images of these results are of other lesions" in other_data(about, measured, merged)
    turned = table.copy()
    row = table.index[table["mask_path"] != ""][0]
    for column in ("image_path", "mask_path"):
        copy = tmp_path / f"{column}.png"
        shutil.copy(table.loc[row, column], copy)
        turned.loc[row, column] = str(copy)
    assert other_data(about, measured, turned) is None  # a copy elsewhere
    Image.open(copy).rotate(180).save(copy)
    for _ in range(2):
        assert f"has other masks for the {len(table)} images" in other_data(about, measured, turned)
        copy.unlink(missing_ok=True)  # nor is one that is gone what it was
    older = {name: value for name, value in about["identity"].items() if name not in ("lesions", "masks")}
    for changed in (merged, turned):
        assert other_data(about | {"identity": older}, measured, changed) is None
        assert other_data(about, measured, changed, whole=False) is None


def of_sources(table, *names):
    """The table with its rows of these sources in turn."""
    named = np.resize(names, len(table))
    return table.assign(source=named, dataset=named)


def test_sources_with_other_names_or_images_are_found(about, measured, drawn_catalogue):
    one = of_sources(drawn_catalogue.table, "a", "b")
    told = about | {"identity": data_identity(one)}
    assert other_sources(told, measured, one) is None
    assert other_sources(told, measured, one.sample(frac=1, random_state=1)) is None
    assert other_data(told, measured, of_sources(one, "b", "a")) is None  # it is asked of more than is told by source
    total = len(one)
    for other, named in (
        (of_sources(one, "b", "a"), "a"),
        (of_sources(one, "zeta", "b"), "a"),
        (of_sources(one, "a"), "a"),
        (one.assign(dataset=one["dataset"].replace("b", "camera")), "b"),
    ):
        said = other_sources(told, measured, other)
        assert f"the {total} images of these results are of other sources, by whose names figures are told" in said
        assert f"told, {named} for one, so the results are of another or it was changed since: measure this one" in said
    swapped = of_sources(one, "b", "a")
    assert "are of other sources" in other_sources(told, measured, swapped, whole=False)
    shared = one.copy()  # an image that two folders have, of which the other one comes first now
    shared.loc[shared.index[0], ["source", "dataset"]] = "b"
    assert other_sources(told, measured, shared, whole=False) is None
    assert "are of other sources" in other_sources(told, measured, shared)
    assert other_sources(told, measured.iloc[::-1], swapped) is None  # the record is of these rows in this order alone
    alone = one[one["source"] == "a"]
    assert other_sources(told, measured, alone, whole=False) is None
    moved = about | {"identity": data_identity(of_sources(one, "a"))}
    assert other_sources(moved, measured, of_sources(one, "b")) is None  # one folder, moved
    older = told | {"identity": {name: own for name, own in told["identity"].items() if name != "sources"}}
    assert other_sources(older, measured, swapped) is None
    assert other_sources(told | {"identity": None}, measured, swapped) is None


@pytest.mark.parametrize("identity", [None, "x", {}, {"pictures": 3}])
def test_results_without_a_record_are_told_by_names_and_diagnoses(about, measured, drawn_catalogue, identity):
    older = about | {"identity": identity}
    assert not is_recorded(older)
    assert other_data(older, measured, drawn_catalogue.table) is None
    assert "are not in this data set" in other_data(older, measured, drawn_catalogue.table.iloc[1:])
