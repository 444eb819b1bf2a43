"""Which images weights, or a decoder of structures, have learned from, or of which lesions, before anybody measures.

Needs their description and rows of a catalogue. Weights that record what they learned from, and on what they
were calibrated locally, are taken at their word; others that were trained on the shipped split by lesion know its
training part. Each picture is looked at, whatever its name says. Does not know how good an answer is.
"""

from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from derm.data.catalogue import SYNTHETIC, Catalogue
from derm.data.learned import (
    Known,
    LearnedImages,
    known_among,
    read_calibrated,
    read_images,
    read_learned,
    record_images,
)
from derm.data.looks import looks_of
from derm.data.recognise import SHIPPED, copies_among, shipped_split
from derm.data.split import PARTS, Split, learned_parts, split_own
from derm.data.value_words import value_called
from derm.errors import DataFault
from derm.evaluate.inference import Progress
from derm.language.speech import mark, say
from derm.model.weights import WeightsInfo
from derm.paths import cache_folder
from derm.structures.weights import StructureInfo


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
    data = description.training.get("data", {})
    learned = read_learned(description.training)
    records = [learned, read_calibrated(description.measured) if calibrated else None]
    known = _known_by([record for record in records if record is not None], catalogue, split, rows, progress)
    config = description.training.get("config", {})
    trained_on = description.learned_from if learned is None else set(data.get("sources_before", ()))
    shipped = trained_on & set(SHIPPED)
    if split.by == "image" and config.get("split_by") == "image":  # no list tells of it; its start was split so, too
        return known
    # What is known of the start says nothing of what the last training left out, or of how it split.
    by_lesion = learned is not None or (not config.get("leave_out") and config.get("split_by", "lesion") == "lesion")
    if not shipped or not by_lesion:
        return known
    return known.joined(_known_by_lists(shipped, catalogue, rows, progress))


def find_known_to_decoder(
    decoder: StructureInfo,
    catalogue: Catalogue,
    split: Split,
    rows: NDArray[np.int64],
    progress: Progress | None = None,
) -> Known:
    """As `find_known`, of a decoder of structures. One from before its pictures were recorded names ISIC 2018 Tasks 1
    and 2, and knows the training part of its shipped list."""
    data = decoder.training.get("data")
    learned = read_learned(decoder.training) if isinstance(data, dict) else None
    if learned is not None:
        return _known_by([learned], catalogue, split, rows, progress)
    return _known_by_lists(set(decoder.sources) & set(SHIPPED), catalogue, rows, progress)


def _known_by(
    records: list[LearnedImages],
    catalogue: Catalogue,
    split: Split,
    rows: NDArray[np.int64],
    progress: Progress | None,
) -> Known:
    """Which of the rows are in any of the records."""
    known = Known(np.zeros(len(rows), dtype=np.bool_), np.zeros(len(rows), dtype=np.bool_))
    if records:
        looks = looks_of([Path(path) for path in catalogue.table["image_path"].iloc[rows]], progress)
        for record in records:
            known = known.joined(known_among(record, catalogue.table, split, rows, looks))
    return known


def _known_by_lists(
    shipped: Collection[str], catalogue: Catalogue, rows: NDArray[np.int64], progress: Progress | None
) -> Known:
    """Which of the rows are in the training part of the shipped lists of these sources."""
    table = catalogue.table.iloc[rows]
    named = (learned_parts(catalogue, shipped).iloc[rows] == "train").to_numpy(dtype=np.bool_)
    copies = copies_among(table[table["source"] != SYNTHETIC], cache_folder(), progress)
    parts = {image: part for source in shipped for image, part in shipped_split(source)["part"].items()}
    alike = np.array([parts.get(copies.get(image, ""), "") == "train" for image in table["image_id"]], dtype=np.bool_)
    return Known(named, alike)


def refuse_shared(one: Catalogue, other: Catalogue, progress: Progress | None = None) -> None:
    """Raise DataFault where pictures or lesions of `one` lie in another part of `other`, each split by `split_own`.

    For two sets of which one is learned from while parts of the other are chosen by or measured on. What both have of
    the shipped splits has one part everywhere.
    """
    own, split = split_own(one), split_own(other)
    listed = learned_parts(other) != ""
    if listed.all():
        return
    looks = looks_of([Path(path) for path in one.table["image_path"]], progress)
    known = Known(np.zeros(len(one.table), dtype=np.bool_), np.zeros(len(one.table), dtype=np.bool_))
    for part in PARTS:
        rows = np.flatnonzero((split.parts == part) & ~listed)
        elsewhere = np.flatnonzero(own.parts != part)
        if not len(rows) or not len(elsewhere):
            continue
        there = record_rows(other, split, rows, progress)
        found = known_among(there, one.table, own, elsewhere, looks[elsewhere])
        if found.spoils:
            known.named[elsewhere] |= found.named
            known.alike[elsewhere] |= found.alike
    if known.rows.any():
        raise DataFault(
            say(
                "{known:,} of {count:,} images of {place} show a lesion, or are a picture, of another part of {other}, "
                "{first} for one, so that figures would be too good: take them out of one of the two.",
                known=int(known.rows.sum()),
                count=len(one.table),
                place=one.place,
                other=other.place,
                first=str(one.table["image_id"].iloc[int(known.rows.argmax())]),
            )
        )


def record_rows(
    catalogue: Catalogue, split: Split, rows: NDArray[np.int64], progress: Progress | None = None
) -> LearnedImages:
    """The images of `rows` as a description would tell of them."""
    table = catalogue.table.iloc[rows]
    looks = looks_of([Path(path) for path in table["image_path"]], progress)
    return read_images(record_images(looks, table, split.together.iloc[rows]))


OTHER_IMAGES = mark("use other images")
OR_EVEN_KNOWN = mark("measure on other images, or go on all the same with --even-known")
"""What to do about images that the weights know."""


def refuse_known_to_decoder(known: Known, catalogue: Catalogue, rows: NDArray[np.int64], part: str) -> None:
    """As `refuse_known`, where the decoder of structures knows them."""
    if not known.spoils:
        return
    raise DataFault(
        say(
            "{known:,} of {count:,} images of the {part} part show a lesion, or are a picture, that the decoder of "
            "structures learned from, {first} for one, so that every figure would be too good: {cure}.",
            **_told(known, catalogue, rows, part),
            cure=say(OTHER_IMAGES),
        )
    )


def _told(known: Known, catalogue: Catalogue, rows: NDArray[np.int64], part: str) -> dict[str, object]:
    """What a refusal says of images that are known."""
    return {
        "known": int(known.rows.sum()),
        "count": len(rows),
        "part": value_called(part),
        "first": str(catalogue.table["image_id"].iloc[rows[int(known.rows.argmax())]]),
    }


def refuse_known(known: Known, catalogue: Catalogue, rows: NDArray[np.int64], part: str, cure: str) -> None:
    """Raise DataFault where the weights know images of what is to be measured, see `Known.spoils`. cure: of this
    module."""
    if not known.spoils:
        return
    raise DataFault(
        say(
            "{known:,} of {count:,} images of the {part} part show a lesion, or are a picture, that the weights "
            "learned from, or were calibrated on, {first} for one, so that every figure would be too good: {cure}.",
            **_told(known, catalogue, rows, part),
            cure=say(cure),
        )
    )
