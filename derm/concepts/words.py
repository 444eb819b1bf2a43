"""What is said of concepts in one case: what would move its answer across the referral threshold, and what that means.

Needs what `derm.concepts.case` found. Knows nothing of pages.
"""

from collections.abc import Sequence

from derm.concepts.case import Other
from derm.concepts.change import Change, Step
from derm.figures.text import capital, fine_percent
from derm.language.speech import mark, say
from derm.predict.case import Case
from derm.predict.similar_words import how_confirmed
from derm.structures.words import LAYERS

TITLE = mark("What would change this answer")

NAMES = {
    **LAYERS,
    "fill": mark("Size in the picture"),
    "shape_asymmetry": mark("Asymmetry of shape"),
    "colour_asymmetry": mark("Asymmetry of colour"),
    "blue_grey": mark("Blue-grey share"),
    "black": mark("Black share"),
    "border": mark("Irregularity of the border"),
}
"""By concept of `derm.concepts.read.CONCEPTS`."""

SHOWN = 4
"""Steps of a joint change that are named; the others are counted."""

LIMITS = mark(
    "Found along directions in the network's own features: what goes along with what in training pictures, not what "
    "causes what. Steps are in standard deviations of those pictures. No lesion can be told to change so, no picture "
    "of it is made, and nothing follows for treatment."
)

OTHER_LIMITS = mark(
    "The nearest confirmed case of the library on the other side, by how the network sees both. That two look alike to "
    "the network does not mean that they are alike, and its diagnosis is not this one's."
)

UNTOLD = mark("For these weights, or over several views, it cannot be told what would change the answer.")
NO_SCORES = mark(
    "The library holds no case on the other side, or was built before it kept what is needed: build it again."
)
NO_LIBRARY = mark("Without a library of confirmed cases there is no real case to show beside it.")


def step_text(step: Step) -> str:
    """One step: 'less of Asymmetry of colour, by 1.2'."""
    name = say(NAMES[step.concept])
    if step.by < 0:
        return say("{concept} −{by:.1f}", concept=name, by=-step.by)
    return say("{concept} +{by:.1f}", concept=name, by=step.by)


def change_lines(case: Case, change: Change | None) -> list[str]:
    """What would move the malignant probability across the threshold, and what that does not mean, a sentence each."""
    if change is None or case.referral_threshold is None:
        return [say(UNTOLD)]
    own = case.at_data or case
    now = say(
        "Malignant probability {now}, referral from {threshold}.",
        now=fine_percent(own.p_malignant),
        threshold=fine_percent(own.referral_threshold or 0),
    )
    if not change.together:
        nowhere = (
            say("No change of structures and measures within the range of real pictures would bring it below.")
            if change.above
            else say("No change of structures and measures within the range of real pictures would bring it above.")
        )
        return [now, nowhere, say(LIMITS)]
    steps = _listed(change.together[:SHOWN])
    together = (
        say("Smallest change that would bring it below: {steps}.", steps=steps)
        if change.above
        else say("Smallest change that would bring it above: {steps}.", steps=steps)
    )
    alone = (
        say("Each of these alone would do: {steps}.", steps=_listed(change.single[:SHOWN]))
        if change.single
        else say("No single one of them would do within the range of real pictures.")
    )
    return [now, together, alone, say(LIMITS)]


def other_lines(case: Case, other: Other | None, *, library: bool) -> list[str]:
    """The nearest real case on the other side in words, a sentence each. library: whether there is one."""
    if not library:
        return [say(NO_LIBRARY)]
    if other is None:
        return [say(NO_SCORES)]
    return [other_title(case, other), say(OTHER_LIMITS)]


def other_title(case: Case, other: Other) -> str:
    """'Most like this, but not referred: melanocytic nevus by histopathology, malignant probability 1.2 % (name)'."""
    told = {
        "diagnosis": other.similar.diagnosis.called,
        "how": how_confirmed(other.similar.confirmed),
        "share": fine_percent(other.malignant),
        "name": other.similar.label,
    }
    if (case.at_data or case).above_referral:
        return say(
            "Most like this, but not referred: {diagnosis}, {how}; malignant probability {share} ({name})", **told
        )
    return say("Most like this, but referred: {diagnosis}, {how}; malignant probability {share} ({name})", **told)


def _listed(steps: Sequence[Step]) -> str:
    return capital("; ".join(step_text(step) for step in steps))
