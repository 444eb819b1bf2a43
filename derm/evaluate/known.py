"""Which images weights have learned from, or of which lesions, before anybody measures on them.

Needs a description of weights and rows of a catalogue. Weights that record what they learned from are taken at their
word; others that were trained on the shipped split by lesion know its training part. Each picture is looked at,
whatever its name says. Does not know how good an answer is.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from derm.data.catalogue import SYNTHETIC, Catalogue
from derm.data.learned import lesion_digests, read_learned
from derm.data.looks import find_copies, looks_of
from derm.data.recognise import SHIPPED, copies_among, shipped_splits
from derm.data.split import Split, learned_parts
from derm.data.value_words import value_called
from derm.errors import DataFault
from derm.evaluate.inference import Progress
from derm.language.speech import say
from derm.model.weights import WeightsInfo
from derm.paths import cache_folder

BY_CHANCE = 0.005
"""Share of pictures that may look like a learned one by chance; of 12,080 real ones 0.002 do."""


class Known(NamedTuple):
    """named: bool (n,), images of which the weights learned by their name or lesion. alike: bool (n,), those that are
    copies of pictures learned from."""

    named: NDArray[np.bool_]
    alike: NDArray[np.bool_]

    @property
    def rows(self) -> NDArray[np.bool_]:
        """Which images the weights know, bool (n,)."""
        return self.named | self.alike

    @property
    def spoils(self) -> bool:
        """Whether so many are known that figures on these images would be too good."""
        return bool(self.named.any() or self.alike.sum() > BY_CHANCE * len(self.alike))


def find_known(
    description: WeightsInfo,
    catalogue: Catalogue,
    split: Split,
    rows: NDArray[np.int64],
    progress: Progress | None = None,
) -> Known:
    """Which of the catalogue's `rows`, int64 (n,), the weights have learned from. progress: told of pictures read."""
    table, data = catalogue.table.iloc[rows], description.training.get("data", {})
    named, alike = np.zeros(len(rows), dtype=np.bool_), np.zeros(len(rows), dtype=np.bool_)
    learned = read_learned(description.training)
    if learned is not None:
        digests = lesion_digests(table, split.together.iloc[rows])
        # Split by image, as in the paper, sisters of training images are tested: the split's name says that it leaks.
        named = np.array([split.by == "lesion" and digest in learned.lesions for digest in digests], dtype=np.bool_)
        alike = find_copies(looks_of([Path(path) for path in table["image_path"]], progress), learned.pictures) >= 0
    config = description.training.get("config", {})
    trained_on = description.learned_from if learned is None else set(data.get("sources_before", ()))
    if not trained_on & set(SHIPPED) or config.get("leave_out") or config.get("split_by", "lesion") != "lesion":
        return Known(named, alike)
    named |= (learned_parts(catalogue).iloc[rows] == "train").to_numpy(dtype=np.bool_)
    copies = copies_among(table[table["source"] != SYNTHETIC], cache_folder(), progress)
    parts = dict(shipped_splits()["part"])
    alike |= np.array([parts.get(copies.get(image, ""), "") == "train" for image in table["image_id"]], dtype=np.bool_)
    return Known(named, alike)


def refuse_known(known: Known, catalogue: Catalogue, rows: NDArray[np.int64], part: str) -> None:
    """Raise DataFault where the weights know images of what is to be measured, see `Known.spoils`."""
    if not known.spoils:
        return
    first = catalogue.table["image_id"].iloc[rows[int(known.rows.argmax())]]
    raise DataFault(
        say(
            "{known:,} of {count:,} images of the {part} part show a lesion, or are a picture, that the weights "
            "learned from, {first} for one, so that every figure would be too good: measure on other "
            "images, or go on all the same with --even-known.",
            known=int(known.rows.sum()),
            count=len(rows),
            part=value_called(part),
            first=first,
        )
    )
