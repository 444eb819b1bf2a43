"""SHAP and LIME by captum on a network whose Shapley values are known, their seeds, and what stands without captum."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from derm.diagnoses import INDEX
from derm.errors import ConfigFault
from derm.explain.captum_methods import COMPARED, gradient_shap, kernel_shap, lime, superpixels
from derm.explain.perturb import skin
from derm.model.config import ModelConfig
from derm.model.network import LesionNet

MEL, NV = INDEX["mel"], INDEX["nv"]
EVERY = pytest.mark.parametrize("method", COMPARED.values(), ids=COMPARED)


class Eye(nn.Module):
    """An encoder that hands the image on, so that the logits are linear in its pixels."""

    out_channels = (3, 3)

    def forward(self, images):
        return [images, images * 1]


@pytest.fixture(scope="module", autouse=True)
def _captum():
    pytest.importorskip("captum.attr")
    pytest.importorskip("skimage.segmentation")


@pytest.fixture(scope="module")
def net() -> LesionNet:
    net = LesionNet(ModelConfig(input_size=32, feature_channels=3, decoder_channels=(8, 8, 8, 8))).eval()
    net.requires_grad_(requires_grad=False)
    net.encoder, net.neck = Eye(), nn.Identity()
    net.head.scores.weight.zero_()
    net.head.scores.weight[MEL, 0], net.head.scores.weight[NV, 1] = 40.0, -40.0
    return net


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    """Smooth stains on plain skin, float32 (1, 3, 32, 32)."""
    random = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    stains = nn.functional.interpolate(random, size=(16, 16), mode="bilinear")
    return nn.functional.pad(stains, (8, 8, 8, 8), value=0.25)


def adds(net: LesionNet, image: torch.Tensor) -> torch.Tensor:
    """What each pixel adds to the logits of melanoma and nevus over skin, (2, 32, 32): W · (x − skin) / (h · w)."""
    weights = net.head.scores.weight[[MEL, NV]]
    return torch.einsum("kc,chw->khw", weights, (image - skin(image))[0]) / 32**2


def test_gradient_shap_of_a_linear_score_is_exact(net, image):
    cells = adds(net, image).unflatten(2, (4, 8)).unflatten(1, (4, 8)).sum(dim=(2, 4))
    assert cells.min() < -0.01 < 0.01 < cells.max()
    torch.testing.assert_close(gradient_shap(net, image, classes=[MEL, NV])[0], cells.relu(), atol=1e-5, rtol=1e-4)


def test_kernel_shap_of_a_linear_score_is_exact(net, image):
    """Each superpixel's Shapley value is what its pixels add."""
    maps = kernel_shap(net, image, classes=[MEL, NV], samples=400)[0]
    labels, own = torch.from_numpy(superpixels(image[0], net.config)), adds(net, image)
    for label in labels.unique():
        value = own[:, labels == label].sum(dim=1).relu()
        torch.testing.assert_close(
            maps[:, labels == label], value[:, None].expand(-1, (labels == label).sum()), atol=1e-3, rtol=1e-2
        )


def test_lime_finds_the_same_signs(net, image):
    maps = lime(net, image, classes=[MEL, NV], samples=400)[0]
    labels, own = torch.from_numpy(superpixels(image[0], net.config)), adds(net, image)
    sums = torch.stack([own[:, labels == label].sum(dim=1) for label in labels.unique()], dim=1)
    found = torch.stack([maps[:, labels == label][:, 0] for label in labels.unique()], dim=1)
    assert (sums > 0.1).any()
    assert (sums < -0.1).any()
    assert bool((found[sums > 0.1] > 0).all())
    assert not found[sums < 0].any()


def test_superpixels_are_numbered_without_gaps(net, image):
    labels = superpixels(image[0], net.config)
    assert (labels.shape, labels.dtype) == ((32, 32), np.int64)
    assert np.unique(labels).tolist() == list(range(labels.max() + 1))
    assert 10 < labels.max() < 80


def test_noise_has_squares_for_superpixels(net):
    noise = torch.randn(3, 64, 64, generator=torch.Generator().manual_seed(2))
    labels = superpixels(noise, net.config)
    assert labels.max() + 1 == 7 * 7
    assert set(np.bincount(labels.ravel())) <= {9 * 9, 9 * 10, 10 * 10}


@pytest.mark.slow
@EVERY
def test_maps_are_raw_and_in_the_order_of_classes(tiny_model, method):
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        maps = method.maps(tiny_model.net, images, classes=[NV, MEL])
    assert (maps.dtype, maps.shape[:2], maps.requires_grad) == (torch.float32, (1, 2), False)
    assert maps.min() >= 0
    torch.testing.assert_close(method.maps(tiny_model.net, images, classes=[MEL]), maps[:, 1:], atol=1e-6, rtol=1e-4)
    assert all(parameter.grad is None for parameter in tiny_model.net.parameters())
    assert not any(module._forward_hooks or module._backward_hooks for module in tiny_model.net.modules())


@EVERY
def test_a_seed_decides_and_the_global_generators_stay(net, image, method):
    torch.manual_seed(11)
    before, numbers = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    first = method.maps(net, image, classes=[MEL, NV])
    assert first.max() > 0.01
    assert torch.random.get_rng_state().equal(before)
    assert np.random.get_state()[1].tolist() == numbers.tolist()
    torch.manual_seed(12)
    assert method.maps(net, image, classes=[MEL, NV]).equal(first)


@pytest.mark.slow
@EVERY
def test_two_threads_get_their_own_maps(net, image, method):
    images = [image, image.flip(3)]
    expected = [method.maps(net, own, classes=[MEL, NV]) for own in images]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda turn: method.maps(net, images[turn % 2], classes=[MEL, NV]), range(4)))
    assert not expected[0].equal(expected[1])
    assert all(maps.equal(expected[turn % 2]) for turn, maps in enumerate(found))


@EVERY
def test_guards(net, image, method):
    with pytest.raises(ValueError, match=r"name at least one, each by its index from 0 to 6"):
        method.maps(net, image, classes=[7])
    net.train()
    try:
        with pytest.raises(ValueError, match=r"training mode.*call net\.eval\(\) first"):
            method.maps(net, image)
    finally:
        net.eval()


@EVERY
def test_without_captum_one_sentence_says_so(net, image, method, monkeypatch):
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(ConfigFault, match=r"^SHAP and LIME need captum, which is not installed: run `pip install -e '"):
        method.maps(net, image)


def test_without_scikit_image_one_sentence_says_so(net, image, monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.segmentation", None)
    with pytest.raises(ConfigFault, match=r"^SHAP and LIME need scikit-image, which is not installed"):
        lime(net, image)


def test_the_table_is_complete():
    assert list(COMPARED) == ["gradient-shap", "kernel-shap", "lime"]
    assert all(method.name == name and method.source and method.by_class for name, method in COMPARED.items())
