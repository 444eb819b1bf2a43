"""ROC and precision–recall curves, and how far probabilities can be believed."""

import pandas as pd
import streamlit as st

from derm.evaluate.results import Results
from derm.explore import predictions
from derm.explore.filtered import Kept
from derm.explore.shown_data import ShownData
from derm.figures import results as draw_results
from derm.figures.text import plain
from derm.language.speech import say
from derm.model.weights import Model
from pages.explore.measured_once import changed
from pages.explore.results.measures import shared_curves, shared_measures
from pages.explore.widgets import chart


def curves(_model: Model, _shown: ShownData, found: Results, cases: pd.DataFrame, kept: Kept, dark: bool) -> None:
    """ROC and precision–recall curves, and how far probabilities can be believed."""
    when = changed(found.folder / "metrics.json")
    measured = shared_measures(str(found.folder), when, kept, found)
    lines, intervals = shared_curves(str(found.folder), when, kept, found)
    st.markdown(plain(predictions.accuracy_sentence(found, predictions.count(cases, kept))))
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("ROC", anchor=False)
        chart(draw_results.roc(lines, dark=dark, metrics=measured), "roc", say("ROC curve of each class"))
    with right:
        st.subheader(say("Precision and recall"), anchor=False)
        figure = draw_results.precision_recall(lines, dark=dark, intervals=intervals)
        chart(figure, "precision-recall", say("Precision–recall curve of each class"))
    st.caption(f"{say(predictions.INTERVALS)} {say(predictions.EXACT)}")
    for place, (of, title) in zip(st.columns(2, gap="large"), predictions.RELIABILITY.items(), strict=True):
        with place:
            st.subheader(say(title), anchor=False)
            chart(
                draw_results.reliability(predictions.bins(found, kept, of), dark=dark), f"reliability-{of}", say(title)
            )
