"""An answer as it is kept holds all that the page showed, to the last digit; and what is said of records."""

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from entries import new_picture, save

from derm.data.synthetic.lesion import draw_lesion
from derm.document.content import report_of
from derm.errors import RecordsFault
from derm.image.scale import Scale
from derm.predict import words as case_words
from derm.predict.case import changed, diagnose
from derm.predict.entries import with_line, with_outline
from derm.predict.forms import CRITERIA, Abcd, Forms, SevenPoint
from derm.predict.practice import at_practice
from derm.predict.record import record_of
from derm.records import read, words, write
from derm.records.answer import evidence_of, kept_answer, outline_of
from derm.records.case import is_all_kept, is_other_answer, keep_other_answer, kept_as

DAY = date(2026, 11, 27)


@pytest.fixture(scope="module")
def case(tiny_model):
    return diagnose(tiny_model, draw_lesion("mel", 3, height=90, width=120).image, "a.png", drawn=True)


def test_an_answer_comes_back_as_it_was_shown(filed, case, tiny_model):
    kept = kept_answer(case, tiny_model, on=DAY, sha256="ab" * 32)
    saved = write.save_case(filed, "Dr A", new_picture(width=120, height=90), answer=kept)
    history = read.lesion_history(filed, saved.lesion_id)
    assert history is not None
    (row,) = history.visits[0].pictures[0].answers
    assert np.array_equal(outline_of(row), case.mask)
    for was, now in zip(case.evidence, evidence_of(row), strict=True):
        assert np.array_equal(was.map, now.map)
        assert (was.maximum, was.flat, was.window) == (now.maximum, now.flat, now.window)
    shown, record = json.loads(row["shown"]), json.loads(row["record"])
    assert shown["headline"] == case_words.headline(case)
    assert shown["notice"] == case_words.NOTICE
    assert shown["mask_threshold"] == tiny_model.description.mask_threshold
    former = {"sha256": None, "calibration": None, "not_learned": None}  # the last since answers were first kept
    assert "not_learned" not in record
    assert record | former == record_of(case) | {"calibration": None}
    assert record["sha256"] == "ab" * 32
    assert (row["weights_sha256"], row["engine"]) == (tiny_model.sha256, "TorchEngine")


def test_an_answer_at_a_practice_s_share_tells_what_it_is_at_the_data_s_own(case, tiny_model):
    known = changed(case, mix=(0.1, 0.1, 0.1, 0.1, 0.2, 0.3, 0.1))
    kept = kept_answer(at_practice(known, 0.01), tiny_model, on=DAY, sha256="ab" * 32)
    assert kept["p_malignant"] < case.p_malignant / 2
    assert read.at_data(kept) == pytest.approx(case.p_malignant)


@pytest.mark.parametrize("mix", [None, (0.1, 0.1, 0.1, 0.1, 0.2, 0.3, 0.1)])
def test_an_answer_that_is_kept_is_no_other_one(filed, case, tiny_model, mix):
    known = changed(case, mix=None if mix is None else tuple(share / 3 * 3 for share in mix))
    shares = (None,) if mix is None else (None, 0.05, 0.1 + 0.05 / 3)
    answers = [at_practice(known, share) for share in shares]
    for place, shown in enumerate(answers):
        row = kept_answer(shown, tiny_model, on=DAY, sha256="ab" * 32)
        saved = write.save_case(filed, "Dr A", new_picture(width=120, height=90), answer=row)
        (kept,) = read.lesion_history(filed, saved.lesion_id).visits[0].pictures
        told = [is_other_answer(one, tiny_model, kept) for one in answers]
        assert told == [other > place for other in range(len(answers))]
    assert is_other_answer(changed(known, views=8), tiny_model, kept)
    assert is_other_answer(known, replace(tiny_model, sha256="0" * 64), kept)
    shown = answers[0]
    seven = SevenPoint(present=frozenset(CRITERIA[:1]))
    assert is_other_answer(changed(shown, forms=Forms(Abcd(), seven)), tiny_model, kept)
    assert kept_as(shown, tiny_model, kept) == kept.answers[0]
    write.add_answer(filed, "Dr B", saved.picture_id, row | {"views": 8})  # does not take the place of what was shown
    (kept,) = read.lesion_history(filed, saved.lesion_id).visits[0].pictures
    assert [one["views"] for one in kept.answers] == [1] * len(answers) + [8]
    assert kept_as(shown, tiny_model, kept)["id"] == kept.answers[0]["id"]
    assert "; 8 views" in words.answer_lines(kept.answers[-1])[-1]
    assert "; 1 view" in words.answer_lines(kept.answers[0])[-1]
    assert not words.answer_lines(kept.answers[0])[-1].endswith("forms filled in.")
    filled = kept_answer(changed(shown, forms=Forms(Abcd(), seven)), tiny_model, on=DAY, sha256="ab" * 32)
    told = {**kept.answers[0], **filled}
    assert words.answer_lines(told)[-1].endswith(", forms filled in.")


def test_an_answer_that_tells_other_diagnoses_not_to_be_learned_is_another_one(filed, case, tiny_model):
    """Two descriptions of the same tensors, of which one tells what these learned from."""
    for diagnoses, others in ((None, [("df",), ("df", "mel")]), (("df",), [None, (), ("df", "mel")])):
        shown = changed(case, not_learned=diagnoses)
        row = kept_answer(shown, tiny_model, on=DAY, sha256="ab" * 32)
        place = new_picture(width=120, height=90, lesion=str(diagnoses))
        saved = write.save_case(filed, "Dr A", place, answer=row)
        (kept,) = read.lesion_history(filed, saved.lesion_id).visits[0].pictures
        assert not is_other_answer(shown, tiny_model, kept)
        assert all(is_other_answer(changed(case, not_learned=one), tiny_model, kept) for one in others)


def test_the_records_have_all_of_a_case_once_they_have_what_it_is_measured_with(filed, case, tiny_model):
    ring = [[[20, 15], [60, 15], [60, 45], [20, 45]]]
    row = kept_answer(case, tiny_model, on=DAY, sha256="ab" * 32)
    saved = write.save_case(filed, "Dr A", new_picture(width=120, height=90), answer=row)

    def all_kept(shown) -> bool:
        (kept,) = read.lesion_history(filed, saved.lesion_id).visits[0].pictures
        return is_all_kept(shown, tiny_model, kept)

    drawn = with_outline(case, ring)
    assert all_kept(case)
    assert not all_kept(changed(case, views=8))
    assert not all_kept(drawn)
    assert not all_kept(with_line(case, [5, 5, 75, 5], 3.5))
    assert all_kept(changed(case, scale=Scale(0.02, "DICOM")))  # which is in the file
    write.correct(filed, "Dr B", saved.picture_id, outline=np.ones((90, 120), dtype=bool))
    assert all_kept(case)  # in the model's own, which the answer keeps
    assert not all_kept(drawn)
    write.correct(filed, "Dr A", saved.picture_id, outline=drawn.outline)
    assert all_kept(drawn)


def test_no_answer_is_kept_that_is_measured_in_what_the_records_do_not_have(filed, case, tiny_model):
    row = kept_answer(case, tiny_model, on=DAY, sha256="ab" * 32)
    saved = write.save_case(filed, "Dr A", new_picture(width=120, height=90), answer=row)
    (kept,) = read.lesion_history(filed, saved.lesion_id).visits[0].pictures
    ring = [[[20, 15], [60, 15], [60, 45], [20, 45]]]
    for spoiled, said in (
        (with_outline(case, ring), "save the outline first"),
        (with_line(case, [5, 5, 75, 5], 3.5), "measured with 0.05 mm a pixel, and its picture is kept with another"),
    ):
        with pytest.raises(RecordsFault, match=said):
            keep_other_answer(filed, "Dr A", changed(spoiled, views=8), tiny_model, kept)
    # A colleague's outline is no reason against an answer in the model's own, nor a file's own scale.
    write.correct(filed, "Dr B", saved.picture_id, outline=np.ones((90, 120), dtype=bool))
    (kept,) = read.lesion_history(filed, saved.lesion_id).visits[0].pictures
    keep_other_answer(filed, "Dr A", changed(case, views=8, scale=Scale(0.02, "DICOM")), tiny_model, kept)
    (kept,) = read.lesion_history(filed, saved.lesion_id).visits[0].pictures
    assert [one["views"] for one in kept.answers] == [1, 8]


def test_a_report_bears_the_last_hash(case, tiny_model):
    said = report_of(case, tiny_model, on=DAY, last_hash="ab" * 32).made_with[-1]
    assert said == f"Last event of the records: {'ab' * 32}; `derm records verify --hash` looks for it."
    assert report_of(case, tiny_model, on=DAY).made_with[-1] == ""


def test_sentences(filed):
    saved = save(filed)
    assert words.counted(read.counts(filed)).startswith("1 patient, 1 lesion, 1 visit, 1 picture. The chain of events")
    (state,) = read.search(filed)
    assert words.lesion_title(state) == "P-001, lesion A, upper back"
    assert words.held_for(state) == "Melanoma (answer)"
    assert words.state_line(state.worst) == "Refer: malignant 39\N{NO-BREAK SPACE}%. Melanoma."
    said = words.deleted("P-001", write.delete_patient(filed, "Dr A", saved.patient_id))
    assert said.startswith("P-001 is deleted: 5 rows and 1 picture. In the chain 10 events remain: ")
    assert said.endswith("Backups and exports made before still hold the patient.")
    assert words.counted(read.counts(filed)).startswith("0 patients, 0 lesions, 0 visits, 0 pictures.")
    assert words.diagnosis_name("other") == "Another diagnosis"
