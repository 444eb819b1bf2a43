"""What is entered into the records: each row together with its event, all of one deed in one transaction.

Needs open `Records`. Every function names who does it. What a clinician says before the answer is final; nothing is
written over. Raises RecordsFault for what cannot be entered, in one sentence. Knows nothing of pages.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Table, delete, func, insert, select, text, update

from derm.errors import DermError, OtherPlace, RecordsFault
from derm.language.speech import mark, say
from derm.predict.packed import pack
from derm.records import chain, entry, store, tables
from derm.records.connect import Records, empty_log, finish_removals
from derm.records.entry import Basis, Management
from derm.records.words import place_called

ENTERED, CHANGED, REMOVED = "entered", "changed", "removed"
"""Kinds of events about a row."""

SHOWN = "answer shown"
"""Kind of the event that an answer which is not kept was shown of a picture, by its key, to who did it."""


class Opinion(NamedTuple):
    """What a clinician thinks of a picture, and how long that took."""

    diagnosis: str
    """One of the seven codes, or 'other'."""

    management: Management
    confidence: int
    """0 … 100 percent."""

    asked_at: str
    """When the question was shown, see `entry.moment`."""

    seconds: float
    """From then to the click that gave it."""

    note: str | None = None


class NewPicture(NamedTuple):
    """A picture's file, and where it belongs."""

    pseudonym: str
    lesion: str
    """The lesion's name among those of this patient, such as 'A'."""

    site: str
    """Code of `derm.records.sites`; '' for that of a lesion that is there."""

    day: date | str
    """Of the visit."""

    name: str
    """What the file is called."""

    content: bytes
    """The file as it came."""

    width: int
    height: int
    mm_per_pixel: float | None = None
    scale_source: str | None = None
    """Where the scale comes from: 'DICOM', 'ruler' or 'given'."""

    lesion_known: bool | None = None
    """Whether the patient had such a lesion when its place was asked for, or shown; None where nobody looked. What
    somebody else has entered, moved or deleted since is not taken for it unasked."""


class Saved(NamedTuple):
    """Keys of what was saved."""

    patient_id: str
    lesion_id: str
    picture_id: str
    answer_id: str | None
    """None where no answer was given, or it is measured in an outline that the records do not have."""

    last_hash: str
    """Of the chain's end."""


class Remains(NamedTuple):
    """What is left of a deleted patient."""

    rows: int
    """That were removed."""

    pictures: int
    """Files that were removed."""

    events: int
    """That stay in the chain, without a name or content."""

    read: bool = False
    """Whether somebody is reading, so that SQLite's file holds the deleted text until it is opened after that."""


def save_case(
    records: Records,
    actor: str,
    picture: NewPicture,
    *,
    before: Opinion | None = None,
    answer: Mapping[str, Any] | None = None,
    outline: NDArray[np.bool_] | None = None,
) -> Saved:
    """Save a picture with its patient, lesion and visit, which are made where they are new.

    before: the opinion that `actor` gave before the answer was shown. answer: of `derm.records.answer.kept_answer`, if
    it was shown. outline: as `actor` corrected it, bool (height, width). The same picture of the same visit and the
    same answer are kept once, the picture by its first name; another scale than it has is refused, and a lesion that is
    known elsewhere (OtherPlace). An outline that somebody has drawn of it already stays: only `correct` puts another in
    its place. An answer that is measured in an `outline` which the records then do not have is not kept; that it was
    shown is. All else is kept, or nothing.
    """
    actor = entry.name(actor, entry.WHO_ENTERS)
    _check_scale(picture)
    sha256 = hashlib.sha256(picture.content).hexdigest()
    intend(records, [sha256])
    try:
        store.keep(records.pictures, picture.content)
        with records.writing() as connection:
            store.keep(records.pictures, picture.content)  # again, if a deletion of the same picture came between
            connection.execute(delete(tables.removal).where(tables.removal.c.sha256 == sha256))
            patient_id = _patient(connection, actor, picture.pseudonym)
            lesion_id = _lesion(connection, actor, patient_id, picture)
            visit_id = _visit(connection, actor, patient_id, picture.day)
            picture_id = _picture(connection, actor, lesion_id, visit_id, picture, sha256)
            if before is not None:
                _before(connection, actor, picture_id, sha256, before)
            kept = outline is None or _outline(connection, actor, picture_id, outline)
            answer_id = _answer(connection, actor, picture_id, answer) if kept and answer is not None else None
            if answer is not None and answer_id is None:
                _shown(connection, actor, picture_id)
            last = last_event(connection)
    except DermError:
        finish_removals(records)
        raise
    return Saved(patient_id, lesion_id, picture_id, answer_id, "" if last is None else last.hash)


def add_answer(records: Records, actor: str, picture_id: str, answer: Mapping[str, Any]) -> str:
    """Keep an answer that was shown to `actor`; its key comes back, that of the same one where it is there."""
    with records.writing() as connection:
        _there(connection, tables.picture, picture_id)
        return _answer(connection, entry.name(actor, entry.WHO_ENTERS), picture_id, answer)


def give_after(records: Records, actor: str, answer_id: str, opinion: Opinion) -> str:
    """Keep the opinion of `actor` after the answer with this key was seen; final, too; its key comes back."""
    actor = entry.name(actor, entry.WHO_ENTERS)
    with records.writing() as connection:
        picture_id = _there(connection, tables.answer, answer_id)["picture_id"]
        _only(connection, actor, picture_id, "after")
        return _enter(
            connection,
            actor,
            tables.opinion,
            _opinion(opinion) | {"picture_id": picture_id, "answer_id": answer_id, "stage": "after", "author": actor},
        )


def correct(
    records: Records,
    actor: str,
    picture_id: str,
    *,
    diagnosis: str | None = None,
    basis: Basis | None = None,
    outline: NDArray[np.bool_] | None = None,
    note: str | None = None,
    seen: str | None = None,
) -> str:
    """Keep what a clinician knows better of a picture: the diagnosis and what it rests on, or the outline, bool (H, W).

    It stands in place of the picture's last correction, which stays; what is not given is taken over from that. The
    key comes back. seen: the key of the correction that `actor` saw standing, '' for none; another one that was entered
    meanwhile is not replaced unasked. None where nobody looked.
    """
    actor = entry.name(actor, entry.WHO_ENTERS)
    if diagnosis is None and outline is None:
        raise RecordsFault(say("This correction says nothing: give a diagnosis or an outline."))
    if diagnosis is not None and basis is None:
        raise RecordsFault(
            say("Say what the corrected diagnosis rests on: histology, consensus, follow-up or the clinic.")
        )
    if diagnosis is None and basis is not None:
        raise RecordsFault(say("Say which diagnosis this rests on: choose it, too, or leave out what it rests on."))
    with records.writing() as connection:
        last = last_of(connection, tables.correction, tables.correction.c.picture_id == picture_id)
        if last is not None and outline is not None and last["outline"] == pack(outline):
            if diagnosis is None:
                raise RecordsFault(say("This outline stands already: nothing was entered."))
            outline = None
        if last is not None and _came_since(last, seen):
            raise RecordsFault(
                say(
                    "{author} has corrected this picture meanwhile: look at what stands now, and save once more if "
                    "yours shall stand in its place.",
                    author=last["author"],
                )
            )
        known = last is not None and (diagnosis, basis) == (last["diagnosis"], last["basis"])
        if known and diagnosis is not None and outline is not None:
            # One row holds what stands and not who gave what: a diagnosis that is given once more gets one of its own.
            _correction(connection, actor, picture_id, diagnosis=diagnosis, basis=basis)
            diagnosis = basis = None
        return _correction(connection, actor, picture_id, diagnosis=diagnosis, basis=basis, outline=outline, note=note)


def add_histology(
    records: Records,
    actor: str,
    lesion_id: str,
    *,
    diagnosis: str,
    on: date | str,
    words: str | None = None,
    seen: str | None = None,
) -> str:
    """Keep what the pathologist found in a lesion, in place of what was found before; its key comes back.

    seen: the key of the histology that `actor` saw standing, '' for none; another one that was entered meanwhile is not
    replaced unasked. None where nobody looked.
    """
    actor = entry.name(actor, entry.WHO_ENTERS)
    with records.writing() as connection:
        _there(connection, tables.lesion, lesion_id)
        last = last_of(connection, tables.histology, tables.histology.c.lesion_id == lesion_id)
        if last is not None and _came_since(last, seen):
            raise RecordsFault(
                say(
                    "{author} has entered a histology of this lesion meanwhile: look at what stands now, and save once "
                    "more if yours shall stand in its place.",
                    author=last["author"],
                )
            )
        new = {
            "lesion_id": lesion_id,
            "author": actor,
            "day": entry.day(on),
            "diagnosis": entry.diagnosis(diagnosis),
            "words": entry.text(words, entry.REPORT),
            "replaces": None if last is None else last["id"],
        }
        return _enter(connection, actor, tables.histology, new)


def _came_since(last: Mapping[str, Any], seen: str | None) -> bool:
    """Whether the row that was entered last is another one than somebody saw standing; no where nobody looked."""
    return seen not in (None, last["id"])


def describe_patient(
    records: Records,
    actor: str,
    patient_id: str,
    *,
    birth_year: int | None = None,
    sex: str | None = None,
    note: str | None = None,
) -> None:
    """Keep what is known of a patient beside the pseudonym, in place of what was."""
    new = {
        "birth_year": entry.birth_year(birth_year),
        "sex": None if sex is None else entry.choice(sex, entry.SEXES, entry.NO_SEX),
        "note": entry.text(note, entry.NOTE),
    }
    with records.writing() as connection:
        _there(connection, tables.patient, patient_id)
        for seen in connection.scalars(select(tables.visit.c.day).where(tables.visit.c.patient_id == patient_id)):
            entry.refuse_age(birth_year, seen)
        _change(connection, entry.name(actor, entry.WHO_ENTERS), tables.patient, patient_id, new)


def move_lesion(records: Records, actor: str, lesion_id: str, site: str, *, seen: str | None = None) -> None:
    """Put a lesion elsewhere on the body map, where it was entered wrongly.

    seen: the site at which `actor` saw it; where it was put elsewhere meanwhile it stays there unasked. None where
    nobody looked.
    """
    with records.writing() as connection:
        kept = _there(connection, tables.lesion, lesion_id)["site"]
        if seen not in (None, kept) and site != kept:
            raise RecordsFault(
                say(
                    "This lesion has been put elsewhere meanwhile ({kept}): look at its place, and save once more if "
                    "yours is the right one.",
                    kept=place_called(kept),
                )
            )
        actor = entry.name(actor, entry.WHO_ENTERS)
        _change(connection, actor, tables.lesion, lesion_id, {"site": entry.site(site)})


def delete_patient(records: Records, actor: str, patient_id: str) -> Remains:
    """Remove a patient with all that belongs to it: rows, salts, and pictures that nobody else has.

    In the chain stay its events, which hold when, who and what kind, and nothing of the content. What a backup, an
    export or a disk's own copies hold is not touched.
    """
    actor = entry.name(actor, entry.WHO_ENTERS)
    with records.writing() as connection:
        _there(connection, tables.patient, patient_id)
        keys = _keys_of_patient(connection, patient_id)
        in_question = set(
            connection.scalars(select(tables.picture.c.sha256).where(tables.picture.c.id.in_(keys["picture"])))
        )
        events = 0
        for table in reversed(tables.ENTRIES):
            mine = keys[table.name]
            numbers = select(tables.event.c.number).where(
                tables.event.c.table_name.in_(("", table.name)), tables.event.c.row_id.in_(mine)
            )
            events += len(connection.scalars(numbers).all())
            connection.execute(delete(tables.salt).where(tables.salt.c.event_number.in_(numbers)))
            connection.execute(delete(table).where(table.c.id.in_(mine)))
            for key in mine:
                append(connection, actor, REMOVED, table.name, key, "")
        kept = set(connection.scalars(select(tables.picture.c.sha256).where(tables.picture.c.sha256.in_(in_question))))
        gone = sorted(name for name in in_question - kept if store.is_name(name))  # others have no file
        _mark(connection, records, gone)
    finish_removals(records)
    forgotten = _forget_rows(records)
    rows = sum(len(mine) for mine in keys.values())
    return Remains(rows, len(gone), events + rows, not forgotten)


def note(records: Records, actor: str, kind: str, about: str) -> chain.Event:
    """Add an event that is about no row, such as a decision; about: what, in plain text that tells of no patient."""
    with records.writing() as connection:
        return append(connection, entry.name(actor, entry.WHO_DECIDES), kind, row_id=about)


def append(
    connection: Connection, actor: str, kind: str, table_name: str = "", row_id: str = "", digest: str = ""
) -> chain.Event:
    """Add an event to the chain's end."""
    event = chain.link(last_event(connection), entry.now(), actor, kind, table_name, row_id, digest)
    connection.execute(insert(tables.event).values(**event._asdict()))
    return event


def last_event(connection: Connection) -> chain.Event | None:
    """The chain's end, or None before anything was entered."""
    found = connection.execute(select(tables.event).order_by(tables.event.c.number.desc()).limit(1)).first()
    return None if found is None else chain.Event(*found)


def last_of(connection: Connection, table: Table, condition: Any) -> dict[str, Any] | None:  # noqa: ANN401 - SQLAlchemy's
    """The row of `table` that was entered last among those that meet `condition`, or None."""
    newest = select(table).where(condition).order_by(tables.entered(table).desc()).limit(1)
    found = connection.execute(newest).mappings().first()
    return None if found is None else dict(found)


def find_named(connection: Connection, column: Any, typed: str, *conditions: Any) -> str | None:  # noqa: ANN401 - SQLAlchemy's
    """Key of the row that has the name that somebody has `typed` in `column`; None for none.

    First of one that has it to the letter, then of one that has it cleaned, then of the one entered first whose name is
    this but for what is not seen.
    """
    key = column.table.c.id
    for name in dict.fromkeys(entry.spellings(typed)):
        if found := connection.scalar(select(key).where(column == name, *conditions)):
            return str(found)
    rows = connection.execute(select(key, column).where(*conditions).order_by(column.table.c.created_at))
    return next((str(one) for one, known in rows if entry.is_called(typed, known)), None)


def content_of(row: Mapping[str, Any]) -> dict[str, object]:
    """A row as it enters its event's digest: bytes by their own hash."""
    return {
        name: hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else value for name, value in row.items()
    }


def intend(records: Records, names: Sequence[str]) -> None:
    """Note a file before it is written, so that what a kill leaves is found: until a row names it, it is to go."""
    with records.writing() as connection:
        _mark(connection, records, names)


def _mark(connection: Connection, records: Records, names: Sequence[str]) -> None:
    for name in names:
        store.place(records.pictures, name)  # raises for what is no SHA-256: no file could be taken away by it
    known = set(connection.scalars(select(tables.removal.c.sha256)))
    if fresh := [name for name in names if name not in known]:
        connection.execute(insert(tables.removal), [{"sha256": name} for name in fresh])


def _enter(connection: Connection, actor: str, table: Table, values: Mapping[str, Any]) -> str:
    row = {column.name: None for column in table.columns} | dict(values)
    row |= {"id": uuid4().hex, "created_at": entry.now()}
    connection.execute(insert(table).values(**row))
    _witness(connection, actor, ENTERED, table, row)
    return str(row["id"])


def _change(connection: Connection, actor: str, table: Table, key: str, values: Mapping[str, Any]) -> None:
    connection.execute(update(table).where(table.c.id == key).values(**values))
    row = connection.execute(select(table).where(table.c.id == key)).mappings().one()
    _witness(connection, actor, CHANGED, table, dict(row))


def _witness(connection: Connection, actor: str, kind: str, table: Table, row: Mapping[str, Any]) -> None:
    salt = chain.new_salt()
    event = append(connection, actor, kind, table.name, row["id"], chain.digest(salt, content_of(row)))
    connection.execute(insert(tables.salt).values(event_number=event.number, salt=salt))


NO_MORE = {
    "patient": mark("The records have no such patient any more: search again."),
    "lesion": mark("The records have no such lesion any more: search again."),
    "picture": mark("The records have no such picture any more: search again."),
    "answer": mark("The records have no such answer any more: search again."),
}


def _there(connection: Connection, table: Table, key: str) -> dict[str, Any]:
    found = connection.execute(select(table).where(table.c.id == key)).mappings().first()
    if found is None:
        raise RecordsFault(say(NO_MORE[table.name]))
    return dict(found)


def _patient(connection: Connection, actor: str, pseudonym: str) -> str:
    name = entry.name(pseudonym, entry.PSEUDONYM)
    found = find_named(connection, tables.patient.c.pseudonym, pseudonym)
    return str(found or _enter(connection, actor, tables.patient, {"pseudonym": name}))


def _lesion(connection: Connection, actor: str, patient_id: str, picture: NewPicture) -> str:
    name, site, table = entry.name(picture.lesion, entry.LESION_NAME), picture.site, tables.lesion
    known = find_named(connection, table.c.label, picture.lesion, table.c.patient_id == patient_id)
    if known is None:
        if picture.lesion_known:
            raise OtherPlace(
                say(
                    "Lesion {lesion} of this patient has been deleted meanwhile: choose its place, and save once more.",
                    lesion=name,
                )
            )
        return _enter(connection, actor, table, {"patient_id": patient_id, "label": name, "site": entry.site(site)})
    kept = str(connection.scalar(select(table.c.site).where(table.c.id == known)))
    if site not in ("", kept):
        raise OtherPlace(
            say(
                "Lesion {lesion} of this patient is known on another place ({kept}, not {given}): give another lesion "
                "another name, or save once more if it is this one.",
                lesion=name,
                kept=place_called(kept),
                given=place_called(site),
            )
        )
    if picture.lesion_known is False:
        raise OtherPlace(
            say(
                "Lesion {lesion} of this patient has been entered meanwhile ({kept}): give another lesion another "
                "name, or save once more if it is this one.",
                lesion=name,
                kept=place_called(kept),
            )
        )
    return known


def _visit(connection: Connection, actor: str, patient_id: str, on: date | str) -> str:
    day, table = entry.day(on), tables.visit
    found = connection.scalar(select(table.c.id).where(table.c.patient_id == patient_id, table.c.day == day))
    if found is None:
        entry.refuse_age(_there(connection, tables.patient, patient_id)["birth_year"], day)
    return str(found or _enter(connection, actor, table, {"patient_id": patient_id, "day": day}))


def _picture(
    connection: Connection, actor: str, lesion_id: str, visit_id: str, picture: NewPicture, sha256: str
) -> str:
    table = tables.picture
    same = select(table.c.id, table.c.mm_per_pixel).where(
        table.c.lesion_id == lesion_id, table.c.visit_id == visit_id, table.c.sha256 == sha256
    )
    known = connection.execute(same).first()
    if known is not None:
        if picture.scale_source != "DICOM":  # which is in the file, and nobody's entry
            _refuse_other_scale(known.mm_per_pixel, picture.mm_per_pixel)
        return str(known.id)
    new = {
        "lesion_id": lesion_id,
        "visit_id": visit_id,
        "name": entry.text(picture.name, entry.FILE_NAME) or "picture",
        "sha256": sha256,
        "bytes": len(picture.content),
        "width": picture.width,
        "height": picture.height,
        "mm_per_pixel": picture.mm_per_pixel,
        "scale_source": picture.scale_source,
    }
    return _enter(connection, actor, table, new)


def same_scale(kept: float | None, given: float) -> bool:
    """Whether a kept scale, None for none, and a given one read alike."""
    return kept is not None and f"{given:g}" == f"{kept:g}"


def _refuse_other_scale(kept: float | None, given: float | None) -> None:
    """Raise where a picture that is kept is given another scale: it would be lost, for nothing is written over."""
    if given is None or same_scale(kept, given):
        return
    if kept is None:
        raise RecordsFault(
            say(
                "This picture is kept for this visit already, without a scale, and nothing is written over: save it "
                "again without {given:g} mm a pixel.",
                given=given,
            )
        )
    raise RecordsFault(
        say(
            "This picture is kept for this visit already, with {kept:g} mm a pixel, and nothing is written over: save "
            "it again with that scale or without one, not with {given:g}.",
            kept=kept,
            given=given,
        )
    )


def _check_scale(picture: NewPicture) -> None:
    entry.scale(picture.mm_per_pixel)
    if (picture.mm_per_pixel is None) != (picture.scale_source is None):
        raise RecordsFault(say("A scale needs its source: DICOM, ruler or given."))


def _before(connection: Connection, actor: str, picture_id: str, sha256: str, opinion: Opinion) -> None:
    """Keep an opinion before the answer; refused where `actor` has seen one for the same file, whatever visit, lesion
    or patient it was saved for."""
    if _has_seen(connection, actor, tables.picture.c.sha256 == sha256):
        raise RecordsFault(
            say(
                "{actor} has seen the answer for this picture already: an opinion before it can no longer be given; "
                "switch 'Your opinion first' off to see and save it.",
                actor=actor,
            )
        )
    _only(connection, actor, picture_id, "before")
    _enter(
        connection,
        actor,
        tables.opinion,
        _opinion(opinion) | {"picture_id": picture_id, "answer_id": None, "stage": "before", "author": actor},
    )


def _has_seen(connection: Connection, actor: str, which: ColumnElement[bool]) -> bool:
    """Whether an answer was shown to `actor` for one of the pictures that meet `which`, be it kept or not."""
    pictures, event = select(tables.picture.c.id).where(which), tables.event
    kept = select(func.count()).where(tables.answer.c.picture_id.in_(pictures), tables.answer.c.author == actor)
    told = select(func.count()).where(
        event.c.table_name == "", event.c.row_id.in_(pictures), event.c.kind == SHOWN, event.c.actor == actor
    )
    return bool(connection.scalar(kept) or connection.scalar(told))


def _shown(connection: Connection, actor: str, picture_id: str) -> None:
    """Keep that an answer was shown to `actor` which is not kept, unless the records tell already that one was."""
    if not _has_seen(connection, actor, tables.picture.c.id == picture_id):
        append(connection, actor, SHOWN, row_id=picture_id)


def _only(connection: Connection, actor: str, picture_id: str, stage: str) -> None:
    table = tables.opinion
    mine = select(func.count()).where(table.c.picture_id == picture_id, table.c.author == actor, table.c.stage == stage)
    if connection.scalar(mine):
        raise RecordsFault(
            say("{actor} has given an opinion before the answer for this picture: it is final.", actor=actor)
            if stage == "before"
            else say("{actor} has given an opinion after the answer for this picture: it is final.", actor=actor)
        )


def _opinion(opinion: Opinion) -> dict[str, Any]:
    return {
        "diagnosis": entry.diagnosis(opinion.diagnosis),
        "management": entry.choice(opinion.management, tuple(Management), entry.NO_MANAGEMENT),
        "confidence": entry.confidence(opinion.confidence),
        "asked_at": opinion.asked_at,
        "seconds": entry.seconds(opinion.seconds),
        "note": entry.text(opinion.note, entry.NOTE),
    }


def _answer(connection: Connection, actor: str, picture_id: str, answer: Mapping[str, Any]) -> str:
    table = tables.answer
    same = select(table.c.id).where(
        table.c.picture_id == picture_id,
        table.c.author == actor,
        table.c.weights_sha256 == answer["weights_sha256"],
        table.c.record == answer["record"],
        table.c.shown == answer["shown"],
    )
    return str(
        connection.scalar(same)
        or _enter(connection, actor, table, {**answer, "picture_id": picture_id, "author": actor})
    )


def _outline(connection: Connection, actor: str, picture_id: str, outline: NDArray[np.bool_]) -> bool:
    """Keep a corrected outline, unless there is one: nobody has said that this one is newer, or better. Whether the
    records have it, as the one that stands or one before that."""
    drawn = tables.correction.c.outline
    known = set(connection.scalars(select(drawn).where(tables.correction.c.picture_id == picture_id))) - {None}
    if not known:
        _correction(connection, actor, picture_id, outline=outline)
    return not known or pack(outline) in known


def _correction(
    connection: Connection,
    actor: str,
    picture_id: str,
    *,
    diagnosis: str | None = None,
    basis: Basis | None = None,
    outline: NDArray[np.bool_] | None = None,
    note: str | None = None,
) -> str:
    picture = _there(connection, tables.picture, picture_id)
    if outline is not None:
        entry.outline_size(outline.shape[1], outline.shape[0], picture)
    last = last_of(connection, tables.correction, tables.correction.c.picture_id == picture_id) or {}
    new = {
        "picture_id": picture_id,
        "author": actor,
        "diagnosis": last.get("diagnosis") if diagnosis is None else entry.diagnosis(diagnosis),
        "basis": last.get("basis") if basis is None or diagnosis is None else basis.value,
        "outline": last.get("outline") if outline is None else pack(outline),
        "replaces": last.get("id"),
        "note": entry.text(note, entry.NOTE),
    }
    return _enter(connection, actor, tables.correction, new)


def _keys_of_patient(connection: Connection, patient_id: str) -> dict[str, Sequence[str]]:
    """The keys of a patient's rows, by table."""

    def keys(table: Table, column: str, among: Sequence[str]) -> Sequence[str]:
        return connection.scalars(select(table.c.id).where(table.c[column].in_(among))).all()

    lesions = keys(tables.lesion, "patient_id", [patient_id])
    pictures = keys(tables.picture, "lesion_id", lesions)
    return {
        "patient": [patient_id],
        "lesion": lesions,
        "visit": keys(tables.visit, "patient_id", [patient_id]),
        "picture": pictures,
        "answer": keys(tables.answer, "picture_id", pictures),
        "opinion": keys(tables.opinion, "picture_id", pictures),
        "correction": keys(tables.correction, "picture_id", pictures),
        "histology": keys(tables.histology, "lesion_id", lesions),
    }


def _forget_rows(records: Records) -> bool:
    """Let the database give up what it keeps of deleted rows: SQLite's log, PostgreSQL's dead rows; whether it did."""
    if not records.on_server:
        return empty_log(records)
    with records.engine.connect().execution_options(derm_reads=True, isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM " + ", ".join([*(one.name for one in tables.ENTRIES), "salt"])))
    return True
