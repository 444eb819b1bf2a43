"""The page Cases without a browser: saved, found again, corrected, deleted; and an opinion before the answer."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest

pytest.importorskip("sqlalchemy")

from entries import new_answer, new_picture, save
from sqlalchemy import update

from derm.data.synthetic.lesion import draw_lesion
from derm.diagnoses import CODES
from derm.errors import NotAllowed, RecordsFault
from derm.predict import case_list, triage
from derm.predict.entries import with_line, with_models_outline, with_outline
from derm.predict.packed import pack
from derm.records import entry, missing, read, tables, words, write
from derm.records.connect import open_records
from derm.records.verify import verify
from derm.serve.claims import Account
from derm.serve.roles import Role
from pages.compare import two_visits
from pages.parts import opening
from pages.parts import saving as parts_saving
from pages.parts import visit as parts_visit

pytestmark = pytest.mark.slow

APP = Path(__file__).parents[2] / "streamlit_app.py"
PAGE = "pages/4_Cases.py"


@pytest.fixture
def page(tiny_weights, tmp_path, monkeypatch):
    """The page Cases, opened by a new visitor of a practice without records."""
    monkeypatch.setenv("DERM_WEIGHTS", str(tiny_weights))
    monkeypatch.setenv("DERM_RECORDS", str(tmp_path / "records"))
    monkeypatch.delenv("DERM_RECORDS_URL", raising=False)
    monkeypatch.delenv("DERM_DATA", raising=False)
    st.cache_resource.clear()
    yield AppTest.from_file(APP, default_timeout=60).switch_page(PAGE).run()
    st.cache_resource.clear()


@pytest.fixture
def kept(page, tmp_path):
    """The records that the page writes to."""
    records = open_records(tmp_path / "records")
    yield records
    records.close()


def file_of(seed: int) -> bytes:
    stream = BytesIO()
    Image.fromarray(draw_lesion("nv", seed, height=64, width=80).image).save(stream, format="PNG")
    return stream.getvalue()


def upload(page: AppTest, name: str, seed: int) -> str:
    """Choose a file; the key of its row comes back."""
    page.get("file_uploader")[0].upload(name, file_of(seed), "image/png")
    page.run()
    while page.session_state.reading.waiting:
        page.run()
    page.run()
    assert not page.exception
    return page.session_state.at_hand


def text(page: AppTest) -> str:
    parts = (page.markdown, page.header, page.subheader, page.caption, page.error, page.info, page.success)
    return "\n".join(element.value for part in parts for element in part).replace("\\", "")


def choose_view(page: AppTest, view: str) -> None:
    next(group for group in page.get("button_group") if group.key == "cases_view").set_value(view).run()
    assert not page.exception


def test_records_that_go_away_below_an_open_page_are_a_sentence(page, tmp_path):
    upload(page, "a.png", 1)
    (tmp_path / "records").rename(tmp_path / "away")
    for view in ("This case", "Kept cases", "Next to look at"):
        choose_view(page, view)
        assert not page.exception, view
        assert "is damaged or no file of records" in page.error[0].value.replace("\\", ""), view
    (tmp_path / "away").rename(tmp_path / "records")
    choose_view(page, "Kept cases")
    assert not page.error


def place(page: AppTest, key: str, **given: str) -> None:
    page.text_input(key="actor").set_value("Dr A")
    for name, value in given.items():
        page.text_input(key=f"{name}-{key}").set_value(value)


def test_a_case_is_saved_corrected_comes_back_and_is_deleted(page, kept, monkeypatch):
    assert words.NO_FILE in text(page)  # a drawing is no patient
    key = upload(page, "one.png", 2)
    page.button(key=f"save-case-{key}").click().run()
    assert "The name of who enters this is empty" in text(page)
    page.text_input(key="actor").set_value("Dr A")
    page.button(key=f"save-case-{key}").click().run()
    assert "The pseudonym is empty" in text(page)
    assert read.counts(kept).pictures == 0
    place(page, key, patient="P-001")
    page.button(key=f"save-case-{key}").click().run()
    assert "Choose the place on the body first." in text(page)
    page.selectbox(key=f"site-{key}").set_value("upper_back")
    for typed in (-0.05, 0.0):
        page.number_input(key=f"scale-{key}").set_value(typed)
        page.button(key=f"save-case-{key}").click().run()
        assert f"{typed:g} mm a pixel is no dermatoscope's scale" in text(page)
    assert read.counts(kept).pictures == 0
    page.number_input(key=f"scale-{key}").set_value(None)
    page.button(key=f"save-case-{key}").click().run()
    assert not page.exception
    assert words.ANSWER_KEPT in text(page)
    (state,) = read.search(kept)
    assert (state.pseudonym, state.site, state.visits) == ("P-001", "upper_back", 1)
    picture = state.worst.picture_id

    page.selectbox(key=f"diagnosis-correct-{picture}-0").set_value("mel")
    page.button(key=f"save-correct-{picture}-0").click().run()
    assert "what the corrected diagnosis rests on" in text(page)
    page.selectbox(key=f"basis-correct-{picture}-0").set_value("consensus")
    page.button(key=f"save-correct-{picture}-0").click().run()
    assert "Corrected by Dr A: Melanoma (consensus of several clinicians)" in text(page)

    page.selectbox(key=f"opinion-diagnosis-after-{picture}-Dr A").set_value("nv")
    page.selectbox(key=f"opinion-management-after-{picture}-Dr A").set_value("biopsy")
    page.button(key=f"give-after-{picture}-Dr A").click().run()
    assert "After the answer, Dr A: Melanocytic nevus, biopsy, 50 % sure" in text(page)

    key = upload(page, "two.png", 5)  # the next visit
    assert "Known: A (Upper back)" in text(page)
    page.button(key=f"save-case-{key}").click().run()
    assert "The name of the lesion is empty" in text(page)  # which of the patient's, or a new one
    page.text_input(key=f"lesion-{key}").set_value("A")
    page.button(key=f"save-case-{key}").click().run()
    assert not page.exception
    (state,) = read.search(kept)
    assert (state.visits, state.pictures) == (1, 2)
    histology, deletion = f"histology-{state.lesion_id}", f"delete-{state.lesion_id}"
    page.date_input(key=f"day-{histology}-0").set_value(date(2026, 11, 20))
    page.selectbox(key=f"diagnosis-{histology}-0").set_value("bcc")
    page.button(key=f"save-{histology}-0").click().run()
    assert "Histology of 2026-11-20: Basal cell carcinoma." in text(page)
    assert verify(kept).broken is None

    choose_view(page, "Kept cases")
    assert list(page.dataframe[0].value["Held for"]) == ["Basal cell carcinoma (histology)"]
    page.text_input(key="find-text").set_value("nobody").run()
    assert words.NOTHING_FOUND in text(page)
    choose_view(page, "This case")
    page.text_input(key=f"name-{deletion}").set_value("P-00")
    page.button(key=f"do-{deletion}").click().run()
    assert words.DELETE_LACKS in text(page)
    page.text_input(key=f"name-{deletion}").set_value("P-001")
    page.button(key=f"do-{deletion}").click().run()
    assert not page.exception
    page.run()  # as after a second click
    assert ["P-001 is deleted" in warning.value.replace("\\", "") for warning in page.warning] == [True]
    assert read.search(kept) == []
    assert verify(kept).broken is None

    monkeypatch.setattr(missing, "can_be_kept", lambda: False)
    page.run()
    assert not page.exception
    assert missing.MISSING in text(page)


def test_a_case_that_was_deleted_elsewhere_is_no_longer_called_saved_and_can_be_saved_again(page, kept):
    key = upload(page, "one.png", 2)
    place(page, key, patient="P-001")
    page.selectbox(key=f"site-{key}").set_value("upper_back")
    page.button(key=f"save-case-{key}").click().run()
    assert words.ANSWER_KEPT in text(page)
    write.delete_patient(kept, "Dr B", page.session_state.saved[key].patient_id)
    page.run()
    assert not page.exception
    assert words.ANSWER_KEPT not in text(page)
    assert words.GONE in text(page)
    place(page, key, patient="P-002")
    page.selectbox(key=f"site-{key}").set_value("upper_back")
    page.button(key=f"save-case-{key}").click().run()
    assert words.ANSWER_KEPT in text(page)
    assert [one.pseudonym for one in read.search(kept)] == ["P-002"]


def test_doubts_stand_where_it_is_decided_to_save(page, kept):
    key = upload(page, "one.png", 2)
    case = next(one.case for one in page.session_state.cases if one.key == key)
    doubtful = replace(case, measured=case.quality._replace(detail=0.0))
    page.session_state.cases = case_list.with_case(page.session_state.cases, key, doubtful)
    page.run()
    assert button(page, "Save this case")
    assert "Less certain: the picture is blurred" in text(page)


def drawn(page: AppTest, key: str, side: int = 60, **line: float) -> None:
    """As 'Use this outline' and, with a line's length, 'Use this scale' leave the case of a row on Diagnose."""
    case = next(one.case for one in page.session_state.cases if one.key == key)
    case = with_outline(case, [[[20, 15], [side, 15], [side, 45], [20, 45]]])
    case = with_line(case, [5, 5, 75, 5], line["length"]) if line else case
    page.session_state.cases = case_list.with_case(page.session_state.cases, key, case)
    page.run()


def bears_hash(page: AppTest, key: str, **other: object) -> bool:
    """Whether a report of the case of a row, with `other` in it, bears the last hash of the records."""
    case = next(one.case for one in page.session_state.cases if one.key == key)
    with mock.patch.object(parts_saving.st, "session_state", page.session_state):
        return bool(parts_saving.last_hash(page.session_state.model, replace(case, **other)))


def undrawn(page: AppTest, key: str) -> None:
    """As taking the model's outline again leaves the case of a row on Diagnose."""
    case = next(one.case for one in page.session_state.cases if one.key == key)
    page.session_state.cases = case_list.with_case(page.session_state.cases, key, with_models_outline(case))
    page.run()


def test_no_picture_is_kept_with_another_scale_than_its_answer_is_measured_with(page, kept):
    key = upload(page, "one.png", 2)
    place(page, key, patient="P-001")
    page.selectbox(key=f"site-{key}").set_value("upper_back")
    drawn(page, key, length=1.4)  # 0.02 mm a pixel
    page.number_input(key=f"scale-{key}").set_value(0.05)
    page.button(key=f"save-case-{key}").click().run()
    assert "The answer is measured with 0.02 mm a pixel, not with 0.05" in text(page)
    assert read.counts(kept).pictures == 0
    page.number_input(key=f"scale-{key}").set_value(0.02)
    page.button(key=f"save-case-{key}").click().run()
    assert words.ANSWER_KEPT in text(page)
    picture = read.lesion_history(kept, read.search(kept)[0].lesion_id).visits[0].pictures[0].picture
    assert (picture["mm_per_pixel"], picture["scale_source"]) == (pytest.approx(0.02), "ruler")


@pytest.mark.parametrize("first", [False, True], ids=["", "opinion first"])
def test_what_is_drawn_after_a_case_was_saved_is_kept_or_said_not_to_be(page, kept, first):
    page.text_input(key="actor").set_value("Dr A").run()
    page.toggle(key="opinion-first").set_value(first).run()
    key = upload(page, "one.png", 2)
    place(page, key, patient="P-001")
    page.selectbox(key=f"site-{key}").set_value("upper_back")
    if first:
        page.selectbox(key=f"opinion-diagnosis-{key}").set_value("nv")
        page.selectbox(key=f"opinion-management-{key}").set_value("biopsy")
    page.button(key=f"give-before-{key}" if first else f"save-case-{key}").click().run()
    assert words.ANSWER_KEPT in text(page)
    assert not page.warning
    assert bears_hash(page, key)
    drawn(page, key, length=3.5)
    told = [one.value.replace("\\", "") for one in page.warning]
    assert told[0].startswith("This picture was saved without a scale, and nothing is written over: 0.05 mm a pixel")
    assert told[1:] == [words.OUTLINE_SINCE]
    assert not bears_hash(page, key)
    page.text_input(key="actor").set_value("")
    button(page, "Save the outline").click().run()
    assert "The name of who enters this is empty" in text(page)
    page.text_input(key="actor").set_value("Dr A")
    button(page, "Save the outline").click().run()
    assert "Corrected by Dr A: outline drawn anew" in text(page)
    assert len(page.warning) == 1
    assert not bears_hash(page, key)  # for its scale
    assert bears_hash(page, key, scale=None)
    assert "Save the outline" not in [one.label for one in page.button]
    (state,) = read.search(kept)
    (one,) = read.lesion_history(kept, state.lesion_id).visits[0].pictures
    outline = next(listed.case.outline for listed in page.session_state.cases if listed.key == key)
    assert [row["outline"] for row in one.corrections] == [pack(outline)]
    drawn(page, key, side=50)
    button(page, "Save the outline").click().run()
    drawn(page, key)  # back to the first, which no longer stands
    button(page, "Save the outline").click().run()
    (one,) = read.lesion_history(kept, state.lesion_id).visits[0].pictures
    assert [row["outline"] for row in one.corrections][::2] == [pack(outline)] * 2
    write.correct(kept, "Dr B", one.picture["id"], outline=np.roll(outline, 9, axis=1))
    page.run()
    assert [one.value for one in page.warning[1:]] == [words.OUTLINE_OLDER]
    undrawn(page, key)
    assert [one.value for one in page.warning[1:]] == [words.OUTLINE_BACK]
    button(page, "Save the model's outline").click().run()
    (one,) = read.lesion_history(kept, state.lesion_id).visits[0].pictures
    mask = next(listed.case.mask for listed in page.session_state.cases if listed.key == key)
    assert one.corrections[-1]["outline"] == pack(mask)
    assert len(page.warning) == 1


def reloaded(page: AppTest) -> tuple[AppTest, str]:
    """The page as it is after a reload, and the key of its only row."""
    again = AppTest.from_file(APP, default_timeout=60).switch_page(PAGE).run()
    again.session_state.claimed_token = page.session_state.token
    again.run()
    while again.session_state.reading.waiting:
        again.run()
    return again, again.session_state.cases[0].key


def corrections(kept) -> list[bytes]:
    (state,) = read.search(kept)
    (one,) = read.lesion_history(kept, state.lesion_id).visits[0].pictures
    return [row["outline"] for row in one.corrections]


def save_drawn(page: AppTest) -> str:
    """A picture whose outline was drawn, saved; its key."""
    page.text_input(key="actor").set_value("Dr A").run()
    key = upload(page, "one.png", 2)
    place(page, key, patient="P-001")
    page.selectbox(key=f"site-{key}").set_value("upper_back")
    drawn(page, key)
    page.button(key=f"save-case-{key}").click().run()
    assert words.ANSWER_KEPT in text(page)
    return key


def test_a_page_knows_after_a_reload_what_was_saved_and_that_another_outline_is_newer(page, kept):
    save_drawn(page)
    (first,) = corrections(kept)
    (state,) = read.search(kept)
    newer = np.zeros((60, 80), dtype=bool)
    newer[5:20, 5:20] = True
    height, width = page.session_state.shown.case.shape
    write.correct(kept, "Dr B", state.worst.picture_id, outline=np.resize(newer, (height, width)))
    page, key = reloaded(page)
    assert not page.exception
    assert "Save this case" not in [one.label for one in page.button]
    assert words.ANSWER_KEPT in text(page)
    assert words.OUTLINE_OLDER in [one.value for one in page.warning]
    assert len(corrections(kept)) == 2
    drawn(page, key, side=50)
    assert words.OUTLINE_OTHER in [one.value for one in page.warning]
    page.text_input(key="actor").set_value("Dr A")
    write.correct(kept, "Dr C", state.worst.picture_id, diagnosis="nv", basis=entry.Basis.CLINICAL)
    button(page, "Save the outline").click().run()  # of a page that has not seen it
    assert "Dr C has corrected this picture meanwhile: look at what stands now" in text(page)
    assert len(corrections(kept)) == 3
    button(page, "Save the outline").click().run()
    assert corrections(kept)[-1] not in (None, first, *corrections(kept)[:3])
    assert not page.warning


def test_an_answer_in_an_outline_that_the_records_do_not_have_is_kept_once_that_is(page, kept):
    """Another's stands: picture and lesion are kept, and an opinion after the answer comes when that is kept, too."""
    key = upload(page, "one.png", 2)
    place(page, key, patient="P-001")
    page.selectbox(key=f"site-{key}").set_value("upper_back")
    page.button(key=f"save-case-{key}").click().run()
    (state,) = read.search(kept)
    case = next(one.case for one in page.session_state.cases if one.key == key)
    write.correct(kept, "Dr A", state.worst.picture_id, outline=np.roll(case.mask, 5, axis=0))
    other = AppTest.from_file(APP, default_timeout=60).switch_page(PAGE).run()
    key = upload(other, "one.png", 2)
    other.text_input(key="actor").set_value("Dr B")
    other.text_input(key=f"patient-{key}").set_value("P-001")
    other.text_input(key=f"lesion-{key}").set_value("A").run()
    drawn(other, key)
    other.button(key=f"save-case-{key}").click().run()

    def told() -> list[str]:
        assert not other.exception
        return [one.value for one in other.warning]

    def answers() -> list[str]:
        return [one["author"] for one in read.lesion_history(kept, state.lesion_id).visits[0].pictures[0].answers]

    assert told() == [words.ANSWER_LACKS, words.OUTLINE_OTHER]
    assert words.ANSWER_KEPT not in text(other)
    assert answers() == ["Dr A"]
    case = next(one.case for one in other.session_state.cases if one.key == key)
    with mock.patch.object(parts_saving.st, "session_state", other.session_state):
        assert not parts_saving.last_hash(other.session_state.model, case)
    assert "Give my opinion" not in [one.label for one in other.button]  # of Dr A's answer
    button(other, "Save this answer, too").click().run()
    assert "in an outline that the records do not have: save the outline first" in text(other)
    button(other, "Save the outline").click().run()
    assert told() == [words.ANSWER_LACKS]
    button(other, "Save this answer, too").click().run()
    assert told() == []
    assert words.ANSWER_KEPT in text(other)
    assert answers() == ["Dr A", "Dr B"]
    assert "Give my opinion" in [one.label for one in other.button]
    assert "Save this answer, too" not in [one.label for one in other.button]


def test_a_histology_or_place_that_was_entered_since_the_page_was_drawn_is_asked_about(page, kept):
    save_drawn(page)
    (state,) = read.search(kept)
    write.add_histology(kept, "Dr B", state.lesion_id, diagnosis="mel", on="2026-11-20")
    write.move_lesion(kept, "Dr B", state.lesion_id, "face")
    page.selectbox(key=f"diagnosis-histology-{state.lesion_id}-0").set_value("nv")
    button(page, "Save the histology").click().run()
    assert "Dr B has entered a histology of this lesion meanwhile: look at what stands now" in text(page)
    assert read.search(kept)[0].diagnosis == "mel"
    button(page, "Save the histology").click().run()
    assert "has entered a histology" not in text(page)
    assert read.search(kept)[0].diagnosis == "nv"
    write.move_lesion(kept, "Dr B", state.lesion_id, "scalp")
    page.selectbox(key=f"site-place-{state.lesion_id}-0").set_value("upper_back")
    button(page, "Save the place").click().run()
    assert "This lesion has been put elsewhere meanwhile (scalp)" in text(page)
    button(page, "Save the place").click().run()
    assert read.search(kept)[0].site == "upper_back"


def test_where_a_row_was_saved_is_known_when_other_weights_read_it_again(page, kept):
    key = save_drawn(page)
    with mock.patch.object(parts_visit, "weights_key", return_value="others"):
        again, new = reloaded(page)
    assert not again.exception
    assert new != key
    assert again.session_state.saved[new] == page.session_state.saved[key]
    assert words.ANSWER_KEPT in text(again)


def test_a_clock_that_goes_back_over_midnight_leaves_the_page_and_what_was_typed(page, kept, monkeypatch):
    today = words.today()
    key = upload(page, "one.png", 2)
    place(page, key, patient="P-001")
    page.selectbox(key=f"site-{key}").set_value("upper_back")
    page.button(key=f"save-case-{key}").click().run()
    (state,) = read.search(kept)
    histology = f"histology-{state.lesion_id}-0"
    page.date_input(key=f"day-{histology}").set_value(today).run()
    with monkeypatch.context() as early:
        early.setattr(words, "today", lambda: today - timedelta(days=1))
        page.run()
        assert not page.exception
        assert page.date_input(key=f"day-{histology}").value == today
    with monkeypatch.context() as late:
        late.setattr(words, "today", lambda: today + timedelta(days=1))
        third = upload(page, "three.png", 6)
    page.text_input(key=f"lesion-{third}").set_value("A")
    page.button(key=f"save-case-{third}").click().run()
    assert not page.exception
    assert "is no day of a visit: give one from 1900 until today" in text(page)
    assert page.text_input(key=f"patient-{third}").value == "P-001"
    page.date_input(key=f"day-{third}").set_value(today)
    page.button(key=f"save-case-{third}").click().run()
    assert words.ANSWER_KEPT in text(page)


def test_a_known_lesion_is_found_however_its_patient_is_typed(page, kept):
    save(kept, pseudonym="Ren\xe9 7", lesion="A b", site="face")
    key = upload(page, "one.png", 6)
    place(page, key, patient="\ufeffRene\u0301  7", lesion="A\u200b  b")
    page.run()
    assert "Known: A b" in text(page)
    assert not [box for box in page.selectbox if box.key == f"site-{key}"]
    page.button(key=f"save-case-{key}").click().run()
    assert not page.exception
    assert read.counts(kept)[:4] == (1, 1, 2, 2)


def test_a_place_that_was_chosen_is_not_lost_to_a_lesion_of_the_same_name(page, kept):
    save(kept, pseudonym="P-007", lesion="A", site="scalp")
    key = upload(page, "one.png", 6)
    place(page, key, patient="P-008")
    page.selectbox(key=f"site-{key}").set_value("foot_left").run()
    page.text_input(key=f"patient-{key}").set_value("P-007")  # typed last, and saved with the same click
    page.button(key=f"save-case-{key}").click().run()
    assert "Lesion A of this patient is known on another place (scalp, not left foot)" in text(page)
    assert read.counts(kept).pictures == 1
    assert "Known: A" in text(page)
    page.button(key=f"save-case-{key}").click().run()
    assert words.ANSWER_KEPT in text(page)
    (state,) = read.search(kept)
    assert (state.site, read.counts(kept).pictures) == ("scalp", 2)


def test_a_lesion_that_another_visitor_entered_meanwhile_is_asked_about(page, kept):
    key = upload(page, "one.png", 6)
    place(page, key, patient="P-008")
    page.selectbox(key=f"site-{key}").set_value("foot_left").run()
    save(kept, pseudonym="P-008", lesion="A", site="foot_left")  # of another picture, on another page
    page.button(key=f"save-case-{key}").click().run()
    assert "Lesion A of this patient has been entered meanwhile (left foot)" in text(page)
    assert read.counts(kept).pictures == 1
    page.button(key=f"save-case-{key}").click().run()
    assert words.ANSWER_KEPT in text(page)
    assert read.counts(kept).pictures == 2


def test_a_lesion_that_another_visitor_moved_or_deleted_meanwhile_is_asked_about(page, kept):
    save(kept, pseudonym="P-010", lesion="A", site="scalp")
    key = upload(page, "one.png", 6)
    place(page, key, patient="P-010", lesion="A")
    page.run()
    assert "Known: A" in text(page)
    (state,) = read.search(kept)
    write.move_lesion(kept, "Dr B", state.lesion_id, "face")  # on another page
    page.button(key=f"save-case-{key}").click().run()
    assert "Lesion A of this patient is known on another place (face, not scalp)" in text(page)
    write.delete_patient(kept, "Dr B", state.patient_id)
    page.button(key=f"save-case-{key}").click().run()
    assert "Lesion A of this patient has been deleted meanwhile: choose its place" in text(page)
    assert read.counts(kept).pictures == 0
    page.selectbox(key=f"site-{key}").set_value("scalp")
    page.button(key=f"save-case-{key}").click().run()
    assert words.ANSWER_KEPT in text(page)


def test_a_picture_is_shown_and_kept_over_the_views_that_were_asked_for(page, kept):
    page.session_state.views = 8
    key = upload(page, "one.png", 6)
    place(page, key, patient="P-011")
    page.selectbox(key=f"site-{key}").set_value("scalp")
    page.button(key=f"save-case-{key}").click().run()
    assert words.ANSWER_KEPT in text(page)
    (one,) = read.lesion_history(kept, read.search(kept)[0].lesion_id).visits[0].pictures
    assert [answer["views"] for answer in one.answers] == [8]
    assert page.session_state.shown.case.views == 8


def test_another_answer_than_was_kept_is_said_and_can_be_kept_too(page, kept):
    key = upload(page, "one.png", 6)
    place(page, key, patient="P-012")
    page.selectbox(key=f"site-{key}").set_value("scalp")
    page.button(key=f"save-case-{key}").click().run()
    assert "is another one than was kept" not in "".join(one.value for one in page.warning)
    case, model = page.session_state.shown.case, parts_visit.shared_model()
    state = Session({name: page.session_state[name] for name in ("at_hand", "saved")})
    page.session_state.views = 8
    page.run()
    assert "is another one than was kept: " in page.warning[0].value.replace("\\", "")
    assert "8 views" in page.warning[0].value
    with mock.patch.object(st, "session_state", state):
        assert parts_saving.last_hash(model, case)
        assert not parts_saving.last_hash(model, page.session_state.shown.case)  # no witness of what was not kept
    page.button(key=f"save-answered-{key}-0").click().run()
    assert not page.exception
    assert not page.warning
    (one,) = read.lesion_history(kept, read.search(kept)[0].lesion_id).visits[0].pictures
    assert [answer["views"] for answer in one.answers] == [1, 8]
    # An opinion is of the answer that its author has before him, whatever was kept, or by whom, since.
    page.session_state.views = 1
    page.run()
    picture = one.picture["id"]
    assert not page.warning
    page.selectbox(key=f"opinion-diagnosis-after-{picture}-Dr A").set_value("nv")
    page.selectbox(key=f"opinion-management-after-{picture}-Dr A").set_value("biopsy")
    page.button(key=f"give-after-{picture}-Dr A").click().run()
    (one,) = read.lesion_history(kept, read.search(kept)[0].lesion_id).visits[0].pictures
    assert [opinion["answer_id"] for opinion in one.opinions] == [one.answers[0]["id"]]


def test_there_is_no_opinion_after_an_answer_that_is_not_kept(page, kept):
    key = upload(page, "one.png", 6)
    place(page, key, patient="P-012")
    page.selectbox(key=f"site-{key}").set_value("scalp")
    page.button(key=f"save-case-{key}").click().run()
    asked = [one.label for one in page.button]
    page.session_state.views = 8
    page.run()
    assert "Give my opinion" in asked
    assert "Give my opinion" not in [one.label for one in page.button]


def test_a_day_that_was_chosen_stays_when_the_language_changes(page, kept):
    save(kept, pseudonym="P-009", lesion="A", site="scalp")
    choose_view(page, "Kept cases")
    lesion_id = read.search(kept)[0].lesion_id
    page.session_state.opened_lesion = lesion_id
    page.run()
    name = f"day-histology-{lesion_id}-0"
    page.date_input(key=name).set_value(date(2026, 2, 3)).run()
    page.button(key="language-de").click().run()
    assert not page.exception
    assert page.date_input(key=name).value == date(2026, 2, 3)


def fields(page: AppTest) -> list[tuple[str, object]]:
    """What stands in the fields about the lesion that is open, by their labels."""
    parts = (page.selectbox, page.text_area, page.text_input, page.date_input)
    asked = {"Found", "Day", "The pathologist's words", "Place", "Write the pseudonym to delete it"}
    return [(one.label, one.value) for part in parts for one in part if one.label in asked]


def button(page: AppTest, label: str):
    return next(one for one in page.button if one.label == label)


def field(page: AppTest, kind: str, label: str):
    return next(one for one in page.get(kind) if one.label == label)


def test_what_is_entered_of_one_lesion_stands_at_no_other(page, kept):
    """Saved, or typed and left, or refused: the next patient's page knows nothing of it."""
    rows = {}
    for seed, (patient, site) in enumerate((("P-1", "face"), ("P-2", "chest")), 2):
        key = rows[patient] = upload(page, f"{patient}.png", seed)
        place(page, key, patient=patient, lesion="A")
        page.run()
        page.selectbox(key=f"site-{key}").set_value(site)
        page.button(key=f"save-case-{key}").click().run()
    untouched = fields(page)
    assert ("Place", "chest") in untouched

    def on(patient: str) -> None:
        page.session_state.at_hand = rows[patient]
        page.run()
        assert patient in page.header[-1].value.replace("\\", "")

    on("P-1")
    field(page, "selectbox", "Found").set_value("mel")
    field(page, "text_area", "The pathologist's words").set_value("melanoma of P-1")
    field(page, "date_input", "Day").set_value(date(2026, 11, 20))
    button(page, "Save the histology").click().run()
    assert "melanoma of P-1" in text(page)
    assert [value for label, value in fields(page) if label in ("Found", "The pathologist's words", "Day")] == [
        value for label, value in untouched if label in ("Found", "The pathologist's words", "Day")
    ]

    button(page, "Save the histology").click().run()
    assert words.DIAGNOSIS_LACKS in text(page)
    field(page, "text_input", "Write the pseudonym to delete it").set_value("P-2")
    button(page, "Delete for good").click().run()
    assert words.DELETE_LACKS in text(page)
    field(page, "selectbox", "Found").set_value("mel")
    field(page, "selectbox", "Place").set_value("scalp")
    page.text_input(key="actor").set_value("")
    button(page, "Save the place").click().run()
    assert "The name of who enters this is empty" in text(page)
    before = {one.key for one in page.button if one.label.startswith(("Save", "Delete"))}

    on("P-2")
    assert fields(page) == untouched
    assert not page.error
    assert before
    assert not before & {one.key for one in page.button}

    page.text_input(key="actor").set_value("Dr A")
    field(page, "selectbox", "Place").set_value("abdomen").run()
    button(page, "Save the place").click().run()
    assert {one.pseudonym: one.site for one in read.search(kept)} == {"P-1": "face", "P-2": "abdomen"}
    assert {one.pseudonym: one.source for one in read.search(kept)} == {"P-1": "histology", "P-2": "answer"}


def test_a_row_that_nobody_can_have_entered_hides_no_other(page, kept, monkeypatch):
    bad = save(kept, 1, pseudonym="P-BAD", answer=new_answer(shown="[]"))
    save(kept, 2, pseudonym="P-GOOD")
    with kept.writing() as connection:  # as a Derm before this one has taken it in from a backup
        for name in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        connection.execute(update(tables.lesion).where(tables.lesion.c.id == bad.lesion_id).values(site="moon"))
    for name in ("day", "diagnosis"):
        monkeypatch.setattr(entry, name, str)
    write.add_histology(kept, "Dr A", bad.lesion_id, diagnosis="xyz", on="2026-13-99")
    choose_view(page, "Kept cases")
    assert sorted(page.dataframe[0].value["Place"]) == ["'moon' (unknown)", "upper back"]
    assert "'xyz' (unknown) (histology)" in list(page.dataframe[0].value["Held for"])
    page.session_state["opened_lesion"] = bad.lesion_id
    page.run()
    assert not page.exception
    assert "Histology of '2026-13-99' (unknown): 'xyz' (unknown)." in text(page)
    assert "This answer is damaged." in text(page)
    assert any("The outline of IMG_1.png is damaged" in one.value.replace("\\", "") for one in page.error)


class Session(dict):
    """A session's state outside of a page."""

    __getattr__ = dict.__getitem__
    __setattr__ = dict.__setitem__


def check_files(page: AppTest) -> None:
    """The tables to take away hold nothing of an answer that waits."""
    state = Session({name: page.session_state[name] for name in ("cases", "views", "opinion_first")})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts_visit.st, "session_state", state)
        as_csv, as_json = parts_visit.table_files(parts_visit.shared_model())
        files = as_csv() + as_json()
    assert triage.WITHHELD in files
    assert f"{page.session_state.cases[0].case.p_malignant:.5f}" not in files


def test_entries_bear_the_account_of_who_is_logged_in_whose_role_deletes_nobody(page, kept, monkeypatch):
    account = Account("u-0123456789abcdef", frozenset({Role.CLINICIAN}), "Ada")
    monkeypatch.setattr(opening, "account_now", lambda: account)
    key = upload(page, "one.png", 2)
    page.text_input(key=f"patient-{key}").set_value("P-001")
    page.selectbox(key=f"site-{key}").set_value("upper_back")
    page.button(key=f"save-case-{key}").click().run()
    assert words.ANSWER_KEPT in text(page)
    assert [button for button in page.button if button.key.startswith("save-place-")]
    assert not [button for button in page.button if button.key.startswith("do-delete-")]
    with kept.reading() as connection:
        assert set(connection.execute(tables.event.select()).scalars("actor")) == {"u-0123456789abcdef"}


def test_the_opinion_comes_before_the_answer_on_every_page(page, kept):
    page.toggle(key="opinion-first").set_value(True).run()
    key = upload(page, "one.png", 2)
    said = text(page)
    assert words.WITHHELD_NOTE in said
    assert "alignant" not in said
    (row,) = [row for row in page.session_state.rows.values() if row.key == key]
    assert (row.note, row.p_malignant, row.likeliest) == (triage.WITHHELD, None, "")
    check_files(page)
    for script in ("streamlit_app.py", "pages/1_Compare.py"):
        page.switch_page(script).run()
        assert not page.exception
        assert words.WITHHELD_NOTE in text(page)
        assert "alignant" not in text(page)
    place(page, key, patient="P-001")
    page.selectbox(key=f"site-{key}").set_value("palm_left")
    page.button(key=f"give-before-{key}").click().run()
    assert words.OPINION_LACKS in text(page)
    page.selectbox(key=f"opinion-diagnosis-{key}").set_value("mel")
    page.selectbox(key=f"opinion-management-{key}").set_value("excise")
    page.slider(key=f"opinion-confidence-{key}").set_value(80)
    page.button(key=f"give-before-{key}").click().run()
    assert not page.exception
    assert words.WITHHELD_NOTE not in text(page)
    page.switch_page("streamlit_app.py").run()
    assert "alignant" in text(page)
    (state,) = read.search(kept)
    history = read.lesion_history(kept, state.lesion_id)
    assert history is not None
    (one,) = history.visits[0].pictures
    (opinion,) = one.opinions
    assert (opinion["stage"], opinion["diagnosis"], opinion["confidence"]) == ("before", "mel", 80)
    assert 0 < opinion["seconds"] < 600
    assert opinion["created_at"] < one.answers[0]["created_at"]


def come_back(token: str, *, switched: bool = False) -> AppTest:
    """The page after a reload, or after its session was lost below it, while its switch showed that it is on."""
    back = AppTest.from_file(APP, default_timeout=60).switch_page(PAGE)
    if switched:
        back.session_state["opinion-first"] = True
    back.run()
    back.session_state.claimed_token = token
    back.run()
    while back.session_state.reading.waiting:
        back.run()
    assert not back.exception
    return back.run()


@pytest.mark.parametrize("other_weights", [False, True])
def test_an_opinion_comes_before_the_answer_after_a_reload_too(page, kept, monkeypatch, other_weights):
    upload(page, "seen.png", 3)
    page.toggle(key="opinion-first").set_value(True).run()
    upload(page, "waits.png", 2)
    if other_weights:
        monkeypatch.setattr(parts_visit, "weights_key", lambda _model: "others")
    page.session_state["opinion-first"] = True
    handed, asked = f"{page.session_state.token}.cf", page.session_state.asked
    assert asked
    for back in (come_back(handed), come_back(handed, switched=True)):
        assert back.toggle(key="opinion-first").value
        rows = {row.name: row.note for row in back.session_state.rows.values()}
        assert rows["waits.png"] == triage.WITHHELD
        assert rows["seen.png"] != triage.WITHHELD
        assert other_weights or asked.items() <= back.session_state.asked.items()


def test_what_was_in_sight_stays_there_where_opinions_come_first_only_after_the_session_was_lost(page, kept):
    upload(page, "seen.png", 3)
    back = come_back(f"{page.session_state.token}.c", switched=True)  # the switch was the first click
    assert back.toggle(key="opinion-first").value
    assert [row.note for row in back.session_state.rows.values() if row.name == "seen.png"] != [triage.WITHHELD]
    upload(back, "later.png", 4)
    assert words.WITHHELD_NOTE in text(back)


def test_an_opinion_comes_first_where_the_list_is_no_longer_kept_or_had_no_case(page, kept):
    page.toggle(key="opinion-first").set_value(True).run()
    for token, told in ((f"{page.session_state.token}.f", False), ("gone.f", False), ("gone.cf", True)):
        back = come_back(token)
        assert back.toggle(key="opinion-first").value
        assert any(triage.NO_LONGER_KEPT in one.value.replace("\\", "") for one in back.warning) == told
        upload(back, "one.png", 2)
        assert words.WITHHELD_NOTE in text(back)
    page.toggle(key="opinion-first").set_value(False).run()
    assert not come_back(page.session_state.token).toggle(key="opinion-first").value


def test_an_answer_that_was_seen_stays_seen_though_the_list_was_cleared(page, kept):
    upload(page, "one.png", 2)
    page.toggle(key="opinion-first").set_value(True).run()
    page.session_state.table_open = True
    next(button for button in page.run().button if button.label == "Clear the list").click().run()
    upload(page, "one.png", 2)
    assert words.WITHHELD_NOTE not in text(page)
    upload(page, "two.png", 3)
    assert words.WITHHELD_NOTE in text(page)


def test_a_tab_switches_nothing_on_for_who_may_not_record(page, kept, monkeypatch):
    """The form of an opinion tells of which patients there are records."""
    account = Account("u-0123456789abcdef", frozenset({Role.READER}), "Bob")
    monkeypatch.setattr(opening, "account_now", lambda: account)
    reader = AppTest.from_file(APP, default_timeout=60).run()
    reader.session_state.claimed_token = "anything.cf"
    reader.run()
    key = upload(reader, "one.png", 2)
    assert words.WITHHELD_NOTE not in text(reader)
    assert "alignant" in text(reader)
    monkeypatch.setattr(parts_visit.st, "session_state", Session({f"patient-{key}": "P-001", f"lesion-{key}": "A"}))
    with pytest.raises(NotAllowed):
        parts_saving.known_lesions(key)


def test_opinions_come_first_over_a_reload_where_no_list_is_kept(page, kept, monkeypatch):
    monkeypatch.setenv("DERM_KEEP_MINUTES", "0")
    monkeypatch.setattr(parts_visit, "own", lambda: True)
    monkeypatch.setattr(parts_visit.st, "session_state", Session(token="t", opinion_first=True))
    assert parts_visit.handed() == "t.f"
    monkeypatch.setattr(parts_visit.st, "session_state", Session(token="t"))
    assert parts_visit.handed() == ""


def test_a_file_that_is_the_first_word_to_a_new_session_waits_until_its_tab_has_told_what_it_had(page, kept):
    page.session_state.greeted = False  # as in its first run
    page.get("file_uploader")[0].upload("one.png", file_of(2), "image/png")
    page.run()
    assert page.session_state.reading.waiting
    page.session_state.claimed_token = "gone.f"
    while page.session_state.reading.waiting:
        page.run()
    assert words.WITHHELD_NOTE in text(page.run())


def test_a_page_that_outlives_its_session_goes_on_with_what_its_switch_shows(page, kept):
    page = AppTest.from_file(APP, default_timeout=60).switch_page(PAGE)
    page.session_state["opinion-first"] = True  # as its browser sends it, though nothing has changed there
    upload(page.run(), "one.png", 2)
    assert words.WITHHELD_NOTE in text(page)


def test_the_answer_kept_with_an_opinion_before_it_is_the_one_that_is_shown(page, kept):
    page.session_state.views = 8
    page.toggle(key="opinion-first").set_value(True).run()
    key = upload(page, "one.png", 2)
    place(page, key, patient="P-001")
    page.selectbox(key=f"site-{key}").set_value("palm_left")
    page.selectbox(key=f"opinion-diagnosis-{key}").set_value("mel")
    page.selectbox(key=f"opinion-management-{key}").set_value("excise")
    page.button(key=f"give-before-{key}").click().run()
    assert not page.exception
    (state,) = read.search(kept)
    (one,) = read.lesion_history(kept, state.lesion_id).visits[0].pictures
    shown = page.session_state.shown.case
    assert ([answer["views"] for answer in one.answers], shown.views) == ([8], 8)
    assert one.answers[0]["p_malignant"] == pytest.approx(shown.p_malignant)


def test_a_day_to_come_is_refused_and_not_replaced(page, kept):
    key = upload(page, "one.png", 2)
    place(page, key, patient="P-001")
    page.selectbox(key=f"site-{key}").set_value("palm_left")
    page.date_input(key=f"day-{key}").set_value(words.today() + timedelta(days=366))  # a slip in the year
    page.button(key=f"save-case-{key}").click().run()
    assert "is no day of a visit: give one from 1900 until today" in text(page)
    assert read.counts(kept).pictures == 0


def test_a_page_on_which_something_is_typed_stays_at_its_picture(page):
    key = upload(page, "one.png", 2)
    assert page.session_state.follow
    page.text_input(key=f"patient-{key}").set_value("P-001").run()
    assert not page.session_state.follow


def test_two_visits_make_nothing_of_a_picture_whose_answer_waits(page, kept, monkeypatch):
    monkeypatch.setattr(two_visits, "follow_up", lambda *_cases: pytest.fail("compared before the opinion"))
    page.toggle(key="opinion-first").set_value(True).run()
    upload(page, "june.png", 2)
    second = upload(page, "july.png", 3)
    page.session_state.compare_view = "Two visits"
    page.switch_page("pages/1_Compare.py").run()
    page.selectbox(key="visit-earlier").set_value(page.session_state.cases[1].key)
    page.selectbox(key="visit-later").set_value(second).run()
    assert not page.exception
    assert "Give your own opinion first, under 'This case', of june.png, july.png: what has" in text(page)
    assert not page.get("imgs")
    assert "get-changes.json" not in [button.key for button in page.button]
    page.session_state.answered |= {second}
    page.run()
    assert "under 'This case', of june.png: what has" in text(page)
    assert not page.get("imgs")


def test_a_kept_picture_is_decoded_once_for_all_visits_and_in_its_turn(kept, monkeypatch):
    from pages.records import lesion

    saved = write.save_case(kept, "Dr A", new_picture())
    history = read.lesion_history(kept, saved.lesion_id)
    (one,) = history.visits[0].pictures
    turns, decoded, budget = [], [], lesion.budget()
    monkeypatch.setattr(lesion.saving, "records", lambda: kept)
    monkeypatch.setattr(lesion, "budget", lambda: SimpleNamespace(turn=lambda n: turns.append(n) or budget.turn(n)))
    small = lesion.pictures.small
    monkeypatch.setattr(lesion.pictures, "small", lambda *given: decoded.append(len(turns)) or small(*given))
    lesion.shared_thumbnail.clear()
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _visit: lesion.thumbnail(one), range(4)))
    assert made[0].startswith(b"\xff\xd8")
    assert (len(set(made)), turns, decoded) == (1, [48 * 80], [1])
    outline = np.zeros((48, 80), dtype=bool)
    outline[10:30, 20:50] = True
    write.correct(kept, "Dr A", saved.picture_id, outline=outline)
    (one,) = read.lesion_history(kept, saved.lesion_id).visits[0].pictures
    assert lesion.thumbnail(one) != made[0]
    lesion.given_outline(SimpleNamespace(getvalue=lambda: png_of(outline), name="a.png"), one.picture)
    assert turns[2:] == [48 * 80]
    monkeypatch.setattr(lesion.opening, "check", lambda _right: None)
    state = Session({"name-d": "P-001", "actor": "Dr A", "told": []})
    monkeypatch.setattr(lesion.st, "session_state", state)
    lesion.delete("d", saved.patient_id, "P-001")
    with pytest.raises(RecordsFault, match="is missing"):  # nothing of it stays in memory
        lesion.thumbnail(one)


def png_of(outline: np.ndarray) -> bytes:
    stream = BytesIO()
    Image.fromarray(outline).save(stream, format="PNG")
    return stream.getvalue()


def click_row(page: AppTest, row: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Choose a row of the table as the browser does, which tells no more than the row's number."""
    chosen = json.dumps({"selection": {"rows": [row], "columns": [], "cells": []}})
    states = page._tree.get_widget_states()
    states.widgets.append(WidgetState(id=page.dataframe[0].proto.id, string_value=chosen))
    with monkeypatch.context() as patch:
        patch.setattr(page._tree, "get_widget_states", lambda: states)
        page.run()
    assert not page.exception


@pytest.mark.parametrize("view", ["Kept cases", "Next to look at"])
def test_a_click_opens_the_lesion_that_was_in_the_row_whatever_is_entered_meanwhile(page, kept, monkeypatch, view):
    def enter(seed: int) -> write.Saved:
        shares = dict.fromkeys([f"p_{code}" for code in CODES], 0.0) | {
            "p_mel": 0.5 + seed / 20,
            "p_nv": 0.5 - seed / 20,
        }
        answer = new_answer(shares["p_mel"], record=json.dumps(shares))
        return save(kept, seed, pseudonym=f"P-{seed}", answer=answer)

    saved = {f"P-{seed}": enter(seed) for seed in (1, 2, 3)}
    choose_view(page, view)
    shown = list(page.dataframe[0].value["Patient"])
    enter(9)
    write.add_histology(kept, "Dr B", saved[shown[0]].lesion_id, diagnosis="nv", on="2026-11-20")
    click_row(page, 1, monkeypatch)
    assert page.session_state.opened_lesion == saved[shown[1]].lesion_id
    assert shown[1] in text(page)
    page.button(key="lesion-back").click().run()
    shown = list(page.dataframe[0].value["Patient"])
    gone = next(one for one in read.search(kept) if one.pseudonym == shown[-1])
    write.delete_patient(kept, "Dr B", gone.patient_id)
    click_row(page, len(shown) - 1, monkeypatch)
    assert words.GONE in text(page)
    assert not page.header
