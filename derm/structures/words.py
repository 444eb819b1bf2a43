"""What is said of dermoscopic structures: how likely, where, how often they were marked in which diagnosis.

Needs what `derm.structures.look` found. Knows nothing of pages.
"""

from collections.abc import Sequence

from derm.figures.text import SPACE, capital, percent
from derm.structures.look import FoundStructure

TITLE = "Dermoscopic structures"

NAMES = {
    "pigment_network": "pigment network",
    "negative_network": "negative network",
    "streaks": "streaks",
    "milia_like_cyst": "milia-like cysts",
    "globules": "globules",
}
"""By key of `derm.structures.table.STRUCTURES`."""

LIKELY, UNLIKELY = 0.6, 0.2
"""Probability from which a structure is called likely, and below which unlikely."""

ZONES = {"border": "at the border", "middle": "in the middle", "throughout": "throughout the lesion"}

GROUPS = (("nv", "nevi"), ("mel", "melanomas"))
"""Diagnoses whose counts stand in the line."""

NOTE = (
    "Read by a small decoder from the features that the diagnosis comes from, learned from marks of ISIC 2018 Task 2; "
    "the probability is that annotators would mark the structure in this picture. It adds nothing to the diagnosis, "
    "and a structure that is not found may still be there. Shares are of that training part, not of your patients."
)

NOT_JUDGED = "Structures are not looked for in a picture that cannot be judged."


def layer_name(key: str) -> str:
    """What the layer of a structure is called."""
    return capital(NAMES[key])


def how_likely(probability: float) -> str:
    """'likely', 'possible' or 'unlikely'."""
    if probability >= LIKELY:
        return "likely"
    return "unlikely" if probability < UNLIKELY else "possible"


def line(found: FoundStructure) -> str:
    """A structure in one line: 'Streaks at the border: likely, 0.8; marked in 9 % of nevi and 31 % of melanomas of the
    training part'."""
    likely = how_likely(found.probability)
    where = f" {ZONES[found.zone]}" if found.zone is not None and likely != "unlikely" else ""
    return f"{layer_name(found.structure.key)}{where}: {likely}, {rounded(found.probability)}; {how_often(found)}"


def rounded(probability: float) -> str:
    """A probability with one digit, fenced: no structure is certain or impossible."""
    if probability < 0.05:
        return "under 0.05"
    return "over 0.95" if probability > 0.95 else f"{probability:.1f}"


def how_often(found: FoundStructure) -> str:
    """In which share of nevi and melanomas of the training part it was marked."""
    told = [f"{_share(*found.marked[code])} of {name}" for code, name in GROUPS if code in found.marked]
    return f"marked in {' and '.join(told)} of the training part"


def _share(hits: int, images: int) -> str:
    return f"0{SPACE}%" if not hits else percent(hits / max(1, images))


def lines(found: Sequence[FoundStructure]) -> list[str]:
    """One line for each structure, the likeliest first."""
    return [line(one) for one in sorted(found, key=lambda one: -one.probability)]


def in_one_sentence(found: Sequence[FoundStructure]) -> str:
    """All structures in one sentence, for a report; '' where none was looked for."""
    if not found:
        return ""
    told = [
        f"{NAMES[one.structure.key]} {how_likely(one.probability)} ({rounded(one.probability)})"
        for one in sorted(found, key=lambda one: -one.probability)
    ]
    return f"{TITLE}, as annotators would mark them: {', '.join(told)}; they add nothing to the diagnosis."


def alternative(found: FoundStructure) -> str:
    """The layer in words, for those who do not see it."""
    where = f", {ZONES[found.zone]}" if found.zone is not None else ""
    return f"{layer_name(found.structure.key)}: {percent(found.share)} of the outline{where}"
