"""Invertible concept-based explanations (ICE, Zhang et al. 2021, AAAI): a diagnosis's features as sums of few parts.

Needs a network in evaluation mode and example pictures of each diagnosis. Parts are found by non-negative matrix
factorisation, cell by cell; nobody names them. Features below 0, which their paper's ReLU does not leave, count as 0.
"""

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import NMF, non_negative_factorization
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor
from torch.nn import functional as F

from derm.concepts.examples import ByNetwork, ExamplePictures
from derm.explain.class_head import class_features, slopes, wanted_classes
from derm.model.network import LesionNet, ModelOutput

PARTS = 8
"""Of each diagnosis, as many as theirs are looked at."""

ROUNDS = 200
"""Most steps of the factorisation."""

TOLERANCE = 1e-3

BATCH = 8


class IceMaps:
    """ICE as a way to heat maps: see `Method.maps` of `derm.explain.methods`.

    The features are put together again from the diagnosis's parts, and each cell says what that adds to the logit, as
    Grad-CAM does of the features themselves: what the parts leave out is left out of the map. Parts of another network,
    as a random one, are looked for anew.
    """

    def __init__(self, examples: ExamplePictures) -> None:
        self._parts = ByNetwork(lambda net: {index: parts_of(net, examples.of(index)) for index in examples.pictures})

    def __call__(
        self, net: LesionNet, images: Tensor, answer: ModelOutput | None = None, classes: Sequence[int] | None = None
    ) -> Tensor:
        """Give float32 (N, K, h, w), ≥ 0, in logits."""
        wanted = wanted_classes(classes)
        features = class_features(net, images, answer)
        gradient = slopes(net, features, wanted)
        maps = []
        for place, index in enumerate(wanted):
            again = torch.from_numpy(rebuilt(features.numpy(force=True), self.parts(net, index)))
            maps.append(torch.einsum("nc,nchw->nhw", gradient[:, place].cpu(), again))
        return F.relu(torch.stack(maps, dim=1))

    def parts(self, net: LesionNet, index: int) -> NDArray[np.float32]:
        """The parts of a diagnosis, float32 (parts, C); of one without examples those of the first that has some."""
        found = self._parts.of(net)
        return found.get(index, next(iter(found.values())))

    def kept(self, net: LesionNet, features: Tensor) -> float:
        """Fidelity: the share of pictures whose likeliest diagnosis stays when their features are put together again.

        features: float (N, C, h, w) of the network's answer, N ≥ 1; each by the parts of the diagnosis that it calls.
        """
        same = 0
        with torch.no_grad():
            called = net.head(features).argmax(dim=1)
            for own, index in zip(features, called.tolist(), strict=True):
                again = rebuilt(own[None].numpy(force=True), self.parts(net, index))
                same += int(net.head(torch.from_numpy(again)).argmax()) == index
        return same / len(features)


def parts_of(net: LesionNet, images: Tensor, batch: int = BATCH) -> NDArray[np.float32]:
    """The parts of these pictures' features, float32 (k, C), ≥ 0; k at most `PARTS`, and at most as many as cells."""
    features = torch.cat([class_features(net, some) for some in images.split(batch)]).numpy(force=True)
    cells = _cells(features)
    count = min(PARTS, *cells.shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = NMF(count, init="nndsvda", tol=TOLERANCE, max_iter=ROUNDS, random_state=0).fit(cells)
    return np.asarray(found.components_, dtype=np.float32)


def rebuilt(features: NDArray[np.float32], parts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Features, float32 (N, C, h, w), as sums of parts, (k, C), with the non-negative shares that come nearest."""
    cells = _cells(features)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        shares, _, _ = non_negative_factorization(
            cells, H=parts, n_components=len(parts), init="custom", update_H=False, tol=TOLERANCE, max_iter=ROUNDS
        )
    count, channels, height, width = features.shape
    again = (shares @ parts).reshape(count, height, width, channels).transpose(0, 3, 1, 2)
    return np.ascontiguousarray(again, dtype=np.float32)


def _cells(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """One row a cell, ≥ 0: float32 (N · h · w, C)."""
    rows = features.transpose(0, 2, 3, 1).reshape(-1, features.shape[1])
    return np.ascontiguousarray(np.maximum(rows, 0), dtype=np.float32)
