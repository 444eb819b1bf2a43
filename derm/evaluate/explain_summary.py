"""What the rows of `derm explain` come to: means by method and diagnosis, right and wrong apart, with intervals.

Needs the two tables. Intervals are 95 %, by bootstrap over lesions. Knows no map and no picture.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.diagnoses import CODES
from derm.evaluate.explain_rows import AGREEMENT, IDENTITY, MASKS, REFERENCES
from derm.explain.agreement import CENTRE_PRIOR, MEASURES, ORACLE, skill
from derm.metrics.bootstrap import REPLICATES, Measure, bootstrap
from derm.metrics.classification import auc
from derm.metrics.missing import or_none

GROUPS = ("all", "right", "wrong")
"""All images, those whose most likely diagnosis is the true one, and the others."""

DIAGNOSES = ("all", *CODES)
"""All diagnoses together, then each true one."""

QUESTION = ("iou_area", "best_iou", "pointing", "inside", "rank")
"""Measures by which right and wrong predictions are to be told apart; Dice orders pictures nearly as IoU does."""

Progress = Callable[[int, int], None]


def summarise(
    agreement: pd.DataFrame, sample: pd.DataFrame, replicates: int = REPLICATES, progress: Progress | None = None
) -> dict[str, Any]:
    """The content of summary.json.

    agreement.<role>.<method>.<diagnosis>.<group>: images, flat (how many maps are flat), and figures.<mask>_<measure>
    with mean, interval and, of methods, skill and skill_interval over the centre prior: of means, not the mean of
    ratios. role: `predicted`, whose map is of the most likely class, and `true`, of the true class, over wrong
    predictions alone, for over right ones it is the same. sample: the same of the sample, with faithfulness and sanity.
    right_or_wrong.<method>.<mask>_<measure>: the AUC with which agreement of the predicted class's map tells right from
    wrong predictions, its interval and the images; `probability` beside it is what the class's probability reaches.
    """
    steps = _Steps(progress, replicates, 5)
    return {
        "agreement": {
            "predicted": _means(agreement, ("predicted", "both"), GROUPS, replicates, steps.next()),
            "true": _means(agreement, ("true",), ("wrong",), replicates, steps.next()),
        },
        "sample": {
            "predicted": _means(sample, ("predicted", "both"), GROUPS, replicates, steps.next()),
            "true": _means(sample, ("true",), ("wrong",), replicates, steps.next()),
        },
        "right_or_wrong": _right_or_wrong(agreement, replicates, steps.next()),
    }


class _Steps:
    """One bar for several bootstraps, one after another."""

    def __init__(self, progress: Progress | None, replicates: int, count: int) -> None:
        self.progress, self.replicates, self.total, self.begun = progress, replicates, count * replicates, -1

    def next(self) -> Progress | None:
        self.begun += 1
        offset, progress = self.begun * self.replicates, self.progress
        return None if progress is None else lambda done, _: progress(offset + done, self.total)


def of_role(table: pd.DataFrame, roles: Sequence[str]) -> pd.DataFrame:
    """The rows of these roles; of the references, which know no class, every one that belongs to the same images."""
    chosen = table[table["role"].isin(roles)]
    shared = table[(table["role"] == "") & table["image_id"].isin(chosen["image_id"])]
    return pd.concat([chosen, shared])


def _means(
    table: pd.DataFrame, roles: Sequence[str], groups: Sequence[str], replicates: int, progress: Progress | None
) -> dict[str, Any]:
    """Means of every figure by method, diagnosis and group; see `summarise`."""
    rows = of_role(table, roles)
    images = rows.drop_duplicates("image_id").set_index("image_id").sort_index()
    if images.empty:
        return {}
    values = {
        str(method): found.set_index("image_id").reindex(images.index)
        for method, found in rows.groupby("method", sort=False)
    }
    figures = [name for name in table.columns if name not in (*IDENTITY, "flat", "peak", "probability")]
    columns = [(method, name) for method in values for name in figures if values[method][name].notna().any()]
    block = np.stack([values[method][name].to_numpy(dtype=np.float64) for method, name in columns], axis=1)
    place = {column: index for index, column in enumerate(columns)}
    skilled = [
        (place[method, name], place[CENTRE_PRIOR, name], place[ORACLE, name])
        for method, name in columns
        if name in AGREEMENT and name.split("_", 1)[1] in MEASURES and method not in REFERENCES
    ]
    over = {column: len(columns) + index for index, (column, _, _) in enumerate(skilled)}
    own, prior, oracle = np.array(skilled, dtype=np.int64).reshape(-1, 3).T
    members = {key: chosen for key, chosen in _members(images, groups).items() if chosen.any()}
    inside = np.stack(list(members.values())).astype(np.float64)
    known, filled = (~np.isnan(block)).astype(np.float64), np.nan_to_num(block)

    def measure(drawn: NDArray[np.int64]) -> NDArray[np.float64]:
        """Means, then skills, float64 (groups, columns + skilled), of images `drawn`."""
        weighted = inside * np.bincount(drawn, minlength=len(block))
        count = weighted @ known
        means = np.divide(weighted @ filled, count, out=np.full(count.shape, np.nan), where=count > 0)
        return np.concatenate([means, skill(means[:, own], means[:, prior], means[:, oracle])], axis=1)

    everything = measure(np.arange(len(block)))
    spans = _intervals(measure, images["lesion_id"].to_numpy(dtype=str), replicates, progress)
    width = everything.shape[1]

    def told(row: int, column: int, value: str, interval: str) -> dict[str, Any]:
        found = or_none(everything[row, column])
        return {
            value: None if found is None else _short(found),
            interval: None if found is None else spans[str(row * width + column)],
        }

    summary: dict[str, Any] = {}
    for method, table_of in values.items():
        flat = table_of["flat"].eq(True).to_numpy(dtype=bool)  # an image without the row counts as not flat
        for row, ((diagnosis, group), chosen) in enumerate(members.items()):
            measured = {
                name: told(row, column, "mean", "interval")
                | (told(row, over[column], "skill", "skill_interval") if column in over else {})
                for (of, name), column in place.items()
                if of == method and not np.isnan(everything[row, column])
            }
            summary.setdefault(method, {}).setdefault(diagnosis, {})[group] = {
                "images": int(chosen.sum()),
                "flat": int((flat & chosen).sum()),
                "figures": measured,
            }
    return summary


def _members(images: pd.DataFrame, groups: Sequence[str]) -> dict[tuple[str, str], NDArray[np.bool_]]:
    """Which images are of each diagnosis and group: bool (n,) by (diagnosis, group)."""
    right = (images["dx_true"] == images["dx_pred"]).to_numpy(dtype=bool)
    by_group = {"all": np.ones(len(images), dtype=bool), "right": right, "wrong": ~right}
    return {
        (diagnosis, group): by_group[group] & ((images["dx_true"] == diagnosis).to_numpy() | (diagnosis == "all"))
        for diagnosis in DIAGNOSES
        for group in groups
    }


def _right_or_wrong(table: pd.DataFrame, replicates: int, progress: Progress | None) -> dict[str, Any]:
    """The AUC of agreement for telling right from wrong predictions, by method; see `summarise`."""
    rows = of_role(table, ("predicted", "both"))
    images = rows.drop_duplicates("image_id").set_index("image_id").sort_index()
    scores: dict[tuple[str, str], NDArray[np.float64]] = {}
    for method, found in rows.groupby("method", sort=False):
        own = found.set_index("image_id").reindex(images.index)
        if method == ORACLE:
            continue
        if not scores:
            scores["probability", "probability"] = own["probability"].to_numpy(dtype=np.float64)
        for name in (f"{mask}_{measure}" for mask in MASKS for measure in QUESTION):
            scores[str(method), name] = own[name].to_numpy(dtype=np.float64)
    right = (images["dx_true"] == images["dx_pred"]).to_numpy(dtype=bool)
    keys = list(scores)

    def measure(drawn: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.array([_auc_defined(right[drawn], scores[key][drawn]) for key in keys])

    everything = measure(np.arange(len(images)))
    spans = _intervals(measure, images["lesion_id"].to_numpy(dtype=str), replicates, progress)
    answer: dict[str, Any] = {}
    for place, (method, name) in enumerate(keys):
        known = ~np.isnan(scores[method, name])
        value = or_none(everything[place])
        answer.setdefault(method, {})[name] = {
            "auc": None if value is None else _short(value),
            "interval": None if value is None else spans[str(place)],
            "right": int((known & right).sum()),
            "wrong": int((known & ~right).sum()),
        }
    return answer


def _auc_defined(right: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    known = ~np.isnan(score)
    return auc(right[known], score[known])


def _intervals(
    measure: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    lesions: NDArray[np.str_],
    replicates: int,
    progress: Progress | None,
) -> dict[str, list[float] | None]:
    """`bootstrap` of an array of figures, each named by its place when the array is flattened."""
    spans = bootstrap(_named(measure), lesions, replicates, progress=progress)
    return {name: None if span is None else [_short(end) for end in span] for name, span in spans.items()}


def _named(measure: Callable[[NDArray[np.int64]], NDArray[np.float64]]) -> Measure:
    def named(drawn: NDArray[np.int64]) -> Mapping[str, float | None]:
        found = measure(drawn).ravel()
        return dict(zip(map(str, range(len(found))), _nones(found), strict=True))

    return named


def _nones(values: NDArray[np.float64]) -> Iterator[float | None]:
    return (None if value != value else value for value in values.tolist())  # noqa: PLR0124 (NaN alone is not itself)


def _short(value: float) -> float:
    """Five digits after the point: intervals are known to a fiftieth of their width."""
    return round(float(value), 5)
