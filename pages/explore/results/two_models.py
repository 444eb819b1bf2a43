"""Two results side by side, and the images on which they disagree."""

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from derm.errors import DataFault
from derm.evaluate.compare import compare, disagreements
from derm.evaluate.results import Results
from derm.explore import model_comparison, predictions, tiles
from derm.explore.filtered import Kept, disagreements_kept, same_images
from derm.explore.shown_data import ShownData
from derm.figures import results as draw_results
from derm.figures.text import plain
from derm.language.speech import mark, say
from derm.model.weights import Model
from pages.explore.gallery import gallery
from pages.explore.results.folders import SECOND, choose_results, result_names
from pages.explore.widgets import chart_once, choose_look, table_of
from pages.parts.spinning import spinning

TWO = (mark("First"), mark("Second"))
MATRIX_OF = {"First": mark("Confusion matrix of the first"), "Second": mark("Confusion matrix of the second")}


def two_models(model: Model, shown: ShownData, found: Results, cases: pd.DataFrame, kept: Kept, dark: bool) -> None:
    """Two results side by side, and the images on which they disagree."""
    others = {name: folder for name, folder in result_names(model, shown).items() if folder != found.folder}
    if not others:
        st.info(say(model_comparison.NO_OTHER), icon=":material/analytics:")
        return
    chosen = choose_results(shown, others, say("Second results"), SECOND, None)
    if chosen is None:
        return
    other, other_cases = chosen
    try:
        table, disagreed = shared_comparison(found.stamp, other.stamp, found, other)
    except DataFault as fault:
        st.info(plain(str(fault)), icon=":material/difference:")
        return
    disagreed = disagreements_kept(disagreed, cases, kept)
    st.markdown(plain(model_comparison.rivals_sentence(disagreed, int(kept.sum()))))
    of_other = same_images(other_cases, cases, kept)
    for place, name, results, some in zip(
        st.columns(2, gap="medium"), TWO, (found, other), ((cases, kept), (other_cases, of_other)),
        strict=True,
    ):  # fmt: skip
        with place:
            st.subheader(plain(f"{say(name)}: {results.name}"), anchor=False)
            counted = predictions.count(*some)
            figure = partial(draw_results.confusion_matrix, counted, rates=False, dark=dark, side=520)
            chart_once(figure, f"matrix-{name}", say(MATRIX_OF[name]))
    table_of(model_comparison.figures_table(table))
    st.caption(say(model_comparison.FIGURES_OF))
    look = choose_look("rivals")
    rows = np.arange(len(disagreed))
    gallery(model, shown, "rivals", rows, lambda some: tiles.disagreement_tiles(shown.table, disagreed, some), look)


@spinning(mark("Comparing by a paired bootstrap …"))
@st.cache_data(show_spinner=False, max_entries=8)
def shared_comparison(first: str, second: str, _first: Results, _second: Results) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two results: their figures with the difference, and the images on which they disagree."""
    return compare(_first, _second, model_comparison.REPLICATES), disagreements(_first, _second)
