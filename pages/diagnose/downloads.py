"""What can be taken away of a case; each file is made only when it is asked for."""

from datetime import date
from functools import partial

import streamlit as st

from derm.document import bundle
from derm.figures.text import plain
from derm.model.weights import WeightsInfo
from derm.predict import export
from derm.predict.case import Case
from derm.predict.view import Layer
from pages.parts import saving, visit


def downloads(case: Case, description: WeightsInfo, index: int, layer: Layer, opacity: float, *, drawn: bool) -> None:
    """Files to keep; each is made only when it is asked for. drawn: the picture is a drawing."""
    with st.popover("Download", icon=":material/download:"), st.container(gap="xxsmall"):
        documents(case, index, drawn=drawn)
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


def documents(case: Case, index: int, *, drawn: bool) -> None:
    """What a clinic files, or what has to be installed for it."""
    if not bundle.can_be_made():
        st.caption(plain(bundle.MISSING))
        return
    model, today, last = visit.shared_model(), date.today(), saving.last_hash()
    for label, make, name, kind in (
        ("Report to print, PDF", bundle.page_of, "report.pdf", "application/pdf"),
        ("Documents to file, ZIP: PDF, FHIR, DICOM", bundle.archive_of, "documents.zip", "application/zip"),
    ):
        st.download_button(
            label,
            partial(make, case, model, on=today, index=index, drawn=drawn, last_hash=last),
            export.file_name(case, name),
            kind,
            on_click="ignore",
            type="tertiary",
            key=f"get-{name}",
        )
