"""Search, filters, history, and that the worst picture decides."""

import json

import numpy as np
import pytest
from entries import new_answer, save

from derm.records import read, words, write
from derm.records.entry import Basis
from derm.records.read import PictureState, Query, worst_of


def state(name: str, referral: str | None, p_malignant: float | None = None) -> PictureState:
    return PictureState(name, "2026-11-02", name, referral, p_malignant, p_malignant, None)


@pytest.mark.parametrize(
    ("states", "worst"),
    [
        ([state("a", "not referred", 0.1), state("b", "refer", 0.3)], "b"),
        ([state("a", "refer", 0.3), state("b", "refer", 0.6)], "b"),
        ([state("a", "not referred", 0.2), state("b", "no answer")], "b"),
        ([state("a", "no answer"), state("b", "refer", 0.3)], "b"),
        ([state("a", "not referred", 0.2), state("b", None)], "b"),
        ([state("b", "refer", 0.3), state("a", "refer", 0.3)], "a"),
    ],
)
def test_the_worst_picture_decides(states, worst):
    assert worst_of(states).name == worst


def shown_at(p_malignant: float, share: object, own: object = 0.2) -> dict[str, object]:
    """An answer as it is kept where a share of malignant lesions was set among the practice's patients."""
    record = {"p_malignant": p_malignant, "malignant_share": share, "data_malignant_share": own}
    return new_answer(p_malignant, record=json.dumps(record))


def test_answers_shown_at_different_shares_are_ordered_at_the_data_s_own(records):
    save(records, 1, answer=shown_at(1 / 37, 1 / 100))  # odds of 1 : 36, and of 99 / 4 times that at 1 in 5: 11 : 16
    save(records, 2, answer=shown_at(0.3, 0.2))
    save(records, 3, pseudonym="P-002", answer=shown_at(0.4, 0.2))
    first, second = read.search(records)
    assert (first.pseudonym, first.worst.name) == ("P-001", "IMG_1.png")
    assert first.worst.p_malignant == 1 / 37
    assert first.worst.p_at_data == pytest.approx(11 / 27)
    assert second.worst.p_at_data == second.worst.p_malignant == 0.4
    assert words.state_line(first.worst) == "Refer: malignant 2.7 %, at the data's own mix 41 %. Melanoma.".replace(
        " %", "\N{NO-BREAK SPACE}%"
    )
    history = read.lesion_history(records, first.lesion_id)
    assert history is not None
    assert history.visits[0].worst == first.worst


@pytest.mark.parametrize(
    "record",
    [
        "{}",
        "[]",
        "nonsense",
        "[" * 100_000,
        *(shown_at(0.3, one)["record"] for one in (None, 0, 1, "0.1", True, [0.1])),
    ],
)
def test_an_answer_that_tells_no_share_counts_as_it_was_shown(record):
    assert read.at_data(new_answer(0.3, record=record)) == 0.3


def test_a_lesion_stands_as_its_last_visit_has_it(records):
    save(records, 1, answer=new_answer(0.7))
    save(records, 2, day="2026-11-20", answer=new_answer(0.05, "not referred", diagnosis="nv"))
    save(records, 3, day="2026-11-20", answer=new_answer(0.2, "not referred", diagnosis="bkl"))
    (found,) = read.search(records)
    assert (found.visits, found.pictures, found.worst.p_malignant, found.worst.day) == (2, 3, 0.2, "2026-11-20")
    assert (found.diagnosis, found.source) == ("bkl", "answer")
    write.add_answer(records, "Dr A", found.worst.picture_id, new_answer(0.01, "not referred", record="{}"))
    (found,) = read.search(records)
    assert found.worst.p_malignant == 0.05  # the last answer of a picture counts


def test_what_a_lesion_is_held_for(records):
    saved = save(records)
    write.correct(records, "Dr A", saved.picture_id, diagnosis="nv", basis=Basis.CONSENSUS)
    assert [(one.diagnosis, one.source) for one in read.search(records)] == [("nv", "correction")]
    write.add_histology(records, "Dr A", saved.lesion_id, diagnosis="bcc", on="2026-11-03")
    write.add_histology(records, "Dr A", saved.lesion_id, diagnosis="mel", on="2026-11-05", words="Breslow 0.4 mm")
    assert [(one.diagnosis, one.source) for one in read.search(records)] == [("mel", "histology")]
    history = read.lesion_history(records, saved.lesion_id)
    assert history is not None
    first, second = history.histology
    assert (second["diagnosis"], second["replaces"]) == ("mel", first["id"])


def held(records) -> list[tuple[str | None, str]]:
    return [(one.diagnosis, one.source) for one in read.search(records)]


def test_a_correction_holds_for_the_lesion_s_later_visits(records):
    saved = save(records)
    write.correct(records, "Dr A", saved.picture_id, diagnosis="mel", basis=Basis.HISTOLOGY)
    later = save(records, 2, day="2026-11-20", answer=new_answer(0.05, "not referred", diagnosis="nv"))
    assert held(records) == [("mel", "correction")]
    assert len(read.search(records, Query(diagnosis="mel"))) == 1
    write.correct(records, "Dr A", later.picture_id, diagnosis="nv", basis=Basis.CLINICAL)
    assert held(records) == [("mel", "correction")]  # a clinical impression does not take it back
    write.correct(records, "Dr A", later.picture_id, diagnosis="bcc", basis=Basis.CONSENSUS)
    assert held(records) == [("bcc", "correction")]


def test_of_two_corrected_pictures_the_last_correction_counts(records):
    first, second = save(records, 1), save(records, 2)
    write.correct(records, "Dr A", second.picture_id, diagnosis="nv", basis=Basis.CONSENSUS)
    write.correct(records, "Dr A", first.picture_id, diagnosis="mel", basis=Basis.CONSENSUS)
    write.correct(records, "Dr A", second.picture_id, outline=np.ones((48, 80), dtype=bool))
    assert held(records) == [("mel", "correction")]  # the outline says nothing of the diagnosis
    write.correct(records, "Dr A", second.picture_id, diagnosis="nv", basis=Basis.CONSENSUS)
    assert held(records) == [("nv", "correction")]
    write.correct(records, "Dr A", second.picture_id, diagnosis="bkl", basis=Basis.CLINICAL)
    assert held(records) == [("mel", "correction")]


@pytest.fixture
def practice(filed):
    save(filed, 1, answer=new_answer(0.7))
    save(filed, 2, lesion="B", site="scalp", answer=new_answer(0.05, "not referred", diagnosis="nv"))
    save(filed, 3, pseudonym="Q-002", day="2026-11-20", answer=new_answer(0.4, "no answer"))
    saved = save(filed, 4, pseudonym="Q-003", answer=new_answer(0.6))
    write.add_histology(filed, "Dr A", saved.lesion_id, diagnosis="nv", on="2026-11-10")
    return filed


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (Query(), ["P-001 A", "Q-003 A", "Q-002 A", "P-001 B"]),
        (Query(text="p-0"), ["P-001 A", "P-001 B"]),
        (Query(text="img_3"), ["Q-002 A"]),
        (Query(text="100%"), []),
        (Query(site="scalp"), ["P-001 B"]),
        (Query(referral="no answer"), ["Q-002 A"]),
        (Query(diagnosis="nv"), ["Q-003 A", "P-001 B"]),
        (Query(histology=True), ["Q-003 A"]),
        (Query(histology=False, since="2026-11-03"), ["Q-002 A"]),
        (Query(until="2026-11-02", referral="refer"), ["P-001 A", "Q-003 A"]),
    ],
)
def test_filters(practice, query, found):
    assert [f"{one.pseudonym} {one.label}" for one in read.search(practice, query)] == found


def test_what_is_not_there(practice):
    assert read.lesion_history(practice, "gone") is None
    assert read.lesions_of(practice, "nobody") == []
    assert [one["label"] for one in read.lesions_of(practice, "P-001")] == ["A", "B"]
    assert read.find_picture(practice, "0" * 64) == []
    assert len(read.patients(practice)) == 3
    assert (read.malignant("mel"), read.malignant("nv"), read.malignant("other"), read.malignant(None)) == (
        True, False, None, None,
    )  # fmt: skip
