"""Which engine looks, and what that leaves unimported."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hard_squares import squares_of
from PIL import Image

from derm.data.synthetic.lesion import draw_lesion
from derm.engine.choose import ENGINE, chosen, engine_of, onnx_engine
from derm.engine.runtime import THREADS, cores
from derm.errors import ConfigFault
from derm.model.weights import Model, default_weights, load_weights
from derm.predict.case import diagnose

SLOW = ("torch", "timm", "torchvision", "segmentation_models_pytorch", "sklearn", "scipy", "pandas")
"""What takes long to import."""


@pytest.fixture(scope="module")
def shipped():
    return load_weights(default_weights())


def test_the_shipped_weights_run_on_onnx_and_others_on_torch(shipped, tiny_model, monkeypatch):
    monkeypatch.delenv(ENGINE, raising=False)
    assert engine_of(shipped).name == "onnx"
    assert engine_of(tiny_model).name == "torch"
    monkeypatch.setenv(ENGINE, " Torch ")
    assert engine_of(shipped).name == "torch"


def test_one_session_serves_all_who_hold_the_weights(shipped):
    described = replace(shipped, description=replace(shipped.description, temperature=2.0))
    with ThreadPoolExecutor(8) as pool:
        engines = list(pool.map(lambda _: onnx_engine(described), range(8)))
    assert {id(engine) for engine in engines} == {id(onnx_engine(shipped))}
    assert onnx_engine(load_weights(default_weights())) is not onnx_engine(shipped)


def test_threads_get_their_own_answers(shipped):
    engine, squares = onnx_engine(shipped), squares_of(shipped)
    expected = [engine.look(square[None]).logits for square in squares]
    start = threading.Barrier(4)

    def ask(place: int) -> np.ndarray:
        start.wait()
        return engine.look(squares[place][None]).logits

    with ThreadPoolExecutor(4) as pool:
        for place, found in zip(range(16), pool.map(ask, range(16)), strict=True):
            np.testing.assert_allclose(found, expected[place], atol=1e-6)


def test_what_cannot_be_had_is_refused(tiny_model, monkeypatch):
    with pytest.raises(ConfigFault, match=r"no graph of the network of tiny for ONNX Runtime: make it with `derm expo"):
        engine_of(tiny_model, "onnx")
    by_hand = Model(tiny_model.net, tiny_model.description, "hand", "")
    with pytest.raises(ConfigFault, match="no graph of the network of hand"):
        engine_of(by_hand, "onnx")
    assert engine_of(by_hand).name == "torch"
    monkeypatch.setenv(ENGINE, "tensorrt")
    with pytest.raises(ConfigFault, match="tensorrt is no engine: set --engine or DERM_ENGINE to one of auto, onnx"):
        chosen()


def test_a_case_of_onnx_is_explained_by_torch(shipped):
    case = diagnose(shipped, draw_lesion("mel", 3, height=90, width=120).image, "one")
    found = case.prediction
    assert (found.engine, found.answer) == ("onnx", None)
    np.testing.assert_allclose(found.output.class_logits.numpy(), found.logits, atol=1e-4)
    assert found.output is found.output
    assert found.images.shape == (1, 3, 224, 224)


def test_a_prediction_imports_neither_torch_nor_timm(tmp_path):
    picture = tmp_path / "one.png"
    Image.fromarray(draw_lesion("nv", 1, height=90, width=120).image).save(picture)
    code = (
        "import sys\nfrom derm.cli.main import app\n"
        f"app(['predict', {str(picture)!r}, '--json'], standalone_mode=False)\n"
        "print(sorted({'plotly', 'streamlit'} & sys.modules.keys()))\n"
        f"import derm, pages.parts.top\nderm.record(derm.predict(derm.load(), {str(picture)!r}))\n"
        "import numpy\nfrom derm.structures.look import see\nfrom derm.structures.weights import structures_for\n"
        "model = derm.load()\ndecoder = structures_for(model.sha256)\n"
        "see(model, decoder, numpy.zeros((1, decoder.info.input_size, decoder.info.input_size, 3), numpy.uint8))\n"
        f"print(sorted(set({SLOW!r}) & sys.modules.keys()))"
    )
    environment = {key: value for key, value in os.environ.items() if key != ENGINE}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment, timeout=120
    )
    assert '"dx_pred"' in done.stdout
    assert done.stdout.splitlines()[-2:] == ["[]", "[]"]  # the command knows no page, and neither imports torch


@pytest.mark.parametrize("told", ["0", "-1", "many", "9" * 5_000])
def test_a_number_of_threads_that_is_none_counts_as_not_given(told, monkeypatch):
    monkeypatch.delenv(THREADS, raising=False)
    usual = cores()
    monkeypatch.setenv(THREADS, told)
    assert cores() == usual
    monkeypatch.setenv(THREADS, "3")
    assert cores() == 3
