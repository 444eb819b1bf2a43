"""What a decoder of structures is worth on a part that nothing was chosen on, and that as a table.

Needs a decoder on disk and a catalogue with marks. Looks through the engine that answers people.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from derm.data.catalogue import Catalogue
from derm.data.split import Part
from derm.image.decode import open_image
from derm.image.resize import square
from derm.model.weights import Model
from derm.structures.calibrate import calibrated
from derm.structures.engine import Seen
from derm.structures.learn import marked_part
from derm.structures.look import see
from derm.structures.measure import count_pixels, measure
from derm.structures.views import check_fit
from derm.structures.weights import StructureWeights
from derm.structures.words import LAYERS

AT_ONCE = 8
"""Pictures that are looked at together."""


def measure_part(
    model: Model,
    weights: StructureWeights,
    catalogue: Catalogue,
    part: Part,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, dict[str, Any]]:
    """The figures of `derm.structures.measure.measure` on a part; raises DataFault without marks, ConfigFault for
    weights that pad pictures."""
    check_fit(model)
    own = marked_part(catalogue, part)
    paths, size, fit = own.table["image_path"].tolist(), weights.info.input_size, model.description.model.fit
    masks, presence = [], []
    for first in range(0, len(paths), AT_ONCE):
        squares = np.stack([square(open_image(Path(path)), size, fit) for path in paths[first : first + AT_ONCE]])
        seen = see(model, weights, squares)
        masks.append(seen.masks)
        presence.append(seen.presence)
        if progress:
            progress(min(first + AT_ONCE, len(paths)), len(paths))
    seen = Seen(np.concatenate(masks), np.concatenate(presence))
    return measure(
        seen.presence,
        calibrated(seen.presence, np.array(weights.info.platt)),
        own.shown,
        count_pixels(seen.masks, paths),
        weights.info.mask_thresholds,
        own.lesions,
    )


def table_rows(measured: dict[str, dict[str, Any]], weights: StructureWeights) -> list[tuple[str, ...]]:
    """Lines for a table: structure, pictures that show it, AUC, average precision, Brier score, Jaccard, shown."""
    return [
        (
            LAYERS[key],
            f"{told['shown']:,} of {told['images']:,}",
            span(told["auc"]),
            f"{span(told['average_precision'])}; by chance {told['share']:.2f}",
            f"{span(told['brier'], 3)}; of the share {told['brier_of_share']:.3f}",
            span(told["jaccard"]),
            "with its place" if key in weights.info.placed else "yes" if key in weights.info.shown else "no",
        )
        for key, told in measured.items()
    ]


HEADS = ("structure", "marked in", "AUC of presence", "average precision", "Brier score", "Jaccard, pooled", "shown")
"""Of `table_rows`."""


def span(figure: list[float | None], digits: int = 2) -> str:
    """A figure with its 95 % interval, or a dash where it is undefined."""
    value, low, high = figure
    if value is None:
        return "–"
    if low is None or high is None:
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} ({low:.{digits}f} – {high:.{digits}f})"
