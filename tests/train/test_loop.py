"""Training from end to end on drawn lesions: it learns, tells what it does, ends, and survives being killed."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from derm.cli.train import epoch_line
from derm.data import learned, recognise
from derm.data.augment import AugmentConfig
from derm.data.learned import join_learned
from derm.data.split import split_catalogue
from derm.data.store import open_store
from derm.diagnoses import CODES, INDEX
from derm.errors import ConfigFault, DataFault, RunFault
from derm.files import hold
from derm.image.decode import open_image
from derm.model.config import ModelConfig
from derm.model.network import LesionNet
from derm.model.weights import copy_weights, load_weights
from derm.runlog.events import CLOCK_EVENTS
from derm.runlog.writer import RunLog, read_events
from derm.train import loop, precision, step
from derm.train.checkpoint import load_checkpoint, save_checkpoint
from derm.train.config import PRESETS, MixConfig, TrainConfig, preset
from derm.train.curriculum import CurriculumConfig
from derm.train.loop import train
from derm.train.losses import Losses
from derm.train.open_run import START_KNOWS, choose_share, open_run, what_start_learned
from derm.train.replay import ReplayConfig
from derm.train.resume import keep, restore
from derm.train.run_folder import claim, make_run_folder
from derm.train.sampler import OPEN_CLASS
from derm.train.state import TrainState
from derm.train.step import learning_rate, move_average
from derm.train.validate import validate

CONFIG = TrainConfig(
    # timm's own network for tests: a tenth of a million numbers, five scales.
    model=ModelConfig(
        encoder="test_efficientnet", input_size=32, feature_channels=32, decoder_channels=(8, 8, 8), dropout=0.3
    ),
    curriculum=CurriculumConfig(enabled=True),
    replay=ReplayConfig(enabled=True, capacity=16),
    start="random",
    epochs=3,
    batch=6,
    optimiser="adamw",
    learning_rate=3e-3,
    weight_decay=0.02,
    schedule="cosine",
    mask_loss="dice+bce",
    label_smoothing=0.05,
    balance=0.5,
    average=0.9,
    precision="bfloat16",
    seed=3,
    workers=0,
    lookahead=4,
    log_every=1,
    checkpoint_every=2,
)

RECIPE = replace(
    CONFIG,
    # Its blocks can be skipped.
    model=replace(CONFIG.model, encoder="test_resnet", drop_path=0.3),
    mix=MixConfig(probability=0.5, mixup_alpha=0.8),
    augment=AugmentConfig(hair=0.5, vignette=0.5, blur=0.5, erase=0.5),
    logit_adjustment=0.5,
    focal=1.0,
    sampling=0.7,
)
"""Everything that is off in CONFIG."""

KILLED = """
import json, os, signal, sys
from pathlib import Path
import torch
from derm.data.catalogue import read_catalogue
from derm.train.config import TrainConfig
from derm.train.loop import train

def watch(event):
    # No handler can catch this signal: the process is gone between two steps, in the middle of an epoch.
    if event["event"] == "tick" and event["step"] == last:
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    data, run, cache, config, last, threads = sys.argv[1:]
    last = int(last)
    torch.set_num_threads(int(threads))
    config = TrainConfig.from_dict(json.loads(config))
    train(config, read_catalogue(Path(data)), Path(run), cache=Path(cache), watch=watch)
"""


@dataclass(frozen=True)
class Whole:
    """A run that nothing interrupted."""

    run: Path
    state: TrainState
    events: list[dict[str, Any]]
    steps_per_epoch: int

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == kind]


@pytest.fixture(scope="module")
def whole(tmp_path_factory, drawn_catalogue, cache) -> Whole:
    run = tmp_path_factory.mktemp("runs") / "whole"
    state = train(CONFIG, drawn_catalogue, run, cache=cache)
    events = list(read_events(run / "events.jsonl"))
    return Whole(run, state, events, events[0]["steps_per_epoch"])


@pytest.fixture(scope="module")
def resumed(tmp_path_factory, drawn, drawn_catalogue, cache, whole) -> Path:
    """The same run with a worker process, killed before the second epoch's last step, then resumed."""
    folder = tmp_path_factory.mktemp("killed")
    run, script = folder / "run", folder / "killed.py"
    script.write_text(KILLED)
    config = replace(CONFIG, workers=1)
    last = 2 * whole.steps_per_epoch - 1
    arguments = [drawn, run, cache, json.dumps(config.as_dict()), last, torch.get_num_threads()]
    ended = subprocess.run([sys.executable, script, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    told = [event["event"] for event in read_events(run / "events.jsonl")]
    assert told.count("step") == last  # one more than the last checkpoint knows of
    assert load_checkpoint(run / "last.safetensors")[1]["step"] == last - 1
    assert train(config, drawn_catalogue, run, cache=cache, resume=True).finished
    return run


def lasting_lines(run: Path) -> list[bytes]:
    """The lines of a run's log that must not depend on interruptions; the first one, which names the workers, apart."""
    lines = (run / "events.jsonl").read_bytes().splitlines()
    return [line for line in lines[1:] if json.loads(line)["event"] not in CLOCK_EVENTS]


def assert_same_end(run: Path, other: Path) -> None:
    """Both runs told the same and hold the same, bit for bit."""
    assert lasting_lines(run) == lasting_lines(other)
    for name in ("best.json", "final.json"):
        one, two = (json.loads((folder / name).read_text()) for folder in (run, other))
        assert one["sha256"] == two["sha256"], name
        assert one["measured"] == two["measured"]
    (groups, state), (other_groups, other_state) = (load_checkpoint(f / "last.safetensors") for f in (run, other))
    assert groups.keys() == other_groups.keys() == {"net", "average", "optimiser", "planner", "data"}
    for group, tensors in groups.items():
        assert tensors.keys() == other_groups[group].keys()
        for name, tensor in tensors.items():
            # As bytes, because NaN, of images not seen yet, equals nothing.
            assert tensor.numpy().tobytes() == other_groups[group][name].numpy().tobytes(), f"{group}/{name}"
    assert {**state, "log_bytes": 0} == {**other_state, "log_bytes": 0}


@pytest.mark.training
def test_a_run_that_was_killed_ends_as_if_it_had_not_been(whole, resumed):
    assert_same_end(resumed, whole.run)
    first, other = (next(read_events(run / "events.jsonl")) for run in (whole.run, resumed))
    assert (first["config"].pop("workers"), other["config"].pop("workers")) == (0, 1)
    assert first["config"] == other["config"]
    assert first["data"] == other["data"]
    again = [event for event in read_events(resumed / "events.jsonl") if event["event"] == "resumed"]
    assert [event["step"] for event in again] == [2 * whole.steps_per_epoch - 2]


@pytest.mark.training
def test_weights_tell_each_epoch_that_led_to_them(whole, resumed):
    epochs = whole.of("epoch")
    history = load_weights(whole.run / "final.json").description.training["history"]
    assert [entry["epoch"] for entry in history] == [0, 1, 2]
    assert [entry["train"] for entry in history] == [event["train"] for event in epochs]
    assert [entry["validation"]["dice"] for entry in history] == [event["validation"]["dice"] for event in epochs]
    assert load_weights(resumed / "final.json").description.training["history"] == history


@pytest.mark.training
def test_a_run_that_was_stopped_twice_ends_as_if_it_had_not_been(tmp_path, drawn_catalogue, cache, whole):
    run = tmp_path / "run"
    for resume, steps in ((False, 5), (True, 9), (True, 10_000)):
        answers = iter([False] * (steps - 1) + [True])
        state = train(CONFIG, drawn_catalogue, run, cache=cache, resume=resume, stop=lambda a=answers: next(a))
        if steps < 10_000:
            assert not state.finished
            assert list(read_events(run / "events.jsonl"))[-1]["event"] == "stopped"
    assert replace(state, log_bytes=0) == replace(whole.state, log_bytes=0)
    assert_same_end(run, whole.run)


@pytest.mark.training
def test_with_every_setting_a_stopped_run_ends_as_if_it_had_not_been(tmp_path, drawn_catalogue, cache):
    one, other = tmp_path / "one", tmp_path / "other"
    state = train(RECIPE, drawn_catalogue, one, cache=cache)
    for resume, steps in ((False, 5), (True, 9), (True, 10_000)):
        answers = iter([False] * (steps - 1) + [True])
        again = train(RECIPE, drawn_catalogue, other, cache=cache, resume=resume, stop=lambda a=answers: next(a))
    assert replace(again, log_bytes=0) == replace(state, log_bytes=0)
    assert_same_end(other, one)
    # Every second batch is mixed, more or less, and of those no image's loss was kept.
    views = int(load_checkpoint(one / "last.safetensors")[0]["planner"]["views"].sum())
    assert 0.2 * 6 * state.step < views < 0.8 * 6 * state.step
    replays = [event for event in read_events(one / "events.jsonl") if event["event"] == "replay"]
    assert all(event["hit_rate"] is None or 0 <= event["hit_rate"] <= 1 for event in replays)


@pytest.mark.training
def test_a_run_from_before_there_were_such_settings_goes_on(tmp_path, drawn_catalogue, cache, whole):
    run = tmp_path / "run"
    answers = iter([False] * 4 + [True])
    train(CONFIG, drawn_catalogue, run, cache=cache, stop=lambda: next(answers))
    about = json.loads((run / "run.json").read_text())
    del about["config"]["mix"], about["config"]["model"]["drop_path"]
    for name in ("hair", "vignette", "blur", "erase"):
        del about["config"]["augment"][name]
    for name in ("logit_adjustment", "focal", "sampling", "leave_out", "source_balance", "compile"):
        del about["config"][name]
    groups, content = load_checkpoint(run / "last.safetensors")
    del groups["planner"]["decks"], content["recent"]["judged"], content["epoch"]["judged"]
    save_checkpoint(run / "last.safetensors", groups, content)
    config = TrainConfig.from_dict(about["config"])
    assert config == CONFIG
    train(config, drawn_catalogue, run, cache=cache, resume=True)
    assert_same_end(run, whole.run)


@pytest.mark.training
def test_it_learns(tmp_path, drawn_catalogue, cache):
    config = replace(CONFIG, curriculum=CurriculumConfig(), replay=ReplayConfig(), epochs=8, learning_rate=1e-2)
    train(config, drawn_catalogue, tmp_path / "run", cache=cache)
    epochs = [event for event in read_events(tmp_path / "run" / "events.jsonl") if event["event"] == "epoch"]
    first, last = epochs[0], epochs[-1]
    assert last["train"]["mask_loss"] < 0.5 * first["train"]["mask_loss"]
    assert last["train"]["class_loss"] < first["train"]["class_loss"]
    assert last["validation"]["loss"] < first["validation"]["loss"]
    assert last["validation"]["dice"] > 0.7


@pytest.mark.training
def test_the_log_begins_with_what_the_run_is(whole, drawn, drawn_catalogue):
    split = split_catalogue(drawn_catalogue)
    parts = split.parts.value_counts()
    start = whole.events[0]
    assert start["event"] == "start"
    assert start["config"] == json.loads(json.dumps(CONFIG.as_dict()))
    assert start["data"] == {
        "folder": str(drawn),
        "folders": [str(drawn)],
        "layout": "Derm (images, masks, metadata)",
        "images": 63,
        "split": "by lesion",
        "train": parts["train"],
        "validation": parts["validation"],
        "sources": {"derm_synthetic": {"derm_synthetic": parts["train"]}},
        "sources_before": [],
        "leaking_test_images": 0,
        "fingerprint": start["data"]["fingerprint"],
        "validation_fingerprint": start["data"]["validation_fingerprint"],
        "learned": start["data"]["learned"],
    }
    assert sum(start["data"]["learned"]["classes"].values()) == parts["train"]
    assert len(start["data"]["fingerprint"]) == 16
    assert start["steps_per_epoch"] == parts["train"] // 6
    assert start["steps"] == 3 * start["steps_per_epoch"] == whole.state.step
    about = json.loads((whole.run / "run.json").read_text())
    assert about == {key: start[key] for key in ("derm", "commit", "threads", "processes", "config", "data")}
    (begun,) = whole.of("begun")
    assert (begun["step"], begun["threads"], begun["device"]) == (0, torch.get_num_threads(), "cpu")


def started_from(whole: Whole, path: Path, images: dict[str, Any], sources: dict[str, Any]) -> TrainConfig:
    """A short run that goes on from the weights of `whole`, as if these had learned from others; they lie at `path`."""
    data = {**(trained := load_weights(whole.run / "best.json")).description.training["data"], "sources": sources}
    training = {**trained.description.training, "data": {**data, "learned": images}}
    copy_weights(whole.run / "best.json", path, replace(trained.description, training=training))
    return replace(CONFIG, start=str(path), epochs=1)


@pytest.mark.training
def test_weights_know_what_their_start_learned_also_where_it_is_gone_when_the_run_is_resumed(
    tmp_path, drawn_catalogue, cache, whole
):
    elsewhere = {
        "pictures": base64.b64encode(b"0" * 32).decode(),
        "lesions": base64.b64encode(b"lesion 0lesion 1").decode(),
        "classes": {"df": 2},
    }
    config = started_from(whole, tmp_path / "start.json", elsewhere, {"elsewhere": {}})
    run = tmp_path / "run"
    train(config, drawn_catalogue, run, cache=cache, stop=lambda: True)
    (tmp_path / "start.json").unlink()
    assert train(config, drawn_catalogue, run, cache=cache, resume=True).finished
    own = whole.events[0]["data"]["learned"]
    expected = {**own["classes"], "df": own["classes"]["df"] + 2}
    for about in (json.loads((run / "run.json").read_text()), load_weights(run / "final.json").description.training):
        assert about["data"]["sources_before"] == ["elsewhere"]
        assert about["data"]["learned"] == {**join_learned(elsewhere, own), "classes": expected}
        assert "start_knows" not in about


@pytest.mark.training
def test_going_on_with_the_same_images_lets_a_description_not_grow(tmp_path, drawn_catalogue, cache, whole):
    config = replace(CONFIG, start=str(whole.run / "best.json"), epochs=1)
    train(config, drawn_catalogue, tmp_path / "run", cache=cache, stop=lambda: True)
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert about["data"]["learned"] == whole.events[0]["data"]["learned"]


@pytest.mark.training
@pytest.mark.parametrize("part", ["validation", "test"])
def test_a_start_that_learned_from_what_is_measured_on_is_refused(tmp_path, drawn_catalogue, cache, whole, part):
    parts = split_catalogue(drawn_catalogue).parts.replace({part: "train", "train": part})
    moved = replace(drawn_catalogue, parts=dict(zip(drawn_catalogue.table["image_id"], parts, strict=True)))
    config = replace(CONFIG, start=str(whole.run / "best.json"))
    count = (parts == part).sum()
    words = rf"^{count} of {count} images of the {part} part .* that the starting weights .*best.json learned from, .*"
    with pytest.raises(DataFault, match=words + "by a column 'part' in derm.csv, or start from other weights"):
        train(config, moved, tmp_path / "run", cache=cache)
    assert not (tmp_path / "run").exists()


@pytest.mark.training
def test_a_start_that_may_know_a_few_images_by_chance_is_told_of(tmp_path, drawn_catalogue, cache, whole, monkeypatch):
    monkeypatch.setattr(learned, "BY_CHANCE", 0.5)
    split = split_catalogue(drawn_catalogue)
    rows = split.rows("test")[:1]
    image = cv2.resize(open_image(Path(drawn_catalogue.table["image_path"].iloc[rows[0]])), (32, 32))
    another = drawn_catalogue.table.iloc[rows].assign(lesion_id="another")
    likeness = learned.record_learned([image], another, another["lesion_id"])
    config = started_from(whole, tmp_path / "start.json", likeness, {"elsewhere": {}})
    train(config, drawn_catalogue, tmp_path / "run", cache=cache, stop=lambda: True)
    count = sum(len(split.rows(part)) for part in ("validation", "test"))
    said = START_KNOWS.format(alike=1, count=count)
    assert said.startswith(f"1 of {count} images of the validation and test parts look like ones that the starting")
    start = next(read_events(tmp_path / "run" / "events.jsonl"))
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert start["start_knows"] == about["start_knows"] == epoch_line(start) == said


@pytest.mark.training
def test_a_damaged_record_of_what_was_learned_is_not_gone_on_with(tmp_path, drawn_catalogue, cache):
    run = tmp_path / "run"
    train(CONFIG, drawn_catalogue, run, cache=cache, stop=lambda: True)
    about = json.loads((run / "run.json").read_text())
    about["data"]["learned"]["pictures"] = "?"
    (run / "run.json").write_text(json.dumps(about))
    with pytest.raises(RunFault, match=r"run.json is damaged: what it says of the images that were learned from"):
        train(CONFIG, drawn_catalogue, run, cache=cache, resume=True)


@pytest.mark.training
def test_a_run_keeps_the_precision_that_was_settled_for_its_device(tmp_path, drawn_catalogue, cache, monkeypatch):
    monkeypatch.setattr(precision, "is_quick_in_bfloat16", lambda device: False)
    run = tmp_path / "run"
    train(replace(CONFIG, precision="auto"), drawn_catalogue, run, cache=cache, stop=lambda: True)
    assert json.loads((run / "run.json").read_text())["config"] == replace(CONFIG, precision="float32").as_dict()


@pytest.mark.training
def test_the_log_tells_each_step_and_epoch(whole, drawn_catalogue):
    steps, epochs = whole.of("step"), whole.of("epoch")
    assert [event["step"] for event in steps] == list(range(1, whole.state.step + 1))
    assert [event["epoch"] for event in steps] == [e for e in range(3) for _ in range(whole.steps_per_epoch)]
    assert [event["learning_rate"] for event in steps] == [
        learning_rate(CONFIG, step, whole.state.step) for step in range(whole.state.step)
    ]
    for event in steps:
        assert event["loss"] == pytest.approx(event["mask_loss"] + event["class_loss"], rel=1e-6)
    validation = drawn_catalogue.table["dx"].iloc[split_catalogue(drawn_catalogue).rows("validation")]
    for number, event in enumerate(epochs):
        own = [step for step in steps if step["epoch"] == number]
        for name in ("loss", "mask_loss", "class_loss", "accuracy", "replayed_share"):
            assert event["train"][name] == pytest.approx(np.mean([step[name] for step in own])), name
        result = event["validation"]
        matrix = np.array(result["confusion_matrix"])  # rows: truth
        assert matrix.sum(axis=1).tolist() == [int((validation == code).sum()) for code in CODES]
        assert result["accuracy"] == pytest.approx(matrix.trace() / matrix.sum())
        assert list(result["per_class"]) == list(CODES)
        for index, code in enumerate(CODES):
            found = result["per_class"][code]
            assert found["recall"] == pytest.approx(matrix[index, index] / matrix[index].sum())
            assert {"precision", "recall", "f1", "specificity", "auc", "support", "dice", "iou"} <= found.keys()
        assert 0 <= result["dice"] <= 1
    speeds = whole.of("speed")
    assert [event["epoch"] for event in speeds] == [0, 1, 2]
    assert all(event["images_per_second"] > 0 and event["memory_mb"] > 0 for event in speeds)


@pytest.mark.training
def test_the_log_tells_of_curriculum_and_replay(whole, drawn_catalogue):
    stages, replays = whole.of("curriculum"), whole.of("replay")
    assert [event["epoch"] for event in stages] == [0, 1, 2]
    # The root pace from 0.5, full after 1.5 epochs: sqrt(1 / 4), sqrt(1 / 4 + 3 / 4 · 2 / 3), 1.
    assert [event["pace"] for event in stages] == pytest.approx([0.5, 0.75**0.5, 1])
    training = len(split_catalogue(drawn_catalogue).rows("train"))
    assert stages[0]["admitted"] < stages[1]["admitted"] <= stages[2]["admitted"] == training
    assert stages[0]["admitted_share"]["nv"] > stages[0]["admitted_share"]["df"]
    assert stages[2]["admitted_share"] == dict.fromkeys(CODES, 1.0)
    for event in stages:
        assert sum(event["difficulty_histogram"]) == training
        assert sum(event["admitted_histogram"]) == event["admitted"]
    for event in replays:
        assert event["size"] <= 16
        assert sum(event["drawn"].values()) == whole.steps_per_epoch * 6
        losses = [row["loss"] for row in event["hardest"]]
        assert losses == sorted(losses, reverse=True)
        assert len(losses) == event["size"]
        assert {row["image_id"] for row in event["hardest"]} <= set(drawn_catalogue.table["image_id"])
        # The cap, within an epoch's own steps.
        assert all(row["drawn_in_epoch"] <= 3 and row["drawn_in_epoch"] <= row["drawn"] for row in event["hardest"])
    # A quarter of 6 is 2 images (1.5 is rounded to even), which the buffer can give once it has heard of a batch.
    assert [event["replayed_share"] for event in replays[1:]] == pytest.approx([2 / 6, 2 / 6])
    assert sum(row["drawn_in_epoch"] for row in replays[-1]["hardest"]) > whole.steps_per_epoch


@pytest.mark.training
def test_the_best_epoch_is_kept(whole):
    epochs, best = whole.of("epoch"), whole.of("best")
    values = [event["validation"]["macro_auc"] for event in epochs]
    top = max(values)
    assert best[-1] == {"event": "best", "epoch": values.index(top), "by": "macro_auc", "value": top}
    assert (whole.state.best, whole.state.best_epoch) == (top, values.index(top))
    assert whole.events[-1] == {
        "event": "end",
        "step": whole.state.step,
        "best_epoch": values.index(top),
        "best": top,
        "early": False,
    }
    for name, epoch in (("best", values.index(top)), ("final", 2)):
        description = load_weights(whole.run / f"{name}.json").description
        assert description.model == CONFIG.model
        assert description.training["epoch"] == epoch
        assert "folder" not in description.training["data"]
        validation = epochs[epoch]["validation"]
        measured = description.measured["validation"]
        assert measured["split"] == "by lesion"
        assert measured["images"] == whole.events[0]["data"]["validation"]
        for figure in ("accuracy", "balanced_accuracy", "macro_f1", "macro_auc", "dice", "iou"):
            assert measured[figure] == validation[figure]


@pytest.mark.training
def test_the_averaged_weights_are_what_is_saved(whole):
    average = load_checkpoint(whole.run / "last.safetensors")[0]["average"]
    for name, tensor in load_weights(whole.run / "final.json").net.state_dict().items():
        assert torch.equal(tensor, average[name])


@pytest.mark.training
def test_nothing_is_left_beside_the_files_of_a_run(whole):
    names = {path.name.split("-")[0] for path in whole.run.iterdir()}
    assert names == {"run.json", "events.jsonl", "last.safetensors", "lock", "best.json", "best", "final.json", "final"}
    assert len(list(whole.run.glob("best-*.safetensors"))) == 1


@pytest.mark.training
def test_a_finished_run_is_not_trained_again(whole, drawn_catalogue, cache):
    before = (whole.run / "events.jsonl").read_bytes()
    assert train(CONFIG, drawn_catalogue, whole.run, cache=cache, resume=True) == whole.state
    assert (whole.run / "events.jsonl").read_bytes() == before


@pytest.mark.training
def test_patience_ends_a_run(tmp_path, drawn_catalogue, cache, monkeypatch):
    # Better, worse, better, as good (which is not better), undefined: with a patience of 2 that is the end.
    values = iter([0.6, 0.5, 0.7, 0.7, None])
    names = ("loss", "mask_loss", "class_loss", "accuracy", "balanced_accuracy", "macro_f1", "dice", "iou")
    monkeypatch.setattr(loop, "validate", lambda *_: {**dict.fromkeys(names, 0.5), "macro_auc": next(values)})
    config = replace(CONFIG, epochs=9, batch=12, patience=2, log_every=100)
    state = train(config, drawn_catalogue, tmp_path / "run", cache=cache)
    events = list(read_events(tmp_path / "run" / "events.jsonl"))
    assert [(e["epoch"], e["value"]) for e in events if e["event"] == "best"] == [(0, 0.6), (2, 0.7)]
    end = events[-1]
    assert (end["event"], end["best_epoch"], end["best"], end["early"]) == ("end", 2, 0.7, True)
    assert end["step"] == state.step == 5 * events[0]["steps_per_epoch"]
    assert state.finished
    assert load_weights(tmp_path / "run" / "best.json").description.training["epoch"] == 2
    assert load_weights(tmp_path / "run" / "final.json").description.training["epoch"] == 4


@pytest.mark.training
def test_a_loss_that_is_not_a_number_ends_a_run(tmp_path, drawn_catalogue, cache, monkeypatch):
    loss = step.joint_loss
    calls = iter(range(100))

    def third_is_nan(*arguments: Any) -> Losses:
        losses = loss(*arguments)
        return losses._replace(joint=losses.joint * (torch.nan if next(calls) == 3 else 1))

    monkeypatch.setattr(step, "joint_loss", third_is_nan)
    run = tmp_path / "run"
    with pytest.raises(
        RunFault,
        match=r"The loss is nan and its gradient nan: lower the learning rate \(3\.0e-03\) and start a new run",
    ):
        train(replace(CONFIG, schedule="constant"), drawn_catalogue, run, cache=cache)
    assert load_checkpoint(run / "last.safetensors")[1]["step"] == 2
    assert torch.isfinite(load_checkpoint(run / "last.safetensors")[0]["net"]["mask_head.weight"]).all()


@pytest.mark.training
def test_a_folder_in_use_is_refused(whole, drawn_catalogue, cache):
    with pytest.raises(RunFault, match=rf"{whole.run} exists already: give another --run, or go on in it with"):
        train(CONFIG, drawn_catalogue, whole.run, cache=cache)


def test_a_place_that_holds_something_else_is_refused_before_anything_is_decoded(tmp_path, drawn_catalogue):
    (tmp_path / "notes.txt").touch()
    for place in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(
            RunFault, match=rf"{place} exists already and holds no run: give another --run, or delete it"
        ):
            train(CONFIG, drawn_catalogue, place, cache=tmp_path / "notes.txt" / "cache")
    with pytest.raises(ConfigFault, match=r"The folder .*run cannot be made \(Not a directory\): name another one"):
        make_run_folder(tmp_path / "notes.txt" / "run", {})


def test_an_empty_folder_will_do(tmp_path):
    make_run_folder(tmp_path, {"config": 1})
    assert json.loads((tmp_path / "run.json").read_text()) == {"config": 1}


def test_of_two_that_want_a_folder_one_gets_it(tmp_path):
    with (tmp_path / "lock").open("a") as stream:  # the other one was quicker
        assert hold(stream)
        with pytest.raises(RunFault, match=r"Another process has begun a run in .*: give another --run"):
            make_run_folder(tmp_path, {})
    assert not (tmp_path / "run.json").exists()


def test_a_log_that_was_cut_is_not_gone_on_with(tmp_path):
    with RunLog(tmp_path / "events.jsonl") as log:
        log.append({"event": "start"})
        length = log.length()
    (tmp_path / "events.jsonl").write_text("")
    with pytest.raises(RunFault, match=r"The log .*events.jsonl was cut or deleted: put it back, or start a new run"):
        RunLog(tmp_path / "events.jsonl", length)
    assert (tmp_path / "events.jsonl").read_bytes() == b""


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("spoiled", ["head.scores.bias", "mask_head.bias"])
def test_a_validation_that_is_not_finite_ends_a_run_with_a_sentence(drawn_catalogue, cache, spoiled, value):
    net, rows = LesionNet(CONFIG.model).eval(), np.arange(12)
    classes = drawn_catalogue.table["dx"].map(INDEX).to_numpy()[rows]
    store = open_store(drawn_catalogue, CONFIG.model.input_size, cache)
    with torch.no_grad():
        net.get_parameter(spoiled)[0] = value
    with pytest.raises(
        RunFault,
        match=r"The loss of validation is (nan|inf), .*: lower the learning rate \(3\.0e-03\) and start a new run",
    ):
        validate(net, store, rows, classes, CONFIG)


def test_outlines_are_averaged_over_the_images_that_have_one(drawn_catalogue, cache):
    rows = np.arange(64) % len(drawn_catalogue.table)
    table = drawn_catalogue.table.iloc[rows].reset_index(drop=True)
    net, classes = LesionNet(CONFIG.model).eval(), table["dx"].map(INDEX).to_numpy().copy()
    config = replace(CONFIG, mask_weight=2.0)

    def measure(masked: np.ndarray) -> dict[str, Any]:
        part = replace(drawn_catalogue, table=table.assign(mask_path=table["mask_path"].where(masked, "")))
        return validate(net, open_store(part, CONFIG.model.input_size, cache), np.arange(64), classes, config)

    every, late, none = measure(np.full(64, True)), measure(np.arange(64) >= 40), measure(np.full(64, False))
    alone = validate(net, open_store(replace(drawn_catalogue, table=table), CONFIG.model.input_size, cache),
                     np.arange(40, 64), classes[40:], config)  # fmt: skip
    assert late["mask_loss"] == pytest.approx(alone["mask_loss"])
    assert late["loss"] == pytest.approx(2 * late["mask_loss"] + every["class_loss"])
    assert none["mask_loss"] is None
    assert none["loss"] == none["class_loss"] == every["class_loss"]


def test_an_open_label_is_measured_by_its_outline_alone(drawn_catalogue, cache):
    net, table = LesionNet(CONFIG.model).eval(), drawn_catalogue.table
    rows, classes = np.arange(24), table["dx"].map(INDEX).to_numpy()[:24].copy()
    store = open_store(drawn_catalogue, CONFIG.model.input_size, cache)
    closed = validate(net, store, rows, classes, CONFIG)
    classes[::2] = OPEN_CLASS
    sources = np.where(classes == OPEN_CLASS, "open", "closed")
    half = validate(net, store, rows, classes, CONFIG, sources)
    told = validate(net, store, rows[1::2], classes[1::2], CONFIG)
    assert half["dice"] == pytest.approx(closed["dice"])
    assert half["accuracy"] == told["accuracy"]
    assert {code: figures["dice"] for code, figures in half["per_class"].items()} == {
        code: figures["dice"] for code, figures in told["per_class"].items()
    }
    assert half["by_source"]["open"]["accuracy"] is None
    assert half["by_source"]["open"]["dice"] is not None
    none = validate(net, store, rows, np.full(24, OPEN_CLASS), CONFIG)
    assert (none["accuracy"], none["dice"]) == (None, pytest.approx(closed["dice"]))


@pytest.mark.training
def test_the_log_says_nothing_of_outlines_where_there_is_none(tmp_path, drawn_catalogue, cache):
    bare = replace(drawn_catalogue, table=drawn_catalogue.table.assign(mask_path=""))
    train(replace(CONFIG, epochs=1), bare, tmp_path / "run", cache=cache)
    (epoch,) = [event for event in read_events(tmp_path / "run" / "events.jsonl") if event["event"] == "epoch"]
    for said in (epoch["train"], epoch["validation"]):
        assert said["mask_loss"] is None
        assert said["loss"] == pytest.approx(said["class_loss"])


@pytest.mark.training
def test_a_second_process_in_a_folder_is_refused(whole, drawn_catalogue, cache):
    before = (whole.run / "last.safetensors").read_bytes()
    with claim(whole.run), pytest.raises(RunFault, match=r"Another process is training in .*: stop it first"):
        train(CONFIG, drawn_catalogue, whole.run, cache=cache, resume=True)
    assert (whole.run / "last.safetensors").read_bytes() == before


def test_resuming_needs_a_run(tmp_path, drawn_catalogue, cache):
    with pytest.raises(RunFault, match=rf"There is no run in {tmp_path / 'none'}: start one without --resume"):
        train(CONFIG, drawn_catalogue, tmp_path / "none", cache=cache, resume=True)
    with pytest.raises(RunFault, match=rf"There is no run in {tmp_path}: start one without --resume"):
        train(CONFIG, drawn_catalogue, tmp_path, cache=cache, resume=True)


@pytest.mark.training
def test_a_run_killed_before_its_first_checkpoint_begins_again(whole, tmp_path, drawn_catalogue, cache):
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_bytes((whole.run / "run.json").read_bytes())
    (run / "events.jsonl").write_text('{"event": "half')
    (run / ".last.safetensors.x1y2_z3w.part").write_text("half")
    state = train(CONFIG, drawn_catalogue, run, cache=cache, resume=True, stop=lambda: True)
    assert state.step == 1
    assert next(read_events(run / "events.jsonl"))["event"] == "start"
    assert not list(run.glob(".*.part"))


@pytest.mark.parametrize("name", ["events.jsonl", "best.json", "final.json"])
def test_a_run_whose_checkpoint_is_gone_keeps_what_it_has(name, tmp_path, drawn_catalogue, cache):
    """Whichever of the three tells that an epoch was trained."""
    left = {"events.jsonl": '{"event": "start"}\n', name: '{"event": "epoch", "epoch": 1}\n', "run.json": "{}"}
    for place, text in left.items():
        (tmp_path / place).write_text(text)
    with pytest.raises(RunFault, match=r"last\.safetensors is gone, without which its run cannot go on: put it back"):
        train(CONFIG, drawn_catalogue, tmp_path, cache=cache, resume=True)
    assert {path.name: path.read_text() for path in tmp_path.iterdir() if path.name != "lock"} == left


def test_a_checkpoint_that_cannot_be_of_the_run_is_one_sentence(tmp_path, drawn_catalogue, cache):
    opened = open_run(CONFIG, drawn_catalogue, tmp_path / "run", cache=cache)
    keep(opened, TrainState(step=2))
    place = opened.run / "last.safetensors"
    groups, content = load_checkpoint(place)
    net, name = groups["net"], "mask_head.weight"
    odd = [
        (groups, {key: value for key, value in content.items() if key != "groups"}, "it has no 'groups'"),
        (groups, {**content, "step": "x"}, "the step of its state is missing or of another kind"),
        (groups, {**content, "drawn": [1]}, "the drawn of its state is missing or of another kind"),
        (groups, {**content, "newer": 1}, "its state has newer, which this version of Derm does not know"),
        ({**groups, "net": {name: net[name]}}, content, r"Error\(s\) in loading state_dict for LesionNet"),
        ({key: value for key, value in groups.items() if key != "planner"}, content, "it has no 'planner'"),
        ({**groups, "net": {**net, name: net[name] / 0}}, content, f"net/{name} has numbers that are not finite"),
        (
            {**groups, "optimiser": {"0.step": torch.tensor(1.0), "0.exp_avg": torch.zeros(3)}},
            content,
            "the optimiser's exp_avg has the shape of another weight",
        ),
    ]
    for tensors, state, why in odd:
        save_checkpoint(place, tensors, state)
        with pytest.raises(RunFault, match=rf"last\.safetensors is damaged \({why}.*\): start the run anew"):
            restore(opened)
    save_checkpoint(place, groups, content)
    assert restore(opened).step == 2


@pytest.mark.training
def test_resuming_with_other_images_is_refused(whole, drawn_catalogue, cache):
    unfinished = replace(CONFIG, train_share=0.5)
    with pytest.raises(
        RunFault,
        match=r"was trained on other images than the data set now gives: bring back the data set it began with",
    ):
        train(unfinished, drawn_catalogue, whole.run, cache=cache, resume=True)
    table = drawn_catalogue.table
    other = replace(drawn_catalogue, table=table.assign(image_id=table["image_id"] + "x"))  # as many, but others
    with pytest.raises(RunFault, match="was trained on other images"):
        train(CONFIG, other, whole.run, cache=cache, resume=True)


def test_resuming_with_another_validation_part_or_other_pictures_is_refused(tmp_path, drawn_catalogue, cache):
    opened = open_run(CONFIG, drawn_catalogue, tmp_path / "run", cache=cache)
    keep(opened, TrainState(step=2))
    place, table = opened.run / "last.safetensors", drawn_catalogue.table
    split = split_catalogue(drawn_catalogue)
    swapped = {"validation": "test", "test": "validation"}
    as_now = replace(drawn_catalogue, parts=dict(zip(table["image_id"], split.parts, strict=True)))
    parts = dict(zip(table["image_id"], split.parts.replace(swapped), strict=True))
    rows = split.rows("validation")
    turned = table["dx"].copy()
    turned.iloc[rows] = np.roll(turned.iloc[rows], 1)
    grey = tmp_path / "grey.png"
    cv2.imwrite(str(grey), np.full(open_image(Path(table["image_path"].iloc[rows[0]])).shape, 128, np.uint8))
    exchanged, emptied = table.copy(), table.copy()
    exchanged.loc[rows[0], "image_path"] = str(grey)
    emptied.loc[split.rows("train"), "mask_path"] = ""
    pictures = (
        rf"of the {len(opened.parts.looks)} pictures, or their masks, that .*run was trained and validated on are"
    )
    for other, said in (
        (replace(drawn_catalogue, parts=parts), "was validated on other images or diagnoses than the data set now"),
        (replace(as_now, table=table.assign(dx=turned)), "was validated on other images or diagnoses than"),
        (replace(as_now, table=exchanged), f"^1 {pictures} others now under the same names: bring back"),
        (replace(as_now, table=emptied), f"^{len(opened.parts.train)} {pictures} others now"),
    ):
        given = open_run(CONFIG, other, opened.run, cache=cache, resume=True)
        with pytest.raises(RunFault, match=said):
            restore(given)
        groups, content = load_checkpoint(place)
        older = {name: value for name, value in content.items() if name != "validation_fingerprint"}
        save_checkpoint(place, {name: own for name, own in groups.items() if name != "data"}, older)
        assert restore(given).step == 2  # an older one does not tell
        save_checkpoint(place, {**groups, "data": {"looks": groups["data"]["looks"][1:]}}, content)
        with pytest.raises(RunFault, match=r"is damaged \(data/looks has another shape|was validated on other images"):
            restore(given)
        save_checkpoint(place, groups, content)


def test_pictures_that_were_saved_anew_are_gone_on_with(tmp_path, drawn_catalogue, cache):
    """As are copies, whose times are others."""
    opened = open_run(CONFIG, drawn_catalogue, tmp_path / "run", cache=cache)
    keep(opened, TrainState(step=2))
    table = drawn_catalogue.table.copy()
    for row, path in enumerate(table["image_path"]):
        cv2.imwrite(str(tmp_path / f"{row}.jpg"), cv2.imread(path), [cv2.IMWRITE_JPEG_QUALITY, 90])
        table.loc[row, "image_path"] = str(tmp_path / f"{row}.jpg")
    again = open_run(CONFIG, replace(drawn_catalogue, table=table), opened.run, cache=cache, resume=True)
    assert restore(again).step == 2


def test_copies_of_shipped_pictures_are_known_when_a_run_is_opened(tmp_path, drawn_catalogue, cache, monkeypatch):
    """By their look, whatever they are called: an image that is a test image elsewhere is not trained on here."""
    split = split_catalogue(drawn_catalogue)
    own = drawn_catalogue.table["image_id"].iloc[split.rows("train")[0]]
    shipped = recognise.shipped_split()
    copied = str(shipped.index[shipped["part"] == "test"][0])
    table = drawn_catalogue.table.assign(source="somewhere", dataset="somewhere")
    monkeypatch.setattr(recognise, "copies_among", lambda *_: {own: copied})
    opened = open_run(CONFIG, replace(drawn_catalogue, table=table), tmp_path / "run", cache=cache)
    assert own not in opened.parts.ids
    assert opened.parts.ids


def test_choosing_by_dice_needs_masks(tmp_path, drawn_catalogue, cache):
    bare = replace(drawn_catalogue, table=drawn_catalogue.table.assign(mask_path=""))
    with pytest.raises(DataFault, match="has no masks to choose by Dice: add them, or --set best_by=macro_auc"):
        train(replace(CONFIG, best_by="dice"), bare, tmp_path / "run", cache=cache)


def test_too_few_images_for_a_batch_are_refused(tmp_path, drawn_catalogue, cache):
    with pytest.raises(
        DataFault, match=r"\d\d training and \d\d validation images are too few for batches of 64: bring more images"
    ):
        train(replace(CONFIG, batch=64), drawn_catalogue, tmp_path / "run", cache=cache)
    assert not (tmp_path / "run").exists()


def test_the_learning_rate_follows_its_schedule():
    constant = replace(CONFIG, schedule="constant", learning_rate=0.1)
    assert [learning_rate(constant, step, 20) for step in (0, 10, 19)] == [0.1, 0.1, 0.1]
    cosine = replace(CONFIG, schedule="cosine", learning_rate=0.1, warm_up=0.2)
    # 4 of 20 steps warm up; after half of the other 16 the cosine is at 0, so at 0.01 + 0.99 / 2.
    assert [learning_rate(cosine, step, 20) for step in range(5)] == pytest.approx([0.025, 0.05, 0.075, 0.1, 0.1])
    assert learning_rate(cosine, 12, 20) == pytest.approx(0.0505)
    assert learning_rate(cosine, 20, 20) == pytest.approx(0.001)
    rates = [learning_rate(cosine, step, 20) for step in range(4, 20)]
    assert rates == sorted(rates, reverse=True)


def test_the_average_follows_the_weights():
    average, net = torch.nn.BatchNorm1d(1), torch.nn.BatchNorm1d(1)
    average.load_state_dict({**average.state_dict(), "weight": torch.tensor([10.0])})
    net.load_state_dict({**net.state_dict(), "weight": torch.tensor([0.0]), "num_batches_tracked": torch.tensor(7)})
    move_average(average, net, 0.9, step=0)  # at first, a tenth is kept
    assert average.weight.item() == pytest.approx(1)
    assert average.num_batches_tracked.item() == 7
    move_average(average, net, 0.9, step=1000)  # (1 + 1000) / (10 + 1000) is above 0.9
    assert average.weight.item() == pytest.approx(0.9)


def test_a_share_of_each_class_is_chosen():
    rows, classes = np.arange(2, 22), np.array([9, 9] + [5] * 15 + [3] * 4 + [0])
    classes[0] = classes[1] = 6  # not among the rows
    chosen = choose_share(rows, classes, 0.25)
    assert np.bincount(classes[chosen], minlength=7).tolist() == [1, 0, 0, 1, 0, 4, 0]  # ceilings of 1/4, 4/4, 15/4
    np.testing.assert_array_equal(chosen, np.sort(choose_share(rows, classes, 0.25)))
    assert set(chosen) < set(choose_share(rows, classes, 0.5)) < set(rows)
    assert choose_share(rows, classes, 1) is rows


def test_a_configuration_survives_json():
    for name, config in PRESETS.items():
        assert TrainConfig.from_dict(json.loads(json.dumps(config.as_dict()))) == config, name
    with pytest.raises(
        ConfigFault, match=r"The run's configuration does not fit this version of Derm .*: start a new run"
    ):
        TrainConfig.from_dict({**CONFIG.as_dict(), "momentum": 1})
    with pytest.raises(ConfigFault, match="The preset 'best' is unknown: use one of derm, paper"):
        preset("best")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("epochs", True, "The epochs 'True' does not fit: use a whole number"),
        ("seed", 1.5, "The seed '1.5' does not fit: use a whole number"),
        ("lookahead", float("nan"), "The lookahead 'nan' does not fit: use a whole number"),
        ("learning_rate", "1", "The learning_rate '1' does not fit: use a number"),
        ("start", [1, 2], r"The start '\[1, 2\]' does not fit: use a word"),
        ("leave_out", "ham", "leave_out ham does not fit: give a list of sources"),
        ("leave_out", {}, r"leave_out \{\} does not fit: give a list of sources"),
        ("augment.enabled", "false", "The augment.enabled 'false' does not fit: use true or false"),
        ("replay.capacity", float("inf"), "The replay.capacity 'inf' does not fit: use a whole number"),
        ("curriculum.start", True, "The curriculum.start 'True' does not fit: use a number"),
        ("mix.probability", False, "The mix.probability 'False' does not fit: use a number"),
        ("mix.probability", None, "The run's configuration does not fit this version of Derm"),
    ],
)
def test_a_configuration_with_a_value_of_another_kind_is_refused(name, value, said):
    content = CONFIG.as_dict()
    *path, last = name.split(".")
    (content[path[0]] if path else content)[last] = value
    with pytest.raises(ConfigFault, match=said):
        TrainConfig.from_dict(content)


def test_the_papers_preset_is_the_papers():
    paper = preset("paper")
    assert (paper.optimiser, paper.batch, paper.epochs, paper.learning_rate) == ("adam", 16, 20, 1e-4)
    assert (paper.schedule, paper.weight_decay, paper.mask_loss) == ("constant", 0, "dice")
    assert (paper.curriculum.enabled, paper.replay.enabled) == (True, True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"optimiser": "sgd"}, "optimiser 'sgd' is unknown: use one of adam, adamw"),
        ({"best_by": "loss"}, "best_by 'loss' is unknown: use one of accuracy, balanced_accuracy, "),
        ({"batch": 1}, "batch 1 does not fit: use a number from 2 to 4096"),
        ({"logit_adjustment": 3.5}, "logit_adjustment 3.5 does not fit: use a number from 0 to 3"),
        ({"sampling": 2}, "sampling 2 does not fit: use a number from 0 to 1"),
        ({"focal": -1}, "focal -1 does not fit: use a number from 0 to 5"),
        ({"learning_rate": 0}, "learning_rate 0 does not fit: use a number from 1e-08 to 10"),
        ({"mask_weight": 0, "class_weight": 0}, "mask_weight and class_weight are both 0, so nothing would be learned"),
        ({"label_smoothing": 0.95}, "label_smoothing 0.95 does not fit: use a number from 0 to 0.9"),
        ({"workers": 2}, "lookahead 4 is too short for 2 workers: use at least 5"),
    ],
)
def test_settings_outside_their_range_are_refused(change, words):
    with pytest.raises(ConfigFault, match=words):
        replace(CONFIG, **change)


@pytest.mark.training
def test_ctrl_c_stops_the_whole_group_with_a_checkpoint(tmp_path, drawn):
    """As a terminal sends it: to the training process and its workers alike."""
    run = tmp_path / "run"
    derm = Path(sys.executable).with_name("derm")
    small = ["--encoder=test_efficientnet", "--set=model.decoder_channels=[8,8,8]", "--set=model.feature_channels=16"]
    size = ["--size=32", "--epochs=5000", "--batch=8", "--workers=1", "--threads=1", *small]
    command = [derm, "train", f"--data={drawn}", f"--run={run}", "--start=random", *size]
    child = subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    try:
        log, deadline = run / "events.jsonl", time.monotonic() + 120
        while not (log.exists() and '"event": "step"' in log.read_text()) and time.monotonic() < deadline:
            assert child.poll() is None, child.communicate()
            time.sleep(0.1)
        os.killpg(child.pid, signal.SIGINT)
        said, complained = child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == 130, complained
    assert "Stopped at step" in said
    assert "Traceback" not in complained
    assert load_checkpoint(run / "last.safetensors")[1]["step"] > 0
    assert list(read_events(log))[-1]["event"] == "stopped"


def test_wrong_counts_of_weights_that_an_older_version_taught_are_not_gone_on_with(monkeypatch):
    picture = base64.b64encode(b"0" * 16).decode()
    learned = {"pictures": picture, "lesions": "", "classes": {"mel": 1}}
    data = {"learned": learned, "sources": {}, "sources_before": ["ham10000"]}
    for count, told in ((1, {"pictures", "lesions"}), (0, {"pictures", "lesions", "classes"})):
        training = {"data": data, "taught": {"pictures": count}}
        info = SimpleNamespace(training=training, learned_from=frozenset({"ham10000"}))
        monkeypatch.setattr("derm.train.open_run.description_of_start", lambda _, info=info: info)
        assert set(what_start_learned("taught.json").learned) == told
