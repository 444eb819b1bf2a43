"""Small untrained networks whose signal arrives at the head, for tests of heat maps.

Needs variants of a configuration. Knows no file.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from derm.model.config import ModelConfig
from derm.model.network import LesionNet

SMALL = ModelConfig(encoder="test_efficientnet", input_size=64, feature_channels=32, decoder_channels=(8, 8, 8, 8))
"""Of the default design, with an encoder that costs a quarter of the default's to build, to load and to ask."""


def let_through(net: LesionNet, images: torch.Tensor) -> None:
    """Set the running statistics by one pass over normalised `images`; fresh ones let the signal die out on its way."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        net(images)


def make_nets(variants: Mapping[str, Mapping[str, Any]], **small: Any) -> dict[str, LesionNet]:
    """A network of each variant of the configuration `small`, by its name, in evaluation mode; always the same ones."""
    made = {}
    for name, variant in variants.items():
        torch.manual_seed(7)
        net = LesionNet(ModelConfig(**{**small, **variant}))
        let_through(net, torch.randn(8, 3, 64, 64))
        made[name] = net.eval()
    return made
