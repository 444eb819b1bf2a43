"""Two pictures one upon the other, faded by a slider or shown by turns, which works in the browser.

Needs JPEG files of one size.
"""

import base64
from pathlib import Path

import streamlit as st

from derm.compare.follow_up_words import FLICKER_WORDS

PARTS = Path(__file__).parent

shown = st.components.v2.component(
    "derm_flicker",
    html=(PARTS / "flicker.html").read_text(encoding="utf-8"),
    css=(PARTS / "flicker.css").read_text(encoding="utf-8"),
    js=(PARTS / "flicker.js").read_text(encoding="utf-8"),
)


def flicker(before: bytes, after: bytes, key: str = "flicker") -> None:
    """Show two JPEG files one upon the other."""
    data = {name: base64.b64encode(content).decode() for name, content in (("before", before), ("after", after))}
    shown(key=key, data={**data, "words": FLICKER_WORDS})
