"""What measures of a lesion are worth: how well each alone tells melanoma and malignant lesions, source by source.

Needs a data set with outlines and diagnoses. The outlines are those that people drew, so that a network's fault in
outlining does not count against a measure. Trains and calibrates nothing.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.data.store import read_pair
from derm.diagnoses import CODES, DIAGNOSES
from derm.errors import DataFault
from derm.files import read_json
from derm.image.lesion_measures import LesionMeasures, measure_lesion
from derm.metrics.bootstrap import bootstrap
from derm.metrics.classification import auc

NAMES = tuple(field.name for field in fields(LesionMeasures))
COLUMNS = ("source", "measure", "tells", "images", "positive", "auc", "low", "high")
"""Of `measure_worth`. tells: 'melanoma' or 'malignant'. auc: 0 … 1, beside its 95 % interval by lesion."""


def measure_rows(
    table: pd.DataFrame, workers: int = 2, progress: Callable[[int, int], None] | None = None
) -> pd.DataFrame:
    """Each image's measures beside `image_id`, `lesion_id`, `dx` and `source`; rows without an outline are left out.

    table: rows of a catalogue, `lesion_id` as of a split's lesions. workers: threads, at least 1. Raises DataFault
    where no image has an outline with a lesion in it.
    """
    rows = table[table["mask_path"].notna() & (table["mask_path"] != "")]
    if rows.empty:
        raise DataFault("No image here has an outline to measure: give a data set with masks, see docs/data.md.")

    def measured(row: dict[str, str]) -> dict[str, object] | None:
        image, mask = read_pair(row["image_path"], row["mask_path"])
        found = None if mask is None else measure_lesion(image, mask)
        about = {name: row[name] for name in ("image_id", "lesion_id", "dx", "source")}
        return None if found is None else about | asdict(found)

    kept = []
    with ThreadPoolExecutor(workers) as pool:
        for done, found in enumerate(pool.map(measured, rows.to_dict("records")), 1):
            if found is not None:
                kept.append(found)
            if progress:
                progress(done, len(rows))
    if not kept:
        raise DataFault("Every outline here is empty, so that nothing can be measured: give one with lesions in it.")
    return pd.DataFrame(kept)


def measure_worth(rows: pd.DataFrame) -> pd.DataFrame:
    """How well each measure alone orders lesions, one row of `COLUMNS` for a source, measure and what it tells.

    rows: of `measure_rows`. Where melanoma is the only malignant diagnosis it is told of once. Images whose diagnosis
    is not known are left out; a source without both kinds has no row.
    """
    told = []
    for source, own in rows[rows["dx"].isin(CODES)].groupby("source", sort=True):
        kinds = {
            "melanoma": own["dx"] == "mel",
            "malignant": own["dx"].isin([diagnosis.code for diagnosis in DIAGNOSES if diagnosis.malignant]),
        }
        if kinds["malignant"].equals(kinds["melanoma"]):
            del kinds["malignant"]
        for tells, positive in kinds.items():
            if 0 < positive.sum() < len(own):
                told += _worth(own, positive.to_numpy(), str(source), tells)
    return pd.DataFrame(told, columns=COLUMNS)


def worth_records(worth: pd.DataFrame, part: str) -> list[dict[str, object]]:
    """Rows of `measure_worth` of one part of the data, as `derm/predict/measure_worth.json` keeps them."""
    return [
        {
            "part": part,
            **{str(key): round(value, 6) if isinstance(value, float) else value for key, value in row.items()},
        }
        for row in worth.to_dict("records")
    ]


def known_worth(path: Path) -> list[dict[str, object]]:
    """The records in the JSON file at `path`; raises DataFault where it holds none."""
    try:
        rows = read_json(path)
    except (OSError, ValueError) as error:
        raise DataFault(f"{path} cannot be read as JSON: give another file for --worth, or remove this one.") from error
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and {"part", *COLUMNS} == row.keys() for row in rows
    ):
        raise DataFault(f"{path} holds no measures' worth: give another file for --worth, or remove this one.")
    known: list[dict[str, object]] = rows
    return known


def merged(kept: list[dict[str, object]], fresh: list[dict[str, object]]) -> list[dict[str, object]]:
    """Records of both in order; those of `fresh` take the place of what `kept` has of the same part and source."""
    renewed = {(row["part"], row["source"]) for row in fresh}
    rows = [row for row in kept if (row["part"], row["source"]) not in renewed] + fresh
    return sorted(rows, key=lambda row: (str(row["source"]), str(row["part"]), str(row["tells"])))


def _worth(own: pd.DataFrame, positive: NDArray[np.bool_], source: str, tells: str) -> list[dict[str, object]]:
    scores = {name: own[name].to_numpy(dtype=np.float64) for name in NAMES}

    def figures(chosen: NDArray[np.int64]) -> dict[str, float | None]:
        known = positive[chosen]
        if known.all() or not known.any():
            return dict.fromkeys(NAMES)
        return {name: auc(known, score[chosen]) for name, score in scores.items()}

    whole = figures(np.arange(len(own)))
    spans = bootstrap(figures, own["lesion_id"].to_numpy(dtype=object))
    about = {"source": source, "tells": tells, "images": len(own), "positive": int(positive.sum())}
    return [
        {
            **about,
            "measure": name,
            "auc": whole[name],
            "low": span[0] if span else None,
            "high": span[1] if span else None,
        }
        for name, span in spans.items()
    ]
