"""The paper's other systems as networks: each builds, answers as ours does, and a few learn."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load, save

from derm.engine.graph import make_graph
from derm.errors import ConfigFault, WeightsFault
from derm.explain.class_head import slopes
from derm.explain.gradcam import class_maps
from derm.model.config import ModelConfig
from derm.model.encoder import make_encoder
from derm.model.graph import graph_key
from derm.model.network import LesionNet
from derm.model.pretrained import start_from
from derm.model.systems import classifiers, teaching, unets
from derm.model.systems.builders import BUILDERS, SMALLEST
from derm.model.systems.kernel_head import KernelHead
from derm.model.systems.parts import NO_LESION, FlatHead, cropped
from derm.train.config import DERM
from derm.train.losses import Truth
from derm.train.step import take_step
from derm.zoo.systems import SYSTEMS

OUTLINE = {name for name, system in SYSTEMS.items() if not system.names}
NARROW = (4, 6, 8, 10, 12)


@pytest.fixture(scope="module")
def shapes_once():
    """Encoders on shapes alone, each made once: several systems have the same."""
    made = {}

    def make(name, drop_path):
        if name not in made:
            made[name] = make_encoder(name, drop_path)
        return deepcopy(made[name])

    with pytest.MonkeyPatch.context() as patch:
        for module in (classifiers, teaching, unets):
            patch.setattr(module, "make_encoder", make)
        yield


@pytest.mark.parametrize("name", BUILDERS)
def test_each_system_answers_as_ours_does(name, shapes_once):
    # On shapes alone, so that 140 million weights are not drawn.
    with torch.device("meta"), torch.no_grad():
        net = LesionNet(ModelConfig(system=name, input_size=96)).eval()
        answer, stages = net.answer_and_stages(torch.empty(2, 3, 96, 96))
    assert answer.mask_logits.shape == (2, 1, 96, 96)
    assert answer.class_logits.shape == (2, 7)
    assert answer.features.shape[1] == net.head.scores.weight.shape[1] or net.head.hidden is not None
    assert [stage.shape[1] for stage in stages[1:6]] == list(net.encoder.out_channels)[1:6]
    assert any(one.requires_grad for one in net.head.parameters()) == (name not in OUTLINE)


def small(parts):
    """A network of these parts, at 32 pixels or so."""
    net = LesionNet(ModelConfig(input_size=32, encoder="test_efficientnet", decoder_channels=(8, 8, 8)))
    net._take(parts)
    return net.to(memory_format=torch.channels_last)


CONFIG = ModelConfig(dropout=0.0)
SMALL = {
    "levels": lambda: classifiers.residual_levels(CONFIG, NARROW),
    "side by side": lambda: classifiers.fused(CONFIG, ("test_efficientnet", "test_efficientnet"), (1.0, 0.5)),
    "kernel machine": lambda: classifiers.kernel_machine(CONFIG, ("test_efficientnet", "test_efficientnet")),
    "flat": lambda: classifiers.timm_classifier(CONFIG, "test_efficientnet")._replace(head=FlatHead(64, 2, 16, 0.0)),
    "U-Net": lambda: unets.unet(CONFIG, NARROW),
    "MRP-U-Net": lambda: unets.mrp_unet(CONFIG, NARROW),
    "attention U-Net": lambda: unets.attention_unet(CONFIG, NARROW),
    "SkinNet": lambda: unets.skin_net(CONFIG, NARROW),
    "teaching": lambda: teaching.cl_dcnn(CONFIG, "test_efficientnet", (8, 8, 8, 8, 8)),
}


@pytest.mark.parametrize("name", SMALL)
def test_each_kind_learns_a_drawn_batch(name):
    torch.manual_seed(0)
    net = small(SMALL[name]())
    draws, names = name not in ("levels", "side by side", "kernel machine", "flat"), "Net" not in name
    config = replace(DERM, precision="float32", mask_weight=float(draws), class_weight=float(names))
    images = torch.full((4, 32, 32, 3), 200, dtype=torch.uint8)
    masks = torch.zeros(4, 1, 32, 32)
    for place in range(4):
        images[place, 4 * place : 4 * place + 12, 8:24] = torch.tensor([120, 20 * place, 60], dtype=torch.uint8)
        masks[place, :, 4 * place : 4 * place + 12, 8:24] = 1
    truth = Truth(masks, torch.ones(4, dtype=torch.bool), torch.tensor([0, 1, 2, 3]))
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3)
    losses = [take_step(net, optimiser, images, truth, config, None)[0].joint.item() for _ in range(6)]
    assert min(losses[1:]) < losses[0] - 0.05
    net.eval()
    with torch.no_grad():
        answer = net(images.float().permute(0, 3, 1, 2) / 255)
    assert class_maps(net, answer.features).shape == (4, 7, *answer.features.shape[-2:])
    if not draws:
        assert (answer.mask_logits == NO_LESION).all()
    if not names:
        assert (answer.class_logits == 0).all()


def test_class_map_and_outline_teach_each_other_and_neither_bends_the_other():
    torch.manual_seed(0)
    net = small(SMALL["teaching"]()).train()
    images = torch.randn(2, 3, 64, 64)
    answer = net(images)
    answer.class_logits.sum().backward()
    assert all(one.grad is None for one in net.encoder.first.parameters())
    assert all(one.grad is None for one in net.encoder.draw.parameters())
    net.zero_grad(set_to_none=True)
    net(images).mask_logits.sum().backward()
    assert all(one.grad is None for one in net.encoder.second.parameters())
    assert all(one.grad is None for one in net.head.parameters())
    net.eval()
    with torch.no_grad():
        before = net(images).mask_logits
        net.head.scores.weight.neg_()
        assert not torch.equal(net(images).mask_logits, before)


def test_a_copy_of_the_teaching_network_draws_with_its_own_decoder():
    net = small(SMALL["teaching"]())
    copy = deepcopy(net)
    assert copy.outline.draw[0] is copy.encoder.draw
    assert copy.outline.draw[0] is not net.encoder.draw
    assert not any(name.startswith("outline.") for name in net.state_dict())


def test_the_fine_scale_is_the_middle_of_the_square():
    images = torch.zeros(1, 3, 8, 8)
    images[..., 2:6, 2:6] = 1
    assert (cropped(images, 0.5) == 1).all()
    assert torch.equal(cropped(images, 1.0), images)


def test_an_attention_gate_weighs_each_place_between_nothing_and_all():
    gate = unets.AttentionGate(4, 6)
    across = torch.randn(2, 4, 5, 5)
    weighed = gate(across, torch.randn(2, 6, 5, 5))
    share = weighed / across
    assert ((share > 0) & (share < 1)).all()
    assert torch.allclose(share.amax(1), share.amin(1), atol=1e-4)


def test_a_blur_keeps_a_halved_checkerboard_from_flickering():
    board = (torch.arange(16)[:, None] + torch.arange(16)).remainder(2).float()[None, None]
    stages = unets.UNetStages(unets.double, NARROW, torch.nn.Identity(), blurred=True)
    first, shifted = stages.smaller(board), stages.smaller(board.roll(1, -1))
    assert first.shape == (1, 1, 8, 8)
    assert torch.allclose(first[..., 2:-2, 2:-2], shifted[..., 2:-2, 2:-2])


def test_a_fitted_kernel_head_is_stored_and_comes_back():
    torch.manual_seed(0)
    head = KernelHead(6, 0.0).eval()
    features = torch.randn(3, 6, 2, 2)
    linear = head(features)
    assert not head.fitted
    centres, chosen = torch.randn(5, 2), torch.tensor([0, 3])
    head.fit_to(centres, chosen, torch.tensor([[0.0, 1.0], [1.0, 2.0]]), 0.5, torch.randn(5, 7))
    answered = head(features)
    assert not torch.allclose(answered, linear)
    other = KernelHead(6, 0.0).eval()
    other.load_state_dict(load(save({name: value.contiguous() for name, value in head.state_dict().items()})))
    assert other.fitted
    assert torch.equal(other(features), answered)


def test_a_kernel_is_one_at_its_own_centre_and_falls_with_the_distance():
    head = KernelHead(2, 0.0)
    head.fit_to(torch.tensor([[0.0], [3.0]]), torch.tensor([1]), torch.tensor([[10.0], [2.0]]), 0.25, torch.ones(2, 7))
    pooled = torch.tensor([[99.0, 10.0], [-5.0, 16.0]])  # scaled: 0 and 3
    far = torch.exp(torch.tensor(-0.25 * 9))
    assert torch.allclose(head.hidden(pooled), torch.tensor([[1.0, far], [far, 1.0]]))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"system": "resnet18"}, "There is no system 'resnet18': use one of `derm zoo list`, such as resnet-18"),
        ({"system": "inception-v4", "input_size": 64}, "The system inception-v4 needs an input of 96 pixels"),
    ],
)
def test_what_cannot_be_built_is_one_sentence(settings, sentence):
    with pytest.raises(ConfigFault, match=sentence):
        LesionNet(ModelConfig(**settings))


@pytest.mark.parametrize("setting", [{"encoder": "resnet18"}, {"head": "pixel"}, {"hidden": 8}, {"drop_path": 0.1}])
def test_settings_of_our_designs_are_refused_beside_another_system(setting):
    (name,) = setting
    with pytest.raises(ConfigFault, match=f"leave out model.{name}, which belongs to Derm's own designs"):
        ModelConfig(system="alexnet", **setting)


def test_a_head_with_weights_of_its_own_at_each_place_weighs_channels_by_the_mean_gradient():
    net = small(SMALL["flat"]()).eval()
    features = torch.randn(2, 64, 2, 2)
    own = torch.einsum("nkc,nchw->nkhw", slopes(net, features, range(7)), features).relu()
    assert torch.allclose(own, class_maps(net, features), atol=1e-5)


def test_a_system_is_not_exported_as_a_graph():
    with pytest.raises(ConfigFault, match="The system alexnet has no graph: it runs on PyTorch"):
        make_graph(ModelConfig(system="alexnet"))


def test_every_least_input_is_of_a_system_that_there_is():
    assert SMALLEST.keys() <= BUILDERS.keys()


def test_a_system_starts_from_no_file():
    net = small(SMALL["levels"]())
    net.config = ModelConfig(system="residual-skin-net")
    assert start_from(net, "random") == ""
    with pytest.raises(WeightsFault, match="starts from no file: use --start random, or timm"):
        start_from(net, "weights.safetensors")


def test_a_system_has_no_graph_of_ours():
    ours, other = ModelConfig(), ModelConfig(system="alexnet")
    assert graph_key(ours) != graph_key(other)
    assert ModelConfig.from_dict({name: value for name, value in ours.as_dict().items() if name != "system"}) == ours
