"""Diagnose: a picture's outline, seven probabilities and the evidence behind them, in one look.

The page only draws; what it says, measures and paints comes from `derm`. Results belong to the visitor's session.
"""

from functools import partial

import streamlit as st

from derm.diagnoses import DIAGNOSES, INDEX
from derm.figures import bars
from derm.figures.overlap import overlap_curves
from derm.figures.text import plain
from derm.model.weights import Model, WeightsInfo
from derm.predict import case_list, export, words
from derm.predict.case import Case
from derm.predict.view import CLASS_LAYERS, LAYERS, screen_jpeg
from pages.parts import top, visit

BARS = ".st-key-bars [data-testid=stRadioGroup]"


def show_class() -> None:
    """A diagnosis was clicked: show something of it."""
    if st.session_state.layer not in CLASS_LAYERS:
        st.session_state.layer = CLASS_LAYERS[0]


@st.fragment
def show_case(listed: case_list.ListedCase, model: Model) -> None:
    """One case: the picture on the left, the answer and its reasons on the right. A click redraws only this."""
    listed, description = visit.as_asked(model, listed), model.description
    left, right = st.columns([3, 2], gap="medium")
    with right:
        index = answer(listed, description)
    with left:
        picture(listed, index)
    with right:
        reasons(listed, description, index)


def answer(listed: case_list.ListedCase, description: WeightsInfo) -> int:
    """Headline, malignant sum, what cannot be excluded and the seven bars; the index of the one chosen comes back."""
    case = listed.case
    if doubt := words.seen_little(case, description):
        st.caption(plain(doubt))
    st.header(plain(words.headline(case)), anchor=False)
    st.markdown(plain(words.second_line(case)))
    if case.answerable:
        st.html(bars.malignant_bar(words.malignant_parts(case), case.referral_threshold))
        if meaning := words.referral_meaning(description):
            st.caption(plain(meaning))
        if excluded := words.cannot_exclude(case):
            st.markdown(excluded)
    st.html(bars.bars_style(case.ranked, BARS))
    rows = {INDEX[diagnosis.code]: words.row(diagnosis, share) for diagnosis, share in case.ranked}
    place = st.container() if case.answerable else st.expander("Probabilities, not to be relied on")
    with place, st.container(key="bars"):
        index = st.radio(
            "Diagnosis shown in the picture",
            list(rows),
            key=f"diagnosis-{listed.key}",
            format_func=rows.__getitem__,
            on_change=show_class,
            label_visibility="collapsed",
            width="stretch",
        )
        st.caption(plain(f"{words.calibration_note(description)} {words.mix_sentence(case)}".strip()))
        # The choice is kept beside the widget: Streamlit forgets what it held while another page is open.
        st.toggle(
            words.VIEWS,
            value=st.session_state.views > 1,
            key="wide",
            help=words.VIEWS_HELP,
            on_change=visit.choose_views,
        )
        if apart := words.views_note(case):
            st.caption(plain(apart))
    return int(index)


def picture(listed: case_list.ListedCase, index: int) -> None:
    """The picture with the layer that the switch asks for, and what that layer means."""
    case = listed.case
    st.caption(plain(words.provenance(case, drawn=listed.drawn)))
    row = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom")
    layer = row.segmented_control(
        "Show", LAYERS, default="Outline", required=True, key="layer", label_visibility="collapsed"
    )
    opacity = row.slider(
        "Opacity", 0.0, 1.0, 0.5, 0.05, format="percent", key="opacity", disabled=layer not in CLASS_LAYERS, width=180
    )
    with st.container(key="picture"):
        st.image(screen_jpeg(case, layer, index, opacity), alt=words.description_of(case, layer, index))
    st.caption(plain(words.caption(case, layer, index)))
    if layer == "Heat map" and not case.evidence[index].flat:
        st.html(bars.heat_legend(*words.heat_ends(case, index)))


def reasons(listed: case_list.ListedCase, description: WeightsInfo, index: int) -> None:
    """How evidence and outline agree, the lesion's measures, what can be taken away, and how it was made."""
    case = listed.case
    st.markdown(plain(words.evidence_sentence(case, index)))
    with st.container(key="measures", gap=None):
        for name, value in words.lesion_measures(case):
            st.markdown(f"{plain(name)} **{plain(value)}**")
    overlaps(listed, index)
    downloads(listed, description, index)
    referral(listed.case, description)
    with st.expander("How this was made", icon=":material/info:"):
        for paragraph in words.method(case, description):
            st.markdown(plain(paragraph))
    st.caption(words.NOTICE)


def referral(case: Case, description: WeightsInfo) -> None:
    """What a referral means among the patients that are set on top of the page."""
    if said := words.predictive_at(case, description):
        with st.expander("What referral means among these patients", icon=":material/groups:"):
            st.markdown(plain(said))
            st.caption(plain(words.predictive_note(description)))


def overlaps(listed: case_list.ListedCase, index: int) -> None:
    """Heat map against outline over all thresholds, where there is evidence and a lesion."""
    case = listed.case
    agreement = case.agreement(index)
    if agreement is None:
        return
    with st.expander("Heat map against outline, threshold by threshold", icon=":material/show_chart:"):
        dark = st.context.theme.type == "dark"
        figure = overlap_curves(DIAGNOSES[index], agreement, case.true_agreement(index), dark=dark)
        said = words.overlap(case, index)
        st.plotly_chart(figure, key=f"overlap-{listed.key}", alt=said, config={"displayModeBar": False})
        st.markdown(plain(said))


def downloads(listed: case_list.ListedCase, description: WeightsInfo, index: int) -> None:
    """Files to keep; each is made only when it is asked for."""
    case = listed.case
    layer, opacity = st.session_state.layer, st.session_state.opacity
    cases = [visit.seen(one).case for one in st.session_state.cases]
    with st.popover("Download", icon=":material/download:"), st.container(gap="xxsmall"):
        for label, make, name, kind in (
            ("Outline, PNG", partial(export.outline_png, case), "segmentation.png", "image/png"),
            ("Picture as shown, PNG", partial(export.view_png, case, layer, index, opacity), "view.png", "image/png"),
            (
                "Probabilities, JSON",
                partial(export.case_json, case, description.licence),
                "case.json",
                "application/json",
            ),
            ("Table of all cases, CSV", partial(export.cases_csv, cases), "cases.csv", "text/csv"),
        ):
            st.download_button(
                label, make, export.file_name(case, name), kind, on_click="ignore", type="tertiary", key=f"get-{name}"
            )


def main() -> None:
    """The page, from top to bottom."""
    model = top.open_page("Diagnose")
    top.take_in(model, top.known_data())
    show_case(top.choose(alone=False), model)


main()
