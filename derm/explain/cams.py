"""Class activation maps beside Grad-CAM: Grad-CAM++, HiResCAM, LayerCAM, Eigen-CAM, and one class against another.

Needs a `LesionNet` in evaluation mode and normalised images, or the answer to them. Pure functions: no hook, nothing
left on the network. Knows nothing of outlines; what each map says and does not say is in docs/explanations.md.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from derm.explain.class_head import class_features, slopes, stage_slopes, wanted_classes
from derm.explain.gradcam import class_maps
from derm.model.network import LesionNet, ModelOutput

FINER_STAGE = 4
"""LayerCAM's stage of the encoder: its cells are S / 16 pixels, half of the last feature map's."""


def grad_cam(
    net: LesionNet, images: Tensor, answer: ModelOutput | None = None, classes: Sequence[int] | None = None
) -> Tensor:
    """Grad-CAM (Selvaraju et al. 2017, equations 1 and 2): float32 (N, K, h, w), ≥ 0, in logits, never rescaled.

    images: normalised float (N, 3, S, S). answer: the network's answer to them, which saves a pass. classes: K indexes
    of `CODES`; None: all seven. Raises ValueError for a network in training mode, classes outside 0 … 6, or an answer
    to another number of images.
    """
    wanted = wanted_classes(classes)
    return class_maps(net, class_features(net, images, answer))[:, wanted]


def grad_cam_plus_plus(
    net: LesionNet,
    images: Tensor,
    answer: ModelOutput | None = None,
    classes: Sequence[int] | None = None,
    *,
    epsilon: float = 0.0,
) -> Tensor:
    """Grad-CAM++ (Chattopadhay et al. 2018, equations 5 and 19, for the exponential of the logit).

    With g the gradient at a place, a place's share is α = g² / (2 g² + g³ · ΣA) and a channel's weight Σ α · relu(g).
    Pooling makes g the same everywhere, so the weight is h · w · relu(g) / (2 + g · ΣA). Where features below 0 make
    the denominator 0 or less, which the paper's ReLU features cannot, α is undefined and the channel is left out.
    epsilon: added to the denominator of α. The paper has none; pytorch-grad-cam has 1e-6, which is as large as g² is
    in a network of 1,280 channels and so bends its weights. Else as for `grad_cam`; the unit is a logit, see `Method`.
    """
    wanted = wanted_classes(classes)
    features = class_features(net, images, answer)
    gradient = slopes(net, features, wanted)
    total = features.sum(dim=(2, 3))[:, None]
    below = 2 + gradient * total
    if epsilon:
        below = below + epsilon / gradient**2
    counted = (gradient > 0) & (below > 0)
    places = features.shape[-2] * features.shape[-1]
    weights = torch.where(counted, places * gradient / below, 0.0)
    return _weighted(weights, features)


def hires_cam(
    net: LesionNet,
    images: Tensor,
    answer: ModelOutput | None = None,
    classes: Sequence[int] | None = None,
    *,
    stage: int | None = None,
) -> Tensor:
    """HiResCAM (Draelos and Carin 2020, equation 4): gradient × activation at each place, summed over channels.

    On the features before pooling the gradient is the same everywhere, and HiResCAM is Grad-CAM, whatever the head
    (their section 4.3); there the two differ in nothing. stage: an encoder's stage, 1 … 5, where they do differ; None:
    those features. Else as for `grad_cam`.
    """
    wanted = wanted_classes(classes)
    if stage is None:
        features = class_features(net, images, answer)
        return _weighted(slopes(net, features, wanted), features)
    activations, gradients = stage_slopes(net, images, stage, wanted)
    return F.relu(torch.einsum("nkchw,nchw->nkhw", gradients, activations))


def layer_cam(
    net: LesionNet,
    images: Tensor,
    answer: ModelOutput | None = None,  # noqa: ARG001 - every method takes the same
    classes: Sequence[int] | None = None,
    *,
    stage: int = FINER_STAGE,
) -> Tensor:
    """LayerCAM (Jiang et al. 2021, equations 6 to 8): relu(gradient) × activation at each place of an earlier stage.

    stage: of the encoder, 1 … 5; see `FINER_STAGE`. The answer cannot help: the gradient needs the way from the stage
    to the logit, so the encoder is run anew. Else as for `grad_cam`, with the stage's h and w.
    """
    activations, gradients = stage_slopes(net, images, stage, wanted_classes(classes))
    return F.relu(torch.einsum("nkchw,nchw->nkhw", gradients.relu(), activations))


def eigen_cam(
    net: LesionNet, images: Tensor, answer: ModelOutput | None = None, classes: Sequence[int] | None = None
) -> Tensor:
    """Eigen-CAM (Muhammad and Yeasin 2020): the features along their first principal component, cut at 0.

    It knows no class by definition: all K maps are one and the same, and say where the network sees anything. Features
    are centred over the places, as pytorch-grad-cam does; without that, a first component of features above 0 is their
    mean and says nothing of place. A component has no sign of its own: it is taken so that it rises with the features'
    sum of squares, for strong features are what a map marks. The unit is that of the features. Else as for `grad_cam`.
    """
    wanted = wanted_classes(classes)
    features = class_features(net, images, answer)
    rows = features.flatten(start_dim=2).transpose(1, 2)
    centred = rows - rows.mean(dim=1, keepdim=True)
    left, strengths, _ = torch.linalg.svd(centred, full_matrices=False)
    along = left[..., 0] * strengths[:, :1]
    energy = rows.square().sum(dim=2)
    # `along` has mean 0, so its product with the energy is their covariance; one that is 0 keeps the sign it has.
    along = torch.where((along * energy).sum(dim=1, keepdim=True) < 0, -along, along)
    maps: Tensor = F.relu(along).unflatten(1, features.shape[-2:])
    return maps[:, None].repeat(1, len(wanted), 1, 1)


def contrast_maps(
    net: LesionNet, images: Tensor, for_class: int, against_class: int, answer: ModelOutput | None = None
) -> Tensor:
    """What speaks for one class rather than another: Grad-CAM of the difference of their logits, (N, h, w), ≥ 0.

    The difference of two logits is the log odds of the one class against the other, whatever the other five say.
    Where it is 0, nothing speaks for the one more than for the other; swap the two for what speaks the other way.
    for_class, against_class: indexes in `CODES`. Units and the rest as for `grad_cam`; ValueError for a class against
    itself.
    """
    wanted = wanted_classes((for_class, against_class))
    if for_class == against_class:
        raise ValueError(f"class {for_class} is held against itself, and nothing can speak for that: name two classes")
    features = class_features(net, images, answer)
    one, other = slopes(net, features, wanted).unbind(dim=1)
    return _weighted((one - other)[:, None], features)[:, 0]


def _weighted(weights: Tensor, features: Tensor) -> Tensor:
    """The sum of the channels by their weights, (N, K, C), cut at 0: float32 (N, K, h, w)."""
    return F.relu(torch.einsum("nkc,nchw->nkhw", weights, features))
