"""What can be taken away of a case; each file is made only when it is asked for."""

from functools import partial

import streamlit as st

from derm.model.weights import WeightsInfo
from derm.predict import export
from derm.predict.case import Case
from derm.predict.view import Layer


def downloads(case: Case, description: WeightsInfo, index: int, layer: Layer, opacity: float) -> None:
    """Files to keep; each is made only when it is asked for."""
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
        ):
            st.download_button(
                label, make, export.file_name(case, name), kind, on_click="ignore", type="tertiary", key=f"get-{name}"
            )
