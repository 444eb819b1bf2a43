"""The page Monitor without a browser: no run yet, runs of every state, its views, comparison, starting, refusals."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from short_run import CONFIG
from streamlit.testing.v1 import AppTest

from derm.data.synthetic.dataset import synthesise
from derm.data.synthetic.standin import draw_once, drawn_folder
from derm.files import hold
from derm.monitor import launch, words
from derm.monitor.settings import SETTINGS
from derm.train.loop import train

pytestmark = pytest.mark.slow

APP = Path(__file__).parents[2] / "streamlit_app.py"


@pytest.fixture(scope="module")
def trained(tmp_path_factory, drawn_catalogue, cache) -> Path:
    folder = tmp_path_factory.mktemp("page") / "tiny"
    train(CONFIG, drawn_catalogue, folder, cache=cache)
    return folder


@pytest.fixture
def visit(tmp_path, monkeypatch, tiny_weights):
    """A function that opens the page as a new visitor; runs lie in `tmp_path`/runs."""
    monkeypatch.setenv("DERM_WEIGHTS", str(tiny_weights))
    monkeypatch.setenv("DERM_RUNS", str(tmp_path / "runs"))
    monkeypatch.delenv("DERM_DATA", raising=False)
    st.cache_resource.clear()
    yield lambda: AppTest.from_file(APP, default_timeout=60).switch_page("pages/3_Monitor.py").run()
    st.cache_resource.clear()


def said(page: AppTest) -> str:
    assert not page.exception
    elements = [*page.header, *page.subheader, *page.markdown, *page.caption, *page.info, *page.error, *page.code]
    return " ".join(str(element.value) for element in elements).replace("\\", "")


def choose(page: AppTest, key: str, value: str) -> AppTest:
    (group,) = [group for group in page.get("button_group") if group.key == key]
    return group.set_value(value).run()


def charts(page: AppTest) -> list[Any]:
    return list(page.get("plotly_chart"))


def test_without_runs_the_page_says_how_to_start_one(visit):
    page = visit()
    assert page.header[0].value == words.NO_RUN
    assert "derm train --data drawn --run" in page.code[0].value
    assert [box.label for box in page.selectbox[:2]] == ["Data", "Preset"]
    for setting in SETTINGS:
        assert setting.cost in said(page)


def test_training_is_watched_without_weights_too(visit, trained, tmp_path, monkeypatch):
    shutil.copytree(trained, tmp_path / "runs" / "tiny")
    monkeypatch.setenv("DERM_WEIGHTS", str(tmp_path / "none.json"))
    page = visit()
    assert "none.json" in page.error[0].value.replace("\\", "")
    assert page.header[0].value.replace("\\", "").startswith("tiny finished ")


def test_a_run_is_shown_in_every_view(visit, trained, tmp_path):
    shutil.copytree(trained, tmp_path / "runs" / "tiny")
    page = visit()
    assert page.header[0].value.replace("\\", "").startswith("tiny finished ")
    assert "Best so far: Macro AUC" in said(page)
    assert page.radio(key="run").options == ["tiny"]
    assert len(charts(page)) == 13  # 2 of Figure 7, 3 losses, 8 measures
    assert words.FIGURE_7_NOTE in said(page)
    choose(page, "monitor_view", "Diagnoses")
    page.selectbox(key="measure").set_value("auc").run()
    assert "AUC of each diagnosis, validation" in said(page)
    choose(page, "monitor_view", "Confusion")
    assert "Confusion matrix after epoch 4" in said(page)
    page.toggle(key="newest").set_value(False).run()
    page.select_slider[0].set_value(1).run()
    assert "Confusion matrix after epoch 2" in said(page)
    choose(page, "monitor_view", "Curriculum and replay")
    assert len(charts(page)) == 4
    assert "Stage of epoch 4: pace 100" in said(page)
    assert "of its draws in epoch 4 were hits" in said(page)
    walls = [part for part in (element.proto.body for element in page.get("html")) if "<ol" in part]
    assert walls[-1].count("<img alt=") == json.loads(last_line(trained, "replay"))["size"]
    choose(page, "monitor_view", "Speed")
    assert len(charts(page)) == 3
    choose(page, "monitor_view", "Settings")
    assert "curriculum.enabled" in list(page.dataframe[0].value["Setting"])


def last_line(run: Path, event: str) -> str:
    return [line for line in (run / "events.jsonl").read_text().splitlines() if f'"event": "{event}"' in line][-1]


def test_a_run_whose_data_are_elsewhere_has_no_pictures(visit, trained, tmp_path):
    shutil.copytree(trained, tmp_path / "runs" / "tiny")
    for name in ("run.json", "events.jsonl"):
        place = tmp_path / "runs" / "tiny" / name
        content = json.loads(place.read_text().splitlines()[0] if name == "events.jsonl" else place.read_text())
        place.write_text(place.read_text().replace(content["data"]["folder"], "/elsewhere"))
    page = choose(visit(), "monitor_view", "Curriculum and replay")
    assert words.NO_DATA_SET in said(page)


def test_a_damaged_run_spoils_nothing_and_a_deleted_one_is_named(visit, trained, tmp_path):
    shutil.copytree(trained, tmp_path / "runs" / "tiny")
    for name, content in (("one-bad-line", '{"event": "start"}\n'), ("steps-0", STEPS_0), ("half", '{"event": "sta')):
        (tmp_path / "runs" / name).mkdir()
        (tmp_path / "runs" / name / "events.jsonl").write_text(content)
    page = visit()
    for name in ("one-bad-line", "steps-0"):
        page.radio(key="run").set_value(name).run()
        assert f"{name} died " in page.header[0].value.replace("\\", "")
        assert page.warning[0].value == "The log is damaged: 1 line cannot be read and is left out."
    page.radio(key="run").set_value("half").run()
    assert not page.exception
    page.radio(key="run").set_value("tiny").run()
    assert "tiny finished " in page.header[0].value
    pytest.importorskip("tensorboard")
    page.button(key="export-tiny").click().run()
    assert not page.exception
    name, step, content = page.session_state["board"]
    assert (name, content[:2]) == ("tiny", b"PK")
    assert f"Save, up to step {step}" in [
        button.proto.label.replace("\\", "") for button in page.get("download_button")
    ]
    shutil.rmtree(tmp_path / "runs" / "tiny")
    page.run()
    assert "The folder of the run tiny is no longer there" in said(page)
    choose(page, "part", "Compare")
    assert not page.exception


STEPS_0 = '{"event":"start","steps":1,"steps_per_epoch":0,"config":{"epochs":1}}\n'


def test_a_run_that_died_says_when_and_its_last_words(visit, trained, tmp_path, monkeypatch):
    folder = tmp_path / "runs" / "tiny"
    shutil.copytree(trained, folder)
    log = folder / "events.jsonl"
    log.write_bytes(b"".join(line for line in log.read_bytes().splitlines(True) if b'"event": "end"' not in line))
    (folder / "output.log").write_text("derm: The loss is nan.\n")
    page = visit()
    assert "tiny died " in page.header[0].value
    assert page.code[0].value == "derm: The loss is nan."
    assert page.button(key="resume-tiny").label == "Resume"
    (folder / "lock").write_text("")
    with (folder / "lock").open("a") as stream:  # somebody trains in it, who does not say who he is
        assert hold(stream)
        page.run()
        page.button(key="stop-tiny").click().run()
        assert "begun by an older Derm that does not say which process it is" in said(page)
    page.run()
    assert "older Derm" not in said(page)
    asked: list[tuple[Path, list[str]]] = []
    monkeypatch.setattr(launch, "launch", lambda run, words, visitor: asked.append((run, words)))
    page.button(key="resume-tiny").click().run()
    assert not page.exception
    assert asked == [(folder.resolve(), ["--run", str(folder.resolve()), "--resume"])]


def test_runs_are_held_against_each_other(visit, trained, tmp_path):
    for name in ("one", "two"):
        shutil.copytree(trained, tmp_path / "runs" / name)
    about = tmp_path / "runs" / "two" / "run.json"
    about.write_text(about.read_text().replace('"learning_rate": 0.003', '"learning_rate": 0.001'))
    page = choose(visit(), "part", "Compare")
    table, figures, differing = (frame.value for frame in page.dataframe)
    assert sorted(table["Run"]) == ["one", "two"]
    assert list(figures["Which"]) == ["best", "last"] * 2
    assert list(differing["Setting"]) == ["learning_rate"]
    page.selectbox(key="curve").set_value("loss").run()
    assert "Joint loss, validation" in said(page)
    page.multiselect(key="compared").set_value(["one"]).run()
    assert words.NO_DIFFERENCE not in said(page)  # it has none to differ from
    assert "Settings that differ" not in said(page)
    about.write_text((tmp_path / "runs" / "one" / "run.json").read_text())
    page.multiselect(key="compared").set_value(["one", "two"]).run()
    assert words.NO_DIFFERENCE in said(page)
    page.multiselect(key="compared").set_value([]).run()
    assert words.CHOOSE_RUNS in said(page)


def test_a_run_is_started_from_the_page(visit, tmp_path, monkeypatch):
    """With the process itself left out: tests/monitor/test_launch.py starts real ones."""
    asked: list[tuple[Path, list[str]]] = []
    monkeypatch.setattr(launch, "launch", lambda run, words, visitor: asked.append((run, words)))
    data = tmp_path / "data"
    synthesise(data, images=21, seed=2)
    monkeypatch.setenv("DERM_DATA", str(data))
    page = visit()
    page.text_input(key="start-name").set_value("two words").run()
    page.button(key="start").click().run()
    assert words.MEND_FIRST in said(page)
    page.selectbox(key="start-derm-False-start").set_value("random").run()
    page.selectbox(key="start-preset").set_value("paper").run()
    page.selectbox(key="start-preset").set_value("derm").run()
    assert page.selectbox(key="start-derm-False-start").value == "random"  # nothing that was typed is lost
    page.switch_page("streamlit_app.py").run().switch_page("pages/3_Monitor.py").run()
    assert page.text_input(key="start-name").value == "two words"
    page.selectbox(key="start-derm-False-start").set_value("timm").run()
    assert "A run cannot be called 'two words'" in said(page)
    assert asked == []
    page.text_input(key="start-name").set_value("mine").run()
    page.number_input(key="start-derm-False-epochs").set_value(3).run()
    page.toggle(key="start-derm-False-replay.enabled").set_value(True).run()
    page.button(key="start").click().run()
    ((run, command),) = asked
    assert run == (tmp_path / "runs" / "mine").resolve()
    assert command[:8] == ["--run", str(run), "--data", str(data), "--preset", "derm", "--threads", "0"]
    assert command[8:] == ["--set=epochs=3", "--set=replay.enabled=true"]


def test_a_refused_start_is_said_where_somebody_elses_run_was_first(visit, trained, tmp_path):
    page = visit()
    taken = page.text_input(key="start-name").value
    shutil.copytree(trained, tmp_path / "runs" / taken)
    page.button(key="start").click().run()
    assert words.MEND_FIRST in said(page)
    assert page.session_state.part == "Start a run"


def test_what_is_typed_while_the_page_is_drawn_anew_stays(visit):
    """A name that the page sets replaces in the browser what somebody has typed since."""
    page = visit()
    name = page.text_input(key="start-name")
    assert name.proto.set_value
    suggested = name.value
    name = page.number_input(key="start-threads").set_value(1).run().text_input(key="start-name")
    assert (name.value, name.proto.set_value) == (suggested, False)
    name = page.selectbox(key="start-preset").set_value("paper").run().text_input(key="start-name")
    assert name.value != suggested


def test_drawn_data_come_with_what_suits_them(visit, monkeypatch, cache):
    draw_once(cache, images=21)  # where none has been drawn yet: fewer than the page would, to be quick
    asked: list[list[str]] = []
    monkeypatch.setattr(launch, "launch", lambda run, words, visitor: asked.append(words))
    page = visit()
    assert page.selectbox(key="start-data").value == words.DRAWN_CHOICE
    page.number_input(key="start-derm-True-epochs").set_value(3)  # typed and started in one go
    page.button(key="start").click().run()
    assert not page.exception
    (command,) = asked
    assert "--set=epochs=3" in command
    assert command[3] == str(drawn_folder(cache))
    assert {"--set=model.input_size=64", '--set=start="random"'} <= set(command)
