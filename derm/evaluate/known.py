"""Which images weights have learned from, or of which lesions, before anybody measures on them.

Needs a description of weights and rows of a catalogue. Weights that record what they learned from, and on what they
were calibrated locally, are taken at their word; others that were trained on the shipped split by lesion know its
training part. Each picture is looked at, whatever its name says. Does not know how good an answer is.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from derm.data.catalogue import SYNTHETIC, Catalogue
from derm.data.learned import Known, known_among, read_calibrated, read_learned
from derm.data.looks import looks_of
from derm.data.recognise import SHIPPED, copies_among, shipped_split
from derm.data.split import Split, learned_parts
from derm.data.value_words import value_called
from derm.errors import DataFault
from derm.evaluate.inference import Progress
from derm.language.speech import mark, say
from derm.model.weights import WeightsInfo
from derm.paths import cache_folder


def find_known(
    description: WeightsInfo,
    catalogue: Catalogue,
    split: Split,
    rows: NDArray[np.int64],
    progress: Progress | None = None,
    *,
    calibrated: bool = False,
) -> Known:
    """Which of the catalogue's `rows`, int64 (n,), the weights have learned from. progress: told of pictures read.

    calibrated: count those on which they were calibrated locally, too, for answers look better there than they are.
    """
    table, data = catalogue.table.iloc[rows], description.training.get("data", {})
    named, alike = np.zeros(len(rows), dtype=np.bool_), np.zeros(len(rows), dtype=np.bool_)
    learned = read_learned(description.training)
    records = [learned, read_calibrated(description.measured) if calibrated else None]
    if told := [record for record in records if record is not None]:
        looks = looks_of([Path(path) for path in table["image_path"]], progress)
        for record in told:
            found = known_among(record, catalogue.table, split, rows, looks)
            named, alike = named | found.named, alike | found.alike
    config = description.training.get("config", {})
    trained_on = description.learned_from if learned is None else set(data.get("sources_before", ()))
    shipped = trained_on & set(SHIPPED)
    if split.by == "image" and config.get("split_by") == "image":  # no list tells of it; its start was split so, too
        return Known(named, alike)
    # What is known of the start says nothing of what the last training left out, or of how it split.
    by_lesion = learned is not None or (not config.get("leave_out") and config.get("split_by", "lesion") == "lesion")
    if not shipped or not by_lesion:
        return Known(named, alike)
    named |= (learned_parts(catalogue, shipped).iloc[rows] == "train").to_numpy(dtype=np.bool_)
    copies = copies_among(table[table["source"] != SYNTHETIC], cache_folder(), progress)
    parts = {image: part for source in shipped for image, part in shipped_split(source)["part"].items()}
    alike |= np.array([parts.get(copies.get(image, ""), "") == "train" for image in table["image_id"]], dtype=np.bool_)
    return Known(named, alike)


OTHER_IMAGES = mark("use other images")
OR_EVEN_KNOWN = mark("measure on other images, or go on all the same with --even-known")
"""What to do about images that the weights know."""


def refuse_known(known: Known, catalogue: Catalogue, rows: NDArray[np.int64], part: str, cure: str) -> None:
    """Raise DataFault where the weights know images of what is to be measured, see `Known.spoils`. cure: of this
    module."""
    if not known.spoils:
        return
    first = catalogue.table["image_id"].iloc[rows[int(known.rows.argmax())]]
    raise DataFault(
        say(
            "{known:,} of {count:,} images of the {part} part show a lesion, or are a picture, that the weights "
            "learned from, or were calibrated on, {first} for one, so that every figure would be too good: {cure}.",
            known=int(known.rows.sum()),
            count=len(rows),
            part=value_called(part),
            first=first,
            cure=say(cure),
        )
    )
