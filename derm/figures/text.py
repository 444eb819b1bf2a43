"""Figures and names as text: shares and spans of time rounded to what they are worth, foreign text made harmless.

Needs plain values. Knows nothing of cases.
"""

import html
import re
import string
import textwrap
from collections.abc import Iterable

from derm.language.speech import number, say

SPACE = "\N{NO-BREAK SPACE}"
"""Between a figure and its unit, so that no line ends between them."""


def percent(share: float) -> str:
    """A share, 0 … 1, in whole percent. A model is never so sure that 0 % or 100 % would be true: those are fenced."""
    whole = round(share * 100)
    if whole == 0:
        return say("under 1\N{NO-BREAK SPACE}%")
    if whole == 100:
        return say("over 99\N{NO-BREAK SPACE}%")
    return say("{share}\N{NO-BREAK SPACE}%", share=whole)


def counted_percent(share: float) -> str:
    """A counted share, 0 … 1, in whole percent without the sign; to the tenth or hundredth above 99 and below 1, where
    fewer digits would say all or none, and fenced where these would, too."""
    places = _places(share, 1 if 0 < share < 0.01 or 0.99 < share < 1 else 0)
    if places is None:
        return say("over {limit:.2f}", limit=99.99) if share > 0.5 else say("under {limit:.2f}", limit=0.01)
    return number(100 * share, f".{places}f")


def counted_share(share: float, digits: int) -> str:
    """A counted share, 0 … 1, in percent with so many digits after the point; with up to two where fewer would say all
    or none, as `counted_percent` has them."""
    places = _places(share, digits)
    if places is None:
        return say("over {limit:.2%}", limit=0.9999) if share > 0.5 else say("under {limit:.2%}", limit=0.0001)
    return number(share, f".{places}%")


def _places(share: float, digits: int) -> int | None:
    """The fewest digits from `digits` to two with which a share that is neither all nor none is not written so; None
    where no two are enough."""
    for places in range(digits, 3):
        if not 0 < share < 1 or format(100 * share, f".{places}f") not in (f"{whole:.{places}f}" for whole in (0, 100)):
            return places
    return None


def fine_percent(share: float) -> str:
    """A share, 0 … 1, in percent, below ten with a digit after the point: a malignant sum and its threshold."""
    if share >= 0.0995:
        return percent(share)
    if share < 0.0005:
        return say("under 0.1\N{NO-BREAK SPACE}%")
    return say("{share:.1f}\N{NO-BREAK SPACE}%", share=share * 100)


def duration(seconds: float) -> str:
    """A span of time, rounded to what it is worth."""
    minutes = round(seconds / 60)
    if seconds < 50:
        return say("under a minute") if seconds < 30 else say("about a\N{NO-BREAK SPACE}minute")
    if minutes < 90:
        return say("{minutes}\N{NO-BREAK SPACE}min", minutes=minutes)
    return say("{hours}\N{NO-BREAK SPACE}h {minutes}\N{NO-BREAK SPACE}min", hours=minutes // 60, minutes=minutes % 60)


def time_left(doing: str, seconds: float) -> str:
    """What is being done, said already, with the time that it will still take: 'Reading 3 of 9, 2 min left'."""
    return say("{doing}, {span} left", doing=doing, span=duration(seconds))


def epoch_number(epoch: int) -> int:
    """An epoch as people, files and figures count it, from 1; the code's own index counts from 0."""
    return epoch + 1


def plain(text: str) -> str:
    """`text` so that Markdown shows it letter by letter: a file's name must neither format, link nor load a thing.

    What UTF-8 cannot hold, as in a name without an encoding, is a question mark.
    """
    known = text.encode(errors="replace").decode()
    if _MAY_BE_TAKEN.search(known):
        known = _TAKEN.sub("\N{WORD JOINER}", known)
    return re.sub(rf"([{re.escape(string.punctuation)}])", r"\\\1", known)


_MAY_BE_TAKEN = re.compile(r"[:@]|www|[-<>~][-=>]", re.IGNORECASE)
_TAKEN = re.compile(
    r"(?<=:)(?=[\w+-]{1,80}:)(?!\d{1,2}:)"  # an icon: :smile:, :material_home:, and no time of day
    r"|(?<=http)(?=s?://)|(?<=www)(?=\.)|(?<=[\w.+-]@)(?=[\w-])"  # an address
    # An arrow, a dash or a sign: ->, --, >=; U+FEFF is a space to browsers alone.
    r"|(?<=(?<![^\s\ufeff])[-<>~])(?=[-=>]>?(?![^\s\ufeff]))",
    re.IGNORECASE,
)
"""Places in letters that pages take for more even behind backslashes: what stands there is taken apart, unseen."""


def in_markdown(text: str) -> str:
    """As `plain`, for a file that is read as it is, too: what would format, load or end a cell alone is changed.
    Addresses stay as they are. One line."""
    known = re.sub("&(?=#?[A-Za-z0-9]+;)", "&amp;", _in_one_line(text).strip()).replace("<", "&lt;")
    known = re.sub(r"([\\`*\[\]|]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))", r"\\\1", known)
    return re.sub(r"^(\d*)([#>~=]|[-+.)](?= |$)|-(?=--))", r"\1\\\2", known)  # as a heading, a list or a fence begins


def in_code(text: str) -> str:
    """`text` so that it stands between backticks in Markdown and does not end them. One line."""
    return _in_one_line(text).replace("`", "'")


def _in_one_line(text: str) -> str:
    known = text.encode(errors="replace").decode()
    return "".join(character if character.isprintable() else " " for character in known)


def chart_text(text: str) -> str:
    """`text` so that plotly shows it letter by letter: neither its tags nor its templates are taken for orders."""
    return html.escape(text, quote=False).replace("%{", "%&#123;")


WIDE = 24
"""Characters of a name in one line of a chart: a phone has room for no more."""


def in_lines(name: str, wide: int = WIDE) -> str:
    """A chart's text in lines of `wide` characters."""
    return "<br>".join(chart_text(line) for line in textwrap.wrap(name, wide, break_long_words=False))


def row_height(names: Iterable[str]) -> int:
    """Pixels of a chart's row that has room for the tallest of the `names` in lines."""
    return max([34, *(15 * (1 + in_lines(name).count("<br>")) + 4 for name in names)])


def capital(text: str) -> str:
    """`text` with its first letter capital, the rest as it is."""
    return text[:1].upper() + text[1:]
