"""The reasons beside the answer: where the evidence lies, the lesion's measures, and last how it was made."""

import streamlit as st

from derm.diagnoses import DIAGNOSES
from derm.figures.markup import shown_figure
from derm.figures.overlap import overlap_curves
from derm.figures.text import plain
from derm.language.speech import say
from derm.model.weights import WeightsInfo
from derm.predict import words
from derm.predict.case import Case
from pages.diagnose.measures import forms, measures


def reasons(key: str, case: Case, description: WeightsInfo, index: int) -> None:
    """What referral is worth, how evidence and outline agree, and the lesion's measures.

    key: of the listed case.
    """
    if case.answerable and (meaning := words.referral_meaning(description)):
        st.caption(plain(meaning))
    st.markdown(plain(words.evidence_sentence(case, index)))
    measures(key, case)
    forms(key, case)
    overlaps(key, case, index)
    referral(case, description)


def overlaps(key: str, case: Case, index: int) -> None:
    """Heat map against outline over all thresholds, in a fold that is filled when it is opened; nothing where there is
    no evidence or no lesion."""
    if case.evidence[index].flat or not case.has_outline:
        return
    fold = st.expander(
        say("Heat map against outline, threshold by threshold"),
        icon=":material/show_chart:",
        key=f"overlaps-{key}",
        on_change="rerun",
    )
    agreement = case.agreement(index) if fold.open else None
    if agreement is None:
        return
    with fold:
        dark = st.context.theme.type == "dark"
        figure = overlap_curves(DIAGNOSES[index], agreement, case.true_agreement(index), dark=dark)
        said = words.overlap(case, index)
        st.plotly_chart(shown_figure(figure), key=f"overlap-{key}", alt=said, config={"displayModeBar": False})
        st.markdown(plain(said))


def referral(case: Case, description: WeightsInfo) -> None:
    """What a referral means among the patients that are set on top of the page."""
    if said := words.predictive_at(case, description):
        with st.expander(
            say("What referral means among these patients"), icon=":material/groups:", key="fold-referral"
        ):
            st.markdown(plain(said))
            st.caption(plain(words.predictive_note(description)))


def method(case: Case, description: WeightsInfo) -> None:
    """How the answer was made, in a fold."""
    with st.expander(say("How this was made"), icon=":material/info:", key="fold-method"):
        for paragraph in words.method(case, description):
            st.markdown(plain(paragraph))
