"""What the clinician's own forms say, in sentences: totals, what the publications make of them, what still lacks.

Needs `Forms`. Knows nothing of pages.
"""

from derm.figures.text import capital
from derm.language.quantities import listed
from derm.language.speech import mark, say
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

OWN = mark("Filled in by you alone: Derm neither fills these in nor reads them, and no answer follows them.")

ABCD_TITLE = mark("ABCD rule, total dermoscopy score")
SEVEN_TITLE = mark("Seven-point checklist")

LABELS = {
    "asymmetry": mark("Asymmetry: axes over which contour, colours or structures differ"),
    "border": mark("Border: of eight sectors those with an abrupt end of the pigment"),
    "colours": mark("Colours that are there"),
    "structures": mark("Structures that are there"),
}
"""Of the ABCD rule's fields."""

ABCD_NAMES = {
    "asymmetry": mark("asymmetry"),
    "border": mark("border"),
    "colours": mark("colours"),
    "structures": mark("structures"),
}
"""The same as within a sentence."""

OPTIONS = {
    "white": mark("white"),
    "red": mark("red"),
    "light brown": mark("light brown"),
    "dark brown": mark("dark brown"),
    "blue-grey": mark("blue-grey"),
    "black": mark("black"),
    "pigment network": mark("pigment network"),
    "structureless areas": mark("structureless areas"),
    "branched streaks": mark("branched streaks"),
    "dots": mark("dots"),
    "globules": mark("globules"),
    "atypical pigment network": mark("atypical pigment network"),
    "blue-whitish veil": mark("blue-whitish veil"),
    "atypical vascular pattern": mark("atypical vascular pattern"),
    "irregular streaks": mark("irregular streaks"),
    "irregular pigmentation": mark("irregular pigmentation"),
    "irregular dots or globules": mark("irregular dots or globules"),
    "regression structures": mark("regression structures"),
}
"""What can be ticked in both forms, by its key."""


def abcd_sentence(abcd: Abcd) -> str:
    """The total and what its publication makes of it; what still lacks; or that nothing is filled in."""
    if not abcd.begun:
        return say(
            "Not filled in. Below {low} benign, above {high} highly suspicious ({source}).",
            low=SUSPICIOUS,
            high=HIGHLY_SUSPICIOUS,
            source=ABCD_SOURCE,
        )
    if abcd.total is None:
        return say(
            "No total yet: {listed} to be filled in.", listed=listed([say(ABCD_NAMES[name]) for name in abcd.missing])
        )
    if abcd.total < SUSPICIOUS:
        return say(
            "Total {total:.1f}: below {low}, benign ({source}).", total=abcd.total, low=SUSPICIOUS, source=ABCD_SOURCE
        )
    if abcd.total <= HIGHLY_SUSPICIOUS:
        return say(
            "Total {total:.1f}: {low} to {high}, suspicious ({source}).",
            total=abcd.total,
            low=SUSPICIOUS,
            high=HIGHLY_SUSPICIOUS,
            source=ABCD_SOURCE,
        )
    return say(
        "Total {total:.1f}: above {high}, highly suspicious of melanoma ({source}).",
        total=abcd.total,
        high=HIGHLY_SUSPICIOUS,
        source=ABCD_SOURCE,
    )


def seven_sentence(seven: SevenPoint) -> str:
    """The same of the seven-point checklist."""
    if not seven.begun:
        return say(
            "Not filled in. From {cut} points melanoma is to be assumed ({source}); from one "
            "criterion excision is advised by its revision ({revised}).",
            cut=SEVEN_CUT,
            source=SEVEN_SOURCE,
            revised=SEVEN_REVISED_SOURCE,
        )
    if (totals := seven.totals) is None:
        return say(
            "No total yet: {listed} to be filled in.", listed=listed([say(OPTIONS[name]) for name in seven.missing])
        )
    return f"{_weighted(totals.weighted)} {_counted_present(totals.present)}"


def _weighted(points: int) -> str:
    """What the checklist of 1998 makes of its points."""
    said = (
        mark("{points} of 10 points: speaks for melanoma, from {cut} on it does ({source}).")
        if points >= SEVEN_CUT
        else mark("{points} of 10 points: does not speak for melanoma, from {cut} on it does ({source}).")
    )
    return say(said, points=points, cut=SEVEN_CUT, source=SEVEN_SOURCE)


def _counted_present(criteria: int) -> str:
    """What the revision of 2011 makes of them."""
    said = (
        mark("{criteria} of 7 criteria: by the revision excision is advised, from {cut} on it is ({source}).")
        if criteria >= SEVEN_REVISED_CUT
        else mark("{criteria} of 7 criteria: by the revision excision is not advised, from {cut} on it is ({source}).")
    )
    return say(said, criteria=criteria, cut=SEVEN_REVISED_CUT, source=SEVEN_REVISED_SOURCE)


def form_lines(forms: Forms) -> list[tuple[str, str]]:
    """What is filled in, as title and text, for a report; empty where nothing is."""
    lines = []
    if forms.abcd.begun:
        lines.append((say(ABCD_TITLE), f"{_abcd_given(forms.abcd)} {abcd_sentence(forms.abcd)}".strip()))
    if forms.seven.begun:
        lines.append((say(SEVEN_TITLE), f"{_seven_given(forms.seven)} {seven_sentence(forms.seven)}".strip()))
    return lines


def _abcd_given(abcd: Abcd) -> str:
    colours = [option_name(name) for name in ABCD_COLOURS if name in abcd.colours]
    structures = [option_name(name) for name in ABCD_STRUCTURES if name in abcd.structures]
    said = [
        "" if abcd.asymmetry is None else f"A {abcd.asymmetry}",
        "" if abcd.border is None else f"B {abcd.border}",
        f"C {len(colours)} ({', '.join(colours)})" if colours else "",
        f"D {len(structures)} ({', '.join(structures)})" if structures else "",
    ]
    return "; ".join(filter(None, said)) + "."


def _seven_given(seven: SevenPoint) -> str:
    present = [option_name(name) for name in CRITERIA if name in seven.present]
    if present:
        return say("Present: {criteria}.", criteria=", ".join(present))
    return say("None present so far.") if seven.missing else say("None present.")


def option_name(name: str) -> str:
    """A colour, a structure or a criterion of the forms, by its key."""
    return say(OPTIONS[name])


def criterion_label(name: str) -> str:
    """A criterion of the seven-point checklist, with its points of 1998."""
    criterion = capital(option_name(name))
    if name in MAJOR:
        return say("{criterion} · 2 points", criterion=criterion)
    return say("{criterion} · 1 point", criterion=criterion)
