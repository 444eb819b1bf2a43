"""The plan for an accelerator, rehearsed on the processor with drawn pictures."""

import sys

import pytest
from scripts import load_script
from typer.testing import CliRunner

from derm.cli.main import app
from derm.data.synthetic.dataset import synthesise
from derm.model.weights import load_weights
from derm.train.config import DERM, change


@pytest.fixture(scope="module")
def plan():
    return load_script("accelerator_plan")


def test_every_training_is_a_configuration_of_derm(plan):
    import json

    for training in plan.PLAN:
        settings = {**plan.RECIPE, **training.settings}
        read = {name: json.loads(value) if isinstance(value, str) else value for name, value in settings.items()}
        config = change(DERM, read)
        assert config.source_balance == 0.5
        assert config.epochs == 30
    assert [one.settings.get("seed") for one in plan.PLAN[:3]] == [0, 1, 2]
    assert plan.PLAN[-1].settings["model.design"] == '"dual"'


def test_weights_come_back_in_pieces(plan, tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "PIECE", 10)
    (tmp_path / "x.safetensors").write_bytes(b"0123456789abcdefghijXYZ")
    (tmp_path / "out").mkdir()
    pieces = plan.in_pieces(tmp_path / "x.safetensors", tmp_path / "out")
    assert [piece.name for piece in pieces] == ["x.safetensors.0", "x.safetensors.1", "x.safetensors.2"]
    assert b"".join(piece.read_bytes() for piece in pieces) == b"0123456789abcdefghijXYZ"


@pytest.mark.slow
def test_commands_are_those_of_this_interpreter(plan, capfd):
    assert plan.derm("--version") == 0
    assert capfd.readouterr().out.startswith("derm ")
    assert plan.derm("ship", "none.json", "--out", "none.txt") != 0


@pytest.mark.training
def test_the_plan_is_rehearsed(plan, tmp_path, monkeypatch, capsys):
    synthesise(tmp_path / "set", images=42, seed=1)
    rehearsal = "--device cpu --epochs 1 --size 64 --batch 8 --start random --minutes 5 --workers 0"
    words = ["--only", "both-224-1", *rehearsal.split(" ")]
    words += ["--data", tmp_path / "set", "--out", tmp_path / "out", "--runs", tmp_path / "runs"]
    monkeypatch.setattr(sys, "argv", ["accelerator_plan.py", *map(str, words)])
    # A small network, by the same commands in this process, which has imported all that they need.
    monkeypatch.setitem(plan.RECIPE, "model.encoder", '"test_resnet"')
    monkeypatch.setattr(plan, "derm", lambda *words: CliRunner().invoke(app, words, catch_exceptions=False).exit_code)
    plan.main()
    assert '"training": "both-224-1"' in capsys.readouterr().out
    out = tmp_path / "out"
    (out / "both-224-1.safetensors").write_bytes((out / "both-224-1.safetensors.0").read_bytes())
    description = load_weights(out / "both-224-1.json").description
    assert description.training["config"]["seed"] == 1
    assert description.training["config"]["augment"]["temperature"] == 0.2
    assert (out / "both-224-1.events.jsonl").is_file()
