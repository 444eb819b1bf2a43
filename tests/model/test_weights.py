"""Weights and their description: the pair travels whole, or is refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from derm import paths
from derm.diagnoses import CODES
from derm.errors import WeightsFault
from derm.files import sha256
from derm.model import weights
from derm.model.config import ModelConfig
from derm.model.network import LesionNet
from derm.model.weights import WeightsInfo, default_weights, load_weights, save_weights, ship_weights

CONFIG = ModelConfig(encoder="test_efficientnet", input_size=32, feature_channels=16, decoder_channels=(8, 8, 8))


def network(seed: int = 0) -> LesionNet:
    torch.manual_seed(seed)
    net = LesionNet(CONFIG)
    net(torch.randn(4, 3, 32, 32))  # running statistics beside 0 and 1
    return net


DESCRIPTION = WeightsInfo(
    CONFIG,
    mask_threshold=0.4,
    class_mask_threshold=0.6,
    temperature=1.5,
    training={"epoch": 3},
    measured={"validation": {"dice": 0.9}},
)


@pytest.fixture
def pair(tmp_path) -> Path:
    path = tmp_path / "a.json"
    save_weights(path, network(), DESCRIPTION)
    return path


def tensors_of(path: Path) -> Path:
    return path.with_name(json.loads(path.read_text())["file"])


def change(path: Path, **fields: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_what_is_saved_is_loaded(pair):
    net = network()
    model = load_weights(pair)
    assert model.description == DESCRIPTION
    assert model.description.classes == CODES
    assert (model.name, model.sha256) == ("a", sha256(tensors_of(pair)))
    assert model.net.state_dict().keys() == net.state_dict().keys()
    for name, tensor in model.net.state_dict().items():
        assert torch.equal(tensor, net.state_dict()[name]), name
    assert not any(module.training for module in model.net.modules())
    assert not any(weight.requires_grad for weight in model.net.parameters())
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(model.net(images).class_logits, net.eval()(images).class_logits)


def test_the_description_says_what_the_weights_are(pair):
    content = json.loads(pair.read_text())
    assert content["classes"] == ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]
    assert content["model"]["encoder"] == "test_efficientnet"
    assert content["file"] == f"a-{content['sha256'][:8]}.safetensors"
    assert "CC BY-NC 4.0" in content["licence"]


def test_half_keeps_normalisation_whole(tmp_path):
    net = network()
    save_weights(tmp_path / "a.json", net, DESCRIPTION, half=True)
    stored = load_file(tensors_of(tmp_path / "a.json"))
    normal = [
        f"{name}.{key}"
        for name, module in net.named_modules()
        if isinstance(module, nn.BatchNorm2d)
        for key in ("weight", "bias", "running_mean", "running_var")
    ]
    assert len(normal) > 20
    assert {stored[name].dtype for name in normal} == {torch.float32}
    assert {value.dtype for value in stored.values() if value.ndim > 1} == {torch.float16}
    loaded = load_weights(tmp_path / "a.json").net
    for name, tensor in loaded.state_dict().items():
        original = net.state_dict()[name]
        assert tensor.dtype == original.dtype
        # float16 keeps 11 binary digits; below 2^-14 their weight stays at 2^-24.
        torch.testing.assert_close(tensor, original, rtol=2**-11, atol=2**-25)
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(loaded(images).class_logits, net.eval()(images).class_logits, rtol=0.01, atol=0.01)


def test_new_weights_take_the_place_of_the_old(pair):
    old = tensors_of(pair)
    save_weights(pair, network(1), DESCRIPTION)
    assert tensors_of(pair) != old
    assert set(pair.parent.iterdir()) == {pair, tensors_of(pair)}
    assert torch.equal(load_weights(pair).net.mask_head.weight, network(1).mask_head.weight)
    save_weights(pair, network(1), DESCRIPTION)  # the same again: their file has the same name
    load_weights(pair)


@pytest.mark.parametrize("stage", ["save_file", "sha256", "replace", "write_json", "unlink"])
def test_a_kill_while_saving_leaves_a_whole_pair(pair, stage, monkeypatch):
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    new = network(1)
    with monkeypatch.context() as patch:
        if stage == "replace":
            # The second one: the first puts the tensors' own temporary file in place.
            replace_file: Callable[..., Path] = Path.replace
            patch.setattr(Path, "replace", lambda a, b: killed() if a.suffix == ".new" else replace_file(a, b))
        elif stage == "unlink":
            unlink: Callable[..., None] = Path.unlink
            patch.setattr(Path, "unlink", lambda a, **k: killed() if a.suffix == ".safetensors" else unlink(a, **k))
        else:
            patch.setattr(weights, stage, killed)
        with pytest.raises(KeyboardInterrupt):
            save_weights(pair, new, DESCRIPTION)
    # Until the new description is in place, the old pair is whole; after that, the new one is.
    expected = new if stage == "unlink" else network(0)
    assert torch.equal(load_weights(pair).net.mask_head.weight, expected.mask_head.weight)
    save_weights(pair, new, DESCRIPTION)
    assert torch.equal(load_weights(pair).net.mask_head.weight, new.mask_head.weight)
    assert set(pair.parent.iterdir()) == {pair, tensors_of(pair)}


def test_two_shipped_weights_live_side_by_side(pair):
    # A name that ends like a hash, and one that only looks as long as one.
    for name in ("derm-dual-160", "derm-deadbeef", "derm"):
        ship_weights(pair, pair.parent / "shipped" / f"{name}.json", half=True)
    for name in ("derm-dual-160", "derm-deadbeef", "derm"):
        assert load_weights(pair.parent / "shipped" / f"{name}.json").name == name


def test_a_tensors_file_finds_the_description_that_names_it(pair):
    assert load_weights(tensors_of(pair)).sha256 == load_weights(pair).sha256


def test_shipped_weights_have_plain_names(pair, tmp_path):
    target = tmp_path / "shipped" / "derm.json"
    ship_weights(pair, target, half=True)
    assert sorted(path.name for path in target.parent.iterdir()) == ["derm.json", "derm.safetensors"]
    for path in (target, target.with_suffix(".safetensors")):
        model = load_weights(path)
        assert (model.name, model.description) == ("derm", DESCRIPTION)
        torch.testing.assert_close(model.net.mask_head.weight, network().mask_head.weight, rtol=1e-3, atol=1e-7)


def test_weights_shipped_for_another_size_lose_what_was_measured(pair, tmp_path):
    target = tmp_path / "derm.json"
    ship_weights(pair, target, half=False, input_size=64)
    larger = replace(DESCRIPTION, model=replace(CONFIG, input_size=64), measured={}, temperature=1.0)
    assert load_weights(target).description == larger


def test_weights_need_a_path_of_theirs(tmp_path):
    with pytest.raises(
        WeightsFault, match=r"model.pt is not a weights file: give the path of a .safetensors file or of"
    ):
        load_weights(tmp_path / "model.pt")


def test_a_missing_description_is_refused(pair):
    with pytest.raises(
        WeightsFault, match=r"There is no description .*/b.json: weights are a pair of .* keep them toge"
    ):
        load_weights(pair.with_name("b.safetensors"))


def test_missing_tensors_are_refused(pair):
    tensors_of(pair).unlink()
    with pytest.raises(WeightsFault, match=r"a.json names a-.{8}.safetensors, which is not beside it: copy it there"):
        load_weights(pair)


def test_other_bytes_are_refused(pair):
    with tensors_of(pair).open("r+b") as stream:
        stream.seek(-1, 2)
        stream.write(b"\x7f")
    with pytest.raises(
        WeightsFault, match=r"is not the file that a.json describes \(sha256 .{8}…, expected .{8}…\): copy both anew"
    ):
        load_weights(pair)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"format": 2}, r"a.json is damaged \(format 2, this version of Derm reads 1\): copy it anew"),
        ({"classes": list(reversed(CODES))}, r"is damaged \(classes \['vasc', .*\], expected \['akiec', .*\]\)"),
        ({"classes": ["nv", "mel"]}, r"is damaged \(classes \['nv', 'mel'\], expected"),
        ({"model": {"design": "shared"}}, r"a.json: The model description does not fit this version of Derm"),
        ({"model": {**CONFIG.as_dict(), "input_size": 33}}, r"a.json: The input size 33 does not fit"),
        ({"model": None}, r"a.json is damaged \("),
        ({"temperature": "warm"}, r"a.json is damaged \(could not convert string to float: 'warm'\): copy it anew"),
        ({"sha256": None}, r"is not the file that a.json describes"),
    ],
)
def test_another_description_is_refused(pair, fields, words):
    change(pair, **fields)
    with pytest.raises(WeightsFault, match=words):
        load_weights(pair)


@pytest.mark.parametrize("name", ["format", "file", "sha256", "classes", "model", "mask_threshold", "licence"])
def test_a_description_with_a_gap_is_refused(pair, name):
    content = json.loads(pair.read_text())
    del content[name]
    pair.write_text(json.dumps(content))
    with pytest.raises(WeightsFault, match=rf"a.json is damaged \('{name}'\): copy it anew"):
        load_weights(pair)


def test_a_description_that_is_no_json_is_refused(pair):
    pair.write_text('{"format": 1')
    with pytest.raises(WeightsFault, match=r"The description .*a.json is damaged \(Expecting .*\): copy it anew"):
        load_weights(pair)
    pair.write_bytes(b"\xff\xfe")
    with pytest.raises(WeightsFault, match=r"a.json is damaged \("):
        load_weights(pair)
    pair.write_text("[]")
    with pytest.raises(WeightsFault, match=r"a.json is damaged \("):
        load_weights(pair)


@pytest.mark.parametrize("fault", ["shape", "missing", "more", "bytes"])
def test_tensors_that_do_not_fit_are_refused(pair, fault):
    place = tensors_of(pair)
    tensors = load_file(place)
    if fault == "shape":
        tensors["mask_head.bias"] = torch.zeros(2)
    elif fault == "missing":
        del tensors["mask_head.bias"]
    else:
        tensors["mask_head.more"] = torch.zeros(2)
    save_file(tensors, place)
    if fault == "bytes":
        place.write_bytes(b"no tensors")
    change(pair, sha256=sha256(place))
    with pytest.raises(WeightsFault, match=r"does not fit the model in its description: retrain or copy both anew"):
        load_weights(pair)


def test_shipped_weights_are_in_the_checkout_or_in_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "__file__", str(tmp_path / "derm" / "paths.py"))
    with pytest.raises(WeightsFault, match=r"The weights that come with Derm are not at .* with --weights"):
        default_weights()
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "derm.json").write_text("{}")
    assert default_weights() == tmp_path / "weights" / "derm.json"
    installed = tmp_path / "derm" / "app" / "weights"
    installed.mkdir(parents=True)
    (installed / "derm.json").write_text("{}")
    assert default_weights() == installed / "derm.json"
