"""Choices whose labels change while they stand, as that of a diagnosis does with its probability.

Needs Streamlit's session. The browser holds a choice by the label that it was made under: under other labels it marks
nothing, or shows the former label on, unless it is told the choice anew.
"""

from collections.abc import Sequence

import streamlit as st


def relabelled(key: str, labels: Sequence[str]) -> str:
    """The key of a widget, whose choice is told the browser anew where its labels are others than when it was drawn.

    Called before the widget is drawn, for only then is its choice known by the former labels.
    """
    told, now = f"labels-{key}", list(labels)
    if key in st.session_state and st.session_state.get(told) not in (None, now):
        st.session_state[key] = st.session_state[key]
    st.session_state[told] = now
    return key
