"""Two maps put to the test on the model: faithfulness and sanity, when they are asked for."""

from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from derm.compare import words
from derm.compare.explained_case import ExplainedCase, Faithfulness, measure_faithfulness
from derm.model.weights import Model


def accounts(model: Model, pair: tuple[ExplainedCase, ExplainedCase]) -> list[Faithfulness]:
    """Faithfulness and sanity, made when they are asked for; empty before."""
    kept: dict[tuple[str, str, int], Faithfulness] = st.session_state.setdefault("trials", {})
    listed = st.session_state.shown
    keys = [(listed.key, held.method.name, held.index) for held in pair]
    if not all(key in kept for key in keys):
        st.button(
            "Put both to the test on the model: some seconds",
            icon=":material/experiment:",
            key="try",
            on_click=lambda: st.session_state.update(trying=True),
        )
        if not st.session_state.pop("trying", False):
            st.caption("Faithfulness and sanity ask the model some hundred times.")
            return []
        for key, held in zip(keys, pair, strict=True):
            if key in kept:
                continue
            bar = st.progress(0.0, f"{held.method.label} …")
            kept[key] = measure_faithfulness(model, listed.case, held, partial(show_step, bar, held.method.label))
            bar.empty()
        st.rerun(scope="fragment")
    trials = [kept[key] for key in keys]
    st.html(words.rows_html(words.trial_rows(trials)))
    return trials


def show_step(bar: DeltaGenerator, label: str, done: int, total: int) -> None:
    """Move the bar of a test."""
    bar.progress(done / total, words.step(label, done, total))
