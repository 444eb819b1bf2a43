"""Pictures of each diagnosis, in which concepts that nobody named are looked for, and by which a network is recognised.

Needs weights and rows of a catalogue. Knows no method.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from derm.diagnoses import CODES, INDEX
from derm.errors import DataFault
from derm.image.decode import open_image
from derm.image.resize import square
from derm.model.network import LesionNet
from derm.model.preprocess import normalise
from derm.model.weights import Model

EXAMPLES = 12
"""Of each diagnosis, at most."""

PROBED = 512
"""Values of each tensor by which a network is told from another."""

Found = TypeVar("Found")


@dataclass(frozen=True, eq=False)
class ExamplePictures:
    """Normalised pictures, float32 (n, 3, S, S), by the index in `CODES` of their diagnosis; n ≥ 1."""

    pictures: dict[int, Tensor]

    def of(self, index: int) -> Tensor:
        """Those of a diagnosis; of one without any, all that there are."""
        return self.pictures[index] if index in self.pictures else torch.cat(list(self.pictures.values()))


def examples_of(model: Model, table: pd.DataFrame, most: int = EXAMPLES, seed: int = 0) -> ExamplePictures:
    """Up to `most` pictures of each diagnosis, drawn by lot, of rows of a catalogue; these should be training pictures.

    Raises DataFault where no row has one of the seven diagnoses, and ImageRefused.
    """
    config = model.description.model
    lot = np.random.default_rng(seed)
    pictures = {}
    for code in CODES:
        paths = table.loc[table["dx"] == code, "image_path"].to_numpy(dtype=str)
        if len(paths):
            drawn = np.sort(lot.permutation(len(paths))[:most])
            squares = [square(open_image(Path(paths[place])), config.input_size, config.fit) for place in drawn]
            pictures[INDEX[code]] = normalise(torch.from_numpy(np.stack(squares)), config)
    if not pictures:
        raise DataFault("No picture has one of the seven diagnoses: name a data set that has some.")
    return ExamplePictures(pictures)


class ByNetwork(Generic[Found]):
    """What was found of the last two networks, each by its weights: the one that was trained, and a random one."""

    def __init__(self, find: Callable[[LesionNet], Found]) -> None:
        self._find = find
        self._known: dict[bytes, Found] = {}

    def of(self, net: LesionNet) -> Found:
        """What is found of `net`, at once where it has been asked before."""
        key = _mark(net)
        if key not in self._known:
            while len(self._known) > 1:
                del self._known[next(iter(self._known))]
            self._known[key] = self._find(net)
        return self._known[key]


def _mark(net: LesionNet) -> bytes:
    """Some values of every tensor: a copy with weights in another order differs."""
    found = blake2b()
    for tensor in net.state_dict().values():
        flat = tensor.detach().reshape(-1)
        found.update(flat[:: max(1, len(flat) // PROBED)].cpu().numpy().tobytes())
    return found.digest()
