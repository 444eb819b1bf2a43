"""OpenVINO by its name, behind its gate; and what trips the gate."""

import sys

import numpy as np
import pytest
from hard_squares import squares_of

from derm.engine.alike import check_alike, differences
from derm.engine.choose import engine_of
from derm.errors import ConfigFault
from derm.model.weights import default_weights, load_weights


@pytest.fixture(scope="module")
def shipped():
    return load_weights(default_weights())


class Other:
    """An engine that says something else."""

    name = "other"

    def __init__(self, engine, **change):
        self.engine, self.change = engine, change

    def look(self, squares):
        found = self.engine.look(squares)
        return found._replace(**{name: change(getattr(found, name)) for name, change in self.change.items()})


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("logits", lambda values: values[:, ::-1]),
        ("lesion", lambda values: values + np.float32(2e-4)),
        ("maps", lambda values: values * np.float32(1.01)),
        ("logits", lambda values: values * np.float32(np.nan)),
    ],
)
def test_an_engine_that_answers_otherwise_is_refused(shipped, part, change):
    known = engine_of(shipped, "onnx")
    check_alike(known, known, shipped.description.model)
    with pytest.raises(ConfigFault, match=r"On this machine other answers otherwise than onnx .*predict with onnx\."):
        check_alike(Other(known, **{part: change}), known, shipped.description.model)


def test_without_the_package_one_sentence_names_the_cure(shipped, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ConfigFault, match=r"openvino is not installed: run pip install 'derm\[openvino\]'"):
        engine_of(shipped, "openvino")


def test_a_network_without_a_graph_has_no_openvino(tiny_model):
    with pytest.raises(ConfigFault, match="no graph of the network of tiny"):
        engine_of(tiny_model, "openvino")


def test_openvino_gives_the_same_answers(shipped):
    pytest.importorskip("openvino")
    engine, known = engine_of(shipped, "openvino"), engine_of(shipped, "onnx")
    assert engine.name == "openvino"
    squares = squares_of(shipped)
    assert max(differences(engine.look(squares), known.look(squares))) < 1e-5
