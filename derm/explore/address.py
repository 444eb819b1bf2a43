"""A view of the explorer as an address, and back: which data, filters, results, cell, threshold, order and picture.

Needs what can be chosen on the page, as `fields` gives it. An address is a stranger's text: it is taken over whole, or
not at all with one sentence. Knows no widget and no server.
"""

import math
from collections.abc import Container, Mapping, Sequence
from typing import Any, NamedTuple

from derm.concepts.measured_words import LEVEL_NAMES, TARGET_NAMES
from derm.diagnoses import CODES
from derm.explore.gallery import RESULT_ORDERS, SHAPE_ORDERS, TABLE_ORDERS
from derm.explore.pictures import LOOKS
from derm.explore.table import DIMENSIONS
from derm.language.speech import mark, say
from derm.zoo.compared import LABELS as SYSTEM_LABELS

VIEWS = (mark("Data"), mark("Quality"), mark("Results"), mark("Other systems"), mark("Concepts"))
DATA_PARTS = (mark("Figures"), mark("Crossed"), mark("Pictures"))
RESULT_PARTS = (
    mark("Matrix"),
    mark("Sources"),
    mark("Classes"),
    mark("Curves"),
    mark("Map of features"),
    mark("Label errors"),
    mark("Two models"),
)
CELLS = (mark("Counts"), mark("Rates"))
RULES = (mark("Data's mix"), mark("Equal mix"), mark("Referral threshold"))
TRUTHS = (mark("malignant"), mark("benign"))
REFERRALS = (mark("referred"), mark("not referred"))
SYSTEM_FIGURES = tuple(SYSTEM_LABELS.values())
CONCEPT_TARGETS = tuple(TARGET_NAMES.values())
CONCEPT_LEVELS = tuple(LEVEL_NAMES.values())
COLOURINGS = ("diagnosis", "sex", "source", "confirmation", "part", "several")

UNKNOWN_NAME = mark(
    "This address names '{name}', which this page does not know: the view to begin with is shown instead."
)
UNKNOWN_VALUE = mark(
    "This address names {name} '{value}', which is not there (any more): the view to begin with is shown instead."
)

MOST_VALUES = 200
"""Values that an address may have in all."""

PREFIX = "explore_"


class AddressField(NamedTuple):
    """One choice of a view.

    name: in the address. key: in the visitor's session, after `PREFIX`. values: what may be chosen; None for a number
    from least to most. many: any number of them may be chosen. start: what is chosen to begin with, and never stands in
    the address. where: the views whose address it is part of.
    """

    name: str
    key: str
    values: Container[str] | None
    start: str = ""
    where: tuple[str, ...] = VIEWS
    many: bool = False
    least: float = 0.0
    most: float = 1.0
    whole: bool = False


class Opened(NamedTuple):
    """What an address says: a value for each key that it names, and one sentence where it cannot be followed."""

    values: dict[str, Any]
    fault: str | None


def fields(
    options: Mapping[str, Sequence[str]], results: Sequence[str], selections: Sequence[str], images: Container[str]
) -> tuple[AddressField, ...]:
    """All that an address may name.

    options: of `derm.explore.filters.options`. results: names of the folders of results. selections: names of those
    saved. images: names of the data set's images.
    """
    dimensions = [dimension.key for dimension in DIMENSIONS]
    data, result = ("Data",), ("Results",)
    orders = [order.label for order in TABLE_ORDERS + SHAPE_ORDERS]
    result_orders = [order.label for order in RESULT_ORDERS]
    return (
        AddressField("view", "view", VIEWS, "Data"),
        *(AddressField(key, f"filter_{key}", options[key], many=True) for key in dimensions),
        AddressField("selection", "selection", selections),
        AddressField("data", "data", DATA_PARTS, "Figures", data),
        AddressField("colour", "colour", COLOURINGS, "diagnosis", data),
        AddressField("share", "share", ("yes",), where=data),
        AddressField("rows", "cross_Rows", dimensions, dimensions[0], data),
        AddressField("columns", "cross_Columns", dimensions, dimensions[5], data),
        AddressField("sort", "sort", orders, orders[0], data),
        AddressField("pictures", "look_data", LOOKS, LOOKS[0], data),
        AddressField("page", "page_data", None, "1", data, least=1, most=1e6, whole=True),
        AddressField("measured", "first", results, where=result),  # always named: the first is another one tomorrow
        AddressField("results", "results", RESULT_PARTS, "Matrix", result),
        AddressField("second", "second", results, where=result),
        AddressField("cells", "cells", CELLS, "Counts", result),
        AddressField("rule", "rule", RULES, RULES[0], result),
        AddressField("truth", "true", CODES, where=result),
        AddressField("says", "predicted", CODES, where=result),
        AddressField("kind", "kind", TRUTHS, TRUTHS[0], result),
        AddressField("referral", "done", REFERRALS, REFERRALS[1], result),
        AddressField("threshold", "threshold", None, where=result),
        AddressField("order", "sort_cell", result_orders, result_orders[0], result),
        AddressField("show", "look_cell", LOOKS, LOOKS[0], result),
        AddressField("leaf", "page_cell", None, "1", result, least=1, most=1e6, whole=True),
        AddressField("figure", "systems", SYSTEM_FIGURES, SYSTEM_FIGURES[0], ("Other systems",)),
        AddressField("tells", "concept_target", CONCEPT_TARGETS, CONCEPT_TARGETS[0], ("Concepts",)),
        AddressField("level", "concept_level", CONCEPT_LEVELS, CONCEPT_LEVELS[0], ("Concepts",)),
        AddressField("picture", "opened", images),
    )


def follow(address: Mapping[str, Sequence[str]], known: Sequence[AddressField]) -> Opened:
    """What an address asks for, by the session's keys; nothing of it, and one sentence, where a part is not known.

    address: every parameter with its values.
    """
    by_name = {field.name: field for field in known}
    found: dict[str, Any] = {}
    if sum(len(values) for values in address.values()) > MOST_VALUES:
        return Opened({}, say("This address has more parts than a view: the view to begin with is shown instead."))
    for name, values in address.items():
        field = by_name.get(name)
        if field is None:
            return Opened({}, say(UNKNOWN_NAME, name=_short(name)))
        read = [_value(field, value) for value in values]
        if not read or None in read or (len(read) > 1 and not field.many):
            wrong = next((value for value, one in zip(values, read, strict=True) if one is None), ", ".join(values))
            return Opened({}, say(UNKNOWN_VALUE, name=name, value=_short(wrong)))
        found[PREFIX + field.key] = list(dict.fromkeys(read)) if field.many else read[0]
    return Opened(found, None)


def address_of(state: Mapping[str, Any], known: Sequence[AddressField]) -> dict[str, list[str]]:
    """The address of the view that a visitor's session describes: what differs from the start, of its own view."""
    view = str(state.get(PREFIX + "view") or VIEWS[0])
    found = {}
    for field in known:
        value = state.get(PREFIX + field.key)
        if view not in field.where or not value:
            continue
        written = [_text(one) for one in (value if field.many else [value])]
        if written != [field.start] and all(_value(field, one) is not None for one in written):
            found[field.name] = written
    return found


def _value(field: AddressField, text: str) -> Any:  # noqa: ANN401 (what the session holds: text, a number or yes)
    """A value of an address as the session holds it; None where it is none of the field's."""
    if field.values is not None:
        if text not in field.values:
            return None
        return True if field.values == ("yes",) else text
    try:
        number = float(text)
    except ValueError:
        return None
    if not math.isfinite(number) or not field.least <= number <= field.most:
        return None
    if field.whole:
        return int(number) if number == int(number) else None
    return number


def _text(value: Any) -> str:  # noqa: ANN401
    if value is True:
        return "yes"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _short(text: str) -> str:
    kept = "".join(character for character in text if character.isprintable())
    return kept if len(kept) <= 40 else f"{kept[:39]}…"
