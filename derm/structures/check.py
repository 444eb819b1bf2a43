"""What the description of a decoder of structures has to hold: types, ranges, and names that are known.

Needs what JSON gave. Knows no file and no tensor.
"""

from typing import Any

from derm.diagnoses import CODES
from derm.json_checks import (
    Check,
    all_of,
    fault_of,
    is_several,
    is_shallow,
    is_text,
    list_of,
    object_with,
    one_of,
    within,
)
from derm.model.description import LONGEST_LICENCE
from derm.model.measured import IS_LEARNED
from derm.structures.table import KEYS

STEEPEST = 1e6
"""Of a slope or an offset that makes a probability of a logit, either way. Fitted are some units; where a decoder that
was hardly trained gives every picture nearly the same logit, thousands."""

LARGEST_SIDE = 1024
"""Pixels of the square, as of other weights."""


def _pair(value: Any) -> bool:  # noqa: ANN401 (whatever JSON holds)
    return list_of(within(-STEEPEST, STEEPEST))(value) and len(value) == 2


def _counted(value: Any) -> bool:  # noqa: ANN401
    """How many pictures are marked, and how many there are."""
    return list_of(within(0, 2**53))(value) and len(value) == 2 and value[0] <= value[1] and all(map(_whole, value))


def _whole(value: Any) -> bool:  # noqa: ANN401
    return type(value) is int


def _by_diagnosis(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, dict) and set(value) <= set(CODES) and all(map(_counted, value.values()))


def _one_each(each: Check) -> Check:
    return lambda value: list_of(each)(value) and len(value) == len(KEYS)


_HEAD = object_with(
    {
        "channels": lambda value: list_of(lambda one: is_several(one) and one <= 10_000)(value) and len(value) == 4,
        "width": lambda value: is_several(value) and value <= 4096,
        "blocks": lambda value: _whole(value) and 0 <= value <= 64,
        "dropout": within(0, 1),
        "input_size": lambda value: is_several(value) and value % 32 == 0 and value <= LARGEST_SIDE,
    }
)
_DATA = object_with({"sources": lambda value: isinstance(value, dict)}, {"learned": IS_LEARNED, "split": is_text})


def _learned_from(value: Any) -> bool:  # noqa: ANN401
    """What the decoder was trained on; of decoders from before pictures were recorded, a sentence."""
    return is_text(value) or _DATA(value)


_TABLE = all_of(lambda value: isinstance(value, dict), is_shallow)

DESCRIBED: dict[str, Check] = {
    "structures": lambda value: value == list(KEYS),
    "trunk": is_text,
    "head": lambda value: _HEAD(value) and len(value) == 5,
    "platt": _one_each(_pair),
    "mask_thresholds": _one_each(within(0, 1)),
    "shown": list_of(one_of(*KEYS)),
    "placed": list_of(one_of(*KEYS)),
    "frequencies": object_with(dict.fromkeys(KEYS, _by_diagnosis)),
    "taken": list_of(is_text),
    "training": all_of(_TABLE, object_with({}, {"data": _learned_from})),
    "measured": _TABLE,
    "licence": lambda value: is_text(value) and len(value) <= LONGEST_LICENCE,
}


def description_fault(content: Any) -> str | None:  # noqa: ANN401
    """What is wrong with the description of a decoder; None where readers can rely on it."""
    if (name := fault_of(content, DESCRIBED)) is not None:
        return f"its field {name or '(all)'} is missing, or not what it should be"
    if not set(content["placed"]) <= set(content["shown"]):
        return "its field placed names what is not shown"
    slopes = dict(zip(KEYS, content["platt"], strict=True))
    if turned := [key for key in content["shown"] if slopes[key][0] <= 0]:
        return f"its slope of {turned[0]} is not above 0, which would turn its answers round"
    return None
