"""Whether a line of a run log holds an event that readers can rely on.

Needs what JSON gave. Asks for no more than readers use, so that logs of older versions pass. Knows no file.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from derm.diagnoses import CODES

Check = Callable[[Any], bool]
"""Whether a value will do."""


def _number(value: Any) -> bool:  # noqa: ANN401 (whatever JSON holds)
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _maybe(value: Any) -> bool:  # noqa: ANN401
    return value is None or _number(value)


def _whole(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def _several(value: Any) -> bool:  # noqa: ANN401
    return _whole(value) and value > 0


def _text(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, str)


def _switch(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, bool)


def _list(each: Check) -> Check:
    return lambda value: isinstance(value, list) and all(each(one) for one in value)


def _by_code(each: Check) -> Check:
    return lambda value: isinstance(value, dict) and set(value) == set(CODES) and all(map(each, value.values()))


def _object(fields: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """An object that has these fields, and those that are optional right where it has them."""
    return lambda value: (
        isinstance(value, dict)
        and all(name in value and check(value[name]) for name, check in fields.items())
        and all(name not in value or check(value[name]) for name, check in (optional or {}).items())
    )


def _matrix(value: Any) -> bool:  # noqa: ANN401
    return _list(_list(_whole))(value) and [len(row) for row in value] == [len(CODES)] * len(CODES)


def _figures(value: Any) -> bool:  # noqa: ANN401
    """Figures by name, or what holds more of them."""
    return isinstance(value, dict) and all(isinstance(one, dict | list) or _maybe(one) for one in value.values())


def _measured(value: Any) -> bool:  # noqa: ANN401
    """What validation measured, with a confusion matrix and figures of each diagnosis."""
    return (
        _figures(value) and _matrix(value.get("confusion_matrix")) and _by_code(_figures)(value.get("per_class"))
        and all(_maybe(one) for own in value["per_class"].values() for one in own.values())
    )  # fmt: skip


def _stage(value: Any) -> bool:  # noqa: ANN401
    """A stage of the curriculum, both of whose histograms have the same bins."""
    return _STAGE(value) and len(value["difficulty_histogram"]) == len(value["admitted_histogram"]) > 0


_PART = dict.fromkeys(("loss", "mask_loss", "class_loss"), _maybe)
_CONFIG = _object(
    {
        "epochs": _several,
        "log_every": _several,
        "batch": _several,
        "optimiser": _text,
        "schedule": _text,
        "learning_rate": _number,
        "model": _object({"design": _text, "encoder": _text, "input_size": _several}, {"whole_share": _number}),
        "curriculum": _object({"enabled": _switch}),
        "replay": _object({"enabled": _switch, "share": _number}),
    }
)
_DATA = _object({}, {"folder": _text, "split": _text, "train": _whole, "validation": _whole})
_HARD = _object({"image_id": _text, "loss": _number, "views": _whole, "drawn_in_epoch": _whole, "drawn": _whole})

_STAGE = _object(
    {
        "epoch": _whole,
        "enabled": _switch,
        "pace": _number,
        "admitted": _whole,
        "admitted_share": _by_code(_maybe),
        "difficulty_histogram": _list(_whole),
        "admitted_histogram": _list(_whole),
    },
    {"images": _by_code(_whole)},
)

CHECKS: dict[str, Check] = {
    "start": _object(
        {"steps": _several, "steps_per_epoch": _several, "config": _CONFIG},
        {"data": _DATA, "epochs_from": _whole},
    ),
    "step": _object(
        {"step": _whole, "epoch": _whole, "learning_rate": _number, "accuracy": _maybe, "replayed_share": _number}
        | _PART
    ),
    "epoch": _object(
        {
            "epoch": _whole,
            "step": _whole,
            "train": _figures,
            "validation": _measured,
        }
    ),
    "best": _object({"epoch": _whole, "by": _text, "value": _number}),
    "curriculum": _stage,
    "replay": _object(
        {
            "epoch": _whole,
            "enabled": _switch,
            "size": _whole,
            "suspects": _list(_text),
            "replayed_share": _number,
            "drawn": _by_code(_whole),
            "hardest": _list(_HARD),
        },
        {"hit_rate": _maybe},
    ),
    "begun": _object({"step": _whole, "time": _number}),
    "resumed": _object({"step": _whole, "time": _number}),
    "speed": _object({"epoch": _whole, "time": _number, "images_per_second": _number, "memory_mb": _number}),
    "stopped": _object({"step": _whole, "time": _number}),
    "end": _object({"step": _whole}, {"early": _switch}),
}
"""What each kind of event must have for its readers; kinds that are not named here are later versions' and pass."""


def is_sound(event: Any) -> bool:  # noqa: ANN401
    """Whether readers can rely on what JSON gave for one line."""
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        return False
    check = CHECKS.get(event["event"])
    return check is None or check(event)


def is_sound_about(about: Any) -> bool:  # noqa: ANN401
    """Whether readers can rely on what JSON gave for run.json."""
    return _object({"config": _CONFIG}, {"data": _DATA})(about)
