"""What has changed of a lesion between two visits, in sentences, each with how far unchanged lesions are apart by it.

Needs what `derm.compare.follow_up` found. The limits were measured by `tools/measure_follow_up.py` on pictures taken
again in memory and on pairs of HAM10000, see docs/follow-up.md; what months between visits add is not known.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

from derm.compare.follow_up import FollowUp, Structure
from derm.figures.text import SPACE
from derm.language.speech import say
from derm.predict.words import NOTICE

TITLE = "Two visits"

AREA, DIAMETER, LIGHTNESS, COLOUR = 0.13, 0.09, 5.1, 8.2
"""How far two pictures of one lesion without change were apart, the larger of 95 of 100 pictures taken again in memory
and of eight pairs in HAM10000: area and diameter as logarithms of their ratios, lightness and colour in CIELAB."""

FALSE_STRUCTURES = 3
"""Of 100 pictures of an unchanged lesion, taken again, in how many at most a new structure was found."""

LEAST_ON_SKIN = 6
"""Matches outside of the outlines from which the scale is that of the skin."""

ADVICE = (
    "Growth and new structures of a lesion that looked the same for years are reasons to look at it, whatever the "
    "figures say; the figures find no change that the eye would miss."
)
LIMITS = (
    "Pressure of the contact plate, immersion, polarisation and swelling change size and colour as much as weeks do; "
    "they are not in these errors."
)
MOST_NEARER = 1.5
"""Times as near, from which sizes are not called changed: a network outlines a lesion that is small in its picture more
generously. In one pair of HAM10000 that differs by 2.3 the area was 49 % apart without change."""

TOO_UNLIKE = (
    "One picture is taken from much nearer than the other, where outlines alone differ: sizes are not to be relied on. "
    "Take both from the same distance."
)
OWN_SCALE_ONLY = (
    "Hardly any skin around the lesion was found again, so that size is held against the lesion's own structures: "
    "growth in all directions alike could not be seen."
)


CHOOSE_TWO = "Open two pictures of one lesion, of an earlier and a later visit, and choose them here."

FLICKER_WORDS = {
    "earlier": "Earlier",
    "later": "Later",
    "slider": "From the earlier picture to the later one",
    "play": "Show by turns",
    "stop": "Stop",
}
"""What stands at two pictures one upon the other."""


def headline(found: FollowUp) -> str:
    """Whether something has changed beyond what pictures of an unchanged lesion do, in one sentence."""
    changed = [name for name, beyond in _beyond(found) if beyond]
    if not changed:
        return "No change beyond what two pictures of an unchanged lesion show."
    first, *others = changed
    listed = first if not others else f"{', '.join(changed[:-1])} and {others[-1]}"
    verb = "is" if len(changed) == 1 else "are"
    return f"Changed beyond what two pictures of an unchanged lesion show {verb}: {listed}."


def _beyond(found: FollowUp) -> list[tuple[str, bool]]:
    return [
        ("area", _alike_near(found) and abs(math.log(found.area_ratio)) > AREA),
        ("diameter", _alike_near(found) and abs(math.log(found.diameter_ratio)) > DIAMETER),
        ("colour", found.colour > COLOUR),
        ("structures at the border", bool(found.structures)),
    ]


def _alike_near(found: FollowUp) -> bool:
    """Whether both pictures are taken from about as near, see `MOST_NEARER`."""
    times: float = found.registration.scale * max(found.second.mask.shape) / max(found.first.mask.shape)
    return 1 / MOST_NEARER <= times <= MOST_NEARER


def sentences(found: FollowUp) -> list[str]:
    """What has changed, a sentence each, with its error; then what the comparison rests on."""
    return [
        *([] if _alike_near(found) else [TOO_UNLIKE]),
        _size("Area", found.area_ratio, AREA, _square_mm(found)),
        _size("Diameter", found.diameter_ratio, DIAMETER, _mm(found)),
        _colour(found),
        _structures(found.structures),
        _fit(found),
        *([OWN_SCALE_ONLY] if found.registration.on_skin < LEAST_ON_SKIN and found.told_scale is None else []),
        *_scales(found),
        LIMITS,
    ]


def _size(name: str, ratio: float, error: float, told: str) -> str:
    change = ratio - 1
    within = f"; unchanged lesions were up to ±{_whole(math.expm1(error))} apart"
    side = "as before" if abs(change) < 0.005 else f"{_whole(abs(change))} {'larger' if change > 0 else 'smaller'}"
    worth = ", which is within that" if abs(math.log(ratio)) <= error else ", which is beyond that"
    return f"{name}: {side}{told}{within}{'' if side == 'as before' else worth}."


def _square_mm(found: FollowUp) -> str:
    if found.first.mm_per_pixel is None:
        return ""
    before = float(found.first.mask.sum()) * found.first.mm_per_pixel**2
    return f" ({before:.1f}{SPACE}mm² before, {before * found.area_ratio:.1f}{SPACE}mm² after)"


def _mm(found: FollowUp) -> str:
    from derm.image.lesion_measures import feret_diameter

    if found.first.mm_per_pixel is None:
        return ""
    before = feret_diameter(found.first.mask) * found.first.mm_per_pixel
    return f" ({before:.1f}{SPACE}mm before, {before * found.diameter_ratio:.1f}{SPACE}mm after)"


def _colour(found: FollowUp) -> str:
    if math.isnan(found.colour):
        return "Colour: the outlines do not overlap, so that it cannot be compared."
    turned = "lighter" if found.lighter > 0 else "darker"
    return (
        f"Colour beside the skin's: {found.colour:.1f} apart in CIELAB, {abs(found.lighter):.1f} of lightness "
        f"{turned}; unchanged lesions were up to {COLOUR:.1f} and {LIGHTNESS:.1f} apart."
    )


def _structures(structures: Sequence[Structure]) -> str:
    error = f"in up to {FALSE_STRUCTURES} of 100 pictures of an unchanged lesion one was found"
    if not structures:
        return f"At the border: no place that is darker than before; {error}."
    places = ", ".join(f"at {one.hour} o'clock ({_whole(one.share)} of the lesion's area)" for one in structures[:4])
    more = f" and {len(structures) - 4} more" if len(structures) > 4 else ""
    one = "a place that is" if len(structures) == 1 else f"{len(structures)} places that are"
    return f"At the border: {one} darker than before, {places}{more}; {error}."


def _fit(found: FollowUp) -> str:
    about = found.registration
    share = about.residual / max(found.first.mask.shape)
    return (
        f"Laid on each other by {about.matches} places found in both, {about.on_skin} of them on the skin around; they "
        f"agree within {1000 * share:.1f}{SPACE}‰ of the picture. The later picture is turned by "
        f"{about.angle:.0f}° and shown {about.scale:.2f} times as large; "
        f"{_whole(about.overlap)} of the earlier one is in both."
    )


def _scales(found: FollowUp) -> list[str]:
    told = found.told_scale
    if told is None:
        return []
    apart = found.registration.scale / told
    if abs(math.log(apart)) <= DIAMETER:
        return ["Sizes are those of both files' millimetres."]
    return [
        f"Sizes are those of both files' millimetres, by which the pictures differ {_whole(abs(apart - 1))} from how "
        "they lie on each other: check both scales, or the whole lesion has changed."
    ]


def as_json(found: FollowUp) -> dict[str, Any]:
    """The figures with their errors, ready for JSON."""
    about = found.registration
    return {
        "headline": headline(found),
        "sentences": sentences(found),
        "area_ratio": _rounded(found.area_ratio),
        "diameter_ratio": _rounded(found.diameter_ratio),
        "shift": _rounded(found.shift),
        "lighter": _rounded(found.lighter),
        "colour": _rounded(found.colour),
        "structures": [
            one._asdict() | {"share": _rounded(one.share), "darker": _rounded(one.darker)} for one in found.structures
        ],
        "unchanged_within": {"log_area": AREA, "log_diameter": DIAMETER, "lighter": LIGHTNESS, "colour": COLOUR},
        "registration": {
            "scale": _rounded(about.scale),
            "angle": _rounded(about.angle),
            "matches": about.matches,
            "on_skin": about.on_skin,
            "residual_pixels": _rounded(about.residual),
            "likeness": _rounded(about.likeness),
            "overlap": _rounded(about.overlap),
        },
        "mm_per_pixel": found.first.mm_per_pixel,
        "notice": say(NOTICE),
    }


def json_text(found: FollowUp) -> str:
    """`as_json` as a file's text."""
    return json.dumps(as_json(found), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _whole(share: float) -> str:
    return f"{round(100 * share)}{SPACE}%"


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)
