"""What a reader study found: figures by reader and arm, arms compared over readers and cases, reliance on the answer.

Needs a `StudyDesign` and the opinions. Only readers who have finished are compared. In an arm with the answer the
opinion after it counts. A case is called malignant by a malignant diagnosis; the area under the ROC curve is by
suspicion.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from derm.diagnoses import CODES, DIAGNOSES, INDEX
from derm.metrics.missing import fraction
from derm.spreadsheet import csv_line
from derm.study.design import WITHOUT, StudyCase, StudyDesign
from derm.study.mrmc import Mrmc, area_left_out, compare_arms, jackknife, share_left_out
from derm.study.reading import AFTER, BEFORE, StudyOpinion, progress_of

FIGURES = ("sensitivity", "specificity", "accuracy", "diagnosis", "auc")
"""Shares of malignant cases called malignant, of benign ones called benign, of all called rightly, of all with the
right diagnosis among the seven, and the area under the ROC curve."""


class Reliance(NamedTuple):
    """How one reader's opinions moved in one arm, by whether the answer was right; only of cases with an answer."""

    reader: str
    arm: str
    corrected: int
    """Wrong before, right after, the answer being right."""

    not_taken: int
    """Wrong before and after though the answer was right: under-reliance."""

    misled: int
    """Right before, wrong after, the answer being wrong: over-reliance."""

    withstood: int
    """Right before and after though the answer was wrong."""

    lost: int
    """Right before, wrong after though the answer was right."""

    found: int
    """Wrong before, right after though the answer was wrong."""

    seconds: float
    """Median from the first question to the last opinion, of a case; NaN without cases."""


class StudyResults(NamedTuple):
    """All that is told of a study."""

    finished: tuple[str, ...]
    unfinished: tuple[str, ...]
    table: dict[str, NDArray[np.float64]]
    """By figure: float64 (arms, finished readers), NaN where undefined."""

    compared: dict[str, Mrmc]
    """By figure; empty with fewer than two finished readers."""

    reliance: tuple[Reliance, ...]


def results_of(study: StudyDesign, given: Sequence[StudyOpinion]) -> StudyResults:
    """Figures of all readers who have finished."""
    finished = tuple(one for one in study.readers if len(set(progress_of(study, one, given))) == 1)
    unfinished = tuple(one for one in study.readers if one not in finished)
    last = {(one.arm, one.reader, one.case_id): one for one in given}  # the opinion after stands after the one before
    malignant = np.array([case.malignant for case in study.cases])
    shape = (len(study.arms), len(finished), len(study.cases))
    kept = [last[arm, reader, case.id] for arm in study.arms for reader in finished for case in study.cases]
    called = np.array([calls_malignant(one.diagnosis) for one in kept], dtype=bool).reshape(shape)
    named = np.array([one.diagnosis for one in kept], dtype=object).reshape(shape)
    suspicion = np.array([one.suspicion for one in kept], dtype=np.float64).reshape(shape)
    right = (called == malignant).astype(np.float64)
    exact = (named == np.array([case.truth for case in study.cases], dtype=object)).astype(np.float64)
    left_out = {}
    if finished:
        left_out = {
            "sensitivity": share_left_out(right[..., malignant]),
            "specificity": share_left_out(right[..., ~malignant]),
            "accuracy": share_left_out(right),
            "diagnosis": share_left_out(exact),
            "auc": area_left_out(suspicion, malignant),
        }
    compared = {}
    if len(finished) > 1:
        compared = {name: compare_arms(figures, jackknife(left)) for name, (figures, left) in left_out.items()}
    reliance = tuple(
        _reliance(study, arm, reader, given) for arm in study.arms if arm != WITHOUT for reader in finished
    )
    table = {name: figures for name, (figures, _) in left_out.items()}
    return StudyResults(finished, unfinished, table, compared, reliance)


def calls_malignant(code: str) -> bool:
    """Whether a diagnosis by its code is malignant; one outside the seven counts as not called."""
    return code in CODES and DIAGNOSES[INDEX[code]].malignant


def opinions_csv(study: StudyDesign, given: Sequence[StudyOpinion]) -> str:
    """Every opinion with the truth and the answer for its case, as a table in CSV."""
    about = ("source_id", "truth", "malignant", "answer_malignant", "answer_p_malignant", "answer_diagnosis")
    lines = [csv_line([*StudyOpinion._fields, *about])]
    for one in given:
        case = study.case(one.case_id)
        told = (case.source_id, case.truth, case.malignant, case.says_malignant)
        row = [*one, *told, case.record["p_malignant"], case.record["dx_pred"]]
        lines.append(csv_line(_cell(value) for value in row))
    return "".join(lines)


def as_dict(study: StudyDesign, found: StudyResults) -> dict[str, Any]:
    """The results for JSON, what is undefined as null."""
    return {
        "study": study.name,
        "hash": study.hash,
        "weights": study.weights,
        "weights_sha256": study.weights_sha256,
        "calibration": study.calibration,
        "cases": len(study.cases),
        "malignant": sum(case.malignant for case in study.cases),
        "arms": list(study.arms),
        "finished": list(found.finished),
        "unfinished": list(found.unfinished),
        "figures": {
            name: {
                arm: {reader: _number(values[i, j]) for j, reader in enumerate(found.finished)}
                for i, arm in enumerate(study.arms)
            }
            for name, values in found.table.items()
        },
        "compared": {name: _compared(study, one) for name, one in found.compared.items()},
        "reliance": [{**one._asdict(), "seconds": _number(one.seconds)} for one in found.reliance],
        "method": "Obuchowski and Rockette 1995 with Hillis's degrees of freedom (2007); covariances by the jackknife",
    }


def reliance_shares(one: Reliance) -> tuple[float, float]:
    """Over-reliance and under-reliance, 0 … 1: of what was right before a wrong answer, how much turned wrong; of what
    was wrong before a right answer, how much stayed wrong. NaN where there is none."""
    over = fraction(one.misled, one.misled + one.withstood)
    under = fraction(one.not_taken, one.not_taken + one.corrected)
    return float(over), float(under)


def _reliance(study: StudyDesign, arm: str, reader: str, given: Sequence[StudyOpinion]) -> Reliance:
    mine = {(one.case_id, one.stage): one for one in given if one.arm == arm and one.reader == reader}
    counts = dict.fromkeys(("corrected", "not_taken", "misled", "withstood", "lost", "found"), 0)
    spans = []
    for case in study.cases:
        before, after = mine[case.id, BEFORE], mine[case.id, AFTER]
        spans.append(before.seconds + after.seconds)
        kind = _move(case, before, after)
        if kind in counts:
            counts[kind] += 1
    return Reliance(reader, arm, **counts, seconds=float(np.median(spans)) if spans else math.nan)


def _move(case: StudyCase, before: StudyOpinion, after: StudyOpinion) -> str:
    """Into which count of `Reliance` a case falls; '' where reader and answer were right, or wrong, throughout, or
    there was no answer."""
    if case.says_malignant is None:
        return ""
    first = calls_malignant(before.diagnosis) == case.malignant
    second = calls_malignant(after.diagnosis) == case.malignant
    answer = case.says_malignant == case.malignant
    return {
        (False, True, True): "corrected",
        (False, False, True): "not_taken",
        (True, False, False): "misled",
        (True, True, False): "withstood",
        (True, False, True): "lost",
        (False, True, False): "found",
    }.get((first, second, answer), "")


def _compared(study: StudyDesign, one: Mrmc) -> dict[str, Any]:
    return {
        "f": _number(one.f),
        "freedom": [_number(value) for value in one.freedom],
        "p": _number(one.p),
        "arms": {
            arm: {name: _number(value) for name, value in figure._asdict().items()}
            for arm, figure in zip(study.arms, one.arms, strict=True)
        },
        "differences": [
            {
                "first": study.arms[each.first],
                "second": study.arms[each.second],
                # Second less first, as words and tables have it.
                "mean": _number(-each.mean),
                "error": _number(each.error),
                "freedom": _number(each.freedom),
                "low": _number(-each.high),
                "high": _number(-each.low),
                "p": _number(each.p),
            }
            for each in one.differences
        ],
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value
