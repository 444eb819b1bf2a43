"""What can be taken away of a case; each file is made only when it is asked for."""

from collections.abc import Callable, Mapping
from datetime import date
from functools import partial

import streamlit as st

from derm.document import bundle
from derm.figures.text import plain
from derm.image.overlay import mask_png
from derm.language.speech import keeping_language, say
from derm.model.weights import WeightsInfo
from derm.predict import export
from derm.predict.case import Case
from derm.predict.entries import outline_json
from derm.predict.nameless import NAMED, NAMED_HELP, without_name
from derm.predict.viewer import shown_png
from pages.parts import saving, visit
from pages.parts.downloading import download_button

KeptFile = tuple[str, Callable[[], bytes] | Callable[[], str], str, str]
"""What its button says, how it is made, the end of its name, and its kind."""


def downloads(case: Case, description: WeightsInfo, index: int, shown: Mapping[str, float], *, drawn: bool) -> None:
    """Files to keep; each is made only when it is asked for. shown: layers. drawn: the picture is a drawing."""
    with st.popover(say("Download"), icon=":material/download:"), st.container(gap="xxsmall"):
        documents(case, index, drawn=drawn)
        files: list[KeptFile] = [
            *outlines(case),
            (say("Picture as shown, PNG"), partial(shown_png, case, dict(shown), index), "view.png", "image/png"),
            (
                say("Probabilities, JSON"),
                partial(export.case_json, case, description.licence),
                "case.json",
                "application/json",
            ),
        ]
        for label, make, name, kind in files:
            download_button(label, make, export.file_name(case, name), kind, key=f"get-{name}", icon=None)


def outlines(case: Case) -> list[KeptFile]:
    """The outlines of the case: the model's, and where it was corrected both, each as a mask and as polygons."""
    model = say("Outline") if case.polygons is None else say("Model's outline")
    files: list[KeptFile] = [
        (say("{model}, PNG", model=model), partial(export.outline_png, case), "segmentation.png", "image/png"),
        (
            say("{model}, polygons, JSON", model=model),
            partial(outline_json, case, edited=False),
            "outline.json",
            "application/json",
        ),
    ]
    if case.polygons is None:
        return files
    return [
        (say("Corrected outline, PNG"), partial(mask_png, case.outline), "segmentation_edited.png", "image/png"),
        (
            say("Corrected outline, polygons, JSON"),
            partial(outline_json, case, edited=True),
            "outline_edited.json",
            "application/json",
        ),
        *files,
    ]


def documents(case: Case, index: int, *, drawn: bool) -> None:
    """What a clinic files, or what has to be installed for it."""
    if not bundle.can_be_made():
        st.caption(plain(say(bundle.MISSING)))
        return
    model, today = visit.shared_model(), date.today()
    last = saving.last_hash(model, case)
    if not st.checkbox(say(NAMED), key="documents-named", help=say(NAMED_HELP)):
        case = without_name(case)
    for label, make, name, kind in (
        (say("Report to print, PDF"), bundle.page_of, "report.pdf", "application/pdf"),
        (say("Documents to file, ZIP: PDF, FHIR, DICOM"), bundle.archive_of, "documents.zip", "application/zip"),
    ):
        download_button(
            label,
            keeping_language(partial(make, case, model, on=today, index=index, drawn=drawn, last_hash=last)),
            export.file_name(case, name),
            kind,
            key=f"get-{name}",
            icon=None,
        )
