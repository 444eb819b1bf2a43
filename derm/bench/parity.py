"""Whether two engines give one answer: how far apart what they say of the same squares is, and what it changes.

Needs a model, two engines and squares. An engine may take PyTorch's place where `Parity.holds`. Knows nothing of time.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.data.catalogue import Catalogue
from derm.data.split import known_part, split_catalogue
from derm.data.synthetic.lesion import draw_lesion
from derm.diagnoses import CODES, MALIGNANT
from derm.engine.alike import LARGEST_MAP, LARGEST_OUTLINE, LARGEST_PROBABILITY
from derm.engine.look import Engine
from derm.image.decode import open_image
from derm.image.resize import square
from derm.model.config import ModelConfig
from derm.model.weights import Model
from derm.predict.interpret import BATCH, Prediction, interpret

Progress = Callable[[int, int], None]
"""Told (done, total)."""


@dataclass(frozen=True)
class Parity:
    """How far two engines are apart over some pictures.

    probability, outline, maps: the largest difference, 0 … 1; of maps as a share of the picture's strongest evidence.
    pixels: of the squares, lesion by one alone. diagnoses, referrals, kinds: pictures whose likeliest diagnosis,
    referral, or statement of their kind differs.
    """

    pictures: int = 0
    probability: float = 0.0
    outline: float = 0.0
    maps: float = 0.0
    pixels: int = 0
    diagnoses: int = 0
    referrals: int = 0
    kinds: int = 0

    @property
    def changed(self) -> int:
        """Answers that differ."""
        return self.diagnoses + self.referrals + self.kinds

    @property
    def holds(self) -> bool:
        """Whether the two may stand for each other."""
        near = self.probability <= LARGEST_PROBABILITY and self.outline <= LARGEST_OUTLINE and self.maps <= LARGEST_MAP
        return near and not self.changed

    def __add__(self, other: "Parity") -> "Parity":
        """Both sets of pictures together."""
        return Parity(
            self.pictures + other.pictures,
            max(self.probability, other.probability),
            max(self.outline, other.outline),
            max(self.maps, other.maps),
            self.pixels + other.pixels,
            self.diagnoses + other.diagnoses,
            self.referrals + other.referrals,
            self.kinds + other.kinds,
        )


def parity_of(model: Model, one: Engine, other: Engine, squares: NDArray[np.uint8]) -> Parity:
    """Ask both engines about squares, uint8 (N, S, S, 3), together."""
    return compare(interpret(model, squares, engine=one), interpret(model, squares, engine=other))


def compare(one: Prediction, other: Prediction) -> Parity:
    """How far two predictions for the same squares are apart; one: what is taken for right."""
    strongest = np.maximum(one.maps.max(axis=(1, 2, 3)), np.finfo(np.float32).tiny)
    threshold = one.info.mask_threshold
    return Parity(
        len(one.squares),
        _largest(one.probabilities, other.probabilities),
        _largest(one.lesion, other.lesion),
        float((np.abs(one.maps - other.maps).max(axis=(1, 2, 3)) / strongest).max()),
        int(((one.lesion >= threshold) != (other.lesion >= threshold)).sum()),
        int((one.probabilities.argmax(axis=1) != other.probabilities.argmax(axis=1)).sum()),
        int((_referred(one) != _referred(other)).sum()),
        int((_statements(one) != _statements(other)).any(axis=0).sum()),
    )


def parity_on_files(
    model: Model, one: Engine, other: Engine, paths: Sequence[Path], progress: Progress | None = None
) -> Parity:
    """`parity_of` on picture files, `BATCH` at a time; raises ImageRefused."""
    found, size, fit = Parity(), model.description.model.input_size, model.description.model.fit
    for some in _batches(paths):
        squares = np.stack([square(open_image(path), size, fit) for path in some])
        found += parity_of(model, one, other, squares)
        if progress:
            progress(found.pictures, len(paths))
    return found


def pictures_of(catalogue: Catalogue, part: str, most: int | None) -> dict[str, list[Path]]:
    """The picture files of a part, by source; most: of each, by lot, always the same ones; None: all.

    Raises ConfigFault for a part that is unknown, DataFault for data that cannot be split.
    """
    parts = split_catalogue(catalogue).parts
    table = catalogue.table[parts == known_part(part)]
    return {
        str(source): [Path(path) for path in _by_lot(rows, most)["image_path"]]
        for source, rows in table.groupby("source", sort=True)
    }


def _by_lot(rows: pd.DataFrame, most: int | None) -> pd.DataFrame:
    return rows if most is None or most >= len(rows) else rows.sample(most, random_state=0)


def drawn_squares(config: ModelConfig) -> NDArray[np.uint8]:
    """A drawn lesion of each diagnosis as the network takes it, uint8 (7, S, S, 3)."""
    drawn = [draw_lesion(code, seed, height=225, width=300).image for seed, code in enumerate(CODES)]
    return np.stack([square(image, config.input_size, config.fit) for image in drawn])


def _batches(paths: Sequence[Path]) -> Iterator[Sequence[Path]]:
    for first in range(0, len(paths), BATCH):
        yield paths[first : first + BATCH]


def _largest(one: NDArray[np.floating[Any]], other: NDArray[np.floating[Any]]) -> float:
    return float(np.abs(one - other).max())


def _referred(found: Prediction) -> NDArray[np.bool_]:
    """Whom the weights' threshold refers, bool (N,); nobody without one."""
    sums = found.probabilities[:, np.array(MALIGNANT)].sum(axis=1)
    threshold = found.info.referral_threshold
    return np.zeros(len(sums), dtype=np.bool_) if threshold is None else sums >= threshold


def _statements(found: Prediction) -> NDArray[np.bool_]:
    """What is said of the kind of each picture, bool (2, N): not dermoscopic, seen little; False where nothing is."""
    said = (found.kind.not_dermoscopic, found.kind.seen_little)
    return np.stack([np.zeros(len(found.squares), dtype=np.bool_) if one is None else one for one in said])
