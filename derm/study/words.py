"""What is said of reader studies: to the page Study and to the terminal.

Needs plain values. Knows no page.
"""

import math
from collections.abc import Sequence

from derm.language.speech import mark, number, say
from derm.records.words import local_time
from derm.study.design import EXPLAINED, FILE, WITH, WITHOUT, StudyDesign
from derm.study.mrmc import ArmDifference, Mrmc
from derm.study.reading import NextTask, Washout
from derm.study.results import StudyResults

ARM_NAMES = {
    WITHOUT: mark("without the answer"),
    WITH: mark("with the answer"),
    EXPLAINED: mark("with the answer, outline and heat map"),
}

FIGURE_NAMES = {
    "sensitivity": mark("Sensitivity"),
    "specificity": mark("Specificity"),
    "accuracy": mark("Malignant or benign, right"),
    "diagnosis": mark("Diagnosis among the seven, right"),
    "auc": mark("Area under the ROC curve"),
}

NONE_YET = mark("There is no reader study yet")
HOW_TO_BEGIN = mark(
    "A study is made in the terminal, from a data set or your own folder; then its readers find it here."
)
FINISHED = mark("You have read all cases. Thank you.")
MADE_ANEW = mark(
    "The study {name} was made anew since this page was opened: what was not given yet is gone. Choose again who reads."
)
OPINION_LACKS = mark("Choose a diagnosis and a management first.")
FINAL_NOTE = mark("Final once given. The time from the question to your opinion is kept.")
SUSPICION = mark("How likely is it malignant?")
METHOD = mark(
    "Readers and cases are both samples: Obuchowski and Rockette 1995, with the degrees of freedom of Hillis 2007; "
    "covariances by the jackknife; intervals are 95 %. In an arm with the answer the opinion after it counts."
)
NO_SPREAD = mark("readers do not vary")
"""Instead of an interval of a difference."""

RELIANCE = mark(
    "Over-reliance: of the cases that the reader had right before a wrong answer, how many were wrong after it. "
    "Under-reliance: of those that the reader had wrong before a right answer, how many stayed wrong."
)
FEW = mark("Two readers who have finished are needed to compare arms.")


def command(folder: str) -> str:
    """How a study is made."""
    return f"derm study new {folder} --data DIR --cases 40 --reader 'Dr A' --reader 'Dr B'"


def heading(task: NextTask) -> str:
    """Where the reader is."""
    told = {"place": task.place, "total": task.total, "arm": say(ARM_NAMES[task.arm])}
    if task.stage == "after":
        return say("Case {place} of {total}, {arm}: your opinion now", **told)
    return say("Case {place} of {total}, {arm}", **told)


def waiting(task: Washout) -> str:
    """That the next arm waits."""
    return say(
        "The next part, {arm}, begins on {time}, so that no case is remembered.",
        arm=say(ARM_NAMES[task.arm]),
        time=local_time(task.until),
    )


def frozen(study: StudyDesign) -> str:
    """What cannot change any more, without what a reader must not know."""
    return say(
        "{cases} cases; weights {weights}, calibration {calibration}, washout {days} days; frozen as {hash} in {file}.",
        cases=len(study.cases),
        weights=study.weights,
        calibration=study.calibration,
        days=study.washout_days,
        hash=study.hash[:16],
        file=FILE,
    )


def mix(study: StudyDesign) -> str:
    """How many of the cases are malignant: for whoever made the study or sees its results, not for readers."""
    malignant = sum(one.malignant for one in study.cases)
    return say("Malignant cases: {malignant} of {cases}.", malignant=malignant, cases=len(study.cases))


def share(value: float) -> str:
    """A share, 0 … 1, with two digits, or a dash."""
    return "–" if math.isnan(value) else number(value, ".2f")


def bounds(low: float, high: float) -> tuple[float, float]:
    """The ends of an interval of a share, which ends where shares end."""
    return max(low, 0.0), min(high, 1.0)


def interval(low: float, high: float) -> str:
    """The same as text, or a dash."""
    if math.isnan(low):
        return "–"
    first, last = bounds(low, high)
    return f"{share(first)} – {share(last)}"


def signed(value: float) -> str:
    """A difference of shares with its sign; that of a zero is none."""
    rounded = round(value, 2)
    return share(0) if rounded == 0 else number(rounded, "+.2f").replace("-", "−")


def between(study: StudyDesign, one: ArmDifference) -> str:
    """Which arm less which."""
    return say(
        "{second} less {first}",
        second=say(ARM_NAMES[study.arms[one.second]]),
        first=say(ARM_NAMES[study.arms[one.first]]),
    )


def figure_rows(study: StudyDesign, found: StudyResults, name: str) -> list[dict[str, str]]:
    """A figure by arm, as rows of a table: its mean, its interval where arms are compared, and every reader's."""
    compared, rows = found.compared.get(name), []
    for place, arm in enumerate(study.arms):
        values = found.table[name][place]
        row = {say("Arm"): say(ARM_NAMES[arm]), say("Mean"): share(float(values.mean()))}
        if compared is not None:
            row["95 %"] = interval(compared.arms[place].low, compared.arms[place].high)
        headings = set(row)  # a reader may be called so, too
        for reader, value in zip(found.finished, values, strict=True):
            row[say("{name} (reader)", name=reader) if reader in headings else reader] = share(float(value))
        rows.append(row)
    return rows


def difference_row(study: StudyDesign, one: ArmDifference) -> dict[str, str]:
    """How one arm differs from another, as a row of a table."""
    spread, p = say("from {low} to {high}", low=signed(-one.high), high=signed(-one.low)), p_value(one.p)
    if math.isnan(one.p):
        spread, p = say(NO_SPREAD), "–"
    return {say("Difference"): signed(-one.mean), "95 %": spread, "p": p, say("Of"): between(study, one)}


def difference(study: StudyDesign, one: ArmDifference) -> str:
    """The same as a line for the terminal."""
    difference, spread, p, which = difference_row(study, one).values()
    if math.isnan(one.p):
        return f"{which}: {difference}, no interval, for readers do not vary"
    return f"{which}: {difference} (95 %: {spread}), p {p}"


def p_value(p: float) -> str:
    """A p value as papers print it."""
    return say("below {limit}", limit=number(0.001, ".3f")) if p < 0.001 else number(p, ".3f")


def figure_alt(study: StudyDesign, found: StudyResults) -> str:
    """What the figure of the arms shows, for who does not see it."""
    told = [
        f"{say(FIGURE_NAMES[name])}: "
        + ", ".join(
            f"{say(ARM_NAMES[arm])} {share(float(row.mean()))}" for arm, row in zip(study.arms, values, strict=True)
        )
        for name, values in found.table.items()
    ]
    return say("Means of {readers} readers by arm. {means}.", readers=len(found.finished), means="; ".join(told))


def finished(readers: Sequence[str]) -> str:
    """Who has read all cases."""
    return say("Finished: {readers}.", readers=", ".join(readers)) if readers else say("Finished: nobody.")


def unfinished(readers: Sequence[str]) -> str:
    """Who has not."""
    return say("Not finished, and left out: {readers}.", readers=", ".join(readers))


def relied(share_of: float, of: int, among: int) -> str:
    """A share with its counts."""
    return say("{share} ({count} of {total})", share=share(share_of), count=of, total=among)


def summary(study: StudyDesign, found: StudyResults) -> list[str]:
    """The results in lines of text, for the terminal."""
    lines = [frozen(study), mix(study), finished(found.finished)]
    if found.unfinished:
        lines.append(unfinished(found.unfinished))
    for name, values in found.table.items():
        means = ", ".join(f"{arm} {share(float(row.mean()))}" for arm, row in zip(study.arms, values, strict=True))
        lines.append(f"{say(FIGURE_NAMES[name])}: {means}")
        lines += [f"  {difference(study, one)}" for one in _differences(found.compared.get(name))]
    return lines if found.compared else [*lines, say(FEW)]


def _differences(one: Mrmc | None) -> tuple[ArmDifference, ...]:
    return () if one is None else one.differences
