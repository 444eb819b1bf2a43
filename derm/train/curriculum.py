"""The curriculum: from easy and common images to all of them, class by class.

Needs the memory of losses and each image's class. The paper names the idea and fixes nothing; what is decided here is
stated in docs/architecture.md. Draws nothing itself.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from derm.diagnoses import CODES
from derm.errors import ConfigFault
from derm.language.speech import say
from derm.train.loss_history import LossHistory

Pace = Literal["root", "linear"]


@dataclass(frozen=True)
class CurriculumConfig:
    """How training widens. Raises ConfigFault for a value outside its range."""

    enabled: bool = False
    start: float = 0.5
    """Pace of the first epoch: the largest difficulty admitted, relative to the hardest, 0 … 1."""
    full_after: float = 0.5
    """Share of the epochs after which every image is admitted, 0 … 1."""
    pace: Pace = "root"
    """`root`: competence of Platanios et al. 2019, eq. 8; wide early, slow late. `linear`: even."""
    rarity: float = 0.3
    """Weight of class rarity in an image's difficulty, 0 … below 1; the rest is its smoothed loss."""
    least: float = 0.1
    """Share of each class that is admitted from the first epoch on, however rare it is, above 0."""

    def __post_init__(self) -> None:
        """Check every field's range."""
        if self.pace not in ("root", "linear"):
            raise ConfigFault(
                say(
                    "The curriculum's pace '{pace}' is unknown: use root or linear.",
                    pace=self.pace,
                )
            )
        for name in ("start", "full_after"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigFault(
                    say(
                        "The curriculum's {name} {value} does not fit: use a share from 0 to 1.",
                        name=name,
                        value=getattr(self, name),
                    )
                )
        if not 0 <= self.rarity < 1:
            raise ConfigFault(
                say(
                    "The curriculum's rarity {rarity} does not fit: use a weight from 0, below 1.",
                    rarity=self.rarity,
                )
            )
        if not 0 < self.least <= 1:
            raise ConfigFault(
                say(
                    "The curriculum's least {least} does not fit: use a share above 0, at most 1.",
                    least=self.least,
                )
            )


class Stage(NamedTuple):
    """The curriculum in one epoch.

    pace: 0 … 1. admitted: bool (n,). shares: float64 (7,), admitted share of each class, NaN where it has no image.
    difficulty: float64 (n,), 0 … 1.
    """

    pace: float
    admitted: NDArray[np.bool_]
    shares: NDArray[np.float64]
    difficulty: NDArray[np.float64]


def pace_of(config: CurriculumConfig, epoch: int, epochs: int) -> float:
    """Pace of `epoch`, 0 … epochs − 1: from `start` to 1, reached after `full_after` of the epochs."""
    full = config.full_after * epochs
    done = min(1.0, epoch / full) if full > 0 else 1.0
    if config.pace == "linear":
        return config.start + (1 - config.start) * done
    return float(np.sqrt(config.start**2 + (1 - config.start**2) * done))


def difficulty_of(memory: LossHistory, classes: NDArray[np.int64], rarity: float) -> NDArray[np.float64]:
    """Difficulty of each image, float64 (n,) in 0 … 1: (1 − rarity) · its loss rank in its class + rarity · its class.

    classes: int64 (n,). The loss rank runs from 0 for the easiest to 1 for the hardest of a class; an image not seen
    yet stands in the middle. The class's part is 1 − its frequency relative to the most frequent one.
    """
    counts = np.bincount(classes)
    rare = 1 - counts / counts.max()
    rank = np.full(len(classes), 0.5)
    for index in np.unique(classes):
        seen = np.flatnonzero((classes == index) & ~np.isnan(memory.smoothed))
        if len(seen) > 1:
            order = np.argsort(memory.smoothed[seen], kind="stable")
            rank[seen[order]] = np.arange(len(seen)) / (len(seen) - 1)
    difficulty: NDArray[np.float64] = (1 - rarity) * rank + rarity * rare[classes]
    return difficulty


def quotas_of(config: CurriculumConfig, pace: float, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many images of each class are admitted at `pace`, 0 … 1, int64 (7,); it depends on no loss.

    counts: int64 (7,), training images of each class. See `stage_of`.
    """
    if pace >= 1:
        return counts
    rare = 1 - counts / counts.max()
    hardest = (1 - config.rarity) + config.rarity * rare[counts > 0].max()
    share = (pace * hardest - config.rarity * rare) / (1 - config.rarity)
    admitted: NDArray[np.int64] = np.ceil(counts * np.clip(share, config.least, 1)).astype(np.int64)
    return admitted


def stage_of(
    config: CurriculumConfig, memory: LossHistory, classes: NDArray[np.int64], epoch: int, epochs: int, seed: int = 0
) -> Stage:
    """Decide which images epoch `epoch` of `epochs` may draw; all of them where the curriculum is off.

    Class by class, the easiest images are admitted: as many as would lie below the pace if the ranks of the class were
    evenly spread, at least `least` of the class and at least one. So common classes open before rare ones, a class
    never closes again, and at pace 1 all are in. Images of the same difficulty, as all of a class are before the first
    loss is known, are admitted in an order drawn by `seed`.
    """
    difficulty = difficulty_of(memory, classes, config.rarity)
    pace = pace_of(config, epoch, epochs) if config.enabled else 1.0
    counts = np.bincount(classes, minlength=len(CODES))
    quotas = quotas_of(config, pace, counts)
    admitted = np.zeros(len(classes), dtype=np.bool_)
    shares = np.full(len(counts), np.nan)
    lot = np.random.default_rng([seed, 3]).permutation(len(classes))
    for index in np.flatnonzero(counts):
        members = np.flatnonzero(classes == index)
        easiest = members[np.lexsort((lot[members], difficulty[members]))][: quotas[index]]
        admitted[easiest] = True
        shares[index] = len(easiest) / len(members)
    return Stage(pace, admitted, shares, difficulty)
