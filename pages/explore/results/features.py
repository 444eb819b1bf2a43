"""The map of the model's features; a region drawn on it opens as a gallery."""

from functools import partial

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from derm.evaluate.results import Results
from derm.explore import embedding
from derm.explore.filtered import Kept
from derm.explore.shown_data import ShownData
from derm.explore.table import name_of
from derm.figures import dataset as draw
from derm.language.speech import say
from derm.model.weights import Model
from pages.explore.results.pictures import cases_gallery
from pages.explore.widgets import chart_of, choose, pick


def features(model: Model, shown: ShownData, found: Results, cases: pd.DataFrame, kept: Kept, dark: bool) -> None:
    """The map of features; a lassoed region opens as a gallery."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        method = pick(say("Map by"), list(embedding.METHODS), "explore_method")
        colouring = choose(say("Coloured by"), embedding.COLOURINGS, "explore_map_colour", width=220)
    left, right = st.columns([1, 1], gap="medium")
    with left:
        event = chart_of(
            (found.stamp, kept, method, colouring, dark),
            partial(feature_map, found, cases, kept, method, colouring, dark),
            "explore_map",
            say("Map of the model's features"),
            on_select="rerun",
            selection_mode=("lasso", "box"),
        )
        st.caption(say(embedding.MEANING[method]))
    with right:
        rows = embedding.chosen(event["selection"]["points"])
        if not len(rows):
            st.info(say("Draw around points on the map to see their pictures."), icon=":material/gesture:")
            return
        st.header(say("{rows:,} pictures in this region", rows=len(rows)), anchor=False)
        cases_gallery(model, shown, cases, rows, "map")


def feature_map(found: Results, cases: pd.DataFrame, kept: Kept, method: str, colouring: str, dark: bool) -> go.Figure:
    """The kept images on the map."""
    points = embedding.points(found, cases, kept, method)
    return draw.feature_map(points, embedding.groups(cases, kept, colouring), name_of, dark=dark)
