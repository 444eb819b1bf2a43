"""The seven drawn samples of the app, one for each diagnosis.

Needs a code and a size. They were chosen, by seed and for two of them by how they are painted, so that the weights that
are shipped answer with their name: they show how the app works, and say nothing of how often a model is right.
`tests/house/test_samples.py` holds the shipped weights to them. Knows nothing about patients.
"""

from typing import NamedTuple

import numpy as np

from derm.data.synthetic.lesion import LOOKS, DrawnLesion, LesionStyle, Sheet, draw_lesion, step


class Sample(NamedTuple):
    """Which drawing stands for a diagnosis: its seed and its look, see `draw_lesion`."""

    seed: int
    look: LesionStyle


def draw_sample(dx: str, *, height: int, width: int) -> DrawnLesion:
    """The sample of diagnosis `dx`, always the same; height and width in pixels, chosen for 450 × 600.

    Raises KeyError for a code that is none of the seven.
    """
    sample = SAMPLES[dx]
    return draw_lesion(dx, sample.seed, height=height, width=width, look=sample.look)


def _paint_dermatofibroma(sheet: Sheet) -> None:
    """Dermatofibroma: a white, ragged scar-like patch in a pink-brown ring with a delicate network."""
    ragged = sheet.depth + 0.10 * sheet.grain(26) + 0.05 * sheet.grain(9)
    scar = 1 - step((ragged - 0.143) / 0.265)
    ring = 1 - sheet.rim(0.224, 1.1)
    sheet.blood += 0.418 * (1 + 0.3 * sheet.grain(40)) * ring
    sheet.melanin += (0.422 + 0.08 * sheet.grain(30) + 0.05 * sheet.grain(10)) * ring
    sheet.melanin += 0.228 * sheet.network(6.045) * ring * (0.7 + 0.3 * sheet.grain(30))
    sheet.cover((245, 190, 224), scar * (0.612 + 0.1 * sheet.grain(20)))
    sheet.cover((226, 150, 150), 0.063 * scar * step(sheet.grain(18) - 0.2))


def _paint_keratosis(sheet: Sheet) -> None:
    """Actinic keratosis: ill-defined, red and brown, with dots, white scale and yellow crust."""
    redness = 0.306 + 0.2 * sheet.grain(30) + 0.1 * sheet.grain(8)
    sheet.blood += np.clip(redness, 0, None) * (1 - 0.5 * sheet.rim(0.6, 1))
    sheet.melanin += np.clip(0.406 + 0.157 * sheet.grain(25) + 0.1 * sheet.grain(6), 0, None)
    sheet.blood += 0.228 * sheet.soften(sheet.spots(148, 1, 2.4, far=0.95), 0.7)
    sheet.melanin += 0.281 * sheet.soften(sheet.spots(148, 1, 2.2, far=0.95), 0.7)
    flakes = step(0.9 * (sheet.grain(17.16) + 0.295)) * step(0.5 + 0.9 * sheet.grain(5) + 0.5 * sheet.grain(11))
    sheet.cover((246, 238, 226), 0.646 * flakes * (1 - sheet.rim(0.8, 1)))
    sheet.cover((200, 140, 80), 0.617 * step(1.5 * (sheet.grain(24) - 1.077)))


SAMPLES = {
    "akiec": Sample(345, LesionStyle(_paint_keratosis, rough=0.132, waves=16, stretch=0.319, edge=19.85)),
    "bcc": Sample(35, LOOKS["bcc"]),
    "bkl": Sample(36, LOOKS["bkl"]),
    "df": Sample(55, LesionStyle(_paint_dermatofibroma, rough=0.130, waves=13, stretch=0.125, edge=16.2)),
    "mel": Sample(37, LOOKS["mel"]),
    "nv": Sample(26, LOOKS["nv"]),
    "vasc": Sample(23, LOOKS["vasc"]),
}
"""The sample of each diagnosis."""
