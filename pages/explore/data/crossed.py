"""Data as a table: two dimensions against each other."""

from functools import partial

import streamlit as st

from derm.explore import counts
from derm.explore.filtered import Kept
from derm.explore.shown_data import ShownData
from derm.explore.table import DIMENSION, DIMENSIONS, name_of
from derm.figures import dataset as draw
from derm.language.speech import mark, say
from derm.model.weights import Model
from derm.spreadsheet import csv_table
from pages.explore.widgets import chart_once, choose
from pages.parts.downloading import download_button


def data_crossed(_model: Model, shown: ShownData, kept: Kept, dark: bool) -> None:
    """Two dimensions against each other."""
    keys = [dimension.key for dimension in DIMENSIONS]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        rows, columns = (
            choose(
                say(label),
                [*keys[index:], *keys[:index]],
                f"explore_cross_{label}",
                format_func=lambda key: say(DIMENSION[key].label),
                width=220,
            )
            for label, index in ((mark("Rows"), 0), (mark("Columns"), 5))
        )
        share = st.toggle(say("As shares of each row"), key="explore_cross_share", persist_state="session")
    table = counts.cross(shown.table, kept, rows, columns)
    chart_once(
        partial(draw.crossed, table, name_of, dark=dark, share=share),
        "crossed",
        say("Images by {rows} and {columns}", rows=say(DIMENSION[rows].label), columns=say(DIMENSION[columns].label)),
    )
    content, name = partial(csv_table, table, index=True), f"{rows}-by-{columns}.csv"
    download_button(say("Table, CSV"), content, name, "text/csv", key="explore_csv", icon=None, type="secondary")
