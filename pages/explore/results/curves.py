"""ROC and precision–recall curves, and how far probabilities can be believed."""

from functools import partial

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from derm.evaluate.results import Results
from derm.explore import predictions
from derm.explore.filtered import Kept
from derm.explore.shown_data import ShownData
from derm.figures import results as draw_results
from derm.figures.text import plain
from derm.language.speech import say
from derm.model.weights import Model
from pages.explore.results.measures import shared_curves, shared_measures
from pages.explore.widgets import chart_of


def curves(_model: Model, _shown: ShownData, found: Results, cases: pd.DataFrame, kept: Kept, dark: bool) -> None:
    """ROC and precision–recall curves, and how far probabilities can be believed."""
    of = (found.stamp, kept)
    measured = shared_measures(*of, found)
    lines, intervals = shared_curves(*of, found)
    st.markdown(plain(predictions.accuracy_sentence(found, predictions.count(cases, kept))))
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("ROC", anchor=False)
        figure = partial(draw_results.roc, lines, dark=dark, metrics=measured)
        chart_of((*of, dark), figure, "roc", say("ROC curve of each class"))
    with right:
        st.subheader(say("Precision and recall"), anchor=False)
        figure = partial(draw_results.precision_recall, lines, dark=dark, intervals=intervals)
        chart_of((*of, dark), figure, "precision-recall", say("Precision–recall curve of each class"))
    st.caption(f"{say(predictions.INTERVALS)} {say(predictions.EXACT)}")
    for place, (target, title) in zip(st.columns(2, gap="large"), predictions.RELIABILITY.items(), strict=True):
        with place:
            st.subheader(say(title), anchor=False)
            figure = partial(reliability, found, kept, target, dark)
            chart_of((*of, dark), figure, f"reliability-{target}", say(title))


def reliability(found: Results, kept: Kept, target: str, dark: bool) -> go.Figure:
    """How far the probabilities of the kept images can be believed. target: as `predictions.bins` takes it."""
    return draw_results.reliability(predictions.bins(found, kept, target), dark=dark)
