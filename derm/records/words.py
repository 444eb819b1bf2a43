"""What is said of records: to the page Cases and to the terminal.

Needs plain values. Knows no database and no page.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from derm.diagnoses import DIAGNOSES, INDEX
from derm.figures.text import capital, duration, fine_percent
from derm.predict.record import NO_ANSWER, NOT_REFERRED, REFER
from derm.records.entry import OTHER, Basis, Management
from derm.records.sites import BY_CODE

if TYPE_CHECKING:
    from derm.records.dataset import Drawn
    from derm.records.read import Counts, LesionHistory, LesionState, PictureHistory, PictureState
    from derm.records.verify import Verified
    from derm.records.write import Remains

CONFIDENTIAL = "It holds pictures and pseudonyms: keep it as you keep the records, on an encrypted disk."

MANAGEMENT_NAMES = {
    Management.DISCHARGE: "No follow-up needed",
    Management.FOLLOW_UP: "Follow-up",
    Management.BIOPSY: "Biopsy",
    Management.EXCISE: "Excision",
    Management.TREAT: "Other treatment",
    Management.REFER: "Referral to a colleague",
}

BASIS_NAMES = {
    Basis.HISTOLOGY: "Histology",
    Basis.CONSENSUS: "Consensus of several clinicians",
    Basis.FOLLOW_UP: "Follow-up",
    Basis.CLINICAL: "Clinical picture",
}

TO_DO = {REFER: "Refer", NOT_REFERRED: "Not referred", NO_ANSWER: "No answer"}

OPINION_FIRST = "Your opinion first"
OPINION_FIRST_HELP = (
    "The answer for a new picture is shown only after you have given your own diagnosis, management and confidence. "
    "They are final, and kept with the time that they took."
)
WITHHELD = "Your opinion first"
WITHHELD_NOTE = "The answer is shown once you have given your own."
FINAL_NOTE = "Final once given: neither you nor anybody else can change it."
ANSWER_KEPT = "Saved with the answer as it was shown."
OPINION_LACKS = "Choose a diagnosis and a management first."
NO_FILE = (
    "Drawings and pictures of the data set are no patient's, and are not saved: open a picture of your own. One whose "
    "file is no longer in memory can be saved once its file is chosen again."
)
OTHER_WEIGHTS = "This answer was given by other weights than those of this visit: open the picture anew."
DIAGNOSIS_LACKS = "Choose a diagnosis first."
DELETE_LACKS = "What you have written is not this patient's pseudonym: nothing was deleted."
OUTLINE_FILE = "Outline: a PNG file of the picture's size, the lesion white on black"
GONE = "This lesion is no longer there."
NO_CASES = "No lesion is saved yet"
NOTHING_FOUND = "No lesion meets this search."
WORST = "The worst picture of a visit decides: referral before a missing answer, then the higher malignant probability."
DELETE_NOTE = "Removes rows and pictures for good. Backups and exports made before still hold the patient."


def diagnosis_name(code: str | None) -> str:
    """A diagnosis by its code, as people read it."""
    if code is None:
        return "–"
    return "Another diagnosis" if code == OTHER else capital(DIAGNOSES[INDEX[code]].name)


def site_name(code: str) -> str:
    """A place on the body by its code."""
    return capital(BY_CODE[code].name)


def local_time(at: str) -> str:
    """A time of the records, here: '2026-11-27 13:05 +01:00'."""
    return datetime.fromisoformat(at).astimezone().isoformat(sep=" ", timespec="minutes").replace("+", " +")


def what_to_do(referral: str | None) -> str:
    """What an answer said, in a word or two."""
    return TO_DO.get(referral or NO_ANSWER, "No answer")


def state_line(state: "PictureState") -> str:
    """What decides of a picture: 'Refer: malignant 39 %. Melanoma.'"""
    if state.p_malignant is None:
        return f"{what_to_do(state.referral)}."
    named = "" if state.diagnosis is None else f" {diagnosis_name(state.diagnosis)}."
    return f"{what_to_do(state.referral)}: malignant {fine_percent(state.p_malignant)}.{named}"


def lesion_title(state: "LesionState") -> str:
    """Whose lesion it is, and where."""
    return f"{state.pseudonym}, lesion {state.label}, {BY_CODE[state.site].name}"


def held_for(state: "LesionState") -> str:
    """What the lesion is held for, and by whom: 'Melanoma (histology)'."""
    return f"{diagnosis_name(state.diagnosis)} ({state.source})" if state.source else "–"


def counted(counts: "Counts") -> str:
    """How much is kept, and where the chain ends."""
    kept = ", ".join(
        quantity(number, *names)
        for number, names in (
            (counts.patients, ("patient", "patients")),
            (counts.lesions, ("lesion", "lesions")),
            (counts.visits, ("visit", "visits")),
            (counts.pictures, ("picture", "pictures")),
        )
    )
    end = f" The chain of events ends in {counts.last_hash[:16]}." if counts.last_hash else ""
    return f"{kept}.{end}"


def history_title(history: "LesionHistory") -> str:
    """Whose lesion it is, and where."""
    lesion = history.lesion
    return f"{history.patient['pseudonym']}, lesion {lesion['label']}, {BY_CODE[lesion['site']].name}"


def picture_line(picture: Mapping[str, object]) -> str:
    """A picture in one line: its name, and its scale where it is known."""
    scale = picture["mm_per_pixel"]
    return f"{picture['name']}" + ("" if scale is None else f", {scale:g} mm a pixel ({picture['scale_source']})")


def picture_alt(one: "PictureHistory") -> str:
    """What a kept picture shows, for who does not see it."""
    if any(row["outline"] is not None for row in one.corrections):
        return f"{one.picture['name']}, with the corrected outline"
    return f"{one.picture['name']}, " + ("with the outline of the answer" if one.answers else "as it came")


def answer_lines(answer: Mapping[str, object]) -> list[str]:
    """An answer as it was shown: doubts, what to do, the likeliest, and who saw it when, of which weights."""
    shown = json.loads(str(answer["shown"]))
    lines = [*shown.get("doubts", ()), f"{shown['headline']} {shown.get('second_line', '')}".strip()]
    seen = f"Shown to {answer['author']} on {local_time(str(answer['created_at']))}; weights {answer['weights']}."
    return [*lines, seen]


def opinion_line(opinion: Mapping[str, object]) -> str:
    """An opinion as one line of text."""
    management = MANAGEMENT_NAMES[Management(str(opinion["management"]))].lower()
    return (
        f"{capital(str(opinion['stage']))} the answer, {opinion['author']}: "
        f"{diagnosis_name(str(opinion['diagnosis']))}, {management}, {opinion['confidence']} % sure, in "
        f"{seconds(float(str(opinion['seconds'])))}; {local_time(str(opinion['created_at']))}."
    )


def correction_line(correction: Mapping[str, object]) -> str:
    """A correction as one line of text."""
    parts = []
    if correction["diagnosis"] is not None:
        basis = BASIS_NAMES[Basis(str(correction["basis"]))].lower()
        parts.append(f"{diagnosis_name(str(correction['diagnosis']))} ({basis})")
    if correction["outline"] is not None:
        parts.append("outline drawn anew")
    return f"Corrected by {correction['author']}: {', '.join(parts)}; {local_time(str(correction['created_at']))}."


def histology_line(histology: Mapping[str, object]) -> str:
    """A histology as one line of text."""
    said = f" {histology['words']}" if histology["words"] else ""
    return f"Histology of {histology['day']}: {diagnosis_name(str(histology['diagnosis']))}.{said}"


def seconds(value: float) -> str:
    """A span as it was measured: 12 s, or in minutes."""
    return f"{value:.0f} s" if value < 90 else duration(value)


def saved(pseudonym: str, label: str, visits: int) -> str:
    """What was done."""
    return f"Saved: {pseudonym}, lesion {label}, {quantity(visits, 'visit', 'visits')}."


def deleted(pseudonym: str, remains: "Remains") -> str:
    """What was removed, and what remains."""
    return (
        f"{pseudonym} is deleted: {quantity(remains.rows, 'row', 'rows')} and "
        f"{quantity(remains.pictures, 'picture', 'pictures')}. In the chain "
        f"{quantity(remains.events, 'event remains', 'events remain')}: when, by whom and of what kind, with random "
        "numbers and salted hashes that tell nothing of the patient. " + DELETE_NOTE.partition(". ")[2]
    )


def delete_question(pseudonym: str) -> str:
    """What is asked first."""
    return f"Delete {pseudonym} with all lesions, visits, pictures, answers and opinions?"


def transferred(found: Mapping[str, int], place: str) -> str:
    """What was written or read."""
    rows = sum(number for name, number in found.items() if name != "pictures")
    return f"{quantity(rows, 'row', 'rows')} and {quantity(found['pictures'], 'picture', 'pictures')}: {place}"


def drawn(found: "Drawn", place: str) -> str:
    """What went into a data set."""
    return (
        f"{quantity(found.pictures, 'picture', 'pictures')}, {found.diagnosed:,} with a confirmed diagnosis, "
        f"{found.outlined:,} with a corrected outline: {place}"
    )


def verified(found: "Verified") -> str:
    """What a verification found."""
    if found.broken is not None:
        return f"Broken: row {found.broken.row} of the table {found.broken.table} {found.broken.why}."
    return (
        f"Whole: {quantity(found.events, 'event', 'events')}, {quantity(found.rows, 'row', 'rows')}, "
        f"{quantity(found.pictures, 'picture', 'pictures')}. The last hash is {found.last_hash or 'none yet'}."
    )


def quantity(number: int, one: str, many: str) -> str:
    """'1 row', '2,000 rows'."""
    return f"{number:,} {one if number == 1 else many}"


def today() -> str:
    """The day here, ISO 8601."""
    return datetime.now(UTC).astimezone().date().isoformat()
