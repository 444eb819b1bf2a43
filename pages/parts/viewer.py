"""The viewer of pictures: layers, zoom, ruler and the correction of an outline, which work in the browser.

Needs what `derm.predict.viewer` makes of a case. What comes back is checked by `derm` and kept by `visit`.
"""

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from derm.errors import EntryRefused
from derm.language.speech import say
from derm.predict.case import Case
from derm.predict.entries import with_line, with_models_outline, with_outline
from derm.predict.viewer import FIRST, known_layers
from derm.predict.viewer_words import GONE
from pages.parts import visit
from pages.parts.component import component

SCRIPTS = ("viewer_geometry.js", "viewer_stage.js", "viewer_tools.js", "viewer.js")

show = component("viewer", *SCRIPTS)


def viewer(data: Mapping[str, Any], of: str, key: str = "viewer") -> None:
    """Show pictures, `data` of `derm.predict.viewer`; of: what they show, another begins with the whole picture."""
    show(
        key=key,
        data={**data, "name": key, "of": of, "finer": data.get("finer", False), "reply": st.session_state.get("reply")},
        default={"layers": None, "finer": ""},
        on_layers_change=lambda: take_layers(key),
        on_finer_change=lambda: None,
        on_outline_change=lambda: take_outline(key),
        on_scale_change=lambda: take_scale(key),
    )


def layers() -> dict[str, float]:
    """The layers that this visitor looks at, with their opacity."""
    shown: dict[str, float] = st.session_state.setdefault("layers", dict(FIRST))
    return shown


def wants_finer(of: str, key: str = "viewer") -> bool:
    """Whether the visitor has zoomed so far into `of` that a finer picture would show more."""
    return bool(st.session_state.get(key, {}).get("finer") == of)


def take_layers(key: str) -> None:
    """Other layers were chosen."""
    st.session_state.layers = known_layers(st.session_state[key].layers)


def take_outline(key: str) -> None:
    """An outline was drawn, or the model's is wanted back."""
    given = st.session_state[key].outline
    if isinstance(given, Mapping):
        rings = given.get("rings")
        enter(given, lambda case: with_models_outline(case) if rings is None else with_outline(case, rings))


def take_scale(key: str) -> None:
    """A line along a ruler got its length."""
    given = st.session_state[key].scale
    if isinstance(given, Mapping):
        enter(given, lambda case: with_line(case, given.get("line"), given.get("mm")))


def enter(given: Mapping[str, Any], change: Callable[[Case], Case]) -> None:
    """Add to the case that `given` speaks of, or keep the sentence why not for the viewer to say."""
    try:
        said = "" if visit.enter(str(given.get("of")), change) else say(GONE)
    except EntryRefused as refused:
        said = str(refused)
    st.session_state.reply = {"id": given.get("id"), "of": given.get("of"), "said": said}
