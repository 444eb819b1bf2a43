"""The class branch by itself: features, logits and the logits' gradients, for maps that are made of them.

Needs a `LesionNet` in evaluation mode. No hook, no `.backward()`, nothing written to the network: threads may share it.
The decoder is run only where the diagnosis looks inside the outline.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from derm.diagnoses import CODES
from derm.explain.gradcam import check_evaluation
from derm.model.network import LesionNet, ModelOutput


def wanted_classes(classes: Sequence[int] | None) -> list[int]:
    """The indexes in `CODES` of the classes asked for, in the order asked; None: all of them.

    Raises ValueError for none at all and for an index outside 0 … 6.
    """
    wanted = list(range(len(CODES)) if classes is None else classes)
    if not wanted or not all(0 <= index < len(CODES) for index in wanted):
        raise ValueError(f"the classes are {wanted}: name at least one, each by its index from 0 to {len(CODES) - 1}")
    return wanted


def class_features(net: LesionNet, images: Tensor, answer: ModelOutput | None = None) -> Tensor:
    """The features that the class head reads, float32 (N, C, h, w), holding no gradient.

    images: normalised float (N, 3, S, S). answer: the network's answer to them; its features save the pass through the
    encoder. Raises ValueError for a network in training mode, or an answer to another number of images.
    """
    check_evaluation(net)
    if answer is None:
        with torch.no_grad():
            features: Tensor = net.class_features(images)
        return features.float()
    if len(answer.features) != len(images):
        raise ValueError(f"the answer is to {len(answer.features)} images, not to these {len(images)}: ask again")
    return answer.features.detach().float()


def class_logits(net: LesionNet, images: Tensor, batch: int) -> Tensor:
    """The seven logits of many images, `batch` at a time: float32 (N, 7), holding no gradient.

    images: normalised float (N, 3, S, S). Raises ValueError for a network in training mode or a batch below 1.
    """
    if batch < 1:
        raise ValueError(f"the batch is {batch}: ask for at least 1 image at a time")
    with torch.no_grad():
        return torch.cat([net.head(class_features(net, part)).float() for part in images.split(batch)])


def slopes(net: LesionNet, features: Tensor, classes: Sequence[int]) -> Tensor:
    """The gradient of each class's logit with respect to the features at any one place: float32 (N, K, C).

    The head pools first, so the gradient is the same at all h · w places. With one linear layer it is `W_c / (h · w)`;
    with a hidden one it is taken by autograd through the head alone, at the pooled features. Where the head of another
    system gives each place weights of its own, as AlexNet's, it is the mean over the places. features: float
    (N, C, h, w). classes: K indexes of `CODES`. Raises ValueError for a network in training mode.
    """
    check_evaluation(net)
    places = features.shape[-2] * features.shape[-1]
    if net.has_closed_form():
        weights = net.head.scores.weight.detach().float()[list(classes)]
        return (weights / places).expand(len(features), -1, -1)
    with torch.inference_mode(mode=False), torch.enable_grad():
        read = features.detach().clone().float()
        read = (read.mean(dim=(2, 3), keepdim=True) if net.head.pools else read).requires_grad_()
        logits = net.head(read)
        gradients = [torch.autograd.grad(logits[:, index].sum(), read, retain_graph=True)[0] for index in classes]
    return torch.stack(gradients, dim=1).sum(dim=(3, 4)) / places


def stage_slopes(net: LesionNet, images: Tensor, stage: int, classes: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Activations of an encoder's stage, float32 (N, C, h, w), and each logit's gradient there, (N, K, C, h, w).

    The encoder is run anew from the images, for the tensor that a gradient is taken for must lie on the way to the
    logit; the gradient goes back no further than the stage, and takes an outline that the diagnosis is read inside of
    for given. images: normalised float (N, 3, S, S). stage: 1 … 5, where
    stage i has sides of S / 2^i with the default encoder. Raises ValueError for a stage that the encoder has not, and
    for a network in training mode.
    """
    check_evaluation(net)
    channels = net.encoder.out_channels
    if not 1 <= stage < len(channels) or not channels[stage]:
        offered = [index for index, count in enumerate(channels) if index and count]
        raise ValueError(f"the stage is {stage}, and the encoder offers {offered}: take one of these")
    # What was made in inference mode can hold no gradient; a clone, made outside of it, can.
    with torch.inference_mode(mode=False), torch.enable_grad():
        fresh = images.detach().clone().float().requires_grad_()
        stages = net.encoder(fresh)
        logits = net.head(net.features_after(fresh, stages))
        gradients = [
            torch.autograd.grad(logits[:, index].sum(), stages[stage], retain_graph=True)[0] for index in classes
        ]
    return stages[stage].detach(), torch.stack(gradients, dim=1)
