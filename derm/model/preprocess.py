"""From square images to what the network takes: the one normalisation of training, measurement and prediction.

Needs RGB uint8 from `derm.image.resize`. Knows nothing of files.
"""

import torch
from torch import Tensor

from derm.image.resize import PADDING
from derm.model.config import ModelConfig

NORM = 6
"""Power p of the Minkowski norm that the colour of the light is taken from; 1 would be the mean, the grey world,
infinity the brightest pixel. Finlayson and Trezzi 2004 find 6 best."""

LARGEST_RATIO = 4.0
"""A channel is raised by at most so much more than the brightest one: no light is more coloured, but a picture that
has hardly any blue is."""


def normalise(images: Tensor, config: ModelConfig) -> Tensor:
    """Turn uint8 (N, S, S, 3) RGB into the network's float32 (N, 3, S, S), in channels-last memory."""
    mean = torch.tensor(config.mean, device=images.device) * 255
    deviation = torch.tensor(config.deviation, device=images.device) * 255
    shown = shades_of_grey(images) if config.colour_constancy == "shades-of-grey" else images.float()
    # Permuting a contiguous NHWC tensor is already channels_last: the layout that CPU convolutions are fastest in.
    return ((shown - mean) / deviation).permute(0, 3, 1, 2)


def shades_of_grey(images: Tensor) -> Tensor:
    """Take the colour of the light away: uint8 (N, S, S, 3) RGB to float32 of the same shape, ≥ 0, 255 for white.

    Each picture's light is the Minkowski norm of each channel (Finlayson and Trezzi 2004, "Shades of gray and colour
    constancy"; Barata et al. 2015 for dermoscopy); channels are divided by it, then all multiplied so that the
    picture's mean stays. Highlights may exceed 255. Pixels of exactly `PADDING`, beside a padded picture or hidden in
    training, are not looked at and stay; a black picture stays black.
    """
    values = images.float()
    seen = (images != torch.tensor(PADDING, dtype=torch.uint8, device=images.device)).any(dim=3, keepdim=True)
    count = seen.sum(dim=(1, 2), keepdim=True).clamp(min=1)
    shares = values / 255 * seen  # powers of 255 would need more digits than float32 has
    light = (shares.pow(NORM).sum(dim=(1, 2), keepdim=True) / count).pow(1 / NORM)
    means = shares.sum(dim=(1, 2), keepdim=True) / count
    # Below 1e-3, a quarter of a step of uint8, a channel is black.
    gains = 1 / torch.maximum(light, light.amax(dim=3, keepdim=True) / LARGEST_RATIO).clamp(min=1e-3)
    brightness = means.sum(dim=3, keepdim=True) / (gains * means).sum(dim=3, keepdim=True).clamp(min=1e-12)
    return torch.where(seen, values * gains * brightness, values)
