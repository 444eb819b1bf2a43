"""What may be entered: words checked and cleaned before they reach the records, each with a sentence where it is wrong.

Needs plain values. Knows no database.
"""

import math
import unicodedata
from datetime import UTC, date, datetime
from enum import StrEnum

from derm.diagnoses import CODES
from derm.errors import RecordsFault
from derm.records.sites import BY_CODE

LONGEST = 2000
"""Characters of a text, at most."""

LONGEST_NAME = 80
"""Characters of a name, at most."""

OTHER = "other"
"""A diagnosis outside the seven."""

DIAGNOSIS_CODES = (*CODES, OTHER)
"""What a clinician may call a lesion."""

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


def now() -> str:
    """The moment, ISO 8601 in UTC with microseconds: 32 characters, which sort as time does."""
    return moment(datetime.now(UTC))


def moment(when: datetime) -> str:
    """`when`, which has a zone, as `now` writes it. Raises ValueError without a zone."""
    if when.tzinfo is None:
        raise ValueError(f"{when} has no zone")
    return when.astimezone(UTC).isoformat(timespec="microseconds")


def name(value: str, what: str) -> str:
    """A name of one line, cleaned; what: of what, as in 'pseudonym'. Raises RecordsFault for none or a long one."""
    found = text(value, what, LONGEST_NAME)
    if found is None:
        raise RecordsFault(f"The {what} is empty: give one of up to {LONGEST_NAME} characters.")
    return " ".join(found.split())


def text(value: str | None, what: str, longest: int = LONGEST) -> str | None:
    """A text without control characters, None for an empty one. Raises RecordsFault for one that is too long."""
    kept = "".join(
        letter
        for letter in unicodedata.normalize("NFC", value or "").encode(errors="replace").decode()
        if letter in "\n\t" or unicodedata.category(letter) != "Cc"
    ).strip()
    if len(kept) > longest:
        raise RecordsFault(f"The {what} has {len(kept):,} characters: at most {longest:,} are kept.")
    return kept or None


def day(value: date | str) -> str:
    """A day as ISO 8601, such as 2026-11-27. Raises RecordsFault for none, or one that is yet to come."""
    try:
        found = value if isinstance(value, date) else date.fromisoformat(value)
    except ValueError as error:
        raise RecordsFault(f"'{value}' is no day: write it as year-month-day, such as 2026-11-27.") from error
    if found.year < 1900 or found > datetime.now(UTC).astimezone().date():
        raise RecordsFault(f"{found.isoformat()} is no day of a visit: give one from 1900 until today.")
    return found.isoformat()


def birth_year(value: int | None) -> int | None:
    """A year of birth, or None. Raises RecordsFault for one that nobody alive has."""
    if value is not None and not 1900 <= value <= datetime.now(UTC).year:
        raise RecordsFault(f"{value} is no year of birth: give one from 1900 until this year, or none.")
    return value


def choice(value: str, choices: tuple[str, ...], what: str) -> str:
    """One of `choices`. Raises RecordsFault for another."""
    if value not in choices:
        raise RecordsFault(f"'{value}' is no {what}: use one of {', '.join(choices)}.")
    return value


def diagnosis(value: str) -> str:
    """One of the seven codes, or `OTHER`. Raises RecordsFault for another."""
    return choice(value, DIAGNOSIS_CODES, "diagnosis")


def site(value: str) -> str:
    """Code of a place on the body. Raises RecordsFault for another, or none."""
    if not value:
        raise RecordsFault("Choose the place on the body first.")
    return choice(value, tuple(BY_CODE), "place on the body map")


def confidence(value: int) -> int:
    """How sure, 0 … 100 percent. Raises RecordsFault for another."""
    if not 0 <= value <= 100:
        raise RecordsFault(f"A confidence of {value} is none: give 0 to 100 percent.")
    return int(value)


def seconds(value: float) -> float:
    """A span of time in seconds, to the millisecond. Raises RecordsFault for a negative one or none."""
    if not math.isfinite(value) or value < 0:
        raise RecordsFault(f"{value} seconds are no span of time: expected 0 or more.")
    return round(float(value), 3)


def scale(value: float | None) -> float | None:
    """Millimetres a pixel, or None. Raises RecordsFault for one that no dermatoscope has."""
    from derm.image.dicom import LEAST_SPACING, MOST_SPACING

    if value is not None and not LEAST_SPACING <= value <= MOST_SPACING:
        raise RecordsFault(
            f"{value:g} mm a pixel is no dermatoscope's scale: give {LEAST_SPACING} to {MOST_SPACING}, or none."
        )
    return value
