"""What may be entered: words checked and cleaned before they reach the records, each with a sentence where it is wrong.

Needs plain values. Knows no database.
"""

import json
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from derm.data.value_words import OLDEST
from derm.diagnoses import CODES
from derm.errors import RecordsFault
from derm.json_checks import Check, is_count, is_number, is_several, is_share_or_none, within
from derm.language.speech import day_text, mark, say
from derm.records.sites import BY_CODE
from derm.spelling import cleaned, encodable, visible

LONGEST = 2000
"""Characters of a text, at most."""

LONGEST_NAME = 80
"""Characters of a name, at most."""

OTHER = "other"
"""A diagnosis outside the seven."""

DIAGNOSIS_CODES = (*CODES, OTHER)
"""What a clinician may call a lesion."""

PSEUDONYM = mark("The pseudonym")
LESION_NAME = mark("The name of the lesion")
WHO_ENTERS = mark("The name of who enters this")
WHO_DECIDES = mark("The name of who decides this")
READER_NAME = mark("The name of a reader")
REPORT = mark("The report of the histology")
NOTE = mark("The note")
NO_DIAGNOSIS = mark("'{value}' is no diagnosis: use one of {choices}.")
NO_PLACE = mark("'{value}' is no place on the body map: use one of {choices}.")
NO_MANAGEMENT = mark("'{value}' is no management: use one of {choices}.")
NO_SEX = mark("'{value}' is no sex: use one of {choices}.")
FILE_NAME = mark("The file's name")

SEXES = ("female", "male", "other")


class Management(StrEnum):
    """What a clinician wants to do; its value is its key in tables."""

    DISCHARGE = "discharge"
    FOLLOW_UP = "follow_up"
    BIOPSY = "biopsy"
    EXCISE = "excise"
    TREAT = "treat"
    REFER = "refer"


class Basis(StrEnum):
    """What a corrected diagnosis rests on; its value is its key in tables."""

    HISTOLOGY = "histology"
    CONSENSUS = "consensus"
    FOLLOW_UP = "follow_up"
    CLINICAL = "clinical"


TRUSTED = (Basis.HISTOLOGY, Basis.CONSENSUS, Basis.FOLLOW_UP)
"""What a corrected diagnosis that confirms a lesion rests on; a clinical one is an opinion."""


def now() -> str:
    """The moment, ISO 8601 in UTC with microseconds: 32 characters, which sort as time does."""
    return moment(datetime.now(UTC))


def moment(when: datetime) -> str:
    """`when`, which has a zone, as `now` writes it. Raises ValueError without a zone."""
    if when.tzinfo is None:
        raise ValueError(f"{when} has no zone")
    return when.astimezone(UTC).isoformat(timespec="microseconds")


def name(value: str, what: str) -> str:
    """A name of one line, cleaned; what: whose name, as in `PSEUDONYM`. Raises RecordsFault for none or a long one."""
    found = text(value, what, LONGEST_NAME)
    if found is None:
        raise RecordsFault(
            say("{what} is empty: give one of up to {longest} characters.", what=say(what), longest=LONGEST_NAME)
        )
    return " ".join(found.split())


def spellings(typed: str) -> tuple[str, str]:
    """How a name that somebody has typed may have been kept: by an older Derm, with what is not seen, and as `cleaned`.

    In this order, for of two patients who look alike the one who is there to the letter is meant.
    """
    return " ".join(unicodedata.normalize("NFC", encodable(typed)).split()), cleaned(typed)


def is_called(typed: str, known: str) -> bool:
    """Whether what somebody has typed is the name `known`, which an older Derm may have kept with what is not seen."""
    whole, clean = spellings(typed)
    return whole == known or clean == cleaned(known) != ""


def text(value: str | None, what: str, longest: int = LONGEST) -> str | None:
    """A text as `visible` leaves it, None for an empty one. Raises RecordsFault for one that is too long."""
    kept = visible(value or "").strip()
    if len(kept) > longest:
        raise RecordsFault(
            say(
                "{what} has {kept:,} characters: at most {longest:,} are kept.",
                what=say(what),
                kept=len(kept),
                longest=longest,
            )
        )
    return kept or None


def day(value: date | str) -> str:
    """A day as ISO 8601, such as 2026-11-27. Raises RecordsFault for none, or one that is yet to come."""
    try:
        found = value if isinstance(value, date) else date.fromisoformat(value)
    except ValueError as error:
        raise RecordsFault(
            say("'{value}' is no day: write it as year-month-day, such as 2026-11-27.", value=value)
        ) from error
    if found.year < 1900 or found > datetime.now(UTC).astimezone().date():
        raise RecordsFault(say("{day} is no day of a visit: give one from 1900 until today.", day=day_text(found)))
    return found.isoformat()


def birth_year(value: int | None) -> int | None:
    """A year of birth, or None. Raises RecordsFault for one that nobody alive has."""
    if value is not None and not 1900 <= value <= datetime.now(UTC).year:
        raise RecordsFault(
            say("{value} is no year of birth: give one from 1900 until this year, or none.", value=value)
        )
    return value


def age(born: int, seen: str) -> int | None:
    """Years of a patient who was born in a year and `seen` on a day of ISO 8601; None for an age that nobody has."""
    years = int(seen[:4]) - born
    return years if 0 <= years <= OLDEST else None


def refuse_age(born: int | None, seen: str) -> None:
    """Raises RecordsFault where a year of birth and the day of a visit make an age that nobody has."""
    if born is not None and age(born, seen) is None:
        raise RecordsFault(
            say(
                "A patient born in {born} and seen on {seen} would be {years} years old: give another year of birth or "
                "another day, for 0 to {oldest} years.",
                born=born,
                seen=day_text(seen),
                years=int(seen[:4]) - born,
                oldest=int(OLDEST),
            )
        )


def choice(value: str, choices: tuple[str, ...], refusal: str) -> str:
    """One of `choices`; refusal: a marked sentence such as `NO_SEX`. Raises RecordsFault for another."""
    if value not in choices:
        raise RecordsFault(say(refusal, value=value, choices=", ".join(choices)))
    return value


def diagnosis(value: str) -> str:
    """One of the seven codes, or `OTHER`. Raises RecordsFault for another."""
    return choice(value, DIAGNOSIS_CODES, NO_DIAGNOSIS)


def site(value: str) -> str:
    """Code of a place on the body. Raises RecordsFault for another, or none."""
    if not value:
        raise RecordsFault(say("Choose the place on the body first."))
    return choice(value, tuple(BY_CODE), NO_PLACE)


CHOICES = {
    ("lesion", "site"): tuple(BY_CODE),
    ("answer", "diagnosis"): DIAGNOSIS_CODES,
    ("opinion", "diagnosis"): DIAGNOSIS_CODES,
    ("opinion", "management"): tuple(Management),
    ("correction", "diagnosis"): DIAGNOSIS_CODES,
    ("correction", "basis"): tuple(Basis),
    ("histology", "diagnosis"): DIAGNOSIS_CODES,
}
"""Codes that may stand in a table's column."""


is_sum = within(-1e-6, 1 + 1e-6)
"""A sum of probabilities, which rounding may lift above 1."""

NUMBERS: dict[tuple[str, str], Check] = {
    ("answer", "p_malignant"): is_sum,
    ("answer", "views"): is_several,
    ("opinion", "confidence"): within(0, 100),
    ("opinion", "seconds"): within(0, 1e12),
    ("picture", "bytes"): is_count,
    ("picture", "width"): is_several,
    ("picture", "height"): is_several,
    ("picture", "mm_per_pixel"): within(0, 1e6),
}
"""Numbers that may stand in a table's column."""


def fault_of(table: str, row: Mapping[str, Any]) -> str:
    """Which value of a row nobody can have entered, as the end of a sentence; '' where all may stand there.

    A day may be yet to come here, where another zone or clock has entered it.
    """
    for column, value in row.items():
        if value is None:
            continue
        known = value in CHOICES.get((table, column), (value,))
        if column == "day":
            known = _reads(date.fromisoformat, value) and date.fromisoformat(value).isoformat() == value
        elif column in ("created_at", "asked_at"):
            known = _reads(datetime.fromisoformat, value) and datetime.fromisoformat(value).tzinfo is not None
        elif column == "shown":
            known = shown_of(value) is not None
        elif column == "record":
            known = record_of(value) is not None
        elif check := NUMBERS.get((table, column)):
            known = check(value)
        if not known:
            return f"holds {str(value)[:40]!r} as {column}, which nobody can have entered"
    return ""


def shown_of(text: str) -> dict[str, Any] | None:
    """What an answer showed, with a headline and doubts; None where the text of the column `shown` is damaged."""
    try:
        shown = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(shown, dict) or not isinstance(shown.get("headline"), str):
        return None
    doubts = shown.get("doubts", [])
    return shown if isinstance(doubts, list) and all(isinstance(one, str) for one in doubts) else None


def record_of(text: str) -> dict[str, Any] | None:
    """The record of an answer, its probabilities and their spread 0 … 1 where it tells them; None where the text of the
    column `record` is damaged."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or not is_share_or_none(told.get("spread")):
        return None
    return told if all(is_share_or_none(told.get(f"p_{code}")) for code in CODES) else None


def _reads(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


def confidence(value: int) -> int:
    """How sure, 0 … 100 percent. Raises RecordsFault for another."""
    if not 0 <= value <= 100:
        raise RecordsFault(say("A confidence of {value} is none: give 0 to 100 percent.", value=value))
    return int(value)


def seconds(value: float) -> float:
    """A span of time in seconds, to the millisecond. Raises RecordsFault for a negative one or none."""
    if not is_number(value) or value < 0:
        raise RecordsFault(say("{value} seconds are no span of time: expected 0 or more.", value=value))
    return round(float(value), 3)


def outline_size(width: int, height: int, picture: Mapping[str, Any]) -> None:
    """Raises RecordsFault for an outline that has not the size of its picture, by the picture's row."""
    if (width, height) != (picture["width"], picture["height"]):
        raise RecordsFault(
            say(
                "The outline has {outline_width} × {outline_height} pixels, the picture {width} × {height}: draw it at "
                "the picture's own size.",
                outline_width=width,
                outline_height=height,
                width=picture["width"],
                height=picture["height"],
            )
        )


def scale(value: float | None) -> float | None:
    """Millimetres a pixel, or None. Raises RecordsFault for one that no dermatoscope has."""
    from derm.image.dicom import LEAST_SPACING, MOST_SPACING

    if value is not None and not LEAST_SPACING <= value <= MOST_SPACING:
        raise RecordsFault(
            say(
                "{value:g} mm a pixel is no dermatoscope's scale: give {least} to {most}, or none.",
                value=value,
                least=LEAST_SPACING,
                most=MOST_SPACING,
            )
        )
    return value
