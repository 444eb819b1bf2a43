"""The network's pooled features of many picture files, for what compares pictures by them.

Needs a model. Knows nothing of what is compared.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from derm.errors import ImageRefused
from derm.image.door import open_image
from derm.image.scale import Fit, square
from derm.model.weights import Model
from derm.predict.batch import answers
from derm.predict.familiar import pooled

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
        features = np.concatenate([pooled(answer) for _, answer in answers(model.net, shown, np.arange(len(shown)))])
        features[[one is None for one in squares]] = np.nan
        found.append(features)
        if progress:
            progress(first + len(squares), len(paths))
    return np.concatenate(found)


def _square(path: Path, size: int, fit: Fit, *, lenient: bool) -> NDArray[np.uint8] | None:
    try:
        return square(open_image(path), size, fit)
    except ImageRefused:
        if lenient:
            return None
        raise
