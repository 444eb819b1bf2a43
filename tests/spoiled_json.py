"""JSON with one value replaced by another kind, or taken out: every place, every kind, in a fixed order."""

import copy
import math
import os
from collections.abc import Callable, Iterator
from typing import Any

from derm.errors import DermError

FOREIGN = (
    None, True, -1, 0, 0.5, 1e308, math.inf, math.nan, 10**400, 2**70, "", "<b>[x](y)</b>", "\ud800", [], {}, [[]],
    {"a": 1}, [None],
)  # fmt: skip
"""Values of other kinds."""

GONE = object()
TRIED = int(os.environ.get("FUZZ_EXAMPLES", "100"))
"""Of one file; the others by turns where more are asked for."""


def spoiled(content: Any) -> Iterator[Any]:
    """`content` with one change each; `TRIED` of them at most, evenly over all."""
    changes = [(place, value) for place in _places(content) for value in (*FOREIGN, GONE)]
    for number in range(0, len(changes), max(1, -(-len(changes) // TRIED))):
        place, value = changes[number]
        yield _changed(content, place, value)


def hold(content: Any, use: Callable[[Any], object]) -> None:
    """Let `use` read `content`, which must do, then each spoiled one, which must do or be refused."""
    use(content)
    said = []
    for one in spoiled(content):
        try:
            use(one)
        except DermError as fault:
            said.append(str(fault))
    assert said
    assert not any("\n" in sentence for sentence in said)


def _places(content: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    if isinstance(content, dict):
        for name, inner in content.items():
            yield from _places(inner, (*at, name))
    elif isinstance(content, list) and content:
        yield from _places(content[-1], (*at, len(content) - 1))


def _changed(content: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return None if value is GONE else value
    whole = copy.deepcopy(content)
    inside = whole
    for step in place[:-1]:
        inside = inside[step]
    if value is GONE:
        del inside[place[-1]]
    else:
        inside[place[-1]] = value
    return whole
