"""Whether a line of a run log holds an event that readers can rely on.

Needs what JSON gave. Asks for no more than readers use, so that logs of older versions pass. Knows no file.
"""

from typing import Any

from derm.json_checks import (
    Check,
    by_code,
    is_count,
    is_matrix,
    is_number,
    is_number_or_none,
    is_several,
    is_shallow,
    is_share_or_none,
    is_switch,
    is_text,
    list_of,
    object_with,
    within,
)

DEEPER = ("per_class", "by_source", "undefined", "malignant", "confusion_matrix", "classes")
"""What validation says beside its figures."""

MOST_LOSS = 1e42
"""Of an epoch, that of a training that went astray included: float32, in which it is computed, ends at 3e38, and it is
weighted by up to 100."""


def _figures(value: Any) -> bool:  # noqa: ANN401
    """Figures of an epoch by name: losses, all else shares; and what lies deeper."""
    return isinstance(value, dict) and all(
        isinstance(one, dict | list) if name in DEEPER else (_loss if name.endswith("loss") else is_share_or_none)(one)
        for name, one in value.items()
    )


def _loss(value: Any) -> bool:  # noqa: ANN401
    """A loss that can be printed, or null."""
    return value is None or within(-MOST_LOSS, MOST_LOSS)(value)


def _measured(value: Any) -> bool:  # noqa: ANN401
    """What validation measured, with a confusion matrix and figures of each diagnosis."""
    return (
        _figures(value) and is_matrix(value.get("confusion_matrix")) and by_code(_of_class)(value.get("per_class"))
    )  # fmt: skip


def _of_class(value: Any) -> bool:  # noqa: ANN401
    """Figures of one diagnosis: its images, and shares."""
    return isinstance(value, dict) and all(
        (is_count if name == "support" else is_share_or_none)(one) for name, one in value.items()
    )


def _stage(value: Any) -> bool:  # noqa: ANN401
    """A stage of the curriculum, both of whose histograms have the same bins."""
    return _STAGE(value) and len(value["difficulty_histogram"]) == len(value["admitted_histogram"]) > 0


def _bins(value: Any) -> bool:  # noqa: ANN401
    """A histogram."""
    return list_of(is_count)(value) and len(value) <= MOST_BINS


MOST_BINS = 1000
MOST_EPOCHS = 10_000
"""Of a run, as training takes them: for each one a page draws something."""

_PART = dict.fromkeys(("loss", "mask_loss", "class_loss"), is_number_or_none)
_CONFIG = object_with(
    {
        "epochs": lambda value: is_several(value) and value <= MOST_EPOCHS,
        "log_every": is_several,
        "batch": is_several,
        "optimiser": is_text,
        "schedule": is_text,
        "learning_rate": is_number,
        "model": object_with(
            {"design": is_text, "encoder": is_text, "input_size": is_several}, {"whole_share": is_number}
        ),
        "curriculum": object_with(
            {"enabled": is_switch}, dict.fromkeys(("start", "full_after", "rarity", "least"), is_number)
        ),
        "replay": object_with({"enabled": is_switch, "share": is_number}),
    }
)
_DATA = object_with({}, {"folder": is_text, "split": is_text, "train": is_count, "validation": is_count})
_HARD = object_with(
    {"image_id": is_text, "loss": is_number, "views": is_count, "drawn_in_epoch": is_count, "drawn": is_count},
    {"age": is_count},
)

_STAGE = object_with(
    {
        "epoch": is_count,
        "enabled": is_switch,
        "pace": is_number,
        "admitted": is_count,
        "admitted_share": by_code(is_number_or_none),
        "difficulty_histogram": _bins,
        "admitted_histogram": _bins,
    },
    {"images": by_code(is_count)},
)

CHECKS: dict[str, Check] = {
    "start": object_with(
        {"steps": is_several, "steps_per_epoch": is_several, "config": _CONFIG},
        {"data": _DATA, "epochs_from": is_count},
    ),
    "step": object_with(
        {
            "step": is_count,
            "epoch": is_count,
            "learning_rate": is_number,
            "accuracy": is_number_or_none,
            "replayed_share": is_number,
        }
        | _PART
    ),
    "epoch": object_with(
        {
            "epoch": is_count,
            "step": is_count,
            "train": _figures,
            "validation": _measured,
        }
    ),
    "best": object_with({"epoch": is_count, "by": is_text, "value": within(-MOST_LOSS, MOST_LOSS)}),
    "curriculum": _stage,
    "replay": object_with(
        {
            "epoch": is_count,
            "enabled": is_switch,
            "size": is_count,
            "suspects": list_of(is_text),
            "replayed_share": is_number,
            "drawn": by_code(is_count),
            "hardest": list_of(_HARD),
        },
        {"hit_rate": is_number_or_none},
    ),
    "begun": object_with({"step": is_count, "time": is_number}, {"claim": is_text}),
    "resumed": object_with({"step": is_count, "time": is_number}, {"claim": is_text}),
    "speed": object_with(
        {"epoch": is_count, "time": is_number, "images_per_second": is_number, "memory_mb": is_number}
    ),
    "stopped": object_with({"step": is_count, "time": is_number}),
    "end": object_with({"step": is_count}, {"early": is_switch}),
}
"""What each kind of event must have for its readers; kinds that are not named here are later versions' and pass."""


def is_sound(event: Any) -> bool:  # noqa: ANN401
    """Whether readers can rely on what JSON gave for one line."""
    if not isinstance(event, dict) or not isinstance(event.get("event"), str) or not is_shallow(event):
        return False
    check = CHECKS.get(event["event"])
    return check is None or check(event)


def is_sound_about(about: Any) -> bool:  # noqa: ANN401
    """Whether readers can rely on what JSON gave for run.json."""
    return is_shallow(about) and object_with({"config": _CONFIG}, {"data": _DATA})(about)
