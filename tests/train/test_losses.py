"""The joint loss, term by term."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from derm.model.network import ModelOutput
from derm.train.config import TrainConfig
from derm.train.losses import Truth, dice_loss, joint_loss, open_loss, shift_of, soft_loss, weigh_classes

CONFIG = TrainConfig()
SURE = 100.0
"""A logit whose sigmoid is 1 in float32."""


def answer(class_logits: list[list[float]], mask_logits: torch.Tensor | None = None) -> ModelOutput:
    """Class logits as given; without mask logits, ones that say a half everywhere on 2 × 2 pixels."""
    masks = torch.zeros(len(class_logits), 1, 2, 2) if mask_logits is None else mask_logits
    return ModelOutput(masks, torch.tensor(class_logits), torch.zeros(len(class_logits), 1, 1, 1))


def truth(classes: list[int], has_mask: list[bool]) -> Truth:
    """Masks whose upper row is lesion."""
    masks = torch.zeros(len(classes), 1, 2, 2)
    masks[:, :, 0] = 1
    return Truth(masks, torch.tensor(has_mask), torch.tensor(classes))


def test_dice_by_hand():
    masks = torch.zeros(4, 1, 2, 2)
    masks[0, 0, 0] = masks[1, 0, 0] = masks[2, 0, 0] = 1  # two of four pixels; the last one has none
    logits = torch.full((4, 1, 2, 2), -SURE)
    logits[0, 0, 0] = SURE  # all right
    logits[1, 0, :, 0] = SURE  # one right, one wrong, one missed
    logits[2] = 0  # a half everywhere
    # 1 − (2 · 2 + 1) / (2 + 2 + 1), 1 − (2 + 1) / (2 + 2 + 1), 1 − (2 · 1 + 1) / (2 + 2 + 1), 1 − 1 / 1
    torch.testing.assert_close(dice_loss(logits, masks), torch.tensor([0, 2 / 5, 2 / 5, 0]))


def test_the_joint_loss_is_weighted():
    given, true = answer([[0.0] * 7] * 2), truth([0, 3], [True, True])
    config = replace(CONFIG, mask_weight=2.0, class_weight=0.5)
    losses = joint_loss(given, true, config, None)
    # Seven equal scores cost log 7; a half everywhere costs 2 / 5 of Dice, as above.
    assert losses.diagnosis.item() == pytest.approx(math.log(7))
    assert losses.mask.item() == pytest.approx(2 / 5)
    assert losses.joint.item() == pytest.approx(2 * 2 / 5 + 0.5 * math.log(7))
    with_bce = joint_loss(given, true, replace(config, mask_loss="dice+bce"), None)
    assert with_bce.mask.item() == pytest.approx(2 / 5 + math.log(2))


def test_images_without_a_mask_count_for_the_diagnosis_alone():
    masks = torch.zeros(2, 1, 2, 2, requires_grad=True)
    given = answer([[1.0, 0, 0, 0, 0, 0, 0], [0.0] * 7], masks)
    losses = joint_loss(given, truth([0, 3], [True, False]), CONFIG, None)
    assert losses.mask.item() == pytest.approx(2 / 5)
    first = -math.log(math.e / (math.e + 6))
    assert losses.diagnosis.item() == pytest.approx((first + math.log(7)) / 2)
    losses.joint.backward()
    assert masks.grad[0].abs().sum() > 0
    assert masks.grad[1].abs().sum() == 0
    nobody = joint_loss(given, truth([0, 3], [False, False]), CONFIG, None)
    assert nobody.mask.item() == 0
    assert nobody.joint.item() == pytest.approx(nobody.diagnosis.item())


def test_plain_is_each_images_own_cross_entropy():
    logits = torch.randn(5, 7, generator=torch.Generator().manual_seed(0), requires_grad=True)
    given = ModelOutput(torch.zeros(5, 1, 2, 2), logits, torch.zeros(5, 1, 1, 1))
    weights = torch.arange(7.0)
    config = replace(CONFIG, label_smoothing=0.1)
    losses = joint_loss(given, truth([0, 1, 2, 3, 4], [True] * 5), config, weights)
    expected = F.cross_entropy(logits, torch.arange(5), reduction="none")
    torch.testing.assert_close(losses.plain, expected.detach())
    assert not losses.plain.requires_grad
    assert losses.joint.requires_grad


def test_losses_are_float32_whatever_the_network_ran_in():
    given = ModelOutput(*(part.bfloat16() for part in answer([[0.0] * 7] * 2)))
    losses = joint_loss(given, truth([0, 3], [True, True]), replace(CONFIG, mask_loss="dice+bce"), None)
    assert {loss.dtype for loss in losses} == {torch.float32}


def test_class_weights_by_hand():
    classes = torch.tensor([0] * 4 + [2])
    assert weigh_classes(classes, 0, 3) is None
    # Weights 1 / 4 and 1, 0 for the class without images; times 5 images over 4 · 1 / 4 + 1 = 2.
    assert weigh_classes(classes, 1.0, 3).tolist() == pytest.approx([0.625, 0, 2.5])
    # At a half: 1 / 2 and 1, times 5 over 4 · 1 / 2 + 1 = 3.
    assert weigh_classes(classes, 0.5, 3).tolist() == pytest.approx([5 / 6, 0, 5 / 3])


@pytest.mark.parametrize("balance", [0.25, 0.5, 1.0])
def test_class_weights_have_a_mean_of_1_over_the_images(balance):
    classes = torch.from_numpy(np.random.default_rng(0).choice(7, 500, p=[0.03, 0.05, 0.11, 0.01, 0.11, 0.67, 0.02]))
    weights = weigh_classes(classes, balance, 7)
    assert weights[classes].mean().item() == pytest.approx(1)
    frequency = torch.bincount(classes, minlength=7)
    assert torch.argsort(weights).tolist() == torch.argsort(-frequency).tolist()


def test_class_weights_enter_the_diagnosis():
    given = answer([[0.0] * 7, [2.0, 0, 0, 0, 0, 0, 0]])
    weights = torch.tensor([3.0, 1, 1, 1, 1, 1, 1])
    losses = joint_loss(given, truth([1, 0], [True, True]), CONFIG, weights)
    second = -math.log(math.exp(2) / (math.exp(2) + 6))
    assert losses.diagnosis.item() == pytest.approx((math.log(7) + 3 * second) / 4)


def test_logits_are_shifted_by_the_logarithm_of_each_classs_share():
    classes = torch.tensor([0] * 5 + [2] * 2)
    assert shift_of(classes, CONFIG, 3) is None
    # Class 1 has no image and is taken to have one: of 8 images, 5, 1 and 2.
    once = shift_of(classes, replace(CONFIG, logit_adjustment=1.0), 3)
    assert once.tolist() == pytest.approx([math.log(5 / 8), math.log(1 / 8), math.log(2 / 8)])
    twice = shift_of(classes, replace(CONFIG, logit_adjustment=2.0), 3)
    torch.testing.assert_close(twice, 2 * once)
    # Drawn with shares of 5^(1/2), 1 and 2^(1/2), that is what is adjusted for; drawn all alike, nothing is.
    drawn = shift_of(classes, replace(CONFIG, logit_adjustment=1.0, sampling=0.5), 3)
    total = 5**0.5 + 1 + 2**0.5
    assert drawn.tolist() == pytest.approx([math.log(part / total) for part in (5**0.5, 1, 2**0.5)])
    alike = shift_of(classes, replace(CONFIG, logit_adjustment=1.0, sampling=1.0), 3)
    assert alike.tolist() == pytest.approx([math.log(1 / 3)] * 3)


def test_the_shift_enters_the_diagnosis_and_each_images_own_loss():
    shift = torch.tensor([0.5, 0.25, 0.05, 0.05, 0.05, 0.05, 0.05]).log()
    given, true = answer([[0.0] * 7] * 2), truth([0, 2], [True, True])
    # Scores that say nothing leave the shares: probabilities 1 / 2 and 1 / 20.
    losses = joint_loss(given, true, CONFIG, None, shift)
    assert losses.plain.tolist() == pytest.approx([math.log(2), math.log(20)])
    assert losses.diagnosis.item() == pytest.approx((math.log(2) + math.log(20)) / 2)
    # A network that knows the shares by heart has unlearned them here: minus their logarithm makes all alike.
    level = joint_loss(answer([(-shift).tolist()] * 2), true, CONFIG, None, shift)
    assert level.plain.tolist() == pytest.approx([math.log(7)] * 2)


def test_the_focal_loss_by_hand():
    # Scores log 6 and six times 0: the first class has 1 / 2, each other one 1 / 12.
    given = answer([[math.log(6), 0, 0, 0, 0, 0, 0]] * 2)
    config = replace(CONFIG, focal=2.0)
    losses = joint_loss(given, truth([0, 3], [True, True]), config, None)
    first, other = (1 / 2) ** 2 * math.log(2), (11 / 12) ** 2 * math.log(12)
    assert losses.diagnosis.item() == pytest.approx((first + other) / 2)
    assert losses.plain.tolist() == pytest.approx([math.log(2), math.log(12)])  # what replay hears has no focus
    weights = torch.tensor([3.0, 1, 1, 1, 1, 1, 1])
    weighted = joint_loss(given, truth([0, 3], [True, True]), config, weights)
    assert weighted.diagnosis.item() == pytest.approx((3 * first + other) / 4)
    # A label of 0.3 / 7 for each class, and 0.7 more for the first.
    smooth = joint_loss(given, truth([0, 0], [True, True]), replace(config, label_smoothing=0.3), None)
    assert smooth.diagnosis.item() == pytest.approx((0.7 + 0.3 / 7) * first + 6 * 0.3 / 7 * other)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, torch.arange(1.0, 8)])
def test_without_focus_the_soft_loss_is_torchs_cross_entropy(smoothing, weights):
    logits = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    classes = torch.tensor([0, 1, 6, 3, 3])
    expected = F.cross_entropy(logits, classes, weight=weights, label_smoothing=smoothing)
    torch.testing.assert_close(soft_loss(logits, F.one_hot(classes, 7).float(), weights, smoothing, 0.0), expected)
    assert soft_loss(logits, F.one_hot(classes, 7).float(), weights, smoothing, 1.0) < expected


@pytest.mark.parametrize("focal", [0.5, 1.0, 5.0])
def test_the_focal_loss_of_a_sure_answer_has_a_gradient(focal):
    logits = torch.tensor([[SURE] + [-SURE] * 6] * 2, requires_grad=True)
    given = ModelOutput(torch.zeros(2, 1, 2, 2), logits, torch.zeros(2, 1, 1, 1))
    joint_loss(given, truth([0, 1], [True, True]), replace(CONFIG, focal=focal), None).joint.backward()
    assert logits.grad.isfinite().all()
    assert logits.grad[1, 1] < -0.4  # half of the batch is quite wrong and pulls with full force


def test_shared_labels_by_hand():
    # Scores log 6 and six times 0: the first class has 1 / 2, each other one 1 / 12.
    given = answer([[math.log(6), 0, 0, 0, 0, 0, 0]] * 2)
    shares = torch.tensor([[0.75, 0, 0, 0.25, 0, 0, 0], [0.0, 0, 1, 0, 0, 0, 0]])
    true = truth([0, 2], [True, True])._replace(shares=shares)
    first, other = math.log(2), math.log(12)
    assert joint_loss(given, true, CONFIG, None).diagnosis.item() == pytest.approx(
        (0.75 * first + 0.25 * other + other) / 2
    )
    weights = torch.tensor([3.0, 1, 1, 1, 1, 1, 1])
    # Weighted by the labels' shares: 3 · 0.75 + 0.25 and 1.
    assert joint_loss(given, true, CONFIG, weights).diagnosis.item() == pytest.approx(
        (3 * 0.75 * first + 0.25 * other + other) / (3 * 0.75 + 0.25 + 1)
    )
    focal = joint_loss(given, true, replace(CONFIG, focal=1.0), None)
    assert focal.diagnosis.item() == pytest.approx((0.75 * first / 2 + 0.25 * 11 / 12 * other + 11 / 12 * other) / 2)
    # Whole labels, however they are told, cost the same.
    whole = true._replace(shares=F.one_hot(true.classes, 7).float())
    config = replace(CONFIG, label_smoothing=0.1)
    expected = joint_loss(given, true._replace(shares=None), config, weights)
    torch.testing.assert_close(joint_loss(given, whole, config, weights).joint, expected.joint)


def test_soft_dice_is_least_at_the_soft_mask():
    masks = torch.full((1, 1, 2, 2), 0.75)
    # 1 − (2 · 4 · 0.75 + 1) / (4 · 0.75 + 4 · 0.75 + 1) is 0; at a half 1 − (4 + 1) / (2 + 3 + 1); at 1 1 − 7 / 8.
    for probability, expected in ((0.75, 0), (0.5, 1 / 6), (1 - 1e-9, 1 / 8)):
        logits = torch.full((1, 1, 2, 2), math.log(probability / (1 - probability)))
        assert dice_loss(logits, masks, soft=True).item() == pytest.approx(expected, abs=1e-6)
    hard = (torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    logits = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    assert torch.equal(dice_loss(logits, hard, soft=True), dice_loss(logits, hard))


def test_an_open_label_asks_for_any_of_its_classes():
    logits = torch.tensor([[math.log(4.0), math.log(3.0), 0.0, 0.0, 0.0, 0.0, 0.0]] * 4)
    allowed = torch.zeros(4, 7, dtype=torch.bool)
    allowed[0, 0], allowed[1, :2], allowed[2, 2:], allowed[3] = True, True, True, True
    # Of 12 parts: 4 of the first, 7 of the first two, 5 of the others, and all.
    expected = [math.log(12 / 4), math.log(12 / 7), math.log(12 / 5), 0.0]
    assert open_loss(logits, allowed).tolist() == pytest.approx(expected, abs=1e-6)


def test_open_labels_are_averaged_over_the_images_that_tell_something():
    given = answer([[math.log(4.0), 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]] * 3)
    allowed = torch.zeros(3, 7, dtype=torch.bool)
    allowed[0, 0], allowed[1, 1:], allowed[2] = True, True, True
    config = TrainConfig(label_smoothing=0.0)
    losses = joint_loss(given, truth([0, 7, 7], [True] * 3)._replace(allowed=allowed), config, None)
    # Of 10 parts: 4 of the first, 6 of the others; the third image says nothing and does not count.
    assert losses.diagnosis.item() == pytest.approx((math.log(10 / 4) + math.log(10 / 6)) / 2, abs=1e-6)
    assert losses.plain.tolist() == pytest.approx([math.log(10 / 4), math.log(10 / 6), 0.0], abs=1e-6)


@pytest.mark.parametrize("focal", [0.0, 2.0])
def test_labels_that_are_all_known_give_the_same_loss_either_way(focal):
    given = answer([[1.0, 0.5, -1.0, 0.0, 2.0, 0.3, 0.0], [0.0, 0.2, 0.4, 1.0, -2.0, 0.3, 0.1]])
    closed = truth([4, 3], [True, False])
    config = TrainConfig(label_smoothing=0.1, focal=focal)
    weights = torch.tensor([1.0, 1.0, 1.0, 3.0, 0.5, 1.0, 1.0])
    allowed = F.one_hot(closed.classes, 7).bool()
    one, other = (joint_loss(given, way, config, weights) for way in (closed, closed._replace(allowed=allowed)))
    assert one.joint.item() == pytest.approx(other.joint.item(), abs=1e-6)
    assert one.plain.tolist() == pytest.approx(other.plain.tolist(), abs=1e-6)


def test_a_batch_without_any_diagnosis_has_no_loss_and_no_gradient_of_it():
    logits = torch.zeros(2, 7, requires_grad=True)
    given = answer([[0.0] * 7] * 2)._replace(class_logits=logits)
    allowed = torch.ones(2, 7, dtype=torch.bool)
    losses = joint_loss(given, truth([7, 7], [True, True])._replace(allowed=allowed), TrainConfig(), None)
    losses.diagnosis.backward()
    assert losses.diagnosis.item() == 0
    assert logits.grad is not None
    assert logits.grad.abs().max() == 0
