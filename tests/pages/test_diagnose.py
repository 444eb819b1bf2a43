"""The page Diagnose without a browser: first visit, uploads of every kind, the list, and missing weights."""

import time
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
import torch
from cases import LIKELY
from PIL import Image
from small_nets import SMALL
from streamlit.testing.v1 import AppTest

from derm.data.synthetic.lesion import draw_lesion
from derm.diagnoses import CODES
from derm.errors import DataFault
from derm.figures.text import plain
from derm.model.network import LesionNet
from derm.model.weights import WeightsInfo, save_weights
from derm.predict import case_list, triage, words
from derm.predict.budget import Budget
from derm.predict.case import Case, diagnose
from derm.predict.entries import with_line, with_outline
from derm.predict.forms import CRITERIA
from derm.predict.learned_words import answer_doubt
from derm.predict.pixels import pixels_of
from derm.predict.reading import Reading, WaitingFile
from derm.predict.record import Settings, csv_of
from derm.predict.views import EIGHT
from derm.predict.words import CALIBRATED, NOT_CALIBRATED, NOT_DERMOSCOPIC, NOTICE
from pages.parts import visit as parts_visit

pytestmark = pytest.mark.slow

APP = Path(__file__).parents[2] / "streamlit_app.py"


def write_weights(folder: Path, mask_bias: float, description: WeightsInfo) -> Path:
    """Random weights whose outline is everything (bias above 0) or nothing (below)."""
    torch.manual_seed(3)
    net = LesionNet(SMALL)
    with torch.no_grad():
        net.mask_head.weight.zero_()
        net.mask_head.bias.fill_(mask_bias)
    save_weights(folder / "tiny.json", net, description)
    return folder / "tiny.json"


@pytest.fixture
def visit(tmp_path, monkeypatch):
    """A function that opens the page as a new visitor."""

    def opened(mask_bias: float = 5.0, **described) -> AppTest:
        weights = write_weights(tmp_path, mask_bias, WeightsInfo(SMALL, **described))
        monkeypatch.setenv("DERM_WEIGHTS", str(weights))
        st.cache_resource.clear()
        return AppTest.from_file(APP, default_timeout=60).run()

    yield opened
    st.cache_resource.clear()


def encoded(image: Image.Image, form: str = "PNG", **settings) -> bytes:
    stream = BytesIO()
    image.save(stream, format=form, **settings)
    return stream.getvalue()


def photograph(height: int = 60, width: int = 80) -> Image.Image:
    drawn = draw_lesion("nv", 2, height=max(height, 64), width=max(width, 64)).image
    return Image.fromarray(drawn[:height, :width])


def upload(page: AppTest, *files: tuple[str, bytes]) -> AppTest:
    uploader = page.get("file_uploader")[0]
    for name, content in files:
        uploader.upload(name, content, "image/jpeg")
    page.run()
    while page.session_state.reading.waiting:  # a browser asks again by itself
        page.run()
    return page.run()


def shown(page: AppTest):
    assert not page.exception
    return page.session_state.shown.case


def captions(page: AppTest) -> str:
    return " ".join(caption.value for caption in page.caption).replace("\\", "")


def test_a_first_visit_shows_a_drawn_sample_already_analysed(visit):
    page = visit()
    assert shown(page).name == "Drawn melanoma"
    assert page.header[0].value
    (viewer,) = (one for one in page.get("bidi_component") if one.proto.component_name == "derm_viewer")
    assert "A drawing, not a patient." in str(viewer.proto)
    assert NOT_CALIBRATED in captions(page).replace("\\", "")
    assert NOTICE in captions(page)
    (diagnoses,) = page.radio
    assert len(diagnoses.options) == 7
    assert page.session_state.layers == {"Outline": 1.0}
    (made,) = (one for one in page.expander if one.label == "How this was made")
    assert "CC BY\\-NC" in " ".join(markdown.value for markdown in made.markdown)


def test_eight_views_are_asked_for_by_a_switch_and_stay(visit):
    page = visit()
    switch = page.toggle(key="wide")
    assert (switch.label, switch.value) == (words.VIEWS, False)
    before = page.session_state.shown.case
    page = switch.set_value(True).run()
    case = page.session_state.shown.case
    assert (before.views, case.views) == (1, EIGHT)
    assert plain(words.views_note(case)) in [one.value for one in page.caption]
    assert not page.exception
    # What comes later is asked so, too, and back again.
    page = upload(page, ("a.png", encoded(photograph())))
    assert page.session_state.shown.case.views == EIGHT
    page = page.toggle(key="wide").set_value(False).run()
    assert page.session_state.shown.case.views == 1
    assert page.session_state.shown.case.name == "a.png"
    assert not page.exception


def test_a_row_that_was_answered_over_other_views_says_so(visit):
    page = upload(visit(), ("a.png", encoded(photograph())), ("b.png", encoded(photograph())))
    assert not [row for row in page.session_state.rows.values() if row.views]
    page = page.toggle(key="wide").set_value(True).run()
    rows = list(page.session_state.rows.values())
    (other,) = (row for row in rows if row.views)
    assert other.key != page.session_state.at_hand
    told = triage.other_views(rows, EIGHT)
    assert told.startswith("1 of 2 answers is of one view")
    assert plain(told) in [one.value for one in page.caption]
    page.session_state.at_hand = other.key
    page = page.run()
    assert not [row for row in page.session_state.rows.values() if row.views]
    assert not page.exception


def test_what_the_weights_have_not_learned_stands_before_the_answer(visit):
    learned = {"classes": dict.fromkeys(CODES, 100) | {"mel": 0}, "pictures": "", "lesions": ""}
    told = {"data": {"learned": learned}}
    page = upload(visit(training=told), ("a.png", encoded(photograph())), ("b.png", encoded(photograph())))
    doubt = plain(answer_doubt(told))
    assert [one.value for one in page.caption].count(doubt) == 2  # above the table and above the headline
    assert {row.flags[0] for row in page.session_state.rows.values()} == {"Not learned"}
    assert not page.exception


@pytest.mark.parametrize("lost", [["at_hand"], ["at_hand", "reading", "told", "token"], []])
def test_a_first_run_that_a_click_cut_short_is_begun_anew(visit, lost):
    page = visit()
    page.session_state.cases = []
    for name in lost:
        del page.session_state[name]
    page.run()
    assert not page.exception
    assert page.session_state.shown.case.name == "Drawn melanoma"
    del page.session_state["at_hand"]
    page.run()
    assert not page.exception


def test_calibrated_weights_need_no_warning(visit):
    said = captions(visit(temperature=1.4))
    assert NOT_CALIBRATED not in said
    assert CALIBRATED in said


def texts(page: AppTest) -> str:
    return " ".join(element.value for element in [*page.markdown, *page.caption]).replace("\\", "")


def html_of(page: AppTest) -> str:
    return " ".join(element.proto.body for element in page.get("html"))


def test_decisions_are_spoken_where_the_weights_bring_them(visit):
    referral = {"of_100_malignant": 96, "of_100_benign": 28}
    page = visit(
        referral_threshold=0.001,
        conformal_thresholds=(0.0,) * 7,
        measured={"test": {"split": "by lesion", "images": 2004, "referral": referral}},
    )
    case = shown(page)
    assert (case.above_referral, len(case.cannot_exclude)) == (True, 7)
    for sentence in (
        "Referral is advised from a malignant probability of ",
        "about 96 are above it; of 100 benign, 28 (on the test part, split by lesion, each lesion counting once, ",
        "No diagnosis can be excluded.",
    ):
        assert sentence in texts(page)
    assert "; referral threshold " in html_of(page)


def test_weights_without_decisions_stay_silent_about_them(visit):
    page = visit()
    case = shown(page)
    assert (case.above_referral, case.cannot_exclude, case.not_dermoscopic) == (None, None, None)
    for silent in ("Referral is advised", "of 100 benign", "excluded", "coverage"):
        assert silent not in texts(page)


def photographed_case(*asked, **known) -> Case:
    return replace(diagnose(*asked, **known), not_dermoscopic=True)


def test_what_is_not_dermoscopic_takes_the_headline_and_probabilities_step_back(visit, monkeypatch):
    monkeypatch.setattr("derm.predict.case_list.diagnose", photographed_case)
    page = visit(referral_threshold=0.001, conformal_thresholds=(0.0,) * 7)
    assert shown(page).not_dermoscopic
    assert page.header[0].value.replace("\\", "") == NOT_DERMOSCOPIC
    assert page.expander[0].label == "Probabilities, not to be relied on"
    assert "Referral is advised" not in texts(page)
    assert "No diagnosis can be excluded" not in texts(page)
    assert 'class="derm-sum"' not in html_of(page)


def doubted_case(*asked, **known) -> Case:
    case = diagnose(*asked, **known)
    return replace(case, not_dermoscopic=False, seen_little=True, mask=np.ones_like(case.mask))


def test_an_answer_of_which_the_model_has_seen_little_is_shown_and_marked(visit, monkeypatch):
    monkeypatch.setattr("derm.predict.case_list.diagnose", doubted_case)
    page = visit(referral_threshold=0.001, conformal_thresholds=(0.0,) * 7)
    assert any(one.value.replace("\\", "").startswith(words.SEEN_LITTLE) for one in page.caption)
    assert "Referral is advised" in texts(page)
    assert "Probabilities, not to be relied on" not in [expander.label for expander in page.expander]


def test_a_click_on_a_diagnosis_shows_its_heat_map(visit):
    page = visit()
    (diagnoses,) = page.radio
    code = CODES.index("df")
    diagnoses.set_value(code).run()
    assert not page.exception
    assert set(page.session_state.layers) == {"Outline", "Heat map"}
    sentences = " ".join(markdown.value for markdown in page.markdown)
    assert "for dermatofibroma" in sentences


def test_the_curves_of_agreement_are_drawn_when_their_fold_is_opened(visit):
    page = visit()
    page.session_state.cases = case_list.add_case([], LIKELY)
    page.session_state.at_hand = page.session_state.cases[0].key
    page.run()
    assert "Heat map against outline, threshold by threshold" in [one.label for one in page.expander]
    assert not page.get("plotly_chart")
    page.session_state[f"overlaps-{page.session_state.shown.key}"] = True
    page.run()
    assert not page.exception
    assert len(page.get("plotly_chart")) == 1


def test_a_corrected_outline_stays_with_its_case_and_changes_no_answer(visit):
    page = visit()
    before = shown(page)
    key = page.session_state.shown.key
    square = [[[10, 10], [200, 10], [200, 200], [10, 200]]]
    page.session_state.cases = case_list.with_case(page.session_state.cases, key, with_outline(before, square))
    page.run()
    after = shown(page)
    assert after.polygons == (((10, 10), (200, 10), (200, 200), (10, 200)),)
    assert "corrected by hand" in captions(page)
    assert page.header[0].value == plain(words.headline(before))
    page.toggle(key="wide").set_value(True).run()  # asked again, over eight views
    assert shown(page).polygons == after.polygons
    assert not page.exception


def test_forms_are_filled_in_by_the_visitor_alone_and_kept(visit):
    page = visit()
    assert not shown(page).forms.begun
    key = page.session_state.shown.key
    form = {group.key: group for group in page.get("button_group")}
    assert all(not form[f"form-{name}-{key}"].value for name in ("asymmetry", "border", "colours", *CRITERIA))
    form[f"form-asymmetry-{key}"].set_value(2)
    form[f"form-border-{key}"].set_value(3)
    form[f"form-colours-{key}"].set_value(["red", "black"])
    form[f"form-structures-{key}"].set_value(["dots"])
    page.run()
    assert shown(page).forms.abcd.total == pytest.approx(2.6 + 0.3 + 1.0 + 0.5)
    assert "Total 4.4: below 4.75, benign" in texts(page)
    next(button for button in page.button if button.label == "Empty both forms").click().run()
    assert not shown(page).forms.begun
    assert not page.exception


def test_several_files_become_a_list_and_the_drawing_leaves(visit):
    page = upload(visit(), ("one.png", encoded(photograph())), ("two.png", encoded(photograph(90, 70))))
    assert [listed.case.name for listed in page.session_state.cases] == ["two.png", "one.png"]
    assert page.session_state.table_open
    assert "1 of 2" in [one.value for one in page.markdown]
    first = shown(page)
    page.button(key="next").click().run()
    assert {first.name, shown(page).name} == {"one.png", "two.png"}
    assert first.p_malignant >= shown(page).p_malignant
    assert page.button(key="next").disabled
    assert not page.session_state.table_open
    page.button(key="table").click().run()
    next(button for button in page.button if button.label == "Clear the list").click().run()
    assert shown(page).name == "Drawn melanoma"
    assert len(page.session_state.cases) == 1


def test_a_sample_can_be_picked(visit):
    page = visit()
    page.button(key="sample-bcc").click().run()
    assert shown(page).name == "Drawn basal cell carcinoma"
    assert [listed.drawn for listed in page.session_state.cases] == [True, True]


def row_named(page: AppTest, name: str) -> triage.TriageRow:
    (row,) = [row for row in page.session_state.rows.values() if row.name == name]
    return row


def test_a_refused_file_becomes_the_case_at_hand_without_the_last_answer(visit):
    page = upload(visit(), ("good.png", encoded(photograph())))
    page = upload(page, ("words_*.jpg", b"this is text"))
    assert not page.exception
    assert page.session_state.shown.case is None
    (header,) = page.header
    assert header.value.replace("\\", "") == "words_*.jpg could not be read: no answer."
    assert "words_*.jpg is no picture that Derm can read" in texts(page)
    assert not page.radio
    assert not page.get("imgs")
    assert "malignant" not in texts(page)
    assert row_named(page, "words_*.jpg").note.startswith("words_*.jpg is no picture")
    # The good one is a step away, and nothing of it was lost.
    page.button(key="next" if not page.button(key="next").disabled else "previous").click().run()
    assert shown(page).name == "good.png"
    assert len(page.radio) == 1


def test_bad_files_keep_their_rows_and_good_ones_still_work(visit):
    huge = encoded(Image.new("L", (8000, 5001)))
    page = upload(
        visit(),
        ("words_*.jpg", b"this is text"),
        ("cut.png", encoded(photograph())[:200]),
        ("good.png", encoded(photograph())),
        ("huge.png", huge),
    )
    assert {row.name for row in page.session_state.rows.values() if row.note} == {"words_*.jpg", "cut.png", "huge.png"}
    assert row_named(page, "good.png").malignant
    assert "more than the 40,000,000" in row_named(page, "huge.png").note


def test_every_upload_keeps_its_row_and_its_picture_comes_back(visit, monkeypatch):
    monkeypatch.setattr("derm.predict.case_list.MAX_CASES", 3)
    pictures = [(f"p{place}.png", encoded(photograph(60 + place))) for place in range(8)]
    page = upload(visit(), *pictures)
    assert len(page.session_state.rows) == 8
    assert all(row.malignant for row in page.session_state.rows.values())
    gone = [listed for listed in page.session_state.cases if listed.let_go]
    assert len(gone) == 5
    assert "5 of 8 pictures are no longer in memory" in captions(page)
    assert all(listed.name in captions(page) for listed in gone)
    assert len(visit_csv(page).splitlines()) == 9
    before = {row.key: row for row in page.session_state.rows.values()}
    turns, turn = [], Budget.turn
    monkeypatch.setattr(Budget, "turn", lambda self, pixels: turns.append(pixels) or turn(self, pixels))
    page.session_state.at_hand = gone[0].key
    page.run()
    assert shown(page).image.any()
    assert page.session_state.shown.key == gone[0].key
    assert turns == [shown(page).image[..., 0].size]
    assert all(pixels_of(listed.case) is not None for listed in page.session_state.cases if listed.case is not None)
    assert {row.key: row for row in page.session_state.rows.values()} == before
    assert sum(listed.let_go for listed in page.session_state.cases) == 5


def visit_csv(page: AppTest) -> str:
    cases = page.session_state.cases
    settings = Settings("tiny", "0" * 8, 1, None, None)
    return csv_of(triage.records(cases, [listed.answers for listed in cases], settings))


def test_a_picture_whose_file_is_gone_says_how_to_bring_it_back(visit, monkeypatch):
    monkeypatch.setattr("derm.predict.case_list.MAX_CASES", 1)
    monkeypatch.setattr("derm.predict.case_list.MAX_FILE_BYTES", 1)
    first, second = encoded(photograph()), encoded(photograph(90, 70))
    page = upload(upload(visit(), ("one.png", first)), ("two.png", second))
    page.button(key="next" if not page.button(key="next").disabled else "previous").click().run()
    assert page.session_state.shown.name == "one.png"
    assert "open it again" in texts(page)
    assert not page.radio
    page = upload(page, ("one.png", first))
    assert shown(page).name == "one.png"
    assert [listed.name for listed in page.session_state.cases] == ["two.png", "one.png"]


def test_the_same_file_is_told_and_another_of_its_name_is_told_apart(visit):
    first, second = encoded(photograph()), encoded(photograph(90, 70))
    page = upload(visit(), ("a.png", first), ("a.png", second))
    assert {listed.name for listed in page.session_state.cases} == {"a.png", "a (2).png"}
    page = upload(page, ("a.png", first))
    assert len(page.session_state.cases) == 2
    assert "a.png was in the list already" in page.warning[0].value.replace("\\", "")
    page.button(key="told-seen").click().run()
    assert not page.warning


class Interrupted(BaseException):
    """As Streamlit ends a script for a new upload, wherever it asks for its session."""


class Session:
    """A visitor's session that interrupts the script when it is asked for the so-many-th time."""

    def __init__(self, at: int) -> None:
        held = {"cases": [], "at_hand": "", "batch": [], "again": [], "entered": {}, "follow": True, "token": "t"}
        held |= {"kept_before": {}, "seen_before": frozenset()}
        object.__setattr__(self, "held", held)
        object.__setattr__(self, "left", [at])

    def ask(self) -> dict:
        left = object.__getattribute__(self, "left")
        left[0] -= 1
        if left[0] == 0:
            raise Interrupted
        return object.__getattribute__(self, "held")

    def __getattribute__(self, name: str):
        return Session.ask(self)[name]

    def __setattr__(self, name: str, value: object) -> None:
        Session.ask(self)[name] = value


def test_a_reading_that_is_interrupted_anywhere_loses_no_file_and_reads_none_twice(tiny_model, monkeypatch):
    interruptions = 0
    for at in range(1, 13):
        session, reading = Session(at), Reading()
        monkeypatch.setattr(st, "session_state", session)
        reading.take_in([WaitingFile("1", "a.png", encoded(photograph())), WaitingFile("2", "b.txt", b"text")], 9)
        while reading.waiting:
            try:
                reading.work(partial(parts_visit.read_file, tiny_model), 60.0)
            except Interrupted:
                interruptions += 1
        held = object.__getattribute__(session, "held")
        assert [listed.name for listed in held["cases"]] == ["b.txt", "a.png"]
        assert held["batch"] == [listed.key for listed in reversed(held["cases"])]
        assert held["at_hand"] == held["batch"][0]
        assert held["again"] == []
    assert interruptions == 12
    st.cache_resource.clear()


def test_what_waits_survives_a_change_of_page_and_stops_when_told(visit, monkeypatch):
    monkeypatch.setattr("pages.parts.cases.SPELL", 0.0)
    page = visit()
    uploader = page.get("file_uploader")[0]
    for place in range(5):
        uploader.upload(f"p{place}.png", encoded(photograph(60 + place)), "image/png")
    page.run()
    read = page.session_state.reading.read
    assert 1 <= read < 5
    page.switch_page("pages/3_Monitor.py").run()
    assert not page.exception
    assert page.session_state.reading.read > read
    left = [file.name for file in page.session_state.reading.waiting]
    assert left
    next(button for button in page.button if button.label == "Stop reading").click().run()
    assert not page.session_state.reading.waiting
    assert all(name in page.warning[0].value.replace("\\", "") for name in left)
    assert len(page.session_state.cases) == 5 - len(left)


def test_a_full_list_turns_files_away_by_name(visit, monkeypatch):
    monkeypatch.setattr("derm.predict.case_list.MAX_ROWS", 2)
    page = upload(visit(), ("a.png", encoded(photograph())), ("b.png", encoded(photograph(70))))
    assert "The list holds 2 cases; not taken in: b.png" in page.warning[0].value.replace("\\", "")


def test_a_reload_finds_the_list_again_and_nobody_else_does(visit):
    page = upload(visit(), ("a.png", encoded(photograph())), ("b.txt", b"text"))
    token = page.session_state.token
    kept = parts_visit.kept_visits().find(token)
    assert kept.waiting == []
    assert [one.name for one in kept.cases] == ["b.txt", "a.png"]
    other = AppTest.from_file(APP, default_timeout=60).run()
    assert other.session_state.token != token
    other.session_state.claimed_token = token
    other.run()
    assert [listed.name for listed in other.session_state.cases] == ["b.txt", "a.png"]
    other.session_state.at_hand = other.session_state.cases[1].key
    other.run()
    assert shown(other).image.any()
    # Clearing forgets it for good.
    next(button for button in page.button if button.label == "Clear the list").click().run()
    assert parts_visit.kept_visits().find(token) is None


def names(page: AppTest) -> list[str]:
    assert not page.exception
    return [listed.name for listed in page.session_state.cases]


def handed(token: str) -> AppTest:
    """A tab that has the token of another's list: after a reload, or duplicated."""
    other = AppTest.from_file(APP, default_timeout=60).run()
    other.session_state.claimed_token = token
    return other.run()


def test_a_page_that_was_used_for_longer_than_a_list_is_kept_finds_it_after_a_reload(visit):
    page = upload(visit(), ("a.png", encoded(photograph())))
    visits, token, now = parts_visit.kept_visits(), page.session_state.token, [0.0]
    visits._clock = lambda: now[0]
    now[0] = time.monotonic() + 10 * visits._seconds
    visits.forget_old()  # as the timer does
    visits.leave(token)  # as Streamlit tells of a page that is closed
    now[0] += visits._seconds - 1
    assert names(handed(token)) == ["a.png"]
    now[0] += 2
    assert "sample" not in names(page.run())[0]
    visits.forget(token)  # too many others: the next run keeps it again
    page.run()
    assert names(handed(token)) == ["a.png"]


def test_views_outlive_a_reload_and_a_session_that_was_lost(visit):
    page = upload(visit(), ("a.png", encoded(photograph())))
    page.toggle(key="wide").set_value(True).run()
    back = handed(page.session_state.token)
    for one in (page, back):
        assert one.toggle(key="wide").value
        assert shown(one).views == 8
    gone = AppTest.from_file(APP, default_timeout=60)  # with nothing kept, the switch says what the answers are
    gone.session_state.wide = True  # as its browser sends it
    gone.run()
    assert not gone.toggle(key="wide").value
    assert gone.session_state.shown.case.views == 1


def test_clearing_forgets_what_was_left_before_a_reload_and_handed_to_another_tab(visit):
    page = upload(visit(), ("a.png", encoded(photograph())))
    first = page.session_state.token
    page = handed(first)  # after a reload
    page.session_state.table_open = True
    twin, late = handed(first), handed(page.session_state.token)
    upload(late, ("own.png", encoded(photograph(70))))
    next(button for button in page.run().button if button.label == "Clear the list").click().run()
    for token in (first, page.session_state.token, twin.session_state.token):
        assert parts_visit.kept_visits().find(token) is None
    assert "a.png" not in names(handed(first))
    assert "a.png" not in names(twin.run())
    assert [warning.value.replace("\\", "") for warning in twin.warning] == [triage.CLEARED_ELSEWHERE]
    assert names(late.run()) == names(handed(late.session_state.token)) == ["own.png"]
    assert shown(late).image.any()
    assert late.session_state.shown.name == "own.png"


def test_clearing_forgets_what_other_weights_had_answered_before_a_reload(visit, monkeypatch):
    page = upload(visit(), ("a.png", encoded(photograph())), ("b.txt", b"text"))
    first, files = page.session_state.token, [one.stored for one in page.session_state.cases if one.stored]
    twin = handed(first)
    with monkeypatch.context() as others:
        others.setattr(parts_visit, "weights_key", lambda model: "others")
        page = handed(first)  # after a reload
        while page.session_state.reading.waiting:
            page.run()
    assert any("Other weights are in use by now" in one.value for one in page.warning)
    assert names(page) == ["a.png"]
    with monkeypatch.context() as others:
        others.setattr(parts_visit, "weights_key", lambda model: "others")
        page = handed(page.session_state.token)  # after one more
        page.session_state.table_open = True
        next(button for button in page.run().button if button.label == "Clear the list").click().run()
    for token in (first, page.session_state.token, twin.session_state.token):
        assert parts_visit.kept_visits().find(token) is None
    assert [file.content for file in files] == [None]
    assert "a.png" not in names(twin.run())
    assert [warning.value.replace("\\", "") for warning in twin.warning] == [triage.CLEARED_ELSEWHERE]


def test_clearing_is_heard_where_other_weights_have_read_the_list_again(visit, monkeypatch):
    page = upload(visit(), ("a.png", encoded(photograph())))
    with monkeypatch.context() as others:
        others.setattr(parts_visit, "weights_key", lambda model: "others")
        twin, late = handed(page.session_state.token), handed(page.session_state.token)
        for one in (twin, late):
            while one.session_state.reading.waiting:
                one.run()
        upload(late, ("own.png", encoded(photograph(70))))
    page.session_state.table_open = True
    next(button for button in page.run().button if button.label == "Clear the list").click().run()
    token = late.session_state.token
    with monkeypatch.context() as others:
        others.setattr(parts_visit, "weights_key", lambda model: "others")
        assert [one.name for one in parts_visit.kept_visits().find(token).cases if not one.drawn] == ["own.png"]
        for one in (twin, late):
            assert "a.png" not in names(one.run())
            assert any(triage.CLEARED_ELSEWHERE in warning.value.replace("\\", "") for warning in one.warning)
        assert "a.png" in names(upload(twin, ("a.png", encoded(photograph()))).run())


def test_clearing_is_heard_where_other_weights_are_still_reading_the_list(visit, monkeypatch):
    page = upload(visit(), ("a.png", encoded(photograph())), ("b.png", encoded(photograph(70))))
    with monkeypatch.context() as others:
        others.setattr(parts_visit, "weights_key", lambda model: "others")
        others.setattr(parts_visit, "read_some", lambda model, seconds: None)
        twin = handed(page.session_state.token)
        assert len(twin.session_state.reading.waiting) == 2
        page.session_state.table_open = True
        next(button for button in page.run().button if button.label == "Clear the list").click().run()
        twin.run()
        assert not twin.session_state.reading.waiting
        assert any(triage.CLEARED_ELSEWHERE in warning.value.replace("\\", "") for warning in twin.warning)


def test_a_list_that_other_weights_answered_is_asked_again_after_a_reload(visit, tmp_path):
    page = upload(visit(), ("a.png", encoded(photograph())))
    page.button(key="sample-bcc").click().run()
    before = next(one for one in page.session_state.cases if one.name == "a.png")
    entered = with_line(before.case, [0, 0, 30, 0], 3.0)
    page.session_state.cases = case_list.with_case(page.session_state.cases, before.key, entered)
    page.run()
    write_weights(tmp_path, 5.0, WeightsInfo(SMALL, temperature=3.0))  # calibrated anew in place, as the server runs
    other = AppTest.from_file(APP, default_timeout=60).run()
    other.session_state.claimed_token = page.session_state.token
    other.run()
    while other.session_state.reading.waiting:
        other.run()
    assert any("Other weights are in use by now" in one.value for one in other.warning)
    after = next(one for one in other.session_state.cases if one.name == "a.png")
    assert after.case.probabilities.max() < before.case.probabilities.max()
    assert after.case.scale == entered.scale is not None
    assert other.session_state.model.description.temperature == 3.0
    page.run()  # the tab from before goes on with the weights that it began with
    assert page.session_state.model.description.temperature == 1.0


def test_a_single_picture_is_found_again_after_a_reload(visit):
    page = visit()
    page.get("file_uploader")[0].upload("a.png", encoded(photograph()), "image/png")
    page.run()  # the only run: what a visitor clicks on after it may draw fragments alone
    assert not page.session_state.reading.waiting
    (told,) = (one for one in page.get("bidi_component") if one.proto.component_name == "derm_reload")
    assert page.session_state.token in str(told.proto)


def rotated() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    exif[0x010F] = "Camera of Dr. Who"
    return encoded(photograph(), "JPEG", exif=exif)


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (encoded(photograph().convert("CMYK"), "JPEG"), (60, 80)),
        (encoded(Image.fromarray(np.asarray(photograph().convert("L")).astype(np.uint16) * 257)), (60, 80)),
        (encoded(photograph().convert("L")), (60, 80)),
        (encoded(photograph().convert("RGBA")), (60, 80)),
        (encoded(photograph(), "GIF"), (60, 80)),
        (encoded(photograph(), "WEBP", save_all=True, append_images=[photograph()]), (60, 80)),
        (encoded(photograph(), "TIFF"), (60, 80)),
        (encoded(photograph(), "BMP"), (60, 80)),
        (rotated(), (80, 60)),
    ],
    ids=["cmyk", "16-bit", "grey", "alpha", "gif", "animated", "tiff", "bmp", "exif"],
)
def test_odd_files_give_the_right_picture_or_one_sentence(visit, content, size):
    page = upload(visit(), ("odd", content))
    case = shown(page)
    assert not page.error
    assert case.image.shape == (*size, 3)
    assert case.name == "odd"


def test_no_lesion_takes_the_headline(visit):
    page = visit(mask_bias=-5.0)
    assert page.header[0].value.replace("\\", "") == "No lesion found in this picture."
    assert page.expander[0].label == "Probabilities, not to be relied on"
    page.session_state.layers = {"Class mask": 0.5}
    page.run()
    assert not page.exception


def test_missing_weights_are_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("DERM_WEIGHTS", str(tmp_path / "none.json"))
    st.cache_resource.clear()
    page = AppTest.from_file(APP, default_timeout=60).run()
    assert not page.exception
    (error,) = page.error
    assert "There is no description" in error.value
    assert not page.header


def test_an_image_of_the_data_set_brings_its_true_outline(tiny_model, drawn_catalogue):
    first = case_list.first_id(drawn_catalogue)
    case = case_list.data_case(tiny_model, drawn_catalogue, first)
    assert (case.name, case.truth.shape) == (first, case.image.shape[:2])
    with pytest.raises(DataFault, match="no image 'ISIC_0': give a name of its table, such as"):
        case_list.data_case(tiny_model, drawn_catalogue, "ISIC_0")


def test_the_documents_of_a_case_can_be_taken_away_or_what_lacks_is_said(visit, monkeypatch):
    assert {"Report to print, PDF", "Documents to file, ZIP: PDF, FHIR, DICOM"} <= {
        button.proto.label for button in visit().get("download_button")
    }
    monkeypatch.setattr("derm.document.bundle.can_be_made", lambda: False)
    page = visit()
    assert any("derm\\[documents\\]" in one.value for one in page.caption)
    assert not page.exception
