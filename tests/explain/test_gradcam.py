"""Grad-CAM against its definition through the whole network, agreement by hand, and every guard."""

import numpy as np
import pytest
import torch
from small_nets import make_nets

from derm.diagnoses import CODES, INDEX
from derm.explain.agreement import (
    THRESHOLDS,
    agreement,
    centre_prior,
    inside_share,
    iou_curve,
    mean_agreement,
)
from derm.explain.gradcam import FLAT_LOGIT, class_maps, closed_form_maps, gradient_maps, heat_map_of
from derm.metrics.masks import count_masks, iou
from derm.model.config import ModelConfig
from derm.model.network import LesionNet, ModelOutput

SMALL = {
    "encoder": "test_efficientnet", "mask_encoder": "test_resnet",
    "input_size": 64, "feature_channels": 32, "decoder_channels": (8, 8, 8, 8),
}  # fmt: skip
VARIANTS = {
    "shared": {},
    "dual": {"design": "dual"},
    "hidden": {"hidden": 16},
    "inside": {"pooling": "whole+lesion"},
    "pixel": {"head": "pixel"},
    "dual pixel": {"design": "dual", "head": "pixel"},
}


@pytest.fixture(scope="module")
def nets() -> dict[str, LesionNet]:
    return make_nets(VARIANTS, **SMALL)


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(3))


def definition(answer: ModelOutput) -> np.ndarray:
    """Equations 1 and 2 of the Grad-CAM paper, one image, class and channel at a time, from a whole forward pass."""
    maps = np.zeros((len(answer.features), len(CODES), *answer.features.shape[2:]))
    for row, scores in enumerate(answer.class_logits):
        for index, score in enumerate(scores):
            (slopes,) = torch.autograd.grad(score, answer.features, retain_graph=True)
            for channel, slope in zip(answer.features[row].detach().numpy(), slopes[row].numpy(), strict=True):
                maps[row, index] += slope.mean() * channel
    return np.maximum(maps, 0)


@pytest.mark.parametrize("variant", VARIANTS)
def test_maps_follow_the_definition_through_the_whole_network(nets, images, variant):
    net = nets[variant]
    answer = net(images)
    expected = definition(answer)
    cells = expected[0, 0].size
    assert (expected.max(axis=(1, 2, 3)) * cells).min() > 0.2
    maps = class_maps(net, answer.features)
    assert maps.dtype == torch.float32
    np.testing.assert_allclose(maps.numpy(), expected, atol=1e-6)
    with torch.inference_mode():
        torch.testing.assert_close(class_maps(net, net(images).features), maps, atol=1e-4, rtol=0)


@pytest.mark.parametrize("variant", ["shared", "dual", "pixel", "dual pixel"])
def test_the_closed_form_is_the_gradient(nets, images, variant):
    net = nets[variant]
    with torch.no_grad():
        features = net(images).features
    torch.testing.assert_close(closed_form_maps(net, features), gradient_maps(net, features), atol=1e-6, rtol=0)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
@pytest.mark.parametrize("method", [closed_form_maps, gradient_maps])
def test_maps_leave_no_trace_in_any_mode(nets, images, mode, method):
    net = nets["shared"]
    with mode():
        maps = method(net, net(images).features)
        assert torch.is_grad_enabled() == (mode is torch.enable_grad)
    assert not maps.requires_grad
    assert all(parameter.grad is None for parameter in net.parameters())


def test_maps_by_hand(nets):
    """Two channels of 1 × 2 cells. For mel W = (2, −4): 2·(1, 3) − 4·(0, 2) = (2, −2), cut at 0, over two cells."""
    net = LesionNet(ModelConfig(**SMALL | {"feature_channels": 2})).eval()
    with torch.no_grad():
        net.head.scores.weight.zero_()
        net.head.scores.weight[INDEX["mel"]] = torch.tensor([2.0, -4.0])
    features = torch.tensor([[[[1.0, 3.0]], [[0.0, 2.0]]]])
    for maps in (closed_form_maps(net, features), gradient_maps(net, features)):
        assert maps[0, INDEX["mel"]].tolist() == [[1.0, 0.0]]
        assert maps[0].sum() == 1.0  # the other six are flat


def test_training_mode_is_refused(nets, images):
    net = LesionNet(nets["shared"].config).train()
    for method in (class_maps, closed_form_maps, gradient_maps):
        with pytest.raises(ValueError, match=r"training mode.*call net\.eval\(\) first"):
            method(net, torch.ones(1, 32, 2, 2))


def test_a_hidden_layer_has_no_closed_form(nets):
    with pytest.raises(ValueError, match=r"hidden layer.*use gradient_maps"):
        closed_form_maps(nets["hidden"], torch.ones(1, 32, 2, 2))


def test_evidence_keeps_its_maximum():
    evidence = heat_map_of(np.array([[0, 1], [2, 4]], dtype=np.float32), height=4, width=6)
    assert evidence.cells.tolist() == [[0, 0.25], [0.5, 1]]
    assert (evidence.maximum, evidence.flat) == (4, False)
    assert (evidence.map.shape, evidence.map.dtype) == ((4, 6), np.float32)
    assert evidence.map[0, 0] == 0
    assert evidence.map[3, 5] == 1
    assert evidence.scaled(2, 2).tolist() == evidence.cells.tolist()


@pytest.mark.parametrize("side", [2, 7, 32])
def test_a_flat_map_is_never_stretched(side):
    limit = FLAT_LOGIT / side**2
    flat, strong = (heat_map_of(np.full((side, side), limit * share, dtype=np.float32)) for share in (0.99, 1.01))
    assert flat.flat
    assert not flat.map.any()
    assert flat.maximum == pytest.approx(0.99 * limit)
    assert not strong.flat
    assert strong.map.min() == 1


def test_a_map_that_is_not_finite_is_refused():
    for value in (np.nan, np.inf):
        with pytest.raises(ValueError, match="not finite"):
            heat_map_of(np.array([[0, value]], dtype=np.float32))


# The lesion is the upper row; the map is strong at one of its two pixels, weak at the other and below.
MASK = np.array([[True, True], [False, False]])
MAP = np.array([[1.0, 0.5], [0.25, 0.25]], dtype=np.float32)
FLAT = np.zeros((2, 2), dtype=np.float32)


def test_agreement_by_hand():
    found = agreement(MAP, MASK)
    # Up to 0.25 all four pixels are marked (2 / 4), up to 0.5 the upper two (2 / 2), above it one (1 / 2).
    assert found.iou_curve.tolist() == [0.5] * 26 + [1.0] * 25 + [0.5] * 50
    assert found.thresholds is THRESHOLDS
    assert (found.best_iou, found.best_threshold) == (1, 0.26)
    assert found.inside == 1.5 / 2
    # Of a centre prior half lies above the middle; its four pixels are equal, so it marks all of them or none.
    assert found.baseline_inside == pytest.approx(1 / 2)
    assert found.baseline_iou == 0.5
    assert set(found.baseline_curve.tolist()) == {0.5, 0.0}


def test_the_mean_over_classes_counts_a_flat_map_as_no_overlap():
    found = mean_agreement([MAP, FLAT], MASK)
    assert found.best_iou == 1 / 2
    assert found.iou_curve.tolist() == [0.25] * 26 + [0.5] * 25 + [0.25] * 50
    assert found.inside == 1.5 / 2  # of the one that has evidence


def test_the_best_threshold_is_common_to_all_classes():
    # The second map is right up to 0.25 only: alone each reaches 1, together no threshold does.
    other = np.array([[0.25, 0.25], [0, 0]], dtype=np.float32)
    assert agreement(other, MASK).best_iou == 1
    found = mean_agreement([MAP, other], MASK)
    assert (found.best_iou, found.best_threshold) == (0.75, 0.01)


def test_where_there_is_nothing_to_agree_the_answer_is_none():
    assert agreement(FLAT, MASK) is None
    assert agreement(MAP, np.zeros_like(MASK)) is None
    assert mean_agreement([FLAT, FLAT], MASK) is None


def test_a_map_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"the map is \(2, 2\), the mask \(1, 2\)"):
        agreement(MAP, MASK[:1])


def test_the_curve_is_the_count_at_each_threshold():
    random = np.random.default_rng(5)
    map_, mask = random.random((13, 17), dtype=np.float32), random.random((13, 17)) < 0.3
    map_[0, :10] = THRESHOLDS[:10]  # a pixel exactly on a threshold (in float32) is decided the same way
    thresholded = map_ >= THRESHOLDS[:, None, None]
    expected = iou(count_masks(thresholded, np.broadcast_to(mask, thresholded.shape)))
    np.testing.assert_array_equal(iou_curve(map_, mask), expected)


def test_the_centred_blob():
    blob = centre_prior(101, 51)
    assert blob[50, 25] == blob.max() == 1
    np.testing.assert_allclose(blob, blob[::-1, ::-1], rtol=1e-6)
    # At one standard deviation, a quarter of the side, it has fallen to exp(−1/2).
    assert centre_prior(100, 101)[25, 50] == pytest.approx(np.exp(-0.5 * (24.5 / 25) ** 2))


def test_the_share_inside():
    assert inside_share(MAP, MASK) == 1.5 / 2
    assert np.isnan(inside_share(FLAT, MASK))
