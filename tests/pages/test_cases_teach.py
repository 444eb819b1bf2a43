"""The page Cases where corrections teach: the list of the day, a training's comparison, and the choice of weights."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

pytest.importorskip("sqlalchemy")

from entries import new_answer, save

from derm.diagnoses import CODES
from derm.figures.text import plain
from derm.model.weights import copy_weights, load_info, load_weights
from derm.monitor import launch
from derm.predict.open import open_model
from derm.records import words as records_words
from derm.records import write
from derm.records.connect import open_records
from derm.teach import job, words
from derm.teach.train import TeachingSettings

pytestmark = pytest.mark.slow

APP = Path(__file__).parents[2] / "streamlit_app.py"

COMPARED = "figure,first,second,difference,low,high\nmalignant.auc,0.8,0.9,0.1,-0.02,0.18\n"


@pytest.fixture
def kept(tiny_weights, tmp_path, monkeypatch):
    """The records of this installation, whose shipped weights are tiny."""
    monkeypatch.setattr("derm.predict.open.default_weights", lambda: tiny_weights)
    monkeypatch.setenv("DERM_RECORDS", str(tmp_path / "records"))
    monkeypatch.setenv("DERM_RUNS", str(tmp_path / "runs"))
    for name in ("DERM_WEIGHTS", "DERM_RECORDS_URL", "DERM_DATA"):
        monkeypatch.delenv(name, raising=False)
    st.cache_resource.clear()
    records = open_records(tmp_path / "records")
    yield records
    records.close()
    st.cache_resource.clear()


def opened(view: str) -> AppTest:
    page = AppTest.from_file(APP, default_timeout=60).switch_page("pages/4_Cases.py").run()
    page.segmented_control(key="cases_view").set_value(view)
    return page.run()


def text(page: AppTest) -> str:
    found = [*page.markdown, *page.caption, *page.error, *page.info, *page.success, *page.subheader]
    return "\n".join(str(one.value) for one in found).replace("\\", "")


def test_the_list_of_the_day_says_why_each_case_is_there(kept):
    for seed, margin in enumerate((0.6, 0.1, 0.3)):
        shares = {f"p_{code}": 0.0 for code in CODES} | {"p_mel": 0.5 + margin / 2, "p_nv": 0.5 - margin / 2}
        save(kept, seed, answer=new_answer(record=json.dumps(shares)), lesion=f"L{seed}")
    page = opened("Next to look at")
    assert not page.exception
    table = page.dataframe[0].value
    assert len(table) == 3
    assert table["Why it is here"].str.startswith("Drawn by lot").sum() == 1
    page.slider(key="next-share").set_value(0).run()
    assert list(page.dataframe[0].value["Lesion"]) == ["L1", "L2", "L0"]
    assert "are close" in page.dataframe[0].value["Why it is here"][0]


def test_every_case_is_called_confirmed_only_where_all_are(kept):
    page = opened("Next to look at")
    assert records_words.NO_CASES in text(page)
    assert words.NOTHING_NEXT not in text(page)
    saved = [save(kept, seed, answer=new_answer(referral="no answer"), lesion=f"L{seed}") for seed in range(13)]
    for share in (33, 0):
        page.slider(key="next-share").set_value(share).run()
        assert not page.exception
        assert words.NOTHING_NEXT not in text(page)
        assert "12 of 13 cases that nothing confirms yet." in text(page)
        assert len(page.dataframe[0].value) == 12
    for one in saved:
        write.add_histology(kept, "Dr A", one.lesion_id, diagnosis="nv", on="2026-11-20")
    page.run()
    assert words.NOTHING_NEXT in text(page)
    assert not page.dataframe


def test_new_weights_are_compared_used_and_taken_out_of_use(kept, tiny_weights, tmp_path, monkeypatch):
    page = opened("Train")
    assert not page.exception
    assert words.NO_OLD in text(page)
    folder = job.begin(kept, tiny_weights, [], TeachingSettings())
    copy_weights(tiny_weights, folder / "taught.json", replace(load_info(tiny_weights), temperature=1.5))
    (folder / "compared-practice.csv").write_text(COMPARED)
    about = json.loads((folder / job.ABOUT).read_text())
    about |= {"stage": "done", "compared": {"practice": {"images": 30, "lesions": 28}}}
    (folder / job.ABOUT).write_text(json.dumps(about))
    page.run()
    assert "30 pictures of 28 lesions" in text(page)
    (row,) = page.dataframe[0].value.to_dict("records")
    assert row == {"Figure": "AUC, malignant against benign", "before": "0.800", "after": "0.900",
                   "difference": "+0.100", "95 % interval": "−0.020 to 0.180"}  # fmt: skip
    page.button(key=f"use-{folder.name}-0").click().run()
    assert "name of who decides this is empty" in text(page)
    page.text_input(key="actor").set_value("Dr A")
    # Trained anew in a folder of the same name since the page was drawn: other weights, with other figures.
    copy_weights(tiny_weights, folder / "taught.json", replace(load_info(tiny_weights), temperature=1.6))
    page.button(key=f"use-{folder.name}-0").click().run()
    assert "are others by now than those whose comparison was shown" in text(page)
    assert open_model().label == load_weights(tiny_weights).label
    copy_weights(tiny_weights, folder / "taught.json", replace(load_info(tiny_weights), temperature=1.5))
    page.run()
    page.button(key=f"use-{folder.name}-0").click().run()
    assert not page.exception
    assert words.FROM_NEXT_VISIT in text(page)
    assert open_model().description.temperature == 1.5
    assert f"In use: {load_weights(tiny_weights).label}" in text(page)  # this visit goes on with its own
    later = opened("Train")
    assert f"In use: {open_model().label}" in text(later)
    taken = open_model().name
    assert page.button(key="undo-weights-0").label == plain(words.go_back(taken))
    page.button(key="undo-weights-0").click().run()
    assert f"{taken} is out of use, {open_model().label} in use again." in text(page)
    assert open_model().label == load_weights(tiny_weights).label

    started = []
    monkeypatch.setenv("DERM_DATA", str(tmp_path))
    monkeypatch.setattr(job, "launch", lambda *given: started.append(given))
    page.run()
    page.button(key="teach-0").click().run()
    assert not page.exception
    ((place, given, _, command),) = started
    assert command == ("records", "train")
    assert given == ["--go-on", place.name, "--records", str(kept.folder)]
    about = json.loads((place / job.ABOUT).read_text())
    (place / job.ABOUT).write_text(json.dumps(about | {"stage": "refused", "said": ["The disk was full."]}))
    page.run()
    assert "could not be done" in text(page)
    assert "The disk was full." in text(page)
    page.button(key=f"go-on-{place.name}").click().run()
    assert [one[:2] for one in started[1:]] == [(place, given)]
    monkeypatch.setenv("DERM_RUNS_AT_ONCE", "0")
    page.button(key="teach-1").click().run()
    assert "This app starts no runs" in text(page)
    assert launch.TRAIN == ("train",)
