"""The two engines in turn: what is timed is an answer of each, and nothing is left running."""

import subprocess

import pytest

from derm.bench import engines
from derm.bench.engines import bench_engines
from derm.engine.runtime import OnnxEngine
from derm.errors import ConfigFault
from derm.model.weights import default_weights, load_weights


@pytest.mark.slow
def test_both_engines_are_asked_in_turn_beside_busy_processes(monkeypatch):
    asked, started, look, start = [], [], OnnxEngine.look, subprocess.Popen
    monkeypatch.setattr(engines, "SIZES", ((60, 80),))
    monkeypatch.setattr(OnnxEngine, "look", lambda engine, squares: asked.append(1) or look(engine, squares))
    monkeypatch.setattr(subprocess, "Popen", lambda *words: started.append(start(*words)) or started[-1])
    found = bench_engines(load_weights(default_weights()), calls=2, busy=2)
    assert [one.what for one in found] == ["the network alone", "bytes to answer and maps, 80 × 60"]
    assert len(asked) == 2 * (engines.WARM_UP + 2)
    assert all(one.ratio == one.torch / one.onnx for one in found)
    assert [one.poll() is not None for one in started] == [True, True]


def test_a_network_without_a_graph_is_refused(tiny_model):
    with pytest.raises(ConfigFault, match="no graph of the network of tiny"):
        bench_engines(tiny_model, calls=1)
