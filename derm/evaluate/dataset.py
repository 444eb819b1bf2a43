"""A model measured on one part of a data set: every figure, its interval, and one row an image.

Needs weights and a catalogue. Outlines are measured at each image's own size. Knows no terminal.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from derm import __version__
from derm.data.catalogue import Catalogue
from derm.data.split import By, Part, Split, split_catalogue
from derm.data.store import read_pair
from derm.diagnoses import CODES, INDEX, MALIGNANT
from derm.errors import DataFault
from derm.evaluate.explanation import AgreementSums
from derm.explain.gradcam import class_maps, evidence_of
from derm.files import write_json, write_text
from derm.image.scale import square, unsquare
from derm.measure.classification import (
    accuracy,
    auc,
    balanced_accuracy,
    classification_measures,
    confusion_matrix,
    f1,
    most_likely,
    precision,
    recall,
    specificity,
)
from derm.measure.intervals import REPLICATES, bootstrap
from derm.measure.masks import MaskCount, count_masks, dice, iou, mask_measures, merge_measures, pixel_accuracy
from derm.measure.undefined import mean_defined, or_none
from derm.model.weights import Model
from derm.predict.batch import answers

Progress = Callable[[int, int], None]
"""Told (done, total)."""

AHEAD = 128
"""Images that are decoded while the network works on earlier ones."""


@dataclass(frozen=True)
class Evaluation:
    """metrics: ready for metrics.json. predictions: one row an image, the columns of predictions.csv."""

    metrics: dict[str, Any]
    predictions: pd.DataFrame


def evaluate(
    model: Model,
    catalogue: Catalogue,
    part: Part,
    *,
    by: By = "lesion",
    replicates: int = REPLICATES,
    measuring: Progress | None = None,
    resampling: Progress | None = None,
) -> Evaluation:
    """Measure `model` on `part` of `catalogue`, split by lesion or, to reproduce the paper, by image.

    replicates: resamples for the intervals. measuring, resampling: told of the images and of the resamples done.
    Raises DataFault when the part is empty or a file cannot be read.
    """
    split = split_catalogue(catalogue, by)
    rows = split.rows(part)
    if not len(rows):
        raise DataFault(f"{catalogue.folder} has no image in the {part} part: use a larger data set.")
    table = catalogue.table.iloc[rows].reset_index(drop=True)
    lesions = split.lesions.iloc[rows].to_numpy(dtype=str)
    true: NDArray[np.int64] = table["dx"].map(INDEX).to_numpy().astype(np.int64)
    probabilities, counts, has_mask, explanation = _answer_all(model, table, measuring)

    metrics = merge_measures(
        classification_measures(true, probabilities),
        mask_measures(_take(counts, has_mask), true[has_mask]) if has_mask.any() else None,
    )
    metrics["explanation"] = explanation
    metrics["intervals"] = _intervals(true, probabilities, counts, has_mask, lesions, replicates, resampling)
    metrics["measured_on"] = _measured_on(model, catalogue, split, part, table, lesions)
    overlap, union = np.where(has_mask, dice(counts), np.nan), np.where(has_mask, iou(counts), np.nan)
    predictions = pd.DataFrame(
        {
            "image_id": table["image_id"],
            "lesion_id": lesions,
            "dx_true": table["dx"],
            "dx_pred": np.array(CODES)[most_likely(probabilities)],
            **{f"p_{code}": probabilities[:, index] for index, code in enumerate(CODES)},
            "p_malignant": probabilities[:, list(MALIGNANT)].sum(axis=1),
            "dice": overlap,
            "iou": union,
        }
    )
    return Evaluation(metrics, predictions)


def write_evaluation(evaluation: Evaluation, out: Path) -> None:
    """Write `metrics.json` and `predictions.csv` into the folder `out`, each whole or not at all."""
    text = evaluation.predictions.to_csv(index=False, float_format="%.6f", lineterminator="\n")
    write_text(out / "predictions.csv", text)
    write_json(out / "metrics.json", evaluation.metrics)


def _answer_all(
    model: Model, table: pd.DataFrame, progress: Progress | None
) -> tuple[NDArray[np.float64], MaskCount, NDArray[np.bool_], dict[str, Any]]:
    """Probabilities, float64 (n, 7); pixel counts, n each, 0 without a mask; whether there is a mask, bool (n,); and
    how Grad-CAM agrees with the predicted and the true masks."""
    size, threshold = model.description.model.input_size, model.description.mask_threshold
    probabilities: list[NDArray[np.float64]] = []
    counts: list[MaskCount] = []
    nothing = MaskCount(*(np.zeros(1, dtype=np.int64) for _ in MaskCount._fields))
    known: list[bool] = []
    agreements = {"predicted_mask": AgreementSums(), "true_mask": AgreementSums()}
    for pairs in _decode_ahead(table):
        squares = np.stack([square(image, size) for image, _ in pairs])
        done = 0
        for part, answer in answers(model.net, squares, np.arange(len(squares))):
            logits = answer.class_logits.double() / model.description.temperature
            probabilities.append(logits.softmax(1).cpu().numpy())
            lesion = torch.sigmoid(answer.mask_logits[:, 0].float()).cpu().numpy()
            maps = class_maps(model.net, answer.features).cpu().numpy()
            likeliest = most_likely(probabilities[-1])
            here = pairs[done : done + len(part)]
            for scores, raw, first, (image, mask) in zip(lesion, maps, likeliest, here, strict=True):
                outline = unsquare(scores, *image.shape[:2]) >= threshold
                evidence = [evidence_of(one) for one in raw]
                agreements["predicted_mask"].add(evidence, int(first), outline)
                if mask is not None:
                    agreements["true_mask"].add(evidence, int(first), mask)
                counts.append(nothing if mask is None else count_masks(outline, mask))
                known.append(mask is not None)
            done += len(part)
        if progress:
            progress(len(known), len(table))
    joined = MaskCount(*(np.concatenate(column) for column in zip(*counts, strict=True)))
    explanation = {name: sums.measures() for name, sums in agreements.items()}
    return np.concatenate(probabilities), joined, np.array(known), explanation


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


def _take(counts: MaskCount, rows: NDArray[np.bool_] | NDArray[np.int64]) -> MaskCount:
    return MaskCount(*(column[rows] for column in counts))


def _intervals(
    true: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    counts: MaskCount,
    has_mask: NDArray[np.bool_],
    lesions: NDArray[np.str_],
    replicates: int,
    progress: Progress | None,
) -> dict[str, Any]:
    """95 % interval of every headline figure and of each class's, by the names of metrics.json with dots."""
    predicted = most_likely(probabilities)
    malignant = probabilities[:, list(MALIGNANT)].sum(axis=1)
    is_malignant = np.array(MALIGNANT)[true]
    overlaps = {"dice": dice(counts), "iou": iou(counts), "pixel_accuracy": pixel_accuracy(counts)}
    overlaps = {name: np.where(has_mask, values, np.nan) for name, values in overlaps.items()}

    def measure(rows: NDArray[np.int64]) -> dict[str, float | None]:
        matrix = confusion_matrix(true[rows], predicted[rows])
        aucs = np.array([auc(true[rows] == index, probabilities[rows, index]) for index in range(len(CODES))])
        each = {
            "precision": precision(matrix),
            "recall": recall(matrix),
            "f1": f1(matrix),
            "specificity": specificity(matrix),
            "auc": aucs,
        }
        figures = {
            "accuracy": accuracy(matrix),
            "balanced_accuracy": balanced_accuracy(matrix),
            "macro_f1": mean_defined(each["f1"]),
            "macro_auc": mean_defined(aucs),
            "malignant.auc": auc(is_malignant[rows], malignant[rows]),
            **{name: mean_defined(values[rows]) for name, values in overlaps.items()},
            **{
                f"per_class.{code}.{name}": float(values[i])
                for name, values in each.items()
                for i, code in enumerate(CODES)
            },
            **{
                f"per_class.{code}.{name}": mean_defined(values[rows][true[rows] == i])
                for name, values in overlaps.items()
                for i, code in enumerate(CODES)
            },
        }
        return {name: or_none(value) for name, value in figures.items()}

    return bootstrap(measure, lesions, replicates, progress=progress)


def _measured_on(
    model: Model, catalogue: Catalogue, split: Split, part: Part, table: pd.DataFrame, lesions: NDArray[np.str_]
) -> dict[str, Any]:
    """What the figures belong to."""
    return {
        "weights": model.name,
        "sha256": model.sha256,
        "data": catalogue.layout,
        "data_images": len(catalogue.table),
        "split": split.name,
        "split_by": split.by,
        "trained_on_split_by": model.description.training.get("config", {}).get("split_by"),
        "part": part,
        "images": len(table),
        "lesions": len(np.unique(lesions)),
        "input_size": model.description.model.input_size,
        "interval": "95 % percentile bootstrap over lesions",
        "derm": __version__,
        "date": datetime.now(UTC).date().isoformat(),
    }
