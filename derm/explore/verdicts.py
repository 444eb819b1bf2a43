"""What is wrong with an answer, by its kind: a malignant lesion missed, a false alarm, another diagnosis of its side.

Needs rows of `derm.explore.predictions.outcomes`. Sentences and symbols are for people; knows no page.
"""

from enum import StrEnum

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.diagnoses import MALIGNANT
from derm.explore.referral import is_malignant, is_referred
from derm.language.speech import mark


class Verdict(StrEnum):
    """How an answer stands to the truth; its value is what galleries and tables say."""

    RIGHT = mark("right")
    MISSED = mark("malignant missed")
    ALARM = mark("false alarm")
    CONFUSED = mark("other diagnosis")

    @property
    def icon(self) -> str:
        """A Material symbol, so that the kind is told by shape as well as by words."""
        return ICONS[self]


ICONS = {
    Verdict.RIGHT: "check",
    Verdict.MISSED: "error",
    Verdict.ALARM: "notifications",
    Verdict.CONFUSED: "swap_horiz",
}

MEANING = mark(
    "Malignant missed: a malignant lesion called benign. False alarm: a benign one called malignant. Other diagnosis: "
    "wrong, but rightly malignant or benign."
)
AT_THRESHOLD = mark("Malignant missed: a malignant lesion not referred. False alarm: a benign one referred.")


def by_call(true: NDArray[np.int64], called: NDArray[np.int64]) -> list[Verdict]:
    """The verdict of each answer: true, called: int64 (n,), indexes into `CODES`."""
    kind = np.array(MALIGNANT)
    return [
        Verdict.RIGHT
        if truth == answer
        else Verdict.CONFUSED
        if kind[truth] == kind[answer]
        else Verdict.MISSED
        if kind[truth]
        else Verdict.ALARM
        for truth, answer in zip(true.tolist(), called.tolist(), strict=True)
    ]


def by_threshold(cases: pd.DataFrame, threshold: float) -> list[Verdict]:
    """The verdict of referring each of `cases` at `threshold`, 0 … 1."""
    return [
        Verdict.RIGHT if malignant == referred else Verdict.MISSED if malignant else Verdict.ALARM
        for malignant, referred in zip(is_malignant(cases), is_referred(cases, threshold), strict=True)
    ]


def verdicts_of(cases: pd.DataFrame, threshold: float | None = None) -> list[Verdict]:
    """The verdict of each of `cases`: of its likeliest diagnosis, or of referral at `threshold`, 0 … 1."""
    if threshold is not None:
        return by_threshold(cases, threshold)
    return by_call(cases["true"].to_numpy(), cases["predicted"].to_numpy())


def by_image(cases: pd.DataFrame, threshold: float | None = None) -> dict[str, Verdict]:
    """`verdicts_of` by the image's name."""
    return dict(zip(cases["image_id"].tolist(), verdicts_of(cases, threshold), strict=True))
