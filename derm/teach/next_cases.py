"""Which of a practice's unconfirmed cases to look at next, and why each is on the list.

Needs open records. A case is a lesion that neither histology nor a correction that can be trusted has confirmed; the
worst picture of its last visit stands for it. Knows nothing of pages.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from derm.diagnoses import CODES
from derm.metrics.prior import change_shares
from derm.records import tables
from derm.records.connect import Records
from derm.records.entry import TRUSTED, record_of
from derm.records.read import LesionState, search, shares_of, standing_corrections
from derm.teach.ranking import BY_LOT, doubt_of, margin_of, pick

LISTED = 12
"""Cases of a list, unless another number is asked for."""


class LastAnswer(NamedTuple):
    """What the last answer for a picture says of how sure it is.

    probabilities: float64 (7,), at the data's own share of malignant lesions. moved: whether the answer was shown at
    another one. views: over how many it was asked. spread: of these, 0 … 0.5; None for one, and where it is known at
    another share alone. weights: the label of those that answered. weights_sha256, calibration: what tells them from
    others.
    """

    probabilities: NDArray[np.float64]
    moved: bool
    views: int
    spread: float | None
    weights: str
    weights_sha256: str
    calibration: str


class NextCase(NamedTuple):
    """One row of the list. answer: None where there is none that can be relied on; it comes by lot, or last."""

    lesion: LesionState
    answer: LastAnswer | None
    by_lot: bool


def unconfirmed(records: Records) -> list[LesionState]:
    """Every lesion with a picture whose diagnosis nothing confirms yet, in the order of their keys."""
    with records.reading() as connection:
        proven = set(connection.scalars(select(tables.histology.c.lesion_id)))
        proven |= {key for key, said in standing_corrections(connection).items() if said.basis in TRUSTED}
    return sorted((one for one in search(records) if one.lesion_id not in proven), key=lambda one: one.lesion_id)


def answers_for(records: Records, pictures: Iterable[str]) -> dict[str, LastAnswer]:
    """The last answer that can be relied on, by the picture's key; pictures without one are left out."""
    answer = tables.answer
    identity = (answer.c.weights_sha256, answer.c.calibration)
    columns = (answer.c.picture_id, answer.c.answerable, answer.c.record, answer.c.views, answer.c.weights, *identity)
    with records.reading() as connection:
        rows = connection.execute(select(*columns).order_by(tables.entered(answer))).mappings()
        last = {row["picture_id"]: dict(row) for row in rows}
    found = {}
    for key in pictures:
        row = last.get(key)
        if row is not None and row["answerable"]:
            told = record_of(row["record"])
            if told is not None and all(told.get(f"p_{code}") is not None for code in CODES):
                own = (row["weights"], row["weights_sha256"], row["calibration"])
                found[key] = LastAnswer(*_at_data(told, row["views"]), *own)
    return found


def _at_data(told: Mapping[str, Any], views: int) -> tuple[NDArray[np.float64], bool, int, float | None]:
    """The probabilities of a record, float64 (7,), whether they were moved, over how many views it was asked, and how
    far these are apart, at the data's own share of malignant lesions: only there do two answers compare. How far they
    are apart there a record at another share does not tell."""
    shares = np.array([told[f"p_{code}"] for code in CODES], dtype=np.float64)
    moved = shares_of(told)
    if moved is None or not shares.sum() > 0:
        return shares, False, views, told.get("spread")
    return change_shares(shares[None] / shares.sum(), *moved)[0], True, views, None


def next_cases(
    records: Records,
    on: date,
    count: int = LISTED,
    share: float = BY_LOT,
    spreads: Callable[[str, LastAnswer], float | None] | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    among: Sequence[LesionState] | None = None,
) -> list[NextCase]:
    """The next `count` cases to confirm, the most doubtful first, a `share` of them drawn by lot in between; behind
    them those whose answer cannot be relied on.

    on: the day, by which lots are drawn, so that the list stands still until tomorrow; a case that is confirmed leaves
    it, and no other changes its lot. spreads: asked, by picture and answer, where that tells none; None to let the
    margin decide alone there. progress: told of the pictures asked, (done, total). among: of `unconfirmed`, where that
    is known. Raises ConfigFault for a share outside 0 … 1.
    """
    cases = unconfirmed(records) if among is None else among
    answers = answers_for(records, (one.worst.picture_id for one in cases))
    if spreads is not None:
        lacking = [key for key, one in answers.items() if one.spread is None]
        for done, key in enumerate(lacking, start=1):
            answers[key] = answers[key]._replace(spread=spreads(key, answers[key]))
            if progress:
                progress(done, len(lacking))
    known = [answers.get(one.worst.picture_id) for one in cases]
    doubt = np.full(len(cases), np.nan)
    rows = [row for row, one in enumerate(known) if one is not None]
    told = [one for one in known if one is not None]
    if told:
        margins = margin_of(np.stack([one.probabilities for one in told]))
        apart = np.array([np.nan if one.spread is None else one.spread for one in told])
        doubt[rows] = doubt_of(margins, apart)
    lots = np.array([lot_of(one.lesion_id, on) for one in cases])
    return [NextCase(cases[one.row], known[one.row], one.by_lot) for one in pick(doubt, lots, count, share)]


def lot_of(lesion_id: str, on: date) -> float:
    """A lesion's lot of a day, 0 … 1."""
    return int(sha256(f"{on.isoformat()} {lesion_id}".encode()).hexdigest()[:13], 16) / 16**13
