"""Training of a decoder: few pictures are enough for a step, and what cannot be learned is said before it is tried."""

import shutil
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from derm.data.catalogue import read_catalogue
from derm.errors import ConfigFault, DataFault
from derm.files import alone_in
from derm.structures import learn as learning
from derm.structures import views
from derm.structures.learn import MarkedPart, check_enough, learn
from derm.structures.marks import marked
from derm.structures.network import HeadConfig
from derm.structures.report import measure_part
from derm.structures.train import HeadTraining, train_head
from derm.structures.views import Views, open_views
from tests.damaged_files import an_npz


def views_of(count):
    random = np.random.default_rng(0)
    sizes = [(16, 8), (8, 4), (8, 2), (8, 1)]
    sources = tuple(random.normal(size=(count, 2, deep, side, side)).astype(np.float16) for deep, side in sizes)
    return Views(sources, random.integers(0, 32, (count, 2, 8, 8)).astype(np.uint8))


def part_of(shown):
    return MarkedPart(pd.DataFrame(), shown, np.array(["a"] * len(shown), dtype=object), pd.Series(dtype=str))


def padded(model):
    description = model.description
    return replace(model, description=replace(description, model=replace(description.model, fit="pad")))


def told(_):
    return nullcontext()


def test_fewer_pictures_than_a_batch_are_trained_on():
    shown = np.eye(5, dtype=bool)
    config = HeadTraining(epochs=2, batch=32, half=False)
    made = HeadConfig(channels=(8, 8, 8, 8), width=8, blocks=1, input_size=64)
    _, best = train_head(views_of(5), views_of(5), shown, shown, made, config)
    assert np.isfinite(best.loss)


@pytest.mark.parametrize(
    ("shown", "count"), [(np.zeros(4, bool), "0 of 4"), (np.ones(4, bool), "4 of 4"), (np.zeros(0, bool), "0 of 0")]
)
def test_a_structure_that_cannot_be_calibrated_is_named(shown, count):
    validation = np.array([[True] * 5, [False] * 5] * 2)[: len(shown)]
    check_enough(part_of(np.ones((1, 5), bool)), part_of(np.array([[True] * 5, [False] * 5])))
    validation[:, 2] = shown
    name = "Streaks" if len(shown) else "Pigment network"
    with pytest.raises(DataFault, match=f"{name}: {count} marked pictures of the validation part"):
        check_enough(part_of(np.ones((1, 5), bool)), part_of(validation))
    with pytest.raises(DataFault, match="training part has no marked picture"):
        check_enough(part_of(np.ones((0, 5), bool)), part_of(validation))


def test_what_cannot_be_learned_is_said_before_the_network_is_asked(tiny_model, marked_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(learning, "open_views", None)
    how = {"config": HeadTraining(), "views": 1, "size": 64, "width": 8, "commit": None, "progress": told}
    catalogue = read_catalogue(marked_folder)
    with pytest.raises(DataFault, match=r"Pigment network: .* use a folder with more marked pictures"):
        learn(tiny_model, catalogue, tmp_path / "made.json", tmp_path, **how)
    with pytest.raises(ConfigFault, match=r"Pictures are padded .* whose fit is 'squeeze'"):
        learn(padded(tiny_model), catalogue, tmp_path / "made.json", tmp_path, **how)


def test_padded_weights_are_not_measured_on_marks_that_are_squeezed(tiny_model, tiny_structures, marked_folder):
    with pytest.raises(ConfigFault, match="Pictures are padded"):
        measure_part(padded(tiny_model), tiny_structures, read_catalogue(marked_folder), "test")


@pytest.fixture
def table(marked_folder, tmp_path):
    """Three marked pictures in a folder of the test's own."""
    shutil.copytree(marked_folder, tmp_path / "marked")
    return marked(read_catalogue(tmp_path / "marked"))[0].iloc[:3]


def kept(views):
    return [np.array(one) for one in (*views.sources, views.marks)]


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("2.npy", Path.unlink),
        ("2.npy", lambda path: path.write_bytes(path.read_bytes()[:-100])),
        ("2.npy", lambda path: path.write_bytes(path.read_bytes().replace(b"}", b"{", 1))),
        ("2.npy", lambda path: path.write_bytes(an_npz())),
        ("4.npy", lambda path: np.save(path, np.zeros((3, 2, 4, 4), np.uint8))),
        ("made.json", lambda path: path.write_text("[]")),
        ("made.json", lambda path: path.write_text('{"pictures"')),
        ("made.json", lambda path: path.write_text('{"pictures": 4}')),
        ("made.json", lambda path: path.write_text('{"pictures": -1}')),
    ],
)
def test_views_that_are_damaged_are_made_anew(tiny_model, table, tmp_path, name, spoil):
    wanted = kept(open_views(tiny_model, table, 64, 2, tmp_path))
    (place,) = tmp_path.glob(f"structures-*/{name}")
    spoil(place)
    for one, other in zip(wanted, kept(open_views(tiny_model, table, 64, 2, tmp_path)), strict=True):
        assert one.any()
        np.testing.assert_array_equal(one, other)


def test_views_of_marks_that_have_changed_are_made_anew(tiny_model, table, tmp_path):
    first = kept(open_views(tiny_model, table, 64, 1, tmp_path))
    for path in (tmp_path / "marked" / "attributes").glob("*.png"):
        with Image.open(path) as marks:
            empty = Image.new(marks.mode, marks.size)
        empty.save(path)
    again = kept(open_views(tiny_model, table, 64, 1, tmp_path))
    assert first[-1].any()
    assert not again[-1].any()
    np.testing.assert_array_equal(first[0], again[0])


def test_views_that_another_training_makes_stay_as_they_are(tiny_model, table, tmp_path, monkeypatch):
    monkeypatch.setattr(views, "PATIENCE", 0.05)
    wanted = kept(open_views(tiny_model, table, 64, 1, tmp_path))
    (folder,) = tmp_path.glob("structures-*")
    (folder / "made.json").unlink()
    with alone_in(folder, 0, ""), pytest.raises(ConfigFault, match=r"Another training makes the same views in "):
        open_views(tiny_model, table, 64, 1, tmp_path)
    for place, one in enumerate(wanted):
        np.testing.assert_array_equal(np.load(folder / f"{place}.npy"), one)
