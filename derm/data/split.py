"""Which images train, which choose and which test: by lesion, or as in the paper by image, which leaks.

Needs a catalogue. For HAM10000 and the second source, ISIC 2018 Tasks 1 and 2, the split by lesion is shipped as lists
of ids, and holds for copies of their images, see `derm.data.recognise`; any other data set is split by the same rule. A
source may be left out of training to be tested on. Knows nothing of pictures.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from derm.data.catalogue import Catalogue, find_named
from derm.data.folder import plain_id
from derm.data.recognise import SHIPPED, Names, is_shipped, name_rows, shipped_split, shipped_splits
from derm.diagnoses import CODES
from derm.errors import ConfigFault, DataFault
from derm.language.speech import say

Part = Literal["train", "validation", "test"]
By = Literal["lesion", "image"]

PARTS: tuple[Part, ...] = ("train", "validation", "test")
SHARES: dict[str, float] = {"train": 0.6, "validation": 0.2, "test": 0.2}
SEED = 2025
"""Seed of the shipped splits. It is part of a split's definition: another seed is another split."""

APART = "apart"
"""What is neither trained nor measured on: images of a lesion that the source left out shows, too."""


@dataclass(frozen=True)
class Split:
    """The part of each image.

    by: what was kept together. parts: text (n,), one of `PARTS` or `APART`, in the order of the catalogue's table.
    lesions: text (n,), a name for each image's lesion after joining duplicates: what figures count. together: text
    (n,), a name for what was kept in one part, the lesion or, where patients are named, the patient. leave_out:
    sources, or parts of one by their `dataset`, that are all in the test part.
    """

    by: By
    parts: pd.Series
    lesions: pd.Series
    together: pd.Series
    leave_out: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The split in words, with its warning where it leaks."""
        name = "by lesion" if self.by == "lesion" else "by image, as in the paper: it leaks"
        return f"{name}, {' and '.join(self.leave_out)} left out" if self.leave_out else name

    def rows(self, part: Part) -> np.ndarray:
        """Row numbers, int64 (k,), of the images in `part`, ascending."""
        return np.flatnonzero((self.parts == part).to_numpy())


def known_part(name: str) -> Part:
    """`name` as one of `PARTS`; ConfigFault for another."""
    if name not in PARTS:
        raise ConfigFault(
            say(
                "There is no part '{name}': use one of {parts}.",
                name=name,
                parts=", ".join(PARTS),
            )
        )
    return name


class Leak(NamedTuple):
    """How many test images have a sister, another image of the same lesion, in the training part."""

    test: int  # images in the test part
    with_sister: int  # those of them with a sister in training
    by_class: dict[str, tuple[int, int]]  # for each diagnosis: (images in test, those with a sister)

    @property
    def share(self) -> float:
        """Share of the test images with a sister, 0 … 1; 0 where the test part is empty."""
        return self.with_sister / self.test if self.test else 0.0


def split_catalogue(catalogue: Catalogue, by: By = "lesion", leave_out: Collection[str] = ()) -> Split:
    """Split 60/20/20, stratified by source and class.

    by: "lesion" keeps all images of a lesion, and of a patient, in one part: that of the shipped lists for the images
    that they name, whatever else is in the data set, that which a user's own table names, and one drawn by the same
    rule for others; "image" is the paper's protocol, kept only to reproduce its table. leave_out: values of the table's
    source or dataset; all of their images are tested, whatever their part, and no image of their lesions trains
    (leave-one-source-out). Raises DataFault when lesions are needed but unknown, or when there are too few images to
    split, ConfigFault for an unknown source.
    """
    whole = _split(catalogue, by)
    if not leave_out:
        return whole
    out = left_out(catalogue.table, leave_out)
    if out.all():
        raise ConfigFault(
            say(
                "Without {sources} nothing is left to train on: name further data with --data.",
                sources=", ".join(leave_out),
            )
        )
    parts = whole.parts.mask(whole.together.isin(set(whole.together[out])) & (by == "lesion"), APART).mask(out, "test")
    return replace(whole, parts=parts, leave_out=tuple(sorted(leave_out)))


def left_out(table: pd.DataFrame, names: Collection[str]) -> pd.Series:
    """Which rows of a catalogue's table are of the sources, or parts of one, called `names`: bool (n,)."""
    known = sorted({*table["source"], *table["dataset"]})
    if odd := [name for name in names if name not in known]:
        raise ConfigFault(
            say(
                "There is no source '{source}' in the data: it has {known}.",
                source=odd[0],
                known=", ".join(known),
            )
        )
    return table["source"].isin(names) | table["dataset"].isin(names)


def _split(catalogue: Catalogue, by: By) -> Split:
    table = catalogue.table
    names = name_rows(catalogue)
    known = names.lesion != ""
    if known.all() and is_shipped(catalogue.duplicates["image_id"].map(plain_id)).all():
        lesions = together = _first_of(names)
    elif (table.loc[~known, "lesion_id"] != "").all():
        lesions = _name_lesions(table, catalogue.duplicates, names)
        together = _name_lesions(table, _of_patients(table, catalogue.duplicates), names)
    elif by == "image":
        lesions = together = table["image_id"]
    else:
        raise DataFault(
            say(
                "{place} does not say which images show the same lesion, so it cannot be split by "
                "lesion: add HAM10000_metadata.csv, or split by image with `--split-by image` and expect "
                "figures that are too good.",
                place=catalogue.place,
            )
        )
    if by == "image":
        sources = table["source"] if "source" in table else pd.Series("", index=table.index)
        parts = [_by_image(dx) for _, dx in table["dx"].groupby(sources)]  # each by itself: HAM10000's is the paper's
        return Split(by, pd.concat(parts).reindex(table.index), lesions, together)
    part_of = _named_parts(catalogue, together) | (_shipped_parts() if known.any() else {})
    new = ~together.isin(set(part_of))
    if new.any():
        source = table["source"] if "source" in table else pd.Series("", index=table.index)
        for name in sorted(set(source[new])):
            own = new & (source == name) & ~together.isin(set(part_of))  # one of two sources goes with the first
            drawn = _by_lesion(strata_of(catalogue, own), together[own])
            part_of |= dict(zip(together[own], drawn, strict=True))
    return Split(by, together.map(part_of), lesions, together)


def _named_parts(catalogue: Catalogue, together: pd.Series) -> dict[str, str]:
    """The part of each group that a table names; where its pictures are in several, the foremost, as for copies."""
    named = catalogue.table["image_id"].map(catalogue.parts)
    return {group: part for part in reversed(PARTS) for group in together[named == part]}


@cache
def _shipped_parts() -> dict[str, str]:
    """The part of each lesion of the shipped splits."""
    shipped = shipped_splits()
    return dict(zip(shipped["lesion"], shipped["part"], strict=True))


def learned_parts(catalogue: Catalogue, sources: Collection[str] = tuple(SHIPPED)) -> pd.Series:
    """The part of the shipped splits of `sources` that each row belongs to, text (n,), '' where it is of none; see
    `name_rows`."""
    lesions, parts = _first_of(name_rows(catalogue)), _shipped_parts()
    own = {lesion for source in sources for lesion in shipped_split(source)["lesion"]}
    return pd.Series([parts[lesion] if lesion in own else "" for lesion in lesions], index=lesions.index, dtype=str)


def _first_of(names: Names) -> pd.Series:
    """The shipped lesion of each row, text (n,), '' for none. Where image and lesion id name two, the one that is
    trained on, else the one that is chosen by: nothing that weights know may be tested on."""
    parts = _shipped_parts()

    def foremost(image: str, lesion: str) -> str:
        return min((name for name in (image, lesion) if name), key=lambda name: PARTS.index(parts[name]), default="")

    pairs = zip(names.lesion, names.lesion_by_id, strict=True)
    return pd.Series([foremost(*pair) for pair in pairs], index=names.lesion.index, dtype=str)


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
    pairs = duplicates[["image_id", "same_lesion_as"]].apply(lambda names: find_named(names, table["image_id"]))
    for one, other in pairs.itertuples(index=False):
        if one in lesion_of and other in lesion_of:
            first, second = sorted((lead(lesion_of[one]), lead(lesion_of[other])))
            leader[second] = first
    return table["lesion_id"].map(lead)


def _name_lesions(table: pd.DataFrame, duplicates: pd.DataFrame, names: Names) -> pd.Series:
    """Name each image's lesion, text (n,): by the shipped lists where one of its images is in there.

    Where images of one lesion, or of what `duplicates` joins, are of several shipped lesions, those that are no shipped
    image by their very id go with the foremost, see `_first_of`.
    """
    own = own_lesions(table)
    known = _first_of(names)
    joined = join_lesions(table.assign(lesion_id=own), duplicates)
    parts = _shipped_parts()
    groups: dict[str, str] = {}
    for group, lesion in zip(joined, known, strict=True):
        if lesion and (group not in groups or PARTS.index(parts[lesion]) < PARTS.index(parts[groups[group]])):
            groups[group] = lesion
    rows = zip(names.exact, known, joined, strict=True)
    named_rows = [lesion if exact else groups.get(group, lesion or group) for exact, lesion, group in rows]
    return pd.Series(named_rows, index=table.index, dtype=str)


def _of_patients(table: pd.DataFrame, duplicates: pd.DataFrame) -> pd.DataFrame:
    """`duplicates` with all images of one patient joined, so that no patient is on two sides."""
    if "patient_id" not in table:
        return duplicates
    named = table.loc[table["patient_id"] != "", ["image_id", "patient_id"]]
    firsts = named.groupby("patient_id")["image_id"].transform("first")
    same = pd.DataFrame({"image_id": named["image_id"], "same_lesion_as": firsts})
    return pd.concat([duplicates, same], ignore_index=True)


def own_lesions(table: pd.DataFrame) -> pd.Series:
    """Each image's lesion as its table names it, text (n,); without a name each image is a lesion of its own."""
    own: pd.Series = table["lesion_id"].where(table["lesion_id"] != "", table["image_id"])
    return own


def split_own(catalogue: Catalogue) -> Split:
    """The split of a catalogue in which each image has a lesion, see `own_lesions`."""
    return split_catalogue(replace(catalogue, table=catalogue.table.assign(lesion_id=own_lesions(catalogue.table))))


def strata_of(catalogue: Catalogue, rows: pd.Series) -> pd.Series:
    """What is dealt evenly among `rows`, bool (n,): the diagnosis, and where dermoscopic structures are known the
    rarest one that an image shows beside it; text, indexed as these rows."""
    dx: pd.Series = catalogue.table.loc[rows, "dx"]
    if catalogue.structures.empty:
        return dx
    ids = catalogue.table.loc[rows, "image_id"]
    shown = catalogue.structures.set_index("image_id").reindex(ids).fillna(0).astype(bool)
    rarest = pd.Series("", index=dx.index)
    for name in shown.sum().sort_values(ascending=False, kind="stable").index:  # the rarest comes last and stays
        rarest[shown[name].to_numpy()] = f" with {name}"
    strata: pd.Series = dx + rarest
    return strata


def _by_lesion(dx: pd.Series, lesions: pd.Series) -> pd.Series:
    """Give lesions to parts: class by class in an order drawn by `SEED`, each to the part that is furthest behind.

    A lesion's class is the most frequent one of its images, the first in `CODES` on a tie.
    """
    random = np.random.default_rng(SEED)
    kinds = [*CODES, *sorted(set(dx) - set(CODES))]  # what is open or unknown is dealt evenly, too
    frame = pd.DataFrame({"dx": pd.Categorical(dx, categories=kinds), "lesion": lesions})
    counts = pd.crosstab(frame["lesion"], frame["dx"]).reindex(columns=kinds, fill_value=0)
    lesion_dx, sizes = counts.idxmax(axis=1), counts.sum(axis=1)
    part_of: dict[str, str] = {}
    for code in kinds:
        members = sorted(lesion_dx.index[lesion_dx == code])
        filled = dict.fromkeys(PARTS, 0)
        for member in random.permutation(np.array(members, dtype=object)):
            part = min(PARTS, key=lambda name: filled[name] / SHARES[name])
            part_of[member] = part
            filled[part] += int(sizes[member])
    return lesions.map(part_of)


def _by_image(dx: pd.Series) -> pd.Series:
    """Split images 60/20/20, stratified by class, whatever lesion they show."""
    from sklearn.model_selection import train_test_split

    rows = np.arange(len(dx))
    try:
        _, rest = train_test_split(rows, train_size=SHARES["train"], stratify=dx, random_state=SEED)
        validation, test = train_test_split(rest, train_size=0.5, stratify=dx.iloc[rest], random_state=SEED)
    except ValueError as error:
        raise DataFault(
            say(
                "{count} images are too few to split 60/20/20 by class: every class needs at least 5 images.",
                count=len(dx),
            )
        ) from error
    parts = pd.Series("train", index=dx.index, dtype=str)
    parts.iloc[validation] = "validation"
    parts.iloc[test] = "test"
    return parts
