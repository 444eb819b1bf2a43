"""Likeness of maps by hand and against SciPy, stillness with mappers that are or are not still, and random networks."""

import copy

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr
from small_nets import let_through

from derm.explain.methods import METHODS
from derm.explain.sanity import (
    SSIM_CONSTANTS,
    SYMMETRIES,
    equivariance,
    noisy_copies,
    randomise,
    similarity,
    spearman,
    ssim,
    stability,
    stages,
)
from derm.model.config import ModelConfig
from derm.model.network import LesionNet

SMALL = {"input_size": 64, "feature_channels": 32, "decoder_channels": (8, 8, 8, 8)}


@pytest.fixture(scope="module")
def net() -> LesionNet:
    torch.manual_seed(1)
    made = LesionNet(ModelConfig(**SMALL))
    let_through(made, torch.randn(8, 3, 64, 64))
    with torch.no_grad():
        made.head.scores.weight *= 30
    return made.eval()


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(2))


def test_spearman_by_hand():
    # 1 − 6 Σd² / (n (n² − 1)), two neighbours exchanged: 1 − 6 · 2 / 60.
    assert spearman(np.array([[1, 2], [3, 4]], np.float32), np.array([[1, 2], [4, 3]], np.float32)) == pytest.approx(
        4 / 5
    )
    assert spearman(np.array([[1, 2, 3]], np.float32), np.array([[9, 4, 1]], np.float32)) == pytest.approx(-1)
    assert np.isnan(spearman(np.ones((2, 2), np.float32), np.array([[1, 2], [3, 4]], np.float32)))


def test_spearman_is_scipys():
    random = np.random.default_rng(0)
    one, other = random.integers(0, 5, (2, 7, 7)).astype(np.float32)
    assert spearman(one, other) == pytest.approx(spearmanr(one.ravel(), other.ravel()).statistic)


def test_ssim_by_hand():
    bright, half = np.ones((16, 16), np.float32), np.full((16, 16), 0.5, np.float32)
    c_1, _ = SSIM_CONSTANTS
    # Without structure only the means are left: (2 · 1 · 1/2 + C1) / (1 + 1/4 + C1).
    assert ssim(bright, half) == pytest.approx((1 + c_1) / (5 / 4 + c_1))
    assert ssim(bright, bright) == pytest.approx(1)


def test_ssim_is_its_definition_with_another_librarys_window():
    one, other = np.random.default_rng(0).random((2, 40, 40))

    def mean(values: np.ndarray) -> np.ndarray:
        return gaussian_filter(values, 1.5, mode="mirror", radius=5)

    m_1, m_2 = mean(one), mean(other)
    v_1, v_2, shared = mean(one * one) - m_1**2, mean(other * other) - m_2**2, mean(one * other) - m_1 * m_2
    c_1, c_2 = SSIM_CONSTANTS
    expected = (2 * m_1 * m_2 + c_1) * (2 * shared + c_2) / ((m_1**2 + m_2**2 + c_1) * (v_1 + v_2 + c_2))
    assert ssim(one.astype(np.float32), other.astype(np.float32)) == pytest.approx(expected.mean(), abs=1e-5)


def test_likeness_knows_no_scale_and_flat_maps_have_none():
    map_, zeros = np.random.default_rng(0).random((5, 5), dtype=np.float32), np.zeros((5, 5), dtype=np.float32)
    found = similarity(np.stack([map_, map_, zeros]), np.stack([7 * map_, zeros, zeros]))
    assert found.rank[0] == pytest.approx(1)
    assert found.structure[0] == pytest.approx(1)
    assert np.isnan(found.rank[1:]).all()
    assert np.isnan(found.structure[1:]).all()
    uniform = similarity(
        map_[None], np.ones_like(map_)[None]
    )  # has evidence, everywhere alike: no order, but structure
    assert np.isnan(uniform.rank[0])
    assert not np.isnan(uniform.structure[0])


def test_a_mapper_of_the_pixels_turns_with_them(images):
    def bright(pictures: torch.Tensor) -> torch.Tensor:
        return torch.relu(pictures.mean(dim=1))

    turned = equivariance(bright, images)
    np.testing.assert_allclose(turned.rank, 1)
    np.testing.assert_allclose(turned.structure, 1, atol=1e-6)
    still = stability(bright, images, noise=1e-3)
    assert still.rank.min() > 0.99
    assert stability(bright, images, noise=2.0).rank.max() < 0.9


def test_a_mapper_that_does_not_look_stays_and_does_not_turn(images):
    corner = torch.zeros(4, 4)
    corner[0, 1], corner[1, 3] = 1, 0.5

    def blind(pictures: torch.Tensor) -> torch.Tensor:
        return corner.expand(len(pictures), 4, 4)

    np.testing.assert_allclose(stability(blind, images).rank, 1)
    assert equivariance(blind, images).rank.max() < 0.2


def test_flat_maps_are_neither_still_nor_moved(images):
    def nothing(pictures: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(pictures), 4, 4)

    for found in (stability(nothing, images), equivariance(nothing, images)):
        assert np.isnan(found.rank).all()
        assert np.isnan(found.structure).all()


def test_the_symmetries_are_the_five_that_change_a_picture():
    picture = torch.arange(4.0).reshape(2, 2)
    turned = {name: turn(picture).flatten().tolist() for name, turn in SYMMETRIES.items()}
    assert turned["flip left to right"] == [1, 0, 3, 2]
    assert turned["flip top to bottom"] == [2, 3, 0, 1]
    assert turned["half turn"] == [3, 2, 1, 0]
    assert len({tuple(one) for one in turned.values()} | {(0, 1, 2, 3)}) == 6


def test_noise_has_its_size_and_its_seed(images):
    copies = noisy_copies(images, noise=0.1, draws=2)
    assert copies.shape == (2, *images.shape)
    assert (copies - images).std().item() == pytest.approx(0.1, rel=0.02)
    torch.testing.assert_close(noisy_copies(images, noise=0.1, draws=2), copies)
    assert not torch.equal(copies[0], copies[1])


@pytest.mark.slow
def test_stages_go_from_the_scores_to_the_first_layer(net):
    names = [name for name, _ in stages(net)]
    assert names == ["scores", "neck", *(f"blocks.{index}" for index in range(6, -1, -1)), "conv_stem"]
    resnet = LesionNet(ModelConfig(**SMALL | {"encoder": "resnet18", "feature_channels": 0, "hidden": 16}))
    assert [name for name, _ in stages(resnet)] == [
        "scores", "hidden", "layer4", "layer3", "layer2", "layer1", "conv1",
    ]  # fmt: skip
    for design in ("shared", "dual"):
        inside = LesionNet(ModelConfig(**SMALL | {"design": design, "pooling": "whole+lesion"}))
        assert [name for name, _ in stages(inside)][:3] == ["scores", "outline", "neck"]
        walked = {id(one) for _, modules in stages(inside) for module in modules for one in module.parameters()}
        assert walked == {id(one) for one in inside.parameters()}  # the outline, too, decides what is pooled
        cells = LesionNet(ModelConfig(**SMALL | {"design": design, "head": "pixel"}))
        assert [name for name, _ in stages(cells)][:4] == ["scores", "outline", "cells", "neck"]
        walked = {id(one) for _, modules in stages(cells) for module in modules for one in module.parameters()}
        assert walked == {id(one) for one in cells.parameters()}
    whole = LesionNet(ModelConfig(**SMALL | {"head": "pixel", "whole_share": 1.0}))
    assert [name for name, _ in stages(whole)][:3] == ["scores", "cells", "neck"]  # the outline decides nothing
    for made in (net, resnet):
        walked = {id(one) for _, modules in stages(made) for module in modules for one in module.parameters()}
        way = [made.encoder, made.neck, made.head]
        assert walked == {id(one) for module in way for one in module.parameters()}


@pytest.mark.slow
def test_randomising_unlearns_a_copy_from_the_top(net, images):
    before = copy.deepcopy(net.state_dict())
    features = net(images).features
    seen = []
    for name, random in randomise(net, images):
        assert random is not net
        assert not random.training
        if name == "scores":
            torch.testing.assert_close(random(images).features, features)
        seen.append(name)
        last = random
    assert seen == [name for name, _ in stages(net)]
    for key, value in net.state_dict().items():
        assert torch.equal(value, before[key])
    learned, unlearned = dict(net.named_parameters()), dict(last.named_parameters())
    for key, value in learned.items():
        torch.testing.assert_close(value.flatten().sort().values, unlearned[key].flatten().sort().values)
    for key in ("head.scores.weight", "neck.0.weight", "encoder.model.conv_stem.weight"):
        assert not torch.equal(learned[key], unlearned[key])
    assert torch.equal(learned["mask_head.weight"], unlearned["mask_head.weight"])  # no map depends on it
    # What the random network computes stays of the order of 1: its maps end different, not flat.
    assert 0.1 < last(images).features.std().item() < 10
    (again,) = (one for name, one in randomise(net, images) if name == "conv_stem")
    assert torch.equal(again.head.scores.weight, last.head.scores.weight)


def test_a_random_network_destroys_the_map_of_one_that_looks(net, images):
    grad_cam = METHODS["grad-cam"]
    learned = grad_cam.maps(net, images, None, [2])[:, 0].numpy()
    found = {}
    for name, random in randomise(net, images):
        found[name] = similarity(learned, grad_cam.maps(random, images, None, [2])[:, 0].numpy())
    np.testing.assert_allclose(similarity(learned, learned).rank, 1)
    assert np.nanmean(found["conv_stem"].rank) < 0.7


def test_guards(images):
    some = np.zeros((2, 3, 3), dtype=np.float32)
    with pytest.raises(ValueError, match=r"the maps are \(2, 3, 3\) and \(1, 3, 3\)"):
        similarity(some, some[:1])
    with pytest.raises(ValueError, match="a map is not finite"):
        similarity(some, some + np.float32(np.nan))
    for noise, draws in ((0, 1), (0.1, 0)):
        with pytest.raises(ValueError, match=f"noise is {noise}, draws {draws}"):
            stability(lambda pictures: pictures[:, 0], images, noise, draws)
