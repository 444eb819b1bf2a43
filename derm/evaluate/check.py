"""Whether files of results hold what their readers rely on, so that a damaged one is named where it is opened.

Needs what JSON and CSV gave. Asks for no more than readers use, so that results of older versions pass. Knows no file.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from derm.diagnoses import CODES, INDEX, MALIGNANT
from derm.evaluate.by_source import FIGURES
from derm.json_checks import (
    MOST_DEEP,
    Check,
    all_of,
    by_code,
    by_name,
    fault_of,
    is_count,
    is_interval,
    is_matrix,
    is_number,
    is_number_or_none,
    is_shallow,
    is_share_interval,
    is_share_or_none,
    is_text,
    is_text_or_none,
    list_of,
    none_or,
    object_with,
    within,
)
from derm.metrics.calibration import (
    binary_brier,
    brier,
    debiased_error,
    error_by_chance,
    expected_calibration_error,
    nll,
    reliability,
)
from derm.metrics.classification import confusion_matrix, most_likely, precision, recall, specificity
from derm.metrics.decision import lesion_rates, picture_weights
from derm.metrics.missing import fraction, mean_defined
from derm.metrics.registry import DECISION, OUTLINE, OVERALL, PER_CLASS, Scored
from derm.metrics.subgroups import COLUMNS as SUBGROUP_COLUMNS
from derm.metrics.surface import share_failed, thresholded_jaccard
from derm.model.measured import IS_RATED

MOST_POINTS = 1_000_000
"""Points of a curve that are drawn; a part has no more images."""

ROUNDED = 0.001
"""By which a probability that was written may differ from what was measured: the tables have six digits."""

WRITTEN = 5.1e-7
"""By which a number in a table may differ from the one it was cut from, six digits after the point."""

MOVED = 6
"""By which, divided by all cases, one that may lie in either of two bins changes an ECE or what chance gives of it at
most: 1 in each bin, and 3 in each, for the bin's mean moves, too."""

EXACT = 1e-9
"""By which a share may differ from one that is divided anew: JSON keeps every digit."""

SHARES = {
    *(metric.key.rpartition(".")[2] for metric in (*OVERALL, *DECISION, *OUTLINE)),
    *PER_CLASS,
    *(name for name in FIGURES if name != "ece_debiased"),
}
"""Names of figures from 0 to 1, as the last part of a dotted name; of another, as a distance, no more is known."""


def _is_share(name: str) -> bool:
    """Whether a figure of this name is from 0 to 1."""
    return name.rpartition(".")[2] in SHARES


def _figures(value: Any) -> bool:  # noqa: ANN401 (whatever JSON holds)
    """Figures by name: numbers or null, from 0 to 1 where the figure is a share."""
    return by_name(is_number_or_none)(value) and all(
        is_share_or_none(one) for name, one in value.items() if _is_share(name)
    )


def _intervals(value: Any) -> bool:  # noqa: ANN401
    """Intervals by the name of their figure."""
    return by_name(is_interval)(value) and all(is_share_interval(one) for name, one in value.items() if _is_share(name))


def _source_figures(value: Any) -> bool:  # noqa: ANN401
    """Figures with their intervals, by name."""
    if not by_name(_FIGURE)(value):
        return False
    columns = [{name: one[part] for name, one in value.items()} for part in ("value", "interval")]
    return _figures(columns[0]) and _intervals(columns[1])


def _leaves(value: Any, levels: int = MOST_DEEP) -> bool:  # noqa: ANN401
    """Whether all that lies in it is text, true, false, null or a finite number."""
    if isinstance(value, dict):
        return all(_leaves(one, levels - 1) for one in value.values())
    if isinstance(value, list):
        return all(_leaves(one, levels - 1) for one in value)
    return value is None or isinstance(value, str | bool) or is_number(value)


_TEXTS = list_of(is_text)
_ANYTHING = by_name(_leaves)
_RATES = dict.fromkeys(("sensitivity", "specificity"), is_share_or_none)
_CALLED = {**_RATES, "precision": is_share_or_none}
_ERRORS = dict.fromkeys(("ece", "ece_by_chance", "ece_debiased", "brier", "nll"), is_number_or_none)
_CALIBRATED = all_of(_ANYTHING, object_with({}, {**_ERRORS, "malignant": object_with({}, _ERRORS)}))
_FIGURE = object_with({"value": is_number_or_none, "interval": is_interval})
_BINS_OF = object_with(
    {"cases": list_of(is_number), "confidence": list_of(is_share_or_none), "accuracy": list_of(is_share_or_none)}
)


def _bins(value: Any) -> bool:  # noqa: ANN401
    """Bins of a reliability diagram: columns of one length, with shares wherever there are cases."""
    if not _BINS_OF(value):
        return False
    columns = (value["cases"], value["confidence"], value["accuracy"])
    if len({len(column) for column in columns}) != 1:
        return False
    return all(count >= 0 and (not count or None not in shares) for count, *shares in zip(*columns, strict=True))


_PAIR = object_with({"top_label": _bins, "malignant": _bins})

ABOUT: dict[str, Check] = {
    "weights": is_text,
    "sha256": is_text,
    "split": is_text,
    "part": is_text,
    "images": is_count,
    "trained_on_split_by": is_text_or_none,
}
"""Of what figures belong to; both of results and of explanations."""

ABOUT_LATER: dict[str, Check] = {
    "data": is_text,
    "data_images": is_count,
    "split_by": is_text,
    "lesions": is_count,
    "date": is_text,
    "derm": is_text,
    "input_size": is_count,
    "mean_of": is_count,
    "trained_on_sources": _TEXTS,
    "left_out": _TEXTS,
    "known_images": is_count,
    "views": is_count,
    "calibration": is_text,
    "sources": by_name(is_count),
    "identity": none_or(
        object_with(
            {},
            {
                **dict.fromkeys(("rows", "files", "lesions", "masks"), is_text),
                "pictures": by_name(list_of(is_number)),
                "sources": by_name(is_text),
            },
        )
    ),
}
"""The same, of what older versions do not have."""

METRICS: dict[str, Check] = {
    "measured_on": object_with(ABOUT, ABOUT_LATER),
    "confusion_matrix": is_matrix,
    "per_class": by_code(
        object_with(
            {"support": is_count},
            dict.fromkeys((*PER_CLASS, *(metric.key for metric in OUTLINE)), is_share_or_none),
        )
    ),
    "malignant": object_with(
        {"auc": is_share_or_none}, {**_CALLED, "support": is_count, "at_half": object_with({}, _CALLED)}
    ),
    "intervals": all_of(_intervals, lambda value: value.get("accuracy") is not None),
    "accuracy": within(0, 1),
}
"""Of metrics.json."""

HASHES = "files"
"""Field of metrics.json and summary.json, which are written last: the SHA-256 of each file beside them."""

METRICS_LATER: dict[str, Check] = {
    **{metric.key: is_share_or_none for metric in (*OVERALL, *OUTLINE) if metric.key != "accuracy"},
    "decision": none_or(
        object_with(
            {"threshold": is_number, **_RATES},
            {
                "by_lesion": object_with(_RATES, {"ppv": is_share_or_none, "npv": is_share_or_none}),
                "lesions": object_with({"malignant": is_count, "benign": is_count}),
                "of_100_malignant": none_or(is_count),
                "of_100_benign": none_or(is_count),
                "prevalence": within(0, 1),
                "ppv": is_share_or_none,  # of older versions, where each image counted once
                "npv": is_share_or_none,
                "conformal_thresholds": list_of(is_number),
                "conformal": _ANYTHING,
            },
        )
    ),
    HASHES: by_name(is_text),
    "by_source": by_name(
        object_with(
            {
                "within": is_text_or_none,
                "images": is_count,
                "lesions": is_count,
                "malignant": is_count,
                "figures": _source_figures,
            },
            {"rated": IS_RATED},
        )
    ),
    "calibration": object_with(
        {"temperature": is_number, "before": _CALIBRATED, "after": _CALIBRATED},
        {"reliability": object_with({"before": _PAIR, "after": _PAIR})},
    ),
    "rules": by_name(lambda one: one is None or isinstance(one, list) or _figures(one)),
    "baselines": by_name(_figures),
    "outlines": all_of(
        by_name(is_number_or_none),
        object_with({}, dict.fromkeys(("thresholded_jaccard", "share_failed"), is_share_or_none)),
    ),
}
"""The same, of what older versions do not have."""

_POINTS = {
    "roc": ("false_positive_rate", "true_positive_rate", "threshold"),
    "precision_recall": ("precision", "recall", "threshold"),
}
_CURVE = object_with(
    {
        name: object_with(
            {column: list_of(is_number_or_none if column == "threshold" else is_share_or_none) for column in columns}
        )
        for name, columns in _POINTS.items()
    }
    | {"average_precision": is_share_or_none}
)
CURVES: dict[str, Check] = dict.fromkeys((*CODES, "malignant"), _CURVE)
"""Of curves.json."""

EMBEDDED = ("tsne_1", "tsne_2", "pca_1", "pca_2")


def metrics_fault(metrics: Any) -> str | None:  # noqa: ANN401
    """What readers of metrics.json could not rely on, in a few words; None where all will do."""
    if not is_shallow(metrics) or not _leaves(metrics):
        return "metrics.json is nested too deeply, or holds what is no finite number"
    return _named("metrics.json", metrics, METRICS, METRICS_LATER)


def curves_fault(curves: Any) -> str | None:  # noqa: ANN401
    """What readers of curves.json could not rely on; None where all will do."""
    if not is_shallow(curves):
        return "curves.json is nested too deeply"
    if fault := _named("curves.json", curves, CURVES, {}):
        return fault
    for name in CURVES:
        for kind, columns in _POINTS.items():
            lengths = {len(curves[name][kind][column]) for column in columns}
            if len(lengths) != 1 or max(lengths) > MOST_POINTS:
                return f"the curve {kind} of {name} in curves.json has columns of different lengths"
    return None


def _named(file: str, value: Any, fields: Mapping[str, Check], later: Mapping[str, Check]) -> str | None:  # noqa: ANN401
    fault = fault_of(value, fields, later)
    if fault is None:
        return None
    return f"{fault} in {file} is missing or not what it should be" if fault else f"{file} holds no object"


def predictions_fault(table: pd.DataFrame, also: tuple[str, ...] = ("p_malignant", "iou")) -> str | None:
    """What readers of predictions.csv could not rely on; None where all will do.

    also: columns that it must have beside ids, true diagnosis and the seven probabilities.
    """
    shares = [f"p_{code}" for code in CODES]
    if fault := _lacks("predictions.csv", table, ("image_id", "lesion_id", "dx_true", *shares, *also)):
        return fault
    if strange := sorted(set(map(str, table["dx_true"])) - set(CODES)):
        return f"predictions.csv has the diagnosis {strange[0][:40]}, which is none of the seven"
    for name in (*shares, *("p_malignant",) * ("p_malignant" in table)):
        values = _numbers(table[name])
        if values is None or np.isnan(values).any() or (values < 0).any() or (values > 1.001).any():
            return f"predictions.csv has a value in {name} that is no probability"
    probabilities = table[shares].to_numpy(dtype=np.float64)
    if (np.abs(probabilities.sum(axis=1) - 1) > 0.01).any():
        return "predictions.csv has rows whose probabilities do not add up to 1"
    if "p_malignant" in table:
        apart = np.abs(probabilities[:, np.array(MALIGNANT)].sum(axis=1) - table["p_malignant"].to_numpy(np.float64))
        if (apart > ROUNDED).any():
            return "predictions.csv has a value in p_malignant that is not the sum of its malignant diagnoses"
    overlap = tuple(name for name in ("iou", "dice") if name in table)
    return (
        _called(table, probabilities)
        or _worded("predictions.csv", table, (*overlap, *("spread",) * ("spread" in table)))
        or _outside("predictions.csv", table, overlap)
        or _nameless("predictions.csv", table)
    )


def _called(table: pd.DataFrame, probabilities: np.ndarray[Any, np.dtype[np.float64]]) -> str | None:
    """What is wrong with the diagnoses that were called, of predictions.csv; older ones need not have them."""
    if "dx_pred" not in table:
        return None
    if strange := sorted(set(map(str, table["dx_pred"])) - set(CODES)):
        return f"predictions.csv calls the diagnosis {strange[0][:40]}, which is none of the seven"
    called = probabilities[np.arange(len(table)), table["dx_pred"].map(INDEX).to_numpy(dtype=np.int64)]
    if (called < probabilities.max(axis=1) - ROUNDED).any():
        return "predictions.csv has a diagnosis in dx_pred that is not its likeliest"
    return None


def outlines_fault(table: pd.DataFrame) -> str | None:
    """What readers of outlines.csv could not rely on; None where all will do."""
    columns = ("dice", "iou", "hausdorff95", "surface_distance")
    return (
        _lacks("outlines.csv", table, ("image_id", "lesion_id", *columns))
        or _worded("outlines.csv", table, columns)
        or _outside("outlines.csv", table, columns[:2])
    )


def embedding_fault(table: pd.DataFrame) -> str | None:
    """What readers of embedding.csv could not rely on; None where all will do."""
    return (
        _lacks("embedding.csv", table, ("image_id", *EMBEDDED))
        or _worded("embedding.csv", table, EMBEDDED)
        or _nameless("embedding.csv", table)
    )


def subgroups_fault(table: pd.DataFrame) -> str | None:
    """What readers of subgroups.csv could not rely on; None where all will do."""
    numbers = ("images", "lesions", "malignant", "value", "low", "high")
    if fault := _lacks("subgroups.csv", table, SUBGROUP_COLUMNS) or _worded("subgroups.csv", table, numbers):
        return fault
    return _outside("subgroups.csv", table[[_is_share(str(name)) for name in table["figure"]]], numbers[3:])


Span = tuple[float, float]
"""Between which a figure lies, whatever the digits were that a table cut off; NaN where it is undefined."""


def contradiction(
    metrics: dict[str, Any], predictions: pd.DataFrame, outlines: pd.DataFrame, embedding: pd.DataFrame
) -> str | None:
    """In what files that are sound each by itself belong to different runs, in a few words; None where they agree."""
    images = set(predictions["image_id"].astype(str))
    for name, table in (("outlines", outlines), ("embedding", embedding)):
        if set(table["image_id"].astype(str)) != images:
            return f"{name}.csv and predictions.csv are of different images"
    matrix = np.array(metrics["confusion_matrix"], dtype=np.int64)
    counted, open_cases = _count(predictions)
    if np.abs(matrix - counted).sum() > 2 * open_cases:  # a case that is counted elsewhere changes two cells
        return "the confusion_matrix in metrics.json is not that of predictions.csv"
    parts = (
        ("its confusion_matrix", _counted_figures(metrics, matrix)),
        ("predictions.csv", _figures_of(metrics, predictions)),
        ("predictions.csv", _calibration_of(metrics, predictions, open_cases)),
        ("outlines.csv", _outline_figures(metrics, outlines)),
    )
    for source, figures in parts:
        if told := next((name for name, figure, span in figures if not _fits(figure, span)), None):
            return f"the {told} in metrics.json is not that of {source}"
    return None


def _counted_figures(
    metrics: dict[str, Any], matrix: np.ndarray[Any, np.dtype[np.int64]]
) -> Iterator[tuple[str, float | None, Span]]:
    """Figures that follow from the matrix, which agrees with predictions.csv: what `_figures_of` gives."""
    true, called = (np.repeat(place.ravel(), matrix.ravel()) for place in np.indices(matrix.shape))
    cases = Scored(true, np.eye(len(CODES))[called])
    for metric in OVERALL:
        if metric.key != "macro_auc":  # which needs the scores
            value = metric.compute(cases)
            yield metric.key, metrics.get(metric.key), (value, value)
    for name in ("precision", "recall", "f1", "specificity", "support"):
        for code, value in zip(CODES, getattr(cases, name), strict=True):
            yield f"{name} of {code}", metrics["per_class"][code].get(name), (value, value)
    malignant = np.array(MALIGNANT)
    pair = confusion_matrix(malignant[true].astype(np.int64), malignant[called].astype(np.int64), classes=2)
    figures = {"sensitivity": recall(pair)[1], "specificity": specificity(pair)[1], "precision": precision(pair)[1]}
    for name, value in {**figures, "support": pair[1].sum()}.items():
        yield f"{name} of malignant", metrics["malignant"].get(name), (value, value)


def _fits(told: float | None, span: Span) -> bool:
    """Whether a figure lies there. What is undefined was told otherwise by older versions, or not at all."""
    return told is None or bool(np.isnan(span).any()) or span[0] - EXACT <= told <= span[1] + EXACT


def _figures_of(metrics: dict[str, Any], predictions: pd.DataFrame) -> Iterator[tuple[str, float | None, Span]]:
    """Figures that follow from predictions.csv beside its matrix: the name, what is told, and where it has to lie."""
    true = predictions["dx_true"].map(INDEX).to_numpy(dtype=np.int64)
    aucs = [_auc(true == index, predictions[f"p_{code}"].to_numpy(np.float64)) for code, index in INDEX.items()]
    for code, span in zip(CODES, aucs, strict=True):
        yield f"auc of {code}", metrics["per_class"][code].get("auc"), span
    low, high = np.array(aucs).T
    yield "macro_auc", metrics.get("macro_auc"), (mean_defined(low), mean_defined(high))
    for name in ("dice", "iou"):
        if name in predictions:
            values = predictions[name].to_numpy(dtype=np.float64)
            yield name, metrics.get(name), _around(mean_defined(values))
            for code, index in INDEX.items():
                yield (
                    f"{name} of {code}",
                    metrics["per_class"][code].get(name),
                    _around(mean_defined(values[true == index])),
                )
    if "p_malignant" not in predictions:
        return
    malignant, score = np.array(MALIGNANT)[true], predictions["p_malignant"].to_numpy(np.float64)
    yield "auc of malignant", metrics["malignant"]["auc"], _auc(malignant, score)
    least, most = score >= 0.5 + WRITTEN, score >= 0.5 - WRITTEN
    halved, once = metrics["malignant"].get("at_half", {}), np.ones(len(true))
    fewest, all_of_them = lesion_rates(least, malignant, once), lesion_rates(most, malignant, once)
    yield "sensitivity at half", halved.get("sensitivity"), (fewest.sensitivity, all_of_them.sensitivity)
    yield "specificity at half", halved.get("specificity"), (all_of_them.specificity, fewest.specificity)
    surely, perhaps = ((called & malignant).sum() for called in (least, most))
    wrongly = [(called & ~malignant).sum() for called in (least, most)]
    span = float(fraction(surely, surely + wrongly[1])), float(fraction(perhaps, perhaps + wrongly[0]))
    yield "precision at half", halved.get("precision"), span
    if decision := metrics.get("decision"):
        least, most = score >= decision["threshold"] + WRITTEN, score >= decision["threshold"] - WRITTEN
        weights = picture_weights(malignant, predictions["lesion_id"].to_numpy(dtype=str))
        by_lesion = decision.get("by_lesion", {})
        for case, told, each in (("image", decision, np.ones(len(true))), ("lesion", by_lesion, weights)):
            fewest, all_of_them = lesion_rates(least, malignant, each), lesion_rates(most, malignant, each)
            found, spared = told.get("sensitivity"), told.get("specificity")
            yield f"sensitivity of referral by {case}", found, (fewest.sensitivity, all_of_them.sensitivity)
            yield f"specificity of referral by {case}", spared, (all_of_them.specificity, fewest.specificity)


def _around(value: float, apart: float = WRITTEN) -> Span:
    """Where a figure lies that is found from the table up to `apart`, as a mean of its numbers is."""
    return value - apart, value + apart


def _calibration_of(
    metrics: dict[str, Any], predictions: pd.DataFrame, open_cases: int
) -> Iterator[tuple[str, float | None, Span]]:
    """Errors of calibration that follow from predictions.csv: what `_figures_of` gives."""
    told = metrics.get("calibration", {}).get("after", {})
    if not told or "p_malignant" not in predictions:
        return
    true = predictions["dx_true"].map(INDEX).to_numpy(dtype=np.int64)
    shares = predictions[[f"p_{code}" for code in CODES]].to_numpy(dtype=np.float64).clip(0, 1)
    score, malignant = predictions["p_malignant"].to_numpy(np.float64).clip(0, 1), np.array(MALIGNANT)[true]
    called = predictions["dx_pred"].map(INDEX) if "dx_pred" in predictions else most_likely(shares)
    given = {"": shares[np.arange(len(true)), true], "malignant.": np.where(malignant, score, 1 - score)}
    spans = {
        **_binned(shares.max(axis=1), np.asarray(called) == true, open_cases),
        "brier": _around(brier(true, shares), 5 * WRITTEN),  # seven misses, which add up to 2 at most
        **{f"malignant.{name}": span for name, span in _binned(score, malignant).items()},
        "malignant.brier": _around(binary_brier(score, malignant), 3 * WRITTEN),
        **{f"{of}nll": (nll(share + WRITTEN), nll(share - WRITTEN)) for of, share in given.items()},
    }
    for name, span in spans.items():
        group, _, figure = name.rpartition(".")
        yield f"calibration.after.{name}", (told.get(group, {}) if group else told).get(figure), span


def _binned(
    probability: np.ndarray[Any, np.dtype[np.float64]], happened: np.ndarray[Any, np.dtype[np.bool_]], unsure: int = 0
) -> dict[str, Span]:
    """Where the ECE lies, what chance gives of it, and their difference; of `unsure` cases it is open what came."""
    bins = reliability(probability, happened)
    near = unsure + sum(int((np.abs(probability - edge) <= WRITTEN).sum()) for edge in bins.lower[1:])
    apart = 4 * WRITTEN + MOVED * near / max(len(probability), 1)
    return {
        "ece": _around(expected_calibration_error(bins), apart),
        "ece_by_chance": _around(error_by_chance(bins), apart),
        "ece_debiased": _around(debiased_error(bins), 2 * apart),
    }


def _outline_figures(metrics: dict[str, Any], outlines: pd.DataFrame) -> Iterator[tuple[str, float | None, Span]]:
    """Figures of metrics.json's outlines that follow from outlines.csv: what `_figures_of` gives."""
    told = metrics.get("outlines")
    if not told:
        return
    union = outlines["iou"].to_numpy(dtype=np.float64)
    least, most = (union - WRITTEN).clip(0, 1), (union + WRITTEN).clip(0, 1)
    jaccards = mean_defined(thresholded_jaccard(least)), mean_defined(thresholded_jaccard(most))
    yield "outlines.thresholded_jaccard", told.get("thresholded_jaccard"), jaccards
    yield "outlines.share_failed", told.get("share_failed"), (share_failed(most), share_failed(least))
    for name in ("hausdorff95", "surface_distance"):
        mean = mean_defined(outlines[name].to_numpy(dtype=np.float64))
        yield f"outlines.{name}_mean", told.get(f"{name}_mean"), _around(mean)


def _auc(positive: np.ndarray[Any, np.dtype[np.bool_]], score: np.ndarray[Any, np.dtype[np.float64]]) -> Span:
    """Where the AUC lies: rounding keeps the order of scores, but for those that it made equal."""
    below = np.sort(score[~positive])
    pairs = positive.sum() * len(below)
    if not pairs:
        return np.nan, np.nan
    won, not_lost = (np.searchsorted(below, score[positive], side).sum() / pairs for side in ("left", "right"))
    return float(won), float(not_lost)


def _count(predictions: pd.DataFrame) -> tuple[np.ndarray[Any, np.dtype[np.int64]], int]:
    """The confusion matrix, int64 (7, 7), and of how many cases two diagnoses were written as equally likely.

    What was called in a tie stands in dx_pred, so that with it no case is open.
    """
    true = predictions["dx_true"].map(INDEX).to_numpy(dtype=np.int64)
    if "dx_pred" in predictions:
        return confusion_matrix(true, predictions["dx_pred"].map(INDEX).to_numpy(dtype=np.int64)), 0
    probabilities = predictions[[f"p_{code}" for code in CODES]].to_numpy(dtype=np.float64)
    highest = np.sort(probabilities, axis=1)
    return confusion_matrix(true, most_likely(probabilities)), int((highest[:, -1] - highest[:, -2] < ROUNDED).sum())


def _lacks(file: str, table: pd.DataFrame, columns: tuple[str, ...]) -> str | None:
    missing = [name for name in columns if name not in table.columns]
    return f"{file} lacks the column {missing[0]}" if missing else None


def _worded(file: str, table: pd.DataFrame, columns: tuple[str, ...]) -> str | None:
    wrong = [name for name in columns if _numbers(table[name]) is None]
    return f"{file} has a value in {wrong[0]} that is no number" if wrong else None


def _outside(file: str, table: pd.DataFrame, columns: tuple[str, ...]) -> str | None:
    for name in columns:
        values = table[name].to_numpy(dtype=np.float64)
        if (values < 0).any() or (values > 1).any():
            return f"{file} has a value in {name} that is not from 0 to 1"
    return None


def _nameless(file: str, table: pd.DataFrame) -> str | None:
    names = table["image_id"]
    if names.isna().any() or (names.astype(str) == "").any():
        return f"{file} has a row without an image_id"
    if "lesion_id" in table and table["lesion_id"].isna().any():
        return f"{file} has a row without a lesion_id"
    return f"{file} names an image twice" if names.duplicated().any() else None


def _numbers(column: pd.Series) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    """The column as float64 (n,), NaN where it is empty; None where a cell is neither."""
    if column.dtype == bool or not (pd.api.types.is_numeric_dtype(column) or column.isna().all()):
        return None
    values = column.to_numpy(dtype=np.float64)
    return None if np.isinf(values).any() else values


# Explanations

_MEAN = object_with(
    {"images": is_count, "figures": by_name(object_with({}, {"mean": is_number_or_none, "interval": is_interval,
                                                             "skill": is_number_or_none}))},
    {"flat": is_count},
)  # fmt: skip
_ROLE = by_name(by_name(by_name(_MEAN)))  # method, diagnosis, group
_ROLES = object_with({"predicted": _ROLE, "true": _ROLE})
_TELLING = by_name(by_name(object_with({"auc": is_share_or_none, "interval": is_interval}, {"images": is_count})))


def explanations_fault(about: Any, summary: Any) -> str | None:  # noqa: ANN401
    """What readers of about.json and summary.json could not rely on; None where all will do."""
    if not all(is_shallow(one) and _leaves(one) for one in (about, summary)):
        return "about.json or summary.json is nested too deeply, or holds what is no finite number"
    counted = {"format": is_count, "sample": is_count}
    if fault := _named("about.json", about, {**ABOUT, **counted}, ABOUT_LATER):
        return fault
    parts = {"agreement": _ROLES, "sample": _ROLES, "right_or_wrong": _TELLING}
    return _named("summary.json", summary, parts, {HASHES: by_name(is_text)})


def explained_fault(file: str, table: pd.DataFrame, texts: tuple[str, ...], numbers: tuple[str, ...]) -> str | None:
    """What readers of a table of explanations could not rely on; None where all will do."""
    if fault := _lacks(file, table, (*texts, *numbers)) or _worded(file, table, numbers):
        return fault
    wrong = [name for name in texts if not all(isinstance(one, str) for one in table[name].unique())]
    return f"{file} has a value in {wrong[0]} that is no text" if wrong else None
