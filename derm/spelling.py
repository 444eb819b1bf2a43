"""Names as one sees them: of a patient, a lesion, a source. What looks alike and is spelled alike becomes one.

Needs texts. Knows no tables and no records.
"""

import re
import unicodedata

JOINERS = "\u200c\u200d\u180e"
"""Zero-width non-joiner and joiner, Mongolian vowel separator: seen in the shape of the letters between which they
stand, in some scripts."""

JOINED = ((0x0600, 0x0DFF), (0x1000, 0x109F), (0x1780, 0x18AF), (0x11000, 0x11FFF))
"""Those scripts, first and last letter: Arabic to Sinhala, Myanmar, Khmer and Mongolian, the later Indic ones."""

MONGOLIAN = ((0x1800, 0x18AF),)
"""The only script whose letters the vowel separator shapes: two names may differ by it alone."""

SEEN = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
"""Format characters that are drawn: signs around numbers and verses of Arabic, Syriac and Kaithi."""

UNSEEN = frozenset(
    (
        *"\u034f\u115f\u1160\u17b4\u17b5\u2065\u2800\u3164\uffa0\U00013441\U00013442\U0001d159",
        *map(chr, (*range(0xFFF0, 0xFFF9), *range(0xE0000, 0xE0100), *range(0xE01F0, 0xE1000))),
    )
)
"""What is no format character by its category and yet never drawn: grapheme joiner, fillers, inherent vowels, blanks of
Braille, hieroglyphs and notes, and what Unicode sets aside for such (Default_Ignorable_Code_Point)."""

FLAG = re.compile("(?<=\U0001f3f4)[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
"""The tags that make a black flag that of a country's part, such as Scotland's: region, part and end, by UTS #51."""


def cleaned(value: str) -> str:
    """A name as one sees it, in one line with single spaces: by this names are compared."""
    return " ".join((value if value.isascii() and value.isprintable() else visible(value)).split())


def visible(value: str) -> str:
    """A text in NFC without what nobody sees: control and format characters, variation selectors. For copied from a
    spreadsheet or a PDF, one name would become two that look alike.

    Kept are joiners between letters of `JOINED`, selectors after the letters whose form they choose, ideographs and
    Mongolian, and the tags of a `FLAG`: there they are part of a name's spelling. What merely looks alike, as Latin and
    Cyrillic A, stays two.
    """
    whole = encodable(value)
    tags = {place for flag in FLAG.finditer(whole) for place in range(*flag.span())}
    drawn = "".join(one for place, one in enumerate(whole) if _is_drawn(one) or place in tags)
    letters = unicodedata.normalize("NFC", drawn)  # so that marks, in whichever order typed, stand beside the same
    kept = [""]
    for place, letter in enumerate(letters, 1):
        if letter in JOINERS and not _joins(letter, kept[-1], letters[place : place + 1]):
            continue
        if _is_selector(letter) and not _has_forms(kept[-1]):
            continue
        kept.append(letter)
    return unicodedata.normalize("NFC", "".join(kept))


def encodable(value: str) -> str:
    """A text as databases take it: without control characters, and without half characters, which UTF-8 has not."""
    whole = value.encode(errors="replace").decode()
    return "".join(one for one in whole if one in "\n\t" or unicodedata.category(one) != "Cc")


def _is_drawn(letter: str) -> bool:
    if unicodedata.category(letter) == "Cf":
        return letter in JOINERS or letter in SEEN
    return letter not in UNSEEN


def _joins(joiner: str, before: str, after: str) -> bool:
    """Whether a joiner shapes the letters beside it; a selector after it is no letter."""
    scripts = MONGOLIAN if joiner == "\u180e" else JOINED
    return _is_of(before, scripts) and _is_of(after, scripts) and not _is_selector(after)


def _is_of(letter: str, scripts: tuple[tuple[int, int], ...]) -> bool:
    return bool(letter) and unicodedata.category(letter)[0] in "LM" and any(a <= ord(letter) <= b for a, b in scripts)


def _is_selector(letter: str) -> bool:
    ranges = (("\u180b", "\u180d"), ("\u180f", "\u180f"), ("\ufe00", "\ufe0f"), ("\U000e0100", "\U000e01ef"))
    return any(first <= letter <= last for first, last in ranges)


def _has_forms(letter: str) -> bool:
    return bool(letter) and unicodedata.name(letter, "").startswith(("CJK ", "MONGOLIAN LETTER"))
