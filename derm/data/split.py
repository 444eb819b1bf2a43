"""Which images train, which choose and which test: by lesion, or as in the paper by image, which leaks.

Needs a catalogue. For HAM10000 the split by lesion is shipped as a list of ids; any other data set is split by the
same rule. Knows nothing of pictures.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from derm.data.catalogue import Catalogue
from derm.diagnoses import CODES
from derm.errors import DataFault

Part = Literal["train", "validation", "test"]
By = Literal["lesion", "image"]

PARTS: tuple[Part, ...] = ("train", "validation", "test")
SHARES: dict[str, float] = {"train": 0.6, "validation": 0.2, "test": 0.2}
SEED = 2025
"""Seed of the shipped split. It is part of the split's definition: another seed is another split."""


@dataclass(frozen=True)
class Split:
    """The part of each image.

    by: what was kept together. parts: text (n,), one of `PARTS`, in the order of the catalogue's table.
    lesions: text (n,), a name for each image's lesion after joining duplicates.
    """

    by: By
    parts: pd.Series
    lesions: pd.Series

    @property
    def name(self) -> str:
        """The split in words, with its warning where it leaks."""
        return "by lesion" if self.by == "lesion" else "by image, as in the paper: it leaks"

    def rows(self, part: Part) -> np.ndarray:
        """Row numbers, int64 (k,), of the images in `part`, ascending."""
        return np.flatnonzero((self.parts == part).to_numpy())


class Leak(NamedTuple):
    """How many test images have a sister, another image of the same lesion, in the training part."""

    test: int  # images in the test part
    with_sister: int  # those of them with a sister in training
    by_class: dict[str, tuple[int, int]]  # for each diagnosis: (images in test, those with a sister)

    @property
    def share(self) -> float:
        """Share of the test images with a sister, 0 … 1; 0 where the test part is empty."""
        return self.with_sister / self.test if self.test else 0.0


def split_catalogue(catalogue: Catalogue, by: By = "lesion") -> Split:
    """Split 60/20/20, stratified by class.

    by: "lesion" keeps all images of a lesion in one part: that of the shipped lists for HAM10000's lesions, whatever
    else is in the data set, and one drawn by the same rule for others; "image" is the paper's protocol, kept only to
    reproduce its table. Raises DataFault when lesions are needed but
    unknown, or when there are too few images to split.
    """
    table = catalogue.table
    shipped = shipped_split()
    known = table["image_id"].isin(shipped.index)
    if known.all():
        lesions = table["image_id"].map(shipped["lesion"])
    elif (table.loc[~known, "lesion_id"] != "").all():
        lesions = _name_lesions(table, catalogue.duplicates, shipped["lesion"].to_dict())
    elif by == "image":
        lesions = table["image_id"]
    else:
        raise DataFault(
            f"{catalogue.folder} does not say which images show the same lesion, so it cannot be split by lesion: "
            "add HAM10000_metadata.csv, or split by image with `--split-by image` and expect figures that are too good."
        )
    if by == "image":
        return Split(by, _by_image(table["dx"]), lesions)
    part_of = dict(zip(shipped["lesion"], shipped["part"], strict=True)) if known.any() else {}
    new = ~lesions.isin(set(part_of))
    if new.any():
        drawn = _by_lesion(table.loc[new, "dx"], lesions[new])
        part_of |= dict(zip(lesions[new], drawn, strict=True))
    return Split(by, lesions.map(part_of), lesions)


def count_leak(split: Split, dx: pd.Series) -> Leak:
    """Count the test images, by diagnosis `dx`, text (n,), whose lesion is also in the training part."""
    test = split.parts == "test"
    sister = test & split.lesions.isin(set(split.lesions[split.parts == "train"]))
    by_class = {code: (int((test & (dx == code)).sum()), int((sister & (dx == code)).sum())) for code in CODES}
    return Leak(int(test.sum()), int(sister.sum()), by_class)


def join_lesions(table: pd.DataFrame, duplicates: pd.DataFrame) -> pd.Series:
    """Name each image's lesion, text (n,): its `lesion_id`, joined where `duplicates` names a pair as one lesion."""
    leader = {lesion: lesion for lesion in table["lesion_id"]}

    def lead(lesion: str) -> str:
        while leader[lesion] != lesion:
            lesion = leader[lesion]
        return lesion

    lesion_of = dict(zip(table["image_id"], table["lesion_id"], strict=True))
    for one, other in zip(duplicates["image_id"], duplicates["same_lesion_as"], strict=True):
        if one in lesion_of and other in lesion_of:
            first, second = sorted((lead(lesion_of[one]), lead(lesion_of[other])))
            leader[second] = first
    return table["lesion_id"].map(lead)


def _name_lesions(table: pd.DataFrame, duplicates: pd.DataFrame, shipped: Mapping[Hashable, str]) -> pd.Series:
    """Name each image's lesion, text (n,): by the shipped list where one of its images is in there."""
    own = table["lesion_id"].where(table["lesion_id"] != "", table["image_id"])
    joined = join_lesions(table.assign(lesion_id=own), duplicates)
    pairs = list(zip(table["image_id"], joined, strict=True))
    groups = {group: shipped[image] for image, group in pairs if image in shipped}
    names = [shipped.get(image, groups.get(group, group)) for image, group in pairs]
    return pd.Series(names, index=table.index, dtype=str)


@cache
def shipped_split() -> pd.DataFrame:
    """HAM10000's split by lesion: index image_id; columns lesion (joined) and part."""
    with resources.files("derm.data").joinpath("splits/ham10000_by_lesion.csv").open() as stream:
        return pd.read_csv(stream, index_col="image_id", dtype=str)


def _by_lesion(dx: pd.Series, lesions: pd.Series) -> pd.Series:
    """Give lesions to parts: class by class in an order drawn by `SEED`, each to the part that is furthest behind.

    A lesion's class is the most frequent one of its images, the first in `CODES` on a tie.
    """
    random = np.random.default_rng(SEED)
    frame = pd.DataFrame({"dx": pd.Categorical(dx, categories=CODES), "lesion": lesions})
    counts = pd.crosstab(frame["lesion"], frame["dx"]).reindex(columns=list(CODES), fill_value=0)
    lesion_dx, sizes = counts.idxmax(axis=1), counts.sum(axis=1)
    part_of: dict[str, str] = {}
    for code in CODES:
        members = sorted(lesion_dx.index[lesion_dx == code])
        filled = dict.fromkeys(PARTS, 0)
        for member in random.permutation(np.array(members, dtype=object)):
            part = min(PARTS, key=lambda name: filled[name] / SHARES[name])
            part_of[member] = part
            filled[part] += int(sizes[member])
    return lesions.map(part_of)


def _by_image(dx: pd.Series) -> pd.Series:
    """Split images 60/20/20, stratified by class, whatever lesion they show."""
    rows = np.arange(len(dx))
    try:
        _, rest = train_test_split(rows, train_size=SHARES["train"], stratify=dx, random_state=SEED)
        validation, test = train_test_split(rest, train_size=0.5, stratify=dx.iloc[rest], random_state=SEED)
    except ValueError as error:
        raise DataFault(
            f"{len(dx)} images are too few to split 60/20/20 by class: every class needs at least 5 images."
        ) from error
    parts = pd.Series("train", index=dx.index, dtype=str)
    parts.iloc[validation] = "validation"
    parts.iloc[test] = "test"
    return parts
