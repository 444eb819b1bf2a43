"""The model that the app answers with: that which the user names, that which the practice has chosen, or the shipped.

Needs a pair of weights on disk. Keeps nothing: the app holds the model, once for all its users.
"""

import os
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from derm.errors import WeightsFault
from derm.files import is_named, read_json
from derm.language.speech import say
from derm.model.description import read_content
from derm.model.weights import Model, default_weights, load_info, load_weights
from derm.paths import WEIGHTS, records_folder, user_path
from derm.predict.record import calibration_of

CHOICE = "weights-in-use.json"
"""In the folder of the records: which weights the practice has chosen, see `derm.teach.in_use`."""

WEIGHTS_FOLDER = "weights"
"""In the same folder: copies of the weights that were chosen."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
"""What chosen weights may be called: no path."""


def plain_name(name: str) -> str:
    """A name of weights, which are called as their file is, as `NAME` takes it, with room for more."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._]+", "-", letters).strip("-._")[:100] or "weights"


def open_model(records: Path | None = None) -> Model:
    """Load the weights that `WEIGHTS` names, else those that the practice has chosen, else the shipped ones.

    records: folder of the records; None for that of this installation. Raises WeightsFault where they cannot be loaded.
    """
    return load_weights(weights_in_use(records))


def weights_in_use(records: Path | None = None) -> Path:
    """The description of the weights that `open_model` loads; errors as there."""
    if named := os.environ.get(WEIGHTS):
        return user_path(named)
    folder = records or records_folder()
    choice = read_choice(folder)
    return default_weights() if choice is None else chosen_weights(folder, choice)


def chosen_weights(records: Path, choice: Mapping[str, Any]) -> Path:
    """The description of the weights that a choice, now or in the past, names; the shipped ones where it names none.

    Raises WeightsFault where they are gone, or are others than were decided on: other tensors or, for a choice that
    tells its calibration, as older ones do not, other thresholds.
    """
    name = choice.get("weights")
    if name is None:
        return default_weights()
    path = weights_place(records, name)
    if not path.is_file():
        raise WeightsFault(
            say(
                "The weights in use, {chosen}, are gone: put both files back from a copy, or delete {folder} to "
                "go on with the shipped ones.",
                chosen=path,
                folder=records / CHOICE,
            )
        )
    found = identity_of(path)
    expected = {name: choice.get(name) or found[name] for name in found}
    if found != expected:
        raise WeightsFault(
            say(
                "{chosen} are not the weights that were taken into use ({found}, expected {expected}): put both files "
                "back from a copy, or take weights into use anew with `derm records adopt`.",
                chosen=path,
                found=_short(found),
                expected=_short(expected),
            )
        )
    return path


def weights_place(records: Path, name: str) -> Path:
    """The description of the weights that a choice calls so."""
    return records / WEIGHTS_FOLDER / f"{name}.json"


def identity_of(path: Path) -> dict[str, str]:
    """What a choice holds of the weights that the description `path` is of: their tensors' hash, and what tells their
    calibration."""
    calibration = calibration_of(load_info(path))  # raises for a description that cannot be read
    return {"sha256": read_content(path)["sha256"], "calibration": calibration}


def _short(identity: Mapping[str, str]) -> str:
    return " ".join(digits[:8] for digits in identity.values())


def read_choice(records: Path) -> dict[str, Any] | None:
    """What is written in the choice: weights (a name, or None for the shipped ones), sha256, calibration, by, at, past.

    None where there is none. Raises WeightsFault for a file that cannot be read as one, so that nobody is answered by
    other weights than those that were decided on.
    """
    path = records / CHOICE
    try:
        content = read_json(path)
        if not _is_choice(content) or not all(_is_choice(one) for one in content.get("past", [])):
            raise ValueError("it names no weights")
    except FileNotFoundError as error:
        if is_named(records) and not records.exists():
            raise WeightsFault(
                say(
                    "The folder of records {path} is a link that leads nowhere, as to a disk that is not mounted: "
                    "mount it, or name another folder.",
                    path=records,
                )
            ) from error
        return None
    except (OSError, ValueError, TypeError) as error:
        raise WeightsFault(
            say(
                "{path} does not say which weights are in use ({error}): put it back from a copy, or delete it "
                "to go on with the shipped ones.",
                path=path,
                error=error,
            )
        ) from error
    found: dict[str, Any] = content
    return found


def _is_choice(content: object) -> bool:
    if not isinstance(content, dict) or not isinstance(content.get("past", []), list) or "weights" not in content:
        return False  # only null says that they are the shipped ones
    name, told = content["weights"], (content.get("sha256"), content.get("calibration"))
    if name is None:
        return True
    return isinstance(name, str) and bool(NAME.fullmatch(name)) and all(isinstance(one, str | None) for one in told)
