"""The outlines that agree least with the dermatologist's, as small pictures to look at.

Needs weights and the catalogue's rows with the IoU of each. Draws; measures nothing.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.data.store import read_pair
from derm.files import portable_name, shorten
from derm.image.overlay import draw_outline, jpeg, resize_mask
from derm.model.weights import Model
from derm.predict.case import diagnose
from derm.predict.view import draw_view, screen_size

WORST = 50
"""As many outlines are drawn."""

SIDE = 320
"""Longer side of each small picture, pixels."""

MOST_LETTERS = 50
"""Of an image's id in a file's name: disks take 255 bytes, and a letter has up to four."""


def worst_outlines(
    model: Model, table: pd.DataFrame, union: NDArray[np.float64], views: int = 1, count: int = WORST
) -> dict[str, bytes]:
    """The `count` images with the lowest IoU, worst first, as JPEG files by name: '01-<image_id>-iou-0.12.jpg'.

    table: rows of a catalogue. union: float64 (n,), each image's IoU, NaN without a mask, which is left out.
    views: over which the outline is the mean. The model's outline is a line, the true one is dashed.
    """
    order = [int(row) for row in np.argsort(union, kind="stable") if not np.isnan(union[row])][:count]
    drawn = {}
    for rank, row in enumerate(order, 1):
        entry = table.iloc[row]
        image, truth = read_pair(str(entry["image_path"]), str(entry["mask_path"]))
        if truth is None:
            continue
        case = diagnose(model, image, str(entry["image_id"]), views=views)
        small = resize_mask(truth, *screen_size(case, SIDE))
        image_id = portable_name(shorten(str(entry["image_id"]), MOST_LETTERS))
        name = f"{rank:02d}-{image_id}-iou-{union[row]:.2f}.jpg"
        drawn[name] = jpeg(draw_outline(draw_view(case, "Outline", 0, 1.0, SIDE), small, dashed=True))
    return drawn
