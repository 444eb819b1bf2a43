"""What a model answers for many images, measured against their masks one by one: the raw material of every figure.

Needs weights and rows of a catalogue. Outlines are compared at each image's own size. Keeps no picture and no mask.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.data.store import read_pair
from derm.evaluate.explanation import AgreementSums
from derm.explain.gradcam import heat_map_of
from derm.image.resize import square, window_of
from derm.metrics.masks import MaskCount, count_masks
from derm.metrics.surface import SurfaceDistance, surface_distances
from derm.model.weights import Model
from derm.predict.case import lesion_in
from derm.predict.interpret import interpret_in_batches
from derm.predict.views import check_views

Progress = Callable[[int, int], None]
"""Told (done, total)."""

AHEAD = 128
"""Images that are decoded while the network works on earlier ones."""


class Inference(NamedTuple):
    """The answers for n images.

    logits: float64 (n, 7), before the temperature. features: float32 (n, C), pooled. statistics: float32 (n, D),
    of the encoder's stages, see `derm.model.gate`. counts: pixels of each image, 0
    without a mask. surface: float64 (n, 2), the 95th percentile Hausdorff and the mean surface distance in pixels, NaN
    without a mask. has_mask: bool (n,). explanation: how Grad-CAM agrees with predicted and true masks, for JSON. each:
    float64 (n, V, 7), the logits of each of V views; `logits` are their mean.
    """

    logits: NDArray[np.float64]
    features: NDArray[np.float32]
    statistics: NDArray[np.float32]
    counts: MaskCount
    surface: NDArray[np.float64]
    has_mask: NDArray[np.bool_]
    explanation: dict[str, Any]
    each: NDArray[np.float64]

    def take(self, rows: NDArray[np.bool_]) -> "Inference":
        """The answers for some of the images, bool (n,); `explanation` stays that of all."""
        return self._replace(
            logits=self.logits[rows],
            features=self.features[rows],
            statistics=self.statistics[rows],
            counts=MaskCount(*(column[rows] for column in self.counts)),
            surface=self.surface[rows],
            has_mask=self.has_mask[rows],
            each=self.each[rows],
        )


def answer_images(model: Model, table: pd.DataFrame, progress: Progress | None = None, *, views: int = 1) -> Inference:
    """Ask `model` about every image of `table`, rows of a catalogue's; DataFault when a file cannot be read.

    views: 1, or 8 for the mean over eight views; features are the upright one's. ConfigFault for another number.
    """
    check_views(views)
    size, fit = model.description.model.input_size, model.description.model.fit
    shift = 0.0 if views > 1 else model.description.evidence_shift.get("features", 0.0)
    logits: list[NDArray[np.float64]] = []
    each: list[NDArray[np.float64]] = []
    features: list[NDArray[np.float32]] = []
    statistics: list[NDArray[np.float32]] = []
    counts: list[MaskCount] = []
    surface: list[SurfaceDistance] = []
    known: list[bool] = []
    nothing = MaskCount(*(np.zeros(1, dtype=np.int64) for _ in MaskCount._fields))
    agreements = {"predicted_mask": AgreementSums(), "true_mask": AgreementSums()}
    for pairs in _decode_ahead(table):
        squares = np.stack([square(image, size, fit) for image, _ in pairs])
        for rows, found in interpret_in_batches(model, squares, views=views):
            logits.append(found.logits)
            each.append(found.each)
            features.append(found.features)
            statistics.append(found.statistics)
            likeliest = found.logits.argmax(axis=1)
            for place, ((image, mask), raw, first) in enumerate(zip(pairs[rows], found.maps, likeliest, strict=True)):
                height, width = image.shape[:2]
                outline = found.outline_at(place, height, width)
                window = window_of(height, width, size, fit)
                evidence = [heat_map_of(one, shift=shift, window=window) for one in raw]
                agreements["predicted_mask"].add(evidence, int(first), lesion_in(outline))
                if mask is not None:
                    agreements["true_mask"].add(evidence, int(first), mask)
                counts.append(nothing if mask is None else count_masks(outline, mask))
                surface.append(SurfaceDistance(np.nan, np.nan) if mask is None else surface_distances(outline, mask))
                known.append(mask is not None)
        if progress:
            progress(len(known), len(table))
    return Inference(
        np.concatenate(logits),
        np.concatenate(features),
        np.concatenate(statistics),
        MaskCount(*(np.concatenate(column) for column in zip(*counts, strict=True))),
        np.array(surface, dtype=np.float64),
        np.array(known),
        {name: sums.measures() for name, sums in agreements.items()},
        np.concatenate(each),
    )


Pair = tuple[NDArray[np.uint8], NDArray[np.bool_] | None]


def _decode_ahead(table: pd.DataFrame) -> Iterator[list[Pair]]:
    """The images and masks of `table` in order, `AHEAD` at a time, the next ones decoded meanwhile."""
    paths = list(zip(table["image_path"], table["mask_path"], strict=True))
    chunks = [paths[first : first + AHEAD] for first in range(0, len(paths), AHEAD)]
    with ThreadPoolExecutor(max_workers=1) as pool:
        coming = pool.submit(lambda chunk: [read_pair(*pair) for pair in chunk], chunks[0])
        for following in [*chunks[1:], []]:
            pairs = coming.result()
            coming = pool.submit(lambda chunk: [read_pair(*pair) for pair in chunk], following)
            yield pairs
