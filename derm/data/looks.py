"""Small grey copies of pictures and what is told from them: whether two files hold the same photograph.

Needs files of pictures. Perceptual hash: the signs of the low frequencies of a discrete cosine transform (Zauner 2010,
chapter 3.2.1), which survive another size, another compression and another brightness. Knows no data set.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

from derm.errors import ImageRefused
from derm.image.decode import open_image

SIDE = 32
"""Of the grey copy, pixels."""

SIGNS = 128
"""Low frequencies whose signs make the long hash. Of 12,080 pictures of HAM10000 and ISIC 2018 Task 1, held against
those of other lesions in all eight turns, 26 are alike within `SAME` bits; with 64 signs, of which copies differ in up
to 4, 364 would be."""

SAME = 10
"""Bits of `SIGNS` in which two files of one photograph may differ. Of 150 pictures saved as JPEG at quality 30, at half
the size, squeezed to 64 × 64, blurred, or balanced in colour none is further away; brightened by a fifth or with
another gamma 95 % are within 8, cropped by 1 % of each side within 10."""

FLAT = 1.0
"""Standard deviation of a grey copy, of 255, below which it shows nothing that could be recognised."""

_PLACES = sorted((row + column, max(row, column), row, column) for row in range(SIDE) for column in range(SIDE))
_ROWS = np.array([place[2] for place in _PLACES[1 : SIGNS + 1]])  # without the mean brightness
_COLUMNS = np.array([place[3] for place in _PLACES[1 : SIGNS + 1]])


def looks_of(paths: Sequence[Path], progress: Callable[[int, int], None] | None = None) -> NDArray[np.uint8]:
    """A small grey copy of each picture, uint8 (n, 32, 32), black for one that cannot be read."""
    looks = np.zeros((len(paths), SIDE, SIDE), dtype=np.uint8)
    with ThreadPoolExecutor() as pool:
        for place, look in enumerate(pool.map(_look, paths)):
            looks[place] = look
            if progress:
                progress(place + 1, len(paths))
    return looks


def _look(path: Path) -> NDArray[np.uint8]:
    try:
        image = open_image(path) if path.name else np.zeros((SIDE, SIDE, 3), dtype=np.uint8)
    except ImageRefused:  # named, with its cure, by the check of the files
        image = np.zeros((SIDE, SIDE, 3), dtype=np.uint8)
    return look_at(image)


def look_at(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The small grey copy, uint8 (32, 32), of an RGB picture, uint8 (h, w, 3)."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def turns(looks: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """The eight ways in which a square picture can be turned and mirrored, the first as it is."""
    return [np.rot90(one, quarter, axes=(1, 2)) for one in (looks, looks[:, :, ::-1]) for quarter in range(4)]


def long_hashes(looks: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The signs of the `SIGNS` lowest frequencies of each copy, uint64 (n, 2). looks: uint8 (n, 32, 32)."""
    waves = dctn(looks.astype(np.float32), axes=(1, 2)) if len(looks) else np.zeros((0, SIDE, SIDE), np.float32)
    return np.ascontiguousarray(np.packbits(waves[:, _ROWS, _COLUMNS] > 0, axis=1)).view(np.uint64)


def find_copies(looks: NDArray[np.uint8], known: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Which of the `known` hashes each picture is a copy of, however turned or mirrored: int64 (n,), −1 for none.

    looks: uint8 (n, 32, 32). known: uint64 (m, 2), of `long_hashes`. Of several the nearest, within `SAME` bits. A
    picture of one shade is a copy of none.
    """
    all_found = np.full(len(looks), -1, dtype=np.int64)
    shown = _shown(looks)
    if not len(known) or not len(shown):
        return all_found
    looks = looks[shown]
    nearest, found = np.full(len(looks), SAME + 1), np.full(len(looks), -1, dtype=np.int64)
    for turned in turns(looks):
        for start in range(0, len(looks), BLOCK):
            rows = slice(start, start + BLOCK)
            apart = _bits_apart(long_hashes(turned[rows]), known)
            place = apart.argmin(axis=1)
            least = apart[np.arange(len(apart)), place]
            better = least < nearest[rows]
            nearest[rows], found[rows] = np.where(better, least, nearest[rows]), np.where(better, place, found[rows])
    all_found[shown] = found
    return all_found


def first_of_copies(looks: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The first picture among `looks`, uint8 (n, 32, 32), that is the same photograph as each: int64 (n,), rows.

    Within `SAME` bits as they are: turned and mirrored ways find more by chance. Of the 12,080 pictures of the shipped
    splits four pairs of different lesions are that near, all of nevi. A picture of one shade is a copy of none.
    """
    first, shown = np.arange(len(looks)), _shown(looks)
    own = long_hashes(looks[shown])
    for start in range(0, len(own), BLOCK):
        rows = slice(start, start + BLOCK)
        first[shown[rows]] = shown[(_bits_apart(own[rows], own) <= SAME).argmax(axis=1)]
    return first


def same_looks(look: NDArray[np.uint8], known: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which of the `known` hashes, uint64 (m, 2), belong to copies of one picture, turned or mirrored: bool (m,).

    look: uint8 (32, 32). A picture of one shade is a copy of none.
    """
    if look.std() < FLAT:
        return np.zeros(len(known), dtype=np.bool_)
    apart = _bits_apart(long_hashes(np.concatenate(turns(look[None]))), known)
    found: NDArray[np.bool_] = np.any(apart <= SAME, axis=0)
    return found


def alike(own: NDArray[np.uint64], known: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which of the hashes `own`, uint64 (n, 2), are within `SAME` bits of one of `known`, (m, 2): bool (n,)."""
    found = np.zeros(len(own), dtype=np.bool_)
    for start in range(0, len(own) if len(known) else 0, BLOCK):
        rows = slice(start, start + BLOCK)
        found[rows] = (_bits_apart(own[rows], known) <= SAME).any(axis=1)
    return found


def _shown(looks: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Which of the copies, uint8 (n, 32, 32), show something that could be recognised: int64 (k,), rows."""
    return np.flatnonzero(looks.reshape(len(looks), SIDE * SIDE).std(axis=1) >= FLAT)


def _bits_apart(own: NDArray[np.uint64], known: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """In how many bits each of the hashes `own`, uint64 (n, 2), differs from each of `known`, (m, 2): uint8 (n, m)."""
    apart: NDArray[np.uint8] = np.bitwise_count(own[:, None, 0] ^ known[None, :, 0])
    apart += np.bitwise_count(own[:, None, 1] ^ known[None, :, 1])
    return apart


BLOCK = 256
"""Pictures held against all known ones at a time: with 12,080 of those the distances take 25 MB."""
