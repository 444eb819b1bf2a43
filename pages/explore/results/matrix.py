"""The confusion matrix at one of two rules, or referral at a threshold that moves; and the pictures behind a cell."""

from functools import partial

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from derm.diagnoses import CODES, INDEX
from derm.evaluate.results import Results
from derm.explore import predictions, referral, tiles
from derm.explore.address import CELLS, REFERRALS, RULES, TRUTHS
from derm.explore.filtered import Kept
from derm.explore.shown_data import ShownData
from derm.figures import results as draw_results
from derm.figures.text import plain
from derm.language.speech import say
from derm.model.weights import Model
from pages.explore.gallery import turn
from pages.explore.results.pictures import cases_gallery
from pages.explore.widgets import begin, chart_once, pick
from pages.parts import visit

Cell = tuple[int, int]


def matrix(model: Model, shown: ShownData, found: Results, cases: pd.DataFrame, kept: Kept, dark: bool) -> None:
    """The matrix on the left, the pictures of the chosen cell on the right."""
    left, right = st.columns([1, 1], gap="medium")
    with left:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            rule = pick(say("Cells are counted at"), RULES, "explore_rule")
            rates = pick(say("Cells hold"), CELLS, "explore_cells") == CELLS[1]
        if rule == RULES[2]:
            decided = referral_view(model, cases, kept, rates, dark)
        else:
            mix, name = model.description.known_mix, "equal_mix" if rule == RULES[1] else "data_mix"
            if rule == RULES[1] and mix is None:
                st.info(say(predictions.NO_MIX), icon=":material/info:")
                return
            at_rule = predictions.at_rule(cases, found, mix if rule == RULES[1] else None)
            cell = diagnosis_view(found, at_rule, kept, name, rates, dark)
            st.caption(say(predictions.RULES[name]))
    with right:
        if rule == RULES[2]:
            threshold, cell = decided.threshold, chosen_of(TRUTHS, REFERRALS)
            st.header(plain(referral.cell_sentence(decided, *cell)), anchor=False)
            rows = referral.cell(cases, kept, threshold, *cell)
            cases_gallery(model, shown, cases, rows, "cell", threshold)
        else:
            st.header(plain(predictions.cell_sentence(predictions.count(at_rule, kept), *cell)), anchor=False)
            cases_gallery(model, shown, at_rule, predictions.cell(at_rule, kept, *cell), "cell")


def diagnosis_view(found: Results, cases: pd.DataFrame, kept: Kept, rule: str, rates: bool, dark: bool) -> Cell:
    """The seven diagnoses against each other; the chosen cell comes back. rule: of `predictions.RULES`."""
    counted = predictions.count(cases, kept)
    start = predictions.gravest_cell(counted)
    for key, place in zip(("explore_true", "explore_predicted"), start, strict=True):
        st.session_state.setdefault(key, CODES[place])
    st.markdown(plain(predictions.accuracy_sentence(found, counted, rule)))
    cell = INDEX[st.session_state.explore_true], INDEX[st.session_state.explore_predicted]
    clickable(
        partial(draw_results.confusion_matrix, counted, rates=rates, dark=dark, chosen=cell),
        say("Confusion matrix. {cell}", cell=draw_results.cell_text(counted, *cell)),
        {"explore_true": CODES, "explore_predicted": CODES},
    )
    st.caption(say("{key}. Colour: share of the row.", key=draw_results.matrix_key()))
    labels = tiles.code_labels()
    with st.container(horizontal=True):
        for label, key in ((say("The truth is"), "explore_true"), (say("The model says"), "explore_predicted")):
            st.selectbox(
                label,
                list(labels),
                key=key,
                format_func=labels.__getitem__,
                width=330,
                persist_state="session",
                on_change=turn,
                args=("cell", 1),
            )
    return cell


def referral_view(model: Model, cases: pd.DataFrame, kept: Kept, rates: bool, dark: bool) -> referral.Referral:
    """Malignant against benign at the threshold that the slider names, with what it is worth."""
    own = model.description.referral_threshold
    stops = referral.stops(own)
    wanted = st.session_state.get("explore_threshold")
    st.session_state.explore_threshold = referral.nearest(
        (0.5 if own is None else own) if wanted is None else wanted, stops
    )
    threshold = st.select_slider(
        say("Refer from this malignant probability"),
        stops,
        key="explore_threshold",
        format_func=partial(referral.stop_label, own=own),
        persist_state="session",
        on_change=turn,
        args=("cell", 1),
    )
    found = referral.refer(cases, kept, threshold, visit.practice())
    st.markdown(plain(referral.sentence(found)))
    begin("explore_kind", TRUTHS)
    if st.session_state.get("explore_done") not in REFERRALS:
        st.session_state.explore_done = REFERRALS[1]
    cell = chosen_of(TRUTHS, REFERRALS)
    clickable(
        partial(draw_results.referral_matrix, found.counts, rates=rates, dark=dark, chosen=cell),
        say("Referral. {cell}", cell=draw_results.referral_text(found.counts, *cell)),
        {"explore_kind": TRUTHS, "explore_done": REFERRALS},
    )
    with st.container(key="measures", gap=None):
        for name, value in referral.figures(found):
            st.markdown(f"{plain(name)} **{plain(value)}**")
    st.caption(plain(referral.meaning(found)))
    with st.container(horizontal=True):
        pick(say("The truth is"), TRUTHS, "explore_kind")
        pick(say("The lesion is"), REFERRALS, "explore_done")
    return found


def chosen_of(rows: tuple[str, ...], columns: tuple[str, ...]) -> Cell:
    """The chosen cell of the referral matrix."""
    return rows.index(st.session_state.explore_kind), columns.index(st.session_state.explore_done)


def clickable(draw: partial[go.Figure], alt: str, keys: dict[str, tuple[str, ...]]) -> None:
    """A matrix whose cells can be clicked. keys: where row and column go, with the values of each."""
    key = f"explore_matrix_{st.session_state.get('explore_clicks', 0)}"
    chart_once(draw, key, alt, on_select=partial(choose_cell, key, keys), selection_mode="points")


def choose_cell(key: str, keys: dict[str, tuple[str, ...]]) -> None:
    """A cell of the matrix was clicked: its gallery from the first page on, and a fresh matrix to click on.

    The same one would report its old selection again, when it is drawn anew, and take the choice back.
    """
    points = st.session_state[key].selection.points
    if points:
        st.session_state.explore_clicks = st.session_state.get("explore_clicks", 0) + 1
        for place, (name, values) in zip(points[0]["customdata"], keys.items(), strict=True):
            st.session_state[name] = values[place]
        turn("cell", 1)
