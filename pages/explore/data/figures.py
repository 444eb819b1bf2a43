"""Data as figures: each dimension counted and coloured, then the lesion in its picture."""

import streamlit as st

from derm.explore import counts, filters
from derm.explore.address import COLOURINGS
from derm.explore.filtered import Kept
from derm.explore.shown_data import ShownData
from derm.explore.table import DIMENSION, name_of
from derm.figures import dataset as draw
from derm.language.speech import say
from derm.model.weights import Model
from pages.explore.data.masks import mask_figures
from pages.explore.widgets import chart_once, choose


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
        st.html(draw.legend(filters.options(shown.table)[colour], name_of, dark=dark))
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader(say("Diagnosis"), anchor=False)
        chart_once(
            draw.balance,
            counts.class_balance(shown.table, kept),
            dark=dark,
            key="balance",
            alt=say("Images and lesions of each diagnosis"),
        )
    with right:
        st.subheader(say("Age, years"), anchor=False)
        ages = counts.ages(shown.table, kept, colour)
        chart_once(
            draw.columns,
            ages,
            name_of,
            "",
            dark=dark,
            width=counts.AGE_STEP,
            key="ages",
            alt=say("Images by age, coloured by {colour}", colour=say(DIMENSION[colour].label)),
        )
    for place, key in enumerate(("sex", "site", "source", "confirmation", "part")):
        with (left, right)[place % 2]:
            st.subheader(say(DIMENSION[key].label), anchor=False)
            table = counts.cross(shown.table, kept, key, colour)
            chart_once(
                draw.stacked,
                table,
                name_of,
                dark=dark,
                share=share,
                key=f"stack-{key}",
                alt=say(
                    "Images by {rows} and {columns}",
                    rows=say(DIMENSION[key].label),
                    columns=say(DIMENSION[colour].label),
                ),
            )
    with left:
        st.subheader(say("Images of one lesion"), anchor=False)
        lesions = counts.images_per_lesion(shown.table, kept)
        chart_once(
            draw.columns,
            lesions,
            name_of,
            "",
            dark=dark,
            key="lesions",
            alt=say("Lesions by how many images they have"),
        )
    with right:
        st.subheader(say("Missing values"), anchor=False)
        missing = counts.missing(shown.table, kept)
        chart_once(
            draw.share_bars,
            missing,
            "share",
            "missing",
            say("share of the images"),
            dark=dark,
            key="missing",
            alt=say("Missing values"),
        )
    mask_figures(shown, kept, dark)
