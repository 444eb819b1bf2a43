"""Figures beside one another, each under its title."""

import streamlit as st

from derm.figures.markup import shown_figure
from derm.figures.text import plain
from derm.monitor import charts


def draw(shown: list[charts.Plate], columns: int = 2) -> None:
    """Figures beside one another, each under its title."""
    for row in charts.in_rows(shown, columns):
        for place, plate in zip(st.columns(columns, gap="medium"), row, strict=False):
            with place:
                st.markdown(f"**{plain(plate.title)}**")
                key = f"plate-{plate.title}"
                st.plotly_chart(shown_figure(plate.figure), key=key, config={"displayModeBar": False}, alt=plate.alt)


def is_dark() -> bool:
    """Whether the visitor's page is dark."""
    return bool(st.context.theme.type == "dark")
