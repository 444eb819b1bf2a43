"""PyTorch as an engine: for networks that have no graph, on an accelerator, and for who explains the answer further.

Needs a network in evaluation mode. Knows nothing of files.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from derm.engine.look import EngineOutput
from derm.explain.gradcam import class_maps
from derm.model.gate import stage_statistics
from derm.model.network import LesionNet
from derm.model.preprocess import normalise


class TorchEngine:
    """The network itself, on the device where it lies."""

    name = "torch"

    def __init__(self, net: LesionNet) -> None:
        self.net = net

    def look(self, squares: NDArray[np.uint8]) -> EngineOutput:
        """Look at squares, see `Engine`; the answer comes along. Takes no gradient."""
        net = self.net
        with torch.inference_mode():
            images = normalise(torch.from_numpy(squares).to(next(net.parameters()).device), net.config)
            answer, stages = net.answer_and_stages(images)
            return EngineOutput(
                answer.class_logits.float().cpu().numpy(),
                answer.mask_logits[:, 0].float().sigmoid().cpu().numpy(),
                class_maps(net, answer.features).cpu().numpy(),
                stage_statistics(stages),
                answer.pooled.cpu().numpy(),
                answer,
            )
