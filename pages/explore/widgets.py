"""The small widgets that all views of Explore share: a figure, a choice, an order, and what pictures show."""

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from types import FunctionType
from typing import Any, cast

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from derm.explore.gallery import Order
from derm.explore.pictures import LOOKS, Look
from derm.explore.table import wrapped
from derm.figures.markup import shown_figure
from derm.language.speech import language, say


def chart(figure: go.Figure, key: str, alt: str, **more: Any) -> Any:  # noqa: ANN401
    """A figure without plotly's own buttons; alt: for screen readers."""
    return st.plotly_chart(shown_figure(figure), key=key, alt=alt, config={"displayModeBar": False}, **more)


def chart_once(draw: partial[go.Figure], key: str, alt: str, **more: Any) -> Any:  # noqa: ANN401
    """The figure that `draw` makes of plain values and tables, drawn once for all visits, for that takes a while."""
    return st.plotly_chart(_drawn(draw, language()), key=key, alt=alt, config={"displayModeBar": False}, **more)


def chart_of(of: Hashable, draw: Callable[[], go.Figure], key: str, alt: str, **more: Any) -> Any:  # noqa: ANN401
    """The figure that `draw` makes, drawn once for all visits. of: names all that it is made of, with the theme, where
    to compare that itself takes a while."""
    return st.plotly_chart(
        _drawn_of((key, of), language(), draw), key=key, alt=alt, config={"displayModeBar": False}, **more
    )


def _name_of(function: FunctionType) -> str:
    return f"{function.__module__}.{function.__qualname__}"


@st.cache_resource(max_entries=200, show_spinner=False, hash_funcs={FunctionType: _name_of})
def _drawn(draw: partial[go.Figure], spoken: str) -> go.Figure:
    return shown_figure(draw())


@st.cache_resource(max_entries=200, show_spinner=False)
def _drawn_of(of: Hashable, spoken: str, _draw: Callable[[], go.Figure]) -> go.Figure:
    return shown_figure(_draw())


def begin(key: str, choices: Sequence[str]) -> None:
    """Let a choice begin with the first of what there is, also where what was chosen is not there any more."""
    if st.session_state.get(key) not in choices:
        st.session_state[key] = choices[0]


def pick(label: str, choices: Sequence[str], key: str) -> str:
    """One of a few choices, kept through the session."""
    begin(key, choices)
    chosen = st.segmented_control(
        label,
        choices,
        required=True,
        key=key,
        format_func=say,
        label_visibility="collapsed",
        persist_state="session",
    )
    return chosen or choices[0]


def choose(label: str, choices: Sequence[str], key: str, **more: Any) -> str:  # noqa: ANN401
    """One of many choices, as a list that unfolds."""
    begin(key, choices)
    chosen: str = st.selectbox(label, choices, key=key, persist_state="session", **{"format_func": say, **more})
    return chosen or choices[0]


def sort_by(orders: Sequence[Order], key: str) -> Order:
    """How a gallery is sorted."""
    by_label = {order.label: order for order in orders}
    return by_label[choose(say("Sort"), list(by_label), key, width=240, label_visibility="collapsed")]


def choose_look(name: str, looks: Sequence[Look] = LOOKS) -> Look:
    """How the gallery's pictures are shown, and what that means."""
    return cast("Look", pick(say("Pictures show"), looks, f"explore_look_{name}"))


def table_of(rows: pd.DataFrame) -> None:
    """A table whose cells wrap, so that no column hides at any width."""
    st.table(wrapped(rows), hide_index=True, border="horizontal")
