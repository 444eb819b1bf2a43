"""What makes an answer doubtful, as found in a picture and its outline; each with a key for tables and files.

Needs a `Case`. Sentences about them stand in `derm.predict.words`. Knows nothing of pages.
"""

from enum import StrEnum

from derm.predict.case import Case


class Doubt(StrEnum):
    """A reason to doubt an answer; its value is its key in tables and files. The first ones take the answer away."""

    NOT_DERMOSCOPIC = "not_dermoscopic"
    """This is no dermoscopic picture."""

    NO_LESION = "no_lesion"
    """The model outlines nothing here."""

    CUT_BY_EDGE = "cut_by_edge"
    """The outline meets the picture's edge, so that a part of the lesion is missing."""

    SEEN_LITTLE = "seen_little"
    """Dermoscopy of a kind that the model has seen little of."""

    @property
    def blocks(self) -> bool:
        """Whether there is no answer to be relied on at all."""
        return self in BLOCKING


BLOCKING = frozenset({Doubt.NOT_DERMOSCOPIC, Doubt.NO_LESION})
"""Those that take the answer away; the others make it less certain."""


def doubts_of(case: Case) -> tuple[Doubt, ...]:
    """Why the answer of `case` is doubtful, in the order of `Doubt`; none where nothing was found."""
    found = {
        Doubt.NOT_DERMOSCOPIC: bool(case.not_dermoscopic),
        Doubt.NO_LESION: not case.has_lesion,
        Doubt.CUT_BY_EDGE: case.has_lesion and meets_edge(case),
        Doubt.SEEN_LITTLE: bool(case.seen_little),
    }
    return tuple(doubt for doubt, holds in found.items() if holds)


def meets_edge(case: Case) -> bool:
    """Whether the outline holds a pixel of the picture's border."""
    mask = case.mask
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())
