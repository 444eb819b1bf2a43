"""Diagnose: a picture's outline, seven probabilities and the evidence behind them, in one look.

The page only draws; what it says, measures and paints comes from `derm`. Results belong to the visitor's session.
"""

from functools import partial
from pathlib import Path

import streamlit as st

from derm.diagnoses import DIAGNOSES, INDEX, Diagnosis
from derm.errors import ImageRefused, WeightsFault
from derm.figures import bars
from derm.figures.mark import mark
from derm.figures.overlap import overlap_curves
from derm.figures.text import capital, plain
from derm.model.weights import Description, Model
from derm.predict import export, listing, words
from derm.predict.case import Case, diagnose_bytes
from derm.predict.open import open_model
from derm.predict.view import CLASS_LAYERS, LAYERS, screen_jpeg

STYLE = Path(__file__).parent / ".streamlit" / "style.css"
BARS = ".st-key-bars [data-testid=stRadioGroup]"
STRIP = ".st-key-strip [data-testid=stRadioGroup]"


@st.cache_resource(show_spinner="Loading the model …")
def shared_model() -> Model:
    """The model, loaded once for all sessions; nothing in it changes, so threads may share it."""
    return open_model()


def begin(model: Model) -> None:
    """Give a new visitor a list of cases, with a drawn sample already analysed."""
    if "cases" in st.session_state:
        return
    st.session_state.cases = []
    st.session_state.refused = []
    st.session_state.round = 0
    keep_sample(model, listing.first_sample())


def keep(case: Case, *, drawn: bool = False) -> None:
    """Put a case on top of the list and show it."""
    st.session_state.cases = listing.add_case(st.session_state.cases, case, drawn=drawn)
    st.session_state.shown = st.session_state.cases[0]
    st.session_state.chosen = st.session_state.shown.key


def keep_sample(model: Model, diagnosis: Diagnosis) -> None:
    """Draw a lesion and keep it."""
    st.session_state.refused = []
    keep(listing.sample_case(model, diagnosis), drawn=True)


def keep_file(model: Model, content: bytes, name: str) -> None:
    """Keep an uploaded picture, or the sentence that says why it is refused."""
    try:
        keep(diagnose_bytes(model, content, name))
    except ImageRefused as error:
        st.session_state.refused.append(str(error))


def clear() -> None:
    """Forget every case of this visitor."""
    del st.session_state.cases


def take_in(model: Model) -> None:
    """The row on top: pictures come in as files or as drawn samples."""
    title, left, right = st.columns([2, 9, 3], vertical_alignment="center")
    title.title("Derm", anchor=False)
    # No `type`: the browser would judge by the name alone, and the sentence of the door says more.
    files = left.file_uploader(
        words.INVITATION,
        accept_multiple_files=True,
        key=f"files-{st.session_state.round}",
    )
    with right.popover("Drawn samples", icon=":material/draw:", width="stretch"), st.container(gap="xxsmall"):
        for diagnosis in DIAGNOSES:
            st.button(
                plain(capital(diagnosis.name)),
                key=f"sample-{diagnosis.code}",
                type="tertiary",
                on_click=keep_sample,
                args=(model, diagnosis),
            )
    if files:
        st.session_state.refused = []
        for place, file in enumerate(files, 1):
            with st.spinner(plain(words.reading(place, len(files), file.name))):
                keep_file(model, file.getvalue(), file.name)
        st.session_state.round += 1  # a fresh uploader, so that the files' bytes are let go
        st.rerun()
    if st.session_state.refused:
        st.error(words.refusals(st.session_state.refused), icon=":material/image_not_supported:")


def choose() -> None:
    """The list of cases as a strip of thumbnails, where there are several."""
    cases = st.session_state.cases
    if len(cases) == 1:
        return
    # Streamlit forgets what a widget held while another page is open.
    st.session_state.setdefault("chosen", st.session_state.shown.key)
    st.html(bars.thumbnails_style([listed.thumbnail for listed in cases], STRIP))
    names = {listed.key: words.in_strip(listed.case) for listed in cases}
    with st.container(key="strip", horizontal=True, wrap=False, vertical_alignment="center"):
        key = st.radio(
            words.kept(len(cases), listing.MAX_CASES, listing.MAX_MEGAPIXELS),
            list(names),
            key="chosen",
            format_func=names.__getitem__,
            horizontal=True,
            width="stretch",
        )
        st.button("Clear the list", icon=":material/delete:", type="tertiary", on_click=clear)
    st.session_state.shown = listing.find_case(cases, key)


def show_class() -> None:
    """A diagnosis was clicked: show something of it."""
    if st.session_state.layer not in CLASS_LAYERS:
        st.session_state.layer = CLASS_LAYERS[0]


@st.fragment
def show_case(listed: listing.Listed, description: Description) -> None:
    """One case: the picture on the left, the answer and its reasons on the right. A click redraws only this."""
    left, right = st.columns([3, 2], gap="medium")
    with right:
        index = answer(listed, description)
    with left:
        picture(listed, index)
    with right:
        reasons(listed, description, index)


def answer(listed: listing.Listed, description: Description) -> int:
    """Headline, malignant sum, what cannot be excluded and the seven bars; the index of the one chosen comes back."""
    case = listed.case
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
        st.caption(plain(words.calibration_note(description)))
    return int(index)


def picture(listed: listing.Listed, index: int) -> None:
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


def reasons(listed: listing.Listed, description: Description, index: int) -> None:
    """How evidence and outline agree, the lesion's measures, what can be taken away, and how it was made."""
    case = listed.case
    st.markdown(plain(words.evidence_sentence(case, index)))
    with st.container(key="measures", gap=None):
        for name, value in words.lesion_measures(case):
            st.markdown(f"{plain(name)} **{plain(value)}**")
    overlaps(listed, index)
    downloads(listed, description, index)
    with st.expander("How this was made", icon=":material/info:"):
        for paragraph in words.method(case, description):
            st.markdown(plain(paragraph))
    st.caption(words.NOTICE)


def overlaps(listed: listing.Listed, index: int) -> None:
    """Heat map against outline over all thresholds, where there is evidence and a lesion."""
    case = listed.case
    agreement = case.agreement(index)
    if agreement is None:
        return
    with st.expander("Heat map against outline, threshold by threshold", icon=":material/show_chart:"):
        dark = st.context.theme.type == "dark"
        figure = overlap_curves(DIAGNOSES[index], agreement, case.true_agreement(index), dark=dark)
        st.plotly_chart(figure, key=f"overlap-{listed.key}", config={"displayModeBar": False})
        st.markdown(plain(words.overlap(case, index)))


def downloads(listed: listing.Listed, description: Description, index: int) -> None:
    """Files to keep; each is made only when it is asked for."""
    case = listed.case
    layer, opacity = st.session_state.layer, st.session_state.opacity
    cases = [one.case for one in st.session_state.cases]
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
    st.set_page_config("Derm: diagnose", mark(), layout="wide", initial_sidebar_state="collapsed")
    st.html(STYLE)
    try:
        model = shared_model()
    except WeightsFault as fault:
        st.error(plain(str(fault)), icon=":material/folder_off:")
        st.stop()
    begin(model)
    take_in(model)
    choose()
    show_case(st.session_state.shown, model.description)


main()
