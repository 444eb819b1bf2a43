"""What the network answers for a batch of pictures, turned into what is predicted: the one place where that happens.

Needs a loaded `Model` and squares of its input size. Diagnosing a picture, evaluating a data set and explaining one all
begin here. Knows no picture's own size and no truth.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from derm.image.resize import unsquare
from derm.model.gate import stage_statistics
from derm.model.network import ModelOutput
from derm.model.preprocess import normalise
from derm.model.weights import Model, WeightsInfo
from derm.predict.batch import check_squares
from derm.predict.ood import pooled
from derm.predict.picture_kind import PictureKind, judge
from derm.predict.views import check_views, spread, view


@dataclass(frozen=True, eq=False)
class Prediction:
    """Of N pictures, everything that follows from one look of the network, over V views."""

    model: Model
    """Who was asked."""

    images: Tensor
    """Float (N, 3, S, S), normalised, on the network's device; upright."""

    output: ModelOutput
    """The network's own answer to `images`, with the features that heat maps are made of."""

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

    @property
    def info(self) -> WeightsInfo:
        """What the weights say of themselves: temperature, thresholds, size."""
        return self.model.description

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """Float64 (N, 7) in the order of `CODES`, each row's sum 1: softmax of logits divided by the temperature."""
        return torch.from_numpy(self.logits / self.info.temperature).softmax(dim=1).numpy()

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


def interpret(model: Model, squares: NDArray[np.uint8], *, views: int = 1) -> Prediction:
    """Ask `model` about squares, uint8 (N, S, S, 3) RGB, see `derm.image.resize.square`.

    views: 1, or 8 for the mean over eight, turned and mirrored, which takes eight times as long. Takes no gradient.
    Raises ConfigFault for another number of views, ValueError for squares of another size.
    """
    check_views(views)
    net, info = model.net, model.description
    check_squares(squares, info.model.input_size)
    with torch.inference_mode():
        images = normalise(torch.from_numpy(squares).to(next(net.parameters()).device), info.model)
        output, stages = net.answer_and_stages(images)
        viewed = view(net, images, output, views)
        return Prediction(
            model,
            images,
            output,
            viewed.logits,
            viewed.each,
            viewed.lesion,
            viewed.maps,
            stage_statistics(stages),
            pooled(output),
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
