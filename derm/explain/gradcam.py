"""Grad-CAM (Selvaraju et al. 2017) of each of the seven classes, as pure functions of features that are already there.

Needs a `LesionNet` in evaluation mode and the features of its answer. Sets no hook and leaves no trace on the network:
threads may share it. Knows nothing of images; how evidence relates to the lesion is measured in `agreement`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from derm.image.resize import WHOLE, Window, place_cells

if TYPE_CHECKING:
    from torch import Tensor

    from derm.model.network import LesionNet

FLAT_LOGIT = 0.005
"""A map is flat when all its cells, each at the map's maximum, would add less than this to the class's logit.

With a linear head the cells of the map add up to what the features add to the logit, so a flat map moves the odds of
its class by less than half a percent: no evidence, whatever its pattern. At 7 × 7 cells the maximum must reach 1e-4.
"""


def class_maps(net: "LesionNet", features: "Tensor") -> "Tensor":
    """Grad-CAM of each class, from one forward pass: float32 (N, 7, h, w), ≥ 0, in logits, never rescaled.

    features: float (N, C, h, w) of `ModelOutput`. Takes the closed form where the head has one, else the gradient. May
    be called under no_grad and inference_mode. Raises ValueError for a network in training mode.
    """
    return closed_form_maps(net, features) if net.has_closed_form() else gradient_maps(net, features)


def closed_form_maps(net: "LesionNet", features: "Tensor") -> "Tensor":
    """`relu(W_c · f) / (h · w)`: what Grad-CAM is where pooling and one linear layer follow the features.

    The logit is `W_c · mean(f) + b_c`, so its gradient is `W_c / (h · w)` at every place. Shapes and errors as for
    `class_maps`; ValueError also for a head with a hidden layer.
    """
    return score_parts(net, features).relu()


def score_parts(net: "LesionNet", features: "Tensor") -> "Tensor":
    """What each cell adds to each class's logit, or takes from it: `W_c · f / (h · w)`, float32 (N, 7, h, w).

    All cells of a class and its bias, `net.head.scores.bias`, add up to its logit. Cut at 0 they are Grad-CAM. With the
    head "pixel" a cell is one of S / 8 × S / 8 and its part the evidence computed there. Shapes and errors as for
    `closed_form_maps`.
    """
    import torch

    check_evaluation(net)
    if not net.has_closed_form():
        raise ValueError("the class head has a hidden layer, so Grad-CAM has no closed form: use gradient_maps")
    height, width = features.shape[-2:]
    weights = net.head.scores.weight.detach().float()
    return torch.einsum("kc,nchw->nkhw", weights, features.detach().float()) / (height * width)


def gradient_maps(net: "LesionNet", features: "Tensor") -> "Tensor":
    """Grad-CAM by its definition (equations 1 and 2), for any head; shapes and errors as for `class_maps`.

    A channel's weight is the gradient of the class's logit with respect to it, averaged over space; the map is the
    weighted sum over the channels, cut at 0. Only the class head is passed again, forwards and backwards.
    """
    import torch

    check_evaluation(net)
    # Tensors made in inference mode can hold no gradient; their clones, made outside of it, can.
    with torch.inference_mode(mode=False), torch.enable_grad():
        fresh = features.detach().clone().float().requires_grad_()
        logits = net.head(fresh)
        gradients = [torch.autograd.grad(score.sum(), fresh, retain_graph=True)[0] for score in logits.unbind(dim=1)]
    weights = torch.stack(gradients, dim=1).mean(dim=(3, 4))
    return torch.einsum("nkc,nchw->nkhw", weights, fresh.detach()).relu()


@dataclass(frozen=True, eq=False)
class HeatMap:
    """Where one class's evidence lies in one image, and how strong it is. Make it with `heat_map_of`."""

    cells: NDArray[np.float32]
    """Float32 (h, w), 0 … 1: the raw map divided by its own maximum, at the size of the features; 0 if flat."""

    maximum: float
    """The raw map's maximum, in logits or the method's own unit: what `cells` were divided by."""

    flat: bool
    """Whether there is no evidence to speak of, see `FLAT_LOGIT` and `heat_map_of`."""

    height: int
    """Of `map`, in pixels."""

    width: int
    """Of `map`, in pixels."""

    shift: float = 0.0
    """How far above and left of the middle of its rectangle a cell's centre lies, in cells; see `placement`."""

    window: Window = WHOLE
    """Where the picture lies in the network's square, over which `cells` reach; see `derm.image.resize`."""

    @property
    def map(self) -> NDArray[np.float32]:
        """The evidence as float32 (height, width), 0 … 1, scaled anew at each call.

        Seven maps kept at the size of a picture of 20 megapixels would take 560 MB.
        """
        return self.scaled(self.height, self.width)

    def scaled(self, height: int, width: int) -> NDArray[np.float32]:
        """The evidence on the picture as float32 (height, width), 0 … 1, bilinear between the cells."""
        return _within_one(place_cells(self.cells, height, width, self.shift, self.window))

    def on_square(self, size: int) -> NDArray[np.float32]:
        """The evidence on the network's square as float32 (size, size), 0 … 1, with what lies on its padding."""
        return _within_one(place_cells(self.cells, size, size, self.shift))


def heat_map_of(
    raw: NDArray[np.float32],
    height: int | None = None,
    width: int | None = None,
    shift: float = 0.0,
    window: Window = WHOLE,
    *,
    flat_below: float | None = None,
) -> HeatMap:
    """Name what a raw map holds; a flat one becomes 0 everywhere, for stretching it would show noise as evidence.

    raw: float32 (h, w), ≥ 0, of `class_maps` or of another method. height, width: of the evidence's `map`; None keeps
    the raw map's. shift, window: where its cells lie, see `HeatMap`. flat_below: the maximum below which a map is
    flat, in the map's own unit, as `Method.flat_below` of `derm.explain.methods` has it; None: `FLAT_LOGIT` spread over
    the map's cells, which is right for Grad-CAM. Raises ValueError for a map that is not finite.
    """
    maximum = float(raw.max())
    if not np.isfinite(raw).all():
        raise ValueError(f"the raw map is not finite (maximum {maximum}): the weights or the features are damaged")
    flat = maximum < (FLAT_LOGIT / raw.size if flat_below is None else flat_below)
    cells = np.zeros_like(raw, dtype=np.float32) if flat else (raw / maximum).astype(np.float32)
    return HeatMap(cells, maximum, flat, height or raw.shape[0], width or raw.shape[1], shift, window)


def _within_one(placed: NDArray[np.float32]) -> NDArray[np.float32]:
    """What rounding put beyond 0 … 1 is put back, in place."""
    return np.clip(placed, 0, 1, out=placed)


def check_evaluation(net: "LesionNet") -> None:
    """Raise ValueError for a network in training mode."""
    if net.training:
        raise ValueError("the network is in training mode, where dropout changes its evidence: call net.eval() first")
