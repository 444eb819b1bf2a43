"""The class head: from an encoder's features to seven scores.

Needs features. Knows nothing of where they come from.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from derm.diagnoses import CODES


class ClassHead(nn.Module):
    """Global average pooling, optionally a dense layer with ReLU, dropout, then seven scores."""

    pools = True
    """Whether all places of the features weigh alike."""

    def __init__(self, channels: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.hidden = nn.Linear(channels, hidden) if hidden else None
        self.dropout = nn.Dropout(dropout)
        self.scores = nn.Linear(hidden or channels, len(CODES))

    def forward(self, features: Tensor) -> Tensor:
        """Turn features, float (N, C, h, w), into class logits, float (N, 7)."""
        pooled = features.mean(dim=(2, 3))
        if self.hidden is not None:
            pooled = F.relu(self.hidden(pooled))
        logits: Tensor = self.scores(self.dropout(pooled))
        return logits
