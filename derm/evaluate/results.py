"""What `derm evaluate` wrote, read back: figures, one row an image, subgroups, curves and the map of features.

Needs a folder of results. A folder that is incomplete or of another kind is one sentence, never half a result.
Knows no weights; whether results belong to some is asked with `derm.evaluate.belonging`.
"""

import contextlib
import hashlib
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.data.value_words import value_called
from derm.diagnoses import CODES, INDEX
from derm.errors import DataFault
from derm.evaluate.belonging import CALIBRATION, SIZE, TEMPERATURE, THRESHOLD, WeightsState
from derm.evaluate.check import (
    HASHES,
    contradiction,
    curves_fault,
    embedding_fault,
    metrics_fault,
    outlines_fault,
    predictions_fault,
    subgroups_fault,
)
from derm.files import MOST_JSON, is_there, parse_json, read_file
from derm.language.speech import say
from derm.metrics.classification import most_likely
from derm.metrics.registry import HEADLINE, OVERALL, PER_CLASS
from derm.spreadsheet import read_header, uncell

TABLES = ("predictions", "outlines", "subgroups", "embedding")
"""The tables of a folder of results, each NAME.csv."""

JSONS = ("metrics", "curves")
"""Its other files, each NAME.json."""

TEXTS = {"image_id": str, "lesion_id": str, "dimension": str, "group": str}
"""Columns of its tables that are text, whatever they look like: the catalogue's 0012 is not 12."""

_NO_NUMBER = ["", "NA", "N/A", "nan", "NaN", "null", "NULL", "None"]
"""What stands for a missing number. An image may be called so: of a text an empty cell alone is missing."""

MOST_TABLE = 512 << 20
"""Bytes of one of its tables: a million images take a quarter."""

FILES_OF_RESULTS = {f"{name}.json": MOST_JSON for name in JSONS} | {f"{name}.csv": MOST_TABLE for name in TABLES}
"""All of them, metrics.json first, with the most bytes that each may have."""

WORST = "worst-outlines"
"""Folder of small pictures of the outlines that agree least, named by rank and image."""

WORST_NAME = re.compile(r"(\d{1,6})-(.{1,200})-iou-(\d\.\d\d)\.jpg", re.ASCII)
"""How each is called: its rank, the image and its IoU."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Evaluation:
    """One model measured on one part of a data set.

    metrics: ready for metrics.json. predictions: one row an image, the columns of predictions.csv. outlines: one row
    an image, distances in pixels at its own size. subgroups: one row a subgroup and figure. curves: ROC and
    precision–recall points of each class and of malignant, ready for JSON. embedding: one row an image, its place on
    the map of features. worst: the outlines that agree least, JPEG files by name; none where it was read back.
    """

    metrics: dict[str, Any]
    predictions: pd.DataFrame
    outlines: pd.DataFrame
    subgroups: pd.DataFrame
    curves: dict[str, Any]
    embedding: pd.DataFrame
    worst: dict[str, bytes] = field(default_factory=dict)

    @property
    def about(self) -> dict[str, Any]:
        """What the figures belong to: weights, sha256, split, part, images, date."""
        about: dict[str, Any] = self.metrics["measured_on"]
        return about

    @property
    def name(self) -> str:
        """The results in a few words: weights, part and split."""
        return name_of(self.about)

    @property
    def by_source(self) -> dict[str, dict[str, Any]]:
        """The figures of each source, see `derm.evaluate.by_source`; empty in results from before there were any."""
        found: dict[str, dict[str, Any]] = self.metrics.get("by_source", {})
        return found

    @property
    def leaks(self) -> bool:
        """Whether the weights know images of this part, see `why_known`: every figure is too good then."""
        return why_known(self.about) is not None

    @property
    def true(self) -> NDArray[np.int64]:
        """The true class of each row of `predictions`, int64 (n,), as an index into `CODES`."""
        return self.predictions["dx_true"].map(INDEX).to_numpy().astype(np.int64)

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """The calibrated probabilities of each row of `predictions`, float64 (n, 7)."""
        return self.predictions[[f"p_{code}" for code in CODES]].to_numpy(dtype=np.float64)

    @property
    def weights_state(self) -> WeightsState:
        """What is recorded of how the weights were set."""
        return {
            SIZE: self.about.get("input_size"),
            TEMPERATURE: self.metrics.get("calibration", {}).get("temperature"),  # older results have none
            THRESHOLD: (self.metrics["decision"] or {}).get("threshold"),
            CALIBRATION: self.about.get("calibration"),
        }


@dataclass(frozen=True, eq=False, kw_only=True)
class Results(Evaluation):
    """An evaluation as `derm evaluate --out folder` wrote it."""

    folder: Path
    stamp: str
    """Tells these results from others that lay in the folder before or after: a hash of all their files."""


def name_of(about: Mapping[str, Any]) -> str:
    """What `measured_on` of `derm.evaluate.dataset` says, in a few words: weights, part, split; views where several."""
    said = say(
        "{weights} {hash}, {part} part, split {split}",
        weights=about["weights"],
        hash=about["sha256"][:8],
        part=say(about["part"]),
        split=say(about["split"]),
    )
    views = about.get("views", 1)
    return said if views == 1 else say("{results}, mean of {views} views", results=said, views=views)


def why_known(about: Mapping[str, Any]) -> str | None:
    """How the weights that `about` names know images of its part, to follow "the weights"; None where they do not."""
    trained = about["trained_on_split_by"]
    if trained is not None and trained != about["split_by"]:
        return say(
            "were trained on the split {split} and know images of the {part} part",
            split=value_called(f"by {trained}"),
            part=value_called(about["part"]),
        )
    known = sorted(set(about.get("left_out", ())) & set(about.get("trained_on_sources", ())))
    if known:
        return say("were trained on {source}, which is left out here", source=known[0])
    if trained is not None and about["part"] == "train":
        return say("were trained on this part")
    images = about.get("known_images", 0)
    if not images:
        return None
    return say(
        "learned from, or were calibrated on, {images:,} of these images, or others of their lesions", images=images
    )


def read_results(folder: Path) -> Results:
    """Read what `derm evaluate --out folder` wrote; DataFault, with the cure, where it is not there or not whole."""
    cure = say("make them anew with `derm evaluate --data DIR --out {folder}`.", folder=folder)
    try:
        contents = {file: read_file(folder / file, most) for file, most in FILES_OF_RESULTS.items()}
        jsons: dict[str, Any] = {name: parse_json(contents[f"{name}.json"]) for name in JSONS}
        tables: dict[str, Any] = {name: parse_own_table(f"{name}.csv", contents[f"{name}.csv"]) for name in TABLES}
    except FileNotFoundError as error:
        raise DataFault(
            say(
                "{folder} holds no results, {file} is missing: {cure}",
                folder=folder,
                file=Path(error.filename).name,
                cure=cure,
            )
        ) from error
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataFault(
            say("The results in {folder} cannot be read ({reason}): {cure}", folder=folder, reason=reason, cure=cure)
        ) from error
    checks = {
        "metrics": metrics_fault, "curves": curves_fault, "predictions": predictions_fault,
        "outlines": outlines_fault, "subgroups": subgroups_fault, "embedding": embedding_fault,
    }  # fmt: skip
    files = {**jsons, **tables}
    if fault := next((fault for name, check in checks.items() if (fault := check(files[name]))), None):
        raise DataFault(
            say("The results in {folder} cannot be read ({reason}): {cure}", folder=folder, reason=fault, cure=cure)
        )
    later = {"metrics": with_later_metrics(jsons["metrics"]), "predictions": with_later_columns(tables["predictions"])}
    hashes = "".join(hashlib.sha256(content).hexdigest() for content in contents.values())
    stamp = hashlib.sha256(hashes.encode()).hexdigest()
    results = Results(folder=folder, stamp=stamp, **{**jsons, **tables, **later})
    counts = {len(tables[name]) for name in ("predictions", "outlines", "embedding")}
    if counts != {results.about["images"]}:
        raise DataFault(
            say(
                "The results in {folder} are of several runs, their tables differ in length: {cure}",
                folder=folder,
                cure=cure,
            )
        )
    fault = contradiction(results.metrics, tables["predictions"], results.outlines, results.embedding)
    if fault := fault or _of_another_run(results.metrics.pop(HASHES, {}), contents):
        raise DataFault(
            say(
                "The results in {folder} are of several runs, or were changed ({reason}): {cure}",
                folder=folder,
                reason=fault,
                cure=cure,
            )
        )
    return results


def _of_another_run(hashes: Mapping[str, str], contents: Mapping[str, bytes]) -> str | None:
    """Which file is not the one that metrics.json was written with, in a few words; None where none is, or it is too
    old to name them."""
    another = (file for file, told in hashes.items() if hashlib.sha256(contents.get(file, b"")).hexdigest() != told)
    file = next(another, None)
    return None if file is None else f"{file} is not the one that metrics.json was written with"


def with_later_metrics(metrics: dict[str, Any]) -> dict[str, Any]:
    """A sound metrics.json with None for the decision, and each metric of the registry, that it is too old to have."""
    overall, headline = dict.fromkeys(metric.key for metric in OVERALL), dict.fromkeys(HEADLINE)
    later = {"decision": None, **overall, **metrics}
    later["per_class"] = {code: {**dict.fromkeys(PER_CLASS), **own} for code, own in metrics["per_class"].items()}
    if "baselines" in metrics:
        later["baselines"] = {title: {**headline, **own} for title, own in metrics["baselines"].items()}
    return later


def with_later_columns(predictions: pd.DataFrame) -> pd.DataFrame:
    """Sound predictions with what older ones lack: the likeliest diagnosis, and no Dice."""
    if "dx_pred" not in predictions:
        likeliest = most_likely(predictions[[f"p_{code}" for code in CODES]].to_numpy(dtype=np.float64))
        predictions = predictions.assign(dx_pred=np.array(CODES)[likeliest])
    return predictions if "dice" in predictions else predictions.assign(dice=np.nan)


def read_own_table(path: Path) -> pd.DataFrame:
    """A table that `derm.spreadsheet` wrote, its ids and names as they were; OSError, ValueError where it is none."""
    return parse_own_table(path.name, read_file(path, MOST_TABLE))


def parse_own_table(file: str, content: bytes) -> pd.DataFrame:
    """`read_own_table` of a file's bytes; file: its name, for the sentence."""
    lines = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", errors="replace", newline="")
    header = read_header(lines, len(content))
    if twice := [name for place, name in enumerate(header) if name in header[:place]]:
        raise ValueError(f"{file} has the column {twice[0][:40]} twice")
    try:
        missing = {name: [""] if name in TEXTS else _NO_NUMBER for name in header}
        table = pd.read_csv(io.BytesIO(content), dtype=TEXTS, keep_default_na=False, na_values=missing)
    except OverflowError as error:
        raise ValueError(str(error)) from error
    if not isinstance(table.index, pd.RangeIndex):
        raise ValueError(f"the rows of {file} have more cells than its header")
    for name in TEXTS:
        if name in table:
            table[name] = table[name].map(uncell, na_action="ignore")
    return table


def find_results(folder: Path) -> list[Path]:
    """The folders of results in `folder`, itself included, newest first; empty where there are none."""
    return newest_first([folder, *below(folder)], "metrics.json")


def below(folder: Path) -> list[Path]:
    """The folders in `folder`; none where it cannot be looked into."""
    try:
        return [place for place in folder.iterdir() if place.is_dir()]
    except OSError:
        return []


def newest_first(folders: Iterable[Path], name: str) -> list[Path]:
    """Those of `folders` that hold the file `name`, the one whose file was written last first."""
    told = []
    for place in folders:
        if is_there(place / name):
            with contextlib.suppress(OSError):  # gone in this moment
                told.append(((place / name).stat().st_mtime, place))
    return [place for _, place in sorted(told, key=lambda one: one[0], reverse=True)]


def typical_image(predictions: pd.DataFrame, code: str) -> str | None:
    """The image of a class on which the model is neither good nor bad; None where there is none of the class.

    That is the one with the median probability for its true diagnosis, the lower of two; of equals the first.
    """
    own = predictions[predictions["dx_true"] == code]
    if own.empty:
        return None
    order = np.argsort(own[f"p_{code}"].to_numpy(), kind="stable")
    return str(own["image_id"].iloc[order[(len(own) - 1) // 2]])
