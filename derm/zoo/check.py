"""What the comparison's files have to hold for those who read them: types, ranges, and names that are known.

Needs what JSON gave. Knows no file.
"""

from typing import Any

from derm.data.split import By
from derm.evaluate.check import ABOUT, ABOUT_LATER, HASHES
from derm.json_checks import (
    Check,
    all_of,
    by_name,
    fault_of,
    is_count,
    is_interval,
    is_number_or_none,
    is_several,
    is_share_interval,
    is_share_or_none,
    is_text,
    is_text_or_none,
    list_of,
    none_or,
    object_with,
    one_of,
    within,
)
from derm.zoo.protocol_words import BUDGETS
from derm.zoo.systems import SYSTEMS

FORMAT = 1

BYS: tuple[By, ...] = ("lesion", "image")

MOST_COST = 1e9
"""Of a cost, whatever its unit."""

MOST_STARTS = 50
"""Kinds of starting weights in one comparison."""

_FIGURE = object_with(
    {
        "value": is_share_or_none,
        "interval": is_share_interval,
        "difference": none_or(within(-1, 1)),
        "difference_interval": all_of(is_interval, none_or(list_of(within(-1, 1)))),
    }
)
TRAINED: dict[str, Check] = dict.fromkeys(("trained_images", "epoch", "epochs"), is_count)
"""Of measured.json, and of a comparison's row."""

ABOUT_SYSTEM: dict[str, Check] = {"about": object_with(ABOUT, ABOUT_LATER)}
"""Of measured.json."""

TOLD: dict[str, Check] = {
    **dict.fromkeys(("system", "budget", "by", "start", "fingerprint", "validation_fingerprint"), is_text),
    "start_sha256": is_text_or_none,
    HASHES: by_name(is_text),
}
"""The same, of what older versions do not have."""

_MEASURED = object_with({"images": is_count, "lesions": is_count, "figures": by_name(_FIGURE)} | TRAINED)
COSTS_OF_SYSTEM = by_name(within(0, MOST_COST))
"""Of cost.json, those that are kept, and of a comparison's row."""

MAPS = by_name(
    object_with(
        {
            "images": is_count,
            "flat": is_count,
            "measures": by_name(object_with({"value": is_number_or_none, "interval": is_interval})),
        }
    )
)
"""Of explained.json, and of a comparison's row."""

_SPANNED = all_of(list_of(is_number_or_none), lambda value: len(value) == 3)

is_concepts = object_with(
    {},
    {
        "ice": object_with({"kept": within(0, 1), "images": is_count}),
        "ace": object_with({"for": is_count, "found": is_count}),
        "cme": object_with(
            dict.fromkeys(("fidelity", "by_chance", "melanoma"), _SPANNED) | {"concepts": by_name(_SPANNED)}
        ),
    },
)
"""Of concepts.json, and of a comparison's row."""

_ROW = object_with(
    {
        "system": one_of(*SYSTEMS),
        "start": is_text,
        "cost": COSTS_OF_SYSTEM,
        "by": all_of(by_name(_MEASURED), lambda by: set(by) <= set(BYS)),
        "maps": MAPS,
    },
    {"concepts": is_concepts},
)


def _each_once(rows: list[dict[str, Any]]) -> bool:
    """Whether no system stands there twice with the same starting weights."""
    return len({(row["system"], row["start"]) for row in rows}) == len(rows)


_COMPARISON: dict[str, Check] = {
    "format": lambda value: is_count(value) and value == FORMAT,
    "budget": one_of(*BUDGETS),
    "size": is_several,
    "date": is_text,
    "rows": all_of(
        lambda rows: isinstance(rows, list) and len(rows) <= len(SYSTEMS) * MOST_STARTS, list_of(_ROW), _each_once
    ),
}


def comparison_fault(content: Any) -> str | None:  # noqa: ANN401 (whatever JSON holds)
    """What is wrong with a comparison.json; None where readers can rely on it."""
    fault = fault_of(content, _COMPARISON)
    if fault is None:
        return None
    return f"its field {fault} is missing, or not what this version of Derm writes" if fault else "it is no object"
