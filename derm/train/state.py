"""Where a training run is: what is counted since the last line of its log, over an epoch, and over the run.

Needs what each step gave. Goes into the checkpoint as JSON; knows no tensors and no files.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derm.diagnoses import CODES
from derm.json_checks import (
    Check,
    by_name,
    fault_of,
    is_count,
    is_number,
    is_number_or_none,
    is_switch,
    list_of,
    object_with,
)
from derm.metrics import registry
from derm.metrics.registry import OUTLINE_HEADLINE
from derm.runlog.events import Means
from derm.train.losses import Losses
from derm.train.sampler import OPEN_CLASS, Batch

SCORES = {
    "step": 0, "loss": 0.0, "mask_loss": 0.0, "class_loss": 0.0, "replayed": 0, "judged": 0, "hits": 0, "right": 0,
    "images": 0, "dice": 0.0, "outlined": 0, "labelled": 0,
}  # fmt: skip
"""What is summed between two lines of the log, and over an epoch."""

HEADLINE = (*registry.HEADLINE, *OUTLINE_HEADLINE)
"""What the weights' description tells of each epoch."""


_FIELDS: dict[str, Check] = {
    "step": is_count,
    "log_bytes": is_count,
    "best": is_number_or_none,
    "best_epoch": lambda value: value == -1 or is_count(value),
    "finished": is_switch,
    "recent": by_name(is_number),
    "epoch": by_name(is_number),
}
"""What each field of a checkpoint's state has to be."""

_FIGURES = by_name(is_number_or_none)
_LATER: dict[str, Check] = {
    "drawn": lambda value: list_of(is_count)(value) and len(value) == len(CODES),
    "replayed": list_of(is_count),
    "history": list_of(object_with({"epoch": is_count, "train": _FIGURES, "validation": _FIGURES})),
}
"""The same of those that older checkpoints lack."""


@dataclass
class TrainState:
    """Where a run is; together with the tensors, all of a checkpoint."""

    step: int = 0
    log_bytes: int = 0
    best: float = -math.inf
    best_epoch: int = -1
    finished: bool = False
    recent: dict[str, float] = field(default_factory=lambda: dict(SCORES))  # since the last line of the log
    epoch: dict[str, float] = field(default_factory=lambda: dict(SCORES))  # since the epoch began
    drawn: list[int] = field(default_factory=lambda: [0] * len(CODES))  # images drawn of each class in the epoch
    replayed: list[int] = field(default_factory=list)  # item numbers of the images replayed in the epoch
    history: list[dict[str, Any]] = field(default_factory=list)  # one entry an epoch: losses and headline figures

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, ready for JSON."""
        return {**self.__dict__, "best": None if self.best == -math.inf else self.best}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "TrainState":
        """Rebuild from `as_dict`; ValueError for other fields, or one of another kind."""
        if odd := sorted(content.keys() - _FIELDS.keys() - _LATER.keys()):
            raise ValueError(f"its state has {odd[0]}, which this version of Derm does not know")
        if fault := fault_of(content, _FIELDS, _LATER):
            raise ValueError(f"the {fault} of its state is missing or of another kind than it has to be")
        best = -math.inf if content["best"] is None else content["best"]
        # Older ones summed less, judged all that was replayed, and took open labels for wrong answers.
        sums = {
            name: {
                **SCORES,
                "judged": content[name].get("replayed", 0),
                "labelled": content[name].get("images", 0),
                **content[name],
            }
            for name in ("recent", "epoch")
        }
        return cls(**{**content, **sums, "best": best})

    def begin_epoch(self) -> None:
        """Count anew what is counted over an epoch."""
        self.epoch, self.drawn, self.replayed = dict(SCORES), [0] * len(CODES), []


def count(state: TrainState, losses: Losses, scores: dict[str, float], batch: Batch, drawn: NDArray[np.int64]) -> None:
    """Add one step to the sums of `state`; scores: of the step, by name; drawn: int64 (B,), its images' classes."""
    for sums in (state.recent, state.epoch):
        sums["step"] += 1
        sums["loss"] += losses.joint.item()
        sums["mask_loss"] += losses.mask.item() * scores["outlined"]
        sums["class_loss"] += losses.diagnosis.item()
        sums["replayed"] += int(batch.replayed.sum())
        sums["images"] += len(batch.items)
        for name, score in scores.items():
            sums[name] += score
    for index in drawn[drawn != OPEN_CLASS]:
        state.drawn[index] += 1
    state.replayed += batch.items[batch.replayed].tolist()


def count_hits(plain: NDArray[np.float64], replayed: NDArray[np.bool_]) -> int:
    """How many replayed images are still harder than the median fresh one of their batch, of which there must be one.

    plain: float64 (B,), losses; replayed: bool (B,). Images drawn blindly would be so in half of the cases.
    """
    return int((plain[replayed] > np.median(plain[~replayed])).sum())


def means(sums: dict[str, float]) -> Means:
    """Turn sums into means a step, or an image; None where no image had a mask, or a diagnosis, to be right of."""
    steps, images = max(1, sums["step"]), max(1, sums["images"])
    return {
        "loss": sums["loss"] / steps,
        "mask_loss": sums["mask_loss"] / sums["outlined"] if sums["outlined"] else None,
        "class_loss": sums["class_loss"] / steps,
        "accuracy": sums["right"] / sums["labelled"] if sums["labelled"] else None,
        "dice": sums["dice"] / sums["outlined"] if sums["outlined"] else None,
        "replayed_share": sums["replayed"] / images,
    }


def shorten(result: dict[str, Any]) -> dict[str, float | None]:
    """The losses and headline figures among all that validation measured."""
    return {key: result[key] for key in ("loss", "mask_loss", "class_loss", *HEADLINE)}
