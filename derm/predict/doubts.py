"""What makes an answer doubtful, as found in a picture and its outline; each with a key for tables and files.

Needs a `Case`. Each limit is one that few of 500 validation pictures of two sources meet and most faults made on
purpose do; docs/doubts.md has the figures and the command that measures them again. Sentences about doubts stand in
`derm.predict.words`. Knows nothing of pages.
"""

from enum import StrEnum
from typing import TYPE_CHECKING

from derm.image.quality import Quality

if TYPE_CHECKING:
    from derm.predict.case import Case

SEAM = 0.62
"""`Quality.seam` from which two pictures meet, or a picture and a window. At most 0.57 in real pictures."""

SURFACE = 0.2
"""`Quality.surface` from which what meets the picture is a window. At most 0.17 in real pictures."""

OVEREXPOSED, BURNT_OUT = 0.05, 0.4
"""Share of burnt out pixels from which a picture is less certain, and from which nothing can be told. At most 0.035 in
real pictures."""

UNDEREXPOSED, TOO_DARK = 90, 40
"""Luminance of the brightest pixels, 0 … 255, below which a picture is less certain, and below which nothing can be
told. At least 111 in real pictures, all of them of light skin: dark skin well lit must not be meant."""

BLURRED = 8
"""`Quality.detail` up to which a picture is blurred. A blur by 1 % of the width leaves at most 6."""

CUT = 0.3
"""Share of the outline on the picture's border from which the lesion is cut: that of a disc without a fifth of it."""


class Doubt(StrEnum):
    """A reason to doubt an answer; its value is its key in tables and files. The first ones take the answer away."""

    SCREENSHOT = "screenshot"
    """A window or a page with a picture in it."""

    SEVERAL_PICTURES = "several_pictures"
    """Pictures side by side, as on a contact sheet."""

    NOT_DERMOSCOPIC = "not_dermoscopic"
    """This is no dermoscopic picture."""

    BURNT_OUT = "burnt_out"
    """So overexposed that much of the picture is plain white."""

    TOO_DARK = "too_dark"
    """So underexposed that the picture is nearly black."""

    NO_LESION = "no_lesion"
    """The model outlines nothing here."""

    SEVERAL_LESIONS = "several_lesions"
    """The outline holds several lesions, and there is one answer for all of them."""

    CUT_BY_EDGE = "cut_by_edge"
    """Much of the outline lies on the picture's edge, so that a part of the lesion is missing."""

    OVEREXPOSED = "overexposed"
    """A part of the picture is plain white."""

    UNDEREXPOSED = "underexposed"
    """The picture is dark all over."""

    BLURRED = "blurred"
    """No edge in the picture is sharp."""

    SEEN_LITTLE = "seen_little"
    """Dermoscopy of a kind that the model has seen little of."""

    @property
    def blocks(self) -> bool:
        """Whether there is no answer to be relied on at all."""
        return self in BLOCKING


BLOCKING = frozenset(
    {
        Doubt.SCREENSHOT,
        Doubt.SEVERAL_PICTURES,
        Doubt.NOT_DERMOSCOPIC,
        Doubt.BURNT_OUT,
        Doubt.TOO_DARK,
        Doubt.NO_LESION,
        Doubt.SEVERAL_LESIONS,
    }
)
"""Those that take the answer away; the others make it less certain."""

OF_OUTLINE = frozenset({Doubt.NO_LESION, Doubt.SEVERAL_LESIONS, Doubt.CUT_BY_EDGE})
"""Those that the model's outline gives rise to: who corrects it by hand has answered them."""


def doubts_of(case: "Case") -> tuple[Doubt, ...]:
    """Why the answer of `case` is doubtful, in the order of `Doubt`; none where nothing was found."""
    found = _of_picture(case.quality) | {
        Doubt.NOT_DERMOSCOPIC: bool(case.not_dermoscopic),
        Doubt.NO_LESION: not case.has_lesion,
        Doubt.SEEN_LITTLE: bool(case.seen_little),
    }
    return tuple(doubt for doubt in Doubt if found[doubt])


def is_sized(case: "Case") -> bool:
    """Whether the outline that is shown is one to measure by: corrected by hand, or the model's of a picture that has
    an answer and a whole lesion."""
    return case.polygons is not None or (case.answerable and Doubt.CUT_BY_EDGE not in doubts_of(case))


def _of_picture(quality: Quality) -> dict[Doubt, bool]:
    """The doubts that picture and outline alone give rise to."""
    seam, window = quality.seam >= SEAM, quality.surface >= SURFACE
    burnt_out, too_dark = quality.clipped >= BURNT_OUT, quality.brightest < TOO_DARK
    return {
        Doubt.SCREENSHOT: seam and window,
        Doubt.SEVERAL_PICTURES: seam and not window,
        Doubt.BURNT_OUT: burnt_out,
        Doubt.TOO_DARK: too_dark,
        Doubt.SEVERAL_LESIONS: quality.lesions > 1,
        Doubt.CUT_BY_EDGE: quality.at_edge >= CUT,
        Doubt.OVEREXPOSED: quality.clipped >= OVEREXPOSED and not burnt_out,
        Doubt.UNDEREXPOSED: quality.brightest < UNDEREXPOSED and not too_dark,
        Doubt.BLURRED: quality.detail <= BLURRED,
    }


def meets_edge(case: "Case") -> bool:
    """Whether the outline holds a pixel of the picture's border."""
    mask = case.outline
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())
