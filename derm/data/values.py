"""Cells of tables as people write them: what stands for a missing value, for a sex, and for an age in years.

Needs columns of text. Does not know which table they come from; what could not be read is given back, never dropped.
"""

import re
from typing import NamedTuple

import numpy as np
import pandas as pd

from derm.data.value_words import OLDEST
from derm.spelling import cleaned

MISSING = frozenset(
    ("", "na", "n/a", "n.a.", "n.a", "nan", "#n/a", "<na>", "nat", "none", "null", "nil", "unknown", "unk", "missing",
     "not available", "not specified", "not recorded", "\\n", "-", "--", "–", "—", ".", "?", "#null!")
)  # fmt: skip
"""Cells, in lower case, that stand for a value that is not known: of R, pandas, SQL, SPSS, Excel and people."""

_SEXES = {
    "female": "female", "f": "female", "woman": "female", "w": "female", "weiblich": "female", "fem": "female",
    "femme": "female", "mujer": "female", "male": "male", "m": "male", "man": "male", "männlich": "male",
    "masc": "male",
}  # fmt: skip
_AGE = re.compile(
    r"[>≥~]?\s*(?P<years>[+-]?\d+(?:[.,]\d+)?(?:e\+?\d+)?)\s*\+?\s*"
    r"(?:y|yr|yrs|year|years|y/o|yo|jahre|ans|años)?\.?(?:\s*old)?",
    re.IGNORECASE,
)


def blank_missing(cells: pd.Series) -> pd.Series:
    """The cells, text (n,), with '' where they stand for a missing value."""
    return cells.mask(cells.str.strip().str.lower().isin(MISSING), "")


def spelled(cells: pd.Series) -> pd.Series:
    """The cells, text (n,), as one sees them, see `derm.spelling.cleaned`: else one name that was written on macOS or
    copied from a PDF becomes two that look alike, and so two patients."""
    return cells.map({word: cleaned(word) for word in set(cells)}).astype(str)


def read_sexes(cells: pd.Series) -> pd.Series:
    """The cells as 'female', 'male' or 'unknown', text (n,); another word stays as it is, in lower case."""
    words = blank_missing(cells).str.strip().str.lower()
    return words.map(lambda word: _SEXES.get(word.rstrip("."), word)).replace("", "unknown").astype(str)


class Ages(NamedTuple):
    """years: float64 (n,), NaN where missing or unreadable. unread: bool (n,), which cells hold no number of years."""

    years: pd.Series
    unread: pd.Series


def read_ages(cells: pd.Series) -> Ages:
    """The cells in years: '85+' is 85, '70,0' 70, '60 years' 60; a number that no age can be stays, to be named."""
    words = blank_missing(cells).str.strip()
    years = {word: _years(word) for word in set(words)}
    read = words.map(years).astype(float)
    return Ages(read, read.isna() & (words != ""))


def _years(word: str) -> float:
    found = _AGE.fullmatch(word)
    if found is None:
        return float(word) if word.lower() in ("inf", "-inf", "infinity") else np.nan
    return float(found["years"].replace(",", "."))


def impossible(years: pd.Series) -> pd.Series:
    """Which ages, in years, nobody has: below 0 or above `OLDEST`; a missing one is not among them."""
    return (years < 0) | (years > OLDEST)
