"""The open case explained by two methods: pictures side by side, agreement over thresholds, accounts."""

import streamlit as st

from derm.compare import pictures, words
from derm.compare.explained_case import ExplainedCase
from derm.compare.faithfulness import Faithfulness
from derm.diagnoses import INDEX
from derm.explain.agreement import THRESHOLDS
from derm.explain.methods import METHODS
from derm.figures import bars
from derm.figures.compare import randomisation, threshold_curves
from derm.figures.markup import shown_figure
from derm.figures.text import plain
from derm.image.overlay import jpeg
from derm.language.speech import say
from derm.model.weights import Model
from derm.predict.case import Case
from derm.predict.viewer import pictures_view
from derm.predict.words import NOTICE
from pages.compare.downloads import downloads
from pages.compare.faithfulness import accounts, explained
from pages.parts.choosing import relabelled
from pages.parts.viewer import viewer

Pair = tuple[ExplainedCase, ExplainedCase]
"""Both methods' maps of one case."""


def case_view(model: Model) -> None:
    """The open case: choose diagnosis and methods, then pictures, curve and accounts."""
    listed = st.session_state.shown
    names = list(METHODS)
    one, two, three = st.columns([3, 2, 2])
    order = [INDEX[diagnosis.code] for diagnosis, _ in listed.case.ranked]
    named = {index: words.choice(listed.case, index) for index in order}
    index = one.selectbox(
        say("Diagnosis"),
        order,
        format_func=named.__getitem__,
        key=relabelled(f"class-{listed.key}", list(named.values())),
        persist_state="session",
    )
    first = two.selectbox(
        say("Method A"), names, 0, format_func=words.choices().__getitem__, key="method-a", persist_state="session"
    )
    second = three.selectbox(
        say("Method B"), names, 3, format_func=words.choices().__getitem__, key="method-b", persist_state="session"
    )
    pair = held_maps(model, listed.key, (first, second), index)
    show_pair(model, pair)


def held_maps(model: Model, key: str, names: tuple[str, str], index: int) -> Pair:
    """Both methods' maps of the case, drawn once in this visit."""
    kept: dict[tuple[str, str, int], ExplainedCase] = st.session_state.setdefault("held", {})
    for name in names:
        if (key, name, index) not in kept:
            if len(kept) >= 100:
                kept.clear()
            with st.spinner(f"{METHODS[name].label}: {say(words.COSTS[METHODS[name].cost])} …"):
                kept[key, name, index] = explained(model, st.session_state.shown.case, name, index)
    return kept[key, names[0], index], kept[key, names[1], index]


@st.fragment
def show_pair(model: Model, pair: Pair) -> None:
    """Pictures, slider, curve and accounts; the slider redraws only this."""
    case = st.session_state.shown.case
    threshold, opacity, true = choose_cut(case)
    st.subheader(plain(words.headline(pair, true=true)), anchor=False)
    if upright := words.upright(case):
        st.caption(plain(upright))
    show_pictures(case, pair, threshold, opacity)
    left, right = st.columns([1, 1], gap="medium")
    rows = words.agreement_rows(pair, threshold, true=true)
    with left:
        if rows:
            show_agreement(model, pair, threshold, true=true)
        for held in dict.fromkeys(pair):
            st.caption(plain(words.about(held.method)))
    with right:
        if rows:
            st.html(words.rows_html(rows))
        trials = accounts(model, pair)
    with left:
        if trials:
            show_randomised(pair, trials)
    downloads(pair, threshold, true=true)
    st.caption(say(NOTICE))


def choose_cut(case: Case) -> tuple[float, float, bool]:
    """Where the maps are cut, how opaque they lie, and whether the true outline is what they are held against."""
    head = st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute")
    threshold = head.slider(say("Threshold"), 0.0, 1.0, 0.3, 0.01, key="threshold", width=420, persist_state="session")
    opacity = head.slider(
        say("Opacity"), 0.0, 1.0, 0.6, 0.05, format="percent", key="heat-opacity", width=180, persist_state="session"
    )
    if case.truth is None:
        return threshold, opacity, False
    against = head.segmented_control(
        say("Held against"),
        [words.own_outline(case), words.TRUE_OUTLINE],
        format_func=say,
        default=words.TRUE_OUTLINE,
        required=True,
        key="against",
        persist_state="session",
    )
    return threshold, opacity, against == words.TRUE_OUTLINE


def show_pictures(case: Case, pair: Pair, threshold: float, opacity: float) -> None:
    """The case with its outlines, then both maps, and what the colours mean."""
    said = words.outlines_caption(case)
    shown = [(jpeg(pictures.draw_outlines(case)), said, f"{case.name}: {said}")]
    for letter, held in zip("AB", pair, strict=True):
        said = words.captions(held, threshold)
        drawn = pictures.draw_cut(case, held.evidence, threshold, opacity)
        shown.append((jpeg(drawn), f"{letter}: {said}", say("{name}, heat map {what}", name=case.name, what=said)))
    height, width = case.mask.shape
    with st.container(key="compared"):
        viewer(pictures_view(width, height, shown), st.session_state.shown.key, "viewer-compared")
    st.html(
        bars.heat_legend(say("0: no evidence"), say("1: the map's own maximum; maps compare by place, not by strength"))
    )


def show_agreement(model: Model, pair: Pair, threshold: float, *, true: bool) -> None:
    """IoU of both maps against the threshold, and what agreement is worth."""
    dark = st.context.theme.type == "dark"
    curves = threshold_curves(THRESHOLDS, words.curves(pair, true=true), threshold, dark=dark)
    st.plotly_chart(
        shown_figure(curves), key="curves", alt=words.headline(pair, true=true), config={"displayModeBar": False}
    )
    st.caption(plain(words.agreement_limits(model.description.model)))


def show_randomised(pair: Pair, trials: list[Faithfulness]) -> None:
    """How both maps change while the model's weights are made random, stage by stage."""
    dark = st.context.theme.type == "dark"
    if lines := words.randomised(pair, trials):
        names = list(next(trial.randomised for trial in trials if trial.randomised))
        figure = randomisation(names, lines, dark=dark)
        st.plotly_chart(shown_figure(figure), key="random", alt=say(words.RANDOMISED), config={"displayModeBar": False})
    st.markdown(plain(words.painted_sentence(trials[0], pair[0].index)))
    st.caption(plain(say(words.TRIAL_LIMITS)))
