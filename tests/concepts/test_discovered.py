"""Concepts that nobody named, held to features and pictures in which they are planted."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

from derm.concepts import cme, ice
from derm.concepts.ace import AceMaps, concepts_of
from derm.concepts.cme import extract
from derm.concepts.discovered import discovering
from derm.concepts.examples import ByNetwork, ExamplePictures, examples_of
from derm.concepts.ice import IceMaps, rebuilt
from derm.diagnoses import INDEX
from derm.errors import DataFault
from derm.explain.cams import grad_cam
from derm.model.config import ModelConfig
from derm.structures.table import KEYS

MEL, NV, BCC = INDEX["mel"], INDEX["nv"], INDEX["bcc"]
RED, _, BLUE = range(3)


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch):
    monkeypatch.setattr(cme, "REPLICATES", 20)


class ColourHead(nn.Module):
    """Melanoma's score is the mean red, nevus's the mean blue."""

    def __init__(self):
        super().__init__()
        self.scores = nn.Linear(3, 7, bias=False)
        with torch.no_grad():
            self.scores.weight.zero_()
            self.scores.weight[MEL, RED] = self.scores.weight[NV, BLUE] = 1.0

    def forward(self, features):
        return self.scores(features.mean(dim=(2, 3)))


class ColourNet(nn.Module):
    """Its features are the colours of 4 × 4 cells."""

    def __init__(self):
        super().__init__()
        self.config = ModelConfig(input_size=32, mean=(0.5, 0.5, 0.5), deviation=(0.5, 0.5, 0.5))
        self.head = ColourHead()
        self.eval()

    def has_closed_form(self):
        return True

    def class_features(self, images):
        return nn.functional.avg_pool2d(images, 8)


@pytest.fixture
def net():
    return ColourNet()


def halves(colour, seed):
    """A normalised grey picture with noise whose left half has a colour, float32 (3, 32, 32)."""
    noise = torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(seed)) * 0.02
    noise[colour, :, :16] += 1.0
    return noise


@pytest.fixture
def examples():
    return ExamplePictures(
        {index: torch.stack([halves(colour, seed) for seed in range(6)]) for index, colour in ((MEL, 0), (NV, 2))}
    )


def test_features_made_of_parts_are_put_together_again():
    random = np.random.default_rng(0)
    parts = random.random((3, 8), dtype=np.float32)
    shares = random.random((2 * 4 * 4, 3), dtype=np.float32)
    features = (shares @ parts).reshape(2, 4, 4, 8).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(rebuilt(features, parts), features, atol=0.03)
    beside = features + np.float32(5) * np.array([0] * 7 + [1], dtype=np.float32)[None, :, None, None]
    assert np.abs(rebuilt(beside, parts) - beside).max() > 1  # what parts have not is left out


def test_ice_of_all_parts_is_grad_cam(net, examples, monkeypatch):
    monkeypatch.setattr(ice, "PARTS", 3)
    picture = halves(RED, 9).clamp(min=0)[None]
    maps = IceMaps(examples)(net, picture, classes=[MEL])
    torch.testing.assert_close(maps, grad_cam(net, picture, classes=[MEL]), atol=0.003, rtol=0.1)
    assert maps[0, 0, :, :2].min() > 5 * maps[0, 0, :, 2:].max()


def test_what_ice_keeps_of_the_answers(net, examples):
    pictures = torch.cat([examples.of(MEL), examples.of(NV)])
    assert IceMaps(examples).kept(net, net.class_features(pictures)) == 1.0


def test_ace_finds_the_colour_and_where_it_is(net, examples):
    found = concepts_of(net, examples)
    for index, colour in ((MEL, RED), (NV, BLUE)):
        own = found[index]
        best = own.middles[own.scores.argmax()]
        assert own.scores.max() == 1.0
        assert best.argmax() == colour
    maps = AceMaps(examples)(net, halves(RED, 9)[None], classes=[MEL, NV])
    assert maps.shape == (1, 2, 32, 32)
    assert maps[0, 0, :, 2:14].mean() > max(0.4, 3 * maps[0, 0, :, 24:].mean())
    assert maps[0, 1, :, :14].mean() < 0.1  # nothing here is nevus's blue


def test_ace_has_no_concept_where_nothing_is_held_against_it(net):
    alone = ExamplePictures({MEL: torch.stack([halves(RED, seed) for seed in range(4)])})
    assert len(concepts_of(net, alone)[MEL].scores) == 0
    assert not AceMaps(alone)(net, halves(RED, 9)[None]).any()


def test_concepts_of_another_network_are_looked_for_anew(net):
    asked = []
    found = ByNetwork(lambda one: asked.append(one) or len(asked))
    assert [found.of(net), found.of(net)] == [1, 1]
    with torch.no_grad():
        net.head.scores.weight.copy_(net.head.scores.weight.flip(0))  # the same values in another order
    assert found.of(net) == 2


def test_methods_are_named_and_single_cells_have_no_ice(examples):
    assert list(discovering(examples)) == ["ice", "ace"]
    assert list(discovering(examples, by_cell=False)) == ["ace"]


def test_examples_are_drawn_from_each_diagnosis(tmp_path):
    for name in "abc":
        Image.new("RGB", (40, 40), (200, 100, 90)).save(tmp_path / f"{name}.png")
    table = pd.DataFrame({"dx": ["mel", "mel", "nv"], "image_path": [str(tmp_path / f"{name}.png") for name in "abc"]})
    model = SimpleNamespace(description=SimpleNamespace(model=ModelConfig(input_size=32)))
    found = examples_of(model, table, most=1)
    assert {index: len(pictures) for index, pictures in found.pictures.items()} == {MEL: 1, NV: 1}
    assert len(found.of(BCC)) == 2  # none of its own: all
    with pytest.raises(DataFault, match="No picture has one of the seven diagnoses"):
        examples_of(model, table.assign(dx="scc"))


def marked(count, seed):
    """Features in which five structures lie, calls that follow streaks alone, and lesions of two pictures each."""
    random = np.random.default_rng(seed)
    marks = random.random((count, 5)) < 0.4
    features = np.concatenate([marks * 2.0, np.zeros((count, 3))], axis=1) + random.normal(0, 0.3, (count, 8))
    called = np.where(marks[:, 2], MEL, NV)
    return features.astype(np.float32), marks, called, np.array([f"l{place // 2}" for place in range(count)])


def test_a_network_that_follows_a_concept_is_extracted():
    (features, marks, called, lesions), test = marked(200, 0), marked(100, 1)
    found = extract(features, marks, called, lesions, test)
    assert found["images"] == 100
    assert found["fidelity"][0] > 0.97
    assert found["melanoma"][0] > 0.97
    assert found["by_chance"][0] == pytest.approx((test[2] == NV).mean())
    assert found["fidelity"][1] <= found["fidelity"][0] <= found["fidelity"][2]
    assert all(value > 0.95 for value, _, _ in found["concepts"].values())


def test_a_network_that_follows_none_is_not():
    (features, marks, _, lesions), (others, truths, _, names) = marked(200, 0), marked(100, 1)
    random = np.random.default_rng(5)
    calls, later = (np.where(random.random(count) < 0.5, MEL, NV) for count in (200, 100))
    found = extract(features, marks, calls, lesions, (others, truths, later, names))
    assert abs(found["melanoma"][0] - 0.5) < 0.15


def test_marks_that_part_nothing_are_left_out_or_named():
    features, marks, called, lesions = marked(60, 0)
    found = extract(features, marks & (np.arange(5) != 2), called, lesions, marked(20, 1))
    assert list(found["concepts"]) == [key for key in KEYS if key != "streaks"]
    with pytest.raises(DataFault, match="all show the same structures"):
        extract(features, marks | True, called, lesions, marked(20, 1))
    with pytest.raises(DataFault, match="marked pictures of 5 lesions at least"):
        extract(features, marks, called, np.repeat("one", 40), marked(20, 1))
