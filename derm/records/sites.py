"""Places on the body map: code, name, and where each lies on the outline of a body.

Needs nothing. Places and words are those of HAM10000's table, told apart by side, for a practice has to find a lesion.
"""

from typing import NamedTuple


class Site(NamedTuple):
    """One place."""

    code: str
    name: str
    view: str
    """'front' or 'back': which outline it lies on."""
    x: float
    """From the left of that outline, 0 … 1, as one looks at it."""
    y: float
    """From its top, 0 … 1."""


def _sides(code: str, name: str, view: str, x: float, y: float) -> tuple[Site, Site]:
    """A place that the body has twice; the patient's right is on the left of a front view."""
    right, left = (x, 1 - x) if view == "front" else (1 - x, x)
    return Site(f"{code}_right", f"right {name}", view, right, y), Site(f"{code}_left", f"left {name}", view, left, y)


SITES: tuple[Site, ...] = (
    Site("scalp", "scalp", "front", 0.5, 0.02),
    Site("face", "face", "front", 0.5, 0.08),
    *_sides("ear", "ear", "front", 0.41, 0.08),
    Site("neck", "neck", "front", 0.5, 0.145),
    Site("chest", "chest", "front", 0.5, 0.25),
    Site("abdomen", "abdomen", "front", 0.5, 0.38),
    Site("genital", "genital area", "front", 0.5, 0.49),
    *_sides("upper_arm", "upper arm", "front", 0.25, 0.28),
    *_sides("forearm", "forearm", "front", 0.17, 0.41),
    *_sides("hand", "hand", "front", 0.1, 0.52),
    *_sides("palm", "palm", "back", 0.1, 0.52),
    *_sides("thigh", "thigh", "front", 0.4, 0.62),
    *_sides("lower_leg", "lower leg", "front", 0.41, 0.8),
    *_sides("foot", "foot", "front", 0.39, 0.95),
    *_sides("sole", "sole", "back", 0.39, 0.97),
    Site("nape", "back of the neck", "back", 0.5, 0.145),
    Site("upper_back", "upper back", "back", 0.5, 0.25),
    Site("lower_back", "lower back", "back", 0.5, 0.39),
    Site("buttocks", "buttocks", "back", 0.5, 0.49),
    *_sides("arm_back", "arm from behind", "back", 0.23, 0.33),
    *_sides("leg_back", "leg from behind", "back", 0.4, 0.7),
)
"""From head to foot, front before back."""

BY_CODE = {site.code: site for site in SITES}
"""Code → site."""
