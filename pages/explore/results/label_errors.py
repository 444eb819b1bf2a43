"""Labels that may be wrong, as a list to review."""

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from derm.evaluate.results import Results
from derm.explore import label_errors, tiles, verdicts
from derm.explore.filtered import Kept, errors_kept
from derm.explore.shown_data import ShownData
from derm.language.speech import say
from derm.model.weights import Model
from pages.explore.gallery import gallery
from pages.explore.widgets import choose_look
from pages.parts.downloading import download_button


def labels(model: Model, shown: ShownData, found: Results, cases: pd.DataFrame, kept: Kept, _dark: bool) -> None:
    """Probable label errors, to be reviewed."""
    if found.about["part"] == "train":
        st.info(say(label_errors.TRAINED_ON), icon=":material/info:")
        return
    if found.leaks:
        st.info(say(label_errors.KNOWN), icon=":material/info:")
        return
    errors = errors_kept(label_errors.label_errors(found.true, found.probabilities), kept)
    st.header(label_errors.headline(errors, int(kept.sum())), anchor=False)
    st.markdown(say(label_errors.METHOD))
    if errors.empty:
        return
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        look = choose_look("labels")
        content = partial(label_errors.review_csv, errors, cases["image_id"])
        download_button(
            say("List, CSV"), content, "label-errors.csv", "text/csv", key="explore_errors", icon=None, type="secondary"
        )
    rows, marks = np.arange(len(errors)), verdicts.by_image(cases)
    gallery(model, shown, "labels", rows, lambda some: tiles.label_tiles(cases, errors, some), look, marks)
