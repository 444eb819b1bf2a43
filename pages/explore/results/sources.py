"""Every headline figure by source: where the answer holds."""

from functools import partial

import pandas as pd
import streamlit as st

from derm.evaluate import by_source
from derm.evaluate.results import Results
from derm.explore import predictions
from derm.explore.filtered import Kept, figures_in
from derm.explore.shown_data import ShownData
from derm.figures import results as draw_results
from derm.figures.text import plain
from derm.language.speech import say
from derm.model.weights import Model
from pages.explore.widgets import chart_once, choose, table_of


def result_sources(
    _model: Model, _shown: ShownData, found: Results, _cases: pd.DataFrame, _kept: Kept, dark: bool
) -> None:
    """Every headline figure by source: where the answer holds."""
    st.markdown(plain(predictions.sources_sentence(found)))
    if not found.by_source:
        return
    table = by_source.sources_table(found.by_source)
    names = figures_in(table.dropna(subset="value"), by_source.FIGURES)
    figure = choose(
        say("Figure"), names, "explore_source_figure", format_func=lambda one: say(by_source.FIGURES[one]), width=320
    )
    label = say(by_source.FIGURES[figure])
    drawn = partial(draw_results.subgroups, table, dark=dark, name=figure, title=label)
    chart_once(drawn, "sources", predictions.sources_spoken(found, figure))
    table_of(predictions.sources_frame(found))
    st.caption(say(predictions.SOURCES))
