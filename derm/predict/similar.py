"""Confirmed cases that look to the network like a picture: an exact search through a library, and what it finds.

Needs an open `Library` and a picture's pooled features. Shows each lesion once, and never the picture's own. Gives
pictures and counts and no probability: neighbours tell malignant from benign less well than the network's own answer.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from derm.diagnoses import DIAGNOSES, Diagnosis
from derm.errors import DataFault
from derm.image.resize import square
from derm.language.speech import say
from derm.model.weights import Model
from derm.predict.case import Case
from derm.predict.interpret import interpret
from derm.predict.library import CURE, Library, digest

SHOWN = 10
"""Cases that are shown of each picture."""

BLOCK = 65_536
"""Vectors that are compared at a time: 64 directions of float32 take 17 MB."""


class Similar(NamedTuple):
    """A confirmed case that is like a picture."""

    row: int
    """In the library."""

    label: str
    diagnosis: Diagnosis
    confirmed: str
    source: str

    likeness: float
    """Cosine of the vectors, −1 … 1. It orders cases, and means nothing by itself."""


def similar_to(
    library: Library,
    model: Model,
    case: Case,
    count: int = SHOWN,
    among: NDArray[np.bool_] | None = None,
    without: Collection[int] = (),
) -> list[Similar]:
    """The `count` confirmed cases most like `case`, the most alike first, fewer where the library has fewer lesions.

    model: that which answered the case; it is asked again where the case does not know the answer any more. Left out
    are the case's own picture, any copy of it, turned or mirrored, and every picture of their lesions, known by name or
    by look; and those of `without`, digests. among: as of `find_similar`. Raises DataFault where the library belongs to
    other weights.
    """
    if library.weights != model.sha256:
        raise DataFault(
            say(
                "The library {folder} belongs to other weights (SHA-256 {weights}…) than these ({sha256}…): {cure}.",
                folder=library.folder,
                weights=library.weights[:8],
                sha256=model.sha256[:8],
                cure=say(CURE),
            )
        )
    if not model.made(library.weights, library.network_id):
        raise DataFault(
            say(
                "The library {folder} was built with these weights at another size of input: {cure}.",
                folder=library.folder,
                cure=say(CURE),
            )
        )
    from derm.data.looks import look_at  # with SciPy, which no prediction needs

    description = model.description.model
    found = case.prediction or interpret(model, square(case.image, description.input_size, description.fit)[None])
    own = own_lesions(library, case.name, look_at(case.image)) | set(without)
    return find_similar(library, library.project(found.features)[0], own, count, among)


def find_similar(
    library: Library,
    vector: NDArray[np.floating[Any]],
    without: Collection[int] = (),
    count: int = SHOWN,
    among: NDArray[np.bool_] | None = None,
) -> list[Similar]:
    """The `count` cases whose vectors are most like `vector`, float (k,), each of another lesion.

    without: digests of lesions that are left out. among: bool (n,), the cases that are looked through; None for all.
    """
    likeness = compare(library.vectors, vector)
    if among is not None:
        likeness[~among] = -np.inf
    if without:
        likeness[np.isin(library.columns["lesion"], np.fromiter(without, dtype=np.uint64))] = -np.inf
    return [_told(library, row, float(likeness[row])) for row in _best(likeness, library.columns["lesion"], count)]


def compare(vectors: NDArray[np.float16], vector: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """The products of all vectors, float16 (n, k), with one, float (k,): float32 (n,)."""
    found = np.empty(len(vectors), dtype=np.float32)
    wanted = vector.astype(np.float32)
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK].astype(np.float32)
        found[start : start + BLOCK] = block @ wanted
    return found


def own_lesions(library: Library, name: str, look: NDArray[np.uint8]) -> set[int]:
    """Digests of the lesions that a picture shows as far as the library knows: by its name, or as a copy.

    name: of the picture, with or without ending. look: uint8 (32, 32), of `derm.data.looks.look_at`.
    """
    from derm.data.looks import same_looks

    columns = library.columns
    names = {digest(name), digest(name.rsplit(".", maxsplit=1)[0])}
    known = np.isin(columns["name"], np.fromiter(names, dtype=np.uint64)) | same_looks(look, columns["look"])
    return {int(lesion) for lesion in columns["lesion"][np.flatnonzero(known)]}


def counted(found: Sequence[Similar]) -> list[tuple[Diagnosis, int]]:
    """How many of the cases have each diagnosis, the most frequent first, of equals the one that is most alike."""
    return list(Counter(one.diagnosis for one in found).most_common())


def majority(found: Sequence[Similar]) -> Diagnosis | None:
    """The most frequent diagnosis, of equals the one that is most alike; None where there is no case."""
    return counted(found)[0][0] if found else None


def _best(likeness: NDArray[np.float32], lesions: NDArray[np.uint64], count: int) -> list[int]:
    """Rows of the `count` most alike, each of another lesion; what is −∞ is none."""
    wanted = min(len(likeness), 4 * count)
    while True:
        rows = np.argpartition(-likeness, wanted - 1)[:wanted] if wanted else np.zeros(0, dtype=np.int64)
        rows = rows[np.lexsort((rows, -likeness[rows]))]
        rows = rows[np.isfinite(likeness[rows])]
        _, first = np.unique(lesions[rows], return_index=True)
        if len(first) >= count or wanted == len(likeness):
            return [int(row) for row in rows[np.sort(first)[:count]]]
        wanted = min(len(likeness), 8 * wanted)


def _told(library: Library, row: int, likeness: float) -> Similar:
    columns = library.columns
    return Similar(
        row,
        library.label(row),
        DIAGNOSES[int(columns["dx"][row])],
        library.confirmations[int(columns["confirmed"][row])],
        library.sources[int(columns["source"][row])],
        likeness,
    )
