"""Scores that arise at cells, on the way from training to every command: small networks, a drawn data set."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from derm.cli.evaluate import print_table
from derm.cli.train import epoch_line
from derm.diagnoses import CODES
from derm.errors import WeightsFault
from derm.evaluate.calibrate import calibrate
from derm.evaluate.dataset import evaluate
from derm.evaluate.explain_dataset import explain, read_explain_results
from derm.evaluate.results import Evaluation
from derm.explain.agreement import BUILT_IN
from derm.explain.gradcam import score_parts
from derm.image.decode import open_image
from derm.image.resize import square
from derm.model.config import ModelConfig
from derm.model.network import LesionNet
from derm.model.preprocess import normalise
from derm.model.soup import cook_soup
from derm.model.weights import Model, WeightsInfo, load_weights, save_weights, ship_weights
from derm.predict.case import diagnose
from derm.runlog.writer import read_events
from derm.train.config import PRESETS
from derm.train.loop import train

pytestmark = pytest.mark.training

POOLED = ModelConfig(
    encoder="test_efficientnet",
    mask_encoder="test_resnet",
    input_size=64,
    feature_channels=16,
    decoder_channels=(8, 8, 8),
)
DESIGNS = ("shared", "dual")


def pixel(design: str) -> ModelConfig:
    return replace(POOLED, design=design, head="pixel")


@pytest.fixture(scope="module", params=DESIGNS)
def run(request, drawn_catalogue, tmp_path_factory) -> Path:
    """A short training that goes on from weights of a pooled head."""
    folder, config = tmp_path_factory.mktemp("pixel"), pixel(request.param)
    torch.manual_seed(4)
    before = replace(config, head="pooled")
    save_weights(folder / "pooled.json", LesionNet(before), WeightsInfo(before))
    pooled = json.loads((folder / "pooled.json").read_text())
    # Older descriptions name neither the head nor its share; what such weights have is a pooled head.
    del pooled["model"]["head"], pooled["model"]["whole_share"]
    del pooled["description_sha256"], pooled["answer_for_drawn_picture"]
    (folder / "pooled.json").write_text(json.dumps(pooled))
    recipe = replace(
        PRESETS["derm"], model=config, start=str(folder / "pooled.json"), epochs=4, batch=8, learning_rate=5e-3,
        warm_up=0.05, average=0.5, workers=0, lookahead=4, precision="bfloat16", log_every=1,
    )  # fmt: skip
    train(recipe, drawn_catalogue, folder / "run", cache=folder / "cache")
    return folder / "run"


@pytest.fixture(scope="module")
def model(run) -> Model:
    return load_weights(run / "final.json")


@pytest.fixture(scope="module")
def evaluation(model, drawn_catalogue) -> Evaluation:
    return evaluate(model, drawn_catalogue, "test", replicates=5)


def test_a_run_says_that_the_head_begins_anew_and_learns(run):
    events = list(read_events(run / "events.jsonl"))
    start = next(event for event in events if event["event"] == "start")
    assert epoch_line(start) == start["begins_anew"]
    assert start["begins_anew"].endswith("so the head 'pixel' begins anew and learns the diagnosis from nothing.")
    losses = [event["train"]["loss"] for event in events if event["event"] == "epoch"]
    assert losses[-1] < losses[0]
    assert epoch_line({"event": "start"}) is None


def test_the_score_of_a_picture_is_its_cells(model, drawn_catalogue):
    image = square(open_image(Path(drawn_catalogue.table["image_path"].iloc[0])), 64)
    with torch.inference_mode():
        answer = model.net(normalise(torch.from_numpy(image)[None], model.description.model))
        parts = score_parts(model.net, answer.features)[0]
    assert parts.shape == (7, 8, 8)
    assert parts.abs().max() > 1e-4
    torch.testing.assert_close(parts.sum(dim=(1, 2)) + model.net.head.scores.bias, answer.class_logits[0])
    # What a case shows is what speaks for each class.
    case = diagnose(model, image, "one")
    for evidence, part in zip(case.evidence, parts.clamp(min=0).numpy(), strict=True):
        np.testing.assert_allclose(evidence.cells * evidence.maximum, part * (not evidence.flat), atol=1e-6)


def test_weights_are_described_loaded_strictly_and_shipped(run, model, tmp_path):
    content = json.loads((run / "final.json").read_text())
    assert (content["model"]["head"], content["model"]["whole_share"]) == ("pixel", 0.25)
    ship_weights(run / "final.json", tmp_path / "small.json", half=True, input_size=96)
    shipped = load_weights(tmp_path / "small.json")
    assert shipped.description.model == replace(model.description.model, input_size=96)
    for path in (run, run.parent):  # of this head and of the pooled one, called the other
        name = "final.json" if path == run else "pooled.json"
        content = json.loads((path / name).read_text())
        content["model"]["head"] = "pooled" if path == run else "pixel"
        for seal in ("description_sha256", "answer_for_drawn_picture"):  # which would tell before the shapes do
            content.pop(seal, None)
        (path / "wrong.json").write_text(json.dumps(content))
        with pytest.raises(WeightsFault, match="does not fit the model in its description: retrain or copy both anew"):
            load_weights(path / "wrong.json")
        (path / "wrong.json").unlink()


def test_soups_are_of_one_head(run, model, tmp_path):
    made = cook_soup([run / "best.json", run / "final.json"], tmp_path / "soup.json")
    assert made.description.model == model.description.model
    with pytest.raises(WeightsFault, match=r"is of another model than .* \(head pooled, not pixel\)"):
        cook_soup([run / "final.json", run.parent / "pooled.json"], tmp_path / "soup.json")


def test_figures_say_that_agreement_is_in_part_built_in(evaluation, capsys):
    about = evaluation.metrics["measured_on"]
    assert (about["head"], about["pooling"], about["looks_inside"]) == ("pixel", "whole", True)
    print_table(evaluation.metrics)
    assert BUILT_IN in " ".join(capsys.readouterr().out.split())


def test_it_is_calibrated_with_the_place_of_its_cells(model, drawn_catalogue):
    shift = calibrate(model, drawn_catalogue).evidence_shift
    assert set(shift) == {"features", "stage"}
    assert all(abs(value) <= 1 for value in shift.values())  # an eighth of 8 cells


def test_every_method_is_measured(model, drawn_catalogue, tmp_path):
    explain(model, drawn_catalogue, "test", tmp_path, sample=2, replicates=5)
    found = read_explain_results(tmp_path)
    own = found.agreement[found.agreement["method"].isin(["grad-cam", "hirescam"])]
    assert own["class"].nunique() == len(CODES)
    both = own.pivot_table(index=["image_id", "class"], columns="method", values="peak")
    np.testing.assert_allclose(both["grad-cam"], both["hirescam"], rtol=1e-4, atol=1e-7)
    assert {"random_cells_rank", "random_outline_rank", "random_scores_rank"} <= set(found.sample.columns)
