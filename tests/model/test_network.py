"""The network in each of its designs: what it answers, and how it is told apart from others."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_nets import let_through
from timm.layers import DropPath
from torch import nn

from derm.errors import ConfigFault
from derm.explain.gradcam import score_parts
from derm.image.resize import PADDING
from derm.model.config import ModelConfig
from derm.model.network import CellFeatures, CellWeights, ClassHead, LesionFocus, LesionNet, ModelOutput, check_size
from derm.model.preprocess import LARGEST_RATIO, normalise, shades_of_grey

# timm's own networks for tests, of a tenth of a million numbers; their deepest features have 64 and 96 channels.
SMALL = ModelConfig(
    encoder="test_efficientnet",
    mask_encoder="test_resnet",
    input_size=64,
    feature_channels=32,
    decoder_channels=(8, 8, 8, 8),
)

DESIGNS = {
    "shared": (SMALL, 32),
    "dual": (replace(SMALL, design="dual"), 32),
    "dilated": (replace(SMALL, dilated_bottleneck=True), 32),
    "dual and dilated": (replace(SMALL, design="dual", dilated_bottleneck=True), 32),
    "hidden": (replace(SMALL, hidden=16), 32),
    "five blocks": (replace(SMALL, decoder_channels=(8, 8, 8, 8, 4)), 32),
    "three blocks": (replace(SMALL, decoder_channels=(8, 8, 8)), 32),
    "the encoder's own features": (replace(SMALL, feature_channels=0), 64),
    "another encoder": (replace(SMALL, encoder="test_resnet", feature_channels=0), 96),
    "looking inside the outline": (replace(SMALL, pooling="whole+lesion"), 64),
    "dual, looking inside the outline": (replace(SMALL, design="dual", pooling="whole+lesion", hidden=16), 64),
    "by cells": (replace(SMALL, head="pixel"), 256),
    "dual, by cells": (replace(SMALL, design="dual", head="pixel"), 256),
    "by cells, the encoder's own features": (replace(SMALL, head="pixel", feature_channels=0), 256),
    "by cells, without the outline": (replace(SMALL, head="pixel", whole_share=1.0), 256),
    "ResNet34": (replace(SMALL, encoder="resnet34", feature_channels=0), 512),
}


def images(count: int = 2, size: int = 64) -> torch.Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", DESIGNS)
def test_every_design_answers_in_the_same_shapes(name):
    config, channels = DESIGNS[name]
    net = LesionNet(config)
    answer = net(images())
    assert isinstance(answer, ModelOutput)
    assert answer.mask_logits.shape == (2, 1, 64, 64)
    assert answer.class_logits.shape == (2, 7)
    side = 8 if config.head == "pixel" else 2
    assert answer.features.shape == (2, channels, side, side)
    # Each part learns from the joint loss: none is built and then left out.
    (answer.mask_logits.square().mean() + answer.class_logits.square().mean()).backward()
    unused = [name for name, weight in net.named_parameters() if weight.grad is None]
    assert unused == []


def test_the_answer_follows_the_images_size():
    answer = LesionNet(SMALL).eval()(images(1, 96))
    assert answer.mask_logits.shape == (1, 1, 96, 96)
    assert answer.features.shape == (1, 32, 3, 3)
    answer = LesionNet(DESIGNS["by cells"][0]).eval()(images(1, 96))
    assert answer.features.shape == (1, 256, 12, 12)


def test_the_scores_are_pooling_and_one_linear_layer():
    net = LesionNet(SMALL).eval()
    answer = net(images())
    weight, bias = net.head.scores.weight, net.head.scores.bias
    expected = torch.einsum("nchw,kc->nk", answer.features, weight) / 4 + bias
    torch.testing.assert_close(answer.class_logits, expected)


@pytest.mark.parametrize(
    "name",
    [
        "shared",
        "dual",
        "looking inside the outline",
        "dual, looking inside the outline",
        "by cells",
        "dual, by cells",
        "by cells, without the outline",
    ],
)
def test_the_features_alone_are_those_of_the_answer(name):
    net = LesionNet(DESIGNS[name][0]).eval()
    assert torch.equal(net.class_features(images()), net(images()).features)


def test_features_are_weighted_with_the_outline_to_their_mean_inside_it():
    features = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    lesion = torch.full((1, 1, 4, 4), -100.0)
    lesion[..., :2, :2] = 100.0  # the first cell, whole
    both = LesionFocus()(features, lesion)
    assert torch.equal(both[:, :1], features)
    # The cells weigh 1.01, 0.01, 0.01, 0.01, and pooling divides by their sum.
    assert both[0, 1].mean().item() == pytest.approx((1.01 * 1 + 0.01 * (2 + 3 + 4)) / 1.04)
    # A lesion of which the outline covers a quarter of one cell counts for a quarter there.
    lesion[..., 1, :2] = lesion[..., :2, 1] = -100.0
    assert LesionFocus()(features, lesion)[0, 1].mean().item() == pytest.approx((0.26 * 1 + 0.01 * 9) / 0.29)


def test_without_a_lesion_all_places_weigh_alike():
    features = torch.randn(2, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    both = LesionFocus()(features, torch.full((2, 1, 64, 64), -200.0))
    torch.testing.assert_close(both[:, 3:], features)


@pytest.mark.parametrize("name", ["looking inside the outline", "by cells", "dual, by cells"])
def test_the_diagnosis_does_not_bend_the_outline(name):
    net = LesionNet(DESIGNS[name][0])
    net(images()).class_logits.sum().backward()
    assert net.mask_head.weight.grad is None
    assert all(weight.grad is None for weight in net.decoder.parameters())
    assert net.neck[0].weight.grad is not None


@pytest.mark.parametrize("whole_share", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("design", ["shared", "dual"])
def test_what_the_cells_say_adds_up_to_the_score(design, whole_share):
    torch.manual_seed(2)
    net = LesionNet(replace(SMALL, design=design, head="pixel", whole_share=whole_share))
    let_through(net, images(8))
    with torch.no_grad():
        net.head.scores.weight *= 30
    with torch.inference_mode():
        answer = net.eval()(images())
        parts = score_parts(net, answer.features)
    assert parts.shape == (2, 7, 8, 8)  # 28 × 28 at 224 pixels
    assert answer.class_logits.std() > 0.5
    assert ((parts > 0).any(), (parts < 0).any()) == (True, True)
    torch.testing.assert_close(parts.sum(dim=(2, 3)) + net.head.scores.bias, answer.class_logits, atol=1e-5, rtol=1e-5)


def test_cells_are_weighted_with_the_outline_and_a_share_of_the_whole():
    features = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    lesion = torch.full((1, 1, 4, 4), -100.0)
    lesion[..., :2, :2] = 100.0  # the first cell, whole
    # By the outline the cells weigh 1.01 and three times 0.01, times 4 / 1.04 for a mean of 1; a quarter weighs evenly.
    inside, outside = 0.25 + 0.75 * 4.04 / 1.04, 0.25 + 0.75 * 0.04 / 1.04
    weighted = CellWeights(0.25)(features, lesion)
    torch.testing.assert_close(weighted, torch.tensor([[[[inside, 2 * outside], [3 * outside, 4 * outside]]]]))
    torch.testing.assert_close(CellWeights(1.0)(features, lesion), features)
    # A score is the mean of it, so that for W = 2 and no bias these are its four parts.
    head = ClassHead(channels=1, hidden=0, dropout=0).eval()
    with torch.no_grad():
        head.scores.weight.fill_(2.0)
        head.scores.bias.zero_()
    assert head(weighted)[0, 0].item() == pytest.approx(2 * (inside + 9 * outside) / 4)


def test_a_cell_joins_what_lies_there_with_what_the_deeper_stages_see():
    """One channel each, of ones but for the normalisation, which is left at its beginning: the sum, through a SiLU."""
    cells = CellFeatures(1, [3, 1, 1, 1, 1, 1]).eval()
    for join in cells.join:
        nn.init.ones_(join.weight)
    stages = [torch.zeros(1, 1, 64 // 2**stage, 64 // 2**stage) for stage in range(6)]
    stages[3][..., 5, 2] = 1.0  # one cell of eight pixels
    stages[4][:] = 10.0
    found = cells(torch.full((1, 1, 2, 2), 100.0), stages)
    expected = torch.full((8, 8), 110.0)
    expected[5, 2] = 111.0
    scale = (1 + cells.finish[0].eps) ** -0.5
    torch.testing.assert_close(found[0, 0], nn.functional.silu(expected * scale))
    assert (found == found[:, :1]).all()


@pytest.mark.slow
@pytest.mark.parametrize("design", ["shared", "dual"])
def test_learning_by_cells_lowers_the_loss(design):
    torch.manual_seed(0)
    net = LesionNet(replace(SMALL, design=design, head="pixel", dropout=0.0)).train()
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3)
    batch, classes = images(8), torch.arange(8) % 7
    masks = torch.zeros(8, 1, 64, 64)
    masks[..., 16:48, 16:48] = 1
    losses = []
    for _ in range(8):
        answer = net(batch)
        loss = nn.functional.cross_entropy(answer.class_logits, classes)
        loss = loss + nn.functional.binary_cross_entropy_with_logits(answer.mask_logits, masks)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


def test_only_a_linear_head_has_a_closed_form():
    assert LesionNet(SMALL).has_closed_form()
    assert LesionNet(replace(SMALL, head="pixel")).has_closed_form()
    assert not LesionNet(replace(SMALL, hidden=16)).has_closed_form()


def test_a_hidden_layer_is_a_linear_layer_with_relu():
    head = ClassHead(channels=2, hidden=2, dropout=0)
    with torch.no_grad():
        head.hidden.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, -1.0]]))
        head.hidden.bias.zero_()
        head.scores.weight.copy_(torch.arange(14.0).reshape(7, 2))
        head.scores.bias.zero_()
    # Pooled, the features are 2 and 3; behind the ReLU, 2 and 0.
    features = torch.tensor([[[[1.0, 3.0]], [[3.0, 3.0]]]])
    assert head(features).tolist() == [[0, 4, 8, 12, 16, 20, 24]]


def test_dropout_acts_in_training_alone():
    head = ClassHead(channels=64, hidden=0, dropout=0.5)
    features = torch.ones(1, 64, 2, 2)
    assert not torch.equal(head.train()(features), head(features))
    assert torch.equal(head.eval()(features), head(features))


def test_dropout_scales_what_it_keeps():
    head = ClassHead(channels=4000, hidden=0, dropout=0.25)
    torch.nn.init.ones_(head.scores.weight)
    torch.nn.init.zeros_(head.scores.bias)
    torch.manual_seed(0)
    # Of 4000 ones 3000 are kept, with a deviation of 27, and each becomes 4 / 3.
    assert head.train()(torch.ones(1, 4000, 1, 1))[0, 0].item() == pytest.approx(4000, abs=200)


def wake(net):
    """Let the fusion, which starts at nothing, have its say."""
    for part in net.fusion.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.ones_(part.weight)


def test_the_dual_design_starts_as_an_undisturbed_u_net():
    torch.manual_seed(0)
    net = LesionNet(replace(SMALL, design="dual")).eval()
    own = net.mask_encoder(images())
    fused = net.fusion(own, net.encoder(images()))
    assert all(torch.equal(after, before.relu()) for before, after in zip(own[1:], fused[1:], strict=True))
    wake(net)
    assert not torch.equal(net.fusion(own, net.encoder(images()))[1], own[1].relu())


def test_in_the_dual_design_the_outline_sees_both_encoders():
    torch.manual_seed(0)
    net = LesionNet(replace(SMALL, design="dual")).train()
    wake(net)
    answer = net(images())
    answer.mask_logits.square().mean().backward()
    assert net.encoder.model.conv_stem.weight.grad.abs().sum() > 0
    assert net.mask_encoder.model.conv1[0].weight.grad.abs().sum() > 0
    net.zero_grad(set_to_none=True)
    net(images()).class_logits.square().mean().backward()
    assert net.encoder.model.conv_stem.weight.grad.abs().sum() > 0
    assert net.mask_encoder.model.conv1[0].weight.grad is None  # the diagnosis has its encoder for itself


def test_images_are_normalised_by_the_models_own_mean():
    config = replace(SMALL, mean=(0.5, 0.25, 0.0), deviation=(0.5, 0.25, 1.0))
    squares = torch.zeros(1, 32, 32, 3, dtype=torch.uint8)
    squares[..., 0], squares[..., 1], squares[..., 2] = 255, 0, 51
    normal = normalise(squares, config)
    assert normal.shape == (1, 3, 32, 32)
    assert normal.dtype == torch.float32
    assert normal.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_allclose(normal[0, :, 0, 0].numpy(), [1, -1, 0.2], rtol=1e-6)


def test_the_colour_of_the_light_is_taken_away_and_brightness_stays():
    """Dark and bright grey in light of (1, 0.5, 0.25), in which norms and means stand, too."""
    grey = np.array([52.0, 208.0])[:, None] * [1.0, 0.5, 0.25]
    squares = torch.from_numpy(np.rint(grey).astype(np.uint8)).repeat_interleave(512, dim=0).reshape(1, 32, 32, 3)
    found = shades_of_grey(squares)
    assert found.dtype == torch.float32
    # Grey again, at the mean over pixels and channels that it had: 130 · (1 + 0.5 + 0.25) / 3 = 75.8.
    np.testing.assert_allclose(found[0, 0, 0].numpy(), 52 * 1.75 / 3, rtol=0.01)
    np.testing.assert_allclose(found[0, -1, -1].numpy(), 208 * 1.75 / 3, rtol=0.01)
    assert found.mean().item() == pytest.approx(squares.float().mean().item(), rel=1e-5)
    # Another light over the same skin is the same picture, up to brightness and rounding.
    config = replace(SMALL, colour_constancy="shades-of-grey")
    skin = np.random.default_rng(0).integers(60, 120, (1, 32, 32, 1)) * np.array([1.0, 0.8, 0.7])
    one, other = (
        shades_of_grey(torch.from_numpy(np.rint(skin * light).astype(np.uint8))).numpy()
        for light in ([1.0, 1.0, 1.0], [1.3, 1.0, 0.8])
    )
    np.testing.assert_allclose(one / one.mean(), other / other.mean(), atol=0.03)
    assert not torch.equal(normalise(squares, config), normalise(squares, SMALL))


def test_the_light_is_each_pictures_own():
    squares = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8))
    together = shades_of_grey(squares)
    for place in range(3):
        torch.testing.assert_close(together[place : place + 1], shades_of_grey(squares[place : place + 1]))


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (80, 80, 80), PADDING, (200, 0, 0), (0, 0, 1)])
def test_pictures_that_tell_nothing_of_the_light_stay_finite(colour):
    squares = torch.zeros(1, 32, 32, 3, dtype=torch.uint8) + torch.tensor(colour, dtype=torch.uint8)
    found = shades_of_grey(squares)
    assert found.isfinite().all()
    assert found.mean().item() == pytest.approx(squares.float().mean().item(), rel=1e-4, abs=1e-4)
    if len(set(colour)) == 1 or colour == PADDING:
        torch.testing.assert_close(found, squares.float())


def test_no_channel_gains_more_than_any_light_takes():
    squares = torch.zeros(1, 32, 32, 3, dtype=torch.uint8) + torch.tensor([200, 200, 2], dtype=torch.uint8)
    gains = shades_of_grey(squares)[0, 0, 0] / squares[0, 0, 0]
    assert (gains.max() / gains.min()).item() == pytest.approx(LARGEST_RATIO)


def test_padding_tells_nothing_of_the_light_and_stays():
    picture = torch.from_numpy(np.random.default_rng(0).integers(0, 99, (1, 32, 32, 3), dtype=np.uint8))
    padded = torch.zeros(1, 64, 32, 3, dtype=torch.uint8) + torch.tensor(PADDING, dtype=torch.uint8)
    padded[:, 16:48] = picture
    found = shades_of_grey(padded)
    torch.testing.assert_close(found[:, 16:48], shades_of_grey(picture))
    assert torch.equal(found[:, :16], padded[:, :16].float())


def test_an_unknown_encoder_is_refused():
    with pytest.raises(
        ConfigFault,
        match=r"timm knows no encoder named 'efficientnet_b99': use one of its names, such as efficientnet_b",
    ):
        LesionNet(replace(SMALL, encoder="efficientnet_b99"))
    with pytest.raises(ConfigFault, match=r"named 'zzz': use one of its names, such as efficientnet_b0, resnet34\."):
        LesionNet(replace(SMALL, design="dual", mask_encoder="zzz"))


def test_a_network_that_cannot_take_its_own_size_is_refused(monkeypatch):
    """As of timm's Swin and MaxViT, which are made for one size."""
    net = LesionNet(SMALL)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    check_size(net)
    assert net.training
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())

    def refuse(images: torch.Tensor) -> list[torch.Tensor]:
        raise AssertionError(f"Input height ({len(images[0, 0])}) doesn't match model (224).")

    monkeypatch.setattr(net.encoder, "forward", refuse)
    told = (
        rf"pictures of {SMALL.input_size} pixels a side \(Input height .* doesn't match model \(224\).\): use another"
    )
    with pytest.raises(ConfigFault, match=told):
        check_size(net)
    assert net.training


def test_an_encoder_without_five_scales_is_refused():
    with pytest.raises(ConfigFault, match=r"The encoder 'mixer_s32_224' does not offer the five scales .* such as eff"):
        LesionNet(replace(SMALL, encoder="mixer_s32_224"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"design": "triple"}, "The design 'triple' is unknown: use one of shared, dual"),
        ({"input_size": 100}, "The input size 100 does not fit: use a multiple of 32 from 32 to 1024"),
        ({"input_size": 1056}, "The input size 1056 does not fit"),
        ({"dropout": 1.0}, "The dropout 1.0 does not fit: use a share from 0 up to, not including, 1"),
        (
            {"decoder_channels": (8, 8)},
            r"The decoder channels \[8, 8\] do not fit: use three to five whole numbers "
            "above 0",
        ),
        ({"decoder_channels": (8, 8.5, 8)}, r"The decoder channels \[8, 8.5, 8\] do not fit"),
        ({"mean": ("a", 0, 0)}, r"Mean \['a', 0, 0\] and deviation .* do not fit: give three numbers each"),
        ({"deviation": (float("nan"), 1, 1)}, r"deviation \[nan, 1, 1\] do not fit: give three numbers each"),
        ({"decoder_channels": (8, 8, 0)}, r"The decoder channels \[8, 8, 0\] do not fit"),
        ({"pooling": "lesion"}, "The pooling 'lesion' is unknown: use one of whole, whole\\+lesion"),
        ({"fit": "crop"}, "The fit 'crop' is unknown: use one of squeeze, pad"),
        ({"colour_constancy": "grey"}, "The colour constancy 'grey' is unknown: use one of none, shades-of-grey"),
        ({"head": "voxel"}, "The head 'voxel' is unknown: use one of pooled, pixel"),
        ({"whole_share": 1.5}, "The whole share 1.5 does not fit: use a share from 0 to 1"),
        (
            {"head": "pixel", "pooling": "whole+lesion"},
            r"'pixel' weighs its cells by model.whole_share, not by the pooling 'whole\+lesion': leave model.po",
        ),
        ({"head": "pixel", "hidden": 16}, r"A dense layer of 16 would keep the cells .*: use model.hidden=0, or the"),
        ({"drop_path": 0.6}, "The drop path 0.6 does not fit: use a share from 0 to 0.5"),
        ({"hidden": -1}, "Widths cannot be negative, and hidden is -1, feature_channels 32: use 0 to leave"),
        ({"deviation": (1.0, 0.0, 1.0)}, r"The deviation \[1.0, 0.0, 1.0\] does not fit: each number must be above 0"),
    ],
)
def test_settings_outside_their_range_are_refused(change, words):
    with pytest.raises(ConfigFault, match=words):
        replace(SMALL, **change)


def test_a_configuration_survives_its_dictionary():
    content = SMALL.as_dict()
    assert content["decoder_channels"] == [8, 8, 8, 8]
    assert ModelConfig.from_dict(content) == SMALL
    with pytest.raises(ConfigFault, match=r"does not fit this version of Derm \(see: hidden\): retrain or update"):
        ModelConfig.from_dict({name: value for name, value in content.items() if name != "hidden"})
    # Weights described before there were these have none of them.
    for name in ("drop_path", "pooling", "fit", "colour_constancy", "head", "whole_share"):
        del content[name]
    assert ModelConfig.from_dict(content) == SMALL
    with pytest.raises(ConfigFault, match=r"\(see: depth\)"):
        ModelConfig.from_dict({**content, "depth": 3})


def test_blocks_are_skipped_in_training_alone():
    assert SMALL.drop_path == 0
    config = replace(SMALL, encoder="test_resnet")  # its four blocks have a way round them
    plain, deep = LesionNet(config), LesionNet(replace(config, drop_path=0.5))
    assert not any(isinstance(part, DropPath) for part in plain.modules())
    # The first is never skipped; the rate rises evenly.
    rates = [part.drop_prob for part in deep.modules() if isinstance(part, DropPath)]
    assert rates == pytest.approx([1 / 6, 2 / 6, 3 / 6])
    assert deep.state_dict().keys() == plain.state_dict().keys()
    for part in plain.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.ones_(part.weight)  # timm's ResNets begin with blocks that add nothing
    deep.load_state_dict(plain.state_dict())
    batch = images()
    for got, expected in zip(deep.eval()(batch), plain.eval()(batch), strict=True):
        assert torch.equal(got, expected)

    def trained(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        with torch.no_grad():
            return deep.train()(batch).features

    assert torch.equal(trained(0), trained(0))  # of the generator that the loop sets anew for each step
    assert not all(torch.equal(trained(0), trained(seed)) for seed in range(1, 6))


def test_both_encoders_of_the_dual_design_skip_blocks():
    net = LesionNet(replace(DESIGNS["dual"][0], drop_path=0.2))
    for encoder in (net.encoder, net.mask_encoder):
        assert any(isinstance(part, DropPath) for part in encoder.modules())


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["vgg11", "densenet121"])
def test_an_encoder_without_blocks_to_skip_is_refused(encoder):
    with pytest.raises(ConfigFault, match=f"The encoder '{encoder}' has no blocks to skip: use --set model.drop_path"):
        LesionNet(replace(SMALL, encoder=encoder, drop_path=0.1))
