"""`derm structures` and `derm concepts` from marks to what is said of a picture, as a researcher runs them."""

import json
import re
import shutil

import pandas as pd
import pytest
from typer.testing import CliRunner

from derm.cli.main import app
from derm.data.catalogue import read_catalogue
from derm.data.isic import TASK1
from derm.data.split import split_catalogue
from derm.errors import DataFault, DermError
from derm.structures.table import KEYS
from derm.structures.weights import LICENCE, load_structures
from tests.marked import write_marked

pytestmark = pytest.mark.training


def run(*words):
    ended = CliRunner().invoke(app, [str(word) for word in words])
    assert ended.exit_code == 0, ended.output
    return ended.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("marked")
    write_marked(made, mixed=True)
    return made


@pytest.fixture(scope="module")
def trained(folder, tiny_weights, cache, tmp_path_factory):
    """The description of a decoder that the command trained for two passes."""
    place = tmp_path_factory.mktemp("trained") / "structures.json"
    said = run(
        "structures", "train", "--data", folder, "--weights", tiny_weights, "--out", place,
        "--epochs", 2, "--views", 1, "--size", 64, "--width", 8,
    )  # fmt: skip
    assert "Measure it with `derm structures evaluate" in said
    return place


def test_a_decoder_is_trained_measured_and_asked(trained, folder, tiny_weights, tiny_model, tmp_path):
    info = load_structures(trained).info
    assert info.trunk == tiny_model.sha256
    assert set(info.frequencies) == set(KEYS)
    assert info.training["data"]["folders"] == [folder.name]
    assert info.training["data"]["sources"] == {TASK1: {TASK1: info.training["images"]["train"]}}
    assert info.licence == LICENCE
    said = run(
        "structures", "evaluate", "--data", folder, "--weights", tiny_weights, "--structures", trained,
        "--split", "test", "--record",
    )  # fmt: skip
    assert f"Dermoscopic structures, {folder.name}, test part" in said
    assert set(KEYS) <= set(load_structures(trained).info.measured["test"])
    table = tmp_path / "found.csv"
    run("structures", "find", folder / "images", "--weights", tiny_weights, "--structures", trained, "--out", table)
    assert len(pd.read_csv(table)) == len(list((folder / "images").iterdir()))


@pytest.mark.parametrize("words", [("structures", "evaluate", "--split", "test"), ("concepts", "measure")])
def test_no_figures_are_told_of_pictures_that_the_decoder_learned_from(
    words, trained, folder, tiny_weights, tmp_path, monkeypatch
):
    """Under other names, in a folder of their own, whose split is another."""
    monkeypatch.setenv("DERM_STRUCTURES", str(trained))
    catalogue = read_catalogue(folder)
    train = set(catalogue.table["image_id"].iloc[split_catalogue(catalogue).rows("train")])
    other = tmp_path / "other"
    for place in folder.glob("*/*"):
        if (image := place.stem.removesuffix("_segmentation")) in train:
            (other / place.parent.name).mkdir(parents=True, exist_ok=True)
            shutil.copy(place, other / place.parent.name / place.name.replace(image, f"x{image}"))
    table = pd.read_csv(folder / "metadata.csv").query("image_id in @train")
    table.assign(image_id="x" + table["image_id"]).to_csv(other / "metadata.csv", index=False)
    asked = [*words, "--data", other, "--weights", tiny_weights]
    asked += ["--out", tmp_path / "figures.json"] if words[0] == "concepts" else ["--record"]
    before = trained.read_bytes()
    said = r"^(\d+) of \1 images of the test part show .*, that the decoder of structures learned from, xISIC_.*for one"
    with pytest.raises(DataFault, match=said):
        CliRunner().invoke(app, [str(word) for word in asked], catch_exceptions=False)
    assert trained.read_bytes() == before
    assert not (tmp_path / "figures.json").exists()


def test_figures_of_a_decoders_training_pictures_are_said_to_be_too_good(trained, folder, tiny_weights):
    said = run(
        "structures", "evaluate", "--data", folder, "--weights", tiny_weights, "--structures", trained,
        "--split", "train",
    )  # fmt: skip
    assert "TOO GOOD: the decoder of structures learned from" in said


def test_what_structures_are_not_looked_for_in_is_said(trained, folder, tiny_weights, tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    shutil.copy(min((folder / "images").iterdir()), pictures / "good.jpg")
    (pictures / "broken.jpg").write_bytes(b"\xff\xd8\xff no more")
    (pictures / "notes.txt").write_text("seen")
    words = ["structures", "find", pictures, tmp_path / "none.jpg", "--weights", tiny_weights, "--structures", trained]
    for more in ([], ["--out", tmp_path / "found.csv"]):
        ended = CliRunner().invoke(app, [str(word) for word in (*words, *more)])
        said = " ".join(ended.output.split())
        assert ended.exit_code == 1
        assert "1 further file was not looked at" in said
        assert "broken.jpg" in said
        assert "There is no file or folder" in said
    assert len(pd.read_csv(tmp_path / "found.csv")) == 3


@pytest.mark.parametrize(
    ("option", "value"), [("--seed", -1), ("--seed", 10**20), ("--size", 320_000), ("--width", 999_999), ("--views", 0)]
)
def test_numbers_that_do_not_fit_are_refused_before_anything_is_read(option, value, tmp_path):
    words = ["structures", "train", "--data", str(tmp_path), "--out", str(tmp_path / "a.json"), option, str(value)]
    ended = CliRunner().invoke(app, words)
    assert ended.exit_code == 2
    assert not isinstance(ended.exception, DermError)
    assert option in re.sub(r"\x1b\[[\d;]*m", "", ended.output)


def test_concepts_are_measured_and_learned(trained, folder, tiny_weights, tmp_path, monkeypatch):
    monkeypatch.setenv("DERM_STRUCTURES", str(trained))
    monkeypatch.setattr("derm.concepts.additive.REPLICATES", 5)
    figures, directions = tmp_path / "figures.json", tmp_path / "directions.json"
    words = ("--data", folder, "--weights", tiny_weights)
    run("concepts", "measure", *words, "--out", figures, "--no-vectors")
    found = json.loads(figures.read_text())
    assert {row["target"] for row in found["models"]} == {"melanoma"}  # no other malignant diagnosis is drawn
    assert found["vectors"] == []
    ended = CliRunner().invoke(app, ["concepts", "learn", *map(str, words), "--out", str(directions)])
    monkeypatch.setattr("derm.concepts.directions.FEWEST", 12)  # for drawings, of which this network outlines a few
    run("concepts", "learn", *words, "--out", directions)
    assert json.loads(directions.read_text())["slopes"]
    assert "too few to tell apart what 11 concepts do: name data with 24 or more" in str(ended.exception)
