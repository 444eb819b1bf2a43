"""The replay buffer as pictures: its hardest images, each with its loss, age, views and draws.

Needs a run that was looked at and, for the pictures, its data set's catalogue. Knows nothing of pages.
"""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from derm.data.catalogue import Catalogue
from derm.diagnoses import DIAGNOSES, INDEX, Diagnosis
from derm.errors import ImageRefused
from derm.files import stamp_now
from derm.image.decode import claimed_in_file, open_image
from derm.image.overlay import jpeg, resize_picture
from derm.monitor.runs import Run
from derm.predict.case_list import Turn, at_once

SIDE = 160
"""Longer side of a thumbnail, pixels."""


class ReplayImage(NamedTuple):
    """One image of the buffer.

    diagnosis: None where the data set is not here, or leaves it open. thumbnail: a JPEG file, None where the data set
    is not here. loss: smoothed cross-entropy. views: times that it was shown. drawn: times that it was replayed, in all
    and in the last epoch. age: epochs since it came in; None where the log, of an older Derm, does not tell.
    """

    image_id: str
    diagnosis: Diagnosis | None
    thumbnail: bytes | None
    loss: float
    views: int
    drawn: int
    drawn_in_epoch: int
    age: float | None


def held_images(run: Run, catalogue: Catalogue | None, turn: Turn = at_once) -> list[ReplayImage]:
    """The hardest images of the run's buffer, hardest first. catalogue: of its data set, where that can be read. turn:
    entered while an image is read."""
    told, start = run.reader.newest("replay"), run.reader.newest("start")
    if told is None or start is None:
        return []
    rows, steps_per_epoch = told["hardest"], start["steps_per_epoch"]
    known = {}
    if catalogue is not None:
        wanted = catalogue.table[catalogue.table["image_id"].isin([row["image_id"] for row in rows])]
        columns = (wanted[name] for name in ("image_id", "dx", "image_path"))
        known = {image_id: (dx, path) for image_id, dx, path in zip(*columns, strict=True)}
    held = []
    for row in rows:
        dx, path = known.get(row["image_id"], (None, ""))
        held.append(
            ReplayImage(
                row["image_id"],
                DIAGNOSES[INDEX[dx]] if dx in INDEX else None,
                thumbnail(path, turn) if path else None,
                row["loss"],
                row["views"],
                row["drawn"],
                row["drawn_in_epoch"],
                row["age"] / steps_per_epoch if "age" in row else None,
            )
        )
    return held


def thumbnail(path: str, turn: Turn = at_once) -> bytes | None:
    """A small JPEG of the picture at `path`, or None where it cannot be read; the last six hundred are kept.

    turn: entered while one is made, not for one that is kept. A picture that was replaced is made anew, and one that
    cannot be read is looked for each time: its folder may come later.
    """
    try:
        return _small(path, stamp_now(Path(path)), turn)
    except (ImageRefused, OSError):
        return None


@lru_cache(maxsize=600)
def _small(path: str, _stamp: tuple[int, ...], turn: Turn) -> bytes:
    """`thumbnail` of the file with this stamp; ImageRefused, OSError where it cannot be read, which are not kept."""
    with turn(claimed_in_file(path)):
        image = open_image(Path(path))
        height, width = image.shape[:2]
        scale = SIDE / max(height, width)
        return jpeg(resize_picture(image, max(1, round(height * scale)), max(1, round(width * scale))))
