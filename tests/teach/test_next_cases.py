"""Next to look at: what is unconfirmed, in which order, why, and the same list all day."""

import json
from datetime import date

import pytest
from entries import new_answer, new_picture, save
from typer.testing import CliRunner

from derm.cli.main import app
from derm.diagnoses import CODES
from derm.model.weights import load_weights
from derm.predict.record import calibration_of
from derm.records import write
from derm.records.entry import Basis
from derm.records.read import search
from derm.records.verify import verify
from derm.teach import words
from derm.teach.next_cases import next_cases, unconfirmed

TODAY, TOMORROW = date(2026, 11, 27), date(2026, 11, 28)


def answer(first: float, second: float, spread: float | None = None, **given: object) -> dict[str, object]:
    """An answer whose likeliest is melanoma with `first`, then nevus with `second`."""
    shares = {f"p_{code}": (1 - first - second) / 5 for code in CODES} | {"p_mel": first, "p_nv": second}
    return new_answer(record=json.dumps({**shares, "spread": spread}), **given)


def plain(text: str) -> str:
    """With spaces that may break."""
    return text.replace("\u00a0", " ")


def fill(records, count: int = 9) -> list[str]:
    """Lesions whose margin falls from the first to the last; their keys."""
    return [
        save(records, seed, answer=answer(0.9 - 0.05 * seed, 0.05), lesion=f"L{seed}").lesion_id
        for seed in range(count)
    ]


def test_the_closest_calls_come_first_and_a_third_by_lot(filed):
    keys = fill(filed)
    found = next_cases(filed, TODAY, 6)
    assert [one.by_lot for one in found] == [False, True, False, False, True, False]
    drawn = [one.lesion.lesion_id for one in found if one.by_lot]
    doubtful = [one.lesion.lesion_id for one in found if not one.by_lot]
    assert doubtful == [key for key in reversed(keys) if key not in drawn][:4]


def test_the_list_stands_still_for_a_day_and_a_confirmed_case_moves_no_lot(filed):
    fill(filed)

    def listed(on: date) -> list[str]:
        return [one.lesion.lesion_id for one in next_cases(filed, on, 9, 1.0)]

    first = listed(TODAY)
    assert listed(TODAY) == first
    assert listed(TOMORROW) != first
    write.add_histology(filed, "Dr A", first[3], diagnosis="nv", on="2026-11-20")
    assert listed(TODAY) == [*first[:3], *first[4:]]


def test_what_rests_on_histology_consensus_or_follow_up_is_confirmed(filed):
    saved = [save(filed, seed, answer=answer(0.5, 0.4), lesion=f"L{seed}") for seed in range(4)]
    write.add_histology(filed, "Dr A", saved[0].lesion_id, diagnosis="nv", on="2026-11-20")
    write.correct(filed, "Dr A", saved[1].picture_id, diagnosis="nv", basis=Basis.CONSENSUS)
    write.correct(filed, "Dr A", saved[2].picture_id, diagnosis="nv", basis=Basis.CLINICAL)
    assert {one.lesion_id for one in unconfirmed(filed)} == {saved[2].lesion_id, saved[3].lesion_id}
    write.correct(filed, "Dr A", saved[1].picture_id, diagnosis="mel", basis=Basis.CLINICAL)  # taken back
    assert len(unconfirmed(filed)) == 3


def test_each_row_says_why_it_is_there(filed):
    save(filed, 1, answer=answer(0.45, 0.41, 0.12), lesion="close")
    save(filed, 2, answer=answer(0.9, 0.02, 0.01), lesion="sure")
    save(filed, 3, answer=answer(0.7, 0.2), lesion="once")
    save(filed, 4, answer=new_answer(referral="no answer"), lesion="none")
    save(filed, 5, answer=new_answer(record='{"p_malignant":0.39}'), lesion="older")
    told = {one.lesion.label: plain(words.why(one)) for one in next_cases(filed, TODAY, 9, 0.0)}
    assert told["close"] == (
        "Melanoma 45 % and melanocytic nevus 41 % are close; the answer changes when the picture is turned (± 12 %)."
    )
    assert told["sure"].endswith("the answer stays when the picture is turned (± 1.0 %).")
    assert (
        told["once"]
        == "Melanoma 70 % and melanocytic nevus 20 %; asked over one view, so that the margin decides alone."
    )
    assert told["none"] == "No answer that can be relied on, so that nothing tells how sure it is."
    assert list(told)[-2:] in (["none", "older"], ["older", "none"])
    by_lot = {one.lesion.label: words.why(one) for one in next_cases(filed, TODAY, 9, 1.0)}
    assert by_lot["none"] == by_lot["older"]
    assert by_lot["none"].startswith("Drawn by lot: no answer that can be relied on")


def test_nothing_is_next_where_nothing_waits(filed):
    assert next_cases(filed, TODAY) == []


def test_what_has_no_answer_waits_too_and_is_counted_beyond_the_list(filed, tmp_path):
    write.save_case(filed, "Dr A", new_picture(1, lesion="bare"))
    assert [(one.lesion.label, one.answer, one.by_lot) for one in next_cases(filed, TODAY)] == [("bare", None, False)]
    for seed in (2, 3):
        save(filed, seed, answer=new_answer(referral="no answer"), lesion=f"L{seed}")
    for count, said in (("2", "2 of 3 cases that nothing confirms yet."), ("3", "3 cases that nothing confirms yet.")):
        ran = CliRunner().invoke(
            app, ["records", "next", "--share", "0", "--count", count, "--out", str(tmp_path / "next.csv")]
        )
        assert ran.exit_code == 0, ran.output
        assert said in ran.output
        assert len((tmp_path / "next.csv").read_text().splitlines()) == 1 + int(count)


def test_spreads_that_lack_are_asked_for(filed, tiny_weights):
    model = load_weights(tiny_weights)
    own = {"weights_sha256": model.sha256, "calibration": calibration_of(model.description)}
    save(filed, 1, answer=answer(0.5, 0.4) | own, lesion="one")
    found = next_cases(filed, TODAY, 1, spreads=lambda *_: 0.2)
    assert found[0].answer is not None
    assert found[0].answer.spread == 0.2
    ran = CliRunner().invoke(app, ["records", "next", "--views", "--weights", str(tiny_weights)])
    assert ran.exit_code == 0, ran.output
    assert "asked over one view" not in ran.stdout
    assert "when the picture is turned (±" in ran.stdout


def test_no_spread_of_other_weights_is_told_of_an_answer(filed, tiny_weights):
    save(filed, 1, answer=answer(0.5, 0.4), lesion="one")
    ran = CliRunner().invoke(app, ["records", "next", "--views", "--weights", str(tiny_weights)])
    assert ran.exit_code == 0, ran.output
    assert "asked over one view" in ran.stdout


def test_answers_compare_at_the_datas_own_share(filed):
    """The same answer at two shares of malignant lesions is as close, whatever the slider said on the day."""
    shares = {f"p_{code}": 0.0 for code in CODES} | {"data_malignant_share": 0.2, "spread": 0.1}
    # From 20 % to 5 %: malignant a quarter as likely, benign 19/16, so that odds of 3 : 1 become 12 : 19.
    here = {"p_mel": 12 / 31, "p_nv": 19 / 31, "malignant_share": 0.05}
    home = {"p_mel": 0.75, "p_nv": 0.25, "malignant_share": 0.2}
    for seed, told in enumerate((here, home)):
        save(filed, seed, answer=new_answer(record=json.dumps(shares | told)), lesion=f"L{seed}")
    found = {one.lesion.label: one.answer for one in next_cases(filed, TODAY, 9, 0.0)}
    assert found["L0"].probabilities == pytest.approx(found["L1"].probabilities)
    assert (found["L0"].spread, found["L1"].spread) == (None, 0.1)


def test_a_row_says_over_how_many_views_and_for_which_mix(filed):
    """Also of an answer that was kept at another share of malignant lesions, where its spread is not known."""
    shares = {f"p_{code}": 0.0 for code in CODES} | {"data_malignant_share": 0.2, "malignant_share": 0.05}
    told = json.dumps(shares | {"p_mel": 12 / 31, "p_nv": 19 / 31, "spread": 0.1})
    close = json.dumps(shares | {"p_mel": 0.2, "p_nv": 0.8, "spread": 0.1})  # odds of 1 : 4 become 19 : 16
    for seed, given in enumerate(({"record": told, "views": 8}, {"record": told}, {"record": close, "views": 8})):
        save(filed, seed, answer=new_answer(**given), lesion=f"L{seed}")
    why = {one.lesion.label: plain(words.why(one)) for one in next_cases(filed, TODAY, 9, 0.0)}
    assert why["L0"] == (
        "At the data's own mix melanoma 75 % and melanocytic nevus 25 %; asked over 8 views, but how far these are "
        "apart at the data's own mix is not kept, so that the margin decides alone."
    )
    assert why["L1"] == (
        "At the data's own mix melanoma 75 % and melanocytic nevus 25 %; asked over one view, so that the margin "
        "decides alone."
    )
    assert why["L2"].startswith("At the data's own mix melanoma 54 % and melanocytic nevus 46 % are close; asked over")


def test_the_command_writes_the_list_and_plain_cells(filed, tmp_path):
    save(filed, 1, answer=answer(0.5, 0.4), pseudonym="=1+1")
    ran = CliRunner().invoke(app, ["records", "next", "--day", "2026-11-27", "--out", str(tmp_path / "next.csv")])
    assert ran.exit_code == 0, ran.output
    head, line = (tmp_path / "next.csv").read_text().splitlines()
    assert head == "patient,lesion,site,last visit,answer,why,weights"
    assert line.startswith("'=1+1,A,")
    refused = CliRunner().invoke(app, ["records", "next", "--share", "2"])
    assert refused.exit_code == 2


@pytest.mark.parametrize("day", ["tomorrow", "2126-01-01"])
def test_a_day_that_is_none_is_refused(filed, day):
    assert "no day" in str(CliRunner().invoke(app, ["records", "next", "--day", day]).exception)


@pytest.mark.parametrize(
    "odd",
    [{"record": "{bad"}, {"record": json.dumps({f"p_{code}": "x" for code in CODES})}, {"p_malignant": 1e308}],
    ids=["no JSON", "text for shares", "no share"],
)
def test_an_answer_that_nobody_can_have_entered_is_told_and_takes_no_list_away(filed, odd):
    save(filed, 1, lesion="A", answer=new_answer(**odd))
    kept = save(filed, 2, lesion="B", answer=answer(0.5, 0.4))
    assert kept.lesion_id in [one.lesion.lesion_id for one in next_cases(filed, TODAY, 9, 0.0)]
    assert all(one.p_at_data is None or 0 <= one.p_at_data <= 1 for one in (row.worst for row in search(filed)))
    broken = verify(filed).broken
    assert (broken.table, broken.why.endswith("which nobody can have entered")) == ("answer", True)
