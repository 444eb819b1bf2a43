"""The view Results: which pictures stand behind a model's figures, in seven ways."""

from collections.abc import Callable

import streamlit as st

from derm.explore import filters, predictions
from derm.explore.address import RESULT_PARTS
from derm.explore.shown_data import ShownData
from derm.figures.text import plain
from derm.language.speech import say
from derm.model.weights import Model
from pages.explore.results.classes import classes
from pages.explore.results.curves import curves
from pages.explore.results.features import features
from pages.explore.results.folders import find_results
from pages.explore.results.label_errors import labels
from pages.explore.results.matrix import matrix
from pages.explore.results.sources import result_sources
from pages.explore.results.two_models import two_models
from pages.explore.widgets import pick

PARTS: dict[str, Callable[..., None]] = {
    "Matrix": matrix,
    "Sources": result_sources,
    "Classes": classes,
    "Curves": curves,
    "Map of features": features,
    "Label errors": labels,
    "Two models": two_models,
}


def show_results(model: Model, shown: ShownData, asked: filters.Asked, dark: bool) -> None:
    """What stands behind a model's figures."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        found = find_results(model, shown)
        if found is None:
            return
        part = pick(say("Results as"), RESULT_PARTS, "explore_results")
    cases = found[1]
    kept = asked.keep(cases)
    for sentence in predictions.remarks(found[0]):
        st.caption(plain(sentence))
    if not kept.any():
        st.info(say("No measured image passes the filter: take something out of it."), icon=":material/filter_alt_off:")
        return
    PARTS[part](model, shown, found[0], cases, kept, dark)
