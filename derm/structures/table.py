"""The five dermoscopic structures that ISIC 2018 Task 2 marks: the one table that every order of columns comes from.

Needs nothing. What is said of them stands in `derm.structures.words`.
"""

from typing import NamedTuple


class DermoscopicStructure(NamedTuple):
    """A dermoscopic structure."""

    key: str
    """Its name in tables and files, and its column in the data set's metadata."""

    bit: int
    """Its bit in a file of marks."""

    colour: str
    """#RRGGBB, of its area on a picture: seen on skin, and told from the colours of the diagnoses by its name."""


STRUCTURES = (
    DermoscopicStructure("pigment_network", 0, "#00C2D1"),
    DermoscopicStructure("negative_network", 1, "#C6F432"),
    DermoscopicStructure("streaks", 2, "#FF4D8D"),
    DermoscopicStructure("milia_like_cyst", 3, "#FFE45E"),
    DermoscopicStructure("globules", 4, "#4DFFB8"),
)
"""In the order of their bits."""

KEYS = tuple(one.key for one in STRUCTURES)
