"""Automatic concept-based explanations (ACE, Ghorbani et al. 2019, NeurIPS): pieces of pictures that a network takes
for alike, and whether a diagnosis's score rises along what they have in common.

Needs a network in evaluation mode, example pictures of each diagnosis, and scikit-image (the extra `compare`). Pieces
are superpixels at several sizes, each by itself on the mean colour and enlarged to the network's square; alike is near
in pooled features. Nobody names what is found.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from torch import Tensor
from torch.nn import functional as F

from derm.concepts.examples import ByNetwork, ExamplePictures
from derm.concepts.tcav import concept_vectors, scores_of
from derm.explain.captum_methods import superpixels
from derm.explain.class_head import class_features, slopes, wanted_classes
from derm.model.network import LesionNet, ModelOutput

SIZES = (12, 40)
"""About how many superpixels a picture has, coarse and fine; the paper takes 15, 50 and 80."""

CLUSTERS = 10
"""Of a diagnosis's pieces, at most; the paper begins with 25, of ten times as many."""

KEPT = 40
"""Pieces of a cluster that lie nearest to its middle; the others are let go."""

DRAWS = 10
"""Vectors of a concept."""

BY_CHANCE = 0.5
"""Score of a direction that has nothing to do with the diagnosis."""

BATCH = 8


class Pieces(NamedTuple):
    """The pieces of one picture, at one size: labels, int64 (S, S), from 0; pooled, float32 (count, C)."""

    labels: NDArray[np.int64]
    pooled: NDArray[np.float32]


class FoundConcepts(NamedTuple):
    """What pieces of a diagnosis have in common, m of them, 0 or more.

    middles: float32 (m, C), pooled features. reach: float32 (m,), how far from a middle a piece of it lies, at most.
    scores: float64 (m,), 0 … 1, TCAV of the diagnosis.
    """

    middles: NDArray[np.float32]
    reach: NDArray[np.float32]
    scores: NDArray[np.float64]


class AceMaps:
    """ACE as a way to heat maps: see `Method.maps` of `derm.explain.methods`.

    Each pixel has what the concept of its piece scores above chance, 0 … 0.5, the mean over the sizes; a piece that
    belongs to no concept has none. The paper makes no map: this is how its concepts are put on a picture here. Those of
    another network, as a random one, are looked for anew.
    """

    def __init__(self, examples: ExamplePictures, seed: int = 0) -> None:
        self._found = ByNetwork(lambda net: concepts_of(net, examples, seed))

    def __call__(
        self,
        net: LesionNet,
        images: Tensor,
        answer: ModelOutput | None = None,  # noqa: ARG002 - every method takes the same
        classes: Sequence[int] | None = None,
    ) -> Tensor:
        """Give float32 (N, K, S, S), ≥ 0."""
        wanted = wanted_classes(classes)
        found = self._found.of(net)
        maps = []
        for image in images:
            pieces = pieces_of(net, image)
            maps.append(np.stack([_painted(pieces, found.get(index)) for index in wanted]))
        return torch.from_numpy(np.stack(maps))

    def counted(self, net: LesionNet) -> dict[int, FoundConcepts]:
        """The concepts by the index of their diagnosis."""
        return self._found.of(net)


def concepts_of(net: LesionNet, examples: ExamplePictures, seed: int = 0) -> dict[int, FoundConcepts]:
    """The concepts of every diagnosis that has examples, each held against pieces of all others."""
    pieces = {
        index: [[one.pooled for one in pieces_of(net, image)] for image in images]
        for index, images in examples.pictures.items()
    }
    found = {}
    for index, own in pieces.items():
        others = [
            pooled for other, pictures in pieces.items() if other != index for sizes in pictures for pooled in sizes
        ]
        features = class_features(net, examples.pictures[index])
        slope = slopes(net, features, [index])[:, 0].numpy(force=True)
        pooled = [np.concatenate(sizes) for sizes in own]
        against = np.concatenate(others) if others else np.empty((0, pooled[0].shape[1]), np.float32)
        found[index] = _concepts(pooled, against, slope, seed)
    return found


def pieces_of(net: LesionNet, image: Tensor) -> list[Pieces]:
    """The pieces of a normalised picture, float (3, S, S), at each of `SIZES`."""
    found = []
    for count in SIZES:
        labels = superpixels(image, net.config, count)
        cut = torch.stack([_enlarged(image, labels == label) for label in range(labels.max() + 1)])
        pooled = [class_features(net, some).mean(dim=(2, 3)) for some in cut.split(BATCH)]
        found.append(Pieces(labels, torch.cat(pooled).numpy(force=True)))
    return found


def _enlarged(image: Tensor, piece: NDArray[np.bool_]) -> Tensor:
    """A piece of a picture by itself, on the mean colour (0 of what is normalised), as large as the picture."""
    rows, columns = np.flatnonzero(piece.any(axis=1)), np.flatnonzero(piece.any(axis=0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    alone = image[:, box[0], box[1]] * torch.from_numpy(piece[box]).to(image.device)
    return F.interpolate(alone[None], size=image.shape[-2:], mode="bilinear", align_corners=False)[0]


def _concepts(
    own: list[NDArray[np.float32]], others: NDArray[np.float32], slope: NDArray[np.float32], seed: int
) -> FoundConcepts:
    """Clusters of the pieces of pictures, one array (count, C) each, that come from half of them at least."""
    pooled = np.concatenate(own)
    picture = np.repeat(np.arange(len(own)), [len(one) for one in own])
    count = max(1, min(CLUSTERS, len(pooled) // 4))
    groups = KMeans(count, n_init=3, random_state=seed).fit(pooled)
    middles, reach, scores = [], [], []
    for number, middle in enumerate(groups.cluster_centers_):
        away = np.linalg.norm(pooled - middle, axis=1)
        inside = np.flatnonzero(groups.labels_ == number)
        members = inside[np.argsort(away[inside], kind="stable")[:KEPT]]
        if len(members) < 4 or 2 * len(np.unique(picture[members])) < len(own) or len(others) < 4:
            continue
        both = np.concatenate([pooled[members], others])
        shows = np.arange(len(both)) < len(members)
        vectors, _ = concept_vectors(both, shows, np.random.default_rng([seed, number]), DRAWS)
        middles.append(middle)
        reach.append(away[members].max())
        scores.append(scores_of(vectors, slope).mean())
    return FoundConcepts(
        np.array(middles, np.float32).reshape(-1, pooled.shape[1]), np.array(reach, np.float32), np.array(scores)
    )


def _painted(pieces: list[Pieces], concepts: FoundConcepts | None) -> NDArray[np.float32]:
    """One picture's map of one diagnosis, float32 (S, S)."""
    layers = []
    for labels, pooled in pieces:
        values = np.zeros(len(pooled), np.float32)
        if concepts is not None and len(concepts.scores):
            away = np.linalg.norm(pooled[:, None] - concepts.middles[None], axis=2)
            nearest = away.argmin(axis=1)
            belongs = away[np.arange(len(pooled)), nearest] <= concepts.reach[nearest]
            values = np.where(belongs, np.maximum(concepts.scores[nearest] - BY_CHANCE, 0), 0).astype(np.float32)
        layers.append(values[labels])
    return np.asarray(np.mean(layers, axis=0), dtype=np.float32)
