"""The network's answers for many squares at once, batch by batch, so that a caller reduces them as they come.

Needs uint8 squares from an image store. Keeps nothing: 2,000 masks of 224 × 224 pixels would be 400 MB. Knows nothing
of what the answers are measured against.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from derm.engine.look import check_squares
from derm.model.network import LesionNet, ModelOutput
from derm.model.preprocess import normalise


def answers(
    net: LesionNet,
    squares: NDArray[np.uint8],
    rows: NDArray[np.integer[Any]],
    batch: int = 32,
) -> Iterator[tuple[NDArray[np.integer[Any]], ModelOutput]]:
    """Yield the rows of each batch with their answer, in the order of `rows`.

    squares: uint8 (n, S, S, 3) RGB, S = `net.config.input_size`; may be a memory map. rows: integer (k,), which of them
    to answer for, in which order. batch: how many at a time, at least 1; the last one may be smaller. The answer lies
    on the network's device and takes no gradient. The network is in evaluation mode from the first batch to the last,
    then every part is back in its former mode, also when the caller stops early or fails and closes the generator.
    Raises ValueError for another size of squares or a batch below 1.
    """
    check_squares(squares, net.config.input_size)
    if batch < 1:
        raise ValueError(f"the batch is {batch}: ask for at least 1 square at a time")
    device = next(net.parameters()).device
    in_training = [module for module in net.modules() if module.training]
    net.eval()
    try:
        for start in range(0, len(rows), batch):
            chosen = rows[start : start + batch]
            # Not around the yield: the mode belongs to the thread, and would leak into the caller's own work.
            with torch.inference_mode():
                answer = net(normalise(torch.from_numpy(squares[chosen]).to(device), net.config))
            yield chosen, answer
    finally:
        for module in in_training:
            module.training = True
