"""From a folder with marks to a decoder on disk: views, training, thresholds and calibration on validation, graph.

Needs a loaded model and a catalogue with marks. What the test part is worth `derm.structures.report` measures.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.data.catalogue import Catalogue
from derm.data.learned import count_sources, record_looks
from derm.data.looks import looks_of
from derm.data.split import Part, split_catalogue
from derm.errors import DataFault
from derm.model.weights import Model, licence_of
from derm.structures.build import graph_of_structures, tensors_of
from derm.structures.calibrate import calibrated, fit_platt
from derm.structures.engine import Seen
from derm.structures.marks import marked
from derm.structures.measure import choose_thresholds, count_pixels, frequencies, measure, worth_placing, worth_showing
from derm.structures.network import HeadConfig
from derm.structures.table import KEYS
from derm.structures.train import Epoch, HeadTraining, answers_of, train_head
from derm.structures.views import Views, check_fit, open_views
from derm.structures.weights import StructureInfo, save_structures
from derm.structures.words import LAYERS

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class MarkedPart:
    """Pictures of one part with what is marked in them."""

    table: pd.DataFrame
    shown: NDArray[np.bool_]
    """Bool (n, 5)."""
    lesions: NDArray[np.object_]
    """Text (n,)."""
    together: pd.Series
    """Text (n,), what the split keeps in one part."""


def marked_rows(catalogue: Catalogue, part: Part) -> NDArray[np.int64]:
    """Row numbers in the catalogue, int64 (n,), of what `marked_part` gives. Raises DataFault as it does."""
    _, _, rows = marked(catalogue)
    return rows[(split_catalogue(catalogue).parts.iloc[rows] == part).to_numpy()]


def marked_part(catalogue: Catalogue, part: Part) -> MarkedPart:
    """The marked pictures of a part of the split by lesion; raises DataFault where nothing is marked."""
    table, shown, rows = marked(catalogue)
    split = split_catalogue(catalogue)
    inside = (split.parts.iloc[rows] == part).to_numpy()
    lesions = split.lesions.iloc[rows].to_numpy(dtype=object)
    together = split.together.iloc[rows][inside].reset_index(drop=True)
    return MarkedPart(table[inside].reset_index(drop=True), shown[inside], lesions[inside], together)


def learn(
    model: Model,
    catalogue: Catalogue,
    target: Path,
    cache: Path,
    *,
    config: HeadTraining,
    views: int,
    size: int,
    width: int,
    commit: str | None,
    progress: Callable[[str], Any],
    tell: Callable[[Epoch], None] | None = None,
) -> StructureInfo:
    """Train a decoder for `model`'s encoder, choose all it needs on validation, and write it to `target` (.json).

    views: of each training picture, the upright one among them. size: side of the encoder's square, pixels, a multiple
    of 32. width: channels of the decoder. commit: of the code, for the record. progress: gives a context for a named
    piece of work that is told (done, total). Raises DataFault without marks or with too few, ConfigFault where nothing
    can be written or exported, and for weights that pad pictures.
    """
    check_fit(model)
    train, validation = marked_part(catalogue, "train"), marked_part(catalogue, "validation")
    check_enough(train, validation)
    with progress("Looking at validation pictures") as watch:
        seen_validation = open_views(model, validation.table, size, 1, cache, watch)
    with progress("Looking at training pictures") as watch:
        seen = open_views(model, train.table, size, views, cache, watch)
    with progress("Noting which pictures train") as watch:
        learned = record_looks(looks_of(list(map(Path, train.table["image_path"])), watch), train.table, train.together)
    sources = count_sources(train.table)
    made = HeadConfig(channels=channels_of(seen), input_size=size, width=width)
    head, best = train_head(seen, seen_validation, train.shown, validation.shown, made, config, tell)
    graph, taken = graph_of_structures(model.net, head)
    info = StructureInfo(
        trunk=model.sha256,
        head=made.as_dict(),
        platt=((0.0, 0.0),) * len(KEYS),
        mask_thresholds=(0.5,) * len(KEYS),
        shown=(),
        placed=(),
        frequencies=frequencies(train.shown, train.table["dx"].tolist()),
        taken=taken,
        training={
            "commit": commit,
            "config": config.as_dict(),
            "views": views,
            "epoch": best.number,
            "images": {"train": len(train.table), "validation": len(validation.table)},
            "data": {"folders": catalogue.names, "split": "by lesion", "sources": sources, "learned": learned},
        },
        licence=licence_of({*sources, *(part for own in sources.values() for part in own)}),
    )
    info = chosen_on(validation, answers_of(head, seen_validation), info)
    save_structures(target, tensors_of(head), info, graph)
    return info


def check_enough(train: MarkedPart, validation: MarkedPart) -> None:
    """Raise DataFault where there is nothing to train on, or a structure could not be calibrated on validation."""
    if not len(train.shown):
        raise DataFault("The training part has no marked picture: use a folder with more of them.")
    for place, key in enumerate(KEYS):
        count, images = int(validation.shown[:, place].sum()), len(validation.shown)
        if count in (0, images):
            raise DataFault(
                f"{LAYERS[key]}: {count} of {images} marked pictures of the validation part show it, and it takes some "
                "with and some without to calibrate its probability: use a folder with more marked pictures."
            )


def channels_of(views: Views) -> tuple[int, int, int, int]:
    """Channels of the encoder's stages 2 to 5."""
    finest, *deeper = (int(array.shape[2]) for array in views.sources)
    third, fourth, fifth = deeper
    return finest // 2, third, fourth, fifth


def chosen_on(validation: MarkedPart, answers: Seen, info: StructureInfo) -> StructureInfo:
    """`info` with what is chosen on validation: calibration, thresholds, which are worth showing, and the figures."""
    platt = [fit_platt(answers.presence[:, place], validation.shown[:, place]) for place in range(len(KEYS))]
    counts = count_pixels(answers.masks, validation.table["image_path"].tolist())
    thresholds = choose_thresholds(counts)
    probability = calibrated(answers.presence, np.array(platt))
    measured = measure(answers.presence, probability, validation.shown, counts, thresholds, validation.lesions)
    return replace(
        info,
        platt=tuple(platt),
        mask_thresholds=tuple(thresholds),
        shown=tuple(worth_showing(measured)),
        placed=tuple(worth_placing(measured)),
        measured={"validation": measured},
    )
