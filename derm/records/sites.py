"""Places on the body map: code, name, and where each lies on the outline of a body.

Needs nothing. Places and words are those of HAM10000's table, told apart by side, for a practice has to find a lesion.
"""

from typing import NamedTuple

from derm.language.speech import mark, say


class Site(NamedTuple):
    """One place."""

    code: str
    name: str
    """In English, for files."""
    view: str
    """'front' or 'back': which outline it lies on."""
    x: float
    """From the left of that outline, 0 … 1, as one looks at it."""
    y: float
    """From its top, 0 … 1."""

    @property
    def called(self) -> str:
        """The name in the language now spoken."""
        return say(self.name)


def _sides(code: str, names: tuple[str, str], view: str, x: float, y: float) -> tuple[Site, Site]:
    """A place that the body has twice, right and left; the patient's right is on the left of a front view."""
    right, left = (x, 1 - x) if view == "front" else (1 - x, x)
    return Site(f"{code}_right", names[0], view, right, y), Site(f"{code}_left", names[1], view, left, y)


SITES: tuple[Site, ...] = (
    Site("scalp", mark("scalp"), "front", 0.5, 0.02),
    Site("face", mark("face"), "front", 0.5, 0.08),
    *_sides("ear", (mark("right ear"), mark("left ear")), "front", 0.41, 0.08),
    Site("neck", mark("neck"), "front", 0.5, 0.145),
    Site("chest", mark("chest"), "front", 0.5, 0.25),
    Site("abdomen", mark("abdomen"), "front", 0.5, 0.38),
    Site("genital", mark("genital area"), "front", 0.5, 0.49),
    *_sides("upper_arm", (mark("right upper arm"), mark("left upper arm")), "front", 0.25, 0.28),
    *_sides("forearm", (mark("right forearm"), mark("left forearm")), "front", 0.17, 0.41),
    *_sides("hand", (mark("right hand"), mark("left hand")), "front", 0.1, 0.52),
    *_sides("palm", (mark("right palm"), mark("left palm")), "back", 0.1, 0.52),
    *_sides("thigh", (mark("right thigh"), mark("left thigh")), "front", 0.4, 0.62),
    *_sides("lower_leg", (mark("right lower leg"), mark("left lower leg")), "front", 0.41, 0.8),
    *_sides("foot", (mark("right foot"), mark("left foot")), "front", 0.39, 0.95),
    *_sides("sole", (mark("right sole"), mark("left sole")), "back", 0.39, 0.97),
    Site("nape", mark("back of the neck"), "back", 0.5, 0.145),
    Site("upper_back", mark("upper back"), "back", 0.5, 0.25),
    Site("lower_back", mark("lower back"), "back", 0.5, 0.39),
    Site("buttocks", mark("buttocks"), "back", 0.5, 0.49),
    *_sides("arm_back", (mark("right arm from behind"), mark("left arm from behind")), "back", 0.23, 0.33),
    *_sides("leg_back", (mark("right leg from behind"), mark("left leg from behind")), "back", 0.4, 0.7),
)
"""From head to foot, front before back."""

BY_CODE = {site.code: site for site in SITES}
"""Code → site."""
