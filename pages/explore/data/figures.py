"""Data as figures: each dimension counted and coloured, then the lesion in its picture."""

from functools import partial

import plotly.graph_objects as go
import streamlit as st

from derm.explore import counts
from derm.explore.address import COLOURINGS
from derm.explore.filtered import Kept
from derm.explore.shown_data import ShownData
from derm.explore.table import DIMENSION, name_of
from derm.figures import dataset as draw
from derm.language.speech import say
from derm.model.weights import Model
from pages.explore.data.masks import mask_figures
from pages.explore.widgets import chart_of, choose


def data_figures(_model: Model, shown: ShownData, kept: Kept, dark: bool) -> None:
    """Each dimension of the data set, counted and coloured."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="explore_colouring"):
        colour = choose(
            say("Coloured by"),
            COLOURINGS,
            "explore_colour",
            format_func=lambda key: say(DIMENSION[key].label),
            width=220,
        )
        share = st.toggle(say("As shares of each bar"), key="explore_share", persist_state="session")
        st.html(draw.legend(shown.options[colour], name_of, dark=dark))
    of = (str(shown.catalogue.folder), kept, colour, share, dark)
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader(say("Diagnosis"), anchor=False)
        chart_of(
            of,
            lambda: draw.balance(counts.class_balance(shown.table, kept), dark=dark),
            "balance",
            say("Images and lesions of each diagnosis"),
        )
    with right:
        st.subheader(say("Age, years"), anchor=False)
        chart_of(
            of,
            lambda: draw.columns(counts.ages(shown.table, kept, colour), name_of, "", dark=dark, width=counts.AGE_STEP),
            "ages",
            say("Images by age, coloured by {colour}", colour=say(DIMENSION[colour].label)),
        )
    for place, key in enumerate(("sex", "site", "source", "confirmation", "part")):
        with (left, right)[place % 2]:
            st.subheader(say(DIMENSION[key].label), anchor=False)
            rows, columns = say(DIMENSION[key].label), say(DIMENSION[colour].label)
            alt = say("Images by {rows} and {columns}", rows=rows, columns=columns)
            chart_of(of, partial(stacked, shown, kept, key, colour, share, dark), f"stack-{key}", alt)
    with left:
        st.subheader(say("Images of one lesion"), anchor=False)
        chart_of(
            of,
            lambda: draw.columns(counts.images_per_lesion(shown.table, kept), name_of, "", dark=dark),
            "lesions",
            say("Lesions by how many images they have"),
        )
    with right:
        st.subheader(say("Missing values"), anchor=False)
        share_label = say("share of the images")
        chart_of(
            of,
            lambda: draw.share_bars(counts.missing(shown.table, kept), "share", "missing", share_label, dark=dark),
            "missing",
            say("Missing values"),
        )
    mask_figures(shown, kept, dark)


def stacked(shown: ShownData, kept: Kept, key: str, colour: str, share: bool, dark: bool) -> go.Figure:
    """The values of one dimension as bars of another's colours."""
    return draw.stacked(counts.cross(shown.table, kept, key, colour), name_of, dark=dark, share=share)
