"""What a value that JSON gave has to be: small checks that compose, so that a reader says at once what it relies on.

Needs what JSON gave. Knows no file, and raises nothing.
"""

import base64
import math
from collections.abc import Callable, Mapping
from typing import Any

from derm.diagnoses import CODES

Check = Callable[[Any], bool]
"""Whether a value will do."""

MOST_DEEP = 12
"""Levels of nesting that readers walk through; what Derm writes has half of them."""


def is_number(value: Any) -> bool:  # noqa: ANN401 (whatever JSON holds)
    """A finite number that a float can hold."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and (abs(value) < 2**1000 if isinstance(value, int) else math.isfinite(value))
    )


def is_number_or_none(value: Any) -> bool:  # noqa: ANN401
    """A number, or null where it is undefined."""
    return value is None or is_number(value)


def is_share_or_none(value: Any) -> bool:  # noqa: ANN401
    """A number from 0 to 1, or null where it is undefined."""
    return value is None or (is_number(value) and 0 <= value <= 1)


def is_count(value: Any) -> bool:  # noqa: ANN401
    """A whole number from 0 on."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def is_several(value: Any) -> bool:  # noqa: ANN401
    """A whole number from 1 on."""
    return is_count(value) and value > 0


def is_text(value: Any) -> bool:  # noqa: ANN401
    """A text."""
    return isinstance(value, str)


def is_text_or_none(value: Any) -> bool:  # noqa: ANN401
    """A text, or null."""
    return value is None or isinstance(value, str)


def is_switch(value: Any) -> bool:  # noqa: ANN401
    """True or false."""
    return isinstance(value, bool)


def is_interval(value: Any) -> bool:  # noqa: ANN401
    """Two numbers, the lower one first, or null where there is none."""
    return value is None or (list_of(is_number)(value) and len(value) == 2 and value[0] <= value[1])


def is_share_interval(value: Any) -> bool:  # noqa: ANN401
    """Two numbers from 0 to 1, the lower one first, or null where there is none."""
    return is_interval(value) and (value is None or all(is_share_or_none(one) for one in value))


def is_matrix(value: Any) -> bool:  # noqa: ANN401
    """A confusion matrix: 7 × 7 counts."""
    return list_of(list_of(is_count))(value) and [len(row) for row in value] == [len(CODES)] * len(CODES)


def is_shallow(value: Any, levels: int = MOST_DEEP) -> bool:  # noqa: ANN401
    """Whether it can be walked through: nested in at most `levels`."""
    if isinstance(value, dict):
        return levels > 0 and all(is_shallow(one, levels - 1) for one in value.values())
    if isinstance(value, list):
        return levels > 0 and all(is_shallow(one, levels - 1) for one in value)
    return True


def is_finite(value: Any) -> bool:  # noqa: ANN401
    """Whether all numbers in it, at any depth, are finite: what was read with NaN or infinity cannot be written."""
    if isinstance(value, dict):
        return all(is_finite(one) for one in value.values())
    if isinstance(value, list):
        return all(is_finite(one) for one in value)
    return not isinstance(value, float) or math.isfinite(value)


def list_of(each: Check) -> Check:
    """A list of such values."""
    return lambda value: isinstance(value, list) and all(each(one) for one in value)


def by_name(each: Check) -> Check:
    """An object whose values are such."""
    return lambda value: isinstance(value, dict) and all(map(each, value.values()))


def by_code(each: Check) -> Check:
    """An object with such a value for each diagnosis, and no other."""
    return lambda value: isinstance(value, dict) and set(value) == set(CODES) and all(map(each, value.values()))


def within(low: float, high: float) -> Check:
    """A number from `low` to `high`."""
    return lambda value: is_number(value) and low <= value <= high


def packed(size: int) -> Check:
    """Items of `size` bytes each, one after the other, in base 64."""

    def check(value: Any) -> bool:  # noqa: ANN401 (whatever JSON holds)
        try:
            return isinstance(value, str) and len(base64.b64decode(value, validate=True)) % size == 0
        except ValueError:
            return False

    return check


def one_of(*values: str) -> Check:
    """One of these texts."""
    return lambda value: isinstance(value, str) and value in values


def none_or(check: Check) -> Check:
    """Null, or such a value."""
    return lambda value: value is None or check(value)


def all_of(*checks: Check) -> Check:
    """A value that passes each."""
    return lambda value: all(check(value) for check in checks)


def object_with(fields: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """An object that has these fields, and those that are optional right where it has them."""
    return lambda value: fault_of(value, fields, optional) is None


def fault_of(value: Any, fields: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> str | None:  # noqa: ANN401
    """The first field that is missing or of another kind than it has to be; None where all will do.

    '' for what is no object at all.
    """
    if not isinstance(value, dict):
        return ""
    for name, check in fields.items():
        if name not in value or not check(value[name]):
            return name
    return next((name for name, check in (optional or {}).items() if name in value and not check(value[name])), None)
