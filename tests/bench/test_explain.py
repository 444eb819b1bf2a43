"""The comparison with pytorch-grad-cam runs, leaves the network alone, and ends with its figures. No time is tested."""

import json
import sys
from dataclasses import replace

import pytest
import torch
from small_nets import SMALL
from typer.testing import CliRunner

from derm.bench import explain
from derm.bench.explain import ExplainTiming, bench_explain, drawn_images, interleaved_medians
from derm.cli.main import app
from derm.errors import ConfigFault
from derm.model.network import LesionNet


@pytest.fixture
def _library(monkeypatch):
    pytest.importorskip("pytorch_grad_cam")
    monkeypatch.setattr(explain, "WARM_UP", 0)


@pytest.mark.slow
@pytest.mark.usefixtures("_library")
def test_bench_explain_ends_with_json(tiny_weights):
    done = CliRunner().invoke(app, ["bench", "explain", "--weights", str(tiny_weights), "--calls", "1"])
    assert done.exit_code == 0
    last = json.loads(done.stdout.strip().splitlines()[-1])
    medians = last["medians"]
    assert last["seven_class_ratio"] == medians["library_seven"] / medians["seven"] > 0
    assert last["one_class_ratio"] == medians["library_one"] / medians["one"] > 0
    assert last["added_share"] == medians["maps"] / medians["prediction"] > 0
    assert last["max_difference"] == medians["max_difference"] <= 1e-4
    assert (medians["input_size"], medians["calls"]) == (64, 1)


@pytest.mark.slow
@pytest.mark.usefixtures("_library")
@pytest.mark.parametrize("whole_share", [0.25, 1.0])
def test_evidence_by_cells_is_what_the_library_finds_at_the_last_layer(whole_share):
    torch.manual_seed(0)
    net = LesionNet(replace(SMALL, head="pixel", whole_share=whole_share)).eval()
    net.requires_grad_(requires_grad=False)
    assert bench_explain(net, 1).max_difference <= 1e-4


@pytest.mark.slow
@pytest.mark.usefixtures("_library")
def test_the_network_stays_as_it_was(tiny_model):
    bench_explain(tiny_model.net, 1)
    assert not any(parameter.requires_grad for parameter in tiny_model.net.parameters())
    assert not any(module._forward_hooks for module in tiny_model.net.modules())


def test_ratios_by_hand():
    found = ExplainTiming(160, 3, 8.0, 0.2, 10.0, 8.0, 70.0, 12.0, 35.0, 4.0, 0.0)
    assert (found.seven_class_ratio, found.one_class_ratio, found.added_share) == (7, 1.5, 0.025)
    assert (found.tuned_seven_class_ratio, found.tuned_one_class_ratio) == (3.5, 0.5)


def test_ways_are_called_in_turn_on_the_same_image(monkeypatch):
    monkeypatch.setattr(explain, "WARM_UP", 3)
    called = []
    ways = {name: lambda image, name=name: called.append((name, image)) for name in ("a", "b")}
    medians = interleaved_medians(ways, ("first", "second"), 1)
    assert called == [(name, image) for image in ("first", "second", "first", "second") for name in ("a", "b")]
    assert medians.keys() == {"a", "b"}


@pytest.mark.slow
def test_the_pictures_are_seven_drawings(tiny_model):
    images = drawn_images(tiny_model.net)
    assert (images.shape, images.dtype) == ((7, 3, 64, 64), torch.float32)


def test_without_the_library_one_sentence_says_so(tiny_model, monkeypatch):
    monkeypatch.setitem(sys.modules, "pytorch_grad_cam", None)
    with pytest.raises(ConfigFault, match=r"needs pytorch-grad-cam, which is not installed: run pip install grad-cam"):
        bench_explain(tiny_model.net, 1)


@pytest.mark.usefixtures("_library")
def test_a_network_without_a_layer_to_hook_is_refused():
    net = LesionNet(replace(SMALL, feature_channels=0)).eval()
    with pytest.raises(ConfigFault, match="feature_channels 0, so there is no layer between encoder and head"):
        bench_explain(net, 1)
