"""Two published forms that a clinician fills in by eye: the ABCD rule of dermoscopy, and the seven-point checklist.

Needs what was ticked. Nothing here looks at a picture or at an answer of a model, and nothing fills a form in. Totals
and cut-offs are the publications'. Knows nothing of pages.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

ABCD_COLOURS = ("white", "red", "light brown", "dark brown", "blue-grey", "black")
ABCD_STRUCTURES = ("pigment network", "structureless areas", "branched streaks", "dots", "globules")
AXES, SECTORS = 2, 8
"""Most axes of asymmetry and sectors with an abrupt border."""

ABCD_SOURCE = "Nachbar et al. 1994, J Am Acad Dermatol 30:551"
SUSPICIOUS, HIGHLY_SUSPICIOUS = 4.75, 5.45
"""Total dermoscopy score below which a lesion is called benign, and above which highly suspicious of melanoma."""

MAJOR = ("atypical pigment network", "blue-whitish veil", "atypical vascular pattern")
MINOR = (
    "irregular streaks",
    "irregular pigmentation",
    "irregular dots or globules",
    "regression structures",
)
CRITERIA = (*MAJOR, *MINOR)
SEVEN_SOURCE = "Argenziano et al. 1998, Arch Dermatol 134:1563"
SEVEN_REVISED_SOURCE = "Argenziano et al. 2011, Br J Dermatol 164:785"
SEVEN_CUT = 3
"""Weighted score from which the checklist of 1998 speaks for melanoma."""

SEVEN_REVISED_CUT = 1
"""Criteria from which its revision of 2011 advises excision, each counting one."""


@dataclass(frozen=True)
class Abcd:
    """The ABCD rule, as far as it is filled in."""

    asymmetry: int | None = None
    """Axes, 0 … `AXES`, over which contour, colours or structures differ."""

    border: int | None = None
    """Of eight sectors those with an abrupt end of the pigment, 0 … `SECTORS`."""

    colours: frozenset[str] = frozenset()
    """Of `ABCD_COLOURS`; none where it is not filled in."""

    structures: frozenset[str] = frozenset()
    """Of `ABCD_STRUCTURES`; none where it is not filled in."""

    @property
    def begun(self) -> bool:
        """Whether something is filled in."""
        return self != Abcd()

    @property
    def missing(self) -> tuple[str, ...]:
        """What is still to be filled in, by name."""
        given = {
            "asymmetry": self.asymmetry is not None,
            "border": self.border is not None,
            "colours": bool(self.colours),
            "structures": bool(self.structures),
        }
        return tuple(name for name, there in given.items() if not there)

    @property
    def total(self) -> float | None:
        """The total dermoscopy score, 1.0 … 8.9: 1.3 A + 0.1 B + 0.5 C + 0.5 D; None until all is filled in."""
        if self.asymmetry is None or self.border is None or not self.colours or not self.structures:
            return None
        return round(1.3 * self.asymmetry + 0.1 * self.border + 0.5 * (len(self.colours) + len(self.structures)), 2)


class SevenTotals(NamedTuple):
    """Of a checklist that is filled in."""

    weighted: int
    """0 … 10: two for each major criterion, one for each minor (1998)."""

    present: int
    """0 … 7: criteria that are present (2011)."""


@dataclass(frozen=True)
class SevenPoint:
    """The seven-point checklist, as far as it is filled in."""

    present: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()
    """Of `CRITERIA`, none in both."""

    @property
    def begun(self) -> bool:
        """Whether something is filled in."""
        return bool(self.present or self.absent)

    @property
    def missing(self) -> tuple[str, ...]:
        """What is still to be filled in, in the order of `CRITERIA`."""
        return tuple(name for name in CRITERIA if name not in self.present | self.absent)

    @property
    def totals(self) -> SevenTotals | None:
        """None until all is filled in."""
        if self.missing:
            return None
        return SevenTotals(sum(2 if name in MAJOR else 1 for name in self.present), len(self.present))


@dataclass(frozen=True)
class Forms:
    """Both forms of one case."""

    abcd: Abcd
    seven: SevenPoint

    @property
    def begun(self) -> bool:
        """Whether something is filled in."""
        return self.abcd.begun or self.seven.begun


BLANK = Forms(Abcd(), SevenPoint())
"""Nothing filled in."""


def forms_json(forms: Forms) -> dict[str, Any]:
    """What is filled in, for JSON: each form with its total and source, or null where it was not begun."""
    abcd, seven = forms.abcd, forms.seven
    totals = seven.totals
    return {
        "abcd": {
            "asymmetry_axes": abcd.asymmetry,
            "abrupt_border_sectors": abcd.border,
            "colours": [name for name in ABCD_COLOURS if name in abcd.colours],
            "structures": [name for name in ABCD_STRUCTURES if name in abcd.structures],
            "total_dermoscopy_score": abcd.total,
            "source": ABCD_SOURCE,
        }
        if abcd.begun
        else None,
        "seven_point": {
            "present": [name for name in CRITERIA if name in seven.present],
            "absent": [name for name in CRITERIA if name in seven.absent],
            "score_1998": None if totals is None else totals.weighted,
            "criteria_2011": None if totals is None else totals.present,
            "source": f"{SEVEN_SOURCE}; {SEVEN_REVISED_SOURCE}",
        }
        if seven.begun
        else None,
    }
