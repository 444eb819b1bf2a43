"""What an engine, whatever it runs on, says of squares in one look of the network: the one form of every answer.

Needs nothing. Knows no engine; which one looks is decided in `derm.engine.choose`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from derm.model.network import ModelOutput


class EngineOutput(NamedTuple):
    """Of N squares of S × S pixels.

    logits: float32 (N, 7), before the temperature. lesion: float32 (N, S, S), 0 … 1, the probability that a pixel is
    lesion. maps: float32 (N, 7, h, w), Grad-CAM in logits. statistics: float32 (N, D), of the encoder's stages, see
    `derm.model.gate`. features: float32 (N, C), pooled. answer: the network's own, where PyTorch looked.
    """

    logits: NDArray[np.float32]
    lesion: NDArray[np.float32]
    maps: NDArray[np.float32]
    statistics: NDArray[np.float32]
    features: NDArray[np.float32]
    answer: "ModelOutput | None" = None


def join(looks: Sequence[EngineOutput]) -> EngineOutput:
    """Looks at several batches as one, in order, without the network's own answers."""
    logits, lesion, maps, statistics, features = (
        np.concatenate(parts) for parts in zip(*(look[:5] for look in looks), strict=True)
    )
    return EngineOutput(logits, lesion, maps, statistics, features)


class Engine(Protocol):
    """What looks."""

    @property
    def name(self) -> str:
        """As in `DERM_ENGINE`: onnx, torch."""
        ...

    def look(self, squares: NDArray[np.uint8]) -> EngineOutput:
        """Look at squares, uint8 (N, S, S, 3) RGB, N at least 1; threads may look at the same time."""
        ...


def check_squares(squares: NDArray[np.uint8], size: int) -> None:
    """Raise ValueError unless `squares` are (n, size, size, 3)."""
    if squares.shape[1:] != (size, size, 3):
        raise ValueError(f"the squares are {squares.shape}, not (n, {size}, {size}, 3): scale them to the input size")
