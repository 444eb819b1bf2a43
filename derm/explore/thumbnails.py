"""Small pictures of a data set, made once each and kept on disk, with the true outline or without.

Needs paths of image and mask files. A changed file is a new thumbnail. Knows nothing of rows and pages.
"""

import hashlib
from pathlib import Path

import numpy as np

from derm.data.store import read_pair
from derm.errors import DataFault
from derm.files import write_bytes
from derm.image.decode import claimed_in_file
from derm.image.overlay import draw_outline, jpeg, resize_mask, resize_picture
from derm.predict.case_list import Turn, at_once

FORMAT = 2
"""Raised when thumbnails look otherwise, so that old ones are not shown."""

SIDE = 320
"""Longer side, pixels: sharp at 160 on a screen of double density."""

SMALL_LINE = 2.2
"""Width of outlines on thumbnails, in those of a large picture: their light line would drown in its rim."""

BROKEN_SHADE = 128


def thumbnail(image_path: str, mask_path: str, cache: Path, *, outlined: bool, turn: Turn = at_once) -> bytes:
    """A JPEG file, its longer side `SIDE` pixels, from the cache or made now.

    outlined: with the mask's outline, dashed as true outlines are; needs a mask_path, which may be ''. A file that
    cannot be read gives a grey square, which is not kept: `derm data check` says what is the matter with it. turn:
    entered while one is made.
    """
    mask_path = mask_path if outlined else ""
    try:
        place = cache / "thumbnails" / _name(image_path, mask_path)
        if place.is_file():
            return place.read_bytes()
        with turn(claimed_in_file(image_path, mask_path)):
            made = _make(image_path, mask_path)
    except (DataFault, OSError):
        return jpeg(np.full((SIDE * 3 // 4, SIDE, 3), BROKEN_SHADE, dtype=np.uint8))
    write_bytes(place, made)
    return made


def _make(image_path: str, mask_path: str) -> bytes:
    image, mask = read_pair(image_path, mask_path)
    scale = SIDE / max(image.shape[:2])
    height, width = (max(1, round(scale * side)) for side in image.shape[:2])
    small = resize_picture(image, height, width)
    if mask is None:
        return jpeg(small)
    return jpeg(draw_outline(small, resize_mask(mask, height, width), dashed=True, scale=SMALL_LINE))


def _name(*paths: str) -> str:
    """A file's name that changes with the files' paths, sizes and times; the first two digits are a folder."""
    digest = hashlib.sha256(f"derm thumbnail {FORMAT} {SIDE}\n".encode())
    for path in paths:
        if path:
            stat = Path(path).stat()
            digest.update(f"{path} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    name = digest.hexdigest()[:32]
    return f"{name[:2]}/{name}.jpg"
