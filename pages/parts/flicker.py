"""Two pictures one upon the other, faded by a slider or shown by turns, which works in the browser.

Needs JPEG files of one size.
"""

import base64

from derm.compare.follow_up_words import FLICKER_WORDS
from derm.language.speech import say
from pages.parts.component import component

shown = component("flicker")


def flicker(before: bytes, after: bytes, key: str = "flicker") -> None:
    """Show two JPEG files one upon the other."""
    data = {name: base64.b64encode(content).decode() for name, content in (("before", before), ("after", after))}
    shown(key=key, data={**data, "words": {name: say(word) for name, word in FLICKER_WORDS.items()}})
