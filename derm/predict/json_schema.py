"""The schema of a prediction's JSON, in the language of JSON Schema (draft 2020-12): docs/prediction.schema.json.

Needs the fields of `derm.predict.record`. What it does not name may come later, so further keys are allowed.
"""

from typing import Any

from derm.diagnoses import CODES
from derm.predict.record import FIELDS, NO_ANSWER, NOT_REFERRED, REFER, SCHEMA

DRAFT = "https://json-schema.org/draft/2020-12/schema"

TYPES: dict[str, dict[str, Any]] = {
    "text": {"type": ["string", "null"]},
    "number": {"type": ["number", "null"]},
    "count": {"type": ["integer", "null"]},
    "yes or no": {"type": ["boolean", "null"]},
    "words": {"type": ["array", "null"], "items": {"type": "string"}},
}
"""Of a field, by its kind; null where it is not known, or where there is no answer to have one."""

NARROWER: dict[str, dict[str, Any]] = {
    "referral": {"enum": [REFER, NOT_REFERRED, NO_ANSWER, None]},
    "dx_pred": {"enum": [*CODES, None]},
    "answerable": {"type": "boolean"},
    "doubts": {"type": "array"},
    "schema": {"type": "integer", "const": SCHEMA},
}
"""What holds of a field beside its kind."""

LATER = ("not_learned",)
"""Fields that came after the schema had its number: what was written before lacks them."""

BESIDE: dict[str, dict[str, Any]] = {
    "licence": {"type": "string", "description": "Terms of the weights"},
    "notice": {"type": "string", "description": "Research use only, not a medical device"},
    "structures": {"type": ["array", "null"], "description": "Of one case: its dermoscopic structures"},
    "reading": {"type": "object", "description": "Of one case: outline, scale, measures and forms of whoever reads it"},
}
"""Keys of the JSON that no table has."""


def json_schema() -> dict[str, Any]:
    """Of one picture's object; `derm predict --json` writes one, or a list of them."""
    fields = {
        one.name: {**TYPES[one.kind], **_range(one.name), **NARROWER.get(one.name, {}), "description": one.meaning}
        for one in FIELDS
    }
    return {
        "$schema": DRAFT,
        "title": f"A picture's answer by Derm, schema {SCHEMA}",
        "type": "object",
        "properties": fields | BESIDE,
        "required": [*(name for name in fields if name not in LATER), "licence", "notice"],
    }


def _range(name: str) -> dict[str, Any]:
    """Probabilities and shares lie within 0 … 1."""
    within = name.startswith("p_") or name.endswith(("_share", "_fraction", "_threshold"))
    return {"minimum": 0, "maximum": 1} if within else {}
