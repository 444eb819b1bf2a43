"""The words by which tables call a diagnosis, and what they are among the seven.

Needs nothing. A table may tell less than the seven ("malignant"): its images are then one of several diagnoses, written
as their codes with "|" between, in the order of `CODES`. Does not know where a word stood.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.data.folder import is_table, read_table
from derm.data.values import MISSING
from derm.diagnoses import CODES, DIAGNOSES
from derm.errors import DataFault
from derm.files import write_text
from derm.language.speech import say
from derm.spreadsheet import csv_table, uncell

UNKNOWN = "unknown"
"""No diagnosis: the image can teach its outline alone."""

OPEN = "|"
"""Stands between the codes of an image that is one of several."""

MAPPING_FILE = "diagnoses.csv"
"""A user's own mapping in the folder of the data: columns word and code."""

BENIGN = OPEN.join(diagnosis.code for diagnosis in DIAGNOSES if not diagnosis.malignant)
MALIGNANT = OPEN.join(diagnosis.code for diagnosis in DIAGNOSES if diagnosis.malignant)

# In lower case, with single spaces and without punctuation. Squamous cell carcinoma, lentigo NOS of other sites and all
# else outside of the seven is left open on purpose: a wrong class teaches worse than none.
_NAMES: dict[str, tuple[str, ...]] = {
    "akiec": (
        "ak", "actinic keratosis", "actinic keratoses", "solar or actinic keratosis", "bowen", "bowens disease",
        "bowen s disease", "intraepithelial carcinoma", "squamous cell carcinoma in situ",
        "squamous cell carcinoma in situ bowens disease", "squamous cell carcinoma in situ bowen s disease",
    ),
    "bcc": ("basal cell carcinoma", "basal cell ca"),
    "bkl": (
        "sk", "seborrheic keratosis", "seborrhoeic keratosis", "pigmented benign keratosis", "benign keratosis",
        "benign keratosis like lesions", "benign keratosis like lesion", "solar lentigo", "lentigo solaris",
        "lichen planus like keratosis", "lichenoid keratosis", "lplk", "lentigo simplex", "verruca seborrhoica",
    ),
    "df": ("dermatofibroma", "fibrous histiocytoma"),
    "mel": (
        "melanoma", "malignant melanoma", "melanoma nos", "melanoma in situ", "melanoma invasive", "mm",
        "lentigo maligna", "lentigo maligna melanoma", "melanoma metastasis", "superficial spreading melanoma",
        "nodular melanoma",
    ),
    "nv": (
        "nevus", "naevus", "melanocytic nevus", "melanocytic naevus", "melanocytic nevi", "melanocytic naevi", "mole",
        "dysplastic nevus", "blue nevus", "spitz nevus", "reed or spitz nevus", "common nevus", "atypical nevus",
        "nevus nos", "nevus combined", "congenital nevus", "clark nevus",
    ),
    "vasc": (
        "vascular lesion", "vascular lesions", "hemangioma", "haemangioma", "angioma", "cherry angioma",
        "angiokeratoma", "pyogenic granuloma", "hemorrhage", "haemorrhage",
    ),
    BENIGN: ("benign",),
    MALIGNANT: ("malignant",),
    UNKNOWN: ("", "unknown", "unk", "na", "n a", "other", "none", "indeterminate", "indeterminate benign",
              "indeterminate malignant", "scc", "squamous cell carcinoma", "squamous cell carcinoma invasive"),
}  # fmt: skip

WORDS: Mapping[str, str] = {code: code for code in CODES} | {
    word: code for code, words in _NAMES.items() for word in words
}
"""Plain word → code, codes joined by `OPEN`, or `UNKNOWN`."""

_DOUBTS = "?¿؟՞!"
"""Punctuation that changes what a word says."""

_DASHES = "\u002d\u2010-\u2015\u2212"
_QUOTES = "\"'`\u2018-\u201f\u2039\u203a\u00ab\u00bb"
_NEGATION = re.compile(rf"[(\[]\s*[{_DASHES}]?\s*[)\]]|^[\s{_QUOTES}]*[{_DASHES}]+|[{_DASHES}]+[\s{_QUOTES}]*$")
"""A minus before or after all words, or brackets with it or with nothing: the finding is not there. A quotation mark
may stand around it, as the apostrophe of `derm.spreadsheet.cell` does."""


def plain_word(word: str) -> str:
    """`word` in lower case, without punctuation and with single spaces, as `WORDS` has it; '' for a missing one alone.

    Letters of every script stay, so that no two words become one, and so do question marks and signs such as ≠: what is
    doubted or denied is not known.
    """
    folded = unicodedata.normalize("NFKC", word).casefold().strip()
    if not any(sign.isalnum() for sign in folded):
        return "" if folded in MISSING else folded
    plain = ""
    for sign in _NEGATION.sub(" ≠ ", folded):
        kind = unicodedata.category(sign)
        # An accent without its letter is an apostrophe: NFKC makes one of Bowen´s.
        letter = kind[0] in "LN" or (kind[0] == "M" and plain[-1:] not in ("", " "))
        doubt = kind in ("Sm", "So") or sign in _DOUBTS
        plain += sign if letter else f" {sign} " if doubt else " "
    return " ".join(plain.split())


def read_mapping(folder: Path) -> dict[str, str]:
    """The user's own words of `folder`/diagnoses.csv, plain word → code; empty where there is no such file.

    Raises DataFault for a code that is not one of the seven, benign, malignant or unknown, and for one word with two
    codes.
    """
    path = folder / MAPPING_FILE
    if not is_table(path):
        return {}
    cure = say(
        "write two columns, word and code, with one of {codes}, benign, malignant or unknown", codes=", ".join(CODES)
    )
    table = _lines(path, cure)
    meant = {"benign": BENIGN, "malignant": MALIGNANT, UNKNOWN: UNKNOWN} | {code: code for code in CODES}
    codes = table["code"].str.lower()
    if (odd := table[~codes.isin(meant)]).size:
        raise DataFault(
            say(
                "{path} maps {word!r} to {code!r}: {cure}.",
                path=path,
                word=odd["word"].iloc[0],
                code=odd["code"].iloc[0],
                cure=cure,
            )
        )
    lines: dict[str, tuple[str, str]] = {}
    for word, code in zip(table["word"], codes, strict=True):
        before, former = lines.setdefault(plain_word(word), (word, code))
        if former != code:
            raise DataFault(
                say(
                    "{path} maps {before!r} to {former!r} and {word!r} to {code!r}, which are one word: delete "
                    "one of the two lines.",
                    path=path,
                    before=before,
                    former=former,
                    word=word,
                    code=code,
                )
            )
    return {word: meant[code] for word, (_, code) in lines.items()}


def write_mapping(folder: Path, answers: Mapping[str, str]) -> None:
    """Add `answers`, word → code, to the user's own mapping in `folder`, in place of former ones to the same words; the
    file is whole or as it was."""
    path = folder / MAPPING_FILE
    cure = say("write two columns, word and code")
    before = _lines(path, cure) if is_table(path) else None
    new = pd.DataFrame({"word": list(answers), "code": list(answers.values())})
    if before is not None:
        others = before[~before["word"].map(plain_word).isin(set(map(plain_word, answers)))]
        new = pd.concat([others[["word", "code"]], new], ignore_index=True)
    write_text(path, csv_table(new))


def _lines(path: Path, cure: str) -> pd.DataFrame:
    """The lines of a mapping, word and code, as they were given to `write_mapping` or stand in a user's own."""
    table = read_table(path, ("word", "code"), cure, as_written=True)
    return table.assign(word=table["word"].map(uncell))


def unknown_words(words: Iterable[str], own: Mapping[str, str]) -> list[str]:
    """The words, as they stand in a table, that neither `own` nor `WORDS` knows, by alphabet; of two spellings of one
    word the first, so that nobody is asked twice."""
    plain = {plain_word(word): word for word in sorted(set(words), reverse=True)}
    return sorted(word for key, word in plain.items() if key not in own and key not in WORDS)


def code_of(word: str, own: Mapping[str, str]) -> str:
    """The code, or codes, of a word by `own`, or else `WORDS`; `UNKNOWN` where neither knows it."""
    return own.get(plain_word(word), WORDS.get(plain_word(word), UNKNOWN))


def codes_of(words: pd.Series, own: Mapping[str, str], path: Path) -> pd.Series:
    """The codes of a table's `words`, text (n,): one, several with `OPEN` between, or `UNKNOWN`.

    own: the user's words, which come first. path: the table, for the DataFault that names words nobody knows.
    """
    if odd := unknown_words(words, own):
        shown = ", ".join(odd[:5])
        if len(odd) > 5:
            shown = say("{shown} and {more:,} more", shown=shown, more=len(odd) - 5)
        raise DataFault(
            say(
                "{path} has diagnoses that Derm does not know ({shown}): say what they are with `derm data words "
                "{folder}`, which asks for each and writes {mapping}.",
                path=path,
                shown=shown,
                folder=path.parent,
                mapping=MAPPING_FILE,
            )
        )
    meaning = {word: code_of(word, own) for word in set(words)}
    return words.map(meaning).astype(str)


def allowed_codes(dx: str) -> tuple[str, ...]:
    """The codes that an image with this `dx` of a catalogue may have: one, several, or all seven where unknown."""
    return CODES if dx == UNKNOWN else tuple(dx.split(OPEN))


def is_malignant(dx: pd.Series) -> NDArray[np.float64]:
    """1 where every diagnosis that an image may have by its `dx` is malignant, 0 where none is, NaN where that is open
    or the word is none of a catalogue's; float64 (n,)."""
    malignant = {diagnosis.code: diagnosis.malignant for diagnosis in DIAGNOSES}
    kinds = {word: {malignant.get(code) for code in allowed_codes(word)} for word in set(dx)}
    known = {word: float(kind == {True}) for word, kind in kinds.items() if kind in ({True}, {False})}
    return dx.map(known).to_numpy(dtype=np.float64)


def contradict(words: Iterable[str]) -> bool:
    """Whether no diagnosis fits all of these `dx` of a catalogue: "malignant" contradicts no melanoma."""
    allowed = [set(allowed_codes(word)) for word in set(words)]
    return bool(allowed) and not set.intersection(*allowed)


def is_readable(dx: pd.Series) -> pd.Series:
    """Which cells of a catalogue's `dx` are a code, codes with `OPEN` between, or `UNKNOWN`: bool (n,)."""
    known = {dx_: dx_ == UNKNOWN or set(dx_.split(OPEN)) <= set(CODES) for dx_ in set(dx)}
    return dx.map(known).astype(bool)
