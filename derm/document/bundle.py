"""All documents of one case, as files and as one archive.

Needs what `pip install 'derm[documents]'` brings.
"""

from datetime import date
from importlib.util import find_spec
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

from derm.document.content import report_of
from derm.document.fhir import fhir_report
from derm.document.objects import dicom_objects
from derm.document.pdf import report_pdf
from derm.files import zip_member
from derm.image.overlay import mask_png
from derm.language.speech import mark
from derm.model.weights import Model
from derm.predict.case import Case
from derm.predict.entries import outline_json
from derm.predict.export import case_json, outline_png

MISSING = mark("A report to print, FHIR and DICOM: pip install 'derm[documents]'")


OUTLINES = ("outline.png", "outline.json", "outline-edited.png", "outline-edited.json")
DOCUMENTS = (
    *("report.pdf", "case.json", "fhir.json", *OUTLINES),
    *(f"dicom/{name}.dcm" for name in ("picture", "outline", "outline-edited", "report", "page")),
)
"""Names of all documents that a case may have."""


def can_be_made() -> bool:
    """Whether what documents need is installed."""
    return all(find_spec(name) for name in ("typst", "highdicom"))


def archive_of(
    case: Case, model: Model, *, on: date, index: int | None = None, drawn: bool = False, last_hash: str = ""
) -> bytes:
    """All documents of `case` as one ZIP archive, see `documents_of`."""
    return as_zip(documents_of(case, model, on=on, index=index, drawn=drawn, last_hash=last_hash), on)


def page_of(
    case: Case, model: Model, *, on: date, index: int | None = None, drawn: bool = False, last_hash: str = ""
) -> bytes:
    """The report of `case` to print, a PDF file, see `documents_of`."""
    return report_pdf(report_of(case, model, on=on, index=index, drawn=drawn, last_hash=last_hash))


def documents_of(
    case: Case,
    model: Model,
    *,
    on: date,
    index: int | None = None,
    drawn: bool = False,
    last_hash: str = "",
) -> dict[str, bytes]:
    """The documents of `case` by file name: the page, the answer as JSON and FHIR, the outline, and DICOM objects.

    Where the outline was corrected both are there, and the page says which one it shows. on: the day that they bear.
    index: of the diagnosis in `CODES` whose evidence the page shows; without it the likeliest one's. drawn: the picture
    is a drawing. last_hash: of the records that keep the case. Raises ConfigFault where Typst or highdicom lacks.
    """
    report = report_of(case, model, on=on, index=index, drawn=drawn, last_hash=last_hash)
    page = report_pdf(report)
    objects = dicom_objects(case, model, page, on=on)
    return {
        "report.pdf": page,
        "case.json": case_json(case, model.description.licence).encode(),
        "fhir.json": fhir_report(case, model, report, page).encode(),
        **outlines_of(case),
        **{f"dicom/{name}": content for name, content in objects.files().items()},
    }


def outlines_of(case: Case) -> dict[str, bytes]:
    """The model's outline by file name, and the corrected one where there is one: each as a mask and as polygons."""
    files = {"outline.png": outline_png(case), "outline.json": outline_json(case, edited=False).encode()}
    if case.polygons is not None:
        files["outline-edited.png"] = mask_png(case.outline)
        files["outline-edited.json"] = outline_json(case, edited=True).encode()
    return files


def as_zip(files: dict[str, bytes], on: date) -> bytes:
    """The files as one ZIP archive, each dated `on`."""
    stream = BytesIO()
    with ZipFile(stream, "w", ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zip_member(name, on), content, ZIP_DEFLATED)
    return stream.getvalue()
