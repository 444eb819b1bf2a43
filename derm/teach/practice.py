"""What a practice has to learn from: its confirmed cases as a data set, beside the old data, and whether it is enough.

Needs open records. The data set lies beside the records while it is learned from, and goes when that has ended.
"""

import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from derm.data.catalogue import Catalogue, read_data
from derm.data.recognise import recognise
from derm.data.split import Part, Split, split_own
from derm.diagnoses import CODES
from derm.errors import DataFault
from derm.evaluate.known import refuse_shared
from derm.files import make_folder
from derm.language.speech import say
from derm.model.weights import HAM10000_DATASETS, Model
from derm.paths import cache_folder
from derm.records.connect import Records
from derm.records.dataset import SOURCE, write_dataset
from derm.teach.features import Progress

FEWEST = 20
"""Confirmed lesions to learn from, without which a training would fit chance: a hundred are worth asking for."""


@dataclass(frozen=True)
class Lessons:
    """practice: the confirmed cases. old: the data that are rehearsed, None where there are none. lacking: sources that
    the weights learned from and `old` does not hold. unread: why kept pictures are left out, a sentence for each."""

    practice: Catalogue
    old: Catalogue | None
    lacking: tuple[str, ...]
    unread: tuple[str, ...] = ()

    @property
    def catalogues(self) -> tuple[Catalogue, ...]:
        """The old data, where there are any, and the practice's."""
        return (self.practice,) if self.old is None else (self.old, self.practice)


def gather_lessons(
    records: Records,
    model: Model,
    old: Sequence[Path],
    folder: Path,
    progress: Progress | None = None,
    only: Collection[str] | None = None,
) -> Lessons:
    """The practice's confirmed cases, written into `folder`, and the old data in folders `old`.

    What lies in `folder` from before goes: cases may have been corrected, or patients deleted, since it was written.
    only: ids of the pictures that are learned from, None for all that are confirmed.

    Raises RecordsFault where nothing is confirmed, DataFault where too little is, where `old` is none of the data that
    the weights learned from, or where it holds pictures of the practice in another part.
    """
    remove_lessons(folder)
    unread = write_dataset(records, folder, only=only).unread
    practice = recognise(read_data([folder]), cache_folder(), progress)
    split = split_own(practice)
    lessons = lesions_in(practice, split, "train")
    if lessons < FEWEST:
        raise DataFault(
            say(
                "The practice has {lessons} confirmed lesions to learn from, beside those that are kept to "
                "choose and to measure on: confirm cases on the page Cases until there are {fewest}.",
                lessons=lessons,
                fewest=FEWEST,
            )
        )
    about = model.description.training.get("data", {})
    known = {*(about.get("sources") or ("ham10000",)), *about.get("sources_before", ())} - {SOURCE}
    if not old:
        return Lessons(practice, None, tuple(sorted(known)), unread)
    others = recognise(read_data(old), cache_folder(), progress)
    there = set(others.table["source"]) | set(others.table["dataset"])
    if not known & there:
        raise DataFault(
            say(
                "{place} holds {set}, and the weights learned from {known}: name the folder of that data.",
                place=others.place,
                set=", ".join(sorted(set(others.table["source"]))),
                known=", ".join(sorted(known)),
            )
        )
    refuse_shared(practice, others, progress)
    return Lessons(practice, others, tuple(sorted(known - there - set(HAM10000_DATASETS))), unread)


def lesions_in(catalogue: Catalogue, split: Split, part: Part) -> int:
    """How many lesions of a part have one of the seven diagnoses."""
    rows = split.rows(part)
    named = catalogue.table["dx"].iloc[rows].isin(CODES).to_numpy()
    return len(np.unique(split.lesions.iloc[rows][named].to_numpy(dtype=str)))


def remove_lessons(folder: Path) -> None:
    """Take the data set away; nothing happens where there is none."""
    shutil.rmtree(folder, ignore_errors=True)


def make_place(folder: Path) -> None:
    """Make the folder of a training, readable for its owner alone: it holds pictures of patients."""
    make_folder(folder)
    folder.chmod(0o700)
