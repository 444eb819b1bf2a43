"""What the clinician's own forms say, in sentences: totals, what the publications make of them, what still lacks.

Needs `Forms`. Knows nothing of pages.
"""

from derm.figures.text import capital
from derm.predict.forms import (
    ABCD_COLOURS,
    ABCD_SOURCE,
    ABCD_STRUCTURES,
    CRITERIA,
    HIGHLY_SUSPICIOUS,
    MAJOR,
    SEVEN_CUT,
    SEVEN_REVISED_CUT,
    SEVEN_REVISED_SOURCE,
    SEVEN_SOURCE,
    SUSPICIOUS,
    Abcd,
    Forms,
    SevenPoint,
)

OWN = "Filled in by you alone: Derm neither fills these in nor reads them, and no answer follows them."

ABCD_TITLE = "ABCD rule, total dermoscopy score"
SEVEN_TITLE = "Seven-point checklist"

LABELS = {
    "asymmetry": "Asymmetry: axes over which contour, colours or structures differ",
    "border": "Border: of eight sectors those with an abrupt end of the pigment",
    "colours": "Colours that are there",
    "structures": "Structures that are there",
}
"""Of the ABCD rule's fields."""


def abcd_sentence(abcd: Abcd) -> str:
    """The total and what its publication makes of it; what still lacks; or that nothing is filled in."""
    if not abcd.begun:
        return f"Not filled in. Below {SUSPICIOUS} benign, above {HIGHLY_SUSPICIOUS} highly suspicious ({ABCD_SOURCE})."
    if abcd.total is None:
        return f"No total yet: {_listed(abcd.missing)} to be filled in."
    return f"Total {abcd.total:.1f}: {_abcd_meaning(abcd.total)} ({ABCD_SOURCE})."


def seven_sentence(seven: SevenPoint) -> str:
    """The same of the seven-point checklist."""
    if not seven.begun:
        return (
            f"Not filled in. From {SEVEN_CUT} points melanoma is to be assumed ({SEVEN_SOURCE}); from one criterion "
            f"excision is advised by its revision ({SEVEN_REVISED_SOURCE})."
        )
    if (totals := seven.totals) is None:
        return f"No total yet: {_listed(seven.missing)} to be filled in."
    first = "speaks for melanoma" if totals.weighted >= SEVEN_CUT else "does not speak for melanoma"
    second = "excision is advised" if totals.present >= SEVEN_REVISED_CUT else "excision is not advised"
    return (
        f"{totals.weighted} of 10 points: {first}, from {SEVEN_CUT} on it does ({SEVEN_SOURCE}). {totals.present} of 7 "
        f"criteria: by the revision {second}, from {SEVEN_REVISED_CUT} on it is ({SEVEN_REVISED_SOURCE})."
    )


def form_lines(forms: Forms) -> list[tuple[str, str]]:
    """What is filled in, as title and text, for a report; empty where nothing is."""
    lines = []
    if forms.abcd.begun:
        lines.append((ABCD_TITLE, f"{_abcd_given(forms.abcd)} {abcd_sentence(forms.abcd)}".strip()))
    if forms.seven.begun:
        lines.append((SEVEN_TITLE, f"{_seven_given(forms.seven)} {seven_sentence(forms.seven)}".strip()))
    return lines


def _abcd_meaning(total: float) -> str:
    if total < SUSPICIOUS:
        return f"below {SUSPICIOUS}, benign"
    if total <= HIGHLY_SUSPICIOUS:
        return f"{SUSPICIOUS} to {HIGHLY_SUSPICIOUS}, suspicious"
    return f"above {HIGHLY_SUSPICIOUS}, highly suspicious of melanoma"


def _abcd_given(abcd: Abcd) -> str:
    colours = [name for name in ABCD_COLOURS if name in abcd.colours]
    structures = [name for name in ABCD_STRUCTURES if name in abcd.structures]
    said = [
        "" if abcd.asymmetry is None else f"A {abcd.asymmetry}",
        "" if abcd.border is None else f"B {abcd.border}",
        f"C {len(colours)} ({', '.join(colours)})" if colours else "",
        f"D {len(structures)} ({', '.join(structures)})" if structures else "",
    ]
    return "; ".join(filter(None, said)) + "."


def _seven_given(seven: SevenPoint) -> str:
    present = [name for name in CRITERIA if name in seven.present]
    return (
        f"Present: {', '.join(present)}." if present else "None present so far." if seven.missing else "None present."
    )


def _listed(names: tuple[str, ...]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def criterion_label(name: str) -> str:
    """A criterion of the seven-point checklist, with its points of 1998."""
    return f"{capital(name)} · {'2 points' if name in MAJOR else '1 point'}"
