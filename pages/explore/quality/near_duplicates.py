"""Pictures that count as two lesions and look like one, pair by pair."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from derm.errors import DataFault
from derm.explore import data_places, data_quality, duplicates, embedding_duplicates, tiles
from derm.explore.shown_data import ShownData
from derm.figures.text import plain
from derm.language.speech import say
from derm.model.weights import Model
from derm.paths import cache_folder
from pages.explore.gallery import gallery
from pages.explore.measured_once import once, watch


def alike(model: Model, shown: ShownData) -> None:
    """Pictures that count as two lesions and look like one, by their looks and by the model's features."""
    st.header(say("Near duplicates"), anchor=False)
    find = partial(duplicates.find_pairs, shown.catalogue, shown.pairs)
    show_pairs(
        model, shown, "alike", shown.pairs, find, data_quality.LOOKS_ALIKE, say(duplicates.HOW), data_places.TAKES
    )
    st.header(say("Alike to the model"), anchor=False)
    file = shared_likeness(str(shown.catalogue.folder), model.network_id, shown, model)
    find = partial(embedding_duplicates.find_likeness, model, shown.catalogue, file)
    show_pairs(
        model,
        shown,
        "likeness",
        file,
        find,
        data_quality.FEATURES_ALIKE,
        say(embedding_duplicates.HOW),
        data_places.TAKES_LONGER,
    )


@st.cache_resource(show_spinner=False, max_entries=4)
def shared_likeness(folder: str, weights: str, _shown: ShownData, _model: Model) -> Path:
    """Where the pairs that are alike to the model are kept; to name the place asks for every file's size."""
    return embedding_duplicates.likeness_file(_shown.catalogue, _model, cache_folder())


def show_pairs(
    model: Model,
    shown: ShownData,
    name: str,
    file: Path,
    find: Callable[..., pd.DataFrame],
    how: str,
    explained: str,
    takes: str,
) -> None:
    """Pairs side by side: those kept in `file`, or what `find` finds once it is asked for."""
    pairs = duplicates.read_pairs(file, len(shown.table))
    if pairs is None and once(shown, say("Look for pairs"), f"explore_{name}", takes):
        tell, done = watch(say("Looking at every image, once …"))
        try:
            find(tell)
        except DataFault as fault:
            done()
            st.info(plain(str(fault)), icon=":material/info:")
            return
        done()
        st.rerun()
    if pairs is None:
        return
    strange = data_quality.alike_pairs(shown.table, pairs)
    st.markdown(plain(data_quality.alike_sentence(pairs, strange, how)))
    st.caption(explained)
    if len(strange):
        rows = np.arange(2 * len(strange))
        gallery(model, shown, name, rows, lambda some: tiles.pair_tiles(shown.table, strange, some), "Picture")
