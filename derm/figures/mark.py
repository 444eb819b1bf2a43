"""The app's mark: a lesion with its outline, drawn here so that no icon is fetched from anywhere.

Needs nothing. Knows nothing of pages.
"""

import numpy as np
from PIL import Image

from derm.image.overlay import draw_outline, lay_mask

SKIN = (232, 196, 176)
"""sRGB."""

LESION = "#5a3222"
"""sRGB."""


def mark(side: int = 64) -> Image.Image:
    """The mark, RGB, `side` pixels square: a brown disc on skin, outlined as every lesion is."""
    rows, columns = (np.mgrid[:side, :side] + 0.5) / side - 0.5
    disc = np.hypot(rows, columns) < 0.3
    ring = np.hypot(rows, columns) < 0.36
    skin = np.full((side, side, 3), SKIN, dtype=np.uint8)
    return Image.fromarray(draw_outline(lay_mask(skin, disc, LESION, 1.0), ring))
