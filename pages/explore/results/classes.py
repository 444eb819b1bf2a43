"""Figures of each class and each subgroup, with intervals."""

from functools import partial

import pandas as pd
import streamlit as st

from derm.evaluate.results import Results
from derm.explore import predictions
from derm.explore.filtered import Kept, figures_in
from derm.explore.shown_data import ShownData
from derm.figures import results as draw_results
from derm.figures.text import plain
from derm.language.speech import say
from derm.model.weights import Model
from pages.explore.results.measures import shared_measures
from pages.explore.widgets import chart_of, chart_once, choose


def classes(_model: Model, _shown: ShownData, found: Results, cases: pd.DataFrame, kept: Kept, dark: bool) -> None:
    """Figures of each class and each subgroup, with intervals."""
    st.markdown(plain(predictions.accuracy_sentence(found, predictions.count(cases, kept))))
    measured_of = (found.stamp, kept)
    measured = shared_measures(*measured_of, found)
    columns = st.columns(2, gap="large")
    for place, (name, label) in enumerate(draw_results.MEASURES.items()):
        with columns[place % 2]:
            chart_of(
                (*measured_of, name, dark),
                partial(draw_results.per_class_bars, measured, name, dark=dark),
                f"class-{name}",
                say("{measure} of each class", measure=say(label)),
            )
    st.caption(say(predictions.INTERVALS))
    st.header(say("Subgroups"), anchor=False)
    names = figures_in(found.subgroups, draw_results.FIGURES)
    figure = choose(
        say("Figure"), names, "explore_figure", format_func=lambda one: say(draw_results.FIGURES[one]), width=320
    )
    overall = predictions.headline(found, figure)
    drawn = partial(draw_results.subgroups, found.subgroups, dark=dark, name=figure, overall=overall)
    chart_once(drawn, "subgroups", say("{figure} of each subgroup", figure=say(draw_results.FIGURES[figure])))
    st.caption(say(predictions.SUBGROUPS))
