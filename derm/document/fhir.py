"""A case as a FHIR R5 DiagnosticReport, for whatever reads hospital records; the page is attached.

Needs nothing but JSON. Names no patient: whoever files it sets `subject`.
"""

import json
from base64 import b64encode
from typing import Any

from derm.document.content import CaseReport, Size, probabilities_of, sizes_of
from derm.language.speech import ENGLISH, document_language, mark, say, speaking
from derm.model.weights import Model
from derm.predict.case import Case
from derm.predict.learned_words import means_nothing, none_of
from derm.predict.words import mix_sentence, views_of

SYSTEM = "urn:derm:codes"
UNITS = "http://unitsofmeasure.org"
SNOMED = "http://snomed.info/sct"

SIZES = {"Diameter": mark("Diameter of the lesion"), "Area": mark("Area of the lesion")}
"""A size in words, by what its code means."""


def fhir_report(case: Case, model: Model, report: CaseReport, page: bytes) -> str:
    """The report as JSON: advice as its conclusion, probabilities and sizes as observations, the page as PDF in base64.

    page: the report as a PDF file. Its status is 'preliminary': no physician has seen it.
    """
    day = report.on.isoformat()
    with speaking(ENGLISH):  # what a code means
        meanings = [meaning for _, meaning, _ in probabilities_of(case)]
    training = model.description.training
    absent, unlearned = means_nothing(training), none_of(training) if case.answerable else ""
    doubts = [*report.doubts, *([unlearned] if unlearned and unlearned not in report.doubts else [])]
    observations = [
        _observation(*one, meaning, day, case, model, absent.get(one[0]))
        for one, meaning in zip(probabilities_of(case), meanings, strict=True)
    ]
    observations += [_size(one, day, " ".join([report.outline, *report.scale])) for one in sizes_of(case)]
    content = {
        "resourceType": "DiagnosticReport",
        "language": document_language(),
        "contained": observations,
        "status": "preliminary",
        "code": {"text": say("Dermoscopic picture, read by software")},
        "effectiveDateTime": day,
        "result": [{"reference": f"#{one['id']}"} for one in observations],
        "conclusion": " ".join([*doubts, report.headline, report.second_line, report.notice]),
        "presentedForm": [
            {"contentType": "application/pdf", "title": "report.pdf", "data": b64encode(page).decode("ascii")}
        ],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _observation(
    code: str, text: str, share: float, meaning: str, day: str, case: Case, model: Model, unlearned: str | None
) -> dict[str, Any]:
    """One probability; its value is withheld without an answer, and where it means nothing, which `unlearned` says.
    text: in the language of the report. meaning: of the code, which stays as it is."""
    holds = [mix_sentence(case), views_of(case)] if case.answerable else []
    weights = say("Weights {name}, SHA-256 {digest}.", name=model.name, digest=model.sha256)
    about: dict[str, Any] = {
        "resourceType": "Observation",
        "id": code.replace("_", "-"),
        "status": "preliminary",
        "code": {"coding": [{"system": SYSTEM, "code": code, "display": meaning}], "text": text},
        "effectiveDateTime": day,
        "method": {"text": " ".join(filter(None, [weights, *holds]))},
    }
    if case.answerable and unlearned is not None:
        return about | {"dataAbsentReason": {"text": unlearned}}
    if case.answerable:
        return about | {"valueQuantity": {"value": round(share, 6), "system": UNITS, "code": "1"}}
    return about | {"dataAbsentReason": {"text": say("There is no answer to be relied on for this picture")}}


def _size(size: Size, day: str, how: str) -> dict[str, Any]:
    """One size. how: in which outline and by which scale it was measured, in words."""
    return {
        "resourceType": "Observation",
        "id": size.meaning.lower(),
        "status": "preliminary",
        "code": {
            "coding": [{"system": SNOMED, "code": size.code, "display": size.meaning}],
            "text": say(SIZES[size.meaning]),
        },
        "effectiveDateTime": day,
        "method": {"text": how},
        "valueQuantity": {"value": round(size.value, 3), "unit": size.unit, "system": UNITS, "code": size.unit},
    }
