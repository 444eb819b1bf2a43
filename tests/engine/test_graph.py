"""Graphs of networks: found by what they are of, tidy, and right for every design, pooling and head."""

import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_nets import let_through

from derm.bench.parity import drawn_squares, parity_of
from derm.engine.choose import onnx_engine
from derm.engine.graph import make_graph
from derm.engine.pytorch import TorchEngine
from derm.errors import ConfigFault
from derm.files import read_json, write_bytes, write_json
from derm.model import graph as graphs
from derm.model.config import ModelConfig
from derm.model.graph import find_graph, graph_folder, graph_key, write_graph
from derm.model.network import LesionNet
from derm.model.preprocess import normalise
from derm.model.tensors import StoredNet, TensorsFault
from derm.model.weights import WeightsInfo, default_weights, load_info, load_weights, save_weights

AT_LENGTH = pytest.mark.skipif(int(os.environ.get("FUZZ_EXAMPLES", "0")) < 100_000, reason="at length: `make fuzz`")
SMALL = {"input_size": 64, "encoder": "test_efficientnet", "feature_channels": 16, "decoder_channels": (8, 8, 8)}
VARIANTS = {
    "cells": {"head": "pixel", "colour_constancy": "shades-of-grey"},
    "inside, with a dense layer": {"pooling": "whole+lesion", "hidden": 12},
    "dual": {"design": "dual", "mask_encoder": "test_efficientnet", "dilated_bottleneck": True, "fit": "pad"},
    "fine, no neck": {"feature_channels": 0, "decoder_channels": (8, 8, 8, 8, 8), "input_size": 96},
}
EXPORTED = [pytest.param(settings, id=name, marks=AT_LENGTH) for name, settings in VARIANTS.items()] + [
    pytest.param(VARIANTS[one] | VARIANTS[other], id=f"{one}; {other}")
    for one, other in (("cells", "dual"), ("inside, with a dense layer", "fine, no neck"))
]
"""All settings in two networks, each of which takes ten seconds to export; `make fuzz` takes them one by one, too."""


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DERM_CACHE", str(tmp_path))
    return tmp_path


def test_a_key_is_of_what_the_graph_is_made_of():
    config = ModelConfig()
    assert graph_key(replace(config, dropout=0.5, drop_path=0.2, fit="pad")) == graph_key(config)
    others = [replace(config, **one) for one in ({"input_size": 256}, {"head": "pixel"}, {"mean": (0.5, 0.5, 0.5)})]
    assert len({graph_key(one) for one in (config, *others)}) == 4


def test_a_graph_is_found_again_whole_or_not_at_all(own_cache, monkeypatch):
    config = ModelConfig(**SMALL)
    assert find_graph(config) is None
    written = write_graph(graph_folder(), config, b"graph", {"a": (2, 3), "count": ()}, ("a",))
    assert find_graph(config) == written
    assert written.read() == b"graph"
    assert find_graph(replace(config, hidden=4)) is None
    write_bytes(written.path, b"grap")
    assert written.read() is None
    written.path.unlink()
    assert (find_graph(config), written.read()) == (None, None)
    write_bytes(written.path, b"graph")
    for damaged in (
        b"{}",
        b"[1]",
        b"\xff",
        b'{"tensors": {"a": 3}}',
        b'{"exporter": 1, "tensors": {}, "taken": ["a"]}',
    ):
        write_bytes(written.path.with_suffix(".json"), damaged)
        assert find_graph(config) is None
    described = write_graph(graph_folder(), config, b"graph", {"a": (2,), "b": (2,)}, ("a", "b"))
    place = described.path.with_suffix(".json")
    write_json(place, {**read_json(place), "taken": ["b", "a"]})
    assert find_graph(config) is None
    write_graph(graph_folder(), config, b"graph", {}, ())
    monkeypatch.setattr(graphs, "EXPORTER", graphs.EXPORTER + 1)
    assert find_graph(config) is None


def test_the_shipped_graph_belongs_to_the_shipped_weights():
    """Where it does not: `derm export --graph weights`."""
    found = find_graph(load_info(default_weights()).model)
    assert found is not None
    assert found.path.parent == default_weights().parent
    assert found.read() is not None
    assert found.path.stat().st_size < 200_000
    assert len(list(default_weights().parent.glob("network-*"))) == 2


def test_tensors_of_another_network_are_refused():
    model = load_weights(default_weights())
    tensors = model.source.tensors
    assert model.source.built is None
    for wrong in (
        {**tensors, "more": np.zeros(1)},
        {name: value for name, value in tensors.items() if name != "mask_head.bias"},
        {**tensors, "mask_head.bias": np.zeros(2, dtype=np.float32)},
    ):
        with pytest.raises(TensorsFault, match="in loading state_dict for LesionNet"):
            StoredNet(model.description.model, wrong)


def test_the_network_is_built_once_and_is_the_stored_one():
    model = load_weights(default_weights())
    net = model.net
    assert model.net is net is replace(model, name="other").net
    assert not net.training
    assert not any(one.requires_grad for one in net.parameters())
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), model.source.tensors[name].astype(value.numpy().dtype))


def test_exporting_without_its_packages_names_the_cure(own_cache, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    with pytest.raises(ConfigFault, match=r"needs the package onnxscript, .* pip install 'derm\[export\]'"):
        make_graph(ModelConfig(**SMALL))


@pytest.mark.slow
@pytest.mark.fuzz
@pytest.mark.parametrize("settings", EXPORTED)
def test_every_network_answers_as_in_pytorch(settings, own_cache):
    config = ModelConfig(**{**SMALL, **settings})
    torch.manual_seed(7)
    net = LesionNet(config)
    drawn = drawn_squares(config)
    let_through(net, normalise(torch.from_numpy(drawn), config))
    path = own_cache / "net.json"
    save_weights(path, net.eval(), WeightsInfo(config, temperature=2.0, referral_threshold=0.3))
    assert load_weights(path).source.graph is None
    made = make_graph(config)
    assert made.path.stat().st_size < 300_000
    model = load_weights(path)
    assert model.source.built is None
    runtime = onnx_engine(model)
    for batch in (drawn[:1], drawn[:3], np.concatenate([drawn, drawn, drawn])[:16]):
        found = parity_of(model, TorchEngine(model.net), runtime, batch)
        assert found.holds, found
    assert runtime.look(drawn[:1]).maps.max() > 0
