"""Starting weights: from a file, over the network, from weights of Derm, or refused."""

from dataclasses import replace

import pytest
import timm
import torch
from safetensors.torch import save_file

from derm.errors import WeightsFault
from derm.model.config import ModelConfig
from derm.model.network import LesionNet
from derm.model.pretrained import start_from
from derm.model.weights import WeightsInfo, save_weights

pytestmark = pytest.mark.slow

CONFIG = ModelConfig(input_size=32, decoder_channels=(8, 8, 8))
"""EfficientNet-B0 with its head convolution of 1280 channels."""


@pytest.fixture(scope="module")
def tensors() -> dict[str, torch.Tensor]:
    """A whole EfficientNet-B0 of timm, classifier included, of random weights."""
    torch.manual_seed(5)
    return {name: value.clone() for name, value in timm.create_model("efficientnet_b0").state_dict().items()}


@pytest.fixture(scope="module")
def file(tensors, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("start") / "efficientnet_b0.safetensors"
    save_file(tensors, path)
    return str(path)


def test_a_file_starts_encoder_and_head(file, tensors):
    net = LesionNet(CONFIG)
    mask_head = net.mask_head.weight.clone()
    start_from(net, file)
    encoder = net.encoder.state_dict()
    assert len(encoder) > 300
    for name, value in encoder.items():
        assert torch.equal(value, tensors[name.removeprefix("model.")]), name
    assert torch.equal(net.neck[0].weight, tensors["conv_head.weight"])
    for name in ("weight", "bias", "running_mean", "running_var"):
        assert torch.equal(net.neck[1].state_dict()[name], tensors[f"bn2.{name}"])
    assert torch.equal(net.mask_head.weight, mask_head)


def test_a_head_of_another_width_starts_at_random(file, tensors):
    net = LesionNet(replace(CONFIG, feature_channels=64))
    neck = net.neck[0].weight.clone()
    start_from(net, file)
    assert torch.equal(net.encoder.model.conv_stem.weight, tensors["conv_stem.weight"])
    assert torch.equal(net.neck[0].weight, neck)
    start_from(LesionNet(replace(CONFIG, feature_channels=0)), file)


def test_random_changes_nothing(file):
    net = LesionNet(CONFIG)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    start_from(net, "random")
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])


def test_the_mask_encoder_of_the_dual_design_has_its_own_start(file, tensors):
    net = LesionNet(replace(CONFIG, design="dual", mask_encoder="efficientnet_b0"))
    stem = net.mask_encoder.model.conv_stem.weight.clone()
    start_from(net, file)
    assert torch.equal(net.mask_encoder.model.conv_stem.weight, stem)
    start_from(net, "random", mask_start=file)
    assert torch.equal(net.mask_encoder.model.conv_stem.weight, tensors["conv_stem.weight"])


def test_other_weights_are_refused(tensors, tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({**tensors, "conv_stem.weight": torch.zeros(32, 3, 5, 5)}, path)
    net = LesionNet(CONFIG)
    with pytest.raises(
        WeightsFault,
        match=r"other.safetensors' do not fit the encoder efficientnet_b0 \(1 of its \d+ tensors are missing or of "
        r"another shape, conv_stem.weight first\): use weights of efficientnet_b0 in timm's naming, or --start random",
    ):
        start_from(net, str(path))
    save_file({name: value for name, value in tensors.items() if not name.startswith("blocks.0.")}, path)
    with pytest.raises(WeightsFault, match=r"do not fit .* blocks.0.0.conv_dw.weight first"):
        start_from(net, str(path))


def test_a_missing_or_damaged_file_is_refused(tmp_path):
    net = LesionNet(CONFIG)
    path = tmp_path / "none.safetensors"
    with pytest.raises(
        WeightsFault, match=rf"The starting weights {path} cannot be read \(.*\): give the path of a saf"
    ):
        start_from(net, str(path))
    path.write_bytes(b"no tensors")
    with pytest.raises(
        WeightsFault, match=rf"The starting weights {path} cannot be read \(.*\): give the path of a saf"
    ):
        start_from(net, str(path))


def test_timm_gives_weights_by_name(tensors, monkeypatch):
    class Pretrained:
        def state_dict(self) -> dict[str, torch.Tensor]:
            return tensors

    asked = []

    def create(name: str, **settings: object) -> Pretrained:
        asked.append((name, settings))
        return Pretrained()

    net = LesionNet(CONFIG)
    monkeypatch.setattr(timm, "create_model", create)
    start_from(net, "timm")
    assert asked == [("efficientnet_b0", {"pretrained": True, "num_classes": 0})]
    assert torch.equal(net.encoder.model.conv_stem.weight, tensors["conv_stem.weight"])


@pytest.mark.parametrize("error", [OSError("no route"), RuntimeError("no weights")])
def test_timm_without_a_network_is_one_sentence(error, monkeypatch):
    def create(name: str, **settings: object) -> None:
        raise error

    net = LesionNet(CONFIG)
    monkeypatch.setattr(timm, "create_model", create)
    with pytest.raises(
        WeightsFault,
        match=r"timm's weights of efficientnet_b0 could not be fetched: check the network and that timm has weights",
    ):
        start_from(net, "timm")


def test_training_goes_on_from_weights_of_derm(tmp_path):
    config = replace(CONFIG, encoder="test_efficientnet", feature_channels=16)
    torch.manual_seed(1)
    trained = LesionNet(config)
    path = tmp_path / "a.json"
    save_weights(path, trained, WeightsInfo(config))
    net = LesionNet(replace(config, input_size=64, dropout=0.5, drop_path=0.2))
    start_from(net, str(path))
    for name, value in net.state_dict().items():
        assert torch.equal(value, trained.state_dict()[name])
    assert all(weight.requires_grad for weight in net.parameters())
    with pytest.raises(
        WeightsFault, match=r"a.json are of another model \(hidden 0, not 8\): train the same model, at any size, or"
    ):
        start_from(LesionNet(replace(config, hidden=8)), str(path))


@pytest.mark.parametrize("hidden", [0, 8])
def test_weights_that_begin_to_look_inside_the_outline_answer_as_before(tmp_path, hidden):
    config = replace(CONFIG, encoder="test_efficientnet", feature_channels=16, hidden=hidden)
    torch.manual_seed(1)
    trained = LesionNet(config).eval()
    path = tmp_path / "a.json"
    save_weights(path, trained, WeightsInfo(config))
    net = LesionNet(replace(config, pooling="whole+lesion")).eval()
    start_from(net, str(path))
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(net(images).class_logits, trained(images).class_logits)
    # The way back is refused: what was read inside the outline would be lost.
    save_weights(path, net, WeightsInfo(net.config))
    with pytest.raises(WeightsFault, match=r"a.json are of another model \(pooling whole\+lesion, not whole\): train"):
        start_from(LesionNet(config), str(path))


@pytest.mark.parametrize("before", [{}, {"hidden": 8}, {"pooling": "whole+lesion"}])
@pytest.mark.parametrize("design", ["shared", "dual"])
def test_a_head_by_cells_begins_anew_on_an_encoder_and_outline_that_are_taken_over(tmp_path, design, before):
    small = {"design": design, "encoder": "test_efficientnet", "mask_encoder": "test_resnet", "feature_channels": 16}
    config = replace(CONFIG, **small)
    torch.manual_seed(1)
    trained = LesionNet(replace(config, **before)).eval()
    path = tmp_path / "a.json"
    save_weights(path, trained, WeightsInfo(trained.config))
    net = LesionNet(replace(config, head="pixel", whole_share=0.5)).eval()
    fresh = {name: value.clone() for name, value in net.state_dict().items()}
    said = start_from(net, str(path))
    assert said.startswith(
        "Encoder and outline go on from a.json. Its class head is pooled, so the head 'pixel' begins"
    )
    for name, value in net.state_dict().items():
        taken = not name.startswith(("cells.", "head."))
        assert torch.equal(value, trained.state_dict()[name] if taken else fresh[name]), name
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(net(images).mask_logits, trained(images).mask_logits)
    # From weights of the same head all goes on, and nothing is to be said.
    save_weights(path, net, WeightsInfo(net.config))
    again = LesionNet(net.config).eval()
    assert start_from(again, str(path)) == ""
    assert torch.equal(again(images).class_logits, net(images).class_logits)
    # The way back is refused, as is another share of the whole, of which tensors do not tell.
    with pytest.raises(WeightsFault, match=r"of another model \(head pixel, not pooled; whole_share 0.5, not 0.25\)"):
        start_from(LesionNet(config), str(path))
    with pytest.raises(WeightsFault, match=r"of another model \(whole_share 0.5, not 0.25\)"):
        start_from(LesionNet(replace(config, head="pixel")), str(path))


def test_a_head_by_cells_goes_on_from_no_other_encoder(tmp_path):
    config = replace(CONFIG, encoder="test_efficientnet", feature_channels=16)
    save_weights(tmp_path / "a.json", LesionNet(config), WeightsInfo(config))
    net = LesionNet(replace(config, head="pixel", feature_channels=8))
    with pytest.raises(WeightsFault, match=r"of another model \(feature_channels 16, not 8\)"):
        start_from(net, str(tmp_path / "a.json"))
