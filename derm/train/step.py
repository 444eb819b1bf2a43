"""One step of training: from a batch to moved weights, and to what was right in it.

Needs a network and its optimiser. Knows nothing of plans, logs and files.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from derm.diagnoses import CODES
from derm.language.speech import say
from derm.metrics.masks import count_masks, dice
from derm.model.network import LesionNet, ModelOutput
from derm.model.preprocess import normalise
from derm.train.config import TrainConfig
from derm.train.losses import Divisors, Losses, Truth, divisors_of, joint_loss
from derm.train.open_run import Forward
from derm.train.world import ALONE, World


def take_step(
    net: LesionNet,
    optimiser: torch.optim.Optimizer,
    images: torch.Tensor,
    truth: Truth,
    config: TrainConfig,
    class_weights: torch.Tensor | None,
    shift: torch.Tensor | None = None,
    *,
    forward: Forward | None = None,
    world: World = ALONE,
    count: int | None = None,
) -> tuple[Losses, dict[str, float]]:
    """Learn from one batch, images uint8 (B, S, S, 3); return its losses and what it did right, to be summed.

    forward: what answers for `net`, where that is compiled or spread; its weights are those of `net`. world: where it
    has several processes, these images are this one's part of a batch of `count`, which is what the answer is of.

    right: diagnoses that were right; of a mixed image, the one with the larger share. labelled: images whose diagnosis
    is not open. dice: sum of the Dice of each image that has a mask, as the network saw it, varied and with dropout; of
    a mixed mask, the part above a half. outlined: images that have one.
    Raises RunFault, with the weights as they were, when the loss or its gradient is not finite.
    """
    net.train()
    whole = Divisors(*world.total(torch.stack(divisors_of(truth, class_weights)))) if world.size > 1 else None
    with unmoved(net, world):
        with torch.autocast(images.device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
            answer = (net if forward is None else forward)(normalise(images, config.model))
        losses = joint_loss(answer, truth, config, class_weights, shift, whole)
        optimiser.zero_grad(set_to_none=True)
        # Gradients are averaged over the processes, and theirs add up.
        (losses.joint * world.size).backward()
        scores = score(answer, truth)
        losses, scores = add_up(losses, scores, world, len(images) if count is None else count)
    norm = torch.nn.utils.get_total_norm([weight.grad for weight in net.parameters() if weight.grad is not None])
    if not (losses.joint.isfinite() and norm.isfinite()):
        raise world.fault(
            say(
                "The loss is {loss} and its gradient {gradient}: lower the learning rate ({rate:.1e}) and start a new "
                "run; the last checkpoint is from before.",
                loss=losses.joint.item(),
                gradient=norm.item(),
                rate=optimiser.param_groups[0]["lr"],
            )
        )
    optimiser.step()
    return losses, scores


@contextmanager
def unmoved(net: nn.Module, world: World) -> Iterator[None]:
    """Where the block fails for want of another process, put what it changed without gradients back as it was."""
    before = [buffer.clone() for buffer in net.buffers()] if world.size > 1 else []
    try:
        yield
    except RuntimeError:
        for buffer, old in zip(net.buffers(), before, strict=False):
            buffer.copy_(old)
        raise


def score(answer: ModelOutput, truth: Truth) -> dict[str, float]:
    """What was right in an answer, see `take_step`."""
    right = int((answer.class_logits.argmax(1) == truth.classes).sum())
    known = truth.has_mask
    drawn = (answer.mask_logits.detach()[known][:, 0] > 0).cpu().numpy()
    true = (truth.masks[known][:, 0] > 0.5).cpu().numpy()
    overlap = float(dice(count_masks(drawn, true)).sum()) if len(drawn) else 0.0
    labelled = int((truth.classes < len(CODES)).sum())
    return {"right": right, "dice": overlap, "outlined": len(drawn), "labelled": labelled}


def add_up(losses: Losses, scores: dict[str, float], world: World, count: int) -> tuple[Losses, dict[str, float]]:
    """Losses and scores of a whole batch of `count` images, from those of this process's part; without gradients."""
    own = Losses(*(loss.detach() for loss in losses))
    if world.size == 1:
        return own, scores
    single = torch.stack([own.joint, own.mask, own.diagnosis]).double().cpu()
    told = world.total(torch.cat([single, torch.tensor(list(scores.values()), dtype=torch.float64)]))
    plain = torch.from_numpy(world.gather(own.plain.double().cpu().numpy(), count))
    joint, mask, diagnosis, *rest = told.tolist()
    summed = dict(zip(scores, rest, strict=True))
    summed |= {name: int(summed[name]) for name in ("right", "outlined", "labelled")}
    return Losses(torch.tensor(joint), torch.tensor(mask), torch.tensor(diagnosis), plain), summed


def learning_rate(config: TrainConfig, step: int, steps: int) -> float:
    """Rate at `step`, 0 … steps − 1: constant, or rising for `warm_up` of the steps, then half a cosine to 1 %."""
    if config.schedule == "constant":
        return config.learning_rate
    warm = max(1, round(config.warm_up * steps))
    if step < warm:
        return config.learning_rate * (step + 1) / warm
    done = (step - warm) / max(1, steps - warm)
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


@torch.no_grad()
def move_average(average: nn.Module, net: nn.Module, decay: float, step: int) -> None:
    """Move the averaged weights towards the present ones, in place; faster at first, with little to average yet."""
    keep = min(decay, (1 + step) / (10 + step))
    pairs = list(zip(average.state_dict().values(), net.state_dict().values(), strict=True))
    floats = [pair for pair in pairs if pair[0].is_floating_point()]
    # All at once: on an accelerator each of some 400 tensors would cost a launch of its own.
    torch._foreach_lerp_([old for old, _ in floats], [new for _, new in floats], 1 - keep)
    for old, new in pairs:
        if not old.is_floating_point():
            old.copy_(new)
