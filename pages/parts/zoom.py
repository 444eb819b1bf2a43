"""Zoom and pan of the pictures on a page, which work in the browser; the pictures are there without it.

Needs pictures in containers of known keys.
"""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from derm.predict.view import ZOOM_WORDS

PARTS = Path(__file__).parent

bar = st.components.v2.component(
    "derm_zoom",
    html=(PARTS / "zoom.html").read_text(encoding="utf-8"),
    css=(PARTS / "zoom.css").read_text(encoding="utf-8"),
    js=(PARTS / "zoom.js").read_text(encoding="utf-8"),
)


def zoom(containers: Sequence[str], of: str, key: str = "zoom", *, finer: bool = False) -> None:
    """Buttons that zoom the first picture of each container, by its key; all move as one.

    of: what they show; another begins anew with the whole picture. finer: whether a finer picture can be had, for which
    `wants_finer` then asks.
    """
    frames = [f".st-key-{container}" for container in containers]
    bar(
        key=key,
        data={"name": key, "of": of, "frames": frames, "finer": finer, "words": ZOOM_WORDS},
        default={"finer": ""},
        on_finer_change=lambda: None,
        width="content",
    )


def wants_finer(of: str, key: str = "zoom") -> bool:
    """Whether the visitor has zoomed so far into `of` that a finer picture would show more."""
    return bool(st.session_state.get(key, {}).get("finer") == of)
