"""Whether files of results hold what their readers rely on, so that a damaged one is named where it is opened.

Needs what JSON and CSV gave. Asks for no more than readers use, so that results of older versions pass. Knows no file.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from derm.diagnoses import CODES
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
    is_share_or_none,
    is_text,
    is_text_or_none,
    list_of,
    none_or,
    object_with,
)
from derm.metrics.registry import OUTLINE, OVERALL, PER_CLASS
from derm.metrics.subgroups import COLUMNS as SUBGROUP_COLUMNS

MOST_POINTS = 1_000_000
"""Points of a curve that are drawn; a part has no more images."""


def _leaves(value: Any, levels: int = MOST_DEEP) -> bool:  # noqa: ANN401 (whatever JSON holds)
    """Whether all that lies in it is text, true, false, null or a finite number."""
    if isinstance(value, dict):
        return all(_leaves(one, levels - 1) for one in value.values())
    if isinstance(value, list):
        return all(_leaves(one, levels - 1) for one in value)
    return value is None or isinstance(value, str | bool) or is_number(value)


_TEXTS = list_of(is_text)
_ANYTHING = by_name(_leaves)
_RATES = dict.fromkeys(("sensitivity", "specificity"), is_share_or_none)
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
    "trained_on_sources": _TEXTS,
    "left_out": _TEXTS,
    "known_images": is_count,
    "views": is_count,
    "sources": by_name(is_count),
    "identity": none_or(object_with({}, {"rows": is_text, "pictures": by_name(list_of(is_number))})),
}
"""The same, of what older versions do not have."""

METRICS: dict[str, Check] = {
    "measured_on": object_with(ABOUT, ABOUT_LATER),
    "confusion_matrix": is_matrix,
    "per_class": by_code(
        object_with(
            {"support": is_count},
            dict.fromkeys((*PER_CLASS, *(metric.key for metric in OUTLINE)), is_number_or_none),
        )
    ),
    "malignant": object_with({"auc": is_share_or_none}),
    "intervals": all_of(by_name(is_interval), lambda value: value.get("accuracy") is not None),
    "accuracy": is_number,
}
"""Of metrics.json."""

METRICS_LATER: dict[str, Check] = {
    **{metric.key: is_number_or_none for metric in (*OVERALL, *OUTLINE) if metric.key != "accuracy"},
    "decision": none_or(
        object_with(
            {"threshold": is_number, **_RATES},
            {
                "by_lesion": object_with(_RATES),
                "of_100_malignant": is_count,
                "of_100_benign": is_count,
                "prevalence": is_number,
                "ppv": is_number_or_none,
                "npv": is_number_or_none,
                "conformal_thresholds": list_of(is_number),
                "conformal": _ANYTHING,
            },
        )
    ),
    "by_source": by_name(
        object_with(
            {
                "within": is_text_or_none,
                "images": is_count,
                "lesions": is_count,
                "malignant": is_count,
                "figures": by_name(_FIGURE),
            }
        )
    ),
    "calibration": object_with(
        {"temperature": is_number, "before": _ANYTHING, "after": _ANYTHING},
        {"reliability": object_with({"before": _PAIR, "after": _PAIR})},
    ),
    "rules": by_name(lambda one: one is None or isinstance(one, dict | list)),
    "baselines": by_name(by_name(is_number_or_none)),
    "outlines": by_name(is_number_or_none),
}
"""The same, of what older versions do not have."""

_POINTS = {
    "roc": ("false_positive_rate", "true_positive_rate", "threshold"),
    "precision_recall": ("precision", "recall", "threshold"),
}
_CURVE = object_with(
    {name: object_with(dict.fromkeys(columns, list_of(is_number_or_none))) for name, columns in _POINTS.items()}
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
    for name in (*shares, *("p_malignant",) * ("p_malignant" in also)):
        values = _numbers(table[name])
        if values is None or np.isnan(values).any() or (values < 0).any() or (values > 1.001).any():
            return f"predictions.csv has a value in {name} that is no probability"
    sums = table[shares].to_numpy(dtype=np.float64).sum(axis=1)
    if (np.abs(sums - 1) > 0.01).any():
        return "predictions.csv has rows whose probabilities do not add up to 1"
    for name in ("iou", "dice", "spread"):
        if name in table and _numbers(table[name]) is None:
            return f"predictions.csv has a value in {name} that is no number"
    return _nameless("predictions.csv", table)


def outlines_fault(table: pd.DataFrame) -> str | None:
    """What readers of outlines.csv could not rely on; None where all will do."""
    columns = ("dice", "iou", "hausdorff95", "surface_distance")
    return _lacks("outlines.csv", table, ("image_id", "lesion_id", *columns)) or _worded("outlines.csv", table, columns)


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
    return _lacks("subgroups.csv", table, SUBGROUP_COLUMNS) or _worded("subgroups.csv", table, numbers)


def _lacks(file: str, table: pd.DataFrame, columns: tuple[str, ...]) -> str | None:
    missing = [name for name in columns if name not in table.columns]
    return f"{file} lacks the column {missing[0]}" if missing else None


def _worded(file: str, table: pd.DataFrame, columns: tuple[str, ...]) -> str | None:
    wrong = [name for name in columns if _numbers(table[name]) is None]
    return f"{file} has a value in {wrong[0]} that is no number" if wrong else None


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
    return _named("summary.json", summary, parts, {})


def explained_fault(file: str, table: pd.DataFrame, texts: tuple[str, ...], numbers: tuple[str, ...]) -> str | None:
    """What readers of a table of explanations could not rely on; None where all will do."""
    if fault := _lacks(file, table, (*texts, *numbers)) or _worded(file, table, numbers):
        return fault
    wrong = [name for name in texts if not all(isinstance(one, str) for one in table[name].unique())]
    return f"{file} has a value in {wrong[0]} that is no text" if wrong else None
