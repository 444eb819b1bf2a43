"""What is said of similar confirmed cases: counts by diagnosis, how each was confirmed, and what the list is worth.

Needs what `derm.predict.similar` found. Gives no probability.
"""

from collections.abc import Sequence

from derm.figures.text import capital
from derm.predict.similar import Similar, counted

TITLE = "Similar confirmed cases"

CONFIRMED = {
    "histo": "histopathology",
    "follow_up": "follow-up",
    "consensus": "consensus of experts",
    "confocal": "confocal microscopy",
    "unknown": "not told how",
}
"""How a diagnosis was confirmed, in words; others stand as they are told."""

WORTH = (
    "Chosen by how the network sees them, each lesion once and never this one, as far as its name or look tells. They "
    "are pictures to compare by eye, not a second probability: with HAM10000's training part as library, most of the "
    "ten shared the true diagnosis in 73 of 100 pictures of its test part (mean of the diagnoses; of melanomas in 57), "
    "on ISIC 2018 Task 1 in 62 (of melanomas in 42); the network itself tells malignant from benign better."
)
"""Measured by `derm library worth`, docs/similar.md; of the weights 68d29e0e."""

NONE = "The library holds no case to compare with."


def how_confirmed(word: str) -> str:
    """How a diagnosis was confirmed, in words."""
    return CONFIRMED.get(word, word.replace("_", " "))


def summary(found: Sequence[Similar]) -> str:
    """How many of the cases have each diagnosis, in one sentence."""
    if not found:
        return NONE
    parts = [f"{count} {diagnosis.name}" for diagnosis, count in counted(found)]
    by_tissue = sum(one.confirmed == "histo" for one in found)
    return f"Of {len(found)} similar cases: {', '.join(parts)}; {by_tissue} confirmed by histopathology."


def told(one: Similar) -> str:
    """One case: its diagnosis, how it was confirmed, what it is called."""
    return f"{capital(one.diagnosis.name)}, {how_confirmed(one.confirmed)} ({one.label})"


def in_lines(found: Sequence[Similar]) -> list[str]:
    """The summary and each case, for a terminal."""
    return [summary(found), *(f"  {place:2}. {told(one)}" for place, one in enumerate(found, 1))]
