"""What the records tell: patients and lesions searched, a lesion's history over its visits, the worst picture first.

Needs open `Records`. Knows nothing of pages.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Table, func, select

from derm.diagnoses import DIAGNOSES, INDEX
from derm.errors import RecordsFault
from derm.json_checks import is_number
from derm.language.speech import say
from derm.metrics.prior import change_share
from derm.predict.record import NO_ANSWER, NOT_REFERRED, REFER
from derm.records import tables
from derm.records.connect import Records
from derm.records.entry import TRUSTED, is_sum, record_of
from derm.records.write import REMOVED, find_named, last_event
from derm.spelling import cleaned

Entry = dict[str, Any]
"""A row of one of `tables.ENTRIES`, by column."""

LEVELS = (REFER, NO_ANSWER, NOT_REFERRED)
"""What to do, the most urgent first."""


Written = TypeVar("Written")


class Query(NamedTuple):
    """What is searched; what is empty filters nothing."""

    text: str = ""
    """In pseudonym, lesion's name or file's name; letters' case does not matter."""

    site: str = ""
    referral: str = ""
    """One of `LEVELS`."""

    diagnosis: str = ""
    """Code of what the lesion is held for: by histology, else correction, see `standing_corrections`, else the
    likeliest of the worst picture."""

    since: str = ""
    """Day of the last visit, from."""

    until: str = ""
    """The same, to."""

    histology: bool | None = None
    """Whether the lesion has one."""


class PictureState(NamedTuple):
    """A picture with the answer that counts: its last one."""

    picture_id: str
    day: str
    name: str
    referral: str | None
    """What the answer said; None where there is none."""

    p_malignant: float | None
    """0 … 1, as it was shown; None without an answer that can be relied on."""

    p_at_data: float | None
    """The same at the data's own mix, see `at_data`: what pictures are ordered by."""

    diagnosis: str | None


class LesionState(NamedTuple):
    """One row of what was found: a lesion as its last visit has it."""

    patient_id: str
    pseudonym: str
    lesion_id: str
    label: str
    site: str
    visits: int
    pictures: int
    worst: PictureState
    """Of the last visit: the worst picture decides, see `worst_of`."""

    diagnosis: str | None
    """See `Query.diagnosis`."""

    source: str
    """Where that comes from: 'histology', 'correction', 'answer', or '' for none."""


class StandingCorrection(NamedTuple):
    """The corrected diagnosis that a lesion is held for, and what it rests on."""

    diagnosis: str
    basis: str


class PictureHistory(NamedTuple):
    """A picture with all that was said of it, in the order of entry."""

    picture: Entry
    answers: tuple[Entry, ...]
    opinions: tuple[Entry, ...]
    corrections: tuple[Entry, ...]


class VisitHistory(NamedTuple):
    """A visit, with the pictures that it has of one lesion."""

    visit: Entry
    pictures: tuple[PictureHistory, ...]
    worst: PictureState


class LesionHistory(NamedTuple):
    """A lesion over its visits, the newest first."""

    patient: Entry
    lesion: Entry
    visits: tuple[VisitHistory, ...]
    histology: tuple[Entry, ...]
    """In the order of entry: the last one counts."""


class Counts(NamedTuple):
    """How much there is."""

    patients: int
    lesions: int
    visits: int
    pictures: int
    last_hash: str
    """The chain's end; '' before anything was entered."""


def worst_of(states: Iterable[PictureState]) -> PictureState:
    """The picture that decides: referral before a missing answer before none, then the higher malignant probability at
    the data's own mix.

    Raises ValueError for no picture.
    """
    return min(states, key=lambda one: (*_urgency(one), one.name))


def malignant(code: str | None) -> bool | None:
    """Whether a diagnosis by code is malignant; None for none, or one outside the seven."""
    return DIAGNOSES[INDEX[code]].malignant if code in INDEX else None


def search(records: Records, query: Query | None = None) -> list[LesionState]:
    """Every lesion that has a picture and meets `query`, the most urgent first, then the one seen last."""
    wanted = query or Query()
    with records.reading() as connection:
        lesions = _lesions(connection)
    return sorted(
        (one for one, names in lesions if _meets(one, names, wanted)),
        key=lambda one: (*_urgency(one.worst), one.pseudonym, one.label),
    )


def patients(records: Records) -> list[Entry]:
    """All patients by pseudonym."""
    with records.reading() as connection:
        return rows_of(connection, tables.patient, order=tables.patient.c.pseudonym)


def patient_called(records: Records, typed: str) -> Entry | None:
    """The patient whose pseudonym somebody has `typed`, as `find_named` finds it; None for none."""
    with records.reading() as connection:
        patient_id = find_named(connection, tables.patient.c.pseudonym, typed)
        return next(iter(rows_of(connection, tables.patient, tables.patient.c.id == patient_id)), None)


def lesions_of(records: Records, pseudonym: str) -> list[Entry]:
    """The lesions of a patient by name; none for one that is not known."""
    lesion = tables.lesion
    with records.reading() as connection:
        patient_id = find_named(connection, tables.patient.c.pseudonym, pseudonym)
        return rows_of(connection, lesion, lesion.c.patient_id == patient_id, order=lesion.c.label)


def counts(records: Records) -> Counts:
    """How much there is."""
    with records.reading() as connection:
        numbers = [
            int(connection.scalar(select(func.count()).select_from(table)) or 0)
            for table in (tables.patient, tables.lesion, tables.visit, tables.picture)
        ]
        last = last_event(connection)
    people, places, days, files = numbers
    return Counts(people, places, days, files, "" if last is None else last.hash)


def last_hash(records: Records) -> str:
    """The chain's end as it is now; '' before anything was entered."""
    with records.reading() as connection:
        last = last_event(connection)
    return "" if last is None else last.hash


def undisturbed(records: Records, write: Callable[[Callable[[], None]], Written]) -> Written:
    """What `write` gives, which reads rows and then their pictures; begun anew where a patient was deleted meanwhile.

    For then pictures are gone that its rows name, and what it writes shall not hold the patient. `write` is given a
    function to call when all is written and before it is put in its place, which ends it where that is so.
    """
    while True:
        before = _removed(records)
        try:
            return write(partial(_check_removed, records, before))
        except RecordsFault:
            if _removed(records) == before:
                raise


def _check_removed(records: Records, before: int) -> None:
    if _removed(records) != before:
        raise RecordsFault(say("A patient was deleted while this was written: write it again."))


def _removed(records: Records) -> int:
    """How many rows were ever removed."""
    with records.reading() as connection:
        events = select(func.count()).select_from(tables.event).where(tables.event.c.kind == REMOVED)
        return connection.scalar(events) or 0


def lesion_history(records: Records, lesion_id: str) -> LesionHistory | None:
    """All that is known of a lesion; None where it is gone."""
    with records.reading() as connection:
        found = rows_of(connection, tables.lesion, tables.lesion.c.id == lesion_id)
        if not found:
            return None
        (lesion,) = found
        (patient,) = rows_of(connection, tables.patient, tables.patient.c.id == lesion["patient_id"])
        pictures = rows_of(connection, tables.picture, tables.picture.c.lesion_id == lesion_id)
        keys = [picture["id"] for picture in pictures]
        said = {
            table.name: rows_of(connection, table, table.c.picture_id.in_(keys))
            for table in (tables.answer, tables.opinion, tables.correction)
        }
        visits = rows_of(
            connection,
            tables.visit,
            tables.visit.c.id.in_([picture["visit_id"] for picture in pictures]),
            order=tables.visit.c.day.desc(),
        )
        histology = rows_of(connection, tables.histology, tables.histology.c.lesion_id == lesion_id)
    told = [_visit_history(visit, pictures, said) for visit in visits]
    return LesionHistory(patient, lesion, tuple(told), tuple(histology))


def find_picture(records: Records, sha256: str) -> list[Entry]:
    """Every picture with these bytes, the newest first: the same file may have been saved before."""
    picture = tables.picture
    with records.reading() as connection:
        return rows_of(connection, picture, picture.c.sha256 == sha256, order=tables.entered(picture).desc())


def _visit_history(visit: Entry, pictures: Sequence[Entry], said: dict[str, list[Entry]]) -> VisitHistory:
    told = []
    for picture in pictures:
        if picture["visit_id"] == visit["id"]:
            about = [
                tuple(row for row in said[name] if row["picture_id"] == picture["id"])
                for name in ("answer", "opinion", "correction")
            ]
            told.append(PictureHistory(picture, *about))
    states = [_state(visit["day"], one.picture, one.answers[-1] if one.answers else None) for one in told]
    return VisitHistory(visit, tuple(told), worst_of(states))


def at_data(answer: Entry) -> float:
    """The malignant sum of an answer, 0 … 1, at the data's own mix of diagnoses, whatever share it was shown at: only
    there do two answers compare. As it was shown where its record does not tell the shares, as older ones do not.
    """
    shown: float = answer["p_malignant"]
    moved = shares_of(record_of(answer["record"]) or {})
    return shown if moved is None else float(change_share(shown, *moved))


def shares_of(record: Mapping[str, Any]) -> tuple[float, float] | None:
    """The share of malignant lesions that an answer was shown at and that of the data, above 0, below 1; None where
    they are one, or the record does not tell them."""
    share: Any = record.get("malignant_share")
    own: Any = record.get("data_malignant_share")
    if not (is_number(share) and is_number(own) and 0 < share < 1 and 0 < own < 1) or share == own:
        return None
    return share, own


def _state(day: str, picture: Entry, answer: Entry | None) -> PictureState:
    if answer is None:
        return PictureState(picture["id"], day, picture["name"], None, None, None, None)
    # A sum beyond 0 and 1 was not entered through Derm; it takes nobody's table away.
    answered = answer["answerable"] and is_sum(answer["p_malignant"])
    shown, own = (answer["p_malignant"], at_data(answer)) if answered else (None, None)
    return PictureState(picture["id"], day, picture["name"], answer["referral"], shown, own, answer["diagnosis"])


def _urgency(one: PictureState) -> tuple[int, float]:
    return _level(one.referral), -(one.p_at_data or 0.0)


def _lesions(connection: Connection) -> list[tuple[LesionState, str]]:
    """Every lesion with a picture, and all names by which it may be searched."""
    patient, lesion, visit, picture, answer = tables.ENTRIES[:5]
    people = {row["id"]: row for row in rows_of(connection, patient)}
    days = dict(connection.execute(select(visit.c.id, visit.c.day)).all())
    brief = ("picture_id", "answerable", "referral", "diagnosis", "p_malignant", "record")
    said = connection.execute(select(*(answer.c[name] for name in brief)).order_by(tables.entered(answer))).mappings()
    answers = {row["picture_id"]: dict(row) for row in said}  # the last one counts
    corrected = standing_corrections(connection)
    histology = tables.histology
    proven = select(histology.c.lesion_id, histology.c.diagnosis).order_by(tables.entered(histology))
    found = dict(connection.execute(proven).all())  # the last one counts
    pictures: dict[str, list[Entry]] = {}
    for row in rows_of(connection, picture):
        pictures.setdefault(row["lesion_id"], []).append(row)
    made = []
    for one in rows_of(connection, lesion):
        # What hangs in the air was changed past Derm: `derm records verify` names it, and it takes no list away.
        mine = [row for row in pictures.get(one["id"], []) if row["visit_id"] in days]
        if not mine or one["patient_id"] not in people:
            continue
        last = max(days[row["visit_id"]] for row in mine)
        newest = [row for row in mine if days[row["visit_id"]] == last]
        worst = worst_of(_state(last, row, answers.get(row["id"])) for row in newest)
        said_of = corrected.get(one["id"])
        held = found.get(one["id"]) or (said_of.diagnosis if said_of else worst.diagnosis)
        source = "histology" if one["id"] in found else "correction" if said_of else "answer" if held else ""
        who = people[one["patient_id"]]
        state = LesionState(
            who["id"], who["pseudonym"], one["id"], one["label"], one["site"],
            len({row["visit_id"] for row in mine}), len(mine), worst, held, source,
        )  # fmt: skip
        names = "\n".join(map(cleaned, [who["pseudonym"], one["label"], *(row["name"] for row in mine)]))
        made.append((state, names))
    return made


def standing_corrections(connection: Connection) -> dict[str, StandingCorrection]:
    """Of each lesion that has any, the corrected diagnosis that counts, by the lesion's key.

    Of each picture the last one stands. Among the lesion's pictures, of whatever visit, one that can be trusted goes
    before a clinical impression, then the one that was entered last.
    """
    said, former, picture = tables.correction, tables.correction.alias("former"), tables.picture
    redrawn = said.c.outline.is_distinct_from(former.c.outline)
    rows = connection.execute(
        select(said.c.picture_id, picture.c.lesion_id, said.c.diagnosis, said.c.basis, redrawn)
        .join_from(said, picture, said.c.picture_id == picture.c.id)
        .outerjoin(former, said.c.replaces == former.c.id)
        .order_by(tables.entered(said))
    )
    standing: dict[str, tuple[str, StandingCorrection]] = {}
    for picture_id, lesion_id, diagnosis, basis, outline in rows:
        if diagnosis is None or (outline and standing.get(picture_id) == (lesion_id, (diagnosis, basis))):
            continue  # a corrected outline takes the diagnosis over, and says nothing of it anew
        standing.pop(picture_id, None)  # to the end
        standing[picture_id] = lesion_id, StandingCorrection(diagnosis, basis)
    return dict(sorted(standing.values(), key=lambda one: one[1].basis in TRUSTED))  # those that count most come last


def _meets(one: LesionState, names: str, query: Query) -> bool:
    return (
        cleaned(query.text).casefold() in names.casefold()
        and query.site in ("", one.site)
        and query.referral in ("", one.worst.referral or NO_ANSWER)
        and query.diagnosis in ("", one.diagnosis or "")
        and (not query.since or one.worst.day >= query.since)
        and (not query.until or one.worst.day <= query.until)
        and query.histology in (None, one.source == "histology")
    )


def _level(referral: str | None) -> int:
    return LEVELS.index(referral) if referral in LEVELS else LEVELS.index(NO_ANSWER)


def rows_of(connection: Connection, table: Table, *conditions: Any, order: Any = None) -> list[Entry]:  # noqa: ANN401
    """Rows in the order of entry, or another one."""
    ordered = select(table).where(*conditions).order_by(tables.entered(table) if order is None else order)
    return [dict(row) for row in connection.execute(ordered).mappings()]
