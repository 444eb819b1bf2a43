"""A training on the practice's cases from beginning to end: learn, choose thresholds, compare with the weights in use.

Needs open records. Lies in a folder of its own beside the records, holds it while it works, and goes on where a kill
left it. Puts nothing into use: `derm.teach.in_use` does, when somebody says so.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from derm.data.catalogue import Catalogue
from derm.data.split import Part, split_own
from derm.errors import DataFault, DermError, RunFault, WeightsFault
from derm.evaluate.compare import COLUMNS, compare
from derm.evaluate.dataset import evaluate, write_evaluation
from derm.evaluate.results import read_own_table, read_results
from derm.files import hold, open_lock, read_json, real_path, unlinked, write_json, write_text
from derm.json_checks import (
    Check,
    by_name,
    fault_of,
    is_count,
    is_number,
    is_several,
    is_switch,
    is_text,
    list_of,
    object_with,
    one_of,
)
from derm.language.again import say_again
from derm.language.quantities import listed
from derm.language.speech import json_of_said, mark, said_of_json, say
from derm.metrics.bootstrap import REPLICATES
from derm.model.weights import Model, load_weights
from derm.monitor.launch import free_name, launch
from derm.monitor.quota import OWNER, Visitor, room_for_one
from derm.monitor.state import LOCK, is_alive
from derm.paths import TEACHING, runs_folder
from derm.predict.open import identity_of
from derm.predict.record import calibration_of
from derm.records.connect import Records
from derm.records.words import left_out
from derm.spreadsheet import csv_table
from derm.teach.features import Progress
from derm.teach.practice import Lessons, gather_lessons, lesions_in, make_place, remove_lessons
from derm.teach.train import NAME, TeachingSettings, Way, has_begun, has_learned, teach_head, teach_whole

ABOUT = "teaching.json"
"""In a training's folder: how it is trained, how far it is, and what it found."""

LESSONS = "practice"
"""In the same: the practice's cases as a data set, while they are learned from."""

RECORDS_TRAIN = ("records", "train")
"""The command that goes on with a training."""

Stage = Literal["begun", "learned", "done", "refused"]

PRACTICE, OLD = "practice", "old"
"""What is compared on: the practice's test part, and the validation part of the old data."""

_COUNTED = object_with({"images": is_count, "lesions": is_count})

FIELDS: dict[str, Check] = {
    "stage": one_of(*get_args(Stage)),
    "way": one_of(*get_args(Way)),
    "weights": is_text,
    "before": is_text,
    "epochs": is_several,
    "learning_rate": is_number,
    "outsiders": list_of(is_text),
    "old": list_of(is_text),
    "without_old": is_switch,
    "said": list_of(lambda one: is_text(one) or isinstance(one, dict)),
}
"""Of `ABOUT`."""

LATER: dict[str, Check] = {
    "identity": object_with({"network_id": is_text, "calibration": is_text}),
    "pictures": list_of(is_text),
    "learned": list_of(is_text),
    "compared": lambda value: by_name(_COUNTED)(value) and set(value) <= {PRACTICE, OLD},
}
"""Of `ABOUT`: of the weights and the practice's pictures that it began with, and of the cases that its weights learned
from, which an older training does not tell; and once it has ended."""

KEYS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
"""What a training's folder may be called."""

Tell = Callable[[str], None]
"""Told what is being done, in a few words."""


@dataclass(frozen=True)
class Teaching:
    """A training on the practice's cases, as its folder tells.

    stage: how far it is. alive: whether a process works on it. way: 'head' or 'whole'. before: label of the weights
    that it began with. said: sentences, such as what is lacking or why it was refused. pictures: of the practice, that
    were learned from. weights: description of the new weights, once they are there. identity: what tells them from
    others, see `derm.predict.open.identity_of`; None where they cannot be told. compared: by `PRACTICE` and `OLD`,
    the paired comparison as `derm.evaluate.compare.compare` gives it, where there is one; its pictures and lesions.
    """

    folder: Path
    stage: Stage
    alive: bool
    way: Way
    before: str
    said: tuple[str, ...]
    weights: Path | None
    identity: dict[str, str] | None
    compared: dict[str, tuple[pd.DataFrame, int, int]]

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name


def place_of(records: Records) -> Path:
    """The folder of all trainings on the practice's cases."""
    return records.folder / TEACHING


def start(
    records: Records, weights: Path, old: Sequence[Path], settings: TeachingSettings, visitor: Visitor = OWNER
) -> Path:
    """Launch a training as a process of its own, within what the app lets its visitors start; its folder comes back.

    weights: description of those in use. old: folders of the data that are rehearsed. Raises RunFault where as many
    train as may, or the disk is too full; what is found later is told in the folder.
    """
    place = place_of(records)
    make_place(place)
    with room_for_one(runs_folder(), place):
        folder = place / free_name(place, date.today().isoformat())
        _begin(folder, weights, old, settings)
        launch(folder, _words(records, folder), visitor, RECORDS_TRAIN)
    return folder


def go_on(records: Records, folder: Path, visitor: Visitor = OWNER) -> None:
    """Launch a process that goes on with a training that a kill or a refusal has ended; RunFault as for `start`."""
    with room_for_one(runs_folder(), folder):
        launch(folder, _words(records, folder), visitor, RECORDS_TRAIN)


def _words(records: Records, folder: Path) -> list[str]:
    return ["--go-on", folder.name, "--records", str(records.folder.resolve())]


def begin(
    records: Records, weights: Path, old: Sequence[Path], settings: TeachingSettings, *, without_old: bool = False
) -> Path:
    """Make the folder of a new training, for `work`; it comes back. without_old: train even without the old data."""
    place = place_of(records)
    make_place(place)
    folder = place / free_name(place, date.today().isoformat())
    _begin(folder, weights, old, settings, without_old)
    return folder


def find(records: Records, name: str) -> Path:
    """The folder of the training called `name`; RunFault where there is none."""
    folder = place_of(records) / name
    if not KEYS.fullmatch(name) or not (folder / ABOUT).is_file():
        raise RunFault(
            say(
                "There is no training '{name}' on the practice's cases: `derm records trainings` lists them.", name=name
            )
        )
    return folder


def weights_of(records: Records, name: str) -> Path:
    """The description of the new weights of a training that has ended; RunFault where it has none yet."""
    found = read_teaching(find(records, name))
    if found.weights is None or found.stage != "done":
        raise RunFault(
            say(
                "The training '{name}' has not come to its end: go on with `derm records train --go-on {name}`.",
                name=name,
            )
        )
    return found.weights


def teachings(records: Records) -> list[Teaching]:
    """All trainings on the practice's cases, the newest first; a folder that cannot be read is left out."""
    found = []
    try:
        named = [one for one in place_of(records).iterdir() if KEYS.fullmatch(one.name)]
    except OSError:
        return []
    for folder in sorted(named, key=_in_order, reverse=True):
        try:
            found.append(read_teaching(folder))
        except RunFault:
            continue
    return found


def _in_order(folder: Path) -> list[str | int]:
    """By what trainings are in the order in which they began: of one day the tenth comes after the ninth."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", folder.name)]


def read_teaching(folder: Path) -> Teaching:
    """What a training's folder tells; RunFault where it cannot be read."""
    about = _about(folder)
    weights = folder / f"{NAME}.json"
    compared = {}
    try:
        said = tuple(say_again(str(said_of_json(one)), KEPT) for one in about["said"])
        for name, told in about.get("compared", {}).items():
            table = read_own_table(folder / f"compared-{name}.csv")[list(COLUMNS)].astype(
                dict.fromkeys(COLUMNS[1:], float)
            )
            compared[name] = (table, told["images"], told["lesions"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise RunFault(
            say("The comparison in {folder} cannot be read: delete the folder and train anew.", folder=folder)
        ) from error
    return Teaching(
        folder,
        about["stage"],
        is_alive(folder),
        about["way"],
        about["before"],
        said,
        weights if weights.is_file() else None,
        _identity_at(weights),
        compared,
    )


def _identity_at(weights: Path) -> dict[str, str] | None:
    try:
        return identity_of(weights) if weights.is_file() else None
    except WeightsFault:
        return None


def work(
    records: Records,
    folder: Path,
    tell: Tell = lambda _: None,
    progress: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
    replicates: int = REPLICATES,
) -> Teaching:
    """Train, choose thresholds and compare, or go on with it; what was found comes back.

    tell: what is being done. progress: told (done, total) of it. stop: asked after each step of a whole network; true
    ends it after a checkpoint. Raises DermError for what cannot be learned from, which the folder tells, too; it may
    be a moment's, such as a disk that is full or away, and what was learned stays.
    """
    about = _about(folder)
    if about["stage"] == "done":
        return read_teaching(folder)
    with _claimed(folder):
        if about["stage"] == "refused":
            about |= {"stage": "learned" if (folder / f"{NAME}.json").is_file() else "begun", "said": []}
            _write(folder, about)
        try:
            if not _work(records, folder, about, tell, progress, stop, replicates):
                return read_teaching(folder)
        except DermError as fault:
            remove_lessons(folder / LESSONS)  # first: on a full disk nothing can be written
            remove_lessons(folder / "decoded")
            _write(folder, about | {"stage": "refused", "said": [json_of_said(str(fault))]})
            raise
        remove_lessons(folder / LESSONS)
        remove_lessons(folder / "decoded")
    return read_teaching(folder)


def _work(
    records: Records,
    folder: Path,
    about: dict[str, Any],
    tell: Tell,
    progress: Progress | None,
    stop: Callable[[], bool],
    replicates: int,
) -> bool:
    """`work` itself; False where it was stopped before its end."""
    weights, settings = Path(about["weights"]), _settings(about)
    model = load_weights(weights)
    _check_begun(folder, about, model)
    tell("Reading confirmed cases")
    # A run goes on with the images alone that it began with; until then it learns from all that are confirmed.
    only = about.get("pictures") if has_begun(folder) else None
    lessons = gather_lessons(records, model, [Path(one) for one in about["old"]], folder / LESSONS, progress, only)
    if lessons.old is None and not about["without_old"]:
        raise DataFault(say(NO_REHEARSAL, names=listed(lessons.lacking) if lessons.lacking else say("the old data")))
    about["said"] = _said(lessons, settings)
    if settings.way == "whole" and only is None:
        about["pictures"] = [Path(one).stem for one in lessons.practice.table["image_path"]]
        _write(folder, about)
    target = folder / f"{NAME}.json"
    cases = _cases_of(lessons.practice)
    learned = has_learned(folder)
    if learned and not set(about.get("learned", ())) <= set(cases):
        raise DataFault(
            say(
                "Cases that the weights of '{name}' learned from were corrected, or deleted, since: begin anew with "
                "`derm records train`.",
                name=folder.name,
            )
        )
    if not target.is_file():
        if not learned:
            about["learned"] = cases
            _write(folder, about)  # before there are weights of them, for a kill may come between
        tell("Learning from confirmed cases")
        if settings.way == "head":
            teach_head(model, lessons, folder, progress)
        elif teach_whole(weights, model, lessons, folder, settings, stop=stop, progress=progress) is None:
            return False
        _write(folder, about | {"stage": "learned"})
    taught, compared = load_weights(target), {}
    tell("Comparing on cases that neither has learned from")
    parts: tuple[tuple[str, Catalogue | None, Part], ...] = (
        (PRACTICE, lessons.practice, "test"),
        (OLD, lessons.old, "validation"),
    )
    for name, catalogue, part in parts:
        if catalogue is None:
            continue
        if not lesions_in(catalogue, split_own(catalogue), part):
            about["said"].append(json_of_said(say(NOTHING_HELD_OUT)))
            continue
        compared[name] = _compare(model, taught, catalogue, part, folder, name, progress, replicates)
    _write(folder, about | {"stage": "done", "compared": compared})
    return True


def _cases_of(practice: Catalogue) -> list[str]:
    """What is learned from and chosen by: the keys of the pictures with their diagnoses, those to measure on aside."""
    rows = np.flatnonzero(split_own(practice).parts != "test")
    table = practice.table.iloc[rows]
    return sorted(f"{Path(path).stem} {dx}" for path, dx in zip(table["image_path"], table["dx"], strict=True))


def _check_begun(folder: Path, about: dict[str, Any], model: Model) -> None:
    """Raise RunFault where `model` is not the one that a training began with; an older one keeps its path alone."""
    if about.get("identity") not in (None, _identity_of(model)):
        raise RunFault(
            say(
                "The weights {before} at {path} were replaced, or calibrated anew, since the training '{name}' began: "
                "put both files back from a copy, or begin anew with `derm records train`.",
                before=about["before"],
                path=about["weights"],
                name=folder.name,
            )
        )


def _identity_of(model: Model) -> dict[str, str]:
    """What tells weights from others: tensors and size of input, and what turns the network's output into an answer."""
    return {"network_id": model.network_id, "calibration": calibration_of(model.description)}


def _compare(
    before: Model,
    after: Model,
    catalogue: Catalogue,
    part: Part,
    folder: Path,
    name: str,
    progress: Progress | None,
    replicates: int,
) -> dict[str, int]:
    """Measure both on the part, write the paired comparison; how many images and lesions it holds for."""
    results = []
    for which, model in (("before", before), ("after", after)):
        place = folder / "results" / f"{which}-{name}"
        found = evaluate(model, catalogue, part, replicates=replicates, measuring=progress, resampling=progress)
        write_evaluation(found, place)
        results.append(read_results(place))
    first, second = results
    table = compare(first, second, replicates, progress)
    write_text(unlinked(folder / f"compared-{name}.csv"), csv_table(table, ".6f"))
    about = first.about
    return {"images": int(about["images"]), "lesions": int(about["lesions"])}


NO_REHEARSAL = mark(
    "The data that the weights learned from ({names}) are not here, and without them the weights unlearn what the "
    "practice's cases lack: name their folder with --old, or start the app with DERM_DATA."
)
NOTHING_HELD_OUT = mark("No confirmed case is kept to compare on yet: a fifth of all patients are, as they come.")
LACKING = mark(
    "Not rehearsed, for their data are not here: {names}. What was learned from them alone may be unlearned."
)
ALONE = mark(
    "Trained without the old data, which are not here: what the practice's cases lack is held in place by the head's "
    "old weights alone, and nothing tells how much of it was lost."
)
NO_GATE = mark(
    "The new weights do not tell pictures that are not dermoscopic: give some with --outsiders to teach it anew."
)

KEPT = (NO_REHEARSAL, NOTHING_HELD_OUT, LACKING, ALONE, NO_GATE)
"""What trainings that older versions began keep in English."""


def _said(lessons: Lessons, settings: TeachingSettings) -> list[object]:
    """What is to be known of a training beforehand, as `json_of_said` has it."""
    said = []
    if lessons.old is None:
        said.append(say(ALONE))
    elif lessons.lacking:
        said.append(say(LACKING, names=", ".join(lessons.lacking)))
    if settings.way == "whole" and not settings.outsiders:
        said.append(say(NO_GATE))
    if lessons.unread:
        said.append(left_out(lessons.unread))
    return [json_of_said(one) for one in said]


def _begin(
    folder: Path, weights: Path, old: Sequence[Path], settings: TeachingSettings, without_old: bool = False
) -> None:
    before = load_weights(weights)
    make_place(folder)
    _write(
        folder,
        {
            "stage": "begun",
            "way": settings.way,
            "epochs": settings.epochs,
            "learning_rate": settings.learning_rate,
            "outsiders": [str(real_path(one)) for one in settings.outsiders],
            "weights": str(real_path(weights)),
            "before": before.label,
            "identity": _identity_of(before),
            "old": [str(real_path(one)) for one in old],
            "without_old": without_old,
            "said": [],
        },
    )


def _settings(about: dict[str, Any]) -> TeachingSettings:
    return TeachingSettings(about["way"], about["epochs"], about["learning_rate"], tuple(map(Path, about["outsiders"])))


def _write(folder: Path, about: dict[str, Any]) -> None:
    write_json(folder / ABOUT, about)


def _about(folder: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = read_json(folder / ABOUT)
        if fault_of(content, FIELDS, LATER) is not None:
            raise ValueError("its fields are not those of a training")
    except (OSError, ValueError) as error:
        raise RunFault(
            say("{folder} holds no training on the practice's cases: start a new one.", folder=folder)
        ) from error
    return content


@contextmanager
def _claimed(folder: Path) -> Iterator[None]:
    with open_lock(folder / LOCK) as stream:
        if not hold(stream):
            raise RunFault(say("Another process is working on '{name}': wait for its end.", name=folder.name))
        yield
