"""A body from the front and from behind with places marked on it, as SVG for a page.

Needs places as shares of each outline. Knows nothing of lesions.
"""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from derm.figures.palette import BODY, PLACE
from derm.language.speech import mark_of, say, say_of

WIDTH, HEIGHT = 100, 240
"""Of one outline, in the drawing's own units."""

FULL = 2 * WIDTH + 30
"""Both outlines with what lies between them."""

PARTS = (
    '<ellipse cx="50" cy="17" rx="11" ry="15"/>',
    '<rect x="44" y="29" width="12" height="14"/>',
    '<rect x="31" y="40" width="38" height="80" rx="12"/>',
    '<rect x="18" y="43" width="13" height="58" rx="6" transform="rotate(8 24 43)"/>',
    '<rect x="69" y="43" width="13" height="58" rx="6" transform="rotate(-8 76 43)"/>',
    '<ellipse cx="12" cy="124" rx="6" ry="10"/>',
    '<ellipse cx="88" cy="124" rx="6" ry="10"/>',
    '<rect x="8" y="88" width="11" height="34" rx="5" transform="rotate(6 14 88)"/>',
    '<rect x="81" y="88" width="11" height="34" rx="5" transform="rotate(-6 86 88)"/>',
    '<rect x="32" y="112" width="17" height="112" rx="8"/>',
    '<rect x="51" y="112" width="17" height="112" rx="8"/>',
    '<ellipse cx="39" cy="229" rx="10" ry="7"/>',
    '<ellipse cx="61" cy="229" rx="10" ry="7"/>',
)
"""An outline of plain shapes, without sex or age."""

VIEWS = {"front": mark_of("side of the body", "front"), "back": mark_of("side of the body", "back")}
"""The sides of the body, as they are written below."""


class Mark(NamedTuple):
    """One place."""

    view: str
    """'front' or 'back'."""
    x: float
    """From the left, 0 … 1."""
    y: float
    """From the top, 0 … 1."""
    name: str
    """What is there, for those who point at it or do not see it."""


def body_map(marks: Sequence[Mark]) -> str:
    """Both outlines with the marks, in colours that are seen on light and on dark pages; `said_of` has it in words."""
    drawn = "".join(_outline(view, place) for place, view in enumerate(("front", "back")))
    dots = "".join(
        f'<circle cx="{_left(mark.view) + mark.x * WIDTH:.1f}" cy="{mark.y * HEIGHT:.1f}" r="6" fill="{PLACE}" '
        f'stroke="white" stroke-width="1.5"><title>{escape(mark.name)}</title></circle>'
        for mark in marks
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {FULL} {HEIGHT + 14}" width="{FULL}" '
        f'height="{HEIGHT + 14}"><g fill="{BODY}" fill-opacity="0.4">{drawn}</g>{dots}</svg>'
    )


def said_of(marks: Sequence[Mark]) -> str:
    """The map in words, for those who do not see it."""
    if not marks:
        return say("Body map: nothing marked")
    return say("Body map: {places}", places=", ".join(mark.name for mark in marks))


def _outline(view: str, place: int) -> str:
    left = place * (WIDTH + 30)
    place_of_name = f'x="{left + WIDTH / 2}" y="{HEIGHT + 11}"'
    side = escape(say_of("side of the body", VIEWS[view]))
    name = f'<text {place_of_name} font-size="11" text-anchor="middle" fill-opacity="1">{side}</text>'
    return f'<g transform="translate({left} 0)">{"".join(PARTS)}</g>{name}'


def _left(view: str) -> int:
    return 0 if view == "front" else WIDTH + 30
