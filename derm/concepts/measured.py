"""What `derm concepts measure` wrote, read again: what concepts tell, and whether the score follows them.

Needs a JSON file. Every field is checked, for the file may be another's. Knows no page.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from derm.concepts.read import CONCEPTS
from derm.diagnoses import CODES
from derm.errors import DataFault
from derm.files import is_named, read_json
from derm.json_checks import (
    Check,
    all_of,
    fault_of,
    is_count,
    is_number,
    is_text,
    is_text_or_none,
    list_of,
    object_with,
    one_of,
    within,
)
from derm.language.speech import say
from derm.model.description import check_seal
from derm.paths import app_folder, results_folder

NAME = "concepts.json"

Target = Literal["melanoma", "malignant"]
TARGETS: tuple[Target, ...] = ("melanoma", "malignant")

Given = Literal["marks and measures", "structures and measures", "structures", "measures"]
GIVENS: tuple[Given, ...] = ("marks and measures", "structures and measures", "structures", "measures")
"""What a model is given: structures as people marked them, or as they are read by machine; measures are by machine."""

Level = Literal["features", "stage 4"]
LEVELS: tuple[Level, ...] = ("features", "stage 4")
"""Deep and earlier: what is pooled for the diagnosis, and cells of 16 pixels."""

CHANCE = 0.05
"""q from which a score is not told from what random concepts give."""


class Spanned(NamedTuple):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


class AdditiveFigures(NamedTuple):
    """An additive model of concepts beside the network on one source's test part; AUC. positive: images of the target,
    of `images`."""

    source: str
    target: Target
    given: Given
    images: int
    positive: int
    additive: Spanned
    network: Spanned
    difference: Spanned


class VectorFigure(NamedTuple):
    """How often the logit of `dx` rises along a concept's vector: the share, 0 … 1. low, high: where 95 % of random
    concepts lie. q: of the difference to them, after Benjamini and Hochberg. pictures: that were followed."""

    source: str
    concept: str
    dx: str
    level: Level
    pictures: int
    score: float
    low: float
    high: float
    q: float

    @property
    def by_chance(self) -> bool:
        """Whether random concepts do as much."""
        return self.q >= CHANCE


class ConceptFigures(NamedTuple):
    """All that was measured of concepts with one set of weights. alone: AUC for melanoma by source and concept."""

    weights: str
    models: tuple[AdditiveFigures, ...]
    alone: Mapping[tuple[str, str], float]
    vectors: tuple[VectorFigure, ...]
    network_id: str | None = None
    """`Model.network_id`; None in figures from before it was kept."""


def find_concept_figures() -> Path | None:
    """The file to show, the user's own in the folder of results, be it one that cannot be read, before the one that
    comes with Derm; None: neither."""
    places = (results_folder() / NAME, app_folder() / "docs" / NAME)
    return next((place for place in places if is_named(place)), None)


def read_concept_figures(path: Path) -> ConceptFigures:
    """What `path` holds; DataFault, with the cure, where it cannot be read or a field is not what it has to be."""
    try:
        found = read_json(path)
        fault = fault_of(found, _FIELDS, {"network_id": is_text_or_none})
        if fault is not None:
            raise ValueError(say("field {field}", field=fault or "?"))
        check_seal(found)
    except (OSError, ValueError) as error:
        raise DataFault(
            say(
                "The figures of concepts in {path} cannot be read ({error}): make them anew with `derm concepts "
                "measure`.",
                path=path,
                error=" ".join(str(error).split())[:120],
            )
        ) from error
    return ConceptFigures(
        found["weights"],
        tuple(_model(one) for one in found["models"]),
        {(one["source"], one["concept"]): one["auc"] for one in found["alone"]},
        tuple(VectorFigure(**{name: one[name] for name in VectorFigure._fields}) for one in found["vectors"]),
        found.get("network_id"),
    )


def _model(one: Mapping[str, Any]) -> AdditiveFigures:
    spans = {name: Spanned(*one[name]) for name in ("additive", "network", "difference")}
    count = one["images"]
    return AdditiveFigures(one["source"], one["target"], one["given"], count["test"], count["positive"], **spans)


def _three(value: Sequence[float]) -> bool:
    return len(value) == 3


_SHARE = within(0, 1)
_SPAN = all_of(list_of(is_number), _three)
_FIELDS: dict[str, Check] = {
    "weights": is_text,
    "models": list_of(
        object_with(
            {
                "source": is_text,
                "target": one_of(*TARGETS),
                "given": one_of(*GIVENS),
                "images": object_with({"test": is_count, "positive": is_count}),
                "additive": _SPAN,
                "network": _SPAN,
                "difference": _SPAN,
            }
        )
    ),
    "alone": list_of(object_with({"source": is_text, "concept": one_of(*CONCEPTS), "auc": _SHARE})),
    "vectors": list_of(
        object_with(
            {
                "source": is_text,
                "concept": one_of(*CONCEPTS),
                "dx": one_of(*CODES),
                "level": one_of(*LEVELS),
                "pictures": is_count,
                "score": _SHARE,
                "low": _SHARE,
                "high": _SHARE,
                "q": _SHARE,
            }
        )
    ),
}
