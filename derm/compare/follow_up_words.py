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
from derm.language.quantities import listed
from derm.language.speech import ENGLISH, mark, number, say, say_many, speaking
from derm.predict.words import NOTICE, doubt_sentence

TITLE = mark("Two visits")

AREA, DIAMETER, LIGHTNESS, COLOUR = 0.13, 0.09, 5.1, 8.2
"""How far two pictures of one lesion without change were apart, the larger of 95 of 100 pictures taken again in memory
and of eight pairs in HAM10000: area and diameter as logarithms of their ratios, lightness and colour in CIELAB."""

FALSE_STRUCTURES = 3
"""Of 100 pictures of an unchanged lesion, taken again, in how many at most a new structure was found."""

LEAST_ON_SKIN = 6
"""Matches outside of the outlines from which the scale is that of the skin."""

ADVICE = mark(
    "Growth and new structures of a lesion that looked the same for years are reasons to look at it, whatever the "
    "figures say; the figures find no change that the eye would miss."
)
LIMITS = mark(
    "Pressure of the contact plate, immersion, polarisation and swelling change size and colour as much as weeks do; "
    "they are not in these errors."
)
MOST_NEARER = 1.5
"""Times as near, from which sizes are not called changed: a network outlines a lesion that is small in its picture more
generously. In one pair of HAM10000 that differs by 2.3 the area was 49 % apart without change."""

TOO_UNLIKE = mark(
    "One picture is taken from much nearer than the other, where outlines alone differ: sizes are not to be relied on. "
    "Take both from the same distance."
)
WRONG_SCALE = mark(
    "The millimetres of one of both pictures are wrong: by them the skin around the lesion would have changed its "
    "size, too. Sizes are not to be relied on; check both scales."
)
EARLIER, LATER = mark("Earlier picture: {doubt}"), mark("Later picture: {doubt}")

UNSIZED = mark(
    "An outline is the model's, on a picture that cannot be judged or that cuts the lesion: sizes are not to be relied "
    "on. Correct the outline by hand, or take the picture again."
)
OWN_SCALE_ONLY = mark(
    "Hardly any skin around the lesion was found again, so that size is held against the lesion's own structures: "
    "growth in all directions alike could not be seen."
)


CHOOSE_TWO = mark("Open two pictures of one lesion, of an earlier and a later visit, and choose them here.")

OPINION_LACKS = mark(
    "Give your own opinion first, under 'This case', of {names}: what has changed is shown after that."
)
"""With the names of the pictures whose answers wait: outlines, sizes and structures are answers, too."""

SIZES = {
    (True, True): mark(
        "{name}: {change} larger{told}; unchanged lesions were up to {most} larger, which is within that."
    ),
    (True, False): mark(
        "{name}: {change} larger{told}; unchanged lesions were up to {most} larger, which is beyond that."
    ),
    (False, True): mark(
        "{name}: {change} smaller{told}; unchanged lesions were up to {most} smaller, which is within that."
    ),
    (False, False): mark(
        "{name}: {change} smaller{told}; unchanged lesions were up to {most} smaller, which is beyond that."
    ),
}
"""By whether it is larger, and whether that is within the error."""

UNJUDGED = {
    True: mark("{name}: {change} larger{told}, which is not to be relied on here."),
    False: mark("{name}: {change} smaller{told}, which is not to be relied on here."),
}
"""By whether it is larger, where sizes are not to be relied on."""

UNJUDGED_SAME = mark("{name}: as before{told}, which is not to be relied on here.")
UNJUDGED_COLOUR = mark("Colour beside the skin's: {colour:.1f} apart in CIELAB, which is not to be relied on here.")
UNJUDGED_BORDER = mark("which is not to be relied on here")
"""In place of the error, where one of both pictures is none to judge by."""

LIGHTER = mark(
    "Colour beside the skin's: {colour:.1f} apart in CIELAB, {lightness:.1f} of lightness lighter; unchanged lesions "
    "were up to {most_colour:.1f} and {most_lightness:.1f} apart."
)
DARKER = mark(
    "Colour beside the skin's: {colour:.1f} apart in CIELAB, {lightness:.1f} of lightness darker; unchanged lesions "
    "were up to {most_colour:.1f} and {most_lightness:.1f} apart."
)

FLICKER_WORDS = {
    "earlier": mark("Earlier"),
    "later": mark("Later"),
    "slider": mark("From the earlier picture to the later one"),
    "play": mark("Show by turns"),
    "stop": mark("Stop"),
}
"""What stands at two pictures one upon the other."""


def doubt_lines(found: FollowUp) -> list[str]:
    """What stands above the headline: the doubts of both pictures, first those that take the answer away. What a kind
    of picture costs answers is not said: none is given here."""
    both = [*((EARLIER, doubt) for doubt in found.first.doubts), *((LATER, doubt) for doubt in found.second.doubts)]
    return [say(which, doubt=doubt_sentence(doubt)) for which, doubt in sorted(both, key=lambda one: not one[1].blocks)]


def headline(found: FollowUp) -> str:
    """Whether something has changed beyond what pictures of an unchanged lesion do, in one sentence."""
    changed = [name for name, beyond in _beyond(found) if beyond]
    if not changed and (_is_blocked(found) or math.isnan(found.colour)):
        return say("Whether something has changed cannot be told from these pictures.")
    if not changed and not _is_sized(found):
        return say("No change of colour or at the border; whether the size has changed cannot be told.")
    if not changed:
        return say("No change beyond what two pictures of an unchanged lesion show.")
    if len(changed) == 1:
        return say("Changed beyond what two pictures of an unchanged lesion show is: {what}.", what=changed[0])
    return say("Changed beyond what two pictures of an unchanged lesion show are: {listed}.", listed=listed(changed))


def _beyond(found: FollowUp) -> list[tuple[str, bool]]:
    return [
        (say("area"), _is_sized(found) and abs(math.log(found.area_ratio)) > AREA),
        (say("diameter"), _is_sized(found) and abs(math.log(found.diameter_ratio)) > DIAMETER),
        (say("colour"), not _is_blocked(found) and found.colour > COLOUR),
        (say("structures at the border"), not _is_blocked(found) and bool(found.structures)),
    ]


def _alike_near(found: FollowUp) -> bool:
    """Whether both pictures are taken from about as near, see `MOST_NEARER`."""
    times: float = found.registration.scale * max(found.second.shape) / max(found.first.shape)
    return 1 / MOST_NEARER <= times <= MOST_NEARER


def _is_sized(found: FollowUp) -> bool:
    """Whether sizes are to be relied on: outlines to measure by, both pictures from about as near, and no scale that
    the skin contradicts."""
    return _is_outlined(found) and _alike_near(found) and not _against_skin(found)


def _is_outlined(found: FollowUp) -> bool:
    return found.first.sized and found.second.sized


def _is_blocked(found: FollowUp) -> bool:
    """Whether one of both pictures is none to judge by: then colours and borders are not called changed, and no change
    is not said."""
    return any(doubt.blocks for doubt in (*found.first.doubts, *found.second.doubts))


def _against_skin(found: FollowUp) -> bool:
    """Whether told millimetres contradict matches on the skin: a lesion may grow, the skin around it does not."""
    return found.registration.on_skin >= LEAST_ON_SKIN and _scales_apart(found) > DIAMETER


def _scales_apart(found: FollowUp) -> float:
    """How far told millimetres are from how the pictures lie on each other, as a logarithm; 0 where none are told."""
    return 0.0 if found.told_scale is None else abs(math.log(found.registration.scale / found.told_scale))


def sentences(found: FollowUp) -> list[str]:
    """What has changed, a sentence each, with its error; then what the comparison rests on."""
    return [
        *([] if _is_outlined(found) else [say(UNSIZED)]),
        *([] if _alike_near(found) else [say(TOO_UNLIKE)]),
        *([say(WRONG_SCALE)] if _against_skin(found) else []),
        _size(say("Area"), found.area_ratio, AREA, _square_mm(found), judged=_is_sized(found)),
        _size(say("Diameter"), found.diameter_ratio, DIAMETER, _mm(found), judged=_is_sized(found)),
        _colour(found),
        _structures(found.structures, judged=not _is_blocked(found)),
        _fit(found),
        *([say(OWN_SCALE_ONLY)] if found.registration.on_skin < LEAST_ON_SKIN and found.told_scale is None else []),
        *_scales(found),
        say(LIMITS),
    ]


def _size(name: str, ratio: float, error: float, told: str, *, judged: bool) -> str:
    change = abs(ratio - 1)
    is_same, is_larger = change < 0.005, ratio > 1
    if not judged:
        sentence = UNJUDGED_SAME if is_same else UNJUDGED[is_larger]
        return say(sentence, name=name, change=_whole(change), told=told)
    # A limit that is a logarithm is another share of the earlier size for growth than for shrinking.
    larger, smaller = math.expm1(error), -math.expm1(-error)
    if is_same:
        return say(
            "{name}: as before{told}; unchanged lesions were up to {larger} larger or {smaller} smaller.",
            name=name,
            told=told,
            larger=_whole(larger),
            smaller=_whole(smaller),
        )
    sentence = SIZES[is_larger, abs(math.log(ratio)) <= error]
    told_change, most = _told_apart(change, larger if is_larger else smaller)
    return say(sentence, name=name, change=told_change, told=told, most=most)


def _told_apart(share: float, limit: float) -> tuple[str, str]:
    """Both in percent, with the fewest digits by which they differ: 12 % beyond 12 % would be none."""
    both = (100 * share, 100 * limit)
    digits = next((few for few in range(4) if round(both[0], few) != round(both[1], few)), 0)
    first, second = (number(value, f".{digits}f") + SPACE + "%" for value in both)
    return first, second


def _square_mm(found: FollowUp) -> str:
    if found.first.mm_per_pixel is None:
        return ""
    before = found.first.area * found.first.mm_per_pixel**2
    return say(
        " ({before:.1f}\N{NO-BREAK SPACE}mm² before, {after:.1f}\N{NO-BREAK SPACE}mm² after)",
        before=before,
        after=before * found.area_ratio,
    )


def _mm(found: FollowUp) -> str:
    if found.first.mm_per_pixel is None:
        return ""
    before = found.first.diameter * found.first.mm_per_pixel
    return say(
        " ({before:.1f}\N{NO-BREAK SPACE}mm before, {after:.1f}\N{NO-BREAK SPACE}mm after)",
        before=before,
        after=before * found.diameter_ratio,
    )


def _colour(found: FollowUp) -> str:
    if math.isnan(found.colour):
        return say("Colour: the outlines do not overlap, so that it cannot be compared.")
    if _is_blocked(found):
        return say(UNJUDGED_COLOUR, colour=found.colour)
    sentence = LIGHTER if found.lighter > 0 else DARKER
    return say(
        sentence,
        colour=found.colour,
        lightness=abs(found.lighter),
        most_colour=COLOUR,
        most_lightness=LIGHTNESS,
    )


def _structures(structures: Sequence[Structure], *, judged: bool) -> str:
    if judged:
        error = say("in up to {count} of 100 pictures of an unchanged lesion one was found", count=FALSE_STRUCTURES)
    else:
        error = say(UNJUDGED_BORDER)
    if not structures:
        return say("At the border: no place that is darker than before; {error}.", error=error)
    places = ", ".join(
        say("at {hour} o'clock ({share} of the lesion's area)", hour=one.hour, share=_whole(one.share))
        for one in structures[:4]
    )
    if len(structures) > 4:
        places = say("{places} and {count} more", places=places, count=len(structures) - 4)
    return say_many(
        "At the border: a place that is darker than before, {places}; {error}.",
        "At the border: {count} places that are darker than before, {places}; {error}.",
        len(structures),
        places=places,
        error=error,
    )


def _fit(found: FollowUp) -> str:
    about = found.registration
    share = about.residual / max(found.first.shape)
    return say(
        "Laid on each other by {matches} places found in both, {on_skin} of them on the skin around; "
        "they agree within {apart:.1f}\N{NO-BREAK SPACE}‰ of the picture. The later picture is turned by "
        "{angle:.0f}° and shown {scale:.2f} times as large; {overlap} of the earlier one is in both.",
        matches=about.matches,
        on_skin=about.on_skin,
        apart=1000 * share,
        angle=about.angle,
        scale=about.scale,
        overlap=_whole(about.overlap),
    )


def _scales(found: FollowUp) -> list[str]:
    told = found.told_scale
    if told is None:
        return []
    apart = found.registration.scale / told
    if _scales_apart(found) <= DIAMETER:
        return [say("Sizes are those of both files' millimetres.")]
    return [
        say(
            "Sizes are those of both files' millimetres, by which the pictures differ {apart} from how they "
            "lie on each other: check both scales, or the whole lesion has changed.",
            apart=_whole(abs(apart - 1)),
        )
    ]


def as_json(found: FollowUp) -> dict[str, Any]:
    """The figures with their errors, ready for JSON; sentences in English, whatever language is spoken."""
    with speaking(ENGLISH):
        first, lines, notice = headline(found), [*doubt_lines(found), *sentences(found)], say(NOTICE)
    about = found.registration
    return {
        "headline": first,
        "sentences": lines,
        "doubts": {"earlier": list(found.first.doubts), "later": list(found.second.doubts)},
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
        "mm_per_pixel_later": found.second.mm_per_pixel,
        "told_scale": None if found.told_scale is None else _rounded(found.told_scale),
        "sizes_reliable": _is_sized(found),
        "notice": notice,
    }


def json_text(found: FollowUp) -> str:
    """`as_json` as a file's text."""
    return json.dumps(as_json(found), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _whole(share: float) -> str:
    return f"{round(100 * share)}{SPACE}%"


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)
