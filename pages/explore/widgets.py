"""The small widgets that all views of Explore share: a figure, a choice, an order, and what pictures show."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from derm.explore.gallery import Order
from derm.explore.pictures import LOOKS, Look


def chart(figure: go.Figure, key: str, alt: str, **more: Any) -> Any:  # noqa: ANN401
    """A figure without plotly's own buttons; alt: for screen readers."""
    return st.plotly_chart(figure, key=key, alt=alt, config={"displayModeBar": False}, **more)


def pick(label: str, choices: Sequence[str], key: str, **more: Any) -> str:  # noqa: ANN401
    """One of a few choices, kept through the session."""
    chosen: str = st.segmented_control(
        label,
        choices,
        default=choices[0],
        required=True,
        key=key,
        label_visibility="collapsed",
        persist_state="session",
        **more,
    )
    return chosen


def sort_by(orders: Sequence[Order], key: str) -> Order:
    """How a gallery is sorted."""
    by_label = {order.label: order for order in orders}
    label = st.selectbox("Sort", list(by_label), key=key, width=260, persist_state="session")
    return by_label[label]


def choose_look(name: str, looks: Sequence[Look] = LOOKS) -> Look:
    """How the gallery's pictures are shown, and what that means."""
    look: Look = st.segmented_control(
        "Pictures show",
        looks,
        default=looks[0],
        required=True,
        key=f"explore_look_{name}",
        label_visibility="collapsed",
        persist_state="session",
    )
    return look
