"""What is said of similar confirmed cases: counts by diagnosis, how each was confirmed, and what the list is worth.

Needs what `derm.predict.similar` found. Gives no probability.
"""

from collections.abc import Sequence

from derm.figures.text import capital
from derm.language.speech import mark, say, say_many
from derm.predict.similar import Similar, counted

TITLE = mark("Similar confirmed cases")

CONFIRMED = {
    "histo": mark("histopathology"),
    "follow_up": mark("follow-up"),
    "consensus": mark("consensus of experts"),
    "confocal": mark("confocal microscopy"),
    "unknown": mark("not told how"),
}
"""How a diagnosis was confirmed, in words; others stand as they are told."""

WORTH = mark(
    "Chosen by how the network sees them, each lesion once and never this one, as far as its name or look tells. They "
    "are pictures to compare by eye, not a second probability: with the weights e7b93003 and HAM10000's training part "
    "as library, most of the ten shared the true diagnosis in 73 of 100 pictures of its test part (mean of the "
    "diagnoses; of melanomas in 57), on ISIC 2018 Task 1 in 63 (of melanomas in 48); the network itself tells "
    "malignant from benign better. What other weights and libraries are worth, `derm library worth` measures."
)
"""Measured by `derm library worth`, docs/similar.md."""

NONE = mark("The library holds no case to compare with.")


def how_confirmed(word: str) -> str:
    """How a diagnosis was confirmed, in words."""
    return say(CONFIRMED[word]) if word in CONFIRMED else word.replace("_", " ")


def summary(found: Sequence[Similar]) -> str:
    """How many of the cases have each diagnosis, in one sentence."""
    if not found:
        return say(NONE)
    parts = [f"{count} {diagnosis.called}" for diagnosis, count in counted(found)]
    by_tissue = sum(one.confirmed == "histo" for one in found)
    return say_many(
        "Of 1 similar case: {counts}; {by_tissue} confirmed by histopathology.",
        "Of {count} similar cases: {counts}; {by_tissue} confirmed by histopathology.",
        len(found),
        counts=", ".join(parts),
        by_tissue=by_tissue,
    )


def told(one: Similar) -> str:
    """One case: its diagnosis, how it was confirmed, what it is called."""
    return f"{capital(one.diagnosis.called)}, {how_confirmed(one.confirmed)} ({one.label})"


def in_lines(found: Sequence[Similar]) -> list[str]:
    """The summary and each case, for a terminal."""
    return [summary(found), *(f"  {place:2}. {told(one)}" for place, one in enumerate(found, 1))]
