"""What `derm zoo run` wrote, read back: what each system costs, what it answered, and how its maps did.

Needs the folder of results. What is damaged is one sentence. Imports no PyTorch.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.data.identity import rows_sha256
from derm.diagnoses import CODES, INDEX
from derm.errors import DataFault
from derm.evaluate.check import HASHES, predictions_fault
from derm.evaluate.results import MOST_TABLE, parse_own_table
from derm.files import is_named, read_file, read_json, sha256
from derm.json_checks import Check, fault_of
from derm.language.speech import say
from derm.model.description import check_seal
from derm.zoo.check import ABOUT_SYSTEM, BYS, TOLD, TRAINED

COST = "cost.json"
MEASURED = "measured.json"
"""Written last, under a hash: what the result is of, and the SHA-256 of the files beside it."""

PREDICTIONS = "predictions.csv"
START = "start.json"
"""The SHA-256 of the file of starting weights, from when training began: its name alone is in the folder's."""

FINGERPRINTS = ("fingerprint", "validation_fingerprint")
"""Of the training and of the validation images; in a run's data, and in measured.json."""

EXPLAINED = "explained"
CONCEPTS = "concepts.json"


@dataclass(frozen=True, eq=False)
class SystemAnswers:
    """What one system answered for a part.

    folder: the system's. about: measured.json. images, lesions: text (n,). true: int64 (n,). probabilities: float64
    (n, 7). dice: float64 (n,), NaN without a mask.
    """

    folder: Path
    about: dict[str, Any]
    images: NDArray[np.str_]
    lesions: NDArray[np.str_]
    true: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    dice: NDArray[np.float64]


def read_answers(folder: Path) -> SystemAnswers | None:
    """What a system's folder holds; None where it has not ended. DataFault, with the cure, where it is damaged."""
    if not is_named(folder / MEASURED):
        return None
    try:
        about = read_json(folder / MEASURED)
        content = read_file(folder / PREDICTIONS, MOST_TABLE)
        table = parse_own_table(PREDICTIONS, content)
        if (name := fault_of(about, TRAINED | ABOUT_SYSTEM, TOLD)) is not None:
            raise ValueError(f"{MEASURED} lacks {name or 'everything'}")
        if fault := predictions_fault(table, ("dice",)):
            raise ValueError(fault)
        if table.empty or table["image_id"].duplicated().any():
            raise ValueError(f"{PREDICTIONS} has an image twice, or none")
        check_seal(about)
        if fault := _of_another(folder, about, table, hashlib.sha256(content).hexdigest()):
            raise ValueError(fault)
        shares = table[[f"p_{code}" for code in CODES]]
        return SystemAnswers(
            folder, about, table["image_id"].to_numpy(dtype=str), table["lesion_id"].to_numpy(dtype=str),
            table["dx_true"].map(INDEX).to_numpy().astype(np.int64), shares.to_numpy(dtype=np.float64),
            table["dice"].to_numpy(dtype=np.float64),
        )  # fmt: skip
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:160]
        raise DataFault(
            say(
                "The result in {folder} cannot be read ({reason}): delete it and run the system again "
                "with derm zoo run.",
                folder=folder,
                reason=reason,
            )
        ) from error


def _of_another(folder: Path, about: Mapping[str, Any], table: pd.DataFrame, digest: str) -> str | None:
    """In what measured.json belongs to another folder or another table, in a few words; None where it does not.

    digest: of predictions.csv. What measured.json is too old to tell is not asked.
    """
    budget, by, start, system = folder.parts[-4:]
    for name, here in {"system": system, "start": start, "by": by.removeprefix("by-"), "budget": budget}.items():
        if about.get(name, here) != here:
            return f"{MEASURED} is of the {name} {about[name]}, and the folder of {here}"
    if about.get(HASHES, {}).get(PREDICTIONS, digest) != digest:
        return f"{PREDICTIONS} is not the one that {MEASURED} was written with"
    told = about["about"]
    recorded = (told.get("identity") or {}).get("rows")
    counted = {
        "part": (told.get("part"), "test"),
        "split_by": (told.get("split_by"), by.removeprefix("by-")),
        "images": (told.get("images"), len(table)),
        "lesions": (told.get("lesions"), table["lesion_id"].nunique()),
        "identity": (recorded, recorded and rows_sha256(table["image_id"], table["dx_true"])),
    }
    wrong = next((name for name, (said, found) in counted.items() if said is not None and said != found), None)
    return None if wrong is None else f"the {wrong} in {MEASURED} is not that of {PREDICTIONS} and its folder"


def read_optional(path: Path, check: Check, digest: str | None = None) -> dict[str, Any] | None:
    """The JSON object at `path`, which `check` passes; None where there is none. DataFault where it is damaged.

    digest: the SHA-256 that it must have, None where nothing tells one.
    """
    if not is_named(path):
        return None
    try:
        content = read_json(path)
        if digest is not None and sha256(path) != digest:
            raise ValueError(f"it is not the one that {MEASURED} was written with")
        if not isinstance(content, dict):
            raise ValueError("it is no object")
        if not check(content):
            raise ValueError("it holds something else than was written")
    except (OSError, ValueError) as error:
        raise DataFault(
            say(
                "{path} cannot be read ({error}): delete it and run the system again.",
                path=path,
                error=error,
            )
        ) from error
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
    return replace(
        answered,
        images=answered.images[rows],
        lesions=answered.lesions[rows],
        true=answered.true[rows],
        probabilities=answered.probabilities[rows],
        dice=answered.dice[rows],
    )
