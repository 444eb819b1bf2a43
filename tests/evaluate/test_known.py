"""Images that weights learned from are found by name, lesion and picture, and refused before they are measured on."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from derm.cli.main import app
from derm.cli.terminal import check_learned
from derm.data.learned import Known, record_learned
from derm.data.recognise import shipped_split
from derm.data.split import Split, split_catalogue
from derm.errors import DataFault
from derm.evaluate import calibrate, explain_dataset
from derm.evaluate.known import OR_EVEN_KNOWN, OTHER_IMAGES, find_known, find_known_to_decoder, refuse_known
from derm.evaluate.local import ask_own_cases
from derm.evaluate.results import why_known
from derm.image.decode import open_image
from derm.image.resize import square
from derm.model.measured import measured_fault


def trained_on(catalogue, split, rows):
    """The training of weights that learned from `rows`, as training records it."""
    table = catalogue.table.iloc[rows]
    images = [square(open_image(path), 64, "squeeze") for path in table["image_path"].map(Path)]
    return {"data": {"learned": record_learned(images, table, split.lesions.iloc[rows]), "sources": {}}}


@pytest.fixture
def known_parts(drawn_catalogue, tiny_model):
    split = split_catalogue(drawn_catalogue)
    training = trained_on(drawn_catalogue, split, split.rows("train"))
    return split, replace(tiny_model.description, training=training)


def test_the_training_part_is_known_and_the_test_part_is_not(drawn_catalogue, known_parts):
    split, description = known_parts
    train = find_known(description, drawn_catalogue, split, split.rows("train"))
    assert train.named.all()
    assert train.alike.all()
    test = find_known(description, drawn_catalogue, split, split.rows("test"))
    assert not test.spoils
    refuse_known(test, drawn_catalogue, split.rows("test"), "test", OTHER_IMAGES)


def test_other_names_hide_nothing(drawn_catalogue, known_parts):
    split, description = known_parts
    ids = [f"x{number:03}" for number in range(len(drawn_catalogue.table))]
    table = drawn_catalogue.table.assign(image_id=ids, lesion_id=ids, source="clinic")
    renamed = replace(drawn_catalogue, table=table)
    rows = split.rows("train")
    found = find_known(
        description, renamed, replace(split, lesions=table["lesion_id"], together=table["lesion_id"]), rows
    )
    assert not found.named.any()
    assert found.alike.all()
    said = rf"^{len(rows)} of {len(rows)} images of the test part show a lesion, or are a picture.*--even-known"
    with pytest.raises(DataFault, match=said):
        refuse_known(found, renamed, rows, "test", OR_EVEN_KNOWN)


def test_cases_of_a_local_calibration_are_known_where_answers_are_measured(drawn_catalogue, tiny_model):
    small = replace(drawn_catalogue, table=drawn_catalogue.table.iloc[:12].reset_index(drop=True))
    cases = ask_own_cases(tiny_model, small)
    told = {"folder": "clinic", "images": 12, "lesions": 12, "cases": cases.images}
    local = {"calibration": {"local": json.loads(json.dumps(told))}}
    assert measured_fault(local) is None
    description = replace(tiny_model.description, measured=local)
    split, rows = split_catalogue(drawn_catalogue), np.arange(len(drawn_catalogue.table))
    assert not find_known(description, drawn_catalogue, split, rows).spoils  # of what may be calibrated anew
    found = find_known(description, drawn_catalogue, split, rows, calibrated=True)
    assert found.rows[:12].all()
    assert not found.rows[12:].all()
    with pytest.raises(DataFault, match=r"were calibrated on, .* measure on other images"):
        refuse_known(found, drawn_catalogue, rows, "test", OR_EVEN_KNOWN)


def test_what_the_start_knew_is_known_whatever_the_last_training_left_out(drawn_catalogue, known_parts):
    _, description = known_parts
    first = shipped_split().query("part == 'train'").iloc[:3]
    table = drawn_catalogue.table.iloc[:3].assign(image_id=first.index, lesion_id=first.index, source="ham10000")
    catalogue = replace(drawn_catalogue, table=table)
    data = {**description.training["data"], "sources_before": ["ham10000"]}
    for config in ({}, {"leave_out": ["clinic"]}, {"split_by": "image"}):
        going_on = replace(description, training={"data": data, "config": config})
        assert find_known(going_on, catalogue, split_catalogue(catalogue), np.arange(3)).named.all()
    by_image = replace(description, training={"data": data, "config": {"split_by": "image"}})
    leaking = replace(split_catalogue(catalogue), by="image")
    assert not find_known(by_image, catalogue, leaking, np.arange(3)).named.any()


def test_a_decoder_knows_what_it_records_and_one_from_before_the_shipped_training_part(
    drawn_catalogue, known_parts, tiny_structures
):
    split, description = known_parts
    train, test = split.rows("train"), split.rows("test")
    recorded = replace(tiny_structures.info, training=description.training)
    assert find_known_to_decoder(recorded, drawn_catalogue, split, train).rows.all()
    assert not find_known_to_decoder(recorded, drawn_catalogue, split, test).spoils
    before = replace(recorded, training={"data": "ISIC 2018 Tasks 1 and 2, split by lesion"})
    assert not find_known_to_decoder(before, drawn_catalogue, split, train).spoils
    for part, known in (("train", True), ("test", False)):
        listed = shipped_split("isic2018_task1")
        first = listed[listed["part"] == part].iloc[:3]
        table = drawn_catalogue.table.iloc[:3].assign(
            image_id=first.index, lesion_id=first.index, source="isic2018_task1", dataset="isic2018_task1"
        )
        catalogue = replace(drawn_catalogue, table=table)
        found = find_known_to_decoder(before, catalogue, split_catalogue(catalogue), np.arange(3))
        assert found.named.tolist() == [known] * 3


def test_by_image_a_sister_that_looks_alike_is_the_splits_own_leak(drawn_catalogue, known_parts):
    split, description = known_parts
    rows = split.rows("train")[:4]
    # The first two are of lesions of which another image trains, the last two of none.
    parts = pd.Series("train", index=split.parts.index)
    parts.iloc[rows] = "test"
    lesions = split.lesions.where(~split.parts.index.isin(rows), [f"L{n}" for n in range(len(parts))])
    lesions.iloc[rows[:2]] = lesions.iloc[split.rows("test")[0]]
    by_image = Split("image", parts, lesions, lesions)
    found = find_known(description, drawn_catalogue, by_image, rows)
    assert found.rows.tolist() == [False, False, True, True]


def test_weights_of_one_shipped_source_do_not_know_the_other(drawn_catalogue, tiny_model):
    first = shipped_split("isic2018_task1").query("part == 'train'").iloc[:3]
    table = drawn_catalogue.table.iloc[:3].assign(
        image_id=first.index, lesion_id=first.index, source="isic2018_task1", dataset="isic2018_task1"
    )
    catalogue = replace(drawn_catalogue, table=table)
    split, rows = split_catalogue(catalogue), np.arange(3)
    for sources, known in (({"ham10000": {}}, False), ({"ham10000": {}, "isic2018_task1": {}}, True)):
        description = replace(tiny_model.description, training={"data": {"sources": sources}})
        assert find_known(description, catalogue, split, rows).named.all() == known


def test_a_chance_likeness_among_many_spoils_nothing_and_a_lesion_does():
    nobody, one = np.zeros(1000, bool), np.arange(1000) < 5
    assert not Known(nobody, one).spoils
    assert Known(nobody, np.arange(1000) < 6).spoils
    assert Known(np.arange(1000) < 1, nobody).spoils
    for count, alike, spoils in ((80, 1, False), (80, 2, False), (80, 3, True), (9, 1, True), (400, 3, True)):
        assert Known(np.zeros(count, bool), np.arange(count) < alike).spoils is spoils


def all_known(_description, _catalogue, _split, rows, _progress=None):
    """What `find_known` gives of images that all are known."""
    return Known(np.ones(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool))


@pytest.mark.parametrize("measure", ["calibrate", "calibrate_gate", "explain"])
def test_nothing_is_chosen_or_explained_on_images_that_the_weights_know(
    measure, tiny_model, drawn_catalogue, tmp_path, monkeypatch
):
    """As `derm evaluate` measures on none; the part that trained is known to have."""
    for module in (calibrate, explain_dataset):
        monkeypatch.setattr(module, "find_known", all_known)
    asked = {
        "calibrate": lambda: calibrate.calibrate(tiny_model, drawn_catalogue, "lesion"),
        "calibrate_gate": lambda: calibrate.calibrate_gate(tiny_model, drawn_catalogue, "lesion", []),
        "explain": lambda: explain_dataset.explain(tiny_model, drawn_catalogue, "test", tmp_path),
    }
    with pytest.raises(
        DataFault, match=r"of the (validation|test) part show a lesion, .* learned from, .*other images"
    ):
        asked[measure]()


@pytest.mark.parametrize(
    "words",
    [
        ("library", "worth", "--split", "test"),
        ("structures", "evaluate", "--split", "test"),
        ("concepts", "measure", "--out", "concepts.json"),
    ],
)
def test_no_command_tells_worth_on_images_that_the_weights_know(
    words, tiny_weights, tiny_structures, marked_folder, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DERM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("derm.structures.weights.wanted_structures", lambda *_: tiny_structures)
    monkeypatch.setattr("derm.predict.library.open_library", lambda _: None)
    monkeypatch.setattr("derm.evaluate.known.find_known", all_known)
    given = ("--data", str(marked_folder), "--weights", str(tiny_weights))
    with pytest.raises(DataFault, match=r"of the test part show a lesion, .* learned from, .*other images"):
        CliRunner().invoke(app, [*words, *given], catch_exceptions=False)


def test_figures_on_the_training_part_are_said_to_be_too_good(tiny_model, drawn_catalogue, monkeypatch, capsys):
    monkeypatch.setattr("derm.evaluate.known.find_known", all_known)
    check_learned(tiny_model, drawn_catalogue, "train")
    count = len(split_catalogue(drawn_catalogue).rows("train"))
    assert f"TOO GOOD: the weights learned from {count} of these {count} images" in capsys.readouterr().out


def test_results_tell_of_images_that_were_known():
    about = {"trained_on_split_by": "lesion", "split_by": "lesion", "part": "test", "known_images": 12}
    assert why_known(about) == "learned from, or were calibrated on, 12 of these images, or others of their lesions"
    assert why_known({**about, "known_images": 0}) is None
