"""Batch normalisation over a batch that several processes hold in parts: with the statistics of all of it.

Needs a process group. torch's own `SyncBatchNorm` does not run on processors; in evaluation these are plain batch
normalisations, with the same names and numbers.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from derm.errors import ConfigFault
from derm.language.speech import say


class _Normalise(torch.autograd.Function):
    """y = weight · (x − mean) / √(variance + ε) + bias with mean and variance over the batch of all processes, and
    what it needs to go back (Ioffe and Szegedy 2015, section 3), whose two sums run over all processes, too."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 (torch has no type)
        images: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        eps: float,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Returns y, float (N, C, …), as `images`, and of the batch mean and variance, float32 (C,), and count."""
        channels = images.shape[1]
        variance, mean = torch.var_mean(images.float(), dim=_axes(images), correction=0)
        told = torch.cat([mean, variance, mean.new_full((1,), images.numel() / channels)])
        parts = [torch.empty_like(told) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, told)
        means, variances, counts = torch.stack(parts).split([channels, channels, 1], dim=1)
        count = counts.sum()
        mean = (counts * means).sum(0) / count
        variance = (counts * (variances + (means - mean) ** 2)).sum(0) / count
        normal: Tensor = F.batch_norm(images, mean, variance, weight, bias, False, 0.0, eps)
        ctx.save_for_backward(images, weight, mean, (variance + eps).rsqrt(), count)
        ctx.mark_non_differentiable(mean, variance, count)
        return normal, mean, variance, count

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any,  # noqa: ANN401
        slope: Tensor,
        *_: Tensor,
    ) -> tuple[Tensor, Tensor | None, Tensor | None, None]:
        """The slope with respect to the images; those of weight and bias are this process's part of them."""
        images, weight, mean, scale, count = ctx.saved_tensors
        shape = (1, -1, *[1] * (images.ndim - 2))
        normal = (images.float() - mean.view(shape)) * scale.view(shape)
        wide = slope.float()
        own = torch.stack([wide.sum(_axes(images)), (wide * normal).sum(_axes(images))])
        both = own.clone()
        dist.all_reduce(both)
        level, tilt = (both / count).view(2, *shape)
        factor = scale if weight is None else scale * weight
        back = (wide - level - normal * tilt) * factor.view(shape)
        return back.to(images.dtype), None if weight is None else own[1], None if weight is None else own[0], None


def _axes(images: Tensor) -> list[int]:
    return [0, *range(2, images.ndim)]


class SharedBatchNorm(_BatchNorm):
    """`nn.BatchNorm` of any dimension over the batch of all processes; timm's, with drop and act, goes on with them."""

    @classmethod
    def of(cls, layer: _BatchNorm) -> "SharedBatchNorm":
        """One with the numbers, shared, of `layer`."""
        made = cls(
            layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats, device="meta"
        )
        made._parameters, made._buffers = layer._parameters, layer._buffers
        for name, part in layer.named_children():
            made.add_module(name, part)
        return made.train(layer.training)

    def _check_input_dim(self, images: Tensor) -> None:
        """Any will do."""

    def forward(self, images: Tensor) -> Tensor:
        """Normalise float (N, C, …), of which each process has some N; the shape stays."""
        normal = self._over_all(images) if self.training else super().forward(images)
        for part in self.children():
            normal = part(normal)
        return normal

    def _over_all(self, images: Tensor) -> Tensor:
        normal, mean, variance, count = _Normalise.apply(images, self.weight, self.bias, self.eps)
        if self.track_running_stats and self.running_mean is not None and self.running_var is not None:
            self.num_batches_tracked.add_(1)  # type: ignore[union-attr]
            share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum  # type: ignore[arg-type]
            with torch.no_grad():
                self.running_mean.lerp_(mean, share)
                self.running_var.lerp_(variance * count / (count - 1), share)
        return normal  # type: ignore[no-any-return]


def share_norms(net: nn.Module, encoder: str) -> None:
    """Put a `SharedBatchNorm` in the place of each batch normalisation within `net`; names and numbers stay.

    Raises ConfigFault for a layer that looks at batches in a way of its own, as timm's EvoNorm-B; encoder: named there.
    """
    for parent in list(net.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, _BatchNorm):
                setattr(parent, name, SharedBatchNorm.of(child))
            elif "running_var" in child._buffers and hasattr(child, "momentum") and not isinstance(child, _INSTANCE):
                raise ConfigFault(
                    say(
                        "The encoder {encoder} looks at whole batches in a way of its own ({kind}), which "
                        "several processes cannot share: train it in one, or take another encoder.",
                        encoder=encoder,
                        kind=type(child).__name__,
                    )
                )


_INSTANCE = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
