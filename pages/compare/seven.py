"""The paper's Figure 10: an image of each diagnosis above its heat map."""

import time
from functools import partial

import streamlit as st

from derm.compare import gallery, pictures, words
from derm.compare.explained_case import ExplainedCase
from derm.data.catalogue import Catalogue
from derm.diagnoses import INDEX
from derm.errors import DermError
from derm.explain.methods import METHODS
from derm.figures import bars
from derm.figures.compare import names_of_codes
from derm.figures.text import plain
from derm.image.overlay import jpeg
from derm.language.speech import say
from derm.model.weights import Model
from derm.paths import results_folder
from derm.predict.learned_words import none_of
from derm.predict.practice import at_practice
from pages.compare.faithfulness import explained, show_step
from pages.compare.views import VIEWS
from pages.parts import opening, visit


def seven(model: Model, catalogue: Catalogue | None) -> None:
    """The paper's Figure 10: an image of each diagnosis above its heat map."""
    chosen = st.selectbox(
        say("Method"),
        list(METHODS),
        format_func=words.choices().__getitem__,
        key="method-seven",
        width=320,
        persist_state="session",
    )
    try:
        cases = gallery_cases(model, catalogue)
    except DermError as fault:
        st.error(plain(opening.told(fault)), icon=":material/broken_image:")
        return
    if doubt := none_of(model.description.training):
        st.caption(plain(doubt))
    st.caption(plain(gallery.said(cases)))
    if st.session_state.views > 1:
        st.caption(plain(say(gallery.SINGLE_VIEWS)))
    maps = gallery_maps(model, cases, chosen)
    columns = st.columns(len(cases), gap="small")
    for column, shown, held in zip(columns, cases, maps, strict=True):
        with column:
            named, said = gallery.name_of(shown), gallery.words_of(shown, held)
            st.image(
                jpeg(pictures.draw_outlines(shown.case, 300)),
                caption=plain(named),
                alt=say("{name}, outlined", name=named),
            )
            st.button(
                say("Open"),
                key=f"open-{shown.diagnosis.code}",
                on_click=open_case,
                args=(shown,),
                type="tertiary",
                icon=":material/open_in_full:",
            )
            st.image(
                jpeg(pictures.draw_cut(shown.case, held.evidence, 0.0, 0.6, 300)),
                caption=plain(said),
                alt=say("{name}, heat map: {what}", name=named, what=said),
            )
    st.caption(
        plain(
            say(
                "{codes}. Under each picture the probability that the model gives its true diagnosis.",
                codes=names_of_codes(),
            )
        )
    )
    st.html(bars.heat_legend(say("0: no evidence"), say("1: each map's own maximum")))
    st.caption(plain(words.agreement_limits(model.description.model)))


def gallery_cases(model: Model, catalogue: Catalogue | None) -> list[gallery.GalleryCase]:
    """The seven cases, asked once in this visit, and once more where their pictures were let go with their files."""
    if any(one.lost for one in st.session_state.get("seven", ())):
        del st.session_state["seven"]
        st.session_state.pop("seven-maps", None)
    if "seven" not in st.session_state:
        bar = st.progress(0.0, say(words.TEST_BEGINS))
        tell = partial(show_step, bar, time.monotonic())
        st.session_state.seven = gallery.seven(model, catalogue, results_folder(), tell, visit.sample, visit.data_case)
        bar.empty()
    shown: list[gallery.GalleryCase] = st.session_state.seven
    return [one._replace(case=at_practice(one.case, visit.practice())) for one in shown]


def gallery_maps(model: Model, cases: list[gallery.GalleryCase], name: str) -> list[ExplainedCase]:
    """The maps of the gallery's cases, drawn once in this visit, with a bar where that takes long."""
    kept: dict[tuple[str, str], ExplainedCase] = st.session_state.setdefault("seven-maps", {})
    missing = [one for one in cases if (one.diagnosis.code, name) not in kept]
    bar, began = st.empty(), time.monotonic()
    for place, one in enumerate(missing):
        if METHODS[name].cost == "passes":
            show_step(bar, began, place / len(missing), one.diagnosis.name)
        kept[one.diagnosis.code, name] = explained(model, one.case, name, INDEX[one.diagnosis.code])
    bar.empty()
    return [kept[one.diagnosis.code, name] for one in cases]


def open_case(shown: gallery.GalleryCase) -> None:
    """A picture of the gallery becomes the case that follows."""
    visit.keep(shown.case, drawn=shown.drawn, file=None if shown.image is None else shown.image.file)
    st.session_state.compare_view = VIEWS[0]
