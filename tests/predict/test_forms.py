"""The clinician's forms: totals as published, none before all is filled in."""

import pytest

from derm.predict.form_words import abcd_sentence, form_lines, seven_sentence
from derm.predict.forms import (
    ABCD_COLOURS,
    ABCD_STRUCTURES,
    BLANK,
    CRITERIA,
    MAJOR,
    Abcd,
    Forms,
    SevenPoint,
    forms_json,
)


def test_the_total_dermoscopy_score_is_the_published_sum():
    assert Abcd(0, 0, frozenset({"red"}), frozenset({"dots"})).total == 1.0
    assert Abcd(2, 8, frozenset(ABCD_COLOURS), frozenset(ABCD_STRUCTURES)).total == 8.9
    almost = Abcd(2, 8, frozenset(ABCD_COLOURS))
    assert (almost.total, almost.missing) == (None, ("structures",))
    assert abcd_sentence(almost) == "No total yet: structures to be filled in."


@pytest.mark.parametrize(
    ("axes", "sectors", "colours", "structures", "said"),
    [
        (1, 4, 3, 2, "Total 4.2: below 4.75, benign"),
        (1, 4, 3, 4, "Total 5.2: 4.75 to 5.45, suspicious"),
        (2, 5, 3, 3, "Total 6.1: above 5.45, highly suspicious of melanoma"),
    ],
)
def test_the_score_is_read_by_its_own_cut_offs(axes, sectors, colours, structures, said):
    filled = Abcd(axes, sectors, frozenset(ABCD_COLOURS[:colours]), frozenset(ABCD_STRUCTURES[:structures]))
    assert abcd_sentence(filled).startswith(said)
    assert "Nachbar et al. 1994" in abcd_sentence(filled)


def seven(*present: str) -> SevenPoint:
    return SevenPoint(frozenset(present), frozenset(CRITERIA) - frozenset(present))


def test_the_checklist_counts_major_criteria_twice_and_its_revision_once():
    assert seven(*CRITERIA).totals == (10, 7)
    assert seven(MAJOR[0], "irregular streaks").totals == (3, 2)
    assert seven(MAJOR[0]).totals == (2, 1)
    assert SevenPoint(frozenset(CRITERIA[:6])).totals is None
    assert seven_sentence(SevenPoint(frozenset(CRITERIA[:6]))) == (
        "No total yet: regression structures to be filled in."
    )
    assert "3 of 10 points: speaks for melanoma" in seven_sentence(seven(MAJOR[0], "irregular streaks"))
    said = seven_sentence(seven(MAJOR[0]))
    assert "2 of 10 points: does not speak for melanoma" in said
    assert "1 of 7 criteria: by the revision excision is advised" in said


def test_nothing_is_said_of_a_form_that_is_not_begun():
    assert not BLANK.begun
    assert form_lines(BLANK) == []
    assert forms_json(BLANK) == {"abcd": None, "seven_point": None}
    begun = Forms(Abcd(), seven())
    assert [title for title, _ in form_lines(begun)] == ["Seven-point checklist"]
    assert form_lines(begun)[0][1].startswith("None present. 0 of 10 points")
    assert forms_json(begun)["seven_point"]["score_1998"] == 0
