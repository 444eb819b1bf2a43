"""What is entered: kept whole, once, finally; opinions before and after; deletion for real."""

import errno
import os
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from entries import new_answer, new_opinion, new_picture, save
from sqlalchemy import delete, insert, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoneFree

from derm.errors import ConfigFault, OtherPlace, RecordsFault
from derm.predict.open import CHOICE, WEIGHTS_FOLDER
from derm.predict.packed import unpack
from derm.records import connect, entry, read, store, tables, words, write
from derm.records.connect import BESIDE, Records, finish_removals, open_records
from derm.records.entry import Basis
from derm.records.verify import verify
from derm.spelling import visible


def rows(records: Records, table):
    with records.reading() as connection:
        return [dict(row) for row in connection.execute(select(table)).mappings()]


def test_a_case_is_kept_with_all_that_belongs_to_it(records):
    saved = write.save_case(records, "Dr A", new_picture(), before=new_opinion(), answer=new_answer())
    history = read.lesion_history(records, saved.lesion_id)
    assert history is not None
    assert (history.patient["pseudonym"], history.lesion["label"], history.lesion["site"]) == (
        "P-001",
        "A",
        "upper_back",
    )
    (visit,) = history.visits
    (one,) = visit.pictures
    assert visit.visit["day"] == "2026-11-02"
    assert store.read(records.pictures, one.picture["sha256"]) == new_picture().content
    (opinion,) = one.opinions
    assert (opinion["stage"], opinion["answer_id"], opinion["author"], opinion["seconds"]) == (
        "before",
        None,
        "Dr A",
        12.346,
    )
    assert {name: one.answers[0][name] for name in new_answer()} == new_answer()
    assert datetime.fromisoformat(opinion["created_at"]).utcoffset() == timedelta(0)
    assert read.counts(records) == (1, 1, 1, 1, saved.last_hash)


def test_the_same_picture_and_answer_are_kept_once(records):
    first, again = save(records), save(records)
    assert first == again
    other = save(records, answer=new_answer(0.4, record='{"p_malignant":0.4}'))
    assert other.picture_id == first.picture_id
    assert other.answer_id != first.answer_id
    assert len(rows(records, tables.answer)) == 2


@pytest.mark.parametrize(
    ("kept", "said"), [(None, "without a scale, .* without 0.02 mm"), (0.2, "with 0.2 mm .* not with 0.02")]
)
def test_another_scale_of_a_kept_picture_is_refused_and_leaves_nothing(filed, kept, said):
    source = None if kept is None else "given"
    first = save(filed, mm_per_pixel=kept, scale_source=source)
    with pytest.raises(RecordsFault, match=said):
        save(filed, mm_per_pixel=0.02, scale_source="ruler", answer=new_answer(0.4, record="{}"))
    assert read.last_hash(filed) == first.last_hash
    assert verify(filed).broken is None
    again = {} if kept is None else {"mm_per_pixel": kept * (1 - 1e-9), "scale_source": "given"}  # reads alike
    assert save(filed, mm_per_pixel=0.03, scale_source="DICOM") == first  # the file's own, which nobody can leave out
    assert save(filed, **again) == save(filed) == first
    assert save(filed, day="2026-11-20", mm_per_pixel=0.02, scale_source="ruler").picture_id != first.picture_id


def test_two_lesions_of_one_name_are_not_taken_for_one(filed):
    first = save(filed, site="scalp")
    with pytest.raises(OtherPlace, match=r"known on another place \(scalp, not face\): give another lesion anoth"):
        save(filed, 2, site="face")
    assert read.last_hash(filed) == first.last_hash
    assert save(filed, 2, site="").lesion_id == save(filed, 2, site="scalp").lesion_id == first.lesion_id


def test_a_lesion_that_somebody_else_entered_meanwhile_is_not_joined_unasked(filed):
    first = save(filed, site="scalp")
    for place in ("scalp", ""):
        with pytest.raises(OtherPlace, match=r"of this patient has been entered meanwhile \(scalp\): give another"):
            save(filed, 2, site=place, lesion_known=False)
    with pytest.raises(OtherPlace, match="Lesion B of this patient has been deleted meanwhile: choose its place"):
        save(filed, 2, lesion="B", site="scalp", lesion_known=True)
    assert read.last_hash(filed) == first.last_hash
    assert save(filed, 2, site="scalp", lesion_known=True).lesion_id == first.lesion_id
    assert save(filed, 3, lesion="B", site="scalp", lesion_known=False).lesion_id != first.lesion_id


def test_a_line_of_a_correction_tells_what_its_author_gave(filed):
    kept = save(filed)
    drawn = np.zeros((48, 80), dtype=bool)
    drawn[10:40, 10:40] = True
    write.correct(filed, "Dr A", kept.picture_id, diagnosis="bcc", basis=Basis.HISTOLOGY)
    write.correct(filed, "Dr B", kept.picture_id, outline=drawn)
    write.correct(filed, "Dr C", kept.picture_id, diagnosis="mel", basis=Basis.HISTOLOGY)
    write.correct(filed, "Dr D", kept.picture_id, diagnosis="mel", basis=Basis.HISTOLOGY)
    write.correct(filed, "Dr E", kept.picture_id, diagnosis="nv", basis=Basis.HISTOLOGY, outline=~drawn)
    history = read.lesion_history(filed, kept.lesion_id)
    assert history is not None
    told = [line.split(";")[0] for line in words.correction_lines(history.visits[0].pictures[0].corrections)]
    assert told == [
        "Corrected by Dr A: Basal cell carcinoma (histology)",
        "Corrected by Dr B: outline drawn anew",
        "Corrected by Dr C: Melanoma (histology)",
        "Corrected by Dr D: Melanoma (histology)",
        "Corrected by Dr E: Melanocytic nevus (histology), outline drawn anew",
    ]
    last = history.visits[0].pictures[0].corrections[-1]["id"]
    with pytest.raises(RecordsFault, match="This outline stands already"):
        write.correct(filed, "Dr F", kept.picture_id, outline=~drawn)  # or a diagnosis would be told as Dr F's
    write.correct(filed, "Dr G", kept.picture_id, diagnosis="nv", basis=Basis.HISTOLOGY, outline=drawn)
    history = read.lesion_history(filed, kept.lesion_id)
    rows = history.visits[0].pictures[0].corrections
    assert [row["id"] for row in rows].index(last) == 4
    assert [line.split(";")[0] for line in words.correction_lines(rows)][5:] == [
        "Corrected by Dr G: Melanocytic nevus (histology)",
        "Corrected by Dr G: outline drawn anew",
    ]


def test_the_next_visit_joins_the_lesion(filed):
    save(filed)
    later = save(filed, 2, day="2026-11-20", answer=new_answer(0.1, "not referred"))
    history = read.lesion_history(filed, later.lesion_id)
    assert history is not None
    assert [one.visit["day"] for one in history.visits] == ["2026-11-20", "2026-11-02"]


def test_an_opinion_before_is_final_and_comes_first(records):
    before = write.save_case(records, "Dr A", new_picture(), before=new_opinion())
    with pytest.raises(
        RecordsFault, match=r"Dr A has given an opinion before the answer for this picture: it is final"
    ):
        write.save_case(records, "Dr A", new_picture(), before=new_opinion(diagnosis="mel"))
    answer_id = write.add_answer(records, "Dr A", before.picture_id, new_answer())
    with pytest.raises(RecordsFault, match="has seen the answer for this picture already"):
        write.save_case(records, "Dr A", new_picture(), before=new_opinion())
    write.save_case(records, "Dr B", new_picture(), before=new_opinion(diagnosis="mel"))  # has not seen it
    write.give_after(records, "Dr A", answer_id, new_opinion(diagnosis="mel"))
    with pytest.raises(RecordsFault, match="has given an opinion after the answer for this picture: it is final"):
        write.give_after(records, "Dr A", answer_id, new_opinion())
    kept = {(one["author"], one["stage"]): one["answer_id"] for one in rows(records, tables.opinion)}
    assert kept == {("Dr A", "before"): None, ("Dr A", "after"): answer_id, ("Dr B", "before"): None}


@pytest.mark.parametrize("given", [{"day": "2026-11-20"}, {"lesion": "B"}, {"pseudonym": "P-002"}], ids=str)
def test_an_answer_was_seen_whatever_visit_lesion_and_patient_the_file_is_saved_for(records, given):
    first = save(records)
    with pytest.raises(RecordsFault, match=r"Dr A has seen the answer for this picture already: .* switch"):
        write.save_case(records, "Dr A", new_picture(**given), before=new_opinion())
    assert read.last_hash(records) == first.last_hash
    write.save_case(records, "Dr B", new_picture(**given), before=new_opinion())
    write.save_case(records, "Dr A", new_picture(2, **given), before=new_opinion())


def test_the_database_itself_refuses_an_opinion_of_the_wrong_kind(records):
    saved = save(records)
    for stage, names in (("before", True), ("after", False), ("between", False)):
        row = write._opinion(new_opinion()) | {
            "id": "a" * 32, "picture_id": saved.picture_id, "answer_id": saved.answer_id if names else None,
            "stage": stage, "author": "Dr B", "created_at": entry.now(),
        }  # fmt: skip
        with pytest.raises(RecordsFault, match="each entry has its place"), records.writing() as connection:
            connection.execute(tables.opinion.insert().values(**row))


def test_an_entry_that_is_refused_leaves_nothing(filed):
    with pytest.raises(RecordsFault, match="'flea' is no diagnosis"):
        write.save_case(filed, "Dr A", new_picture(), before=new_opinion(diagnosis="flea"))
    assert read.counts(filed) == (0, 0, 0, 0, "")
    assert list(store.names(filed.pictures)) == []
    assert rows(filed, tables.removal) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"pseudonym": "  "}, "The pseudonym is empty"),
        ({"pseudonym": "p" * 81}, "has 81 characters: at most 80"),
        ({"lesion": "\x00"}, "The name of the lesion is empty"),
        ({"site": "moon"}, "'moon' is no place on the body map"),
        ({"day": "27.11.2026"}, "'27.11.2026' is no day"),
        ({"day": date.today() + timedelta(days=2)}, "is no day of a visit: give one from 1900 until today"),
        ({"mm_per_pixel": 5.0, "scale_source": "given"}, "5 mm a pixel is no dermatoscope's scale"),
        ({"mm_per_pixel": 0.02}, "A scale needs its source"),
    ],
)
def test_what_cannot_be_entered_is_said(filed, given, said):
    with pytest.raises(RecordsFault, match=said):
        save(filed, **given)
    assert read.counts(filed) == (0, 0, 0, 0, "")


UNSEEN = (
    "P-001\u200b",
    "\u202aP-001\u202c",
    "\ufeffP-001",
    "P-\u00ad001",
    "P\u200d-001",
    "P-001\ufe0f",
    "P\u034f-0\u206001",
)


def test_what_nobody_sees_makes_no_second_patient(records):
    first = save(records)
    for seed, name in enumerate(UNSEEN, 2):
        again = save(records, seed=seed, pseudonym=name, lesion="\u2066A\u200b")
        assert (again.patient_id, again.lesion_id) == (first.patient_id, first.lesion_id), ascii(name)
        assert [row["label"] for row in read.lesions_of(records, f" {name}")] == ["A"]
        assert [one.pseudonym for one in read.search(records, read.Query(name))] == ["P-001"]
    assert read.counts(records)[:2] == (1, 1)
    composed = save(records, seed=20, pseudonym="\xe9")
    assert save(records, seed=21, pseudonym="e\u200b\u0301").patient_id == composed.patient_id


SCOTLAND = "\U0001f3f4" + "".join(chr(0xE0000 + ord(one)) for one in "gbsct\x7f")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", None),  # Persian: two parts of one word
        ("\u0915\u094d\u200d\u0937", None),  # Devanagari: a half letter
        ("\u845b\U000e0100\u98fe", None),  # a Japanese name with the form of its first letter
        ("\u182d\u180b", None),
        ("\u1820\u182f\u180e\u1820", None),  # Mongolian: a vowel that stands apart
        ("\u1820\u182d\u180b\u180e\u1820", None),
        ("\u1820\u180e", "\u1820"),
        ("\u0645\u180e\u06cc", "\u0645\u06cc"),
        ("\u1820\u180e\u180bx", "\u1820\u180bx"),
        ("\u0645\u200c\u180bx", "\u0645x"),
        ("\u0915\u0301\u094d\u200d\u0937", "\u0915\u094d\u0301\u0937"),
        (SCOTLAND, None),
        ("\U0001f3f4" + SCOTLAND, None),
        (SCOTLAND + SCOTLAND[1:], SCOTLAND),
        (SCOTLAND[:-1], SCOTLAND[0]),  # tags without their end
        ("P" + SCOTLAND[1:], "P"),
        ("\u28171\u2800\U0001d159\U00013441", "\u28171"),
        ("P\u2065\ufff0\U000e0080\U000e0fff", "P"),
        ("\u0661\u06dd", None),  # drawn, though a format character
        ("\u0645\u200c", "\u0645"),
        ("\u0645\u200c\u200c\u06cc", "\u0645\u200c\u06cc"),
        ("a\u200cb", "ab"),
        ("\u2066P\u2069\U000e0041\u3164", "P"),
        ("see \u200e\nbelow\x07", "see \nbelow"),
    ],
)
def test_joiners_and_forms_stay_where_a_script_needs_them(given, kept):
    assert entry.text(given, entry.NOTE) == (given if kept is None else kept)
    assert visible(visible(given)) == visible(given)


def test_a_text_of_nothing_that_is_seen_is_none(records):
    assert entry.text("\u200b\u2060\ufe0f", entry.NOTE) is None
    for pseudonym in ("\u200b", "\u2800"):
        with pytest.raises(RecordsFault, match="The pseudonym is empty"):
            save(records, pseudonym=pseudonym)


def test_a_patient_of_an_older_derm_with_what_is_not_seen_is_found_and_stays_as_entered(records, monkeypatch):
    with monkeypatch.context() as older:
        older.setattr(entry, "visible", lambda value: value)
        first = save(records, pseudonym="P-7\u200b", lesion="\ufeffA")
    second = save(records, seed=2, pseudonym="P-7", lesion="A")
    assert (second.patient_id, second.lesion_id) == (first.patient_id, first.lesion_id)
    assert [one["pseudonym"] for one in read.patients(records)] == ["P-7\u200b"]
    assert [one.patient_id for one in read.search(records, read.Query("p-7"))] == [first.patient_id]
    assert len(read.lesions_of(records, "P-7")) == 1
    assert entry.is_called("P-7", "P-7\u200b")
    assert not entry.is_called("", "\u200b")
    assert verify(records).broken is None


def test_of_two_former_patients_who_look_alike_the_one_is_found_whose_name_was_typed(records, monkeypatch):
    names = ("P\u200b-8", "P-\u200b8", "e\u0301\u2800")
    with monkeypatch.context() as older:
        older.setattr(entry, "visible", lambda value: value)
        older.setattr(entry, "is_called", lambda typed, known: False)
        kept = [save(records, seed=seed, pseudonym=name, lesion=name) for seed, name in enumerate(names)]
        assert read.counts(records)[:2] == (3, 3)
        clean = save(records, seed=5, pseudonym="P-8")
    for seed, (name, first) in enumerate(zip(names, kept, strict=True), 10):
        again = save(records, seed=seed, pseudonym=f" {name}\x00", lesion=name)
        assert (again.patient_id, again.lesion_id) == (first.patient_id, first.lesion_id), ascii(name)
        assert {row["id"] for row in read.lesions_of(records, name)} == {first.lesion_id}
    assert save(records, seed=20, pseudonym="P-8\u200b").patient_id == clean.patient_id
    assert read.lesions_of(records, "\ud800\x00") == []


NAMES = ("Ärztin 皮膚", "a'; DROP TABLE patient; --", "=1+1", "a\nb", "\ud800x", "e\u0301", "\x00b")


def test_any_name_is_kept_as_text(records):
    for name in NAMES:
        saved = save(records, pseudonym=name, name=name)
        history = read.lesion_history(records, saved.lesion_id)
        assert history is not None
        assert history.patient["pseudonym"] == entry.name(name, "pseudonym")
    assert verify(records).broken is None


def test_a_correction_takes_over_what_it_does_not_say(filed):
    saved = save(filed)
    outline = np.zeros((48, 80), dtype=bool)
    outline[10:20, 10:30] = True
    first = write.correct(filed, "Dr A", saved.picture_id, outline=outline)
    second = write.correct(filed, "Dr B", saved.picture_id, diagnosis="bcc", basis=Basis.HISTOLOGY, note="seen twice")
    kept = {one["id"]: one for one in rows(filed, tables.correction)}
    assert (kept[first]["diagnosis"], kept[first]["replaces"]) == (None, None)
    assert (kept[second]["diagnosis"], kept[second]["basis"], kept[second]["replaces"]) == ("bcc", "histology", first)
    assert np.array_equal(unpack(kept[second]["outline"], (48, 80)), outline)
    with pytest.raises(RecordsFault, match="The outline has 80 × 47 pixels, the picture 80 × 48"):
        write.correct(filed, "Dr A", saved.picture_id, outline=outline[1:])
    with pytest.raises(RecordsFault, match="This correction says nothing"):
        write.correct(filed, "Dr A", saved.picture_id)
    with pytest.raises(RecordsFault, match="what the corrected diagnosis rests on"):
        write.correct(filed, "Dr A", saved.picture_id, diagnosis="bcc")
    with pytest.raises(RecordsFault, match="which diagnosis this rests on"):
        write.correct(filed, "Dr A", saved.picture_id, basis=Basis.HISTOLOGY, outline=np.ones((48, 64), bool))


def test_saving_once_more_puts_no_outline_in_place_of_one_that_was_drawn(filed):
    """Of a page that has not seen it: which of two is better nobody has said."""
    first, second, third = (np.zeros((48, 80), dtype=bool) for _ in range(3))
    first[5:20, 5:20], second[10:30, 10:30], third[20:40, 20:40] = True, True, True
    saved = write.save_case(filed, "Dr A", new_picture(), answer=new_answer(), outline=first)
    newer = write.correct(filed, "Dr B", saved.picture_id, outline=second)
    for outline in (first, third):
        again = write.save_case(filed, "Dr A", new_picture(), answer=new_answer(), outline=outline)
        assert again.picture_id == saved.picture_id
        assert again.answer_id == (saved.answer_id if outline is first else None)
    assert len(rows(filed, tables.answer)) == 1
    assert [unpack(one["outline"], (48, 80)).tolist() for one in rows(filed, tables.correction)] == [
        first.tolist(),
        second.tolist(),
    ]
    write.correct(filed, "Dr A", saved.picture_id, outline=third, seen=newer)  # asked for by its name
    assert len(rows(filed, tables.correction)) == 3


def test_no_histology_or_place_is_replaced_that_its_author_has_not_seen(filed):
    lesion_id = save(filed).lesion_id
    first = write.add_histology(filed, "Dr A", lesion_id, diagnosis="mel", on="2026-11-03", seen="")
    given = {"diagnosis": "nv", "on": "2026-11-04"}
    for seen in ("", "no key"):
        with pytest.raises(RecordsFault, match="Dr A has entered a histology of this lesion meanwhile: look at what"):
            write.add_histology(filed, "Dr B", lesion_id, **given, seen=seen)
    write.add_histology(filed, "Dr B", lesion_id, **given, seen=first)
    write.add_histology(filed, "Dr B", lesion_id, **given)  # nobody has looked
    assert [one["diagnosis"] for one in rows(filed, tables.histology)] == ["mel", "nv", "nv"]
    write.move_lesion(filed, "Dr A", lesion_id, "scalp", seen="upper_back")
    with pytest.raises(RecordsFault, match=r"This lesion has been put elsewhere meanwhile \(scalp\): look at its"):
        write.move_lesion(filed, "Dr B", lesion_id, "face", seen="upper_back")
    write.move_lesion(filed, "Dr B", lesion_id, "scalp", seen="upper_back")  # both say the same
    write.move_lesion(filed, "Dr B", lesion_id, "face", seen="scalp")
    assert [one["site"] for one in rows(filed, tables.lesion)] == ["face"]


def test_no_answer_is_kept_that_is_measured_in_an_outline_that_the_records_do_not_have(filed):
    first, second = (np.zeros((48, 80), dtype=bool) for _ in range(2))
    first[5:20, 5:20], second[10:30, 10:30] = True, True
    write.save_case(filed, "Dr A", new_picture(), outline=first)
    for who in ("Dr B", "Dr C"):
        kept = write.save_case(
            filed, who, new_picture(), before=new_opinion(), answer=new_answer(referral=None), outline=second
        )
        assert kept.answer_id is None
    assert not rows(filed, tables.answer)
    assert [one["author"] for one in rows(filed, tables.opinion)] == ["Dr B", "Dr C"]  # said before it, it stays
    write.correct(filed, "Dr B", kept.picture_id, outline=second)
    for outline in (second, first, None):  # one that stands, one that stood, and the model's own
        answer = new_answer(record=str(outline is None), shown="first" if outline is first else "{}")
        assert write.save_case(filed, "Dr B", new_picture(), answer=answer, outline=outline).answer_id
    assert len(rows(filed, tables.answer)) == 3
    assert len(rows(filed, tables.correction)) == 2


def test_who_saw_an_answer_that_is_not_kept_gives_no_opinion_before_it_any_more(records):
    first, second = (np.zeros((48, 80), dtype=bool) for _ in range(2))
    first[5:20, 5:20], second[10:30, 10:30] = True, True
    saved = write.save_case(records, "Dr A", new_picture(), outline=first)
    for before in (new_opinion(), None):  # saved once more, it leaves no second trace
        again = write.save_case(
            records, "Dr B", new_picture(), before=before, answer=new_answer(referral=None), outline=second
        )
        assert again.answer_id is None
    last = read.counts(records).last_hash
    assert again.last_hash == last
    told = [one for one in rows(records, tables.event) if not one["table_name"]]
    assert [(one["actor"], one["kind"], one["row_id"]) for one in told] == [("Dr B", "answer shown", saved.picture_id)]
    for place in ({"day": "2026-11-20"}, {"lesion": "B"}, {"pseudonym": "P-002"}):
        with pytest.raises(RecordsFault, match="Dr B has seen the answer for this picture already"):
            write.save_case(records, "Dr B", new_picture(**place), before=new_opinion())
    assert verify(records, last).broken is None
    events = len(rows(records, tables.event))
    write.save_case(records, "Dr C", new_picture(pseudonym="P-002"), before=new_opinion())  # has not seen it
    remains = write.delete_patient(records, "Dr A", saved.patient_id)
    assert remains.events == events + remains.rows  # of this patient all, what was shown among them
    assert verify(records).broken is None


def test_no_correction_is_replaced_that_its_author_has_not_seen(filed):
    saved = save(filed)
    given = {"diagnosis": "nv", "basis": Basis.CLINICAL}
    first = write.correct(filed, "Dr A", saved.picture_id, **given, seen="")
    for seen in ("", "no key"):
        with pytest.raises(RecordsFault, match="Dr A has corrected this picture meanwhile: look at what stands now"):
            write.correct(filed, "Dr B", saved.picture_id, diagnosis="mel", basis=Basis.CLINICAL, seen=seen)
    write.correct(filed, "Dr B", saved.picture_id, diagnosis="mel", basis=Basis.CLINICAL, seen=first)
    assert [one["diagnosis"] for one in rows(filed, tables.correction)] == ["nv", "mel"]


def test_patients_and_lesions_can_be_described_anew(filed):
    saved = save(filed)
    write.describe_patient(filed, "Dr A", saved.patient_id, birth_year=1960, sex="female", note="  ")
    write.move_lesion(filed, "Dr A", saved.lesion_id, "scalp")
    (patient,) = read.patients(filed)
    assert (patient["birth_year"], patient["sex"], patient["note"]) == (1960, "female", None)
    assert verify(filed).broken is None
    with pytest.raises(RecordsFault, match="1850 is no year of birth"):
        write.describe_patient(filed, "Dr A", saved.patient_id, birth_year=1850)
    with pytest.raises(RecordsFault, match="no such lesion any more"):
        write.move_lesion(filed, "Dr A", "gone", "scalp")


def test_year_of_birth_and_visits_make_an_age_that_somebody_has(filed):
    saved = save(filed, day="2024-05-01")
    for born, years in ((2025, -1), (1900, 124)):
        with pytest.raises(
            RecordsFault, match=f"born in {born} and seen on 2024-05-01 would be {years} years old: give"
        ):
            write.describe_patient(filed, "Dr A", saved.patient_id, birth_year=born)
    write.describe_patient(filed, "Dr A", saved.patient_id, birth_year=2024)
    with pytest.raises(RecordsFault, match="born in 2024 and seen on 2023-12-31 would be -1 years old"):
        save(filed, 2, day="2023-12-31")
    save(filed, 2, day="2024-01-01")
    assert verify(filed).broken is None


def test_a_patient_is_deleted_for_real(records):
    mine = save(records)
    shared = save(records, 5)
    theirs = save(records, 5, pseudonym="P-002")
    write.add_histology(records, "Dr A", mine.lesion_id, diagnosis="mel", on="2026-11-20", words="secretword")
    write.correct(records, "Dr A", mine.picture_id, diagnosis="mel", basis=Basis.HISTOLOGY)
    write.correct(records, "Dr A", mine.picture_id, diagnosis="nv", basis=Basis.CONSENSUS)
    events = len(rows(records, tables.event))
    remains = write.delete_patient(records, "Dr A", mine.patient_id)
    # patient, lesion, visit, two pictures, two answers, two corrections, histology
    assert remains == (10, 1, 20, False)
    assert len(rows(records, tables.event)) == events + 10
    assert read.lesion_history(records, mine.lesion_id) is None
    assert [one.pseudonym for one in read.search(records)] == ["P-002"]
    assert len(list(store.names(records.pictures))) == 1  # the picture that both have
    assert store.read(records.pictures, new_picture(5).content and rows(records, tables.picture)[0]["sha256"])
    assert shared.picture_id != theirs.picture_id
    assert verify(records).broken is None
    if not records.on_server:
        left = b"".join(path.read_bytes() for path in records.folder.glob("records.sqlite*"))
        assert b"secretword" not in left
        assert b"P-001" not in left
        assert b"P-002" in left
    save(records)  # the same patient may come again
    assert verify(records).broken is None


def test_a_deletion_beside_a_reader_says_so_and_is_finished_when_the_records_are_opened(filed, monkeypatch):
    monkeypatch.setattr(write, "empty_log", partial(connect.empty_log, patience=0.05))

    def kept() -> bool:
        return any(b"secretword" in path.read_bytes() for path in filed.folder.glob("records.sqlite*"))

    saved = save(filed)
    write.describe_patient(filed, "Dr A", saved.patient_id, note="secretword")
    other = open_records(filed.folder)
    with other.reading() as held:
        held.execute(select(tables.patient)).all()
        remains = write.delete_patient(filed, "Dr A", saved.patient_id)
        assert remains.read
        assert "still holds the deleted text" in words.deleted("P-001", remains)
        open_records(filed.folder).close()  # nor does it wait
        assert kept()
    open_records(filed.folder).close()
    assert not kept()
    other.close()


def test_a_patient_with_lesions_cannot_be_deleted_past_derm(records):
    saved = save(records)
    with pytest.raises(RecordsFault, match="refuse this entry"), records.writing() as connection:
        connection.execute(delete(tables.patient).where(tables.patient.c.id == saved.patient_id))


def test_a_deletion_that_was_killed_is_finished_when_the_records_are_opened(filed, monkeypatch):
    saved = save(filed)
    monkeypatch.setattr(write, "finish_removals", lambda _: 0)  # killed after the rows went, before the file did
    write.delete_patient(filed, "Dr A", saved.patient_id)
    assert len(list(store.names(filed.pictures))) == 1
    again = open_records(filed.folder)
    assert list(store.names(filed.pictures)) == []
    assert finish_removals(again) == 0
    again.close()


def test_a_name_that_no_picture_has_is_not_noted_and_hinders_no_opening(records):
    with pytest.raises(RecordsFault, match="is no SHA-256"):
        write.intend(records, ["../../../x"])
    assert rows(records, tables.removal) == []
    with records.writing() as connection:  # as a Derm before this one has noted it
        connection.execute(insert(tables.removal), [{"sha256": "../../../x"}])
    finish_removals(records)
    assert rows(records, tables.removal) == []
    save(records)
    assert verify(records).broken is None


def test_a_picture_that_is_damaged_or_gone_is_said(filed):
    save(filed)
    (name,) = store.names(filed.pictures)
    store.place(filed.pictures, name).write_bytes(b"other")
    with pytest.raises(RecordsFault, match="is not what was saved: put it back from a backup"):
        store.read(filed.pictures, name)
    store.remove(filed.pictures, name)
    with pytest.raises(RecordsFault, match="is missing"):
        store.read(filed.pictures, name)
    with pytest.raises(RecordsFault, match="is no SHA-256"):
        store.place(filed.pictures, "../../etc/passwd")


def test_a_damaged_picture_is_written_anew_where_it_is_saved_again(filed, monkeypatch):
    save(filed)
    (name,) = store.names(filed.pictures)
    place = store.place(filed.pictures, name)
    whole = place.read_bytes()
    place.write_bytes(whole[:100])
    save(filed, pseudonym="P-002")
    assert place.read_bytes() == whole

    def bad_block(_path):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("derm.records.store.sha256", bad_block)
    place.write_bytes(whole[:100])
    assert "cannot be read (Input/output error)" in verify(filed).broken.why
    save(filed, pseudonym="P-003")
    assert place.read_bytes() == whole


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigFault, match="cannot be made"):
        open_records(tmp_path / "file" / "records")


@pytest.mark.parametrize("name", ["a?north", "b?mode=ro#x", "c%3Fd", "file:e", "f:g@h", " i&j;k'\"", "[l]*", "\udcff"])
@pytest.mark.filterwarnings("error")
def test_the_database_lies_in_its_folder_whatever_that_is_called(tmp_path, monkeypatch, name):
    if name == "\udcff" and sys.platform != "linux":
        pytest.skip("only Linux takes names that are no text")
    monkeypatch.chdir(tmp_path)
    for folder in (tmp_path / name, Path(name + "2")):
        records = open_records(folder)
        save(records)
        assert (folder / "records.sqlite").stat().st_size
        records.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [name, name + "2"]


def open_to_others(folder: Path) -> set[str]:
    """Names of the files, and of the folders that close what is below them, whose mode lets other accounts in."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.name for path in (folder, folder / "pictures", *files) if path.stat().st_mode & 0o077}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_no_other_account_may_read_records_also_those_of_an_older_derm(tmp_path):
    folder = tmp_path / "records"
    records = open_records(folder)
    save(records)
    with records.reading() as held:
        held.execute(text("SELECT 1"))
        assert (folder / "records.sqlite-wal").exists()
        assert open_to_others(folder) == set()
    records.close()
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    (folder / "teaching").mkdir()
    open_records(folder).close()
    assert open_to_others(folder) == set()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_folder_that_holds_other_things_stays_open_and_the_records_in_it_do_not(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir(mode=0o755)
    (folder / "index.html").touch(0o644)
    records = open_records(folder)
    save(records)
    records.close()
    assert open_to_others(folder) == {"home", "index.html"}


def test_what_lies_beside_records_is_known():
    assert {CHOICE, WEIGHTS_FOLDER} < set(BESIDE)


def test_a_row_that_another_program_holds_is_said(filed):
    other = replace(filed, engine=filed.engine)
    with filed.engine.connect() as held:
        held.execute(text("SELECT 1"))  # begins, and holds the only place of a writer
        quick = open_engine(other)
        with pytest.raises(RecordsFault, match="is held by another program"), quick.writing():
            pass
        quick.close()


def test_writers_that_wait_are_told_so_and_no_reader_waits_behind_them(records, monkeypatch):
    monkeypatch.setattr(connect, "PATIENCE", 1)
    url = records.engine.url.render_as_string(hide_password=False) if records.on_server else None
    other = open_records(records.folder, url)
    with ThreadPoolExecutor(20) as pool, records.writing():
        savers = [pool.submit(save, other, seed) for seed in range(20)]
        assert read.counts(other).pictures == 0
        assert not any(saver.done() for saver in savers)
        for saver in savers:
            assert "is held by another program" in str(saver.exception(20))
    other.close()


def test_a_pool_without_a_free_connection_is_said(records):
    with pytest.raises(RecordsFault, match="is held by another program"), records.reading():
        raise NoneFree


def test_a_disk_that_takes_no_more_is_said_also_by_sqlite_s_other_name_for_it(filed):
    with pytest.raises(RecordsFault, match="make room on its disk"), filed.reading():
        raise OperationalError("", {}, sqlite3.OperationalError("disk I/O error"))


def open_engine(records: Records) -> Records:
    from derm.records import connect

    engine = connect._file_engine(records.folder / connect.FILE, patience=0.05)
    return replace(records, engine=engine)


def test_times_are_utc_whatever_zone_they_came_in():
    here = datetime(2026, 11, 27, 12, tzinfo=UTC).astimezone()
    assert entry.moment(here) == "2026-11-27T12:00:00.000000+00:00"
    with pytest.raises(ValueError, match="has no zone"):
        entry.moment(datetime(2026, 11, 27, 12))
    assert len(entry.now()) == 32


@pytest.mark.parametrize(("call", "said"), [
    (lambda: entry.confidence(101), "A confidence of 101 is none"),
    (lambda: entry.seconds(float("nan")), "are no span of time"),
    (lambda: entry.seconds(-1), "are no span of time"),
    (lambda: entry.day("1830-01-01"), "from 1900 until today"),
])  # fmt: skip
def test_values_out_of_range_are_said(call, said):
    with pytest.raises(RecordsFault, match=said):
        call()
