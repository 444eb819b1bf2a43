"""What is said of corrections that teach: to the page Cases and to the terminal.

Needs plain values. Knows no database and no page.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from derm.diagnoses import CODES, DIAGNOSES
from derm.evaluate.compare import COLUMNS
from derm.figures.text import capital, fine_percent
from derm.records.sites import BY_CODE
from derm.records.words import quantity, state_line
from derm.spreadsheet import csv_line

if TYPE_CHECKING:
    from derm.teach.job import Teaching
    from derm.teach.next_cases import NextCase

NEXT_TITLE = "Next to look at"
NEXT_NOTE = (
    "Cases that nothing confirms yet, those first whose confirmation teaches most: two diagnoses that are close, and "
    "answers that change when the picture is turned or mirrored. Some are drawn by lot: from doubtful cases alone "
    "nobody can tell how often answers are right. The list stands still until tomorrow."
)
SHARE_BY_LOT = "Drawn by lot"
NOTHING_NEXT = "Every kept case is confirmed."
BY_LOT = "Drawn by lot"
ONE_VIEW = "asked over one view, so that the margin decides alone"
NO_ANSWER = "no answer that can be relied on, so that nothing tells how sure it is"
CLOSE = 0.2
"""Margin below which two diagnoses are called close."""
APART = 0.1
"""Spread from which answers are said to change with the view: a standard deviation of ten percentage points."""


def why(case: "NextCase") -> str:
    """Why a case is on the list, in one sentence."""
    told = _doubt(case)
    return f"{BY_LOT}: {told}." if case.by_lot else f"{capital(told)}."


def _doubt(case: "NextCase") -> str:
    if case.answer is None:
        return NO_ANSWER
    shares = case.answer.probabilities
    first, second = sorted(range(len(CODES)), key=lambda index: -shares[index])[:2]
    pair = " and ".join(f"{DIAGNOSES[one].name} {fine_percent(shares[one])}" for one in (first, second))
    margin = f"{pair} are close" if shares[first] - shares[second] < CLOSE else pair
    spread = case.answer.spread
    if spread is None or math.isnan(spread):
        return f"{margin}; {ONE_VIEW}"
    changes = "the answer changes" if spread >= APART else "the answer stays"
    return f"{margin}; {changes} when the picture is turned (± {fine_percent(spread)})"


def listed(cases: int) -> str:
    """How long the list is."""
    return f"{quantity(cases, 'case', 'cases')} that nothing confirms yet."


def next_row(case: "NextCase") -> dict[str, str]:
    """A case of the list as a row of a table."""
    return {
        "patient": case.lesion.pseudonym,
        "lesion": case.lesion.label,
        "site": BY_CODE[case.lesion.site].name,
        "last visit": case.lesion.worst.day,
        "answer": state_line(case.lesion.worst),
        "why": why(case),
        "weights": "" if case.answer is None else case.answer.weights,
    }


NEXT_COLUMNS = ("patient", "lesion", "site", "last visit", "answer", "why", "weights")


def next_csv(cases: "Sequence[NextCase]") -> str:
    """The list as CSV, `NEXT_COLUMNS` first."""
    rows = [next_row(case) for case in cases]
    return "".join([csv_line(NEXT_COLUMNS), *(csv_line(row[name] for name in NEXT_COLUMNS) for row in rows)])


TRAIN_TITLE = "Train on confirmed cases"
TRAIN_NOTE = (
    "Trains on from the weights in use, on cases with a histology or a diagnosis by consensus or follow-up; the data "
    "that they learned from are rehearsed. Nothing changes until somebody takes the new weights into use."
)
WAYS = {"head": "Class head alone: minutes; outlines stay", "whole": "Whole network: hours; edited outlines teach, too"}
NOT_ALLOWED = (
    "Training and the choice of weights change what everybody is answered: they are for who sits at this machine or "
    "at its terminal (`derm records train`), and with login for the role admin."
)
NO_OLD = (
    "The data that the weights learned from are not here: start the app with DERM_DATA set to their folder. Without "
    "them the weights unlearn what the practice's cases lack."
)
HOW_TO_ADOPT = "Nothing is changed yet. To use these weights: derm records adopt {name} --by YOUR-NAME"
FROM_NEXT_VISIT = "A visit that has begun goes on with its weights: reload the page to be answered by the new ones."
STAGES = {
    "begun": "learning",
    "learned": "learned, now being compared",
    "done": "ended",
    "refused": "could not be done",
}
COMPARED_ON = {
    "practice": "On the practice's cases that are kept to measure on",
    "old": "On the validation part of the old data, on which thresholds were chosen, too",
}
FIGURES = {
    "malignant.auc": "Malignant, AUC",
    "decision.sensitivity": "Sensitivity at the referral threshold",
    "decision.specificity": "Specificity",
    "balanced_accuracy": "Balanced accuracy",
    "macro_auc": "Macro AUC",
    "per_class.mel.recall": "Melanoma called so",
    "dice": "Dice of outlines",
}
"""Figures of a comparison that the page shows, of all that `derm.evaluate.compare` gives."""


def teaching_line(one: "Teaching") -> str:
    """A training in one line."""
    stage = STAGES[one.stage]
    if one.stage in ("begun", "learned") and not one.alive:
        stage = "was ended before its end"
    return f"{one.name}: {WAYS[one.way].partition(':')[0].lower()}, from {one.before}; {stage}."


def compared_title(one: "Teaching", name: str) -> str:
    """What a comparison holds for."""
    _, images, lesions = one.compared[name]
    return (
        f"{COMPARED_ON[name]}: {quantity(images, 'picture', 'pictures')} of {quantity(lesions, 'lesion', 'lesions')}."
    )


def compared_rows(one: "Teaching", name: str) -> list[tuple[str, str, str, str, str]]:
    """A comparison as rows: figure, before, after, difference, and its 95 % interval."""
    known = {str(row["figure"]): row for row in one.compared[name][0].to_dict("records")}
    rows = [("Figure", "before", "after", "difference", "95 % interval")]
    for key, label in FIGURES.items():
        if key in known:
            first, second, apart, low, high = (float(known[key][cell]) for cell in COLUMNS[1:])
            span = "–" if math.isnan(low) else f"{_three(low)} to {_three(high)}"
            rows.append((label, _three(first), _three(second), _three(apart, sign=True), span))
    return rows


COMPARED_NOTE = (
    "Intervals by bootstrap over lesions, both weights on the same resamples: where one holds 0, these cases cannot "
    "tell the two apart."
)


def adopted(label: str) -> str:
    """What was done."""
    return f"{label} is in use. {FROM_NEXT_VISIT}"


def undone(label: str) -> str:
    """What was done."""
    return f"{label} is in use again. {FROM_NEXT_VISIT}"


def in_use(label: str) -> str:
    """Which weights the app answers with."""
    return f"In use: {label}."


def _three(value: float, *, sign: bool = False) -> str:
    if math.isnan(value):
        return "–"
    return (f"{value:+.3f}" if sign else f"{value:.3f}").replace("-", "−")  # a table takes a hyphen for a formula
