"""What can be taken away of a case; each file is made only when it is asked for."""

from functools import partial

import streamlit as st

from derm.model.weights import WeightsInfo
from derm.predict import case_list, export
from pages.parts import visit


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
