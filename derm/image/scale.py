"""How many millimetres a pixel of a picture is: as a DICOM file tells, as a ruler in the picture shows, or as given.

Needs the two ends of a line along a ruler and its length in millimetres. A scale holds where the ruler lies, on the
skin; a lens that distorts, or a ruler held above the skin, is not seen. Knows nothing of models.
"""

import math
from dataclasses import dataclass
from typing import Literal, TypeGuard

from derm.errors import EntryRefused
from derm.image.dicom import LEAST_SPACING, MOST_SPACING
from derm.language.speech import say

Line = tuple[float, float, float, float]
"""x and y of one end, then of the other, pixels."""

SHORTEST = 0.05
"""Shortest line along a ruler as a share of the picture's longer side: its ends are not set exactly enough on less."""

END = 0.0025
"""How exactly an end of a line is set, as a share of the picture's longer side: 3 pixels of 1,200. A choice of ours."""

FARTHEST = 1e6
"""Beyond this no number is a place or a length."""

LONGEST_MM = 500.0
"""Longest ruler, millimetres."""


@dataclass(frozen=True)
class Scale:
    """Of one picture."""

    mm_per_pixel: float
    """Above 0."""

    source: Literal["DICOM", "ruler", "given"]
    """Pixel spacing of a DICOM file, a line along a ruler, or a number that somebody gave."""

    error: float | None = None
    """Share by which it may be off because a line's ends are set by hand, at least 0; None where it was not drawn."""

    line: Line | None = None
    """Along the ruler, where it was drawn."""

    length_mm: float | None = None
    """Of that line."""

    instead_of: "Scale | None" = None
    """What the file told, where the line takes its place."""


def scale_of_line(line: object, length_mm: object, height: int, width: int) -> Scale:
    """The scale of a picture of `height` × `width` pixels in which a line along a ruler is `length_mm` long.

    line: [x1, y1, x2, y2], pixels. Raises EntryRefused, with the sentence that says what to do, for what is none.
    """
    if not (isinstance(line, list | tuple) and len(line) == 4 and all(map(is_number, line))):
        raise EntryRefused(say("There is no line along a ruler: draw one from one of its marks to another."))
    if not is_number(length_mm) or not 0 < length_mm <= LONGEST_MM:
        raise EntryRefused(
            say(
                "The line's length is no number of millimetres up to {longest_mm:g}: type it, such as 10.",
                longest_mm=LONGEST_MM,
            )
        )
    x1, y1, x2, y2 = (float(value) for value in line)
    longer = max(height, width)
    if not all(0 <= x <= width and 0 <= y <= height for x, y in ((x1, y1), (x2, y2))):
        raise EntryRefused(say("The line leaves the picture: draw it along a ruler inside."))
    pixels = math.hypot(x2 - x1, y2 - y1)
    if pixels < SHORTEST * longer:
        raise EntryRefused(
            say(
                "The line is {pixels:.0f} pixels long, too short to tell a scale: draw one of at least {least} "
                "pixels, along more of the ruler.",
                pixels=pixels,
                least=math.ceil(SHORTEST * longer),
            )
        )
    scale = length_mm / pixels
    if not LEAST_SPACING <= scale <= MOST_SPACING:
        raise EntryRefused(
            say(
                "The line would make a pixel {scale:.2g} mm, and in pictures of a lesion it is {least:g} "
                "to {most:g} mm: check the line and its length in millimetres.",
                scale=scale,
                least=LEAST_SPACING,
                most=MOST_SPACING,
            )
        )
    error = math.sqrt(2) * END * longer / pixels
    return Scale(scale, "ruler", error, (x1, y1, x2, y2), float(length_mm))


def is_number(value: object) -> TypeGuard[float]:
    """Whether something is a finite number such as a place or a length may be."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < FARTHEST
