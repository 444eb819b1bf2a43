"""What reading a table has found that would otherwise be lost without a word, as remarks that a check reports.

Needs columns of text as `derm.data.folder.read_table` gives them. Does not know what becomes of the rows.
"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from derm.data.folder import Remark, column
from derm.data.values import read_ages
from derm.language.speech import mark, say, say_many

NAMED = 3
"""Cells that a remark spells out."""

UNREAD_AGE = mark("age not read")
DIVIDED = mark("lesion or patient in several parts")
NO_LESION = mark("lesion not named")
UNMATCHED = mark("ground truth of other images")
INCOMPLETE = mark("ground truth incomplete")
OTHER_METADATA = mark("metadata of other images")
SOME_METADATA = mark("metadata incomplete")
STRANGE_PAIRS = mark("pairs of other images")


def remark_ages(path: Path, table: pd.DataFrame) -> tuple[Remark, ...]:
    """That some ages of the `table` at `path` are no number, with the first ones; none where all could be read."""
    cells = column(table, "age", "age_approx", missing="")
    unread = cells[read_ages(cells).unread]
    if unread.empty:
        return ()
    problem = say_many(
        "{count:,} age is no number and counts as missing: {first}",
        "{count:,} ages are no number and count as missing: {first}",
        len(unread),
        first=_first(unread),
    )
    return (Remark(UNREAD_AGE, path.name, problem),)


def remark_lesions(path: Path, lesions: pd.Series) -> tuple[Remark, ...]:
    """That some rows of the table at `path` name no lesion where others do. lesions: text (n,), '' where missing."""
    missing = int((lesions == "").sum())
    if not 0 < missing < len(lesions):
        return ()
    problem = say_many(
        "{count:,} of {images:,} images names no lesion: it counts as a lesion of its own",
        "{count:,} of {images:,} images name no lesion: each counts as a lesion of its own",
        missing,
        images=len(lesions),
    )
    return (Remark(NO_LESION, path.name, problem),)


def remark_parts(path: Path, parts: pd.Series, groups: Mapping[str, pd.Series]) -> tuple[Remark, ...]:
    """That the table at `path` gives pictures of one lesion or patient to several parts. parts: text (n,), '' where
    none is named. groups: by a word for it, what stays together, text (n,), '' where it has no name."""
    found = []
    for kind, names in groups.items():
        named = (parts != "") & (names != "")
        several = parts[named].groupby(names[named]).unique()
        for name, own in several[several.map(len) > 1].items():
            problem = say(
                "gives pictures of the {kind} {name} to {parts}, and they stay in one part",
                kind=say(kind),
                name=name,
                parts=", ".join(sorted(own)),
            )
            found.append(Remark(DIVIDED, path.name, problem))
    return tuple(found)


def remark_truth(path: Path, metadata: pd.Series, truth: pd.Series) -> tuple[Remark, ...]:
    """That the ground truth at `path` names none, or not all, of the metadata's images. Both: ids, text (n,)."""
    known = set(metadata.str.lower())
    shared = known & set(truth.str.lower())
    if shared == known:
        return ()
    others = truth[~truth.str.lower().isin(known)]
    if not shared:
        problem = say(
            "names no image of the metadata: it has {others}, the metadata {known}",
            others=_first(others),
            known=_first(metadata),
        )
        return (Remark(UNMATCHED, path.name, problem),)
    problem = say(
        "names {shared:,} of the {known:,} images of the metadata; the others are not compared",
        shared=len(shared),
        known=len(known),
    )
    return (Remark(INCOMPLETE, path.name, problem),)


def remark_metadata(path: Path, metadata: pd.Series, truth: pd.Series) -> tuple[Remark, ...]:
    """That the metadata at `path` name none, or not all, of the ground truth's images. Both: ids, text (n,)."""
    known = set(truth.str.lower())
    shared = known & set(metadata.str.lower())
    if shared == known:
        return ()
    if not shared:
        problem = say(
            "names no image of the ground truth: it has {others}, the ground truth {known}",
            others=_first(metadata),
            known=_first(truth),
        )
        return (Remark(OTHER_METADATA, path.name, problem),)
    problem = say(
        "names {shared:,} of the {known:,} images of the ground truth; of the others no lesion, age, sex or site is "
        "known",
        shared=len(shared),
        known=len(known),
    )
    return (Remark(SOME_METADATA, path.name, problem),)


def remark_pairs(path: Path, pairs: pd.DataFrame, strange: pd.DataFrame) -> tuple[Remark, ...]:
    """That some `pairs` of the table at `path`, two columns of names, join nothing. strange: bool, alike, whether none
    of the folder's images is called so."""
    count = int(strange.any(axis=1).sum())
    if not count:
        return ()
    problem = say_many(
        "{count:,} of {pairs:,} pairs names an image that is not in this folder, and joins nothing here: {first}",
        "{count:,} of {pairs:,} pairs name an image that is not in this folder, and join nothing here: {first}",
        count,
        pairs=len(pairs),
        first=_first(pd.Series(pairs.to_numpy()[strange.to_numpy()])),
    )
    return (Remark(STRANGE_PAIRS, path.name, problem),)


def _first(cells: pd.Series) -> str:
    names = list(dict.fromkeys(cells))
    return ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
