"""Maps made in turns, and two put to the test on the model: faithfulness and sanity, when they are asked for."""

import time
from contextlib import nullcontext
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from derm.compare import words
from derm.compare.explained_case import ExplainedCase, explain_case
from derm.compare.faithfulness import Faithfulness, measure_faithfulness
from derm.explain.methods import METHODS
from derm.figures.text import plain
from derm.language.speech import say
from derm.model.weights import Model
from derm.predict.case import Case
from pages.parts.keeping import budget


def accounts(model: Model, pair: tuple[ExplainedCase, ExplainedCase]) -> list[Faithfulness]:
    """Faithfulness and sanity, made when they are asked for; empty before."""
    kept: dict[tuple[str, str, int], Faithfulness] = st.session_state.setdefault("trials", {})
    keys = [(st.session_state.shown.key, held.method.name, held.index) for held in pair]
    wanted = st.session_state.pop("trying", "")
    if wanted:
        missing = [held for key, held in zip(keys, pair, strict=True) if key not in kept or wanted == "slow"]
        measure(model, missing, slow=wanted == "slow")
    trials = [kept[key] for key in keys if key in kept]
    if len(trials) < len(keys):
        ask(say(words.TEST_BOTH), "try", "quick")
        st.caption(say(words.TEST_NOTE))
        return []
    st.html(words.rows_html(words.trial_rows(trials)))
    if untested := words.untested(pair, trials):
        st.caption(plain(untested))
        ask(say(words.TEST_SANITY), "try-slow", "slow")
    return trials


def ask(label: str, key: str, how: str) -> None:
    """The button that starts a test."""
    st.button(label, icon=":material/experiment:", key=key, on_click=lambda: st.session_state.update(trying=how))


def measure(model: Model, maps: list[ExplainedCase], *, slow: bool) -> None:
    """Put maps of the open case to the test, with a bar that says how long it takes; the visit keeps what comes."""
    listed, bar = st.session_state.shown, st.progress(0.0, say(words.TEST_BEGINS))
    with budget().explaining():
        found = measure_faithfulness(model, listed.case, maps, partial(show_step, bar, time.monotonic()), slow=slow)
    bar.empty()
    for held, trial in zip(maps, found, strict=True):
        st.session_state.trials[listed.key, held.method.name, held.index] = trial


def explained(model: Model, case: Case, name: str, index: int) -> ExplainedCase:
    """A method's map; those that ask the network many times take turns, for they need much memory meanwhile."""
    method = METHODS[name]
    with budget().explaining() if method.cost == "passes" else nullcontext():
        return explain_case(model, case, method, index)


def show_step(bar: DeltaGenerator, began: float, share: float, what: str) -> None:
    """Move the bar of a test."""
    bar.progress(share, plain(words.step(what, share, time.monotonic() - began)))
