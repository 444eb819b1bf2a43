"""The second stage of the deep features with a kernel machine: features chosen by moth-flame, the machine put in place.

Needs trained weights whose head is a `KernelHead`. Learns from the training part alone.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from derm.data.catalogue import Catalogue
from derm.data.split import Split
from derm.data.store import open_store
from derm.evaluate.inference import Progress
from derm.model.network import LesionNet
from derm.model.systems.kernel_head import KernelHead
from derm.model.weights import load_weights, save_weights
from derm.predict.batch import answers
from derm.train.config import TrainConfig
from derm.train.open_run import classes_of, training_rows
from derm.zoo.kelm import fit_machine, held_out_fitness, moth_flame

HELD_OUT = 3
"""One lesion of so many judges the choice of features."""

MOST_JUDGED = 1200
"""Cases that a choice is fitted to and judged by, at most: each of 200 choices takes as long as their number cubed."""


def needs_machine(net: LesionNet) -> bool:
    """Whether a network waits for its machine."""
    return isinstance(net.head, KernelHead) and not net.head.fitted


def put_machine(
    weights: Path,
    target: Path,
    catalogue: Catalogue,
    split: Split,
    config: TrainConfig,
    cache: Path,
    progress: Progress | None = None,
    device: str = "cpu",
) -> None:
    """Choose features and fit the machine, and write the weights with it to `target` (.json).

    Learns from the images that `config` trained on, whose features are read on `device`. Until it is whole, `target`
    is not there.
    """
    model = load_weights(weights)
    rows = training_rows(catalogue, split, config)
    classes = classes_of(catalogue.table)[rows]
    known = classes < len(model.description.classes)
    rows, classes = rows[known], classes[known]
    store = open_store(catalogue, config.model.input_size, cache, None, config.model.fit)
    net = model.net.to(device)
    features = np.concatenate([answer.pooled.cpu().numpy() for _, answer in answers(net, store.images, rows)])
    judged = np.sort(np.random.default_rng(config.seed).permutation(len(rows))[:MOST_JUDGED])
    held_out = hold_out(split.together.iloc[rows].to_numpy(dtype=str)[judged], config.seed)
    chosen = moth_flame(
        held_out_fitness(features[judged], classes[judged], held_out),
        features.shape[1],
        seed=config.seed,
        progress=progress,
    )
    machine = fit_machine(features, classes, chosen)
    head = net.cpu().head
    assert isinstance(head, KernelHead)
    head.fit_to(
        torch.from_numpy(machine.centres),
        torch.from_numpy(machine.chosen),
        torch.from_numpy(machine.scale),
        machine.gamma,
        torch.from_numpy(machine.weights),
    )
    save_weights(target, net.eval(), model.description)


def told_of(net: LesionNet) -> dict[str, int] | None:
    """How many features a network's machine reads, and of how many cases it is made; None for one without."""
    if not isinstance(net.head, KernelHead):
        return None
    return {"chosen": len(net.head.hidden.chosen), "cases": len(net.head.hidden.centres)}


def hold_out(lesions: NDArray[np.str_], seed: int) -> NDArray[np.bool_]:
    """Which cases are held out, bool (n,): those of one lesion in `HELD_OUT`, by lot."""
    names = np.unique(lesions)
    some = np.random.default_rng(seed).permutation(names)[: max(1, len(names) // HELD_OUT)]
    return np.isin(lesions, some)
