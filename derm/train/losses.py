"""The joint loss: outline and diagnosis, weighted.

Needs an `ModelOutput` and its truth. Gives each image's own cross-entropy beside it, for curriculum and replay.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from derm.diagnoses import CODES
from derm.model.network import ModelOutput
from derm.train.config import TrainConfig


class Truth(NamedTuple):
    """What a batch should have been answered.

    masks: float (N, 1, S, S) of 0 and 1. has_mask: bool (N,). classes: int64 (N,), the number of classes where the
    label is open. shares: float (N, 7), where images are mixed: the share of each class, 1 in each row; classes then
    holds the largest, and masks lie in 0 … 1. Or None. allowed: bool (N, 7), where labels may be open: the classes that
    each image may have, one where its label is known and all where it has none. Or None.
    """

    masks: Tensor
    has_mask: Tensor
    classes: Tensor
    shares: Tensor | None = None
    allowed: Tensor | None = None


class Losses(NamedTuple):
    """joint, mask and diagnosis: float scalars, the first to be minimised. plain: float (N,), the unweighted,
    unsmoothed cross-entropy of each image, of adjusted logits where they are adjusted, detached."""

    joint: Tensor
    mask: Tensor
    diagnosis: Tensor
    plain: Tensor


def dice_loss(logits: Tensor, masks: Tensor, *, soft: bool = False) -> Tensor:
    """One minus the soft Dice coefficient of each image, float (N,), for logits and masks, float (N, 1, S, S).

    One is added above and below (Milletari et al. 2016 smoothed), so that two empty masks cost nothing. soft: for masks
    between 0 and 1. Their overlap is the smaller of the two values, not the product, whose loss is least for a
    probability of 0 or 1 (Wang et al. 2023, "Dice semimetric losses"); for masks of 0 and 1 both are the same.
    """
    probability = logits.sigmoid().flatten(1)
    truth = masks.flatten(1)
    overlap = torch.minimum(probability, truth) if soft else probability * truth
    return 1 - (2 * overlap.sum(1) + 1) / (probability.sum(1) + truth.sum(1) + 1)


def soft_loss(logits: Tensor, target: Tensor, weights: Tensor | None, smoothing: float, focal: float) -> Tensor:
    """Focal cross-entropy with shared labels, a float scalar: Σ q_c · w_c · (1 − p_c)^focal · (−log p_c) of each image,
    added up and divided by the weights of the labels, Σ t_c · w_c.

    logits, target t: float (N, C), the labels' shares, 1 in each row. weights w: float (C,) or None for 1. q is t with
    `smoothing` of it spread over all classes. At focal 0 and whole labels it is `F.cross_entropy`; for whole labels
    without smoothing it is Lin et al. 2017, eq. 5.
    """
    weights = torch.ones_like(logits[0]) if weights is None else weights
    log_probability = logits.log_softmax(1)
    part = -log_probability * weights
    if focal:
        # Not quite to 0, where a power below 1 has an infinite gradient.
        part = part * (1 - log_probability.exp()).clamp(min=1e-6) ** focal
    smooth = (1 - smoothing) * target + smoothing / logits.shape[1]
    return (smooth * part).sum() / (target * weights).sum()


class Divisors(NamedTuple):
    """What the sums over a batch are divided by, float scalars. masks: images with a mask. weight: of the labels that
    are known, the sum of their classes' weights. single: labels that are known. labelled: those and open ones that
    leave several classes, but not all."""

    masks: Tensor
    weight: Tensor
    single: Tensor
    labelled: Tensor


def divisors_of(truth: Truth, class_weights: Tensor | None) -> Divisors:
    """The divisors of a batch; those of its parts add up to it."""
    count = torch.ones_like(truth.classes) if truth.allowed is None else truth.allowed.sum(1)
    single, several = count == 1, (count > 1) & (count < len(CODES))
    target = F.one_hot(truth.classes[single], len(CODES)).float() if truth.shares is None else truth.shares
    weighted = target if class_weights is None else target * class_weights
    amounts = (truth.has_mask.sum(), weighted.sum(), single.sum(), (single | several).sum())
    return Divisors(*(amount.float() for amount in amounts))


def joint_loss(
    answer: ModelOutput,
    truth: Truth,
    config: TrainConfig,
    class_weights: Tensor | None,
    shift: Tensor | None = None,
    whole: Divisors | None = None,
) -> Losses:
    """Dice (with binary cross-entropy where `config` says so) plus cross-entropy; section 3 of Fiaz et al. 2025.

    class_weights: float (7,), mean 1 over the training images, or None. shift: float (7,), added to the class logits,
    see `shift_of`, or None. Images without a mask count for the diagnosis alone. Everything is computed in float32,
    whatever the network ran in.
    """
    mask_logits, class_logits = answer.mask_logits.float(), answer.class_logits.float()
    if shift is not None:
        # For `plain`, too: replay compares it with a class's share, so it must be a probability under those shares.
        class_logits = class_logits + shift
    each = dice_loss(mask_logits, truth.masks, soft=truth.shares is not None)
    if config.mask_loss == "dice+bce":
        each = each + F.binary_cross_entropy_with_logits(mask_logits, truth.masks, reduction="none").mean(dim=(1, 2, 3))
    known = truth.has_mask.float()
    share = None if whole is None else divisors_of(truth, class_weights).weight / whole.weight
    mask = (each * known).sum() / (known.sum() if whole is None else whole.masks).clamp(min=1)
    if truth.allowed is None:
        diagnosis = _closed_loss(class_logits, truth.classes, truth.shares, config, class_weights)
        diagnosis = diagnosis if share is None else diagnosis * share
        plain = F.cross_entropy(class_logits.detach(), truth.classes, reduction="none")
    else:
        plain = open_loss(class_logits, truth.allowed)
        count = truth.allowed.sum(1)
        single, several = count == 1, (count > 1) & (count < class_logits.shape[1])
        parts = [plain[several].sum()]
        if single.any():
            closed = _closed_loss(class_logits[single], truth.classes[single], None, config, class_weights)
            closed = closed if share is None else closed * share
            parts.append((single.sum() if whole is None else whole.single) * closed)
        labelled = (single | several).sum() if whole is None else whole.labelled
        diagnosis = torch.stack(parts).sum() / labelled.clamp(min=1)
        plain = plain.detach()
    return Losses(config.mask_weight * mask + config.class_weight * diagnosis, mask, diagnosis, plain)


def _closed_loss(
    logits: Tensor, classes: Tensor, shares: Tensor | None, config: TrainConfig, class_weights: Tensor | None
) -> Tensor:
    """The loss of diagnoses that are known, a float scalar; arguments as of `joint_loss`."""
    if config.focal or shares is not None:
        target = F.one_hot(classes, logits.shape[1]).float() if shares is None else shares
        return soft_loss(logits, target, class_weights, config.label_smoothing, config.focal)
    return F.cross_entropy(logits, classes, weight=class_weights, label_smoothing=config.label_smoothing)


def open_loss(logits: Tensor, allowed: Tensor) -> Tensor:
    """−log of the probability of all classes that an image may have together, float (N,): 0 where it may have any.

    logits: float (N, C). allowed: bool (N, C), at least one in each row. With one it is the cross-entropy; with
    several, the likelihood of a label that tells less than the classes (partial labels, Cour, Sapp and Taskar 2011).
    """
    return logits.logsumexp(1) - logits.masked_fill(~allowed, -torch.inf).logsumexp(1)


def weigh_classes(classes: Tensor, balance: float, count: int) -> Tensor | None:
    """Weight of each of `count` classes, float (count,): frequency^(−balance), mean 1 over the images; None at 0.

    classes: int64 (n,), of the training images. A class without an image has weight 0.
    """
    if balance == 0:
        return None
    frequency = torch.bincount(classes, minlength=count).double()
    weight = torch.where(frequency > 0, frequency.clamp(min=1) ** -balance, 0.0)
    return (weight * len(classes) / (weight * frequency).sum()).float()


def shift_of(classes: Tensor, config: TrainConfig, count: int) -> Tensor | None:
    """What is added to the logit of each of `count` classes, float (count,): logit_adjustment · log share; None at 0.

    classes: int64 (n,), of the training images. Menon et al. 2021, eq. 10. The share is that with which `sampling`
    draws the class, or rare classes would be favoured twice. A class without an image is taken to have one, since log 0
    would forbid it for ever; no image of it is there to be learned from.
    """
    if config.logit_adjustment == 0:
        return None
    frequency = torch.bincount(classes, minlength=count).double().clamp(min=1) ** (1 - config.sampling)
    return (config.logit_adjustment * (frequency / frequency.sum()).log()).float()
