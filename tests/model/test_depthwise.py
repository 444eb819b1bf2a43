"""Depthwise convolutions give torch's values and torch's gradients, whatever way those take."""

import pytest
import torch
from torch import nn

from derm.model.config import ModelConfig
from derm.model.depthwise import DepthwiseConv2d, _Depthwise, quicken, slow_down
from derm.model.network import LesionNet

SHAPES = [(side, stride, height, width) for side in (3, 5) for stride in (1, 2) for height, width in ((8, 8), (7, 10))]


def convolution(side: int, stride: int) -> nn.Conv2d:
    """A depthwise convolution of 16 channels that keeps the size, with seeded weights."""
    torch.manual_seed(0)
    return nn.Conv2d(16, 16, side, stride, padding=side // 2, groups=16, bias=False)


def gradients(module: nn.Module, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What `module` answers, and the gradients of a weighted sum of it by the images and the weight."""
    images = images.clone().requires_grad_()
    answer = module(images)
    weighted = answer.float() * torch.linspace(-1, 1, answer.numel()).reshape(answer.shape)
    by_images, by_weight = torch.autograd.grad(weighted.sum(), (images, module.weight))
    return answer, by_images, by_weight


class Quick(nn.Module):
    """The quick way, whatever the number format."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.stride = convolution.weight, convolution.stride[0]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return _Depthwise.apply(images, self.weight, self.stride)


@pytest.mark.parametrize(("side", "stride", "height", "width"), SHAPES)
def test_values_and_gradients_are_torchs(side, stride, height, width):
    theirs = convolution(side, stride)
    images = torch.randn(3, 16, height, width).to(memory_format=torch.channels_last)
    quick = gradients(Quick(theirs), images)
    for mine, expected in zip(quick, gradients(theirs, images), strict=True):
        torch.testing.assert_close(mine, expected, rtol=1e-4, atol=1e-4)


def test_in_float32_torchs_own_gradients_are_taken(monkeypatch):
    monkeypatch.setattr("derm.model.depthwise._Depthwise.apply", None)
    theirs = convolution(5, 1)
    images = torch.randn(3, 16, 8, 8).to(memory_format=torch.channels_last)
    ours = gradients(DepthwiseConv2d.of(theirs), images)
    for mine, expected in zip(ours, gradients(theirs, images), strict=True):
        assert torch.equal(mine, expected)


@pytest.mark.parametrize(("side", "stride", "height", "width"), SHAPES)
def test_gradients_are_those_of_finite_differences(side, stride, height, width):
    torch.manual_seed(1)
    images = torch.randn(1, 2, height, width, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 1, side, side, dtype=torch.float64, requires_grad=True)
    if side == 5 and stride == 2:  # this one is computed in float32
        assert torch.autograd.gradcheck(
            lambda *both: _Depthwise.apply(*both, stride), (images, weight), atol=1e-3, rtol=1e-3
        )
    else:
        assert torch.autograd.gradcheck(lambda *both: _Depthwise.apply(*both, stride), (images, weight))


@pytest.mark.parametrize(("side", "stride", "height", "width"), SHAPES)
def test_mixed_precision_stays_within_its_rounding(side, stride, height, width):
    theirs = convolution(side, stride)
    ours = DepthwiseConv2d.of(theirs)
    images = torch.randn(3, 16, height, width).to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        mine = gradients(ours, images)
    assert mine[0].dtype == torch.bfloat16
    assert mine[1].dtype == mine[2].dtype == torch.float32
    for part, expected in zip(mine, gradients(theirs, images), strict=True):
        assert (part.float() - expected).norm() / expected.norm() < 0.01


def test_only_what_fits_is_replaced_and_names_stay():
    body = nn.Sequential(
        convolution(3, 1),
        nn.Conv2d(16, 16, 3, padding=1),
        nn.Conv2d(16, 16, 3, padding=1, groups=16),
        nn.Conv2d(16, 16, 7, padding=3, groups=16, bias=False),
    )
    weight = body[0].weight
    before = list(body.state_dict())
    quicken(body)
    assert [type(part) is DepthwiseConv2d for part in body] == [True, False, False, False]
    assert body[0].weight is weight
    assert list(body.state_dict()) == before
    slow_down(body)
    assert [type(part) for part in body] == [nn.Conv2d] * 4
    assert body[0].weight is weight
    assert DepthwiseConv2d.fits(body[0])


def test_every_depthwise_convolution_of_the_network_takes_the_quick_way():
    net = LesionNet(ModelConfig(input_size=64))
    depthwise = [
        part for part in net.encoder.modules() if isinstance(part, nn.Conv2d) and part.groups == part.in_channels > 1
    ]
    assert len(depthwise) == 16
    assert all(isinstance(part, DepthwiseConv2d) for part in depthwise)


def test_a_measured_network_runs_torchs_own_code(monkeypatch):
    module = DepthwiseConv2d.of(convolution(3, 1)).eval()
    monkeypatch.setattr("derm.model.depthwise._Depthwise.apply", None)
    images = torch.randn(1, 16, 8, 8, requires_grad=True)
    module(images).sum().backward()
    assert images.grad is not None
    with pytest.raises(TypeError), torch.autocast("cpu", torch.bfloat16):
        module.train()(images)
