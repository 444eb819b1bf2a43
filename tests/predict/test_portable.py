"""The exported file, used as the documentation shows it, without Derm."""

import hashlib
import json
import re
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from derm.cli.main import app
from derm.data.synthetic.lesion import draw_lesion
from derm.diagnoses import CODES
from derm.engine.graph import exporter
from derm.engine.look import EngineOutput
from derm.engine.pytorch import TorchEngine
from derm.engine.runtime import OUTPUTS
from derm.errors import ConfigFault, WeightsFault
from derm.files import sha256
from derm.model.weights import Model, default_weights, load_weights
from derm.predict import portable as stored
from derm.predict.case import diagnose
from derm.predict.portable import describe, portable, write_portable

PAGE = Path(__file__).parents[2] / "docs" / "engines.md"


@pytest.fixture(scope="module")
def model():
    return load_weights(default_weights())


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "derm.onnx"
    write_portable(model, path, portable(model))
    return path


@pytest.mark.slow
def test_the_example_of_the_documentation_answers_as_derm(model, exported, tmp_path):
    picture, script = tmp_path / "one.png", tmp_path / "example.py"
    drawn = draw_lesion("mel", 3, height=300, width=400).image
    Image.fromarray(drawn).save(picture)
    script.write_text(re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1])
    words = [sys.executable, "-W", "error", script, exported, picture]
    said = subprocess.run(words, capture_output=True, text=True, check=True, cwd=tmp_path).stdout.splitlines()
    case = diagnose(model, drawn, "one")
    wanted = (*CODES, "malignant", "lesion")
    words = [line.replace(",", "").split() for line in said]
    found = {word[0]: float(word[1]) for word in words if word[0] in wanted}
    assert [line.split()[0] for line in said[:7]] == [one.code for one, _ in case.ranked]
    for code, probability in zip(CODES, case.probabilities, strict=True):
        assert found[code] == pytest.approx(probability, abs=1e-4)
    assert found["malignant"] == pytest.approx(case.p_malignant, abs=1e-4)
    assert found["lesion"] == pytest.approx(case.mask_fraction, abs=0.01)
    imports = set(re.findall(r"^(?:import|from) (\w+)", script.read_text(), re.MULTILINE))
    assert imports <= {"hashlib", "json", "sys", "numpy", "onnxruntime", "PIL"}


@pytest.mark.slow
def test_the_description_says_all_that_a_reader_needs(model, exported):
    about = json.loads(exported.with_name("derm.onnx.json").read_text())
    assert about == json.loads(json.dumps(describe(model, exported.name, exported.read_bytes())))
    assert about["sha256"] == sha256(exported)
    assert about["weights"]["sha256"] == model.sha256
    assert [one["name"] for one in about["outputs"]] == list(OUTPUTS)
    assert [one["code"] for one in about["classes"]] == list(CODES)
    assert (about["temperature"], about["licence"]) == (model.description.temperature, model.description.licence)
    assert "Research use only" in about["notice"]
    assert "/" + "work" not in json.dumps(about)


def few_of(model, **few):
    """The same weights, which learned from 100 images of each diagnosis, but of `few`."""
    learned = {"classes": dict.fromkeys(CODES, 100) | few, "pictures": "", "lesions": ""}
    return replace(model, description=replace(model.description, training={"data": {"learned": learned}}))


def test_the_description_tells_what_was_not_learned(tiny_model):
    about = describe(few_of(tiny_model, mel=6, df=0), "derm.onnx", b"")
    assert about["not_learned"] == ["df", "mel"]
    assert set(about["means_nothing"]) == {"p_df", "p_mel", "p_malignant"}
    assert about["means_nothing"]["p_mel"].startswith("Melanoma cannot be predicted: the weights learned from 6 images")
    assert json.loads(json.dumps(about)) == about
    all_learned = describe(few_of(tiny_model), "derm.onnx", b"")
    assert (all_learned["not_learned"], all_learned["means_nothing"]) == ([], {})
    untold = describe(replace(tiny_model, description=replace(tiny_model.description, training={})), "derm.onnx", b"")
    assert (untold["not_learned"], untold["means_nothing"]) == (None, {})


@pytest.mark.slow
def test_the_command_and_the_network_say_what_was_not_learned(tiny_model, tmp_path, monkeypatch):
    target = tmp_path / "derm.onnx"
    monkeypatch.setattr("derm.cli.export._check", lambda *_: None)
    monkeypatch.setattr("derm.model.weights.load_weights", lambda _: few_of(tiny_model, mel=6))
    done = CliRunner().invoke(app, ["export", "--out", str(target)])
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "What the weights say of melanoma means nothing, whether low or high, and with it the malignant" in said
    told = {one.key: one.value for one in exporter().load(target).metadata_props}
    assert told["not_learned"] == "mel"


def test_of_two_that_write_one_file_at_once_one_waits(model, tmp_path, monkeypatch):
    path, begun, write = tmp_path / "derm.onnx", threading.Event(), stored.write_json
    other = threading.Thread(target=write_portable, args=(model, path, b"the other"))

    def while_another_begins(place, about):
        if not begun.is_set():
            begun.set()
            other.start()
            other.join(0.2)
        write(place, about)

    monkeypatch.setattr(stored, "write_json", while_another_begins)
    write_portable(model, path, b"one")
    other.join()
    last = json.loads((tmp_path / "derm.onnx.json").read_text())
    assert last["sha256"] == sha256(path) == hashlib.sha256(b"the other").hexdigest()


def test_weights_are_never_replaced_by_a_description(model, tmp_path):
    with pytest.raises(ConfigFault, match=r"derm.json does not end in .onnx"):
        write_portable(model, tmp_path / "derm.json", b"")
    with pytest.raises(ConfigFault, match="put together by hand is not exported"):
        portable(Model(model.net, model.description, "hand", ""))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_nothing_is_written_that_answers_otherwise(tmp_path, monkeypatch):
    target = tmp_path / "derm.onnx"
    done = CliRunner().invoke(app, ["export", "--out", str(target)])
    assert (done.exit_code, target.is_file()) == (0, True)
    look = TorchEngine.look

    def otherwise(engine: TorchEngine, squares: np.ndarray) -> EngineOutput:
        seen = look(engine, squares)
        return seen._replace(logits=seen.logits * 1.01)

    monkeypatch.setattr(TorchEngine, "look", otherwise)
    target.unlink()
    done = CliRunner().invoke(app, ["export", "--out", str(target)])
    assert isinstance(done.exception, WeightsFault)
    assert re.search(r"answers otherwise than in PyTorch .* no file was written", str(done.exception))
    assert not target.exists()
