"""What is said of corrections that teach: to the page Cases and to the terminal.

Needs plain values. Knows no database and no page.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from derm.diagnoses import CODES, DIAGNOSES
from derm.evaluate.compare import COLUMNS
from derm.figures.text import capital, fine_percent
from derm.language.quantities import lesions_counted, pictures_counted
from derm.language.speech import ENGLISH, mark, number, say, say_many, speaking
from derm.metrics.registry import LABELS, in_one_unit
from derm.records.sites import BY_CODE
from derm.records.words import state_line
from derm.spreadsheet import csv_line

if TYPE_CHECKING:
    from derm.teach.job import Teaching
    from derm.teach.next_cases import NextCase

NEXT_TITLE = mark("Next to look at")
NEXT_NOTE = mark(
    "Cases that nothing confirms yet, those first whose confirmation teaches most: two diagnoses that are close, and "
    "answers that change when the picture is turned or mirrored. Some are drawn by lot: from doubtful cases alone "
    "nobody can tell how often answers are right. The list stands still until tomorrow."
)
SHARE_BY_LOT = mark("Drawn by lot")
NOTHING_NEXT = mark("Every kept case is confirmed.")
ONE_VIEW = mark("asked over one view, so that the margin decides alone")
VIEWS_ALONE = mark(
    "asked over {views} views, but how far these are apart at the data's own mix is not kept, so that the margin "
    "decides alone"
)
NO_ANSWER = mark("no answer that can be relied on, so that nothing tells how sure it is")
CLOSE = 0.2
"""Margin below which two diagnoses are called close."""
MARGINS = {
    (True, False): mark("{one} {share} and {other} {rest} are close"),
    (True, True): mark("at the data's own mix {one} {share} and {other} {rest} are close"),
    (False, False): mark("{one} {share} and {other} {rest}"),
    (False, True): mark("at the data's own mix {one} {share} and {other} {rest}"),
}
"""What is said of the two likeliest, by whether they are close and the answer was shown at another mix."""
APART = 0.1
"""Spread from which answers are said to change with the view: a standard deviation of ten percentage points."""


def why(case: "NextCase") -> str:
    """Why a case is on the list, in one sentence."""
    told = _doubt(case)
    return say("Drawn by lot: {why}.", why=told) if case.by_lot else f"{capital(told)}."


def _doubt(case: "NextCase") -> str:
    if case.answer is None:
        return say(NO_ANSWER)
    shares, moved = case.answer.probabilities, case.answer.moved
    first, second = sorted(range(len(CODES)), key=lambda index: -shares[index])[:2]
    named = {
        "one": DIAGNOSES[first].called,
        "share": fine_percent(shares[first]),
        "other": DIAGNOSES[second].called,
        "rest": fine_percent(shares[second]),
    }
    margin = say(MARGINS[bool(shares[first] - shares[second] < CLOSE), moved], **named)
    spread, views = case.answer.spread, case.answer.views
    if spread is None or math.isnan(spread):
        return f"{margin}; {say(VIEWS_ALONE, views=views) if views > 1 else say(ONE_VIEW)}"
    if spread >= APART:
        turned = say("the answer changes when the picture is turned (± {spread})", spread=fine_percent(spread))
    else:
        turned = say("the answer stays when the picture is turned (± {spread})", spread=fine_percent(spread))
    return f"{margin}; {turned}"


def listed(shown: int, cases: int) -> str:
    """How many unconfirmed cases there are, and of how many the list is where it is not of all."""
    if shown < cases:
        return say("{shown:,} of {cases:,} cases that nothing confirms yet.", shown=shown, cases=cases)
    return say_many("{count:,} case that nothing confirms yet.", "{count:,} cases that nothing confirms yet.", cases)


def next_row(case: "NextCase") -> dict[str, str]:
    """A case of the list as a row of a table."""
    return {
        "patient": case.lesion.pseudonym,
        "lesion": case.lesion.label,
        "site": BY_CODE[site].name if (site := case.lesion.site) in BY_CODE else site,
        "last visit": case.lesion.worst.day,
        "answer": state_line(case.lesion.worst),
        "why": why(case),
        "weights": "" if case.answer is None else case.answer.weights,
    }


NEXT_COLUMNS = ("patient", "lesion", "site", "last visit", "answer", "why", "weights")


def next_csv(cases: "Sequence[NextCase]") -> str:
    """The list as CSV in English, `NEXT_COLUMNS` first."""
    with speaking(ENGLISH):
        rows = [next_row(case) for case in cases]
    return "".join([csv_line(NEXT_COLUMNS), *(csv_line(row[name] for name in NEXT_COLUMNS) for row in rows)])


TRAIN_TITLE = mark("Train on confirmed cases")
TRAIN_NOTE = mark(
    "Trains on from the weights in use, on cases with a histology or a diagnosis by consensus or follow-up; the data "
    "that they learned from are rehearsed. Nothing changes until somebody takes the new weights into use."
)
WAYS = {
    "head": mark("Class head alone: minutes; outlines stay"),
    "whole": mark("Whole network: hours; edited outlines teach, too"),
}
WAYS_IN_LINE = {"head": mark("class head alone"), "whole": mark("whole network")}
NOT_ALLOWED = mark(
    "Training and the choice of weights change what everybody is answered: they are for who sits at this machine or "
    "at its terminal (`derm records train`), and with login for the role admin."
)
NO_OLD = mark(
    "The data that the weights learned from are not here: start the app with DERM_DATA set to their folder. Without "
    "them the weights unlearn what the practice's cases lack."
)
HOW_TO_ADOPT = "Nothing is changed yet. To use these weights: derm records adopt {name} --by YOUR-NAME"
HOW_TO_UNDO = "To go back from them: derm records undo {name} --by YOUR-NAME"
FROM_NEXT_VISIT = mark(
    "A visit that has begun goes on with its weights: reload the page to be answered by the new ones."
)
STAGES = {
    "begun": mark("learning"),
    "learned": mark("learned, now being compared"),
    "done": mark("ended"),
    "refused": mark("could not be done"),
}
COMPARED_ON = {
    "practice": mark("On the practice's cases that are kept to measure on"),
    "old": mark("On the validation part of the old data, on which thresholds were chosen, too"),
}
FIGURES = {
    name: (LABELS | {"per_class.mel.recall": mark("Melanoma called so")})[name]
    for name in (
        "malignant.auc", "decision.by_lesion.sensitivity", "decision.by_lesion.specificity", "decision.sensitivity",
        "decision.specificity", "balanced_accuracy", "macro_auc", "per_class.mel.recall", "dice",
    )
}  # fmt: skip
"""Figures of a comparison that the page shows, of all that `derm.evaluate.compare` gives."""


def teaching_line(one: "Teaching") -> str:
    """A training in one line."""
    stage = say(STAGES[one.stage])
    if one.stage in ("begun", "learned") and not one.alive:
        stage = say("was ended before its end")
    return say(
        "{name}: {way}, from {before}; {stage}.",
        name=one.name,
        way=say(WAYS_IN_LINE[one.way]),
        before=one.before,
        stage=stage,
    )


def compared_title(one: "Teaching", name: str) -> str:
    """What a comparison holds for."""
    _, images, lesions = one.compared[name]
    return say(
        "{where}: {pictures} of {lesions}.",
        where=say(COMPARED_ON[name]),
        pictures=pictures_counted(images),
        lesions=lesions_counted(lesions),
    )


def compared_rows(one: "Teaching", name: str) -> list[tuple[str, str, str, str, str]]:
    """A comparison as rows: figure, before, after, difference, and its 95 % interval."""
    known = {str(row["figure"]): row for row in one.compared[name][0].to_dict("records")}
    rows = [(say("Figure"), say("before"), say("after"), say("difference"), say("95 % interval"))]
    for key in in_one_unit(FIGURES, known):
        if key in known:
            first, second, apart, low, high = (float(known[key][cell]) for cell in COLUMNS[1:])
            span = "–" if math.isnan(low) else say("{low} to {high}", low=_three(low), high=_three(high))
            rows.append((say(FIGURES[key]), _three(first), _three(second), _three(apart, sign=True), span))
    return rows


COMPARED_NOTE = mark(
    "Intervals by bootstrap over lesions, both weights on the same resamples: where one holds 0, these cases cannot "
    "tell the two apart."
)


def adopted(label: str) -> str:
    """What was done."""
    return say("{label} is in use.", label=label) + " " + say(FROM_NEXT_VISIT)


def go_back(taken: str) -> str:
    """What the button says that takes the weights called so out of use."""
    return say("Go back from {taken} to the weights before", taken=taken)


def undone(taken: str, label: str) -> str:
    """What was done: `taken` is out of use, and the weights before, `label`, in it."""
    return say("{taken} is out of use, {label} in use again.", taken=taken, label=label) + " " + say(FROM_NEXT_VISIT)


def in_use(label: str) -> str:
    """Which weights the app answers with."""
    return say("In use: {label}.", label=label)


def _three(value: float, *, sign: bool = False) -> str:
    if math.isnan(value):
        return "–"
    return number(value, "+.3f" if sign else ".3f").replace("-", "−")  # a table takes a hyphen for a formula
