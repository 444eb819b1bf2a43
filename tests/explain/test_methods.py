"""Each way to a heat map by hand, against pytorch-grad-cam, without a trace on the network, and every guard."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from math import log, sqrt

import numpy as np
import pytest
import torch
from small_nets import make_nets
from torch import Tensor, nn

from derm.data.synthetic.lesion import draw_lesion
from derm.diagnoses import CODES, INDEX
from derm.explain.cams import FINER_STAGE, eigen_cam, grad_cam, grad_cam_plus_plus, hires_cam, layer_cam
from derm.explain.class_head import class_logits, slopes, stage_slopes
from derm.explain.gradcam import FLAT_LOGIT, class_maps
from derm.explain.methods import FLAT_FEATURE, METHODS, contrast_maps
from derm.explain.perturb import occlusion, score_cam, skin
from derm.image.resize import square
from derm.model.config import ModelConfig
from derm.model.network import LesionNet, ModelOutput
from derm.model.preprocess import normalise
from derm.model.weights import default_weights, load_weights

MEL, NV = INDEX["mel"], INDEX["nv"]
SMALL = {
    "encoder": "test_efficientnet", "mask_encoder": "test_resnet",
    "input_size": 64, "feature_channels": 32, "decoder_channels": (8, 8, 8, 8),
}  # fmt: skip
VARIANTS = {
    "shared": {},
    "dual": {"design": "dual"},
    "hidden": {"hidden": 16},
    "resnet": {"encoder": "test_resnet"},
    "inside": {"pooling": "whole+lesion"},
    "pixel": {"head": "pixel"},
    "dual pixel": {"design": "dual", "head": "pixel"},
}
EVERY = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


@pytest.fixture(scope="module")
def nets() -> dict[str, LesionNet]:
    made = make_nets(VARIANTS, **SMALL)
    made["shipped"] = load_weights(default_weights()).net
    return made


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(3))


class Eye(nn.Module):
    """An encoder for sums on paper: stage 1 is the image, stage 2 what `then` makes of it."""

    out_channels = (3, 3, 3)

    def __init__(self, then: Callable[[Tensor], Tensor] = lambda stage: stage) -> None:
        super().__init__()
        self.then = then

    def forward(self, images: Tensor) -> list[Tensor]:
        first = images * 1
        return [images, first, self.then(first)]


def on_paper(weights: dict[int, list[float]], encoder: nn.Module | None = None) -> LesionNet:
    """A network whose features are those of `encoder`, else of nothing, and whose head has these weights, no biases."""
    channels = len(next(iter(weights.values())))
    net = LesionNet(ModelConfig(**SMALL | {"feature_channels": channels})).eval()
    with torch.no_grad():
        net.head.scores.weight.zero_()
        net.head.scores.bias.zero_()
        for index, row in weights.items():
            net.head.scores.weight[index] = torch.tensor(row)
    if encoder is not None:
        net.encoder, net.neck = encoder, nn.Identity()
    return net


def answered(features: list[list[list[float]]]) -> tuple[Tensor, ModelOutput]:
    """One image and an answer to it that holds these features, (C, h, w)."""
    image = torch.zeros(1, 3, 64, 64)
    return image, ModelOutput(torch.zeros(1, 1, 64, 64), torch.zeros(1, 7), torch.tensor(features)[None])


FEATURES = [[[1.0, 3.0]], [[0.0, 2.0]]]  # two channels of 1 × 2 places


def test_grad_cam_and_hires_cam_by_hand():
    """W = (2, −4) over two places: 2·(1, 3) − 4·(0, 2) = (2, −2), halved and cut at 0."""
    net, given = on_paper({MEL: [2.0, -4.0]}), answered(FEATURES)
    for method in (grad_cam, hires_cam):
        assert method(net, *given, [MEL]).tolist() == [[[[1.0, 0.0]]]]


def test_grad_cam_plus_plus_by_hand():
    """W = (2, 4): g = (1, 2), ΣA = (4, 2), so α = 1 / (2 + 4·1) = 1 / (2 + 2·2) = 1 / 6, weights 2·g·α = (1/3, 2/3)."""
    net = on_paper({MEL: [2.0, 4.0], NV: [2.0, -4.0]})
    maps = grad_cam_plus_plus(net, *answered(FEATURES), [MEL, NV])
    torch.testing.assert_close(maps[0, 0], torch.tensor([[1 / 3, 1 + 4 / 3]]))
    torch.testing.assert_close(maps[0, 1], torch.tensor([[1 / 3, 1.0]]))  # the channel that speaks against is left out


def test_grad_cam_plus_plus_leaves_out_what_its_paper_does_not_define():
    """ΣA = −4 and g = 1 make the denominator 2 − 4 of the first channel negative; the second has 1 / (2 + 2·1)."""
    net = on_paper({MEL: [2.0, 2.0]})
    maps = grad_cam_plus_plus(net, *answered([[[-5.0, 1.0]], [[0.0, 2.0]]]), [MEL])
    assert maps.tolist() == [[[[0.0, 2 * 2 / 4]]]]


def test_layer_cam_and_hires_cam_of_a_stage_by_hand():
    """Logit = mean of 2·a² − 4·b²; at a = (1, 3), b = (0, 2) its gradients are 2·a = (2, 6) and −4·b = (0, −8)."""
    net = on_paper({MEL: [2.0, -4.0, 0.0]}, Eye(torch.square))
    image = torch.tensor([[[[1.0, 3.0]], [[0.0, 2.0]], [[5.0, 5.0]]]])
    assert layer_cam(net, image, classes=[MEL], stage=1).tolist() == [[[[2.0, 18.0]]]]  # the negative one is cut
    assert hires_cam(net, image, classes=[MEL], stage=1).tolist() == [[[[2.0, 18.0 - 16.0]]]]


def test_eigen_cam_by_hand():
    """Places (0, 0) and (2, 2), centred (−1, −1) and (1, 1), lie at −√2 and √2 along (1, 1) / √2: strong is up."""
    net = on_paper({MEL: [2.0, 4.0]})
    for features, expected in (
        ([[[0.0, 2.0]], [[0.0, 2.0]]], [[0, sqrt(2)]]),
        ([[[2.0, 0.0]], [[2.0, 0.0]]], [[sqrt(2), 0]]),
    ):
        maps = eigen_cam(net, *answered(features), [MEL, NV])
        torch.testing.assert_close(maps[0], torch.tensor([expected, expected]))


def test_eigen_cam_of_features_that_are_the_same_everywhere_is_flat():
    maps = eigen_cam(on_paper({MEL: [2.0, 4.0]}), *answered([[[3.0, 3.0]], [[1.0, 1.0]]]), [MEL])
    assert METHODS["eigen-cam"].evidence(maps[0, 0].numpy()).flat


def test_score_cam_by_hand():
    """Masks: (0, 1) of the first channel; the others are the same everywhere and mask all. Logits ln 2, 0, 0, so the
    weights are 1/2, 1/4, 1/4 and the map is (0, 4) / 2 + (2, 2) / 4."""
    net = on_paper({MEL: [log(2) / 2, 0.0, 0.0]}, Eye())
    image = torch.tensor([[[[0.0, 4.0]], [[2.0, 2.0]], [[0.0, 0.0]]]])
    torch.testing.assert_close(
        score_cam(net, image, classes=[MEL], channels=None), torch.tensor([[[[0.5, 2.5]]]]), rtol=1e-6, atol=0
    )
    # The channel that varies most, alone, has weight 1.
    assert score_cam(net, image, classes=[MEL], channels=1).tolist() == [[[[0.0, 4.0]]]]


def test_occlusion_by_hand():
    """One pixel of 64, at (2, 2) of 8 × 8, makes a logit of 1. Patches of the first two cells on each side reach it."""
    net = on_paper({MEL: [1.0, 0.0, 0.0], NV: [-1.0, 0.0, 0.0]}, Eye())
    image = torch.zeros(1, 3, 8, 8)
    image[0, 0, 2, 2] = 64.0
    maps = occlusion(net, image, classes=[MEL, NV], cells=4)
    assert maps[0, 0].tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert not maps[0, 1].any()  # covering it makes the nevus likelier


def test_the_skin_is_the_median_of_the_frame():
    """Of a picture of 4 × 4 the frame is its 12 outer pixels: 7 of colour 2, 5 dark; the lesion does not count."""
    image = torch.full((1, 1, 4, 4), 9.0)
    frame = torch.ones(4, 4, dtype=torch.bool)
    frame[1:3, 1:3] = False
    image[0, 0, frame] = torch.tensor([2.0] * 7 + [-1.0] * 5)
    assert skin(image).tolist() == [[[[2.0]]]]


def test_one_class_against_another_by_hand():
    """W differ by (2, 0): 2·(1, 3) / 2 = (1, 3) speaks for melanoma rather than nevus, and nothing for the converse."""
    net, (image, answer) = on_paper({MEL: [2.0, -4.0], NV: [0.0, -4.0]}), answered(FEATURES)
    assert contrast_maps(net, image, MEL, NV, answer).tolist() == [[[1.0, 3.0]]]
    assert contrast_maps(net, image, NV, MEL, answer).tolist() == [[[0.0, 0.0]]]


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["shared", "hidden", "pixel"])
def test_one_class_against_another_is_the_gradient_of_the_difference(nets, images, variant):
    net = nets[variant]
    answer = net(images)
    (slope,) = torch.autograd.grad((answer.class_logits[:, MEL] - answer.class_logits[:, NV]).sum(), answer.features)
    expected = (slope.mean(dim=(2, 3), keepdim=True) * answer.features).sum(dim=1).relu().detach()
    torch.testing.assert_close(contrast_maps(net, images, MEL, NV), expected, atol=1e-6, rtol=1e-5)
    # Cut apart, the two directions are the one signed difference.
    both = contrast_maps(net, images, MEL, NV) * contrast_maps(net, images, NV, MEL)
    assert not both.any()


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["shared", "hidden", "dual", "pixel"])
def test_slopes_are_the_gradient_at_every_place(nets, images, variant):
    net = nets[variant]
    answer = net(images)
    found = slopes(net, answer.features, range(7))
    for index in range(7):
        (slope,) = torch.autograd.grad(answer.class_logits[:, index].sum(), answer.features, retain_graph=True)
        torch.testing.assert_close(found[:, index, :, None, None].expand_as(slope), slope, atol=1e-7, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["shared", "resnet", "inside", "pixel", "dual pixel"])
def test_a_stage_s_gradient_tells_what_a_step_does(nets, images, variant):
    """From the last stage on, a small step along the gradient raises the logit by its squared length."""
    net = deepcopy(nets[variant]).double().requires_grad_(requires_grad=False)
    stages = net.encoder(images.double().requires_grad_())
    held = net._outline(images.double(), stages).detach()  # gradients take it for given
    score = lambda last: net.head(net._pooled_by_head([*stages[:-1], last], held))[:, MEL].sum()  # noqa: E731
    expected = torch.autograd.grad(score(stages[-1]), stages[-1])[0]
    activations, gradients = stage_slopes(nets[variant], images, 5, [MEL])
    torch.testing.assert_close(gradients[:, 0].double(), expected, atol=1e-5, rtol=1e-3)
    step = 1e-3 / expected.norm().item()
    before, after = (score(stages[-1].detach() + by * expected).item() for by in (0, step))
    assert after - before == pytest.approx(step * expected.square().sum().item(), rel=0.01)
    # Float32 against float64 through the whole encoder: one value in thousands was 1.4e-4 off on some processors.
    torch.testing.assert_close(activations, stages[-1].detach().float(), atol=1e-3, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("variant", [*VARIANTS, "shipped"])
def test_before_pooling_hires_cam_is_grad_cam(nets, images, variant):
    net = nets[variant]
    torch.testing.assert_close(hires_cam(net, images), grad_cam(net, images), atol=1e-6, rtol=1e-5)


# ---- against pytorch-grad-cam, on a copy, for it sets hooks and gradients


class Scores(nn.Module):
    """The class branch as the library wants it."""

    def __init__(self, net: LesionNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> Tensor:
        return self.net.head(self.net.class_features(images))


@pytest.fixture(scope="module")
def library():
    return pytest.importorskip("pytorch_grad_cam")


def theirs(library, name: str, net: LesionNet, images: Tensor, layer: Callable[[LesionNet], nn.Module]) -> np.ndarray:
    """The library's maps of all classes and images, float32 (N, 7, S, S), 0 … 1."""
    target = pytest.importorskip("pytorch_grad_cam.utils.model_targets").ClassifierOutputTarget
    copy = deepcopy(net).requires_grad_()
    with getattr(library, name)(model=Scores(copy), target_layers=[layer(copy)]) as cam:
        maps = [cam(input_tensor=images, targets=[target(index)] * len(images)) for index in range(7)]
    return np.stack(maps, axis=1)


def scaled(maps: Tensor, size: int) -> np.ndarray:
    """Raw maps, (N, K, h, w), as the library shows its own: (N, K, S, S), 0 … 1."""
    scale = pytest.importorskip("pytorch_grad_cam.utils.image").scale_cam_image
    return np.stack([scale(scale(own.numpy(), (size, size))) for own in maps])


def neck(net: LesionNet) -> nn.Module:
    return net.focus or net.neck


def finer(net: LesionNet) -> nn.Module:
    encoder = net.encoder.model
    return encoder.get_submodule(encoder.feature_info.module_name()[FINER_STAGE - 1])


def lesions(net):
    """Two drawn lesions as the network takes them, float (2, 3, 64, 64)."""
    drawn = [square(draw_lesion(code, 1, height=90, width=120).image, 64) for code in ("mel", "nv")]
    return normalise(torch.from_numpy(np.stack(drawn)), net.config)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["shared", "dual", "hidden", "shipped", "pixel"])
@pytest.mark.parametrize(
    ("name", "ours", "layer"),
    [
        ("GradCAM", grad_cam, neck),
        ("GradCAMPlusPlus", lambda net, images: grad_cam_plus_plus(net, images, epsilon=1e-6), neck),
        ("HiResCAM", hires_cam, neck),
        ("HiResCAM", lambda net, images: hires_cam(net, images, stage=FINER_STAGE), finer),
        ("LayerCAM", layer_cam, finer),
    ],
    ids=["grad-cam", "grad-cam++", "hirescam", "hirescam of a stage", "layercam"],
)
def test_maps_agree_with_the_library(library, nets, images, variant, name, ours, layer):
    net = nets[variant]
    if variant == "shipped":  # noise is evidence of nothing to trained weights
        images = lesions(net)
    raw = ours(net, images)
    assert raw.amax(dim=(2, 3)).max() > 1e-3
    # Scaling to 0 … 1 enlarges the rounding of weak maps: 4e-5 was seen with trained weights.
    np.testing.assert_allclose(scaled(raw, 64), theirs(library, name, net, images, layer), atol=1e-4)


@pytest.mark.slow
def test_score_cam_of_all_channels_agrees_with_the_library(library, nets, images, monkeypatch):
    """The library aligns corner cells with corner pixels; the authors' code, and ours, each cell with its area."""

    def upsampling(size):
        return nn.Upsample(size=size, mode="bilinear", align_corners=False)

    monkeypatch.setattr(nn, "UpsamplingBilinear2d", upsampling)
    monkeypatch.setattr("tqdm.tqdm", iter)
    raw = score_cam(nets["hidden"], images[:1], channels=None)
    np.testing.assert_allclose(
        scaled(raw, 64), theirs(library, "ScoreCAM", nets["hidden"], images[:1], neck), atol=1e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["shared", "shipped"])
def test_eigen_cam_agrees_with_the_library_but_for_the_sign(library, nets, images, variant):
    projection = pytest.importorskip("pytorch_grad_cam.utils.svd_on_activations").get_2d_projection
    net = nets[variant]
    with torch.no_grad():
        features = net(images).features
    signed = projection(features.numpy())
    for index, (own, found) in enumerate(zip(features, signed, strict=True)):
        energy = own.square().sum(dim=0).numpy()
        turned = found * np.sign(np.corrcoef(found.ravel(), energy.ravel())[0, 1])
        maps = eigen_cam(net, images)[index]
        np.testing.assert_allclose(maps, np.stack([np.maximum(turned, 0)] * 7), atol=1e-5 * turned.max())


@pytest.mark.slow
def test_the_library_s_epsilon_bends_grad_cam_plus_plus(nets):
    """Why ours has none by default: with 1,280 channels and 25 places g² is below 1e-6, and the map falls with it."""
    net, image = nets["shipped"], torch.randn(1, 3, 160, 160, generator=torch.Generator().manual_seed(3))
    exact, bent = (grad_cam_plus_plus(net, image, epsilon=epsilon) for epsilon in (0.0, 1e-6))
    assert slopes(net, torch.ones(1, 1280, 5, 5), range(7)).abs().median() ** 2 < 1e-6
    assert (exact - bent).max() > 0.05 * exact.max()


# ---- what holds for every method


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["shared", "pixel", "dual pixel"])
@EVERY
def test_maps_are_raw_and_in_the_order_of_classes(nets, images, method, variant):
    net = nets[variant]
    with torch.inference_mode():
        answer = net(images)
    maps = method.maps(net, images, answer)
    assert (maps.dtype, maps.shape[:2], maps.requires_grad) == (torch.float32, (2, 7), False)
    assert maps.min() >= 0
    torch.testing.assert_close(method.maps(net, images, answer, [MEL, 0]), maps[:, [MEL, 0]], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(method.maps(net, images), maps, atol=1e-4, rtol=1e-3)  # without the answer
    torch.testing.assert_close(method.maps(net, images[1:]), maps[1:], atol=1e-4, rtol=1e-3)  # each image by itself
    assert bool((maps[:, :1] == maps).all()) is not method.by_class


def traces(net: LesionNet) -> Iterator[object]:
    for name, module in net.named_modules():
        hooks = [len(value) for key, value in vars(module).items() if "hook" in key and isinstance(value, dict)]
        yield name, module.training, hooks, sorted(vars(module))
    for name, tensor in net.state_dict(keep_vars=True).items():
        yield name, tensor.requires_grad, tensor.grad is None, tensor._version, tensor.sum().item()


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["hidden", "pixel"])
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
@EVERY
def test_methods_leave_no_trace_in_any_mode(nets, images, method, mode, variant):
    net = nets[variant]
    before = list(traces(net))
    assert all(sum(trace[2]) == 0 for trace in before if len(trace) == 4)
    with mode():
        maps = method.maps(net, images[:1], net(images[:1]), [MEL])
        assert torch.is_grad_enabled() == (mode is torch.enable_grad)
    assert not maps.requires_grad
    assert not maps.is_inference() or mode is torch.inference_mode
    assert list(traces(net)) == before


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["shared", "pixel"])
@EVERY
def test_two_threads_get_their_own_maps(nets, images, method, variant):
    net = nets[variant]
    expected = [method.maps(net, image[None], classes=[MEL]) for image in images]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda turn: method.maps(net, images[turn % 2][None], classes=[MEL]), range(4)))
    assert (expected[0] - expected[1]).abs().max() > 1e-3
    for turn, maps in enumerate(found):
        torch.testing.assert_close(maps, expected[turn % 2], atol=1e-5, rtol=1e-4)


@pytest.mark.slow
@EVERY
def test_a_network_in_training_mode_is_refused(nets, images, method):
    net = deepcopy(nets["shared"]).train()
    with pytest.raises(ValueError, match=r"training mode.*call net\.eval\(\) first"):
        method.maps(net, images)


@pytest.mark.slow
@EVERY
def test_classes_that_are_not_are_refused(nets, images, method):
    for classes in ([], [7], [-1, 0]):
        with pytest.raises(ValueError, match=r"name at least one, each by its index from 0 to 6"):
            method.maps(nets["shared"], images, classes=classes)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in METHODS if name != "layercam"])
def test_an_answer_to_other_images_is_refused(nets, images, name):
    with torch.no_grad():
        answer = nets["shared"](images[:1])
    with pytest.raises(ValueError, match=r"answer is to 1 images, not to these 2: ask again"):
        METHODS[name].maps(nets["shared"], images, answer)


@pytest.mark.slow
def test_other_guards(nets, images):
    net = nets["shared"]
    for stage in (0, 6):
        with pytest.raises(ValueError, match=rf"stage is {stage}, and the encoder offers \[1, 2, 3, 4, 5\]"):
            layer_cam(net, images, stage=stage)
    with pytest.raises(ValueError, match="channels are 0: take at least 1, or None for all"):
        score_cam(net, images, channels=0)
    with pytest.raises(ValueError, match="cells are 7 on a side: take a number that divides the picture's 64 pixels"):
        occlusion(net, images, cells=7)
    with pytest.raises(ValueError, match="batch is 0: ask for at least 1 image at a time"):
        class_logits(net, images, 0)
    with pytest.raises(ValueError, match="class 4 is held against itself"):
        contrast_maps(net, images, MEL, MEL)


# ---- the table


def test_the_table_is_in_order_and_complete():
    expected = ["grad-cam", "grad-cam++", "hirescam", "layercam", "score-cam", "eigen-cam", "occlusion"]
    assert list(METHODS) == expected
    assert all(method.name == name and method.source for name, method in METHODS.items())
    assert [name for name, method in METHODS.items() if not method.by_class] == ["eigen-cam"]


def test_flat_is_one_rule_in_each_unit():
    assert METHODS["grad-cam"].flat_below(25) == FLAT_LOGIT / 25
    assert METHODS["occlusion"].flat_below(64) == FLAT_LOGIT
    assert METHODS["score-cam"].flat_below(25) == FLAT_FEATURE
    for method in METHODS.values():
        limit = method.flat_below(4)
        weak, strong = (
            method.evidence(np.full((2, 2), limit * by, dtype=np.float32), height=4, width=6) for by in (0.99, 1.01)
        )
        assert weak.flat
        assert not weak.map.any()
        assert weak.maximum == pytest.approx(0.99 * limit)  # named with its maximum, never stretched
        assert not strong.flat
        assert (strong.map.shape, strong.map.min()) == ((4, 6), 1)


@pytest.mark.slow
@EVERY
def test_a_head_that_knows_nothing_has_no_evidence(nets, images, method):
    """All weights 0: no class has evidence. A map of features cannot tell, for it shows where the network is awake."""
    net = deepcopy(nets["shared"]).requires_grad_(requires_grad=False)
    net.head.scores.weight.zero_()
    flat = [method.evidence(raw.numpy()).flat for raw in method.maps(net, images).flatten(end_dim=1)]
    assert flat == [method.unit != "feature"] * 2 * len(CODES)


@pytest.mark.slow
def test_cells_of_a_head_by_cells_are_a_fourth_as_wide(nets, images):
    sides = {name: method.maps(nets["pixel"], images[:1], classes=[MEL]).shape[-1] for name, method in METHODS.items()}
    assert {name: side for name, side in sides.items() if side != 8} == {"layercam": 4}  # of 64 pixels
    assert METHODS["grad-cam"].maps(nets["shared"], images).shape[-1] == 2


@pytest.mark.slow
def test_grad_cam_is_what_the_case_shows(nets, images):
    net = nets["shared"]
    with torch.inference_mode():
        answer = net(images)
    assert METHODS["grad-cam"].maps(net, images, answer).equal(class_maps(net, answer.features))
