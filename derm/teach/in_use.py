"""Which weights the app answers with, as somebody has decided: taken into use, undone, and told in the chain of events.

Needs open records, beside which the choice and copies of the weights lie. Every kept answer names the weights that gave
it, so that none changes with a choice. Trains nothing.
"""

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from derm.errors import ConfigFault, RecordsFault, WeightsFault
from derm.files import alone_in, make_folder, write_json
from derm.language.speech import say
from derm.model.description import read_content
from derm.model.weights import Model, copy_weights, load_info, load_weights
from derm.monitor.quota import Visitor
from derm.paths import WEIGHTS
from derm.predict.open import (
    CHOICE,
    WEIGHTS_FOLDER,
    chosen_weights,
    identity_of,
    plain_name,
    read_choice,
    weights_in_use,
    weights_place,
)
from derm.records.connect import Records
from derm.records.entry import WHO_DECIDES, now
from derm.records.entry import name as clean_name
from derm.records.write import note

TAKEN, UNDONE = "weights taken into use", "weights taken out of use"
"""Kinds of events; what they are about is the weights' SHA-256, and their calibration, where the choice tells it."""

IDENTITY = ("sha256", "calibration")
"""What a choice holds of its weights, see `identity_of`."""

ANY = "any"
"""Whatever weights were in use before; no name of weights, which all end in eight digits of their hash."""

PATIENCE = 30
"""Seconds that a choice waits for another one, which takes a few while weights are loaded and copied."""


def may_start(visitor: Visitor) -> bool:
    """Whether somebody at a page may start a training on the practice's cases and say which weights are used.

    It changes what everybody is answered. Without roles only who sits at the machine, where nobody else is served; in a
    terminal of the machine whoever may read its files.
    """
    return visitor.alone


def adopt(
    records: Records, actor: str, source: Path, shown: Mapping[str, str] | None = None, former: str | None = ANY
) -> str:
    """Take the weights `source` (.json) into use: copied beside the records, told in the chain, then chosen; their
    label comes back.

    Visits that begin afterwards are answered with them. shown: which weights those were that somebody decided on, by
    `identity_of`; a folder may hold others by now. former: which were in use then, as `now_in_use` names them. Raises
    WeightsFault for weights that cannot be loaded, RecordsFault for those in use already, for others than `shown`, and
    where others than `former` are in use by now, ConfigFault where `WEIGHTS` has the last word.
    """
    actor = _decider(actor)
    model = load_weights(source)
    if shown is not None and shown != identity_of(source):
        raise RecordsFault(
            say(
                "The weights of {folder} are others by now than those whose comparison was shown: look at theirs, then "
                "use them.",
                folder=source.parent.name,
            )
        )
    with _choosing(records):
        if _is_in_use(records.folder, model):
            raise RecordsFault(say("{label} are in use already.", label=model.label))
        if former != ANY and former != (current := now_in_use(records)):
            raise RecordsFault(
                say(
                    "{current} were taken into use meanwhile, so nothing was changed: look at what they are worth, "
                    "then use these if they are better.",
                    current=current or say("The weights that come with Derm"),
                )
            )
        past = [*_past(records.folder), _entry(read_choice(records.folder))]
        folder = records.folder / WEIGHTS_FOLDER
        make_folder(folder)
        name = _free(folder, f"{plain_name(model.name)}-{model.sha256[:8]}")
        copy_weights(source, folder / f"{name}.json", model.description, model.sha256)
        entry = {"weights": name, **identity_of(folder / f"{name}.json")}
        _choose(records, actor, entry, past, TAKEN, entry)
    return f"{name} {model.sha256[:8]}"


def undo(records: Records, actor: str, taken: str) -> str:
    """Go back from the weights called `taken`, as `chosen` names them, to those before; their label comes back.

    The copies stay. Raises RecordsFault where nothing was chosen, or others than `taken` by now: of two who go back
    from the same weights one would go back a step too many. WeightsFault where those before are gone or were exchanged,
    ConfigFault where `WEIGHTS` has the last word.
    """
    actor = _decider(actor)
    with _choosing(records):
        past, current = _past(records.folder), read_choice(records.folder)
        if current is None or not past:
            raise RecordsFault(say("No weights were taken into use here, so there is nothing to undo."))
        if current.get("weights") != taken:
            raise RecordsFault(
                say(
                    "{taken} are not the weights in use, {chosen} are, so nothing was changed: load the page anew, or "
                    "name {chosen}, to go back from those.",
                    taken=taken,
                    chosen=current.get("weights"),
                )
            )
        *earlier, last = past
        former = last.get("weights")
        if former is not None and not weights_place(records.folder, former).is_file():
            raise RecordsFault(
                say(
                    "The weights before, {name}, are gone: put both files back from a copy, or take others into use.",
                    name=former,
                )
            )
        model = load_weights(chosen_weights(records.folder, last))
        _choose(records, actor, last, earlier, UNDONE, current)
    return model.label


def now_in_use(records: Records) -> str | None:
    """What the weights are called that were chosen last; None for those that come with Derm."""
    current = read_choice(records.folder)
    return None if current is None else current.get("weights")


def chosen(records: Records) -> str | None:
    """What the weights are called that were taken into use and can be taken out of it again; None where none were."""
    current = read_choice(records.folder)
    return current.get("weights") if current is not None and current.get("past") else None


def _choosing(records: Records) -> AbstractContextManager[None]:
    """Let nobody else choose between the look at what is in use and the choice; ConfigFault where one does not end."""
    busy = say(
        "Somebody else has been taking weights into use or out of it for {seconds} seconds: wait until that has ended, "
        "then look at what is in use.",
        seconds=PATIENCE,
    )
    return alone_in(records.folder, PATIENCE, busy)


def _decider(actor: str) -> str:
    if named := os.environ.get(WEIGHTS):
        raise ConfigFault(
            say(
                "{weights} names the weights in use, {named}: start without it, or a choice changes nothing.",
                weights=WEIGHTS,
                named=named,
            )
        )
    return clean_name(actor, WHO_DECIDES)


def _is_in_use(folder: Path, model: Model) -> bool:
    try:
        current = weights_in_use(folder)
        return load_info(current) == model.description and read_content(current)["sha256"] == model.sha256
    except WeightsFault:  # gone, or exchanged: weights taken into use anew are the cure
        return False


def _choose(
    records: Records,
    actor: str,
    entry: dict[str, Any],
    past: list[dict[str, Any]],
    kind: str,
    about: dict[str, Any],
) -> None:
    """Write the choice and its event. A kill between the two leaves the event without the choice, never the reverse.

    about: the entry that the event is about.
    """
    note(records, actor, kind, " ".join(str(about[name]) for name in IDENTITY if about.get(name)))
    write_json(records.folder / CHOICE, {**entry, "by": actor, "at": now(), "past": past})


def _entry(current: dict[str, Any] | None) -> dict[str, Any]:
    """What is chosen now, as an entry of the past; the weights None for those without a choice."""
    return {name: None if current is None else current.get(name) for name in ("weights", *IDENTITY)}


def _past(folder: Path) -> list[dict[str, Any]]:
    """What was chosen before, the oldest first."""
    current = read_choice(folder)
    return [] if current is None else list(current.get("past", []))


def _free(folder: Path, wanted: str) -> str:
    names = (wanted if number == 1 else f"{wanted}-{number}" for number in range(1, 10_000))
    return next(name for name in names if not (folder / f"{name}.json").exists())
