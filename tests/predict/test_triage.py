"""The table of cases: its order, its rows for what was refused or let go, and its sentences."""

import csv
import io
import json
from dataclasses import replace

import pytest
from cases import case_with, middle_mask, said

from derm.predict import triage
from derm.predict.case_list import ListedCase, add_case, add_refused, let_go
from derm.predict.record import Settings, csv_of
from derm.predict.triage import Urgency, by_urgency, row_of


def case(name: str, malignant: float, **more):
    made = case_with({"mel": malignant, "nv": 1 - malignant}, middle_mask(), name=name)
    return replace(made, referral_threshold=0.2, **more)


def listed() -> list[ListedCase]:
    cases: list[ListedCase] = []
    for one in (
        case("low", 0.05),
        case("photograph", 0.9, not_dermoscopic=True),
        case("refer", 0.3),
        case("doubtful", 0.1, seen_little=True),
        case("most", 0.8, seen_little=True),
        case("lowest", 0.01),
    ):
        cases = add_case(cases, one)
    return add_refused(cases, "words.jpg", "words.jpg is no picture.")


def rows(cases: list[ListedCase]) -> list[triage.TriageRow]:
    return by_urgency(row_of(one, one.answers) for one in cases)


def test_referrals_lead_then_what_needs_a_look_then_the_rest():
    found = rows(listed())
    assert [row.name for row in found] == [
        "most", "refer", "doubtful", "words.jpg", "photograph", "low", "lowest",
    ]  # fmt: skip
    assert [row.urgency for row in found] == [*[Urgency.REFER] * 2, *[Urgency.LOOK] * 3, *[Urgency.REST] * 2]
    assert triage.counts(found) == {Urgency.REFER: 2, Urgency.LOOK: 3, Urgency.REST: 2}
    assert [group["label"] for group in triage.groups(found)] == [
        "All 7", "Refer 2", "Look yourself 3", "The rest 2",
    ]  # fmt: skip
    assert triage.place_of(found, found[3].key) == 3
    assert triage.place_of(found, "gone") == 0


def test_no_diagnosis_stands_where_there_is_no_answer():
    named = {row.name: row for row in rows(listed())}
    photograph, words = named["photograph"], named["words.jpg"]
    assert (photograph.to_do, photograph.malignant, photograph.likeliest) == ("No answer", "", "")
    assert photograph.flags == ("Not dermoscopic",)
    assert (words.to_do, words.malignant, words.likeliest, words.flags) == ("No answer", "", "", ("Not read",))
    assert triage.in_line(words) == "words.jpg is no picture."
    assert triage.in_line(photograph) == "Not dermoscopic. No answer."


def test_what_to_do_leads_and_doubts_lead_that():
    most = rows(listed())[0]
    assert said(triage.in_line(most)) == "Seen little. Refer: malignant 80 %. Melanoma 80 %."


def test_what_makes_all_answers_doubtful_leads_and_asks_for_a_look():
    low = add_case([], case("low", 0.05))[0]
    row = row_of(low, low.answers, 1, ("Not learned",))
    assert (row.flags, row.urgency) == (("Not learned",), Urgency.LOOK)
    assert said(triage.in_line(row)).startswith("Not learned. Not referred: malignant 5.0 %.")
    photograph = add_case([], case("photograph", 0.9, not_dermoscopic=True))[0]
    assert row_of(photograph, photograph.answers, 1, ("Not learned",)).flags == ("Not dermoscopic",)


def test_an_answer_over_another_number_of_views_says_so():
    one, mean = (add_case([], case("a", 0.05, views=views))[0] for views in (1, 8))
    eight = [row_of(listed, listed.answers, 8) for listed in (one, mean)]
    assert [row.views for row in eight] == ["Read in one view.", ""]
    assert said(triage.in_line(eight[0])).endswith("Melanocytic nevus 95 %. Read in one view.")
    assert triage.other_views(eight, 8).startswith("1 of 2 answers is of one view and no mean over 8: opening")
    asked_for_one = [row_of(listed, listed.answers, 1) for listed in (mean, mean)]
    assert [row.views for row in asked_for_one] == ["Mean over 8 views."] * 2
    assert triage.other_views(asked_for_one, 1).startswith("2 of 2 answers are means over several views: opening a row")
    assert triage.other_views([row_of(one, one.answers, 1), triage.withheld_row(mean)], 1) == ""
    refused = add_refused([], "words.jpg", "words.jpg is no picture.")[0]
    assert row_of(refused, None, 8).views == ""
    assert triage.other_views([*eight, row_of(refused, None, 8)], 8).startswith("1 of 2 answers")


def test_a_row_is_the_same_once_its_picture_was_let_go():
    before = listed()
    after = [let_go(one) for one in before]
    assert rows(after) == rows(before)
    assert [one.let_go for one in after] == [False, *[True] * 6]
    told = said(triage.no_longer_there(after))
    assert told.startswith("6 of 7 pictures are no longer in memory, ")
    assert "which holds 50 pictures or 120 megapixels of a list," in told
    assert "at work: lowest, most," in told
    assert told.endswith("and 1 more. All answers stay; opening the row reads the file again.")
    lost = [one._replace(stored=None) for one in after]
    assert triage.no_longer_there(lost).endswith("but for 6, which must be opened again.")
    assert triage.no_longer_there(before) == ""


def test_the_tables_of_a_visit_have_a_row_for_each_upload_in_order_of_arrival():
    cases = listed()
    settings = Settings("small 01234567", "89abcdef", 1, None, None)
    found = triage.records(cases, [one.answers for one in cases], settings)
    assert [one["image_id"] for one in found] == ["low", "photograph", "refer", "doubtful", "most", "lowest", "words"]
    assert [one["referral"] for one in found] == [
        "not referred", "no answer", "refer", "not referred", "refer", "not referred", "no answer",
    ]  # fmt: skip
    assert found[-1]["error"] == "words.jpg is no picture."
    assert {one["calibration"] for one in found} == {"89abcdef"}
    gone = [let_go(one) for one in cases]
    assert triage.records(gone, [one.answers for one in gone], settings) == found
    table = list(csv.DictReader(io.StringIO(csv_of(found))))
    assert [row["image_id"] for row in table] == [one["image_id"] for one in found]
    told = json.loads(triage.as_json(found, "CC0"))
    assert [(one["error"], one["licence"]) for one in told] == [(row["error"], "CC0") for row in table]


def test_without_a_threshold_nothing_is_referred():
    cases = add_case([], replace(case("a", 0.9), referral_threshold=None))
    (row,) = rows(cases)
    assert (row.to_do, row.urgency) == ("No threshold", Urgency.REST)


@pytest.mark.parametrize(("count", "end"), [(1, "a0."), (5, "a0, a1, a2, a3, a4."), (7, "a4 and 2 more.")])
def test_files_are_named_and_counted(count, end):
    told = triage.not_read([f"a{place}" for place in range(count)])
    assert told.startswith(f"Stopped. {count} file")
    assert told.endswith(end)


def test_progress_says_which_file_and_how_long():
    assert triage.progress(0, 40, "dir/a.jpg", None) == "Reading a.jpg: 1 of 40"
    assert said(triage.progress(2, 40, "c.jpg", 240.0)) == "Reading c.jpg: 3 of 40, 4 min left"


def test_it_is_said_how_long_the_list_lasts():
    assert "Reloading the page keeps it for 30 minutes" in triage.keeping(30.0)
    assert "Reloading the page loses it" in triage.keeping(0.0)
