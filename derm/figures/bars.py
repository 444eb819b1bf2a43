"""Probabilities as bars, the line of a case and legends for a page: style sheets and small pieces of HTML.

Needs plain values. The bars lie behind a group of radio buttons that carry name and figure as text: keys and screen
readers use the buttons, and without the style sheet the list is still all there. Colours come from `DIAGNOSES`, the
`ink` on light pages and the `colour` on dark ones. Knows nothing of cases.
"""

import base64
import html
from collections.abc import Sequence

from derm.diagnoses import Diagnosis
from derm.figures.text import fine_percent, percent
from derm.files import shorten
from derm.image.overlay import heat_stops
from derm.language.speech import say

TRACK = "color-mix(in srgb, currentColor 12%, transparent)"
"""Colour of what a bar does not fill, on any page."""

LONGEST_NAME = 72
"""Characters of a picture's name in a line: a UID with an ending has up to 68."""


def themed(diagnosis: Diagnosis) -> str:
    """The diagnosis's colour as CSS that follows the page: `ink` where it is light, `colour` where it is dark."""
    return f"light-dark({diagnosis.ink}, {diagnosis.colour})"


def bars_style(ranked: Sequence[tuple[Diagnosis, float]], group: str) -> str:
    """A style sheet that draws a bar under each of a group's radio buttons.

    ranked: diagnoses with their probabilities, 0 … 1, in the order of the buttons. group: CSS selector of the group.
    """
    rows = "".join(
        f"{group} > div:nth-child({place}) label{{background-image:"
        f"linear-gradient({themed(diagnosis)},{themed(diagnosis)}),linear-gradient({TRACK},{TRACK});"
        f"background-size:{share:.2%} 6px,100% 6px}}"
        for place, (diagnosis, share) in enumerate(ranked, 1)
    )
    return f"<style>{rows}</style>"


def case_line(thumbnail: bytes, name: str, text: str) -> str:
    """A case in one line of HTML: thumbnail, name, what is said of it. thumbnail: JPEG file, or empty.

    Of a long name, which the table below shows whole, the line has beginning and end.
    """
    source = base64.b64encode(thumbnail).decode()
    picture = f'<img src="data:image/jpeg;base64,{source}" alt="">' if thumbnail else ""
    return (
        f'<div class="derm-case">{picture}<div><strong>{html.escape(shorten(name, LONGEST_NAME))}</strong> '
        f"<span>{html.escape(text)}</span></div></div>"
    )


def malignant_bar(parts: Sequence[tuple[Diagnosis, float]], threshold: float | None = None) -> str:
    """The malignant sum as one bar of HTML, made of its parts; the empty rest is benign.

    parts: the malignant diagnoses with their probabilities, 0 … 1, in the order in which they shall lie. threshold: for
    referral, 0 … 1, drawn as a line across the bar with its name and figure below.
    """
    said = ", ".join(f"{diagnosis.called} {percent(share)}" for diagnosis, share in parts)
    total = fine_percent(sum(share for _, share in parts))
    pieces = "".join(
        f'<span style="width:{share:.2%};background:{themed(diagnosis)}"></span>' for diagnosis, share in parts
    )
    label = say("Malignant probability {total}: {parts}", total=total, parts=said)
    mark = ""
    if threshold is not None:
        figure = say("referral threshold {threshold}", threshold=fine_percent(threshold))
        label = f"{label}; {figure}"
        mark = f'<div class="derm-mark" style="left:{threshold:.2%}"></div>{_under(figure, threshold)}'
    return (
        f'<div class="derm-sum" role="img" aria-label="{html.escape(label)}">'
        f'<div class="derm-parts">{pieces}</div>{mark}</div>'
    )


def _under(text: str, share: float) -> str:
    """`text` in a line of its own below a bar, beginning at `share` of it, or ending there where that is past half."""
    place = f"margin-left:{share:.2%}" if share <= 0.5 else f"margin-right:{1 - share:.2%};text-align:right"
    return f'<div class="derm-under" style="{place}">{html.escape(text)}</div>'


def heat_legend(least: str, most: str) -> str:
    """The colours of the heat map as HTML, with what its two ends mean in words."""
    stops = ",".join(heat_stops())
    return (
        '<div class="derm-legend">'
        f'<div class="derm-ramp" style="background:linear-gradient(to right,{stops})"></div>'
        f"<div><span>{html.escape(least)}</span><span>{html.escape(most)}</span></div></div>"
    )
