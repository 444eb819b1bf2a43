"""What is written down of a case, wherever it is: one schema for the tables, the JSON and the dict of the library.

Needs a `Case`, or the reason why there is none. docs/predictions.md describes the schema for its readers. Knows nothing
of files and pages.
"""

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from derm.diagnoses import CODES
from derm.files import without_ending
from derm.metrics.prior import malignant_share
from derm.model.weights import ASKED, Model, WeightsInfo
from derm.predict.case import Case
from derm.predict.doubts import Doubt, doubts_of
from derm.predict.learned_words import codes_not_learned
from derm.predict.practice import data_share
from derm.predict.words import NOTICE
from derm.spreadsheet import csv_line as line_of

SCHEMA = 2
"""Version of the schema; 1 was what Derm wrote before it had a number. A new field at the end does not raise it."""

DIGITS = 6
"""After the point in CSV of each number that is none of pixels or views."""

PRECISION = 9
"""The same in the record and in JSON, so that the seven still add up to 1."""

REFER, NOT_REFERRED, NO_ANSWER = "refer", "not referred", "no answer"
"""What to do, in the field `referral`."""

Value = str | float | int | bool | list[str] | None
"""Of a field: None where it is not known, or where there is no answer to have one."""

Record = dict[str, Value]
"""One picture: every field of `FIELDS`, in that order."""


class Field(NamedTuple):
    """One field of the schema."""

    name: str
    """Column of the table and key of the JSON."""

    kind: str
    """'text', 'number', 'count', 'yes or no' or 'words'; words are a list in JSON, with spaces between them in CSV."""

    meaning: str
    """With unit and range, and when it is empty."""


FIELDS = (
    Field("image_id", "text", "Name of the picture, alone in its table: the file's name without ending where that is"),
    Field("file", "text", "The file: its whole path from `derm predict`, its name from the app"),
    Field("answerable", "yes or no", "Whether there is an answer that can be relied on"),
    Field("doubts", "words", "What makes the answer doubtful, see below; empty where nothing was found"),
    Field("referral", "text", "What to do: `refer`, `not referred` or `no answer`; empty without a referral threshold"),
    Field("dx_pred", "text", "Code of the likeliest diagnosis; empty where there is no answer"),
    Field("p_malignant", "number", "Malignant probability, 0 … 1: the sum of `p_akiec`, `p_bcc` and `p_mel`"),
    Field("referral_threshold", "number", "Malignant probability from which referral is advised, 0 … 1"),
    Field("above_referral", "yes or no", "Whether `p_malignant` reaches it; empty where there is no answer"),
    Field("cannot_exclude", "words", "Codes that cannot be excluded, likeliest first; empty where there is no answer"),
    *(Field(f"p_{code}", "number", f"Probability of `{code}`, 0 … 1; the seven add up to 1") for code in CODES),
    Field("not_dermoscopic", "yes or no", "Whether this is no dermoscopic picture; empty where weights cannot tell"),
    Field("seen_little", "yes or no", "Whether the model has seen little of such pictures; empty likewise"),
    Field("lesion_found", "yes or no", "Whether the outline holds a lesion"),
    Field("cut_by_edge", "yes or no", "Whether much of the outline lies on the picture's edge"),
    Field("mask_fraction", "number", "Share of the picture that is lesion, 0 … 1"),
    Field("malignant_share", "number", "Share of malignant lesions for which the probabilities hold, 0 … 1"),
    Field("data_malignant_share", "number", "The same share in the data that the weights were calibrated on"),
    Field("views", "count", "Over how many views of the picture the answer is the mean: 1 or 8"),
    Field("spread", "number", "Standard deviation of the likeliest's probability over the views, 0 … 0.5"),
    Field("not_dermoscopic_score", "number", "How unlike dermoscopy, higher is further away"),
    Field("seen_little_score", "number", "How far from the pictures trained on, about 1 for one of them"),
    Field("width", "count", "Of the picture, upright, in pixels"),
    Field("height", "count", "Of the picture, upright, in pixels"),
    Field("weights", "text", "Name of the weights and the first 8 digits of their SHA-256"),
    Field(
        "calibration", "text", "First 8 digits of the SHA-256 of temperature, thresholds, mix and gate of the weights"
    ),
    Field("written_as", "text", "What the names of its masks and maps begin with; empty where none were written"),
    Field("sha256", "text", "Of the file's content; empty from the app, or where the file could not be read"),
    Field("schema", "count", f"Version of this schema: {SCHEMA}"),
    Field("error", "text", "Why the picture was refused, or one of its files could not be written; else empty"),
    Field(
        "not_learned",
        "words",
        "Codes that the weights have hardly learned: `p_…` means nothing; null in JSON where they do not tell",
    ),
)
"""The schema, in the order of the columns: what makes an answer doubtful, and what to do, before any diagnosis."""

COLUMNS = tuple(field.name for field in FIELDS)
"""Of the table."""


class Settings(NamedTuple):
    """What all pictures of a run have in common; two tables whose settings differ do not belong together."""

    weights: str
    """As in the record."""

    calibration: str
    """As in the record."""

    views: int
    """As in the record."""

    malignant_share: float | None
    """As in the record."""

    data_malignant_share: float | None
    """As in the record."""

    not_learned: tuple[str, ...] | None = None
    """As in the record."""

    def values(self) -> Record:
        """By field, as in a record."""
        codes = None if self.not_learned is None else list(self.not_learned)
        known = {name: _rounded(value) for name, value in self._asdict().items() if name != "not_learned"}
        return known | {"schema": SCHEMA, "not_learned": codes}


def settings_of(model: Model, views: int, prevalence: float | None) -> Settings:
    """Those of a run with `model` over `views` views, at a practice's share of malignant lesions or the data's own."""
    mix = model.description.known_mix
    own = None if mix is None else malignant_share(mix)
    carried = prevalence is not None and data_share(model.description) is not None
    return Settings(
        model.label,
        calibration_of(model.description),
        views,
        prevalence if carried else own,
        own,
        codes_not_learned(model.description.training),
    )


def calibration_of(description: WeightsInfo) -> str:
    """The first 8 digits of the SHA-256 of what turns the network's output into an answer, beside its tensors.

    Choices of weights, results, studies and events hold it: it must stay what it is for descriptions that are there.
    """
    content = {
        "temperature": description.temperature,
        "thresholds": (description.mask_threshold, description.class_mask_threshold, description.referral_threshold),
        "conformal_thresholds": description.conformal_thresholds,
        "mix": description.known_mix,
        "evidence_shift": dict(description.evidence_shift),
        "familiarity": description.familiarity,
        "gate": None if description.gate is None else description.gate.as_dict(),
    }
    if description.is_resized:
        content["asked"] = [getattr(description.model, name) for name in ASKED]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]


def weights_key(model: Model) -> str:
    """Names weights as they answer: tensors, size of input and calibration. What is kept of answers is kept by it."""
    return f"{model.network_id} {calibration_of(model.description)}"


def record_of(
    case: Case,
    *,
    image_id: str | None = None,
    file: str | None = None,
    sha256: str | None = None,
    written_as: str | None = None,
    error: str = "",
    calibration: str | None = None,
) -> Record:
    """The record of a case; without `image_id` and `file` by the name of the case.

    calibration: of `Settings`, where it is known; without it that of the case's own model.

    Where a doubt takes the answer away there is no diagnosis, no referral and nothing that cannot be excluded, so that
    nobody reads one off; the probabilities stay, for whoever studies such pictures.
    """
    doubts = doubts_of(case)
    answerable = not any(doubt.blocks for doubt in doubts)
    height, width = case.mask.shape
    held = case.cannot_exclude if answerable else None
    known: Record = {
        "image_id": without_ending(case.name) if image_id is None else image_id,
        "file": case.name if file is None else file,
        "answerable": answerable,
        "doubts": [doubt.value for doubt in doubts],
        "referral": _referral(case.above_referral) if answerable else NO_ANSWER,
        "dx_pred": case.predicted.code if answerable else None,
        "p_malignant": case.p_malignant,
        "referral_threshold": case.referral_threshold,
        "above_referral": case.above_referral if answerable else None,
        "cannot_exclude": None if held is None else [CODES[index] for index in held],
        **{f"p_{code}": float(value) for code, value in zip(CODES, case.probabilities, strict=True)},
        "not_dermoscopic": case.not_dermoscopic,
        "seen_little": case.seen_little,
        "lesion_found": case.has_lesion,
        "cut_by_edge": Doubt.CUT_BY_EDGE in doubts,
        "mask_fraction": case.mask_fraction,
        "malignant_share": case.mix_share,
        "data_malignant_share": (case.at_data or case).mix_share,
        "views": case.views,
        "spread": case.spread,
        "not_dermoscopic_score": case.not_dermoscopic_score,
        "seen_little_score": case.seen_little_score,
        "width": width,
        "height": height,
        "weights": case.weights,
        "calibration": calibration or _calibration(case),
        "written_as": written_as,
        "sha256": sha256,
        "error": error,
        "not_learned": None if case.not_learned is None else list(case.not_learned),
    }
    return _complete(known)


def refused_record(image_id: str, file: str, error: str, settings: Settings | None = None) -> Record:
    """The record of a picture that could not be answered, and why, in one sentence."""
    known: Record = {"image_id": image_id, "file": file, "answerable": False, "doubts": [], "error": error}
    about: Record = {} if settings is None else settings.values()
    return _complete(known | about | {"referral": NO_ANSWER})


def unique_ids(records: Iterable[Record]) -> Iterator[Record]:
    """`records` with another image_id where one came before: the second `a` is `a (2)`."""
    taken: set[Value] = set()
    for record in records:
        name, number = record["image_id"], 1
        while name in taken:
            number += 1
            name = f"{record['image_id']} ({number})"
        taken.add(name)
        yield record | {"image_id": name}


def json_of(record: Record, licence: str) -> dict[str, Any]:
    """A record for JSON: its fields, three names of schema 1 that stand for the same, and the weights' terms.

    `probabilities`: the seven by code. `prevalence`: for which share of malignant lesions they hold, whose it is
    ('data' or 'practice'), and the data's own. `unfamiliar`: `not_dermoscopic`.
    """
    own, share = record["data_malignant_share"], record["malignant_share"]
    former = {
        "probabilities": {code: record[f"p_{code}"] for code in CODES},
        "prevalence": {
            "malignant_share": share,
            "of": "data" if share == own else "practice",
            "data_malignant_share": own,
        },
        "unfamiliar": record["not_dermoscopic"],
        "unfamiliar_score": record["not_dermoscopic_score"],
    }
    return {**record, **former, "licence": licence, "notice": NOTICE}


def header_line() -> str:
    """The first line of the table, with its end."""
    return line_of(COLUMNS)


def csv_line(record: Record) -> str:
    """A record as one line of the table, with its end: numbers with `DIGITS` digits, 'yes' and 'no', '' for None."""
    return line_of(text_of(record[name], DIGITS) for name in COLUMNS)


def cells_of(line: str) -> dict[str, str]:
    """The cells of a line of `csv_line` by column; ValueError for another number of them."""
    return dict(zip(COLUMNS, next(csv.reader([line])), strict=True))


def csv_of(records: Iterable[Record]) -> str:
    """Records as a table in CSV."""
    return "".join([header_line(), *map(csv_line, records)])


def _complete(known: Record) -> Record:
    """Every field, numbers rounded; those that are not `known` are None."""
    return {name: _rounded(known.get(name)) for name in COLUMNS} | {"schema": SCHEMA}


def _calibration(case: Case) -> str | None:
    return None if case.prediction is None else calibration_of(case.prediction.model.description)


def _referral(above: bool | None) -> str | None:
    return None if above is None else REFER if above else NOT_REFERRED


def _rounded(value: Value) -> Value:
    return round(value, PRECISION) if isinstance(value, float) else value


def text_of(value: Value, digits: int) -> str:
    """A value as a table has it: numbers with `digits` digits, 'yes' and 'no', '' for None."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.{digits}f}"
        case list():
            return " ".join(value)
        case _:
            return str(value)
