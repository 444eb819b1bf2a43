"""The report of one case as a page: PDF/A-2a for the archive and PDF/UA-1 for screen readers, in one file.

Needs Typst, which `pip install 'derm[documents]'` brings. What is said comes from `content`; how it looks stands in
`report.typ`, which gets everything as data and never as markup.
"""

import json
from dataclasses import asdict
from pathlib import Path
from tempfile import gettempdir

from derm.document.content import CaseReport
from derm.errors import ConfigFault
from derm.files import making_folder
from derm.language.speech import day_text, document_language, mark, say

TEMPLATE = Path(__file__).with_name("report.typ")
MISSING = mark("Documents need Typst, which is not installed: pip install 'derm[documents]'.")

LABELS = {
    "probabilities": mark("Probabilities"),
    "unreliable": mark("Probabilities, not to be relied on"),
    "diagnosis": mark("Diagnosis"),
    "kind": mark("Kind"),
    "probability": mark("Probability"),
    "malignant": mark("malignant"),
    "benign": mark("benign"),
    "lesion": mark("The lesion"),
    "measure": mark("Measure"),
    "value": mark("Value"),
    "how": mark("How"),
    "worth": mark("AUC for melanoma"),
    "forms": mark("Filled in by the clinician"),
    "made": mark("How this was made"),
}
"""Heads and titles, by the name that `report.typ` knows them by."""


def report_pdf(report: CaseReport) -> bytes:
    """The report as a PDF file, the same bytes for the same report; raises ConfigFault where Typst lacks.

    Pictures lie in a folder of the system's meanwhile; what a killed process left there goes with the next report.
    """
    try:
        import typst
    except ImportError as error:
        raise ConfigFault(say(MISSING)) from error
    with making_folder(Path(gettempdir(), "derm-report")) as folder:
        for place, figure in enumerate(report.figures):
            (folder / f"{place}.jpg").write_bytes(figure.content)
        (folder / TEMPLATE.name).write_bytes(TEMPLATE.read_bytes())
        page: bytes = typst.compile(
            str(folder / TEMPLATE.name),
            root=str(folder),
            ignore_system_fonts=True,
            sys_inputs={"report": json.dumps(_data(report), ensure_ascii=False)},
            pdf_standards=["a-2a", "ua-1"],
        )
        return page


def _data(report: CaseReport) -> dict[str, object]:
    """The report without its pictures' bytes, in letters that the page's font has."""
    figures = [{"caption": figure.caption, "alternative": figure.alternative} for figure in report.figures]
    day = {"year": report.on.year, "month": report.on.month, "day": report.on.day}
    spoken = {
        "language": document_language(),
        "labels": {name: say(one) for name, one in LABELS.items()},
        "day": day_text(report.on),
    }
    told = asdict(report) | {"figures": figures, "on": day} | spoken
    return {key: _printable(value) for key, value in told.items()}


def _printable(value: object) -> object:
    """The same with '?' for each letter that the page's font lacks: names of files come in every script.

    The font has Latin, Greek and Cyrillic; a letter that is missing would spoil the file as an archive.
    """
    if isinstance(value, str):
        return "".join(letter if _has(letter) else "?" for letter in value)
    if isinstance(value, dict):
        return {key: _printable(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(part) for part in value]
    return value


SIGNS = "–—‘’“”„…×−≤≥→≈·°±½µ"


def _has(letter: str) -> bool:
    return " " <= letter < "\x7f" or "\xa0" <= letter < "\u0180" or "\u0386" <= letter < "\u0460" or letter in SIGNS
