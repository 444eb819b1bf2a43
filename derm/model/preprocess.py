"""From square images to what the network takes: the one normalisation of training, measurement and prediction.

Needs RGB uint8 from `derm.image.scale`. Knows nothing of files.
"""

import torch
from torch import Tensor

from derm.model.config import ModelConfig


def normalise(images: Tensor, config: ModelConfig) -> Tensor:
    """Turn uint8 (N, S, S, 3) RGB into the network's float32 (N, 3, S, S), in channels-last memory."""
    mean = torch.tensor(config.mean, device=images.device) * 255
    deviation = torch.tensor(config.deviation, device=images.device) * 255
    # Permuting a contiguous NHWC tensor is already channels_last: the layout that CPU convolutions are fastest in.
    return ((images.float() - mean) / deviation).permute(0, 3, 1, 2)
