"""What is said of records: to the page Cases and to the terminal.

Needs plain values. Knows no database and no page.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from derm.diagnoses import DIAGNOSES, INDEX
from derm.figures.text import capital, duration, fine_percent
from derm.json_checks import is_number
from derm.language.quantities import (
    lesions_counted,
    patients_counted,
    pictures_counted,
    rows_counted,
    visits_counted,
)
from derm.language.speech import day_text, mark, say, say_many
from derm.predict import words as case_words
from derm.predict.record import NO_ANSWER, NOT_REFERRED, REFER
from derm.records.entry import OTHER, Basis, Management, record_of, shown_of
from derm.records.sites import BY_CODE

if TYPE_CHECKING:
    from derm.predict.case import Case
    from derm.records.dataset import Drawn
    from derm.records.read import Counts, LesionHistory, LesionState, PictureHistory, PictureState
    from derm.records.verify import Verified
    from derm.records.write import Remains

CONFIDENTIAL = "It holds pictures and pseudonyms: keep it as you keep the records, on an encrypted disk."

MANAGEMENT_NAMES = {
    Management.DISCHARGE: mark("No follow-up needed"),
    Management.FOLLOW_UP: mark("Follow-up"),
    Management.BIOPSY: mark("Biopsy"),
    Management.EXCISE: mark("Excision"),
    Management.TREAT: mark("Other treatment"),
    Management.REFER: mark("Referral to a colleague"),
}

BASIS_NAMES = {
    Basis.HISTOLOGY: mark("Histology"),
    Basis.CONSENSUS: mark("Consensus of several clinicians"),
    Basis.FOLLOW_UP: mark("Follow-up"),
    Basis.CLINICAL: mark("Clinical picture"),
}

MANAGEMENT_IN_LINE = {
    Management.DISCHARGE: mark("no follow-up needed"),
    Management.FOLLOW_UP: mark("follow-up"),
    Management.BIOPSY: mark("biopsy"),
    Management.EXCISE: mark("excision"),
    Management.TREAT: mark("other treatment"),
    Management.REFER: mark("referral to a colleague"),
}

BASIS_IN_LINE = {
    Basis.HISTOLOGY: mark("histology"),
    Basis.CONSENSUS: mark("consensus of several clinicians"),
    Basis.FOLLOW_UP: mark("follow-up"),
    Basis.CLINICAL: mark("clinical picture"),
}

OPINION_LINES = {
    "before": mark("Before the answer, {author}: {diagnosis}, {management}, {confidence} % sure, in {span}; {time}."),
    "after": mark("After the answer, {author}: {diagnosis}, {management}, {confidence} % sure, in {span}; {time}."),
}

SOURCES = {"histology": mark("histology"), "correction": mark("correction"), "answer": mark("answer")}
"""What a lesion is held for rests on."""

SCALE_SOURCES = {"DICOM": "DICOM", "ruler": mark("ruler"), "given": mark("given")}

TO_DO = {REFER: mark("Refer"), NOT_REFERRED: mark("Not referred"), NO_ANSWER: mark("No answer")}

OPINION_FIRST = mark("Your opinion first")
OPINION_FIRST_HELP = mark(
    "The answer for a new picture is shown only after you have given your own diagnosis, management and confidence. "
    "They are final, and kept with the time that they took."
)
WITHHELD = mark("Your opinion first")
WITHHELD_NOTE = mark("The answer is shown once you have given your own.")
FINAL_NOTE = mark("Final once given: neither you nor anybody else can change it.")
ANSWER_KEPT = mark("Saved with the answer as it was shown.")
ANSWER_LACKS = mark(
    "Saved without the answer, for it is measured in an outline that the records did not have: save the outline, then "
    "this answer."
)
ANSWER_SINCE = mark("The answer on the page is another one than was kept: “{headline}” ({how}). It is not kept yet.")
OUTLINE_SINCE = mark("The outline was corrected after this case was saved, and is not kept yet.")
OUTLINE_OLDER = mark("The records keep this outline; another one was drawn later, and stands there.")
OUTLINE_BACK = mark("The records keep an outline that was drawn; here the model's own stands.")
OUTLINE_OTHER = mark("The records keep another outline that was drawn; the one on this page is not kept yet.")
OUTLINES_SINCE = {
    "new": OUTLINE_SINCE,
    "former": OUTLINE_OLDER,
    "model": OUTLINE_BACK,
    "other": OUTLINE_OTHER,
}
"""By the kinds of `derm.records.case.OtherOutline`."""

SCALE_SINCE = mark(
    "This picture was saved without a scale, and nothing is written over: {given:g} mm a pixel stands in documents "
    "alone. Set the scale before you save the next one."
)
OTHER_SCALE_SINCE = mark(
    "This picture was saved with {kept:g} mm a pixel, and nothing is written over: {given:g} stands in documents "
    "alone. Set the scale before you save the next one."
)
OPINION_LACKS = mark("Choose a diagnosis and a management first.")
NO_FILE = mark(
    "Drawings and pictures of the data set are no patient's, and are not saved: open a picture of your own. One whose "
    "file is no longer in memory can be saved once its file is chosen again."
)
OTHER_WEIGHTS = mark("This answer was given by other weights than those of this visit: open the picture anew.")
DIAGNOSIS_LACKS = mark("Choose a diagnosis first.")
DELETE_LACKS = mark("What you have written is not this patient's pseudonym: nothing was deleted.")
OUTLINE_FILE = mark("Outline: a PNG file of the picture's size, the lesion white on black")
GONE = mark("This lesion is no longer there.")
NO_CASES = mark("No lesion is saved yet")
NOTHING_FOUND = mark("No lesion meets this search.")
WORST = mark(
    "The worst picture of a visit decides: referral before a missing answer, then the higher malignant probability "
    "at the data's own mix of diagnoses."
)
DELETE_NOTE = mark("Removes rows and pictures for good.")
BACKUPS_STAY = mark("Backups and exports made before still hold the patient.")
STILL_READ = mark(
    "Somebody is reading the records, whose file therefore still holds the deleted text: it is overwritten when the "
    "records are opened after that, as `derm records verify` does."
)


def diagnosis_name(code: str | None) -> str:
    """A diagnosis by its code, as people read it."""
    if code is None:
        return "–"
    if code == OTHER:
        return say("Another diagnosis")
    return capital(DIAGNOSES[INDEX[code]].called) if code in INDEX else unknown(code)


def site_name(code: str) -> str:
    """A place on the body by its code."""
    return capital(place_called(code))


def place_called(code: str) -> str:
    """The same within a sentence."""
    return BY_CODE[code].called if code in BY_CODE else unknown(code)


def unknown(value: str) -> str:
    """A value that nobody can have entered, which shall not hide the others: see `derm records verify`."""
    return say("{value} (unknown)", value=f"'{value[:40]}'")


def local_time(at: str) -> str:
    """A time of the records, here: '2026-11-27 13:05 +01:00'."""
    try:
        here = datetime.fromisoformat(at).astimezone()
    except (ValueError, OverflowError):
        return unknown(at)
    zone = here.isoformat(timespec="minutes").partition("T")[2][5:]
    return f"{day_text(here.date())} {here:%H:%M} {zone}"


def day_said(day: str) -> str:
    """A day of the records, ISO 8601, as the language now spoken has it."""
    try:
        return day_text(date.fromisoformat(day))
    except ValueError:
        return unknown(day)


def what_to_do(referral: str | None) -> str:
    """What an answer said, in a word or two."""
    return say(TO_DO.get(referral or NO_ANSWER, TO_DO[NO_ANSWER]))


def state_line(state: "PictureState") -> str:
    """What decides of a picture: 'Refer: malignant 39 %. Melanoma.', with what pictures are ordered by where that is
    another figure."""
    advice = what_to_do(state.referral)
    if state.p_malignant is None or state.p_at_data is None:
        return f"{advice}."
    share, own = fine_percent(state.p_malignant), fine_percent(state.p_at_data)
    line = (
        say("{advice}: malignant {share}.", advice=advice, share=share)
        if share == own
        else say("{advice}: malignant {share}, at the data's own mix {own}.", advice=advice, share=share, own=own)
    )
    return line if state.diagnosis is None else f"{line} {diagnosis_name(state.diagnosis)}."


def lesion_title(state: "LesionState") -> str:
    """Whose lesion it is, and where."""
    return say(
        "{pseudonym}, lesion {label}, {place}",
        pseudonym=state.pseudonym,
        label=state.label,
        place=place_called(state.site),
    )


def held_for(state: "LesionState") -> str:
    """What the lesion is held for, and by whom: 'Melanoma (histology)'."""
    return f"{diagnosis_name(state.diagnosis)} ({say(SOURCES[state.source])})" if state.source else "–"


def counted(counts: "Counts") -> str:
    """How much is kept, and where the chain ends."""
    kept = ", ".join(
        (
            patients_counted(counts.patients),
            lesions_counted(counts.lesions),
            visits_counted(counts.visits),
            pictures_counted(counts.pictures),
        )
    )
    if not counts.last_hash:
        return f"{kept}."
    return f"{kept}. " + say("The chain of events ends in {hash}.", hash=counts.last_hash[:16])


def history_title(history: "LesionHistory") -> str:
    """Whose lesion it is, and where."""
    lesion = history.lesion
    return say(
        "{pseudonym}, lesion {label}, {place}",
        pseudonym=history.patient["pseudonym"],
        label=lesion["label"],
        place=place_called(lesion["site"]),
    )


def picture_line(picture: Mapping[str, object]) -> str:
    """A picture in one line: its name, and its scale where it is known."""
    scale, name = picture["mm_per_pixel"], str(picture["name"])
    if scale is None:
        return name
    return say(
        "{name}, {scale:g} mm a pixel ({source})", name=name, scale=scale, source=scale_source(picture["scale_source"])
    )


def scale_since(kept: float | None, given: float) -> str:
    """That a scale that was given after its picture had been saved, with `kept` or without one, is not kept."""
    return say(SCALE_SINCE, given=given) if kept is None else say(OTHER_SCALE_SINCE, kept=kept, given=given)


def answer_since(case: "Case") -> str:
    """Says that what the page shows of a kept picture is another answer by now, and how that came about."""
    how = _how(case.views, case.mix_share, forms=case.forms.begun)
    return say(ANSWER_SINCE, headline=case_words.headline(case), how=how)


def _how(views: int, share: float | None, *, forms: bool) -> str:
    """How an answer was made: over how many views, at which share of malignant lesions, where that is known, and
    whether forms were filled in beside it."""
    said = say_many("{count} view", "{count} views", views)
    if share is not None:
        said = say("{views}, where {share} of lesions are malignant", views=said, share=case_words.share_set(share))
    return say("{before}, {one}", before=said, one=say("forms filled in")) if forms else said


def scale_source(source: object) -> str:
    """Where a scale comes from, by its word in the records."""
    return say(SCALE_SOURCES.get(str(source), str(source)))


def picture_alt(one: "PictureHistory") -> str:
    """What a kept picture shows, for who does not see it."""
    if any(row["outline"] is not None for row in one.corrections):
        return say("{name}, with the corrected outline", name=one.picture["name"])
    if one.answers:
        return say("{name}, with the outline of the answer", name=one.picture["name"])
    return say("{name}, as it came", name=one.picture["name"])


def answer_lines(answer: Mapping[str, object]) -> list[str]:
    """An answer as it was shown: doubts, what to do, the likeliest, and who saw it when, of which weights."""
    shown = shown_of(str(answer["shown"])) or {"headline": say("This answer is damaged.")}
    lines = [*shown.get("doubts", ()), f"{shown['headline']} {shown.get('second_line', '')}".strip()]
    share = (record_of(str(answer["record"])) or {}).get("malignant_share")
    seen = say(
        "Shown to {author} on {time}; weights {weights}; {how}.",
        author=answer["author"],
        time=local_time(str(answer["created_at"])),
        weights=answer["weights"],
        how=_how(int(str(answer["views"])), share if is_number(share) else None, forms=_has_forms(answer)),
    )
    return [*lines, seen]


def _has_forms(answer: Mapping[str, object]) -> bool:
    forms = (record_of(str(answer["shown"])) or {}).get("forms")
    return isinstance(forms, dict) and any(form is not None for form in forms.values())


def opinion_line(opinion: Mapping[str, object]) -> str:
    """An opinion as one line of text."""
    return say(
        OPINION_LINES[str(opinion["stage"])],
        author=opinion["author"],
        diagnosis=diagnosis_name(str(opinion["diagnosis"])),
        management=_called(MANAGEMENT_IN_LINE, str(opinion["management"])),
        confidence=opinion["confidence"],
        span=seconds(float(str(opinion["seconds"]))),
        time=local_time(str(opinion["created_at"])),
    )


def _called(names: Mapping[Any, str], code: str) -> str:
    return say(names[code]) if code in names else unknown(code)


def correction_lines(corrections: Sequence[Mapping[str, object]]) -> list[str]:
    """Corrections of one picture, first to last, each as one line of text: what its author gave.

    What a correction takes over from the one before it is that one's, and told there: who draws an outline says nothing
    of a diagnosis that somebody else has entered.
    """
    formers = {row["id"]: row for row in corrections}
    return [_correction_line(row, formers.get(row["replaces"])) for row in corrections]


def _correction_line(correction: Mapping[str, object], former: Mapping[str, object] | None) -> str:
    same = {name: former is not None and correction[name] == former[name] for name in ("diagnosis", "basis", "outline")}
    redrawn = correction["outline"] is not None and not same["outline"]
    parts = []
    if correction["diagnosis"] is not None and not (redrawn and same["diagnosis"] and same["basis"]):
        basis = _called(BASIS_IN_LINE, str(correction["basis"]))
        parts.append(f"{diagnosis_name(str(correction['diagnosis']))} ({basis})")
    if redrawn:
        parts.append(say("outline drawn anew"))
    return say(
        "Corrected by {author}: {parts}; {time}.",
        author=correction["author"],
        parts=", ".join(parts),
        time=local_time(str(correction["created_at"])),
    )


def histology_line(histology: Mapping[str, object]) -> str:
    """A histology as one line of text."""
    line = say(
        "Histology of {day}: {diagnosis}.",
        day=day_said(str(histology["day"])),
        diagnosis=diagnosis_name(str(histology["diagnosis"])),
    )
    return f"{line} {histology['words']}" if histology["words"] else line


def seconds(value: float) -> str:
    """A span as it was measured: 12 s, or in minutes."""
    return f"{value:.0f} s" if value < 90 else duration(value)


def saved(pseudonym: str, label: str, visits: int) -> str:
    """What was done."""
    return say(
        "Saved: {pseudonym}, lesion {label}, {visits}.", pseudonym=pseudonym, label=label, visits=visits_counted(visits)
    )


def deleted(pseudonym: str, remains: "Remains") -> str:
    """What was removed, and what remains."""
    removed = say(
        "{pseudonym} is deleted: {rows} and {pictures}.",
        pseudonym=pseudonym,
        rows=rows_counted(remains.rows),
        pictures=pictures_counted(remains.pictures),
    )
    stays = say_many(
        "In the chain {count:,} event remains: when, by whom and of what kind, with random numbers and salted hashes "
        "that tell nothing of the patient.",
        "In the chain {count:,} events remain: when, by whom and of what kind, with random numbers and salted hashes "
        "that tell nothing of the patient.",
        remains.events,
    )
    lasts = f" {say(STILL_READ)}" if remains.read else ""
    return f"{removed} {stays}{lasts} {say(BACKUPS_STAY)}"


def delete_warning(pseudonym: str) -> tuple[str, str, str]:
    """What is asked first, and what it means."""
    asked = say("Delete {pseudonym} with all lesions, visits, pictures, answers and opinions?", pseudonym=pseudonym)
    return asked, say(DELETE_NOTE), say(BACKUPS_STAY)


def transferred(found: Mapping[str, int], place: str) -> str:
    """What was written or read."""
    rows = sum(number for name, number in found.items() if name != "pictures")
    return f"{quantity(rows, 'row', 'rows')} and {quantity(found['pictures'], 'picture', 'pictures')}: {place}"


def drawn(found: "Drawn", place: str) -> str:
    """What went into a data set."""
    counted = (
        f"{quantity(found.pictures, 'picture', 'pictures')}, {found.diagnosed:,} with a confirmed diagnosis, "
        f"{found.outlined:,} with a corrected outline: {place}"
    )
    lines = [counted]
    if found.ageless:
        names = ", ".join(found.ageless)
        lines.append(f"Without an age, for nobody is so old as year of birth and visit say: {names}")
    if found.unread:
        lines.append(left_out(found.unread))
    return "\n".join(lines)


def left_out(unread: Sequence[str]) -> str:
    """That kept pictures are left out of a data set, for they cannot be read. unread: why, a sentence for each."""
    return say_many(
        "{count} kept picture is left out, for it cannot be read: {sentence}",
        "{count} kept pictures are left out, for they cannot be read, the first for this reason: {sentence}",
        len(unread),
        sentence=unread[0],
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


def today() -> date:
    """The day here."""
    return datetime.now(UTC).astimezone().date()
