"""Depthwise convolution whose gradients in bfloat16 are computed the quick way on a CPU; its values are `nn.Conv2d`'s.

Needs torch. Knows nothing of the network it stands in.

oneDNN has no fast kernel in bfloat16 for some gradients that EfficientNet is full of: with stride 2, and for the
weights of 5 × 5 kernels. Measured at 32 × 144 × 40 × 40, 5 × 5, stride 2, one core: 4 ms forward, 212 ms back.
Here they are put together from operations that have one; `derm bench train` tells what that gains. In float32 torch's
own are as quick or quicker (at 16 × 240 × 20 × 20, 5 × 5, one core: 27 ms against 46), and are taken.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

Convolution = TypeVar("Convolution", bound=nn.Conv2d)


class DepthwiseConv2d(nn.Conv2d):
    """`nn.Conv2d` with one filter a channel, no bias, and a square kernel of 3 or 5 that keeps the size (or halves it).

    Forward is `nn.Conv2d`'s everywhere; only gradients in training in bfloat16 on a CPU take the quick way.
    """

    @staticmethod
    def fits(convolution: nn.Module) -> bool:
        """Whether `convolution` is a depthwise one of the kind for which the quick way exists."""
        # Subclasses pad in ways of their own.
        return (
            type(convolution) is nn.Conv2d
            and convolution.groups == convolution.in_channels == convolution.out_channels
            and convolution.bias is None
            and convolution.kernel_size in ((3, 3), (5, 5))
            and convolution.stride in ((1, 1), (2, 2))
            and convolution.dilation == (1, 1)
            and convolution.padding == tuple(side // 2 for side in convolution.kernel_size)
            and convolution.padding_mode == "zeros"
        )

    @classmethod
    def of(cls, convolution: nn.Conv2d) -> "DepthwiseConv2d":
        """One with the weights, shared, of `convolution`, which must fit."""
        return _remade(convolution, cls)

    def forward(self, images: Tensor) -> Tensor:
        """Filter float (N, C, h, w) to float (N, C, ⌈h / stride⌉, ⌈w / stride⌉)."""
        kind = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else images.dtype
        learning = self.training and torch.is_grad_enabled()
        if not (learning and images.device.type == "cpu" and kind == torch.bfloat16):
            return super().forward(images)
        filtered: Tensor = _Depthwise.apply(images.to(kind), self.weight.to(kind), self.stride[0])
        return filtered


def quicken(module: nn.Module) -> None:
    """Put a `DepthwiseConv2d` in the place of each convolution within `module` that fits; names and weights stay."""
    _exchange(module, DepthwiseConv2d.fits, DepthwiseConv2d)


def slow_down(module: nn.Module) -> None:
    """Undo `quicken`, to measure what it gains."""
    _exchange(module, lambda child: isinstance(child, DepthwiseConv2d), nn.Conv2d)


def _exchange(module: nn.Module, chosen: Callable[[nn.Module], bool], kind: type[nn.Conv2d]) -> None:
    """Put a convolution of `kind` in the place of each one within `module` that is chosen."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if chosen(child):
                setattr(parent, name, _remade(child, kind))  # type: ignore[arg-type]  # both choose convolutions


def _remade(convolution: nn.Conv2d, kind: type[Convolution]) -> Convolution:
    """A depthwise convolution of `kind` with the weights, shared, of `convolution`."""
    channels, side = convolution.in_channels, convolution.kernel_size[0]
    made = kind(channels, channels, side, convolution.stride[0], side // 2, groups=channels, bias=False, device="meta")
    made.weight = convolution.weight
    return made


class _Depthwise(torch.autograd.Function):
    """images: (N, C, h, w), weight: (C, 1, k, k) of one floating type."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, stride: int) -> Tensor:  # noqa: ANN401 (torch has no type)
        ctx.save_for_backward(images, weight)
        ctx.stride = stride
        return F.conv2d(images, weight, None, stride, weight.shape[-1] // 2, 1, len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:  # noqa: ANN401
        images, weight = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        return (
            _towards_images(gradient, images, weight, ctx.stride) if wanted[0] else None,
            _towards_weight(gradient, images, weight, ctx.stride) if wanted[1] else None,
            None,
        )


def _towards_images(gradient: Tensor, images: Tensor, weight: Tensor, stride: int) -> Tensor:
    """Gradient by the images: the gradient, spread to their size, under the turned filter."""
    if stride > 1:
        spread = torch.zeros_like(images)
        spread[:, :, ::stride, ::stride] = gradient
        gradient = spread
    return F.conv2d(gradient, weight.flip(2, 3), None, 1, weight.shape[-1] // 2, 1, len(weight))


def _towards_weight(gradient: Tensor, images: Tensor, weight: Tensor, stride: int) -> Tensor:
    """Gradient by the weight; a 5 × 5 one at stride 1 from four 3 × 3 ones that overlap and agree where they do."""
    side = weight.shape[-1]
    if side == 3:
        return _library(gradient, images, weight, stride, 1)
    if stride > 1:
        exact = _library(gradient.float(), images.float(), weight.float(), stride, side // 2)
        return exact.to(weight.dtype)
    height, width = images.shape[2:]
    padded = F.pad(images, (2, 2, 2, 2))
    found = torch.empty_like(weight)
    corner = weight[:, :, :3, :3].contiguous()  # only its shape is used
    for top in (0, 2):
        for left in (0, 2):
            part = padded[:, :, top : top + height + 2, left : left + width + 2]
            part = part.contiguous(memory_format=torch.channels_last)
            found[:, :, top : top + 3, left : left + 3] = _library(gradient, part, corner, 1, 0)
    return found


def _library(gradient: Tensor, images: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """Torch's own gradient by the weight."""
    _, by_weight, _ = torch.ops.aten.convolution_backward(
        gradient, images, weight, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], len(weight),
        [False, True, False],
    )  # fmt: skip
    found: Tensor = by_weight
    return found
