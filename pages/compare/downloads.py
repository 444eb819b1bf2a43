"""What can be taken away of two maps: pictures, curve and table."""

from functools import partial

import streamlit as st

from derm.compare import pictures, words
from derm.compare.explained_case import ExplainedCase
from derm.compare.export import figure_html, rows_csv
from derm.explain.agreement import THRESHOLDS
from derm.figures.compare import threshold_curves
from derm.language.speech import ENGLISH, keeping_language, say, speaking
from derm.predict.export import file_name
from pages.parts.downloading import download_button


def downloads(pair: tuple[ExplainedCase, ExplainedCase], threshold: float, *, true: bool) -> None:
    """Pictures, curve and table to keep."""
    case = st.session_state.shown.case
    kept = st.session_state.get("trials", {})
    trials = [kept.get((st.session_state.shown.key, held.method.name, held.index)) for held in pair]
    with speaking(ENGLISH):
        rows = [*words.agreement_rows(pair, threshold, true=true), *words.trial_rows(trials)]
    opacity = st.session_state["heat-opacity"]
    curves = words.curves(pair, true=true)
    with st.popover(say("Download"), icon=":material/download:"), st.container(gap="xxsmall"):
        for label, make, name, kind in (
            (
                say("Pictures side by side, PNG"),
                partial(pictures.row_png, case, pair, threshold, opacity),
                "compare.png",
                "image/png",
            ),
            (
                say("IoU over thresholds, HTML"),
                keeping_language(partial(figure_html, threshold_curves, THRESHOLDS, curves, threshold)),
                "curves.html",
                "text/html",
            ),
            (say("Table, CSV"), partial(rows_csv, rows), "compare.csv", "text/csv"),
        ):
            download_button(label, make, file_name(case, name), kind, key=f"get-{name}", icon=None)
