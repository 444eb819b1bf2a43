"""What is said of concepts measured over many pictures, and what a figure is drawn of.

Needs `ConceptFigures`. Knows no page.
"""

from derm.concepts.measured import CHANCE, AdditiveFigures, ConceptFigures, Given, Level, Target, VectorFigure
from derm.concepts.words import NAMES
from derm.diagnoses import DIAGNOSES
from derm.figures.concepts import SpannedPoint, VectorCell
from derm.language.speech import mark, number, say
from derm.predict.words import source_name

TARGET_NAMES: dict[Target, str] = {"melanoma": mark("Melanoma"), "malignant": mark("Malignant")}

GIVEN_NAMES: dict[Given, str] = {
    "marks and measures": mark("structures as people marked them, and measures"),
    "structures and measures": mark("structures as read by machine, and measures"),
    "structures": mark("structures as read by machine"),
    "measures": mark("measures"),
}

LEVEL_NAMES: dict[Level, str] = {
    "features": mark("What the diagnosis is made of"),
    "stage 4": mark("Cells of 16 pixels"),
}

NOTHING = mark(
    "Nothing has been measured of concepts yet: `derm concepts measure --data DIR --out results/concepts.json` does it."
)

CONCLUSION = mark(
    "Concepts are the dermoscopic structures and the measures of a lesion. What may not be concluded: that one of them "
    "causes a diagnosis, or that the network looks at them as a dermatologist does. Structures are read by machine, "
    "from what the diagnosis comes from, so that they are no second opinion. All figures are of test parts "
    "split by lesion, and hold for these sources alone."
)

OTHER_WEIGHTS = mark("Measured with other weights than those on this page.")

ALONE = mark(
    "AUC for melanoma of each concept by itself, turned as in the training part; 0.5 is no better than a coin. "
    "These figures have no intervals."
)

VECTORS = mark(
    "Testing with concept activation vectors (TCAV, Kim et al. 2018): the share of a diagnosis's pictures whose score "
    "rises along the direction of a concept. In brackets: random concepts do as much (q at least {chance})."
)


def targets(found: ConceptFigures) -> list[Target]:
    """What additive models were made for, in the order of the file."""
    return list(dict.fromkeys(model.target for model in found.models))


def models_of(found: ConceptFigures, target: Target) -> list[AdditiveFigures]:
    """The additive models for a target."""
    return [model for model in found.models if model.target == target]


def model_points(models: list[AdditiveFigures]) -> tuple[list[SpannedPoint], list[SpannedPoint]]:
    """The models and, line by line, the network on the same images."""
    names = [f"{source_name(model.source)}: {say(GIVEN_NAMES[model.given])}" for model in models]
    return (
        [SpannedPoint(name, *model.additive) for name, model in zip(names, models, strict=True)],
        [SpannedPoint(name, *model.network) for name, model in zip(names, models, strict=True)],
    )


def models_sentence(models: list[AdditiveFigures]) -> str:
    """How near models of concepts come to the network: the one that comes nearest in each source."""
    told = []
    for source in dict.fromkeys(model.source for model in models):
        best = max((model for model in models if model.source == source), key=lambda model: model.difference.value)
        told.append(
            say(
                "{source}, {positive} of {images}: {given} reach {auc}, the network {network}, difference {difference}",
                source=source_name(source),
                positive=best.positive,
                images=best.images,
                given=say(GIVEN_NAMES[best.given]),
                auc=number(best.additive.value, ".2f"),
                network=number(best.network.value, ".2f"),
                difference=_signed(best),
            )
        )
    return say(
        "A small additive model of concepts alone, which sees neither picture nor answer, beside the network on the "
        "same images, with 95 % intervals. What comes nearest by AUC: {told}.",
        told="; ".join(told),
    )


def alone_points(found: ConceptFigures) -> dict[str, dict[str, float]]:
    """The AUC of each concept by itself, by source and then by the concept's name."""
    worth: dict[str, dict[str, float]] = {}
    for (source, concept), auc in found.alone.items():
        worth.setdefault(source_name(source), {})[say(NAMES[concept])] = auc
    return worth


def alone_alt(found: ConceptFigures) -> str:
    """The figure of concepts by themselves in words."""
    return say(
        "AUC for melanoma of each concept by itself: {told}.",
        told="; ".join(
            f"{source}: " + ", ".join(f"{name} {number(auc, '.2f')}" for name, auc in own.items())
            for source, own in alone_points(found).items()
        ),
    )


def vector_cells(found: ConceptFigures, level: Level) -> list[VectorCell]:
    """The scores at a level, a row for each source and diagnosis."""
    called = {diagnosis.code: diagnosis.called for diagnosis in DIAGNOSES}
    cells = []
    for one in _at(found, level):
        row = f"{source_name(one.source)}: {called[one.dx]}, {one.pictures}"
        cells.append(VectorCell(row, say(NAMES[one.concept]), one.score, one.by_chance))
    return cells


def vectors_sentence(found: ConceptFigures, level: Level) -> str:
    """How many scores are more than random concepts give."""
    own = _at(found, level)
    followed = [one for one in own if not one.by_chance]
    if not followed:
        return say(
            "None of {count} scores is told from what random concepts give: whether the network's score follows these "
            "structures is not shown.",
            count=len(own),
        )
    return say("{told} of {count} scores are told from what random concepts give.", told=len(followed), count=len(own))


def vectors_note() -> str:
    """What the figure of vectors shows."""
    return say(VECTORS, chance=number(CHANCE, ".2f"))


def _at(found: ConceptFigures, level: Level) -> list[VectorFigure]:
    return [one for one in found.vectors if one.level == level]


def _signed(model: AdditiveFigures) -> str:
    value, low, high = (number(part, "+.2f").replace("-", "−").replace("+0.00", "0.00") for part in model.difference)
    return f"{value} ({low} – {high})"
