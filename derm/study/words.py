"""What is said of reader studies: to the page Study and to the terminal.

Needs plain values. Knows no page.
"""

import math

from derm.records.words import local_time
from derm.study.design import EXPLAINED, FILE, WITH, WITHOUT, StudyDesign
from derm.study.mrmc import ArmDifference, Mrmc
from derm.study.reading import NextTask, Washout
from derm.study.results import StudyResults

ARM_NAMES = {
    WITHOUT: "without the answer",
    WITH: "with the answer",
    EXPLAINED: "with the answer, outline and heat map",
}

FIGURE_NAMES = {
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "accuracy": "Malignant or benign, right",
    "diagnosis": "Diagnosis among the seven, right",
    "auc": "Area under the ROC curve",
}

NONE_YET = "There is no reader study yet"
HOW_TO_BEGIN = "A study is made in the terminal, from a data set or your own folder; then its readers find it here."
FINISHED = "You have read all cases. Thank you."
OPINION_LACKS = "Choose a diagnosis and a management first."
FINAL_NOTE = "Final once given. The time from the question to your opinion is kept."
SUSPICION = "How likely is it malignant?"
METHOD = (
    "Readers and cases are both samples: Obuchowski and Rockette 1995, with the degrees of freedom of Hillis 2007; "
    "covariances by the jackknife; intervals are 95 %. In an arm with the answer the opinion after it counts."
)
NO_SPREAD = "readers do not vary"
"""Instead of an interval of a difference."""

RELIANCE = (
    "Over-reliance: of the cases that the reader had right before a wrong answer, how many were wrong after it. "
    "Under-reliance: of those that the reader had wrong before a right answer, how many stayed wrong."
)
FEW = "Two readers who have finished are needed to compare arms."


def command(folder: str) -> str:
    """How a study is made."""
    return f"derm study new {folder} --data DIR --cases 40 --reader 'Dr A' --reader 'Dr B'"


def heading(task: NextTask) -> str:
    """Where the reader is."""
    after = task.stage == "after"
    return f"Case {task.place} of {task.total}, {ARM_NAMES[task.arm]}" + (": your opinion now" if after else "")


def waiting(task: Washout) -> str:
    """That the next arm waits."""
    return f"The next part, {ARM_NAMES[task.arm]}, begins on {local_time(task.until)}, so that no case is remembered."


def frozen(study: StudyDesign) -> str:
    """What cannot change any more."""
    return (
        f"{len(study.cases)} cases, {sum(one.malignant for one in study.cases)} of them malignant; weights "
        f"{study.weights}, calibration {study.calibration}, washout {study.washout_days} days; frozen as "
        f"{study.hash[:16]} in {FILE}."
    )


def share(value: float) -> str:
    """A share, 0 … 1, with two digits, or a dash."""
    return "–" if math.isnan(value) else f"{value:.2f}"


def bounds(low: float, high: float) -> tuple[float, float]:
    """The ends of an interval of a share, which ends where shares end."""
    return max(low, 0.0), min(high, 1.0)


def interval(low: float, high: float) -> str:
    """The same as text, or a dash."""
    return "–" if math.isnan(low) else "{:.2f} – {:.2f}".format(*bounds(low, high))


def signed(value: float) -> str:
    """A difference of shares with its sign; that of a zero is none."""
    rounded = round(value, 2)
    return "0.00" if rounded == 0 else f"{rounded:+.2f}".replace("-", "−")


def between(study: StudyDesign, one: ArmDifference) -> str:
    """Which arm less which."""
    return f"{ARM_NAMES[study.arms[one.second]]} less {ARM_NAMES[study.arms[one.first]]}"


def difference_row(study: StudyDesign, one: ArmDifference) -> dict[str, str]:
    """How one arm differs from another, as a row of a table."""
    spread, p = f"from {signed(-one.high)} to {signed(-one.low)}", p_value(one.p)
    if math.isnan(one.p):
        spread, p = NO_SPREAD, "–"
    return {"Difference": signed(-one.mean), "95 %": spread, "p": p, "Of": between(study, one)}


def difference(study: StudyDesign, one: ArmDifference) -> str:
    """The same as a sentence."""
    told = difference_row(study, one)
    if told["95 %"] == NO_SPREAD:
        return f"{told['Of']}: {told['Difference']}, no interval, for readers do not vary"
    return f"{told['Of']}: {told['Difference']} (95 %: {told['95 %']}), p {told['p']}"


def p_value(p: float) -> str:
    """A p value as papers print it."""
    return "below 0.001" if p < 0.001 else f"{p:.3f}"


def figure_alt(study: StudyDesign, found: StudyResults) -> str:
    """What the figure of the arms shows, for who does not see it."""
    told = [
        f"{FIGURE_NAMES[name]}: "
        + ", ".join(f"{ARM_NAMES[arm]} {share(float(row.mean()))}" for arm, row in zip(study.arms, values, strict=True))
        for name, values in found.table.items()
    ]
    return f"Means of {len(found.finished)} readers by arm. {'; '.join(told)}."


def summary(study: StudyDesign, found: StudyResults) -> list[str]:
    """The results in lines of text, for the terminal."""
    lines = [frozen(study), f"Finished: {', '.join(found.finished) or 'nobody'}."]
    if found.unfinished:
        lines.append(f"Not finished, and left out: {', '.join(found.unfinished)}.")
    for name, values in found.table.items():
        means = ", ".join(f"{arm} {share(float(row.mean()))}" for arm, row in zip(study.arms, values, strict=True))
        lines.append(f"{FIGURE_NAMES[name]}: {means}")
        lines += [f"  {difference(study, one)}" for one in _differences(found.compared.get(name))]
    return lines if found.compared else [*lines, FEW]


def _differences(one: Mrmc | None) -> tuple[ArmDifference, ...]:
    return () if one is None else one.differences
