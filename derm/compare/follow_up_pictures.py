"""Two visits as pictures: side by side with both outlines, and by turns.

Needs what `derm.compare.follow_up` found. Gives arrays and files; knows no page.
"""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from derm.compare.follow_up import FollowUp
from derm.image.overlay import draw_outline

GAP = 8
"""Between two pictures, pixels."""

FRAME = 700
"""Milliseconds of each picture of the flicker: below three changes a second."""


def both(found: FollowUp, *, outlines: bool = True) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The first picture and the second as it lies on it, uint8 (h, w, 3), as small as `Laid` has them.

    outlines: with its own outline on each, and the earlier one dashed on the later.
    """
    first, second, before, after = found.laid
    if not outlines:
        return first, second
    return draw_outline(first, before), draw_outline(draw_outline(second, before, dashed=True), after)


def side_by_side(found: FollowUp) -> NDArray[np.uint8]:
    """Both pictures beside each other, uint8 (h, 2 w + gap, 3)."""
    first, second = both(found)
    gap = np.full((len(first), GAP, 3), 255, np.uint8)
    return np.hstack([first, gap, second])


def flicker_gif(found: FollowUp) -> bytes:
    """Both pictures by turns, without outlines, as an animated GIF file."""
    frames = [Image.fromarray(one) for one in both(found, outlines=False)]
    stream = BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:], duration=FRAME, loop=0)
    return stream.getvalue()
