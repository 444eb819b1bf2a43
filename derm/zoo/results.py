"""What `derm zoo run` wrote, read back: what each system costs, what it answered, and how its maps did.

Needs the folder of results. What is damaged is one sentence. Imports no PyTorch.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.data.split import By
from derm.diagnoses import CODES, INDEX
from derm.errors import DataFault
from derm.evaluate.results import read_own_table
from derm.files import read_json

COST = "cost.json"
MEASURED = "measured.json"
PREDICTIONS = "predictions.csv"
EXPLAINED = "explained"
CONCEPTS = "concepts.json"

BYS: tuple[By, ...] = ("lesion", "image")


@dataclass(frozen=True, eq=False)
class SystemAnswers:
    """What one system answered for a part.

    about: measured.json. images, lesions: text (n,). true: int64 (n,). probabilities: float64 (n, 7). dice: float64
    (n,), NaN without a mask.
    """

    about: dict[str, Any]
    images: NDArray[np.str_]
    lesions: NDArray[np.str_]
    true: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    dice: NDArray[np.float64]


def read_answers(folder: Path) -> SystemAnswers | None:
    """What a system's folder holds; None where it has not ended. DataFault, with the cure, where it is damaged."""
    if not (folder / MEASURED).is_file():
        return None
    try:
        about = read_json(folder / MEASURED)
        table = read_own_table(folder / PREDICTIONS)
        true = table["dx_true"].map(INDEX)
        values = table[[f"p_{code}" for code in CODES]].to_numpy(dtype=np.float64)
        marks = table["dice"].to_numpy(dtype=np.float64)
        if true.isna().any() or not np.isfinite(values).all() or not isinstance(about["trained_images"], int):
            raise ValueError("a diagnosis or a probability is none")
        images = table["image_id"].astype(str)
        return SystemAnswers(
            about, images.to_numpy(dtype=str), table["lesion_id"].to_numpy(dtype=str),
            true.to_numpy().astype(np.int64), values, marks,
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise DataFault(
            f"The result in {folder} cannot be read ({reason}): delete it and run the system again with derm zoo run."
        ) from error


def read_optional(path: Path) -> dict[str, Any] | None:
    """The JSON object at `path`; None where there is none. DataFault where it is damaged."""
    if not path.is_file():
        return None
    try:
        content = read_json(path)
        if not isinstance(content, dict):
            raise ValueError("it is no object")
    except (OSError, ValueError) as error:
        raise DataFault(f"{path} cannot be read ({error}): delete it and run the system again.") from error
    return content


def starts_in(out: Path, budget: str) -> list[str]:
    """The names of the starting weights that there are results of, sorted, random first."""
    places = [place for by in BYS for place in (out / budget / f"by-{by}").glob("*")]
    found = {place.name for place in places if place.is_dir()}
    return sorted(found, key=lambda name: (name != "random", name))


def in_order(answered: SystemAnswers, images: NDArray[np.str_]) -> SystemAnswers | None:
    """The same with its rows in the order of `images`, text (n,); None where they are not the same images."""
    places = pd.Series(np.arange(len(answered.images)), index=answered.images)
    if len(images) != len(places) or not pd.Index(images).isin(places.index).all() or not places.index.is_unique:
        return None
    rows = places.reindex(images).to_numpy()
    return SystemAnswers(
        answered.about, answered.images[rows], answered.lesions[rows], answered.true[rows],
        answered.probabilities[rows], answered.dice[rows],
    )  # fmt: skip
