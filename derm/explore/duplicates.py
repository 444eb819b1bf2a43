"""Pictures that look alike, whichever way they are turned or mirrored, though the table counts them as two lesions.

Needs a catalogue's images; reads each once and keeps what it finds on disk. Perceptual hash: the signs of the low
frequencies of a discrete cosine transform (Zauner 2010, chapter 3.2.1), confirmed by correlation. Does not know whether
two pictures do show one lesion: that is for eyes.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.fft import dctn

from derm.data.catalogue import Catalogue
from derm.data.looks import SIDE, looks_of, turns
from derm.data.store import table_key
from derm.errors import DataFault
from derm.explore.kept import are_rows, read_kept
from derm.files import write_text
from derm.language.speech import mark, say
from derm.spreadsheet import csv_table

FORMAT = 2
"""Raised when the search changes, so that old pairs are not read."""

LOW = 8
"""Rows and columns of the transform's low frequencies that make the hash: 64 bits."""

NEAR = 8
"""Bits of 64 in which the hashes of two pictures may differ to be held against each other."""

ALIKE = 0.98
"""Correlation of the grey copies from which two pictures are called near duplicates. Of HAM10000's 113 pairs at this
value, 110 show one lesion by its table; at 0.97 it is 123 of 138 and at 0.95 141 of 354: any two moles in the middle of
a dark frame look alike to that degree."""

HOW = mark(
    "Found by a perceptual hash over all turns and mirrorings, confirmed by the correlation of small grey copies. Two "
    "photographs of one mole at two magnifications are not found: of the 18 known pairs in HAM10000, this finds one."
)

MOST = 40_000
"""Pictures above which pairs are not looked for: their number grows with the square."""

BLOCK = 512
"""Pictures compared with all others at a time: 10,015 of them take 40 MB a block."""

COLUMNS = ("first", "second", "correlation", "turned")


def pairs_file(catalogue: Catalogue, cache: Path) -> Path:
    """Where the pairs of exactly these files are kept, whether they are there or not."""
    return cache / f"{table_key(catalogue.table)}-alike-{FORMAT}.csv"


def read_pairs(file: Path, images: int) -> pd.DataFrame | None:
    """The pairs that were found before among so many images, see `near_duplicates`; None where there are none, or the
    file is damaged: they are looked for anew then."""
    table = read_kept(file, COLUMNS)
    return table if table is not None and are_rows(table, ("first", "second"), images) else None


def find_pairs(catalogue: Catalogue, file: Path, progress: Callable[[int, int], None] | None = None) -> pd.DataFrame:
    """Look at every image for near duplicates and keep the pairs in `file`; one that cannot be read is like none.

    progress: told (done, total) of the images. Raises DataFault for more than `MOST` images.
    """
    paths = [Path(path) for path in catalogue.table["image_path"]]
    if len(paths) > MOST:
        raise DataFault(
            say(
                "{images:,} images are too many to hold each against each other: look for duplicates in at most "
                "{most:,}.",
                images=len(paths),
                most=MOST,
            )
        )
    pairs = near_duplicates(looks_of(paths, progress))
    write_text(file, csv_table(pairs, ".4f"))
    return pairs


def hashes(looks: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The perceptual hash of each picture, uint64 (n,): whether each low frequency lies above their median.

    looks: uint8 (n, 32, 32). The mean brightness takes no part.
    """
    low = dctn(looks.astype(np.float32), axes=(1, 2))[:, :LOW, :LOW].reshape(len(looks), -1)
    low[:, 0] = 0
    bits = low > np.median(low, axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(np.uint64)[:, 0]


def near_duplicates(looks: NDArray[np.uint8], near: int = NEAR, alike: float = ALIKE) -> pd.DataFrame:
    """The pairs of pictures that look alike, most alike first: columns first and second (rows, first < second),
    correlation (of the grey copies, at most 1) and turned (bool: alike only when turned or mirrored).

    looks: uint8 (n, 32, 32). A picture of one shade is like none.
    """
    own, flat = hashes(looks), looks.reshape(len(looks), -1).std(axis=1) < 1
    found: dict[tuple[int, int], tuple[float, bool]] = {}
    for way, turned in enumerate(turns(looks)):
        theirs = hashes(turned)
        for start in range(0, len(looks), BLOCK):
            block = own[start : start + BLOCK]
            firsts, seconds = np.nonzero(np.bitwise_count(block[:, None] ^ theirs[None]) <= near)
            firsts += start
            wanted = (firsts < seconds) & ~flat[firsts] & ~flat[seconds]
            firsts, seconds = firsts[wanted], seconds[wanted]
            for first, second, value in zip(
                firsts.tolist(), seconds.tolist(), _correlations(looks[firsts], turned[seconds]), strict=True
            ):
                if value >= alike and value > found.get((first, second), (-1.0, False))[0]:
                    found[first, second] = (value, way > 0)
    lines = [(*pair, value, turned) for pair, (value, turned) in found.items()]
    table = pd.DataFrame(lines, columns=list(COLUMNS))
    return table.sort_values(["correlation", "first", "second"], ascending=[False, True, True], ignore_index=True)


def _correlations(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> list[float]:
    """Pearson's correlation of pairs of pictures, uint8 (k, 32, 32)."""
    first, second = (looks.reshape(len(looks), SIDE * SIDE).astype(np.float32) for looks in (one, other))
    first -= first.mean(axis=1, keepdims=True)
    second -= second.mean(axis=1, keepdims=True)
    size = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    values: list[float] = ((first * second).sum(axis=1) / size).tolist()
    return values
