"""The head of a kernel extreme learning machine over chosen features (Huang et al. 2012), on a trained network.

Needs pooled features. Until it is fitted it is a linear layer, by which the network learns its features; what is chosen
and fitted, `derm.zoo.kernel_machine` finds.
"""

from typing import Any

import torch
from torch import Tensor, nn

from derm.diagnoses import CODES


class KernelLayer(nn.Module):
    """From pooled features, float (N, C), to a Gaussian kernel against M training cases, float (N, M).

    While there is no case it gives back what it is given.
    """

    centres: Tensor
    chosen: Tensor
    scale: Tensor
    gamma: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("centres", torch.zeros(0, 0))
        self.register_buffer("chosen", torch.zeros(0, dtype=torch.int64))
        self.register_buffer("scale", torch.zeros(2, 0))
        self.register_buffer("gamma", torch.ones(()))

    def forward(self, pooled: Tensor) -> Tensor:
        """exp(−γ ‖x − x_m‖²) of the chosen features, each less its mean and over its deviation."""
        if not len(self.centres):
            return pooled
        mean, deviation = self.scale
        values = (pooled.float()[:, self.chosen] - mean) / deviation
        squared = values.square().sum(1, keepdim=True) + self.centres.square().sum(1) - 2 * values @ self.centres.T
        likeness: Tensor = (-self.gamma * squared.clamp(min=0)).exp()
        return likeness


class KernelHead(nn.Module):
    """Global average pooling, dropout, the kernel where it is fitted, then seven scores."""

    pools = True

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.hidden = KernelLayer()
        self.scores = nn.Linear(channels, len(CODES))

    @property
    def fitted(self) -> bool:
        """Whether a machine is in place of the linear layer."""
        return len(self.hidden.centres) > 0

    def forward(self, features: Tensor) -> Tensor:
        """Turn features, float (N, C, h, w), into class scores, float (N, 7)."""
        pooled = features.mean(dim=(2, 3))
        logits: Tensor = self.scores(self.hidden(self.dropout(pooled)))
        return logits

    def fit_to(self, centres: Tensor, chosen: Tensor, scale: Tensor, gamma: float, weights: Tensor) -> None:
        """Put a machine in place of the linear layer.

        centres: float (M, D), scaled cases. chosen: int64 (D,). scale: float (2, D), mean and deviation of each chosen
        feature. weights: float (M, 7), the output's.
        """
        layer = self.hidden
        layer.centres, layer.chosen, layer.scale = centres.float(), chosen, scale.float()
        layer.gamma = torch.tensor(float(gamma))
        self.scores = nn.Linear(len(centres), len(CODES))
        with torch.no_grad():
            self.scores.weight.copy_(weights.T)
            self.scores.bias.zero_()

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:  # noqa: ANN401
        """Take the sizes of what is loaded: a fitted machine has as many rows as there were training cases."""
        for name in ("centres", "chosen", "scale"):
            stored = state_dict.get(f"{prefix}hidden.{name}")
            if stored is not None:
                setattr(self.hidden, name, torch.zeros(stored.shape, dtype=getattr(self.hidden, name).dtype))
        weight = state_dict.get(f"{prefix}scores.weight")
        if weight is not None and weight.ndim == 2 and weight.shape[0] == len(CODES):
            self.scores = nn.Linear(weight.shape[1], len(CODES))
        super()._load_from_state_dict(state_dict, prefix, *rest)
