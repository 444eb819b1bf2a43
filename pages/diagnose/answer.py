"""The answer: headline, malignant sum and what cannot be excluded; and the seven bars to choose from."""

import streamlit as st

from derm.diagnoses import INDEX
from derm.figures import bars
from derm.figures.text import plain
from derm.language.speech import say
from derm.model.weights import WeightsInfo
from derm.predict import words
from derm.predict.case import Case
from derm.predict.quality import note_sentences
from derm.predict.viewer import with_evidence
from pages.parts import visit
from pages.parts.choosing import relabelled
from pages.parts.viewer import layers

BARS = ".st-key-bars [data-testid=stRadioGroup]"


def answer(case: Case, description: WeightsInfo) -> None:
    """Doubts, headline, the malignant sum and what cannot be excluded."""
    for doubt in words.doubt_sentences(case, description):
        st.caption(plain(doubt))
    for note in note_sentences(case, description.model.input_size):
        st.caption(plain(note))
    st.header(plain(words.headline(case)), anchor=False)
    st.markdown(plain(words.second_line(case)))
    if case.answerable:
        st.html(bars.malignant_bar(words.malignant_parts(case), case.referral_threshold))
        if excluded := words.cannot_exclude(case):
            st.markdown(excluded)


def bars_of(key: str, case: Case, description: WeightsInfo) -> int:
    """The seven bars, which step back where they are not to be relied on; the index of the one chosen comes back.

    key: of the listed case.
    """
    st.html(bars.bars_style(case.ranked, BARS))
    rows = {INDEX[diagnosis.code]: words.row(diagnosis, share) for diagnosis, share in case.ranked}
    unsure = say("Probabilities, not to be relied on")
    place = st.container() if case.answerable else st.expander(unsure, key=f"unsure-{key}")
    with place, st.container(key="bars"):
        index = st.radio(
            say("Diagnosis shown in the picture"),
            list(rows),
            key=relabelled(f"diagnosis-{key}", list(rows.values())),
            format_func=rows.__getitem__,
            on_change=show_class,
            label_visibility="collapsed",
            width="stretch",
        )
        st.caption(plain(f"{words.calibration_note(description)} {words.mix_sentence(case)}".strip()))
        # The choice is kept beside the widget, which forgets it while another page is open, and outlives its session.
        st.session_state.wide = st.session_state.views > 1
        st.toggle(
            say(words.VIEWS),
            key="wide",
            help=say(words.VIEWS_HELP),
            on_change=visit.choose_views,
        )
        if apart := words.views_note(case):
            st.caption(plain(apart))
    return int(index)


def show_class() -> None:
    """A diagnosis was clicked: show something of it."""
    st.session_state.layers = with_evidence(layers())
