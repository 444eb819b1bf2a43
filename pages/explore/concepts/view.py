"""The view Concepts: what structures and measures tell beside the network, and whether its score follows them."""

from pathlib import Path

import streamlit as st

from derm.concepts import measured_words as words
from derm.concepts.measured import LEVELS, ConceptFigures, find_concept_figures, read_concept_figures
from derm.errors import DataFault
from derm.explore import filters
from derm.explore.address import CONCEPT_LEVELS, CONCEPT_TARGETS
from derm.explore.shown_data import ShownData
from derm.figures.concepts import beside_network, by_themselves, vector_map
from derm.figures.text import plain
from derm.files import stamp_now
from derm.language.speech import say
from derm.model.weights import Model
from pages.explore.widgets import chart, pick


def show_concepts(model: Model, shown: ShownData, asked: filters.Asked, dark: bool) -> None:
    """Figures of concepts; the data set on the page and its filter play no part."""
    place = find_concept_figures()
    if place is None:
        st.info(say(words.NOTHING), icon=":material/category:")
        return
    try:
        found = shared_figures(str(place), stamp_now(place))
    except DataFault as fault:
        st.error(plain(str(fault)), icon=":material/link_off:")
        return
    st.markdown(plain(say(words.CONCLUSION)))
    if not model.made(found.weights, found.network_id):
        st.caption(plain(say(words.OTHER_WEIGHTS)))
    beside(found, dark)
    if found.alone:
        st.subheader(say("Each concept by itself"), anchor=False)
        st.markdown(plain(say(words.ALONE)))
        chart(by_themselves(words.alone_points(found), dark=dark), "concepts-alone", words.alone_alt(found))
    if found.vectors:
        st.subheader(say("Does the score follow them?"), anchor=False)
        vectors(found, dark)


def beside(found: ConceptFigures, dark: bool) -> None:
    """Models of concepts beside the network."""
    there = words.targets(found)
    if not there:
        return
    st.subheader(say("Concepts beside the network"), anchor=False)
    labels = [words.TARGET_NAMES[target] for target in there]
    label = pick(say("Tells"), [name for name in CONCEPT_TARGETS if name in labels], "explore_concept_target")
    models = words.models_of(found, there[labels.index(label)])
    said = words.models_sentence(models)
    st.markdown(plain(said))
    chart(beside_network(*words.model_points(models), dark=dark), f"concepts-{label}", said)


def vectors(found: ConceptFigures, dark: bool) -> None:
    """Scores of concept vectors at one level."""
    label = pick(say("Level"), CONCEPT_LEVELS, "explore_concept_level")
    level = LEVELS[CONCEPT_LEVELS.index(label)]
    said = words.vectors_sentence(found, level)
    st.markdown(plain(f"{words.vectors_note()} {said}"))
    chart(vector_map(words.vector_cells(found, level), dark=dark), f"concepts-{level}", said)


@st.cache_data(show_spinner=False, max_entries=4)
def shared_figures(place: str, changed: tuple[int, ...]) -> ConceptFigures:
    """The figures, read anew when the file has changed."""
    return read_concept_figures(Path(place))
