"""What the network makes of many picture files: pooled features, and statistics of its stages, to compare them by.

Needs a model. Knows nothing of what is compared.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from derm.errors import ImageRefused
from derm.image.decode import open_image
from derm.image.resize import Fit, square
from derm.model.weights import Model
from derm.predict.interpret import interpret_in_batches
from derm.predict.variations import views_of

AT_ONCE = 128
"""Pictures held in memory at a time: 128 of 224 × 224 pixels are 19 MB."""


def features_of(
    model: Model, paths: Sequence[Path], progress: Callable[[int, int], None] | None = None, *, lenient: bool = False
) -> NDArray[np.float32]:
    """The network's pooled features of pictures, float32 (n, C), in order.

    progress: told (done, total). A picture that cannot be read raises ImageRefused; lenient: its row is NaN instead.
    """
    size, fit, found = model.description.model.input_size, model.description.model.fit, []
    for first in range(0, len(paths), AT_ONCE):
        squares = [_square(path, size, fit, lenient=lenient) for path in paths[first : first + AT_ONCE]]
        blank = np.zeros((size, size, 3), dtype=np.uint8)
        shown = np.stack([blank if one is None else one for one in squares])
        features = np.concatenate([one.features for _, one in interpret_in_batches(model, shown)])
        features[[one is None for one in squares]] = np.nan
        found.append(features)
        if progress:
            progress(first + len(squares), len(paths))
    return np.concatenate(found)


def statistics_of(
    model: Model, paths: Sequence[Path], progress: Callable[[int, int], None] | None = None, *, views: int = 1
) -> NDArray[np.float32]:
    """The statistics of the encoder's stages, float32 (n, views, D), of pictures in order, see `stage_statistics`.

    views: of each picture, the first as it is, see `views_of`. progress: told (done, total). Raises ImageRefused.
    """
    size, fit, found = model.description.model.input_size, model.description.model.fit, []
    at_once = max(1, AT_ONCE // views)
    for first in range(0, len(paths), at_once):
        images = [open_image(path) for path in paths[first : first + at_once]]
        seeds = range(first, first + len(images))
        shown = np.stack(
            [
                square(view, size, fit)
                for image, seed in zip(images, seeds, strict=True)
                for view in views_of(image, views, np.random.default_rng(seed))
            ]
        )
        statistics = np.concatenate([one.statistics for _, one in interpret_in_batches(model, shown)])
        found.append(statistics.reshape(len(images), views, -1))
        if progress:
            progress(first + len(images), len(paths))
    return np.concatenate(found)


def _square(path: Path, size: int, fit: Fit, *, lenient: bool) -> NDArray[np.uint8] | None:
    try:
        return square(open_image(path), size, fit)
    except ImageRefused:
        if lenient:
            return None
        raise
