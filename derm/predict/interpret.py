"""What the network answers for a batch of pictures, turned into what is predicted: the one place where that happens.

Needs a loaded `Model` and squares of its input size. Diagnosing a picture, evaluating a data set and explaining one all
begin here. Knows no picture's own size and no truth.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from derm.engine.choose import engine_of
from derm.engine.look import Engine, check_squares
from derm.image.resize import unsquare
from derm.metrics.calibration import softmax
from derm.model.weights import Model, WeightsInfo
from derm.predict.picture_kind import PictureKind, judge
from derm.predict.views import check_views, spread, view

if TYPE_CHECKING:
    from torch import Tensor

    from derm.model.network import ModelOutput
    from derm.structures.engine import Seen


@dataclass(frozen=True, eq=False)
class Prediction:
    """Of N pictures, everything that follows from one look of the network, over V views."""

    model: Model
    """Who was asked."""

    squares: NDArray[np.uint8]
    """Uint8 (N, S, S, 3) RGB; upright."""

    engine: str
    """What the network ran on: onnx, torch."""

    logits: NDArray[np.float64]
    """Float64 (N, 7), the mean over the views, before the temperature."""

    each: NDArray[np.float64]
    """Float64 (N, V, 7), of each view, upright first."""

    lesion: NDArray[np.float32]
    """Float32 (N, S, S), 0 … 1: the probability that a pixel of the square is lesion, the mean over the views."""

    maps: NDArray[np.float32]
    """Float32 (N, 7, h, w), Grad-CAM in logits, the mean over the views."""

    statistics: NDArray[np.float32]
    """Float32 (N, D), of the encoder's stages, see `derm.model.gate`; upright."""

    features: NDArray[np.float32]
    """Float32 (N, C), pooled; upright."""

    answer: "ModelOutput | None" = None
    """The network's own answer to `images`, where PyTorch was the engine; see `output`."""

    structures: "dict[str, Seen]" = field(default_factory=dict, repr=False)
    """What a decoder of dermoscopic structures saw, by the SHA-256 of its weights; empty until somebody asks, see
    `derm.predict.case_structures`."""

    @property
    def info(self) -> WeightsInfo:
        """What the weights say of themselves: temperature, thresholds, size."""
        return self.model.description

    @cached_property
    def images(self) -> "Tensor":
        """Float (N, 3, S, S), normalised, on the network's device; upright. Made by PyTorch when it is asked for."""
        import torch

        from derm.model.preprocess import normalise

        device = next(self.model.net.parameters()).device
        return normalise(torch.from_numpy(self.squares).to(device), self.info.model)

    @cached_property
    def output(self) -> "ModelOutput":
        """The network's own answer to `images`, with the features that heat maps are made of.

        Of another engine it is PyTorch's, asked when it is wanted: the two differ by rounding alone.
        """
        if self.answer is not None:
            return self.answer
        import torch

        with torch.inference_mode():
            output: ModelOutput = self.model.net(self.images)
        return output

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """Float64 (N, 7) in the order of `CODES`, each row's sum 1: softmax of logits divided by the temperature."""
        return softmax(self.logits, self.info.temperature)

    @property
    def spread(self) -> NDArray[np.float64] | None:
        """How far the views are apart, float64 (N,), see `derm.predict.views.spread`; None for one view."""
        return spread(self.each, self.info.temperature)

    @property
    def kind(self) -> PictureKind:
        """What the weights say of the kind of the pictures: not dermoscopic, or seen little of."""
        return judge(self.info, self.statistics, self.features)

    def lesion_at(self, place: int, height: int, width: int) -> NDArray[np.float32]:
        """Lesion probability of picture `place` at its own size, float32 (height, width), 0 … 1."""
        return unsquare(self.lesion[place], height, width, self.info.model.fit)

    def outline_at(self, place: int, height: int, width: int) -> NDArray[np.bool_]:
        """Lesion of picture `place` at its own size, bool (height, width), at the threshold of the weights."""
        return self.lesion_at(place, height, width) >= self.info.mask_threshold


def interpret(model: Model, squares: NDArray[np.uint8], *, views: int = 1, engine: Engine | None = None) -> Prediction:
    """Ask `model` about squares, uint8 (N, S, S, 3) RGB, see `derm.image.resize.square`.

    views: 1, or 8 for the mean over eight, turned and mirrored, which takes eight times as long. engine: what the
    network runs on; None for what `derm.engine.choose` takes. Takes no gradient. Raises ConfigFault for another number
    of views, ValueError for squares of another size.
    """
    check_views(views)
    check_squares(squares, model.description.model.input_size)
    engine = engine or engine_of(model)
    viewed, upright = view(engine, squares, views)
    return Prediction(
        model,
        squares,
        engine.name,
        viewed.logits,
        viewed.each,
        viewed.lesion,
        viewed.maps,
        upright.statistics,
        upright.features,
        upright.answer,
    )


BATCH = 32
"""Squares that the network looks at together where many are asked about."""


def interpret_in_batches(
    model: Model, squares: NDArray[np.uint8], *, views: int = 1
) -> Iterator[tuple[slice, Prediction]]:
    """`interpret` of squares, uint8 (N, S, S, 3), `BATCH` at a time: which of them, and what is predicted."""
    for start in range(0, len(squares), BATCH):
        rows = slice(start, min(start + BATCH, len(squares)))
        yield rows, interpret(model, squares[rows], views=views)
