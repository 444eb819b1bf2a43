"""The picture with its layers and tools; what can be taken away stands below it, and the notice."""

import streamlit as st

from derm.language.speech import say
from derm.model.weights import WeightsInfo
from derm.predict import words
from derm.predict.case import Case
from derm.predict.case_list import ListedCase
from derm.predict.view import has_finer
from derm.predict.viewer import case_view
from pages.diagnose.downloads import downloads
from pages.parts.viewer import layers, viewer, wants_finer


def picture(listed: ListedCase, case: Case, description: WeightsInfo, index: int) -> None:
    """The picture of `case`, which `listed` holds, under the layers that the visitor looks at."""
    shown, finer = layers(), has_finer(case)
    data = case_view(
        case, index, shown, words.provenance(case, drawn=listed.drawn), finer=finer and wants_finer(listed.key)
    )
    with st.container(key="picture"):
        viewer({**data, "finer": finer}, listed.key)
    with st.container(key="below", horizontal=True, vertical_alignment="center"):
        downloads(case, description, index, shown, drawn=listed.drawn)
        st.caption(say(words.NOTICE), width="content")
