"""A model measured on one part of a data set: every figure, its interval, and one row an image.

Needs weights and a catalogue. Outlines are measured at each image's own size. Knows no terminal.
"""

import hashlib
from collections.abc import Collection
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm import __version__
from derm.data.catalogue import Catalogue, part_names
from derm.data.identity import data_identity
from derm.data.split import By, Part, Split, split_catalogue
from derm.data.value_words import value_called
from derm.diagnoses import CODES, INDEX, MALIGNANT
from derm.errors import DataFault
from derm.evaluate.by_source import Answers, measure_sources
from derm.evaluate.check import HASHES
from derm.evaluate.decision import Cases, compare_baselines, decide, rule_figures
from derm.evaluate.doubt import measure_views
from derm.evaluate.embedding import embed
from derm.evaluate.inference import Inference, Progress, answer_images
from derm.evaluate.known import OR_EVEN_KNOWN, find_known, refuse_known
from derm.evaluate.results import TABLES, WORST, WORST_NAME, Evaluation
from derm.evaluate.seen import measure_seen
from derm.evaluate.worst_masks import worst_outlines
from derm.files import json_text, make_folder, making_folder, replace_with, unlinked, write_bytes, write_text
from derm.language.speech import say
from derm.metrics.bootstrap import REPLICATES, bootstrap
from derm.metrics.calibration import calibration_measures, reliability, softmax, top_label
from derm.metrics.classification import (
    auc,
    most_likely,
)
from derm.metrics.conformal import conformal_measures
from derm.metrics.curves import average_precision, precision_recall_curve, roc_curve
from derm.metrics.decision import lesion_rates
from derm.metrics.masks import MaskCount, dice, iou, mask_measures, merge_measures, pixel_accuracy
from derm.metrics.missing import fraction, mean_defined, or_none
from derm.metrics.registry import HEADLINE, PER_CLASS, Scored, classification_measures, overall
from derm.metrics.subgroups import measure_subgroups
from derm.metrics.surface import share_failed, thresholded_jaccard
from derm.model.weights import Model
from derm.predict.picture_kind import judge
from derm.predict.record import calibration_of
from derm.predict.views import spread
from derm.spreadsheet import csv_table

CALIBRATION = ("ece", "ece_debiased", "brier")
"""What is said of calibration with an interval. A resample repeats cases, which looks like miscalibration by chance, so
that the interval of an ECE lies somewhat too high (its lower end above that of a perfect model's)."""


def evaluate(
    model: Model,
    catalogue: Catalogue,
    part: Part,
    *,
    by: By = "lesion",
    leave_out: Collection[str] = (),
    replicates: int = REPLICATES,
    prevalence: float = 0.1,
    views: int = 1,
    even_known: bool = False,
    measuring: Progress | None = None,
    resampling: Progress | None = None,
) -> Evaluation:
    """Measure `model` on `part` of `catalogue`, split by lesion or, to reproduce the paper, by image.

    Images whose diagnosis is open or unknown count by source, with their outline and what is known of them, and nowhere
    else. leave_out: sources that are tested whole, see `split_catalogue`. replicates: resamples for the intervals.
    prevalence: share of malignant lesions, 0 … 1, for which predictive values are given. views: 1, or 8 for the
    mean over eight views, whose worth is then measured, too, under metrics.views (None for one). measuring, resampling:
    told of the images and of the resamples done.
    even_known: measure on images that the weights learned from, too, and say so; the training part is known.
    Raises DataFault when the part is empty, a file cannot be read, or the weights know images of it.
    """
    split = split_catalogue(catalogue, by, leave_out)
    rows = split.rows(part)
    known = find_known(model.description, catalogue, split, rows, measuring, calibrated=True)
    if not even_known and part != "train":
        refuse_known(known, catalogue, rows, part, OR_EVEN_KNOWN)
    diagnosed = catalogue.table["dx"].iloc[rows].isin(CODES).to_numpy()
    if not diagnosed.any():
        raise DataFault(
            say(
                "{place} has no image with a diagnosis in the {part} part: use a larger data set.",
                place=catalogue.place,
                part=value_called(part),
            )
        )
    table = catalogue.table.iloc[rows].reset_index(drop=True)
    lesions = split.lesions.iloc[rows].to_numpy(dtype=str)
    description, answered = model.description, answer_images(model, table, measuring, views=views)
    judged = judge(description, answered.statistics, answered.features)
    answers = Answers(
        table,
        lesions,
        softmax(answered.logits, description.temperature),
        np.where(answered.has_mask, dice(answered.counts), np.nan),
        judged.not_dermoscopic,
        description.referral_threshold,
        description.conformal_thresholds,
    )
    by_source = measure_sources(answers, replicates)
    table, lesions, answered = table[diagnosed].reset_index(drop=True), lesions[diagnosed], answered.take(diagnosed)
    true: NDArray[np.int64] = table["dx"].map(INDEX).to_numpy().astype(np.int64)
    probabilities = answers.probabilities[diagnosed]
    counts, has_mask = answered.counts, answered.has_mask

    metrics = merge_measures(
        classification_measures(true, probabilities),
        mask_measures(_take(counts, has_mask), true[has_mask]) if has_mask.any() else None,
    )
    overlap, union = np.where(has_mask, dice(counts), np.nan), np.where(has_mask, iou(counts), np.nan)
    mix = description.known_mix
    cases = Cases(true, probabilities, lesions, description.referral_threshold, description.conformal_thresholds, mix)
    metrics["by_source"] = by_source
    metrics["outlines"] = _outlines(union, answered.surface)
    metrics["explanation"] = answered.explanation
    metrics["calibration"] = {
        "temperature": description.temperature,
        "before": calibration_measures(true, softmax(answered.logits)),
        "after": calibration_measures(true, probabilities),
        "reliability": {
            "before": reliability_bins(true, softmax(answered.logits)),
            "after": reliability_bins(true, probabilities),
        },
    }
    metrics["decision"] = decide(cases, prevalence)
    metrics["seen_little"] = None
    if judged.seen_little is not None:
        little = judged.seen_little[diagnosed]
        metrics["seen_little"] = measure_seen(cases, little, table["source"].to_numpy(dtype=str), replicates)
    metrics["rules"] = {"mix": None if mix is None else list(mix), **rule_figures(cases)}
    apart = spread(answered.each, description.temperature)
    metrics["views"] = (
        None
        if apart is None
        else measure_views(true, answered.each, apart, description.temperature, lesions, replicates)
    )
    metrics["baselines"] = compare_baselines(catalogue.table.iloc[split.rows("train")], table, true)
    per_image = {"dice": overlap, "iou": union, "pixel_accuracy": np.where(has_mask, pixel_accuracy(counts), np.nan)}
    metrics["intervals"] = _intervals(cases, per_image, answered, replicates, resampling)
    metrics["measured_on"] = measured_on(model, catalogue, split, part, table, lesions) | {
        "views": views,
        "calibration": calibration_of(model.description),
        "known_images": int(known.rows.sum()) if known.spoils else 0,
    }
    shown = table.assign(dataset=part_names(table))
    groups = measure_subgroups(partial(headline, cases, per_image), shown, lesions, replicates, resampling)
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
            **({} if apart is None else {"spread": apart}),
        }
    )
    distances = {"hausdorff95": answered.surface[:, 0], "surface_distance": answered.surface[:, 1]}
    outlines = predictions[["image_id", "lesion_id", "dice", "iou"]].assign(**distances)
    embedding = pd.concat([predictions[["image_id"]], embed(answered.features)], axis=1)
    worst = worst_outlines(model, table, union, views)
    return Evaluation(
        metrics=metrics,
        predictions=predictions,
        outlines=outlines,
        subgroups=groups,
        curves=class_curves(true, probabilities),
        embedding=embedding,
        worst=worst,
    )


def write_evaluation(evaluation: Evaluation, out: Path) -> None:
    """Write what `derm.evaluate.results` reads into the folder `out`: each file whole or not at all, metrics.json last.

    It names the hashes of the others. What lies there of an earlier evaluation is replaced, and links by files, once
    all of the new one is on the disk: a full disk leaves the earlier one.
    """
    texts = {f"{name}.csv": csv_table(getattr(evaluation, name), ".6f") for name in TABLES}
    texts["curves.json"] = json_text(evaluation.curves)
    # Of what this evaluation wrote, not of what lies there: another one may be writing into the folder.
    hashes = {file: hashlib.sha256(text.encode()).hexdigest() for file, text in texts.items()}
    texts["metrics.json"] = json_text({**evaluation.metrics, HASHES: hashes})
    with making_folder(unlinked(out / "metrics.json")) as new:
        for name, picture in evaluation.worst.items():
            write_bytes(new / WORST / name, picture)
        for file, text in texts.items():
            write_text(new / file, text)
        (out / "metrics.json").unlink(missing_ok=True)
        for old in unlinked(out / WORST).glob("*.jpg"):
            if WORST_NAME.fullmatch(old.name):
                old.unlink()
        if evaluation.worst:
            make_folder(out / WORST)
        for file in (*(f"{WORST}/{name}" for name in evaluation.worst), *texts):
            replace_with(new / file, unlinked(out / file))


def _take(counts: MaskCount, rows: NDArray[np.bool_] | NDArray[np.int64]) -> MaskCount:
    return MaskCount(*(column[rows] for column in counts))


def headline(
    cases: Cases, per_image: dict[str, NDArray[np.float64]], rows: NDArray[np.int64]
) -> dict[str, float | None]:
    """The headline figures of images `rows`, int64 (k,), by the names of metrics.json with dots; None where undefined.

    per_image: each image's figures of its outline, float64 (n,), NaN without a mask.
    """
    return _headline(cases, per_image, rows, Scored(cases.true[rows], cases.probabilities[rows]))


def _headline(
    cases: Cases,
    per_image: dict[str, NDArray[np.float64]],
    rows: NDArray[np.int64],
    scored: Scored,
) -> dict[str, float | None]:
    """`headline` of rows that are counted already: a resample must not count them twice."""
    p_malignant, is_malignant = cases.p_malignant[rows], cases.is_malignant[rows]
    figures = {
        **overall(scored, HEADLINE),
        "malignant.auc": auc(is_malignant, p_malignant),
        **{name: mean_defined(values[rows]) for name, values in per_image.items()},
    }
    if cases.referred is not None:
        referred = cases.referred[rows]
        figures["decision.sensitivity"] = float(fraction((referred & is_malignant).sum(), is_malignant.sum()))
        figures["decision.specificity"] = float(fraction((~referred & ~is_malignant).sum(), (~is_malignant).sum()))
        lesions = lesion_rates(referred, is_malignant, cases.weights_of(rows))
        figures["decision.by_lesion.sensitivity"] = lesions.sensitivity
        figures["decision.by_lesion.specificity"] = lesions.specificity
    return {name: or_none(value) for name, value in figures.items()}


def _intervals(
    cases: Cases,
    per_image: dict[str, NDArray[np.float64]],
    answered: Inference,
    replicates: int,
    progress: Progress | None,
) -> dict[str, Any]:
    """95 % interval of every headline figure and of each class's, by the names of metrics.json with dots."""

    before = softmax(answered.logits)

    def measure(rows: NDArray[np.int64]) -> dict[str, float | None]:
        true, probabilities = cases.true[rows], cases.probabilities[rows]
        scored = Scored(true, probabilities)
        each = {
            **{name: getattr(scored, name) for name in PER_CLASS},
            **{
                name: np.array([mean_defined(values[rows][true == index]) for index in range(len(CODES))])
                for name, values in per_image.items()
            },
        }
        figures = _headline(cases, per_image, rows, scored)
        figures |= {name: or_none(value) for name, value in overall(scored).items()}
        for name, shares in (("before", before[rows]), ("after", probabilities)):
            errors = calibration_measures(true, shares)
            figures |= {f"calibration.{name}.{key}": errors[key] for key in CALIBRATION}
            figures |= {f"calibration.{name}.malignant.{key}": errors["malignant"][key] for key in CALIBRATION}
        for rule, measured in rule_figures(cases, rows).items():
            figures |= {f"rules.{rule}.{name}": value for name, value in measured.items()}
        outlines = _outlines(per_image["iou"][rows], answered.surface[rows])
        figures |= {f"outlines.{name}": value for name, value in outlines.items()}
        if cases.sets is not None:
            held = conformal_measures(cases.sets[rows], true)
            figures |= {
                "decision.conformal.coverage": held["coverage"],
                "decision.conformal.mean_size": held["mean_size"],
            }
            figures |= {
                f"decision.conformal.per_class.{code}.coverage": held["per_class"][code]["coverage"] for code in CODES
            }
        classes = {
            f"per_class.{code}.{name}": values[i] for name, values in each.items() for i, code in enumerate(CODES)
        }
        return figures | {name: or_none(float(value)) for name, value in classes.items()}

    return bootstrap(measure, cases.lesions, replicates, progress=progress)


def _outlines(union: NDArray[np.float64], surface: NDArray[np.float64]) -> dict[str, float | None]:
    """What is said of outlines beside Dice and IoU; distances in pixels at each image's own size."""
    return {
        "thresholded_jaccard": or_none(mean_defined(thresholded_jaccard(union))),
        "share_failed": or_none(share_failed(union)),
        "hausdorff95_mean": or_none(mean_defined(surface[:, 0])),
        "surface_distance_mean": or_none(mean_defined(surface[:, 1])),
    }


def reliability_bins(true: NDArray[np.int64], probabilities: NDArray[np.float64]) -> dict[str, Any]:
    """The bins of a reliability diagram: of the top label, and of the malignant sum; None in a bin without a case."""
    malignant = np.array(MALIGNANT)
    pairs = {
        "top_label": top_label(true, probabilities),
        "malignant": (probabilities[:, malignant].sum(axis=1), malignant[true]),
    }
    return {
        name: {key: [or_none(float(one)) for one in values] for key, values in reliability(*pair)._asdict().items()}
        for name, pair in pairs.items()
    }


def class_curves(true: NDArray[np.int64], probabilities: NDArray[np.float64]) -> dict[str, Any]:
    """ROC and precision–recall points of each class against the rest, and of malignant against benign."""
    malignant = np.array(MALIGNANT)
    scores = {code: (true == index, probabilities[:, index]) for index, code in enumerate(CODES)}
    scores["malignant"] = (malignant[true], probabilities[:, malignant].sum(axis=1))
    return {
        name: {
            "roc": {key: [or_none(one) for one in values] for key, values in roc_curve(*score)._asdict().items()},
            "precision_recall": {
                key: [or_none(one) for one in values]
                for key, values in precision_recall_curve(*score)._asdict().items()
            },
            "average_precision": or_none(average_precision(*score)),
        }
        for name, score in scores.items()
    }


def measured_on(
    model: Model, catalogue: Catalogue, split: Split, part: Part, table: pd.DataFrame, lesions: NDArray[np.str_]
) -> dict[str, Any]:
    """What figures belong to, ready for JSON.

    table: rows of the catalogue in `part`. lesions: text (n,), each row's lesion.
    """
    # As the data set names them, and not as the split joins them: only so can any table be held against it.
    named = catalogue.table.set_index("image_id")["lesion_id"].loc[table["image_id"]].to_numpy()
    return {
        "weights": model.name,
        "sha256": model.sha256,
        "data": catalogue.layout,
        "data_images": len(catalogue.table),
        "split": split.name,
        "split_by": split.by,
        "trained_on_split_by": model.description.training.get("config", {}).get("split_by"),
        "part": part,
        "trained_on_sources": sorted(model.description.learned_from),
        "left_out": list(split.leave_out),
        "sources": {str(name): int(count) for name, count in table["source"].value_counts().sort_index().items()},
        "images": len(table),
        "lesions": len(np.unique(lesions)),
        "identity": data_identity(table.assign(lesion_id=named)),
        "input_size": model.description.model.input_size,
        "mean_of": len(model.description.training.get("soup", ())) or 1,
        "pooling": model.description.model.pooling,
        "head": model.description.model.head,
        "looks_inside": model.description.model.looks_inside,
        "interval": "95 % percentile bootstrap over lesions",
        "derm": __version__,
        "date": datetime.now(UTC).date().isoformat(),
    }
