"""What is said of concepts in one case: what would move its answer across the referral threshold, and what that means.

Needs what `derm.concepts.case` found. Knows nothing of pages.
"""

from collections.abc import Sequence

from derm.concepts.case import Other, Untold, why_no_change, why_no_other
from derm.concepts.change import Change, Step
from derm.figures.text import capital, fine_percent
from derm.language.speech import mark, say, say_many
from derm.predict.case import Case
from derm.predict.library import Library
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
"""Steps that are named; the others are counted."""

LEAST = 0.1
"""Deviations of a step, the smallest that is written as a number."""

LIMITS = mark(
    "Found along directions in the network's own features: what goes along with what in training pictures, not what "
    "causes what. Steps are in standard deviations of those pictures. No lesion can be told to change so, no picture "
    "of it is made, and nothing follows for treatment."
)

OTHER_LIMITS = mark(
    "The nearest confirmed case of the library on the other side, by how the network sees both. That two look alike to "
    "the network does not mean that they are alike, and its diagnosis is not this one's."
)

UNTOLD: dict[Untold, str] = {
    "not_judged": mark("What would change the answer is not looked for in a picture that cannot be judged."),
    "gone": mark(
        "What the network saw of this picture is not kept any more: open it anew to see what would change the answer."
    ),
    "no_threshold": mark(
        "These weights have no referral threshold that could be crossed: `derm calibrate` chooses one."
    ),
    "views": mark("Of a mean over several views it cannot be told what would change it: ask for one view."),
    "no_directions": mark(
        "No directions of concepts belong to these weights: make them with `derm structures train` and `derm concepts "
        "learn`."
    ),
    "no_sums": mark("The library was built before it kept what is needed: build it again with `derm library build`."),
    "no_other": mark("The library holds no confirmed case on the other side of the referral threshold."),
}
"""Each reason for which nothing is told."""

NO_LIBRARY = mark("Without a library of confirmed cases there is no real case to show beside it.")


def step_text(step: Step) -> str:
    """One step, in deviations: 'Asymmetry of colour −1.2', 'Streaks up by less than 0.1'."""
    name, by = say(NAMES[step.concept]), abs(step.by)
    if by < LEAST / 2:
        small = {"concept": name, "least": LEAST}
        if step.by < 0:
            return say("{concept} down by less than {least:.1f}", **small)
        return say("{concept} up by less than {least:.1f}", **small)
    if step.by < 0:
        return say("{concept} −{by:.1f}", concept=name, by=by)
    return say("{concept} +{by:.1f}", concept=name, by=by)


def change_lines(case: Case, change: Change | None) -> list[str]:
    """What would move the malignant probability across the threshold, and what that does not mean, a sentence each."""
    if change is None:
        return [say(UNTOLD[why_no_change(case)])]
    own = case.at_data or case
    told = {"now": fine_percent(own.p_malignant), "threshold": fine_percent(own.referral_threshold or 0)}
    now = (
        say("Malignant probability {now}, referral from {threshold}.", **told)
        if case.at_data is None
        else say("At the data's own mix: malignant probability {now}, referral from {threshold}.", **told)
    )
    return [now, *_crossings(change), say(LIMITS)]


def _crossings(change: Change) -> list[str]:
    """What crosses, a sentence each, or that nothing does."""
    if change.together is None and not change.single:
        if change.above:
            return [say("No change of structures and measures within the range of real pictures would bring it below.")]
        return [say("No change of structures and measures within the range of real pictures would bring it above.")]
    found = []
    if change.together is not None:
        steps = _listed(
            change.together, say_many("and one smaller one", "and {count} smaller ones", _more(change.together))
        )
        found.append(
            say("Smallest change that would bring it below: {steps}.", steps=steps)
            if change.above
            else say("Smallest change that would bring it above: {steps}.", steps=steps)
        )
    steps = _listed(change.single, say_many("and one larger one", "and {count} larger ones", _more(change.single)))
    found.append(
        say("Each of these alone would do: {steps}.", steps=steps)
        if change.single
        else say("No single one of them would do within the range of real pictures.")
    )
    return found


def named_steps(steps: Sequence[Step]) -> list[tuple[str, float]]:
    """The steps of a change by name, in their order: the largest first."""
    return [(say(NAMES[step.concept]), step.by) for step in steps]


def steps_alt(steps: Sequence[Step]) -> str:
    """The figure of a change in words: every step."""
    return say("Steps of the smallest change: {steps}.", steps=", ".join(step_text(step) for step in steps))


def other_lines(case: Case, other: Other | None, library: Library | None) -> list[str]:
    """The nearest real case on the other side in words, a sentence each. library: None where there is none."""
    if library is None:
        return [say(NO_LIBRARY)]
    if other is None:
        return [say(UNTOLD[why_no_other(case, library)])]
    return [other_title(case, other), say(OTHER_LIMITS)]


def other_title(case: Case, other: Other) -> str:
    """'Most like this, but not referred: melanocytic nevus, histopathology; malignant probability 1.2 % (name)'."""
    told = {
        "diagnosis": other.similar.diagnosis.called,
        "how": how_confirmed(other.similar.confirmed),
        "share": fine_percent(other.malignant),
        "name": other.similar.label,
    }
    referred = bool((case.at_data or case).above_referral)
    return say(_TITLES[referred, case.at_data is not None], **told)


_TITLES = {
    (True, False): mark("Most like this, but not referred: {diagnosis}, {how}; malignant probability {share} ({name})"),
    (False, False): mark("Most like this, but referred: {diagnosis}, {how}; malignant probability {share} ({name})"),
    (True, True): mark(
        "Most like this, but not referred: {diagnosis}, {how}; malignant probability at the data's own mix {share} "
        "({name})"
    ),
    (False, True): mark(
        "Most like this, but referred: {diagnosis}, {how}; malignant probability at the data's own mix {share} ({name})"
    ),
}
"""By whether the case at hand is referred, and whether it is shown at another mix than the data's."""


def _more(steps: Sequence[Step]) -> int:
    """How many are not named."""
    return max(0, len(steps) - SHOWN)


def _listed(steps: Sequence[Step], others: str) -> str:
    """The first `SHOWN` steps, and `others` where there are more."""
    told = [step_text(step) for step in steps[:SHOWN]]
    return capital("; ".join([*told, others] if _more(steps) else told))
