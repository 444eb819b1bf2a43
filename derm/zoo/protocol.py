"""The one protocol under which every system is trained: budgets, settings, and where a result lies.

Needs a system. Trains nothing.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from derm.data.split import By
from derm.errors import ConfigFault
from derm.model.pretrained import RANDOM, TIMM
from derm.train.config import DERM, TrainConfig
from derm.zoo.systems import System

BudgetName = Literal["proxy", "full"]


@dataclass(frozen=True)
class TrainingBudget:
    """How much every system is given."""

    name: BudgetName
    size: int
    """Side of the square that networks see, pixels."""
    share: float
    """Of the training part, 0 … 1: the same images for all."""
    epochs: int
    batch: int
    explained: int
    """Images whose heat maps are held to account."""


BUDGETS: dict[str, TrainingBudget] = {
    "proxy": TrainingBudget("proxy", size=96, share=1 / 3, epochs=5, batch=32, explained=14),
    "full": TrainingBudget("full", size=224, share=1.0, epochs=20, batch=32, explained=70),
}
"""proxy: for all on a processor. full: as the paper trains."""


def find_budget(name: str) -> TrainingBudget:
    """The budget of that name; ConfigFault for another."""
    if name not in BUDGETS:
        raise ConfigFault(f"There is no budget '{name}': use one of {', '.join(get_args(BudgetName))}.")
    return BUDGETS[name]


def train_config(system: System, budget: TrainingBudget, by: By, start: str, seed: int = 0) -> TrainConfig:
    """How `system` is trained: as Derm's own preset, with the loss of what it answers, and the epoch chosen by it."""
    return replace(
        DERM,
        model=system.model(budget.size),
        split_by=by,
        start=start,
        mask_start=start if start in (RANDOM, TIMM) else RANDOM,
        epochs=budget.epochs,
        batch=budget.batch,
        train_share=budget.share,
        learning_rate=system.learning_rate or DERM.learning_rate,
        mask_weight=1.0 if system.draws else 0.0,
        class_weight=1.0 if system.names else 0.0,
        best_by="macro_auc" if system.names else "dice",
        seed=seed,
    )


def start_label(start: str) -> str:
    """What starting weights are called in folders and tables: random, imagenet, or file- and the name of the file."""
    return {RANDOM: "random", TIMM: "imagenet"}.get(start, f"file-{Path(start).stem}")


def place_of(out: Path, system: System, budget: TrainingBudget, by: By, start: str) -> Path:
    """The folder of one result below `out`."""
    return out / budget.name / f"by-{by}" / start_label(start) / system.name
